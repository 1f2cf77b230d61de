//! A provider that plays a transcript up to an offset and then breaks off. Counts connections that
//! were used again after that.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use socket2::SockRef;

use super::transcript::Transcript;
use crate::support::PATIENCE;

/// How a connection breaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    Fin,
    Reset,
    Stall,
}

/// How what is sent is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pace {
    Once,
    /// In two halves.
    Twice,
}

#[derive(Clone, Copy, Debug)]
pub struct Case {
    pub fault: Fault,
    pub offset: usize,
    pub pace: Pace,
    /// By its number.
    pub transcript: usize,
}

/// Its URL, and how many connections were used again that should not have been.
pub fn serve(transcripts: Arc<[Transcript]>, cases: Arc<[Case]>) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let misused = Arc::new(AtomicUsize::new(0));
    let count = misused.clone();
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            let (transcripts, cases, count) = (transcripts.clone(), cases.clone(), count.clone());
            std::thread::spawn(move || play(connection, &transcripts, &cases, &count));
        }
    });
    (url, misused)
}

fn play(mut tcp: TcpStream, transcripts: &[Transcript], cases: &[Case], misused: &AtomicUsize) {
    tcp.set_nodelay(true).unwrap();
    tcp.set_read_timeout(Some(PATIENCE)).unwrap();
    while let Some(number) = request(&mut tcp) {
        let case = cases[number];
        let transcript = &transcripts[case.transcript];
        let sent = &transcript.wire[..case.offset];
        let halves = match case.pace {
            Pace::Once => sent.split_at(0),
            Pace::Twice => sent.split_at(sent.len() / 2),
        };
        if tcp.write_all(halves.0).and_then(|()| tcp.write_all(halves.1)).is_err() {
            return;
        }
        if case.offset == transcript.complete_at {
            // Nothing broke: it may well be used again.
            continue;
        }
        match case.fault {
            Fault::Fin => return,
            Fault::Reset => {
                SockRef::from(&tcp).set_linger(Some(Duration::ZERO)).unwrap();
                return;
            }
            Fault::Stall => {
                if matches!(tcp.read(&mut [0]), Ok(n) if n > 0) {
                    misused.fetch_add(1, Ordering::Relaxed);
                }
                return;
            }
        }
    }
}

/// Reads a request and says which case it asks for; `None` at the end of the connection.
fn request(tcp: &mut TcpStream) -> Option<usize> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let field = |name: &str| {
                let value =
                    head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                value.unwrap().parse::<usize>().unwrap()
            };
            if body.len() >= field("content-length") {
                return Some(field("x-case"));
            }
        }
        let n = tcp.read(&mut piece).ok().filter(|n| *n > 0)?;
        bytes.extend_from_slice(&piece[..n]);
    }
}

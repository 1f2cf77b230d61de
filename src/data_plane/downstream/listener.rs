//! The accept loop of one listening socket on one worker. Never drops an accept half way: it waits
//! for readiness and then accepts without waiting (D3).

use std::cell::Cell;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::Duration;

use super::connection::{Counted, serve, serve_secured};
use crate::data_plane::io::readiness::Readiness;
use crate::data_plane::io::stream::Stream;
use crate::data_plane::io::watch::End;
use crate::data_plane::worker::local::Local;
use crate::data_plane::worker::notify::first;
use crate::data_plane::worker::runtime::Rung;
use crate::shared::lifecycle::Phase;
use crate::shared::pressure::Pressure;

/// Accepts until the drain, or the end of this listener, has emptied the queue; then the socket
/// closes. Once another process has it, it closes at once: the queue is that one's.
pub async fn accept_loop(local: Rc<Local>, listener: TcpListener, is_over: Rc<Cell<bool>>) {
    let Ok(readiness) = Readiness::of(&listener) else { return };
    local.accepting.set(local.accepting.get() + 1);
    let mut spare = Spare::open();
    let ends = || is_over.get() || local.shared.lifecycle.phase() > Phase::LameDuck;
    loop {
        // An end that came while this loop paused rings no second time.
        if !ends() {
            first(readiness.readable(), local.phase_changed.wait()).await;
        }
        if local.shared.lifecycle.phase() == Phase::HandedOver {
            break;
        }
        let draining = ends();
        // Under pressure one at a time, so that who asks for our health is still let in.
        let is_short = local.shared.pressure.pressure() >= Pressure::Pause;
        let batch = if is_short { 1 } else { BATCH };
        match accept_some(&local, &listener, &mut spare, batch) {
            Accepted::Exhausted => monoio::time::sleep(FD_PAUSE).await,
            Accepted::More if is_short => monoio::time::sleep(FD_PAUSE).await,
            Accepted::More => yield_now().await,
            Accepted::Queue if draining => break,
            Accepted::Queue => {}
        }
    }
    local.accepting.set(local.accepting.get() - 1);
    drop(listener);
    // The worker's main task looks again whether it is done.
    local.cell().wake.wake();
}

enum Accepted {
    /// No file descriptor left.
    Exhausted,
    /// There may be more in the queue.
    More,
    /// The queue is empty.
    Queue,
}

/// What is said before a connection is closed unheard: nothing where TLS is spoken.
fn busy(local: &Local) -> &'static [u8] {
    if local.setup().tls.downstream().is_some() { &[] } else { BUSY }
}

fn accept_some(
    local: &Rc<Local>,
    listener: &TcpListener,
    spare: &mut Spare,
    batch: usize,
) -> Accepted {
    for _ in 0..batch {
        match listener.accept() {
            Ok((stream, _)) => begin(local, stream),
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => return Accepted::Queue,
            Err(e) if is_exhaustion(&e) => {
                local.cell().counters.turn_away();
                spare.turn_one_away(listener, busy(local));
                return Accepted::Exhausted;
            }
            // The peer left while it was queued: the next one.
            Err(_) => {}
        }
    }
    Accepted::More
}

fn begin(local: &Rc<Local>, mut stream: TcpStream) {
    let counters = &local.cell().counters;
    // Over all workers: the kernel does not share connections out evenly.
    if local.connection_limit.is_some_and(|max| local.shared.connections() >= max) {
        counters.turn_away();
        turn_away(&mut stream, busy(local));
        return;
    }
    // The epoll driver needs the flag; io_uring polls by itself.
    if local.rung == Rung::Epoll && stream.set_nonblocking(true).is_err() {
        return;
    }
    let Ok(stream) = monoio::net::TcpStream::from_std(stream) else { return };
    let counted = Counted::new(local);
    let is_plain = local.setup().tls.downstream().is_none();
    let stream = Stream::plain(&local.watchers, stream, End::Downstream);
    if is_plain {
        local.spawn(serve(counted, stream));
    } else {
        local.spawn(serve_secured(counted, stream));
    }
}

/// A descriptor held back, so that a client can be told when there is none left.
struct Spare(Option<OwnedFd>);

impl Spare {
    fn open() -> Self {
        Self(rustix::event::eventfd(0, rustix::event::EventfdFlags::CLOEXEC).ok())
    }

    /// Accepts one connection on the spare descriptor, answers 503 and takes the spare back.
    fn turn_one_away(&mut self, listener: &TcpListener, words: &[u8]) {
        drop(self.0.take());
        if let Ok((mut stream, _)) = listener.accept() {
            turn_away(&mut stream, words);
        }
        *self = Self::open();
    }
}

fn turn_away(stream: &mut TcpStream, words: &[u8]) {
    // One segment into an empty send buffer: it fits or the client is gone.
    let _gone = stream.set_nonblocking(true).and_then(|()| stream.write_all(words));
}

fn is_exhaustion(error: &std::io::Error) -> bool {
    use rustix::io::Errno;
    [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM]
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// Lets the other tasks of this worker run.
async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

/// Connections accepted before the worker's other tasks get a turn.
const BATCH: usize = 64;
/// Pause after the process ran out of descriptors: at most 20 tries per second (HARDENING 2).
const FD_PAUSE: Duration = Duration::from_millis(100);
/// What a client over the connection limit is told, in no dialect: its request was not read.
const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\n\
content-length: 86\r\nretry-after: 1\r\nconnection: close\r\n\r\n\
{\"error\":{\"type\":\"overloaded_error\",\
\"message\":\"Too many connections. Retry shortly.\"}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busy_answer_says_its_own_length() {
        let text = std::str::from_utf8(BUSY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())));
    }
}

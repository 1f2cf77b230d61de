//! Starts the mock on a free port and talks to it in raw bytes.
//!
//! Never sleeps: every wait is a blocking read with a limit.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The drivers every test runs on.
pub const DRIVERS: [&str; 2] = ["epoll", "io_uring"];

/// A running mock; it ends with this value.
pub struct Mock {
    pub address: SocketAddr,
    child: Child,
}

impl Mock {
    /// Starts the mock; None where the kernel refuses this driver.
    pub fn start(driver: &str, args: &[&str]) -> Option<Self> {
        let child = Command::new(env!("CARGO_BIN_EXE_tidegate-mock"))
            .args(["--driver", driver, "--stdin-guard"])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut mock = Self { address, child };
        let mut line = String::new();
        BufReader::new(mock.child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some((_, address)) = line.trim().split_once("://") else {
            let mut why = String::new();
            mock.child.stderr.take().unwrap().read_to_string(&mut why).unwrap();
            assert!(driver == "io_uring" && why.contains("no runtime"), "{why}");
            return None;
        };
        mock.address = address.parse().unwrap();
        Some(mock)
    }

    /// Closes the mock's stdin and waits for its end.
    pub fn close_stdin(mut self) -> std::process::ExitStatus {
        drop(self.child.stdin.take());
        self.child.wait().unwrap()
    }

    /// A fresh connection.
    pub fn connect(&self) -> Client {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        Client { stream }
    }

    /// One control request; its JSON answer.
    pub fn control(&self, method: &str, path: &str, body: &str) -> Value {
        let mut client = self.connect();
        client.send(&format!(
            "{method} /__mock/{path} HTTP/1.1\r\nconnection: close\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        ));
        let (text, _) = client.read_to_end();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }

    /// The records, as soon as there are `count`.
    pub fn records(&self, count: usize) -> Vec<Value> {
        let Value::Array(records) = self.control("GET", &format!("log?wait={count}"), "") else {
            panic!("the log is no list")
        };
        assert_eq!(records.len(), count);
        records
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `test` on every driver the kernel has.
pub fn each_driver(args: &[&str], test: impl Fn(&Mock)) {
    for driver in DRIVERS {
        match Mock::start(driver, args) {
            Some(mock) => test(&mock),
            None => eprintln!("{driver} is refused here"),
        }
    }
}

/// A POST to `/v1/messages` with these knobs.
pub fn post(knobs: &str, body: &str) -> String {
    format!(
        "POST /v1/messages HTTP/1.1\r\nx-mock: {knobs}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Fin,
    Rst,
}

/// One raw connection.
pub struct Client {
    pub stream: TcpStream,
}

impl Client {
    /// Sends text.
    pub fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Reads until FIN or RST.
    pub fn read_to_end(&mut self) -> (String, Ended) {
        let mut bytes = Vec::new();
        let ended = match self.stream.read_to_end(&mut bytes) {
            Ok(_) => Ended::Fin,
            Err(error) => {
                assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
                Ended::Rst
            }
        };
        (String::from_utf8_lossy(&bytes).into_owned(), ended)
    }

    /// Reads until the text so far ends with `end`.
    pub fn read_until(&mut self, end: &str) -> String {
        let mut bytes = Vec::new();
        while !bytes.ends_with(end.as_bytes()) {
            let mut byte = [0];
            let count = self.stream.read(&mut byte).unwrap();
            assert_eq!(count, 1, "ended after {}", String::from_utf8_lossy(&bytes));
            bytes.push(byte[0]);
        }
        String::from_utf8(bytes).unwrap()
    }

    /// Reads one response with a Content-Length: head and body.
    pub fn read_response(&mut self) -> (String, String) {
        let head = self.read_until("\r\n\r\n");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        (head, String::from_utf8(body).unwrap())
    }
}

const LIMIT: Duration = Duration::from_secs(20);

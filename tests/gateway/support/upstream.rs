//! A provider in the hands of a test. Says nothing by itself.

use std::io::ErrorKind;
use std::net::TcpListener;

use socket2::SockRef;

use super::PATIENCE;
use super::wire::{Answer, Wire};

/// A provider in the hands of the test: it accepts, and says and does what the test tells it.
#[derive(Debug)]
pub struct Upstream {
    listener: TcpListener,
}

impl Upstream {
    /// Listens on loopback.
    pub fn start() -> Self {
        Self::on("127.0.0.1:0")
    }

    /// Listens there.
    pub fn on(address: &str) -> Self {
        Self::try_on(address).unwrap()
    }

    /// Listens there, if nobody else does.
    pub fn try_on(address: &str) -> Option<Self> {
        let listener = TcpListener::bind(address).ok()?;
        // On Linux a listener's receive timeout bounds accept.
        SockRef::from(&listener).set_read_timeout(Some(PATIENCE)).unwrap();
        Some(Self { listener })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.listener.local_addr().unwrap().port()
    }

    /// Whether nobody waits to be accepted right now.
    pub fn is_quiet(&self) -> bool {
        self.listener.set_nonblocking(true).unwrap();
        let accepted = self.listener.accept();
        self.listener.set_nonblocking(false).unwrap();
        matches!(accepted, Err(e) if e.kind() == ErrorKind::WouldBlock)
    }

    /// Its base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.local_addr().unwrap())
    }

    /// The next connection.
    pub fn accept(&self) -> Wire {
        Wire::new(self.listener.accept().unwrap().0)
    }

    /// The next connection and the request on it.
    pub fn request(&self) -> (Wire, Answer) {
        let mut wire = self.accept();
        let request = wire.answer();
        (wire, request)
    }
}

//! A connection's bytes, plain or TLS. Which one a gateway speaks is known by its address.
#![expect(clippy::disallowed_types, reason = "a test's threads may wait for each other")]

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// What a wire reads from and writes to.
#[derive(Debug)]
pub enum Pipe {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Pipe {
    /// With TLS where that is spoken.
    pub fn secured(self, address: SocketAddr) -> Self {
        let config = SPOKEN.lock().unwrap().get(&address).cloned();
        match config {
            Some(config) => self.with_tls(config),
            None => self,
        }
    }

    /// With TLS; shakes hands at the first use.
    pub fn with_tls(self, config: Arc<ClientConfig>) -> Self {
        let Self::Plain(tcp) = self else { panic!("it has TLS already") };
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let session = ClientConnection::new(config, name).unwrap();
        Self::Tls(Box::new(StreamOwned::new(session, tcp)))
    }

    pub fn session(&mut self) -> &mut ClientConnection {
        let Self::Tls(tls) = self else { panic!("it is plain") };
        &mut tls.conn
    }

    /// The socket below.
    pub fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(tls) => &tls.sock,
        }
    }

    /// Ends the own side; TLS says so.
    pub fn half_close(&mut self) {
        if let Self::Tls(tls) = self {
            tls.conn.send_close_notify();
            // The peer may have had enough already.
            let _gone = tls.flush();
            let _closed = self.socket().shutdown(Shutdown::Write);
            return;
        }
        self.socket().shutdown(Shutdown::Write).unwrap();
    }

    /// Whether nothing is there to read right now. What TLS says for itself counts too.
    pub fn is_quiet(&self) -> bool {
        let tcp = self.socket();
        tcp.set_nonblocking(true).unwrap();
        let peeked = tcp.peek(&mut [0]);
        tcp.set_nonblocking(false).unwrap();
        matches!(peeked, Err(e) if e.kind() == ErrorKind::WouldBlock)
    }
}

impl Read for Pipe {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(bytes),
            Self::Tls(tls) => tls.read(bytes),
        }
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.write(bytes),
            Self::Tls(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.flush(),
            Self::Tls(tls) => tls.flush(),
        }
    }
}

/// From now on, who connects there speaks TLS.
pub fn speaks_tls(address: SocketAddr, config: Arc<ClientConfig>) {
    SPOKEN.lock().unwrap().insert(address, config);
}

/// Addresses that speak TLS, and by which settings a client does.
static SPOKEN: LazyLock<Mutex<HashMap<SocketAddr, Arc<ClientConfig>>>> =
    LazyLock::new(Mutex::default);

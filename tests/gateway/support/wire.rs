//! One end of a raw connection: literal bytes out, heads and strictly decoded bodies in. Repairs
//! nothing: a missing last chunk, a short body and a reset are what the caller gets to see.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection};
use socket2::{Domain, SockRef, Socket, Type};

use super::pipe::Pipe;
use super::{PATIENCE, segments};

/// A connection with what was read and not yet used.
#[derive(Debug)]
pub struct Wire {
    buffer: Vec<u8>,
    ended: Option<End>,
    read_bytes: usize,
    stream: Pipe,
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    /// Of TLS a FIN alone.
    Cut,
    /// Of TLS with `close_notify` before it.
    Fin,
    Reset,
}

/// A head: its start line and its fields in order, names in lower case.
#[derive(Clone, Debug)]
pub struct Head {
    pub fields: Vec<(String, String)>,
    pub start: String,
}

/// How a body ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyEnd {
    /// Short of its length or of its last chunk.
    Cut,
    /// The connection was reset under it.
    Reset,
    /// As its framing says; by FIN where it has none.
    Whole,
}

/// A body under way.
#[derive(Debug)]
pub struct Payload {
    pub bytes: Vec<u8>,
    pub end: Option<BodyEnd>,
    framing: Framing,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Framing {
    Chunked,
    Length(usize),
    UntilClose,
}

/// A whole message.
#[derive(Clone, Debug)]
pub struct Answer {
    pub body: Vec<u8>,
    pub end: BodyEnd,
    pub head: Head,
}

impl Wire {
    /// Connects to the gateway or the mock.
    pub fn connect(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect_timeout(&address, PATIENCE).unwrap()).secured(address)
    }

    /// Connects without TLS, whatever is spoken there.
    pub fn connect_plain(address: SocketAddr) -> Self {
        Self::new(TcpStream::connect_timeout(&address, PATIENCE).unwrap())
    }

    /// One that shakes hands by these settings.
    pub fn connect_tls(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        let plain = Self::connect_plain(address);
        Self { stream: plain.stream.with_tls(config), ..plain }
    }

    fn secured(self, address: SocketAddr) -> Self {
        Self { stream: self.stream.secured(address), ..self }
    }

    /// The TLS session, of a connection that has one.
    pub fn session(&mut self) -> &mut ClientConnection {
        self.stream.session()
    }

    /// Connects with a small receive buffer, to be read a KiB at a time.
    pub fn connect_narrow(address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.set_recv_buffer_size(64 * 1024).unwrap();
        socket.connect(&address.into()).unwrap();
        Self { read_bytes: 1_024, ..Self::new(socket.into()).secured(address) }
    }

    pub(super) fn new(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { buffer: Vec::new(), ended: None, read_bytes: 65_536, stream: Pipe::Plain(stream) }
    }

    /// Sends these bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends these bytes to a peer that may have had enough; false when it had.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.write(bytes).is_ok()
    }

    /// Sends these bytes, or says why not.
    pub fn write(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Sends these bytes as they are, beside the TLS session.
    pub fn send_raw(&mut self, bytes: &[u8]) {
        self.stream.socket().write_all(bytes).unwrap();
    }

    /// Ends the own side.
    pub fn half_close(&mut self) {
        self.stream.half_close();
    }

    /// Closes by RST.
    pub fn reset(self) {
        self.socket().set_linger(Some(Duration::ZERO)).unwrap();
    }

    /// The socket, for tests about its options.
    pub fn socket(&self) -> SockRef<'_> {
        SockRef::from(self.stream.socket())
    }

    /// Segments with data that have come so far, where the kernel tells.
    pub fn segments(&self) -> Option<u32> {
        segments::received(self.stream.socket())
    }

    /// A whole message; its body by the framing it names.
    pub fn answer(&mut self) -> Answer {
        let head = self.head();
        self.answer_of(head)
    }

    /// The rest of a message whose head was read.
    pub fn answer_of(&mut self, head: Head) -> Answer {
        let mut payload = Payload::of(&head);
        payload.finish(self);
        Answer { body: payload.bytes, end: payload.end.unwrap(), head }
    }

    /// The next head.
    ///
    /// # Panics
    /// When the connection ends before it.
    pub fn head(&mut self) -> Head {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                let head = self.take(at + 4);
                return Head::parse(&String::from_utf8_lossy(&head));
            }
            assert!(self.fill(), "{:?} before a head: {:?}", self.ended, self.text());
        }
    }

    /// Everything up to the end of the connection.
    pub fn rest(&mut self) -> (Vec<u8>, End) {
        while self.fill() {}
        (std::mem::take(&mut self.buffer), self.ended.unwrap())
    }

    /// Whether not a byte is there to read right now.
    pub fn is_quiet(&self) -> bool {
        self.buffer.is_empty() && self.stream.is_quiet()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.buffer).into_owned()
    }

    fn take(&mut self, n: usize) -> Vec<u8> {
        self.buffer.drain(..n).collect()
    }

    /// Reads once; false at the end of the connection.
    fn fill(&mut self) -> bool {
        if self.ended.is_some() {
            return false;
        }
        let mut bytes = vec![0; self.read_bytes];
        match self.stream.read(&mut bytes) {
            Ok(0) => self.ended = Some(End::Fin),
            Ok(n) => self.buffer.extend_from_slice(&bytes[..n]),
            // The process was stopped and goes on.
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::ConnectionReset => self.ended = Some(End::Reset),
            Err(e) if e.kind() == ErrorKind::UnexpectedEof => self.ended = Some(End::Cut),
            Err(e) => panic!("{e} with {} bytes read: {}", self.buffer.len(), self.text()),
        }
        self.ended.is_none()
    }
}

impl Head {
    fn parse(text: &str) -> Self {
        let mut lines = text.trim_end().split("\r\n");
        let start = lines.next().unwrap().to_owned();
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Self { fields: lines.map(field).collect(), start }
    }

    /// The status of a response.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).unwrap().parse().unwrap()
    }

    /// The only value of a field; `None` when there is none.
    pub fn field(&self, name: &str) -> Option<&str> {
        let values = self.all(name);
        assert!(values.len() <= 1, "{name} stands there {} times", values.len());
        values.first().copied()
    }

    /// All values of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }
}

impl Payload {
    /// The body of a message by its head; one that names no length and is no request lasts until
    /// the connection closes.
    pub fn of(head: &Head) -> Self {
        let status = head.start.starts_with("HTTP/").then(|| head.status());
        let framing = if matches!(status, Some(100..=199 | 204 | 304)) {
            Framing::Length(0)
        } else if head.field("transfer-encoding").is_some() {
            Framing::Chunked
        } else if let Some(length) = head.field("content-length") {
            Framing::Length(length.parse().unwrap())
        } else if status.is_none() {
            Framing::Length(0)
        } else {
            Framing::UntilClose
        };
        Self { bytes: Vec::new(), end: None, framing }
    }

    /// Reads on until the payload contains `text`.
    ///
    /// # Panics
    /// When the body ends before.
    pub fn until(&mut self, wire: &mut Wire, text: &str) {
        self.decode(wire);
        while find(&self.bytes, text.as_bytes()).is_none() {
            assert!(self.step(wire), "{:?} before {text:?}: {}", self.end, self.text());
        }
    }

    /// Reads on until there are so many bytes of payload.
    pub fn until_length(&mut self, wire: &mut Wire, bytes: usize) {
        self.decode(wire);
        while self.bytes.len() < bytes {
            assert!(self.step(wire), "{:?} after {} bytes", self.end, self.bytes.len());
        }
    }

    /// Reads on until there are so many bytes of payload, or no more come.
    pub fn until_length_or_end(&mut self, wire: &mut Wire, bytes: usize) {
        self.decode(wire);
        while self.bytes.len() < bytes && self.step(wire) {}
    }

    /// Reads to the end.
    pub fn finish(&mut self, wire: &mut Wire) {
        self.decode(wire);
        while self.step(wire) {}
    }

    /// The payload so far, as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    fn step(&mut self, wire: &mut Wire) -> bool {
        if self.end.is_some() {
            return false;
        }
        if !wire.fill() {
            self.end = Some(match (wire.ended, self.framing) {
                (Some(End::Reset), _) => BodyEnd::Reset,
                (Some(End::Fin), Framing::UntilClose) => BodyEnd::Whole,
                _ => BodyEnd::Cut,
            });
            return false;
        }
        self.decode(wire);
        true
    }

    fn decode(&mut self, wire: &mut Wire) {
        match self.framing {
            Framing::Chunked => while self.end.is_none() && self.chunk(wire) {},
            Framing::Length(length) => {
                let n = (length - self.bytes.len()).min(wire.buffer.len());
                self.bytes.extend(wire.take(n));
                if self.bytes.len() == length {
                    self.end = Some(BodyEnd::Whole);
                }
            }
            Framing::UntilClose => self.bytes.append(&mut wire.buffer),
        }
    }

    /// Takes one whole chunk; false when there is none.
    fn chunk(&mut self, wire: &mut Wire) -> bool {
        let Some(line) = find(&wire.buffer, b"\r\n") else { return false };
        let size = std::str::from_utf8(&wire.buffer[..line]).unwrap();
        let size = usize::from_str_radix(size, 16).expect("a chunk line of ours is only a size");
        let whole = line + 2 + size + 2;
        if wire.buffer.len() < whole {
            return false;
        }
        let chunk = wire.take(whole);
        assert_eq!(&chunk[whole - 2..], b"\r\n", "a chunk ends in CRLF");
        self.bytes.extend_from_slice(&chunk[line + 2..whole - 2]);
        if size == 0 {
            self.end = Some(BodyEnd::Whole);
        }
        true
    }
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    /// The `x-tidegate-error` code.
    pub fn code(&self) -> Option<&str> {
        self.head.field("x-tidegate-error")
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, text)
}

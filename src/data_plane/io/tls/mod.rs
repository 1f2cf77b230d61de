//! The one door to rustls: sessions on our pooled buffers. Never waits longer than its caller
//! allows: what is to be sent leaves in steps.

pub mod configs;
pub mod expiry;
pub mod settings;

use monoio::buf::IoBuf;
use monoio::io::AsyncWriteRent;
use monoio::net::TcpStream;
use rustls::Connection;

pub use rustls::{ClientConfig as Settings, Connection as Session, Error as TlsError};
pub use settings::{client_session, reason, server_session};

use super::buffer::{Buffer, Buffers, LARGE, MEDIUM, SMALL};
use super::fault::Fault;
use super::fd::Fd;
use super::stream::read_tcp;

/// A socket with a TLS session on it. An idle one holds no ciphertext buffer.
#[derive(Debug)]
pub struct TlsStream {
    buffers: Buffers,
    /// Read and not yet decrypted; without capacity while there is nothing.
    ciphertext: Buffer,
    /// Encrypted and not yet sent; without capacity while there is nothing.
    outgoing: Buffer,
    /// What is encrypted is a part of a large body.
    sends_much: bool,
    session: Connection,
    tcp: TcpStream,
}

impl TlsStream {
    /// A session that has not shaken hands.
    pub fn new(tcp: TcpStream, session: Connection, buffers: Buffers) -> Self {
        let (ciphertext, outgoing) = Default::default();
        Self { buffers, ciphertext, outgoing, sends_much: false, session, tcp }
    }

    /// The socket below, to wait on.
    pub fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    /// Runs the handshake to its end.
    pub async fn handshake(&mut self) -> Result<(), Fault> {
        while self.session.is_handshaking() {
            self.flush().await?;
            if self.session.is_handshaking() && self.fill().await? == 0 {
                return Err(Fault::Io(std::io::ErrorKind::UnexpectedEof.into()));
            }
        }
        self.flush().await
    }

    /// Whether something waits to be read that the socket knows nothing of any more.
    pub fn has_unread(&mut self) -> bool {
        !self.ciphertext.is_empty()
            || matches!(self.session.reader().into_first_chunk(), Ok(chunk) if !chunk.is_empty())
    }

    /// Takes in what lies in the receive queue (tickets, key updates). False when it was data or
    /// an end: then the peer spoke out of turn.
    pub async fn absorb(&mut self) -> bool {
        matches!(self.fill().await, Ok(n) if n > 0)
            && self.ciphertext.is_empty()
            && matches!(
                self.session.reader().into_first_chunk(),
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock
            )
    }

    /// Reads plaintext behind what is filled. 0 = the peer said `close_notify`.
    pub async fn read(&mut self, mut buffer: Buffer) -> (Result<usize, Fault>, Buffer) {
        loop {
            match take_plaintext(&mut self.session, &mut buffer) {
                Ok(n) => {
                    self.shrink();
                    return (Ok(n), buffer);
                }
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(e) => return (Err(Fault::Io(e)), buffer),
            }
            let filled;
            if buffer.spare() < READ_MIN {
                filled = self.fill().await;
            } else {
                (filled, buffer) = self.fill_by(buffer).await;
            }
            if let Err(fault) = filled {
                return (Err(fault), buffer);
            }
        }
    }

    /// Encrypts a first part of `bytes` and says how long it was. Then it has to be sent. Of a
    /// stream's buffer at most a small one is encrypted ahead: a client that reads nothing holds
    /// it for as long as it likes.
    ///
    /// # Errors
    /// When the session takes no more.
    pub fn encrypt(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        self.sends_much = bytes.len() > MEDIUM;
        let part_max = if self.sends_much { LARGE_PART_MAX } else { SMALL_PART_MAX };
        let part = bytes.get(..bytes.len().min(part_max)).unwrap_or_default();
        Ok(std::io::Write::write(&mut self.session.writer(), part)?)
    }

    /// A buffer of which all is encrypted: others may have it while that is sent.
    pub fn lend(&self, buffer: &mut Buffer) {
        if matches!(buffer.capacity(), SMALL | MEDIUM | LARGE) {
            self.buffers.put(std::mem::take(buffer));
        }
    }

    /// One of `bytes` bytes back, if it was lent.
    pub fn take_back(&self, buffer: &mut Buffer, bytes: usize) {
        if buffer.capacity() == 0 {
            *buffer = self.buffers.take_for(bytes);
        }
    }

    /// Sends some of what is to be sent. False once nothing is left.
    ///
    /// # Errors
    /// The kernel's.
    pub async fn send(&mut self) -> Result<bool, Fault> {
        if self.outgoing.is_empty() {
            if !self.session.wants_write() {
                return Ok(false);
            }
            let buffers = &self.buffers;
            let mut out = if self.sends_much { buffers.take_large() } else { buffers.take_small() };
            self.session.write_tls(out.tail())?;
            self.outgoing = out;
        }
        let mut out = std::mem::take(&mut self.outgoing);
        let mut sent = Fd::of(&self.tcp).send(out.filled());
        if matches!(sent, Ok(0)) {
            let (bytes, start, back) = out.into_parts();
            let slice;
            (sent, slice) = self.tcp.write(bytes.slice(start..)).await;
            out = Buffer::from_parts(slice.into_inner(), start, back);
        }
        match sent {
            Ok(n) if n > 0 => out.consume(n),
            // Nothing can be sent any more.
            _ => out.clear(),
        }
        if out.is_empty() {
            self.buffers.put(out);
        } else {
            self.outgoing = out;
        }
        if sent? == 0 {
            return Err(Fault::Io(std::io::ErrorKind::WriteZero.into()));
        }
        Ok(!self.outgoing.is_empty() || self.session.wants_write())
    }

    /// Says that nothing more will be written, once it is sent.
    pub fn close_notify(&mut self) {
        self.session.send_close_notify();
    }

    /// Forgets what was received and not yet read; how many bytes that was.
    pub fn discard(&mut self) -> usize {
        let mut bytes = self.ciphertext.len();
        if self.ciphertext.capacity() > 0 {
            self.buffers.put(std::mem::take(&mut self.ciphertext));
        }
        let mut reader = self.session.reader();
        while let Ok(chunk) = std::io::BufRead::fill_buf(&mut reader) {
            let n = chunk.len();
            if n == 0 {
                break;
            }
            bytes += n;
            std::io::BufRead::consume(&mut reader, n);
        }
        bytes
    }

    /// Lets the session free the room that large records took: it does when it is to read and has
    /// nothing. Who has sent a large request may say nothing more for as long as its answer takes.
    fn shrink(&mut self) {
        let _would_block = self.session.read_tls(&mut Nothing);
    }

    /// Decrypts what is there, or reads once and decrypts that. 0 = end of the connection.
    async fn fill(&mut self) -> Result<usize, Fault> {
        let (filled, buffer) = self.fill_by(self.buffers.take_small()).await;
        self.buffers.put(buffer);
        filled
    }

    /// The same, and reads into the room of `buffer`, which keeps what it has and gets no more: a
    /// wait for ciphertext holds no buffer of its own.
    async fn fill_by(&mut self, buffer: Buffer) -> (Result<usize, Fault>, Buffer) {
        let mut buffer = buffer;
        let filled = if self.ciphertext.is_empty() {
            let before = buffer.len();
            let read;
            (read, buffer) = read_tcp(&mut self.tcp, buffer).await;
            let mut ciphertext = buffer.filled().get(before..).unwrap_or_default();
            let fed = match read {
                Ok(_) => feed(&mut self.session, &mut ciphertext),
                Err(error) => Err(Fault::Io(error)),
            };
            if !ciphertext.is_empty() {
                self.ciphertext = self.buffers.take_for(ciphertext.len());
                self.ciphertext.extend(ciphertext);
            }
            let read = buffer.len() - before;
            buffer.shorten(before);
            fed.map(|()| read)
        } else {
            let here = self.ciphertext.len();
            let mut ciphertext = self.ciphertext.filled();
            let fed = feed(&mut self.session, &mut ciphertext);
            let left = ciphertext.len();
            self.ciphertext.consume(here - left);
            if left == 0 {
                self.buffers.put(std::mem::take(&mut self.ciphertext));
            }
            fed.map(|()| here)
        };
        if self.session.wants_write() {
            // An alert or a key update. A failure to send it shows at the next read.
            let _unsent = self.flush().await;
        }
        (filled, buffer)
    }

    async fn flush(&mut self) -> Result<(), Fault> {
        while self.send().await? {}
        Ok(())
    }
}

/// Hands ciphertext to the session until there is plaintext to take: a session refuses more while
/// it holds too much. An empty buffer says that the connection ended.
fn feed(session: &mut Connection, ciphertext: &mut &[u8]) -> Result<(), Fault> {
    loop {
        let taken = session.read_tls(ciphertext)?;
        let state = session.process_new_packets().map_err(Fault::Tls)?;
        if taken == 0 {
            // The peer said `close_notify`; what follows it means nothing (RFC 8446 section 6.1).
            *ciphertext = &[];
        }
        if ciphertext.is_empty() || state.plaintext_bytes_to_read() > 0 {
            return Ok(());
        }
    }
}

fn take_plaintext(session: &mut Connection, buffer: &mut Buffer) -> std::io::Result<usize> {
    let mut taken = 0;
    loop {
        let mut reader = session.reader();
        let chunk = match std::io::BufRead::fill_buf(&mut reader) {
            Ok(chunk) => chunk,
            Err(_) if taken > 0 => return Ok(taken),
            Err(e) => return Err(e),
        };
        let n = chunk.len().min(buffer.spare());
        if n == 0 {
            return Ok(taken);
        }
        buffer.extend(chunk.get(..n).unwrap_or_default());
        std::io::BufRead::consume(&mut reader, n);
        taken += n;
    }
}

/// A source that has nothing now, which is no end.
struct Nothing;

impl std::io::Read for Nothing {
    fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::WouldBlock.into())
    }
}

/// The least room that is read into: ciphertext is longer than what it says.
const READ_MIN: usize = 4 * 1024;
/// Plaintext encrypted per write: what fits a large buffer with the overhead of its records.
const LARGE_PART_MAX: usize = 48 * 1024;
/// The same for a small buffer.
const SMALL_PART_MAX: usize = SMALL - 128;

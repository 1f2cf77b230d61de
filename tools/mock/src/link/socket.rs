//! A TCP connection, plain or under TLS, behind one read and one write.
//!
//! Never buffers what it writes: a write returns when the kernel has all of it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

use monoio::buf::IoBufMut;
use monoio::io::{AsyncReadRent, AsyncWriteRent, AsyncWriteRentExt};
use monoio::net::TcpStream;
use rustix::event::{PollFd, PollFlags, Timespec};

use super::tls::{self, Session};

/// The two kinds of connection.
pub enum Socket {
    Plain(TcpStream),
    Tls(Box<(TcpStream, Session)>),
}

/// What one read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    Bytes,
    End,
    /// A TLS record without payload.
    Nothing,
}

impl Socket {
    /// Does the TLS handshake. Returns also the payload that came along with its last flight.
    pub async fn accept_tls(
        mut tcp: TcpStream,
        config: tls::Config,
    ) -> io::Result<(Self, Vec<u8>)> {
        let mut session = Session::new(config)?;
        let mut early = Vec::new();
        while session.is_handshaking() {
            let (read, raw) = read_into(&mut tcp, Vec::new(), RECORD).await;
            if read? == Read::End {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Err(error) = session.receive(&raw, &mut early) {
                // The alert tells the client what went wrong.
                let _ = write_all(&mut tcp, session.outgoing()?).await;
                return Err(error);
            }
            write_all(&mut tcp, session.outgoing()?).await?;
        }
        Ok((Self::Tls(Box::new((tcp, session))), early))
    }

    /// One read of at most `limit` bytes, appended to `into`.
    pub async fn read(&mut self, into: Vec<u8>, limit: usize) -> (io::Result<Read>, Vec<u8>) {
        match self {
            Self::Plain(tcp) => read_into(tcp, into, limit).await,
            Self::Tls(both) => {
                let (tcp, session) = &mut **both;
                let mut into = into;
                (read_tls(tcp, session, &mut into, limit).await, into)
            }
        }
    }

    /// One read past TLS, for bytes that nobody will look at.
    pub async fn read_raw(&mut self, into: Vec<u8>, limit: usize) -> (io::Result<Read>, Vec<u8>) {
        read_into(self.tcp_mut(), into, limit).await
    }

    /// Writes all of `bytes`.
    pub async fn write(&mut self, bytes: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        match self {
            Self::Plain(tcp) => {
                let (result, bytes) = tcp.write_all(bytes).await;
                (result.map(|_| ()), bytes)
            }
            Self::Tls(both) => {
                let (tcp, session) = &mut **both;
                let sealed = match session.send(&bytes) {
                    Ok(sealed) => sealed,
                    Err(error) => return (Err(error), bytes),
                };
                (write_all(tcp, sealed).await, bytes)
            }
        }
    }

    /// Waits until a read would not block.
    pub async fn readable(&self) {
        // An error is readable too: the read that follows reports it.
        let _ = self.tcp().readable(false).await;
    }

    /// Sends the TLS goodbye; nothing on a plain connection.
    pub async fn close_notify(&mut self) {
        if let Self::Tls(both) = self {
            let (tcp, session) = &mut **both;
            if let Ok(goodbye) = session.close() {
                // A peer that is gone needs no goodbye.
                let _ = write_all(tcp, goodbye).await;
            }
        }
    }

    /// Sends FIN.
    pub async fn shutdown(&mut self) {
        // The peer may have reset the connection before.
        let _ = self.tcp_mut().shutdown().await;
    }

    /// Makes the close that follows a RST.
    pub fn reset_on_drop(&self) {
        // Fails only on a socket that is already gone.
        let _ = socket2::SockRef::from(&self.fd()).set_linger(Some(Duration::ZERO));
    }

    /// Whether FIN or RST has come, even behind bytes that nobody has read.
    pub fn is_hung_up(&self) -> bool {
        let signs = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
        let fd = self.fd();
        let mut poll = [PollFd::new(&fd, signs)];
        let now = Timespec { tv_nsec: 0, tv_sec: 0 };
        rustix::event::poll(&mut poll, Some(&now)).is_ok_and(|ready| ready > 0)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        #[expect(unsafe_code, reason = "monoio's TcpStream has AsRawFd but not AsFd")]
        // SAFETY: the descriptor belongs to the stream inside `self`, which the result borrows.
        unsafe {
            BorrowedFd::borrow_raw(self.tcp().as_raw_fd())
        }
    }

    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(both) => &both.0,
        }
    }

    fn tcp_mut(&mut self) -> &mut TcpStream {
        match self {
            Self::Plain(tcp) => tcp,
            Self::Tls(both) => &mut both.0,
        }
    }
}

async fn read_tls(
    tcp: &mut TcpStream,
    session: &mut Session,
    into: &mut Vec<u8>,
    limit: usize,
) -> io::Result<Read> {
    let before = into.len();
    let (read, raw) = read_into(tcp, Vec::new(), limit.max(RECORD)).await;
    if read? == Read::End {
        return Ok(Read::End);
    }
    let received = session.receive(&raw, into);
    write_all(tcp, session.outgoing()?).await?;
    let is_open = received?;
    Ok(match (into.len() > before, is_open) {
        (true, _) => Read::Bytes,
        (false, true) => Read::Nothing,
        (false, false) => Read::End,
    })
}

async fn read_into(
    tcp: &mut TcpStream,
    mut into: Vec<u8>,
    limit: usize,
) -> (io::Result<Read>, Vec<u8>) {
    let begin = into.len();
    if into.capacity() - begin < READ_MIN {
        // Doubles, so that large bodies are read in large pieces.
        into.reserve(READ_MIN.max(begin));
    }
    let end = into.capacity().min(begin.saturating_add(limit.max(1)));
    let (result, slice) = tcp.read(into.slice_mut(begin..end)).await;
    let read = result.map(|count| if count == 0 { Read::End } else { Read::Bytes });
    (read, slice.into_inner())
}

async fn write_all(tcp: &mut TcpStream, bytes: Vec<u8>) -> io::Result<()> {
    if bytes.is_empty() {
        return Ok(());
    }
    tcp.write_all(bytes).await.0.map(|_| ())
}

const READ_MIN: usize = 8 << 10;
const RECORD: usize = 18 << 10;

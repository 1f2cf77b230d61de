//! What the two processes of a takeover say: one line at a time, sockets beside it. Each line is
//! answered before the next, so that none runs into another.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::retry_on_intr;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// A line that is always the same.
#[derive(Clone, Copy, Debug)]
pub(super) enum Word {
    /// The old one lets go.
    Draining,
    /// No more sockets.
    End,
    /// The old one is about to end anyway.
    Ending,
    /// The sockets came; the next ones.
    More,
    /// The new one serves.
    Ready,
    /// The new one asks.
    Take,
}

impl Word {
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::End => "end",
            Self::Ending => "ending",
            Self::More => "more",
            Self::Ready => "ready",
            Self::Take => "take",
        }
    }

    /// The line that goes with sockets.
    pub(super) fn offer(name: &str) -> String {
        format!("{OFFER}{name}")
    }

    /// The name in such a line.
    pub(super) fn offered(line: &str) -> Option<&str> {
        line.strip_prefix(OFFER)
    }
}

pub(super) fn send(to: BorrowedFd<'_>, line: &str, sockets: &[OwnedFd]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut beside = SendAncillaryBuffer::new(&mut space);
    let sockets: Vec<BorrowedFd<'_>> = sockets.iter().map(AsFd::as_fd).collect();
    if !sockets.is_empty() && !beside.push(SendAncillaryMessage::ScmRights(&sockets)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // Work that a ring left to this thread comes as a signal.
    let line_out = [IoSlice::new(line.as_bytes())];
    let sent = retry_on_intr(|| sendmsg(to, &line_out, &mut beside, SendFlags::NOSIGNAL))?;
    if sent == line.len() { Ok(()) } else { Err(io::ErrorKind::WriteZero.into()) }
}

/// The next line and the sockets beside it; an empty one at the end of the connection.
pub(super) fn receive(from: BorrowedFd<'_>) -> io::Result<(String, Vec<OwnedFd>)> {
    let mut line = [0; LINE_BYTES_MAX];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut beside = RecvAncillaryBuffer::new(&mut space);
    let into = &mut [IoSliceMut::new(&mut line)];
    let received = retry_on_intr(|| recvmsg(from, into, &mut beside, RecvFlags::CMSG_CLOEXEC))?;
    let mut sockets = Vec::new();
    for message in beside.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            sockets.extend(fds);
        }
    }
    let line = line.get(..received.bytes).unwrap_or_default();
    let line = std::str::from_utf8(line).map_err(io::Error::other)?;
    Ok((line.to_owned(), sockets))
}

const OFFER: &str = "offer ";
/// Longer than any name.
const LINE_BYTES_MAX: usize = 256;
/// Sockets beside one line; the kernel takes 253.
pub(super) const SOCKETS_MAX: usize = 200;

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_line_comes_with_its_sockets() {
        let (near, far) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let sockets: Vec<OwnedFd> =
            (0..SOCKETS_MAX).map(|_| listener.try_clone().unwrap().into()).collect();
        send(near.as_fd(), &Word::offer("listen x"), &sockets).unwrap();
        let (line, sockets) = receive(far.as_fd()).unwrap();
        assert_eq!(Word::offered(&line), Some("listen x"));
        assert_eq!(sockets.len(), SOCKETS_MAX);
        for socket in sockets {
            assert_eq!(TcpListener::from(socket).local_addr().unwrap(), address);
        }
        drop(near);
        assert_eq!(receive(far.as_fd()).unwrap().0, "");
    }
}

//! Acts on a socket by its number for those who do not own it. The one file of the data
//! plane with `unsafe`. Never waits, never closes.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::net::{RecvFlags, SendFlags, Shutdown, recv, send, shutdown, sockopt};

/// The number of an open socket.
///
/// INVARIANT: the socket stays open for as long as this value is used. A [`super::watch::Watch`]
/// holds it and sits before its stream in every struct, so it is dropped, and with it this
/// number forgotten, before the stream closes the socket.
#[derive(Clone, Copy, Debug)]
pub struct Fd(RawFd);

impl Fd {
    /// The number of `socket`, for as long as `socket` lives.
    pub fn of(socket: &impl AsRawFd) -> Self {
        Self(socket.as_raw_fd())
    }

    /// Ends pending and later reads at once: they return what is there, then 0.
    pub fn end_reads(self) {
        self.shut(Shutdown::Read);
    }

    /// Ends pending and later writes at once: the peer sees FIN after what was accepted.
    pub fn end_writes(self) {
        self.shut(Shutdown::Write);
    }

    /// Ends both directions at once.
    pub fn end(self) {
        self.shut(Shutdown::Both);
    }

    /// Makes the coming close a reset instead of a FIN.
    pub fn reset_on_close(self) {
        // A socket that is gone already needs no reset.
        let _gone = sockopt::set_socket_linger(self.borrow(), Some(Duration::ZERO));
    }

    /// Whether the coming close is a reset, by [`Fd::reset_on_close`].
    pub fn resets_on_close(self) -> bool {
        matches!(sockopt::socket_linger(self.borrow()), Ok(Some(Duration::ZERO)))
    }

    /// Whether anything can be read right now, without taking it.
    pub fn peek(self) -> Peek {
        let mut byte = [0_u8; 1];
        match recv(self.borrow(), &mut byte, RecvFlags::PEEK | RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Peek::Closed,
            Ok(_) => Peek::Bytes,
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Peek::Quiet,
            Err(_) => Peek::Closed,
        }
    }

    /// Sends as much of `bytes` as the socket takes at once; 0 when it has no room now.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn send(self, bytes: &[u8]) -> io::Result<usize> {
        match send(self.borrow(), bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(0),
            sent => Ok(sent?),
        }
    }

    /// Takes what lies in the receive queue, as far as it fits behind what `bytes` holds.
    /// `Some(0)`: the peer ended its side. `None`: there is nothing now.
    ///
    /// # Errors
    /// When the connection is broken.
    pub fn receive(self, bytes: &mut Vec<u8>) -> io::Result<Option<usize>> {
        debug_assert!(bytes.capacity() > bytes.len(), "a read needs room");
        match recv(self.borrow(), spare_capacity(bytes), RecvFlags::DONTWAIT) {
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Ok(None),
            received => Ok(Some(received?.0)),
        }
    }

    /// Takes what lies in the receive queue and throws it away, 4 KiB at most.
    pub fn discard(self) -> Discarded {
        let mut bytes = [0_u8; 4_096];
        match recv(self.borrow(), &mut bytes, RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Discarded::Closed,
            Ok((_, n)) => Discarded::Bytes(n),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR) => Discarded::Bytes(0),
            Err(_) => Discarded::Closed,
        }
    }

    /// Asks `epoll` to report once, under `token`, when the peer ends its side or resets.
    ///
    /// # Errors
    /// When the kernel refuses the registration (out of memory or watches).
    pub fn report_hangup(self, epoll: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let flags = epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        Ok(epoll::add(epoll, self.borrow(), epoll::EventData::new_u64(token), flags)?)
    }

    /// Asks `epoll`, where this socket is registered already, to report input too, or no more.
    ///
    /// # Errors
    /// When the socket is not registered.
    pub fn report_input(self, epoll: BorrowedFd<'_>, token: u64, wanted: bool) -> io::Result<()> {
        let mut flags = epoll::EventFlags::RDHUP | epoll::EventFlags::ET;
        flags.set(epoll::EventFlags::IN, wanted);
        Ok(epoll::modify(epoll, self.borrow(), epoll::EventData::new_u64(token), flags)?)
    }

    /// The error a failed connect or a reset left on the socket, if any.
    pub fn take_error(self) -> Option<io::Error> {
        match sockopt::socket_error(self.borrow()) {
            Ok(Ok(())) => None,
            Ok(Err(errno)) | Err(errno) => Some(errno.into()),
        }
    }

    fn shut(self, how: Shutdown) {
        // Not connected (any more) means that there is no wait left to end.
        let _not_connected = shutdown(self.borrow(), how);
    }

    fn borrow(&self) -> BorrowedFd<'_> {
        debug_assert!(self.0 >= 0, "a socket has a number");
        // SAFETY: the invariant on the type: the socket is open for as long as `self` is used.
        #[expect(unsafe_code, reason = "a borrowed number, kept valid by the type's invariant")]
        unsafe {
            BorrowedFd::borrow_raw(self.0)
        }
    }
}

/// Owns the descriptor with this number, which another process left open in this one. Called before
/// anything else is opened, and once for each number.
///
/// # Errors
/// When nothing is open there.
pub fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    if number <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: borrowed for one call, which fails when nothing is open there.
    #[expect(unsafe_code, reason = "only the kernel knows whether the number is open")]
    let found = unsafe { BorrowedFd::borrow_raw(number) };
    rustix::io::fcntl_getfd(found)?;
    // SAFETY: open, by the line above; ours alone, since whoever started this process left it open
    // for nobody else here, and each number is adopted once.
    #[expect(unsafe_code, reason = "the one way to own what was inherited")]
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// What was thrown away.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Discarded {
    /// So many bytes; 0 = there was nothing.
    Bytes(usize),
    /// The peer ended its side, or the connection broke.
    Closed,
}

/// What a look at a socket's receive queue found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Peek {
    /// At least one byte waits.
    Bytes,
    /// The peer ended its side, or the connection broke.
    Closed,
    /// Open and nothing to read.
    Quiet,
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (near, listener.accept().unwrap().0)
    }

    #[test]
    fn peek_tells_quiet_from_bytes_from_closed_and_takes_nothing() {
        let (near, mut far) = pair();
        let fd = Fd::of(&near);
        assert_eq!(fd.peek(), Peek::Quiet);
        far.write_all(b"x").unwrap();
        near.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut byte = [0; 1];
        assert_eq!(near.peek(&mut byte).unwrap(), 1);
        assert_eq!(fd.peek(), Peek::Bytes);
        (&near).read_exact(&mut byte).unwrap();
        drop(far);
        assert_eq!((&near).read(&mut byte).unwrap(), 0);
        assert_eq!(fd.peek(), Peek::Closed);
    }

    #[test]
    fn receiving_takes_what_is_there_behind_what_is_held_and_never_waits() {
        let (near, mut far) = pair();
        let fd = Fd::of(&near);
        let mut bytes = Vec::with_capacity(8);
        bytes.extend_from_slice(b"held");
        assert_eq!(fd.receive(&mut bytes).unwrap(), None);
        far.write_all(b"and more").unwrap();
        near.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        near.peek(&mut [0; 1]).unwrap();
        assert_eq!(fd.receive(&mut bytes).unwrap(), Some(4));
        assert_eq!(bytes, b"heldand ");
        bytes.clear();
        assert_eq!(fd.receive(&mut bytes).unwrap(), Some(4));
        assert_eq!(bytes, b"more");
        drop(far);
        bytes.clear();
        near.peek(&mut [0; 1]).unwrap();
        assert_eq!(fd.receive(&mut bytes).unwrap(), Some(0));
    }

    #[test]
    fn a_send_takes_what_there_is_room_for_and_never_waits() {
        let (near, mut far) = pair();
        let fd = Fd::of(&near);
        let (bytes, mut sent) = (vec![7; 1 << 16], 0);
        while let n @ 1.. = fd.send(&bytes).unwrap() {
            sent += n;
        }
        let mut received = vec![0; sent];
        far.read_exact(&mut received).unwrap();
        assert!(received.iter().all(|&byte| byte == 7));
        fd.end_writes();
        assert_eq!(fd.send(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }

    #[test]
    fn ending_reads_ends_a_pending_read() {
        let (near, _far) = pair();
        let fd = Fd::of(&near);
        let reader = {
            let mut near = near.try_clone().unwrap();
            std::thread::spawn(move || near.read(&mut [0; 1]).unwrap())
        };
        fd.end_reads();
        assert_eq!(reader.join().unwrap(), 0);
    }
}

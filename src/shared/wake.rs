//! Wakes a thread that waits on sockets: a socket pair whose reading end it polls. Carries no data.

use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

/// One thread's bell.
#[derive(Debug)]
pub struct Wake {
    far: UnixStream,
    near: UnixStream,
}

impl Wake {
    /// A bell that nobody rang yet.
    ///
    /// # Errors
    /// When the kernel refuses a socket pair.
    pub fn new() -> std::io::Result<Self> {
        let (far, near) = UnixStream::pair()?;
        far.set_nonblocking(true)?;
        near.set_nonblocking(true)?;
        Ok(Self { far, near })
    }

    /// Rings. Any number of rings before the thread looks count as one.
    pub fn wake(&self) {
        // WouldBlock means that the bell has been ringing for long: it will be heard.
        let _full = (&self.far).write(&[1]);
    }

    /// Silences the bell. Call it before looking at what changed: a ring in between is then heard
    /// next time.
    pub fn silence(&self) {
        let mut rings = [0; 256];
        while matches!((&self.near).read(&mut rings), Ok(n) if n == rings.len()) {}
    }

    /// A handle of the end to wait on, for a runtime to own.
    ///
    /// # Errors
    /// When the kernel refuses a duplicate.
    pub fn waiting_end(&self) -> std::io::Result<UnixStream> {
        self.near.try_clone()
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.near.as_fd()
    }
}

#[cfg(all(test, not(tidegate_loom)))]
mod tests {
    use super::*;

    #[test]
    fn many_rings_are_silenced_at_once_and_ringing_never_blocks() {
        let wake = Wake::new().unwrap();
        for _ in 0..100_000 {
            wake.wake();
        }
        wake.silence();
        let mut byte = [0; 1];
        let quiet = (&wake.near).read(&mut byte).unwrap_err();
        assert_eq!(quiet.kind(), std::io::ErrorKind::WouldBlock);
    }
}

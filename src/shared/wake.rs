//! Wakes a worker from another thread: an eventfd that the worker polls. Carries no data.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

/// One worker's bell.
#[derive(Debug)]
pub struct Wake {
    bell: OwnedFd,
}

impl Wake {
    /// A bell that nobody rang yet.
    ///
    /// # Errors
    /// When the kernel refuses an eventfd.
    pub fn new() -> std::io::Result<Self> {
        Ok(Self { bell: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    /// Rings. Any number of rings before the worker looks count as one.
    pub fn wake(&self) {
        // An eventfd write fails only when the count is full, and then the bell is ringing.
        let _full = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }

    /// Silences the bell. The worker calls it before it looks at what changed, so that a ring
    /// in between is heard next time.
    pub fn silence(&self) {
        let mut count = [0_u8; 8];
        // WouldBlock means that nobody rang: a spurious look, and harmless.
        let _quiet = rustix::io::read(&self.bell, &mut count);
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

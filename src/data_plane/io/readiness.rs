//! Waits until any file descriptor is readable: eventfds, epoll fds. Takes no data from it.

use std::os::fd::AsFd;

use monoio::net::TcpStream;

/// A descriptor to wait on. A dropped wait loses nothing: it is a poll, no read.
#[derive(Debug)]
pub struct Readiness {
    /// monoio waits only on its own types; none of this type's socket calls is ever made.
    waited: TcpStream,
}

impl Readiness {
    /// Waits on a duplicate of `fd`.
    ///
    /// # Errors
    /// When the kernel refuses the duplicate or the registration.
    pub fn of(fd: &impl AsFd) -> std::io::Result<Self> {
        let duplicate = fd.as_fd().try_clone_to_owned()?;
        Ok(Self { waited: TcpStream::from_std(std::net::TcpStream::from(duplicate))? })
    }

    /// Ends once there is something to read.
    ///
    /// # Errors
    /// When the kernel refuses the wait.
    pub async fn readable(&self) -> std::io::Result<()> {
        self.waited.readable(false).await
    }
}

//! The new process's side: asks the one that runs for its sockets, and says when it serves. Used
//! before any worker begins, so it may block.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::time::Duration;

use super::Offer;
use super::wire::{self, Word};

/// What was taken, and the line to who gave it.
#[derive(Debug)]
pub struct Taken {
    /// In the order of its configuration.
    pub offers: Vec<Offer>,
    giver: UnixStream,
}

/// Asks for the sockets. `None`: there is nobody to take over from.
///
/// # Errors
/// When the giver is somebody else's, about to end, or breaks off.
pub fn take(place: &SocketAddr) -> io::Result<Option<Taken>> {
    let giver = match UnixStream::connect_addr(place) {
        Ok(giver) => giver,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => return Ok(None),
        Err(error) => return Err(error),
    };
    giver.set_read_timeout(Some(PATIENCE))?;
    let (peer, own) = (rustix::net::sockopt::socket_peercred(&giver)?, rustix::process::geteuid());
    if peer.uid != own && !peer.uid.is_root() {
        return Err(io::Error::other("the process there belongs to another user"));
    }
    wire::send(giver.as_fd(), Word::Take.text(), &[])?;
    let mut offers: Vec<Offer> = Vec::new();
    loop {
        let (line, sockets) = wire::receive(giver.as_fd())?;
        if line == Word::End.text() {
            return Ok(Some(Taken { offers, giver }));
        }
        if line == Word::Ending.text() {
            return Err(io::Error::other("the process there is about to end"));
        }
        let Some(name) = Word::offered(&line) else {
            return Err(io::Error::other("the process there broke off"));
        };
        match offers.last_mut().filter(|last| last.name == name && is_full(last)) {
            Some(last) => last.sockets.extend(sockets),
            None => offers.push(Offer { name: name.to_owned(), sockets }),
        }
        wire::send(giver.as_fd(), Word::More.text(), &[])?;
    }
}

impl Taken {
    /// Says that this process serves: the other one lets go.
    ///
    /// # Errors
    /// When that one is gone, or goes on all the same.
    pub fn ready(self) -> io::Result<()> {
        wire::send(self.giver.as_fd(), Word::Ready.text(), &[])?;
        let (line, _) = wire::receive(self.giver.as_fd())?;
        if line == Word::Draining.text() {
            Ok(())
        } else {
            Err(io::Error::other("the process that was taken over from did not answer"))
        }
    }
}

/// Whether more sockets of the same name may follow: they come in parts of so many.
fn is_full(offer: &Offer) -> bool {
    !offer.sockets.is_empty() && offer.sockets.len().is_multiple_of(wire::SOCKETS_MAX)
}

/// How long the giver may be silent.
const PATIENCE: Duration = Duration::from_secs(5);

//! Hot restart: another process of the same configuration asks for the listening sockets, says when
//! it serves, and only then this one drains. Until that word nothing changes here.

pub mod taker;
mod wire;

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::plane::{Command, Plane};
use wire::Word;

/// Sockets under the name by which the taker knows them.
#[derive(Debug)]
pub struct Offer {
    /// `listen ADDRESS` and `admin ADDRESS` as configured, or `takeover`.
    pub name: String,
    /// At least one.
    pub sockets: Vec<OwnedFd>,
}

/// Where processes of this configuration file meet: a name that ends with its last holder.
///
/// # Errors
/// Never: the name is short enough.
pub fn place(configuration: Option<&Path>) -> io::Result<SocketAddr> {
    let path = configuration.map(|path| path.canonicalize().unwrap_or_else(|_| path.to_owned()));
    let mut digest = Sha256::new();
    digest.update(path.unwrap_or_default().as_os_str().as_encoded_bytes());
    SocketAddr::from_abstract_name([b"tidegate-takeover-", digest.finalize().as_slice()].concat())
}

/// Serves takers until one has taken over.
pub async fn serve(plane: Arc<Plane>, beacon: UnixListener) {
    let beacon =
        beacon.set_nonblocking(true).and_then(|()| tokio::net::UnixListener::from_std(beacon));
    let Ok(beacon) = beacon else { return };
    while let Ok((taker, _)) = beacon.accept().await {
        match hand_over(&plane, &taker).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "nobody took over: this process goes on"),
        }
    }
}

async fn hand_over(plane: &Plane, taker: &UnixStream) -> io::Result<()> {
    let (peer, own) = (taker.peer_cred()?.uid(), rustix::process::geteuid().as_raw());
    if peer != own && peer != 0 {
        return Err(io::Error::other(format!("user {peer} may not take over")));
    }
    expect(taker, Word::Take, STEP).await?;
    let Some(offers) = plane.ask(Command::Offer).await else {
        return say(taker, Word::Ending.text(), &[]).await;
    };
    tracing::info!("another process is about to take over");
    for Offer { name, sockets } in &offers {
        for part in sockets.chunks(wire::SOCKETS_MAX) {
            say(taker, &Word::offer(name), part).await?;
            expect(taker, Word::More, STEP).await?;
        }
    }
    say(taker, Word::End.text(), &[]).await?;
    expect(taker, Word::Ready, START).await?;
    let _ends_already = plane.commands.send(Command::HandedOver).await;
    say(taker, Word::Draining.text(), &[]).await
}

async fn say(taker: &UnixStream, line: &str, sockets: &[OwnedFd]) -> io::Result<()> {
    let send = || wire::send(taker.as_fd(), line, sockets);
    timeout(STEP, taker.async_io(Interest::WRITABLE, send)).await?
}

async fn expect(taker: &UnixStream, word: Word, patience: Duration) -> io::Result<()> {
    let receive = || wire::receive(taker.as_fd());
    let (line, _) = timeout(patience, taker.async_io(Interest::READABLE, receive)).await??;
    if line == word.text() { Ok(()) } else { Err(io::Error::other("it ended before it was ready")) }
}

/// The name of the admin API's socket, before its address.
pub const ADMIN: &str = "admin ";
/// The name of the socket that takers ask on.
pub const BEACON: &str = "takeover";
/// How long a taker may be silent between two steps.
const STEP: Duration = Duration::from_secs(5);
/// How long it may take from the sockets to its first request.
const START: Duration = Duration::from_secs(120);

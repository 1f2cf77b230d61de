//! The control plane's own sockets: the admin API's, and the one on which a process that takes over
//! asks. Never a listener of the data plane's.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use tokio::task::{AbortHandle, JoinSet};

use super::plane::Plane;
use super::takeover::{self, Offer};
use super::{Parts, admin};

/// What is listened on, and once more for who takes over.
#[derive(Debug)]
pub struct Doors {
    admin: Option<(TcpListener, AbortHandle)>,
    beacon: Option<(UnixListener, AbortHandle)>,
}

/// Sockets that are not served yet.
#[derive(Debug, Default)]
pub struct Closed {
    admin: Option<TcpListener>,
    beacon: Option<UnixListener>,
}

impl Closed {
    /// Those of `parts`.
    pub fn of(parts: &mut Parts<'_>) -> Self {
        Self { admin: parts.admin.take(), beacon: parts.beacon.take() }
    }

    /// Serves them.
    pub fn open(self, plane: &Arc<Plane>, tasks: &mut JoinSet<()>) -> Doors {
        let admin = self.admin.and_then(|listener| {
            let again = listener.try_clone().ok()?;
            Some((again, tasks.spawn(serve_admin(plane.clone(), listener))))
        });
        let beacon = self.beacon.and_then(|beacon| {
            let again = beacon.try_clone().ok()?;
            Some((again, tasks.spawn(takeover::serve(plane.clone(), beacon))))
        });
        Doors { admin, beacon }
    }
}

impl Doors {
    /// For a process that takes over.
    pub fn offers(&self, plane: &Plane) -> Vec<Offer> {
        let mut offers = Vec::new();
        let configured = plane.shared.setup.load().snapshot.admin.listen;
        if let (Some((listener, _)), Some(address)) = (&self.admin, configured) {
            let name = format!("{}{address}", takeover::ADMIN);
            offers.extend(listener.try_clone().ok().map(|socket| offer(name, socket.into())));
        }
        if let Some((beacon, _)) = &self.beacon {
            let name = takeover::BEACON.to_owned();
            offers.extend(beacon.try_clone().ok().map(|socket| offer(name, socket.into())));
        }
        offers
    }

    /// The process ends in order: operators may look until it has.
    pub fn close_to_takers(self) {
        if let Some((_, serves)) = self.beacon {
            serves.abort();
        }
    }

    /// Another process serves from now on.
    pub fn leave_to_taker(self) {
        if let Some((_, serves)) = self.admin {
            serves.abort();
        }
    }
}

fn offer(name: String, socket: OwnedFd) -> Offer {
    Offer { name, sockets: vec![socket] }
}

async fn serve_admin(plane: Arc<Plane>, listener: TcpListener) {
    if let Err(error) = admin::serve(plane, listener).await {
        tracing::error!(%error, "the admin API is not served");
    }
}

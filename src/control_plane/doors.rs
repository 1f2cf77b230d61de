//! The control plane's own sockets: the admin API's, and the one on which a process that takes over
//! asks. Never a listener of the data plane's.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use super::plane::Plane;
use super::takeover::{self, Offer};

/// What is listened on.
#[derive(Debug)]
pub struct Doors {
    /// Where the admin API is served; `None` when it is off.
    pub admin: Option<Arc<TcpListener>>,
    /// Where another process may ask for the listeners.
    pub beacon: Option<Arc<UnixListener>>,
}

impl Doors {
    /// For a process that takes over.
    pub fn offers(&self, plane: &Plane) -> Vec<Offer> {
        let mut offers = Vec::new();
        let configured = plane.shared.setup.load().snapshot.admin.listen;
        if let (Some(listener), Some(address)) = (&self.admin, configured) {
            let name = format!("{}{address}", takeover::ADMIN);
            offers.extend(listener.try_clone().ok().map(|socket| offer(name, socket.into())));
        }
        if let Some(beacon) = &self.beacon {
            let name = takeover::BEACON.to_owned();
            offers.extend(beacon.try_clone().ok().map(|socket| offer(name, socket.into())));
        }
        offers
    }
}

fn offer(name: String, socket: OwnedFd) -> Offer {
    Offer { name, sockets: vec![socket] }
}

//! Sockets that this process did not make: of one that it takes over from, or of a service manager
//! (`LISTEN_FDS`). Never opens one itself, but for the place where the next process asks.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;

use tidegate::config::Sources;
use tidegate::config::snapshot::Snapshot;
use tidegate::control_plane::takeover::Offer;
use tidegate::control_plane::takeover::taker::{Taken, take};
use tidegate::control_plane::{notify, takeover};
use tidegate::data_plane::io::fd::adopt;
use tidegate::data_plane::worker::sockets::address_of;

use super::listening::{Inherited, address_offered};

/// What there was to inherit.
#[derive(Debug, Default)]
pub(super) struct Estate {
    /// The admin API's socket, by its configured address.
    admin: Option<(SocketAddr, TcpListener)>,
    /// Where the next process asks.
    beacon: Option<UnixListener>,
    /// Listeners' sockets.
    pub listen: Vec<Inherited>,
    /// Whom to tell once this process serves.
    pub taken: Option<Taken>,
}

impl Estate {
    /// Asks for what another process has (`--takeover`), or the service manager.
    ///
    /// # Errors
    /// What went wrong, in one line.
    pub fn gather(
        snapshot: &Snapshot,
        sources: &Sources,
        takes_over: bool,
    ) -> Result<Self, String> {
        if takes_over {
            let place = takeover::place(sources.path().as_deref());
            let taken = place.and_then(|place| take(&place));
            match taken.map_err(|error| format!("cannot take over: {error}"))? {
                Some(taken) => return Ok(Self::of_process(taken)),
                None => eprintln!("tidegate: nobody to take over from: starting as usual"),
            }
        }
        Self::of_manager(snapshot)
            .map_err(|error| format!("cannot use the sockets of LISTEN_FDS: {error}"))
    }

    fn of_process(mut taken: Taken) -> Self {
        let mut estate = Self::default();
        for Offer { name, mut sockets } in std::mem::take(&mut taken.offers) {
            let admin = name.strip_prefix(takeover::ADMIN).and_then(|name| name.parse().ok());
            if let Some(address) = address_offered(&name) {
                estate.listen.push(Inherited { address, sockets });
            } else if let Some(address) = admin {
                estate.admin = sockets.pop().map(|socket| (address, socket.into()));
            } else if name == takeover::BEACON {
                estate.beacon = sockets.pop().map(UnixListener::from);
            }
        }
        estate.taken = Some(taken);
        estate
    }

    fn of_manager(snapshot: &Snapshot) -> std::io::Result<Self> {
        let mut estate = Self::default();
        for number in notify::sockets()? {
            let socket: OwnedFd = adopt(number)?;
            let address = address_of(&socket)?;
            let same = estate.listen.iter_mut().find(|one| one.address == address);
            if snapshot.admin.listen == Some(address) {
                let listener = TcpListener::from(socket);
                listener.set_nonblocking(true)?;
                estate.admin = Some((address, listener));
            } else if let Some(same) = same {
                same.sockets.push(socket);
            } else if snapshot.server.listen.contains(&address) {
                estate.listen.push(Inherited { address, sockets: vec![socket] });
            } else {
                // Who may call is decided by the addresses of the configuration.
                let why = format!("{address} is in neither server.listen nor admin.listen");
                return Err(std::io::Error::other(why));
            }
        }
        Ok(estate)
    }

    /// The admin API's socket, if it is for this address.
    pub fn admin(&mut self, address: SocketAddr) -> Option<TcpListener> {
        self.admin.take().filter(|(of, _)| *of == address).map(|(_, socket)| socket)
    }

    /// Where the next process asks. Without such a place nobody can take over, and all else works.
    pub fn beacon(&mut self, sources: &Sources) -> Option<UnixListener> {
        let open = || {
            let place = takeover::place(sources.path().as_deref())?;
            UnixListener::bind_addr(&place)
        };
        self.beacon.take().or_else(|| open().ok())
    }
}

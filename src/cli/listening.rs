//! What is listened on, over reloads: opens what a configuration adds, lets go of what it no longer
//! has, and keeps every socket at hand for a process that takes over.

use std::cell::RefCell;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tidegate::config::snapshot::Snapshot;
use tidegate::control_plane::takeover::Offer;
use tidegate::data_plane::worker::sockets::{BindFault, Listener, Opened};

/// The listeners in force, and those of a configuration that is not in force yet.
#[derive(Debug)]
pub(super) struct Listening {
    /// Addresses that were let go of: their sockets close when the workers come to it.
    gone: RefCell<Vec<SocketAddr>>,
    kept: RefCell<Vec<Kept>>,
    next: RefCell<Vec<Kept>>,
    workers: usize,
}

#[derive(Clone, Debug)]
struct Kept {
    listener: Arc<Listener>,
    sockets: Rc<[TcpListener]>,
}

/// Sockets that somebody else made, for the configured address that they are for.
#[derive(Debug)]
pub(super) struct Inherited {
    pub address: SocketAddr,
    pub sockets: Vec<OwnedFd>,
}

impl Listening {
    /// Nothing yet.
    pub fn new(workers: usize) -> Self {
        let (gone, kept, next) = <_>::default();
        Self { gone, kept, next, workers }
    }

    /// Listeners for every address of `snapshot`: those that are there, inherited ones, new ones.
    ///
    /// # Errors
    /// The first address that cannot be listened on.
    pub fn prepare(
        &self,
        snapshot: &Snapshot,
        inherited: &mut Vec<Inherited>,
    ) -> Result<Vec<Arc<Listener>>, BindFault> {
        let mut there = self.kept.borrow().clone();
        let mut next = Vec::new();
        for &address in &snapshot.server.listen {
            let at = there.iter().position(|kept| kept.listener.configured == address);
            next.push(match at {
                Some(at) => there.remove(at),
                None => self.open(address, inherited)?,
            });
        }
        let listeners = next.iter().map(|kept| kept.listener.clone()).collect();
        self.next.replace(next);
        Ok(listeners)
    }

    /// What was prepared last is in force, or never will be.
    pub fn decide(&self, in_force: bool) {
        let next = self.next.take();
        if in_force {
            let before = self.kept.replace(next);
            let kept = self.kept.borrow();
            let is_kept =
                |one: &Kept| kept.iter().any(|other| Arc::ptr_eq(&one.listener, &other.listener));
            let gone = before.iter().filter(|one| !is_kept(one));
            self.gone.replace(gone.map(|one| one.listener.address).collect());
        }
    }

    /// Addresses in force, with their real ports.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.kept.borrow().iter().map(|kept| kept.listener.address).collect()
    }

    /// From now on only workers hold sockets.
    pub fn let_go(&self) {
        self.kept.take();
    }

    /// Every socket once more. Those that the kernel refuses to double are not offered.
    pub fn offers(&self) -> Vec<Offer> {
        let offer = |kept: &Kept| {
            let doubled = kept.sockets.iter().filter_map(|socket| socket.try_clone().ok());
            let sockets: Vec<OwnedFd> = doubled.map(OwnedFd::from).collect();
            Offer { name: format!("{LISTEN}{}", kept.listener.configured), sockets }
        };
        self.kept.borrow().iter().map(offer).filter(|offer| !offer.sockets.is_empty()).collect()
    }

    fn open(&self, address: SocketAddr, inherited: &mut Vec<Inherited>) -> Result<Kept, BindFault> {
        let opened = match inherited.iter().position(|one| one.address == address) {
            Some(at) => Listener::inherit(address, inherited.remove(at).sockets, self.workers),
            None => self.open_anew(address),
        };
        let Opened { listener, sockets } = opened?;
        Ok(Kept { listener: Arc::new(listener), sockets: sockets.into() })
    }

    /// Workers may be about to close sockets of the very same address.
    fn open_anew(&self, address: SocketAddr) -> Result<Opened, BindFault> {
        let mut left = if self.gone.borrow().contains(&address) { TRIES } else { 0 };
        loop {
            match Listener::open(address, self.workers) {
                Err(fault) if left > 0 && fault.error.kind() == ErrorKind::AddrInUse => left -= 1,
                opened => return opened,
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "no worker: the control thread may wait"
            )]
            std::thread::sleep(PAUSE);
        }
    }
}

/// The configured address that sockets were offered for.
pub(super) fn address_offered(name: &str) -> Option<SocketAddr> {
    name.strip_prefix(LISTEN)?.parse().ok()
}

/// What cannot be listened on, in one line.
pub(super) fn told(BindFault { address, error }: &BindFault) -> String {
    match error.kind() {
        ErrorKind::AddrInUse => {
            format!("{address} is in use by another process; stop it or choose another --listen")
        }
        ErrorKind::PermissionDenied if address.port() < 1_024 => format!(
            "cannot listen on {address}: ports below 1024 need CAP_NET_BIND_SERVICE or socket \
             activation"
        ),
        _ => format!("cannot listen on {address}: {error}"),
    }
}

const LISTEN: &str = "listen ";
/// An idle worker closes what it was told to within a millisecond.
const PAUSE: Duration = Duration::from_millis(10);
const TRIES: u32 = 100;

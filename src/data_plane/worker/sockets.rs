//! Listening sockets: one per worker and address, so that the kernel spreads connections. Made
//! here, or taken over from another process or a service manager.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use crate::shared::handed::Handed;

/// An address that cannot be listened on, and why.
#[derive(Debug)]
pub struct BindFault {
    /// The address as configured.
    pub address: SocketAddr,
    /// What the kernel says.
    pub error: io::Error,
}

/// One address that is listened on, with the sockets that workers have not taken yet.
#[derive(Debug)]
pub struct Listener {
    /// With its real port.
    pub address: SocketAddr,
    /// As configured.
    pub configured: SocketAddr,
    /// By worker.
    seats: Box<[Handed<TcpListener>]>,
}

/// A listener, and its sockets once more for who may have to hand them on.
#[derive(Debug)]
pub struct Opened {
    /// For the workers.
    pub listener: Listener,
    /// Must be dropped for the address to be free again.
    pub sockets: Vec<TcpListener>,
}

impl Listener {
    /// Listens on `configured` once per worker. `SO_REUSEPORT` would let a second gateway share the
    /// port in silence, so the address is first bound without it; port 0 is picked by that bind.
    ///
    /// # Errors
    /// The address and what the kernel says.
    pub fn open(configured: SocketAddr, workers: usize) -> Result<Opened, BindFault> {
        let fault = |error| BindFault { address: configured, error };
        let address = claim(configured).map_err(fault)?;
        let sockets: io::Result<Vec<_>> = (0..workers).map(|_| listen(address)).collect();
        sockets.and_then(|sockets| Self::seated(configured, sockets, workers)).map_err(fault)
    }

    /// Goes on listening with sockets that another process made: each is served by some worker,
    /// and each worker serves one.
    ///
    /// # Errors
    /// The address and what the kernel says.
    pub fn inherit(
        configured: SocketAddr,
        sockets: Vec<OwnedFd>,
        workers: usize,
    ) -> Result<Opened, BindFault> {
        let ready = |socket: OwnedFd| {
            let socket = Socket::from(socket);
            socket.set_nonblocking(true)?;
            socket.set_tcp_nodelay(true)?;
            Ok(socket.into())
        };
        let sockets: io::Result<Vec<_>> = sockets.into_iter().map(ready).collect();
        let seated = sockets.and_then(|sockets| Self::seated(configured, sockets, workers));
        seated.map_err(|error| BindFault { address: configured, error })
    }

    /// The next socket for the worker with this number.
    pub fn take(&self, worker: usize) -> Option<TcpListener> {
        self.seats.get(worker)?.take()
    }

    fn seated(
        configured: SocketAddr,
        sockets: Vec<TcpListener>,
        workers: usize,
    ) -> io::Result<Opened> {
        let first = sockets.first().ok_or(io::ErrorKind::InvalidInput)?;
        let address = first.local_addr()?;
        let mut seats: Vec<Vec<TcpListener>> = (0..workers.max(1)).map(|_| Vec::new()).collect();
        let rounds = sockets.len().max(seats.len());
        let count = seats.len();
        for (round, socket) in sockets.iter().cycle().take(rounds).enumerate() {
            if let Some(seat) = seats.get_mut(round % count) {
                seat.push(socket.try_clone()?);
            }
        }
        let seats = seats.into_iter().map(Handed::new).collect();
        Ok(Opened { listener: Self { address, configured, seats }, sockets })
    }
}

/// The address that a socket of another process listens on.
///
/// # Errors
/// When it is no TCP socket that listens.
pub fn address_of(socket: &OwnedFd) -> io::Result<SocketAddr> {
    let socket = SockRef::from(socket);
    let listens = socket.is_listener()? && socket.r#type()? == Type::STREAM;
    let address = socket.local_addr()?.as_socket().filter(|_| listens);
    address.ok_or_else(|| io::Error::other("it is not a TCP socket that listens"))
}

fn claim(address: SocketAddr) -> io::Result<SocketAddr> {
    let socket = socket(address)?;
    socket.bind(&address.into())?;
    // Listening is what another process on the same port refuses.
    socket.listen(1)?;
    socket
        .local_addr()?
        .as_socket()
        .ok_or_else(|| io::Error::other("the kernel gave no internet address"))
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = socket(address)?;
    socket.set_reuse_port(true)?;
    // Accepted sockets inherit it: no system call per connection.
    socket.set_tcp_nodelay(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr) -> io::Result<Socket> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    Ok(socket)
}

/// Connections the kernel queues per worker; it caps this at `net.core.somaxconn`.
const BACKLOG: i32 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn any() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    fn taken(listener: &Listener, worker: usize) -> usize {
        let taken = std::iter::from_fn(|| listener.take(worker));
        taken.inspect(|s| assert_eq!(s.local_addr().unwrap(), listener.address)).count()
    }

    #[test]
    fn every_worker_gets_the_same_port_and_a_second_claim_is_refused() {
        let Opened { listener, sockets } = Listener::open(any(), 2).unwrap();
        assert_eq!(sockets.len(), 2);
        assert_eq!((taken(&listener, 0), taken(&listener, 1), taken(&listener, 2)), (1, 1, 0));
        let again = Listener::open(listener.address, 1).unwrap_err();
        assert_eq!(again.error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(again.address, listener.address);
    }

    #[test]
    fn of_inherited_sockets_each_is_served_and_each_worker_serves_one() {
        for (sockets, workers, seats) in [(1, 3, [1, 1, 1]), (3, 2, [2, 1, 0]), (2, 2, [1, 1, 0])] {
            let first = Listener::open(any(), sockets).unwrap();
            let fds: Vec<OwnedFd> = first.sockets.into_iter().map(OwnedFd::from).collect();
            assert_eq!(address_of(&fds[0]).unwrap(), first.listener.address);
            let second = Listener::inherit(any(), fds, workers).unwrap();
            assert_eq!(second.listener.address, first.listener.address);
            for (worker, count) in seats.into_iter().enumerate() {
                assert_eq!(taken(&second.listener, worker), count, "{sockets} for {workers}");
            }
        }
    }

    #[test]
    fn what_does_not_listen_is_not_inherited() {
        let connected = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        assert!(address_of(&connected.into()).is_err());
    }
}

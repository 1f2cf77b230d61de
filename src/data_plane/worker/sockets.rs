//! Listening sockets: one per worker and address, so that the kernel spreads connections.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// An address that cannot be listened on, and why.
#[derive(Debug)]
pub struct BindFault {
    /// The address as configured.
    pub address: SocketAddr,
    /// What the kernel says.
    pub error: io::Error,
}

/// The sockets of all workers for one configured address.
#[derive(Debug)]
pub struct Bound {
    /// The address with its real port.
    pub address: SocketAddr,
    /// One socket per worker, listening.
    pub sockets: Vec<TcpListener>,
}

/// Listens on `address` once per worker. `SO_REUSEPORT` would let a second gateway share the port
/// in silence, so the address is first bound without it; port 0 is picked by that bind.
///
/// # Errors
/// The address and what the kernel says.
pub fn bind(address: SocketAddr, workers: usize) -> Result<Bound, BindFault> {
    let fault = |error| BindFault { address, error };
    let address = claim(address).map_err(fault)?;
    let sockets: io::Result<Vec<_>> = (0..workers).map(|_| listen(address)).collect();
    Ok(Bound { address, sockets: sockets.map_err(fault)? })
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

    #[test]
    fn every_worker_gets_the_same_port_and_a_second_claim_is_refused() {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let bound = bind(any, 2).unwrap();
        assert_eq!(bound.sockets.len(), 2);
        for socket in &bound.sockets {
            assert_eq!(socket.local_addr().unwrap(), bound.address);
        }
        let again = bind(bound.address, 1).unwrap_err();
        assert_eq!(again.error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(again.address, bound.address);
    }
}

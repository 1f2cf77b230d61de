//! One thread, one monoio runtime, one listening socket.
//!
//! Never shares a connection with another worker. A panic here is a bug of the mock and ends the
//! process.

use std::cell::RefCell;
use std::io;
use std::net::TcpListener as StdListener;
use std::rc::Rc;
use std::sync::Arc;

use monoio::net::{TcpListener, TcpStream};
use monoio::time::TimeDriver;
use monoio::{IoUringDriver, LegacyDriver, Runtime, RuntimeBuilder};

use crate::args::Driver;
use crate::connection;
use crate::fast::Fast;
use crate::link::{Link, Socket};
use crate::send::Finish;
use crate::shared::Shared;

/// What the connections of one worker share.
pub struct Local {
    pub fast: RefCell<Fast>,
    pub index: usize,
    pub shared: Arc<Shared>,
}

/// Runs one worker on this thread until the process ends; `ready` gets the driver's name, or why
/// there is none.
pub fn run(
    index: usize,
    shared: Arc<Shared>,
    listener: StdListener,
    driver: Driver,
    ready: impl FnOnce(io::Result<&'static str>),
) {
    let fast = RefCell::new(Fast::new(u16::try_from(index).unwrap_or(u16::MAX)));
    let local = Rc::new(Local { fast, index, shared });
    match build(driver) {
        Ok(Built::Uring(mut runtime)) => {
            // A non-blocking socket would make io_uring answer EAGAIN instead of waiting.
            ready(listener.set_nonblocking(false).map(|()| "io_uring"));
            runtime.block_on(accept_loop(local, listener));
        }
        Ok(Built::Epoll(mut runtime)) => {
            ready(listener.set_nonblocking(true).map(|()| "epoll"));
            runtime.block_on(accept_loop(local, listener));
        }
        Err(error) => ready(Err(error)),
    }
}

enum Built {
    Epoll(Runtime<TimeDriver<LegacyDriver>>),
    Uring(Runtime<TimeDriver<IoUringDriver>>),
}

fn build(driver: Driver) -> io::Result<Built> {
    let epoll = || RuntimeBuilder::<LegacyDriver>::new().enable_timer().build().map(Built::Epoll);
    match driver {
        Driver::Auto => build_uring().or_else(|_| epoll()),
        Driver::Epoll => epoll(),
        Driver::IoUring => build_uring(),
    }
}

/// Tries the cheap completion modes first; older kernels refuse their flags.
fn build_uring() -> io::Result<Built> {
    let build = |urb: io_uring::Builder| {
        RuntimeBuilder::<IoUringDriver>::new()
            .uring_builder(urb)
            .with_entries(RING_ENTRIES)
            .enable_timer()
            .build()
            .map(Built::Uring)
    };
    let mut deferred = io_uring::IoUring::builder();
    deferred.setup_single_issuer().setup_defer_taskrun();
    let mut cooperative = io_uring::IoUring::builder();
    cooperative.setup_coop_taskrun();
    build(deferred).or_else(|_| build(cooperative)).or_else(|_| build(io_uring::IoUring::builder()))
}

async fn accept_loop(local: Rc<Local>, listener: StdListener) {
    let listener = TcpListener::from_std(listener).expect("the driver takes any open socket");
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                monoio::spawn(connect(Rc::clone(&local), stream));
            }
            Err(error) => {
                // Out of descriptors: connections that end will free some.
                eprintln!("mock: accept: {error}");
                monoio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn connect(local: Rc<Local>, stream: TcpStream) {
    // A peer that is already gone shows at the first read.
    let _ = stream.set_nodelay(true);
    let counters = local.shared.counters(local.index);
    counters.inspect(|counters| counters.accepted());
    if let Some(fault) = local.shared.take_accept_fault() {
        let mut link = Link::new(Socket::Plain(stream), Vec::new());
        if fault == Finish::Stall {
            link.wait(None, true).await;
        }
        link.close(fault).await;
    } else if let Some(config) = local.shared.tls() {
        // A failed handshake has told its reason in an alert.
        if let Ok((socket, early)) = Socket::accept_tls(stream, config).await {
            connection::serve(Link::new(socket, early), &local).await;
        }
    } else {
        connection::serve(Link::new(Socket::Plain(stream), Vec::new()), &local).await;
    }
    counters.inspect(|counters| counters.closed());
}

const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
const RING_ENTRIES: u32 = 4096;

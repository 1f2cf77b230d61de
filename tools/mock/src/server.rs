//! Binds the sockets, starts the workers, tells the address.
//!
//! Never serves anything itself.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};

use socket2::{Domain, Protocol, Socket, Type};

use crate::args::Args;
use crate::shared::Shared;
use crate::worker;

/// Runs until the process is ended; returns only when it cannot go on.
pub fn run(args: &Args) -> Result<(), String> {
    let shared = Arc::new(Shared::new(args)?);
    let (address, listeners) =
        bind(args).map_err(|error| format!("cannot listen on {}: {error}", args.listen))?;
    let scheme = if shared.tls().is_some() { "https" } else { "http" };
    let (ready, started) = mpsc::channel();
    let mut threads = Vec::new();
    for (index, listener) in listeners.into_iter().enumerate() {
        let (shared, ready, driver) = (Arc::clone(&shared), ready.clone(), args.driver);
        let tell = move |driver| {
            // The receiver lives until all have told.
            let _ = ready.send(driver);
        };
        let thread = std::thread::Builder::new()
            .name(format!("mock-{index}"))
            .spawn(move || worker::run(index, shared, listener, driver, tell));
        threads.push(thread.map_err(|error| format!("cannot start a thread: {error}"))?);
    }
    for _ in &threads {
        let driver = started.recv().map_err(|_| "a worker died at its start")?;
        let driver = driver.map_err(|error| format!("no runtime: {error}"))?;
        eprintln!("mock: worker on {driver}");
    }
    announce(&format!("{scheme}://{address}"), args.json)
        .map_err(|error| format!("cannot tell the address: {error}"))?;
    if args.stdin_guard {
        std::thread::spawn(|| {
            // Whatever stdin says, its end is the end.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            std::process::exit(0);
        });
    }
    for thread in threads {
        if thread.join().is_err() {
            return Err("a worker panicked".to_owned());
        }
    }
    Err("all workers ended".to_owned())
}

fn announce(url: &str, as_json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if as_json {
        writeln!(out, r#"{{"listening":"{url}"}}"#)?;
    } else {
        writeln!(out, "listening {url}")?;
    }
    out.flush()
}

/// One socket per worker on the same port. The first bind is without `SO_REUSEPORT`, so that a port
/// in use is an error and not a silent share.
fn bind(args: &Args) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    let workers = args.workers.get();
    let first = listener(args, args.listen, false)?;
    let address = first.local_addr()?;
    if workers == 1 {
        return Ok((address, vec![first]));
    }
    drop(first);
    let listeners: io::Result<_> = (0..workers).map(|_| listener(args, address, true)).collect();
    Ok((address, listeners?))
}

fn listener(args: &Args, address: SocketAddr, shares_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shares_port)?;
    if let Some(bytes) = args.recv_buffer {
        // Accepted sockets inherit it.
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

const BACKLOG: i32 = 4096;

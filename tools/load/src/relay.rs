//! A TCP relay that looks at nothing: what any proxy on this runtime must at least cost.
//!
//! Never parses, pools or counts; each accepted connection gets one of its own to the target.

use std::io::{self, Write as _};
use std::net::SocketAddr;

use monoio::io::{AsyncReadRent, AsyncWriteRent, AsyncWriteRentExt as _, Splitable as _};
use monoio::net::{TcpListener, TcpStream};
use tidegate_tools::ladder;

use crate::args::Relay;
use crate::plan::rung;

/// Runs until the process is ended.
pub fn run(relay: &Relay) -> Result<bool, String> {
    let rung = rung(relay.driver)?;
    let cannot = |error: io::Error| format!("cannot listen on {}: {error}", relay.listen);
    let listener = std::net::TcpListener::bind(relay.listen).map_err(cannot)?;
    // A non-blocking socket would make io_uring answer EAGAIN instead of waiting.
    listener.set_nonblocking(rung == ladder::Rung::Epoll).map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let mut out = io::stdout().lock();
    writeln!(out, "listening http://{address}").and_then(|()| out.flush()).map_err(cannot)?;
    drop(out);
    ladder::drive(rung, accept_loop(listener, relay.to))
        .and_then(|done| done)
        .map_err(|error| error.to_string())?;
    Ok(true)
}

async fn accept_loop(listener: std::net::TcpListener, to: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(monoio::spawn(serve(stream, to))),
            Err(error) => {
                // Out of descriptors: connections that end will free some.
                eprintln!("relay: accept: {error}");
                monoio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(downstream: TcpStream, to: SocketAddr) {
    // A target that is gone shows to the client as a closed connection.
    let Ok(upstream) = TcpStream::connect_addr(to).await else { return };
    let _ = (downstream.set_nodelay(true), upstream.set_nodelay(true));
    let (mut client_read, mut client_write) = downstream.into_split();
    let (mut server_read, mut server_write) = upstream.into_split();
    monoio::spawn(async move {
        copy(&mut client_read, &mut server_write).await;
    });
    copy(&mut server_read, &mut client_write).await;
}

/// Until the end of `from`; one write per read.
async fn copy(from: &mut impl AsyncReadRent, to: &mut impl AsyncWriteRent) {
    let mut buffer = Vec::with_capacity(BUFFER_FIRST);
    loop {
        let (result, filled) = from.read(buffer).await;
        buffer = filled;
        if !matches!(result, Ok(1..)) {
            break;
        }
        let is_full = buffer.len() == buffer.capacity();
        let (result, written) = to.write_all(buffer).await;
        if result.is_err() {
            return;
        }
        buffer = written;
        if is_full && buffer.capacity() < BUFFER_MAX {
            buffer = Vec::with_capacity(buffer.capacity() * 4);
        }
        buffer.clear();
    }
    // The other side may be gone.
    let _ = to.shutdown().await;
}

const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(10);
const BUFFER_FIRST: usize = 16 << 10;
const BUFFER_MAX: usize = 256 << 10;

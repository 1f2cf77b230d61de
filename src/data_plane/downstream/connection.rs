//! One client connection: exchanges one after another until either side has enough.

use std::rc::Rc;

use super::request::{HeadFault, Request};
use crate::config::snapshot::Snapshot;
use crate::data_plane::exchange::{self, Next};
use crate::data_plane::io::buffer::Buffer;
use crate::data_plane::io::fault::{Cause, Fault, Wait};
use crate::data_plane::io::stream::{Idled, Stream};
use crate::data_plane::io::tls::server_session;
use crate::data_plane::io::watch::Idle;
use crate::data_plane::worker::local::Local;
use crate::protocol::http1::parse::{HeadLimits, RequestParser};
use crate::shared::clock::Millis;
use crate::shared::lifecycle::Phase;

/// A client connection with what was read and not yet used.
#[derive(Debug)]
pub struct Connection {
    /// The request that is being read is a HEAD: its answer has no body, even as a refusal.
    pub asks_head: bool,
    /// Read and not yet used. Without capacity while the connection idles.
    pub buffer: Buffer,
    /// The worker's own state.
    pub local: Rc<Local>,
    /// The connection.
    pub stream: Stream,
    /// Behind the stream: its socket is closed before it is no longer counted.
    _counted: Counted,
}

/// Serves one plain connection to its end. While it idles it holds a few hundred bytes: all that
/// is needed while it is busy lives in a block of its own, and only for so long. No `async fn`,
/// which would keep what it is given twice: 640 bytes instead of 320.
pub fn serve(counted: Counted, stream: Stream) -> impl Future<Output = ()> {
    let mut connection = Connection::new(counted, stream);
    async move {
        let mut served = false;
        while connection.wait(served).await {
            if Box::pin(connection.serve_while_busy()).await == Next::Close {
                break;
            }
            served = true;
        }
        if connection.stream.is_tls() {
            Box::pin(connection.stream.close((Wait::WriteStall, Some(CLOSE_MS)))).await;
        }
    }
}

/// Serves one connection on which TLS is spoken: after the handshake like a plain one.
pub async fn serve_secured(counted: Counted, stream: Stream) {
    if let Some(stream) = Box::pin(secured(&counted.0, stream)).await {
        Box::pin(serve(counted, stream)).await;
    }
}

/// The connection after the handshake. `None` when that failed; it is counted then.
async fn secured(local: &Rc<Local>, stream: Stream) -> Option<Stream> {
    let setup = local.setup();
    let Some(config) = setup.tls.downstream() else { return Some(stream) };
    let limit = (Wait::TlsHandshake, Some(setup.snapshot.timeouts.tls_handshake.0));
    let shaken = match server_session(config) {
        Ok(session) => Box::pin(stream.handshake(session, &local.buffers, limit)).await,
        Err(fault) => Err(fault),
    };
    let counters = &local.cell().counters;
    match &shaken {
        Err(Fault::Ended(Cause::Deadline(_))) => counters.handshakes.timed_out(),
        // Left before it said anything: a look at the port, as balancers take.
        Ok(_) | Err(Fault::Io(_) | Fault::Ended(_)) => {}
        Err(Fault::Tls(_)) => counters.handshakes.refused(),
    }
    shaken.ok()
}

/// A connection that is counted for as long as its task lives, however it ends.
#[derive(Debug)]
pub struct Counted(Rc<Local>);

impl Counted {
    /// Counts one more on this worker.
    pub fn new(local: &Rc<Local>) -> Self {
        local.cell().counters.connection_opened();
        Self(local.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.cell().counters.connection_closed();
        if self.0.shared.lifecycle.phase() > Phase::LameDuck {
            self.0.cell().wake.wake();
        }
    }
}

impl Connection {
    fn new(counted: Counted, stream: Stream) -> Self {
        let local = counted.0.clone();
        Self { asks_head: false, buffer: Buffer::default(), local, stream, _counted: counted }
    }

    /// Waits empty handed until there is something to read; false when nothing will come.
    async fn wait(&mut self, served: bool) -> bool {
        self.release_if_empty();
        if self.is_over(served) {
            return false;
        }
        self.stream.watch().set_idle(if served { Idle::Next } else { Idle::First });
        let keep_alive = (Wait::KeepAlive, Some(self.local.keep_alive_ms()));
        let waited = self.stream.readable(keep_alive).await;
        // Before any read: a drain that ended it would take what it read along.
        self.stream.watch().set_idle(Idle::No);
        match waited {
            Ok(()) => true,
            // A request that came together with the drain or the deadline is still served.
            Err(Fault::Ended(Cause::Drain | Cause::Deadline(_))) => {
                self.stream.watch().forgive();
                true
            }
            Err(_) => false,
        }
    }

    /// One exchange after another for as long as the next request follows at once. A busy
    /// connection keeps its block of memory while it waits, which saves building it anew.
    async fn serve_while_busy(&mut self) -> Next {
        if !self.read_first().await {
            return Next::Close;
        }
        loop {
            if self.serve_one().await == Next::Close {
                return Next::Close;
            }
            if !self.buffer.is_empty() {
                continue;
            }
            self.release_if_empty();
            if self.is_over(true) {
                return Next::Close;
            }
            if !self.local.parking.try_enter() {
                return Next::KeepAlive;
            }
            self.stream.watch().set_idle(Idle::Next);
            let came = self.read_or_park().await;
            self.stream.watch().set_idle(Idle::No);
            match came {
                Some(true) => {}
                Some(false) => return Next::Close,
                None => return Next::KeepAlive,
            }
        }
    }

    /// Whether an idle connection is not waited for any more. What its client has sent already is
    /// still served.
    fn is_over(&mut self, served: bool) -> bool {
        let phase = self.local.shared.lifecycle.phase();
        let ends = phase >= Phase::Draining || served && phase == Phase::HandedOver;
        ends && !self.stream.has_input()
    }

    /// One request, whose first bytes are here, and its answer.
    async fn serve_one(&mut self) -> Next {
        let setup = self.local.setup();
        let request = match self.read_head(&setup.snapshot).await {
            Ok(request) => request,
            Err(fault) => return exchange::refuse_head(self, &setup.snapshot, fault).await,
        };
        let used = exchange::run(self, &request, setup).await;
        self.take_back(request.buffer, used.bytes);
        used.next
    }

    /// Keeps what came behind a request that used the first `used` bytes of its buffer.
    fn take_back(&mut self, mut buffer: Buffer, used: usize) {
        buffer.consume(used);
        if buffer.is_empty() || !self.buffer.is_empty() {
            self.local.buffers.put(buffer);
        } else {
            self.release_if_empty();
            self.buffer = buffer;
        }
    }

    /// Reads the rest of a head whose first bytes are here.
    async fn read_head(&mut self, snapshot: &Snapshot) -> Result<Request, HeadFault> {
        let limits = HeadLimits {
            fields_max: snapshot.limits.headers,
            head_bytes_max: snapshot.limits.head_bytes,
            line_bytes_max: REQUEST_LINE_BYTES_MAX,
        };
        let mut parser = RequestParser::new(limits);
        let deadline = Millis::now().plus(snapshot.timeouts.client_head.0);
        loop {
            self.asks_head = self.buffer.filled().starts_with(b"HEAD ");
            if let Some(head) = parser.parse(self.buffer.filled())? {
                let buffer = std::mem::take(&mut self.buffer);
                let mut request = Request::new(head, buffer)?;
                self.buffer = request.split_off_begun();
                return Ok(request);
            }
            self.read_more(deadline, snapshot.limits.head_bytes).await?;
        }
    }

    /// Waits for the next request for a while, and reads of it. `None` = nothing came.
    async fn read_or_park(&mut self) -> Option<bool> {
        let idled = self.stream.read_or_park(&self.local.buffers, PARK_MS).await;
        self.local.parking.leave();
        match idled {
            Ok(Idled::Read(buffer)) => {
                self.buffer = buffer;
                Some(true)
            }
            Ok(Idled::Parked) => None,
            Ok(Idled::Ended) | Err(_) => Some(false),
        }
    }

    /// Reads what was waited for; false when that is the end.
    async fn read_first(&mut self) -> bool {
        // What is readable may be a part of a TLS record, of which the rest is awaited.
        let head_ms = self.local.setup().snapshot.timeouts.client_head.0;
        let head_ms = self.stream.is_tls().then_some(head_ms);
        let buffer = self.local.buffers.take_small();
        let (read, buffer) = self.stream.read(buffer, (Wait::ClientHead, head_ms)).await;
        self.buffer = buffer;
        match read {
            Ok(n) => n > 0,
            // To be told so.
            Err(fault) => matches!(fault, Fault::Ended(Cause::Deadline(Wait::ClientHead))),
        }
    }

    /// Reads more of a head that has begun.
    async fn read_more(&mut self, deadline: Millis, head_bytes: usize) -> Result<(), HeadFault> {
        let left = deadline.since(Millis::now());
        if left == 0 {
            return Err(HeadFault::Timeout(Wait::ClientHead));
        }
        if self.buffer.spare() == 0 {
            let wanted = (self.buffer.capacity() * 2).min(head_bytes + HEAD_SLACK);
            self.buffer.grow(wanted.max(self.buffer.len() + 1));
        }
        let buffer = std::mem::take(&mut self.buffer);
        let (read, buffer) = self.stream.read(buffer, (Wait::ClientHead, Some(left))).await;
        self.buffer = buffer;
        match read {
            Ok(0) => Err(HeadFault::Quiet),
            Ok(_) => Ok(()),
            Err(Fault::Ended(Cause::Deadline(wait))) => Err(HeadFault::Timeout(wait)),
            Err(_) => Err(HeadFault::Quiet),
        }
    }

    /// Gives the buffer back while there is nothing in it.
    pub(super) fn release_if_empty(&mut self) {
        if self.buffer.is_empty() && self.buffer.capacity() > 0 {
            self.local.buffers.put(std::mem::take(&mut self.buffer));
        }
    }
}

/// How long a peer may take to take in the end of a connection.
const CLOSE_MS: u64 = 2_000;
/// How long a busy connection keeps its block of memory.
const PARK_MS: u64 = 1_000;
/// The longest request line in bytes; over it 414 (HARDENING 2).
const REQUEST_LINE_BYTES_MAX: usize = 8 * 1024;
/// Room behind the largest head, so that a body's first bytes come along.
const HEAD_SLACK: usize = 4 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn future_bytes<F: Future>(_: impl Fn(Counted, Stream) -> F) -> usize {
        size_of::<F>()
    }

    /// The allocator has blocks of 320 bytes. With its slot in the table of watches, its task and
    /// the operation it waits for it stays below 1 KiB.
    #[test]
    fn an_idle_connection_is_a_small_future() {
        let bytes = future_bytes(serve);
        assert!(bytes <= 320, "{bytes} bytes");
    }
}

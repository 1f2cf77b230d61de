//! One connection: what was read and not yet used, writes, waits that notice the peer's leaving,
//! closes.
//!
//! Never drops a read or a write half way; only readiness waits are given up.

mod socket;
mod tls;

use std::future::Future;
use std::io;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

pub use socket::{Read, Socket};
pub use tls::{Config, load as load_tls};

use tidegate_tools::tick;

use crate::send::Finish;

/// A connection and its inbound buffer.
pub struct Link {
    inbound: Vec<u8>,
    peer_left: bool,
    socket: Socket,
    taken: usize,
}

/// Why a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    PeerLeft,
    Time,
}

impl Link {
    /// Wraps a fresh connection and what was already read from it.
    pub fn new(socket: Socket, inbound: Vec<u8>) -> Self {
        Self { inbound, peer_left: false, socket, taken: 0 }
    }

    /// What was read and not consumed.
    pub fn unread(&self) -> &[u8] {
        self.inbound.get(self.taken..).unwrap_or_default()
    }

    /// Marks the first `count` unread bytes as used.
    pub fn consume(&mut self, count: usize) {
        self.taken += count;
        if self.taken >= self.inbound.len() {
            self.inbound.clear();
            self.taken = 0;
        }
    }

    /// Reads once, at most `limit` bytes. False when the peer has left.
    pub async fn fill(&mut self, limit: usize) -> bool {
        if self.taken > 0 {
            self.inbound.drain(..self.taken);
            self.taken = 0;
        }
        loop {
            let inbound = std::mem::take(&mut self.inbound);
            let (read, inbound) = self.socket.read(inbound, limit).await;
            self.inbound = inbound;
            match read {
                Ok(Read::Bytes) => return true,
                Ok(Read::Nothing) => {}
                Ok(Read::End) | Err(_) => {
                    self.peer_left = true;
                    return false;
                }
            }
        }
    }

    /// Writes all of `bytes`; gives the emptied buffer back.
    pub async fn write(&mut self, bytes: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        let (result, mut bytes) = self.socket.write(bytes).await;
        bytes.clear();
        self.peer_left |= result.is_err();
        (result, bytes)
    }

    /// Waits for `time`, or for ever. With `watch` it ends early when the peer leaves; bytes that
    /// come meanwhile are kept up to `WATCH_MAX`, beyond which the kernel holds them.
    pub async fn wait(&mut self, time: Option<Duration>, watch: bool) -> Waited {
        let until = time.map(|time| Instant::now() + time);
        loop {
            let left = until.map(|until| until.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Waited::Time;
            }
            if self.peer_left && watch {
                return Waited::PeerLeft;
            }
            if !watch || self.unread().len() >= WATCH_MAX {
                // Readiness would tell of the unread bytes only, so look for the hang-up itself.
                sleep(left.unwrap_or(LOOK_EVERY).min(LOOK_EVERY)).await;
                if watch && self.socket.is_hung_up() {
                    self.peer_left = true;
                }
                continue;
            }
            if !is_readable_within(&self.socket, left).await {
                return Waited::Time;
            }
            let inbound = std::mem::take(&mut self.inbound);
            let (read, inbound) = self.socket.read(inbound, WATCH_MAX).await;
            self.inbound = inbound;
            if matches!(read, Ok(Read::End) | Err(_)) {
                self.peer_left = true;
                return Waited::PeerLeft;
            }
        }
    }

    /// Waits for the peer's FIN or RST without reading. A FIN behind bytes that the kernel has no
    /// room for never shows.
    pub async fn wait_hang_up(&mut self) {
        while !self.socket.is_hung_up() {
            monoio::time::sleep(LOOK_EVERY).await;
        }
        self.peer_left = true;
    }

    /// Ends the connection as `finish` says; `Keep` and `Stall` just drop it.
    pub async fn close(mut self, finish: Finish) {
        match finish {
            Finish::Close => self.socket.close_notify().await,
            Finish::Reset => self.socket.reset_on_drop(),
            Finish::Cut | Finish::Keep | Finish::Stall => {}
        }
        if matches!(finish, Finish::Close | Finish::Cut) {
            self.socket.shutdown().await;
            // Closing with unread bytes would turn the FIN into a RST.
            self.linger().await;
        }
    }

    async fn linger(&mut self) {
        let until = Instant::now() + LINGER;
        let mut scratch = Vec::new();
        while !self.peer_left {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || !is_readable_within(&self.socket, Some(left)).await {
                return;
            }
            scratch.clear();
            let (read, buffer) = self.socket.read_raw(scratch, WATCH_MAX).await;
            scratch = buffer;
            self.peer_left = !matches!(read, Ok(Read::Bytes));
        }
    }
}

/// Precise, so that paced streams keep the phases they began with.
fn sleep(time: Duration) -> tick::Sleep {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    tick::sleep_until(tick::now_ns().saturating_add(nanoseconds))
}

/// False when `time` passed first. Only waits that own no buffer are raced.
async fn is_readable_within(socket: &Socket, time: Option<Duration>) -> bool {
    let mut readable = pin!(socket.readable());
    let Some(time) = time else {
        readable.await;
        return true;
    };
    let mut sleep = pin!(sleep(time));
    std::future::poll_fn(|cx| {
        if readable.as_mut().poll(cx).is_ready() {
            return Poll::Ready(true);
        }
        sleep.as_mut().poll(cx).map(|()| false)
    })
    .await
}

const LOOK_EVERY: Duration = Duration::from_millis(20);
const LINGER: Duration = Duration::from_secs(2);
const WATCH_MAX: usize = 64 << 10;

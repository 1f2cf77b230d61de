//! Idle upstream connections of this worker, newest first. One that owes bytes never gets in.

use std::cell::RefCell;

use crate::data_plane::io::stream::Stream;
use crate::data_plane::io::watch::Peer;
use crate::shared::clock::Millis;

/// Idle connections by origin, as its number in the pools.
#[derive(Debug, Default)]
pub struct Pool {
    idle: RefCell<Vec<Vec<Idle>>>,
}

#[derive(Debug)]
struct Idle {
    since: Millis,
    stream: Stream,
}

impl Pool {
    /// The newest idle connection to the origin `index` that is still fit: younger than
    /// `idle_ms`, open, and without a byte that nobody asked for. Unfit ones are closed.
    pub async fn checkout(&self, index: usize, idle_ms: u64) -> Option<Stream> {
        loop {
            let newest = self.idle.borrow_mut().get_mut(index)?.pop()?;
            let Idle { since, mut stream } = newest;
            let fresh = Millis::now().since(since) < idle_ms;
            if fresh && stream.watch().peer() == Peer::Open && stream.is_quiet().await {
                return Some(stream);
            }
        }
    }

    /// Keeps a connection whose last response was read to its end. At most `max` in all: over it
    /// the connection is closed.
    pub fn checkin(&self, index: usize, stream: Stream, max: usize) {
        let mut idle = self.idle.borrow_mut();
        if idle.iter().map(Vec::len).sum::<usize>() >= max {
            return;
        }
        while idle.len() <= index {
            idle.push(Vec::new());
        }
        if let Some(stack) = idle.get_mut(index) {
            stack.push(Idle { since: Millis::now(), stream });
        }
    }

    /// Closes what idled for `idle_ms` or was closed by its peer.
    pub fn sweep(&self, idle_ms: u64) {
        let now = Millis::now();
        for stack in self.idle.borrow_mut().iter_mut() {
            stack.retain(|i| now.since(i.since) < idle_ms && i.stream.watch().peer() == Peer::Open);
        }
    }

    /// Closes all of them.
    pub fn clear(&self) {
        self.idle.borrow_mut().clear();
    }
}

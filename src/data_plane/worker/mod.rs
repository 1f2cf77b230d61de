//! Starts the workers, joins them, and tells the story from accept to exchange.
//!
//! Each worker is one pinned thread with one monoio runtime, its own listeners (`SO_REUSEPORT`),
//! its own upstream connections and its own buffers. A connection never leaves its worker.

pub mod guard;
pub mod local;
pub mod notify;
pub mod pin;
pub mod runtime;

use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;

use super::downstream::listener::accept_loop;
use super::io::readiness::Readiness;
use super::upstream::tls_configs::TlsConfigs;
use crate::shared::Shared;
use crate::shared::lifecycle::Phase;
use local::Local;
use runtime::Rung;

/// What one worker needs to begin.
#[derive(Debug)]
pub struct Seat {
    /// The core to pin to; `None` = leave it to the scheduler.
    pub core: Option<pin::Core>,
    /// Index of the worker.
    pub index: usize,
    /// Its own socket for each address of the configuration, in order.
    pub listeners: Vec<TcpListener>,
    /// How to drive I/O.
    pub rung: Rung,
    /// The state shared with the other threads.
    pub shared: Arc<Shared>,
    /// TLS settings by provider.
    pub tls: TlsConfigs,
}

/// Workers under way.
#[derive(Debug)]
pub struct Workers {
    threads: Vec<JoinHandle<std::io::Result<()>>>,
}

impl Workers {
    /// Starts one thread per seat.
    ///
    /// # Errors
    /// When the kernel refuses a thread.
    pub fn start(seats: Vec<Seat>) -> std::io::Result<Self> {
        let threads: std::io::Result<Vec<_>> = seats
            .into_iter()
            .map(|seat| {
                std::thread::Builder::new()
                    .name(format!("worker-{}", seat.index))
                    .spawn(move || run(seat))
            })
            .collect();
        Ok(Self { threads: threads? })
    }

    /// Whether every worker has ended.
    pub fn are_done(&self) -> bool {
        self.threads.iter().all(JoinHandle::is_finished)
    }

    /// Waits for all workers and returns the first failure.
    ///
    /// # Errors
    /// What a worker could not begin with, or that one panicked outside any connection.
    pub fn join(self) -> std::io::Result<()> {
        let mut outcome = Ok(());
        for thread in self.threads {
            let ended = thread
                .join()
                .unwrap_or_else(|_| Err(std::io::Error::other("a worker thread panicked")));
            outcome = outcome.and(ended);
        }
        outcome
    }
}

/// One worker, from pinning to the end of its drain.
fn run(seat: Seat) -> std::io::Result<()> {
    if let Some(core) = seat.core {
        core.pin_current_thread();
    }
    let rung = seat.rung;
    runtime::drive(rung, async move { serve(seat).await })?
}

async fn serve(seat: Seat) -> std::io::Result<()> {
    let local = Rc::new(Local::new(seat.shared, seat.index, seat.tls, seat.rung)?);
    let bell = Readiness::of(&local.cell().wake)?;
    let hangups = Readiness::of(local.watchers.hangup_fd())?;
    let acceptors = seat.listeners.into_iter().map(|l| accept_loop(local.clone(), l));
    for acceptor in acceptors {
        local.spawn(acceptor);
    }
    let (ear, ticker, keeper) = (local.clone(), local.clone(), local.clone());
    local.spawn(async move {
        while hangups.readable().await.is_ok() {
            ear.watchers.hear_hangups();
        }
    });
    local.spawn(async move { ticker.watchers.tick().await });
    local.spawn(async move { keeper.keep_house().await });
    local.acknowledge();
    loop {
        bell.readable().await?;
        local.cell().wake.silence();
        local.adopt();
        match local.shared.lifecycle.phase() {
            Phase::Running | Phase::LameDuck => {}
            Phase::Draining => local.watchers.end_idle(),
            Phase::Stopping => local.watchers.end_all(),
        }
        local.phase_changed.notify();
        if local.is_done() {
            return Ok(());
        }
    }
}

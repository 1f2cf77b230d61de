//! Starts the workers, joins them, and tells the story from accept to exchange.
//!
//! Each worker is one pinned thread with one monoio runtime, its own listeners (`SO_REUSEPORT`),
//! its own upstream connections and its own buffers. A connection never leaves its worker.

pub mod guard;
pub mod local;
pub mod notify;
pub mod pin;
pub mod request_id;
pub mod runtime;
pub mod sockets;
pub mod waiting;

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::io::readiness::Readiness;
use crate::shared::Shared;
use crate::shared::lifecycle::Phase;
use local::Local;
use runtime::Rung;

/// What one worker needs to begin.
#[derive(Debug)]
pub struct Seat {
    /// Client connections that all workers together may hold.
    pub connection_limit: Option<u64>,
    /// The core to pin to; `None` = leave it to the scheduler.
    pub core: Option<pin::Core>,
    /// Index of the worker.
    pub index: usize,
    /// How to drive I/O.
    pub rung: Rung,
    /// The state shared with the other threads.
    pub shared: Arc<Shared>,
}

/// Starts one thread per seat. A worker that ends says so in its cell; its thread stays, since
/// dropping a runtime with operations in flight would free buffers the kernel still writes (D3).
/// The process ends by `exit`.
///
/// # Errors
/// When the kernel refuses a thread.
pub fn start(seats: Vec<Seat>) -> std::io::Result<()> {
    for seat in seats {
        let name = format!("worker-{}", seat.index);
        std::thread::Builder::new().name(name).spawn(move || run(seat))?;
    }
    Ok(())
}

/// One worker, from pinning to the end of its drain.
fn run(seat: Seat) {
    if let Some(core) = seat.core {
        core.pin_current_thread();
    }
    let (rung, shared, index) = (seat.rung, seat.shared.clone(), seat.index);
    let ended = Ended { index, shared };
    let driven: std::io::Result<()> = runtime::drive(rung, async move {
        if let Err(error) = serve(seat).await {
            eprintln!("tidegate: worker {index} cannot work: {error}");
        }
        drop(ended);
        loop {
            // Driven on: closes of the last connections may not even be submitted yet.
            monoio::time::sleep(FAR).await;
        }
    });
    if let Err(error) = driven {
        eprintln!("tidegate: worker {index} has no runtime: {error}");
    }
}

/// Says that a worker ended, however it did.
struct Ended {
    index: usize,
    shared: Arc<Shared>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        if let Some(cell) = self.shared.workers.get(self.index) {
            cell.end();
        }
        self.shared.bell.wake();
    }
}

async fn serve(seat: Seat) -> std::io::Result<()> {
    let local = Rc::new(Local::new(&seat)?);
    let bell = Readiness::of(&local.cell().wake)?;
    let hangups = Readiness::of(local.watchers.hangup_fd())?;
    local.listen();
    let (ear, ticker, keeper) = (local.clone(), local.clone(), local.clone());
    local.spawn(async move {
        while hangups.readable().await.is_ok() {
            ear.watchers.hear_hangups();
        }
    });
    local.spawn(async move { ticker.watchers.tick().await });
    local.spawn(async move { keeper.keep_house().await });
    local.acknowledge();
    local.shared.bell.wake();
    loop {
        bell.readable().await?;
        local.cell().wake.silence();
        local.adopt();
        local.listen();
        local.call_waiting();
        local.bear_pressure();
        match local.shared.lifecycle.phase() {
            Phase::Running | Phase::LameDuck => {}
            Phase::HandedOver => local.watchers.end_idle(false),
            Phase::Draining => local.watchers.end_idle(true),
            Phase::Stopping => local.watchers.end_upstreams(),
        }
        local.phase_changed.notify();
        if local.is_done() {
            return Ok(());
        }
    }
}

/// With nothing left to wait for.
const FAR: Duration = Duration::from_secs(3_600);

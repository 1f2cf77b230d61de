//! The end of the process in order: lame duck, drain, hard stop (BEHAVIOUR 9).

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::signal::unix::Signal;
use tokio::time::{Instant, interval, sleep_until};

use super::hear;
use super::plane::Plane;
use crate::shared::Shared;
use crate::shared::lifecycle::Phase;
use crate::shared::worker_cell::WorkerCell;

/// The signals that end the process.
#[derive(Debug)]
pub struct Signals {
    /// SIGINT.
    pub interrupt: Signal,
    /// SIGTERM.
    pub terminate: Signal,
}

impl Signals {
    /// Waits for the next one of them.
    pub async fn first(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Drains after the first signal; a second one, or the deadline, ends what is left.
///
/// # Errors
/// When the bell breaks.
pub async fn run(plane: &Plane, bell: &UnixStream, signals: &mut Signals) -> io::Result<ExitCode> {
    let shared = &plane.shared;
    let times = shared.setup.load().snapshot.drain;
    let deadline = Instant::now() + Duration::from(times.deadline);
    advance(shared, Phase::LameDuck);
    tracing::info!(in_flight = shared.in_flight(), "draining");
    let lame_duck = Instant::now() + Duration::from(times.lame_duck);
    tokio::select! {
        () = sleep_until(lame_duck) => {}
        () = signals.first() => return stop(plane, bell).await,
    }
    advance(shared, Phase::Draining);
    finish(plane, bell, signals, deadline).await
}

/// Lets what is under way end, and connections that were opened for a request get an answer to it,
/// while another process serves on the same listeners. A signal or the deadline ends the rest.
///
/// # Errors
/// When the bell breaks.
pub async fn hand_over(
    plane: &Plane,
    bell: &UnixStream,
    signals: &mut Signals,
) -> io::Result<ExitCode> {
    let shared = &plane.shared;
    let deadline = shared.setup.load().snapshot.drain.deadline;
    let deadline = Instant::now() + Duration::from(deadline);
    advance(shared, Phase::HandedOver);
    tracing::info!(in_flight = shared.in_flight(), "handed over to another process: draining");
    finish(plane, bell, signals, deadline).await
}

async fn finish(
    plane: &Plane,
    bell: &UnixStream,
    signals: &mut Signals,
    deadline: Instant,
) -> io::Result<ExitCode> {
    let shared = &plane.shared;
    let mut progress = interval(PROGRESS);
    progress.tick().await;
    while !all_ended(shared) {
        tokio::select! {
            rung = bell.readable() => {
                rung?;
                hear(plane, bell);
            }
            _ = progress.tick() => {
                tracing::info!(in_flight = shared.in_flight(), "still draining");
            }
            () = signals.first() => return stop(plane, bell).await,
            () = sleep_until(deadline) => {
                tracing::warn!(in_flight = shared.in_flight(), "drain.deadline reached");
                return stop(plane, bell).await;
            }
        }
    }
    tracing::info!("drained");
    Ok(ExitCode::SUCCESS)
}

/// Ends every upstream, gives clients a moment to be told, and then ends.
async fn stop(plane: &Plane, bell: &UnixStream) -> io::Result<ExitCode> {
    let shared = &plane.shared;
    advance(shared, Phase::Draining);
    advance(shared, Phase::Stopping);
    tracing::warn!(in_flight = shared.in_flight(), "stopping now");
    let end = Instant::now() + LAST_WORDS;
    while !all_ended(shared) {
        tokio::select! {
            rung = bell.readable() => {
                rung?;
                hear(plane, bell);
            }
            () = sleep_until(end) => break,
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn advance(shared: &Arc<Shared>, phase: Phase) {
    shared.lifecycle.advance(phase);
    shared.wake_all();
}

fn all_ended(shared: &Arc<Shared>) -> bool {
    shared.workers.iter().all(WorkerCell::has_ended)
}

/// How often a drain says how far it is.
const PROGRESS: Duration = Duration::from_secs(10);
/// Time for error events to reach clients when the process stops hard.
const LAST_WORDS: Duration = Duration::from_millis(500);

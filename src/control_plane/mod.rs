//! One ordinary thread that may block. Traffic goes on if it dies.
//!
//! Its tasks: resolve upstream names (`resolve`), write what workers report (`journal`, `log`),
//! carry out signals and commands (`drain`, `reload`), answer operators (`admin`). It publishes and
//! drains; no request ever waits for it.

pub mod admin;
mod drain;
mod events;
mod journal;
pub mod keyring;
pub mod log;
mod metrics;
mod plane;
pub mod reload;
pub mod resolve;
pub mod salt;
mod seal;
mod shape;
pub mod storage;
mod today;

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until};

use crate::shared::Shared;
use crate::shared::clock::Millis;
use crate::shared::worker_cell::WorkerCell;
use plane::{COMMANDS_MAX, Command, Plane};
use reload::Reloads;
use storage::{Left, Storage};

/// What the control plane is given to work with.
pub struct Parts<'a> {
    /// Where the admin API is served; `None` when it is off.
    pub admin: Option<TcpListener>,
    /// How workers wait for the kernel.
    pub driver: &'static str,
    /// Carries out reloads.
    pub reloads: Reloads<'a>,
    /// The state shared with the workers.
    pub shared: Arc<Shared>,
    /// What outlives the process, and what a former one left.
    pub storage: Option<(Storage, Left)>,
}

/// Runs the control plane on this thread until the process is to end.
///
/// `ready` is called once, when every worker serves.
///
/// # Errors
/// When the kernel refuses what the plane cannot do without: its runtime, signals, its bell.
pub fn run(parts: Parts<'_>, ready: impl FnOnce()) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(parts, ready))
}

async fn serve(parts: Parts<'_>, ready: impl FnOnce()) -> io::Result<ExitCode> {
    let Parts { admin, driver, mut reloads, shared, storage } = parts;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut signals = drain::Signals {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
    };
    let bell = UnixStream::from_std(shared.bell.waiting_end()?)?;
    let (commands, mut asked) = mpsc::channel(COMMANDS_MAX);
    let plane = plane(commands, driver, (shared, storage));
    let reloaded = Arc::new(Notify::new());
    let resolver = resolve::keep_resolving(plane.shared.clone(), reloaded.clone());
    let mut tasks = JoinSet::new();
    tasks.spawn(resolver);
    if let Some(listener) = admin {
        tasks.spawn(serve_admin(plane.clone(), listener));
    }
    let mut states = interval(STATES);
    let mut ready = Some(ready);
    // When records that were rung for are looked at: many in one go, since each wake-up of this
    // thread costs more than a record.
    let mut due = None;
    let outcome = loop {
        tokio::select! {
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                due = None;
                journal::drain(&plane);
            }
            rung = bell.readable() => {
                rung?;
                silence(&bell);
                due.get_or_insert_with(|| Instant::now() + GATHER);
                let workers = &plane.shared.workers;
                if workers.iter().any(WorkerCell::has_ended) {
                    // Not draining, so this worker failed and has said why.
                    break ExitCode::FAILURE;
                }
                let have_begun = workers.iter().all(|cell| cell.adopted() > 0);
                ready.take_if(|_| have_begun).into_iter().for_each(|ready| ready());
                reloads.settle();
            }
            _ = hangup.recv() => {
                // It has told its errors.
                plane.metrics.observed.reloaded(reloads.reload().is_ok());
                reloaded.notify_one();
            }
            Some(command) = asked.recv() => match command {
                Command::Drain => break drain::run(&plane, &bell, (&mut signals, asked)).await?,
                command => {
                    carry_out(command, &plane, &mut reloads);
                    reloaded.notify_one();
                }
            },
            () = reloads.overdue() => {}
            // What cleared by itself, or by an answer, is told by nobody.
            _ = states.tick() => plane.keep_states(),
            () = signals.first() => break drain::run(&plane, &bell, (&mut signals, asked)).await?,
        }
    };
    drop(tasks);
    journal::drain(&plane);
    plane.keep_states();
    if let Some(storage) = &plane.storage {
        storage.flush().await;
    }
    Ok(outcome)
}

/// Who asked may have left.
fn carry_out(command: Command, plane: &Plane, reloads: &mut Reloads<'_>) {
    match command {
        // Ends the loop instead.
        Command::Drain => {}
        Command::Overlay(overlay, answer) => {
            let _gone = answer.send(reloads.overlay(overlay));
        }
        Command::Reload(answer) => {
            let outcome = reloads.reload();
            plane.metrics.observed.reloaded(outcome.is_ok());
            let _gone = answer.send(outcome);
        }
    }
}

fn plane(
    commands: mpsc::Sender<Command>,
    driver: &'static str,
    (shared, storage): (Arc<Shared>, Option<(Storage, Left)>),
) -> Arc<Plane> {
    let (storage, left) = storage.unzip();
    let health = storage.as_ref().map(Storage::health).cloned();
    let plane = Plane {
        began: Millis::now(),
        commands,
        driver,
        events: events::Events::default(),
        keys: tokio::sync::Mutex::new(()),
        metrics: metrics::Metrics::new(shared.clone(), driver, health),
        shared,
        storage,
        today: today::Today::default(),
    };
    plane.today.resume(left.unwrap_or_default().today);
    Arc::new(plane)
}

async fn serve_admin(plane: Arc<Plane>, listener: TcpListener) {
    if let Err(error) = admin::serve(plane, listener).await {
        tracing::error!(%error, "the admin API is not served");
    }
}

/// Silences the bell and looks at what the workers recorded.
fn hear(plane: &Plane, bell: &UnixStream) {
    silence(bell);
    journal::drain(plane);
}

/// Through the runtime, so that it waits for the next ring.
fn silence(bell: &UnixStream) {
    let mut rings = [0; 256];
    while matches!(bell.try_read(&mut rings), Ok(n) if n > 0) {}
}

/// How long records gather before they are looked at: a queue has room for many times as many as a
/// worker makes meanwhile.
const GATHER: Duration = Duration::from_millis(20);

/// How often states of keys are looked at beside their changes.
const STATES: Duration = Duration::from_secs(1);

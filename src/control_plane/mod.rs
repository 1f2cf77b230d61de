//! One ordinary thread that may block. Traffic goes on if it dies.
//!
//! Its tasks: resolve upstream names (`resolve`), write what workers report (`journal`, `log`),
//! carry out signals and commands (`drain`, `reload`), answer operators (`admin`). It publishes and
//! drains; no request ever waits for it.

pub mod admin;
mod doors;
mod drain;
mod events;
mod journal;
pub mod keyring;
pub mod log;
mod metrics;
mod notices;
pub mod notify;
mod plane;
pub mod reload;
mod resolve;
pub mod salt;
mod seal;
mod shape;
pub mod storage;
pub mod takeover;
mod today;

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, Interval, interval, sleep_until};

use crate::shared::Shared;
use crate::shared::clock::Millis;
use crate::shared::worker_cell::WorkerCell;
use notices::Notices;
use notify::Watchdog;
use plane::{COMMANDS_MAX, Command, Plane, Reloaded};
use reload::Reloads;
use storage::{Left, Storage};

/// What the control plane is given to work with.
pub struct Parts<'a> {
    /// Where the admin API is served; `None` when it is off.
    pub admin: Option<TcpListener>,
    /// Where another process may ask for the listeners.
    pub beacon: Option<UnixListener>,
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

async fn serve(mut parts: Parts<'_>, ready: impl FnOnce()) -> io::Result<ExitCode> {
    let doors = doors::Closed::of(&mut parts);
    let Parts { driver, reloads, shared, storage, .. } = parts;
    let (commands, asked) = mpsc::channel(COMMANDS_MAX);
    let plane = plane(commands, driver, (shared, storage));
    let reloaded = Arc::new(Notify::new());
    let mut tasks = JoinSet::new();
    tasks.spawn(resolve::keep_resolving(plane.shared.clone(), reloaded.clone()));
    let mut desk = Desk {
        asked,
        bell: UnixStream::from_std(plane.shared.bell.waiting_end()?)?,
        doors: doors.open(&plane, &mut tasks),
        due: None,
        hangup: signal(SignalKind::hangup())?,
        notices: Notices::default(),
        ready: Some(ready),
        reloaded,
        reloads,
        signals: drain::Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        },
        states: interval(STATES),
        watchdog: Watchdog::of_environment(plane.shared.workers.len()),
        plane: plane.clone(),
    };
    let end = desk.sit().await?;
    let outcome = desk.leave(end).await?;
    drop(tasks);
    journal::drain(&plane);
    plane.keep_states();
    if let Some(storage) = &plane.storage {
        storage.flush().await;
    }
    Ok(outcome)
}

/// Where everything comes together that the thread is told.
struct Desk<'a, R> {
    asked: mpsc::Receiver<Command>,
    bell: UnixStream,
    doors: doors::Doors,
    /// When records that were rung for are looked at: many in one go, since each wake-up of this
    /// thread costs more than a record.
    due: Option<Instant>,
    hangup: Signal,
    notices: Notices,
    plane: Arc<Plane>,
    /// Until it was called.
    ready: Option<R>,
    /// To the resolver: there may be other names.
    reloaded: Arc<Notify>,
    reloads: Reloads<'a>,
    signals: drain::Signals,
    states: Interval,
    watchdog: Watchdog,
}

impl<R: FnOnce()> Desk<'_, R> {
    /// Does what comes until the process is to end.
    async fn sit(&mut self) -> io::Result<End> {
        loop {
            let end = tokio::select! {
                () = sleep_until(self.due.unwrap_or_else(Instant::now)), if self.due.is_some() => {
                    self.due = None;
                    journal::drain(&self.plane);
                    None
                }
                rung = self.bell.readable() => {
                    rung?;
                    self.hear_workers()
                }
                _ = self.hangup.recv() => {
                    // It has told its errors.
                    let _told = self.reload();
                    None
                }
                Some(command) = self.asked.recv() => self.carry_out(command),
                () = self.reloads.overdue() => None,
                // What cleared by itself, or by an answer, is told by nobody.
                _ = self.states.tick() => {
                    self.plane.keep_states();
                    self.notices.look(&self.plane.shared);
                    None
                }
                () = self.watchdog.look(&self.plane.shared) => None,
                () = self.signals.first() => Some(End::Drain),
            };
            if let Some(end) = end {
                return Ok(end);
            }
        }
    }

    fn hear_workers(&mut self) -> Option<End> {
        silence(&self.bell);
        self.due.get_or_insert_with(|| Instant::now() + GATHER);
        let workers = &self.plane.shared.workers;
        if workers.iter().any(WorkerCell::has_ended) {
            return Some(End::Failed);
        }
        let have_begun = workers.iter().all(|cell| cell.adopted() > 0);
        self.ready.take_if(|_| have_begun).into_iter().for_each(|ready| ready());
        self.reloads.settle();
        None
    }

    /// Who asked may have left.
    fn carry_out(&mut self, command: Command) -> Option<End> {
        match command {
            Command::Drain => return Some(End::Drain),
            Command::HandedOver => return Some(End::HandedOver),
            Command::Offer(answer) => {
                let mut offers = self.reloads.operator().offers();
                offers.extend(self.doors.offers(&self.plane));
                let _gone = answer.send(offers);
            }
            Command::Overlay(overlay, answer) => {
                let _gone = answer.send(self.reloads.overlay(overlay));
                self.reloaded.notify_one();
            }
            Command::Reload(answer) => {
                let _gone = answer.send(self.reload());
            }
        }
        None
    }

    fn reload(&mut self) -> Reloaded {
        notify::reloading();
        let outcome = self.reloads.reload();
        notify::ready(false);
        self.plane.metrics.observed.reloaded(outcome.is_ok());
        self.reloaded.notify_one();
        outcome
    }

    async fn leave(self, end: End) -> io::Result<ExitCode> {
        let Self { asked, bell, doors, plane, reloads, mut signals, .. } = self;
        // Nothing is changed any more: who asks is told so.
        drop(asked);
        reloads.operator().let_go();
        match end {
            // The worker has said why.
            End::Failed => Ok(ExitCode::FAILURE),
            End::Drain => {
                notify::stopping();
                doors.close_to_takers();
                drain::run(&plane, &bell, &mut signals).await
            }
            End::HandedOver => {
                doors.leave_to_taker();
                drain::hand_over(&plane, &bell, &mut signals).await
            }
        }
    }
}

/// Why the loop ends.
enum End {
    /// A signal or an operator said so.
    Drain,
    /// A worker ended that should not have.
    Failed,
    /// Another process has taken over.
    HandedOver,
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

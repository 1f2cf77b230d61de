//! One ordinary thread that may block. Traffic goes on if it dies.
//!
//! Its tasks: resolve upstream names (`resolve`), write what workers report (`journal`, `log`),
//! carry out signals and commands (`drain`, `reload`), answer operators (`admin`). It publishes and
//! drains; no request ever waits for it.

pub mod admin;
mod doors;
mod drain;
mod events;
pub mod explain;
mod guard;
mod journal;
pub mod keyring;
pub mod log;
mod memory;
mod metrics;
mod notices;
pub mod notify;
mod plane;
mod redact;
pub mod reload;
pub mod resolve;
pub mod salt;
mod seal;
mod shape;
pub mod storage;
pub mod takeover;
mod tasks;
mod today;

use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, interval, sleep_until};

use crate::shared::Shared;
use crate::shared::clock::Millis;
use crate::shared::worker_cell::WorkerCell;
use doors::Doors;
use guard::caught;
use log::Lines;
use notices::Notices;
use notify::Watchdog;
use plane::{COMMANDS_MAX, Command, Plane, Reloaded};
use reload::Reloads;
use storage::state::Change;
use storage::{Left, Storage};

/// What the control plane is given to work with.
pub struct Parts<'a> {
    /// Where the admin API is served; `None` when it is off.
    pub admin: Option<TcpListener>,
    /// Where another process may ask for the listeners.
    pub beacon: Option<UnixListener>,
    /// How workers wait for the kernel.
    pub driver: &'static str,
    /// Where lines go.
    pub log: Lines,
    /// Carries out reloads.
    pub reloads: Reloads<'a>,
    /// The state shared with the workers.
    pub shared: Arc<Shared>,
    /// What outlives the process, and what a former one left.
    pub storage: Option<(Storage, Left)>,
}

/// Runs the control plane on this thread until the process is to end. When it panics, requests are
/// served as they were and signals still end the process.
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
    let Parts { admin, beacon, driver, log, reloads, shared, storage } = parts;
    let mut signals = drain::Signals {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
    };
    let bell = UnixStream::from_std(shared.bell.waiting_end()?)?;
    let (commands, mut asked) = mpsc::channel(COMMANDS_MAX);
    let (plane, resealed) = plane((commands, driver, log), (shared, storage));
    let reloaded = Arc::new(Notify::new());
    let doors = Doors { admin: admin.map(Arc::new), beacon: beacon.map(Arc::new) };
    let mut tasks = tasks::begin(&plane, &doors, &reloaded);
    let of_task = plane.clone();
    tasks.also(async move { keyring::keep(&of_task, resealed).await });
    let operator = reloads.operator();
    let (asked_of, doors_of) = (&mut asked, &doors);
    let desk =
        Desk { asked: asked_of, bell: &bell, doors: doors_of, plane: &plane, reloaded, reloads };
    let end = match caught(desk.work(&mut signals, ready)).await {
        Some(end) => end?,
        None => bereft(&plane, &bell, (&mut signals, &mut asked)).await?,
    };
    // Nothing is changed any more: who asks is told so.
    drop((asked, doors));
    operator.let_go();
    let outcome = match end {
        End::Drain => {
            notify::stopping();
            tasks.close_to_takers();
            drain::run(&plane, &bell, &mut signals).await?
        }
        End::HandedOver => {
            tasks.leave_to_taker();
            drain::hand_over(&plane, &bell, &mut signals).await?
        }
        End::Exit(code) => code,
    };
    drop(tasks);
    if !plane.has_failed() {
        journal::drain(&plane);
        plane.keep_states();
    }
    if let Some(storage) = &plane.storage {
        storage.flush().await;
    }
    Ok(outcome)
}

/// How the loop ends.
enum End {
    /// What is under way is to end first.
    Drain,
    /// At once.
    Exit(ExitCode),
    /// As `Drain`, while another process serves.
    HandedOver,
}

/// The loop and what it works with.
struct Desk<'d, 'r> {
    asked: &'d mut mpsc::Receiver<Command>,
    bell: &'d UnixStream,
    doors: &'d Doors,
    plane: &'d Arc<Plane>,
    reloaded: Arc<Notify>,
    reloads: Reloads<'r>,
}

impl Desk<'_, '_> {
    /// Until the process is to end.
    async fn work(mut self, signals: &mut drain::Signals, ready: impl FnOnce()) -> io::Result<End> {
        let mut hangup = signal(SignalKind::hangup())?;
        let mut fault = on_purpose()?;
        let mut states = interval(STATES);
        let mut notices = Notices::default();
        let mut watchdog = Watchdog::of_environment(self.plane.shared.workers.len());
        let mut ready = Some(ready);
        // When records that were rung for are looked at: many in one go, since each wake-up of
        // this thread costs more than a record.
        let mut due = None;
        loop {
            tokio::select! {
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    due = None;
                    journal::drain(self.plane);
                }
                rung = self.bell.readable() => {
                    rung?;
                    silence(self.bell);
                    due.get_or_insert_with(|| Instant::now() + GATHER);
                    if self.has_lost_a_worker() {
                        return Ok(End::Exit(ExitCode::FAILURE));
                    }
                    let mut workers = self.plane.shared.workers.iter();
                    let have_begun = workers.all(|cell| cell.adopted() > 0);
                    ready.take_if(|_| have_begun).into_iter().for_each(|ready| ready());
                    self.reloads.settle();
                }
                _ = hangup.recv() => {
                    // It has told its errors.
                    let _told = self.reload();
                }
                Some(command) = self.asked.recv() => if let Some(end) = self.carry_out(command) {
                    return Ok(end);
                },
                () = self.reloads.overdue() => {}
                // What cleared by itself, or by an answer, is told by nobody.
                _ = states.tick() => {
                    self.plane.keep_states();
                    notices.look(&self.plane.shared);
                }
                () = watchdog.look(&self.plane.shared) => {}
                () = signals.first() => return Ok(End::Drain),
                Some(()) = fault.recv() => panic!("on purpose"),
            }
        }
    }

    /// Who asked may have left.
    fn carry_out(&mut self, command: Command) -> Option<End> {
        match command {
            Command::Drain => return Some(End::Drain),
            Command::HandedOver => return Some(End::HandedOver),
            Command::Offer(answer) => {
                let mut offers = self.reloads.operator().offers();
                offers.extend(self.doors.offers(self.plane));
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
        let before = self.plane.shared.setup.load().snapshot.clone();
        let outcome = self.reloads.reload();
        notify::ready(false);
        self.plane.metrics.observed.reloaded(outcome.is_ok());
        let master_key = &self.plane.shared.setup.load().snapshot.storage.master_key;
        if master_key.is_some() && *master_key != before.storage.master_key {
            tokio::spawn(keyring::reseal(self.plane.clone()));
        }
        self.reloaded.notify_one();
        outcome
    }

    /// Not draining, so such a worker failed and has said why.
    fn has_lost_a_worker(&self) -> bool {
        self.plane.shared.workers.iter().any(WorkerCell::has_ended)
    }
}

/// After a panic nothing is known of what the loop worked on: nothing is changed any more, and
/// nothing recorded. Requests are served; the process can be told to end.
async fn bereft(
    plane: &Plane,
    bell: &UnixStream,
    (signals, asked): (&mut drain::Signals, &mut mpsc::Receiver<Command>),
) -> io::Result<End> {
    plane.shared.pulse.fail();
    tracing::error!("the control plane has failed: requests are served, nothing can be changed");
    loop {
        tokio::select! {
            rung = bell.readable() => {
                rung?;
                silence(bell);
                if plane.shared.workers.iter().any(WorkerCell::has_ended) {
                    return Ok(End::Exit(ExitCode::FAILURE));
                }
            }
            // Who asks for something else is told by its answer's sender being gone.
            Some(command) = asked.recv() => if matches!(command, Command::Drain) {
                return Ok(End::Drain);
            },
            () = signals.first() => return Ok(End::Drain),
        }
    }
}

/// Debug builds panic on SIGUSR2, so that it can be tested what survives; others know no such
/// signal.
fn on_purpose() -> io::Result<Fault> {
    let is_debug = cfg!(debug_assertions);
    let signal = is_debug.then(|| signal(SignalKind::user_defined2())).transpose()?;
    Ok(Fault(signal))
}

struct Fault(Option<tokio::signal::unix::Signal>);

impl Fault {
    async fn recv(&mut self) -> Option<()> {
        match &mut self.0 {
            Some(signal) => signal.recv().await,
            None => None,
        }
    }
}

fn plane(
    (commands, driver, log): (mpsc::Sender<Command>, &'static str, Lines),
    (shared, storage): (Arc<Shared>, Option<(Storage, Left)>),
) -> (Arc<Plane>, Vec<Change>) {
    let (storage, left) = storage.unzip();
    let health = storage.as_ref().map(Storage::health).cloned();
    let sources =
        metrics::Sources { driver, log: log.clone(), shared: shared.clone(), storage: health };
    let plane = Plane {
        began: Millis::now(),
        commands,
        driver,
        events: events::Events::default(),
        keys: tokio::sync::Mutex::new(()),
        log,
        metrics: metrics::Metrics::new(sources),
        shared,
        storage,
        today: today::Today::default(),
    };
    let Left { resealed, today, .. } = left.unwrap_or_default();
    plane.today.resume(today);
    (Arc::new(plane), resealed)
}

/// Silences the bell and looks at what the workers recorded.
fn hear(plane: &Plane, bell: &UnixStream) {
    silence(bell);
    if !plane.has_failed() {
        journal::drain(plane);
    }
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

//! One ordinary thread that may block. Traffic goes on if it dies.
//!
//! Its tasks: resolve upstream names (`resolve`), write what workers report (`journal`, `log`),
//! carry out signals (`drain`, `reload`). It publishes and drains; no request ever waits for it.

mod drain;
mod journal;
pub mod log;
pub mod reload;
mod resolve;
pub mod salt;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::net::UnixStream;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;

use crate::shared::Shared;
use crate::shared::worker_cell::WorkerCell;
use reload::Reloads;

/// Runs the control plane on this thread until the process is to end.
///
/// `ready` is called once, when every worker serves.
///
/// # Errors
/// When the kernel refuses what the plane cannot do without: its runtime, signals, its bell.
pub fn run(
    shared: &Arc<Shared>,
    reloads: Reloads<'_>,
    ready: impl FnOnce(),
) -> io::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(shared, reloads, ready))
}

async fn serve(
    shared: &Arc<Shared>,
    mut reloads: Reloads<'_>,
    ready: impl FnOnce(),
) -> io::Result<ExitCode> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut signals = drain::Signals {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
    };
    let bell = UnixStream::from_std(shared.bell.waiting_end()?)?;
    let reloaded = Arc::new(Notify::new());
    let resolver = tokio::spawn(resolve::keep_resolving(shared.clone(), reloaded.clone()));
    let mut ready = Some(ready);
    let outcome = loop {
        tokio::select! {
            rung = bell.readable() => {
                rung?;
                hear(shared, &bell);
                if shared.workers.iter().any(WorkerCell::has_ended) {
                    // Not draining, so this worker failed and has said why.
                    break ExitCode::FAILURE;
                }
                if shared.workers.iter().all(|cell| cell.adopted() > 0)
                    && let Some(ready) = ready.take()
                {
                    ready();
                }
                reloads.settle();
            }
            _ = hangup.recv() => {
                reloads.reload();
                reloaded.notify_one();
            }
            () = reloads.overdue() => {}
            () = signals.first() => break drain::run(shared, &bell, &mut signals).await?,
        }
    };
    resolver.abort();
    journal::write_all(shared);
    Ok(outcome)
}

/// Silences the bell, through the runtime so that it waits for the next ring, and looks at what
/// the workers recorded.
fn hear(shared: &Shared, bell: &UnixStream) {
    let mut rings = [0; 256];
    while matches!(bell.try_read(&mut rings), Ok(n) if n > 0) {}
    journal::write_all(shared);
}

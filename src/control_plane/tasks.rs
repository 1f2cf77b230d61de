//! What runs beside the control plane's loop, on the same thread: names of providers, the admin
//! API, the pulse. What panics begins again.

use std::future::Future;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{interval, sleep};

use super::doors::Doors;
use super::guard::caught;
use super::plane::Plane;
use super::{admin, memory, resolve, takeover};
use crate::shared::Shared;
use crate::shared::clock::Millis;

/// Begins them; they end with what is returned. `reloaded` tells that there is another
/// configuration.
pub fn begin(plane: &Arc<Plane>, doors: &Doors, reloaded: &Arc<Notify>) -> Tasks {
    let mut tasks = JoinSet::new();
    let (shared, reloaded) = (plane.shared.clone(), reloaded.clone());
    let resolving = move || resolve::keep_resolving(shared.clone(), reloaded.clone());
    tasks.spawn(tirelessly("names", resolving));
    let shared = plane.shared.clone();
    tasks.spawn(tirelessly("pulse", move || pulse(shared.clone())));
    let shared = plane.shared.clone();
    tasks.spawn(tirelessly("memory", move || memory::watch(shared.clone())));
    let admin = doors.admin.clone().map(|listener| {
        let plane = plane.clone();
        let serving = move || serve_admin(plane.clone(), listener.clone());
        tasks.spawn(tirelessly("admin", serving))
    });
    let beacon = doors.beacon.as_ref().and_then(|beacon| beacon.try_clone().ok());
    let beacon = beacon.map(|beacon| tasks.spawn(takeover::serve(plane.clone(), beacon)));
    Tasks { admin, all: tasks, beacon }
}

/// What was begun. All of it ends with this value.
#[derive(Debug)]
pub struct Tasks {
    admin: Option<AbortHandle>,
    all: JoinSet<()>,
    beacon: Option<AbortHandle>,
}

impl Tasks {
    /// One more beside them.
    pub fn also(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.all.spawn(task);
    }

    /// The process ends in order: operators may look until it has, but nobody takes over any more.
    pub fn close_to_takers(&self) {
        self.beacon.iter().for_each(AbortHandle::abort);
    }

    /// Another process serves from now on, operators too.
    pub fn leave_to_taker(&self) {
        self.admin.iter().for_each(AbortHandle::abort);
    }
}

/// Begins again what panicked.
async fn tirelessly<F: Future<Output = ()>>(task: &'static str, begin: impl Fn() -> F) {
    while caught(begin()).await.is_none() {
        tracing::error!(task, "a task of the control plane failed and begins again");
        sleep(REST).await;
    }
}

async fn serve_admin(plane: Arc<Plane>, listener: Arc<TcpListener>) {
    let served = match listener.try_clone() {
        Ok(listener) => admin::serve(plane, listener).await,
        Err(error) => Err(error),
    };
    if let Err(error) = served {
        tracing::error!(%error, "the admin API is not served");
    }
}

/// As long as this thread is not held up, workers can tell.
async fn pulse(shared: Arc<Shared>) {
    let mut beats = interval(BEAT);
    loop {
        beats.tick().await;
        shared.pulse.beat(Millis::now());
    }
}

/// Ten of them are missed before anybody calls the plane stuck.
const BEAT: Duration = Duration::from_secs(1);
/// Between a panic and the next try.
const REST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn what_panics_begins_again_and_what_ends_does_not() {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_time().start_paused(true).build().expect("a runtime");
        let begun = Cell::new(0);
        runtime.block_on(tirelessly("test", || async {
            begun.set(begun.get() + 1);
            assert!(begun.get() > 2, "on purpose");
        }));
        assert_eq!(begun.get(), 3);
    }
}

//! What a service manager is told (`sd_notify`): ready, reloading, stopping, and that all workers
//! are alive. Without one, nothing.

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

use sd_notify::{NotifyState, notify};
use tokio::time::Instant;

use crate::shared::Shared;

/// Serves. After a takeover the manager is told who serves now.
pub fn ready(took_over: bool) {
    if took_over {
        say(&[NotifyState::MainPid(std::process::id()), NotifyState::Ready]);
    } else {
        say(&[NotifyState::Ready]);
    }
}

/// Reads its configuration anew; [`ready`] says when that is over.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => say(&[NotifyState::Reloading, now]),
        Err(_) => say(&[NotifyState::Reloading]),
    }
}

/// Is about to end.
pub fn stopping() {
    say(&[NotifyState::Stopping]);
}

/// Numbers of the listening sockets that the manager made for this process (`LISTEN_FDS`).
///
/// # Errors
/// When the manager's words make no sense.
pub fn sockets() -> io::Result<Vec<RawFd>> {
    Ok(sd_notify::listen_fds()?.collect())
}

fn say(states: &[NotifyState<'_>]) {
    // Who manages us may be gone; that is its business.
    let _unheard = notify(false, states);
}

/// Tells the manager's watchdog that all workers are alive, as often as it wants to hear.
#[derive(Debug)]
pub struct Watchdog {
    /// Each worker's beats when they last moved, and when that was.
    beats: Vec<(u64, Instant)>,
    /// `None`: nobody wants to hear.
    every: Option<Duration>,
    next: Instant,
}

impl Watchdog {
    /// As the environment asks (`WATCHDOG_USEC`).
    pub fn of_environment(workers: usize) -> Self {
        let mut micros = 0;
        let is_wanted = sd_notify::watchdog_enabled(false, &mut micros);
        let now = Instant::now();
        let every = is_wanted.then(|| Duration::from_micros(micros) / 2);
        Self { beats: vec![(0, now); workers], every, next: now }
    }

    /// Waits for the next look, and tells unless a worker is stuck. Never returns while nobody
    /// wants to hear.
    pub async fn look(&mut self, shared: &Shared) {
        let Some(every) = self.every else { return std::future::pending().await };
        tokio::time::sleep_until(self.next).await;
        let now = Instant::now();
        self.next = now + every;
        for ((beats, since), cell) in self.beats.iter_mut().zip(&shared.workers) {
            let newest = cell.counters.beats();
            if *beats != newest {
                (*beats, *since) = (newest, now);
            }
        }
        let patience = every.max(BEATS_PATIENCE);
        let is_stuck = |since: &Instant| now.duration_since(*since) > patience;
        if !self.beats.iter().any(|(_, since)| is_stuck(since)) {
            say(&[NotifyState::Watchdog]);
        }
    }
}

/// Workers beat once a second.
const BEATS_PATIENCE: Duration = Duration::from_secs(3);

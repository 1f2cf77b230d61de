//! What the parts of the control plane share: the two planes' state, their mail to the one who may
//! move credentials, the live tail, what was counted today. Never touched by a worker.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::events::Events;
use super::log::Lines;
use super::metrics::Metrics;
use super::quotas::Quotas;
use super::storage::{Storage, marks};
use super::takeover::Offer;
use super::today::Today;
use crate::config::ConfigError;
use crate::shared::Shared;
use crate::shared::clock::Millis;
use crate::shared::overlay::Overlay;
use crate::shared::pulse::ControlPlane;

/// One per process.
#[derive(Debug)]
pub struct Plane {
    /// When the process began to serve.
    pub began: Millis,
    /// To the loop that owns credentials and the end of the process.
    pub commands: mpsc::Sender<Command>,
    /// How workers wait for the kernel.
    pub driver: &'static str,
    /// The live tail.
    pub events: Events,
    /// Held by who changes a key, from its checks to its being in force.
    pub keys: tokio::sync::Mutex<()>,
    /// Where lines go.
    pub log: Lines,
    /// What scrapers read.
    pub metrics: Metrics,
    /// What providers said last of keys' limits.
    pub quotas: Quotas,
    /// The state both planes see.
    pub shared: Arc<Shared>,
    /// What outlives the process; `None` when nothing does.
    pub storage: Option<Storage>,
    /// What was counted since midnight.
    pub today: Today,
}

/// What an operator asks of the loop.
#[derive(Debug)]
pub enum Command {
    /// Finish what is under way and end.
    Drain,
    /// Another process has the listeners and serves.
    HandedOver,
    /// Every socket that is listened on, for another process.
    Offer(oneshot::Sender<Vec<Offer>>),
    /// Put what operators set in force; false when there is no room for so many keys.
    Overlay(Arc<Overlay>, oneshot::Sender<bool>),
    /// Read the configuration anew.
    Reload(oneshot::Sender<Reloaded>),
}

/// The version that is in force now, or every error and nothing changed.
pub type Reloaded = Result<u64, Vec<ConfigError>>;

impl Plane {
    /// Sees to it that the states of keys outlive the process.
    pub fn keep_states(&self) {
        if let Some(storage) = &self.storage {
            storage.keep_marks(marks::collect(&self.shared));
        }
    }

    /// Whether the loop is no more: nothing it worked on is to be trusted.
    pub fn has_failed(&self) -> bool {
        self.shared.pulse.of(Millis::now()) == ControlPlane::Failed
    }

    /// Asks the loop for what `command` makes of an answer's sender. `None`: the process is about
    /// to end, or the loop has failed, and nobody listens.
    pub async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(command(answer)).await.ok()?;
        answered.await.ok()
    }
}

/// Commands that may wait for the loop.
pub const COMMANDS_MAX: usize = 16;

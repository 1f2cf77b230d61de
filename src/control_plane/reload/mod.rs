//! SIGHUP: the configuration is read anew and put in force whole, or refused with every error and
//! the old one kept (BEHAVIOUR 9). Never waits for a worker: who has adopted what is asked whenever
//! the bell rings.

mod differences;
mod fixed;
#[cfg(test)]
pub(super) mod scene;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::log::Level;
use super::takeover::Offer;
use crate::config::{ConfigError, ErrorKind, Loaded};
use crate::shared::Shared;
use crate::shared::credential::table::{CREDENTIALS_MAX, TableFull};
use crate::shared::ledger::{Changes, Ledger, Named};
use crate::shared::overlay::Overlay;
use crate::shared::setup::Prepared;
use differences::Differences;
use fixed::Running;

/// The operator's side of a reload, as whoever started the process knows it.
pub trait Operator {
    /// Reads everything anew, as at start, and makes ready what the data plane needs of it.
    ///
    /// # Errors
    /// Every error there is.
    fn load(&self) -> Result<(Loaded, Prepared), Vec<ConfigError>>;

    /// Shows errors or warnings, as at start.
    fn tell(&self, findings: &[ConfigError]);

    /// What was loaded last is in force, or never will be.
    fn decide(&self, in_force: bool);

    /// Every socket that is listened on once more, for a process that takes over.
    fn offers(&self) -> Vec<Offer>;

    /// Lets go of all that is listened on, as far as workers do not hold it.
    fn let_go(&self);
}

/// Carries out reloads. The only one that moves credentials.
pub struct Reloads<'a> {
    ledger: Ledger,
    level: Level,
    operator: &'a dyn Operator,
    /// Published and not yet adopted by every worker, oldest first.
    pending: Vec<Pending>,
    shared: Arc<Shared>,
}

/// A configuration on its way to the workers.
struct Pending {
    began: Instant,
    changes: Changes,
    differences: Differences,
    /// When somebody is told that it is not there yet.
    overdue: Instant,
    version: u64,
}

impl<'a> Reloads<'a> {
    /// None carried out yet.
    pub fn new(
        shared: Arc<Shared>,
        ledger: Ledger,
        level: Level,
        operator: &'a dyn Operator,
    ) -> Self {
        Self { ledger, level, operator, pending: Vec::new(), shared }
    }

    /// Puts what the operator has written by now in force and returns its version, or says why not
    /// and changes nothing.
    ///
    /// # Errors
    /// All that were told.
    pub fn reload(&mut self) -> Result<u64, Vec<ConfigError>> {
        let began = Instant::now();
        let installed = self.install(began);
        self.operator.decide(installed.is_ok());
        match installed {
            Ok(pending) => {
                let version = pending.version;
                self.pending.push(pending);
                self.settle();
                Ok(version)
            }
            Err(errors) => {
                self.operator.tell(&errors);
                let (count, ms) = (errors.len(), millis(began.elapsed()));
                let what = "configuration not reloaded: the old one stays";
                tracing::error!(errors = count, ms, "{what}");
                Err(errors)
            }
        }
    }

    /// Who started the process.
    pub fn operator(&self) -> &'a dyn Operator {
        self.operator
    }

    /// Puts what operators set beside the configuration in force; false when there is no room for
    /// so many keys, and nothing changed then.
    pub fn overlay(&mut self, overlay: Arc<Overlay>) -> bool {
        self.ledger.reclaim(self.shared.adopted());
        let before = self.ledger.overlay(overlay);
        let setup = self.shared.setup.load();
        let (snapshot, prepared) = (setup.snapshot.clone(), setup.prepared.clone());
        let installed = self.shared.install(&mut self.ledger, snapshot, prepared);
        if installed.is_err() {
            self.ledger.overlay(before);
        }
        installed.is_ok()
    }

    /// Says of each configuration that every worker has adopted that it is in force, and frees the
    /// slots of credentials that are gone. To be called whenever a worker rings.
    pub fn settle(&mut self) {
        let adopted = self.shared.adopted();
        while self.pending.first().is_some_and(|pending| pending.version <= adopted) {
            self.pending.remove(0).tell();
            self.ledger.reclaim(adopted);
        }
    }

    /// Waits until some worker has taken too long to adopt what was published, and says so. Never
    /// returns while nothing is published.
    pub async fn overdue(&mut self) {
        let Some(pending) = self.pending.first_mut() else { return std::future::pending().await };
        sleep_until(pending.overdue).await;
        pending.overdue += PATIENCE;
        let (version, began) = (pending.version, pending.began);
        let cells = self.shared.workers.iter().enumerate();
        let late = cells.filter(|(_, cell)| !cell.has_ended() && cell.adopted() < version);
        for (worker, _) in late {
            let ms = millis(began.elapsed());
            tracing::warn!(worker, version, ms, "a worker has not adopted the configuration");
        }
    }

    fn install(&mut self, began: Instant) -> Result<Pending, Vec<ConfigError>> {
        let (loaded, prepared) = self.operator.load()?;
        let old = self.shared.setup.load().snapshot.clone();
        let running = Running { snapshot: &old, workers: self.shared.workers.len() };
        let refusals = fixed::refusals(running, &loaded);
        if !refusals.is_empty() {
            return Err(refusals);
        }
        self.ledger.reclaim(self.shared.adopted());
        let new = loaded.snapshot;
        let installed = self.shared.install(&mut self.ledger, new.clone(), prepared);
        let (version, changes) = installed.map_err(|TableFull| vec![too_many_keys()])?;
        self.operator.tell(&loaded.warnings);
        self.level.set(new.log.level);
        let differences = Differences::between(&old, &new);
        Ok(Pending { began, changes, differences, overdue: began + PATIENCE, version })
    }
}

impl Pending {
    fn tell(self) {
        let ms = millis(self.began.elapsed());
        let Self { changes, differences, version, .. } = self;
        let Differences { callers, certificate, providers } = differences;
        for Named { provider, key } in &changes.removed {
            tracing::info!(provider, key, ms, version, "key removed: no attempt begins with it");
        }
        tracing::info!(
            version,
            ms,
            providers_added = listed(&providers.added),
            providers_removed = listed(&providers.removed),
            providers_changed = listed(&providers.changed),
            keys_added = listed(&named(&changes.added)),
            keys_removed = listed(&named(&changes.removed)),
            keys_replaced = listed(&named(&changes.replaced)),
            callers_added = listed(&callers.added),
            callers_removed = listed(&callers.removed),
            callers_changed = listed(&callers.changed),
            certificate = certificate.then_some("changed"),
            "configuration reloaded"
        );
    }
}

fn too_many_keys() -> ConfigError {
    let message = format!(
        "there is no room for so many keys: {CREDENTIALS_MAX} in all, with \
                           those that are gone while requests use them"
    );
    ConfigError::new(ErrorKind::Invalid, "provider", message)
}

fn named(keys: &[Named]) -> Vec<String> {
    keys.iter().map(|Named { provider, key }| format!("{provider}/{key}")).collect()
}

/// `None`, which is not written, for no name.
fn listed(names: &[String]) -> Option<String> {
    (!names.is_empty()).then(|| names.join(", "))
}

/// To the microsecond.
fn millis(span: Duration) -> f64 {
    (span.as_secs_f64() * 1_000_000.0).round() / 1_000.0
}

/// An idle worker adopts within a millisecond, a busy one before its next exchange.
const PATIENCE: Duration = Duration::from_secs(5);

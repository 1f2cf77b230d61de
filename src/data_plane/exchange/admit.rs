//! Whether an exchange may go on, and how long it waits for that: its caller's models, the permits
//! of all who are counted, a key that comes back (BEHAVIOUR 2.5, 5 and 7). Never counts anything
//! itself.

use std::rc::Rc;

use super::Exchange;
use super::authenticate::bare;
use super::conclude::Trail;
use super::failure::Kind;
use super::route::{Route, Routed};
use crate::data_plane::worker::local::Working;
use crate::data_plane::worker::waiting::{Place, Turn, Wanted};
use crate::protocol::http1::head::Field;
use crate::shared::clock::Millis;
use crate::shared::credential::byok::Guest;
use crate::shared::credential::exhausted::Outcome;
use crate::shared::gate::{Gate, Permits, Refused, Subject};

/// Until when an exchange may wait.
#[derive(Clone, Copy, Debug, Default)]
pub struct Patience {
    /// For a key to come back (`failover.wait_for_key`).
    key: Option<Millis>,
    /// For permits (`concurrency.queue_timeout`).
    permits: Option<Millis>,
}

impl Exchange<'_> {
    /// Takes the exchange's own permits, or waits for them as long as is configured.
    ///
    /// # Errors
    /// `AtCap`; nothing is held then.
    pub(super) async fn admit(&mut self) -> Result<(), Kind> {
        let setup = self.setup.clone();
        let global = setup.pools.global;
        let caller = self.caller.and_then(|caller| setup.pools.callers.get(caller).copied());
        loop {
            let refused = match self
                .overtaken(&[(Some(global), Subject::Global), (caller, Subject::Caller)])
            {
                Some(refused) => refused,
                None => match Permits::admit(Some(global), caller) {
                    Ok(permits) => {
                        self.admission.permits = permits;
                        self.place = None;
                        return Ok(());
                    }
                    Err(refused) => refused,
                },
            };
            let gate = if refused.subject == Subject::Caller { caller } else { Some(global) };
            if !self.wait_for_permit(gate.into_iter().collect()).await? {
                return Err(at_cap(refused));
            }
        }
    }

    /// Takes the permit of an attempt that is not made with a key of ours.
    ///
    /// # Errors
    /// `AtCap`.
    pub(super) async fn enter_provider(&mut self, route: &Route<'_>) -> Result<(), Kind> {
        let gate = route.pool.gate;
        loop {
            let refused = match self.overtaken(&[(Some(gate), Subject::Provider)]) {
                Some(refused) => refused,
                None => match self.admission.permits.enter_brought(gate) {
                    Ok(()) => {
                        self.place = None;
                        return Ok(());
                    }
                    Err(refused) => refused,
                },
            };
            if !self.wait_for_permit(std::iter::once(gate).collect()).await? {
                return Err(at_cap(refused));
            }
        }
    }

    /// Nobody could be asked: waits for what would change that. False when nothing will in time.
    ///
    /// # Errors
    /// When the client left, or the process stops.
    pub(super) async fn wait_for_pool(
        &mut self,
        setup: &Working,
        routed: &Routed<'_>,
        trail: &Trail<'_>,
    ) -> Result<bool, Kind> {
        if trail.failed.is_some() {
            return Ok(false);
        }
        let outcome = trail.exhausted.outcome();
        match outcome {
            Outcome::RateLimited | Outcome::RateLimitedBriefly
                if self.wait_for_key(trail.exhausted.wait_ms).await? =>
            {
                Ok(true)
            }
            Outcome::AtCap | Outcome::RateLimitedBriefly => {
                let mut wanted = Wanted::new();
                for candidate in &routed.candidates {
                    let route = routed.to(setup, candidate)?;
                    if trail.provider_cap.is_some() {
                        wanted.push(route.pool.gate);
                    } else {
                        let keys = route.pool.pool.keys().iter();
                        wanted.extend(keys.map(|key| key.slot.gate()));
                    }
                }
                self.wait_for_permit(wanted).await
            }
            _ => Ok(false),
        }
    }

    /// Keys that it knows are gone: whether another configuration took them away, which it should
    /// go by then.
    ///
    /// # Errors
    /// When the client left, or the process stops.
    pub(super) async fn is_outdated(&mut self) -> Result<bool, Kind> {
        let local = self.client.local.clone();
        // In this order: a turn that is over has been published.
        let is_turning = local.shared.turning.is_set();
        if !Rc::ptr_eq(&local.setup(), &self.setup) {
            return Ok(true);
        }
        if is_turning {
            // The control plane is in between; adopting what it publishes calls whoever waits.
            self.place = Place::take(&local, Wanted::new(), usize::MAX);
            if Rc::ptr_eq(&local.setup(), &self.setup) {
                self.wait_turn(Millis::now().plus(TURN_MS_MAX)).await?;
            }
            self.place = None;
        }
        Ok(!Rc::ptr_eq(&local.setup(), &self.setup))
    }

    /// Waits until any of `wanted` may have room. False when it may not be waited for any longer.
    async fn wait_for_permit(&mut self, wanted: Wanted) -> Result<bool, Kind> {
        let concurrency = self.setup.snapshot.concurrency;
        if concurrency.queue_timeout.0 == 0 {
            return Ok(false);
        }
        let end = self.patience.permits;
        let end = end.unwrap_or_else(|| Millis::now().plus(concurrency.queue_timeout.0));
        self.patience.permits = Some(end);
        if let Some(place) = self.place.as_ref().filter(|place| place.is_for(&wanted)) {
            place.wait_on();
        } else {
            self.place = None;
            self.place = Place::take(&self.client.local, wanted, concurrency.queue_length);
        }
        self.wait_turn(end).await
    }

    /// Waits until the first key is back, `wait_ms` from now, if the exchange may wait so long.
    async fn wait_for_key(&mut self, wait_ms: u64) -> Result<bool, Kind> {
        let snapshot = &self.setup.snapshot;
        let patience_ms = snapshot.failover.wait_for_key.0;
        let now = Millis::now();
        let end = self.patience.key.unwrap_or_else(|| now.plus(patience_ms));
        let back = now.plus(wait_ms);
        if patience_ms == 0 || back > end {
            return Ok(false);
        }
        self.patience.key = Some(end);
        let places_max = snapshot.concurrency.queue_length;
        self.place = Place::take(&self.client.local, Wanted::new(), places_max);
        if self.place.is_none() {
            return Ok(false);
        }
        // Over means back; called means that somebody changed the keys.
        let _over_or_called = self.wait_turn(back).await?;
        self.place = None;
        Ok(true)
    }

    /// Waits in its place, until `end`. False when the time is over, or there is no place.
    async fn wait_turn(&mut self, end: Millis) -> Result<bool, Kind> {
        let Some(place) = &self.place else { return Ok(false) };
        let gone_from = self.gone_from();
        let began = Millis::now();
        let turn = place.wait(end, self.client.stream.watch(), gone_from).await;
        self.seen.queued_ms += Millis::now().since(began);
        if turn == Turn::Called {
            return Ok(true);
        }
        self.place = None;
        match turn {
            Turn::Called | Turn::TimedOut => Ok(false),
            Turn::ClientGone => Err(Kind::ClientGone),
            Turn::Stopping => Err(Kind::Draining),
        }
    }

    /// The gate that others on this worker wait for already, and this exchange does not.
    fn overtaken(&self, gates: &[(Option<&'static Gate>, Subject)]) -> Option<Refused> {
        if self.place.is_some() {
            return None;
        }
        let waiting = &self.client.local.waiting;
        gates.iter().find_map(|&(gate, subject)| {
            let gate = gate.filter(|&gate| waiting.is_wanted(&[gate]))?;
            Some(Refused { cap: gate.cap(), subject })
        })
    }

    /// Whether the caller may ask for `model`; for one without a list, always.
    ///
    /// # Errors
    /// `ModelNotAllowed`, `ModelUnreadable`.
    pub(super) fn allow_model(&self, model: Option<&str>) -> Result<(), Kind> {
        let callers = &self.setup.snapshot.callers;
        let Some(caller) = self.caller.and_then(|caller| callers.get(caller)) else {
            return Ok(());
        };
        if caller.models.is_empty() || self.request.is_bodiless() {
            return Ok(());
        }
        if !self.endpoint.is_scanned() {
            return Err(Kind::ModelNotAllowed);
        }
        let Some(model) = model else { return Err(Kind::ModelUnreadable) };
        caller.allows(model).then_some(()).ok_or(Kind::ModelNotAllowed)
    }

    /// The entry of the credential that the client brought, held while it is used.
    pub(super) fn brought(&self, field: Field) -> Option<Guest> {
        let shared = &self.client.local.shared;
        let digest = shared.keyed_hash.of(&[bare(field, self.request.bytes())]);
        self.setup.pools.byok.enter(digest, self.began.0)
    }
}

/// How long the control plane may take between taking keys away and publishing.
const TURN_MS_MAX: u64 = 1_000;

fn at_cap(refused: Refused) -> Kind {
    Kind::AtCap(refused.subject, refused.cap)
}

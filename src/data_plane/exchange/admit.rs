//! Whether an exchange may go on at all: its caller's models, and the permits of all who are
//! counted (BEHAVIOUR 2.5 and 7). Never counts anything itself.

use super::Exchange;
use super::authenticate::bare;
use super::failure::Kind;
use super::route::Route;
use crate::protocol::http1::head::Field;
use crate::shared::credential::byok::Guest;
use crate::shared::gate::{Permits, Refused};

impl Exchange<'_> {
    /// Takes the exchange's own permits.
    ///
    /// # Errors
    /// `AtCap`; nothing is held then.
    pub(super) fn admit(&mut self) -> Result<(), Kind> {
        let pools = &self.setup.pools;
        let caller = self.caller.and_then(|caller| pools.callers.get(caller).copied());
        self.permits = Permits::admit(Some(pools.global), caller).map_err(at_cap)?;
        Ok(())
    }

    /// Takes the permit of an attempt that is not made with a key of ours.
    ///
    /// # Errors
    /// `AtCap`.
    pub(super) fn enter_provider(&mut self, route: &Route<'_>) -> Result<(), Kind> {
        self.permits.enter_brought(route.pool.gate).map_err(at_cap)
    }

    /// Whether the caller may ask for the model; for one without a list, always.
    ///
    /// # Errors
    /// `ModelNotAllowed`, `ModelUnreadable`.
    pub(super) fn allow_model(&self) -> Result<(), Kind> {
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
        let Some(model) = self.model.as_deref() else { return Err(Kind::ModelUnreadable) };
        let is_allowed = caller.models.iter().any(|pattern| pattern.is_match(model));
        is_allowed.then_some(()).ok_or(Kind::ModelNotAllowed)
    }

    /// The entry of the credential that the client brought, held while it is used.
    pub(super) fn brought(&self, field: Field) -> Option<Guest> {
        let shared = &self.client.local.shared;
        let digest = shared.keyed_hash.of(&[bare(field, self.request.bytes())]);
        self.setup.pools.byok.enter(digest, self.began.0)
    }
}

fn at_cap(refused: Refused) -> Kind {
    Kind::AtCap(refused.subject, refused.cap)
}

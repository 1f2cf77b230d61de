//! Keys that operators set (CONFIG.md, Keys): what a change of one comes to, checked before
//! anything is kept. Pure: a change is carried out by who asks.

mod kept;

use std::sync::Arc;

use serde::Deserialize;
use utoipa::ToSchema;
use zeroize::Zeroizing;

pub use kept::{Opened, keep, opened, reseal};

use super::seal::Seal;
use super::storage::state::{Change, Stored};
use crate::config::snapshot::{Provider, Snapshot};
use crate::config::{Secret, label};
use crate::shared::overlay::{Added, Overlaid, Overlay};

/// What is to be set; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[schema(as = key_settings)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    enabled: Option<bool>,
    /// From 1 to 256; 8 for a key that is new.
    #[schema(minimum = 1, maximum = 256)]
    max_concurrent: Option<i64>,
    /// Names of callers; empty = all.
    reserved_for: Option<Vec<String>>,
    /// The provider's key. Goes in and never out.
    #[schema(value_type = Option<String>, write_only)]
    value: Option<Zeroizing<String>>,
}

/// Why nothing is changed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// What was asked cannot be.
    Bad(String),
    /// Not as things stand.
    Conflict(&'static str),
    /// There is no such provider, or key.
    NotFound(String),
}

/// What a change needs to know.
#[derive(Debug)]
pub struct Scene<'a> {
    pub now_ms: u64,
    pub overlay: &'a Overlay,
    pub snapshot: &'a Snapshot,
}

/// A change that may be carried out.
#[derive(Debug)]
pub struct Changed {
    /// For the disk.
    pub change: Change,
    /// For the pools.
    pub overlay: Overlay,
}

impl Scene<'_> {
    /// Sets a key.
    ///
    /// # Errors
    /// Why not.
    pub fn set(&self, names: (&str, &str), settings: Settings) -> Result<Changed, Refusal> {
        let (provider, name) = names;
        let known = self.provider(provider)?;
        settings.check(self.snapshot)?;
        let before = self.overlay.find(provider, name);
        let set = match known.keys.iter().find(|key| key.name == name) {
            Some(own) => self.of_file((provider, name), own.max_concurrent, &settings)?,
            None => self.of_api(known, name, (before, settings))?,
        };
        let stored = self.stored(before, &set)?;
        let mut overlay = self.overlay.clone();
        match overlay.keys.iter_mut().find(|key| key.provider == provider && key.name == name) {
            Some(place) => *place = set,
            None => overlay.keys.push(set),
        }
        Ok(Changed { change: Change::Set(stored), overlay })
    }

    /// Takes a key out that was added.
    ///
    /// # Errors
    /// Why not.
    pub fn remove(&self, (provider, name): (&str, &str)) -> Result<Changed, Refusal> {
        if self.provider(provider)?.keys.iter().any(|key| key.name == name) {
            return Err(Refusal::Conflict("The key is in the file: take it out there."));
        }
        if self.overlay.find(provider, name).is_none_or(|key| key.added.is_none()) {
            return Err(Refusal::NotFound(format!("There is no key {provider}/{name}.")));
        }
        let mut overlay = self.overlay.clone();
        overlay.keys.retain(|key| key.provider != provider || key.name != name);
        let (provider, name) = (provider.to_owned(), name.to_owned());
        Ok(Changed { change: Change::Remove { name, provider }, overlay })
    }

    fn of_file(
        &self,
        (provider, name): (&str, &str),
        file_cap: u32,
        settings: &Settings,
    ) -> Result<Overlaid, Refusal> {
        if settings.value.is_some() || settings.reserved_for.is_some() {
            let why = "`value` and `reserved_for` of a key of the file are set there.";
            return Err(Refusal::Conflict(why));
        }
        let before = self.overlay.find(provider, name);
        let kept = before.filter(|set| set.file_max_concurrent == Some(file_cap));
        let max_concurrent = settings.cap().or(kept.and_then(|set| set.max_concurrent));
        Ok(Overlaid {
            added: None,
            enabled: settings.enabled.unwrap_or(before.is_none_or(|set| set.enabled)),
            file_max_concurrent: max_concurrent.map(|_| file_cap),
            max_concurrent,
            name: name.to_owned(),
            provider: provider.to_owned(),
            updated_ms: self.now_ms,
        })
    }

    fn of_api(
        &self,
        provider: &Provider,
        name: &str,
        (before, settings): (Option<&Overlaid>, Settings),
    ) -> Result<Overlaid, Refusal> {
        let before = before.filter(|set| set.added.is_some());
        let added = before.and_then(|set| set.added.as_ref());
        let cap = settings.cap().or(before.and_then(|set| set.max_concurrent));
        let value = if let Some(value) = settings.value {
            let value = Arc::new(Secret::new(value));
            let others = self.overlay.keys_of(self.snapshot, provider);
            if others.iter().any(|key| key.name != name && key.value == value) {
                let what = "The value is that of another key of this provider.";
                return Err(Refusal::Bad(what.to_owned()));
            }
            value
        } else {
            let what = "There is no such key yet: it needs a `value`.";
            let added = added.ok_or_else(|| Refusal::Bad(what.to_owned()))?;
            added.value.clone()
        };
        if before.is_none() {
            label::check(name).map_err(|why| Refusal::Bad(format!("The name {why}.")))?;
        }
        let callers = settings.reserved_for;
        let callers = callers.or_else(|| added.map(|added| added.reserved_for.clone()));
        Ok(Overlaid {
            added: Some(Added { reserved_for: callers.unwrap_or_default(), value }),
            enabled: settings.enabled.unwrap_or(before.is_none_or(|set| set.enabled)),
            file_max_concurrent: None,
            max_concurrent: cap.or(Some(CAP)),
            name: name.to_owned(),
            provider: provider.name.clone(),
            updated_ms: self.now_ms,
        })
    }

    /// The row; a value that stays is sealed by who has its row already.
    fn stored(&self, before: Option<&Overlaid>, set: &Overlaid) -> Result<Stored, Refusal> {
        let (mut sealed, mut reserved_for) = (None, Vec::new());
        if let Some(added) = &set.added {
            let master = self.snapshot.storage.master_key.as_ref().ok_or(Refusal::Conflict(
                "Keys are kept sealed: set storage.master_key, and reload.",
            ))?;
            if self.snapshot.storage.path.is_none() {
                return Err(Refusal::Conflict("Keys are kept: storage must not be off."));
            }
            reserved_for.clone_from(&added.reserved_for);
            let is_same = |old: &Added| Arc::ptr_eq(&old.value, &added.value);
            if !before.and_then(|set| set.added.as_ref()).is_some_and(is_same) {
                let closed = Seal::new(master).close(&set.provider, &set.name, &added.value);
                sealed = Some(closed.ok_or(Refusal::Conflict("The kernel has no random bytes."))?);
            }
        }
        Ok(Stored {
            enabled: set.enabled,
            file_max_concurrent: set.file_max_concurrent,
            max_concurrent: set.max_concurrent,
            name: set.name.clone(),
            provider: set.provider.clone(),
            reserved_for,
            sealed,
            updated_ms: set.updated_ms,
        })
    }

    fn provider(&self, name: &str) -> Result<&Provider, Refusal> {
        let known = self.snapshot.providers.iter().find(|provider| provider.name == name);
        known.ok_or_else(|| Refusal::NotFound(format!("There is no provider {name}.")))
    }
}

impl Settings {
    fn check(&self, snapshot: &Snapshot) -> Result<(), Refusal> {
        let bad = |what: String| Err(Refusal::Bad(what));
        let Self { enabled, max_concurrent, reserved_for, value } = self;
        if enabled.is_none()
            && max_concurrent.is_none()
            && reserved_for.is_none()
            && value.is_none()
        {
            return bad("Nothing is to be set.".to_owned());
        }
        if max_concurrent.is_some() && self.cap().is_none() {
            return bad("`max_concurrent` must be from 1 to 256.".to_owned());
        }
        if let Some(Err(why)) = value.as_ref().map(|value| label::check_provider_key(value)) {
            return bad(format!("`value` {why}."));
        }
        let is_unknown = |name: &&String| !snapshot.callers.iter().any(|c| c.name == **name);
        match reserved_for.iter().flatten().find(is_unknown) {
            Some(_) => bad("`reserved_for` names a caller that is not configured.".to_owned()),
            None => Ok(()),
        }
    }

    fn cap(&self) -> Option<u32> {
        let cap = u32::try_from(self.max_concurrent?).ok()?;
        (1..=CAP_MAX).contains(&cap).then_some(cap)
    }
}

/// Of a key that is added without a number.
const CAP: u32 = 8;
const CAP_MAX: u32 = 256;

#[cfg(test)]
mod tests;

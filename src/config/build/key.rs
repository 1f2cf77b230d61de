//! `[[provider.key]]`: the credentials of one provider's pool. Never tells more than their hints.

use std::sync::Arc;

use super::{Context, narrow};
use crate::config::effective::SettingValue;
use crate::config::error::ErrorKind;
use crate::config::report::Report;
use crate::config::section::{Section, did_you_mean};
use crate::config::snapshot::ProviderKey;
use crate::config::text::Place;
use crate::config::{label, limits, shape};

/// What the keys of a provider depend on besides their own tables.
pub(super) struct Keys<'a> {
    /// Names of the callers a key may be kept for, by index.
    pub callers: &'a [String],
    pub context: &'a Context<'a>,
    /// Cap of a key that names none; 0 = none.
    pub per_key: usize,
}

impl Keys<'_> {
    /// All keys of the provider; with an error in the report the list may be short of some.
    pub fn read(&self, provider: &Section<'_>, report: &mut Report) -> Vec<ProviderKey> {
        let mut keys: Vec<(ProviderKey, Place)> = Vec::new();
        for (at, entry) in provider.tables("key", &shape::PROVIDER_KEY, report).iter().enumerate() {
            let name = name(entry, at + 1, report);
            let found = self.key(entry, name, report);
            if let Some((key, _)) = &found {
                refuse_twins(entry, key, &keys, report);
            }
            keys.extend(found);
        }
        keys.into_iter().map(|(key, _)| key).collect()
    }

    fn key(
        &self,
        entry: &Section<'_>,
        name: String,
        report: &mut Report,
    ) -> Option<(ProviderKey, Place)> {
        let found = entry.secret(&shape::KEY_VALUE, self.context, report);
        let found = found.map(|found| {
            entry.note_secret(&shape::KEY_VALUE, found.secret.hint(), found.source, report);
            (found.secret, found.place)
        });
        let max_concurrent = self.max_concurrent(entry, report);
        let reserved_for = self.reserved_for(entry, report);
        let (value, place) = found?;
        if let Err(message) = label::check_provider_key(value.expose()) {
            entry.error(ErrorKind::Invalid, shape::KEY_VALUE.key, message, report);
        }
        let hint = value.hint();
        let value = Arc::new(value);
        Some((ProviderKey { hint, max_concurrent, name, reserved_for, value }, place))
    }

    fn max_concurrent(&self, entry: &Section<'_>, report: &mut Report) -> u32 {
        let cap = &limits::KEY_MAX_CONCURRENT;
        if entry.node(cap.key).is_none() && self.per_key != 0 {
            entry.note(cap.key, SettingValue::Number(self.per_key), report);
            report.means(&entry.key(cap.key), limits::MAX_CONCURRENT_PER_KEY.key);
        }
        narrow(entry.cap(cap, report).unwrap_or(self.per_key))
    }

    fn reserved_for(&self, entry: &Section<'_>, report: &mut Report) -> Vec<usize> {
        let key = shape::RESERVED_FOR.key;
        let mut reserved: Vec<(usize, Place)> = Vec::new();
        for (name, place) in entry.texts(&shape::RESERVED_FOR, report).unwrap_or_default() {
            let Some(caller) = self.callers.iter().position(|caller| caller == name) else {
                let message = "names a caller that is not configured";
                let error = entry.error(ErrorKind::Invalid, key, message, report).at(place);
                if let Some(near) = did_you_mean(name, self.callers.iter().map(String::as_str)) {
                    error.help(format!("did you mean `{near}`?"));
                }
                continue;
            };
            if let Some((_, first)) = reserved.iter().find(|(other, _)| *other == caller) {
                let error = entry.error(ErrorKind::Duplicate, key, "names a caller twice", report);
                error.at(place).first_at(*first);
            }
            reserved.push((caller, place));
        }
        let mut callers: Vec<usize> = reserved.into_iter().map(|(caller, _)| caller).collect();
        callers.sort_unstable();
        callers
    }
}

/// The name a key was given, else one by its position.
fn name(entry: &Section<'_>, number: usize, report: &mut Report) -> String {
    let Some((name, _)) = entry.text(&shape::KEY_NAME, report) else {
        let name = format!("key-{number}");
        entry.note(shape::KEY_NAME.key, SettingValue::Text(name.clone()), report);
        return name;
    };
    if let Err(message) = label::check(name) {
        entry.error(ErrorKind::Invalid, shape::KEY_NAME.key, message, report);
    }
    name.to_owned()
}

/// Names and values are unique in the pool; two providers may share a value.
fn refuse_twins(
    entry: &Section<'_>,
    key: &ProviderKey,
    before: &[(ProviderKey, Place)],
    report: &mut Report,
) {
    for (other, first) in before {
        if other.name == key.name {
            let message = format!("is the second key called `{}` of this provider", key.name);
            let field = shape::KEY_NAME.key;
            entry.error(ErrorKind::Duplicate, field, message, report).first_at(*first);
        }
        if other.value == key.value {
            let message = format!("is the same value as key `{}`", other.name);
            let field = shape::KEY_VALUE.key;
            entry.error(ErrorKind::Duplicate, field, message, report).first_at(*first);
        }
    }
}

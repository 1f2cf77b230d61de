//! What one load has found so far: errors, warnings and the settings in force. Never stops at the
//! first error.

use super::effective::{Setting, SettingValue};
use super::error::{ConfigError, ErrorKind};
use super::text::{Place, SetBy, Texts};

/// Findings in the order they were made.
#[derive(Default)]
pub(super) struct Report {
    /// Texts with syntax errors: what seems to be missing there may only be unreadable.
    pub broken_texts: Vec<usize>,
    errors: Vec<Finding>,
    settings: Vec<Found>,
    warnings: Vec<Finding>,
}

impl Report {
    /// Notes an error; the caller adds its place.
    pub fn error(
        &mut self,
        kind: ErrorKind,
        key: &str,
        message: impl Into<String>,
    ) -> &mut Finding {
        push(&mut self.errors, Finding::new(kind, key, message.into()))
    }

    pub fn warning(&mut self, key: &str, message: impl Into<String>) -> &mut Finding {
        push(&mut self.warnings, Finding::new(ErrorKind::Warning, key, message.into()))
    }

    /// Notes a setting in force; no place means its default.
    pub fn setting(&mut self, key: String, place: Option<Place>, value: SettingValue) {
        self.settings.push(Found { key, means: None, place, value });
    }

    /// Tells what the setting noted last under this key came to.
    pub fn means(&mut self, key: &str, meaning: impl Into<String>) {
        if let Some(found) = self.settings.iter_mut().rev().find(|found| found.key == key) {
            found.means = Some(meaning.into());
        }
    }

    pub fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Errors, warnings and settings with their places told for humans.
    pub fn close(self, texts: &Texts) -> (Vec<ConfigError>, Vec<ConfigError>, Vec<Setting>) {
        let broken = self.broken_texts;
        let in_doubt = |finding: &Finding| {
            let text = finding.place.map(|place| place.text);
            finding.kind == ErrorKind::Missing && text.is_some_and(|text| broken.contains(&text))
        };
        let mut errors: Vec<_> = self.errors.into_iter().filter(|f| !in_doubt(f)).collect();
        // Stable: what has no place keeps its order and comes first.
        errors.sort_by_key(|finding| finding.place);
        let told = |findings: Vec<Finding>| findings.into_iter().map(|f| f.tell(texts)).collect();
        let settings = self.settings.into_iter().map(|found| found.tell(texts)).collect();
        (told(errors), told(self.warnings), settings)
    }
}

/// An error or warning whose place is not told for humans yet.
pub(super) struct Finding {
    also_at: Option<Place>,
    help: Option<String>,
    is_key: bool,
    key: String,
    kind: ErrorKind,
    message: String,
    place: Option<Place>,
}

impl Finding {
    fn new(kind: ErrorKind, key: &str, message: String) -> Self {
        let key = key.to_owned();
        Self { also_at: None, help: None, is_key: false, key, kind, message, place: None }
    }

    /// The place of a value.
    pub fn at(&mut self, place: Place) -> &mut Self {
        self.place = Some(place);
        self
    }

    /// The place of a key, which is shown even if no table has such a key.
    pub fn at_key(&mut self, place: Place) -> &mut Self {
        self.is_key = true;
        self.at(place)
    }

    /// The place of what was there before.
    pub fn first_at(&mut self, place: Place) -> &mut Self {
        self.also_at = Some(place);
        self
    }

    pub fn help(&mut self, help: impl Into<String>) -> &mut Self {
        self.help = Some(help.into());
        self
    }

    fn tell(self, texts: &Texts) -> ConfigError {
        let first = self.also_at.map(|place| match texts.set_by(place) {
            SetBy::File { .. } => texts.position(place, false).to_string(),
            set_by => set_by.to_string(),
        });
        ConfigError {
            at: self.place.map(|place| texts.position(place, self.is_key)),
            help: self.help.or(first.map(|first| format!("the first is at {first}"))),
            key: self.key,
            kind: self.kind,
            message: self.message,
        }
    }
}

struct Found {
    key: String,
    means: Option<String>,
    place: Option<Place>,
    value: SettingValue,
}

impl Found {
    fn tell(self, texts: &Texts) -> Setting {
        let set_by = self.place.map_or(SetBy::Default, |place| texts.set_by(place));
        Setting { key: self.key, means: self.means, set_by, value: self.value }
    }
}

fn push(findings: &mut Vec<Finding>, finding: Finding) -> &mut Finding {
    findings.push(finding);
    findings.last_mut().expect("pushed one line above")
}

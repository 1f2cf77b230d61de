//! `[storage]`: where things are kept, for how long, and what keys are sealed under.

use std::path::PathBuf;
use std::sync::Arc;

use super::Context;
use crate::config::effective::SettingValue;
use crate::config::environment::Environment;
use crate::config::error::ErrorKind;
use crate::config::report::Report;
use crate::config::secret::Secret;
use crate::config::section::Section;
use crate::config::setting::Text;
use crate::config::snapshot::Storage;
use crate::config::{limits, shape};

pub(super) fn storage(root: &Section<'_>, context: &Context<'_>, report: &mut Report) -> Storage {
    let section = root.table("storage", &shape::STORAGE, report);
    let path = path(&section, context, report);
    let retention = section.duration(&limits::RETENTION, report);
    let master_key = master_key(&section, &shape::MASTER_KEY, context, report);
    let previous_master_key =
        self::master_key(&section, &shape::PREVIOUS_MASTER_KEY, context, report);
    let key = shape::PREVIOUS_MASTER_KEY.key;
    if section.node(key).is_some() && section.node(shape::MASTER_KEY.key).is_none() {
        let message = "needs a storage.master_key that comes after it";
        section.error(ErrorKind::Conflict, key, message, report);
    }
    let detail = section.choice(&limits::DETAIL, report);
    let bodies = section.choice(&limits::BODIES, report);
    Storage { bodies, detail, master_key, path, previous_master_key, retention }
}

fn path(section: &Section<'_>, context: &Context<'_>, report: &mut Report) -> Option<PathBuf> {
    let key = shape::STORAGE_PATH.key;
    let Some((text, place)) = section.text(&shape::STORAGE_PATH, report) else {
        let path = state_folder(context.environment);
        let shown = path.as_ref().map_or("off".to_owned(), |path| path.display().to_string());
        section.note(key, SettingValue::Text(shown), report);
        if path.is_none() {
            let message = "is \"off\": neither XDG_STATE_HOME nor HOME is set";
            report.warning(&section.key(key), message);
        }
        return path;
    };
    if text == "off" {
        return None;
    }
    if text.is_empty() || text.contains('\0') {
        let message = "must be a directory or \"off\"";
        section.error(ErrorKind::Invalid, key, message, report);
    }
    Some(context.texts.folder(place).join(text))
}

/// `$XDG_STATE_HOME/tidegate`, by default in `~/.local/state`.
fn state_folder(environment: &Environment) -> Option<PathBuf> {
    let folder = |name: &str| environment.absolute_path(name);
    let state = folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("tidegate"))
}

fn master_key(
    section: &Section<'_>,
    text: &Text,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<Arc<Secret>> {
    let found = section.secret(text, context, report)?;
    if found.secret.expose().len() < limits::MASTER_KEY_BYTES_MIN {
        let message = format!("must have at least {} characters", limits::MASTER_KEY_BYTES_MIN);
        section.error(ErrorKind::Invalid, text.key, message, report);
        return None;
    }
    // Not even its ends: everything sealed depends on it.
    section.note_secret(text, "...".to_owned(), found.source, report);
    Some(Arc::new(found.secret))
}

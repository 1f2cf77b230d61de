//! `tidegate check`: the configuration in force with who set each value, or every error in it.
//!
//! Never prints a secret: a `Setting` has only the hint of one.

use std::fmt::Write;
use std::process::ExitCode;

use serde_json::{Value, json};
use tidegate::config::{self, ConfigError, Loaded, SetBy, Setting, SettingValue};

use super::run::tls;
use super::{Written, output};

pub(super) fn run(written: Written, as_json: bool) -> ExitCode {
    let loaded = config::load(&written.sources())
        .and_then(|loaded| tls(&loaded.snapshot).map(|_usable| loaded));
    match loaded {
        Ok(loaded) if as_json => output::data(&format!("{:#}\n", loaded_json(&loaded))),
        Ok(loaded) => {
            output::findings(&loaded.warnings);
            output::data(&text(&loaded.settings))
        }
        Err(errors) => refused(&errors, as_json),
    }
}

/// Says what is wrong: JSON on stdout, or for people on stderr.
pub(super) fn refused(errors: &[ConfigError], as_json: bool) -> ExitCode {
    if !as_json {
        return output::refused(errors);
    }
    let document = json!({ "ok": false, "errors": list(errors, error_json) });
    output::data(&format!("{document:#}\n"));
    ExitCode::from(output::WRONG)
}

/// One line per setting, in the dotted form of TOML; who set it stands as a comment.
fn text(settings: &[Setting]) -> String {
    let written: Vec<String> =
        settings.iter().map(|setting| format!("{} = {}", setting.key, setting.value)).collect();
    let width = written.iter().map(|line| line.chars().count()).max().unwrap_or(0).min(WIDTH_MAX);
    let mut out = String::new();
    for (line, setting) in written.iter().zip(settings) {
        // Writing to a String cannot fail.
        let _: std::fmt::Result = write!(out, "{line:width$}  # {}", setting.set_by);
        if let Some(meaning) = &setting.means {
            let _: std::fmt::Result = write!(out, ": {meaning}");
        }
        out.push('\n');
    }
    out
}

fn loaded_json(loaded: &Loaded) -> Value {
    json!({
        "ok": true,
        "settings": list(&loaded.settings, setting_json),
        "warnings": list(&loaded.warnings, error_json),
    })
}

fn setting_json(setting: &Setting) -> Value {
    let value = value_json(&setting.value);
    let set_by = match &setting.set_by {
        SetBy::Default => json!({ "kind": "default" }),
        SetBy::Environment(name) => json!({ "kind": "environment", "name": name }),
        SetBy::File { line, path } => json!({ "kind": "file", "path": path, "line": line }),
        SetBy::Flag(name) => json!({ "kind": "flag", "name": name }),
    };
    json!({ "key": setting.key, "means": setting.means, "set_by": set_by, "value": value })
}

pub(super) fn value_json(value: &SettingValue) -> Value {
    match value {
        SettingValue::Hidden(hint) => json!({ "hint": hint }),
        SettingValue::List(texts) => json!(texts),
        SettingValue::Number(number) => json!(number),
        SettingValue::Permille(permille) => json!(f64::from(*permille) / 1_000.0),
        SettingValue::Switch(switch) => json!(switch),
        SettingValue::Text(text) => json!(text),
    }
}

fn error_json(error: &ConfigError) -> Value {
    let at = error.at.as_ref().map(|at| {
        json!({ "name": at.name, "line": at.line, "column": at.column, "snippet": at.snippet })
    });
    json!({
        "at": at,
        "help": error.help,
        "key": error.key,
        "kind": error.kind.name(),
        "message": error.message,
    })
}

fn list<T>(items: &[T], one: impl Fn(&T) -> Value) -> Vec<Value> {
    items.iter().map(one).collect()
}

/// Longer lines are not waited for: the comments of all others would stand too far away.
const WIDTH_MAX: usize = 60;

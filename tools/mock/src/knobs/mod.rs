//! Everything a test can ask of one answer: what it says, how it is framed, when it is sent, what
//! breaks.
//!
//! Never touches a socket: `answer` and `send` read these values and obey.

mod fault;
mod say;
mod table;
#[cfg(test)]
mod tests;
pub mod value;
mod wire;

pub use fault::Fault;
pub use say::Say;
pub use table::KNOBS;
pub use value::Point;
pub use wire::{Framing, Wire};

/// One full set of knobs; `default()` is a provider in good health.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Knobs {
    pub fault: Fault,
    pub say: Say,
    pub wire: Wire,
}

impl Knobs {
    /// Lays `text` (`key=value` pairs between commas or semicolons, values may be quoted) over what
    /// is set. The error names the first pair it cannot use.
    pub fn apply(&mut self, text: &str) -> Result<(), String> {
        for (key, value) in pairs(text)? {
            self.set(&key, &value)?;
        }
        Ok(())
    }

    /// Sets one knob. `reset` drops all that was set before.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        let known = if key == "reset" {
            *self = Self::default();
            Ok(true)
        } else {
            self.say.set(key, value).and_then(|known| {
                Ok(known || self.wire.set(key, value)? || self.fault.set(key, value)?)
            })
        };
        match known {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("unknown knob `{key}`")),
            Err(why) => Err(format!("{key}: {why}")),
        }
    }

    /// Whether `key` names a knob; `header.NAME` and `no_header.NAME` do.
    pub fn is_known(key: &str) -> bool {
        key == "reset"
            || key.starts_with("header.")
            || key.starts_with("no_header.")
            || KNOBS.iter().any(|knob| knob.name() == key)
    }
}

/// Cuts `a=1, b="x,y"; c` into pairs; a key alone gets an empty value.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut found = Vec::new();
    for item in split_outside_quotes(text, |c| matches!(c, ',' | ';'))? {
        let item = item.trim();
        if item.is_empty() {
            continue;
        }
        let (key, value) = item.split_once('=').unwrap_or((item, ""));
        let value = value.trim();
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(value);
        found.push((key.trim().to_owned(), value.to_owned()));
    }
    Ok(found)
}

/// Splits at each character `at` accepts, except between double quotes.
pub fn split_outside_quotes(text: &str, at: impl Fn(char) -> bool) -> Result<Vec<&str>, String> {
    let mut quoted = false;
    let parts = text
        .split(|c: char| {
            quoted ^= c == '"';
            !quoted && at(c)
        })
        .collect();
    if quoted { Err(format!("a quote is not closed in `{text}`")) } else { Ok(parts) }
}

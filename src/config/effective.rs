//! The configuration in force as an operator may see it: each setting, its value and who set it.
//!
//! Never holds a secret; where one is in force, its hint stands.

use std::fmt;

pub use super::text::SetBy;

/// One setting in force.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    /// Path of the setting, `timeouts.connect`.
    pub key: String,
    /// What a word such as `auto` came to, or where a secret was found.
    pub means: Option<String>,
    pub set_by: SetBy,
    pub value: SettingValue,
}

/// A value as a configuration file would have it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SettingValue {
    /// The hint of a secret.
    Hidden(String),
    List(Vec<String>),
    Number(usize),
    /// A fraction, in thousandths: 0..=1000.
    Permille(u16),
    Switch(bool),
    Text(String),
}

impl SettingValue {
    pub(super) fn list<'t>(texts: impl Iterator<Item = &'t str>) -> Self {
        Self::List(texts.map(str::to_owned).collect())
    }
}

impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hidden(text) | Self::Text(text) => f.write_str(&quoted(text)),
            Self::List(texts) => {
                let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
                write!(f, "[{}]", texts.join(", "))
            }
            Self::Number(number) => write!(f, "{number}"),
            Self::Permille(permille) => write!(f, "{:?}", f64::from(*permille) / 1_000.0),
            Self::Switch(switch) => write!(f, "{switch}"),
        }
    }
}

/// As a TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // The TOML escape takes four digits; every control character fits.
            _ if c.is_control() => {
                out.push_str("\\u");
                out.extend(format!("{:04X}", u32::from(c)).chars());
            }
            _ => out.push(c),
        }
    }
    out.push('"');
    out
}

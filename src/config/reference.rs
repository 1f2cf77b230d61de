//! Secrets in a configuration: written out, or a reference to where the value is to be found.
//!
//! Never tells a value in an error; only where it was looked for.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::build::Context;
use super::effective::SettingValue;
use super::environment::Environment;
use super::error::ErrorKind;
use super::report::Report;
use super::secret::Secret;
use super::section::{Section, unknown_key};
use super::setting::Text;
use super::text::Place;
use super::tree::{Table, Value};
use super::{disk, limits, mask, shape};

impl Section<'_> {
    /// A secret; the caller checks it and notes what may be told of it.
    pub fn secret(&self, text: &Text, context: &Context<'_>, report: &mut Report) -> Option<Found> {
        let node = self.node(text.key)?;
        let key = self.key(text.key);
        let (secret, source) = match &node.value {
            Value::Text(value) => {
                report
                    .warning(&key, "is written out in the file")
                    .at(node.place)
                    .help("put it elsewhere and refer to it, such as by { env = \"NAME\" }");
                (Secret::new(value.clone()), None)
            }
            Value::Bare(value) => (Secret::new(value.clone()), None),
            Value::Table(table) => {
                let reference = self.reference(text.key, table, report)?;
                let beside = context.texts.folder(node.place);
                match reference.resolve(context.environment, beside) {
                    Ok(secret) => (secret, Some(reference.to_string())),
                    Err(Unresolved(message)) => {
                        report.error(ErrorKind::UnresolvedSecret, &key, message).at(node.place);
                        return None;
                    }
                }
            }
            _ => {
                self.wrong_type(text.key, EXPECTED, report);
                return None;
            }
        };
        Some(Found { place: node.place, secret, source })
    }

    /// Notes a secret as in force by what may be told of it.
    pub fn note_secret(
        &self,
        text: &Text,
        shown: String,
        source: Option<String>,
        report: &mut Report,
    ) {
        self.note(text.key, SettingValue::Hidden(shown), report);
        if let Some(source) = source {
            report.means(&self.key(text.key), source);
        }
    }

    fn reference<'t>(
        &self,
        key: &str,
        table: &'t Table,
        report: &mut Report,
    ) -> Option<Reference<'t>> {
        let mut references = Vec::new();
        for entry in &table.entries {
            let make = match entry.key.as_str() {
                "credential" => Reference::Credential,
                "env" => Reference::Env,
                "file" => Reference::File,
                _ => {
                    unknown_key(&self.key(key), entry, shape::REFERENCES.into_iter(), report);
                    return None;
                }
            };
            let Value::Text(name) = &entry.node.value else {
                let key = format!("{}.{}", self.key(key), entry.key);
                let message = format!("must be a text, not {}", entry.node.value.kind());
                report.error(ErrorKind::WrongType, &key, message).at(entry.node.place);
                return None;
            };
            references.push(make(name.as_str()));
        }
        if let [reference] = references.as_slice() {
            return Some(*reference);
        }
        let message = format!("must be {EXPECTED}");
        self.error(ErrorKind::Invalid, key, message, report);
        None
    }
}

/// A secret that is where it should be.
pub(super) struct Found {
    /// Of the value or the reference.
    pub place: Place,
    pub secret: Secret,
    /// Where the value was, when it is not written out.
    pub source: Option<String>,
}

const EXPECTED: &str =
    "one of { env = \"NAME\" }, { file = \"PATH\" }, { credential = \"NAME\" }, or a text";

/// Where a secret is to be found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Reference<'a> {
    /// A systemd credential: a file in `$CREDENTIALS_DIRECTORY`.
    Credential(&'a str),
    /// An environment variable.
    Env(&'a str),
    /// A file, relative to the one that names it.
    File(&'a str),
}

impl fmt::Display for Reference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credential(name) => write!(f, "credential {name}"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::File(path) => write!(f, "file {path}"),
        }
    }
}

impl Reference<'_> {
    /// Reads the value. A last line end is not part of it.
    fn resolve(self, environment: &Environment, beside: &Path) -> Result<Secret, Unresolved> {
        let path = match self {
            Self::Env(name) => return from_environment(name, environment),
            Self::File(path) => beside.join(path),
            Self::Credential(name) => credential_path(name, environment)?,
        };
        let bytes = disk::read(&path, limits::SECRET_FILE_BYTES_MAX).map_err(|error| {
            let path = mask::name(&path.display().to_string());
            Unresolved(format!("refers to `{path}`, which cannot be read: {}", disk::why(&error)))
        })?;
        let Ok(text) = std::str::from_utf8(&bytes) else {
            let path = mask::name(&path.display().to_string());
            return Err(Unresolved(format!("refers to `{path}`, which is not UTF-8 text")));
        };
        let line = text.strip_suffix('\n').unwrap_or(text);
        let line = line.strip_suffix('\r').unwrap_or(line);
        Ok(Secret::new(Zeroizing::new(line.to_owned())))
    }
}

/// Why there is no value, naming where it was looked for.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Unresolved(String);

fn from_environment(name: &str, environment: &Environment) -> Result<Secret, Unresolved> {
    // Whoever writes the key itself where its variable belongs must not find it in a log.
    let shown = mask::name(name);
    match environment.var(name) {
        Ok(Some(value)) => Ok(Secret::new(value)),
        Ok(None) => Err(Unresolved(format!("refers to variable `{shown}`, which is not set"))),
        Err(_) => Err(Unresolved(format!("refers to variable `{shown}`, which is not UTF-8 text"))),
    }
}

fn credential_path(name: &str, environment: &Environment) -> Result<PathBuf, Unresolved> {
    // systemd allows no path here, and neither may we: the name must stay in its directory.
    if name.is_empty() || name.contains('/') || name == ".." || name == "." {
        return Err(Unresolved("must name a credential without any path".to_owned()));
    }
    match environment.path("CREDENTIALS_DIRECTORY") {
        Some(directory) => Ok(directory.join(name)),
        None => Err(Unresolved(format!(
            "refers to credential `{}`, but `CREDENTIALS_DIRECTORY` is not set: systemd sets it \
             for a unit with LoadCredential",
            mask::name(name)
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_cannot_leave_its_directory() {
        let environment = Environment::fixed([("CREDENTIALS_DIRECTORY", "/nowhere")]);
        for name in ["", ".", "..", "../etc/shadow", "a/b"] {
            let error = Reference::Credential(name).resolve(&environment, Path::new(""));
            let why = Unresolved("must name a credential without any path".to_owned());
            assert_eq!(error, Err(why), "{name}");
        }
    }
}

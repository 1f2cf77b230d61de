//! Environment variables: those of the process, or a fixed set. Never prints a value.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// Where variables are looked up.
#[derive(Clone)]
pub enum Environment {
    /// A fixed set, for tests and tools.
    Fixed(BTreeMap<String, OsString>),
    /// The process's own, asked at each look-up: no second copy of a secret is kept.
    Process,
}

impl Environment {
    /// A fixed set of variables.
    pub fn fixed<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), OsString::from(value));
        Self::Fixed(variables.into_iter().map(owned).collect())
    }

    /// The variable's value, if it is set.
    pub fn var(&self, name: &str) -> Result<Option<Zeroizing<String>>, NotText> {
        match self.raw(name).map(OsString::into_string) {
            None => Ok(None),
            Some(Ok(text)) => Ok(Some(Zeroizing::new(text))),
            Some(Err(_)) => Err(NotText),
        }
    }

    /// The variable as a path, UTF-8 or not; `None` when it is unset or empty.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.raw(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    /// The variable as an absolute path. Others are ignored, as the XDG base directory
    /// specification asks.
    pub fn absolute_path(&self, name: &str) -> Option<PathBuf> {
        self.path(name).filter(|path| path.is_absolute())
    }

    /// Names that begin with `prefix`, in order.
    pub fn names(&self, prefix: &str) -> Vec<String> {
        let mut names: Vec<String> = match self {
            Self::Fixed(variables) => variables.keys().cloned().collect(),
            Self::Process => {
                std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
            }
        };
        names.retain(|name| name.starts_with(prefix));
        names.sort_unstable();
        names
    }

    fn raw(&self, name: &str) -> Option<OsString> {
        match self {
            Self::Fixed(variables) => variables.get(name).cloned(),
            // Names that no variable can have come from a configuration too.
            Self::Process if name.is_empty() || name.contains(['=', '\0']) => None,
            Self::Process => std::env::var_os(name),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(variables) => f.debug_set().entries(variables.keys()).finish(),
            Self::Process => f.write_str("Process"),
        }
    }
}

/// The value is not UTF-8.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotText;

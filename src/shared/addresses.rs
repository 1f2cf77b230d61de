//! What upstream names resolve to: an immutable table that the control plane publishes.

use std::collections::HashMap;
use std::net::IpAddr;

/// Addresses by host name, as last resolved.
#[derive(Debug, Default)]
pub struct Addresses {
    by_host: HashMap<String, Resolution>,
}

/// The newest answer for one name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Resolution {
    /// At least one address, in the order to try.
    Found(Vec<IpAddr>),
    /// The resolver said that there is no such name, or failed; the text is for the operator.
    NotFound(String),
}

impl Addresses {
    /// A table with these answers.
    pub fn new(by_host: HashMap<String, Resolution>) -> Self {
        Self { by_host }
    }

    /// The answer for `host`, or `None` while nobody has asked the resolver yet.
    pub fn lookup(&self, host: &str) -> Option<&Resolution> {
        self.by_host.get(host)
    }

    /// This table with other answers for some names.
    #[must_use]
    pub fn with(&self, answers: impl IntoIterator<Item = (String, Resolution)>) -> Self {
        let mut by_host = self.by_host.clone();
        by_host.extend(answers);
        Self { by_host }
    }
}

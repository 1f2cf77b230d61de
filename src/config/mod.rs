//! What the operator wrote becomes what runs. A `Snapshot` that exists is valid.
//!
//! [`load`] gathers what was written (`sources`: built-in providers, file, `conf.d`, environment,
//! command line) into one tree with places (`tree`, `text`), and `build` reads it table by table
//! against the `shape`s with the defaults and bounds of `limits`. All errors of a load are told
//! at once. Nothing is read after that, and nothing is updated in part.

mod base_url;
mod build;
mod compound;
mod disk;
mod effective;
mod environment;
mod error;
mod file;
pub mod header_rule;
pub mod label;
pub mod limits;
mod mask;
pub mod pattern;
mod quoted;
mod read;
mod reference;
mod report;
pub mod route;
mod secret;
mod section;
pub mod setting;
pub mod shape;
pub mod snapshot;
mod sources;
#[cfg(test)]
mod tests;
mod text;
mod tree;
pub mod upstream;

use std::sync::Arc;

pub use base_url::is_host;
pub use build::admin::Access as AdminAccess;
pub use effective::{SetBy, Setting, SettingValue};
pub use environment::{Environment, NotText};
pub use error::{ConfigError, ErrorKind, Look, Position};
pub use secret::{Secret, hint_of};
pub use snapshot::Snapshot;
pub use sources::{Flags, Sources};

/// A configuration that holds.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Every setting in force with who set it, in the order of the documentation.
    pub settings: Vec<Setting>,
    pub snapshot: Arc<Snapshot>,
    /// What is not wrong, but not wise.
    pub warnings: Vec<ConfigError>,
}

/// How the admin API of a gateway of this configuration is reached. Looks at `[admin]` alone: who
/// steers a gateway need not have the secrets that it runs with, nor, with a token from elsewhere,
/// that one.
pub fn admin_access(sources: &Sources, has_token: bool) -> Result<AdminAccess, Vec<ConfigError>> {
    let mut texts = text::Texts::default();
    let mut report = report::Report::default();
    let written = sources.gather(&mut texts, &mut report);
    let context = build::Context {
        environment: &sources.environment,
        stderr_is_terminal: sources.stderr_is_terminal,
        texts: &texts,
    };
    let access = build::admin::access(&written, (&context, has_token), &mut report);
    let failed = report.has_errors();
    let (errors, ..) = report.close(&texts);
    if failed { Err(errors) } else { Ok(access) }
}

/// Reads everything anew and gives the configuration it makes, or every error in it. At start and
/// at each reload; never on a worker, for it reads files.
pub fn load(sources: &Sources) -> Result<Loaded, Vec<ConfigError>> {
    let mut texts = text::Texts::default();
    let mut report = report::Report::default();
    let written = sources.gather(&mut texts, &mut report);
    let context = build::Context {
        environment: &sources.environment,
        stderr_is_terminal: sources.stderr_is_terminal,
        texts: &texts,
    };
    let snapshot = build::build(&written, &context, &mut report);
    let failed = report.has_errors();
    let (errors, warnings, settings) = report.close(&texts);
    if failed {
        return Err(errors);
    }
    Ok(Loaded { settings, snapshot: Arc::new(snapshot), warnings })
}

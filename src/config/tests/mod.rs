//! Tests of the room as a whole: files, variables and flags in; a snapshot or errors out.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]

mod defaults;
mod masked;
mod pools;
mod precedence;
mod refused;
mod snapshot;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{ConfigError, Environment, Flags, Loaded, Setting, Sources, load};

/// A folder of its own with files, variables and flags; gone when dropped.
struct Scene {
    flags: Flags,
    folder: PathBuf,
    variables: Vec<(String, String)>,
}

impl Scene {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tidegate-config-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self { flags: Flags::default(), folder, variables: Vec::new() }
    }

    fn file(self, path: &str, content: &str) -> Self {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    fn flags(mut self, flags: Flags) -> Self {
        self.flags = flags;
        self
    }

    fn sources(&self) -> Sources {
        let variables = self.variables.iter().map(|(n, v)| (n.as_str(), v.as_str()));
        Sources {
            directory: self.folder.clone(),
            environment: Environment::fixed(variables),
            file: None,
            flags: self.flags.clone(),
            stderr_is_terminal: false,
        }
    }

    fn loaded(&self) -> Loaded {
        load(&self.sources()).unwrap()
    }

    /// The errors, with paths as if this folder were the working directory.
    fn errors(&self) -> Vec<ConfigError> {
        let mut errors = load(&self.sources()).unwrap_err();
        for error in &mut errors {
            error.message = self.relative(&error.message);
            error.help = error.help.as_ref().map(|help| self.relative(help));
            if let Some(at) = &mut error.at {
                at.name = self.relative(&at.name);
            }
        }
        errors
    }

    /// Each error in one line: where, and what.
    fn told(&self) -> Vec<String> {
        let told = |error: &ConfigError| {
            let at = error.at.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            let help = error.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
            format!("{at} {error}{help}")
        };
        self.errors().iter().map(told).collect()
    }

    /// Text without the folder of this scene.
    fn relative(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.folder.display()), "")
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        // A folder that stays behind fails no test.
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn setting<'a>(loaded: &'a Loaded, key: &str) -> &'a Setting {
    loaded.settings.iter().find(|setting| setting.key == key).unwrap()
}

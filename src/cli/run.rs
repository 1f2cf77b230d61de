//! `tidegate run`: loads the configuration and hands it over. Starts nothing itself.

use std::process::ExitCode;

use tidegate::{config, control_plane};

use super::{Written, output};

pub(super) fn run(written: Written) -> ExitCode {
    match config::load(&written.sources()) {
        Ok(loaded) => {
            output::findings(&loaded.warnings);
            control_plane::run(loaded)
        }
        Err(errors) => output::refused(&errors),
    }
}

//! One ordinary thread that may block. Traffic goes on if it dies.

use std::process::ExitCode;

use crate::config::Loaded;

/// Starts the gateway and returns when it has ended.
pub fn run(loaded: Loaded) -> ExitCode {
    drop(loaded);
    eprintln!("tidegate: the data plane is not part of this build");
    ExitCode::FAILURE
}

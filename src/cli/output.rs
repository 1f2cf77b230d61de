//! Where words go: data to stdout, chatter to stderr. A reader that has left is no failure.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use tidegate::config::{ConfigError, Look};

/// Wrong usage or configuration.
pub(super) const WRONG: u8 = 2;

/// Writes data to stdout.
pub(super) fn data(text: &str) -> ExitCode {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // `tidegate schema | head` has what it wanted.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tidegate: cannot write to stdout: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Shows errors or warnings on stderr.
pub(super) fn findings(findings: &[ConfigError]) {
    let look = look();
    for finding in findings {
        eprintln!("{}", finding.render(look));
    }
}

/// Says on stderr how many errors there were.
pub(super) fn refused(errors: &[ConfigError]) -> ExitCode {
    findings(errors);
    let count = match errors {
        [_] => "1 error".to_owned(),
        _ => format!("{} errors", errors.len()),
    };
    eprintln!("tidegate: {count} in the configuration");
    ExitCode::from(WRONG)
}

fn look() -> Look {
    if colours() { Look::Color } else { Look::Plain }
}

/// Colours only on a terminal, and never with `NO_COLOR` (no-color.org).
pub(super) fn colours() -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    io::stderr().is_terminal() && !no_color
}

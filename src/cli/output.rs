//! Where words go: data to stdout, chatter to stderr. A reader that has left is no failure.

use std::ffi::OsStr;
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

/// Says on stderr why it failed.
pub(super) fn failed(why: &str) -> ExitCode {
    eprintln!("tidegate: {why}");
    ExitCode::FAILURE
}

/// Shows errors or warnings on stderr.
pub(super) fn findings(findings: &[ConfigError]) {
    eprint!("{}", rendered(findings));
}

/// Errors or warnings as stderr shows them.
pub(super) fn rendered(findings: &[ConfigError]) -> String {
    let look = look();
    findings.iter().map(|finding| finding.render(look) + "\n").collect()
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
    look_of(io::stderr().is_terminal(), std::env::var_os("NO_COLOR").as_deref())
}

/// Whether stderr takes colors.
pub(super) fn colours() -> bool {
    look() == Look::Color
}

/// Colors only on a terminal, and never with `NO_COLOR` that is not empty (no-color.org).
fn look_of(is_terminal: bool, no_color: Option<&OsStr>) -> Look {
    let wanted = no_color.is_none_or(OsStr::is_empty);
    if is_terminal && wanted { Look::Color } else { Look::Plain }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_are_for_terminals_whose_user_has_nothing_against_them() {
        assert_eq!(look_of(true, None), Look::Color);
        assert_eq!(look_of(true, Some(OsStr::new(""))), Look::Color);
        assert_eq!(look_of(true, Some(OsStr::new("1"))), Look::Plain);
        assert_eq!(look_of(false, None), Look::Plain);
    }
}

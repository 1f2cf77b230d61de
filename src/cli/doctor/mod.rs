//! `tidegate doctor`: what this host gives a gateway of this configuration, tried and not guessed:
//! ok, warn or fail, each with what to do. Changes nothing; asks no provider for more than a TLS
//! handshake.

mod host;
mod reach;
mod storage;

use std::fmt::Write as _;
use std::process::ExitCode;

use serde_json::{Value, json};
use tidegate::config;

use super::{Written, check, output};

/// What one look found.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Finding {
    /// What to do about it; empty where nothing is to be done.
    fix: String,
    /// For people.
    says: String,
    state: State,
    /// What was looked at.
    what: String,
}

/// How it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum State {
    Ok,
    /// It serves, but less well than it could.
    Warn,
    /// It does not serve.
    Fail,
}

pub(super) fn run(written: Written, as_json: bool) -> ExitCode {
    let sources = written.sources();
    let loaded = match config::load(&sources) {
        Ok(loaded) => loaded,
        Err(errors) => return check::refused(&errors, as_json),
    };
    let snapshot = &loaded.snapshot;
    let mut findings = vec![
        host::ring(snapshot),
        host::open_files(snapshot),
        host::processors(snapshot),
        storage::look(snapshot),
    ];
    findings.extend(host::listeners(snapshot));
    findings.extend(reach::providers(snapshot));
    let text = if as_json { format!("{:#}\n", as_document(&findings)) } else { lines(&findings) };
    let told = output::data(&text);
    if worst(&findings) == State::Fail { ExitCode::FAILURE } else { told }
}

impl Finding {
    fn ok(what: impl Into<String>, says: impl Into<String>) -> Self {
        Self { fix: String::new(), says: says.into(), state: State::Ok, what: what.into() }
    }

    fn warn(what: impl Into<String>, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), state: State::Warn, ..Self::ok(what, says) }
    }

    fn fail(what: impl Into<String>, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { fix: fix.into(), state: State::Fail, ..Self::ok(what, says) }
    }
}

impl State {
    const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

fn worst(findings: &[Finding]) -> State {
    findings.iter().map(|finding| finding.state).max().unwrap_or(State::Ok)
}

fn as_document(findings: &[Finding]) -> Value {
    let checks = findings.iter().map(|finding| {
        let fix = (!finding.fix.is_empty()).then_some(&finding.fix);
        let Finding { says, what, .. } = finding;
        json!({ "check": what, "state": finding.state.name(), "says": says, "fix": fix })
    });
    json!({ "state": worst(findings).name(), "checks": checks.collect::<Vec<_>>() })
}

fn lines(findings: &[Finding]) -> String {
    let width = findings.iter().map(|finding| finding.what.len()).max().unwrap_or(0);
    let mut text = String::new();
    for Finding { fix, says, state, what } in findings {
        // Writing to a String cannot fail.
        let _infallible = writeln!(text, "{:4}  {what:width$}  {says}", state.name());
        if !fix.is_empty() {
            let _infallible = writeln!(text, "      {:width$}  fix: {fix}", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_finding_is_the_verdict() {
        let (ok, warn) = (Finding::ok("a", "fine"), Finding::warn("b", "slow", "do x"));
        let fail = Finding::fail("c", "gone", "do y");
        assert_eq!(worst(&[]), State::Ok);
        assert_eq!(worst(&[warn.clone(), ok.clone()]), State::Warn);
        let document = as_document(&[ok, fail, warn]);
        assert_eq!(document["state"], "fail");
        assert_eq!(document["checks"][0]["fix"], Value::Null);
        assert_eq!(document["checks"][1]["fix"], "do y");
    }
}

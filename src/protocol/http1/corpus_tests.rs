//! Raw messages against the verdicts of a slow, plain reading of the RFCs.
//!
//! The big corpus lies outside the repository (`$TIDEGATE_CORPORA`, else `../shared/corpora`);
//! `samples` holds our own cases, so that the rules are tested without it too.
#![allow(
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may block and may fail loudly"
)]

use std::path::{Path, PathBuf};

use serde_json::Value;

use connection::{Message, Outcome, Verdict, run};

mod connection;
mod samples;

#[test]
fn corpus_http1_requests() {
    check_corpus("http1-requests", "req");
}

#[test]
fn corpus_http1_responses() {
    check_corpus("http1-responses", "resp");
}

fn check_corpus(name: &str, extension: &str) {
    let root = std::env::var_os("TIDEGATE_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpora"),
        PathBuf::from,
    );
    let folder = root.join("http1");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("\ncorpus {name}: SKIPPED, no corpora at {}", folder.display());
        return;
    };
    let mut cases: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    cases.sort();
    let mut differences = Vec::new();
    for case in &cases {
        if let Err(difference) = check_case(case, extension == "req") {
            differences.push(format!("{}: {difference}", case.display()));
        }
    }
    // On a line of its own: with one test thread the name of the test stands before it.
    println!("\ncorpus {name}: {} of {}", cases.len() - differences.len(), cases.len());
    for difference in differences.iter().take(20) {
        println!("  {difference}");
    }
    assert!(differences.is_empty(), "{} cases differ", differences.len());
    assert!(!cases.is_empty(), "a corpus without cases tests nothing");
}

fn check_case(case: &Path, is_request: bool) -> Result<(), String> {
    let bytes = std::fs::read(case).unwrap();
    let expected = std::fs::read(case.with_extension("expected.json")).unwrap();
    let expected: Value = serde_json::from_slice(&expected).unwrap();
    let outcome = at_every_split(is_request, &bytes)?;
    compare(&outcome, &expected)
}

/// The outcome of the whole input, if every way to cut it has the same.
pub fn at_every_split(is_request: bool, bytes: &[u8]) -> Result<Outcome, String> {
    let whole = run(is_request, &[bytes]);
    for cut in 0..=bytes.len() {
        let (head, tail) = bytes.split_at(cut);
        same(&whole, &run(is_request, &[head, tail])).map_err(|e| format!("cut at {cut}: {e}"))?;
    }
    let each: Vec<&[u8]> = bytes.chunks(1).collect();
    same(&whole, &run(is_request, &each)).map_err(|e| format!("byte by byte: {e}"))?;
    Ok(whole)
}

/// Equal, but for which of several faults is found first.
fn same(whole: &Outcome, split: &Outcome) -> Result<(), String> {
    let split = Outcome { refusal: whole.refusal, ..split.clone() };
    if *whole == split { Ok(()) } else { Err(format!("{split:?}, not {whole:?}")) }
}

fn compare(outcome: &Outcome, expected: &Value) -> Result<(), String> {
    let gateway = expected["gateway"].as_str().unwrap();
    let verdict = match outcome.verdict {
        Verdict::Accept => "accept",
        Verdict::Incomplete => "incomplete",
        Verdict::Reject => "reject",
    };
    let is_early =
        gateway == "incomplete" && verdict == "reject" && may_be_early(outcome, expected);
    if verdict != gateway && !is_early {
        return Err(format!("{verdict} ({:?}), not {gateway}: {expected}", outcome.refusal));
    }
    match outcome.verdict {
        Verdict::Accept => compare_messages(outcome, expected),
        Verdict::Incomplete => Ok(()),
        Verdict::Reject => compare_status(outcome, expected),
    }
}

/// Whether an input that is cut off may be refused already: nothing can repair it, or the reading
/// repaired what we refuse (`soft`), or its head breaks a server's rule, which the expectations
/// apply to whole messages only.
fn may_be_early(outcome: &Outcome, expected: &Value) -> bool {
    let breaks_server_rule = match expected.get("partial_gateway_reasons") {
        Some(reasons) => !reasons.as_array().unwrap().is_empty(),
        None => !expected["partial_head"].is_null(),
    };
    let refusal = outcome.refusal.unwrap();
    expected["early_reject_ok"] == true
        || is_repaired(expected)
        || refusal.is_server_rule() && breaks_server_rule
}

fn compare_status(outcome: &Outcome, expected: &Value) -> Result<(), String> {
    let reasons = expected["gateway_reasons"].as_array().unwrap();
    let refusal = outcome.refusal.unwrap();
    let wanted = match reasons.as_slice() {
        // A head that breaks a server's rule is refused before the body that breaks the grammar.
        [] if is_repaired(expected) || refusal.is_server_rule() => return Ok(()),
        [] => expected["status"].as_u64(),
        [reason] if expected["verdict"] == "accept" => match reason.as_str() {
            Some("connect") => Some(405),
            Some("transfer-coding-not-supported-501") => Some(501),
            _ => Some(400),
        },
        _ => return Ok(()),
    };
    let status = outcome.status.map(u64::from);
    if wanted.is_none() || wanted == status {
        return Ok(());
    }
    Err(format!("status {status:?} ({refusal:?}), not {wanted:?}: {expected}"))
}

fn is_repaired(expected: &Value) -> bool {
    let soft = expected["soft"].as_array().unwrap();
    soft.iter().any(|why| !HARMLESS.contains(&why.as_str().unwrap()))
}

fn compare_messages(outcome: &Outcome, expected: &Value) -> Result<(), String> {
    let wanted = expected["messages"].as_array().unwrap();
    if outcome.messages.len() != wanted.len() {
        return Err(format!("{} messages, not {}", outcome.messages.len(), wanted.len()));
    }
    for (message, wanted) in outcome.messages.iter().zip(wanted) {
        compare_message(message, wanted).map_err(|what| format!("{what}: {wanted}"))?;
    }
    let must_close = outcome.messages.iter().any(|message| message.close);
    if expected["must_close"] != must_close {
        return Err(format!("must_close {must_close}"));
    }
    match expected["bytes_after_last_message_ignored"].as_u64() {
        Some(ignored) if usize::try_from(ignored) == Ok(outcome.ignored) => Ok(()),
        other => Err(format!("{} bytes ignored, not {other:?}", outcome.ignored)),
    }
}

fn compare_message(message: &Message, wanted: &Value) -> Result<(), String> {
    let line = match wanted["status"].as_u64() {
        Some(status) => [Value::from(status.to_string()), wanted["reason"].clone()],
        None => [wanted["method"].clone(), wanted["target"].clone()],
    };
    let headers: Value =
        message.headers.iter().map(|(name, value)| vec![name.clone(), value.clone()]).collect();
    let has_codings = wanted["codings"].as_array().is_some_and(|all| !all.is_empty());
    for (what, is_same) in [
        ("line", line[0] == message.line[0] && line[1] == message.line[1]),
        ("version", wanted["version"] == message.line[2]),
        ("headers", wanted["headers"] == headers),
        ("framing", wanted["framing"] == message.framing),
        ("codings", has_codings == message.has_codings || message.framing == "none"),
        ("body_len", wanted["body_len"] == message.body.len()),
        ("body_sha256", wanted["body_sha256"] == message.body_sha256()),
        ("close", wanted["close"] == message.close),
    ] {
        if !is_same {
            return Err(format!("{what} differs from {message:?}"));
        }
    }
    Ok(())
}

/// Soft points of the expectations that we take as they are.
const HARMLESS: &[&str] = &[
    "http-minor",
    "leading-empty-line-many",
    "non-ascii-target",
    "odd-status",
    "status-no-sp",
    "target-char",
    "unknown-coding-until-close",
];

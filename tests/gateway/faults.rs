//! Transcripts that are cut, reset and stalled at every byte of head and body: the client sees all
//! of an answer or an explicit end, usage is right to the last whole event, places are free again,
//! and no such connection is used twice.
//!
//! `TIDEGATE_FAULTS=1 cargo test --release --test gateway faults` goes through every offset (over
//! 100,000 cases, some minutes); without it a sample of them.

mod transcript;
mod upstream;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::support::{Answer, BodyEnd, Gateway, Payload, Upstream, Wire, get, key, post, provider};
use transcript::{Recorded, Transcript, recorded};
use upstream::{Case, Fault, Pace, serve};

/// What a client saw of a case, for the comparison with what was recorded of it.
struct Seen {
    case: Case,
    /// Bytes of the provider's payload; `None` where the answer was an error of the gateway's.
    delivered: Option<usize>,
    id: String,
}

/// Cases that are tried: every offset, or a few spread over all of them.
fn cases(transcripts: &[Transcript], faults: &[Fault]) -> Vec<Case> {
    let step = if std::env::var_os("TIDEGATE_FAULTS").is_some() { 1 } else { 53 };
    let mut cases = Vec::new();
    for (at, transcript) in transcripts.iter().enumerate() {
        for &fault in faults {
            for pace in [Pace::Once, Pace::Twice] {
                // Another start each time, so that a sample meets other offsets.
                let start = cases.len() % step;
                for offset in (start..=transcript.wire.len()).step_by(step) {
                    cases.push(Case { fault, offset, pace, transcript: at });
                }
            }
        }
    }
    cases
}

/// As many places as there are clients: a place that is not given back is missed at once.
const CLIENTS: usize = 32;

/// Deadlines under which a stall is soon over, and a slow machine is hardly ever taken for one.
const IMPATIENT: &str = "[timeouts]\nbyte_idle = \"200ms\"\nresponse_head = \"200ms\"\n\
                         response_head_stream = \"200ms\"\n\
                         [failover]\nfirst_event_wait = \"20ms\"\n";

fn config(url: &str, times: &str) -> String {
    let keyed = |name: &str, dialect: &str| {
        // Every answer breaks: a breaker would keep most of them away.
        let more = format!("max_concurrent = {CLIENTS}\nbreaker = \"off\"\n");
        provider(name, dialect, url) + &more + &key("sk-pool")
    };
    keyed("anthropic", "anthropic") + &keyed("openai", "openai") + times
}

#[test]
fn an_answer_that_is_cut_or_reset_at_any_byte_is_whole_or_tells() {
    play(&[Fault::Fin, Fault::Reset], "");
}

#[test]
fn an_answer_that_stalls_at_any_byte_is_whole_or_tells() {
    play(&[Fault::Stall], IMPATIENT);
}

fn play(faults: &[Fault], times: &str) {
    let transcripts: Arc<[Transcript]> = recorded().into();
    let cases: Arc<[Case]> = cases(&transcripts, faults).into();
    let (url, misused) = serve(transcripts.clone(), cases.clone());
    let gateway = Gateway::start(&config(&url, times));
    let (address, next) = (gateway.address, AtomicUsize::new(0));
    let seen: Vec<Seen> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = Vec::new();
                    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let number = next_of(&cases, case);
                        let transcript = &transcripts[case.transcript];
                        let fields = format!("x-case: {number}\r\n");
                        let mut client = Wire::connect(address);
                        client.send(post(transcript.path, &fields, transcript.request));
                        seen.push(judge(&mut client, *case, transcript));
                    }
                    seen
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    });
    assert_eq!(seen.len(), cases.len());
    assert_eq!(misused.load(Ordering::Relaxed), 0, "connections that broke were used again");
    let livez = gateway.ask(get("/livez", "")).json();
    assert_eq!(livez["in_flight"], 0);
    // The last lines are on their way until the process has ended.
    gateway.signal(rustix::process::Signal::TERM);
    let stderr = gateway.ended().stderr;
    let lines: HashMap<String, Value> = stderr
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter_map(|line: Value| Some((line["id"].as_str()?.to_owned(), line)))
        .collect();
    for Seen { case, delivered, id } in &seen {
        let line = lines.get(id).unwrap_or_else(|| panic!("no record of {case:?}"));
        let transcript = &transcripts[case.transcript];
        let counted = Recorded::of_line(line);
        let possible = match delivered {
            Some(bytes) => transcript.usages(*bytes),
            None => transcript.usages_unseen(case.offset),
        };
        assert!(possible.contains(&counted), "{case:?}: {counted:?} of {possible:?}: {line}");
    }
    println!("{} cases", cases.len());
}

/// Its number, by its place.
fn next_of(cases: &[Case], case: &Case) -> usize {
    let start = cases.as_ptr().addr();
    (std::ptr::from_ref(case).addr() - start) / size_of::<Case>()
}

fn judge(client: &mut Wire, case: Case, transcript: &Transcript) -> Seen {
    let head = client.head();
    let id = head.field("x-tidegate-request-id").unwrap().to_owned();
    if head.status() != 200 {
        let answer = client.answer_of(head);
        refused(&answer, case, transcript);
        return Seen { case, delivered: None, id };
    }
    let mut payload = Payload::of(&head);
    payload.finish(client);
    let whole = &transcript.payload;
    if payload.end == Some(BodyEnd::Whole) {
        assert_eq!(&payload.bytes, whole, "{case:?} ends as if it were whole");
        let complete = case.offset >= transcript.complete_at;
        assert!(complete, "{case:?} cannot be complete");
        return Seen { case, delivered: Some(whole.len()), id };
    }
    assert!(case.offset < transcript.complete_at || case.fault != Fault::Fin, "{case:?}");
    // What came is a beginning of the answer; behind it at most one event of our own.
    let text = payload.text();
    let ours = ["event: error", "event: response.failed", "data: {\"error\""];
    let find = |start: &&str| memchr::memmem::rfind(&payload.bytes, start.as_bytes());
    let told = ours.iter().find_map(find);
    let delivered = told.unwrap_or(payload.bytes.len());
    assert!(whole.starts_with(&payload.bytes[..delivered]), "{case:?}: {text}");
    assert!(told.is_none() || transcript.streams, "{case:?}: {text}");
    let sent = transcript.payload_before(case.offset);
    // A reset may overtake bytes that were sent before it, a deadline those that came late.
    let is_all = if case.fault == Fault::Fin { delivered == sent } else { delivered <= sent };
    assert!(is_all, "{case:?}: {delivered} of {sent} bytes came");
    Seen { case, delivered: Some(delivered), id }
}

/// An error of ours in place of an answer that never was one.
fn refused(answer: &Answer, case: Case, transcript: &Transcript) {
    let code = answer.code().unwrap_or_default();
    assert_eq!(answer.end, BodyEnd::Whole, "{case:?}");
    assert!(answer.json()["error"].is_object(), "{case:?}: {}", answer.text());
    let is_early = case.offset < transcript.head_end || case.fault != Fault::Fin;
    assert!(is_early, "{case:?}: {} {}", answer.head.status(), answer.text());
    let expected = match case.fault {
        Fault::Stall => "upstream_timeout",
        Fault::Fin | Fault::Reset => "upstream_cut",
    };
    assert_eq!(code, expected, "{case:?}: {}", answer.text());
}

/// Clients that stop at any byte of their request, in each way: nothing half goes up, and the one
/// place there is is free again.
#[test]
fn a_client_that_leaves_at_any_byte_of_its_request_leaves_nothing() {
    let provider_side = Upstream::start();
    let config = provider("anthropic", "anthropic", &provider_side.url())
        + "max_concurrent = 1\n"
        + &key("sk-pool");
    let gateway = Gateway::start(&config);
    let request = post("/v1/messages", "content-type: application/json\r\n", "{\"model\":\"m\"}");
    let step = if std::env::var_os("TIDEGATE_FAULTS").is_some() { 1 } else { 7 };
    for way in 0..3 {
        for offset in (way..request.len()).step_by(step) {
            let mut client = gateway.connect();
            client.send(&request[..offset]);
            match way {
                0 => drop(client),
                1 => client.reset(),
                _ => client.half_close(),
            }
        }
        assert!(provider_side.is_quiet(), "nothing that is not whole goes up");
        let mut client = gateway.connect();
        client.send(&request);
        let (mut upstream, seen) = provider_side.request();
        assert_eq!(seen.text(), "{\"model\":\"m\"}");
        upstream.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
        assert_eq!(client.answer().head.status(), 200, "the one place is free");
    }
    let mut other = gateway.connect();
    while {
        other.send(get("/livez", ""));
        other.answer().json()["in_flight"] != 0
    } {}
}

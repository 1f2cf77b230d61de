//! Answers as only a hostile or broken provider sends them, through the gateway to a client that
//! reads strictly: it sees what was meant or an explicit error, and no such connection is used
//! again.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::smuggling::corpus;
use crate::support::{Answer, BodyEnd, Gateway, Payload, Upstream, Wire, both, post, sha256};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
/// An answer in order, and the end of its connection.
const LAST: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";

#[test]
fn the_client_sees_what_was_meant_or_an_error_of_the_corpus() {
    let Some(cases) = corpus("resp") else {
        return println!("hostile answers: SKIPPED, no corpora");
    };
    let upstream = Upstream::start();
    let gateway = Gateway::start(&both(&upstream.url()));
    let (mut whole, mut told) = (0, 0);
    for case in &cases {
        let played = play(&gateway, &upstream, case, true);
        if played.is_whole {
            whole += 1;
        } else {
            told += 1;
        }
        assert_unused(&gateway, &upstream, played.provider, case);
    }
    println!("hostile answers: {} cases, {whole} as meant, {told} told as errors", cases.len());
    assert!(whole >= 15 && told >= 20, "the corpus tests nothing");
}

#[test]
fn a_connection_that_its_provider_leaves_open_is_used_again_only_after_an_answer_in_order() {
    let Some(cases) = corpus("resp") else {
        return println!("hostile answers: SKIPPED, no corpora");
    };
    let upstream = Upstream::start();
    let times = "[timeouts]\nresponse_head = \"100ms\"\nbyte_idle = \"100ms\"\n";
    let gateway = Gateway::start(&(both(&upstream.url()) + times));
    let (mut kept, mut closed) = (0, 0);
    for case in &cases {
        let mut played = play(&gateway, &upstream, case, false);
        if !played.is_whole || played.must_close {
            assert_unused(&gateway, &upstream, played.provider, case);
            closed += 1;
            continue;
        }
        let mut next = gateway.connect();
        next.send(post("/v1/messages", OWN_KEY, "{\"next\":1}"));
        assert_eq!(played.provider.answer().text(), "{\"next\":1}", "{}", case.display());
        played.provider.send(LAST);
        assert_eq!(next.answer().text(), "{}", "{}", case.display());
        kept += 1;
    }
    println!("hostile answers: {kept} connections were kept, {closed} closed");
    assert!(kept >= 5 && closed >= 40, "the corpus tests nothing");
}

/// Another request comes on a connection of its own, and nothing more on this one.
fn assert_unused(gateway: &Gateway, upstream: &Upstream, mut provider: Wire, case: &Path) {
    let mut next = gateway.connect();
    next.send(post("/v1/messages", OWN_KEY, "{\"next\":1}"));
    let (mut fresh, request) = upstream.request();
    assert_eq!(request.text(), "{\"next\":1}");
    fresh.send(LAST);
    assert_eq!(next.answer().text(), "{}", "{}", case.display());
    assert_eq!(provider.rest().0, b"", "{}: it was used again", case.display());
}

/// What came of one case.
struct Played {
    /// The client got what was meant, whole; otherwise it was told of an error.
    is_whole: bool,
    /// The connection may not be used again.
    must_close: bool,
    provider: Wire,
}

/// What the client gets of one case, after which the provider says no more.
fn play(gateway: &Gateway, upstream: &Upstream, case: &Path, ends: bool) -> Played {
    let expected = std::fs::read_to_string(case.with_extension("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&expected).unwrap();
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut provider, _) = upstream.request();
    provider.socket().set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let sent = provider.write(std::fs::read(case).unwrap());
    assert!(!matches!(sent, Err(e) if e.kind() == ErrorKind::WouldBlock));
    if ends {
        provider.half_close();
    }
    let head = client.head();
    let mut payload = Payload::of(&head);
    payload.finish(&mut client);
    let answer = Answer { body: payload.bytes, end: payload.end.unwrap(), head };
    let is_whole = is_as_meant(&answer, &expected);
    if !is_whole {
        // Without an end of the connection a body that lasts until then is never whole.
        let is_good = ends && expected["gateway"] == "accept" && meant(&expected).is_some();
        assert!(!is_good, "{}: {answer:?}", case.display());
        let is_told = answer.end != BodyEnd::Whole || answer.code().is_some();
        assert!(is_told, "{}: {answer:?}", case.display());
        if expected["status"] == 502 {
            assert_eq!(answer.head.status(), 502, "{}", case.display());
        }
    }
    let follows = expected["bytes_after_last_message_ignored"] != 0;
    let is_one = expected["messages"].as_array().unwrap().len() == 1;
    let is_accepted = expected["gateway"] == "accept";
    let must_close = expected["must_close"] != false || !is_accepted || follows || !is_one;
    Played { is_whole, must_close, provider }
}

/// The first final answer of a case that is to be taken: not of one that only switches protocols or
/// uses a coding, for which we never ask.
fn meant(expected: &Value) -> Option<&Value> {
    let messages = expected["messages"].as_array().unwrap();
    let first = messages.iter().find(|message| message["status"].as_u64() >= Some(200))?;
    let codings = first["codings"].as_array().map_or(&[][..], Vec::as_slice);
    codings.iter().all(|coding| coding == "chunked").then_some(first)
}

/// Whether it is what was meant, whole.
fn is_as_meant(answer: &Answer, expected: &Value) -> bool {
    meant(expected).is_some_and(|meant| {
        answer.code().is_none()
            && answer.end == BodyEnd::Whole
            && meant["status"].as_u64() == Some(u64::from(answer.head.status()))
            && meant["body_sha256"].as_str() == Some(&sha256(&answer.body))
    })
}

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

#[test]
fn the_client_sees_what_was_meant_or_an_error_of_the_corpus() {
    let Some(cases) = corpus("resp") else {
        return println!("hostile answers: SKIPPED, no corpora");
    };
    let upstream = Upstream::start();
    let gateway = Gateway::start(&both(&upstream.url()));
    let (mut whole, mut told) = (0, 0);
    for case in &cases {
        let expected = std::fs::read_to_string(case.with_extension("expected.json")).unwrap();
        let expected: Value = serde_json::from_str(&expected).unwrap();
        let (answer, mut provider) = play(&gateway, &upstream, case);
        if is_as_meant(&answer, &expected) {
            whole += 1;
        } else {
            let is_good = expected["gateway"] == "accept" && meant(&expected).is_some();
            assert!(!is_good, "{}: {answer:?}", case.display());
            let is_told = answer.end != BodyEnd::Whole || answer.code().is_some();
            assert!(is_told, "{}: {answer:?}", case.display());
            told += 1;
        }
        // Another request: on a connection of its own.
        let mut next = gateway.connect();
        next.send(post("/v1/messages", OWN_KEY, "{\"next\":1}"));
        let (mut fresh, request) = upstream.request();
        assert_eq!(request.text(), "{\"next\":1}");
        fresh.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
        assert_eq!(next.answer().text(), "{}", "{}", case.display());
        assert_eq!(provider.rest().0, b"", "{}: it was used again", case.display());
    }
    println!("hostile answers: {} cases, {whole} as meant, {told} told as errors", cases.len());
    assert!(whole >= 15 && told >= 20, "the corpus tests nothing");
}

/// What the client gets of one case, after which the provider says no more.
fn play(gateway: &Gateway, upstream: &Upstream, case: &Path) -> (Answer, Wire) {
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, "{}"));
    let (mut provider, _) = upstream.request();
    provider.socket().set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let sent = provider.write(std::fs::read(case).unwrap());
    assert!(!matches!(sent, Err(e) if e.kind() == ErrorKind::WouldBlock));
    provider.half_close();
    let head = client.head();
    let mut payload = Payload::of(&head);
    payload.finish(&mut client);
    (Answer { body: payload.bytes, end: payload.end.unwrap(), head }, provider)
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

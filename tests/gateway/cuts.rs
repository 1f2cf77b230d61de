//! Upstreams that break off in an answer: the client can always tell, by an event where one may
//! stand and by an end that no client takes for a whole answer (BEHAVIOUR 8).

use crate::support::{BodyEnd, Gateway, Payload, Upstream, Wire, both, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";
const SSE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
const JSON: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const CHUNKED: &str = "transfer-encoding: chunked\r\n\r\n";
const EVENT: &str = "event: x\ndata: {\"a\":1}\n\n";
/// [`EVENT`] as one chunk.
const EVENT_CHUNK: &str = "18\r\nevent: x\ndata: {\"a\":1}\n\n\r\n";

const ANTHROPIC_EVENT: &str = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":";
const CHAT_EVENT: &str = "data: {\"error\":{\"message\":";
const RESPONSES_EVENT: &str = "event: response.failed\ndata: {\"type\":\"response.failed\"";

#[derive(Clone, Copy, Debug)]
enum Cut {
    Fin,
    Reset,
}

/// What a client gets of an answer that breaks off.
struct Broken {
    end: BodyEnd,
    gateway: Gateway,
    text: String,
}

/// Asks with `request`; the upstream answers `head` and `sent` and, once the client has `passed`,
/// breaks off: a reset would overtake bytes under way.
fn cut(request: &str, head: &str, (sent, passed): (&str, &str), how: Cut) -> Broken {
    let provider = Upstream::start();
    let gateway = Gateway::start(&both(&provider.url()));
    let mut client = gateway.connect();
    client.send(request);
    let (mut upstream, _) = provider.request();
    upstream.send(format!("{head}{sent}"));
    let (payload, mut client) = started(client, passed);
    match how {
        Cut::Fin => drop(upstream),
        Cut::Reset => upstream.reset(),
    }
    finished(payload, &mut client, gateway)
}

fn started(mut client: Wire, passed: &str) -> (Payload, Wire) {
    let mut payload = Payload::of(&client.head());
    payload.until(&mut client, passed);
    (payload, client)
}

fn finished(mut payload: Payload, client: &mut Wire, gateway: Gateway) -> Broken {
    payload.finish(client);
    Broken { end: payload.end.unwrap(), gateway, text: payload.text() }
}

fn messages() -> String {
    post("/v1/messages", OWN_KEY, STREAM)
}

/// Where a chunked stream breaks: what was sent, what of it is payload, and whether that ends
/// between two events.
const PLACES: [(&str, &str, bool); 12] = [
    ("", "", true),
    ("18", "", true),
    ("18\r", "", true),
    ("18\r\n", "", true),
    ("18;ext=\"a", "", true),
    ("18\r\nevent: x\nda", "event: x\nda", false),
    ("18\r\nevent: x\ndata: {\"a\":1}\n", "event: x\ndata: {\"a\":1}\n", false),
    ("18\r\nevent: x\ndata: {\"a\":1}\n\n", EVENT, true),
    ("18\r\nevent: x\ndata: {\"a\":1}\n\n\r", EVENT, true),
    (EVENT_CHUNK, EVENT, true),
    ("18\r\nevent: x\ndata: {\"a\":1}\n\n\r\n0\r\n", EVENT, true),
    ("18\r\nevent: x\ndata: {\"a\":1}\n\n\r\n0\r\nx-trailer: 1\r\n", EVENT, true),
];

#[test]
fn a_stream_that_ends_by_fin_shows_it_wherever_it_breaks() {
    for (sent, passed, between) in PLACES {
        let broken = cut(&messages(), &format!("{SSE}{CHUNKED}"), (sent, passed), Cut::Fin);
        assert_eq!(broken.end, BodyEnd::Cut, "{sent:?}");
        let added = broken.text.strip_prefix(passed).unwrap();
        assert_eq!(added.starts_with(ANTHROPIC_EVENT), between, "{sent:?}: {added}");
        assert_eq!(added.ends_with("\n\n"), between, "{sent:?}: {added}");
        assert!(between || added.is_empty(), "{sent:?}: {added}");
    }
}

#[test]
fn a_stream_that_ends_by_rst_shows_it_wherever_it_breaks() {
    for (sent, passed, between) in PLACES {
        let broken = cut(&messages(), &format!("{SSE}{CHUNKED}"), (sent, passed), Cut::Reset);
        assert_eq!(broken.end, BodyEnd::Cut, "{sent:?}");
        let added = broken.text.strip_prefix(passed).unwrap();
        assert_eq!(added.starts_with(ANTHROPIC_EVENT), between, "{sent:?}: {added}");
        assert!(between || added.is_empty(), "{sent:?}: {added}");
    }
}

#[test]
fn each_endpoint_is_told_in_its_own_words() {
    for (path, event) in [
        ("/v1/messages", ANTHROPIC_EVENT),
        ("/v1/chat/completions", CHAT_EVENT),
        ("/v1/completions", CHAT_EVENT),
        ("/v1/responses", RESPONSES_EVENT),
    ] {
        let request = post(path, OWN_KEY, STREAM);
        let sent = (EVENT_CHUNK, EVENT);
        let broken = cut(&request, &format!("{SSE}{CHUNKED}"), sent, Cut::Fin);
        let added = broken.text.strip_prefix(EVENT).unwrap();
        assert!(added.starts_with(event), "{path}: {added}");
        assert!(!added.contains("[DONE]"), "{path}: {added}");
        let data = added.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        let error = data["response"].get("error").unwrap_or(&data["error"]);
        let message = error["message"].as_str().unwrap();
        assert!(message.contains("closed the connection before the response"), "{message}");
        assert_eq!(broken.end, BodyEnd::Cut);
        let line = broken.gateway.line("upstream_cut");
        assert!(line.contains("\"phase\":\"relay\"") && line.contains(path), "{line}");
    }
}

#[test]
fn broken_chunk_framing_is_told_as_a_bad_response() {
    for sent in
        ["zz\r\n", "-1\r\n", "18\r\nevent: x\ndata: {\"a\":1}\n\nXX", "ffffffffffffffff\r\n"]
    {
        let payload = if sent.contains("event") { EVENT } else { "" };
        let broken = cut(&messages(), &format!("{SSE}{CHUNKED}"), (sent, payload), Cut::Fin);
        assert_eq!(broken.end, BodyEnd::Cut, "{sent:?}");
        let added = broken.text.strip_prefix(payload).unwrap();
        assert!(added.starts_with(ANTHROPIC_EVENT), "{sent:?}: {added}");
        broken.gateway.line("upstream_bad_response");
    }
}

#[test]
fn a_stream_by_length_is_cut_short_of_its_length() {
    for (length, told) in [(10_000, true), (40, false), (25, false)] {
        for how in [Cut::Fin, Cut::Reset] {
            let head = format!("{SSE}content-length: {length}\r\n\r\n");
            let broken = cut(&messages(), &head, (EVENT, EVENT), how);
            assert_eq!(broken.end, BodyEnd::Cut, "{length} {how:?}");
            let added = broken.text.strip_prefix(EVENT).unwrap();
            // An event that would fill the length would make the answer look whole.
            assert_eq!(added.starts_with(ANTHROPIC_EVENT), told, "{length} {how:?}: {added}");
        }
    }
}

#[test]
fn a_stream_until_close_is_cut_by_a_reset_and_whole_by_a_fin() {
    let broken = cut(&messages(), &format!("{SSE}\r\n"), (EVENT, EVENT), Cut::Reset);
    assert_eq!(broken.end, BodyEnd::Cut);
    assert!(broken.text.strip_prefix(EVENT).unwrap().starts_with(ANTHROPIC_EVENT));
    let whole = cut(&messages(), &format!("{SSE}\r\n"), (EVENT, EVENT), Cut::Fin);
    assert_eq!((whole.end, whole.text.as_str()), (BodyEnd::Whole, EVENT));
}

#[test]
fn an_http10_client_sees_a_reset() {
    let body = STREAM;
    let request = format!(
        "POST /v1/messages HTTP/1.0\r\n{OWN_KEY}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    for how in [Cut::Fin, Cut::Reset] {
        let broken = cut(&request, &format!("{SSE}{CHUNKED}"), (EVENT_CHUNK, EVENT), how);
        assert_eq!(broken.end, BodyEnd::Reset, "{how:?}");
        assert!(broken.text.starts_with(EVENT));
    }
}

#[test]
fn compressed_streams_and_json_get_no_event_and_a_broken_end() {
    let gzip = format!("{SSE}content-encoding: gzip\r\n");
    for head in [gzip.as_str(), JSON, "HTTP/1.1 200 OK\r\n", "HTTP/1.1 500 Oh\r\n"] {
        for how in [Cut::Fin, Cut::Reset] {
            let chunked = format!("{head}{CHUNKED}");
            let broken = cut(&messages(), &chunked, (EVENT_CHUNK, EVENT), how);
            assert_eq!((broken.end, broken.text.as_str()), (BodyEnd::Cut, EVENT), "{head}");
            let length = format!("{head}content-length: 5000\r\n\r\n");
            let broken = cut(&messages(), &length, (EVENT, EVENT), how);
            assert_eq!((broken.end, broken.text.as_str()), (BodyEnd::Cut, EVENT), "{head}");
        }
    }
}

#[test]
fn an_identity_coded_stream_is_in_the_clear() {
    let head = format!("{SSE}content-encoding: Identity\r\n{CHUNKED}");
    let broken = cut(&messages(), &head, (EVENT_CHUNK, EVENT), Cut::Fin);
    assert!(broken.text.strip_prefix(EVENT).unwrap().starts_with(ANTHROPIC_EVENT));
}

#[test]
fn a_stream_that_stalls_is_ended_by_byte_idle_with_an_event() {
    let provider = Upstream::start();
    let times = "[timeouts]\nbyte_idle = \"200ms\"\n";
    let gateway = Gateway::start(&(both(&provider.url()) + times));
    let mut client = gateway.connect();
    client.send(messages());
    let (mut upstream, _) = provider.request();
    upstream.send(format!("{SSE}{CHUNKED}{EVENT_CHUNK}"));
    let (payload, mut client) = started(client, EVENT);
    let broken = finished(payload, &mut client, gateway);
    assert_eq!(broken.end, BodyEnd::Cut);
    assert!(broken.text.contains("timeouts.byte_idle"), "{}", broken.text);
    let line = broken.gateway.line("upstream_timeout");
    assert!(line.contains("\"phase\":\"relay\""), "{line}");
    // The upstream is told by a close.
    assert!(matches!(upstream.rest().0.as_slice(), []));
}

#[test]
fn byte_idle_does_not_run_while_bytes_come() {
    let provider = Upstream::start();
    let times = "[timeouts]\nbyte_idle = \"1s\"\n";
    let gateway = Gateway::start(&(both(&provider.url()) + times));
    let mut client = gateway.connect();
    client.send(messages());
    let (mut upstream, _) = provider.request();
    upstream.send(format!("{SSE}{CHUNKED}"));
    let (mut payload, mut client) = started(client, "");
    // Each turn takes the time of a new gateway's start, 30 ms where nobody else works; in all
    // they take far over a second.
    let began = std::time::Instant::now();
    let mut turns = 0;
    while began.elapsed().as_millis() < 2_500 {
        turns += 1;
        drop(Gateway::start(&both("http://127.0.0.1:9")));
        upstream.send(EVENT_CHUNK);
        payload.until_length(&mut client, turns * EVENT.len());
    }
    upstream.send("0\r\n\r\n");
    payload.finish(&mut client);
    assert_eq!(payload.end, Some(BodyEnd::Whole));
}

#[test]
fn a_cut_is_logged_at_once_though_the_client_stays() {
    let provider = Upstream::start();
    let gateway = Gateway::start(&both(&provider.url()));
    let mut client = gateway.connect();
    client.send(messages());
    let (mut upstream, _) = provider.request();
    upstream.send(format!("{SSE}{CHUNKED}{EVENT_CHUNK}"));
    drop(upstream);
    let mut payload = Payload::of(&client.head());
    payload.finish(&mut client);
    assert_eq!(payload.end, Some(BodyEnd::Cut));
    // The client keeps its side open: what it still may send is read for 2 s, but that is not the
    // exchange's time.
    let line: serde_json::Value = serde_json::from_str(&gateway.line("upstream_cut")).unwrap();
    assert!(line["elapsed_ms"].as_u64().unwrap() < 1_900, "{line}");
}

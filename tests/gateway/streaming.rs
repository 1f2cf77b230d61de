//! Event streams on their way: unchanged, at once, and never faster than the client reads.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::{BodyEnd, Gateway, Mock, Payload, Upstream, Wire, both, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
const CHUNKED: &str = "transfer-encoding: chunked\r\n\r\n";

/// A client and an upstream in the middle of an exchange.
struct Open {
    client: Wire,
    gateway: Gateway,
    payload: Payload,
    upstream: Wire,
}

/// Opens a stream on `path`; the upstream has sent `first` behind a chunked head.
fn open(path: &str, first: &str) -> Open {
    open_with("", path, first)
}

fn open_with(config: &str, path: &str, first: &str) -> Open {
    let provider = Upstream::start();
    let gateway = Gateway::start(&(both(&provider.url()) + config));
    let mut client = gateway.connect();
    client.send(post(path, OWN_KEY, STREAM));
    let (mut upstream, _) = provider.request();
    upstream.send(format!("{HEAD}{CHUNKED}{}", chunk(first)));
    let head = client.head();
    let mut payload = Payload::of(&head);
    payload.until(&mut client, first);
    Open { client, gateway, payload, upstream }
}

fn chunk(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("{:x}\r\n{text}\r\n", text.len()) }
}

/// Every kind of line that an event stream may have, with each line end.
const ALL_KINDS: &[u8] = b"\xef\xbb\xbfevent: message_start\ndata: {\"a\":1}\n\n\
    id: 7\r\nretry: 10\r\ndata: two\r\ndata: lines\r\n\r\n\
    : a comment\r\rdata:no space\r\rdata\n\n\n\n\n:\n\
    event: ping\ndata: {\"type\": \"ping\"}\n\ndata: \xff\xfe not utf-8 \0 \x1b\n\n\
    unknown: field\nevent: \xe2\x80\xa8\n\ndata: [DONE]\n\ndata: unterminated";

#[test]
fn p01_sse_bytes_reach_the_client_unchanged() {
    let provider = Upstream::start();
    let gateway = Gateway::start(&both(&provider.url()));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, STREAM));
    let (mut upstream, _) = provider.request();
    for size in (1..ALL_KINDS.len()).step_by(3) {
        upstream.send(format!("{HEAD}{CHUNKED}"));
        for part in ALL_KINDS.chunks(size) {
            let mut bytes = format!("{:x}\r\n", part.len()).into_bytes();
            bytes.extend_from_slice(part);
            bytes.extend_from_slice(b"\r\n");
            upstream.send(bytes);
        }
        upstream.send("0\r\n\r\n");
        let answer = client.answer();
        assert_eq!(answer.head.field("content-type"), Some("text/event-stream"));
        assert_eq!((&*answer.body, answer.end), (ALL_KINDS, BodyEnd::Whole), "chunks of {size}");
        client.send(post("/v1/messages", OWN_KEY, STREAM));
        upstream.answer();
    }
}

#[test]
fn p01_sse_bytes_are_unchanged_by_length_and_until_close() {
    for (framing, path) in [
        (format!("content-length: {}\r\n\r\n", ALL_KINDS.len()), "/v1/chat/completions"),
        ("\r\n".to_owned(), "/v1/responses"),
        ("connection: close\r\n\r\n".to_owned(), "/v1/messages"),
    ] {
        let provider = Upstream::start();
        let gateway = Gateway::start(&both(&provider.url()));
        let mut client = gateway.connect();
        client.send(post(path, OWN_KEY, STREAM));
        let (mut upstream, _) = provider.request();
        upstream.send(format!("{HEAD}{framing}"));
        upstream.send(ALL_KINDS);
        drop(upstream);
        let answer = client.answer();
        assert_eq!((&*answer.body, answer.end), (ALL_KINDS, BodyEnd::Whole), "{framing}");
    }
}

#[test]
fn p02_each_event_is_seen_before_the_next_is_sent() {
    for path in ["/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/files"] {
        let mut open = open(path, "data: first\n\n");
        for n in 0..50 {
            let event = format!("data: {{\"n\":{n}}}\n\n");
            open.upstream.send(chunk(&event));
            open.payload.until(&mut open.client, &event);
        }
        open.upstream.send("0\r\n\r\n");
        open.payload.finish(&mut open.client);
        assert_eq!(open.payload.end, Some(BodyEnd::Whole), "{path}");
    }
}

#[test]
fn single_bytes_of_an_event_are_seen_at_once() {
    let mut open = open("/v1/messages", ":\n\n");
    let mut sent = String::from(":\n\n");
    for byte in ["d", "a", "t", "a", ":", "\u{e9}", "\r", "\n", "\r", "\n"] {
        sent += byte;
        open.upstream.send(chunk(byte));
        open.payload.until(&mut open.client, &sent);
    }
    open.upstream.send("0\r\n\r\n");
    open.payload.finish(&mut open.client);
    assert_eq!((open.payload.text(), open.payload.end), (sent, Some(BodyEnd::Whole)));
}

#[test]
fn the_head_of_a_stream_is_seen_before_its_first_event() {
    let provider = Upstream::start();
    let gateway = Gateway::start(&both(&provider.url()));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, STREAM));
    let (mut upstream, _) = provider.request();
    upstream.send(format!("{HEAD}{CHUNKED}"));
    assert_eq!(client.head().field("transfer-encoding"), Some("chunked"));
    upstream.send("0\r\n\r\n");
}

#[test]
fn streams_of_every_endpoint_end_as_the_provider_ends_them() {
    let mock = Mock::start();
    let gateway = Gateway::start(&both(&mock.url()));
    for (path, last) in [
        ("/v1/messages", "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n"),
        ("/v1/chat/completions", "data: [DONE]\n\n"),
        ("/v1/completions", "data: [DONE]\n\n"),
    ] {
        let answer = gateway.ask(post(path, &format!("{OWN_KEY}x-mock: events=40\r\n"), STREAM));
        assert_eq!(answer.end, BodyEnd::Whole, "{path}");
        assert!(answer.text().ends_with(last), "{path}: {}", answer.text());
        assert!(answer.text().contains("tide39"), "{path}");
    }
    let answer = gateway.ask(post("/v1/responses", OWN_KEY, STREAM));
    assert!(answer.text().contains("event: response.completed\n"));
}

#[test]
fn a_200_with_an_error_event_passes_through() {
    let mock = Mock::start();
    let gateway = Gateway::start(&both(&mock.url()));
    for (path, text) in [
        ("/v1/messages", "event: error\ndata: {\"type\":\"error\""),
        ("/v1/chat/completions", "data: {\"error\":"),
    ] {
        let fields = format!("{OWN_KEY}x-mock: event_error=overloaded_error@3\r\n");
        let answer = gateway.ask(post(path, &fields, STREAM));
        assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole));
        assert_eq!(answer.text().matches(text).count(), 1, "{path}: {}", answer.text());
        assert_eq!(answer.code(), None);
    }
}

#[test]
fn odd_but_whole_answers_pass_as_they_are() {
    let mock = Mock::start();
    let gateway = Gateway::start(&both(&mock.url()));
    for knobs in [
        "content_type=text/html",
        "encoding=gzip",
        "double_chunked",
        "trailers",
        "chunk_size=1",
        "chunk_ext=\";a=b\"",
        "no_done",
        "split_head",
        "http10",
        "framing=close",
        "header_count=50",
        "storm_1xx=8",
        "chunk=7",
        "raw_body=\"data: x\", byte_delay=2ms",
    ] {
        let fields = format!("{OWN_KEY}x-mock: {knobs}\r\n");
        let answer = gateway.ask(post("/v1/messages", &fields, STREAM));
        assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole), "{knobs}");
        assert!(!answer.body.is_empty() && answer.head.all("x-trailer").is_empty(), "{knobs}");
    }
}

#[test]
fn a_hundred_streams_run_side_by_side() {
    let mock = Mock::start();
    let gateway = Gateway::start(&both(&mock.url()));
    let fields = format!("{OWN_KEY}x-mock: events=20, rate=200\r\n");
    let mut clients: Vec<Wire> = (0..100).map(|_| gateway.connect()).collect();
    for client in &mut clients {
        client.send(post("/v1/messages", &fields, STREAM));
    }
    for client in &mut clients {
        let answer = client.answer();
        assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole));
        assert!(answer.text().contains("tide19") && answer.text().contains("message_stop"));
    }
}

#[test]
fn a_client_that_does_not_read_pauses_the_upstream_and_costs_no_memory() {
    let mut open = open("/v1/messages", "data: first\n\n");
    let before = open.gateway.resident_kib();
    open.upstream.socket().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let event = chunk(&format!("data: {}\n\n", "x".repeat(65_536)));
    let mut sent = 0_usize;
    // The kernel's own buffers hold some MiB; without back pressure this would never end.
    while open.upstream.try_send(&event) {
        sent += event.len();
        assert!(sent < 256 * 1024 * 1024, "{sent} bytes taken from a client that reads nothing");
    }
    let grown = open.gateway.resident_kib().saturating_sub(before);
    println!("the gateway grew by {grown} KiB while {sent} bytes were taken");
    assert!(grown < 4 * 1024, "grew by {grown} KiB");
    // Once the client reads, the bytes flow again, in order.
    open.payload.until_length(&mut open.client, sent / 2);
    assert!(open.payload.bytes[13..].iter().all(|byte| b"data: x\n".contains(byte)));
}

#[test]
fn a_client_that_reads_little_by_little_holds_up_its_provider_and_nobody_else() {
    const TOTAL: usize = 24 * 1024 * 1024;
    let (provider, mock) = (Upstream::start(), Mock::start());
    let slow = crate::support::provider("slow", "anthropic", &provider.url());
    let quick = crate::support::provider("quick", "anthropic", &mock.url());
    let gateway = Gateway::start(&(slow + &quick));
    let mut client = Wire::connect_narrow(gateway.address);
    client.send(post("/slow/v1/messages", OWN_KEY, STREAM));
    let (mut upstream, _) = provider.request();
    let before = gateway.resident_kib();
    let sent = Arc::new(AtomicUsize::new(0));
    let progress = sent.clone();
    let sender = std::thread::spawn(move || {
        upstream.send(format!("HTTP/1.1 200 OK\r\ncontent-length: {TOTAL}\r\n\r\n"));
        for start in (0..TOTAL).step_by(4_096) {
            upstream.send(bytes_from(start, 4_096));
            progress.store(start + 4_096, Ordering::Release);
        }
    });
    let mut payload = Payload::of(&client.head());
    let mut others = 0;
    while payload.end.is_none() {
        // A KiB and then somebody else's whole exchange on the one worker, while much is left.
        payload.until_length(&mut client, (payload.bytes.len() + 1_024).min(TOTAL));
        if others < 256 {
            let (sent, read) = (sent.load(Ordering::Acquire), payload.bytes.len());
            assert!(sent < TOTAL, "{sent} bytes taken of a provider whose client read {read}");
            let fields = format!("{OWN_KEY}x-mock: events=5\r\n");
            let answer = gateway.ask(post("/quick/v1/messages", &fields, STREAM));
            assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole));
            others += 1;
        }
    }
    sender.join().unwrap();
    let grown = gateway.resident_kib().saturating_sub(before);
    assert!(grown < 4 * 1024, "grew by {grown} KiB");
    assert_eq!((others, payload.end, payload.bytes.len()), (256, Some(BodyEnd::Whole), TOTAL));
    assert!(payload.bytes == bytes_from(0, TOTAL), "the bytes are those that were sent");
}

/// Bytes of a long stream, by which each place is told from the next.
fn bytes_from(start: usize, len: usize) -> Vec<u8> {
    (start..start + len).map(|at| (at ^ (at >> 8) ^ (at >> 16)).to_le_bytes()[0]).collect()
}

#[test]
fn a_client_that_takes_nothing_for_write_stall_is_given_up() {
    let times = "[timeouts]\nwrite_stall = \"300ms\"\n";
    let mut open = open_with(times, "/v1/messages", "data: first\n\n");
    let event = chunk(&format!("data: {}\n\n", "x".repeat(65_536)));
    // The gateway closes the upstream: its send fails then, and not by the wire's own patience.
    let fault = loop {
        if let Err(fault) = open.upstream.write(&event) {
            break fault;
        }
    };
    assert_ne!(fault.kind(), ErrorKind::WouldBlock, "{fault}");
    let line = open.gateway.line("client_gone");
    assert!(line.contains("timeouts.write_stall"), "{line}");
    assert_eq!(open.gateway.ask(post("/nowhere", "", "")).head.status(), 404);
}

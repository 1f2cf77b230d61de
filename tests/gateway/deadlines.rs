//! `timeouts.exchange`, which bounds everything that an exchange waits for; every other deadline has
//! its test where what it bounds is tested.

use crate::support::{BodyEnd, Gateway, Payload, Upstream, both, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";
const TIMES: &str = "[timeouts]\nexchange = \"1s\"\n";

#[test]
fn exchange_ends_a_wait_for_a_head_and_its_error_names_it() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&(both(&upstream.url()) + TIMES));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, STREAM));
    let (mut provider, _) = upstream.request();
    let answer = client.answer();
    assert_eq!((answer.head.status(), answer.code()), (504, Some("upstream_timeout")));
    assert!(answer.text().contains("timeouts.exchange"), "{}", answer.text());
    drop(provider.rest());
}

#[test]
fn exchange_ends_a_stream_on_which_events_keep_coming_and_its_event_names_it() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&(both(&upstream.url()) + TIMES));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, STREAM));
    let (mut provider, _) = upstream.request();
    provider.send(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    let mut payload = Payload::of(&client.head());
    let event = "event: a\ndata: 1\n\n";
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    for turn in 1.. {
        // One at a time: the deadline falls between two of them, where an event may be told.
        let error = || payload.text().rfind("event: error").is_some();
        if !provider.try_send(&chunk) || payload.end.is_some() || error() {
            break;
        }
        payload.until_length_or_end(&mut client, turn * event.len());
    }
    payload.finish(&mut client);
    assert_eq!(payload.end, Some(BodyEnd::Cut));
    let text = payload.text();
    let last = text.rfind("event: ").map_or("", |at| &text[at..]);
    assert!(last.starts_with("event: error") && last.contains("timeouts.exchange"), "{last}");
}

#[test]
fn write_stall_ends_the_sending_of_a_request_that_its_provider_does_not_read() {
    let upstream = Upstream::start();
    let times = "[timeouts]\nwrite_stall = \"300ms\"\n";
    let gateway = Gateway::start(&(both(&upstream.url()) + times));
    let body = format!("{{\"model\":\"m\",\"system\":\"{}\"}}", "x".repeat(24 << 20));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, &body));
    // Connected, and never read from.
    let _provider = upstream.accept();
    let answer = client.answer();
    assert_eq!((answer.head.status(), answer.code()), (504, Some("upstream_timeout")));
    assert!(answer.text().contains("timeouts.write_stall"), "{}", answer.text());
}

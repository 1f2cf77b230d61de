//! `timeouts.exchange`, which bounds everything that an exchange waits for; every other deadline has
//! its test where what it bounds is tested.

use crate::support::{BodyEnd, Gateway, Payload, Upstream, both, post};

const OWN_KEY: &str = "x-api-key: sk-own\r\n";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";
const TIMES: &str = "[timeouts]\nexchange = \"300ms\"\n";

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
fn exchange_ends_a_stream_that_never_pauses_and_its_event_names_it() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&(both(&upstream.url()) + TIMES));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", OWN_KEY, STREAM));
    let (mut provider, _) = upstream.request();
    provider.send(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
    );
    let mut payload = Payload::of(&client.head());
    let sender = std::thread::spawn(move || {
        // Until the gateway has had enough.
        while provider.try_send("11\r\nevent: a\ndata: 1\n\r\n1\r\n\n\r\n") {}
    });
    payload.finish(&mut client);
    sender.join().unwrap();
    assert_eq!(payload.end, Some(BodyEnd::Cut));
    let text = payload.text();
    let last = text.rfind("event: ").map_or("", |at| &text[at..]);
    assert!(last.starts_with("event: error") && last.contains("timeouts.exchange"), "{last}");
}

//! Watched streams over sockets (W-39, W-40, keep-alive pings): what stalls or trickles ends with an
//! error event, silence is filled between events only; all of it off by default.

use crate::support::pool::STREAM;
use crate::support::{Directory, Gateway, Mock, Payload, Upstream, key, post, provider};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
                    transfer-encoding: chunked\r\n\r\n";
const START: &str = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{}}\n\n";
const PING: &str = "event: ping\ndata: {\"type\": \"ping\"}\n\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

fn config(url: &str, dialect: &str, stream: &str) -> String {
    provider("p", dialect, url) + &key("sk-k") + "[stream]\n" + stream
}

#[test]
fn w39_a_stream_of_pings_alone_is_given_up_with_an_error_event() {
    let recorded = Directory::new();
    // Writes of one ping each end where events do, so that an event of ours may follow.
    let pad = PING.len() - (START.len() + 3) % PING.len();
    let start = format!("{START}:{}\n\n", " ".repeat(pad));
    recorded.write("pings.sse", start + &PING.repeat(400));
    let folder = recorded.path().to_str().unwrap();
    let mock = Mock::with(&["--replay-dir", folder]);
    let stream = "output_stall = '150ms'\n";
    let gateway = Gateway::start(&config(&mock.url(), "anthropic", stream));
    // A ping every 10 ms or so, for four seconds.
    let knobs = format!("x-mock: replay=pings.sse, chunk={}, rate=100\r\n", PING.len());
    let mut client = gateway.connect();
    client.send(post("/v1/messages", &knobs, STREAM));
    let head = client.head();
    let mut payload = Payload::of(&head);
    payload.until(&mut client, "event: error");
    payload.until(&mut client, "stream.output_stall");
    assert!(payload.text().starts_with(START), "{}", payload.text());
    let failed = gateway.line("request failed");
    assert!(failed.contains("upstream_timeout"), "{failed}");
    assert_eq!(mock.log(1)[0].text("end"), "peer_left", "the upstream is left");
}

#[test]
fn w39_content_that_comes_is_never_given_up() {
    let mock = Mock::start();
    let stream =
        "output_stall = '400ms'\nfloor = { events = 2, window = '200ms', warmup = '0s' }\n";
    let gateway = Gateway::start(&config(&mock.url(), "anthropic", stream));
    let knobs = "x-mock: events=30, rate=40\r\n";
    let answer = gateway.ask(post("/v1/messages", knobs, STREAM));
    assert!(answer.text().contains("message_stop"), "{}", answer.text());
    assert!(!answer.text().contains("event: error"));
}

#[test]
fn w40_a_trickle_is_given_up_and_silence_is_not() {
    let mock = Mock::start();
    let stream = "floor = { events = 50, window = '100ms', warmup = '0s' }\n";
    let gateway = Gateway::start(&config(&mock.url(), "anthropic", stream));
    let mut client = gateway.connect();
    client.send(post("/v1/messages", "x-mock: events=500, rate=50\r\n", STREAM));
    let head = client.head();
    let mut payload = Payload::of(&head);
    payload.until(&mut client, "event: error");
    payload.until(&mut client, "stream.floor");
    let answer = gateway.ask(post("/v1/messages", "x-mock: body_delay=700ms\r\n", STREAM));
    assert!(answer.text().contains("message_stop"), "silence is no trickle: {}", answer.text());
}

#[test]
fn silence_between_events_is_filled_with_pings_and_never_inside_one() {
    for (dialect, path, ping) in
        [("anthropic", "/v1/messages", PING), ("openai", "/v1/chat/completions", ": keepalive\n\n")]
    {
        let upstream = Upstream::start();
        let config = config(&upstream.url(), dialect, "keepalive_ping = '60ms'\n");
        let gateway = Gateway::start(&config);
        let mut client = gateway.connect();
        client.send(post(path, "", STREAM));
        let (mut wire, _request) = upstream.request();
        let first = "event: x\ndata: {\"a\":1}\n\n";
        wire.send(HEAD.to_owned() + &chunk(first));
        let head = client.head();
        let mut payload = Payload::of(&head);
        payload.until(&mut client, &(first.to_owned() + ping + ping));
        wire.send(chunk("data: {\"half\":"));
        payload.until(&mut client, "data: {\"half\":");
        // Another exchange goes through on a connection of its own, and takes longer than a ping.
        let mut other = gateway.connect();
        other.send(post(path, "", STREAM));
        let (mut second, _request) = upstream.request();
        second.send(HEAD.to_owned() + &chunk(first));
        let head = other.head();
        let mut pinged = Payload::of(&head);
        pinged.until(&mut other, &(first.to_owned() + ping + ping + ping));
        wire.send(chunk("2}\n\n") + "0\r\n\r\n");
        payload.until(&mut client, "2}\n\n");
        payload.finish(&mut client);
        let text = payload.text();
        let without: String = text.replace(ping, "");
        assert_eq!(without, format!("{first}data: {{\"half\":2}}\n\n"), "{text}");
        assert!(text.contains("data: {\"half\":2}\n\n"), "nothing stands inside an event");
    }
}

#[test]
fn by_default_nothing_is_added_and_nothing_is_given_up() {
    let mock = Mock::start();
    let gateway = Gateway::start(&config(&mock.url(), "anthropic", ""));
    let pings = |knobs: &str| {
        let answer = gateway.ask(post("/v1/messages", knobs, STREAM));
        assert!(answer.text().contains("message_stop"));
        answer.text().matches("event: ping").count()
    };
    assert_eq!(pings("x-mock: body_delay=400ms\r\n"), pings(""));
}

//! What must leave in one write: a request with its body, a small answer, an event of a stream. As
//! the peer's kernel has seen it: one segment each.

use serde_json::Value;

use crate::support::gateway::tls_is_everywhere;
use crate::support::{Gateway, Payload, Upstream, Wire, key, post, provider};

const ANSWER: &str = r#"{"id":"m","type":"message","role":"assistant","model":"claude-b","content":
[{"type":"text","text":"x"}],"stop_reason":"end_turn","usage":{"input_tokens":2,"output_tokens":6}}"#;
const EVENT: &str = "event: content_block_stop\ndata: {\"type\":\"content_block_stop\"}\n\n";

/// A gateway before an upstream in the hands of the test, and a client of it.
struct Scene {
    client: Wire,
    _gateway: Gateway,
    /// Its one connection.
    upstream: Wire,
}

impl Scene {
    /// Of a provider with these settings and what else is configured, after a first exchange;
    /// `None` where the kernel does not count.
    fn start(settings: &str, rest: &str) -> Option<Self> {
        let listener = Upstream::start();
        let provider = provider("p", "anthropic", &listener.url());
        let gateway = Gateway::start(&[&provider, settings, &key("sk-k"), rest].concat());
        let mut client = gateway.connect();
        client.send(message(1));
        let (mut upstream, _) = listener.request();
        upstream.send(json(ANSWER));
        client.answer();
        if upstream.segments().is_none() {
            eprintln!("skipped: this kernel does not tell how many segments came (no inet_diag)");
            return None;
        }
        Some(Self { client, _gateway: gateway, upstream })
    }

    /// Sends messages of several lengths, each of which must come in one segment, on to `seen`.
    fn sends(&mut self, seen: impl Fn(Value)) {
        for bytes in [1, 1_000, 14_000, 17_000, 25_000] {
            let before = self.upstream.segments().unwrap();
            self.client.send(message(bytes));
            let request = self.upstream.answer();
            assert!(request.body.len() > bytes);
            seen(request.json());
            let segments = self.upstream.segments().unwrap() - before;
            assert_eq!(segments, 1, "a body of {} bytes", request.body.len());
            self.upstream.send(json(ANSWER));
            assert_eq!(self.client.answer().head.status(), 200);
        }
    }
}

/// One JSON answer.
fn json(body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

/// A request for a message, with a text of so many bytes.
fn message(bytes: usize) -> String {
    let text = "x".repeat(bytes);
    let messages = format!(r#"[{{"role":"user","content":"{text}"}}]"#);
    post("/v1/messages", "", &format!(r#"{{"model":"big","max_tokens":9,"messages":{messages}}}"#))
}

#[test]
fn a_request_leaves_with_its_body_in_one_write() {
    let Some(mut scene) = Scene::start("", "") else { return };
    scene.sends(|body| assert_eq!(body["model"], "big"));
}

#[test]
fn a_request_under_another_models_name_leaves_in_one_write() {
    let rule = "[[route]]\nname = 'r'\nmatch = { model = '^big' }\nstrategy = { \
                type = 'priority', providers = ['p'], model_map = { 'big' = 'a' } }\n";
    let Some(mut scene) = Scene::start("", rule) else { return };
    scene.sends(|body| assert_eq!(body["model"], "a"));
}

#[test]
fn a_demoted_request_leaves_in_one_write() {
    let Some(mut scene) = Scene::start("demote_non_streaming = true\n", "") else { return };
    scene.sends(|body| assert_eq!(body["stream"], true));
}

#[test]
fn a_small_answer_and_each_event_of_a_stream_leave_in_one_write() {
    if tls_is_everywhere() {
        return; // a session's tickets come when they like
    }
    let Some(mut scene) = Scene::start("", "") else { return };
    for body in [ANSWER.to_owned(), format!("\"{}\"", "x".repeat(8_000))] {
        scene.client.send(message(1));
        scene.upstream.answer();
        let before = scene.client.segments().unwrap();
        scene.upstream.send(json(&body));
        assert_eq!(scene.client.answer().body, body.as_bytes());
        assert_eq!(scene.client.segments().unwrap() - before, 1, "{} bytes", body.len());
    }
    scene.client.send(message(1));
    scene.upstream.answer();
    let head = "content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let event = format!("{:x}\r\n{EVENT}\r\n", EVENT.len());
    scene.upstream.send(format!("HTTP/1.1 200 OK\r\n{head}{event}"));
    let mut payload = Payload::of(&scene.client.head());
    payload.until_length(&mut scene.client, EVENT.len());
    for number in 2..6 {
        let before = scene.client.segments().unwrap();
        scene.upstream.send(&event);
        payload.until_length(&mut scene.client, number * EVENT.len());
        assert_eq!(scene.client.segments().unwrap() - before, 1, "event {number}");
    }
}

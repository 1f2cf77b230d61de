//! Demotion over sockets (P-03 to P-12): a message that is asked for as a stream and given back
//! whole; what goes wrong half way is a status, never half a message.

use serde_json::{Value, json};

use crate::support::mock::Seen;
use crate::support::pool::{BODY, STREAM, status};
use crate::support::wire::Answer;
use crate::support::{Directory, Gateway, Mock, key, post, provider};

const ON: &str = "demote_non_streaming = true\n";

fn gateway(mock: &Mock, more: &str) -> Gateway {
    let provider = provider("p", "anthropic", &mock.url());
    Gateway::start(&format!("{provider}{ON}{more}{}", key("sk-k")))
}

fn ask(gateway: &Gateway, knobs: &str, body: &str) -> Answer {
    gateway.ask(post("/v1/messages", &format!("x-mock: {knobs}\r\n"), body))
}

/// What the same provider says to a request that is not demoted.
fn plain(mock: &Mock, knobs: &str) -> Value {
    let plain = Gateway::start(&(provider("p", "anthropic", &mock.url()) + &key("sk-k")));
    ask(&plain, knobs, BODY).json()
}

#[test]
fn p03_p07_a_stream_comes_back_as_the_one_message_that_it_tells_of() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "");
    let knobs = "events=30, ping=4, input_tokens=77, cache_read_tokens=5, chunk=7";
    let answer = ask(&gateway, knobs, BODY);
    assert_eq!(status(&answer), 200, "{}", answer.text());
    assert_eq!(answer.head.all("content-type"), ["application/json"]);
    let length = answer.text().len().to_string();
    assert_eq!(answer.head.field("content-length"), Some(length.as_str()));
    let (folded, whole) = (answer.json(), plain(&mock, knobs));
    for name in ["type", "role", "model", "content", "stop_reason"] {
        assert_eq!(folded[name], whole[name], "{name}");
    }
    assert_eq!(folded["usage"]["input_tokens"], 77);
    assert_eq!(folded["usage"]["output_tokens"], whole["usage"]["output_tokens"]);
    let sent: Value = serde_json::from_str(mock.log(1)[0].text("body")).unwrap();
    assert_eq!(sent["stream"], true);
    let line: Value = serde_json::from_str(&gateway.line("\"decision\"")).unwrap();
    assert_eq!((&line["usage"]["input"], &line["outcome"]), (&json!(77), &json!("complete")));
    let again = ask(&gateway, "", BODY);
    assert_eq!(status(&again), 200);
    let connections: Vec<_> = mock.log(3).iter().map(Seen::connection).collect();
    assert_eq!(connections[0], connections[2], "the connection is used again");
}

#[test]
fn p08_only_stream_changes_in_the_body() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "");
    for (count, (body, sent)) in (1..).zip([
        (
            r#"{"model":"m", "stream" : false ,"x":[9007199254740993,1e400]}"#,
            r#"{"model":"m", "stream" : true ,"x":[9007199254740993,1e400]}"#,
        ),
        (r#" {"model":"m","x":1.50}"#, r#" {"stream":true,"model":"m","x":1.50}"#),
    ]) {
        assert_eq!(status(&ask(&gateway, "", body)), 200);
        assert_eq!(mock.log(count).pop().unwrap().text("body"), sent);
    }
}

#[test]
fn p09_streams_other_dialects_and_other_paths_are_untouched() {
    let mock = Mock::start();
    let openai = provider("o", "openai", &mock.url()) + ON + &key("sk-o");
    let anthropic = provider("p", "anthropic", &mock.url()) + ON + &key("sk-k");
    let gateway = Gateway::start(&(openai + &anthropic));
    for (count, (path, body)) in (1..).zip([
        ("/v1/messages", STREAM),
        ("/v1/messages/count_tokens", BODY),
        ("/v1/chat/completions", "{\"model\":\"gpt\",\"messages\":[]}"),
    ]) {
        let answer = gateway.ask(post(path, "", body));
        assert_eq!(status(&answer), 200, "{path}");
        assert_eq!(mock.log(count).pop().unwrap().text("body"), body, "{path}");
    }
}

#[test]
fn p10_an_error_status_is_relayed_unchanged() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "breaker = 'off'\n");
    for code in [400, 413, 500, 529] {
        let knobs = format!("status={code}, error_message=no");
        let answer = ask(&gateway, &knobs, BODY);
        assert_eq!((status(&answer), answer.code()), (code, None));
        assert_eq!(answer.json()["error"]["message"], "no");
    }
}

#[test]
fn p11_an_error_or_a_cut_half_way_is_an_error_status() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "breaker = 'off'\n");
    for (kind, code) in [("overloaded_error", 529), ("rate_limit_error", 429), ("api_error", 500)] {
        let answer = ask(&gateway, &format!("event_error={kind}@3"), BODY);
        assert_eq!(status(&answer), code, "{}", answer.text());
        assert_eq!(answer.head.all("content-type"), ["application/json"]);
        assert_eq!(answer.json()["error"]["type"], kind);
    }
    for knobs in ["no_done", "cut_after=3e", "rst_after=3e", "cut_after=200"] {
        let answer = ask(&gateway, knobs, BODY);
        assert_eq!((status(&answer), answer.code()), (502, Some("upstream_cut")), "{knobs}");
        assert!(!answer.text().contains("tide0"), "never half a message");
    }
}

#[test]
fn p12_unknown_events_blocks_and_digits_come_through() {
    let recorded = Directory::new();
    let events = [
        r#"{"type":"message_start","message":{"id":"m","n":1.10,"content":[],"usage":{"input_tokens":1}}}"#,
        r#"{"type":"brand_new","x":1}"#,
        r#"{"type":"content_block_start","index":0,"content_block":{"type":"odd","v":1e400}}"#,
        r#"{"type":"content_block_delta","index":0,"delta":{"type":"odder","w":9007199254740993}}"#,
        r#"{"type":"content_block_stop","index":0}"#,
        r#"{"type":"message_stop"}"#,
    ];
    let stream: String = events.iter().map(|event| ["data: ", event, "\n\n"].concat()).collect();
    recorded.write("odd.sse", stream);
    let mock = Mock::with(&["--replay-dir", recorded.path().to_str().unwrap()]);
    let answer = ask(&gateway(&mock, ""), "replay=odd.sse, chunk=11", BODY);
    let expected = r#"{"id":"m","n":1.10,"content":[{"type":"odd","v":1e400,"w":9007199254740993}],"usage":{"input_tokens":1}}"#;
    assert_eq!(answer.text(), expected);
}

#[test]
fn permits_are_held_to_the_end_and_a_client_that_leaves_ends_the_upstream() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "max_concurrent = 1\n");
    let mut held = gateway.connect();
    held.send(post("/v1/messages", "x-mock: events=1000, rate=20\r\n", BODY));
    mock.wait_in_flight(1);
    let refused = ask(&gateway, "", BODY);
    assert_eq!((status(&refused), refused.code()), (429, Some("provider_cap")));
    drop(held);
    let seen = mock.log(1).remove(0);
    assert_eq!(seen.text("end"), "peer_left");
    let served = (0..100_000).find(|_| status(&ask(&gateway, "", BODY)) == 200);
    assert!(served.is_some(), "the place is free again");
}

//! Translation over sockets (L-18): one client's form, another provider's; answers, streams, errors
//! and broken ends in the form that the client reads.

use serde_json::{Value, json};

use crate::support::pool::status;
use crate::support::wire::Answer;
use crate::support::{BodyEnd, Gateway, Mock, Payload, Upstream, key, post, provider};

const MESSAGES: &str = "/v1/messages";
const CHAT: &str = "/v1/chat/completions";
const RESPONSES: &str = "/v1/responses";

/// Client's path, provider's dialect, its `endpoints`, and the path that it is asked for.
const WAYS: [(&str, &str, &str, &str); 6] = [
    (CHAT, "anthropic", "both", MESSAGES),
    (RESPONSES, "anthropic", "both", MESSAGES),
    (MESSAGES, "openai", "both", CHAT),
    (MESSAGES, "openai", "responses", RESPONSES),
    (RESPONSES, "openai", "chat_completions", CHAT),
    (CHAT, "openai", "responses", RESPONSES),
];

fn table(dialect: &str, endpoints: &str, url: &str) -> String {
    let only =
        if dialect == "openai" { format!("endpoints = '{endpoints}'\n") } else { String::new() };
    provider("p", dialect, url) + &only + &key("sk-p")
}

/// A gateway that knows this provider only, and sends all to it.
fn one(dialect: &str, endpoints: &str, url: &str) -> Gateway {
    let route = "[[route]]\nname = 'all'\nstrategy = { type = 'priority', providers = ['p'], \
                 model_map = { m = 'there' } }\n";
    Gateway::start(&(table(dialect, endpoints, url) + route))
}

/// Says "hi" to the model `m`, in the form of `path`.
fn body(path: &str, stream: bool) -> String {
    let messages = json!([{"role": "user", "content": "hi"}]);
    let body = match path {
        MESSAGES => json!({"model": "m", "max_tokens": 50, "messages": messages, "stream": stream}),
        CHAT => json!({"model": "m", "messages": messages, "stream": stream,
                       "stream_options": {"include_usage": true}}),
        _ => json!({"model": "m", "input": "hi", "stream": stream}),
    };
    body.to_string()
}

fn ask(gateway: &Gateway, path: &str, knobs: &str, stream: bool) -> Answer {
    gateway.ask(post(path, &format!("x-mock: {knobs}\r\n"), &body(path, stream)))
}

/// The text of a whole answer in the form of `path`.
fn text(path: &str, answer: &Value) -> String {
    let text = match path {
        MESSAGES => &answer["content"][0]["text"],
        CHAT => &answer["choices"][0]["message"]["content"],
        _ => &answer["output"][0]["content"][0]["text"],
    };
    text.as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
}

/// Input and output tokens of a whole answer in the form of `path`.
fn usage(path: &str, answer: &Value) -> (u64, u64) {
    let names = if path == CHAT {
        ["prompt_tokens", "completion_tokens"]
    } else {
        ["input_tokens", "output_tokens"]
    };
    let [input, output] = names.map(|name| answer["usage"][name].as_u64().unwrap());
    (input, output)
}

/// The data of each event.
fn events(stream: &str) -> Vec<Value> {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    data.filter(|data| *data != "[DONE]").map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// The text that a stream in the form of `path` tells of.
fn streamed_text(path: &str, stream: &str) -> String {
    let delta = |event: &Value| match path {
        MESSAGES => event["delta"]["text"].as_str().map(str::to_owned),
        CHAT => event["choices"][0]["delta"]["content"].as_str().map(str::to_owned),
        _ if event["type"] == "response.output_text.delta" => {
            event["delta"].as_str().map(str::to_owned)
        }
        _ => None,
    };
    events(stream).iter().filter_map(delta).collect()
}

/// What a stream in the form of `path` ends with when it is whole.
fn ends_well(path: &str, stream: &str) -> bool {
    let end = match path {
        MESSAGES => "event: message_stop",
        CHAT => "data: [DONE]",
        _ => "event: response.completed",
    };
    stream.contains(end)
}

#[test]
fn l18_a_limited_primary_is_followed_by_an_alternative_of_another_dialect() {
    let mock = Mock::with(&["--key-script", "sk-o=429:retry-after=60", "--key-script", "sk-a=200"]);
    let config = [
        provider("openai", "openai", &mock.url()) + &key("sk-o"),
        provider("anthropic", "anthropic", &mock.url()) + &key("sk-a"),
        "[[route]]\nname = 'guard'\nstrategy = { type = 'limits_alternative', primary = ['openai'], \
         alternatives = ['anthropic'], model_map = { m = 'claude-x' } }\n"
            .to_owned(),
    ];
    let gateway = Gateway::start(&config.concat());
    for (round, stream) in [(0, false), (1, true)] {
        let fields = "authorization: Bearer sk-none\r\nopenai-organization: org\r\nx-team: blue\r\n\
                      x-mock: input_tokens=77\r\n";
        let answer = gateway.ask(post(&format!("{CHAT}?beta=1"), fields, &body(CHAT, stream)));
        assert_eq!(status(&answer), 200, "{}", answer.text());
        assert_eq!(answer.head.field("x-tidegate-decision"), Some("alternative:anthropic"));
        assert_eq!(answer.head.field("x-tidegate-model"), Some("claude-x"));
        let log = mock.log(2 + round);
        let asked = log.last().unwrap();
        assert_eq!(asked.text("target"), MESSAGES);
        let sent: Value = serde_json::from_str(asked.text("body")).unwrap();
        assert_eq!((&sent["model"], &sent["max_tokens"]), (&json!("claude-x"), &json!(4096)));
        let headers = asked.0["headers"].to_string();
        for there in ["\"anthropic-version\",\"2023-06-01\"", "\"sk-a\"", "\"x-team\",\"blue\""] {
            assert!(headers.contains(there), "{there}: {headers}");
        }
        for gone in ["openai-organization", "sk-none", "authorization"] {
            assert!(!headers.contains(gone), "{gone}: {headers}");
        }
        if stream {
            assert_eq!(answer.head.all("content-type"), ["text/event-stream; charset=utf-8"]);
            assert!(ends_well(CHAT, &answer.text()), "{}", answer.text());
        } else {
            assert_eq!(answer.head.all("content-type"), ["application/json"]);
            assert_eq!(answer.json()["object"], "chat.completion");
        }
        let line: Value = serde_json::from_str(&gateway.line("alternative:anthropic")).unwrap();
        assert_eq!((&line["usage"]["input"], &line["outcome"]), (&json!(77), &json!("complete")));
    }
}

#[test]
fn l18_every_form_is_answered_in_every_other_whole_and_as_a_stream() {
    let mock = Mock::start();
    for (path, dialect, endpoints, there) in WAYS {
        let gateway = one(dialect, endpoints, &mock.url());
        let native = Gateway::start(&(provider("p", dialect, &mock.url()) + &key("sk-p")));
        let knobs = "events=9, input_tokens=31, output_tokens=9, chunk=7";
        let told = ask(&native, there, knobs, false).json();
        let whole = ask(&gateway, path, knobs, false);
        assert_eq!(status(&whole), 200, "{path} {there}: {}", whole.text());
        assert_eq!(text(path, &whole.json()), text(there, &told), "{path} {there}");
        assert_eq!(usage(path, &whole.json()), (31, 9), "{path} {there}");
        assert_eq!(whole.json()["model"], "there");
        let streamed = ask(&gateway, path, knobs, true);
        assert_eq!(status(&streamed), 200, "{path} {there}: {}", streamed.text());
        assert_eq!(streamed.end, BodyEnd::Whole);
        let stream = streamed.text();
        assert!(ends_well(path, &stream), "{path} {there}: {stream}");
        let native = ask(&native, there, knobs, true).text();
        assert_eq!(streamed_text(path, &stream), streamed_text(there, &native), "{path} {there}");
        assert!(stream.contains("31") && stream.contains("there"), "{stream}");
        let line: Value = serde_json::from_str(&gateway.line("\"outcome\"")).unwrap();
        assert_eq!(line["usage"]["input"], 31, "{path} {there}: {line}");
        assert_eq!(line["usage"]["output"], 9, "{path} {there}: {line}");
    }
}

#[test]
fn a_stream_that_breaks_off_never_ends_well_in_any_form() {
    for (path, dialect, endpoints, there) in WAYS {
        for (knobs, is_reset) in
            [("cut_after=5e", false), ("rst_after=5e", true), ("no_done", false)]
        {
            let mock = Mock::start();
            let gateway = one(dialect, endpoints, &mock.url());
            let broken = ask(&gateway, path, &format!("events=9, rate=200, {knobs}"), true);
            let stream = broken.text();
            // Many that speak Chat leave `[DONE]` out: a reason to stop is an end.
            if (there, knobs) == (CHAT, "no_done") {
                assert!(ends_well(path, &stream), "{stream}");
                continue;
            }
            let name = format!("{path} {there} {knobs} {is_reset}: {stream}");
            assert_eq!(status(&broken), 200, "{name}");
            assert!(!ends_well(path, &stream), "{name}");
            assert_ne!(broken.end, BodyEnd::Whole, "{name}");
            assert!(stream.contains("error"), "an error event of the form: {name}");
            let line: Value = serde_json::from_str(&gateway.line("\"outcome\"")).unwrap();
            assert_eq!(line["outcome"], "cut", "{name} {line}");
        }
    }
}

#[test]
fn an_error_half_way_is_told_in_the_clients_form() {
    for (path, dialect, endpoints, there) in WAYS {
        let mock = Mock::start();
        let gateway = one(dialect, endpoints, &mock.url());
        let knobs = "event_error=overloaded_error@3, error_message=\"too much\"";
        let failed = ask(&gateway, path, knobs, true);
        let stream = failed.text();
        assert!(
            !ends_well(path, &stream) && stream.contains("too much"),
            "{path} {there}: {stream}"
        );
        let last = events(&stream).pop().unwrap();
        match path {
            MESSAGES => assert_eq!(last["type"], "error"),
            CHAT => assert_eq!(last["error"]["message"], "too much"),
            _ => assert!(last["type"] == "response.failed" || last["type"] == "error", "{last}"),
        }
    }
}

#[test]
fn an_error_status_comes_with_the_clients_envelope_and_limits() {
    let mock = Mock::start();
    for (path, dialect, endpoints, _) in WAYS {
        let gateway = one(dialect, endpoints, &mock.url());
        let knobs = "status=400, error_message=\"not so\", header.x-request-id=up-1";
        let refused = ask(&gateway, path, knobs, true);
        assert_eq!(status(&refused), 400, "{}", refused.text());
        assert_eq!(refused.head.all("content-type"), ["application/json"]);
        let error = refused.json();
        assert_eq!(error["error"]["message"], "not so", "{error}");
        assert_eq!(error["type"] == "error", path == MESSAGES, "{error}");
    }
    let gateway = one("anthropic", "both", &mock.url());
    let knobs = "header.anthropic-ratelimit-requests-limit=50, \
                 header.anthropic-ratelimit-requests-remaining=49";
    let limited = ask(&gateway, CHAT, knobs, false);
    assert_eq!(limited.head.field("x-ratelimit-limit-requests"), Some("50"));
    assert_eq!(limited.head.field("x-ratelimit-remaining-requests"), Some("49"));
    let left: Vec<_> =
        limited.head.fields.iter().filter(|(name, _)| name.starts_with("anthropic-")).collect();
    assert!(left.is_empty(), "{left:?}");
    let all = ask(&gateway, CHAT, "status=429, header.retry-after=7", false);
    assert_eq!((status(&all), all.head.field("retry-after")), (429, Some("7")));
}

#[test]
fn what_cannot_be_said_there_is_refused_by_its_path_unless_waiting_would_help() {
    let mock = Mock::with(&["--key-script", "sk-p=200", "--key-script", "sk-n=429:retry-after=60"]);
    let gateway = one("anthropic", "both", &mock.url());
    let many = json!({"model": "m", "n": 3, "messages": [{"role": "user", "content": "hi"}]});
    let refused = gateway.ask(post(CHAT, "", &many.to_string()));
    assert_eq!((status(&refused), refused.code()), (400, Some("bad_request")));
    let message = refused.json()["error"]["message"].to_string();
    assert!(message.contains("`n`") && message.contains("provider p"), "{message}");
    let broken = gateway.ask(post(CHAT, "", "{\"model\":"));
    assert_eq!((status(&broken), broken.code()), (400, Some("bad_request")));
    assert_eq!(mock.log(0).len(), 0, "nobody was asked");
    let config = provider("native", "openai", &mock.url()) + &key("sk-n");
    let guard = "[[route]]\nname = 'guard'\nstrategy = { type = 'limits_alternative', primary = \
                 ['native'], alternatives = ['p'] }\n";
    let gateway = Gateway::start(&(config + &table("anthropic", "both", &mock.url()) + guard));
    let limited = gateway.ask(post(CHAT, "", &many.to_string()));
    assert_eq!((status(&limited), limited.code()), (429, Some("keys_rate_limited")));
    assert_eq!(mock.log(0).len(), 1, "only the primary was asked");
}

#[test]
fn what_is_left_behind_is_told() {
    let mock = Mock::start();
    let gateway = one("openai", "both", &mock.url());
    let body = json!({"model": "m", "max_tokens": 5, "top_k": 7,
                      "messages": [{"role": "user", "content": "hi"}]});
    let answer = gateway.ask(post(MESSAGES, "", &body.to_string()));
    assert_eq!(status(&answer), 200, "{}", answer.text());
    assert_eq!(answer.head.field("x-tidegate-lossy"), Some("top_k"));
    let plain = ask(&gateway, MESSAGES, "", false);
    assert_eq!(plain.head.field("x-tidegate-lossy"), None);
}

#[test]
fn a_key_of_the_clients_own_is_never_translated() {
    let mock = Mock::start();
    let route = "[[route]]\nname = 'all'\nbyok = 'route'\nstrategy = { type = 'priority', providers = ['p'] }\n";
    let table = table("anthropic", "both", &mock.url());
    let gateway = Gateway::start(&format!("[auth]\nmode = 'keys_or_byok'\n{table}{route}"));
    let refused = gateway.ask(post(CHAT, "authorization: Bearer sk-own\r\n", &body(CHAT, false)));
    assert_eq!((status(&refused), refused.code()), (404, Some("no_route")), "{}", refused.text());
    assert_eq!(mock.log(0).len(), 0);
}

#[test]
fn a_path_that_pins_a_provider_of_another_dialect_is_no_route() {
    let mock = Mock::start();
    let gateway = one("anthropic", "both", &mock.url());
    for path in ["/p/v1/chat/completions", "/anthropic/v1/responses"] {
        let refused = gateway.ask(post(path, "", &body(CHAT, false)));
        assert_eq!((status(&refused), refused.code()), (404, Some("no_route")), "{path}");
    }
    assert_eq!(mock.log(0).len(), 0);
}

#[test]
fn an_answer_that_cannot_be_read_is_an_error_of_the_upstream() {
    let mock = Mock::start();
    let gateway = one("anthropic", "both", &mock.url());
    for knobs in ["encoding=gzip", "raw_body=<html/>", "raw_body=[1]"] {
        let bad = ask(&gateway, CHAT, knobs, false);
        assert_eq!((status(&bad), bad.code()), (502, Some("upstream_bad_response")), "{knobs}");
    }
    let garbage = ask(&gateway, CHAT, "encoding=gzip", true);
    assert_eq!(status(&garbage), 502);
}

#[test]
fn events_reach_the_client_as_they_come() {
    let upstream = Upstream::start();
    let gateway = one("anthropic", "both", &upstream.url());
    let mut client = gateway.connect();
    client.send(post(CHAT, "", &body(CHAT, true)));
    let (mut provider, _) = upstream.request();
    provider.send("HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n");
    provider.send(
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\",\
         \"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],\
         \"stop_reason\":null,\"usage\":{\"input_tokens\":3,\"output_tokens\":0}}}\n\n",
    );
    let mut payload = Payload::of(&client.head());
    payload.until(&mut client, "\"role\":\"assistant\"");
    provider.send(
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\
         \"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    );
    for word in ["one", "two"] {
        provider.send(format!(
            "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\
             \"delta\":{{\"type\":\"text_delta\",\"text\":\"{word}\"}}}}\n\n"
        ));
        payload.until(&mut client, word);
    }
    drop(provider);
    payload.finish(&mut client);
    assert_eq!(payload.end, Some(BodyEnd::Cut));
    assert!(payload.text().contains("\"error\"") && !ends_well(CHAT, &payload.text()));
}

//! `include_usage`: usage is asked for where the client does not, told in the record, and kept
//! from the client; every other byte is as it would have been.

use serde_json::Value;

use crate::support::{Answer, BodyEnd, Gateway, Mock, Payload, Upstream, Wire, post, provider};

const FIELDS: &str = "authorization: Bearer sk-own\r\ncontent-type: application/json\r\n";
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
const CHUNKED: &str = "transfer-encoding: chunked\r\n\r\n";
const CHAT: &str = "/v1/chat/completions";
const STREAM: &str = "{\"model\":\"m\",\"stream\":true}";
const ASKING: &str =
    "{\"stream_options\":{\"include_usage\":true},\"model\":\"m\",\"stream\":true}";

const FILTER: &str = "data: {\"choices\":[],\"prompt_filter_results\":[]}\n\n";
const EVENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}],\"usage\":null}\n\n";
const USAGE: &str = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":31,\
    \"completion_tokens\":7,\"total_tokens\":38}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

fn configured(url: &str, include_usage: &str) -> Gateway {
    let provider = provider("openai", "openai", url);
    Gateway::start(&format!("{provider}include_usage = \"{include_usage}\"\n"))
}

/// The usage in the record of the only exchange.
fn recorded(gateway: &Gateway) -> Value {
    let line = gateway.line("\"upstream_request_id\"");
    let Value::Object(mut record) = serde_json::from_str(&line).unwrap() else {
        panic!("a record is an object: {line}")
    };
    record.remove("usage").unwrap()
}

/// An exchange that asks for usage unasked, whose answer the test writes.
struct Open {
    client: Wire,
    gateway: Gateway,
    payload: Payload,
    upstream: Wire,
}

fn open(head: &str) -> Open {
    let provider = Upstream::start();
    let gateway = configured(&provider.url(), "on");
    let mut client = gateway.connect();
    client.send(post(CHAT, FIELDS, STREAM));
    let (mut upstream, request) = provider.request();
    assert_eq!(request.text(), ASKING);
    upstream.send(head);
    let payload = Payload::of(&client.head());
    Open { client, gateway, payload, upstream }
}

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

#[test]
fn a_stream_is_asked_for_usage_that_only_the_record_shows() {
    for (path, output) in [(CHAT, 5), ("/v1/completions", 5)] {
        let mock = Mock::start();
        let gateway = configured(&mock.url(), "on");
        let fields = format!("{FIELDS}x-mock: events={output}, input_tokens=31\r\n");
        let answer = gateway.ask(post(path, &fields, STREAM));
        assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole));
        let text = answer.text();
        assert!(!text.contains("\"choices\":[]") && !text.contains("prompt_tokens"), "{text}");
        assert!(text.contains("\"usage\":null") && text.ends_with(DONE), "{text}");
        let seen = mock.only();
        assert_eq!(seen.text("body"), ASKING);
        assert_eq!(seen.field("content-length"), Some(ASKING.len().to_string()));
        let usage = recorded(&gateway);
        assert_eq!((&usage["input"], &usage["output"]), (&31.into(), &output.into()), "{usage}");
        assert_eq!(usage["estimated"], false);
    }
}

#[test]
fn what_passes_is_what_the_provider_sent_but_for_one_event() {
    for size in [1, 7, 4_096] {
        let mut open = open(&format!("{HEAD}{CHUNKED}"));
        let sent = format!("{FILTER}{EVENT}: ping\n\n{EVENT}{USAGE}{DONE}");
        for part in sent.as_bytes().chunks(size) {
            open.upstream.send(chunk(std::str::from_utf8(part).unwrap()));
        }
        open.upstream.send("0\r\n\r\n");
        open.payload.finish(&mut open.client);
        let passed = format!("{FILTER}{EVENT}: ping\n\n{EVENT}{DONE}");
        assert_eq!((open.payload.text(), open.payload.end), (passed, Some(BodyEnd::Whole)));
        let usage = recorded(&open.gateway);
        assert_eq!((&usage["input"], &usage["output"]), (&31.into(), &7.into()));
    }
}

#[test]
fn an_event_goes_out_at_once_while_the_stream_is_open() {
    let mut open = open(&format!("{HEAD}{CHUNKED}"));
    for end in ["\n\n", "\r\n\r\n", "\r\r"] {
        let text = format!("data: {{\"at\":{}}}{end}", open.payload.bytes.len());
        // The next event has begun, which must not hold this one back.
        open.upstream.send(chunk(&format!("{text}data: {{")));
        open.payload.until(&mut open.client, &text);
        open.upstream.send(chunk("\"x\":1}\n\n"));
        open.payload.until(&mut open.client, "\"x\":1}\n\n");
    }
}

#[test]
fn an_answer_by_length_or_until_close_loses_its_usage_alone() {
    let sent = format!("{EVENT}{USAGE}{DONE}");
    let by_length = format!("{HEAD}content-length: {}\r\n\r\n{sent}", sent.len());
    let until_close = format!("{HEAD}\r\n{sent}");
    for answer in [by_length, until_close] {
        let mut open = open(&answer);
        drop(open.upstream);
        open.payload.finish(&mut open.client);
        assert_eq!(open.payload.text(), format!("{EVENT}{DONE}"));
        assert_eq!(open.payload.end, Some(BodyEnd::Whole));
    }
}

#[test]
fn a_client_of_http10_gets_its_stream_until_close() {
    let mock = Mock::start();
    let gateway = configured(&mock.url(), "on");
    let request = post(CHAT, FIELDS, STREAM).replacen("HTTP/1.1", "HTTP/1.0", 1);
    let answer = gateway.ask(request);
    assert_eq!((answer.head.field("content-length"), answer.end), (None, BodyEnd::Whole));
    assert!(answer.text().ends_with(DONE) && !answer.text().contains("prompt_tokens"));
}

#[test]
fn an_upstream_that_breaks_off_in_an_event_shows_what_came_of_it() {
    for (sent, passed, between) in [
        (format!("{EVENT}data: {{\"cho"), format!("{EVENT}data: {{\"cho"), false),
        (format!("{EVENT}{}", USAGE.trim_end()), format!("{EVENT}{}", USAGE.trim_end()), false),
        (format!("{EVENT}{USAGE}"), EVENT.to_owned(), true),
        (EVENT.to_owned(), EVENT.to_owned(), true),
    ] {
        let mut open = open(&format!("{HEAD}{CHUNKED}{}", chunk(&sent)));
        drop(open.upstream);
        open.payload.finish(&mut open.client);
        let text = open.payload.text();
        let added = text.strip_prefix(&passed).unwrap_or_else(|| panic!("{text:?}"));
        assert_eq!(added.starts_with("data: {\"error\":"), between, "{added}");
        assert!(between || added.is_empty(), "{added}");
        assert_eq!(open.payload.end, Some(BodyEnd::Cut));
        open.gateway.line("upstream_cut");
    }
}

#[test]
fn a_stream_that_ends_in_the_middle_of_an_event_ends_so_for_the_client() {
    let mut open = open(&format!("{HEAD}{CHUNKED}{}0\r\n\r\n", chunk(&format!("{EVENT}data: x"))));
    open.payload.finish(&mut open.client);
    assert_eq!(open.payload.text(), format!("{EVENT}data: x"));
    assert_eq!(open.payload.end, Some(BodyEnd::Whole));
}

#[test]
fn an_event_longer_than_the_carry_passes_before_it_ends() {
    let mut open = open(&format!("{HEAD}{CHUNKED}"));
    let long = "x".repeat(70_000);
    open.upstream.send(chunk(&format!("data: {long}")));
    open.payload.until_length(&mut open.client, "data: ".len() + long.len());
    open.upstream.send(chunk(&format!("\n\n{USAGE}{DONE}")) + "0\r\n\r\n");
    open.payload.finish(&mut open.client);
    assert!(open.payload.text() == format!("data: {long}\n\n{DONE}"));
}

#[test]
fn an_encoded_answer_or_one_of_another_kind_passes_whole() {
    for head in [
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n",
        "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n",
    ] {
        let answer = format!("{head}content-length: {}\r\n\r\n{USAGE}", USAGE.len());
        let mut open = open(&answer);
        open.payload.finish(&mut open.client);
        assert_eq!(
            (open.payload.text(), open.payload.end),
            (USAGE.to_owned(), Some(BodyEnd::Whole))
        );
    }
}

/// Sends `body` as it is; the answer, and what the mock got.
fn untouched(include_usage: &str, path: &str, (fields, body): (&str, &str)) -> Answer {
    let mock = Mock::start();
    let gateway = configured(&mock.url(), include_usage);
    let answer = gateway.ask(post(path, &format!("{FIELDS}{fields}"), body));
    assert_eq!((answer.head.status(), answer.end), (200, BodyEnd::Whole), "{body}");
    assert_eq!(mock.only().text("body"), body);
    answer
}

#[test]
fn what_the_client_says_of_usage_holds() {
    let no = "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":false}}";
    let answer = untouched("on", CHAT, ("", no)).text();
    assert!(!answer.contains("usage") && answer.ends_with(DONE), "{answer}");
    let yes = "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}";
    let answer = untouched("on", CHAT, ("", yes)).text();
    assert!(answer.contains("\"choices\":[],\"usage\":{\"prompt_tokens\":"), "{answer}");
}

#[test]
fn options_that_say_nothing_of_usage_get_the_one_field() {
    for (options, asking) in
        [("{\"x\":1}", "{\"include_usage\":true,\"x\":1}"), ("null", "{\"include_usage\":true}")]
    {
        let mock = Mock::start();
        let gateway = configured(&mock.url(), "on");
        let body = |options| {
            format!("{{ \"stream_options\" : {options}, \"stream\":true,\"model\":\"m\" }} ")
        };
        let answer = gateway.ask(post(CHAT, FIELDS, &body(options)));
        assert_eq!(mock.only().text("body"), body(asking));
        assert!(!answer.text().contains("prompt_tokens"), "{}", answer.text());
    }
}

#[test]
fn what_is_no_stream_or_not_to_be_asked_goes_as_it_is() {
    let json = "{\"model\":\"m\",\"stream\":false}";
    let answer = untouched("on", CHAT, ("", json)).json();
    assert!(answer["usage"]["prompt_tokens"].is_number(), "{answer}");
    untouched("on", "/v1/responses", ("", STREAM));
    for include_usage in ["off", "auto"] {
        let answer = untouched(include_usage, CHAT, ("", STREAM)).text();
        assert!(!answer.contains("usage") && answer.ends_with(DONE), "{answer}");
    }
    untouched("on", CHAT, ("content-encoding: x-own\r\n", STREAM));
}

#[test]
fn a_large_body_is_sent_whole_behind_what_is_added() {
    let rest = format!("\"model\":\"m\",\"stream\":true,\"x\":\"{}\"}}", "y".repeat(300_000));
    let mock = Mock::start();
    let gateway = configured(&mock.url(), "on");
    let answer = gateway.ask(post(CHAT, FIELDS, &format!("{{{rest}")));
    assert_eq!(answer.head.status(), 200);
    let asking = format!("{{\"stream_options\":{{\"include_usage\":true}},{rest}");
    assert!(mock.only().text("body") == asking);
}

#[test]
fn a_second_exchange_on_a_connection_begins_anew() {
    let mock = Mock::start();
    let gateway = configured(&mock.url(), "on");
    let mut client = gateway.connect();
    let yes = "{\"model\":\"m\",\"stream\":true,\"stream_options\":{\"include_usage\":true}}";
    for (body, shows) in [(STREAM, false), (yes, true), (STREAM, false)] {
        client.send(post(CHAT, FIELDS, body));
        assert_eq!(client.answer().text().contains("prompt_tokens"), shows, "{body}");
    }
}

#[test]
fn a_stale_connection_is_asked_again_with_the_same_bytes() {
    let provider = Upstream::start();
    let gateway = configured(&provider.url(), "on");
    let mut client = gateway.connect();
    let answer = format!("{HEAD}content-length: {}\r\n\r\n{USAGE}", USAGE.len());
    client.send(post(CHAT, FIELDS, STREAM));
    let (mut first, _) = provider.request();
    first.send(&answer);
    assert_eq!(client.answer().text(), "");
    client.send(post(CHAT, FIELDS, STREAM));
    assert_eq!(first.answer().text(), ASKING);
    drop(first);
    let (mut second, request) = provider.request();
    assert_eq!(request.text(), ASKING);
    second.send(&answer);
    assert_eq!(client.answer().text(), "");
}

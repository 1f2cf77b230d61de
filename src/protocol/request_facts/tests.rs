//! Facts of bodies, at every split.

use super::*;

fn facts(body: &str) -> Result<RequestFacts, FactsFault> {
    let whole = read(body.as_bytes());
    for cut in 0..=body.len() {
        let mut reading = Reading::new();
        let (a, b) = body.as_bytes().split_at(cut);
        reading.push(a);
        reading.push(b);
        assert_eq!(reading.finish(), whole, "{body} cut at {cut}");
    }
    whole
}

fn text(body: &str, span: Option<Span>) -> Option<String> {
    span?.text(body.as_bytes()).map(Cow::into_owned)
}

#[test]
fn an_anthropic_body_gives_all_its_facts() {
    let body = r#"{"max_tokens":1024,"metadata":{"user_id":"u_1"},"system":[{"type":"text"}],
        "messages":[{"role":"user","content":"\"model\":\"no\""},{"role":"assistant","content":[]}],
        "tools":[{"name":"model"}],"thinking":{"type":"enabled","budget_tokens":9},
        "stream":true,"model":"claude-x"}"#;
    let found = facts(body).unwrap();
    assert_eq!(text(body, found.model).unwrap(), "claude-x");
    assert_eq!(text(body, found.user_id).unwrap(), "u_1");
    assert_eq!((found.stream, found.max_tokens, found.message_count), (Some(true), Some(1024), 2));
    assert!(found.has_tools && found.has_thinking);
    let of = |span: Option<Span>| std::str::from_utf8(span.unwrap().of(body.as_bytes())).unwrap();
    assert_eq!(of(found.system), r#"[{"type":"text"}]"#);
    assert_eq!(of(found.tools), r#"[{"name":"model"}]"#);
    assert!(of(found.first_user).starts_with(r#"{"role":"user""#));
    assert_eq!(of(found.stream_span), "true");
}

#[test]
fn a_chat_body_takes_its_system_from_the_messages() {
    let body = r#"{"model":"gpt","messages":[{"content":"be kind","role":"developer"},
        {"role":"user","content":"hi"},{"role":"user","content":"more"}],"max_tokens":1,
        "max_completion_tokens":2,"stream_options":{"include_usage":false},"prompt_cache_key":"k"}"#;
    let found = facts(body).unwrap();
    let of = |span: Option<Span>| std::str::from_utf8(span.unwrap().of(body.as_bytes())).unwrap();
    assert_eq!(of(found.system), r#"{"content":"be kind","role":"developer"}"#);
    assert_eq!(of(found.first_user), r#"{"role":"user","content":"hi"}"#);
    assert_eq!((found.message_count, found.max_tokens, found.stream), (3, Some(2), None));
    assert!(found.has_include_usage && !found.has_tools && !found.has_thinking);
    assert_eq!(of(found.stream_options), r#"{"include_usage":false}"#);
    assert_eq!(text(body, found.prompt_cache_key).unwrap(), "k");
}

#[test]
fn a_responses_body_has_input_and_instructions() {
    let body = r#"{"instructions":"s","input":"hello","max_output_tokens":7,"model":"m"}"#;
    let found = facts(body).unwrap();
    assert_eq!(text(body, found.first_user).unwrap(), "hello");
    assert_eq!(text(body, found.system).unwrap(), "s");
    assert_eq!((found.message_count, found.max_tokens), (1, Some(7)));
}

#[test]
fn a_key_with_escapes_is_the_same_key() {
    let body = r#"{"mod\u0065l":"a\u0062c","\u0073tream":false}"#;
    let found = facts(body).unwrap();
    assert_eq!(text(body, found.model).unwrap(), "abc");
    assert_eq!(found.stream, Some(false));
}

#[test]
fn a_second_model_or_stream_is_refused_even_when_escaped() {
    for (body, fault) in [
        (r#"{"model":"a","x":1,"model":"a"}"#, FactsFault::DuplicateModel),
        (r#"{"model":null,"\u006dodel":"b"}"#, FactsFault::DuplicateModel),
        (r#"{"stream":true,"stream":true}"#, FactsFault::DuplicateStream),
    ] {
        assert_eq!(facts(body), Err(fault), "{body}");
    }
    assert!(facts(r#"{"model":"a","x":{"model":"b"},"y":[{"stream":1,"stream":2}]}"#).is_ok());
}

#[test]
fn of_other_repeated_keys_the_last_wins() {
    let body = r#"{"messages":[{"role":"user"}],"messages":[1,2,3],"max_tokens":1,"max_tokens":"x",
        "tools":[1],"tools":[],"metadata":{"user_id":"u"},"metadata":{},"thinking":{},
        "thinking":{"type":"disabled"},"stream_options":{"include_usage":true},"stream_options":{}}"#;
    let found = facts(body).unwrap();
    assert_eq!((found.message_count, found.first_user, found.max_tokens), (3, None, None));
    assert_eq!((found.user_id, found.has_tools, found.has_thinking), (None, false, false));
    assert!(!found.has_include_usage && found.stream_options.is_some());
}

#[test]
fn values_of_the_wrong_kind_are_absent() {
    let body = r#"{"model":1,"stream":"true","max_tokens":1.5,"metadata":[],"messages":{},
        "tools":{},"thinking":true,"prompt_cache_key":null,"system":null,"stream_options":null}"#;
    let found = facts(body).unwrap();
    let (stream, options) = (found.stream_span.unwrap(), found.stream_options.unwrap());
    assert_eq!(stream.of(body.as_bytes()), b"\"true\"");
    assert_eq!(options.of(body.as_bytes()), b"null");
    let rest = RequestFacts { stream_options: None, stream_span: None, ..found };
    assert_eq!(rest, RequestFacts::default());
}

#[test]
fn what_is_no_json_is_unreadable_and_an_array_has_no_facts() {
    for body in ["", "{", "model=x", "{\"model\":\"x\"", "{\"model\":\"x\"}}", "\u{1f}\u{8b}\u{8}"]
    {
        assert_eq!(facts(body), Err(FactsFault::Unreadable), "{body:?}");
    }
    assert_eq!(read(b"{\"a\":\"\xff\"}").unwrap(), RequestFacts::default());
    assert_eq!(facts(r#"[{"model":"x"}]"#).unwrap(), RequestFacts::default());
}

#[test]
fn a_model_that_is_no_utf8_has_no_text() {
    let found = read(b"{\"model\":\"\xff\"}").unwrap();
    assert_eq!(found.model.unwrap().text(b"{\"model\":\"\xff\"}"), None);
}

#[test]
fn bombs_of_depth_and_of_quotes_are_only_long() {
    let mut bomb = br#"{"model":"m","messages":"#.to_vec();
    bomb.extend(std::iter::repeat_n(b'[', 1 << 20));
    assert_eq!(read(&bomb), Err(FactsFault::Unreadable));
    let mut quotes = br#"{"model":"m","messages":[""#.to_vec();
    quotes.extend(br#"\""#.repeat(1 << 18));
    quotes.extend_from_slice(b"\"]}");
    assert_eq!(read(&quotes).unwrap().message_count, 1);
}

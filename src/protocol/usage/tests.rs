//! Our own streams and bodies, at every split: what the corpora have too seldom.

use super::figures::Count;
use super::*;

fn observe(endpoint: Endpoint, is_stream: bool, reads: &[&[u8]], clean: bool) -> Observed {
    let dialect = match endpoint {
        Endpoint::CountTokens | Endpoint::Messages => Dialect::Anthropic,
        _ => Dialect::OpenAi,
    };
    let mut observer = Observer::new(dialect, endpoint, is_stream);
    for read in reads {
        observer.push(read);
    }
    observer.finish(clean)
}

fn at_every_split(endpoint: Endpoint, is_stream: bool, text: &str, clean: bool) -> Observed {
    let bytes = text.as_bytes();
    let whole = observe(endpoint, is_stream, &[bytes], clean);
    for cut in 0..=bytes.len() {
        let (a, b) = bytes.split_at(cut);
        assert_eq!(observe(endpoint, is_stream, &[a, b], clean), whole, "cut at {cut}");
    }
    let each: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(observe(endpoint, is_stream, &each, clean), whole, "byte by byte");
    whole
}

fn messages(text: &str) -> Observed {
    at_every_split(Endpoint::Messages, true, text, true)
}

fn chat(text: &str) -> Observed {
    at_every_split(Endpoint::ChatCompletions, true, text, true)
}

fn sample(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name);
    String::from_utf8(crate::protocol::corpus::read(&path)).unwrap()
}

#[test]
fn a_message_stream_is_counted_whole() {
    for end in ["\n", "\r\n", "\r"] {
        let seen = messages(&sample("messages.sse").replace('\n', end));
        assert_eq!(seen.outcome, Outcome::Complete);
        assert_eq!(seen.events, 9);
        assert_eq!(seen.model.unwrap().as_str(), "claude-sonnet-4-5");
        assert_eq!(seen.stop_reason.unwrap().as_str(), "end_turn");
        assert_eq!(seen.service_tier.unwrap().as_str(), "standard");
        let wanted = Usage {
            cache_read: Some(2048),
            cache_write: Some(0),
            cache_write_1h: Some(56),
            cache_write_5m: Some(200),
            input: Some(404),
            output: Some(77),
            reasoning: None,
        };
        assert_eq!((seen.usage, seen.estimated), (wanted, false));
    }
}

#[test]
fn a_chat_stream_is_counted_whole() {
    let seen = chat(&sample("chat.sse"));
    assert_eq!((seen.outcome, seen.events), (Outcome::Complete, 6));
    assert_eq!(seen.stop_reason.unwrap().as_str(), "stop");
    assert_eq!(seen.id.unwrap().as_str(), "chatcmpl-1");
    let wanted = Usage {
        cache_read: Some(40),
        input: Some(60),
        output: Some(9),
        reasoning: Some(4),
        ..Usage::default()
    };
    assert_eq!(seen.usage, wanted);
}

#[test]
fn a_responses_stream_is_counted_whole() {
    let seen = at_every_split(Endpoint::Responses, true, &sample("responses.sse"), true);
    assert_eq!((seen.outcome, seen.events), (Outcome::Complete, 4));
    assert_eq!(seen.stop_reason.unwrap().as_str(), "completed");
    assert_eq!((seen.usage.input, seen.usage.output), (Some(20), Some(5)));
    assert_eq!(seen.service_tier.unwrap().as_str(), "default");
}

#[test]
fn every_cut_of_a_stream_reports_what_was_seen_as_estimated() {
    let whole = sample("messages.sse");
    for cut in 0..whole.len() {
        let seen = observe(Endpoint::Messages, true, &[&whole.as_bytes()[..cut]], false);
        let is_told = cut >= whole.len() - 2;
        assert_eq!(seen.outcome == Outcome::Complete, is_told, "cut at {cut}");
        assert_eq!(seen.estimated, !is_told);
        assert!(matches!(seen.usage.input, None | Some(3 | 404)), "cut at {cut}: {seen:?}");
    }
}

#[test]
fn an_error_event_ends_a_stream_with_its_kind() {
    let seen = messages(concat!(
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"details\":null,",
        "\"type\":\"overloaded_error\",\"message\":\"Overlo\\u0061ded\"}}\n\n",
    ));
    let error = seen.error.unwrap();
    assert_eq!(error.kind.unwrap().as_str(), "overloaded_error");
    assert_eq!(error.message.unwrap().as_str(), "Overloaded");
    assert_eq!((seen.outcome, seen.estimated), (Outcome::Error, true));
}

#[test]
fn errors_of_every_shape_are_seen() {
    for (data, kind, code, message) in [
        (r#"{"error":{"message":"m","code":400}}"#, None, Some("400"), Some("m")),
        (r#"{"error":"text","code":"c"}"#, None, None, Some("text")),
        (r#"{"error":{"type":"t"},"choices":[]}"#, Some("t"), None, None),
    ] {
        let error = chat(&format!("data: {data}\n\n")).error.unwrap();
        let of = |text: Option<Text<64>>| text.map(|text| text.as_str().to_owned());
        assert_eq!(of(error.kind).as_deref(), kind, "{data}");
        assert_eq!(of(error.code).as_deref(), code, "{data}");
        assert_eq!(error.message.map(|text| text.as_str().to_owned()).as_deref(), message);
    }
    for data in [r#"{"error":null}"#, r#"{"error":{}}"#, r#"{"error":""}"#, r#"{"error":false}"#] {
        assert_eq!(chat(&format!("data: {data}\n\n")).error, None, "{data}");
    }
    for data in [
        r#"{"type":"error","code":"insufficient_quota","message":"m","param":null}"#,
        r#"{"type":"error","error":{"code":"insufficient_quota","message":"m"}}"#,
    ] {
        let text = format!("event: error\ndata: {data}\n\n");
        let seen = at_every_split(Endpoint::Responses, true, &text, true);
        assert_eq!(seen.error.unwrap().code.unwrap().as_str(), "insufficient_quota");
    }
}

#[test]
fn an_event_counts_by_its_type_with_or_without_a_name() {
    let start = r#"{"message":{"usage":{"input_tokens":7}},"type":"message_start"}"#;
    assert_eq!(messages(&format!("data: {start}\n\n")).usage.input, Some(7));
    let nameless = start.replace(",\"type\":\"message_start\"", "");
    assert_eq!(messages(&format!("data: {nameless}\n\n")).usage.input, None);
    let named = format!("data: {nameless}\nevent: message_start\n\n");
    assert_eq!(messages(&named).usage.input, Some(7), "the name may come last");
    let escaped = start.replace("message_start", r"mess\u0061ge\u005fstart").replace('7', "8");
    assert_eq!(messages(&format!("data: {escaped}\n\n")).usage.input, Some(8));
    let keys = start.replace("input", r"\u0069nput").replace("usage", r"us\u0061ge");
    assert_eq!(messages(&format!("data: {keys}\n\n")).usage.input, Some(7));
}

#[test]
fn figures_that_are_no_counts_are_unknown_not_old() {
    let stream = concat!(
        "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5,",
        "\"cache_read_input_tokens\":6,\"output_tokens\":1,",
        "\"cache_creation_input_tokens\":2}}}\n\n",
        "data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":18446744073709551616,",
        "\"cache_read_input_tokens\":null,\"output_tokens\":2.5,",
        "\"cache_creation_input_tokens\":-1}}\n\n",
    );
    let seen = messages(stream);
    assert_eq!(seen.usage, Usage { cache_read: Some(6), ..Usage::default() });
    assert_eq!(seen.figures.unwrap().input, Count::Unknown);
}

#[test]
fn only_keys_at_their_depth_count() {
    let stream = concat!(
        "data: {\"type\":\"message_delta\",\"usage\":{\"input_tokens\":3,\"iterations\":[{",
        "\"input_tokens\":900,\"output_tokens\":901}],\"output_tokens\":4},\"delta\":{\"usage\":",
        "{\"input_tokens\":5}},\"x\":\"\\\"usage\\\":{\\\"input_tokens\\\":6}\"}\n\n",
    );
    let usage = messages(stream).usage;
    assert_eq!((usage.input, usage.output), (Some(3), Some(4)));
}

#[test]
fn the_last_of_repeated_members_counts() {
    let seen = chat(concat!(
        "data: {\"id\":\"a\",\"model\":\"m\",\"usage\":{\"prompt_tokens\":1,\"total_tokens\":9},",
        "\"usage\":{\"prompt_tokens\":2,\"prompt_tokens\":3}}\n\n",
        "data: {\"usage\":{\"prompt_tokens\":4},\"usage\":null}\n\n",
        "data: {\"usage\": null}\n\ndata: {\"usage\":[]}\n\n",
    ));
    let figures = seen.figures.unwrap();
    assert_eq!((figures.input, figures.total), (Count::Known(3), Count::Absent));
}

#[test]
fn usage_of_vendors_is_found_where_they_put_it() {
    for (chunk, input) in [
        (r#"{"x_groq":{"usage":{"prompt_tokens":5}},"choices":[]}"#, 5),
        (
            concat!(
                r#"{"choices":[{"usage":null},{"usage":{"prompt_tokens":6}},"#,
                r#"{"usage":{"prompt_tokens":7}}]}"#
            ),
            6,
        ),
        (r#"{"choices":[{"usage":{"prompt_tokens":8}}],"usage":{"prompt_tokens":9}}"#, 9),
        (r#"{"choices":null,"usage":{"prompt_tokens":3,"prompt_cache_hit_tokens":2}}"#, 1),
    ] {
        assert_eq!(chat(&format!("data: {chunk}\n\n")).usage.input, Some(input), "{chunk}");
    }
}

#[test]
fn a_broken_event_says_nothing_and_the_next_one_counts() {
    let seen = chat(concat!(
        "data: {\"usage\":{\"prompt_tokens\":1},\n\n",
        "data: {\"usage\":{\"prompt_tokens\":2}}}\n\n",
        "data: not json\n\n",
        "data: {\"usage\":\ndata: {\"prompt_tokens\":3}}\n\n",
        "data: {\"usage\":{\"prompt_tokens\":4},\"x\":\"a\ndata: b\"}\n\n",
        "data:  [DONE]\n\n",
    ));
    assert_eq!((seen.usage.input, seen.events), (Some(3), 6));
    assert!(!seen.terminal_seen, "two spaces before it");
}

#[test]
fn several_choices_stop_each_for_itself() {
    let seen = chat(concat!(
        "data: {\"choices\":[{\"finish_reason\":\"stop\"},{\"finish_reason\":null},",
        "{\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n",
    ));
    assert_eq!((seen.stops, seen.stop_reason.unwrap().as_str()), (2, "length"));
    assert_eq!(seen.outcome, Outcome::Complete);
}

#[test]
fn a_chat_stream_without_its_sign_is_whole_if_it_stopped_and_ended_well() {
    let text = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n";
    let outcome = |clean| at_every_split(Endpoint::ChatCompletions, true, text, clean).outcome;
    assert_eq!((outcome(true), outcome(false)), (Outcome::Complete, Outcome::Cut));
}

#[test]
fn plain_bodies_are_counted_and_cut_ones_are_estimated() {
    let body = " \n\n{\"id\":\"i\",\"model\":\"m\",\"stop_reason\":\"end_turn\",\"content\":[],\
                \"usage\":{\"input_tokens\":12,\"output_tokens\":34}}";
    let seen = at_every_split(Endpoint::Messages, false, body, true);
    assert_eq!((seen.outcome, seen.usage.input), (Outcome::Complete, Some(12)));
    for cut in 0..body.len() {
        let seen = observe(Endpoint::Messages, false, &[&body.as_bytes()[..cut]], false);
        assert!(seen.estimated && matches!(seen.usage.output, None | Some(34)), "cut at {cut}");
    }
    let tokens = at_every_split(Endpoint::CountTokens, false, "{\"input_tokens\":77}", true);
    assert_eq!(tokens.usage.input, Some(77));
    let list = "[{\"error\":{\"message\":\"m\"}},{\"error\":{\"message\":\"n\"}}]";
    let seen = at_every_split(Endpoint::ChatCompletions, false, list, true);
    assert_eq!(seen.error.unwrap().message.unwrap().as_str(), "m");
    let html = at_every_split(Endpoint::Messages, false, "<html>", true);
    assert_eq!((html.outcome, html.usage), (Outcome::Cut, Usage::default()));
}

#[test]
fn unknown_endpoints_are_measured_only() {
    let seen = observe(Endpoint::Other, true, &[b"data: x\n\n"], true);
    assert_eq!((seen.bytes, seen.outcome), (9, Outcome::Complete));
}

#[test]
fn an_observer_stays_small() {
    assert!(size_of::<Observer>() <= 4096, "{}", size_of::<Observer>());
}

#[test]
fn a_tier_told_by_a_chunk_that_says_nothing_else_is_the_same_at_every_split() {
    let seen = chat(concat!(
        "data: {\"id\":\"a\",\"model\":\"m\",\"service_tier\":\"default\"}\n\n",
        "data: {\"service_tier\":\"flex\",\"choices\":[{\"delta\":{}}]}\n\n",
        "data: [DONE]\n\n"
    ));
    assert_eq!(seen.service_tier.unwrap().as_str(), "default");
    let seen = chat(concat!(
        "data: {\"id\":\"a\",\"model\":\"m\",\"service_tier\":\"auto\"}\n\n",
        "data: {\"service_tier\":\"flex\",\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n",
    ));
    assert_eq!(seen.service_tier.unwrap().as_str(), "flex");
}

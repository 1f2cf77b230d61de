//! Answers as they were on the wire, and what each beginning of one says of usage: read here by a
//! plain JSON parser, event by event.

use std::fmt::Write as _;

use serde_json::Value;

/// One answer.
pub struct Transcript {
    /// From this offset on it is complete.
    pub complete_at: usize,
    pub head_end: usize,
    pub path: &'static str,
    pub payload: Vec<u8>,
    /// The payload of each beginning of `wire`, by its length.
    payload_at: Vec<usize>,
    pub request: &'static str,
    pub streams: bool,
    pub wire: Vec<u8>,
}

/// Tokens in and out, as far as they were told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Recorded {
    input: u64,
    output: u64,
}

impl Recorded {
    /// What the gateway's line of an exchange says.
    pub fn of_line(line: &Value) -> Self {
        let count = |name: &str| line["usage"][name].as_u64().unwrap_or(0);
        Self { input: count("input"), output: count("output") }
    }

    fn take(&mut self, event: &Value) {
        let anthropic = [&event["message"]["usage"], &event["usage"]];
        for usage in anthropic {
            for (name, count) in
                [("input_tokens", &mut self.input), ("output_tokens", &mut self.output)]
            {
                *count = usage[name].as_u64().unwrap_or(*count);
            }
        }
        // The others count what was cached as a part of the input.
        let cached =
            |usage: &Value, details: &str| usage[details]["cached_tokens"].as_u64().unwrap_or(0);
        let chat = &event["usage"];
        if let (Some(input), Some(output)) =
            (chat["prompt_tokens"].as_u64(), chat["completion_tokens"].as_u64())
        {
            *self = Self { input: input - cached(chat, "prompt_tokens_details"), output };
        }
        let responses = &event["response"]["usage"];
        if let (Some(input), Some(output)) =
            (responses["input_tokens"].as_u64(), responses["output_tokens"].as_u64())
        {
            *self = Self { input: input - cached(responses, "input_tokens_details"), output };
        }
    }
}

impl Transcript {
    /// What may have been counted when between `least` and `most` bytes of it were read.
    pub fn usages(&self, least: usize, most: usize) -> Vec<Recorded> {
        let (least, most) = (self.payload_at[least], self.payload_at[most]);
        if !self.streams {
            let whole = self.after(self.payload.len());
            let mut usages = vec![Recorded::default()];
            // A body that is not there whole may tell of some members already.
            usages.push(Recorded { output: 0, ..whole });
            usages.push(Recorded { input: 0, ..whole });
            usages.push(whole);
            return usages;
        }
        // An event whose line is there may count before the empty line that ends it.
        let mut usages: Vec<Recorded> = (least..=most).map(|at| self.after(at)).collect();
        usages.push(self.after((most + 2).min(self.payload.len())));
        usages.dedup();
        usages
    }

    /// By the whole events among the first `bytes` of the payload.
    fn after(&self, bytes: usize) -> Recorded {
        let text = String::from_utf8_lossy(&self.payload[..bytes]).into_owned();
        let mut recorded = Recorded::default();
        if !self.streams {
            recorded.take(&serde_json::from_str(&text).unwrap_or_default());
            return recorded;
        }
        let whole = text.rfind("\n\n").map_or("", |end| &text[..end]);
        for line in whole.lines().filter_map(|line| line.strip_prefix("data: ")) {
            recorded.take(&serde_json::from_str(line).unwrap_or_default());
        }
        recorded
    }
}

/// Streams and plain answers of both dialects, each by length, in chunks of events and in small
/// chunks.
pub fn recorded() -> Vec<Transcript> {
    let messages = "{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"content\":\
                    [{\"type\":\"text\",\"text\":\"Hello \\\" world\"}],\"stop_reason\":\"end_turn\",\
                    \"usage\":{\"input_tokens\":412,\"output_tokens\":77}}";
    let chat = "{\"id\":\"c\",\"object\":\"chat.completion\",\"choices\":[{\"index\":0,\"message\":\
                {\"role\":\"assistant\",\"content\":\"Hello\"},\"finish_reason\":\"stop\"}],\
                \"usage\":{\"prompt_tokens\":100,\"completion_tokens\":9,\"total_tokens\":109}}";
    let stream = "{\"model\":\"m\",\"stream\":true}";
    let plain = "{\"model\":\"m\"}";
    let mut transcripts = Vec::new();
    for (path, request, payload) in [
        ("/v1/messages", stream, include_str!("../../corpus/messages.sse")),
        ("/v1/chat/completions", stream, include_str!("../../corpus/chat.sse")),
        ("/v1/responses", stream, include_str!("../../corpus/responses.sse")),
        ("/v1/messages", plain, messages),
        ("/v1/chat/completions", plain, chat),
    ] {
        let payload = payload.replace("\r\n", "\n");
        transcripts.push(of(path, request, &payload, None));
        transcripts.push(of(path, request, &payload, Some(usize::MAX)));
        transcripts.push(of(path, request, &payload, Some(7)));
    }
    transcripts
}

/// In chunks of so many bytes, or one for each event; by length without.
fn of(
    path: &'static str,
    request: &'static str,
    payload: &str,
    chunk: Option<usize>,
) -> Transcript {
    let streams = request.contains("stream");
    let kind = if streams { "text/event-stream" } else { "application/json" };
    let mut wire = format!("HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\n").into_bytes();
    let framing = match chunk {
        Some(_) => "transfer-encoding: chunked\r\n\r\n".to_owned(),
        None => format!("content-length: {}\r\n\r\n", payload.len()),
    };
    wire.extend_from_slice(framing.as_bytes());
    let head_end = wire.len();
    let mut payload_at = vec![0; head_end + 1];
    let mut passed = 0;
    let mut push = |bytes: &[u8], is_payload: bool| {
        for byte in bytes {
            wire.push(*byte);
            passed += usize::from(is_payload);
            payload_at.push(passed);
        }
    };
    match chunk {
        None => push(payload.as_bytes(), true),
        Some(size) => {
            for event in payload.split_inclusive("\n\n") {
                for chunk in event.as_bytes().chunks(size.min(event.len())) {
                    let mut line = String::new();
                    write!(line, "{:x}\r\n", chunk.len()).unwrap();
                    push(line.as_bytes(), false);
                    push(chunk, true);
                    push(b"\r\n", false);
                }
            }
            push(b"0\r\n\r\n", false);
        }
    }
    let payload = payload.as_bytes().to_vec();
    let complete_at = wire.len();
    Transcript { complete_at, head_end, path, payload, payload_at, request, streams, wire }
}

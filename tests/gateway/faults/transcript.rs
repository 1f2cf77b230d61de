//! Answers as they were on the wire, and what each beginning of one says of usage: read here by a
//! plain JSON parser, event by event.

use std::fmt::Write as _;

use serde_json::Value;

/// One answer.
pub struct Transcript {
    /// What the whole events among so many bytes of the payload tell, by that number.
    after: Vec<Recorded>,
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
    /// How many bytes of payload are among the first `offset` on the wire.
    pub fn payload_before(&self, offset: usize) -> usize {
        self.payload_at[offset]
    }

    /// What may have been counted of an answer of which the client got so many bytes of payload.
    pub fn usages(&self, delivered: usize) -> Vec<Recorded> {
        if self.streams {
            // An event whose line is there may count before the empty line that ends it.
            let soon = (delivered + 2).min(self.payload.len());
            return vec![self.after[delivered], self.after[soon]];
        }
        let whole = self.after[self.payload.len()];
        if delivered == self.payload.len() {
            return vec![whole];
        }
        // A body that is not there whole may tell of some members already: of those that are there.
        let text = String::from_utf8_lossy(&self.payload[..delivered]).into_owned();
        let told = |names: [&str; 2]| names.iter().any(|name| text.contains(name));
        let mut usages = vec![Recorded::default()];
        if told(["input_tokens\":", "prompt_tokens\":"]) {
            usages.push(Recorded { output: 0, ..whole });
        }
        if told(["output_tokens\":", "completion_tokens\":"]) {
            usages.push(whole);
        }
        usages
    }

    /// What may have been counted of an answer that was cut at `offset` and of which the client saw
    /// nothing.
    pub fn usages_unseen(&self, offset: usize) -> Vec<Recorded> {
        let mut usages: Vec<Recorded> =
            (0..=self.payload_at[offset]).flat_map(|bytes| self.usages(bytes)).collect();
        usages.dedup();
        usages
    }
}

/// What the whole events of each beginning of `payload` tell, by its length.
fn told_after(payload: &str, streams: bool) -> Vec<Recorded> {
    let mut after = Vec::with_capacity(payload.len() + 1);
    let mut recorded = Recorded::default();
    if !streams {
        after.resize(payload.len(), recorded);
        recorded.take(&serde_json::from_str(payload).unwrap());
        after.push(recorded);
        return after;
    }
    for event in payload.split_inclusive("\n\n") {
        after.resize(after.len() + event.len(), recorded);
        for line in event.lines().filter_map(|line| line.strip_prefix("data: ")) {
            // The last one of a chat is no JSON.
            recorded.take(&serde_json::from_str(line).unwrap_or_default());
        }
    }
    after.push(recorded);
    after
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
    let responses = "{\"id\":\"r\",\"object\":\"response\",\"status\":\"completed\",\"output\":\
                     [{\"type\":\"message\",\"content\":[{\"type\":\"output_text\",\"text\":\
                     \"Hello\"}]}],\"usage\":{\"input_tokens\":31,\"output_tokens\":8}}";
    let stream = "{\"model\":\"m\",\"stream\":true}";
    let plain = "{\"model\":\"m\"}";
    let mut transcripts = Vec::new();
    for (path, request, payload) in [
        ("/v1/messages", stream, include_str!("../../corpus/messages.sse")),
        ("/v1/chat/completions", stream, include_str!("../../corpus/chat.sse")),
        ("/v1/responses", stream, include_str!("../../corpus/responses.sse")),
        ("/v1/messages", plain, messages),
        ("/v1/chat/completions", plain, chat),
        ("/v1/responses", plain, responses),
    ] {
        let payload = payload.replace("\r\n", "\n");
        for chunk in [None, Some(usize::MAX), Some(16), Some(7)] {
            transcripts.push(of(path, request, &payload, chunk));
        }
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
    let after = told_after(payload, streams);
    let payload = payload.as_bytes().to_vec();
    let complete_at = wire.len();
    Transcript { after, complete_at, head_end, path, payload, payload_at, request, streams, wire }
}

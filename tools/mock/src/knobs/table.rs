//! The list of knobs that `--help` prints and the tests go through.
//!
//! Never read while a request is served.

/// One line of the list.
#[derive(Clone, Copy, Debug)]
pub struct Knob {
    pub does: &'static str,
    pub example: &'static str,
}

impl Knob {
    /// The part of the example before `=`.
    pub fn name(&self) -> &'static str {
        self.example.split('=').next().unwrap_or(self.example)
    }
}

const fn knob(example: &'static str, does: &'static str) -> Knob {
    Knob { does, example }
}

/// Every knob, by theme: content, transport, faults.
pub const KNOBS: &[Knob] = &[
    knob("status=429", "status of the answer; an error body of the dialect from 400 on"),
    knob("header.retry-after=5", "adds a header, replacing a default one; repeatable"),
    knob("no_header.request-id", "leaves a default header out"),
    knob("events=20", "content events of a stream, words of a JSON answer (default 12)"),
    knob("event_size=200", "pads each content event to so many bytes, blank line included"),
    knob("body_size=64KiB", "pads a JSON answer, in its text, to so many bytes"),
    knob("word=abc", "the text is abc0 abc1 abc2 … (default tide)"),
    knob("ping=5", "Anthropic: a ping event before every fifth content event"),
    knob("input_tokens=100", "usage"),
    knob("output_tokens=7", "usage (default: the number of events)"),
    knob("cache_read_tokens=50", "usage"),
    knob("no_usage", "no usage anywhere"),
    knob(
        "no_done",
        "the stream lacks its terminal event ([DONE], message_stop, response.completed)",
    ),
    knob("event_error=overloaded_error@3", "200, then an error event after three content events"),
    knob("error_type=billing_error", "type in the error body"),
    knob("error_code=insufficient_quota", "code in the error body"),
    knob("error_message=\"no, not now\"", "message in the error body"),
    knob("error_body_size=1MiB", "pads the error body"),
    knob("replay=a.sse", "sends this file of --replay-dir byte by byte; type by suffix"),
    knob("raw_body=<html/>", "sends this text as the body"),
    knob("content_type=text/html", "content-type of the answer, whatever the body is"),
    knob("encoding=gzip", "content-encoding label only: the bytes stay as they are"),
    knob("digest", "tells the checksum of the payload, see below"),
    knob(
        "stamp",
        "the text of each content event begins with @ and 19 digits: when it was written",
    ),
    knob("echo", "echoes the request (method, path, headers, body length and hash) as JSON"),
    knob("framing=chunked", "length, chunked, close, or both (a lie)"),
    knob("chunk_size=10", "payload bytes per chunk of the chunked coding"),
    knob("chunk_ext=\";a=b\"", "text after each chunk size"),
    knob("trailers", "a trailer field after the last chunk"),
    knob("te=\"gzip, chunked\"", "value of transfer-encoding (bytes stay chunked)"),
    knob("te_gzip", "the same as te=\"gzip, chunked\""),
    knob("double_chunked", "the payload is itself a chunked coding"),
    knob("http10", "answers HTTP/1.0"),
    knob("close", "connection: close, and closes"),
    knob("head_size=100KiB", "pads the head to so many bytes"),
    knob("header_count=1000", "so many extra header lines"),
    knob("first_byte_delay=50ms", "waits before the head"),
    knob("body_delay=50ms", "waits between head and body"),
    knob("split_head", "head and body in separate writes"),
    knob("rate=50", "content events (or writes, with chunk) per second"),
    knob("chunk=100", "payload bytes per write"),
    knob("byte_delay=10ms", "one byte of the answer, head included, per interval"),
    knob(
        "slow_read=1024",
        "takes so many bytes per second of the request body; 0 = no more than came along",
    ),
    knob("early_response", "answers before it reads the request body"),
    knob("cut_before_head", "FIN instead of an answer"),
    knob("rst_before_head", "RST instead of an answer"),
    knob("head_stall", "never answers, stays open"),
    knob("cut_in_head=20", "FIN after so many bytes of the head"),
    knob("rst_in_head=20", "RST after so many bytes of the head"),
    knob("stall_in_head=20", "stops after so many bytes of the head, stays open"),
    knob("cut_after=100", "FIN after 100 payload bytes, 3e = after 3 events, end = at the end"),
    knob("rst_after=3e", "RST there (SO_LINGER 0)"),
    knob("stall_after=end", "stops there, stays open"),
    knob("cut_in_request=1000", "FIN after so many bytes of the request body"),
    knob("rst_in_request=1000", "RST after so many bytes of the request body"),
    knob(
        "cut_chunk_line=2",
        "FIN inside the n-th chunk-size line (default 2; the last one counts)",
    ),
    knob("bad_chunk_size=zz", "sends this text as the second chunk-size line"),
    knob("corrupt=100", "flips a bit of this payload byte, which the digest does not know"),
    knob("missing_last_chunk", "FIN in place of the last chunk"),
    knob("short_length=10", "content-length tells so many bytes less than are sent"),
    knob("long_length=10", "content-length tells so many bytes more, then FIN"),
    knob("garbage=512", "so many random bytes instead of an answer, then FIN"),
    knob("storm_1xx=100", "so many interim answers first"),
    knob("status_101", "101 Switching Protocols, then silence"),
    knob("extra_bytes=16", "so many stray bytes after the answer on the kept connection"),
    knob("extra_response", "a whole second answer that nobody asked for"),
    knob("extra_delay=50ms", "waits before the stray bytes, so that the connection is idle"),
    knob("close_after=50ms", "closes the kept connection so long after the answer"),
    knob("no_close_notify", "TLS: FIN without close_notify"),
    knob("ignore_leave", "goes on after the peer's FIN (half-close)"),
];

//! What the head of an answer says of its body, read once behind the head and handed on. Never
//! looks at the body, never decides what becomes of it.

use crate::data_plane::exchange::failure::{BadResponse, Kind};
use crate::protocol::ascii::{is_same, starts_with};
use crate::protocol::http1::Refusal;
use crate::protocol::http1::framing::{self, BodyLength};
use crate::protocol::http1::head::ResponseHead;
use crate::protocol::http1::header::Known;

/// Kind, coding and end of an answer's body.
#[derive(Clone, Copy, Debug)]
pub struct Nature {
    /// Its connection ends with it, by the word of the upstream.
    pub closes: bool,
    /// It passes unencoded, so that it can be read and added to.
    pub is_in_the_clear: bool,
    /// It is an event stream, encoded or not.
    pub is_stream: bool,
    /// The head names the length of a body that does not follow (HEAD, 304).
    pub keeps_length: bool,
    length: Result<BodyLength, Refusal>,
}

impl Nature {
    /// Of the answer with this head. `to_head`: the request was HEAD.
    pub fn of(head: &ResponseHead, bytes: &[u8], to_head: bool) -> Self {
        let fields = &head.fields;
        let encoding = fields.value(Known::ContentEncoding, bytes);
        let length = framing::response_body(head, bytes, to_head);
        let is_foreign = length.is_ok() && framing::has_foreign_coding(head, bytes);
        Self {
            closes: framing::wants_close(fields, head.minor, bytes),
            is_in_the_clear: encoding.is_none_or(|coding| is_same(coding, b"identity")),
            is_stream: fields.value(Known::ContentType, bytes).is_some_and(is_event_stream),
            keeps_length: to_head || head.status == 304,
            length: if is_foreign { Err(Refusal::TransferCoding) } else { length },
        }
    }

    /// It is an event stream that can be read and added to.
    pub const fn is_open_stream(&self) -> bool {
        self.is_stream && self.is_in_the_clear
    }

    /// How it ends.
    ///
    /// # Errors
    /// Why it cannot be passed on.
    pub fn length(&self) -> Result<BodyLength, Kind> {
        self.length.map_err(|refusal| Kind::UpstreamBadResponse(BadResponse::Refused(refusal)))
    }
}

fn is_event_stream(content_type: &[u8]) -> bool {
    const NAME: &[u8] = b"text/event-stream";
    starts_with(content_type, NAME)
        && matches!(content_type.get(NAME.len()), None | Some(b';' | b' ' | b'\t'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::http1::parse::{HeadLimits, ResponseParser};

    fn of(fields: &str, to_head: bool) -> Nature {
        let limits = HeadLimits { fields_max: 9, head_bytes_max: 999, line_bytes_max: 99 };
        let bytes = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        let head = ResponseParser::new(limits).parse(bytes.as_bytes()).unwrap().unwrap();
        Nature::of(&head, bytes.as_bytes(), to_head)
    }

    #[test]
    fn only_event_streams_are_event_streams() {
        assert!(is_event_stream(b"text/event-stream"));
        assert!(is_event_stream(b"Text/Event-Stream; charset=utf-8"));
        assert!(!is_event_stream(b"text/event-streams"));
        assert!(!is_event_stream(b"text/event-strea"));
        assert!(!is_event_stream(b"application/json"));
    }

    #[test]
    fn an_encoded_stream_is_no_open_one() {
        let stream = "content-type: text/event-stream\r\n";
        assert!(of(stream, false).is_open_stream());
        assert!(of(&format!("{stream}content-encoding: Identity\r\n"), false).is_open_stream());
        let encoded = of(&format!("{stream}content-encoding: gzip\r\n"), false);
        assert!(encoded.is_stream && !encoded.is_open_stream());
        assert!(!of("content-type: application/json\r\n", false).is_open_stream());
    }

    #[test]
    fn a_length_is_told_and_a_foreign_coding_is_refused() {
        let length = |fields, to_head| of(fields, to_head).length().ok();
        assert_eq!(length("content-length: 5\r\n", false), Some(BodyLength::Length(5)));
        assert_eq!(length("content-length: 5\r\n", true), Some(BodyLength::None));
        assert_eq!(length("transfer-encoding: chunked\r\n", false), Some(BodyLength::Chunked));
        assert_eq!(length("transfer-encoding: gzip, chunked\r\n", false), None);
        assert_eq!(length("content-length: x\r\n", false), None);
    }

    #[test]
    fn the_upstream_says_whether_it_closes_and_the_request_whether_a_length_stays() {
        assert!(of("connection: close\r\n", false).closes && !of("", false).closes);
        assert!(of("", true).keeps_length && !of("", false).keeps_length);
    }
}

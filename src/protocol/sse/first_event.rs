//! Whether a stream begins with an error: its first meaningful event, found within a bound, so
//! that the request can still go elsewhere (BEHAVIOUR 5). Never changes what passes.

use std::ops::Range;

use super::event::{Event, Events};
use crate::protocol::json::reader::{Reader, Value, Want};
use crate::protocol::json::scan::Scanner;
use crate::protocol::usage::error::{self, ErrorPart, ErrorSeen};

/// What a stream begins with.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one per stream, for a moment")]
pub enum Beginning {
    /// An error.
    Error(ErrorSeen),
    /// Something else, or more than the bound.
    Other,
}

/// Looks for the first event of one stream that is no ping.
#[derive(Clone, Debug)]
pub struct FirstEvent {
    events: Events,
    left: usize,
    seen: Option<Beginning>,
}

impl FirstEvent {
    /// At the start of a stream, of which at most `bytes_max` bytes are looked at.
    pub const fn new(bytes_max: usize) -> Self {
        Self { events: Events::new(bytes_max), left: bytes_max, seen: None }
    }

    /// Takes in the next bytes; `None` while the stream has not said enough.
    pub fn push(&mut self, bytes: &[u8]) -> Option<Beginning> {
        let within = bytes.get(..self.left).unwrap_or(bytes);
        self.left -= within.len();
        let seen = &mut self.seen;
        let fits = self.events.push(within, |event| {
            if seen.is_none() {
                *seen = beginning(&event);
            }
        });
        if self.seen.is_none() && (fits.is_err() || self.left == 0) {
            self.seen = Some(Beginning::Other);
        }
        self.seen
    }
}

/// `None` for events that say nothing yet.
fn beginning(event: &Event<'_>) -> Option<Beginning> {
    let mut data = Data::default();
    let mut scanner = Scanner::new(Node::Root);
    scanner.push(&mut data, event.data);
    let is_error = event.name == b"error" || data.kind_is(b"error");
    if event.name == b"ping" || data.kind_is(b"ping") {
        return None;
    }
    match data.error.or_else(|| data.bare.filter(|_| is_error)) {
        Some(error) => Some(Beginning::Error(error)),
        None if is_error => Some(Beginning::Error(ErrorSeen::default())),
        None => Some(Beginning::Other),
    }
}

#[derive(Clone, Copy, Debug)]
enum Node {
    /// Of an error that is spread over the event itself, as Responses tells it.
    Bare(ErrorPart),
    Error(ErrorPart),
    Kind,
    Response,
    Root,
}

#[derive(Debug, Default)]
struct Data {
    bare: Option<ErrorSeen>,
    error: Option<ErrorSeen>,
    is_error: bool,
    is_ping: bool,
}

impl Data {
    fn kind_is(&self, kind: &[u8]) -> bool {
        match kind {
            b"error" => self.is_error,
            _ => self.is_ping,
        }
    }
}

impl Reader for Data {
    type Node = Node;

    fn element(&mut self, _parent: Node) -> Want<Node> {
        Want::Skip
    }

    fn member(&mut self, parent: Node, key: &[u8]) -> Want<Node> {
        match (parent, key) {
            (Node::Root | Node::Response, b"error") => Want::Enter(Node::Error(ErrorPart::Whole)),
            (Node::Root, b"response") => Want::Enter(Node::Response),
            (Node::Root, b"type") => Want::Take(Node::Kind),
            (Node::Root, b"code") => Want::Take(Node::Bare(ErrorPart::Code)),
            (Node::Root, b"message") => Want::Take(Node::Bare(ErrorPart::Message)),
            (Node::Error(_), key) => error::member(key).map(Node::Error),
            _ => Want::Skip,
        }
    }

    fn value(&mut self, node: Node, value: Value<'_>, _span: Range<u64>) {
        match (node, value) {
            (Node::Error(part), value) => error::note(&mut self.error, part, value),
            (Node::Bare(part), value) => error::note(&mut self.bare, part, value),
            (Node::Kind, Value::String(kind)) => {
                self.is_error = kind == b"error";
                self.is_ping = kind == b"ping";
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error_body::ErrorBody;
    use crate::protocol::verdict::status_of;

    const BYTES_MAX: usize = 8 * 1024;

    /// The status that a stream's first event stands for; `None`: it is no error.
    fn status(stream: &str) -> Option<u16> {
        let mut results = (0..=stream.len()).map(|cut| {
            let (first, second) = stream.as_bytes().split_at(cut);
            let mut look = FirstEvent::new(BYTES_MAX);
            match look.push(first).or_else(|| look.push(second)) {
                Some(Beginning::Error(error)) => {
                    let body = ErrorBody::of_event(error);
                    Some(status_of(body.look().kind, body.look().code))
                }
                Some(Beginning::Other) => None,
                None => panic!("undecided: {stream}"),
            }
        });
        let whole = results.next().unwrap();
        assert!(results.all(|split| split == whole), "{stream}");
        whole
    }

    #[test]
    fn w37_an_error_as_first_event_is_seen_at_every_split() {
        let error = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\
                     \"overloaded_error\",\"message\":\"Overloaded\"}}\n\n";
        assert_eq!(status(error), Some(529));
        assert_eq!(
            status(&format!(": hello\n\nevent: ping\ndata: {{\"type\": \"ping\"}}\n\n{error}")),
            Some(529)
        );
    }

    #[test]
    fn w37_error_text_in_another_event_is_none() {
        let stream = "event: message_start\ndata: {\"type\":\"message_start\",\"message\":\
                      {\"content\":\"event: error {\\\"error\\\":{}}\"}}\n\n\
                      event: error\ndata: {\"type\":\"error\",\"error\":\
                      {\"type\":\"api_error\"}}\n\n";
        assert_eq!(status(stream), None);
    }

    #[test]
    fn w38_the_type_says_the_status() {
        for (kind, expected) in [
            ("rate_limit_error", 429),
            ("authentication_error", 401),
            ("permission_error", 403),
            ("not_found_error", 404),
            ("invalid_request_error", 400),
            ("something_else", 500),
        ] {
            let error = format!("{{\"type\":\"error\",\"error\":{{\"type\":\"{kind}\"}}}}");
            let stream = format!("event: error\r\ndata: {error}\r\n\r\n");
            assert_eq!(status(&stream), Some(expected), "{kind}");
        }
    }

    #[test]
    fn each_of_openais_forms_is_seen() {
        let chat = "data: {\"error\":{\"message\":\"m\",\"type\":\"x\",\
                    \"code\":\"rate_limit_exceeded\"}}\n\n";
        assert_eq!(status(chat), Some(429));
        let failed = "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":\
                      {\"error\":{\"code\":\"server_error\",\"message\":\"m\"}}}\n\n";
        assert_eq!(status(failed), Some(500));
        let bare = "event: error\ndata: {\"type\":\"error\",\"code\":\"insufficient_quota\",\
                    \"message\":\"m\"}\n\n";
        assert_eq!(status(bare), Some(429));
        let fine = "data: {\"id\":\"1\",\"error\":null,\"choices\":[{\"delta\":{}}]}\n\n";
        assert_eq!(status(fine), None);
        let created = "event: response.created\ndata: {\"type\":\"response.created\",\"response\":\
                       {\"error\":null,\"code\":\"x\"}}\n\n";
        assert_eq!(status(created), None);
    }

    #[test]
    fn beyond_the_bound_nothing_is_looked_for() {
        let mut look = FirstEvent::new(16);
        assert_eq!(look.push(b"event: message"), None);
        assert_eq!(look.push(b"_start\ndata"), Some(Beginning::Other));
    }
}

//! A bounded look at an error body: whose it is and what it says. Never judges it.

use std::ops::Range;

use super::json::reader::{Reader, Value, Want};
use super::json::scan::Scanner;
use super::usage::error::{self, ErrorPart, ErrorSeen};
use super::verdict::{ErrorLook, Shape};

/// What an error body says.
#[derive(Clone, Copy, Debug, Default)]
pub struct ErrorBody {
    error: ErrorSeen,
    shape: Shape,
}

impl ErrorBody {
    /// Reads as much of a body as there is. A cut one says what it said.
    pub fn read(body: &[u8]) -> Self {
        let text = body.trim_ascii_start();
        match text.first() {
            None => return Self::default(),
            Some(b'<') => return Self { shape: Shape::Html, ..Self::default() },
            Some(_) => {}
        }
        let mut seen = Envelope { error: None };
        let mut scanner = Scanner::new(Node::Root);
        scanner.push(&mut seen, text);
        scanner.finish(&mut seen);
        match seen.error {
            Some(error) if !scanner.is_broken() => Self { error, shape: Shape::Envelope },
            _ => Self { shape: Shape::Foreign, ..Self::default() },
        }
    }

    /// The same of an error that was told inside a stream.
    pub fn of_event(error: ErrorSeen) -> Self {
        Self { error, shape: Shape::Envelope }
    }

    /// As verdicts are asked with.
    pub fn look(&self) -> ErrorLook<'_> {
        ErrorLook {
            code: bytes(self.error.code.as_ref()),
            kind: bytes(self.error.kind.as_ref()),
            message: bytes(self.error.message.as_ref()),
            shape: self.shape,
        }
    }
}

fn bytes<const N: usize>(text: Option<&super::json::text::Text<N>>) -> &[u8] {
    text.map(super::json::text::Text::as_bytes).unwrap_or_default()
}

#[derive(Clone, Copy, Debug)]
enum Node {
    Error(ErrorPart),
    Root,
}

#[derive(Debug)]
struct Envelope {
    error: Option<ErrorSeen>,
}

impl Reader for Envelope {
    type Node = Node;

    fn element(&mut self, _parent: Node) -> Want<Node> {
        Want::Skip
    }

    fn member(&mut self, parent: Node, key: &[u8]) -> Want<Node> {
        match (parent, key) {
            (Node::Root, b"error") => Want::Enter(Node::Error(ErrorPart::Whole)),
            (Node::Root, _) => Want::Skip,
            (Node::Error(_), key) => error::member(key).map(Node::Error),
        }
    }

    fn value(&mut self, node: Node, value: Value<'_>, _span: Range<u64>) {
        if let Node::Error(part) = node {
            error::note(&mut self.error, part, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_body_it_is_shows_in_its_form() {
        for (body, shape) in [
            ("", Shape::Empty),
            (" \r\n", Shape::Empty),
            ("<html><body>403", Shape::Html),
            ("  <!DOCTYPE html>", Shape::Html),
            ("Forbidden", Shape::Foreign),
            ("{\"detail\":\"no\"}", Shape::Foreign),
            ("{\"error\":null}", Shape::Foreign),
            ("{\"error\":{}}", Shape::Foreign),
            ("{\"error\":{\"type\":\"x\"}}", Shape::Envelope),
            ("{\"error\":\"no such key\"}", Shape::Envelope),
        ] {
            assert_eq!(ErrorBody::read(body.as_bytes()).look().shape, shape, "{body}");
        }
    }

    #[test]
    fn both_dialects_say_type_code_and_message() {
        let body =
            br#"{"type":"error","error":{"type":"rate_limit_error","message":"slow \u0064own"},
            "request_id":"req_1"}"#;
        let read = ErrorBody::read(body);
        let look = read.look();
        assert_eq!((look.kind, look.message), (&b"rate_limit_error"[..], &b"slow down"[..]));
        let body = br#"{"error":{"message":"m","type":"insufficient_quota","param":null,
            "code":"insufficient_quota"}}"#;
        let read = ErrorBody::read(body);
        assert_eq!(read.look().code, b"insufficient_quota");
        assert_eq!(ErrorBody::read(br#"{"error":{"type":"a","code":null}}"#).look().code, b"");
    }

    #[test]
    fn a_cut_body_says_what_it_said() {
        let read = ErrorBody::read(br#"{"error":{"type":"rate_limit_error","message":"slow d"#);
        assert_eq!(read.look().kind, b"rate_limit_error");
    }
}

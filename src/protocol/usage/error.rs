//! An error told inside a body, in any of the shapes providers have. Never judges it.

use super::word;
use crate::protocol::json::reader::{Value, Want};
use crate::protocol::json::text::Text;

/// An error told inside a body. Texts are cut to their bounds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ErrorSeen {
    /// A word or a number.
    pub code: Option<Text<64>>,
    /// For people. May quote the request: not for logs without thought.
    pub message: Option<Text<256>>,
    /// `overloaded_error` and the like.
    pub kind: Option<Text<64>>,
}

/// Of an error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorPart {
    /// `code`.
    Code,
    /// `type`.
    Kind,
    /// `message`.
    Message,
    /// Anything else: says that there is an error at all.
    Other,
    /// The object.
    Whole,
}

impl ErrorSeen {
    /// An error that is a bare value, if it is one at all: most providers write `null` for none.
    fn bare(value: Value<'_>) -> Option<Self> {
        let message = match value {
            Value::False | Value::Null | Value::String(b"") | Value::Number(b"0") => return None,
            Value::String(text) | Value::LongString(text) | Value::Number(text) => {
                Some(Text::cut(text))
            }
            _ => None,
        };
        Some(Self { message, ..Self::default() })
    }
}

/// What is wanted of a member of an error object.
pub fn member(key: &[u8]) -> Want<ErrorPart> {
    Want::Take(match key {
        b"code" => ErrorPart::Code,
        b"message" => ErrorPart::Message,
        b"type" => ErrorPart::Kind,
        _ => ErrorPart::Other,
    })
}

/// Notes a part of an error. An empty object is none.
pub fn note(error: &mut Option<ErrorSeen>, part: ErrorPart, value: Value<'_>) {
    match (part, value) {
        (ErrorPart::Whole, Value::Closed) => {}
        (ErrorPart::Whole, Value::OpenedObject) => *error = None,
        (ErrorPart::Whole, _) => *error = ErrorSeen::bare(value),
        (ErrorPart::Code, _) => error.get_or_insert_default().code = word(value),
        (ErrorPart::Kind, _) => error.get_or_insert_default().kind = word(value),
        (ErrorPart::Message, _) => error.get_or_insert_default().message = word(value),
        (ErrorPart::Other, _) => {
            error.get_or_insert_default();
        }
    }
}

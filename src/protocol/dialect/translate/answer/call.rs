//! The model's call of a tool. Chat and Responses have its arguments as a text, Messages as an
//! object (PROTOCOL 7). Never gives an object that is none.

use super::raw::Raw;
use crate::protocol::json::{strict, text, write};

/// A call.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// What its tool is called with.
    pub arguments: Arguments<'a>,
    /// Content of a string; empty when none was told.
    pub id: &'a [u8],
    /// Content of a string.
    pub name: &'a [u8],
}

/// What a tool is called with.
#[derive(Clone, Copy, Debug)]
pub enum Arguments<'a> {
    /// An object as it is written.
    Object(Raw<'a>),
    /// The content of a string that holds an object as a text.
    Text(&'a [u8]),
}

/// The id of a call; the `place`th of its answer has one of its own where none was told.
pub fn write_id(out: &mut Vec<u8>, id: &[u8], place: usize) {
    if id.is_empty() {
        out.extend_from_slice(format!("call_unnamed_{place}").as_bytes());
    } else {
        out.extend_from_slice(id);
    }
}

impl Arguments<'_> {
    /// The content of a string.
    pub fn write_text(self, out: &mut Vec<u8>) {
        match self {
            Self::Object(raw) => write_content(out, raw.as_bytes()),
            Self::Text([]) => out.extend_from_slice(b"{}"),
            Self::Text(text) => out.extend_from_slice(text),
        }
    }

    /// An object. A text that is none, since a limit of tokens cut it, is told the way Anthropic's
    /// documentation asks for.
    pub fn write_object(self, out: &mut Vec<u8>) {
        let content = match self {
            Self::Object(raw) if raw.is_absent() => return out.extend_from_slice(b"{}"),
            Self::Object(raw) => return out.extend_from_slice(raw.as_bytes()),
            Self::Text(content) => content,
        };
        let decoded = decode(content);
        let object = decoded.trim_ascii();
        if object.is_empty() || object == b"null" {
            out.extend_from_slice(b"{}");
        } else if object.first() == Some(&b'{') && strict::is_value(object) {
            out.extend_from_slice(object);
        } else {
            super::put(out, &[b"{\"INVALID_JSON\":\"", content, b"\"}"]);
        }
    }
}

/// What the content of a string stands for.
pub fn decode(content: &[u8]) -> Vec<u8> {
    let mut decoded = vec![0; content.len()];
    let length = match text::unescape(content, &mut decoded) {
        Ok(text) | Err(text) => text.len(),
    };
    decoded.truncate(length);
    decoded
}

/// `text`, which is UTF-8, as the content of a string.
pub fn write_content(out: &mut Vec<u8>, text: &[u8]) {
    write::characters(out, std::str::from_utf8(text).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(text: &str) -> String {
        let mut out = Vec::new();
        Arguments::Text(text.as_bytes()).write_object(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_text_becomes_the_object_that_it_holds() {
        assert_eq!(
            object(r#"{\"a\": \"\\u00e9\\n\", \"b\":1.50}"#),
            r#"{"a": "\u00e9\n", "b":1.50}"#
        );
        for nothing in ["", " ", "null"] {
            assert_eq!(object(nothing), "{}");
        }
    }

    #[test]
    fn a_text_that_holds_no_object_is_told_as_such() {
        assert_eq!(object(r#"{\"a\":"#), r#"{"INVALID_JSON":"{\"a\":"}"#);
        assert_eq!(object("[1]"), r#"{"INVALID_JSON":"[1]"}"#);
    }

    #[test]
    fn an_object_becomes_a_text_that_reads_back() {
        let written = br#"{"path":"C:\\x\ny","n":[1, 2]}"#;
        let mut out = Vec::new();
        Arguments::Object(Raw::whole(written).unwrap()).write_text(&mut out);
        assert_eq!(decode(&out), written);
        assert_eq!(object(std::str::from_utf8(&out).unwrap()).as_bytes(), written);
    }
}

//! Writes JSON in order into a caller's buffer. Never checks that brackets match, never keeps
//! state: whether a comma is due is told by the byte before.

use crate::protocol::json::write as plain;

/// What writes. Texts before the first value (`data: `) are the caller's.
#[derive(Debug)]
pub struct Writer<'o> {
    out: &'o mut Vec<u8>,
    /// What was there before; no comma follows it.
    start: usize,
}

impl<'o> Writer<'o> {
    /// Writes behind what `out` holds.
    pub const fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start }
    }

    /// Opens an object; [`Writer::end`] closes it.
    pub fn object(&mut self) -> &mut Self {
        self.next(b"{")
    }

    /// Opens an array; [`Writer::end_list`] closes it.
    pub fn list(&mut self) -> &mut Self {
        self.next(b"[")
    }

    /// Closes an object.
    pub fn end(&mut self) -> &mut Self {
        self.out.push(b'}');
        self
    }

    /// Closes an array.
    pub fn end_list(&mut self) -> &mut Self {
        self.out.push(b']');
        self
    }

    /// The name of the member that comes next.
    pub fn key(&mut self, name: &str) -> &mut Self {
        self.string(name);
        self.out.push(b':');
        self
    }

    /// A string.
    pub fn string(&mut self, text: &str) -> &mut Self {
        self.next(b"");
        plain::string(self.out, text);
        self
    }

    /// Several texts as one string.
    pub fn string_of<'t>(&mut self, texts: impl IntoIterator<Item = &'t str>) -> &mut Self {
        self.next(b"\"");
        for text in texts {
            plain::characters(self.out, text);
        }
        self.out.push(b'"');
        self
    }

    /// JSON text, such as a value taken from a body.
    pub fn raw(&mut self, json: &[u8]) -> &mut Self {
        self.next(json)
    }

    /// A boolean.
    pub fn truth(&mut self, value: bool) -> &mut Self {
        self.next(if value { b"true" } else { b"false" })
    }

    /// A whole number.
    pub fn count(&mut self, value: u64) -> &mut Self {
        self.next(value.to_string().as_bytes())
    }

    /// `null`.
    pub fn null(&mut self) -> &mut Self {
        self.next(b"null")
    }

    /// A member whose value is a string.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.key(name).string(value)
    }

    /// A member whose value is JSON text.
    pub fn member(&mut self, name: &str, json: &[u8]) -> &mut Self {
        self.key(name).raw(json)
    }

    fn next(&mut self, text: &[u8]) -> &mut Self {
        if self.out.len() > self.start && !matches!(self.out.last(), Some(b'{' | b'[' | b':')) {
            self.out.push(b',');
        }
        self.out.extend_from_slice(text);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_values_and_nowhere_else() {
        let mut out = b"data: ".to_vec();
        let mut json = Writer::new(&mut out);
        json.object().text("a:", "[{:").key("b").list().count(1).null().truth(true);
        json.object().end().list().end_list().end_list().member("c", b"{\"x\":[ ]}");
        json.key("d").string_of(["a\"", "\n", ""]).key("e").string_of([]).end();
        let wanted = concat!(
            "data: {\"a:\":\"[{:\",\"b\":[1,null,true,{},[]],\"c\":{\"x\":[ ]},",
            "\"d\":\"a\\\"\\n\",\"e\":\"\"}"
        );
        assert_eq!(String::from_utf8(out).unwrap(), wanted);
    }

    #[test]
    fn a_lone_value_has_no_comma() {
        for text in ["", "{", "x"] {
            let mut out = text.as_bytes().to_vec();
            Writer::new(&mut out).string(":");
            assert_eq!(out, format!("{text}\":\"").as_bytes());
        }
    }
}

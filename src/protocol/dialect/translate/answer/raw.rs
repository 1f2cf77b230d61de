//! JSON as it is written, looked into and copied without being decoded. Never builds a tree,
//! never recurses, and hands on no string that is none.

use crate::protocol::ascii::decimal;
use crate::protocol::json::block::near_special;
use crate::protocol::json::number::is_number;
use crate::protocol::json::skip::Skip;
use crate::protocol::json::strict;

/// A value as it is written; `null` and what is missing are the same nothing.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Raw<'a>(&'a [u8]);

impl<'a> Raw<'a> {
    /// A whole text, which is JSON to its last byte and in UTF-8.
    pub fn whole(text: &'a [u8]) -> Option<Self> {
        (strict::is_value(text) && std::str::from_utf8(text).is_ok())
            .then(|| Self::new(text.trim_ascii()))
    }

    /// The data of an event, in UTF-8: what is read of it is checked where it is read.
    pub fn event(data: &'a [u8]) -> Option<Self> {
        std::str::from_utf8(data).is_ok().then(|| Self::new(data.trim_ascii()))
    }

    fn new(text: &'a [u8]) -> Self {
        if text == b"null" { Self(&[]) } else { Self(text) }
    }

    /// The members of an object by their names as written, later ones over earlier ones. `None`
    /// when this is no object.
    pub fn pick<const N: usize>(self, names: [&[u8]; N]) -> Option<[Self; N]> {
        let mut found = [Self::default(); N];
        let read = members(self.0, |name, value| {
            for (wanted, place) in names.iter().zip(&mut found) {
                if *wanted == name {
                    *place = Self::new(value);
                }
            }
        });
        read.map(|()| found)
    }

    /// As [`Raw::pick`]; nothing of what is no object.
    pub fn get<const N: usize>(self, names: [&[u8]; N]) -> [Self; N] {
        self.pick(names).unwrap_or([Self::default(); N])
    }

    /// Tells of each element of an array, in order; of what is no array, nothing.
    pub fn each(self, mut element: impl FnMut(Self)) {
        let Some(rest) = self.0.strip_prefix(b"[") else { return };
        let mut rest = rest.trim_ascii_start();
        while let Some((value, after)) = split_value(rest) {
            element(Self::new(value));
            let Some(after) = after.trim_ascii_start().strip_prefix(b",") else { return };
            rest = after.trim_ascii_start();
        }
    }

    /// The first element of an array.
    #[must_use]
    pub fn first(self) -> Self {
        let rest = self.0.strip_prefix(b"[").unwrap_or_default();
        split_value(rest.trim_ascii_start()).map(|(value, _)| Self::new(value)).unwrap_or_default()
    }

    /// The content of a string, escapes as written. `None` when this is none, or breaks the
    /// grammar, so that whatever this gives may stand in a string.
    pub fn text(self) -> Option<&'a [u8]> {
        let content = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        is_content(content).then_some(content)
    }

    /// The content of a string; nothing of what is none.
    pub fn text_or_empty(self) -> &'a [u8] {
        self.text().unwrap_or_default()
    }

    /// A count.
    pub fn count(self) -> Option<u64> {
        decimal(self.0, u64::MAX)
    }

    /// As it is written.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there is nothing.
    pub const fn is_absent(self) -> bool {
        self.0.is_empty()
    }

    /// Whether this begins as an object.
    pub fn is_object(self) -> bool {
        self.0.first() == Some(&b'{')
    }

    /// Whether this begins as a string.
    pub fn is_string(self) -> bool {
        self.0.first() == Some(&b'"')
    }

    /// Whether this is an object without members.
    pub fn is_empty_object(self) -> bool {
        self.0.strip_prefix(b"{").is_some_and(|rest| rest.trim_ascii_start() == b"}")
    }

    /// Whether this begins as an array.
    pub fn is_array(self) -> bool {
        self.0.first() == Some(&b'[')
    }
}

/// The characters that a string's content stands for, as people who count characters do.
pub fn characters(content: &[u8]) -> u64 {
    let begins = content.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    let mut count = u64::try_from(begins).unwrap_or(u64::MAX);
    let mut rest = content;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let after = rest.get(at + 1..).unwrap_or_default();
        let is_low =
            |digits: &[u8]| matches!(digits, [b'u', b'd' | b'D', b'c'..=b'f' | b'C'..=b'F', ..]);
        let (more, length) = match after {
            // The second half of a pair is no character of its own.
            low if is_low(low) => (6, 5),
            [b'u', ..] => (5, 5),
            _ => (1, 1),
        };
        count = count.saturating_sub(more);
        rest = after.get(length..).unwrap_or_default();
    }
    count
}

/// Tells of each member of the object that `text` is. `None` when it is none.
fn members<'a>(text: &'a [u8], mut member: impl FnMut(&'a [u8], &'a [u8])) -> Option<()> {
    let mut rest = text.strip_prefix(b"{")?.trim_ascii_start();
    if let Some(after) = rest.strip_prefix(b"}") {
        return after.is_empty().then_some(());
    }
    loop {
        let (name, after) = split_string(rest.strip_prefix(b"\"")?)?;
        let value = after.trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let (value, after) = split_value(value)?;
        member(name, value);
        match after.trim_ascii_start().split_first()? {
            (b',', after) => rest = after.trim_ascii_start(),
            (b'}', []) => return Some(()),
            _ => return None,
        }
    }
}

/// The value at the start of `text`, and what follows it.
fn split_value(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = match text.first()? {
        b'"' => {
            let (_, after) = split_string(text.get(1..)?)?;
            text.len() - after.len()
        }
        b'{' | b'[' => Skip::container().run(text.get(1..)?)? + 1,
        _ => {
            let is_end =
                |byte: &u8| matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t');
            let end = text.iter().position(is_end).unwrap_or(text.len());
            let atom = text.get(..end)?;
            if !matches!(atom, b"true" | b"false" | b"null") && !is_number(atom) {
                return None;
            }
            end
        }
    };
    text.split_at_checked(end)
}

/// The content of a string after its opening quote, and what follows the closing one.
fn split_string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = match near_special(text) {
        Some(at) if text.get(at) == Some(&b'"') => at + 1,
        _ => Skip::string().run(text)?,
    };
    Some((text.get(..end - 1)?, text.get(end..)?))
}

/// Whether `content` may stand between two quotes.
fn is_content(content: &[u8]) -> bool {
    // One pass without a branch: the compiler takes it by vectors.
    let special = |byte| u8::from(byte < 0x20) | u8::from(byte == b'"') | u8::from(byte == b'\\');
    content.iter().fold(0, |any, &byte| any | special(byte)) == 0 || has_good_escapes(content)
}

fn has_good_escapes(content: &[u8]) -> bool {
    if content.iter().any(|byte| *byte < 0x20) {
        return false;
    }
    let mut rest = content;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, b'"' | b'\\')) {
        let length = match rest.get(at..) {
            Some([b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..]) => 2,
            Some([b'\\', b'u', a, b, c, d, ..])
                if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                6
            }
            _ => return false,
        };
        rest = rest.get(at + length..).unwrap_or_default();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_as_written_and_null_is_nothing() {
        let text = br#" { "a" : "x\"y" ,"n":null, "o":{"a":[1,"}"]},"c": 12,"c":13 } "#;
        let [a, n, o, c, absent] = Raw::whole(text).unwrap().get([b"a", b"n", b"o", b"c", b"z"]);
        assert_eq!(a.text(), Some(&b"x\\\"y"[..]));
        assert!(n.is_absent() && absent.is_absent());
        assert_eq!(o.as_bytes(), br#"{"a":[1,"}"]}"#);
        assert_eq!(c.count(), Some(13));
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for text in
            [&b"[]"[..], b"{", b"{\"a\"}", b"{\"a\":1", b"{\"a\":1}x", b"{\"a\":x}", b"", b"{,}"]
        {
            assert_eq!(Raw::event(text).unwrap().pick([b"a"]), None, "{text:?}");
        }
        assert!(Raw::event(b"{\"a\":\"\xff\"}").is_none());
    }

    #[test]
    fn only_what_may_stand_in_a_string_is_handed_on() {
        let text = |inner: &[u8]| Raw([b"\"", inner, b"\""].concat().leak()).text().is_some();
        assert!(text(br#"plain \" \\ \/ \u00e9 end"#));
        assert!(text("é€😀".as_bytes()));
        for bad in [&b"\n"[..], b"\t", b"\\x", b"\\u12", b"\\u12g4", b"\\", b"a\"b", &[0]] {
            assert!(!text(bad), "{bad:?}");
        }
    }

    #[test]
    fn each_element_is_told_in_order() {
        let mut seen = Vec::new();
        Raw::event(br#"[ 1 , {"a":2},"x",null ]"#).unwrap().each(|raw| seen.push(raw.as_bytes()));
        assert_eq!(seen, [&b"1"[..], br#"{"a":2}"#, b"\"x\"", b""]);
        assert_eq!(Raw::event(b"[ 7]").unwrap().first().count(), Some(7));
        assert!(Raw::event(b"[]").unwrap().first().is_absent());
    }

    #[test]
    fn characters_are_counted_as_they_read() {
        for (content, count) in [
            ("", 0),
            ("abc", 3),
            ("é€😀", 3),
            (r"a\nb\\", 4),
            (r"\u00e9x", 2),
            (r"\ud83d\ude00", 1),
        ] {
            assert_eq!(characters(content.as_bytes()), count, "{content}");
        }
    }
}

//! Whole JSON values cut along their grammar (RFC 8259), as they were written: the members of an
//! object. Strict: what passes here, any parser takes. Never decodes a value.

/// The members of the object that `text` is: names as written between their quotes, values as
/// written. `None` when it is no object, or no JSON.
pub fn members(text: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut members = Vec::new();
    let end = object(text, space(text, 0), 0, &mut |name, value| members.push((name, value)))?;
    (space(text, end) == text.len()).then_some(members)
}

/// Whether `text` is one JSON value, with nothing but space around it.
pub fn is_value(text: &[u8]) -> bool {
    value(text, space(text, 0), 0).is_some_and(|end| space(text, end) == text.len())
}

/// Where the value that begins at `at` ends.
fn value(text: &[u8], at: usize, depth: u32) -> Option<usize> {
    match *text.get(at)? {
        b'{' => object(text, at, depth, &mut |_, _| {}),
        b'[' => list(text, at, depth),
        b'"' => string(text, at),
        b't' => word(text, at, b"true"),
        b'f' => word(text, at, b"false"),
        b'n' => word(text, at, b"null"),
        _ => number(text, at),
    }
}

fn object<'t>(
    text: &'t [u8],
    at: usize,
    depth: u32,
    member: &mut dyn FnMut(&'t [u8], &'t [u8]),
) -> Option<usize> {
    if depth == DEPTH_MAX || text.get(at) != Some(&b'{') {
        return None;
    }
    let mut at = space(text, at + 1);
    if text.get(at) == Some(&b'}') {
        return Some(at + 1);
    }
    loop {
        let name_end = string(text, at)?;
        let name = text.get(at + 1..name_end - 1)?;
        at = space(text, name_end);
        if text.get(at) != Some(&b':') {
            return None;
        }
        let start = space(text, at + 1);
        let end = value(text, start, depth + 1)?;
        member(name, text.get(start..end)?);
        at = space(text, end);
        match *text.get(at)? {
            b',' => at = space(text, at + 1),
            b'}' => return Some(at + 1),
            _ => return None,
        }
    }
}

fn list(text: &[u8], at: usize, depth: u32) -> Option<usize> {
    if depth == DEPTH_MAX {
        return None;
    }
    let mut at = space(text, at + 1);
    if text.get(at) == Some(&b']') {
        return Some(at + 1);
    }
    loop {
        at = space(text, value(text, at, depth + 1)?);
        match *text.get(at)? {
            b',' => at = space(text, at + 1),
            b']' => return Some(at + 1),
            _ => return None,
        }
    }
}

fn string(text: &[u8], at: usize) -> Option<usize> {
    if text.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += 1;
        match *text.get(at - 1)? {
            b'"' => return Some(at),
            b'\\' => match *text.get(at)? {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => at += 1,
                b'u' => {
                    let digits = text.get(at + 1..at + 5)?;
                    if !digits.iter().all(u8::is_ascii_hexdigit) {
                        return None;
                    }
                    at += 5;
                }
                _ => return None,
            },
            0..0x20 => return None,
            _ => {}
        }
    }
}

fn number(text: &[u8], at: usize) -> Option<usize> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let start = at + usize::from(text.get(at) == Some(&b'-'));
    let mut end = digits(start);
    let is_led_by_zero = text.get(start) == Some(&b'0') && end > start + 1;
    if end == start || is_led_by_zero {
        return None;
    }
    if text.get(end) == Some(&b'.') {
        let after = digits(end + 1);
        if after == end + 1 {
            return None;
        }
        end = after;
    }
    if matches!(text.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let after = digits(end + 1 + sign);
        if after == end + 1 + sign {
            return None;
        }
        end = after;
    }
    Some(end)
}

fn word(text: &[u8], at: usize, word: &[u8]) -> Option<usize> {
    text.get(at..)?.starts_with(word).then_some(at + word.len())
}

/// The first place from `at` on that is no space.
fn space(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r')).count()
}

/// Values inside one another. Parsers of clients end at about as many.
const DEPTH_MAX: u32 = 128;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn members_are_cut_as_they_were_written() {
        let text = br#" { "a" : 9007199254740993 , "b\"":[1,{"c":2}], "d":"}\\" } "#;
        let expected: Vec<(&[u8], &[u8])> =
            vec![(b"a", b"9007199254740993"), (br#"b\""#, br#"[1,{"c":2}]"#), (b"d", br#""}\\""#)];
        assert_eq!(members(text), Some(expected));
        assert_eq!(members(b"{}"), Some(vec![]));
        for no_object in [&b"[]"[..], b"{} x", b"{", b"", b"{\"a\"}", b"{\"a\":1,}", b"{a:1}"] {
            assert_eq!(members(no_object), None);
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(is_value(nested(128).as_bytes()));
        assert!(!is_value(nested(129).as_bytes()));
        assert!(!is_value("[".repeat(1_000_000).as_bytes()));
    }

    proptest! {
        /// The same verdict as a full parser, but for numbers that do not fit and depth.
        #[test]
        fn what_passes_is_what_a_parser_takes(
            text in r#"(\{|\}|\[|\]|,|:|"|\\u12aF|\\n|\\x|a|1|0|-|\.|e|\+|true|null|fals| ){0,12}"#,
        ) {
            let parsed = serde_json::from_str::<serde::de::IgnoredAny>(&text);
            prop_assert_eq!(is_value(text.as_bytes()), parsed.is_ok(), "{}", text);
        }
    }
}

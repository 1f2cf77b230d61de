//! Where a character of a text's value stands in the text as it was written, between its quotes and
//! behind its escapes. Never decides what the value is; that is TOML's.

use std::ops::Range;

/// The bytes of `written`, a TOML string with its quotes, that stand for character `index` of its
/// value, from 0; one past the last is the closing quote. `None` when the string goes over several
/// lines, or ends before.
pub(super) fn span_of_char(written: &str, index: usize) -> Option<Range<usize>> {
    let quote = written.chars().next().filter(|first| matches!(first, '"' | '\''))?;
    if written.starts_with("\"\"\"") || written.starts_with("'''") {
        return None;
    }
    let mut at = 1;
    for _ in 0..index {
        at += width(written.get(at..)?, quote)?;
    }
    let rest = written.get(at..)?;
    let bytes = width(rest, quote).or_else(|| rest.starts_with(quote).then_some(1))?;
    Some(at..at + bytes)
}

/// Bytes of the first character of a value; `None` at its end.
fn width(rest: &str, quote: char) -> Option<usize> {
    let mut chars = rest.chars();
    match chars.next()? {
        first if first == quote => None,
        '\\' if quote == '"' => Some(match chars.next()? {
            'x' => 4,
            'u' => 6,
            'U' => 10,
            escaped => 1 + escaped.len_utf8(),
        }),
        first => Some(first.len_utf8()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_is_found_behind_quotes_and_escapes() {
        for (written, index, found) in [
            ("'ab'", 0, Some("a")),
            ("'ab'", 1, Some("b")),
            ("'ab'", 2, Some("'")),
            ("'ab'", 3, None),
            (r"'\d('", 2, Some("(")),
            (r#""\\d(""#, 0, Some(r"\\")),
            (r#""\\d(""#, 2, Some("(")),
            (r#""\"(""#, 1, Some("(")),
            (r#""\u00e9(""#, 1, Some("(")),
            (r#""\U000000e9(""#, 0, Some(r"\U000000e9")),
            (r#""\U000000e9(""#, 1, Some("(")),
            (r#""\xe9(""#, 1, Some("(")),
            ("'äö('", 2, Some("(")),
            ("'''a('''", 1, None),
            ("\"\"\"a(\"\"\"", 1, None),
            ("''", 0, Some("'")),
            ("'", 0, None),
            ("", 0, None),
            ("bare", 0, None),
            ("'open", 9, None),
            ("\"\\", 1, None),
        ] {
            let span = span_of_char(written, index);
            assert_eq!(span.and_then(|span| written.get(span)), found, "{written} {index}");
        }
    }
}

//! Regular expressions as operators write them: compiled once, matched in linear time, bounded in
//! size. The one door to `regex`. Never matches anything but text.

use std::fmt;

/// A pattern that a configuration holds.
#[derive(Clone)]
pub struct Pattern(regex::Regex);

/// Why a pattern cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BadPattern {
    /// What is wrong, in one line.
    pub message: String,
    /// Character of the pattern, from 0, where it goes wrong, when that is known. May be one past
    /// the last.
    pub offset: Option<usize>,
}

impl Pattern {
    /// Compiles `text`.
    ///
    /// # Errors
    /// [`BadPattern`] for a syntax error, or a pattern that compiles to more than 1 MiB.
    pub fn new(text: &str) -> Result<Self, BadPattern> {
        let compiled = regex::RegexBuilder::new(text).size_limit(COMPILED_BYTES_MAX).build();
        compiled.map(Self).map_err(|error| BadPattern::of(&error))
    }

    /// Whether it matches anywhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/", self.as_str())
    }
}

impl BadPattern {
    /// The package shows a syntax error as a drawing; its last line says what is wrong, and the
    /// caret under the pattern where. A pattern of many lines is drawn in another way.
    fn of(error: &regex::Error) -> Self {
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().collect();
        let offset = match lines.as_slice() {
            [_, _, carets, _] => carets.find('^').and_then(|at| at.checked_sub(INDENT)),
            _ => None,
        };
        let last = lines.last().copied().unwrap_or_default();
        Self { message: last.strip_prefix("error: ").unwrap_or(last).to_owned(), offset }
    }
}

/// Far above any list of models; far below what would be felt.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// Columns that the package draws a pattern in by.
const INDENT: usize = 4;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    fn a_pattern_matches_anywhere_unless_anchored() {
        let pattern = Pattern::new("^claude-.*opus").unwrap();
        assert!(pattern.is_match("claude-3-opus-20240229"));
        assert!(!pattern.is_match("my-claude-3-opus"));
        assert!(Pattern::new(r"\d{4}").unwrap().is_match("gpt-4o-2024"));
        assert_eq!(format!("{pattern:?}"), "/^claude-.*opus/");
    }

    #[test]
    fn a_bad_pattern_says_what_and_where() {
        let error = Pattern::new("^(claude").unwrap_err();
        assert_eq!(error, BadPattern { message: "unclosed group".to_owned(), offset: Some(1) });
        let at = |text: &str| Pattern::new(text).unwrap_err().offset;
        assert_eq!(at("*a"), Some(0));
        assert_eq!(at("äöü["), Some(3));
        assert_eq!(at("a\\"), Some(1));
        assert_eq!(at("a^b[z-a]"), Some(4));
        assert_eq!(at("^a\nb("), None, "drawn in many lines");
        let error = Pattern::new("a{1000}{1000}{1000}").unwrap_err();
        assert!(error.message.contains("size limit"), "{error:?}");
    }
}

//! The form of names and keys, so that each can stand in a header field, a path and a log line.

use super::limits::{KEY_BYTES_MAX, NAME_BYTES_MAX};

/// A name of a caller or a key.
///
/// # Errors
/// What it must be.
pub fn check(name: &str) -> Result<(), &'static str> {
    const FORM: &str = "must be 1 to 64 printable ASCII characters, without `/` and without a \
                        space at either end";
    const { assert!(NAME_BYTES_MAX == 64) };
    let allowed = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'/';
    let trimmed = name.trim() == name;
    let fits = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
    if fits && trimmed && name.bytes().all(allowed) { Ok(()) } else { Err(FORM) }
}

/// A provider's name: `^[a-z0-9]+(-[a-z0-9]+)*$`, and no path of the gateway's own.
pub(super) fn check_provider(name: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let word = |word: &str| !word.is_empty() && word.bytes().all(plain);
    if name.len() > NAME_BYTES_MAX || !name.split('-').all(word) {
        return Err("must be words of a-z and 0-9 joined by single dashes, at most 64 characters");
    }
    if OWN_PATHS.contains(&name) {
        return Err("is a path of the gateway's own; it would never be reached there");
    }
    Ok(())
}

/// A provider's key: one a header field can carry, and none of the gateway's own.
///
/// # Errors
/// What it must be, or is.
pub fn check_provider_key(value: &str) -> Result<(), &'static str> {
    match value.get(..3) {
        Some(start) if start.eq_ignore_ascii_case("tg-") => {
            Err("is a gateway key (`tg-`), which never goes to a provider")
        }
        _ => check_key(value),
    }
}

/// A key, of a provider or a caller: what a header field can carry as one word (RFC 9110, 5.6.2).
pub(super) fn check_key(value: &str) -> Result<(), &'static str> {
    if value.is_empty() {
        return Err("is empty");
    }
    if value.len() > KEY_BYTES_MAX {
        return Err("is too long for a key");
    }
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("holds a space, a control character or one beyond ASCII, which no key has");
    }
    Ok(())
}

/// First segments of paths that are not a provider's.
const OWN_PATHS: [&str; 5] = ["api", "health", "livez", "readyz", "v1"];

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may stop at the first surprise")]
mod tests {
    use super::*;
    use crate::config::shape;
    use regex::Regex;

    #[test]
    fn names_are_short_printable_and_without_slash() {
        let long = "a".repeat(64);
        let too_long = "a".repeat(65);
        let pattern = Regex::new(shape::KEY_NAME.pattern).unwrap();
        for (name, good) in [
            ("alice", true),
            ("Team A: x@y.z", true),
            ("a", true),
            ("-", true),
            (long.as_str(), true),
            (too_long.as_str(), false),
            ("", false),
            (" a", false),
            ("a ", false),
            ("a/b", false),
            ("a\nb", false),
            ("a\tb", false),
            ("zoë", false),
            ("a\u{7f}", false),
        ] {
            assert_eq!(check(name).is_ok(), good, "{name:?}");
            assert_eq!(pattern.is_match(name), good, "{name:?} by the schema");
        }
    }

    #[test]
    fn provider_names_are_words_and_no_path_of_our_own() {
        let pattern = Regex::new(shape::PROVIDER_NAME.pattern).unwrap();
        for (name, good) in [
            ("anthropic", true),
            ("a", true),
            ("openai-2-eu", true),
            ("2", true),
            ("", false),
            ("-a", false),
            ("a-", false),
            ("a--b", false),
            ("A", false),
            ("a_b", false),
            ("a.b", false),
            ("a\n", false),
        ] {
            assert_eq!(check_provider(name).is_ok(), good, "{name:?}");
            assert_eq!(pattern.is_match(name), good, "{name:?} by the schema");
        }
        for own in ["v1", "health", "livez", "readyz", "api"] {
            assert!(check_provider(own).is_err(), "{own}");
        }
        assert!(check_provider(&"a".repeat(65)).is_err());
    }

    #[test]
    fn a_key_is_one_visible_word() {
        for (key, good) in [
            ("sk-ant-api03-Ab_9", true),
            ("!~", true),
            ("", false),
            ("a b", false),
            ("a\r\nx: y", false),
            ("a\0", false),
            ("é", false),
        ] {
            assert_eq!(check_key(key).is_ok(), good, "{key:?}");
        }
        assert!(check_key(&"a".repeat(KEY_BYTES_MAX)).is_ok());
        assert!(check_key(&"a".repeat(KEY_BYTES_MAX + 1)).is_err());
    }
}

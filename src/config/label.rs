//! The form of names and keys, so that each can stand in a header field, a path and a log line.

use super::limits::{KEY_BYTES_MAX, NAME_BYTES_MAX};

/// A name of a caller or a key.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
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

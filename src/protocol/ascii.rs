//! Small ASCII facts that several formats share: tokens, comma lists, bounded decimals.
//!
//! Never allocates, never decodes text, never panics.

/// Whether `byte` may stand in a token (RFC 9110 section 5.6.2).
#[inline]
pub fn is_token_byte(byte: u8) -> bool {
    TOKEN_BYTES.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Whether `bytes` is a token: not empty, and token bytes only (RFC 9110 section 5.6.2).
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| is_token_byte(byte))
}

/// Whether two names are the same in any case: eight bytes at a time, the last eight over again.
#[expect(clippy::inline_always, reason = "with a name of known length it is a few instructions")]
#[inline(always)]
pub fn is_same(name: &[u8], other: &[u8]) -> bool {
    if name.len() != other.len() {
        return false;
    }
    let ends = (name.first_chunk(), other.first_chunk(), name.last_chunk(), other.last_chunk());
    let difference = match ends {
        (Some(&a), Some(&b), Some(&c), Some(&d)) => {
            let ends = differing(a, b) | differing(c, d);
            if name.len() > 16 { ends | differing_inside(name, other) } else { ends }
        }
        _ => differing_short(name, other),
    };
    // The bit of the case also tells other bytes apart.
    difference == 0 || difference & !CASE == 0 && is_same_slowly(name, other)
}

/// Whether `name` begins with `prefix`, in any case.
#[inline]
pub fn starts_with(name: &[u8], prefix: &[u8]) -> bool {
    name.get(..prefix.len()).is_some_and(|start| is_same(start, prefix))
}

#[inline]
fn differing(word: [u8; 8], other: [u8; 8]) -> u64 {
    u64::from_le_bytes(word) ^ u64::from_le_bytes(other)
}

/// The bits that differ behind the first eight bytes of two names of the same length.
#[inline]
fn differing_inside(name: &[u8], other: &[u8]) -> u64 {
    let second = |name: &[u8]| name.get(8..).and_then(|rest| rest.first_chunk().copied());
    let bits = differing(second(name).unwrap_or_default(), second(other).unwrap_or_default());
    if name.len() > 24 { bits | differing_beyond(name, other) } else { bits }
}

/// The bits that differ behind the first sixteen bytes.
#[inline(never)]
fn differing_beyond(name: &[u8], other: &[u8]) -> u64 {
    let ((words, _), (other_words, _)) = (name.as_chunks(), other.as_chunks());
    let pairs = words.iter().zip(other_words).skip(2);
    pairs.fold(0, |bits, (word, other)| bits | differing(*word, *other))
}

/// The bits that differ in two names of the same length below eight.
#[inline]
fn differing_short(name: &[u8], other: &[u8]) -> u64 {
    let of = |a: [u8; 4], b: [u8; 4]| u64::from(u32::from_le_bytes(a) ^ u32::from_le_bytes(b));
    let ends = (name.first_chunk(), other.first_chunk(), name.last_chunk(), other.last_chunk());
    if let (Some(&a), Some(&b), Some(&c), Some(&d)) = ends {
        return of(a, b) | of(c, d);
    }
    let byte = |name: &[u8], at| u64::from(name.get(at).copied().unwrap_or_default());
    (0..3).fold(0, |bits, at| bits | (byte(name, at) ^ byte(other, at)))
}

#[cold]
#[inline(never)]
fn is_same_slowly(name: &[u8], other: &[u8]) -> bool {
    name.eq_ignore_ascii_case(other)
}

/// Cuts optional whitespace, which is space and tab only (RFC 9110 section 5.6.3), off both ends.
#[inline]
pub fn trim(bytes: &[u8]) -> &[u8] {
    if let (Some(first), Some(last)) = (bytes.first(), bytes.last())
        && *first.min(last) > b' '
    {
        return bytes;
    }
    let mut rest = bytes;
    while let [b' ' | b'\t', tail @ ..] = rest {
        rest = tail;
    }
    while let [head @ .., b' ' | b'\t'] = rest {
        rest = head;
    }
    rest
}

/// The elements of a comma list, trimmed. Empty elements are given too: a strict reader has to
/// see them (RFC 9110 section 5.6.1).
pub fn elements(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    list.split(|&byte| byte == b',').map(trim)
}

/// Reads `bytes` as a decimal of digits only. `None` for anything else and for more than `max`.
pub fn decimal(bytes: &[u8], max: u64) -> Option<u64> {
    if bytes.is_empty() {
        return None;
    }
    let mut value: u64 = 0;
    for &byte in bytes {
        if !byte.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
    }
    (value <= max).then_some(value)
}

/// Whether `text` holds `word`, without regard to case. `word` must be lower case and not empty.
pub fn contains(text: &[u8], word: &[u8]) -> bool {
    debug_assert!(!word.is_empty(), "an empty word is in every text");
    text.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

/// The bit by which letters of both cases differ, in each byte.
const CASE: u64 = u64::from_ne_bytes([0x20; 8]);

/// One look-up per byte of every field name.
static TOKEN_BYTES: [bool; 256] = table_of(
    b"!#$%&'*+-.^_`|~0123456789\
      ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
);

/// For each byte whether it is among `bytes`.
pub const fn table_of(bytes: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut rest = bytes;
    while let [byte, tail @ ..] = rest {
        #[expect(clippy::as_conversions, clippy::indexing_slicing, reason = "const; a byte fits")]
        {
            table[*byte as usize] = true;
        }
        rest = tail;
    }
    table
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_has_digits_only_and_a_bound() {
        assert_eq!(decimal(b"0", 9), Some(0));
        assert_eq!(decimal(b"00042", 99), Some(42));
        assert_eq!(decimal(b"18446744073709551615", u64::MAX), Some(u64::MAX));
        for bad in [&b""[..], b"+1", b"-1", b" 1", b"1 ", b"0x1", b"1_0", b"18446744073709551616"] {
            assert_eq!(decimal(bad, u64::MAX), None, "{bad:?}");
        }
        assert_eq!(decimal(b"100", 99), None);
    }

    #[test]
    fn trimming_takes_spaces_and_tabs_only() {
        assert_eq!(trim(b" \t a b\t "), b"a b");
        assert_eq!(trim(b"\x0ba\r"), b"\x0ba\r");
        assert_eq!(trim(b" \t"), b"");
    }

    #[test]
    fn a_list_shows_its_empty_elements() {
        let list: Vec<&[u8]> = elements(b" a ,,b\t,").collect();
        assert_eq!(list, [&b"a"[..], b"", b"b", b""]);
        assert_eq!(elements(b"").count(), 1);
    }

    #[test]
    fn a_token_is_the_rfc_set_and_nothing_else() {
        let count = (0..=u8::MAX).filter(|&byte| is_token_byte(byte)).count();
        assert_eq!(count, 26 + 26 + 10 + 15);
        assert!(is_token(b"x-api_key!"));
        for bad in [&b""[..], b"a b", b"a:", b"\xc3\xa4", b"a\0", b"(a)"] {
            assert!(!is_token(bad), "{bad:?}");
        }
    }

    #[test]
    fn names_of_every_length_are_the_same_in_any_case_and_with_no_byte_changed() {
        let name = b"X-Claude_Code@Session`Id{[7z]}\xc3\xa4^";
        for length in 0..=name.len() {
            let name = &name[..length];
            assert!(is_same(name, &name.to_ascii_uppercase()), "{length}");
            assert!(is_same(&name.to_ascii_lowercase(), name), "{length}");
            assert!(starts_with(b"X-Claude_Code@Session`Id{[7z]}\xc3\xa4^", name), "{length}");
            for place in 0..length {
                for byte in 0..=u8::MAX {
                    let mut other = name.to_vec();
                    other[place] = byte;
                    let wanted = name.eq_ignore_ascii_case(&other);
                    assert_eq!(is_same(name, &other), wanted, "{byte:#x} at {place} of {length}");
                }
            }
        }
        assert!(!is_same(b"a", b"ab") && !starts_with(b"a", b"ab"));
    }

    #[test]
    fn a_word_is_found_in_any_case() {
        assert!(contains(b"My-API-Key-2", b"api-key"));
        assert!(!contains(b"api", b"api-key"));
    }
}

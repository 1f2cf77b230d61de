//! Numbers as JSON writes them (RFC 8259 section 6), read within bounds. Never wraps, never
//! rounds a count: what does not fit is unknown.

/// A count: digits only, at most `u64::MAX`. `None` for signs, fractions, exponents, leading
/// zeros and anything that is no number.
pub fn integer(text: &[u8]) -> Option<u64> {
    match text {
        [] | [b'0', _, ..] => None,
        // No more digits than always fit.
        _ if text.len() < 20 => text.iter().try_fold(0, |value, digit| {
            let digit = digit.wrapping_sub(b'0');
            (digit <= 9).then(|| value * 10 + u64::from(digit))
        }),
        _ => crate::protocol::ascii::decimal(text, u64::MAX),
    }
}

/// A number with or without fraction and exponent. `None` when it is no JSON number, when it is
/// infinite as a double, and beyond 64 bytes.
pub fn fraction(text: &[u8]) -> Option<f64> {
    if text.len() > NUMBER_BYTES_MAX || !is_number(text) {
        return None;
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    value.is_finite().then_some(value)
}

/// Whether `text` is a number by the grammar, of any size.
pub fn is_number(text: &[u8]) -> bool {
    let unsigned = text.strip_prefix(b"-").unwrap_or(text);
    let (whole, rest) = digits(unsigned);
    if whole.is_empty() || whole.len() > 1 && whole.first() == Some(&b'0') {
        return false;
    }
    let rest = match rest.strip_prefix(b".") {
        None => rest,
        Some(rest) => match digits(rest) {
            ([], _) => return false,
            (_, rest) => rest,
        },
    };
    let [b'e' | b'E', exponent @ ..] = rest else { return rest.is_empty() };
    let exponent = match exponent {
        [b'+' | b'-', rest @ ..] => rest,
        _ => exponent,
    };
    matches!(digits(exponent), ([_, ..], []))
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

const NUMBER_BYTES_MAX: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_exact_or_unknown() {
        assert_eq!(integer(b"0"), Some(0));
        assert_eq!(integer(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(integer(b"9999999999999999999"), Some(9_999_999_999_999_999_999));
        assert_eq!(integer(b"10000000000000000000"), Some(10_000_000_000_000_000_000));
        for bad in [
            &b""[..],
            b"18446744073709551616",
            b"99999999999999999999",
            b"1:",
            b"/",
            b":",
            b"-1",
            b"1.0",
            b"1e3",
            b"01",
            b"+1",
            b"null",
        ] {
            assert_eq!(integer(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn the_grammar_is_the_one_of_the_rfc() {
        for good in [&b"0"[..], b"-0", b"12", b"0.5", b"1e5", b"1E+5", b"1.25e-7"] {
            assert!(is_number(good), "{good:?}");
        }
        for bad in
            [&b""[..], b"-", b"01", b"1.", b".5", b"1e", b"1e+", b"+1", b"0x1", b"1 ", b"NaN"]
        {
            assert!(!is_number(bad), "{bad:?}");
        }
    }

    #[test]
    fn a_fraction_is_finite_and_short() {
        assert_eq!(fraction(b"0.00572"), Some(0.00572));
        assert_eq!(fraction(b"1e999"), None);
        assert_eq!(fraction(&[b'1'; 65]), None);
    }
}

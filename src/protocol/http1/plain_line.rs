//! The fast lane for field lines: one pass, for whole lines without anything odd in them.
//!
//! Never refuses: what it does not take is judged by httparse in `parse`. Each read that ends
//! inside a line sends that line there, so every test at every split compares the two.

use wide::u8x16;

use crate::protocol::ascii::is_token_byte;

/// Places in a field line, counted as in the bytes it stands in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct PlainLine {
    pub name_end: usize,
    pub value_start: usize,
    pub value_end: usize,
    /// After its CRLF.
    pub end: usize,
    /// The name has other bytes than letters, digits and dashes.
    pub is_odd: bool,
}

impl PlainLine {
    /// The line that begins at `start`; `None` when it is not whole, or not plainly good.
    #[inline]
    pub fn find(bytes: &[u8], start: usize) -> Option<Self> {
        let (name_end, is_odd) = find_name_end(bytes, start)?;
        let value_start = match bytes.get(name_end..)? {
            _ if name_end == start => return None,
            // As nearly everybody writes it.
            [b':', b' ', first, ..] if *first > b' ' => name_end + 2,
            [b':', rest @ ..] => name_end + 1 + leading_blanks(rest),
            _ => return None,
        };
        let line_end = find_crlf(bytes, value_start)?;
        let value = bytes.get(value_start..line_end)?;
        let has_blanks = value.last().is_some_and(|last| *last <= b' ');
        let blanks = if has_blanks { trailing_blanks(value) } else { 0 };
        let (value_end, end) = (line_end - blanks, line_end + 2);
        Some(Self { name_end, value_start, value_end, end, is_odd })
    }
}

/// The CRLF that comes before any other control byte but tab, at or after `from`.
#[inline]
pub(super) fn find_crlf(bytes: &[u8], from: usize) -> Option<usize> {
    let (control, delete) = (u8x16::splat(0x1f), u8x16::splat(0x7f));
    let found = find(bytes, from, |lane| {
        (lane.min(control).simd_eq(lane) | lane.simd_eq(delete)).to_bitmask()
    })?;
    match bytes.get(found..) {
        Some([b'\r', b'\n', ..]) => Some(found),
        Some([b'\t', ..]) => find_crlf_slowly(bytes, found),
        _ => None,
    }
}

/// The first space, control byte or DEL at or after `from`.
#[inline]
pub(super) fn find_blank(bytes: &[u8], from: usize) -> Option<usize> {
    let (blank, delete) = (u8x16::splat(b' '), u8x16::splat(0x7f));
    find(bytes, from, |lane| (lane.min(blank).simd_eq(lane) | lane.simd_eq(delete)).to_bitmask())
}

/// The first byte at or after `from` that is none of a token (RFC 9110 section 5.6.2), and whether
/// other bytes than letters, digits and dashes come before it.
#[inline]
fn find_name_end(bytes: &[u8], from: usize) -> Option<(usize, bool)> {
    let [letters, digits] = [b'z' - b'a', 9].map(u8x16::splat);
    let [a, zero, dash, case] = [b'a', b'0', b'-', 0x20].map(u8x16::splat);
    // Letters, digits and dashes are what names are made of.
    let found = find(bytes, from, |lane| {
        let (letter, digit) = ((lane | case) - a, lane - zero);
        let is_letter = letter.min(letters).simd_eq(letter);
        let is_common = is_letter | digit.min(digits).simd_eq(digit) | lane.simd_eq(dash);
        is_common.to_bitmask() ^ ALL_LANES
    })?;
    match bytes.get(found) {
        Some(b':') => Some((found, false)),
        _ => find_name_end_slowly(bytes, found).map(|end| (end, end > found)),
    }
}

/// The first byte at or after `from` whose lane is marked. `None` also of less than a vector: no
/// head with a good first line is that short.
#[inline]
fn find(bytes: &[u8], from: usize, marks: impl Fn(u8x16) -> u32) -> Option<usize> {
    let place = |mask: u32| usize::try_from(mask.trailing_zeros()).unwrap_or(LANES);
    let (mut at, mut rest) = (from, bytes.get(from..)?);
    while let Some((block, after)) = rest.split_first_chunk::<LANES>() {
        let mask = marks(u8x16::new(*block));
        if mask != 0 {
            return Some(at + place(mask));
        }
        (at, rest) = (at + LANES, after);
    }
    // What was looked at before is shifted out.
    let mask = marks(u8x16::new(*bytes.last_chunk::<LANES>()?)) >> (LANES - rest.len());
    (mask != 0).then(|| at + place(mask))
}

#[cold]
fn find_crlf_slowly(bytes: &[u8], from: usize) -> Option<usize> {
    let is_control = |byte: &u8| *byte < b' ' && *byte != b'\t' || *byte == 0x7f;
    let found = from + bytes.get(from..)?.iter().position(is_control)?;
    matches!(bytes.get(found..), Some([b'\r', b'\n', ..])).then_some(found)
}

#[cold]
fn find_name_end_slowly(bytes: &[u8], from: usize) -> Option<usize> {
    Some(from + bytes.get(from..)?.iter().position(|byte| !is_token_byte(*byte))?)
}

#[cold]
fn leading_blanks(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(bytes.len())
}

#[cold]
fn trailing_blanks(bytes: &[u8]) -> usize {
    let last = bytes.iter().rposition(|byte| !matches!(byte, b' ' | b'\t'));
    bytes.len() - last.map_or(0, |last| last + 1)
}

const ALL_LANES: u32 = 0xffff;
/// Bytes in a vector of every CPU.
const LANES: usize = 16;

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "a test may fail loudly")]
mod tests {
    use super::*;

    /// The line behind another one, as in a head.
    fn find(line: &[u8]) -> Option<PlainLine> {
        let before = b"GET / HTTP/1.1\r\n";
        let found = PlainLine::find(&[&before[..], line].concat(), before.len())?;
        let place = |at| at - before.len();
        Some(PlainLine {
            name_end: place(found.name_end),
            value_start: place(found.value_start),
            value_end: place(found.value_end),
            end: place(found.end),
            is_odd: found.is_odd,
        })
    }

    #[test]
    fn a_plain_line_is_cut_at_its_colon_and_its_spaces() {
        for (line, name_end, value_start, value_end) in [
            (&b"a: b\r\n"[..], 1, 3, 4),
            (b"a:b\r\nnext", 1, 2, 3),
            (b"a:\r\n", 1, 2, 2),
            (b"a: \r\n", 1, 3, 3),
            (b"a: \t \r\n", 1, 5, 5),
            (b"a_b: c\td \r\n", 3, 5, 8),
            (b"name:\t a long value\twith \xff in it \t \r\n", 4, 7, 32),
        ] {
            let found = find(line).map(|l| (l.name_end, l.value_start, l.value_end));
            let wanted = Some((name_end, value_start, value_end));
            assert_eq!(found, wanted, "{}", line.escape_ascii());
        }
        assert_eq!(find(b"a:b\r\nnext").map(|line| line.end), Some(5));
    }

    #[test]
    fn anything_odd_or_cut_is_left_to_the_careful_way() {
        for line in [
            &b""[..],
            b"\r\n",
            b"a",
            b"a:",
            b"a: b",
            b"a: b\r",
            b"a: b\n",
            b"a: b\rc\r\n",
            b": b\r\n",
            b"a : b\r\n",
            b" a: b\r\n",
            b"a\xff: b\r\n",
            b"a: b\x01c\r\n",
            b"a: b\tc\x01c\r\n",
            b"a: 0123456789\x7f\r\n",
        ] {
            assert_eq!(find(line), None, "{}", line.escape_ascii());
        }
        assert_eq!(PlainLine::find(b"a: b\r\n", 0), None, "less than a vector");
    }

    #[test]
    fn each_byte_is_found_at_each_place() {
        for length in 16..40 {
            for byte in 0..=u8::MAX {
                for place in 0..length {
                    let mut bytes = vec![b'z'; length];
                    bytes[place] = byte;
                    let first = |is_it: fn(&u8) -> bool| bytes.iter().position(is_it);
                    let name_end = first(|byte| !is_token_byte(*byte));
                    let blank = first(|byte| *byte <= b' ' || *byte == 0x7f);
                    let shown = format!("{byte:#x} at {place} of {length}");
                    let is_odd = name_end != first(|b| !b.is_ascii_alphanumeric() && *b != b'-');
                    let wanted = name_end.map(|end| (end, is_odd));
                    assert_eq!(find_name_end(&bytes, 0), wanted, "{shown}");
                    assert_eq!(find_blank(&bytes, 0), blank, "{shown}");
                    let behind = blank.filter(|place| *place >= 3);
                    assert_eq!(find_blank(&bytes, 3), behind, "{shown}");
                    bytes.extend_from_slice(b"\r\n");
                    let is_plain = byte >= b' ' && byte != 0x7f || byte == b'\t';
                    assert_eq!(find_crlf(&bytes, 0), is_plain.then_some(length), "{shown}");
                }
            }
        }
    }
}

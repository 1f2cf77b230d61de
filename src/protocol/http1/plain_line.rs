//! The fast lane for field lines: one pass, for whole lines without anything odd in them.
//!
//! Never refuses: what it does not take is judged by httparse in `parse`. Each read that ends
//! inside a line sends that line there, so every test at every split compares the two.

use wide::u8x16;

use crate::protocol::ascii::is_token_byte;
use crate::protocol::http1::head::{Fields, Span};

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

/// A line of letters, digits and dashes, a colon, one space and a value without outer blanks, as
/// nearly everybody writes it, with a vector behind the start of both parts.
struct UsualLine<'a> {
    name_len: usize,
    rest: &'a [u8],
    value_len: usize,
}

impl<'a> UsualLine<'a> {
    #[expect(clippy::inline_always, reason = "what is found would be handed over in memory")]
    #[inline(always)]
    fn find(bytes: &'a [u8]) -> Option<Self> {
        let name_len =
            first_marked(bytes, bytes.first_chunk()?, |lane| is_common(lane) ^ ALL_LANES)?;
        let behind_name = bytes.get(name_len..)?;
        let start: &[u8; 2 + LANES] = behind_name.first_chunk()?;
        let (colon, value) = (start.first_chunk()?, start.last_chunk()?);
        let value_len = first_marked(behind_name.get(2..)?, value, is_control)?;
        let (crlf, rest) = behind_name.get(2 + value_len..)?.split_first_chunk()?;
        // Of an empty value the space before it.
        let last = behind_name.get(1 + value_len)?;
        let is_usual = colon == b": " && crlf == b"\r\n" && *value.first()?.min(last) > b' ';
        (is_usual && name_len > 0).then_some(Self { name_len, rest, value_len })
    }
}

/// Takes the usual lines from `start` on, at most so many. Gives where another one begins.
#[inline(never)]
pub(super) fn take_usual(
    fields: &mut Fields,
    bytes: &[u8],
    start: usize,
    lines_max: usize,
) -> usize {
    let (Ok(end), Some(mut rest)) = (u32::try_from(bytes.len()), bytes.get(start..)) else {
        return start;
    };
    for _ in 0..lines_max {
        let Some(line) = UsualLine::find(rest) else { break };
        let name_start = end - short(rest.len());
        let name_end = name_start + short(line.name_len);
        let value_start = name_end + 2;
        let name = Span::between(name_start, name_end);
        fields.push(name, Span::between(value_start, value_start + short(line.value_len)), false);
        rest = line.rest;
    }
    bytes.len() - rest.len()
}

/// A length within bytes of which there are fewer than 4 GiB.
#[expect(clippy::as_conversions, clippy::cast_possible_truncation, reason = "it is asked before")]
const fn short(length: usize) -> u32 {
    length as u32
}

impl PlainLine {
    /// The line that begins at `start`; `None` when it is not whole, or not plainly good.
    #[inline(never)]
    pub fn find(bytes: &[u8], start: usize) -> Option<Self> {
        if bytes.get(start)? == &b'\r' {
            return None;
        }
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
    let found = find(bytes, from, is_control)?;
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
    let found = find(bytes, from, |lane| is_common(lane) ^ ALL_LANES)?;
    match bytes.get(found) {
        Some(b':') => Some((found, false)),
        _ => find_name_end_slowly(bytes, found).map(|end| (end, end > found)),
    }
}

/// The lanes with letters, digits and dashes, which names are made of.
#[inline]
fn is_common(lane: u8x16) -> u32 {
    let [letters, digits] = [b'z' - b'a', 9].map(u8x16::splat);
    let [a, zero, dash, case] = [b'a', b'0', b'-', 0x20].map(u8x16::splat);
    let (letter, digit) = ((lane | case) - a, lane - zero);
    let is_letter = letter.min(letters).simd_eq(letter);
    (is_letter | digit.min(digits).simd_eq(digit) | lane.simd_eq(dash)).to_bitmask()
}

/// The lanes with control bytes.
#[inline]
fn is_control(lane: u8x16) -> u32 {
    let (control, delete) = (u8x16::splat(0x1f), u8x16::splat(0x7f));
    (lane.min(control).simd_eq(lane) | lane.simd_eq(delete)).to_bitmask()
}

/// The first byte whose lane is marked, of bytes that begin with `first`; `None` also when less
/// than a vector is left before it.
#[inline]
fn first_marked(bytes: &[u8], first: &[u8; LANES], marks: impl Fn(u8x16) -> u32) -> Option<usize> {
    let (mut at, mut mask) = (0, marks(u8x16::new(*first)));
    while mask == 0 {
        at += LANES;
        mask = marks(u8x16::new(*bytes.get(at..)?.first_chunk()?));
    }
    Some(at + usize::try_from(mask.trailing_zeros()).unwrap_or(LANES))
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
mod tests;

//! Sixty-four bytes of JSON at a time: where quotes, escapes and brackets stand, as bit masks.
//! Never knows where in a document it is.
//!
//! Bit `i` of a mask speaks of byte `i` of the block. `wide` is the safe door to the vector units
//! that every CPU of the kind has (SSE2, NEON): a mask takes a third of what plain Rust takes.

use wide::u8x16;

/// One block of input.
pub type Block = [u8; BLOCK];

/// Bytes that are looked at for the end of a short string.
pub const NEAR: usize = 64;

/// Bytes in a block: as many as a mask has bits.
pub const BLOCK: usize = 64;

/// The last bytes of something, fewer than a block, with `filler` behind them.
#[inline]
pub fn padded(bytes: &[u8], filler: u8) -> Block {
    let mut block = [filler; BLOCK];
    if let Some(start) = block.get_mut(..bytes.len()) {
        start.copy_from_slice(bytes);
    }
    block
}

/// A string that goes on in this block, if it surely goes on behind it too: whether the byte there
/// is escaped, and whether the block has a quote. `None`: it may have ended.
///
/// A block of prose has no quote, which is told by a third of the work of two masks; in one of code
/// nearly every quote has one backslash before it.
#[inline]
pub fn stays_inside(block: &Block, carried: bool) -> Option<(bool, bool)> {
    let [first, .., before_last, last] = block;
    let escapes_next = *last == b'\\';
    if escapes_next && *before_last == b'\\' || carried && *first == b'\\' {
        return None;
    }
    let is_quoted = has_quote(block);
    if is_quoted {
        let (quotes, backslashes) = (mask_of(block, b'"'), mask_of(block, b'\\'));
        if quotes & (!(backslashes << 1 | u64::from(carried)) | backslashes << 2) != 0 {
            return None;
        }
    }
    Some((escapes_next, is_quoted))
}

/// What is left of a string's bytes behind blocks without a quote, of which none ends in a
/// backslash: as it is with long prose.
#[inline]
pub fn behind_prose(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some((block, after)) = rest.split_first_chunk::<BLOCK>() {
        let [.., last] = block;
        if *last == b'\\' || has_quote(block) {
            break;
        }
        rest = after;
    }
    rest
}

#[inline]
fn has_quote(block: &Block) -> bool {
    let (lanes, _) = block.as_chunks::<16>();
    let quote = u8x16::splat(b'"');
    let quotes = |lane: &[u8; 16]| u8x16::new(*lane).simd_eq(quote);
    let any = lanes.iter().fold(u8x16::splat(0), |any, lane| any | quotes(lane));
    any.to_bitmask() != 0
}

/// Where the first quote or backslash of a string's next bytes is, if it is among the first
/// [`NEAR`]: most keys and values are shorter.
#[inline]
pub fn near_special(bytes: &[u8]) -> Option<usize> {
    Some(near_end(bytes)).filter(|end| *end < NEAR.min(bytes.len()))
}

/// The content of a string that has no escapes and at most [`NEAR`] bytes, and what follows its
/// quote.
#[expect(clippy::inline_always, reason = "what is found would be handed over in memory")]
#[inline(always)]
pub fn near_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (content, [b'"', after @ ..]) = bytes.split_at_checked(near_end(bytes))? else {
        return None;
    };
    Some((content, after))
}

/// The same of a key, and what follows its colon.
#[expect(clippy::inline_always, reason = "what is found would be handed over in memory")]
#[inline(always)]
pub fn near_key(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = near_end(bytes);
    // Both at once.
    if bytes.get(end..end + 2)? != b"\":" {
        return None;
    }
    Some((bytes.get(..end)?, bytes.get(end + 2..)?))
}

/// How many of the first [`NEAR`] bytes of a string come before its first quote or backslash.
#[inline]
fn near_end(bytes: &[u8]) -> usize {
    if let Some(lane) = bytes.first_chunk() {
        let mask = special(lane);
        if mask != 0 {
            return place(mask);
        }
    }
    less_near_end(bytes)
}

/// The same of a string of more than a vector, in which no special byte is, or at the end of a read.
#[inline(never)]
fn less_near_end(bytes: &[u8]) -> usize {
    let near = bytes.get(..NEAR).unwrap_or(bytes);
    let (lanes, rest) = near.as_chunks();
    let mut at = LANES.min(LANES * lanes.len());
    for lane in lanes.iter().skip(1) {
        let mask = special(lane);
        if mask != 0 {
            return at + place(mask);
        }
        at += LANES;
    }
    let Some(last) = near.last_chunk() else {
        let is_special = |byte: &u8| matches!(byte, b'"' | b'\\');
        return near.iter().position(is_special).unwrap_or(near.len());
    };
    // What was looked at before is shifted out.
    let mask = special(last) >> (LANES - rest.len());
    if mask == 0 { near.len() } else { at + place(mask) }
}

fn place(mask: u32) -> usize {
    usize::try_from(mask.trailing_zeros()).unwrap_or(LANES)
}

#[inline]
fn special(lane: &[u8; LANES]) -> u32 {
    let lane = u8x16::new(*lane);
    let marks = lane.simd_eq(u8x16::splat(b'"')) | lane.simd_eq(u8x16::splat(b'\\'));
    marks.to_bitmask()
}

/// The bytes equal to `wanted`.
#[inline]
pub fn mask_of(block: &Block, wanted: u8) -> u64 {
    let wanted = u8x16::splat(wanted);
    mask(block, |bytes| bytes.simd_eq(wanted))
}

/// The bytes that are `[` or `{`.
#[inline]
pub fn opening(block: &Block) -> u64 {
    mask(block, |bytes| (bytes | u8x16::splat(CASE)).simd_eq(u8x16::splat(b'{')))
}

/// The bytes that are `]` or `}`.
#[inline]
pub fn closing(block: &Block) -> u64 {
    mask(block, |bytes| (bytes | u8x16::splat(CASE)).simd_eq(u8x16::splat(b'}')))
}

/// The bytes that do not stand for themselves in a string: quotes, backslashes, controls.
#[inline]
pub fn unplain(block: &Block) -> u64 {
    let (quote, backslash) = (u8x16::splat(b'"'), u8x16::splat(b'\\'));
    let (control, delete) = (u8x16::splat(0x1f), u8x16::splat(0x7f));
    mask(block, |bytes| {
        let marks = bytes.simd_eq(quote) | bytes.simd_eq(backslash);
        marks | bytes.min(control).simd_eq(bytes) | bytes.simd_eq(delete)
    })
}

/// The characters that a backslash before them escapes, and the backslashes that do so.
///
/// `carried` says that the block begins with an escaped character. Runs of backslashes are told
/// odd from even by the carry of one subtraction (the method of simdjson).
#[inline]
pub const fn escapes(backslashes: u64, carried: bool) -> Escapes {
    let carried = if carried { 1 } else { 0 };
    if backslashes == 0 {
        return Escapes { escaped: carried, escaping: 0 };
    }
    let potential = backslashes & !carried;
    let after = (potential << 1) | ODD;
    let codes = after.wrapping_sub(potential) ^ ODD;
    Escapes { escaped: codes ^ (backslashes | carried), escaping: codes & backslashes }
}

/// What the backslashes of a block do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Escapes {
    /// Characters that stand for something else than themselves.
    pub escaped: u64,
    /// Backslashes that begin an escape.
    pub escaping: u64,
}

/// Each bit becomes the parity of itself and all bits below: from an opening quote to the byte
/// before the closing one.
#[inline]
pub const fn inside(quotes: u64) -> u64 {
    let mut mask = quotes;
    mask ^= mask << 1;
    mask ^= mask << 2;
    mask ^= mask << 4;
    mask ^= mask << 8;
    mask ^= mask << 16;
    mask ^= mask << 32;
    mask
}

#[inline]
fn mask(block: &Block, is_wanted: impl Fn(u8x16) -> u8x16) -> u64 {
    let (lanes, _) = block.as_chunks::<16>();
    lanes
        .iter()
        .rev()
        .fold(0, |mask, lane| mask << 16 | u64::from(is_wanted(u8x16::new(*lane)).to_bitmask()))
}

/// The bit by which `[` and `{`, `]` and `}` differ.
const CASE: u8 = 0x20;
/// Bytes in a vector of every CPU.
const LANES: usize = 16;
const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_one_bit_for_each_byte_that_fits() {
        for place in 0..BLOCK {
            let mut block = [b' '; BLOCK];
            block[place] = b'"';
            assert_eq!(mask_of(&block, b'"'), 1 << place);
            assert_eq!(stays_inside(&block, false), None);
            block[place] = b'[';
            assert_eq!((opening(&block), closing(&block)), (1 << place, 0));
            block[place] = b'}';
            assert_eq!((opening(&block), closing(&block)), (0, 1 << place));
            assert_eq!(stays_inside(&block, place == 0), Some((false, false)));
        }
    }

    #[test]
    fn the_end_of_a_short_string_is_found_wherever_it_is() {
        for length in 0..100 {
            for place in 0..length {
                for special in [b'"', b'\\'] {
                    let mut bytes = vec![b'x'; length];
                    bytes[place] = special;
                    let expected = (length < NEAR || place < NEAR).then_some(place);
                    assert_eq!(near_special(&bytes), expected, "{place} of {length}");
                    let is_near = special == b'"' && place <= NEAR;
                    let expected = is_near.then_some(place);
                    let found = near_string(&bytes).map(|(content, after)| {
                        assert_eq!(content.len() + 1 + after.len(), length);
                        content.len()
                    });
                    assert_eq!(found, expected, "{place} of {length}");
                }
            }
            assert_eq!(near_special(&vec![b'x'; length]), None);
        }
    }

    #[test]
    fn only_brackets_count_as_brackets() {
        for byte in 0..=u8::MAX {
            let block = [byte; BLOCK];
            assert_eq!(opening(&block) != 0, matches!(byte, b'[' | b'{'), "{byte}");
            assert_eq!(closing(&block) != 0, matches!(byte, b']' | b'}'), "{byte}");
        }
    }

    #[test]
    fn only_quotes_backslashes_and_controls_do_not_stand_for_themselves() {
        for byte in 0..=u8::MAX {
            let special = byte < 0x20 || matches!(byte, b'"' | b'\\' | 0x7f);
            assert_eq!(unplain(&[byte; BLOCK]), if special { u64::MAX } else { 0 }, "{byte}");
        }
    }

    #[test]
    fn every_run_of_backslashes_escapes_as_byte_by_byte() {
        // All patterns of twelve bytes at both ends of a block, with and without a carry.
        for pattern in 0..1_u64 << 12 {
            for backslashes in [pattern, pattern << 52, pattern << 26] {
                for carried in [false, true] {
                    let found = escapes(backslashes, carried);
                    assert_eq!(found, slowly(backslashes, carried), "{backslashes:b} {carried}");
                }
            }
        }
    }

    fn slowly(backslashes: u64, carried: bool) -> Escapes {
        let (mut escaped, mut escaping, mut is_escaped) = (0, 0, carried);
        for place in 0..64 {
            let bit = 1 << place;
            if is_escaped {
                escaped |= bit;
                is_escaped = false;
            } else if backslashes & bit != 0 {
                escaping |= bit;
                is_escaped = true;
            }
        }
        Escapes { escaped, escaping }
    }

    #[test]
    fn a_string_stays_inside_of_a_block_only_if_nothing_ends_it() {
        // All arrangements of six bytes at every place, borders included.
        const KINDS: [u8; 3] = [b'x', b'"', b'\\'];
        for arrangement in 0..3_usize.pow(6) {
            for place in 0..=BLOCK - 6 {
                let mut block = [b'x'; BLOCK];
                for (n, byte) in block[place..place + 6].iter_mut().enumerate() {
                    *byte = KINDS[arrangement / 3_usize.pow(n.try_into().unwrap()) % 3];
                }
                for carried in [false, true] {
                    let escapes = slowly(mask_of(&block, b'\\'), carried);
                    let ends = mask_of(&block, b'"') & !escapes.escaped != 0;
                    let escapes_next = escapes.escaping >> 63 == 1;
                    let found = stays_inside(&block, carried);
                    let has_quote = block.contains(&b'"');
                    let is_right =
                        found.is_none_or(|found| !ends && found == (escapes_next, has_quote));
                    assert!(is_right, "{arrangement} at {place}, {carried}");
                }
            }
        }
        let code = br#"if (name == \"model\") {\n\t\treturn path.join(\"a\\\\b\", x);\n}  "#;
        let code = code.first_chunk().unwrap();
        assert_eq!(stays_inside(code, false), Some((false, true)), "or it is of no use");
    }

    #[test]
    fn the_inside_of_strings_begins_at_the_quote() {
        assert_eq!(inside(0b0100_0010), 0b0011_1110);
        assert_eq!(inside(1), u64::MAX);
    }
}

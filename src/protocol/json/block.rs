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

/// The same of a string of more than a vector, in which no special byte is, or at the end of a
/// read.
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
mod tests;

//! Passes over one JSON value without looking at what it says, at the speed of a memory scan.
//! Never recurses, never keeps a byte: nesting is a counter.

use super::block::{self, BLOCK, Block};

/// The rest of one string, array or object, over any split of reads.
///
/// Brackets are counted, not matched: a value that is no JSON ends somewhere, or never.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Skip {
    /// Brackets still open; 0 while a lone string is passed.
    depth: u64,
    /// The next byte is escaped by a backslash before it.
    escaped: bool,
    in_string: bool,
}

impl Skip {
    /// From just after the opening bracket.
    pub const fn container() -> Self {
        Self { depth: 1, escaped: false, in_string: false }
    }

    /// From just after the opening quote.
    pub const fn string() -> Self {
        Self { depth: 0, escaped: false, in_string: true }
    }

    /// Whether the next byte is part of a string.
    pub const fn is_in_string(&self) -> bool {
        self.in_string
    }

    /// Takes in `bytes`. `Some(n)`: the value ended with the `n`th of them; the rest is untouched.
    #[inline]
    pub fn run(&mut self, bytes: &[u8]) -> Option<usize> {
        if self.depth == 0
            && !self.escaped
            && let Some((content, _)) = block::near_string(bytes)
        {
            return Some(content.len() + 1);
        }
        self.run_far(bytes)
    }

    /// The same of a value that is not expected to end soon.
    pub fn run_far(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let passed = bytes.len() - rest.len();
            let last;
            let (block, len) = if let Some((block, after)) = rest.split_first_chunk() {
                rest = after;
                if self.in_string
                    && let Some((escaped, is_quoted)) = block::stays_inside(block, self.escaped)
                {
                    self.escaped = escaped;
                    if !escaped && !is_quoted {
                        rest = block::behind_prose(rest);
                    }
                    continue;
                }
                (block, BLOCK)
            } else {
                last = block::padded(rest, b' ');
                (&last, std::mem::take(&mut rest).len())
            };
            if let Some(end) = self.pass(block, len) {
                return Some(passed + end);
            }
        }
        None
    }

    /// Takes in the first `len` bytes of `block`; the others are spaces.
    #[inline]
    fn pass(&mut self, block: &Block, len: usize) -> Option<usize> {
        let backslashes = block::mask_of(block, b'\\');
        let escapes = block::escapes(backslashes, self.escaped);
        self.escaped = escapes.escaping >> (len - 1) & 1 == 1;
        let quotes = block::mask_of(block, b'"') & !escapes.escaped;
        if self.depth == 0 {
            return (quotes != 0).then(|| place(quotes) + 1);
        }
        if quotes == 0 && self.in_string {
            return None;
        }
        let strings = block::inside(quotes) ^ if self.in_string { u64::MAX } else { 0 };
        self.in_string = strings >> 63 == 1;
        let opening = block::opening(block) & !strings;
        let closing = block::closing(block) & !strings;
        if closing == 0 {
            if opening != 0 {
                self.depth += u64::from(opening.count_ones());
            }
            return None;
        }
        let first = closing & closing.wrapping_neg();
        if self.depth == 1 && first != 0 && opening & (first - 1) == 0 {
            return Some(place(first) + 1);
        }
        let closed = u64::from(closing.count_ones());
        if closed < self.depth {
            self.depth = self.depth + u64::from(opening.count_ones()) - closed;
            return None;
        }
        self.walk(opening, closing)
    }

    /// Goes from bracket to bracket, since one of them may be the last.
    fn walk(&mut self, opening: u64, closing: u64) -> Option<usize> {
        let mut brackets = opening | closing;
        while brackets != 0 {
            let lowest = brackets & brackets.wrapping_neg();
            if opening & lowest != 0 {
                self.depth += 1;
            } else {
                self.depth -= 1;
            }
            if self.depth == 0 {
                return Some(place(lowest) + 1);
            }
            brackets ^= lowest;
        }
        None
    }
}

fn place(mask: u64) -> usize {
    usize::try_from(mask.trailing_zeros()).unwrap_or(BLOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(start: Skip, reads: &[&[u8]]) -> Option<usize> {
        let (mut skip, mut passed) = (start, 0);
        for read in reads {
            if let Some(end) = skip.run(read) {
                return Some(passed + end);
            }
            passed += read.len();
        }
        None
    }

    fn check(start: Skip, bytes: &[u8], expected: Option<usize>) {
        assert_eq!(end_of(start, &[bytes]), expected, "{:?}", String::from_utf8_lossy(bytes));
        for cut in 0..=bytes.len() {
            let (a, b) = bytes.split_at(cut);
            assert_eq!(end_of(start, &[a, b]), expected, "cut at {cut}");
        }
        let each: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(end_of(start, &each), expected, "byte by byte");
    }

    #[test]
    fn a_string_ends_at_its_first_unescaped_quote() {
        check(Skip::string(), b"\" x", Some(1));
        check(Skip::string(), b"a\\\"b\\\\\"c\"", Some(7));
        check(Skip::string(), b"\\u0022{[\" }", Some(9));
        check(Skip::string(), b"open\\", None);
    }

    #[test]
    fn a_container_ends_where_its_bracket_closes_whatever_strings_say() {
        check(Skip::container(), b"]]", Some(1));
        check(Skip::container(), b"\"a\":\"]}\\\"]\",\"b\":[{}]} ,", Some(21));
        check(Skip::container(), b"[[[]", None);
    }

    #[test]
    fn every_length_of_padding_moves_the_end_by_itself() {
        for padding in 0..200 {
            let text = format!("\"{}\\\\\\\"]\",[{{}}]]tail", "x".repeat(padding));
            let end = text.len() - "tail".len();
            check(Skip::container(), text.as_bytes(), Some(end));
        }
    }

    #[test]
    fn a_bomb_of_brackets_is_a_counter() {
        let mut bomb = vec![b'['; 1 << 20];
        bomb.extend(std::iter::repeat_n(b']', (1 << 20) + 1));
        assert_eq!(Skip::container().run(&bomb), Some(bomb.len()));
    }
}

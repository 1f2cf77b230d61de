//! Finds the events of a read that cannot matter, by what they lack. Never parses one.

use wide::u8x16;

/// What every event of interest has: an event without any of it does not matter.
#[derive(Clone, Copy, Debug)]
pub struct Watch {
    pub(super) needles: [Option<Needle>; NEEDLES_MAX],
}

/// A piece of text that an event of interest may have.
#[derive(Clone, Copy, Debug)]
pub struct Needle {
    pub(super) but_before: &'static [&'static [u8]],
    /// Two bytes of the text, and where in it they are.
    pair: (u8, u8),
    pair_at: usize,
    pub(super) text: &'static [u8],
}

/// How far a read can be passed over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Passed {
    /// Events with data among them.
    pub events: u64,
    /// What has to be read in full is one event, with the empty line that ends it.
    pub is_event: bool,
    /// After those bytes, how many have to be read in full.
    pub to_read: usize,
    /// Bytes of whole events that say nothing.
    pub bytes: usize,
}

impl Watch {
    /// For events that have one of `needles`.
    pub const fn new(needles: [Option<Needle>; NEEDLES_MAX]) -> Self {
        Self { needles }
    }

    /// From `start`, where an event begins, over all events that end in `read` and say nothing.
    ///
    /// Sixteen bytes at a time, once: line ends and what may be of interest are one mask. Paced
    /// streams come an event to a read, where a search for each thing costs more to begin than to
    /// do; for long reads there is [`super::search`].
    #[expect(clippy::inline_always, reason = "a watch is a constant, and so are its comparisons")]
    #[inline(always)]
    pub fn pass(&self, read: &[u8], start: usize) -> Passed {
        let mut event = Event { end: start, line: start, ..Event::default() };
        let mut rest = read.get(start..).unwrap_or_default();
        let mut last = [b' '; LANE + 1];
        while !rest.is_empty() {
            let base = read.len() - rest.len();
            let window = if let Some(window) = rest.first_chunk() {
                rest = rest.get(LANE..).unwrap_or_default();
                window
            } else {
                if let Some(to) = last.get_mut(..rest.len()) {
                    to.copy_from_slice(rest);
                }
                rest = &[];
                &last
            };
            let mut marks = self.marks(window);
            while marks != 0 {
                let at = base + usize::try_from(marks.trailing_zeros()).unwrap_or(LANE);
                marks &= marks - 1;
                if read.get(at) != Some(&b'\n') {
                    event.matters = event.matters || self.is_hit(read, at);
                } else if at > event.line {
                    event.end_line(read, at);
                } else if event.matters {
                    let to_read = at + 1 - event.end;
                    return Passed { is_event: true, to_read, ..event.passed(start) };
                } else {
                    event.end(at);
                }
            }
        }
        Passed { to_read: read.len() - event.end, ..event.passed(start) }
    }

    /// The bytes at which something may be: a line end, an escape, the pair of a needle.
    #[expect(clippy::inline_always, reason = "see above")]
    #[inline(always)]
    fn marks(&self, window: &[u8; LANE + 1]) -> u32 {
        let ([here @ .., _], [_, next @ ..]) = (window, window);
        let (here, next) = (u8x16::new(*here), u8x16::new(*next));
        let pair = |a, b| here.simd_eq(u8x16::splat(a)) & next.simd_eq(u8x16::splat(b));
        let of = |needle: &Option<Needle>| match needle {
            Some(needle) => pair(needle.pair.0, needle.pair.1),
            None => u8x16::splat(0),
        };
        let [first, second, third] = &self.needles;
        let ends = here.min(u8x16::splat(b'\r')).simd_eq(here);
        (ends | pair(b'\\', b'u') | of(first) | of(second) | of(third)).to_bitmask()
    }

    /// Whether something of interest is at a mark that is no LF.
    #[inline(never)]
    fn is_hit(&self, read: &[u8], at: usize) -> bool {
        let pair = match read.get(at..) {
            // A letter in disguise: the letters and the underscore that keys are made of.
            Some([b'\r', ..] | [b'\\', b'u', b'0', b'0', b'5'..=b'7', ..]) => return true,
            Some([first, second, ..]) => (*first, *second),
            _ => return false,
        };
        self.needles.iter().flatten().filter(|needle| needle.pair == pair).any(|needle| {
            let found = at.checked_sub(needle.pair_at).and_then(|start| read.get(start..));
            found
                .and_then(|found| found.strip_prefix(needle.text))
                .is_some_and(|after| !needle.but_before.iter().any(|it| after.starts_with(it)))
        })
    }
}

impl Needle {
    /// `text`, but where one of `but_before` follows it: there it says nothing. What is looked for
    /// are its bytes at `pair_at` and behind it: best a rare pair.
    ///
    /// # Panics
    ///
    /// When `text` has no such bytes.
    pub const fn new(
        text: &'static [u8],
        pair_at: usize,
        but_before: &'static [&'static [u8]],
    ) -> Option<Self> {
        let (_, [first, second, ..]) = text.split_at(pair_at) else { panic!("no pair") };
        Some(Self { but_before, pair: (*first, *second), pair_at, text })
    }
}

/// Where the line that `start` is in ends, after its LF, if it is there.
pub fn end_of_line(read: &[u8], start: usize) -> Option<usize> {
    memchr::memchr(b'\n', read.get(start..)?).map(|found| start + found + 1)
}

/// Where the event that begins at `start` ends, if its empty line is there.
pub fn end_of_event(read: &[u8], start: usize) -> Option<usize> {
    let mut line = start;
    loop {
        let end = end_of_line(read, line)?;
        if end == line + 1 {
            return Some(end);
        }
        line = end;
    }
}

/// What is known of the events of a read so far.
#[derive(Clone, Copy, Debug, Default)]
struct Event {
    /// Where the last one ended that says nothing.
    end: usize,
    events: u64,
    has_data: bool,
    /// Where the present line began.
    line: usize,
    /// The present event has something of interest, or a line that is read in full: `data: [DONE]`.
    matters: bool,
}

impl Event {
    /// A line that is not empty ends before `end`.
    #[inline]
    fn end_line(&mut self, read: &[u8], end: usize) {
        let line = read.get(self.line..end).unwrap_or_default();
        self.line = end + 1;
        if let [b'd', ..] = line {
            let first = match line {
                [b'd', b'a', b't', b'a', b':', b' ', first, ..]
                | [b'd', b'a', b't', b'a', b':', first, ..] => Some(*first),
                b"data" | b"data:" => Some(0),
                _ => None,
            };
            self.has_data |= first.is_some();
            self.matters |= first == Some(b'[');
        }
    }

    /// An event that says nothing ends with the LF at `at`.
    #[inline]
    fn end(&mut self, at: usize) {
        self.events += u64::from(self.has_data);
        (self.end, self.line, self.has_data) = (at + 1, at + 1, false);
    }

    fn passed(&self, start: usize) -> Passed {
        Passed { bytes: self.end - start, events: self.events, ..Passed::default() }
    }
}

/// Bytes looked at together.
const LANE: usize = 16;
/// Kinds of needles of a dialect.
pub const NEEDLES_MAX: usize = 3;

#[cfg(test)]
mod tests;

//! Passes over the events of a read as a [`Watch`] does, by one search of it for each thing of
//! interest: for long reads, of many events. Never parses one.

use memchr::memmem::Finder;

use super::watch::{NEEDLES_MAX, Needle, Passed, Watch};
use crate::protocol::json::block::{BLOCK, mask_of, padded};

/// A watch ready to search.
#[derive(Clone, Debug)]
pub struct Search {
    /// A character that may be a letter in disguise: `\u0061`.
    escape: Finder<'static>,
    needles: [Option<(Needle, Finder<'static>)>; NEEDLES_MAX],
}

/// Where things of interest come next in a read, counted from 1; 0 is not yet sought. Sought only
/// when the place before is passed, so that a read is searched once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hits {
    carriage_return: usize,
    escape: usize,
    /// None of them comes before, once all are sought.
    nearest: usize,
    needles: [usize; NEEDLES_MAX],
}

impl Search {
    /// For what `watch` looks for.
    pub fn new(watch: &Watch) -> Self {
        let of = |needle: Option<Needle>| needle.map(|it| (it, Finder::new(it.text)));
        Self { escape: Finder::new(b"\\u00"), needles: watch.needles.map(of) }
    }

    /// From `start`, where an event begins, over all events that end in `read` and say nothing.
    pub fn pass(&self, read: &[u8], start: usize, hits: &mut Hits) -> Passed {
        let mut passed = Passed::default();
        let mut at = start;
        let mut ends = LineEnds::from(read, start);
        while let Some(event) = ends.event(at) {
            if event.is_odd || self.is_hit(read, at, event.end, hits) {
                passed.is_event = true;
                passed.to_read = event.end - at;
                return passed;
            }
            passed.events += u64::from(event.has_data);
            at = event.end;
            passed.bytes = at - start;
        }
        passed.to_read = read.len() - at;
        passed
    }

    /// Whether an event has anything of interest. Once something is found there, nothing else is
    /// sought: what is sought later is sought behind this event, which is never searched for it.
    #[inline]
    fn is_hit(&self, read: &[u8], start: usize, end: usize, hits: &mut Hits) -> bool {
        hits.nearest <= end && self.seek(read, start, end, hits)
    }

    fn seek(&self, read: &[u8], start: usize, end: usize, hits: &mut Hits) -> bool {
        for (needle, hit) in self.needles.iter().zip(&mut hits.needles) {
            let Some((needle, finder)) = needle else { break };
            if *hit <= start {
                *hit = next(finder, read, start, |after| {
                    !needle.but_before.iter().any(|nothing| after.starts_with(nothing))
                });
            }
            if *hit <= end {
                return true;
            }
        }
        if hits.escape <= start {
            hits.escape = next(&self.escape, read, start, |after| {
                // The letters and the underscore that keys are made of.
                matches!(after.first(), Some(b'5'..=b'7') | None)
            });
        }
        if hits.carriage_return <= start {
            let rest = read.get(start..).unwrap_or_default();
            let found = memchr::memchr(b'\r', rest);
            hits.carriage_return = found.map_or(usize::MAX, |found| start + found + 1);
        }
        let nearest = hits.escape.min(hits.carriage_return);
        hits.nearest = hits.needles.iter().filter(|hit| **hit > 0).fold(nearest, |a, b| a.min(*b));
        nearest <= end
    }
}

/// What there is to know of a whole event without reading it.
struct Event {
    end: usize,
    has_data: bool,
    /// Has a line that is read in full: `data: [DONE]`.
    is_odd: bool,
}

/// The LFs of a read, one after the other. Lines of streams are short: a mask of 64 bytes at a
/// time finds the next one three times faster than a search from each.
struct LineEnds<'a> {
    /// Where the present block begins in `read`.
    block: usize,
    /// Its LFs that are still to come.
    ends: u64,
    read: &'a [u8],
    /// What follows the present block.
    rest: &'a [u8],
}

impl<'a> LineEnds<'a> {
    fn from(read: &'a [u8], start: usize) -> Self {
        let rest = read.get(start..).unwrap_or_default();
        Self { block: start.wrapping_sub(BLOCK), ends: 0, read, rest }
    }

    #[inline]
    fn next(&mut self) -> Option<usize> {
        while self.ends == 0 {
            self.block = self.block.wrapping_add(BLOCK);
            if let Some((block, rest)) = self.rest.split_first_chunk() {
                self.rest = rest;
                self.ends = mask_of(block, b'\n');
            } else if self.rest.is_empty() {
                return None;
            } else {
                self.ends = mask_of(&padded(std::mem::take(&mut self.rest), 0), b'\n');
            }
        }
        let place = usize::try_from(self.ends.trailing_zeros()).ok()?;
        self.ends &= self.ends - 1;
        Some(self.block.wrapping_add(place))
    }

    /// The event that begins at `start`, if its empty line is there.
    #[inline]
    fn event(&mut self, start: usize) -> Option<Event> {
        let (mut line, mut has_data, mut is_odd) = (start, false, false);
        loop {
            let end = self.next()?;
            if end == line {
                return Some(Event { end: end + 1, has_data, is_odd });
            }
            if self.read.get(line) == Some(&b'd') {
                let first = match self.read.get(line..end)? {
                    [b'd', b'a', b't', b'a', b':', b' ', first, ..]
                    | [b'd', b'a', b't', b'a', b':', first, ..] => Some(*first),
                    b"data" | b"data:" => Some(0),
                    _ => None,
                };
                has_data |= first.is_some();
                is_odd |= first == Some(b'[');
            }
            line = end + 1;
        }
    }
}

/// The place of the next hit that counts, from 1; `usize::MAX` when there is none.
fn next(
    finder: &Finder<'static>,
    read: &[u8],
    start: usize,
    counts: impl Fn(&[u8]) -> bool,
) -> usize {
    let mut from = start;
    while let Some(found) = read.get(from..).and_then(|rest| finder.find(rest)) {
        let after = from + found + finder.needle().len();
        if counts(read.get(after..).unwrap_or_default()) {
            return from + found + 1;
        }
        from = after;
    }
    usize::MAX
}

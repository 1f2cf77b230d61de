//! One walk over the fields of a head into [`RateLimits`]. Never reads what a value means: its
//! provider's room does.

use super::field::Field;
use super::time::Number;
use super::usual::{self, Usual, What};
use super::{Limit, RateLimits, RetryAfter, Unified, Window, entry_at};
use crate::protocol::ascii::{self, is_same, trim};
use crate::protocol::dialect::anthropic::rate_limit as anthropic;
use crate::protocol::dialect::openai::rate_limit as openai;
use crate::protocol::http1::head::Fields;
use crate::protocol::http1::header::Known;

/// Reads a head. Of repeated fields the first counts; names are matched in any case.
pub fn read<'a, H>(headers: H) -> RateLimits<'a>
where
    H: Iterator<Item = (&'a [u8], &'a [u8])> + Clone,
{
    let mut reading = Reading::default();
    let all = headers.clone();
    for (place, (name, value)) in headers.enumerate() {
        let Some(field) = Field::of(name) else { continue };
        // A name whose mark is new is new; only of the others those before are looked through.
        if reading.marks.is_new(name)
            || !all.clone().take(place).any(|(earlier, _)| ascii::is_same(earlier, name))
        {
            reading.note(field, trim(value));
        }
    }
    reading.finish()
}

/// Reads the limits of a parsed head, whose spans are of `bytes`; ids and other fields beside them
/// are left. `None` when it says nothing of limits.
pub fn of_head<'a>(fields: &Fields, bytes: &'a [u8]) -> Option<RateLimits<'a>> {
    if !fields.has_limits() {
        return None;
    }
    let mut reading = Reading::default();
    let mut usual = UsualNames::default();
    for (place, field) in fields.iter().enumerate() {
        let name = field.name.of(bytes);
        if usual.note(&mut reading.found, field.known, (name, field.value.of(bytes))) {
            continue;
        }
        let Some(what) = Field::of_known(field.known, name) else { continue };
        let earlier = || fields.iter().take(place).map(|field| field.name.of(bytes));
        if reading.marks.is_new(name) || !earlier().any(|earlier| ascii::is_same(earlier, name)) {
            reading.note(what, field.value.of(bytes));
        }
    }
    Some(reading.found)
}

/// The usual names that came, and where what they tell is gathered.
#[derive(Default)]
struct UsualNames {
    /// Place and one more among all limits; 0 = not there so far.
    limits: [usize; usual::LIMITS],
    seen: u64,
    /// As `limits`, among the unified windows.
    windows: [usize; usual::WINDOWS],
}

impl UsualNames {
    /// Notes a field of that family, if its name is a usual one. Of repeated fields the first.
    #[inline]
    fn note<'a>(
        &mut self,
        found: &mut RateLimits<'a>,
        family: Known,
        (name, value): (&'a [u8], &'a [u8]),
    ) -> bool {
        let Some(rest) = behind_prefix(family, name) else { return false };
        let Some(usual) = Usual::of(family, rest) else { return false };
        if self.seen & usual.bit == 0 {
            self.seen |= usual.bit;
            self.note_first(found, usual.what, (rest, value));
        }
        true
    }

    fn note_first<'a>(
        &mut self,
        found: &mut RateLimits<'a>,
        what: What,
        (rest, value): (&'a [u8], &'a [u8]),
    ) {
        if let What::Limit(at, kind, (start, end)) = what {
            if let Some(limit) = self.limit(found, at, || rest.get(start..end)) {
                limit.note(kind, value);
            }
            return;
        }
        let unified = found.unified.get_or_insert_default();
        match what {
            What::FallbackPercentage => unified.fallback_percentage = Number::read(value),
            What::OverageDisabledReason => {
                unified.overage.get_or_insert_default().disabled_reason = Some(value);
            }
            What::OverageStatus => unified.overage.get_or_insert_default().status = Some(value),
            What::RepresentativeClaim => unified.representative_claim = Some(value),
            What::Reset => unified.reset = anthropic::epoch(value),
            What::Status => unified.status = Some(value),
            What::Window(at, part, end) => {
                let name = || rest.get(b"unified-".len()..end);
                if let Some(window) = self.window(unified, at, name) {
                    anthropic::note_part(window, part, value);
                }
            }
            What::Limit(..) => {}
        }
    }

    /// The limit of that place, which others may have begun by its name.
    fn limit<'f, 'a>(
        &mut self,
        found: &'f mut RateLimits<'a>,
        at: usize,
        name: impl FnOnce() -> Option<&'a [u8]>,
    ) -> Option<&'f mut Limit<'a>> {
        let place = self.limits.get_mut(at)?;
        if *place == 0 {
            let name = name()?;
            let is_it = |limit: &Limit<'_>| !limit.is_priority && is_same(limit.name, name);
            *place = entry_at(&mut found.limits, is_it, || Limit { name, ..Limit::default() })? + 1;
        }
        found.limits.get_mut(*place - 1)
    }

    fn window<'u, 'a>(
        &mut self,
        unified: &'u mut Unified<'a>,
        at: usize,
        name: impl FnOnce() -> Option<&'a [u8]>,
    ) -> Option<&'u mut Window<'a>> {
        let place = self.windows.get_mut(at)?;
        if *place == 0 {
            let name = name()?;
            let is_it = |window: &Window<'_>| is_same(window.name, name);
            let new = || Window { name, ..Window::default() };
            *place = entry_at(&mut unified.windows, is_it, new)? + 1;
        }
        unified.windows.get_mut(*place - 1)
    }
}

#[inline]
fn behind_prefix(family: Known, name: &[u8]) -> Option<&[u8]> {
    match family {
        Known::AnthropicRateLimit => name.get(b"anthropic-ratelimit-".len()..),
        Known::XRateLimit => name.get(b"x-ratelimit-".len()..),
        _ => None,
    }
}

/// A head that is being read.
#[derive(Default)]
struct Reading<'a> {
    found: RateLimits<'a>,
    ids: [Option<&'a [u8]>; 5],
    marks: Marks,
}

impl<'a> Reading<'a> {
    fn note(&mut self, field: Field<'a>, value: &'a [u8]) {
        let found = &mut self.found;
        match field {
            Field::Anthropic(name) => anthropic::note(found, name, value),
            Field::Codex(rest) => openai::note_codex(found, rest, value),
            Field::Ietf => found.ietf = Some(openai::ietf(value)),
            Field::Limit(kind, name) => found.note_limit(name, false, (kind, value)),
            Field::Id(rank) => {
                if let Some(id) = self.ids.get_mut(rank) {
                    *id = Some(value).filter(|id| !id.is_empty());
                }
            }
            Field::Priority(name) => anthropic::note_limit(found, name, true, value),
            Field::RetryAfter => found.retry_after = RetryAfter::read(value),
            Field::RetryAfterMs => found.retry_after_ms = Number::read(value),
            Field::ShouldRetry => found.should_retry = switch(value),
        }
    }

    fn finish(mut self) -> RateLimits<'a> {
        // Each has several names, of which the first that is there counts.
        let [a, b, c, ours, theirs] = self.ids;
        self.found.request_id = a.or(b).or(c);
        self.found.organization = ours.or(theirs);
        self.found
    }
}

/// Marks of the names that came, by which most are known to be new.
#[derive(Default)]
struct Marks([u64; 4]);

impl Marks {
    /// Whether no name with the mark of `name` came before, which marks it. Names that are the
    /// same in any case have the same mark: it is of their length and last bytes.
    #[inline]
    fn is_new(&mut self, name: &[u8]) -> bool {
        const CASES: u64 = u64::from_ne_bytes([0x20; 8]);
        let last = |name: &[u8]| name.last_chunk().map_or(0, |last| u64::from_le_bytes(*last));
        let before = name.get(..name.len().saturating_sub(8)).unwrap_or_default();
        let ends = (last(name) | CASES) ^ (last(before) | CASES).rotate_left(13);
        let length = u64::try_from(name.len()).unwrap_or_default();
        // The high bits of a product depend on all bits below.
        let mark = (ends ^ length).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56;
        let (word, bit) = (usize::try_from(mark / 64).unwrap_or_default(), 1 << (mark % 64));
        self.0.get_mut(word).is_some_and(|word| {
            let is_new = *word & bit == 0;
            *word |= bit;
            is_new
        })
    }
}

fn switch(value: &[u8]) -> Option<bool> {
    match value {
        b"true" => Some(true),
        b"false" => Some(false),
        _ => None,
    }
}

//! How much of its quota a credential has used: one word per window, replaced by compare-and-swap
//! only by an attempt that began later (BEHAVIOUR 6). Never marks a credential; says only.

use crate::shared::atomic::{AtomicU64, Ordering};

/// Milliseconds since the unix epoch, as the wall clock stood at start plus the monotonic time
/// since: resets are exact in both directions, and a clock that is set back disturbs nothing.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Wall(pub u64);

/// A window that every reading of a credential may have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Window {
    /// Five hours.
    FiveHour,
    /// Seven days.
    SevenDay,
}

/// What one response said of one window.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Reading {
    /// When the attempt began that was answered so.
    pub observed: Wall,
    /// When the window is full again, unix seconds.
    pub reset: Option<u64>,
    /// How much is used, in thousandths, 0 to 1,000; rounded down, so that only all is 1,000.
    pub value: u16,
}

/// `[observed:34][reset_after_s:20][value:10]`, high to low: sixteenths of a second since 2020,
/// whole seconds from there to the reset (0 = none given), thousandths. All zero: no reading.
#[derive(Debug)]
pub struct ReadingWord(AtomicU64);

/// The two windows of one credential. Written by any worker that gets a response for it.
#[derive(Debug, Default)]
pub struct Windows {
    five_hour: ReadingWord,
    seven_day: ReadingWord,
}

/// What still holds of the windows at an instant.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Utilization {
    /// Thousandths used of the five hours; `None` when unknown.
    pub five_hour: Option<u16>,
    /// Thousandths used of the seven days; `None` when unknown.
    pub seven_day: Option<u16>,
}

impl Window {
    /// Its length, ms.
    pub const fn length_ms(self) -> u64 {
        match self {
            Self::FiveHour => 5 * 60 * 60 * 1_000,
            Self::SevenDay => 7 * 24 * 60 * 60 * 1_000,
        }
    }
}

/// A fraction of use in thousandths: clamped to 1 (overage goes above), rounded down; `None` for
/// what is no fraction of anything (NaN, infinite, negative).
pub fn permille(fraction: f64) -> Option<u16> {
    if !fraction.is_finite() || fraction < 0.0 {
        return None;
    }
    // The sum is far below a thousandth: 0.057 * 1,000 is 57, not 56.99.
    #[expect(clippy::as_conversions, reason = "0 to 1,000 fits")]
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounds down")]
    Some((fraction.min(1.0) * 1_000.0 + 1e-6) as u16)
}

impl Reading {
    /// How long the reading holds by its own window, ms since it was observed.
    fn own_ms(self, window: Window) -> u64 {
        if self.value >= CONSTRAINED { window.length_ms() } else { 0 }
    }

    /// Whether it holds at `now`, when it may for `hold_ms`: to its reset, never less than
    /// `floor_ms`.
    fn holds(self, hold_ms: u64, floor_ms: u64, now: Wall) -> bool {
        let held = self.observed.0.saturating_add(hold_ms);
        let reset = self.reset.map_or(u64::MAX, |reset| reset.saturating_mul(1_000));
        now.0 < held.min(reset).max(self.observed.0.saturating_add(floor_ms))
    }
}

impl ReadingWord {
    /// The reading, if there ever was one.
    pub fn load(&self) -> Option<Reading> {
        // Relaxed: the word is all there is to see.
        unpack(self.0.load(Ordering::Relaxed))
    }

    /// Stores `reading`, unless the stored one is of an attempt that began later.
    pub fn record(&self, reading: Reading) -> bool {
        let new = pack(reading);
        // Relaxed: nothing else is published by a reading.
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |old| {
                (old >> OBSERVED_SHIFT <= new >> OBSERVED_SHIFT).then_some(new)
            })
            .is_ok()
    }

    /// Forgets, for another tenant of the slot.
    pub fn clear(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// When all of it is used up and a reset is named: that reset, as long as it lies ahead.
    pub fn empty_until(&self, now: Wall) -> Option<u64> {
        let reading = self.load().filter(|reading| reading.value == 1_000)?;
        reading.reset.filter(|reset| now.0 < reset.saturating_mul(1_000))
    }

    /// Thousandths used, as far as a reading without a length of its own still holds.
    pub fn used(&self, floor_ms: u64, now: Wall) -> Option<u16> {
        let reading = self.load()?;
        let hold_ms = if reading.reset.is_some() { u64::MAX } else { 0 };
        reading.holds(hold_ms, floor_ms, now).then_some(reading.value)
    }
}

impl Default for ReadingWord {
    fn default() -> Self {
        Self(AtomicU64::new(0))
    }
}

impl Windows {
    /// The word of one window.
    pub fn word(&self, window: Window) -> &ReadingWord {
        match window {
            Window::FiveHour => &self.five_hour,
            Window::SevenDay => &self.seven_day,
        }
    }

    /// What holds at `now`. A reading holds as long as the longest window that is at least half
    /// used, ends at its reset, never before `floor_ms` (BEHAVIOUR 6).
    pub fn utilization(&self, floor_ms: u64, now: Wall) -> Utilization {
        let both = [Window::FiveHour, Window::SevenDay].map(|w| (w, self.word(w).load()));
        let constrained = both.iter().filter_map(|&(window, reading)| {
            let own_ms = reading?.own_ms(window);
            reading?.holds(own_ms, floor_ms, now).then_some(own_ms)
        });
        let hold_ms = constrained.max().unwrap_or(0);
        let [five_hour, seven_day] = both.map(|(_, reading)| {
            let held = reading.filter(|reading| reading.holds(hold_ms, floor_ms, now));
            held.map(|reading| reading.value)
        });
        Utilization { five_hour, seven_day }
    }

    /// Forgets, for another tenant of the slot.
    pub fn clear(&self) {
        self.five_hour.clear();
        self.seven_day.clear();
    }
}

impl Utilization {
    /// Whether no window is known to be used to `threshold` thousandths: cold counts as below.
    pub fn is_below(self, threshold: u16) -> bool {
        self.used().is_none_or(|used| used < threshold)
    }

    /// Whether a window is used up: 0.999 and more.
    pub fn is_exhausted(self) -> bool {
        !self.is_below(EXHAUSTED)
    }

    /// Thousandths used of the window that is used most; `None` when cold.
    pub fn used(self) -> Option<u16> {
        self.five_hour.max(self.seven_day)
    }
}

fn pack(reading: Reading) -> u64 {
    // All zero means no reading, so the base itself is a tick later.
    let ticks = ticks_of(reading.observed.0.saturating_sub(BASE_MS)).clamp(1, TICKS_MAX);
    let whole_s = (BASE_MS + ms_of(ticks)) / 1_000;
    // A reset that is past is one that was given.
    let after_s =
        reading.reset.map_or(0, |reset| reset.saturating_sub(whole_s).clamp(1, RESET_AFTER_MAX));
    ticks << OBSERVED_SHIFT | after_s << RESET_SHIFT | u64::from(reading.value.min(1_000))
}

fn unpack(bits: u64) -> Option<Reading> {
    if bits == 0 {
        return None;
    }
    let observed_ms = BASE_MS + ms_of(bits >> OBSERVED_SHIFT);
    let after_s = bits >> RESET_SHIFT & RESET_AFTER_MAX;
    let reset = (after_s > 0).then(|| observed_ms / 1_000 + after_s);
    let value = u16::try_from(bits & 0x3ff).unwrap_or(1_000);
    Some(Reading { observed: Wall(observed_ms), reset, value })
}

/// Ticks of a sixteenth of a second (62.5 ms).
const fn ticks_of(ms: u64) -> u64 {
    ms / 125 * 2 + (ms % 125 * 2) / 125
}

const fn ms_of(ticks: u64) -> u64 {
    ticks * 125 / 2
}

/// 2020-01-01, unix ms; the word holds 34 years from there.
const BASE_MS: u64 = 1_577_836_800_000;
/// From here on a window binds: its readings hold for its whole length.
const CONSTRAINED: u16 = 500;
/// From here on nothing is left.
const EXHAUSTED: u16 = 999;
const OBSERVED_SHIFT: u32 = 30;
const RESET_AFTER_MAX: u64 = (1 << 20) - 1;
const RESET_SHIFT: u32 = 10;
const TICKS_MAX: u64 = (1 << 34) - 1;

#[cfg(all(test, not(tidegate_loom)))]
mod tests;

//! The state of a credential, or of one of its model classes, in 64 bits (BEHAVIOUR 3, DESIGN D7).
//! Never reads a clock, never touches an atomic; `transition` alone makes one word of another.

use std::fmt;

use super::reason::Reason;
use crate::shared::clock::Millis;

/// `[epoch:16][off:1][auth_failed:1][deadline_ms:38][streak:4][reason:4]`, high to low.
///
/// What it means is derived when it is read, so nothing has to happen at a deadline.
#[derive(Clone, Copy, Default, Eq, Hash, PartialEq)]
pub struct Word(u64);

/// What a word means at an instant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Failed authentication; `probe_at` is when one attempt may try it again.
    AuthFailed {
        /// The instant; [`DEADLINE_MAX`] for never.
        probe_at: Millis,
    },
    /// May be used.
    Available,
    /// Rate-limited until an instant that lies ahead.
    Cooling {
        /// At this very instant it is available again.
        until: Millis,
    },
    /// Disabled by the operator, or removed.
    Off,
}

impl Word {
    /// Counts clears: a report that carries an older one is about something that is over.
    pub fn epoch(self) -> u16 {
        u16::try_from(self.0 >> EPOCH_SHIFT).unwrap_or(EPOCH_MAX)
    }

    /// Disabled or removed.
    pub const fn is_off(self) -> bool {
        self.0 & OFF != 0
    }

    /// Failed authentication.
    pub const fn is_auth_failed(self) -> bool {
        self.0 & AUTH_FAILED != 0
    }

    /// When it is available, or may be probed, again. 0 when it never was limited.
    pub const fn deadline(self) -> Millis {
        Millis((self.0 >> DEADLINE_SHIFT) & DEADLINE_MAX.0)
    }

    /// Steps up the ladder, or the doubling of the recheck, so far.
    pub fn streak(self) -> u8 {
        u8::try_from((self.0 >> STREAK_SHIFT) & 0xf).unwrap_or(STREAK_MAX)
    }

    /// Why it was limited last.
    pub const fn reason(self) -> Reason {
        Reason::from_bits(self.0 & 0xf)
    }

    /// What it means at `now`.
    pub fn state(self, now: Millis) -> State {
        if self.is_off() {
            State::Off
        } else if self.is_auth_failed() {
            State::AuthFailed { probe_at: self.deadline() }
        } else if now < self.deadline() {
            State::Cooling { until: self.deadline() }
        } else {
            State::Available
        }
    }

    /// Whether it may be used at `now`.
    #[inline]
    pub const fn is_available(self, now: Millis) -> bool {
        self.0 & (OFF | AUTH_FAILED) == 0 && now.0 >= self.deadline().0
    }

    /// Whether one attempt may probe it at `now`.
    pub fn is_probe_due(self, now: Millis) -> bool {
        !self.is_off()
            && self.is_auth_failed()
            && self.deadline() < DEADLINE_MAX
            && now >= self.deadline()
    }

    /// Out of epochs: a reset or a new value has to take a fresh slot.
    pub fn is_worn(self) -> bool {
        self.epoch() == EPOCH_MAX
    }

    /// The bits, for an atomic to hold.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// A word from its bits; every pattern is one.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    const fn with(self, mask: u64, bits: u64) -> Self {
        Self(self.0 & !mask | bits & mask)
    }

    /// The word of the same epoch with nothing known in it, however it stands now.
    pub(super) fn at_rest(self) -> Self {
        self.with(u64::MAX >> EPOCH_BITS, 0)
    }

    pub(super) const fn with_off(self, is_off: bool) -> Self {
        self.with(OFF, if is_off { OFF } else { 0 })
    }

    pub(super) const fn with_auth_failed(self) -> Self {
        self.with(AUTH_FAILED, AUTH_FAILED)
    }

    pub(super) fn with_deadline(self, at: Millis) -> Self {
        self.with(DEADLINE_MAX.0 << DEADLINE_SHIFT, at.min(DEADLINE_MAX).0 << DEADLINE_SHIFT)
    }

    pub(super) fn with_streak(self, streak: u8) -> Self {
        self.with(0xf << STREAK_SHIFT, u64::from(streak.min(STREAK_MAX)) << STREAK_SHIFT)
    }

    pub(super) const fn with_reason(self, reason: Reason) -> Self {
        self.with(0xf, reason.bits())
    }

    pub(super) fn next_epoch(self) -> Self {
        let epoch = u64::from(self.epoch().saturating_add(1));
        self.with(u64::from(EPOCH_MAX) << EPOCH_SHIFT, epoch << EPOCH_SHIFT)
    }

    /// The next epoch, and nothing known in it.
    pub(super) fn cleared(self) -> Self {
        let epoch = self.next_epoch();
        epoch.with(u64::MAX >> EPOCH_BITS, 0)
    }
}

impl fmt::Debug for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Word")
            .field("epoch", &self.epoch())
            .field("off", &self.is_off())
            .field("auth_failed", &self.is_auth_failed())
            .field("deadline_ms", &self.deadline().0)
            .field("streak", &self.streak())
            .field("reason", &self.reason())
            .finish()
    }
}

/// Epochs end here: what would begin the next one changes nothing instead.
pub const EPOCH_MAX: u16 = u16::MAX;

/// The latest instant a word can hold (8.7 years after the clock's zero); also "never".
pub const DEADLINE_MAX: Millis = Millis((1 << 38) - 1);

/// Steps that a word can count.
pub const STREAK_MAX: u8 = 15;

const AUTH_FAILED: u64 = 1 << 46;
const DEADLINE_SHIFT: u32 = 8;
const EPOCH_BITS: u32 = 16;
const EPOCH_SHIFT: u32 = 48;
const OFF: u64 = 1 << 47;
const STREAK_SHIFT: u32 = 4;

const _: () = assert!(size_of::<Word>() == 8, "a word is one atomic");
const _: () = assert!((DEADLINE_MAX.0 << DEADLINE_SHIFT) & (OFF | AUTH_FAILED) == 0);

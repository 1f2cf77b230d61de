//! The word of a breaker and the one function that changes it. Pure: the clock is an argument.

use crate::shared::clock::Millis;

/// `[is_open:1][deadline_ms:38][openings:5][failures:8][leases:6][successes:6]`, high to low. The
/// deadline stays when the breaker closes and grows with each opening: it is the epoch.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Word {
    deadline_ms: u64,
    failures: u8,
    is_open: bool,
    leases: u8,
    openings: u8,
    successes: u8,
}

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Policy {
    /// Longest span by doubling, ms.
    pub ceiling_ms: u64,
    /// Failures in a row that open it: 1..=255.
    pub failures: u8,
    /// First span, ms; at least 1.
    pub open_ms: u64,
    /// Probes that must succeed, and at most that many at a time: 1..=63.
    pub probes: u8,
}

/// What a breaker is at an instant.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    /// Attempts pass.
    Closed,
    /// Probes pass.
    HalfOpen,
    /// Nothing passes.
    Open {
        /// Until the first probe.
        wait_ms: u64,
    },
}

/// What happens to a breaker.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A probe asks to begin.
    Enter,
    /// An attempt failed that began in this epoch.
    Failed { epoch: u64, is_probe: bool },
    /// A probe ended without a verdict.
    Left { epoch: u64 },
    /// An attempt was answered that began in this epoch.
    Succeeded { epoch: u64, is_probe: bool },
}

impl State {
    /// The further from closed, the greater.
    pub const fn severity(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open { .. } => 2,
        }
    }

    /// The name in the API.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open { .. } => "open",
        }
    }
}

impl Word {
    pub fn of(bits: u64) -> Self {
        let field = |shift: u32, width: u32| bits >> shift & ((1 << width) - 1);
        let small = |shift, width| u8::try_from(field(shift, width)).unwrap_or(u8::MAX);
        Self {
            deadline_ms: field(25, 38),
            failures: small(12, 8),
            is_open: field(63, 1) == 1,
            leases: small(6, 6),
            openings: small(20, 5),
            successes: small(0, 6),
        }
    }

    pub fn bits(self) -> u64 {
        u64::from(self.is_open) << 63
            | (self.deadline_ms & DEADLINE_MAX) << 25
            | u64::from(self.openings.min(OPENINGS_MAX)) << 20
            | u64::from(self.failures) << 12
            | u64::from(self.leases & PROBES_MAX) << 6
            | u64::from(self.successes & PROBES_MAX)
    }

    /// The same with so many probes out.
    pub const fn with_leases(self, leases: u8) -> Self {
        Self { leases, ..self }
    }

    pub const fn epoch(self) -> u64 {
        self.deadline_ms
    }

    pub const fn state(self, now: Millis) -> State {
        let deadline = Millis(self.deadline_ms);
        match (self.is_open, deadline.since(now)) {
            (false, _) => State::Closed,
            (true, 0) => State::HalfOpen,
            (true, wait_ms) => State::Open { wait_ms },
        }
    }

    /// Open for its next span.
    fn opened(self, policy: &Policy, now: Millis) -> Self {
        let doubled = 1_u64.checked_shl(u32::from(self.openings)).unwrap_or(u64::MAX);
        let span_ms = policy.open_ms.saturating_mul(doubled);
        let span_ms = span_ms.min(policy.ceiling_ms.max(policy.open_ms)).max(1);
        // Later than any epoch before it, whatever clock asks.
        let deadline_ms = now.plus(span_ms).0.max(self.deadline_ms + 1).min(DEADLINE_MAX);
        let openings = (self.openings + 1).min(OPENINGS_MAX);
        Self { deadline_ms, is_open: true, openings, ..Self::default() }
    }
}

/// The word after `event`; `None` when it changes nothing.
pub fn next(word: Word, event: Event, policy: &Policy, now: Millis) -> Option<Word> {
    let is_now = |epoch| epoch == word.deadline_ms;
    match event {
        Event::Enter if word.state(now) == State::HalfOpen => {
            let has_room = u16::from(word.leases) + u16::from(word.successes)
                < u16::from(policy.probes.min(PROBES_MAX));
            has_room.then(|| Word { leases: word.leases + 1, ..word })
        }
        Event::Failed { epoch, is_probe: false } if is_now(epoch) && !word.is_open => {
            let failures = word.failures.saturating_add(1);
            if failures >= policy.failures {
                return Some(word.opened(policy, now));
            }
            Some(Word { failures, ..word })
        }
        Event::Failed { epoch, is_probe: true } if is_now(epoch) && word.is_open => {
            Some(word.opened(policy, now))
        }
        Event::Succeeded { epoch, is_probe: false } if is_now(epoch) && !word.is_open => {
            (word.failures > 0).then_some(Word { failures: 0, ..word })
        }
        Event::Succeeded { epoch, is_probe: true } if is_now(epoch) && word.is_open => {
            let successes = word.successes + 1;
            if successes >= policy.probes {
                return Some(Word { deadline_ms: word.deadline_ms, ..Word::default() });
            }
            Some(Word { leases: word.leases.saturating_sub(1), successes, ..word })
        }
        Event::Left { epoch } if is_now(epoch) && word.is_open => {
            Some(Word { leases: word.leases.saturating_sub(1), ..word })
        }
        _ => None,
    }
}

const DEADLINE_MAX: u64 = (1 << 38) - 1;
const OPENINGS_MAX: u8 = 31;
const PROBES_MAX: u8 = 63;

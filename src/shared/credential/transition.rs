//! `next(word, event, now)`: every rule by which a word changes (BEHAVIOUR 3), in one function.
//! Never reads a clock, never touches an atomic; the loop around it is `cooldown`'s.

use super::reason::Reason;
use super::word::{DEADLINE_MAX, STREAK_MAX, Word};
use crate::shared::clock::Millis;

/// What happened. `began` is the word the attempt loaded before it was sent: news about an epoch
/// that is over changes nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// The upstream refused the credential.
    AuthFailed {
        /// The attempt's word.
        began: Word,
        /// Unauthorized, forbidden or a matter of money.
        reason: Reason,
        /// When to try again; `None` for never.
        recheck: Option<Recheck>,
    },
    /// The operator takes it out of rotation.
    Disable,
    /// The operator lets it back; a cooldown stays.
    Enable,
    /// A probe ended without a verdict; the time to give is the one it was taken at.
    LeaseReturned {
        /// The word that taking the lease made.
        lease: Word,
    },
    /// One attempt wants to try an auth-failed credential.
    LeaseTaken {
        /// When the lease runs out by itself.
        until: Millis,
    },
    /// The upstream said how long.
    Limited {
        /// The attempt's word.
        began: Word,
        /// Which limit.
        reason: Reason,
        /// Until when.
        until: Millis,
    },
    /// The upstream did not say how long.
    LimitedNoHeader {
        /// The attempt's word.
        began: Word,
        /// How long then.
        ladder: Ladder,
        /// Which limit.
        reason: Reason,
        /// Any number: what the jitter is made of.
        seed: u32,
    },
    /// Another value under the same name: nothing known of the old one holds.
    NewValue {
        /// Whether the operator had disabled it.
        disabled: bool,
    },
    /// It left the configuration.
    Remove,
    /// The operator forgets what is known of it; a disabled one stays disabled.
    Reset,
    /// What a stored state says after a restart. Only a word that knows nothing takes it.
    Restored {
        /// Failed authentication, rather than limited.
        auth_failed: bool,
        /// Until when, on this process's clock.
        deadline: Millis,
        /// Why.
        reason: Reason,
        /// The step of the ladder, or of the doubling.
        streak: u8,
    },
    /// The upstream answered.
    Succeeded {
        /// The attempt's word.
        began: Word,
    },
}

/// How long a 429 without a hint cools: `base * 2^(n-1)` up to `ceiling`, less a jitter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ladder {
    /// First step, ms.
    pub base_ms: u64,
    /// Longest step, ms.
    pub ceiling_ms: u64,
    /// Largest part that jitter takes off, in thousandths, from the second step on.
    pub jitter_permille: u16,
}

/// When a credential that failed authentication is tried again: doubling from `first`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Recheck {
    /// Longest wait, ms.
    pub ceiling_ms: u64,
    /// First wait, ms.
    pub first_ms: u64,
}

/// The word after `event` at `now`; the same word when the event changes nothing.
#[must_use]
pub fn next(word: Word, event: Event, now: Millis) -> Word {
    if event.began().is_some_and(|began| began.epoch() != word.epoch()) {
        return word;
    }
    match event {
        Event::AuthFailed { began, reason, recheck } => {
            auth_failed(word, began, now, (reason, recheck))
        }
        Event::Disable | Event::Remove => word.with_off(true),
        Event::Enable if word.is_off() => word.next_epoch().with_off(false),
        Event::LeaseReturned { lease } if word == lease => word.with_deadline(now),
        Event::LeaseTaken { until } if word.is_probe_due(now) => word.with_deadline(until),
        // Enabled already; a lease that is no longer the word; no probe due.
        Event::Enable | Event::LeaseReturned { .. } | Event::LeaseTaken { .. } => word,
        Event::Limited { until, reason, .. } => limited(word, until, reason),
        Event::LimitedNoHeader { began, ladder, reason, seed } => {
            if word.is_off() || word.is_auth_failed() || now < word.deadline() && word != began {
                // Off and auth-failed outrank it; a mark that came since belongs to the same burst.
                return word;
            }
            let streak = word.streak().saturating_add(1).min(STREAK_MAX);
            limited(word, now.plus(ladder.wait_ms(streak, seed)), reason).with_streak(streak)
        }
        Event::NewValue { .. } | Event::Reset if word.is_worn() => word,
        Event::NewValue { disabled } => word.cleared().with_off(disabled),
        Event::Reset => word.cleared().with_off(word.is_off()),
        Event::Restored { auth_failed, deadline, reason, streak } => {
            if word.next_epoch() != word.cleared() {
                return word;
            }
            let word = word.with_deadline(deadline).with_reason(reason).with_streak(streak);
            if auth_failed { word.with_auth_failed() } else { word }
        }
        Event::Succeeded { began } => succeeded(word, began, now),
    }
}

impl Event {
    /// The word of the attempt that it tells of; operators' events have none.
    fn began(self) -> Option<Word> {
        match self {
            Self::AuthFailed { began, .. }
            | Self::Limited { began, .. }
            | Self::LimitedNoHeader { began, .. }
            | Self::Succeeded { began } => Some(began),
            Self::LeaseReturned { lease } => Some(lease),
            _ => None,
        }
    }
}

impl Ladder {
    /// The wait of step `streak` (from 1), ms. `seed` spreads the jitter, which only shortens.
    pub fn wait_ms(self, streak: u8, seed: u32) -> u64 {
        let ceiling_ms = self.ceiling_ms.min(WAIT_MAX_MS);
        let wait_ms = doubled(self.base_ms, streak, ceiling_ms);
        if streak < 2 {
            return wait_ms;
        }
        let most_ms = wait_ms * u64::from(self.jitter_permille.min(1_000)) / 1_000;
        wait_ms - ((most_ms * u64::from(seed)) >> 32)
    }
}

impl Recheck {
    /// The wait of step `streak` (from 1), ms.
    pub fn wait_ms(self, streak: u8) -> u64 {
        doubled(self.first_ms, streak, self.ceiling_ms)
    }
}

/// A later deadline wins; an earlier one changes nothing, its reason neither.
fn limited(word: Word, until: Millis, reason: Reason) -> Word {
    if word.is_off() || word.is_auth_failed() || until.min(DEADLINE_MAX) <= word.deadline() {
        return word;
    }
    word.with_deadline(until).with_reason(reason)
}

fn auth_failed(word: Word, began: Word, now: Millis, mark: (Reason, Option<Recheck>)) -> Word {
    let (reason, recheck) = mark;
    // The deadline of a first failure is never before what a rate limit had set.
    let (streak, not_before) = match word.is_auth_failed() {
        false => (1, word.deadline()),
        // The probe's own verdict, or that of an attempt that is not of the rotation.
        true if word == began => (word.streak().saturating_add(1).min(STREAK_MAX), Millis(0)),
        // The rest of the burst that failed together counts once.
        true => return word,
    };
    let probe_at = recheck.map_or(DEADLINE_MAX, |recheck| now.plus(recheck.wait_ms(streak)));
    let marked = word.with_auth_failed().with_streak(streak).with_reason(reason);
    marked.with_deadline(probe_at.max(not_before))
}

fn succeeded(word: Word, began: Word, now: Millis) -> Word {
    let is_blocked = word.is_auth_failed() || now < word.deadline();
    if !is_blocked {
        return word.with_streak(0);
    }
    if word == began && !word.is_off() && !word.is_worn() {
        return word.cleared();
    }
    word
}

/// `first * 2^(streak - 1)`, at most `ceiling`.
fn doubled(first_ms: u64, streak: u8, ceiling_ms: u64) -> u64 {
    let factor = 1_u64 << streak.saturating_sub(1).min(STREAK_MAX);
    first_ms.saturating_mul(factor).min(ceiling_ms)
}

/// No mark waits longer than this (BEHAVIOUR 3): 48 h.
pub const WAIT_MAX_MS: u64 = 48 * 60 * 60 * 1_000;

#[cfg(all(test, not(tidegate_loom)))]
mod tests;

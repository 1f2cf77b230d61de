//! Why a walk has nothing left to try: what the final answer is made of (BEHAVIOUR 5).
//! Never words an answer.

use super::reason::Reason;
use crate::shared::clock::Millis;

/// Counts of what the visible credentials are at the end of a walk. Read one by one, so no
/// snapshot: another exchange may have changed one meanwhile.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Exhausted {
    /// Available but at their cap.
    pub at_cap: usize,
    /// Failed authentication, 402 and what counts as such included.
    pub auth_failed: usize,
    /// Of these, those that were refused for money.
    pub billing: usize,
    /// Available: tried without a mark (a 5xx), or kept out by the utilization gate.
    pub available: usize,
    /// Sum of the caps of all visible ones; 0 = none has a cap.
    pub cap_sum: u32,
    /// Rate-limited.
    pub cooling: usize,
    /// Disabled, removed, or with another value than the snapshot's.
    pub disabled: usize,
    /// The cooling credential that comes back first.
    pub first: Option<Claim>,
    /// Answered 403 in this exchange and are not marked.
    pub forbidden: usize,
    /// Attempts made.
    pub tried: usize,
    /// Of the cooling ones whose limit is a unified window, the one that comes back first.
    pub unified: Option<Claim>,
    /// Credentials that the caller may use at all.
    pub visible: usize,
    /// Smallest remaining wait of a cooling one, ms; 0 when none cools.
    pub wait_ms: u64,
}

/// A cooling credential, why, and until when.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Claim {
    /// Its place in the pool.
    pub index: usize,
    /// Which limit.
    pub reason: Reason,
    /// When it is available again.
    pub until: Millis,
}

/// What BEHAVIOUR 5 answers, of what a pool alone decides: its rules 2 to 5, 8 and 9.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// (4) All that are available are at their cap.
    AtCap,
    /// (9) What was or could be tried failed authentication.
    AuthFailed,
    /// (5) Every tried credential answered 403.
    Forbidden,
    /// (8) The caller may use none.
    NoKey,
    /// (9) None may be used and none failed authentication.
    NoUsableKey,
    /// (3) Some cool: wait as long as the first of them.
    RateLimited,
    /// (2) Some cool and the others are at their cap: wait a second.
    RateLimitedBriefly,
    /// (1), (6), (7): available ones were tried; what they answered decides.
    Tried,
}

impl Outcome {
    /// The name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AtCap => "at_cap",
            Self::AuthFailed => "auth_failed",
            Self::Forbidden => "forbidden",
            Self::NoKey => "no_key",
            Self::NoUsableKey => "no_usable_key",
            Self::RateLimited => "rate_limited",
            Self::RateLimitedBriefly => "rate_limited_briefly",
            Self::Tried => "tried",
        }
    }
}

impl Exhausted {
    /// The first rule that applies.
    pub fn outcome(&self) -> Outcome {
        match self {
            Self { cooling: 1.., at_cap: 1.., .. } => Outcome::RateLimitedBriefly,
            Self { cooling: 1.., .. } => Outcome::RateLimited,
            Self { at_cap: 1.., .. } => Outcome::AtCap,
            Self { forbidden: 1.., tried, .. } if *tried == self.forbidden => Outcome::Forbidden,
            Self { available: 1.., .. } => Outcome::Tried,
            Self { visible: 0, .. } => Outcome::NoKey,
            Self { auth_failed: 1.., .. } | Self { forbidden: 1.., .. } => Outcome::AuthFailed,
            _ => Outcome::NoUsableKey,
        }
    }

    /// Of a walk that found nothing to give out and was not cut short, without a threshold: what
    /// looks available now was passed over at its cap, and has been freed since.
    #[must_use]
    pub fn passed_over(mut self) -> Self {
        if self.tried == 0 && self.cap_sum > 0 {
            self.at_cap += std::mem::take(&mut self.available);
        }
        self
    }

    /// Takes in what another provider's walk ended with.
    pub fn merge(&mut self, other: &Self) {
        self.at_cap += other.at_cap;
        self.auth_failed += other.auth_failed;
        self.billing += other.billing;
        self.available += other.available;
        self.cap_sum = self.cap_sum.saturating_add(other.cap_sum);
        self.disabled += other.disabled;
        self.forbidden += other.forbidden;
        self.tried += other.tried;
        self.visible += other.visible;
        if other.cooling > 0 && (self.cooling == 0 || other.wait_ms < self.wait_ms) {
            (self.first, self.wait_ms) = (other.first, other.wait_ms);
        }
        self.cooling += other.cooling;
        let is_earlier = |theirs: Claim| self.unified.is_none_or(|ours| theirs.until < ours.until);
        self.unified = other.unified.filter(|&theirs| is_earlier(theirs)).or(self.unified);
    }

    pub(super) fn auth_failed_for(&mut self, reason: Reason) {
        self.auth_failed += 1;
        self.billing += usize::from(matches!(reason, Reason::Billing | Reason::Quota));
    }

    pub(super) fn cooling_until(&mut self, claim: Claim, now: Millis) {
        self.cooling += 1;
        let is_first = |kept: Option<Claim>| kept.is_none_or(|kept| claim.until < kept.until);
        if is_first(self.first) {
            self.first = Some(claim);
            self.wait_ms = claim.until.since(now);
        }
        if claim.reason.is_unified() && is_first(self.unified) {
            self.unified = Some(claim);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_free_again_once_it_was_passed_over_was_at_its_cap() {
        let capped = Exhausted { available: 1, cap_sum: 1, visible: 1, ..Exhausted::default() };
        assert_eq!(capped.outcome(), Outcome::Tried);
        assert_eq!(capped.passed_over().outcome(), Outcome::AtCap);
        let tried = Exhausted { tried: 1, ..capped };
        assert_eq!(tried.passed_over().outcome(), Outcome::Tried);
        let uncapped = Exhausted { cap_sum: 0, ..capped };
        assert_eq!(uncapped.passed_over().outcome(), Outcome::Tried);
    }
}

//! What a response head says of limits: windows, utilization, resets, and how long to wait.
//!
//! Never decides what to do about it, never asks for the time, never trusts a number: what does
//! not read is absent. Texts are borrowed from the head.

pub mod facts;
pub mod field;
mod read;
pub mod reading;
pub mod summary;
pub mod time;
mod usual;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod tests;

use super::ascii::{self, trim};
use field::Kind;
pub use read::{of_head, read};
use time::{Number, go_duration, http_date, rfc3339};

/// All that one response head says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RateLimits<'a> {
    /// The windows of Codex subscriptions.
    pub codex: Vec<CodexWindow<'a>>,
    /// `ratelimit: "name";r=…;t=…`.
    pub ietf: Option<Ietf<'a>>,
    /// Limits by name: `requests`, `input-tokens`, `priority-input-tokens`, and none for bare ones.
    pub limits: Vec<Limit<'a>>,
    /// The organization the credential belongs to.
    pub organization: Option<&'a [u8]>,
    /// The provider's id of the request.
    pub request_id: Option<&'a [u8]>,
    /// `retry-after`.
    pub retry_after: Option<RetryAfter>,
    /// `retry-after-ms`.
    pub retry_after_ms: Option<Number>,
    /// `x-should-retry`.
    pub should_retry: Option<bool>,
    /// The windows of Anthropic subscriptions.
    pub unified: Option<Unified<'a>>,
}

/// One limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limit<'a> {
    /// How much there is.
    pub limit: Option<Number>,
    /// As in the header, any case.
    pub name: &'a [u8],
    /// Said of the priority tier.
    pub is_priority: bool,
    /// How much is left.
    pub remaining: Option<Number>,
    /// When it is full again.
    pub reset: Option<Reset>,
}

/// When a limit is full again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reset {
    /// A number whose unit is unclear (Azure): no wait may be made of it.
    Bare(Number),
    /// Seconds since 1970.
    Epoch(i64),
    /// Microseconds after the response.
    In(u64),
    /// Anything else.
    Unreadable,
}

/// Anthropic's unified limits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unified<'a> {
    /// Whether an overage could serve, in the provider's words.
    pub fallback: Option<&'a [u8]>,
    /// The share that is served at that price.
    pub fallback_percentage: Option<Number>,
    /// Paid use beyond the windows.
    pub overage: Option<Overage<'a>>,
    /// The window that binds.
    pub representative_claim: Option<&'a [u8]>,
    /// Seconds since 1970.
    pub reset: Option<Number>,
    /// The verdict on the request.
    pub status: Option<&'a [u8]>,
    /// Plans that would help.
    pub upgrade_paths: Option<&'a [u8]>,
    /// By name; an open set.
    pub windows: Vec<Window<'a>>,
}

/// One window of the unified limits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Window<'a> {
    /// Tokens or requests in the window, where told.
    pub limit: Option<Number>,
    /// As in the header, any case: `5h`, `7d`, `7d_oi`.
    pub name: &'a [u8],
    /// What is left of `limit`.
    pub remaining: Option<Number>,
    /// Seconds since 1970.
    pub reset: Option<i64>,
    /// `allowed`, `allowed_warning`, `rejected`; an open set.
    pub status: Option<&'a [u8]>,
    /// The warning mark that was passed.
    pub surpassed_threshold: Option<Number>,
    /// The share in use, 1 when full; more on overage.
    pub utilization: Option<Number>,
}

/// Paid use beyond the windows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overage<'a> {
    /// Why there is none.
    pub disabled_reason: Option<&'a [u8]>,
    /// Whether this request was served by it.
    pub in_use: Option<&'a [u8]>,
    /// What it is counted over.
    pub period: Option<&'a [u8]>,
    /// Seconds since 1970.
    pub reset: Option<Number>,
    /// As of a window.
    pub status: Option<&'a [u8]>,
    /// As of a window.
    pub surpassed_threshold: Option<Number>,
    /// As of a window.
    pub utilization: Option<Number>,
}

/// One window of a Codex subscription.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CodexWindow<'a> {
    /// The second of the two windows of a limit, the long one.
    pub is_secondary: bool,
    /// `codex`, or `codex-…` for a limit of its own.
    pub name: &'a [u8],
    /// Seconds since 1970.
    pub reset_at: Option<Number>,
    /// 0 to 100.
    pub used_percent: Option<Number>,
    /// Length.
    pub window_minutes: Option<Number>,
}

/// The draft header of the IETF, as one vendor sends it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Ietf<'a> {
    /// Its name.
    pub policy: Option<&'a [u8]>,
    /// `r`.
    pub remaining: Option<Number>,
    /// `t`, in seconds.
    pub reset_s: Option<Number>,
}

/// `retry-after` (RFC 9110 section 10.2.3, and decimals).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RetryAfter {
    /// An HTTP date: seconds since 1970.
    At(i64),
    /// Seconds from now.
    Seconds(Number),
}

impl<'a> RateLimits<'a> {
    /// How long the provider asks to wait, in microseconds: `retry-after-ms` above 0, else
    /// `retry-after`. 0 when it says so, or when its date has passed.
    pub fn wait_us(&self, now_unix_ms: i64) -> Option<u64> {
        if let Some(ms) = self.retry_after_ms
            && ms.value() > 0.0
        {
            return Some(ms.times(1_000));
        }
        self.retry_after.map(|wait| wait.us(now_unix_ms))
    }

    /// How long to leave the credential alone, in milliseconds, at most 48 h (BEHAVIOUR 3): the
    /// wait asked for, else until the blocked windows are free. Errors only: some say
    /// `retry-after` with a 200. `None`: the head does not say.
    pub fn cooldown_ms(&self, status: u16, now_unix_ms: i64) -> Option<u64> {
        if !matches!(status, 408 | 409 | 429 | 500 | 502 | 503 | 504 | 529) {
            return None;
        }
        let until_free =
            || u64::try_from(self.blocked_until_ms(now_unix_ms)?.saturating_sub(now_unix_ms)).ok();
        let asked = self.wait_us(now_unix_ms).map(|us| us.div_ceil(1_000));
        Some(asked.or_else(until_free)?.min(COOLDOWN_MS_MAX))
    }

    /// When the last of the windows that are rejected or empty is free again: milliseconds since
    /// 1970. `None` when none is, or none says when.
    pub fn blocked_until_ms(&self, now_unix_ms: i64) -> Option<i64> {
        let windows = self.unified.iter().flat_map(|unified| &unified.windows);
        let rejected = windows
            .filter(|window| window.is_rejected())
            .filter_map(|window| window.reset?.checked_mul(1_000));
        let empty = self.limits.iter().filter(|limit| limit.is_empty());
        let empty = empty.filter_map(|limit| match limit.reset? {
            Reset::Epoch(seconds) => seconds.checked_mul(1_000),
            Reset::In(us) => now_unix_ms.checked_add_unsigned(us.div_ceil(1_000)),
            Reset::Bare(_) | Reset::Unreadable => None,
        });
        rejected.chain(empty).max()
    }

    /// Notes a number of the limit of that name, of the priority tier or not.
    pub fn note_limit(&mut self, name: &'a [u8], is_priority: bool, (kind, value): (Kind, &[u8])) {
        let is_same = |limit: &Limit<'_>| {
            limit.is_priority == is_priority && ascii::is_same(limit.name, name)
        };
        let new = || Limit { name, is_priority, ..Limit::default() };
        if let Some(limit) = entry(&mut self.limits, is_same, new) {
            limit.note(kind, value);
        }
    }
}

impl Limit<'_> {
    fn note(&mut self, kind: Kind, value: &[u8]) {
        match kind {
            Kind::Limit => self.limit = self.limit.or_else(|| Number::read(value)),
            Kind::Remaining => self.remaining = self.remaining.or_else(|| Number::read(value)),
            Kind::Reset => self.reset = self.reset.or_else(|| Some(Reset::read(value))),
        }
    }

    /// Nothing is left.
    pub fn is_empty(&self) -> bool {
        self.remaining.is_some_and(|remaining| remaining.value() <= 0.0)
    }
}

impl Window<'_> {
    /// Requests are refused for it.
    pub fn is_rejected(&self) -> bool {
        self.status.is_some_and(|status| ascii::is_same(status, b"rejected"))
    }
}

impl Reset {
    fn read(value: &[u8]) -> Self {
        if let Some(epoch) = rfc3339(value) {
            Self::Epoch(epoch)
        } else if let Some(us) = go_duration(value) {
            Self::In(us)
        } else {
            Number::read(value).map_or(Self::Unreadable, Self::Bare)
        }
    }
}

impl RetryAfter {
    /// Reads a value: whole or decimal seconds, else an HTTP date.
    pub fn read(value: &[u8]) -> Option<Self> {
        let value = trim(value);
        let seconds = Number::read(value).map(Self::Seconds);
        seconds.or_else(|| http_date(value).map(Self::At))
    }

    /// From `now_unix_ms` on, in microseconds; 0 when the date has passed.
    pub fn us(self, now_unix_ms: i64) -> u64 {
        match self {
            Self::At(epoch) => {
                let left = epoch.saturating_mul(1_000).saturating_sub(now_unix_ms);
                u64::try_from(left).unwrap_or(0).saturating_mul(1_000)
            }
            Self::Seconds(seconds) => seconds.times(1_000_000),
        }
    }
}

/// The entry that `is_same`, or a `new` one at the end; `None` when there are too many.
#[inline]
pub fn entry<T>(
    all: &mut Vec<T>,
    is_same: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
) -> Option<&mut T> {
    let place = entry_at(all, is_same, new)?;
    all.get_mut(place)
}

/// Its place.
#[inline]
fn entry_at<T>(
    all: &mut Vec<T>,
    is_same: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
) -> Option<usize> {
    // From the end on: the fields of one entry follow each other.
    match all.iter().rposition(is_same) {
        Some(place) => Some(place),
        None if all.len() == ENTRIES_MAX => None,
        None => {
            all.push(new());
            Some(all.len() - 1)
        }
    }
}

/// BEHAVIOUR 3.
const COOLDOWN_MS_MAX: u64 = 48 * 3_600_000;
/// Entries of one kind; the most seen is eight.
const ENTRIES_MAX: usize = 32;

//! The order in which one exchange tries a provider's credentials: each at most once, those that
//! are not available skipped (BEHAVIOUR 4). Never waits, never sends; marks go through it, so that
//! it knows at the end what to answer.

use super::cooldown::{Lease, Mark, Policy, Transition};
use super::exhausted::{Claim, Exhausted};
use super::model_class::Class;
use super::pool::{Pool, PoolKey, Select};
use super::reason::Reason;
use super::slot::Seen;
use super::transition::Event;
use super::utilization::Wall;
use super::visited::Visited;
use super::word::{State, Word};
use crate::protocol::verdict::Scope;
use crate::shared::clock::Millis;

/// The instant of a step, on both clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Now {
    /// Deadlines.
    pub millis: Millis,
    /// Readings and their resets.
    pub wall: Wall,
}

/// What an exchange brings to its walk.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The utilization gate's threshold, thousandths: only credentials below it are seen.
    pub below: Option<u16>,
    /// Index of the caller, as `reserved_for` has it.
    pub caller: Option<u32>,
    /// The model's class.
    pub class: Class,
    /// The conversation's hash, for affinity.
    pub conversation: u64,
    /// `observation.floor`, ms.
    pub floor_ms: u64,
    /// How long a probe may take: connect + response head + 1 s, ms.
    pub probe_ms: u64,
    /// Where the worker's next round begins, for round robin.
    pub start: usize,
}

/// The walk of one exchange.
#[derive(Debug)]
pub struct Walker<'p> {
    /// Asked for and refused at the cap, though there seemed to be room.
    refused: Visited,
    /// Answered 403 and not marked yet.
    forbidden: Vec<(usize, Seen)>,
    /// Marks of class `other`, which last as long as the exchange.
    local: Vec<(usize, Millis, Reason)>,
    pool: &'p Pool,
    /// The caller has keys of its own here.
    sees_reserved: bool,
    terms: Terms,
    tried: usize,
    visited: Visited,
}

/// The credential to try next. Hold it until the attempt's verdict: a probe's leases are in it.
#[derive(Debug)]
pub struct Choice<'p> {
    /// Its place in the pool.
    pub index: usize,
    /// The credential.
    pub key: &'p PoolKey,
    leases: [Option<Lease>; 2],
    seen: Seen,
}

impl<'p> Walker<'p> {
    /// A walk of `pool` that has not begun.
    pub fn new(pool: &'p Pool, terms: Terms) -> Self {
        let keys = pool.keys().len();
        Self {
            refused: Visited::new(keys),
            forbidden: Vec::new(),
            local: Vec::new(),
            pool,
            sees_reserved: pool.has_reserved_for(terms.caller),
            terms,
            tried: 0,
            visited: Visited::new(keys),
        }
    }

    /// The next credential to try, `None` when the walk is exhausted.
    pub fn next(&mut self, now: Now) -> Option<Choice<'p>> {
        loop {
            let index = self.pick(now)?;
            self.visited.insert(index);
            let key = self.pool.keys().get(index)?;
            // Looked at once more, directly before the attempt: it may have gone meanwhile.
            let Some(seen) = key.slot.look(self.terms.class, key.version) else { continue };
            if let Some(choice) = self.choose((index, key), seen, now) {
                self.tried += 1;
                return Some(choice);
            }
        }
    }

    /// The attempt's answer showed its model to be real, so that its class has a name from now on.
    /// A class that had none was known nothing of when the attempt began.
    pub fn learn(&mut self, choice: &mut Choice<'p>, class: Class) {
        if self.terms.class == class {
            return;
        }
        self.terms.class = class;
        // As they were before any mark: of a burst of first marks one counts.
        let at_rest = |key: &PoolKey| {
            key.slot.class(class).map_or(Word::default(), |word| word.load().at_rest())
        };
        choice.seen.class = at_rest(choice.key);
        for (index, seen) in &mut self.forbidden {
            if let Some(key) = self.pool.keys().get(*index) {
                seen.class = at_rest(key);
            }
        }
    }

    /// The class that marks are made for.
    pub fn class(&self) -> Class {
        self.terms.class
    }

    /// The upstream answered 429. Marks the scope; `None` when nothing changed.
    pub fn limited(
        &mut self,
        choice: &Choice<'_>,
        scope: Scope,
        mark: (Mark, &Policy),
        now: Millis,
    ) -> Option<Transition> {
        let (mark, policy) = mark;
        choice.key.slot.statistics().rate_limits.add(1);
        if scope == Scope::Credential {
            let event = mark.event(choice.seen.credential, policy, now);
            return choice.key.slot.credential().apply(event, now);
        }
        let event = mark.event(choice.seen.class, policy, now);
        if let Some(word) = choice.key.slot.class(self.terms.class) {
            return word.apply(event, now);
        }
        let until = match event {
            Event::Limited { until, .. } => until,
            _ => now.plus(policy.ladder.wait_ms(1, mark.seed)),
        };
        self.local.push((choice.index, until, mark.reason));
        None
    }

    /// The upstream refused the credential (401, 402 and what counts as such).
    pub fn auth_failed(
        &mut self,
        choice: &Choice<'_>,
        reason: Reason,
        policy: &Policy,
        now: Millis,
    ) -> Option<Transition> {
        let (began, recheck) = (choice.seen.credential, policy.recheck);
        choice.key.slot.statistics().auth_failures.add(1);
        choice.key.slot.credential().apply(Event::AuthFailed { began, reason, recheck }, now)
    }

    /// The upstream answered 403. Nothing is marked until [`Self::settle`].
    pub fn forbidden(&mut self, choice: &Choice<'_>) {
        self.forbidden.push((choice.index, choice.seen));
    }

    /// Another key answered anything but 403: those that did are marked for the class. Tells of
    /// each change with the key's place. To be called at every such answer, whatever it is.
    pub fn settle(
        &mut self,
        policy: &Policy,
        now: Millis,
        mut tell: impl FnMut(usize, Transition),
    ) {
        for (index, seen) in self.forbidden.drain(..) {
            let Some(key) = self.pool.keys().get(index) else { continue };
            let Some(word) = key.slot.class(self.terms.class) else { continue };
            let (began, reason, recheck) = (seen.class, Reason::Forbidden, policy.recheck);
            let event = Event::AuthFailed { began, reason, recheck };
            if let Some(transition) = word.apply(event, now) {
                key.slot.statistics().auth_failures.add(1);
                tell(index, transition);
            }
        }
    }

    /// The upstream served: streaks end, and a probe's credential is back.
    pub fn succeeded(&mut self, choice: &Choice<'_>, now: Millis) {
        let Seen { class, credential } = choice.seen;
        if let Some(word) = choice.key.slot.class(self.terms.class) {
            word.apply(Event::Succeeded { began: class }, now);
        }
        choice.key.slot.credential().apply(Event::Succeeded { began: credential }, now);
    }

    /// The credential was at its cap when the permit was asked for.
    pub fn refused(&mut self, choice: &Choice<'_>) {
        self.tried = self.tried.saturating_sub(1);
        self.refused.insert(choice.index);
    }

    /// The credential was limited or taken away before anything was sent with it.
    pub fn overtaken(&mut self) {
        self.tried = self.tried.saturating_sub(1);
    }

    /// Attempts that the walk has given out and that were not refused at a cap.
    pub fn tried(&self) -> usize {
        self.tried
    }

    /// Why there is nothing left to try, and until when.
    pub fn exhausted(&self, now: Now) -> Exhausted {
        let mut report = Exhausted { tried: self.tried, ..Exhausted::default() };
        for (index, key) in self.visible() {
            report.visible += 1;
            report.cap_sum = report.cap_sum.saturating_add(key.slot.gate().cap());
            // First: what it answered holds, whatever became of the key since.
            if self.forbidden.iter().any(|&(forbidden, _)| forbidden == index) {
                report.forbidden += 1;
                continue;
            }
            let Some(seen) = key.slot.look(self.terms.class, key.version) else {
                report.disabled += 1;
                continue;
            };
            match self.state(index, seen, now.millis) {
                (State::Off, _) => report.disabled += 1,
                (State::AuthFailed { .. }, reason) => report.auth_failed_for(reason),
                (State::Cooling { until }, reason) => {
                    report.cooling_until(Claim { index, reason, until }, now.millis);
                }
                (State::Available, _) if self.is_at_cap(index, key) => report.at_cap += 1,
                (State::Available, _) => report.available += 1,
            }
        }
        report
    }

    /// The key to try next: the best of those that may be used.
    fn pick(&self, now: Now) -> Option<usize> {
        let count = self.pool.keys().len();
        let first = match self.pool.select() {
            Select::RoundRobin => self.terms.start.checked_rem(count)?,
            _ => 0,
        };
        let mut best: Option<((bool, u64), usize)> = None;
        for (index, key) in self.visible_from(first) {
            if self.visited.contains(index) || !self.is_usable(index, key, now) {
                continue;
            }
            let rank = self.rank(key, now);
            // Nothing is before the first of its kind.
            if rank == (false, 0) {
                return Some(index);
            }
            if best.is_none_or(|(least, _)| rank < least) {
                best = Some((rank, index));
            }
        }
        best.map(|(_, index)| index)
    }

    /// Last choices last; then by what `select` weighs, less first; ties by list order.
    fn rank(&self, key: &PoolKey, now: Now) -> (bool, u64) {
        let Terms { class, conversation, floor_ms, .. } = self.terms;
        let is_empty =
            key.slot.class_reading(class).is_some_and(|word| word.empty_until(now.wall).is_some());
        match self.pool.select() {
            Select::Priority | Select::RoundRobin => (is_empty, 0),
            Select::LeastInFlight => (is_empty, key.slot.gate().in_flight().into()),
            Select::Headroom => {
                (is_empty, u64::from(1_000 - key.slot.headroom(class, floor_ms, now.wall)))
            }
            Select::Affinity => {
                let used = key.slot.windows().utilization(floor_ms, now.wall);
                let weight = mix(conversation ^ key.affinity);
                // Never 0, which would end the search.
                (is_empty || used.is_exhausted(), (u64::MAX - weight).max(1))
            }
        }
    }

    /// Whether an attempt may begin with it now, or probe it.
    fn is_usable(&self, index: usize, key: &PoolKey, now: Now) -> bool {
        let Some(seen) = key.slot.look(self.terms.class, key.version) else { return false };
        let is_open = |word: Word| word.is_available(now.millis) || word.is_probe_due(now.millis);
        is_open(seen.class)
            && is_open(seen.credential)
            && !key.slot.gate().is_full()
            && !self.local.iter().any(|&(limited, ..)| limited == index)
            && self.terms.below.is_none_or(|threshold| {
                key.slot.windows().utilization(self.terms.floor_ms, now.wall).is_below(threshold)
            })
    }

    /// The attempt's words, with the leases that a probe needs; `None` when it may not begin.
    fn choose(
        &self,
        (index, key): (usize, &'p PoolKey),
        mut seen: Seen,
        now: Now,
    ) -> Option<Choice<'p>> {
        let until = now.millis.plus(self.terms.probe_ms);
        let mut leases = [None, None];
        let [credential, class] = &mut leases;
        if seen.credential.is_auth_failed() {
            let lease = Lease::take(key.slot.credential(), until, now.millis)?;
            seen.credential = credential.insert(lease).word();
        } else if !seen.credential.is_available(now.millis) {
            return None;
        }
        if seen.class.is_auth_failed() {
            let lease = Lease::take(key.slot.class(self.terms.class)?, until, now.millis)?;
            seen.class = class.insert(lease).word();
        } else if !seen.class.is_available(now.millis) {
            return None;
        }
        Some(Choice { index, key, leases, seen })
    }

    /// What a key is for this exchange, and why: the word that binds longer says.
    fn state(&self, index: usize, seen: Seen, now: Millis) -> (State, Reason) {
        let words = [seen.credential, seen.class];
        let of = |kind: fn(Word) -> bool| words.into_iter().find(|&word| kind(word));
        if let Some(off) = of(Word::is_off) {
            return (State::Off, off.reason());
        }
        if let Some(failed) = of(Word::is_auth_failed) {
            return (State::AuthFailed { probe_at: failed.deadline() }, failed.reason());
        }
        let marks = words.map(|word| (word.deadline(), word.reason()));
        let local = self.local.iter().filter(|&&(limited, ..)| limited == index);
        let local = local.map(|&(_, until, reason)| (until, reason));
        match marks.into_iter().chain(local).max_by_key(|&(until, _)| until) {
            Some((until, reason)) if now < until => (State::Cooling { until }, reason),
            _ => (State::Available, Reason::None),
        }
    }

    fn is_at_cap(&self, index: usize, key: &PoolKey) -> bool {
        self.refused.contains(index) || !self.visited.contains(index) && key.slot.gate().is_full()
    }

    /// The keys that this caller sees, in list order.
    fn visible(&self) -> impl Iterator<Item = (usize, &'p PoolKey)> {
        self.visible_from(0)
    }

    fn visible_from(&self, first: usize) -> impl Iterator<Item = (usize, &'p PoolKey)> {
        let (caller, sees_reserved) = (self.terms.caller, self.sees_reserved);
        let keys = self.pool.keys().iter().enumerate();
        let (before, from) = (keys.clone().take(first), keys.skip(first));
        from.chain(before).filter(move |(_, key)| match caller {
            Some(caller) if sees_reserved => key.reserved_for.contains(&caller),
            _ => key.reserved_for.is_empty(),
        })
    }
}

impl Choice<'_> {
    /// Whether the credential may still be used: to ask after a wait, directly before sending. A
    /// probe may, whatever its word says, as long as it is not off.
    pub fn is_open(&self, class: Class, now: Millis) -> bool {
        let Some(seen) = self.key.slot.look(class, self.key.version) else { return false };
        let words = [seen.credential, seen.class];
        if self.is_probe() {
            !words.iter().any(|word| word.is_off())
        } else {
            words.iter().all(|word| word.is_available(now))
        }
    }

    /// Whether it is a probe of a credential that failed authentication.
    pub fn is_probe(&self) -> bool {
        self.leases.iter().any(Option::is_some)
    }

    /// The words the attempt began with.
    pub fn seen(&self) -> Seen {
        self.seen
    }
}

/// Spreads a hash over all its bits (the finalizer of `SplitMix64`).
const fn mix(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

#[cfg(all(test, not(tidegate_loom)))]
mod tests;

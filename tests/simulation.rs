//! A seeded run of table, walker and gates against a sequential oracle: many exchanges under way
//! at once, each step one of theirs, the operator's or the clock's.
//!
//! `SEED=7 cargo test --test simulation` replays one run; `STEPS` makes it longer.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use tidegate::protocol::verdict::Scope;
use tidegate::shared::clock::Millis;
use tidegate::shared::credential::cooldown::{Mark, Policy};
use tidegate::shared::credential::model_class::Class;
use tidegate::shared::credential::pool::{Pool, PoolKey, Select};
use tidegate::shared::credential::reason::Reason;
use tidegate::shared::credential::slot::Slot;
use tidegate::shared::credential::table::{Claimed, Roster, Table};
use tidegate::shared::credential::transition::{Event, Ladder, Recheck};
use tidegate::shared::credential::utilization::Wall;
use tidegate::shared::credential::walk::{Choice, Now, Terms, Walker};
use tidegate::shared::gate::Permit;

use oracle::{Attempt, Mode, Oracle};

#[path = "simulation/oracle.rs"]
mod oracle;

const POLICY: Policy = Policy {
    ladder: Ladder { base_ms: 1_000, ceiling_ms: 8_000, jitter_permille: 0 },
    recheck: Some(Recheck { ceiling_ms: 20_000, first_ms: 5_000 }),
    wait_max_ms: 30_000,
};
const PROBE_MS: u64 = 3_000;

#[test]
fn the_oracle_agrees_with_every_step_of_every_run() {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let steps = number("STEPS").unwrap_or(5_000);
    let seeds = number("SEED").map_or(1..=40, |seed| seed..=seed);
    let mut seen = Seen::default();
    for seed in seeds {
        let mut run = Run::new(seed);
        for step in 0..steps {
            run.at = format!("SEED={seed}, step {step}");
            run.step();
        }
        seen.add(run.seen);
        run.end();
    }
    println!("{seen:?}");
    // A run that never gets anywhere would agree with anything.
    let Seen { attempts, exhausted, probes, refreshed, reused } = seen;
    for (what, count) in [
        ("attempts", attempts),
        ("exhausted walks", exhausted),
        ("probes", probes),
        ("new values", refreshed),
        ("slots reused", reused),
    ] {
        assert!(count > steps / 500, "{what}: {count}");
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    attempts: u64,
    exhausted: u64,
    probes: u64,
    refreshed: u64,
    reused: u64,
}

impl Seen {
    fn add(&mut self, other: Self) {
        self.attempts += other.attempts;
        self.exhausted += other.exhausted;
        self.probes += other.probes;
        self.refreshed += other.refreshed;
        self.reused += other.reused;
    }
}

/// One exchange: the real walk and the oracle's, side by side.
struct Exchange {
    choice: Option<(Choice<'static>, Permit)>,
    expected: oracle::Walk,
    model: Option<Attempt>,
    walker: Walker<'static>,
}

struct Run {
    at: String,
    exchanges: Vec<Exchange>,
    /// The real keys, by the oracle's name for them, in pool order.
    keys: Vec<(u64, Claimed)>,
    now: u64,
    oracle: Oracle,
    pool: &'static Pool,
    random: Random,
    roster: Roster,
    seen: Seen,
    slots: Vec<&'static Slot>,
    version: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut run = Self {
            at: String::new(),
            exchanges: Vec::new(),
            keys: Vec::new(),
            now: 1,
            oracle: Oracle::default(),
            pool: Box::leak(Box::new(Pool::new(Vec::new(), Select::Priority))),
            random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            roster: Roster::new(Table::leaked()),
            seen: Seen::default(),
            slots: Vec::new(),
            version: 0,
        };
        for _ in 0..4 {
            run.add_key();
        }
        run.publish();
        run
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..=4 => self.begin(),
            5..=14 => self.go_on(),
            15..=17 => self.now += self.random.below(2_000),
            _ => self.operate(),
        }
        self.compare();
    }

    fn clock(&self) -> Now {
        Now { millis: Millis(self.now), wall: Wall(1_790_000_000_000 + self.now) }
    }

    fn begin(&mut self) {
        if self.exchanges.len() >= 12 {
            return;
        }
        let class = u8::try_from(self.random.below(2)).unwrap();
        let terms = Terms {
            below: None,
            caller: None,
            class: Class::Named(class),
            conversation: 0,
            floor_ms: 0,
            probe_ms: PROBE_MS,
            start: 0,
        };
        let expected = Oracle::walk(class.into(), self.version);
        let walker = Walker::new(self.pool, terms);
        let mut exchange = Exchange { choice: None, expected, model: None, walker };
        if self.try_next(&mut exchange) {
            self.exchanges.push(exchange);
        }
    }

    /// Takes the next key on both sides; false when the walk ended.
    fn try_next(&mut self, exchange: &mut Exchange) -> bool {
        let now = self.clock();
        let real = exchange.walker.next(now);
        let model = self.oracle.next(&mut exchange.expected, self.now, PROBE_MS);
        let real_index = real.as_ref().map(|choice| choice.index);
        assert_eq!(real_index, model.as_ref().map(|attempt| attempt.index), "{}", self.at);
        let Some(choice) = real else {
            let outcome = exchange.walker.exhausted(now).outcome();
            let expected = self.oracle.outcome(&exchange.expected, self.now);
            assert_eq!(format!("{outcome:?}"), expected, "{}", self.at);
            self.seen.exhausted += 1;
            return false;
        };
        let permit = choice.key.slot.gate().try_acquire().expect("the walker saw room");
        self.seen.attempts += 1;
        self.seen.probes += u64::from(choice.is_probe());
        exchange.choice = Some((choice, permit));
        exchange.model = model;
        true
    }

    /// One exchange under way gets its answer.
    fn go_on(&mut self) {
        if self.exchanges.is_empty() {
            return;
        }
        let place = usize::try_from(self.random.next()).unwrap_or(0) % self.exchanges.len();
        let mut exchange = self.exchanges.swap_remove(place);
        let (choice, permit) = exchange.choice.take().unwrap();
        let mut attempt = exchange.model.take().unwrap();
        let answer = self.random.below(12);
        let goes_on = self.answer(&mut exchange, &choice, &mut attempt, answer);
        drop((choice, permit));
        self.oracle.leave(&attempt);
        if goes_on && self.try_next(&mut exchange) {
            self.exchanges.push(exchange);
        }
    }

    /// The verdict on both sides; whether the walk goes on.
    fn answer(
        &mut self,
        exchange: &mut Exchange,
        choice: &Choice<'static>,
        attempt: &mut Attempt,
        answer: u64,
    ) -> bool {
        let (now, walker) = (Millis(self.now), &mut exchange.walker);
        // 10: aborted without a verdict.
        if answer == 10 {
            return false;
        }
        if answer == 9 {
            walker.forbidden(choice);
            exchange.expected.forbid(attempt);
            return true;
        }
        walker.settle(&POLICY, now, |_, _| {});
        self.oracle.settle(&mut exchange.expected, self.now);
        match answer {
            0..=2 => {
                walker.succeeded(choice, now);
                self.oracle.succeeded(attempt, self.now);
                false
            }
            3..=6 => {
                let wait_ms = [None, Some(0), Some(900), Some(99_000)];
                let wait_ms = wait_ms[usize::try_from(answer - 3).unwrap()];
                let mark = Mark { reason: Reason::RetryAfter, seed: 0, wait_ms };
                let whole = self.random.below(4) == 0;
                let scope = if whole { Scope::Credential } else { Scope::Class };
                walker.limited(choice, scope, (mark, &POLICY), now);
                self.oracle.limited(attempt, whole, wait_ms, self.now);
                true
            }
            7 | 8 => {
                walker.auth_failed(choice, Reason::Unauthorized, &POLICY, now);
                self.oracle.auth_failed(attempt, self.now);
                true
            }
            // A 5xx: relayed.
            _ => false,
        }
    }

    fn operate(&mut self) {
        if self.keys.is_empty() {
            self.add_key();
            return self.publish();
        }
        let place = usize::try_from(self.random.next()).unwrap_or(0) % self.keys.len();
        let (name, claimed) = self.keys[place];
        let word = claimed.slot.credential();
        match self.random.below(7) {
            0 => {
                word.apply(Event::Disable, Millis(self.now));
                self.oracle.operate(name, Mode::Disable);
            }
            1 | 2 => {
                word.apply(Event::Enable, Millis(self.now));
                self.oracle.operate(name, Mode::Enable);
            }
            3 => {
                claimed.slot.reset().unwrap();
                self.oracle.operate(name, Mode::Reset);
            }
            4 => {
                let cap = u32::try_from(self.random.below(4)).unwrap();
                claimed.slot.gate().set_cap(cap);
                self.oracle.operate(name, Mode::Cap(cap));
            }
            5 => {
                let version = claimed.slot.replace_value(false).unwrap();
                self.keys[place].1.version = version;
                self.oracle.operate(name, Mode::NewValue);
                self.seen.refreshed += 1;
                self.publish();
            }
            _ => {
                self.keys.remove(place);
                self.roster.retire(claimed.id, self.version + 1);
                self.oracle.operate(name, Mode::Remove);
                if self.keys.len() < 5 {
                    self.add_key();
                }
                self.publish();
            }
        }
    }

    fn add_key(&mut self) {
        // The oldest snapshot in use is that of the oldest walk.
        let oldest = self.exchanges.iter().map(|exchange| exchange.expected.version).min();
        self.roster.reclaim(oldest.unwrap_or(self.version));
        let cap = u32::try_from(self.random.below(3)).unwrap();
        let claimed = self.roster.claim(cap).unwrap();
        if self.slots.iter().any(|slot| std::ptr::eq(*slot, claimed.slot)) {
            self.seen.reused += 1;
        } else {
            self.slots.push(claimed.slot);
        }
        let name = self.oracle.add(cap);
        self.keys.push((name, claimed));
    }

    fn publish(&mut self) {
        let key = |(name, claimed): &(u64, Claimed)| PoolKey {
            affinity: *name,
            id: claimed.id,
            reserved_for: [].into(),
            slot: claimed.slot,
            version: claimed.version,
        };
        let keys = self.keys.iter().map(key).collect();
        self.pool = Box::leak(Box::new(Pool::new(keys, Select::Priority)));
        self.version += 1;
        let names: Vec<_> = self.keys.iter().map(|(name, _)| *name).collect();
        self.oracle.publish(&names);
    }

    /// Every live key: what is in flight, and each of its words, as the oracle has it.
    fn compare(&self) {
        for (name, claimed) in &self.keys {
            let key = self.oracle.key(*name);
            let slot = claimed.slot;
            assert_eq!(slot.gate().in_flight(), key.in_flight, "{}", self.at);
            let words = [
                slot.class(Class::Named(0)).unwrap().load(),
                slot.class(Class::Named(1)).unwrap().load(),
                slot.credential().load(),
            ];
            for (word, cell) in words.into_iter().zip(&key.cells) {
                let seen = (word.is_off(), word.is_auth_failed(), word.deadline().0, word.streak());
                let expected = (cell.off, cell.auth, cell.deadline, cell.streak);
                assert_eq!(seen, expected, "{}: {word:?} {cell:?}", self.at);
            }
        }
    }

    fn end(self) {
        drop(self.exchanges);
        for slot in self.slots {
            assert_eq!(slot.gate().in_flight(), 0, "{}", self.at);
        }
    }
}

/// Xorshift: small, seeded, good enough to mix branches.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 8
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

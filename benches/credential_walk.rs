//! What choosing and marking a credential costs: `cargo bench --bench credential_walk`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may fail loudly")]

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tidegate::shared::clock::Millis;
use tidegate::shared::credential::cooldown::{Mark, Policy};
use tidegate::shared::credential::model_class::{Class, Classes, class_name};
use tidegate::shared::credential::pool::{Pool, PoolKey, Select};
use tidegate::shared::credential::reason::Reason;
use tidegate::shared::credential::table::{Roster, Table};
use tidegate::shared::credential::transition::{Ladder, Recheck};
use tidegate::shared::credential::utilization::{Reading, ReadingWord, Wall};
use tidegate::shared::credential::walk::{Now, Terms, Walker};

const POLICY: Policy = Policy {
    ladder: Ladder { base_ms: 60_000, ceiling_ms: 3_600_000, jitter_permille: 100 },
    recheck: Some(Recheck { ceiling_ms: 3_600_000, first_ms: 300_000 }),
    wait_max_ms: 172_800_000,
};
const CLASS: Class = Class::Named(0);
const NOW: Now = Now { millis: Millis(1_000), wall: Wall(1_790_000_000_000) };

fn pool(count: u64, select: Select) -> Pool {
    let mut roster = Roster::new(Table::leaked());
    let key = |affinity: u64| {
        let claimed = roster.claim(64).unwrap();
        let (id, slot, version) = (claimed.id, claimed.slot, claimed.version);
        PoolKey { affinity, id, reserved_for: [].into(), slot, version }
    };
    Pool::new((0..count).map(key).collect(), select)
}

fn terms(conversation: u64) -> Terms {
    Terms {
        below: None,
        caller: None,
        class: CLASS,
        conversation,
        floor_ms: 600_000,
        probe_ms: 6_000,
        start: 3,
    }
}

/// An exchange as it mostly is: the first key serves.
fn served(pool: &Pool, conversation: u64) {
    let mut walker = Walker::new(pool, terms(conversation));
    let choice = walker.next(NOW).unwrap();
    walker.succeeded(&choice, NOW.millis);
    black_box(choice.index);
}

fn walks(c: &mut Criterion) {
    for (name, select) in [
        ("priority", Select::Priority),
        ("round_robin", Select::RoundRobin),
        ("least_in_flight", Select::LeastInFlight),
        ("headroom", Select::Headroom),
        ("affinity", Select::Affinity),
    ] {
        for count in [1, 8] {
            let pool = pool(count, select);
            let mut conversation = 0;
            c.bench_function(&format!("walk and success, {name}, {count} keys"), |b| {
                b.iter(|| {
                    conversation += 1;
                    served(black_box(&pool), conversation);
                });
            });
        }
    }
    let pool = pool(8, Select::Priority);
    for key in pool.keys().iter().take(7) {
        let mark = Mark { reason: Reason::RetryAfter, seed: 0, wait_ms: Some(60_000) };
        let word = key.slot.class(CLASS).unwrap();
        word.apply(mark.event(word.load(), &POLICY, NOW.millis), NOW.millis);
    }
    c.bench_function("walk and success, priority, 7 of 8 cooling", |b| {
        b.iter(|| served(black_box(&pool), 0));
    });
}

fn marks(c: &mut Criterion) {
    let pool = pool(1, Select::Priority);
    let word = pool.keys().first().unwrap().slot.class(CLASS).unwrap();
    let mut now = 0;
    c.bench_function("mark that changes the word", |b| {
        b.iter(|| {
            now += 1;
            let mark = Mark { reason: Reason::RetryAfter, seed: 0, wait_ms: Some(60_000) };
            word.apply(mark.event(word.load(), &POLICY, Millis(now)), Millis(now))
        });
    });
    c.bench_function("mark that changes nothing", |b| {
        b.iter(|| {
            let mark = Mark { reason: Reason::RetryAfter, seed: 0, wait_ms: Some(1) };
            word.apply(mark.event(word.load(), &POLICY, Millis(now)), Millis(now))
        });
    });
    let reading = ReadingWord::default();
    c.bench_function("record a reading", |b| {
        let given = Reading { observed: NOW.wall, reset: Some(1_790_000_900), value: 420 };
        b.iter(|| reading.record(black_box(given)));
    });
    let names = ["opus", "sonnet", "haiku", "gpt-4o", "gpt-4o-mini", "o3", "claude-sonnet-4-5"];
    let classes = Classes::new(names);
    c.bench_function("class of a model, 7th of 7 names", |b| {
        b.iter(|| classes.find(class_name(black_box("claude-sonnet-4-5-20250929"), |_| None)));
    });
}

criterion_group!(benches, walks, marks);
criterion_main!(benches);

//! What admission costs: `cargo bench --bench permit`.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may fail loudly")]

use criterion::{Criterion, criterion_group, criterion_main};
use tidegate::shared::gate::{Gate, Permits};

fn gate(cap: u32) -> &'static Gate {
    Box::leak(Box::new(Gate::new(cap)))
}

fn permits(c: &mut Criterion) {
    let one = gate(64);
    c.bench_function("acquire and release, one gate", |b| b.iter(|| drop(one.try_acquire())));
    let none = gate(0);
    c.bench_function("acquire and release, no cap", |b| b.iter(|| drop(none.try_acquire())));
    let full = gate(1);
    let _held = full.try_acquire().unwrap();
    c.bench_function("refused at the cap", |b| b.iter(|| full.try_acquire().is_err()));
    let (global, caller, provider, credential) = (gate(64), gate(64), gate(64), gate(64));
    c.bench_function("acquire and release, all four gates", |b| {
        b.iter(|| {
            let mut permits = Permits::admit(Some(global), Some(caller)).unwrap();
            permits.enter(Some(provider), credential).unwrap();
            permits
        });
    });
}

criterion_group!(benches, permits);
criterion_main!(benches);

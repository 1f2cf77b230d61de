//! Lines and events of streams.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use tidegate::protocol::sse::event::Events;
use tidegate::protocol::sse::framer::Framer;

use crate::streams::{READ, deltas};

pub fn benches(criterion: &mut Criterion) {
    let stream = deltas("anthropic");
    let mut group = criterion.benchmark_group("sse_scan");
    group.throughput(Throughput::Bytes(u64::try_from(stream.len()).expect("fits")));
    group.sample_size(20);
    group.bench_function("framer", |bencher| {
        bencher.iter(|| {
            let mut framer = Framer::new();
            for read in stream.chunks(READ) {
                framer.push(black_box(read), |part| {
                    black_box(part);
                });
            }
        });
    });
    group.bench_function("events", |bencher| {
        bencher.iter(|| {
            let mut events = Events::new(1 << 16);
            for read in stream.chunks(READ) {
                let pushed = events.push(black_box(read), |event| {
                    black_box(event);
                });
                pushed.expect("short events");
            }
        });
    });
    group.finish();
}

//! Facts of a request, by the scanner and by decoding the body.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use serde_json::Value;
use tidegate::protocol::request_facts;

use crate::streams::{CODE, PLAIN, request};

pub fn benches(criterion: &mut Criterion) {
    for (kind, text) in [("plain", PLAIN), ("escapes", CODE)] {
        for (size, bytes) in [("1KiB", 1 << 10), ("100KiB", 100 << 10), ("1MiB", 1 << 20)] {
            let body = request(bytes, text);
            let mut group = criterion.benchmark_group(format!("request_facts/{kind}/{size}"));
            group.throughput(Throughput::Bytes(u64::try_from(body.len()).expect("fits")));
            group.sample_size(20);
            group.bench_function("facts", |bencher| {
                bencher.iter(|| request_facts::read(black_box(&body)).expect("a good body"));
            });
            group.bench_function("serde_json", |bencher| {
                bencher.iter(|| serde_json::from_slice::<Value>(black_box(&body)).is_ok());
            });
            group.bench_function("simd_json", |bencher| {
                bencher.iter(|| {
                    let mut copy = body.clone();
                    simd_json::to_borrowed_value(&mut copy).is_ok()
                });
            });
            group.bench_function("sonic_rs_lazy", |bencher| {
                bencher.iter(|| sonic_rs::get(black_box(&body[..]), ["stream"]).is_ok());
            });
            group.finish();
        }
    }
}

//! Heads and the limits they tell.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use tidegate::protocol::http1::parse::{RequestParser, ResponseParser};
use tidegate::protocol::rate_limit;

use super::heads::{LIMITS, REQUEST, RESPONSE};

pub fn benches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("head_parse");
    group.throughput(Throughput::Bytes(u64::try_from(REQUEST.len()).expect("fits")));
    group.bench_function("request", |bencher| {
        bencher.iter(|| RequestParser::new(LIMITS).parse(black_box(REQUEST)).is_ok());
    });
    group.throughput(Throughput::Bytes(u64::try_from(RESPONSE.len()).expect("fits")));
    group.bench_function("response", |bencher| {
        bencher.iter(|| ResponseParser::new(LIMITS).parse(black_box(RESPONSE)).is_ok());
    });
    let fields: Vec<(&[u8], &[u8])> = RESPONSE
        .split(|&byte| byte == b'\n')
        .filter_map(|line| {
            let colon = line.iter().position(|&byte| byte == b':')?;
            Some((line.get(..colon)?, line.get(colon + 1..)?.trim_ascii()))
        })
        .collect();
    group.bench_function("rate_limit", |bencher| {
        bencher.iter(|| rate_limit::read(black_box(&fields).iter().copied()));
    });
    group.finish();
}

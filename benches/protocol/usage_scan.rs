//! Usage of streams, by the observer and by decoding each event.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use serde_json::Value;
use tidegate::protocol::dialect::Dialect;
use tidegate::protocol::dialect::endpoint::Endpoint;
use tidegate::protocol::usage::Observer;

use crate::streams::{READ, deltas, recorded};

pub fn benches(criterion: &mut Criterion) {
    for (name, prefix, dialect, endpoint) in [
        ("anthropic", "anthropic.messages", Dialect::Anthropic, Endpoint::Messages),
        ("chat", "openai.chat", Dialect::OpenAi, Endpoint::ChatCompletions),
        ("responses", "openai.responses", Dialect::OpenAi, Endpoint::Responses),
    ] {
        let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
        let own = own.join(match name {
            "anthropic" => "messages.sse",
            "chat" => "chat.sse",
            _ => "responses.sse",
        });
        #[expect(clippy::disallowed_methods, reason = "a bench may block")]
        let own = std::fs::read(own).expect("the samples are in the repository");
        for (kind, streams) in
            [("recorded", recorded(prefix, &own)), ("deltas", vec![deltas(name)])]
        {
            let mut group = criterion.benchmark_group(format!("usage_scan/{name}/{kind}"));
            let bytes: usize = streams.iter().map(Vec::len).sum();
            group.throughput(Throughput::Bytes(u64::try_from(bytes).expect("fits")));
            group.sample_size(20);
            group.bench_function("observer", |bencher| {
                bencher.iter(|| {
                    for stream in &streams {
                        let mut observer = Observer::new(dialect, endpoint, true);
                        stream.chunks(READ).for_each(|read| observer.push(black_box(read)));
                        black_box(observer.finish(true));
                    }
                });
            });
            group.bench_function("serde_json", |bencher| {
                bencher
                    .iter(|| decode(&streams, |line| serde_json::from_slice::<Value>(line).ok()));
            });
            group.bench_function("simd_json", |bencher| {
                let mut copy = Vec::new();
                bencher.iter(|| {
                    decode(&streams, |line| {
                        copy.clear();
                        copy.extend_from_slice(line);
                        simd_json::to_owned_value(&mut copy).ok()
                    });
                });
            });
            group.bench_function("sonic_rs_lazy", |bencher| {
                bencher.iter(|| {
                    decode(&streams, |line| {
                        sonic_rs::get(line, ["usage"]).is_ok().then_some(line.len())
                    });
                });
            });
            group.finish();
        }
    }
}

/// The plain way: each line of each stream, decoded.
fn decode<T>(streams: &[Vec<u8>], mut value: impl FnMut(&[u8]) -> Option<T>) {
    for stream in streams {
        for line in stream.split(|&byte| byte == b'\n') {
            if let Some(json) = line.strip_prefix(b"data: ") {
                black_box(value(black_box(json)));
            }
        }
    }
}

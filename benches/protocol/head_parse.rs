//! Heads and the limits they tell.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use tidegate::protocol::http1::parse::{HeadLimits, RequestParser, ResponseParser};
use tidegate::protocol::rate_limit;

const LIMITS: HeadLimits =
    HeadLimits { fields_max: 100, head_bytes_max: 65_536, line_bytes_max: 8_192 };

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

const REQUEST: &[u8] = b"POST /v1/messages?beta=true HTTP/1.1\r\nhost: api.anthropic.com\r\n\
accept: application/json\r\nanthropic-beta: claude-code-20250219,oauth-2025-04-20\r\n\
anthropic-version: 2023-06-01\r\nauthorization: Bearer sk-ant-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n\
content-type: application/json\r\nuser-agent: claude-cli/2.0.1 (external, cli)\r\n\
x-app: cli\r\nx-stainless-arch: x64\r\nx-stainless-lang: js\r\nx-stainless-os: Linux\r\n\
x-stainless-package-version: 0.60.0\r\nx-stainless-retry-count: 0\r\nx-stainless-runtime: node\r\n\
accept-language: *\r\ncontent-length: 41234\r\nconnection: keep-alive\r\n\r\n";

const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ndate: Sat, 15 Nov 2025 00:56:30 GMT\r\n\
content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\
connection: keep-alive\r\ncache-control: no-cache\r\n\
anthropic-ratelimit-unified-status: allowed\r\n\
anthropic-ratelimit-unified-5h-status: allowed\r\n\
anthropic-ratelimit-unified-5h-reset: 1763170000\r\n\
anthropic-ratelimit-unified-5h-utilization: 0.26\r\n\
anthropic-ratelimit-unified-7d-status: allowed\r\n\
anthropic-ratelimit-unified-7d-reset: 1763500000\r\n\
anthropic-ratelimit-unified-7d-utilization: 0.19\r\n\
anthropic-ratelimit-unified-representative-claim: five_hour\r\n\
anthropic-ratelimit-unified-fallback-percentage: 0.5\r\n\
anthropic-ratelimit-unified-reset: 1763170000\r\n\
anthropic-organization-id: 01234567-89ab-cdef-0123-456789abcdef\r\n\
request-id: req_011CSxxxxxxxxxxxxxxxxxxx\r\nserver: cloudflare\r\nvia: 1.1 google\r\n\
cf-cache-status: DYNAMIC\r\ncf-ray: 99e9a1b2c3d4e5f6-FRA\r\n\r\n";

//! What the protocol room costs, in bytes per second, beside what a developer would take instead.
//!
//! `cargo bench --bench protocol [-- FILTER]`. Recorded streams come from `$TIDEGATE_CORPORA`,
//! else `../shared/corpora`, else the small ones of `tests/corpus`.

use criterion::{criterion_group, criterion_main};

mod head_parse;
mod heads;
mod request_facts;
mod sse_scan;
mod streams;
mod translate_request;
mod translate_stream;
mod usage_scan;

criterion_group!(
    benches,
    head_parse::benches,
    request_facts::benches,
    sse_scan::benches,
    translate_request::benches,
    translate_stream::benches,
    usage_scan::benches
);
criterion_main!(benches);

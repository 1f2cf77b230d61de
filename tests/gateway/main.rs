//! All tests that run the real binary over real sockets, in one test binary. Never sleeps: waits
//! end by what the gateway, the mock or the raw upstream says or does.

#![allow(
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may fail by panic"
)]

mod admin;
mod alternatives;
mod auth;
mod breaker;
mod cli;
mod concurrency;
mod cuts;
mod deadlines;
mod demotion;
mod detail;
mod downstream;
mod exhaustion;
mod explain;
mod failover;
mod faults;
mod gate;
mod header_rules;
mod headers;
mod hostile_answers;
mod include_usage;
mod keyring;
mod leaving;
mod lifecycle;
mod listeners;
mod memory;
mod metrics;
mod names;
mod one_write;
mod operator;
mod panics;
mod passthrough;
mod pressure;
mod raw_answers;
mod records;
mod redaction;
mod refusals;
mod reload;
mod routes;
mod service;
mod smuggling;
mod storage;
mod storage_faults;
mod streaming;
mod support;
mod survival;
mod takeover;
mod tls;
mod tls_downstream;
mod translate;
mod upstream;
mod verdicts;
mod watched;

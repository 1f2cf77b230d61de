//! One pure piece of work at a time, for `tools/bench/instructions` to count under callgrind.
//!
//! `instructions NAME TIMES` does NAME so many times; without arguments each once, as a smoke test.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may fail loudly")]

use std::hint::black_box;

use tidegate::protocol::dialect::Dialect;
use tidegate::protocol::dialect::endpoint::Endpoint;
use tidegate::protocol::http1::parse::{HeadLimits, RequestParser, ResponseParser};
use tidegate::protocol::request_facts;
use tidegate::protocol::sse::framer::Framer;
use tidegate::protocol::usage::Observer;
use tidegate::protocol::verdict::{Answer, ErrorLook, LimitFacts, Shape, classify};
use tidegate::shared::clock::Millis;
use tidegate::shared::credential::model_class::Class;
use tidegate::shared::credential::pool::{Pool, PoolKey, Select};
use tidegate::shared::credential::table::{Roster, Table};
use tidegate::shared::credential::utilization::Wall;
use tidegate::shared::credential::walk::{Now, Terms, Walker};

#[path = "protocol/streams.rs"]
#[allow(dead_code, reason = "the criterion benches use all of it")]
mod streams;

/// Makes what the work needs, which is not counted, and gives the work.
type Case = fn() -> Box<dyn FnMut()>;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [name, times] if !name.starts_with('-') => {
            let times: u32 = times.parse().unwrap();
            let (_, case) = CASES.iter().find(|(known, _)| known == name).unwrap();
            let mut work = case();
            (0..times).for_each(|_| work());
        }
        _ => {
            for (name, case) in CASES {
                case()();
                println!("{name}");
            }
        }
    }
}

const CASES: &[(&str, Case)] = &[
    ("head_request", || Box::new(|| _ = RequestParser::new(LIMITS).parse(black_box(REQUEST)))),
    ("head_response", || Box::new(|| _ = ResponseParser::new(LIMITS).parse(black_box(RESPONSE)))),
    ("request_facts_100k", || {
        let body = streams::request(100 << 10, streams::CODE);
        Box::new(move || _ = black_box(request_facts::read(black_box(&body))))
    }),
    ("sse_scan_64k", || {
        let stream = cut(streams::deltas("anthropic"));
        Box::new(move || {
            let mut framer = Framer::new();
            for read in stream.chunks(EVENT) {
                framer.push(black_box(read), |part| _ = black_box(part));
            }
        })
    }),
    ("usage_anthropic", || usage(Endpoint::Messages, by_event)),
    ("usage_anthropic_cut", || usage(Endpoint::Messages, anywhere)),
    ("usage_chat", || usage(Endpoint::ChatCompletions, by_event)),
    ("usage_responses", || usage(Endpoint::Responses, by_event)),
    ("verdict_accept", || verdict(200, b"")),
    ("verdict_429", || verdict(429, b"rate_limit_error")),
    ("walk_1_key", || walk(1)),
    ("walk_8_keys", || walk(8)),
];

/// 64 KiB of deltas, about 500 of them, and a short recorded stream behind them.
fn usage(endpoint: Endpoint, cut_up: fn(&[u8]) -> Vec<Vec<u8>>) -> Box<dyn FnMut()> {
    let (dialect, name, recorded) = match endpoint {
        Endpoint::Messages => {
            (Dialect::Anthropic, "anthropic", &include_bytes!("../tests/corpus/messages.sse")[..])
        }
        Endpoint::Responses => {
            (Dialect::OpenAi, "responses", &include_bytes!("../tests/corpus/responses.sse")[..])
        }
        _ => (Dialect::OpenAi, "chat", &include_bytes!("../tests/corpus/chat.sse")[..]),
    };
    let reads = cut_up(&[&cut(streams::deltas(name)), recorded].concat());
    Box::new(move || {
        let mut observer = Observer::new(dialect, endpoint, true);
        for read in &reads {
            observer.push(black_box(read));
        }
        black_box(observer.finish(true));
    })
}

/// One event per read, as paced streams come.
fn by_event(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut reads = vec![Vec::new()];
    for line in stream.split_inclusive(|&byte| byte == b'\n') {
        reads.last_mut().unwrap().extend_from_slice(line);
        if line == b"\n" {
            reads.push(Vec::new());
        }
    }
    reads
}

/// Reads that end inside of lines, as congested streams come.
fn anywhere(stream: &[u8]) -> Vec<Vec<u8>> {
    stream.chunks(EVENT).map(<[u8]>::to_vec).collect()
}

fn verdict(status: u16, kind: &'static [u8]) -> Box<dyn FnMut()> {
    let shape = if kind.is_empty() { Shape::Empty } else { Shape::Envelope };
    let body = ErrorLook { kind, shape, ..ErrorLook::default() };
    let limits = LimitFacts { retry_after_ms: Some(5_000), ..LimitFacts::default() };
    Box::new(move || _ = black_box(classify(black_box(&Answer { body, limits, status }))))
}

fn walk(keys: u64) -> Box<dyn FnMut()> {
    let mut roster = Roster::new(Table::leaked());
    let key = |affinity: u64| {
        let claimed = roster.claim(64).unwrap();
        let (id, slot, version) = (claimed.id, claimed.slot, claimed.version);
        PoolKey { affinity, id, reserved_for: [].into(), slot, version }
    };
    let pool = Pool::new((0..keys).map(key).collect(), Select::Priority);
    let now = Now { millis: Millis(1_000), wall: Wall(1_790_000_000_000) };
    Box::new(move || {
        let terms = Terms {
            below: None,
            caller: None,
            class: Class::Named(0),
            conversation: 7,
            floor_ms: 600_000,
            probe_ms: 6_000,
            start: 3,
        };
        let mut walker = Walker::new(black_box(&pool), terms);
        let choice = walker.next(now).unwrap();
        walker.succeeded(&choice, now.millis);
    })
}

fn cut(mut stream: Vec<u8>) -> Vec<u8> {
    stream.truncate(64 << 10);
    let end = stream.windows(2).rposition(|pair| pair == b"\n\n").unwrap();
    stream.truncate(end + 2);
    stream
}

/// About one event of a stream.
const EVENT: usize = 150;
const LIMITS: HeadLimits =
    HeadLimits { fields_max: 100, head_bytes_max: 65_536, line_bytes_max: 8_192 };
const REQUEST: &[u8] = b"POST /v1/messages?beta=true HTTP/1.1\r\nhost: api.anthropic.com\r\n\
accept: application/json\r\nanthropic-version: 2023-06-01\r\ncontent-type: application/json\r\n\
authorization: Bearer sk-ant-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\ncontent-length: 41234\r\n\
user-agent: claude-cli/2.0.1 (external, cli)\r\nx-app: cli\r\nx-stainless-lang: js\r\n\
x-stainless-os: Linux\r\nx-stainless-retry-count: 0\r\nconnection: keep-alive\r\n\r\n";
const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\ndate: Sat, 15 Nov 2025 00:56:30 GMT\r\n\
content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\
connection: keep-alive\r\ncache-control: no-cache\r\n\
anthropic-ratelimit-unified-status: allowed\r\n\
anthropic-ratelimit-unified-5h-status: allowed\r\n\
anthropic-ratelimit-unified-5h-reset: 1763170000\r\n\
anthropic-ratelimit-unified-5h-utilization: 0.26\r\n\
request-id: req_011CSxxxxxxxxxxxxxxxxxxx\r\nserver: cloudflare\r\nvia: 1.1 google\r\n\r\n";

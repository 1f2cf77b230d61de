//! One pure piece of work at a time, for `tools/bench/instructions` to count under callgrind.
//!
//! `instructions NAME TIMES` does NAME so many times; without arguments each once, as a smoke test.
#![allow(clippy::unwrap_used, missing_docs, reason = "a bench may fail loudly")]

use std::hint::black_box;

use tidegate::protocol::dialect::Dialect;
use tidegate::protocol::dialect::endpoint::Endpoint;
use tidegate::protocol::http1::framing;
use tidegate::protocol::http1::head::{Fields, RequestHead, ResponseHead};
use tidegate::protocol::http1::parse::{RequestParser, ResponseParser};
use tidegate::protocol::http1::write;
use tidegate::protocol::rate_limit::facts::facts;
use tidegate::protocol::rate_limit::reading::Readings;
use tidegate::protocol::rate_limit::{self, summary::Summary};
use tidegate::protocol::request_facts;
use tidegate::protocol::sse::first_event::FirstEvent;
use tidegate::protocol::sse::framer::Framer;
use tidegate::protocol::usage::Observer;
use tidegate::protocol::verdict::{Answer, ErrorLook, LimitFacts, Shape, classify};
use tidegate::shared::clock::Millis;
use tidegate::shared::credential::model_class::Class;
use tidegate::shared::credential::pool::{Pool, PoolKey, Select};
use tidegate::shared::credential::table::{Roster, Table};
use tidegate::shared::credential::utilization::Wall;
use tidegate::shared::credential::walk::{Now, Terms, Walker};

#[path = "protocol/heads.rs"]
mod heads;
#[path = "protocol/streams.rs"]
#[allow(dead_code, reason = "the criterion benches use all of it")]
mod streams;

use heads::{LIMITS, REQUEST, RESPONSE};

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
    ("head_write", || {
        let head = request();
        let mut out = Vec::with_capacity(1024);
        Box::new(move || {
            out.clear();
            let mut written = write::ParsedFields::of(black_box(REQUEST));
            for field in &black_box(&head).fields {
                written.push(&mut out, field);
            }
            written.finish(&mut out);
            black_box(&out);
        })
    }),
    ("framing_request", || {
        let head = request();
        Box::new(move || {
            let head = black_box(&head);
            _ = black_box(framing::request_body(head, REQUEST));
            black_box(framing::expects_continue(head, REQUEST));
            connection(&head.fields, head.minor, REQUEST);
        })
    }),
    ("framing_response", || {
        let head = response();
        Box::new(move || {
            let head = black_box(&head);
            _ = black_box(framing::response_body(head, RESPONSE, false));
            connection(&head.fields, head.minor, RESPONSE);
        })
    }),
    ("limits_none", || limits(NO_LIMITS)),
    ("limits_tokens", || limits(TOKENS)),
    ("limits_windows", || limits(WINDOWS)),
    ("request_facts_1k", || request_facts(1 << 10, streams::PLAIN)),
    ("request_facts_100k", || request_facts(100 << 10, streams::CODE)),
    ("sse_first_event", || {
        Box::new(|| _ = black_box(FirstEvent::new(8_192).push(black_box(FIRST_EVENT))))
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
    ("usage_anthropic_body", || usage_of_body(Endpoint::Messages, MESSAGES_BODY)),
    ("usage_chat_body", || usage_of_body(Endpoint::ChatCompletions, CHAT_BODY)),
    ("usage_anthropic", || usage(Endpoint::Messages, by_event)),
    ("usage_anthropic_cut", || usage(Endpoint::Messages, anywhere)),
    ("usage_anthropic_16k", || usage(Endpoint::Messages, in_full_reads)),
    ("usage_chat", || usage(Endpoint::ChatCompletions, by_event)),
    ("usage_chat_16k", || usage(Endpoint::ChatCompletions, in_full_reads)),
    ("usage_responses", || usage(Endpoint::Responses, by_event)),
    ("usage_responses_16k", || usage(Endpoint::Responses, in_full_reads)),
    ("verdict_accept", || verdict(200, b"")),
    ("verdict_429", || verdict(429, b"rate_limit_error")),
    ("walk_1_key", || walk(1)),
    ("walk_8_keys", || walk(8)),
];

fn request() -> RequestHead {
    RequestParser::new(LIMITS).parse(REQUEST).unwrap().unwrap()
}

fn response() -> ResponseHead {
    ResponseParser::new(LIMITS).parse(RESPONSE).unwrap().unwrap()
}

/// What is asked of a head for its connection.
fn connection(fields: &Fields, minor: u8, bytes: &[u8]) {
    black_box(framing::wants_close(fields, minor, bytes));
    black_box(framing::wants_upgrade(fields, bytes));
    black_box(framing::Nominations::of(fields, bytes));
}

/// All that is made of the limits of one head, as the exchange does.
fn limits(bytes: &'static [u8]) -> Box<dyn FnMut()> {
    let head = ResponseParser::new(LIMITS).parse(bytes).unwrap().unwrap();
    Box::new(move || {
        let Some(limits) = rate_limit::of_head(&black_box(&head).fields, bytes) else { return };
        black_box(Readings::of(&limits));
        black_box(Summary::of(&limits));
        if head.status != 200 {
            black_box(facts(&limits, 1_763_168_000_000));
        }
    })
}

fn request_facts(bytes: usize, text: &str) -> Box<dyn FnMut()> {
    let body = streams::request(bytes, text);
    Box::new(move || _ = black_box(request_facts::read(black_box(&body))))
}

fn usage_of_body(endpoint: Endpoint, body: &'static [u8]) -> Box<dyn FnMut()> {
    let dialect = match endpoint {
        Endpoint::Messages => Dialect::Anthropic,
        _ => Dialect::OpenAi,
    };
    Box::new(move || {
        let mut observer = Observer::new(dialect, endpoint, false);
        observer.push(black_box(body));
        black_box(observer.finish(true));
    })
}

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

/// Reads as large as they get, as fast streams come.
fn in_full_reads(stream: &[u8]) -> Vec<Vec<u8>> {
    stream.chunks(streams::READ).map(<[u8]>::to_vec).collect()
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
const NO_LIMITS: &[u8] = b"HTTP/1.1 200 OK\r\ndate: Sat, 15 Nov 2025 00:56:30 GMT\r\n\
content-type: application/json\r\ncontent-length: 312\r\nserver: cloudflare\r\n\
request-id: req_011CSxxxxxxxxxxxxxxxxxxx\r\nvia: 1.1 google\r\nx-robots-tag: none\r\n\
cf-cache-status: DYNAMIC\r\ncf-ray: 99e9b0c1dcd3d3d3-FRA\r\n\r\n";
/// As an API key's.
const TOKENS: &[u8] = b"HTTP/1.1 200 OK\r\ndate: Sat, 15 Nov 2025 00:56:30 GMT\r\n\
content-type: application/json\r\ncontent-length: 312\r\n\
anthropic-ratelimit-input-tokens-limit: 2000000\r\n\
anthropic-ratelimit-input-tokens-remaining: 1999000\r\n\
anthropic-ratelimit-input-tokens-reset: 2025-11-15T00:56:30Z\r\n\
anthropic-ratelimit-output-tokens-limit: 400000\r\n\
anthropic-ratelimit-output-tokens-remaining: 399000\r\n\
anthropic-ratelimit-output-tokens-reset: 2025-11-15T00:56:31Z\r\n\
anthropic-ratelimit-requests-limit: 4000\r\n\
anthropic-ratelimit-requests-remaining: 3999\r\n\
anthropic-ratelimit-requests-reset: 2025-11-15T00:56:30Z\r\n\
anthropic-ratelimit-tokens-limit: 2400000\r\n\
anthropic-ratelimit-tokens-remaining: 2398000\r\n\
anthropic-ratelimit-tokens-reset: 2025-11-15T00:56:30Z\r\n\
request-id: req_011CSxxxxxxxxxxxxxxxxxxx\r\nserver: cloudflare\r\n\r\n";
/// As a subscription's.
const WINDOWS: &[u8] = b"HTTP/1.1 200 OK\r\ndate: Sat, 15 Nov 2025 00:56:30 GMT\r\n\
content-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\
anthropic-ratelimit-unified-status: allowed\r\n\
anthropic-ratelimit-unified-5h-status: allowed\r\n\
anthropic-ratelimit-unified-5h-reset: 1763170000\r\n\
anthropic-ratelimit-unified-5h-utilization: 0.26\r\n\
anthropic-ratelimit-unified-7d-status: allowed\r\n\
anthropic-ratelimit-unified-7d-reset: 1763546400\r\n\
anthropic-ratelimit-unified-7d-utilization: 0.4\r\n\
anthropic-ratelimit-unified-representative-claim: five_hour\r\n\
anthropic-ratelimit-unified-fallback-percentage: 0.5\r\n\
anthropic-ratelimit-unified-reset: 1763170000\r\n\
anthropic-ratelimit-unified-overage-disabled-reason: org_level_disabled\r\n\
anthropic-ratelimit-unified-overage-status: rejected\r\n\
request-id: req_011CSxxxxxxxxxxxxxxxxxxx\r\nserver: cloudflare\r\n\r\n";
const FIRST_EVENT: &[u8] = b"event: message_start\n\
data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01X\",\"type\":\"message\",\
\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[],\"stop_reason\":null,\
\"stop_sequence\":null,\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n";
const MESSAGES_BODY: &[u8] = b"{\"id\":\"msg_01XFDUDYJgAACzvnptvVoYEL\",\"type\":\"message\",\
\"role\":\"assistant\",\"model\":\"claude-sonnet-4-5\",\"content\":[{\"type\":\"text\",\
\"text\":\"Hello! How can I help you today?\"}],\"stop_reason\":\"end_turn\",\
\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,\"cache_creation_input_tokens\":0,\
\"cache_read_input_tokens\":0,\"output_tokens\":11,\"service_tier\":\"standard\"}}";
const CHAT_BODY: &[u8] = b"{\"id\":\"chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT\",\
\"object\":\"chat.completion\",\"created\":1741569952,\"model\":\"gpt-4.1-2025-04-14\",\
\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\
\"content\":\"Hello! How can I assist you today?\",\"refusal\":null,\"annotations\":[]},\
\"logprobs\":null,\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":19,\
\"completion_tokens\":10,\"total_tokens\":29,\"prompt_tokens_details\":{\
\"cached_tokens\":0,\"audio_tokens\":0},\"completion_tokens_details\":{\
\"reasoning_tokens\":0,\"audio_tokens\":0}},\"service_tier\":\"default\"}";

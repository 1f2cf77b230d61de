//! Circuit breakers over sockets: when a provider is left alone for a model, what is said
//! then, how it comes back. Each case as one message and as a stream.

use serde_json::json;

use crate::support::message::get;
use crate::support::pool::{BODY, STREAM, error, status};
use crate::support::wire::{Answer, Wire};
use crate::support::{Directory, Gateway, Mock, key, post, provider};

const BODIES: [&str; 2] = [BODY, STREAM];

/// A provider whose key has this script; `more` stands in its table.
fn scene(steps: &str, more: &str, dialect: &str) -> (Gateway, Mock) {
    let mock = Mock::with(&["--key-script", &format!("sk-k={steps}")]);
    let admin = "[admin]\nlisten = '127.0.0.1:0'\n";
    let provider = provider("p", dialect, &mock.url());
    let gateway = Gateway::start(&format!("{admin}{provider}{more}{}", key("sk-k")));
    (gateway, mock)
}

fn ask(gateway: &Gateway, body: &str) -> Answer {
    gateway.ask(post("/v1/messages", "", body))
}

fn admin(gateway: &Gateway, path: &str) -> Answer {
    let mut client = Wire::connect(gateway.admin());
    client.send(get(path, "").replace("gateway.test", "localhost"));
    client.answer()
}

#[test]
fn a49_five_failures_in_a_row_leave_the_provider_alone_for_that_model_only() {
    for (body, failing) in [(BODY, "503"), (STREAM, "504"), (BODY, "529"), (STREAM, "500")] {
        let (gateway, mock) = scene(&format!("{failing}*5,200"), "", "anthropic");
        for _ in 0..5 {
            assert_eq!(status(&ask(&gateway, body)).to_string(), failing);
        }
        let refused = ask(&gateway, body);
        assert_eq!(error(&refused), (503, Some("breaker_open"), "api_error".into()));
        let wait: u64 = refused.head.field("retry-after").unwrap().parse().unwrap();
        assert!((29..=30).contains(&wait), "{wait}");
        assert_eq!(mock.log(5).len(), 5, "nobody is asked");
        let other = ask(&gateway, &body.replace("sonnet", "opus"));
        assert_eq!(status(&other), 200, "another class is untouched");
        gateway.line("breaker open");
        let providers = admin(&gateway, "/api/v1/providers").json();
        let breaker = &providers["providers"][0]["breakers"][0];
        assert_eq!((&breaker["state"], &breaker["class"]), (&json!("open"), &json!("other")));
        let metrics = admin(&gateway, "/metrics").text();
        let open = "tidegate_breaker_state{provider=\"p\",class=\"other\"} 2.0\n";
        assert!(metrics.contains(open), "{metrics}");
        let class = "claude-opus-4-5";
        let closed = format!("tidegate_breaker_state{{provider=\"p\",class=\"{class}\"}} 0.0\n");
        assert!(metrics.contains(&closed), "{metrics}");
    }
}

#[test]
fn a49_what_is_the_requests_own_fault_or_a_limit_counts_as_an_answer() {
    let steps = "500*4,400,500*4,413,500*4,422,500*4,404,500*4,429:retry-after-ms=1,500*4,200";
    let (gateway, _mock) = scene(steps, "", "anthropic");
    let mut seen = Vec::new();
    while seen.last() != Some(&200) {
        let answer = ask(&gateway, BODY);
        assert_ne!(answer.code(), Some("breaker_open"), "{seen:?}");
        seen.push(status(&answer));
    }
    assert_eq!(seen.iter().filter(|&&status| status == 500).count(), 24);
}

#[test]
fn a49_probes_close_it_and_a_failed_one_opens_it_for_longer() {
    for body in BODIES {
        let more = "breaker = { failures = 2, open = '50ms', ceiling = '10s', probes = 2 }\n";
        let (gateway, mock) = scene("502*3,200", more, "anthropic");
        let (mut refusals, mut served) = (0, 0);
        for _ in 0..100_000 {
            let answer = ask(&gateway, body);
            match (status(&answer), answer.code()) {
                (503, Some("breaker_open")) => refusals += 1,
                (502, _) => {}
                _ => served += 1,
            }
            if served == 4 {
                break;
            }
        }
        assert!(refusals > 0 && served == 4, "{refusals} {served}");
        gateway.line("breaker closed");
        assert_eq!(mock.log(7).len(), 7, "two failures, a failed probe, and those served");
    }
}

#[test]
fn connects_and_heads_that_fail_count_and_another_provider_is_asked_instead() {
    for fault in ["rst_before_head", "cut_before_head"] {
        let spare = Mock::start();
        let mock = Mock::with(&["--knobs", fault]);
        let config = [
            provider("p", "anthropic", &mock.url()) + &key("sk-p"),
            provider("q", "anthropic", &spare.url()) + &key("sk-q"),
            "[[route]]\nname = 'r'\nstrategy = { type = 'priority', providers = ['p', 'q'] }\n"
                .to_owned(),
        ];
        let gateway = Gateway::start(&config.concat());
        let attempts: Vec<String> = (0..7)
            .map(|_| {
                let answer = ask(&gateway, BODY);
                assert_eq!(status(&answer), 200, "{}", answer.text());
                answer.head.field("x-tidegate-attempts").unwrap().to_owned()
            })
            .collect();
        assert_eq!(attempts, ["2", "2", "2", "2", "2", "1", "1"], "{fault}");
        assert_eq!(spare.log(7).len(), 7);
    }
}

#[test]
fn a_first_event_that_is_an_error_counts_as_the_status_it_maps_to() {
    let recorded = Directory::new();
    recorded
        .write("error.sse", "event: error\ndata: {\"error\":{\"type\":\"overloaded_error\"}}\n\n");
    let folder = recorded.path().to_str().unwrap();
    let mock = Mock::with(&["--replay-dir", folder, "--knobs", "replay=error.sse"]);
    let gateway = Gateway::start(&(provider("p", "anthropic", &mock.url()) + &key("sk-k")));
    for _ in 0..5 {
        assert_eq!(status(&ask(&gateway, STREAM)), 200, "the stream itself is relayed");
    }
    assert_eq!(ask(&gateway, STREAM).code(), Some("breaker_open"));
}

#[test]
fn off_is_off_and_a_clients_own_key_neither_counts_nor_is_stopped() {
    let (gateway, _mock) = scene("500", "breaker = 'off'\n", "anthropic");
    for _ in 0..8 {
        assert_eq!(status(&ask(&gateway, BODY)), 500);
    }
    let mock = Mock::with(&["--key-script", "sk-own=500", "--key-script", "sk-k=500"]);
    let provider = provider("p", "anthropic", &mock.url()) + &key("sk-k");
    let gateway = Gateway::start(
        &("[auth]\nmode = 'keys_or_byok'\n[[caller]]\nname = 'a'\nkey = 'tg-a-0123456789'\n"
            .to_owned()
            + &provider),
    );
    let with =
        |key: &str| gateway.ask(post("/v1/messages", &format!("x-api-key: {key}\r\n"), BODY));
    for _ in 0..8 {
        assert_eq!(status(&with("sk-own")), 500);
    }
    for _ in 0..5 {
        assert_eq!(with("tg-a-0123456789").code(), None, "none of those counted");
    }
    assert_eq!(with("tg-a-0123456789").code(), Some("breaker_open"));
    assert_eq!(status(&with("sk-own")), 500, "not stopped");
}

#[test]
fn the_refusal_is_in_the_dialect_of_the_path() {
    let (gateway, _mock) = scene("503", "breaker = { failures = 1 }\n", "openai");
    let chat = || gateway.ask(post("/v1/chat/completions", "", "{\"model\":\"gpt-x\"}"));
    assert_eq!(status(&chat()), 503);
    let refused = chat();
    assert_eq!((status(&refused), refused.code()), (503, Some("breaker_open")));
    assert_eq!(refused.json()["error"]["code"], "breaker_open");
}

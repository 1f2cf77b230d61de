//! Every metric that dashboards are promised, in a real scrape: its name, its kind, its labels, and
//! their values where they are few. One gateway is led through all that is counted.

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;

use crate::support::message::get;
use crate::support::pool::{BODY, STREAM};
use crate::support::{Directory, Gateway, Mock, Payload, Wire, key, post, provider};

/// Name, kind, labels. A histogram's bound is no label of its own here.
const PROMISED: &[(&str, &str, &[&str])] = &[
    ("requests_total", "counter", &["provider", "model", "status"]),
    ("request_duration_seconds", "histogram", &[]),
    ("time_to_first_token_seconds", "histogram", &[]),
    ("inter_event_seconds", "histogram", &[]),
    ("overhead_seconds", "histogram", &[]),
    ("tokens_total", "counter", &["provider", "model", "type"]),
    ("reasoning_tokens_total", "counter", &["provider", "model"]),
    ("in_flight", "gauge", &[]),
    ("attempts", "histogram", &[]),
    ("upstream_errors_total", "counter", &["provider", "kind"]),
    ("rate_limits_total", "counter", &["provider", "model"]),
    (
        "rate_limit_alternatives_used_total",
        "counter",
        &["primary_provider", "alternative_provider", "model"],
    ),
    ("rate_limit_backoff_seconds", "histogram", &["provider"]),
    ("key_state", "gauge", &["provider", "key", "state"]),
    ("key_classes_unavailable", "gauge", &["provider", "key"]),
    ("key_state_transitions_total", "counter", &["provider", "reason"]),
    ("key_utilization_ratio", "gauge", &["provider", "key", "window"]),
    ("key_cooldown_seconds", "gauge", &["provider", "key"]),
    ("key_in_flight", "gauge", &["provider", "key"]),
    ("key_pool_exhaustions_total", "counter", &["provider", "outcome"]),
    ("breaker_state", "gauge", &["provider", "class"]),
    ("admission_rejects_total", "counter", &["reason"]),
    ("bodies_unobserved_total", "counter", &["reason"]),
    ("journal_dropped_total", "counter", &[]),
    ("config_last_reload_successful", "gauge", &[]),
    ("runtime_info", "gauge", &["driver", "version"]),
];
/// The bounds of those that have some of their own.
const BUCKETS: [(&str, &[f64]); 2] = [
    ("attempts", &[1.0, 2.0, 3.0, 4.0, 5.0, 10.0, 25.0, f64::INFINITY]),
    (
        "rate_limit_backoff_seconds",
        &[60.0, 120.0, 240.0, 480.0, 960.0, 1_920.0, 3_840.0, 21_600.0, 172_800.0, f64::INFINITY],
    ),
];
/// Labels whose values are few and known.
const VALUES: [(&str, &str, &[&str]); 3] = [
    ("key_state", "state", &["auth_failed", "available", "cooling", "disabled"]),
    (
        "tokens_total",
        "type",
        &["cache_read", "cache_write_1h", "cache_write_5m", "input", "output"],
    ),
    ("key_utilization_ratio", "window", &["5h", "7d"]),
];

const MESSAGE: &str = r#"{"id":"m","type":"message","role":"assistant","model":"claude-b",
"content":[{"type":"text","text":"x"}],"stop_reason":"end_turn","usage":{"input_tokens":2,
"cache_read_input_tokens":3,"cache_creation_input_tokens":9,"cache_creation":
{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":5},"output_tokens":6}}"#;
const CHAT: &str = r#"{"id":"c","object":"chat.completion","model":"o3","choices":[{"index":0,
"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":2,
"completion_tokens":9,"total_tokens":11,"completion_tokens_details":{"reasoning_tokens":7}}}"#;

/// One sample: its labels, and its value.
type Sample = (BTreeMap<String, String>, f64);

struct Scrape {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, Vec<Sample>>,
}

impl Scrape {
    fn of(text: &str) -> Self {
        let label = Regex::new(r#"([a-z_]+)="((?:[^"\\]|\\.)*)""#).unwrap();
        let (mut kinds, mut samples) = (BTreeMap::new(), BTreeMap::<_, Vec<Sample>>::new());
        for line in text.lines() {
            if let Some(kind) = line.strip_prefix("# TYPE tidegate_") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} twice");
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let (name, labels) = series.split_once('{').unwrap_or((series, ""));
                let labels = label.captures_iter(labels);
                let labels = labels.map(|one| (one[1].to_owned(), one[2].to_owned())).collect();
                let name = name.strip_prefix("tidegate_").unwrap().to_owned();
                samples.entry(name).or_default().push((labels, value.parse().unwrap()));
            }
        }
        Self { kinds, samples }
    }

    fn samples(&self, name: &str) -> &[Sample] {
        self.samples.get(name).map_or(&[], Vec::as_slice)
    }

    /// Bounds of a histogram, in order.
    fn bounds(&self, name: &str) -> BTreeSet<String> {
        let buckets = self.samples(&format!("{name}_bucket")).iter();
        buckets.map(|(labels, _)| labels["le"].clone()).collect()
    }
}

fn config(mock: &Mock) -> String {
    let provider = |name: &str, dialect: &str, more: &str| {
        let key = key(&format!("sk-{name}"));
        [&provider(name, dialect, &mock.url()), more, &key].concat()
    };
    [
        "[admin]\nlisten = '127.0.0.1:0'\n",
        &provider("limited", "anthropic", ""),
        &provider("good", "anthropic", ""),
        &provider("chat", "openai", ""),
        &provider("capped", "anthropic", "max_concurrent = 1\n"),
        &provider("broken", "anthropic", ""),
        "[[route]]\nname = 'guard'\nmatch = { model = '^claude-' }\nstrategy = { \
         type = 'limits_alternative', primary = ['limited'], alternatives = ['good'] }\n",
    ]
    .concat()
}

/// Leads it through all that is counted, and leaves a stream under way.
fn led(mock: &Mock) -> (Gateway, Wire) {
    let gateway = Gateway::start(&config(mock));
    let ask = |path: &str, knobs: &str, body: &str| {
        let mut client = gateway.connect();
        client.send(post(path, &format!("x-mock: {knobs}\r\n"), body));
        client
    };
    let status =
        |path: &str, knobs: &str, body: &str| ask(path, knobs, body).answer().head.status();
    assert_eq!(status("/v1/messages", "events=5", STREAM), 200, "the alternative's");
    assert_eq!(status("/good/v1/messages", "replay=message.json", BODY), 200);
    assert_eq!(status("/chat/v1/chat/completions", "replay=chat.json", BODY), 200);
    assert_eq!(status("/good/v1/messages", "encoding=gzip", BODY), 200);
    assert_eq!(status("/good/v1/messages", "cut_before_head", BODY), 502);
    for _ in 0..5 {
        assert_eq!(status("/broken/v1/messages", "status=503", BODY), 503);
    }
    let mut streams = ask("/capped/v1/messages", "stall_after=2e", STREAM);
    let head = streams.head();
    Payload::of(&head).until(&mut streams, "event");
    assert_eq!(status("/capped/v1/messages", "events=1", BODY), 429);
    // Its record is the last one's: those before have been looked at.
    gateway.line("provider_cap");
    (gateway, streams)
}

fn scraped(gateway: &Gateway) -> String {
    let mut client = Wire::connect(gateway.admin());
    client.send(get("/metrics", "").replace("gateway.test", "localhost"));
    client.answer().text()
}

fn replays() -> Directory {
    let replays = Directory::new();
    replays.write("message.json", MESSAGE);
    replays.write("chat.json", CHAT);
    replays
}

const LIMITED: &str = "sk-limited=429:retry-after=100:\
                       anthropic-ratelimit-unified-status=rejected:\
                       anthropic-ratelimit-unified-5h-status=rejected:\
                       anthropic-ratelimit-unified-5h-utilization=0.5:\
                       anthropic-ratelimit-unified-5h-reset=4000000000:\
                       anthropic-ratelimit-unified-7d-utilization=0.25:\
                       anthropic-ratelimit-unified-7d-reset=4000000000";

#[test]
fn every_metric_has_its_name_its_kind_and_its_labels() {
    let replays = replays();
    let folder = replays.path().display().to_string();
    let mock = Mock::with(&["--key-script", LIMITED, "--replay-dir", &folder]);
    let (gateway, _streams) = led(&mock);
    let text = scraped(&gateway);
    let scrape = Scrape::of(&text);
    for (name, kind, labels) in PROMISED {
        assert_eq!(scrape.kinds.get(*name).map(String::as_str), Some(*kind), "{name} in {text}");
        let mut labels: BTreeSet<&str> = labels.iter().copied().collect();
        let of = if *kind == "histogram" { format!("{name}_bucket") } else { (*name).to_owned() };
        if *kind == "histogram" {
            labels.insert("le");
        }
        assert!(!scrape.samples(&of).is_empty(), "no sample of {name} in {text}");
        for (told, value) in scrape.samples(&of) {
            let told: BTreeSet<&str> = told.keys().map(String::as_str).collect();
            assert_eq!(told, labels, "{name}");
            assert!(value.is_finite() && *value >= 0.0, "{name} {value}");
        }
    }
    for (name, bounds) in BUCKETS {
        let told = scrape.bounds(name);
        let told: BTreeSet<u64> =
            told.iter().map(|le| le.parse::<f64>().unwrap().to_bits()).collect();
        assert_eq!(told, bounds.iter().map(|bound| bound.to_bits()).collect(), "{name}");
    }
    for (name, label, values) in VALUES {
        let told: BTreeSet<&str> =
            scrape.samples(name).iter().map(|(labels, _)| labels[label].as_str()).collect();
        assert_eq!(told, values.iter().copied().collect(), "{name}");
    }
}

#[test]
fn what_was_counted_is_what_was_done() {
    let replays = replays();
    let folder = replays.path().display().to_string();
    let mock = Mock::with(&["--key-script", LIMITED, "--replay-dir", &folder]);
    let (gateway, _streams) = led(&mock);
    let text = scraped(&gateway);
    let good = "provider=\"good\",model=\"claude-sonnet-4-5\"";
    let alternative = "primary_provider=\"limited\",alternative_provider=\"good\"";
    for line in [
        format!("tidegate_requests_total{{{good},status=\"200\"}} 3"),
        format!("tidegate_requests_total{{{good},status=\"502\"}} 1"),
        format!("tidegate_tokens_total{{{good},type=\"cache_read\"}} 3"),
        format!("tidegate_tokens_total{{{good},type=\"cache_write_5m\"}} 4"),
        format!("tidegate_tokens_total{{{good},type=\"cache_write_1h\"}} 5"),
        "tidegate_reasoning_tokens_total{provider=\"chat\",model=\"claude-sonnet-4-5\"} 7".into(),
        // No model has a name of its own before it was answered.
        "tidegate_rate_limits_total{provider=\"limited\",model=\"other\"} 1".into(),
        format!(
            "tidegate_rate_limit_alternatives_used_total{{{alternative},\
             model=\"claude-sonnet-4-5\"}} 1"
        ),
        "tidegate_key_utilization_ratio{provider=\"limited\",key=\"key-1\",window=\"5h\"} 0.5"
            .into(),
        "tidegate_key_state{provider=\"limited\",key=\"key-1\",state=\"cooling\"} 1.0".into(),
        "tidegate_breaker_state{provider=\"broken\",class=\"other\"} 2.0".into(),
        "tidegate_upstream_errors_total{provider=\"broken\",kind=\"status_503\"} 5".into(),
        "tidegate_upstream_errors_total{provider=\"good\",kind=\"upstream_cut\"} 1".into(),
        "tidegate_admission_rejects_total{reason=\"provider_cap\"} 1".into(),
        "tidegate_bodies_unobserved_total{reason=\"encoded\"} 1".into(),
        "tidegate_key_in_flight{provider=\"capped\",key=\"key-1\"} 1.0".into(),
        "tidegate_in_flight 1.0".into(),
        "tidegate_rate_limit_backoff_seconds_bucket{le=\"120.0\",provider=\"limited\"} 1".into(),
    ] {
        assert!(text.lines().any(|told| told == line), "{line} in {text}");
    }
}

/// Each series of a metric that begins so, with its value.
fn series<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let mut told: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(name)).collect();
    told.sort_unstable();
    told
}

#[test]
fn an_answer_of_the_5xx_class_is_an_upstream_error_whoever_serves_then() {
    let replays = Directory::new();
    let error = "event: error\ndata: {\"error\":{\"type\":\"overloaded_error\"}}\n\n";
    replays.write("error.sse", error);
    let folder = replays.path().display().to_string();
    let script = "sk-bad=500,502,501,599,504,200:replay=error.sse,500,503:cut_before_head,400";
    let mock = Mock::with(&["--replay-dir", &folder, "--key-script", script]);
    let config = [
        "[admin]\nlisten = '127.0.0.1:0'\n",
        &provider("bad", "anthropic", &mock.url()),
        "breaker = 'off'\n",
        &key("sk-bad"),
        &provider("good", "anthropic", &mock.url()),
        &key("sk-good"),
        "[[route]]\nname = 'r'\nmatch = { path = '^/v1/messages$' }\n",
        "strategy = { type = 'priority', providers = ['bad', 'good'] }\n",
    ];
    let gateway = Gateway::start(&config.concat());
    let status = |path: &str, body: &str| gateway.ask(post(path, "", body)).head.status();
    // The last three: a stream whose first event is the error, and a body that streams through.
    let served = [BODY, BODY, BODY, BODY, BODY, STREAM].map(|body| status("/v1/messages", body));
    assert_eq!(served, [200, 200, 200, 599, 200, 200]);
    assert_eq!(status("/bad/v1/files", "x"), 500);
    assert_eq!(status("/bad/v1/files", "x"), 502);
    assert_eq!(status("/bad/v1/files", "x"), 400);
    let text = scraped(&gateway);
    let told = series(&text, "tidegate_upstream_errors_total{provider=");
    let wanted = ["500\"} 2", "502\"} 1", "504\"} 1", "529\"} 1", "5xx\"} 2"];
    let mut wanted: Vec<String> =
        wanted.iter().map(|end| format!("\"bad\",kind=\"status_{end}")).collect();
    wanted.push("\"bad\",kind=\"upstream_cut\"} 1".to_owned());
    assert_eq!(told, wanted);
}

#[test]
fn a_key_that_rests_for_one_class_of_models_is_available_and_says_so() {
    let mock = Mock::with(&["--key-script", "sk-k=429:retry-after=100"]);
    let config = ["[admin]\nlisten = '127.0.0.1:0'\n", &provider("p", "anthropic", &mock.url())];
    let gateway = Gateway::start(&(config.concat() + &key("sk-k")));
    let told = |name: &str| {
        let text = scraped(&gateway);
        let ours = format!("tidegate_{name}{{provider=\"p\",key=\"key-1\"");
        series(&text, &ours).join(" ")
    };
    assert_eq!(told("key_classes_unavailable"), "} 0.0");
    assert_eq!(gateway.ask(post("/v1/messages", "", BODY)).head.status(), 429);
    assert_eq!(told("key_classes_unavailable"), "} 1.0");
    assert!(told("key_state").contains(",state=\"available\"} 1.0"), "{}", told("key_state"));
    assert_eq!(told("key_cooldown_seconds"), "} 0.0");
}

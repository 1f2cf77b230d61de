//! The utilization gate over sockets (W-01 to W-07, W-18 to W-23, W-35): readings of real header
//! sets decide who serves, and what is told of an exchange is the same on both ways.

use serde_json::Value;

use crate::support::message::get;
use crate::support::pool::{BODY, STREAM, status};
use crate::support::wire::{Answer, Wire};
use crate::support::{Gateway, Mock, key, post, provider};

/// Fields of a real answer with these readings (PROTOCOL 1.3), as knobs.
fn readings(five_hours: &str, week: &str) -> String {
    let mut knobs = Vec::new();
    for (window, value) in [("5h", five_hours), ("7d", week)] {
        if !value.is_empty() {
            knobs.push(format!("header.anthropic-ratelimit-unified-{window}-utilization={value}"));
            knobs.push(format!("header.anthropic-ratelimit-unified-{window}-status=allowed"));
            knobs.push(format!("header.anthropic-ratelimit-unified-{window}-reset=4102444800"));
        }
    }
    format!("x-mock: {}\r\n", knobs.join(", "))
}

/// A gate before `main`, with `cheap` and `main` inside; `more` stands in front.
fn gateway(mock: &Mock, more: &str, threshold: &str) -> Gateway {
    let url = mock.url();
    let config = [
        "[admin]\nlisten = '127.0.0.1:0'\n".to_owned(),
        more.to_owned(),
        provider("main", "anthropic", &url) + &key("sk-m0") + &key("sk-m1"),
        provider("cheap", "anthropic", &url) + &key("sk-cheap"),
        format!(
            "[[route]]\nname = 'gate'\nbyok = 'route'\nstrategy = {{ type = 'utilization_gate', \
             threshold = {threshold}, primary = 'main', inner = {{ type = 'priority', providers = \
             ['cheap', 'main'], model_map = {{ 'claude-sonnet-4-5' = 'small' }} }} }}\n"
        ),
    ];
    Gateway::start(&config.concat())
}

fn told<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.head.field(name).unwrap_or("none")
}

/// Decision, key and model of the answer to one more request.
fn next(gateway: &Gateway, fields: &str, body: &str) -> [String; 3] {
    let answer = gateway.ask(post("/v1/messages", fields, body));
    assert_eq!(status(&answer), 200, "{}", answer.text());
    ["decision", "key", "model"].map(|name| told(&answer, &format!("x-tidegate-{name}")).to_owned())
}

const BYPASS: &str = "gate_bypass:gate";
const ROUTED: [&str; 3] = ["gate_routed:gate", "key-1", "small"];

#[test]
fn w03_w04_w07_w18_with_quota_left_the_primary_serves_the_callers_model() {
    for (five_hours, week) in [("", ""), ("0.5", "0.5"), ("0.2", ""), ("0.2", "0.3"), ("", "x")] {
        for body in [BODY, STREAM] {
            let mock = Mock::start();
            let gateway = gateway(&mock, "", "0.95");
            let fields = readings(five_hours, week);
            for _ in 0..2 {
                let served = next(&gateway, &fields, body);
                assert_eq!(served, [BYPASS, "key-1", "claude-sonnet-4-5"], "{fields}");
            }
            let log = mock.log(2);
            assert!(log.iter().all(|seen| seen.text("body") == body), "{log:?}");
        }
    }
}

#[test]
fn w05_w06_w19_at_the_threshold_the_next_key_serves_and_then_the_inner_strategy() {
    for (five_hours, week) in [("0.95", "0.1"), ("0.1", "0.96"), ("0.99", "0.99"), ("1.28", "")] {
        let mock = Mock::start();
        let gateway = gateway(&mock, "", "0.95");
        let fields = readings(five_hours, week);
        let keys: Vec<[String; 3]> = (0..4).map(|_| next(&gateway, &fields, BODY)).collect();
        assert_eq!(keys[0], [BYPASS, "key-1", "claude-sonnet-4-5"]);
        assert_eq!(keys[1], [BYPASS, "key-2", "claude-sonnet-4-5"], "a cold key is open");
        assert_eq!((&keys[2], &keys[3]), (&ROUTED.map(str::to_owned), &ROUTED.map(str::to_owned)));
        let asked: Vec<_> = mock.log(4).iter().map(|seen| seen.text("key").to_owned()).collect();
        assert_eq!(asked, ["sk-m0", "sk-m1", "sk-cheap", "sk-cheap"]);
    }
}

#[test]
fn w08_w15_an_absent_window_keeps_what_was_read() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "", "0.95");
    for key in ["key-1", "key-2"] {
        assert_eq!(next(&gateway, &readings("", "0.99"), BODY)[1], key);
    }
    assert_eq!(next(&gateway, "", BODY), ROUTED);
    let one = readings("0.3", "");
    assert_eq!(next(&gateway, &one, BODY), ROUTED);
}

#[test]
fn thresholds_0_and_1_and_one_of_each_rule() {
    for (threshold, value, expected) in
        [("0", "0.0", "gate_routed:gate"), ("1", "0.998", BYPASS), ("1", "1.0", "gate_routed:gate")]
    {
        let mock = Mock::start();
        let gateway = gateway(&mock, "", threshold);
        let fields = readings(value, "");
        assert_eq!(next(&gateway, &fields, BODY)[0], BYPASS, "cold");
        next(&gateway, &fields, BODY);
        assert_eq!(next(&gateway, &fields, BODY)[0], expected, "{threshold} at {value}");
    }
}

#[test]
fn w35_a_429_on_the_way_around_leads_to_the_inner_strategy() {
    for body in [BODY, STREAM] {
        let scripts = ["sk-m0=429:retry-after=60", "sk-m1=429:retry-after=60"];
        let mock = Mock::with(&["--key-script", scripts[0], "--key-script", scripts[1]]);
        let gateway = gateway(&mock, "", "0.95");
        let answer = gateway.ask(post("/v1/messages", "", body));
        assert_eq!((status(&answer), told(&answer, "x-tidegate-decision")), (200, ROUTED[0]));
        assert_eq!(told(&answer, "x-tidegate-attempts"), "3");
        assert_eq!(mock.log(3)[2].text("body"), body.replace("claude-sonnet-4-5", "small"));
    }
}

#[test]
fn w20_w23_the_credential_that_is_sent_governs_and_no_other_header() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "[auth]\nmode = 'keys_or_byok'\n", "0.95");
    let full = format!("{}authorization: Bearer sk-own-1\r\n", readings("0.99", ""));
    assert_eq!(next(&gateway, &full, BODY)[0], BYPASS, "never seen");
    // x-api-key comes first (BEHAVIOUR 2.1) and has quota left.
    let other = "x-api-key: sk-own-2\r\nauthorization: Bearer sk-own-1\r\n";
    assert_eq!(next(&gateway, other, BODY)[0], BYPASS);
    let own = "authorization: Bearer sk-own-1\r\n";
    assert_eq!(next(&gateway, own, BODY)[0], ROUTED[0]);
    let keys: Vec<_> = mock.log(3).iter().map(|seen| seen.text("key").to_owned()).collect();
    assert_eq!(keys, ["sk-own-1", "sk-own-2", "sk-own-1"]);
}

#[test]
fn w21_a_model_that_the_caller_may_not_ask_for_is_served_by_its_substitute() {
    let mock = Mock::start();
    let caller = "[[caller]]\nname = 'a'\nkey = 'tg-a-0123456789'\nmodels = ['^small$']\n";
    let gateway = gateway(&mock, caller, "0.95");
    let fields = "x-api-key: tg-a-0123456789\r\n";
    assert_eq!(next(&gateway, fields, BODY), ROUTED);
    let refused = gateway.ask(post("/v1/messages", fields, "{\"model\":\"claude-opus\"}"));
    assert_eq!((status(&refused), refused.code()), (403, Some("model_not_allowed")));
    assert_eq!(mock.log(1).len(), 1, "hard limits hold on both ways");
}

#[test]
fn bodies_that_stream_through_go_where_there_is_room_too() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "", "0");
    let upload = || {
        let fields = "anthropic-version: 2023-06-01\r\n";
        let answer = gateway.ask(post("/v1/files", fields, "a file"));
        assert_eq!(status(&answer), 200, "{}", answer.text());
        ["decision", "provider"].map(|name| told(&answer, &format!("x-tidegate-{name}")).to_owned())
    };
    assert_eq!(upload(), [BYPASS, "main"], "cold");
    for _ in 0..2 {
        next(&gateway, &readings("0.5", ""), BODY);
    }
    assert_eq!(upload(), [ROUTED[0], "cheap"]);
}

#[test]
fn without_a_gate_readings_keep_nobody_out() {
    let mock = Mock::start();
    let config = provider("main", "anthropic", &mock.url()) + &key("sk-m0");
    let gateway = Gateway::start(&config);
    for _ in 0..2 {
        assert_eq!(next(&gateway, &readings("0.99", "0.99"), BODY)[0], "default");
    }
}

#[test]
fn what_is_told_of_an_exchange_is_the_same_on_both_ways() {
    let mock = Mock::start();
    let gateway = gateway(&mock, "[storage]\npath = 'state'\n", "0.95");
    let admin = |path: &str| {
        let mut client = Wire::connect(gateway.admin());
        client.send(get(path, "").replace("gateway.test", "localhost"));
        client.answer()
    };
    let fields = readings("0.99", "0.5");
    for expected in [BYPASS, BYPASS, ROUTED[0]] {
        assert_eq!(next(&gateway, &fields, STREAM)[0], expected);
    }
    let rows = (0..100_000).find_map(|_| {
        let rows = admin("/api/v1/requests").json()["requests"].as_array().unwrap().clone();
        (rows.len() == 3).then_some(rows)
    });
    let rows = rows.unwrap();
    let (routed, bypassed) = (&rows[0], &rows[1]);
    assert_eq!(routed["decision"], ROUTED[0]);
    assert_eq!(bypassed["decision"], BYPASS);
    // What differs by its nature; the gaps and times are measured.
    let own = ["id", "time", "provider", "key", "decision", "model_routed", "model_answered"];
    let measured = [
        "duration_ms",
        "overhead_us",
        "ttfb_ms",
        "ttft_ms",
        "gaps_ms",
        "upstream_request_id",
        "bytes_out",
    ];
    let (routed, bypassed) = (routed.as_object().unwrap(), bypassed.as_object().unwrap());
    assert_eq!(routed.keys().collect::<Vec<_>>(), bypassed.keys().collect::<Vec<_>>());
    for (name, value) in routed {
        if own.contains(&name.as_str()) || measured.contains(&name.as_str()) {
            assert_eq!(value == &Value::Null, bypassed[name] == Value::Null, "{name}");
        } else {
            assert_eq!(value, &bypassed[name], "{name}");
        }
    }
    let metrics = admin("/metrics").text();
    let mut series: Vec<(String, Vec<String>)> = Vec::new();
    for provider in ["main", "cheap"] {
        let label = format!("provider=\"{provider}\"");
        let lines = metrics.lines().filter(|line| line.contains(&label));
        let names = lines.map(|line| line.split(['{', ' ']).next().unwrap().to_owned());
        let mut names: Vec<String> = names.collect();
        names.dedup();
        series.push((provider.to_owned(), names));
    }
    assert_eq!(series[0].1, series[1].1, "both ways feed the same metrics");
}

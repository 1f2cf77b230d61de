//! Verdicts over sockets: which answers mark a key, and which are the client's to see.

use crate::support::pool::{BODY, STREAM, error, status, tells_error};
use crate::support::{Directory, Gateway, Mock, Pool, Wire, key, post, provider};

#[test]
fn l28_a_429_is_told_as_one_with_its_seconds() {
    let pool = Pool::start(&["429:retry-after=120"], "");
    let answer = pool.ask(BODY);
    assert_eq!(error(&answer).0, 429);
    assert_eq!(answer.head.field("retry-after"), Some("120"));
    assert_eq!(answer.head.field("x-should-retry"), Some("false"), "a wait above a minute");
    assert!(answer.text().contains("next free in 2m"), "{}", answer.text());
    assert_eq!(pool.keys(1).len(), 1, "not blindly retried");
}

#[test]
fn a_long_rest_reads_as_a_usage_limit_on_responses() {
    let pool = Pool::of("openai", &["429:retry-after=3600"], "");
    let answer = pool.gateway.ask(post("/v1/responses", "", "{\"model\":\"m\",\"input\":\"x\"}"));
    let told = answer.json()["error"].clone();
    assert_eq!((status(&answer), &told["type"]), (429, &"usage_limit_reached".into()));
    assert_eq!(told["resets_in_seconds"], 3600);
    let chat = pool.gateway.ask(post("/v1/chat/completions", "", "{\"model\":\"m\"}")).json();
    assert_eq!(chat["error"]["type"], "rate_limit_error");
}

#[test]
fn a_used_up_window_is_told_in_the_headers_that_claude_code_reads() {
    let reset = jiff::Timestamp::now().as_second() + 3_600;
    let unified = "anthropic-ratelimit-unified";
    let step = format!(
        "429:{unified}-status=rejected:{unified}-5h-status=rejected:{unified}-5h-reset={reset}\
         :{unified}-5h-utilization=1.0:{unified}-7d-utilization=0.42"
    );
    let pool = Pool::start(&[&step], "");
    for _ in 0..2 {
        let answer = pool.ask(BODY);
        let field = |name: &str| answer.head.field(&format!("{unified}-{name}")).map(str::to_owned);
        assert_eq!(status(&answer), 429);
        assert_eq!(field("status").as_deref(), Some("rejected"));
        assert_eq!(field("representative-claim").as_deref(), Some("five_hour"));
        assert_eq!(field("5h-utilization").as_deref(), Some("1.000"));
        assert_eq!(field("7d-utilization").as_deref(), Some("0.420"));
        let told: i64 = field("reset").unwrap().parse().unwrap();
        assert!((told - reset).abs() <= 2, "{told} is about {reset}");
        assert!(answer.text().contains("five-hour window"), "{}", answer.text());
    }
    assert_eq!(pool.keys(1).len(), 1);
    // The window is the credential's: every class rests.
    let other = pool.ask(&BODY.replace("sonnet", "opus"));
    assert_eq!((status(&other), pool.keys(1).len()), (429, 1));
}

#[test]
fn l16_without_a_header_the_ladder_says_how_long() {
    let pool = Pool::start(&["429"], "cooldown = { base = \"30s\" }\n");
    let answer = pool.ask(BODY);
    assert_eq!((status(&answer), answer.head.field("retry-after")), (429, Some("30")));
}

#[test]
fn one_limited_class_never_blocks_another() {
    let pool = Pool::start(&["429:retry-after=60,200"], "");
    assert_eq!(status(&pool.ask(BODY)), 429);
    assert_eq!(status(&pool.ask(&BODY.replace("sonnet", "opus"))), 200);
    assert_eq!(status(&pool.ask(BODY)), 429);
}

#[test]
fn insufficient_quota_takes_the_key_out() {
    let pool = Pool::of("openai", &["429:error_code=insufficient_quota", "200"], "");
    let chat = || post("/v1/chat/completions", "", "{\"model\":\"m\"}");
    assert_eq!(status(&pool.gateway.ask(chat())), 200);
    assert!(pool.gateway.line("key failed").contains("insufficient_quota"));
    assert_eq!(status(&pool.gateway.ask(chat())), 200);
    assert_eq!(pool.keys(3), ["k0", "k1", "k1"]);
}

#[test]
fn w44_a_lone_402_is_a_502_of_ours() {
    let pool = Pool::start(&["402:error_type=billing_error"], "");
    let answer = pool.ask(BODY);
    assert_eq!(error(&answer), (502, Some("keys_auth_failed"), "api_error".into()));
}

#[test]
fn a_credit_balance_that_is_too_low_takes_the_key_out() {
    let message = "error_message=Your credit balance is too low to access the API";
    let pool = Pool::start(&[&format!("400:{message}"), "200"], "");
    assert_eq!((status(&pool.ask(BODY)), pool.keys(2).len()), (200, 2));
}

#[test]
fn a_plain_400_is_the_requests_own_business() {
    let pool = Pool::start(&["400,200", "200"], "");
    assert_eq!((status(&pool.ask(BODY)), pool.keys(1).len()), (400, 1));
}

#[test]
fn when_every_key_answers_403_the_last_one_is_relayed_and_none_marked() {
    let steps = ["403:error_message=first,200", "403:error_message=second,200"];
    let pool = Pool::start(&steps, "");
    let answer = pool.ask(BODY);
    assert_eq!((status(&answer), answer.code()), (403, None));
    assert!(answer.text().contains("second"), "{}", answer.text());
    assert_eq!(pool.next_keys(BODY, 1), ["k0"]);
}

#[test]
fn a_page_instead_of_an_error_is_relayed_at_once() {
    for code in ["401", "403"] {
        let step = format!("{code}:raw_body=<html/>:content_type=text/html");
        let pool = Pool::start(&[&step, "200"], "");
        let answer = pool.ask(BODY);
        assert_eq!(
            (status(&answer).to_string().as_str(), answer.text()),
            (code, "<html/>".to_owned())
        );
        assert_eq!(pool.next_keys(BODY, 1), ["k0"], "not marked");
    }
}

#[test]
fn w37_a_stream_that_begins_with_an_error_goes_to_the_next_key() {
    let recorded = Directory::new();
    recorded.write("error.sse", FIRST_ERROR);
    let steps = ["sk-k0=200:replay=error.sse:chunk=7", "sk-k1=200"];
    let folder = recorded.path().to_str().unwrap();
    let mock =
        Mock::with(&["--replay-dir", folder, "--key-script", steps[0], "--key-script", steps[1]]);
    let config = provider("p", "anthropic", &mock.url()) + &key("sk-k0") + &key("sk-k1");
    let pool = Pool { gateway: Gateway::start(&config), mock };
    let answer = pool.ask(STREAM);
    assert_eq!(status(&answer), 200);
    assert!(!tells_error(&answer), "{}", answer.text());
    assert_eq!(pool.keys(2), ["k0", "k1"]);
    assert_eq!(pool.next_keys(STREAM, 1), ["k1"], "k0 rests");
}

/// What overloaded providers begin a stream with.
const FIRST_ERROR: &str = ": wait\n\nevent: ping\ndata: {\"type\": \"ping\"}\n\nevent: error\n\
    data: {\"type\":\"error\",\"error\":{\"type\":\"rate_limit_error\",\"message\":\"m\"}}\n\n";

#[test]
fn w37_with_nobody_else_to_ask_the_stream_is_passed_on_as_it_came() {
    let recorded = Directory::new();
    recorded.write("error.sse", FIRST_ERROR.replace("rate_limit", "overloaded"));
    let mock = Mock::with(&[
        "--replay-dir",
        recorded.path().to_str().unwrap(),
        "--knobs",
        "replay=error.sse",
    ]);
    let config = provider("p", "anthropic", &mock.url()) + &key("sk-k0");
    let answer = Gateway::start(&config).ask(post("/v1/messages", "", STREAM));
    assert_eq!((status(&answer), answer.code()), (200, None));
    assert_eq!(answer.text(), FIRST_ERROR.replace("rate_limit", "overloaded"));
}

#[test]
fn an_error_behind_the_first_event_is_the_clients_to_see() {
    let pool = Pool::start(&["200:event_error=overloaded_error@1", "200"], "");
    let answer = pool.ask(STREAM);
    assert!(tells_error(&answer));
    assert_eq!(pool.keys(1), ["k0"]);
}

#[test]
fn retry_on_5xx_tries_the_same_provider_once_more() {
    let pool = Pool::start(&["529,200"], "retry_on_5xx = true\n");
    let answer = pool.ask(BODY);
    assert_eq!((status(&answer), pool.keys(2)), (200, vec!["k0".into(), "k0".into()]));
    let pool = Pool::start(&["529*2,200"], "retry_on_5xx = true\n");
    assert_eq!((status(&pool.ask(BODY)), pool.keys(2).len()), (529, 2));
}

#[test]
fn max_attempts_ends_the_walk() {
    let steps = ["429:retry-after=60", "429:retry-after=60", "200"];
    let pool = Pool::start(&steps, "");
    assert_eq!((status(&pool.ask(BODY)), pool.keys(3).len()), (200, 3));
    let mock = Mock::with(&["--knobs", "status=429, header.retry-after=60"]);
    let keys = ["sk-a", "sk-b", "sk-c"].map(key).concat();
    let config = provider("p", "anthropic", &mock.url()) + &keys + "[failover]\nmax_attempts = 2\n";
    let gateway = Gateway::start(&config);
    let answer = gateway.ask(post("/v1/messages", "", BODY));
    assert_eq!(
        (status(&answer), answer.head.field("retry-after")),
        (429, Some("1")),
        "one is left"
    );
    assert_eq!(mock.log(2).len(), 2);
}

#[test]
fn a_discarded_answer_gives_its_connection_to_the_next_attempt() {
    let pool = Pool::start(&["429:retry-after=60", "200"], "");
    assert_eq!(status(&pool.ask(BODY)), 200);
    let log = pool.mock.log(2);
    assert_eq!(log[0].connection(), log[1].connection());
}

#[test]
fn bytes_behind_a_discarded_answer_cost_its_connection() {
    let pool = Pool::start(&["429:retry-after=60:extra_response", "200"], "");
    assert_eq!(status(&pool.ask(BODY)), 200);
    let log = pool.mock.log(2);
    assert_ne!(log[0].connection(), log[1].connection());
}

#[test]
fn a_discarded_answer_that_is_too_long_costs_its_connection() {
    let pool = Pool::start(&["429:retry-after=60:error_body_size=1MiB", "200"], "");
    assert_eq!(status(&pool.ask(BODY)), 200);
    let log = pool.mock.log(2);
    assert_ne!(log[0].connection(), log[1].connection());
}

#[test]
fn w45_a_client_that_leaves_stops_the_walk() {
    let pool = Pool::start(&["429:retry-after=60:first_byte_delay=300ms", "200"], "");
    let mut client: Wire = pool.gateway.connect();
    client.send(post("/v1/messages", "", BODY));
    pool.mock.wait_in_flight(1);
    drop(client);
    pool.gateway.line("client_gone");
    assert_eq!(pool.keys(1), ["k0"], "no second upstream call");
}

#[test]
fn round_robin_goes_round() {
    let pool = Pool::start(&["200", "200", "200"], "select = \"round_robin\"\n");
    for _ in 0..6 {
        assert_eq!(status(&pool.ask(BODY)), 200);
    }
    let keys = pool.keys(6);
    assert_eq!(keys[..3], keys[3..]);
    let mut first = keys[..3].to_vec();
    first.sort();
    assert_eq!(first, ["k0", "k1", "k2"]);
}

#[test]
fn affinity_keeps_a_conversation_with_its_key_until_it_rests() {
    let pool = Pool::start(&["200", "200", "200", "200"], "select = \"affinity\"\n");
    let mut used = std::collections::BTreeSet::new();
    for conversation in 0..16 {
        let fields = format!("x-claude-code-session-id: s-{conversation}\r\n");
        let before = pool.mock.log(0).len();
        for _ in 0..3 {
            assert_eq!(status(&pool.gateway.ask(post("/v1/messages", &fields, BODY))), 200);
        }
        let keys = pool.keys(before + 3).split_off(before);
        assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
        used.insert(keys[0].clone());
    }
    assert!(used.len() > 1, "conversations spread");
}

#[test]
fn a06_an_unreachable_provider_marks_nobody() {
    let keys = ["sk-a", "sk-b"].map(key).concat();
    let gateway = Gateway::start(&(provider("p", "anthropic", "http://127.0.0.1:9") + &keys));
    for _ in 0..3 {
        let answer = gateway.ask(post("/v1/messages", "", BODY));
        assert_eq!((status(&answer), answer.code()), (502, Some("upstream_refused")));
        assert_eq!(answer.head.field("x-tidegate-attempts"), Some("1"));
        assert_eq!(answer.head.field("x-tidegate-failover-from"), None, "still the first key");
    }
}

#[test]
fn unscanned_paths_take_the_first_available_key_once() {
    let pool = Pool::of("openai", &["429:retry-after=60", "200"], "");
    let upload = || post("/v1/files", "content-type: text/plain\r\n", "hello");
    assert_eq!(status(&pool.gateway.ask(upload())), 429, "one attempt");
    assert_eq!(pool.keys(1), ["k0"]);
}

#[test]
fn a48_a_body_that_does_not_come_whole_never_goes_up() {
    let pool = Pool::start(&["200", "200"], "");
    let mut client = pool.gateway.connect();
    client.send("POST /v1/messages HTTP/1.1\r\nhost: gateway.test\r\ncontent-length: 100\r\n\r\n{\"model\":");
    drop(client);
    pool.gateway.line("client_gone");
    assert_eq!(pool.mock.stat("requests"), 0);
}

#[test]
fn w16_w23_readings_are_those_of_the_key_that_was_sent() {
    let used = |share: &str| format!("200:anthropic-ratelimit-unified-5h-utilization={share}");
    let pool = Pool::start(&[&used("0.9"), &used("0.2")], "select = \"headroom\"\n");
    // A header of the client's own is not what was sent, whatever it holds.
    let ask = || pool.gateway.ask(post("/v1/messages", "x-api-key: sk-k1\r\n", BODY));
    for _ in 0..3 {
        assert_eq!(status(&ask()), 200);
    }
    assert_eq!(pool.keys(3), ["k0", "k1", "k1"], "k1 has more left");
}

#[test]
fn w17_without_any_key_nothing_is_asked() {
    let mock = Mock::start();
    let gateway = Gateway::start(&provider("p", "anthropic", &mock.url()));
    let answer = gateway.ask(post("/v1/messages", "", BODY));
    assert_eq!((status(&answer), answer.code()), (401, Some("unauthorized")));
    assert_eq!(mock.stat("requests"), 0);
}

#[test]
fn w36_a_used_up_subscription_gives_way_to_a_plain_key() {
    let used_up = "429:anthropic-ratelimit-unified-status=rejected\
                   :anthropic-ratelimit-unified-5h-status=rejected\
                   :anthropic-ratelimit-unified-5h-reset=4102444800";
    let scripts = [format!("sk-ant-oat01-sub={used_up}"), "sk-ant-api=200".to_owned()];
    let mock = Mock::with(&["--key-script", &scripts[0], "--key-script", &scripts[1]]);
    let provider = provider("p", "anthropic", &mock.url());
    let both = format!("{provider}{}{}", key("sk-ant-oat01-sub"), key("sk-ant-api"));
    assert_eq!(status(&Gateway::start(&both).ask(post("/v1/messages", "", BODY))), 200);
    let log = mock.log(2);
    assert_eq!(log[0].field("authorization").as_deref(), Some("Bearer sk-ant-oat01-sub"));
    assert_eq!(log[1].field("x-api-key").as_deref(), Some("sk-ant-api"));
    // Without another key the subscription is kept, and its rest is told.
    let alone = Gateway::start(&(provider + &key("sk-ant-oat01-sub")));
    let answer = alone.ask(post("/v1/messages", "", BODY));
    assert_eq!((status(&answer), answer.code()), (429, Some("keys_rate_limited")));
    let claim = "anthropic-ratelimit-unified-representative-claim";
    assert_eq!(answer.head.field(claim), Some("five_hour"));
}

#[test]
fn planted_keys_never_show_in_what_a_failing_pool_writes() {
    let mock = Mock::with(&["--knobs", "status=401, error_message=planted-key-1 is invalid"]);
    let keys = ["planted-key-1", "planted-key-2"].map(key).concat();
    let gateway = Gateway::start(&(provider("p", "anthropic", &mock.url()) + &keys));
    let answer = gateway.ask(post("/v1/messages", "x-api-key: planted-own\r\n", BODY));
    assert_eq!(status(&answer), 502);
    assert!(!answer.text().contains("planted"), "{}", answer.text());
    assert!(answer.head.fields.iter().all(|(_, value)| !value.contains("planted")));
    gateway.line("request failed");
    assert!(!gateway.kill().contains("planted"));
}

//! Key pools over sockets: which key is asked, what marks it, what the client gets when none
//! serves (BEHAVIOUR 3 to 5). Waits over two seconds are the rooms' own tests, on a fake clock.

use crate::support::pool::{BODY, STREAM, error, status, tells_error};
use crate::support::{Gateway, Mock, Pool, key, post, provider};

const BODIES: [&str; 2] = [BODY, STREAM];

#[test]
fn a16_one_key_that_serves_is_asked_once() {
    for body in BODIES {
        let pool = Pool::start(&["200"], "");
        let answer = pool.ask(body);
        assert_eq!((status(&answer), pool.keys(1)), (200, vec!["k0".to_owned()]));
        assert!(!tells_error(&answer));
        assert_eq!(answer.head.field("x-tidegate-attempts"), Some("1"));
        assert_eq!(answer.head.field("x-tidegate-failover-from"), None);
    }
}

#[test]
fn a17_failover_after_429() {
    for body in BODIES {
        let pool = Pool::start(&["429:retry-after=5", "200"], "");
        let answer = pool.ask(body);
        assert_eq!((status(&answer), pool.keys(2)), (200, vec!["k0".into(), "k1".into()]));
        assert!(!tells_error(&answer));
        assert_eq!(answer.head.field("x-tidegate-attempts"), Some("2"));
        assert_eq!(answer.head.field("x-tidegate-key"), Some("key-2"));
        assert_eq!(answer.head.field("x-tidegate-failover-from"), Some("p/key-1"));
        assert_eq!(pool.next_keys(body, 1), ["k1"], "k0 rests");
    }
}

#[test]
fn a18_failover_after_401() {
    for body in BODIES {
        let pool = Pool::start(&["401", "200"], "");
        assert_eq!((status(&pool.ask(body)), pool.keys(2)), (200, vec!["k0".into(), "k1".into()]));
        assert_eq!(pool.next_keys(body, 1), ["k1"], "k0 is out");
        assert!(pool.gateway.line("key failed").contains("unauthorized"));
    }
}

#[test]
fn a19_failover_after_403_marks_the_class_only() {
    for body in BODIES {
        let pool = Pool::start(&["403", "200"], "");
        assert_eq!((status(&pool.ask(body)), pool.keys(2)), (200, vec!["k0".into(), "k1".into()]));
        assert_eq!(pool.next_keys(body, 1), ["k1"], "k0 is out for this class");
        let other = body.replace("sonnet", "opus");
        assert_eq!(pool.next_keys(&other, 2), ["k0", "k1"], "another class is asked");
    }
}

#[test]
fn a02_a20_all_limited_is_429_with_the_smallest_wait() {
    for body in BODIES {
        let steps = ["429:retry-after=5", "429:retry-after=3", "429:retry-after=10"];
        let pool = Pool::start(&steps, "");
        let answer = pool.ask(body);
        assert_eq!(pool.keys(3).len(), 3);
        assert_eq!(
            error(&answer),
            (429, Some("keys_rate_limited"), "rate_limit_error".into()),
            "{}",
            answer.text()
        );
        assert_eq!(answer.head.field("retry-after"), Some("3"));
        assert!(answer.text().contains("all configured keys are rate-limited"));
        assert_eq!(answer.head.field("x-should-retry"), None);
        let again = pool.ask(body);
        assert_eq!((status(&again), pool.keys(3).len()), (429, 3), "nobody is asked again");
    }
}

#[test]
fn a03_a21_all_unauthorized_is_502() {
    for body in BODIES {
        let pool = Pool::start(&["401", "401"], "");
        let answer = pool.ask(body);
        assert_eq!(pool.keys(2).len(), 2);
        assert_eq!(error(&answer), (502, Some("keys_auth_failed"), "api_error".into()));
        assert!(answer.text().contains("all configured keys failed authentication"));
        assert_eq!(answer.head.field("x-should-retry"), Some("false"));
    }
}

#[test]
fn a04_a22_a_500_is_relayed_and_marks_nobody() {
    for body in BODIES {
        let pool = Pool::start(&["500,200", "200"], "");
        let answer = pool.ask(body);
        assert_eq!((status(&answer), pool.keys(1)), (500, vec!["k0".to_owned()]));
        assert_eq!(answer.code(), None, "the provider's own answer");
        assert_eq!(pool.next_keys(body, 1), ["k0"], "k0 is valid");
    }
}

#[test]
fn a05_a23_a_clients_own_key_is_asked_once_and_its_429_relayed() {
    let mock = Mock::with(&["--key-script", "sk-own=429:retry-after=5:x-should-retry=false"]);
    let gateway = Gateway::start(&provider("p", "anthropic", &mock.url()));
    for count in 1..=2 {
        let answer = gateway.ask(post("/v1/messages", "x-api-key: sk-own\r\n", BODY));
        assert_eq!(status(&answer), 429, "its own rest never refuses it");
        assert_eq!(answer.head.field("retry-after"), Some("5"));
        assert_eq!(answer.head.field("x-should-retry"), Some("false"));
        assert_eq!(mock.log(count).len(), count);
    }
}

#[test]
fn a24_to_a26_each_turn_of_a_tool_loop_walks_the_pool_afresh() {
    for body in BODIES {
        let steps = ["200,429:retry-after=5", "429:retry-after=3"];
        let pool = Pool::start(&steps, "");
        assert_eq!(pool.next_keys(body, 1), ["k0"]);
        let answer = pool.ask(body);
        assert_eq!(pool.keys(3), ["k0", "k0", "k1"]);
        assert_eq!((status(&answer), answer.head.field("retry-after")), (429, Some("3")));
    }
}

#[test]
fn a27_a_cooldown_outlives_the_request() {
    for body in BODIES {
        let pool = Pool::start(&["429:retry-after=60", "200"], "");
        assert_eq!((status(&pool.ask(body)), status(&pool.ask(body))), (200, 200));
        assert_eq!(pool.keys(3), ["k0", "k1", "k1"]);
    }
}

#[test]
fn a46_limited_and_unauthorized_keys_together_are_rate_limited() {
    let pool = Pool::start(&["401", "429:retry-after=60"], "");
    let answer = pool.ask(BODY);
    assert_eq!(error(&answer), (429, Some("keys_rate_limited"), "rate_limit_error".into()));
    assert_eq!(answer.head.field("retry-after"), Some("60"));
}

#[test]
fn a47_every_attempt_gets_the_whole_body() {
    let mock =
        Mock::with(&["--key-script", "sk-k0=401", "--key-script", "sk-k1=429:retry-after=5"]);
    let keys = ["sk-k0", "sk-k1", "sk-k2"].map(key).concat();
    let gateway = Gateway::start(&(provider("p", "anthropic", &mock.url()) + &keys));
    let body = format!("{{\"model\":\"m\",\"pad\":\"{}\"}}", "x".repeat(300_000));
    assert_eq!(status(&gateway.ask(post("/v1/messages", "", &body))), 200);
    let log = mock.log(3);
    assert_eq!(log.iter().map(|seen| seen.text("body")).collect::<Vec<_>>(), [&body; 3]);
}

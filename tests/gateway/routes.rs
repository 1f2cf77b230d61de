//! Rules over sockets: which is for a request, whom it asks in which order, what is told of it.

use crate::support::pool::{BODY, STREAM, status};
use crate::support::wire::Answer;
use crate::support::{Gateway, Mock, get, key, post, provider};

/// A provider with one key.
fn keyed(name: &str, mock: &Mock) -> String {
    provider(name, "anthropic", &mock.url()) + &key(&format!("sk-{name}"))
}

fn route(name: &str, rest: &str) -> String {
    format!("[[route]]\nname = \"{name}\"\n{rest}\n")
}

fn decision(answer: &Answer) -> &str {
    answer.head.field("x-tidegate-decision").unwrap_or("none")
}

fn served_by(answer: &Answer) -> &str {
    answer.head.field("x-tidegate-provider").unwrap_or("none")
}

const PRIORITY_B: &str = "strategy = { type = 'priority', providers = ['b'] }";

#[test]
fn the_rule_with_the_highest_priority_that_matches_decides() {
    let mock = Mock::start();
    let config = [
        keyed("a", &mock),
        keyed("b", &mock),
        keyed("c", &mock),
        "[[caller]]\nname = 'alice'\nkey = 'tg-alice-0123456789'\n".to_owned(),
        route(
            "low",
            "match = { model = '^claude-' }\nstrategy = { type = 'priority', providers = ['a'] }",
        ),
        route(
            "high",
            &format!(
                "priority = 9\nmatch = {{ model = 'opus', path = '^/v1/messages$' }}\n{PRIORITY_B}"
            ),
        ),
        route(
            "alice",
            "priority = 20\nmatch = { caller = 'alice', header = 'X-Team: ^bl.e$' }\nstrategy = { type = 'priority', providers = ['c'] }",
        ),
    ];
    let gateway = Gateway::start(&config.concat());
    let ask = |path: &str, fields: &str, model: &str| {
        let fields = format!("{fields}x-api-key: tg-alice-0123456789\r\n");
        let answer = gateway.ask(post(path, &fields, &BODY.replace("claude-sonnet-4-5", model)));
        assert_eq!(status(&answer), 200, "{}", answer.text());
        (decision(&answer).to_owned(), served_by(&answer).to_owned())
    };
    let told = |decision: &str, provider: &str| (decision.to_owned(), provider.to_owned());
    assert_eq!(ask("/v1/messages", "", "claude-x"), told("route:low", "a"));
    assert_eq!(ask("/v1/messages?beta=true", "", "claude-opus"), told("route:high", "b"));
    assert_eq!(ask("/anthropic/v1/messages", "", "claude-opus"), told("route:high", "b"));
    assert_eq!(ask("/v1/messages/count_tokens", "", "claude-opus"), told("route:low", "a"));
    assert_eq!(ask("/v1/messages", "x-team: blue\r\n", "other"), told("route:alice", "c"));
    assert_eq!(ask("/v1/messages", "x-team: blues\r\n", "other"), told("default", "a"));
    assert_eq!(ask("/b/v1/messages", "x-team: blue\r\n", "claude-x"), told("default", "b"));
}

#[test]
fn every_answer_tells_its_decision_even_a_refusal() {
    let mock = Mock::start();
    let gateway = Gateway::start(
        &(keyed("a", &mock)
            + &route(
                "r",
                "match = { model = '^m' }\nstrategy = { type = 'priority', providers = ['a'] }",
            )),
    );
    for (request, expected) in [
        (post("/v1/messages", "", "{\"model\":\"m\"}"), "route:r"),
        (post("/v1/messages", "", "{\"model\":\"x\"}"), "default"),
        (post("/v1/messages", "x-mock: status=400\r\n", "{\"model\":\"m\"}"), "route:r"),
        (get("/nothing", ""), "default"),
        (post("/v1/chat/completions", "", "{}"), "default"),
        ("nonsense\r\n\r\n".to_owned(), "default"),
    ] {
        assert_eq!(decision(&gateway.ask(&request)), expected, "{request}");
    }
}

#[test]
fn l23_l24_round_robin_and_weights_are_exact_over_a_cycle() {
    let mock = Mock::start();
    let config = [
        "[server]\nlisten = ['127.0.0.1:0']\nworkers = 2\n".to_owned(),
        keyed("a", &mock),
        keyed("b", &mock),
        keyed("c", &mock),
        route(
            "round",
            "match = { model = 'round' }\nstrategy = { type = 'round_robin', providers = ['a', 'b', 'c'] }",
        ),
        route(
            "weighted",
            "match = { model = 'weighted' }\nstrategy = { type = 'weighted', providers = [{ name = 'a', weight = 7 }, { name = 'b', weight = 2 }, { name = 'c', weight = 1 }] }",
        ),
    ];
    let gateway = Gateway::start(&config.concat());
    let counts = |model: &str, asked: usize| {
        let body = BODY.replace("claude-sonnet-4-5", model);
        let mut counts = [0; 3];
        for _ in 0..asked {
            // A connection each, so that both workers take part.
            let answer = gateway.ask(post("/v1/messages", "", &body));
            let place = ["a", "b", "c"].iter().position(|name| *name == served_by(&answer));
            counts[place.unwrap()] += 1;
        }
        counts
    };
    assert_eq!(counts("round", 6), [2, 2, 2]);
    assert_eq!(counts("weighted", 20), [14, 4, 2]);
}

#[test]
fn a_model_map_renames_the_model_and_no_other_byte() {
    let mock = Mock::start();
    let config = [
        keyed("a", &mock),
        "[[caller]]\nname = 'alice'\nkey = 'tg-alice-0123456789'\nmodels = ['^small$']\n"
            .to_owned(),
        route(
            "r",
            "match = { model = '^big' }\nstrategy = { type = 'priority', providers = ['a'], model_map = { 'big' = 'small', 'big-2' = 'a\"b' } }",
        ),
    ];
    let gateway = Gateway::start(&config.concat());
    let body = r#"{"max_tokens" : 9, "x":[9007199254740993, 1e400], "model":"big" ,"messages":[]}"#;
    let fields = "authorization: Bearer tg-alice-0123456789\r\n";
    let answer = gateway.ask(post("/v1/messages", fields, body));
    assert_eq!(answer.head.field("x-tidegate-model"), Some("small"));
    assert_eq!(mock.only().text("body"), body.replace("big", "small"));
    let refused = gateway.ask(post("/v1/messages", fields, &body.replace("big", "big-3")));
    assert_eq!((status(&refused), refused.code()), (403, Some("model_not_allowed")));
    assert_eq!(mock.log(1).len(), 1, "nobody was asked");
}

#[test]
fn a_rule_has_its_own_attempts_and_timeouts() {
    let mock = Mock::with(&[
        "--key-script",
        "sk-a=429:retry-after=9",
        "--key-script",
        "sk-b=429:retry-after=9",
    ]);
    let config = [
        keyed("a", &mock),
        keyed("b", &mock),
        keyed("c", &mock),
        route(
            "two",
            "match = { model = 'two' }\nmax_attempts = 2\nstrategy = { type = 'priority', providers = ['a', 'b', 'c'] }",
        ),
        route(
            "fast",
            "match = { model = 'fast' }\ntimeouts = { response_head = '50ms' }\nstrategy = { type = 'priority', providers = ['c'] }",
        ),
    ];
    let gateway = Gateway::start(&config.concat());
    let ask = |fields: &str, model: &str| {
        gateway.ask(post("/v1/messages", fields, &BODY.replace("claude-sonnet-4-5", model)))
    };
    let answer = ask("", "two");
    assert_eq!((status(&answer), answer.code()), (429, Some("keys_rate_limited")));
    assert_eq!(answer.head.field("x-tidegate-attempts"), Some("2"));
    let answer = ask("x-mock: head_stall\r\n", "fast");
    assert_eq!(
        (status(&answer), answer.code()),
        (504, Some("upstream_timeout")),
        "{}",
        answer.text()
    );
}

#[test]
fn no_route_names_the_model_and_where_routes_are_seen() {
    let mock = Mock::start();
    let other = provider("o", "openai", &mock.url()) + &key("sk-o");
    let config = keyed("a", &mock)
        + &other
        + &route(
            "r",
            "match = { model = '^odd' }\nstrategy = { type = 'priority', providers = ['o'] }",
        );
    let gateway = Gateway::start(&config);
    let refused = gateway.ask(post("/v1/messages/count_tokens", "", "{\"model\":\"odd-1\"}"));
    assert_eq!((status(&refused), refused.code()), (404, Some("no_route")));
    assert!(refused.text().contains("no equivalent of /v1/messages/count_tokens"), "{refused:?}");
    let gateway = Gateway::start(&keyed("a", &mock));
    let refused = gateway.ask(post("/v1/chat/completions", "", "{\"model\":\"gpt-odd\"}"));
    assert_eq!((status(&refused), refused.code()), (404, Some("no_route")));
    for part in ["gpt-odd", "route --explain", "/api/v1/route"] {
        assert!(refused.text().contains(part), "{}", refused.text());
    }
    assert_eq!(mock.log(0).len(), 0);
}

#[test]
fn clients_with_a_key_of_their_own_follow_a_rule_only_where_it_says_so() {
    let mock = Mock::start();
    let config = [
        "[auth]\nmode = 'keys_or_byok'\n".to_owned(),
        keyed("a", &mock),
        keyed("b", &mock),
        route("direct", &format!("match = {{ model = 'direct' }}\n{PRIORITY_B}")),
        route("route", &format!("match = {{ model = 'route' }}\nbyok = 'route'\n{PRIORITY_B}")),
    ];
    let gateway = Gateway::start(&config.concat());
    for (model, expected) in [("direct", ("default", "a")), ("route", ("route:route", "b"))] {
        let body = BODY.replace("claude-sonnet-4-5", model);
        let answer = gateway.ask(post("/v1/messages", "x-api-key: sk-own\r\n", &body));
        assert_eq!((decision(&answer), served_by(&answer)), expected);
    }
    assert!(mock.log(2).iter().all(|seen| seen.text("key") == "sk-own"), "no pool is spent");
    assert_eq!(status(&gateway.ask(post("/v1/messages", "", BODY))), 401);
}

#[test]
fn a_reload_puts_other_rules_in_force() {
    let mock = Mock::start();
    let providers = keyed("a", &mock) + &keyed("b", &mock);
    let gateway = Gateway::start(&providers);
    assert_eq!(decision(&gateway.ask(post("/v1/messages", "", BODY))), "default");
    gateway.rewrite(&(providers.clone() + &route("new", PRIORITY_B)));
    gateway.signal(rustix::process::Signal::HUP);
    gateway.line("configuration reloaded");
    assert_eq!(decision(&gateway.ask(post("/v1/messages", "", STREAM))), "route:new");
    gateway.rewrite(
        &(providers + &route("new", "strategy = { type = 'priority', providers = ['c'] }")),
    );
    gateway.signal(rustix::process::Signal::HUP);
    gateway.line("not configured");
    assert_eq!(decision(&gateway.ask(post("/v1/messages", "", BODY))), "route:new");
}

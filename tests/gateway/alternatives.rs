//! Limits-alternative routing over sockets (L-12 to L-22): from the primary to the alternatives
//! while it is limited, and back when its limit ends. Each case as one message and as a stream.

use crate::support::message::get;
use crate::support::pool::{BODY, STREAM, status, tells_error};
use crate::support::wire::{Answer, Wire};
use crate::support::{Gateway, Mock, key, post, provider};

const BODIES: [&str; 2] = [BODY, STREAM];

/// Providers of one key each, by name and what the mock makes of it.
struct Scene {
    gateway: Gateway,
    mock: Mock,
}

impl Scene {
    /// `more` stands in the table of the first provider.
    fn start(steps: &[(&str, &str)], strategy: &str, more: &str) -> Self {
        let scripts: Vec<String> =
            steps.iter().map(|(name, steps)| format!("sk-{name}={steps}")).collect();
        let arguments: Vec<&str> =
            scripts.iter().flat_map(|script| ["--key-script", script.as_str()]).collect();
        let mock = Mock::with(&arguments);
        let mut config = "[admin]\nlisten = '127.0.0.1:0'\n".to_owned();
        for (place, (name, _)) in steps.iter().enumerate() {
            let more = if place == 0 { more } else { "" };
            let provider = provider(name, "anthropic", &mock.url());
            config = [config.as_str(), &provider, more, &key(&format!("sk-{name}"))].concat();
        }
        let route = format!("[[route]]\nname = 'guard'\nstrategy = {{ {strategy} }}\n");
        Self { gateway: Gateway::start(&(config + &route)), mock }
    }

    fn ask(&self, body: &str) -> Answer {
        self.gateway.ask(post("/v1/messages", "", body))
    }

    /// The providers that were asked, in order, once there were so many requests.
    fn asked(&self, count: usize) -> Vec<String> {
        let log = self.mock.log(count);
        assert_eq!(log.len(), count, "{log:?}");
        log.iter().map(|seen| seen.text("key").trim_start_matches("sk-").to_owned()).collect()
    }

    fn metrics(&self) -> String {
        let mut client = Wire::connect(self.gateway.admin());
        client.send(get("/metrics", "").replace("gateway.test", "localhost"));
        client.answer().text()
    }
}

fn told<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.head.field(name).unwrap_or("none")
}

const ONE_EACH: &str = "type = 'limits_alternative', primary = ['p'], alternatives = ['a']";
const TWO_EACH: &str =
    "type = 'limits_alternative', primary = ['p1', 'p2'], alternatives = ['a1', 'a2']";

#[test]
fn l17_a_limited_primary_is_hit_once_and_the_alternative_answers() {
    for body in BODIES {
        let scene = Scene::start(&[("p", "429:retry-after=60"), ("a", "200")], ONE_EACH, "");
        let answer = scene.ask(body);
        assert_eq!((status(&answer), scene.asked(2)), (200, vec!["p".to_owned(), "a".to_owned()]));
        assert!(!tells_error(&answer));
        assert_eq!(told(&answer, "x-tidegate-decision"), "alternative:a");
        assert_eq!(told(&answer, "x-tidegate-failover-from"), "p/key-1");
        scene.gateway.line("\"decision\"");
        let metrics = scene.metrics();
        for line in [
            "tidegate_rate_limits_total{provider=\"p\",model=\"other\"} 1\n",
            "tidegate_rate_limit_alternatives_used_total{primary_provider=\"p\",\
             alternative_provider=\"a\",model=\"claude-sonnet-4-5\"} 1\n",
            "tidegate_rate_limit_backoff_seconds_sum{provider=\"p\"} 60.0\n",
        ] {
            assert!(metrics.contains(line), "{line} in {metrics}");
        }
        let again = scene.ask(body);
        assert_eq!(told(&again, "x-tidegate-decision"), "alternative:a");
        assert_eq!(scene.asked(3), ["p", "a", "a"], "a limited primary is not asked");
    }
}

#[test]
fn l19_the_next_alternative_answers_when_the_first_is_limited_too() {
    for body in BODIES {
        let steps = [("p", "429:retry-after=60"), ("a1", "429:retry-after=30"), ("a2", "200")];
        let strategy = "type = 'limits_alternative', primary = 'p', alternatives = ['a1', 'a2']";
        let scene = Scene::start(&steps, strategy, "");
        let answer = scene.ask(body);
        assert_eq!(
            (status(&answer), told(&answer, "x-tidegate-decision")),
            (200, "alternative:a2")
        );
        assert_eq!(scene.asked(3), ["p", "a1", "a2"]);
    }
}

#[test]
fn l20_the_primary_serves_again_when_its_limit_ends() {
    for body in BODIES {
        let scene =
            Scene::start(&[("p", "429:retry-after-ms=300,200"), ("a", "200")], ONE_EACH, "");
        assert_eq!(told(&scene.ask(body), "x-tidegate-decision"), "alternative:a");
        // Whoever asks until then is served by the alternative.
        let back = (0..100_000).find_map(|_| {
            let answer = scene.ask(body);
            assert_eq!(status(&answer), 200);
            (told(&answer, "x-tidegate-decision") != "alternative:a").then_some(answer)
        });
        let back = back.unwrap();
        assert_eq!(told(&back, "x-tidegate-decision"), "route:guard");
        assert_eq!(told(&back, "x-tidegate-provider"), "p");
    }
}

#[test]
fn l21_when_all_are_limited_each_was_hit_once_and_the_client_learns_the_wait() {
    for body in BODIES {
        let steps = [("p", "429:retry-after=60"), ("a", "429:retry-after=30")];
        let scene = Scene::start(&steps, ONE_EACH, "");
        for _ in 0..2 {
            let answer = scene.ask(body);
            assert_eq!((status(&answer), answer.code()), (429, Some("keys_rate_limited")));
            assert_eq!(answer.head.field("retry-after"), Some("30"));
            assert!(!tells_error(&answer), "before the first byte of a stream");
            assert_eq!(scene.asked(2), ["p", "a"]);
        }
    }
}

#[test]
fn l22_without_a_header_the_primary_rests_for_its_base() {
    for body in BODIES {
        let more = "cooldown = { base = '30s' }\n";
        let scene = Scene::start(&[("p", "429"), ("a", "200")], ONE_EACH, more);
        assert_eq!(told(&scene.ask(body), "x-tidegate-decision"), "alternative:a");
        scene.gateway.line("\"decision\"");
        let metrics = scene.metrics();
        let line = "tidegate_rate_limit_backoff_seconds_sum{provider=\"p\"} 30.0\n";
        assert!(metrics.contains(line), "{metrics}");
    }
}

#[test]
fn l13_each_is_limited_in_turn_and_the_order_is_primaries_then_alternatives() {
    for body in BODIES {
        let steps = ["p1", "p2", "a1", "a2"].map(|name| (name, "200,429:retry-after=60"));
        let scene = Scene::start(&steps, TWO_EACH, "");
        let served: Vec<String> = (0..5)
            .map(|_| {
                let answer = scene.ask(body);
                format!("{} {}", status(&answer), told(&answer, "x-tidegate-decision"))
            })
            .collect();
        let expected = [
            "200 route:guard",
            "200 route:guard",
            "200 alternative:a1",
            "200 alternative:a2",
            "429 alternative:a2",
        ];
        assert_eq!(served, expected);
        assert_eq!(scene.asked(8), ["p1", "p1", "p2", "p2", "a1", "a1", "a2", "a2"]);
    }
}

#[test]
fn an_alternative_is_asked_by_its_own_name_for_the_model() {
    let strategy = format!("{ONE_EACH}, model_map = {{ 'claude-sonnet-4-5' = 'small' }}");
    let scene = Scene::start(&[("p", "429:retry-after=60"), ("a", "200")], &strategy, "");
    let answer = scene.ask(BODY);
    assert_eq!(told(&answer, "x-tidegate-model"), "small");
    let log = scene.mock.log(2);
    assert_eq!(log[0].text("body"), BODY);
    assert_eq!(log[1].text("body"), BODY.replace("claude-sonnet-4-5", "small"));
}

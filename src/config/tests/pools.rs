//! What is written of pools, permits and callers arrives in the snapshot.

use super::{Scene, setting};
use crate::config::SetBy;
use crate::config::pattern::Pattern;
use crate::config::snapshot::{Concurrency, Cooldown, Failover, Millis, Observation, Select};

const WRITTEN: &str = r#"
[failover]
max_attempts = 3
deadline = "2m"
wait_for_key = "5s"
first_event_bytes = "4KiB"
first_event_wait = "250ms"

[concurrency]
global = 256
queue_timeout = "3s"
queue_length = 7

[observation]
accounting = false
floor = "0s"

[limits]
byok_entries = 1

[[caller]]
name = "alice"
key = { env = "ALICE_KEY" }
max_concurrent = 65535
models = ["^claude-", '-mini$']

[[caller]]
name = "bob"
key = { env = "BOB_KEY" }

[[provider]]
name = "anthropic"
dialect = "anthropic"
base_url = "http://127.0.0.1:1"
select = "least_in_flight"
max_concurrent = 100
max_concurrent_per_key = 8
cooldown = { base = "1s", ceiling = "1s", retry_after_cap = "7days", jitter = 0.125 }
auth_recheck = "off"
retry_on_5xx = true
model_class = [{ match = "opus", class = "big" }, { match = "^claude", class = "rest" }]

[[provider.key]]
value = { env = "KEY" }
max_concurrent = 256
reserved_for = ["bob", "alice"]

[[provider.key]]
value = { env = "KEY_2" }

[[provider]]
name = "other"
dialect = "openai"
base_url = "http://127.0.0.1:1"
cooldown.jitter = 1

[[provider.key]]
value = { env = "KEY" }
"#;

fn scene() -> Scene {
    Scene::new()
        .file("tidegate.toml", WRITTEN)
        .variable("HOME", "/nowhere")
        .variable("ALICE_KEY", "tg-alice")
        .variable("BOB_KEY", "tg-bob")
        .variable("KEY", "sk-one")
        .variable("KEY_2", "sk-two")
}

#[test]
fn failover_concurrency_and_observation_arrive() {
    let snapshot = scene().loaded().snapshot;
    assert_eq!(
        snapshot.failover,
        Failover {
            deadline: Some(Millis(120_000)),
            first_event_bytes: 4_096,
            first_event_wait: Millis(250),
            max_attempts: 3,
            wait_for_key: Millis(5_000),
        }
    );
    let concurrency = Concurrency { global: 256, queue_length: 7, queue_timeout: Millis(3_000) };
    assert_eq!(snapshot.concurrency, concurrency);
    let observation = Observation { accounting: false, floor: Millis(0) };
    assert_eq!(snapshot.observation, observation);
    assert_eq!(snapshot.limits.byok_entries, 1);
}

#[test]
fn a_caller_has_its_cap_and_its_models() {
    let snapshot = scene().loaded().snapshot;
    let [alice, bob] = snapshot.callers.as_slice() else { panic!("two callers") };
    assert_eq!(alice.max_concurrent, 65_535);
    let models: Vec<&str> = alice.models.iter().map(Pattern::as_str).collect();
    assert_eq!(models, ["^claude-", "-mini$"]);
    assert_eq!(bob.max_concurrent, 0);
    assert!(bob.models.is_empty());
}

#[test]
fn a29_a_pool_arrives_in_order_with_its_classes_and_its_rests() {
    let snapshot = scene().loaded().snapshot;
    let [first, second] = snapshot.providers.as_slice() else { panic!("two providers") };
    assert_eq!(first.select, Select::LeastInFlight);
    assert_eq!(first.max_concurrent, 100);
    assert_eq!(
        first.cooldown,
        Cooldown {
            base: Millis(1_000),
            ceiling: Millis(1_000),
            jitter_permille: 125,
            retry_after_cap: Millis(7 * 24 * 3_600_000),
        }
    );
    assert_eq!(first.auth_recheck, None);
    assert!(first.retry_on_5xx);
    let classes: Vec<_> =
        first.model_classes.iter().map(|class| (class.pattern.as_str(), &*class.class)).collect();
    assert_eq!(classes, [("opus", "big"), ("^claude", "rest")]);
    assert_eq!(second.cooldown.jitter_permille, 1_000);
}

#[test]
fn every_word_of_select_is_its_own_order() {
    for (word, select) in [
        ("priority", Select::Priority),
        ("round_robin", Select::RoundRobin),
        ("least_in_flight", Select::LeastInFlight),
        ("headroom", Select::Headroom),
        ("affinity", Select::Affinity),
    ] {
        let scene = scene().file("tidegate.toml", &WRITTEN.replace("least_in_flight", word));
        assert_eq!(scene.loaded().snapshot.providers[0].select, select, "{word}");
    }
}

#[test]
fn a_key_has_its_own_cap_or_that_of_its_pool() {
    let loaded = scene().loaded();
    let caps: Vec<Vec<u32>> = loaded
        .snapshot
        .providers
        .iter()
        .map(|provider| provider.keys.iter().map(|key| key.max_concurrent).collect())
        .collect();
    assert_eq!(caps, [vec![256, 8], vec![0]]);
    let own = setting(&loaded, "provider.anthropic.key.1.max_concurrent");
    assert!(matches!(own.set_by, SetBy::File { .. }));
    let of_pool = setting(&loaded, "provider.anthropic.key.2.max_concurrent");
    assert_eq!(of_pool.set_by, SetBy::Default);
    assert_eq!(of_pool.value.to_string(), "8");
    assert_eq!(of_pool.means.as_deref(), Some("max_concurrent_per_key"));
    let none = "provider.other.key.1.max_concurrent";
    assert!(loaded.settings.iter().all(|setting| setting.key != none), "there is no such cap");
}

#[test]
fn a_key_is_reserved_for_callers_by_their_place_in_order() {
    let snapshot = scene().loaded().snapshot;
    let keys = &snapshot.providers[0].keys;
    assert_eq!(keys[0].reserved_for, [0, 1]);
    assert!(keys[1].reserved_for.is_empty());
}

#[test]
fn two_providers_may_share_a_key() {
    let snapshot = scene().loaded().snapshot;
    let value = |provider: usize| snapshot.providers[provider].keys[0].value.expose();
    assert_eq!(value(0), value(1));
}

#[test]
fn each_setting_is_told_with_its_place() {
    let scene = scene();
    let loaded = scene.loaded();
    assert_eq!(loaded.warnings, []);
    for (key, line, value) in [
        ("failover.deadline", "deadline", "\"2m\""),
        ("observation.accounting", "accounting", "false"),
        ("limits.byok_entries", "byok_entries", "1"),
        ("caller.alice.max_concurrent", "max_concurrent = 65535", "65535"),
        ("caller.alice.models", "models", "[\"^claude-\", \"-mini$\"]"),
        ("provider.anthropic.cooldown.jitter", "cooldown", "0.125"),
        ("provider.anthropic.retry_on_5xx", "retry_on_5xx", "true"),
        ("provider.anthropic.model_class.2.match", "model_class", "\"^claude\""),
        ("provider.anthropic.model_class.2.class", "model_class", "\"rest\""),
        ("provider.anthropic.key.1.reserved_for", "reserved_for", "[\"bob\", \"alice\"]"),
        ("provider.other.cooldown.jitter", "cooldown.jitter", "1.0"),
    ] {
        let line = 1 + WRITTEN.lines().position(|text| text.starts_with(line)).unwrap();
        let path = scene.folder.join("tidegate.toml").display().to_string();
        let setting = setting(&loaded, key);
        assert_eq!(setting.set_by, SetBy::File { line, path }, "{key}");
        assert_eq!(setting.value.to_string(), value, "{key}");
    }
}

#[test]
fn lists_are_bounded() {
    let list = |entries: usize, entry: &dyn Fn(usize) -> String| {
        (0..entries).map(entry).collect::<Vec<_>>().join(", ")
    };
    let models = |count: usize| {
        let models = list(count, &|at| format!("'m{at}'"));
        let written = format!("[[caller]]\nname = 'a'\nkey.env = 'A'\nmodels = [{models}]");
        Scene::new().variable("A", "tg-a").file("tidegate.toml", &written)
    };
    assert_eq!(models(256).loaded().snapshot.callers[0].models.len(), 256);
    assert_eq!(
        models(257).told(),
        ["tidegate.toml:4:10 `caller.a.models` must have at most 256 patterns"]
    );
    let classes = |count: usize| {
        let classes = list(count, &|at| format!("{{ match = 'm{at}', class = 'c{at}' }}"));
        let provider = "[[provider]]\nname = 'a'\ndialect = 'openai'\nbase_url = 'http://h'\n";
        let written = format!("{provider}model_class = [{classes}]");
        Scene::new().file("tidegate.toml", &written)
    };
    assert_eq!(classes(64).loaded().snapshot.providers[0].model_classes.len(), 64);
    assert_eq!(
        classes(65).told(),
        ["tidegate.toml:5:15 `provider.a.model_class` must have at most 64 entries"]
    );
}

//! The defaults are a contract: users rely on them without writing them.

use super::{Scene, setting};
use crate::config::setting::{Field, Shape};
use crate::config::snapshot::{
    Admin, AuthMode, Concurrency, Cooldown, Drain, Driver, Expose, Failover, HalfClose, KeyHeader,
    Limits, Log, LogFormat, LogLevel, MemoryLimit, Millis, Observation, Origin, Select, Timeouts,
};
use crate::config::{Loaded, SetBy, limits, shape};
use crate::protocol::dialect::Dialect;

const KIB: usize = 1_024;
const MIB: u64 = 1_024 * 1_024;

fn loaded() -> Loaded {
    Scene::new().variable("HOME", "/home/tide").loaded()
}

#[test]
fn an_empty_configuration_listens_on_loopback_and_is_open() {
    let snapshot = loaded().snapshot;
    assert_eq!(snapshot.server.listen, ["127.0.0.1:8787".parse().unwrap()]);
    assert_eq!(snapshot.server.workers, None);
    assert_eq!(snapshot.server.driver, Driver::Auto);
    assert_eq!(snapshot.server.expose, Expose::Full);
    assert_eq!(snapshot.auth, AuthMode::Open);
    assert!(snapshot.callers.is_empty());
    assert_eq!(snapshot.stream.half_close, HalfClose::Gone);
    assert_eq!(snapshot.log, Log { format: LogFormat::Json, level: LogLevel::Info });
    assert_eq!(snapshot.storage.path, Some("/home/tide/.local/state/tidegate".into()));
    assert_eq!(snapshot.storage.retention, Millis(30 * 24 * 3_600_000));
    assert!(snapshot.storage.master_key.is_none());
    let listen = Some("127.0.0.1:8788".parse().unwrap());
    assert_eq!(snapshot.admin, Admin { listen, token_sha256: None });
}

#[test]
fn an_empty_configuration_has_two_providers_without_keys() {
    let snapshot = loaded().snapshot;
    let expected = [
        ("anthropic", Dialect::Anthropic, "api.anthropic.com"),
        ("openai", Dialect::OpenAi, "api.openai.com"),
    ];
    assert_eq!(snapshot.providers.len(), expected.len());
    for (provider, (name, dialect, host)) in snapshot.providers.iter().zip(expected) {
        assert_eq!(provider.adds_usage, host == "api.openai.com");
        let (authority, host) = (host.to_owned(), host.to_owned());
        assert_eq!(provider.name, name);
        assert_eq!(provider.dialect, dialect);
        assert_eq!(provider.origin, Origin { authority, host, port: 443, tls: true });
        assert_eq!(provider.base_path, "");
        assert!(!provider.drops_v1);
        assert_eq!(provider.key_header, KeyHeader::Auto);
        assert!(provider.keys.is_empty());
        assert!(provider.extra_ca.is_empty());
    }
}

#[test]
fn timeouts_limits_and_drain_have_the_documented_defaults() {
    let snapshot = loaded().snapshot;
    let seconds = |seconds: u64| Millis(seconds * 1_000);
    assert_eq!(
        snapshot.timeouts,
        Timeouts {
            byte_idle: seconds(300),
            client_body_idle: seconds(30),
            client_head: seconds(10),
            connect: seconds(5),
            exchange: None,
            keep_alive: seconds(75),
            response_head: seconds(600),
            response_head_stream: seconds(300),
            tls_handshake: seconds(10),
            upstream_idle: seconds(55),
            write_stall: seconds(60),
        }
    );
    assert_eq!(
        snapshot.limits,
        Limits {
            byok_entries: 10_000,
            body_bytes: 32 * MIB,
            connections: None,
            head_bytes: 32 * KIB,
            headers: 100,
            memory: MemoryLimit::Auto,
            passthrough_body_bytes: 512 * MIB,
            response_head_bytes: 64 * KIB,
            upstream_idle_per_worker: 256,
        }
    );
    assert!(snapshot.dns.servers.is_empty());
    assert_eq!(snapshot.drain, Drain { deadline: seconds(32 * 60), lame_duck: Millis(0) });
}

#[test]
fn failover_concurrency_and_observation_have_the_documented_defaults() {
    let snapshot = loaded().snapshot;
    assert_eq!(
        snapshot.failover,
        Failover {
            deadline: None,
            first_event_bytes: 8 * KIB,
            first_event_wait: Millis(1_000),
            max_attempts: 8,
            wait_for_key: Millis(0),
        }
    );
    let concurrency = Concurrency { global: 0, queue_length: 1_024, queue_timeout: Millis(0) };
    assert_eq!(snapshot.concurrency, concurrency);
    let observation = Observation { accounting: true, floor: Millis(10 * 60 * 1_000) };
    assert_eq!(snapshot.observation, observation);
}

#[test]
fn a_pool_a_key_and_a_caller_have_the_documented_defaults() {
    let written = "[[caller]]\nname = 'alice'\nkey.env = 'ALICE'\n[[provider]]\nname = 'a'\n\
                   dialect = 'openai'\nbase_url = 'http://h'\nkey = [{ value.env = 'KEY' }]";
    let scene = Scene::new().variable("ALICE", "tg-alice").variable("KEY", "sk-key");
    let loaded = scene.file("tidegate.toml", written).loaded();
    let [provider] = loaded.snapshot.providers.as_slice() else { panic!("one provider") };
    assert_eq!(provider.select, Select::Priority);
    assert_eq!(provider.max_concurrent, 0);
    assert_eq!(
        provider.cooldown,
        Cooldown {
            base: Millis(60_000),
            ceiling: Millis(3_600_000),
            jitter_permille: 100,
            retry_after_cap: Millis(48 * 3_600_000),
        }
    );
    assert_eq!(provider.auth_recheck, Some(Millis(5 * 60 * 1_000)));
    assert!(!provider.retry_on_5xx);
    assert!(provider.model_classes.is_empty());
    assert_eq!(provider.keys[0].max_concurrent, 0);
    assert!(provider.keys[0].reserved_for.is_empty());
    assert_eq!(loaded.snapshot.callers[0].max_concurrent, 0);
    assert!(loaded.snapshot.callers[0].models.is_empty());
    for (key, value) in [
        ("caller.alice.models", "[]"),
        ("provider.a.select", "\"priority\""),
        ("provider.a.max_concurrent", "0"),
        ("provider.a.max_concurrent_per_key", "0"),
        ("provider.a.cooldown.base", "\"1m\""),
        ("provider.a.cooldown.ceiling", "\"1h\""),
        ("provider.a.cooldown.retry_after_cap", "\"2d\""),
        ("provider.a.cooldown.jitter", "0.1"),
        ("provider.a.auth_recheck", "\"5m\""),
        ("provider.a.retry_on_5xx", "false"),
        ("provider.a.key.1.reserved_for", "[]"),
    ] {
        let setting = setting(&loaded, key);
        assert_eq!(setting.set_by, SetBy::Default, "{key}");
        assert_eq!(setting.value.to_string(), value, "{key}");
    }
}

#[test]
fn the_listener_by_default_is_the_one_its_shape_names() {
    assert_eq!(limits::LISTEN.default, [limits::LISTEN_DEFAULT.to_string()]);
}

#[test]
fn what_is_auto_depends_on_the_listeners() {
    let away = Scene::new().file("tidegate.toml", "server.listen = ['127.0.0.1:1', '[::]:1']");
    let loaded = away.loaded();
    assert_eq!(loaded.snapshot.auth, AuthMode::KeysOrByok);
    assert_eq!(loaded.snapshot.server.expose, Expose::Minimal);
    assert_eq!(loaded.snapshot.drain.lame_duck, Millis(5_000));
    for (key, meaning) in [
        ("auth.mode", "keys_or_byok"),
        ("server.expose_headers", "minimal"),
        ("drain.lame_duck", "5s"),
    ] {
        let setting = setting(&loaded, key);
        assert_eq!(setting.value.to_string(), "\"auto\"", "{key}");
        assert_eq!(setting.means.as_deref(), Some(meaning), "{key}");
    }
}

#[test]
fn a_caller_closes_what_is_open_on_loopback() {
    let scene = Scene::new().variable("ALICE", "tg-alice");
    let caller = "[[caller]]\nname = 'alice'\nkey = { env = 'ALICE' }";
    let snapshot = scene.file("tidegate.toml", caller).loaded().snapshot;
    assert_eq!(snapshot.auth, AuthMode::KeysOrByok);
    assert_eq!(snapshot.server.expose, Expose::Full);
}

#[test]
fn without_a_home_nothing_is_stored_and_that_is_told() {
    let loaded = Scene::new().loaded();
    assert_eq!(loaded.snapshot.storage.path, None);
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["`storage.path` is \"off\": neither XDG_STATE_HOME nor HOME is set"]);
    let scene = Scene::new().variable("HOME", "/h").variable("XDG_STATE_HOME", "/state");
    assert_eq!(scene.loaded().snapshot.storage.path, Some("/state/tidegate".into()));
    let relative = Scene::new().variable("HOME", "/h").variable("XDG_STATE_HOME", "state");
    let path = relative.loaded().snapshot.storage.path.clone();
    assert_eq!(path, Some("/h/.local/state/tidegate".into()));
}

#[test]
fn every_plain_setting_is_read_and_its_default_is_the_one_its_shape_names() {
    let loaded = loaded();
    let mut plain = Vec::new();
    for field in shape::ROOT.fields {
        if let Field::Table(name, shape) = field {
            collect(name, shape, &mut plain);
        }
    }
    for (key, field) in &plain {
        let setting = setting(&loaded, key);
        assert_eq!(setting.set_by, SetBy::Default, "{key}");
        if let Some(default) = field.default() {
            assert_eq!(setting.value, default, "{key}");
        }
    }
    let of_lists = |key: &str| key.starts_with("provider.");
    let read = loaded.settings.iter().filter(|setting| !of_lists(&setting.key)).count();
    assert_eq!(read, plain.len());
}

fn collect(path: &str, shape: &'static Shape, plain: &mut Vec<(String, &'static Field)>) {
    for field in shape.fields {
        let path = format!("{path}.{}", field.key());
        match field {
            // Without a value there is nothing to be told of a secret.
            Field::Secret(_) => {}
            // A table that need not be there has no defaults either.
            Field::Table(_, shape) if !shape.required.is_empty() => {}
            Field::Table(_, shape) => collect(&path, shape, plain),
            _ => plain.push((path, field)),
        }
    }
}

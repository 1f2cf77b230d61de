//! Flags before environment before file before defaults; files beside each other are one.

use super::{Scene, setting};
use crate::config::snapshot::{AuthMode, Driver, LogLevel, Millis};
use crate::config::{Environment, Flags, SetBy, load};

const PROVIDER: &str = "
[[provider]]
name = 'local'
dialect = 'openai'
base_url = 'http://127.0.0.1:1'
";

fn flags() -> Flags {
    Flags {
        driver: Some("epoll".to_owned()),
        listen: vec!["127.0.0.1:3".to_owned(), "127.0.0.1:4".to_owned()],
        provider: Vec::new(),
        workers: Some("4".to_owned()),
    }
}

#[test]
fn a_flag_is_stronger_than_the_environment_and_that_than_the_file() {
    let scene = Scene::new()
        .file("tidegate.toml", "[server]\nlisten = ['127.0.0.1:1']\nworkers = 2\ndriver = 'auto'")
        .variable("TIDEGATE_LISTEN", "127.0.0.1:2, [::1]:2,")
        .variable("TIDEGATE_SERVER__WORKERS", "3");
    let loaded = scene.loaded();
    assert_eq!(loaded.snapshot.server.workers, Some(3));
    let listen = ["127.0.0.1:2".parse().unwrap(), "[::1]:2".parse().unwrap()];
    assert_eq!(loaded.snapshot.server.listen, listen);
    let set_by = SetBy::Environment("TIDEGATE_SERVER__WORKERS".to_owned());
    assert_eq!(setting(&loaded, "server.workers").set_by, set_by);

    let loaded = scene.flags(flags()).loaded();
    assert_eq!(loaded.snapshot.server.workers, Some(4));
    assert_eq!(loaded.snapshot.server.driver, Driver::Epoll);
    let listen = ["127.0.0.1:3".parse().unwrap(), "127.0.0.1:4".parse().unwrap()];
    assert_eq!(loaded.snapshot.server.listen, listen);
    for (key, flag) in [
        ("server.workers", "--workers"),
        ("server.driver", "--driver"),
        ("server.listen", "--listen"),
    ] {
        assert_eq!(setting(&loaded, key).set_by, SetBy::Flag(flag));
    }
}

#[test]
fn a_scalar_of_a_plain_table_can_be_set_by_a_variable() {
    let loaded = Scene::new()
        .variable("TIDEGATE_TIMEOUTS__CLIENT_HEAD", "2s")
        .variable("TIDEGATE_TIMEOUTS__EXCHANGE", "1m")
        .variable("TIDEGATE_LIMITS__HEADERS", "50")
        .variable("TIDEGATE_LIMITS__BODY", "1MiB")
        .variable("TIDEGATE_AUTH__MODE", "byok")
        .variable("TIDEGATE_STORAGE__PATH", "off")
        .variable("TIDEGATE_LOG", "debug")
        .variable("TIDEGATE_CONCURRENCY__GLOBAL", "256")
        .variable("TIDEGATE_CONCURRENCY__QUEUE_TIMEOUT", "3s")
        .variable("TIDEGATE_FAILOVER__DEADLINE", "2m")
        .variable("TIDEGATE_FAILOVER__FIRST_EVENT_BYTES", "4KiB")
        .variable("TIDEGATE_OBSERVATION__ACCOUNTING", "false")
        .variable("TIDEGATE_DRAIN__DEADLINE", "")
        .variable("TIDEGATE_ADMIN_TOKEN", "some secret of somebody else's")
        .loaded();
    let snapshot = loaded.snapshot;
    assert_eq!(snapshot.timeouts.client_head, Millis(2_000));
    assert_eq!(snapshot.timeouts.exchange, Some(Millis(60_000)));
    assert_eq!(snapshot.limits.headers, 50);
    assert_eq!(snapshot.limits.body_bytes, 1_024 * 1_024);
    assert_eq!(snapshot.auth, AuthMode::Byok);
    assert_eq!(snapshot.storage.path, None);
    assert_eq!(snapshot.log.level, LogLevel::Debug);
    assert_eq!(snapshot.drain.deadline, Millis(32 * 60 * 1_000));
    assert_eq!(snapshot.concurrency.global, 256);
    assert_eq!(snapshot.concurrency.queue_timeout, Millis(3_000));
    assert_eq!(snapshot.failover.deadline, Some(Millis(120_000)));
    assert_eq!(snapshot.failover.first_event_bytes, 4_096);
    assert!(!snapshot.observation.accounting);
}

#[test]
fn a_variable_nobody_knows_is_refused_like_a_key_of_a_file() {
    let scene = Scene::new()
        .variable("TIDEGATE_TIMEOUTS__CONECT", "planted")
        .variable("TIDEGATE_STREAM__FLOOR", "off")
        .variable("TIDEGATE_FAILOVER__FIRST_EVENT_BYTES", "8 sips")
        .variable("TIDEGATE_OBSERVATION__ACCOUNTING", "yes")
        .variable("TIDEGATE_PROVIDER__NAME", "planted")
        .variable("TIDEGATE_LIMITS__HEADERS", "many")
        .variable("TIDEGATE_LOG", "info")
        .variable("TIDEGATE_LOG__LEVEL", "warn");
    let told = scene.told();
    assert_eq!(
        told,
        [
            "environment:1:38 `failover.first_event_bytes` must be a size such as \"64KiB\" or \
             \"32MiB\"",
            "environment:1:26 `limits.headers` must be a number from 1 to 1000",
            "environment:1:21 `log.level` is set twice (the first is at env TIDEGATE_LOG)",
            "environment:1:34 `observation.accounting` must be true or false",
            "environment:1:25 `TIDEGATE_PROVIDER__NAME` cannot be set here: only scalars of plain \
             tables can",
            "environment:1:1 `timeouts.conect` is not a known setting (did you mean `connect`?)",
        ]
    );
    let errors = scene.errors();
    let snippet = |error: usize| errors[error].at.as_ref().unwrap().snippet.as_str();
    assert_eq!(snippet(0), "TIDEGATE_FAILOVER__FIRST_EVENT_BYTES=8 sips");
    assert_eq!(snippet(1), "TIDEGATE_LIMITS__HEADERS=many");
    assert_eq!(snippet(5), "TIDEGATE_TIMEOUTS__CONECT=*******");
}

#[test]
fn a28_built_in_keys_are_a_pool_from_a_variable() {
    let scene = Scene::new()
        .variable("ANTHROPIC_API_KEY", "sk-ant-one-0123456789abcd, sk-ant-two-0123456789abcd ,")
        .variable("OPENAI_API_KEY", "");
    let loaded = scene.loaded();
    let [anthropic, openai] = loaded.snapshot.providers.as_slice() else { panic!("two") };
    let keys: Vec<_> = anthropic.keys.iter().map(|key| (&*key.name, key.value.expose())).collect();
    let expected = [("env-1", "sk-ant-one-0123456789abcd"), ("env-2", "sk-ant-two-0123456789abcd")];
    assert_eq!(keys, expected);
    assert!(openai.keys.is_empty());
    let value = setting(&loaded, "provider.anthropic.key.env-2.value");
    assert_eq!(value.set_by, SetBy::Environment("ANTHROPIC_API_KEY".to_owned()));
    assert_eq!(value.value.to_string(), "\"sk-a...abcd\"");
}

#[test]
fn built_in_keys_are_checked_like_others_and_not_shown() {
    let scene = Scene::new().variable("OPENAI_API_KEY", "planted,planted,plan ted,TG-planted");
    assert_eq!(
        scene.told(),
        [
            "environment:1:24 `provider.openai.key.env-2.value` is the same value as key `env-1` \
             (the first is at env OPENAI_API_KEY)",
            "environment:1:32 `provider.openai.key.env-3.value` holds a space, a control character \
             or one beyond ASCII, which no key has",
            "environment:1:41 `provider.openai.key.env-4.value` is a gateway key (`tg-`), which \
             never goes to a provider",
        ]
    );
    let errors = scene.errors();
    let snippet = &errors[0].at.as_ref().unwrap().snippet;
    assert_eq!(snippet, "OPENAI_API_KEY=***********************************");
}

#[test]
fn built_in_providers_and_their_variables_are_gone_when_the_file_has_a_provider() {
    let scene =
        Scene::new().variable("OPENAI_API_KEY", "not looked at").file("tidegate.toml", PROVIDER);
    let snapshot = scene.loaded().snapshot;
    let names: Vec<_> = snapshot.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["local"]);
}

#[test]
fn a_flag_replaces_the_base_url_of_a_provider() {
    let provider = |flag: &str| Flags { provider: vec![flag.to_owned()], ..Flags::default() };
    let scene = Scene::new().flags(provider("anthropic=http://127.0.0.1:9/v1"));
    let loaded = scene.loaded();
    assert_eq!(loaded.snapshot.providers[0].origin.authority, "127.0.0.1:9");
    assert!(loaded.snapshot.providers[0].drops_v1);
    let base_url = setting(&loaded, "provider.anthropic.base_url");
    assert_eq!(base_url.set_by, SetBy::Flag("--provider"));
    assert_eq!(setting(&loaded, "provider.anthropic.name").set_by, SetBy::Default);

    let scene = Scene::new().file("tidegate.toml", PROVIDER).flags(provider("local=http://h:2"));
    assert_eq!(scene.loaded().snapshot.providers[0].origin.authority, "h:2");

    for (flag, told) in [
        (
            "locale=http://h",
            "1:12 `--provider` names a provider that is not configured (did you mean `local`?)",
        ),
        ("openai=http://h", "1:12 `--provider` names a provider that is not configured"),
        ("http://h", "1:12 `--provider` must be NAME=URL"),
        ("local=h", "1:18 `provider.local.base_url` must begin with `https://` or `http://`"),
    ] {
        let scene = Scene::new().file("tidegate.toml", PROVIDER).flags(provider(flag));
        assert_eq!(scene.told(), [format!("command line:{told}")]);
    }
}

#[test]
fn wrong_flags_are_all_told() {
    let flags = Flags {
        driver: Some("uring".to_owned()),
        listen: vec!["localhost:1".to_owned()],
        provider: Vec::new(),
        workers: Some("0".to_owned()),
    };
    assert_eq!(
        Scene::new().flags(flags).told(),
        [
            "command line:1:11 `server.workers` must be \"auto\" or a number from 1 to 1024",
            "command line:1:10 `server.driver` must be one of \"auto\", \"io_uring\", \"epoll\" \
             (did you mean \"io_uring\"?)",
            "command line:1:10 `server.listen` must be an IP address and a port, such as \
             \"127.0.0.1:8787\" or \"[::1]:8787\"",
        ]
    );
}

#[test]
fn files_in_conf_d_are_merged_in_order_of_their_names() {
    let loaded = Scene::new()
        .file("tidegate.toml", "[server]\nlisten = ['127.0.0.1:1']\n[timeouts]\nconnect = '1s'")
        .file("conf.d/20-b.toml", &format!("{PROVIDER}[timeouts]\nkeep_alive = '2s'"))
        .file("conf.d/10-a.toml", &PROVIDER.replace("local", "first"))
        .file("conf.d/30-c.toml", "server.listen = ['127.0.0.1:2']")
        .file("conf.d/notes.txt", "not TOML")
        .file("conf.d/.hidden.toml", "not TOML")
        .loaded();
    let snapshot = &loaded.snapshot;
    let names: Vec<_> = snapshot.providers.iter().map(|provider| provider.name.as_str()).collect();
    assert_eq!(names, ["first", "local"]);
    assert_eq!(snapshot.timeouts.connect, Millis(1_000));
    assert_eq!(snapshot.timeouts.keep_alive, Millis(2_000));
    assert_eq!(snapshot.server.listen.len(), 2);
    let SetBy::File { line, path } = &setting(&loaded, "timeouts.keep_alive").set_by else {
        panic!("set by a file");
    };
    assert_eq!(*line, 7);
    assert!(path.ends_with("conf.d/20-b.toml"), "{path}");
}

#[test]
fn a_scalar_in_two_files_is_refused_with_both_places() {
    let scene = Scene::new()
        .file("tidegate.toml", "[timeouts]\nconnect = '1s'\n[log]\nlevel = 'info'")
        .file("conf.d/a.toml", "[timeouts]\n\nconnect = '1s'\nconect = 1\n")
        .file("conf.d/b.toml", "log = 'x'\n[timeouts]\nkeep_alive =");
    assert_eq!(
        scene.told(),
        [
            "conf.d/a.toml:3:1 `timeouts.connect` is set twice (the first is at tidegate.toml:2:1)",
            "conf.d/a.toml:4:1 `timeouts.conect` is not a known setting (did you mean `connect`?)",
            "conf.d/b.toml:1:1 `log` is set twice (the first is at tidegate.toml:3:2)",
            "conf.d/b.toml:3:13 string values must be quoted, expected literal string",
        ]
    );
}

#[test]
fn the_file_is_the_one_asked_for_or_the_first_of_the_usual_places() {
    let workers = |scene: &Scene| scene.loaded().snapshot.server.workers;
    let scene = Scene::new().file("config/tidegate/tidegate.toml", "server.workers = 1");
    let folder = scene.folder.clone();
    assert_eq!(workers(&scene), None);
    let scene = scene.variable("XDG_CONFIG_HOME", &folder.join("config").display().to_string());
    assert_eq!(workers(&scene), Some(1));
    let scene = scene.file("tidegate.toml", "server.workers = 2");
    assert_eq!(workers(&scene), Some(2));
    let scene =
        scene.file("other.toml", "server.workers = 3").variable("TIDEGATE_CONFIG", "other.toml");
    assert_eq!(workers(&scene), Some(3));
    let scene = scene.file("asked.toml", "server.workers = 4");
    let mut sources = scene.sources();
    sources.file = Some("asked.toml".into());
    assert_eq!(load(&sources).unwrap().snapshot.server.workers, Some(4));
}

#[test]
fn the_users_own_file_is_below_home() {
    let scene = Scene::new().file(".config/tidegate/tidegate.toml", "server.workers = 5");
    let home = scene.folder.display().to_string();
    let mut sources = scene.sources();
    sources.directory = scene.folder.join("elsewhere");
    sources.environment = Environment::fixed([("HOME", home.as_str())]);
    assert_eq!(load(&sources).unwrap().snapshot.server.workers, Some(5));
}

#[test]
fn a_file_that_cannot_be_read_is_told_alone() {
    let told = |scene: Scene| scene.told();
    let missing = Scene::new().variable("TIDEGATE_CONFIG", "missing.toml");
    assert_eq!(told(missing), ["- cannot read `missing.toml`: no such file"]);
    let folder = Scene::new().file("tidegate.toml/x", "");
    assert_eq!(told(folder), ["- cannot read `tidegate.toml`: it is a directory"]);
    let beside = Scene::new().file("tidegate.toml", "").file("conf.d/a.toml/x", "");
    assert_eq!(told(beside), ["- cannot read `conf.d/a.toml`: it is a directory"]);
    let long = "#".repeat(1_024 * 1_024 + 1);
    let long = Scene::new().file("tidegate.toml", &long);
    assert_eq!(told(long), ["- cannot read `tidegate.toml`: it is too large"]);
    let scene = Scene::new();
    std::fs::write(scene.folder.join("tidegate.toml"), b"\xff\xfe").unwrap();
    assert_eq!(told(scene), ["- cannot read `tidegate.toml`: it is not UTF-8 text"]);
}

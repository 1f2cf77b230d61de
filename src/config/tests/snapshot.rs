//! What is written arrives in the snapshot.

use sha2::{Digest, Sha256};

use super::{Scene, setting};
use crate::config::SetBy;
use crate::config::snapshot::{
    AuthMode, Driver, Expose, HalfClose, KeyHeader, LogFormat, LogLevel, Millis,
};
use crate::protocol::dialect::Dialect;

const EVERYTHING: &str = r#"
[server]
listen = ["127.0.0.1:0", "[::1]:8080"]
workers = 3
driver = "epoll"
expose_headers = "minimal"

[auth]
mode = "keys"

[[caller]]
name = "alice"
key = { env = "ALICE_KEY" }

[[caller]]
name = "bob"
key_sha256 = "0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef"

[[provider]]
name = "anthropic"
dialect = "anthropic"
base_url = "https://llm.example:8443/proxy/v1/"
key_header = "bearer"
tls = { ca = "roots/ca.pem" }

[[provider.key]]
name = "team-a"
value = { file = "keys/a" }

[[provider.key]]
value = { credential = "b.key" }

[[provider]]
name = "local-2"
dialect = "openai"
base_url = "http://[::1]:80"

[stream]
half_close = "wait"

[timeouts]
client_head = "1s"
client_body_idle = "2s"
keep_alive = "3s"
connect = "250ms"
response_head = "1h"
response_head_stream = "1m 30s"
byte_idle = "7s"
upstream_idle = "8s"
write_stall = "9s"
exchange = "10s"

[limits]
body = "1KiB"
passthrough_body = "2MB"
head = "1024"
response_head = "4 KiB"
headers = 7
connections = 0x10
upstream_idle_per_worker = 0

[drain]
lame_duck = "0s"
deadline = "10s"

[storage]
path = "state"

[log]
format = "text"
level = "trace"
"#;

fn everything() -> Scene {
    let certificate = rcgen::generate_simple_self_signed(["llm.example".to_owned()]).unwrap();
    let scene = Scene::new();
    let credentials = scene.folder.join("credentials").display().to_string();
    scene
        .file("tidegate.toml", EVERYTHING)
        .file("roots/ca.pem", &certificate.cert.pem())
        .file("keys/a", "sk-ant-oat01-0123456789abcdefgh\n")
        .file("credentials/b.key", "sk-ant-bbbb\r\n")
        .variable("CREDENTIALS_DIRECTORY", &credentials)
        .variable("ALICE_KEY", "tg-alice-0123")
}

#[test]
fn server_auth_and_callers_arrive() {
    let scene = everything();
    let loaded = scene.loaded();
    let snapshot = loaded.snapshot;
    assert_eq!(loaded.warnings, []);
    let listen = ["127.0.0.1:0".parse().unwrap(), "[::1]:8080".parse().unwrap()];
    assert_eq!(snapshot.server.listen, listen);
    assert!(snapshot.server.is_loopback_only());
    assert_eq!(snapshot.server.workers, Some(3));
    assert_eq!(snapshot.server.driver, Driver::Epoll);
    assert_eq!(snapshot.server.expose, Expose::Minimal);
    assert_eq!(snapshot.auth, AuthMode::Keys);
    let [alice, bob] = snapshot.callers.as_slice() else { panic!("{:?}", snapshot.callers) };
    assert_eq!(alice.name, "alice");
    assert_eq!(alice.key_sha256, <[u8; 32]>::from(Sha256::digest("tg-alice-0123")));
    assert_eq!(bob.name, "bob");
    assert_eq!(bob.key_sha256, [0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef].repeat(4)[..]);
}

#[test]
fn providers_and_their_keys_arrive_in_order() {
    let scene = everything();
    let snapshot = scene.loaded().snapshot;
    let [first, second] = snapshot.providers.as_slice() else { panic!("two providers") };
    assert_eq!(first.name, "anthropic");
    assert_eq!(first.dialect, Dialect::Anthropic);
    assert_eq!(first.origin.authority, "llm.example:8443");
    assert_eq!(first.base_path, "/proxy/v1");
    assert!(first.drops_v1);
    assert_eq!(first.key_header, KeyHeader::Bearer);
    assert_eq!(first.extra_ca.len(), 1);
    let keys: Vec<_> = first
        .keys
        .iter()
        .map(|key| (key.name.as_str(), key.value.expose(), key.hint.as_str()))
        .collect();
    assert_eq!(
        keys,
        [
            ("team-a", "sk-ant-oat01-0123456789abcdefgh", "sk-a...efgh"),
            ("key-2", "sk-ant-bbbb", "sk...bb"),
        ]
    );
    assert_eq!(second.name, "local-2");
    assert_eq!(second.dialect, Dialect::OpenAi);
    assert_eq!(second.origin.host, "::1");
    assert_eq!(second.origin.authority, "[::1]");
    assert!(!second.origin.tls);
    assert!(second.keys.is_empty());
}

#[test]
fn timeouts_limits_and_the_rest_arrive() {
    let scene = everything();
    let snapshot = scene.loaded().snapshot;
    let timeouts = &snapshot.timeouts;
    let read = [
        timeouts.client_head,
        timeouts.client_body_idle,
        timeouts.keep_alive,
        timeouts.connect,
        timeouts.response_head,
        timeouts.response_head_stream,
        timeouts.byte_idle,
        timeouts.upstream_idle,
        timeouts.write_stall,
    ];
    let ms = [1_000, 2_000, 3_000, 250, 3_600_000, 90_000, 7_000, 8_000, 9_000];
    assert_eq!(read, ms.map(Millis));
    assert_eq!(timeouts.exchange, Some(Millis(10_000)));
    let limits = &snapshot.limits;
    assert_eq!(limits.body_bytes, 1_024);
    assert_eq!(limits.passthrough_body_bytes, 2_000_000);
    assert_eq!(limits.head_bytes, 1_024);
    assert_eq!(limits.response_head_bytes, 4_096);
    assert_eq!(limits.headers, 7);
    assert_eq!(limits.connections, Some(16));
    assert_eq!(limits.upstream_idle_per_worker, 0);
    assert_eq!(snapshot.stream.half_close, HalfClose::Wait);
    assert_eq!(snapshot.drain.lame_duck, Millis(0));
    assert_eq!(snapshot.drain.deadline, Millis(10_000));
    assert_eq!(snapshot.storage.path, Some(scene.folder.join("state")));
    assert_eq!(snapshot.log.format, LogFormat::Text);
    assert_eq!(snapshot.log.level, LogLevel::Trace);
}

#[test]
fn each_setting_is_told_with_its_file_and_line_and_no_secret() {
    let scene = everything();
    let loaded = scene.loaded();
    let path = scene.folder.join("tidegate.toml").display().to_string();
    for (key, line, value, means) in [
        ("server.workers", "workers = 3", "3", None),
        ("caller.alice.key", "key = { env", "\"sha256:449688...\"", Some("env ALICE_KEY")),
        ("caller.bob.key_sha256", "key_sha256", "\"sha256:012345...\"", None),
        ("provider.anthropic.key.team-a.value", "value =", "\"sk-a...efgh\"", Some("file keys/a")),
        ("timeouts.response_head_stream", "response_head_stream", "\"1m30s\"", None),
        ("limits.passthrough_body", "passthrough_body", "\"2000000B\"", None),
        ("limits.connections", "connections", "16", None),
    ] {
        let line = 1 + EVERYTHING.lines().position(|text| text.starts_with(line)).unwrap();
        let setting = setting(&loaded, key);
        assert_eq!(setting.set_by, SetBy::File { line, path: path.clone() }, "{key}");
        assert_eq!(setting.value.to_string(), value, "{key}");
        assert_eq!(setting.means.as_deref(), means, "{key}");
    }
    let all = format!("{loaded:?}");
    for secret in ["0123456789abcdefgh", "sk-ant-bbbb", "tg-alice-0123"] {
        assert!(!all.contains(secret), "{secret} in {all}");
    }
}

#[test]
fn storage_and_settings_may_be_off() {
    let written = "[storage]\npath = 'off'\n[timeouts]\nexchange = 'off'";
    let loaded = Scene::new().file("tidegate.toml", written).loaded();
    assert_eq!(loaded.snapshot.storage.path, None);
    assert_eq!(loaded.snapshot.timeouts.exchange, None);
    assert_eq!(loaded.warnings, []);
}

#[test]
fn a_secret_written_out_is_accepted_with_a_warning() {
    let written = "[[caller]]\nname = 'a'\nkey = 'tg-planted'\n[storage]\npath = 'off'";
    let loaded = Scene::new().file("tidegate.toml", written).loaded();
    assert_eq!(loaded.snapshot.callers.len(), 1);
    let [warning] = loaded.warnings.as_slice() else { panic!("{:?}", loaded.warnings) };
    assert_eq!(warning.to_string(), "`caller.a.key` is written out in the file");
    assert_eq!(warning.at.as_ref().unwrap().snippet, "key = '**********'");
}

#[test]
fn modes_that_shut_everybody_out_are_warned_of() {
    let keys = Scene::new().file("tidegate.toml", "storage.path = 'off'\nauth.mode = 'keys'");
    let told: Vec<String> = keys.loaded().warnings.iter().map(ToString::to_string).collect();
    let none = "`auth.mode` is \"keys\" but there is no [[caller]]: every request is 401";
    assert_eq!(told, [none]);
    let byok = "storage.path = 'off'\nauth.mode = 'byok'\n[[caller]]\nname = 'a'\nkey.env = 'A'";
    let byok = Scene::new().variable("A", "tg-a").file("tidegate.toml", byok);
    let told: Vec<String> = byok.loaded().warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["`auth.mode` is \"byok\", so that no [[caller]] is let in"]);
}

#[test]
fn a_root_for_a_provider_without_tls_is_warned_of() {
    let certificate = rcgen::generate_simple_self_signed(["h".to_owned()]).unwrap().cert.pem();
    let provider = "[[provider]]\nname = 'a'\ndialect = 'openai'\nbase_url = 'http://h'\n";
    let written = format!("storage.path = 'off'\n{provider}tls.ca = 'ca.pem'");
    let scene = Scene::new().file("tidegate.toml", &written).file("ca.pem", &certificate.repeat(2));
    let loaded = scene.loaded();
    assert_eq!(loaded.snapshot.providers[0].extra_ca.len(), 2);
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["`provider.a.tls.ca` has no effect: base_url is http"]);
}

#[test]
fn a_secret_is_taken_whole_but_for_its_last_line_end() {
    let provider = "[[provider]]\nname = 'a'\ndialect = 'openai'\nbase_url = 'http://h'\n";
    let written = format!("{provider}key = [{{ value.file = 'key' }}]");
    for (content, taken) in
        [("abc", Some("abc")), ("abc\n", Some("abc")), ("abc\r\n", Some("abc")), ("abc\n\n", None)]
    {
        let scene = Scene::new().file("tidegate.toml", &written).file("key", content);
        let loaded = crate::config::load(&scene.sources());
        let value = loaded.as_ref().ok().map(|l| l.snapshot.providers[0].keys[0].value.expose());
        assert_eq!(value, taken, "{content:?}");
    }
}

#[test]
fn usage_is_added_for_hosts_that_understand_or_where_it_is_asked_for() {
    let adds = |host: &str, word: &str| {
        let written = format!(
            "storage.path = 'off'\n[[provider]]\nname = 'a'\ndialect = 'openai'\n\
             base_url = 'https://{host}/v1'\ninclude_usage = '{word}'"
        );
        let loaded = Scene::new().file("tidegate.toml", &written).loaded();
        assert_eq!(loaded.warnings, []);
        loaded.snapshot.providers[0].adds_usage
    };
    for (host, auto) in [
        ("api.openai.com", true),
        ("API.OpenAI.com:8443", true),
        ("team.openai.azure.com", true),
        ("team.cognitiveservices.azure.com", true),
        ("team.services.ai.azure.com", true),
        ("team.azure-api.net", false),
        ("openai.azure.com", false),
        ("api.openai.com.evil.example", false),
        ("evilapi.openai.com", false),
        ("eu.api.openai.com", false),
        ("teamopenai.azure.com", false),
        ("localhost", false),
    ] {
        assert_eq!(adds(host, "auto"), auto, "{host}");
        assert!(adds(host, "on"), "{host}");
        assert!(!adds(host, "off"), "{host}");
    }
}

#[test]
fn asking_anthropic_for_usage_is_warned_of() {
    let provider = "[[provider]]\nname = 'a'\ndialect = 'anthropic'\nbase_url = 'https://h'\n";
    let written = format!("storage.path = 'off'\n{provider}include_usage = 'on'");
    let loaded = Scene::new().file("tidegate.toml", &written).loaded();
    let told: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
    let expected = "`provider.a.include_usage` has no effect: Anthropic's streams always tell \
                    their usage";
    assert_eq!(told, [expected]);
}

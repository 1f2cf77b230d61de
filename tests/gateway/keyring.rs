//! Keys that are added and changed through the admin API: in force from the next request, sealed on
//! the disk, there again after a reload and a restart, and never shown.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::directory::Directory;
use crate::support::gateway::Gateway;
use crate::support::message::{get, post};
use crate::support::mock::Mock;
use crate::support::wire::{Answer, Payload, Wire};

const MASTER: &str = "planted-master-key-0123456789abcdef";
const OWN: &str = "sk-planted-own-0123456789";
const ADDED: &str = "sk-planted-added-0123456789";

fn config(mock: &Mock, storage: &Directory) -> String {
    format!(
        "[server]\nlisten = ['127.0.0.1:0']\nworkers = 2\n[admin]\nlisten = '127.0.0.1:0'\n\
         [storage]\npath = '{}'\nmaster_key.env = 'MASTER'\n\
         [[provider]]\nname = 'anthropic'\ndialect = 'anthropic'\nbase_url = '{}'\n\
         [[provider.key]]\nname = 'own'\nvalue.env = 'OWN'\n",
        storage.path().display(),
        mock.url()
    )
}

fn gateway(mock: &Mock, storage: &Directory) -> Gateway {
    Gateway::start_with(&config(mock, storage), &[("MASTER", MASTER), ("OWN", OWN)])
}

fn ask(gateway: &Gateway, request: &str) -> Answer {
    let mut client = Wire::connect(gateway.admin());
    client.send(request.replace("gateway.test", "localhost"));
    client.answer()
}

fn put(gateway: &Gateway, name: &str, settings: &Value) -> Answer {
    let path = format!("/api/v1/keys/anthropic/{name}");
    ask(gateway, &post(&path, "", &settings.to_string()).replacen("POST", "PUT", 1))
}

fn delete(gateway: &Gateway, name: &str) -> u16 {
    let path = format!("/api/v1/keys/anthropic/{name}");
    ask(gateway, &get(&path, "").replacen("GET", "DELETE", 1)).head.status()
}

fn key(gateway: &Gateway, name: &str) -> Value {
    ask(gateway, &get(&format!("/api/v1/keys/anthropic/{name}"), "")).json()
}

fn message(stream: bool) -> Value {
    json!({"model": "m", "max_tokens": 5, "messages": [], "stream": stream})
}

/// The key that serves the next request.
fn serving(gateway: &Gateway) -> Option<String> {
    let answer = gateway.ask(post("/v1/messages", "", &message(false).to_string()));
    answer.head.field("x-tidegate-key").map(str::to_owned)
}

#[test]
fn t04_t05_t06_t07_t12_a_key_is_added_rotated_and_recapped() {
    let (mock, storage) = (Mock::start(), Directory::new());
    let gateway = gateway(&mock, &storage);
    let added = put(&gateway, "new", &json!({"value": ADDED}));
    assert_eq!(added.head.status(), 200, "{}", added.text());
    let shape = added.json();
    assert_eq!((&shape["origin"], &shape["max_concurrent"]), (&json!("api"), &json!(8)), "T-12");
    assert_eq!(shape["hint"], "sk-p...6789");
    assert!(shape["updated_at"].is_string());
    assert_eq!(put(&gateway, "own", &json!({"enabled": false})).json()["state"], "disabled");
    assert_eq!(serving(&gateway).as_deref(), Some("new"));
    assert_eq!(mock.log(1)[0].0["headers"].to_string().matches(ADDED).count(), 1);
    let other = put(&gateway, "new", &json!({"max_concurrent": 5})).json();
    assert_eq!(other["max_concurrent"], 5, "T-04");
    let rotated = put(&gateway, "new", &json!({"value": "sk-planted-rotated-01234"})).json();
    assert_eq!(rotated["max_concurrent"], 5, "T-05");
    assert_eq!(serving(&gateway).as_deref(), Some("new"));
    let sent = mock.log(2)[1].0["headers"].to_string();
    assert!(sent.contains("sk-planted-rotated-01234") && !sent.contains(ADDED), "{sent}");
    assert_eq!(put(&gateway, "new", &json!({"max_concurrent": 9})).json()["max_concurrent"], 9);
    assert_eq!(key(&gateway, "new")["max_concurrent"], 9, "T-06, T-07");
    assert_eq!(put(&gateway, "own", &json!({"enabled": true})).json()["state"], "available");
    assert_eq!(serving(&gateway).as_deref(), Some("own"), "keys of the file come first");
    assert_eq!((delete(&gateway, "new"), delete(&gateway, "new")), (204, 404));
    assert_eq!(delete(&gateway, "own"), 409);
}

#[test]
fn t08_a_cap_alone_holds_from_the_next_request_and_leaves_the_ciphertext() {
    let (mock, storage) = (Mock::start(), Directory::new());
    let gateway = gateway(&mock, &storage);
    put(&gateway, "own", &json!({"enabled": false}));
    assert_eq!(put(&gateway, "new", &json!({"value": ADDED})).head.status(), 200);
    let sealed = || -> Vec<u8> {
        let state = Connection::open(storage.path().join("state.db")).unwrap();
        let sql = "SELECT sealed FROM keys WHERE name = 'new'";
        state.query_row(sql, [], |row| row.get(0)).unwrap()
    };
    let before = sealed();
    assert_eq!(put(&gateway, "new", &json!({"max_concurrent": 1})).head.status(), 200);
    assert_eq!(sealed(), before);
    let mut held = gateway.connect();
    let fields = "x-mock: events=100, rate=1\r\n";
    held.send(post("/v1/messages", fields, &message(true).to_string()));
    let head = held.head();
    Payload::of(&head).until(&mut held, "message_start");
    let refused = gateway.ask(post("/v1/messages", "", &message(false).to_string()));
    assert_eq!(refused.head.status(), 429);
    assert!(refused.text().contains("cap: 1"), "{}", refused.text());
    put(&gateway, "new", &json!({"max_concurrent": 2}));
    assert_eq!(serving(&gateway).as_deref(), Some("new"));
}

#[test]
fn t09_t10_t11_what_cannot_be_is_400_and_nothing_is_kept() {
    let (mock, storage) = (Mock::start(), Directory::new());
    let gateway = gateway(&mock, &storage);
    for settings in [
        json!({"max_concurrent": 5}),
        json!({}),
        json!({"value": ADDED, "max_concurrent": 0}),
        json!({"value": ADDED, "max_concurrent": -1}),
        json!({"value": ADDED, "max_concurrent": 257}),
        json!({"value": ADDED, "max_concurrent": 1.5}),
        json!({"value": "tg-planted"}),
        json!({"value": OWN}),
        json!({"value": ADDED, "reserved_for": ["nobody"]}),
        json!({"value": ADDED, "unknown": 1}),
    ] {
        let refused = put(&gateway, "new", &settings);
        assert_eq!(refused.head.status(), 400, "{settings}");
        assert!(!refused.text().contains("planted"), "{}", refused.text());
    }
    assert_eq!(put(&gateway, "own", &json!({"value": ADDED})).head.status(), 409);
    let path = "/api/v1/keys/nobody/new";
    let unknown = post(path, "", "{\"value\":\"sk-x\"}").replacen("POST", "PUT", 1);
    assert_eq!(ask(&gateway, &unknown).head.status(), 404);
    let state = Connection::open(storage.path().join("state.db")).unwrap();
    let kept: u32 = state.query_row("SELECT count(*) FROM keys", [], |row| row.get(0)).unwrap();
    assert_eq!(kept, 0);
}

#[test]
fn added_keys_survive_a_reload_and_a_kill_and_are_in_no_file() {
    let (mock, storage) = (Mock::start(), Directory::new());
    let first = gateway(&mock, &storage);
    assert_eq!(
        put(&first, "new", &json!({"value": ADDED, "max_concurrent": 3})).head.status(),
        200
    );
    assert_eq!(
        put(&first, "own", &json!({"enabled": false, "max_concurrent": 7})).head.status(),
        200
    );
    first.rewrite(&(config(&mock, &storage) + "[timeouts]\nconnect = '9s'\n"));
    assert_eq!(ask(&first, &post("/api/v1/reload", "", "")).head.status(), 200);
    assert_eq!(serving(&first).as_deref(), Some("new"));
    let stderr = first.kill();
    let second = gateway(&mock, &storage);
    assert_eq!(serving(&second).as_deref(), Some("new"));
    assert_eq!(key(&second, "new")["max_concurrent"], 3);
    let own = key(&second, "own");
    assert_eq!((&own["state"], &own["max_concurrent"]), (&json!("disabled"), &json!(7)));
    let all = stderr + &second.kill();
    assert!(!all.contains("planted"), "{all}");
    for file in std::fs::read_dir(storage.path()).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        let is_there = bytes.windows(7).any(|window| window == b"planted");
        assert!(!is_there, "a key in {}", path.display());
    }
    let other = [("MASTER", "another-master-key-0123456789abcdef"), ("OWN", OWN)];
    let third = Gateway::start_with(&config(&mock, &storage), &other);
    third.line("cannot be opened with this storage.master_key");
    assert_eq!(ask(&third, &get("/api/v1/keys/anthropic/new", "")).head.status(), 404);
}

#[test]
fn without_a_master_key_an_added_key_is_409() {
    let (mock, storage) = (Mock::start(), Directory::new());
    let config = config(&mock, &storage).replace("master_key.env = 'MASTER'\n", "");
    let gateway = Gateway::start_with(&config, &[("OWN", OWN)]);
    let refused = put(&gateway, "new", &json!({"value": ADDED}));
    assert_eq!(refused.head.status(), 409);
    assert!(refused.text().contains("storage.master_key"), "{}", refused.text());
    assert_eq!(put(&gateway, "own", &json!({"max_concurrent": 4})).json()["max_concurrent"], 4);
}

const MASTER_2: &str = "planted-second-master-key-0123456789abcdef";
const MASTER_3: &str = "planted-third-master-key-0123456789abcdef";

#[test]
fn a_master_key_is_rotated_by_a_reload_or_by_a_restart_that_knows_the_one_before() {
    let (mock, storage) = (Mock::start(), Directory::new());
    let first = config(&mock, &storage);
    let environment =
        [("MASTER", MASTER), ("MASTER_2", MASTER_2), ("MASTER_3", MASTER_3), ("OWN", OWN)];
    let start = |config: &str| Gateway::start_with(config, &environment);
    let gateway = start(&first);
    assert_eq!(put(&gateway, "new", &json!({"value": ADDED})).head.status(), 200);
    // By a reload: the values are there, whatever they were sealed under.
    let second = first.replace("master_key.env = 'MASTER'", "master_key.env = 'MASTER_2'");
    gateway.rewrite(&second);
    assert_eq!(ask(&gateway, &post("/api/v1/reload", "", "")).head.status(), 200);
    gateway.line("sealed under the new storage.master_key");
    gateway.kill();
    let gateway = start(&second);
    assert_eq!(key(&gateway, "new")["hint"], "sk-p...6789");
    gateway.kill();
    // By a restart.
    let third = first.replace(
        "master_key.env = 'MASTER'",
        "master_key.env = 'MASTER_3'\nprevious_master_key.env = 'MASTER_2'",
    );
    let gateway = start(&third);
    gateway.line("sealed under the new storage.master_key");
    assert_eq!(key(&gateway, "new")["hint"], "sk-p...6789");
    gateway.kill();
    let last = first.replace("master_key.env = 'MASTER'", "master_key.env = 'MASTER_3'");
    let gateway = start(&last);
    put(&gateway, "own", &json!({"enabled": false}));
    assert_eq!(serving(&gateway).as_deref(), Some("new"));
    let stderr = gateway.kill();
    assert!(!stderr.contains("planted"), "{stderr}");
}

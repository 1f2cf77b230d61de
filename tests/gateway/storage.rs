//! What outlives the process: states of keys and exchanges, over crashes and broken disks. Requests
//! are served whatever becomes of the databases, and no key is ever in them.

use std::path::Path;
use std::time::Instant;

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::PATIENCE;
use crate::support::directory::Directory;
use crate::support::gateway::Gateway;
use crate::support::message::{get, post};
use crate::support::mock::Mock;
use crate::support::wire::{Answer, Wire};

const KEY: &str = "sk-planted-0123456789abcdef";
const KEY_2: &str = "sk-planted-second-0123456789";
const CALLER: &str = "tg-planted-caller-0123456789";

fn gateway(mock: &Mock, storage: &Directory) -> Gateway {
    let config = format!(
        "[server]\nlisten = ['127.0.0.1:0']\nworkers = 2\n[admin]\nlisten = '127.0.0.1:0'\n\
         [storage]\npath = '{}'\n[[caller]]\nname = 'alice'\nkey.env = 'CALLER'\n\
         [[provider]]\nname = 'anthropic'\ndialect = 'anthropic'\nbase_url = '{}'\n\
         [[provider.key]]\nname = 'a'\nvalue.env = 'KEY'\n\
         [[provider.key]]\nname = 'b'\nvalue.env = 'KEY_2'\n",
        storage.path().display(),
        mock.url()
    );
    let environment = [("KEY", KEY), ("KEY_2", KEY_2), ("CALLER", CALLER)];
    Gateway::start_with(&config, &environment)
}

fn message(model: &str) -> String {
    let body = json!({"model": model, "max_tokens": 5, "messages": []}).to_string();
    post("/v1/messages", &format!("x-api-key: {CALLER}\r\n"), &body)
}

fn ask(gateway: &Gateway, path: &str) -> Answer {
    let mut client = Wire::connect(gateway.admin());
    client.send(get(path, "").replace("gateway.test", "localhost"));
    client.answer()
}

fn read(gateway: &Gateway, path: &str) -> Value {
    let answer = ask(gateway, path);
    assert_eq!(answer.head.status(), 200, "{path}: {}", answer.text());
    answer.json()
}

/// Looks until `look` finds something.
#[expect(clippy::disallowed_methods, reason = "a test's thread may look at the clock")]
fn found<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "no {what}");
        std::thread::yield_now();
    }
}

/// Waits until so many exchanges are kept.
fn kept(gateway: &Gateway, count: usize) -> Vec<Value> {
    found(&format!("{count} kept exchanges"), || {
        let answer = ask(gateway, "/api/v1/requests?limit=500");
        if answer.head.status() != 200 {
            return None;
        }
        let list = answer.json()["requests"].as_array().unwrap().clone();
        (list.len() >= count).then_some(list)
    })
}

fn marks(storage: &Directory) -> Option<u32> {
    let state = Connection::open(storage.path().join("state.db")).ok()?;
    state.query_row("SELECT count(*) FROM marks", [], |row| row.get(0)).ok()
}

fn state(gateway: &Gateway, name: &str) -> Value {
    read(gateway, &format!("/api/v1/keys/anthropic/{name}"))
}

#[test]
fn states_of_keys_outlive_a_kill_and_another_value_does_not_inherit_them() {
    let limited = format!(
        "{KEY}=429:retry-after=600:anthropic-ratelimit-unified-status=rejected:\
                           anthropic-ratelimit-unified-5h-status=rejected"
    );
    let failed = format!("{KEY_2}=401:error_type=authentication_error");
    let mock = Mock::with(&["--key-script", &limited, "--key-script", &failed]);
    let storage = Directory::new();
    let first = gateway(&mock, &storage);
    let refused = first.ask(message("m"));
    assert_eq!(refused.head.status(), 429, "{}", refused.text());
    found("two marks", || marks(&storage).filter(|&count| count == 2));
    first.kill();
    let second = gateway(&mock, &storage);
    assert_eq!(state(&second, "b")["state"], "auth_failed");
    let cooling = state(&second, "a");
    assert!(
        cooling["state"] == "cooling" || cooling["classes"][0]["state"] == "cooling",
        "{cooling}"
    );
    let asked = mock.log(0).len();
    assert_eq!(second.ask(message("m")).head.status(), 429);
    assert_eq!(mock.log(0).len(), asked, "nobody was asked");
    second.kill();
    // Another value under the old name is another key.
    let config = format!(
        "[admin]\nlisten = '127.0.0.1:0'\n[storage]\npath = '{}'\n\
         [[provider]]\nname = 'anthropic'\ndialect = 'anthropic'\nbase_url = '{}'\n\
         [[provider.key]]\nname = 'a'\nvalue.env = 'KEY'\n",
        storage.path().display(),
        mock.url()
    );
    let third = Gateway::start_with(&config, &[("KEY", "sk-another-value-0123")]);
    let fresh = state(&third, "a");
    assert_eq!((&fresh["state"], &fresh["classes"]), (&json!("available"), &json!([])));
}

#[test]
fn exchanges_are_listed_filtered_summed_and_outlive_a_kill() {
    let mock = Mock::start();
    let storage = Directory::new();
    let first = gateway(&mock, &storage);
    // One by one: an answer is out a moment before its record, and what begins in one tick of the
    // clock is listed as it was written.
    for (count, model) in (1..).zip(["m1", "m2", "m1"]) {
        assert_eq!(first.ask(message(model)).head.status(), 200);
        kept(&first, count);
    }
    assert_eq!(first.ask(post("/nowhere", "", "")).head.status(), 404);
    kept(&first, 4);
    first.kill();
    let gateway = gateway(&mock, &storage);
    let list = kept(&gateway, 4);
    assert_eq!(list[0]["error"], "no_route", "newest first");
    assert_eq!(list[3]["model"], "m1");
    assert_eq!((&list[3]["caller"], &list[3]["key"]), (&json!("alice"), &json!("a")));
    let id = list[1]["id"].as_str().unwrap();
    assert_eq!(read(&gateway, &format!("/api/v1/requests/{id}")), list[1]);
    assert_eq!(ask(&gateway, "/api/v1/requests/nobody").head.status(), 404);
    let count = |query: &str| {
        let page = read(&gateway, &format!("/api/v1/requests?{query}"));
        page["requests"].as_array().unwrap().len()
    };
    assert_eq!((count("model=m1"), count("status=404"), count("caller=alice")), (2, 1, 3));
    assert_eq!((count("key=a&model=m2"), count("from=2100-01-01T00:00:00Z")), (1, 0));
    let page = read(&gateway, "/api/v1/requests?limit=3");
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = read(&gateway, &format!("/api/v1/requests?limit=3&cursor={cursor}"));
    assert_eq!((&rest["requests"][0], &rest["next_cursor"]), (&list[3], &Value::Null));
    for (query, why) in [
        ("limit=0", "`limit` must be from 1 to 500"),
        ("limit=501", "`limit` must be from 1 to 500"),
        ("cursor=x", "`cursor` is none"),
        ("from=yesterday", "`from` must be an instant"),
        ("from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z", "`from` is after `to`"),
        ("nothing=1", "The query is wrong: nothing: unknown field"),
        ("status=x", "The query is wrong: status: invalid digit"),
    ] {
        let refused = ask(&gateway, &format!("/api/v1/requests?{query}"));
        assert_eq!(refused.head.status(), 400, "{query}");
        assert!(refused.text().contains(why), "{query}: {}", refused.text());
        assert_eq!(refused.head.field("content-type"), Some("application/problem+json"));
    }
    let usage = read(&gateway, "/api/v1/usage?by=day,model");
    assert_eq!(usage["totals"]["requests"], 4);
    let of_m1 = usage["rows"].as_array().unwrap().iter().find(|row| row["model"] == "m1").unwrap();
    assert_eq!(of_m1["requests"], 2);
    assert!(of_m1["usage"]["output"].as_u64().unwrap() > 0, "{usage}");
    let today = read(&gateway, "/api/v1/status")["today"].clone();
    assert_eq!(today["requests"], 4, "the day goes on after a restart");
    assert_eq!(ask(&gateway, "/api/v1/usage?by=week").head.status(), 400);
}

#[test]
fn sums_and_totals_go_by_the_model_that_was_sent_and_the_list_by_the_one_asked_for() {
    let mock = Mock::start();
    let storage = Directory::new();
    let config = format!(
        "[admin]\nlisten = '127.0.0.1:0'\n[storage]\npath = '{}'\n\
         [[provider]]\nname = 'p'\ndialect = 'anthropic'\nbase_url = '{}'\n\
         [[provider.key]]\nvalue = 'sk-1'\n[[route]]\nname = 'r'\n\
         strategy = {{ type = 'priority', providers = ['p'], model_map = {{ asked = 'sent' }} }}\n",
        storage.path().display(),
        mock.url()
    );
    let gateway = Gateway::start(&config);
    let body = "{\"model\":\"asked\",\"max_tokens\":5,\"messages\":[]}";
    assert_eq!(gateway.ask(post("/v1/messages", "", body)).head.status(), 200);
    let list = kept(&gateway, 1);
    assert_eq!((&list[0]["model"], &list[0]["model_routed"]), (&json!("asked"), &json!("sent")));
    for (model, count) in [("asked", 1), ("sent", 0)] {
        let listed = read(&gateway, &format!("/api/v1/requests?model={model}"));
        assert_eq!(listed["requests"].as_array().unwrap().len(), count, "{model}");
    }
    let usage = read(&gateway, "/api/v1/usage?by=model");
    assert_eq!((&usage["rows"][0]["model"], &usage["rows"][1]), (&json!("sent"), &Value::Null));
    let metrics = ask(&gateway, "/metrics").text();
    let total = "tidegate_requests_total{provider=\"p\",model=\"sent\",status=\"200\"} 1\n";
    assert!(metrics.contains(total), "{metrics}");
    assert!(!metrics.contains("model=\"asked\""), "{metrics}");
}

#[test]
fn no_key_is_in_any_file() {
    let mock = Mock::start();
    let storage = Directory::new();
    let gateway = gateway(&mock, &storage);
    let body = json!({"model": "m", "max_tokens": 5, "messages": []}).to_string();
    let query = format!("/v1/messages?api_key={KEY_2}");
    gateway.ask(post(&query, &format!("authorization: Bearer {CALLER}\r\n"), &body));
    kept(&gateway, 1);
    let listed = ask(&gateway, "/api/v1/requests").text() + &ask(&gateway, "/api/v1/keys").text();
    assert!(!listed.contains("planted"), "{listed}");
    let stderr = gateway.kill();
    assert!(!stderr.contains("planted"), "{stderr}");
    let files: Vec<_> = std::fs::read_dir(storage.path()).unwrap().collect();
    assert!(files.len() >= 3, "salt and two databases");
    for file in files {
        let path = file.unwrap().path();
        let bytes = contents(&path);
        let is_there = bytes.windows(7).any(|window| window == b"planted");
        assert!(!is_there, "a key in {}", path.display());
    }
}

#[test]
fn a_locked_database_stops_nobody_and_loses_nothing_it_can_hold() {
    let mock = Mock::start();
    let storage = Directory::new();
    let gateway = gateway(&mock, &storage);
    assert_eq!(gateway.ask(message("m")).head.status(), 200);
    kept(&gateway, 1);
    let lock = Connection::open(storage.path().join("logs.db")).unwrap();
    lock.execute_batch("BEGIN EXCLUSIVE").unwrap();
    assert_eq!(gateway.ask(message("m")).head.status(), 200);
    let told = gateway.line("storage fails");
    assert!(told.contains("locked"), "{told}");
    let status = read(&gateway, "/api/v1/status");
    assert_eq!(status["storage"]["state"], "failing");
    assert_eq!(gateway.ask(message("m")).head.status(), 200);
    lock.execute_batch("COMMIT").unwrap();
    gateway.line("storage works again");
    kept(&gateway, 3);
    assert_eq!(read(&gateway, "/api/v1/status")["storage"]["rows_dropped"], 0);
}

#[test]
fn a_deleted_database_is_made_anew() {
    let mock = Mock::start();
    let storage = Directory::new();
    let gateway = gateway(&mock, &storage);
    assert_eq!(gateway.ask(message("m")).head.status(), 200);
    kept(&gateway, 1);
    for name in ["logs.db", "logs.db-wal", "logs.db-shm"] {
        std::fs::remove_file(storage.path().join(name)).unwrap();
    }
    assert_eq!(gateway.ask(message("after")).head.status(), 200);
    let list = kept(&gateway, 1);
    assert_eq!(list[0]["model"], "after");
}

#[test]
fn a_place_where_nothing_can_be_kept_is_told_and_requests_are_served() {
    let mock = Mock::start();
    let storage = Directory::new();
    std::fs::create_dir(storage.path().join("logs.db")).unwrap();
    let gateway = gateway(&mock, &storage);
    gateway.line("storage fails");
    assert_eq!(gateway.ask(message("m")).head.status(), 200);
    assert_eq!(ask(&gateway, "/api/v1/requests").head.status(), 503);
    let status = read(&gateway, "/api/v1/status");
    assert_eq!(status["storage"]["state"], "failing");
}

#[test]
fn without_storage_there_is_nothing_to_list() {
    let gateway = Gateway::start("[admin]\nlisten = '127.0.0.1:0'\n");
    assert_eq!(ask(&gateway, "/api/v1/requests").head.status(), 404);
    assert_eq!(ask(&gateway, "/api/v1/usage").head.status(), 404);
    assert_eq!(read(&gateway, "/api/v1/status")["storage"]["state"], "off");
}

fn contents(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

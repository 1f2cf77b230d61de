//! What the databases survive, and what survives without them: twenty kills at any moment, with an
//! oracle of what must still be there, and a disk that is full.

use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::support::{Answer, Directory, Gateway, Mock, Wire, get, post};

const MASTER: &str = "a-master-key-of-0123456789abcdef-32";

fn config(mock: &Mock, storage: &Directory) -> String {
    format!(
        "[server]\nlisten = ['127.0.0.1:0']\nworkers = 2\n[admin]\nlisten = '127.0.0.1:0'\n\
         [storage]\npath = '{}'\nmaster_key = '{MASTER}'\n[log]\nlevel = 'warn'\n\
         [[provider]]\nname = 'p'\ndialect = 'anthropic'\nbase_url = '{}'\n\
         [[provider.key]]\nname = 'limited'\nvalue = 'sk-limited-0123456'\n\
         [[provider.key]]\nname = 'failed'\nvalue = 'sk-failed-01234567'\n\
         [[provider.key]]\nname = 'good'\nvalue = 'sk-good-012345678'\n",
        storage.path().display(),
        mock.url()
    )
}

fn ask(gateway: &Gateway, request: &str) -> Answer {
    let mut client = Wire::connect(gateway.admin());
    client.send(request.replace("gateway.test", "localhost"));
    client.answer()
}

fn read(gateway: &Gateway, path: &str) -> Value {
    ask(gateway, &get(path, "")).json()
}

fn put(gateway: &Gateway, name: &str, settings: &Value) -> Answer {
    let path = format!("/api/v1/keys/p/{name}");
    ask(gateway, &post(&path, "", &settings.to_string()).replacen("POST", "PUT", 1))
}

fn count(storage: &Directory, database: &str, sql: &str) -> i64 {
    let database = Connection::open(storage.path().join(database)).unwrap();
    database.busy_timeout(Duration::from_secs(5)).unwrap();
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

const BODY: &str = "{\"model\":\"m\",\"max_tokens\":5,\"messages\":[]}";

/// What must be there after the next start, whatever happens.
#[derive(Default)]
struct Oracle {
    /// Of the added key, as it was acknowledged last.
    cap: Option<u64>,
    /// Exchanges that were answered long enough before a kill.
    ids: Vec<String>,
}

impl Oracle {
    fn check(&self, gateway: &Gateway) {
        let key = |name: &str| read(gateway, &format!("/api/v1/keys/p/{name}"));
        if let Some(cap) = self.cap {
            assert_eq!(key("added")["max_concurrent"], cap, "an acknowledged change is lost");
            assert_eq!(key("limited")["state"], "cooling");
            assert_eq!(key("failed")["classes"][0]["state"], "auth_failed");
        }
        for id in &self.ids {
            let kept = read(gateway, &format!("/api/v1/requests/{id}"));
            assert_eq!(kept["id"], *id, "an old exchange is lost");
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the oracle is about the time before a kill")]
fn twenty_kills_at_any_moment_lose_no_state_and_only_the_newest_rows() {
    let forbidden = "sk-failed-01234567=403:error_type=permission_error";
    let limited = "sk-limited-0123456=429:retry-after=3600:\
                   anthropic-ratelimit-unified-status=rejected:\
                   anthropic-ratelimit-unified-5h-status=rejected";
    let mock = Mock::with(&["--key-script", limited, "--key-script", forbidden]);
    let storage = Directory::new();
    let config = config(&mock, &storage);
    let mut oracle = Oracle::default();
    // A second is promised, and holds where the gateway gets its turn on a core
    // (TIDEGATE_LOST_MS=1000 on an idle machine); beside all other tests it may wait for one.
    let lost = std::env::var("TIDEGATE_LOST_MS").ok().and_then(|ms| ms.parse().ok());
    let lost = Duration::from_millis(lost.unwrap_or(3_000));
    for round in 0..20_u64 {
        let gateway = Gateway::start_with(&config, &[]);
        oracle.check(&gateway);
        let mut answered: Vec<(Instant, String)> = Vec::new();
        let mut client = gateway.connect();
        let begun = Instant::now();
        // From hardly anything to well over a batch, in steps that no period fits; some as long as
        // what may be lost, and more.
        let long = if round % 5 == 4 { lost + Duration::from_millis(600) } else { Duration::ZERO };
        let end = begun + long + Duration::from_millis(round * 67 % 700);
        while Instant::now() < end {
            client.send(post("/v1/messages", "", BODY));
            let answer = client.answer();
            assert_eq!(answer.head.status(), 200, "{}", answer.text());
            let id = answer.head.field("x-tidegate-request-id").unwrap().to_owned();
            answered.push((Instant::now(), id));
        }
        if !answered.is_empty() {
            let cap = 1 + round % 256;
            let settings = json!({"max_concurrent": cap, "value": "sk-added-0123456"});
            assert_eq!(put(&gateway, "added", &settings).head.status(), 200);
            oracle.cap = Some(cap);
            // Marks are told of by the journal; the disk has them within its second.
            while count(&storage, "state.db", "SELECT count(*) FROM marks") < 2 {
                std::thread::yield_now();
            }
        }
        let killed = Instant::now();
        gateway.kill();
        let is_old = |(at, _): &(Instant, String)| killed - *at > lost;
        // A few of each round, or the checks would take longer than the rounds.
        let old: Vec<_> = answered.into_iter().filter(is_old).collect();
        oracle.ids.extend(old.first().into_iter().chain(old.last()).map(|(_, id)| id.clone()));
    }
    assert!(oracle.ids.len() >= 8, "four rounds are longer than what may be lost");
    for database in ["state.db", "logs.db"] {
        let sql = "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'";
        assert_eq!(count(&storage, database, sql), 1, "{database}");
    }
    let sums = "SELECT sum(requests) FROM sums WHERE step_s = 86400";
    let rows = count(&storage, "logs.db", "SELECT sum(count) FROM pages");
    assert_eq!(count(&storage, "logs.db", sums), rows, "rows and sums are written as one");
}

#[test]
fn a_full_disk_stops_nobody_is_told_once_and_counted() {
    let (mock, storage) = (Mock::start(), Directory::new());
    // A file may not grow beyond 2 MiB, which is told to the writer as on a disk that is full.
    let limit = "trap '' XFSZ; ulimit -f 4096";
    let gateway = Gateway::start_after(limit, &config(&mock, &storage));
    let mut client = gateway.connect();
    let failing = || read(&gateway, "/api/v1/status")["storage"].clone();
    let mut asked: u64 = 0;
    while failing()["state"] != "failing" {
        client.send(post("/v1/messages", "", BODY).repeat(50));
        for _ in 0..50 {
            assert_eq!(client.answer().head.status(), 200);
        }
        asked += 50;
        assert!(asked < 50_000, "it never became full");
    }
    // More than may wait for the disk: some are lost, and counted.
    while failing()["rows_dropped"].as_u64() == Some(0) {
        client.send(get("/nowhere", "").repeat(200));
        for _ in 0..200 {
            assert_eq!(client.answer().head.status(), 404);
        }
    }
    client.send(post("/v1/messages", "", BODY));
    assert_eq!(client.answer().head.status(), 200);
    let health = failing();
    assert!(health["error"].is_string() && health["errors"].as_u64() > Some(0), "{health}");
    let refused = put(&gateway, "added", &json!({"value": "sk-added-0123456"}));
    assert!([200, 503].contains(&refused.head.status()), "{}", refused.text());
    let metrics = ask(&gateway, &get("/metrics", "")).text();
    assert!(!metrics.contains("tidegate_storage_rows_dropped_total 0\n"), "{metrics}");
    let stderr = gateway.kill();
    let told = stderr.lines().filter(|line| line.contains("storage fails")).count();
    assert_eq!(told, 1, "{stderr}");
}

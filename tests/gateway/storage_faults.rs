//! What the databases survive, and what survives without them: twenty kills at any moment, with an
//! oracle of what must still be there, and a disk that is full.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
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

/// Exchanges that ended so long before a kill are there, whatever else the machine does.
const LOST: Duration = Duration::from_secs(1);
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

/// The threads through whose hands an exchange goes to the disk.
struct Keepers(Vec<PathBuf>);

impl Keepers {
    fn of(gateway: &Gateway) -> Self {
        let main = gateway.id().to_string();
        let tasks = std::fs::read_dir(format!("/proc/{main}/task")).unwrap();
        let is_keeper = |task: &PathBuf| {
            task.ends_with(&main) || read_file(&task.join("comm")).trim() == "storage"
        };
        let tasks = tasks.map(|task| task.unwrap().path()).filter(is_keeper);
        let keepers: Vec<_> = tasks.map(|task| task.join("schedstat")).collect();
        assert_eq!(keepers.len(), 2, "the control plane's thread and the one that writes");
        Self(keepers)
    }

    #[expect(clippy::disallowed_methods, reason = "the oracle is about the time before a kill")]
    fn now(&self) -> Moment {
        let waited = |file: &PathBuf| {
            read_file(file).split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        };
        let waited_ns = self.0.iter().map(waited).sum();
        Moment { at: Instant::now(), waited: Duration::from_nanos(waited_ns) }
    }
}

#[derive(Clone, Copy)]
struct Moment {
    at: Instant,
    /// How long the keepers have waited for a core until now, by the kernel's own count: what a
    /// machine that is busy with other things takes is not the gateway's.
    waited: Duration,
}

impl Moment {
    /// Whether what ended now must outlive a kill at `end`.
    fn is_old(self, end: Self) -> bool {
        end.at - self.at > LOST + end.waited.saturating_sub(self.waited)
    }
}

/// Exchanges with the time of their end: from hardly any to well over a batch, in steps that no
/// period fits; some for as long as what may be lost, and more.
fn served(gateway: &Gateway, keepers: &Keepers, round: u64) -> Vec<(Moment, String)> {
    let mut client = gateway.connect();
    let (begun, is_long) = (keepers.now(), round % 5 == 4);
    let long_enough = Duration::from_millis(round * 67 % 700);
    let mut answered: Vec<(Moment, String)> = Vec::new();
    let mut full_at = if is_long { None } else { Some(begun.at) };
    loop {
        let now = keepers.now();
        full_at = full_at.or_else(|| begun.is_old(now).then_some(now.at));
        if full_at.is_some_and(|at| now.at - at >= long_enough) {
            return answered;
        }
        client.send(post("/v1/messages", "", BODY));
        let answer = client.answer();
        assert_eq!(answer.head.status(), 200, "{}", answer.text());
        let id = answer.head.field("x-tidegate-request-id").unwrap().to_owned();
        answered.push((keepers.now(), id));
    }
}

fn kept_ids(storage: &Directory) -> HashSet<String> {
    let logs = Connection::open(storage.path().join("logs.db")).unwrap();
    let mut pages = logs.prepare("SELECT lines FROM pages").unwrap();
    let lines = pages.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    let lines: Vec<u8> = lines.flat_map(Result::unwrap).collect();
    let rows = serde_json::Deserializer::from_slice(&lines).into_iter::<Value>();
    rows.map(|row| row.unwrap()["id"].as_str().unwrap().to_owned()).collect()
}

#[expect(clippy::disallowed_methods, reason = "a test's thread may block")]
fn read_file(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn twenty_kills_at_any_moment_lose_no_state_and_only_the_newest_rows() {
    let forbidden = "sk-failed-01234567=403:error_type=permission_error";
    let limited = "sk-limited-0123456=429:retry-after=3600:\
                   anthropic-ratelimit-unified-status=rejected:\
                   anthropic-ratelimit-unified-5h-status=rejected";
    let mock = Mock::with(&["--key-script", limited, "--key-script", forbidden]);
    let storage = Directory::new();
    let config = config(&mock, &storage);
    let mut oracle = Oracle::default();
    for round in 0..20_u64 {
        let gateway = Gateway::start_with(&config, &[]);
        oracle.check(&gateway);
        let keepers = Keepers::of(&gateway);
        let answered = served(&gateway, &keepers, round);
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
        let killed = keepers.now();
        gateway.kill();
        let old = answered.into_iter().filter(|(at, _)| at.is_old(killed));
        let old: Vec<_> = old.map(|(_, id)| id).collect();
        let kept = kept_ids(&storage);
        let lost: Vec<_> = old.iter().filter(|id| !kept.contains(id.as_str())).collect();
        assert!(lost.is_empty(), "round {round}: {} of {} are lost", lost.len(), old.len());
        // A few of each round, or the checks would take longer than the rounds.
        oracle.ids.extend(old.first().into_iter().chain(old.last()).cloned());
    }
    assert!(oracle.ids.len() >= 4, "four rounds are longer than what may be lost");
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

/// Has `script` begin in a namespace where `storage` is a disk of its own of 2 MiB.
fn on_a_small_disk(storage: &Directory) -> String {
    // Who is not root is root in there.
    let who = if rustix::process::getuid().is_root() { "" } else { "--map-root-user" };
    let mount = format!("mount -t tmpfs -o size=2m tmpfs {}", storage.path().display());
    format!("exec unshare --mount {who} /bin/sh -c '{mount} && exec \"$0\" \"$@\"' \"$0\" \"$@\"")
}

fn can_mount(storage: &Directory) -> bool {
    let script = on_a_small_disk(storage);
    let tried = Command::new("/bin/sh").args(["-c", &script, "/bin/true"]).output().unwrap();
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr);
        eprintln!("SKIPPED: a full disk, since nothing can be mounted here: {why}");
    }
    tried.status.success()
}

/// Takes all that is left of the disk.
fn fill(file: &Path) {
    let mut filler = std::fs::File::create(file).unwrap();
    for bytes in [4_096, 1] {
        while filler.write_all(&vec![0; bytes]).is_ok() {}
    }
}

#[test]
fn a_disk_without_space_stops_nobody_and_has_every_row_once_there_is_some() {
    let (mock, storage) = (Mock::start(), Directory::new());
    if !can_mount(&storage) {
        return;
    }
    let gateway = Gateway::start_after(&on_a_small_disk(&storage), &config(&mock, &storage));
    let mut client = gateway.connect();
    let mut serve = |times: usize| -> Vec<String> {
        let served = (0..times).map(|_| {
            client.send(post("/v1/messages", "", BODY));
            let answer = client.answer();
            assert_eq!(answer.head.status(), 200, "{}", answer.text());
            answer.head.field("x-tidegate-request-id").unwrap().to_owned()
        });
        served.collect()
    };
    let status = || read(&gateway, "/api/v1/status")["storage"].clone();
    let list = || read(&gateway, "/api/v1/requests?limit=500")["requests"].clone();
    let mut served = serve(3);
    while list().as_array().unwrap().len() < 3 {
        std::thread::yield_now();
    }
    // The disk of the gateway's own namespace.
    let disk = format!("/proc/{}/root{}", gateway.id(), storage.path().display());
    let filler = Path::new(&disk).join("filler");
    fill(&filler);
    while status()["state"] != "failing" {
        served.extend(serve(1));
    }
    let health = status();
    let why = health["error"].as_str().unwrap();
    assert!(why.starts_with("logs.db: ") && why.contains("full"), "{health}");
    served.extend(serve(20));
    assert_eq!(list().as_array().unwrap().len(), 3, "what is kept can be read");
    let refused = put(&gateway, "added", &json!({"value": "sk-added-0123456"}));
    assert_eq!(refused.head.status(), 503, "{}", refused.text());
    assert_eq!(ask(&gateway, &get("/api/v1/keys/p/added", "")).head.status(), 404);
    let metrics = ask(&gateway, &get("/metrics", "")).text();
    assert!(!metrics.contains("tidegate_storage_errors_total 0\n"), "{metrics}");
    std::fs::remove_file(&filler).unwrap();
    gateway.line("storage works again");
    served.extend(serve(1));
    while list().as_array().unwrap().len() < served.len() {
        std::thread::yield_now();
    }
    let kept = list();
    let kept: Vec<_> = kept.as_array().unwrap().iter().rev().map(|row| row["id"].clone()).collect();
    assert_eq!(kept, served, "each row once, in order");
    let added = put(&gateway, "added", &json!({"value": "sk-added-0123456"}));
    assert_eq!(added.head.status(), 200, "{}", added.text());
    assert_eq!((&status()["state"], &status()["rows_dropped"]), (&json!("ok"), &json!(0)));
    let stderr = gateway.kill();
    for database in ["logs.db: database or disk is full", "state.db: database or disk is full"] {
        let told = stderr.lines().filter(|line| line.contains(database)).count();
        assert_eq!(told, 1, "{database}: {stderr}");
    }
}

//! The request list over many rows answers from an index; pages follow each other; what a former
//! version kept is there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::path::PathBuf;

use rusqlite::params_from_iter;
use serde_json::json;

use super::*;
use crate::control_plane::storage::{database, logs};

pub(in crate::control_plane::storage) struct Folder(pub PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        let name = format!("tidegate-logs-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

/// Row `number`: seven models, three statuses, two workers, one caller in a thousand.
fn row(number: u64) -> (Head, String) {
    let head = Head {
        caller: Text::cut(if number % 1_000 == 5 { b"alice" } else { b"" }),
        conversation: Some(number / 4),
        end: 0,
        figures: [1, 2, 3, 4, 5, 6, 7, 0, 80],
        id: Text::cut(format!("{:016x}{:08x}", number % 2 + 7, number / 2).as_bytes()),
        key: Text::cut(b"k"),
        model: Text::cut(format!("m{}", number % 7).as_bytes()),
        model_routed: Text::cut(format!("m{}", number % 7).as_bytes()),
        provider: Text::cut(b"p"),
        status: [200, 429, 500][usize::try_from(number % 3).unwrap()],
        unix_ms: FIRST_MS + number * 1_000,
    };
    let shape = json!({
        "id": head.id.as_str(), "model": head.model.as_str(), "status": head.status, "key": "k",
        "caller": Some(head.caller.as_str()).filter(|caller| !caller.is_empty()),
        "conversation": hash(head.conversation).as_str(), "number": number,
    });
    // As shapes are written: the id stands first.
    let rest = shape.to_string();
    let id = format!("{{\"id\":\"{}\",", head.id.as_str());
    (head, rest.replace(&format!("\"id\":{},", shape["id"]), "").replacen('{', &id, 1))
}

pub(in crate::control_plane::storage) fn rows(numbers: std::ops::Range<u64>) -> Rows {
    let mut rows = Rows::default();
    for (mut head, line) in numbers.map(row) {
        rows.lines.extend_from_slice(line.as_bytes());
        rows.lines.push(b'\n');
        head.end = rows.lines.len();
        rows.heads.push(head);
    }
    rows
}

fn filled(folder: &Folder, count: u64) -> Connection {
    let mut logs = database::open_logs(&folder.0).unwrap();
    logs::insert(&mut logs, &rows(0..count)).unwrap();
    logs
}

fn plan(logs: &Connection, wanted: &Wanted) -> String {
    let (sql, values) = wanted.sql();
    let mut plan = logs.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let steps = plan.query_map(params_from_iter(values), |row| row.get::<_, String>(3)).unwrap();
    steps.collect::<rusqlite::Result<Vec<String>>>().unwrap().join("; ")
}

fn number(placed: &Placed) -> u64 {
    let shape: serde_json::Value = serde_json::from_str(&placed.shape).unwrap();
    shape["number"].as_u64().unwrap()
}

#[test]
fn the_list_of_many_answers_from_an_index() {
    let folder = Folder::new("index");
    let logs = filled(&folder, 2_000);
    let at = |seconds: u64| Some((FIRST_MS + seconds * 1_000).cast_signed());
    let texts = |terms: &[(Kind, &str)]| -> Vec<(Kind, String)> {
        terms.iter().map(|&(kind, value)| (kind, value.to_owned())).collect()
    };
    for equal in [
        texts(&[]),
        texts(&[(Kind::Model, "m3")]),
        texts(&[(Kind::Status, "200")]),
        texts(&[(Kind::Key, "k"), (Kind::Model, "m3")]),
        texts(&[(Kind::Caller, "alice"), (Kind::Status, "429"), (Kind::Model, "m3")]),
        texts(&[(Kind::Conversation, "c")]),
    ] {
        let page = Wanted { equal, limit: 50, ..Wanted::default() };
        let span = Wanted { from_ms: at(10), to_ms: at(90_000), ..page.clone() };
        let next = Wanted { before: Some((3, 9)), ..span.clone() };
        for wanted in [page, span, next] {
            let plan = plan(&logs, &wanted);
            assert!(!plan.contains("TEMP B-TREE"), "{wanted:?} sorts: {plan}");
            if let Some((kind, _)) = wanted.equal.first() {
                assert!(
                    plan.starts_with("SEARCH terms USING PRIMARY KEY (kind=? AND value=?"),
                    "{kind:?}: {plan}"
                );
                assert!(!plan.contains("SCAN"), "{wanted:?}: {plan}");
            }
        }
    }
}

#[test]
fn every_filter_finds_what_it_is_for_and_nothing_else() {
    let folder = Folder::new("filters");
    let logs = filled(&folder, 2_000);
    let model = |n: u64| (Kind::Model, format!("m{n}"));
    let status = |n: u64| (Kind::Status, n.to_string());
    let all = |equal: Vec<(Kind, String)>, is_it: &dyn Fn(u64) -> bool| {
        let wanted = Wanted { equal, limit: 5_000, ..Wanted::default() };
        let found: Vec<u64> = wanted.list(&logs).unwrap().iter().map(number).collect();
        assert_eq!(found, (0..2_000).rev().filter(|&n| is_it(n)).collect::<Vec<_>>(), "{wanted:?}");
    };
    all(vec![], &|_| true);
    all(vec![model(3)], &|n| n % 7 == 3);
    all(vec![status(429)], &|n| n % 3 == 1);
    all(vec![model(3), status(429)], &|n| n % 7 == 3 && n % 3 == 1);
    all(vec![(Kind::Caller, "alice".to_owned())], &|n| n % 1_000 == 5);
    all(vec![(Kind::Conversation, Hash(70).to_string())], &|n| n / 4 == 70);
    all(vec![(Kind::Key, "k".to_owned()), (Kind::Caller, "bob".to_owned())], &|_| false);
    let (from, to) = (FIRST_MS + 300_000, FIRST_MS + 600_000);
    let span = Wanted {
        from_ms: Some(from.cast_signed()),
        to_ms: Some(to.cast_signed()),
        limit: 5_000,
        ..Wanted::default()
    };
    let found: Vec<u64> = span.list(&logs).unwrap().iter().map(number).collect();
    assert_eq!(found, (300..600).rev().collect::<Vec<_>>());
}

#[test]
fn pages_follow_each_other_without_a_gap_or_a_twin() {
    let folder = Folder::new("pages");
    let logs = filled(&folder, 1_000);
    let equal = vec![(Kind::Model, "m3".to_owned())];
    let mut wanted = Wanted { equal, limit: 10, ..Wanted::default() };
    let mut seen: Vec<u64> = Vec::new();
    loop {
        let page = wanted.list(&logs).unwrap();
        let Some(last) = page.last() else { break };
        wanted.before = Some(last.place);
        seen.extend(page.iter().map(number));
    }
    let all: Vec<u64> = (0..1_000).rev().filter(|number| number % 7 == 3).collect();
    assert_eq!(seen, all);
}

#[test]
fn each_exchange_is_found_by_its_id() {
    let folder = Folder::new("ids");
    let mut logs = database::open_logs(&folder.0).unwrap();
    for from in (0..600).step_by(7) {
        let batch = logs.transaction().unwrap();
        insert(&batch, &rows(from..from + 7)).unwrap();
        batch.commit().unwrap();
    }
    for n in 0..602 {
        let (head, line) = row(n);
        assert_eq!(one(&logs, head.id.as_str()).unwrap(), Some(line), "{n}");
    }
    for id in [
        "",
        "7",
        "nobody",
        "000000000000000700009999",
        "caf\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}",
    ] {
        assert_eq!(one(&logs, id).unwrap(), None, "{id}");
    }
}

#[test]
fn rows_of_two_jobs_are_one_page() {
    let folder = Folder::new("append");
    let mut both = rows(0..3);
    both.append(rows(3..5));
    let mut logs = database::open_logs(&folder.0).unwrap();
    logs::insert(&mut logs, &both).unwrap();
    let count: i64 = logs.query_row("SELECT count(*) FROM pages", [], |row| row.get(0)).unwrap();
    let wanted = Wanted { limit: 9, ..Wanted::default() };
    let found: Vec<u64> = wanted.list(&logs).unwrap().iter().map(number).collect();
    assert_eq!((count, found), (1, vec![4, 3, 2, 1, 0]));
}

#[test]
fn what_earlier_versions_kept_is_in_the_list() {
    let folder = Folder::new("migrated");
    database::tests::open_logs_of_version(&folder.0, 3, |old| {
        for n in 0..40 {
            let (head, line) = row(n);
            let sql = "INSERT INTO requests (at_ms, id, model, status, key, caller, conversation, \
                       shape) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
            let conversation = hash(head.conversation);
            let texts = [head.key.as_str(), head.caller.as_str(), conversation.as_str()];
            let [key, caller, conversation] = texts;
            let (id, model) = (head.id.as_str(), head.model.as_str());
            let at_ms = head.unix_ms.cast_signed();
            let all = params![at_ms, id, model, head.status, key, caller, conversation, line];
            old.execute(sql, all).unwrap();
        }
    });
    let logs = database::open_logs(&folder.0).unwrap();
    let (head, line) = row(17);
    assert_eq!(one(&logs, head.id.as_str()).unwrap(), Some(line));
    let equal = vec![(Kind::Model, "m3".to_owned()), (Kind::Status, "200".to_owned())];
    let wanted = Wanted { equal, limit: 50, ..Wanted::default() };
    let found: Vec<u64> = wanted.list(&logs).unwrap().iter().map(number).collect();
    assert_eq!(found, [24, 3]);
}

#[test]
fn old_pages_are_swept_with_their_terms() {
    let folder = Folder::new("sweep");
    let mut logs = database::open_logs(&folder.0).unwrap();
    for from in [0, 50] {
        logs::insert(&mut logs, &rows(from..from + 50)).unwrap();
    }
    sweep(&logs, (FIRST_MS + 50_000).cast_signed()).unwrap();
    let left = Wanted { limit: 500, ..Wanted::default() }.list(&logs).unwrap();
    assert_eq!(left.len(), 50);
    for table in ["terms", "ids"] {
        let sql = format!("SELECT min(page) FROM {table}");
        assert_eq!(logs.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap(), 2, "{table}");
    }
}

/// 2026-01-01, unix ms.
pub(in crate::control_plane::storage) const FIRST_MS: u64 = 1_767_225_600_000;

//! The request list over many rows answers from an index; sums add up.

use std::path::PathBuf;

use super::*;
use crate::control_plane::storage::database;
use crate::control_plane::storage::sums::{By, Question};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("tidegate-logs-{}-{name}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _left_behind = std::fs::remove_dir_all(&self.0);
    }
}

/// Rows a second apart, from 2026-01-01 on.
fn filled(folder: &Folder, rows: i64) -> Connection {
    let mut logs = database::open_logs(&folder.0).expect("a database");
    let batch = logs.transaction().expect("a transaction");
    for number in 0..rows {
        let at_ms = FIRST_MS + number * 1_000;
        let (model, status) = (format!("m{}", number % 7), 200 + number % 3);
        batch
            .execute(
                "INSERT INTO requests (at_ms, id, model, status, key, caller, conversation, shape) \
                 VALUES (?, ?, ?, ?, 'k', '', 'c', ?)",
                params![at_ms, format!("id-{number}"), model, status, number.to_string()],
            )
            .expect("a row");
    }
    batch.commit().expect("rows");
    logs
}

fn plan(logs: &Connection, wanted: &Wanted) -> String {
    let (sql, values) = wanted.sql();
    let mut plan = logs.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).expect("a plan");
    let steps = plan.query_map(params_from_iter(values), |row| row.get::<_, String>(3));
    let steps: rusqlite::Result<Vec<String>> = steps.expect("steps").collect();
    steps.expect("texts").join("; ")
}

#[test]
fn the_list_of_a_hundred_thousand_answers_from_an_index() {
    let folder = Folder::new("index");
    let logs = filled(&folder, 100_000);
    let text = |text: &str| Value::Text(text.to_owned());
    let at = |seconds: i64| Some(FIRST_MS + seconds * 1_000);
    for (equal, index) in [
        (vec![], "requests_at"),
        (vec![("model", text("m3"))], "requests_model"),
        (vec![("status", Value::Integer(200))], "requests_at"),
        (vec![("status", Value::Integer(429))], "requests_status"),
        (vec![("key", text("k"))], "requests_key"),
        (vec![("caller", text("a"))], "requests_caller"),
        (vec![("conversation", text("c"))], "requests_conversation"),
    ] {
        let page = Wanted { equal, limit: 50, ..Wanted::default() };
        let span = Wanted { from_ms: at(10), to_ms: at(90_000), ..page.clone() };
        let next = Wanted { before: Some((FIRST_MS + 50_000_000, 9)), ..span.clone() };
        for wanted in [page, span, next] {
            let plan = plan(&logs, &wanted);
            assert!(plan.contains(&format!("USING INDEX {index}")), "{wanted:?}: {plan}");
            assert!(!plan.contains("TEMP B-TREE"), "{wanted:?} sorts: {plan}");
        }
    }
}

#[test]
fn pages_follow_each_other_without_a_gap_or_a_twin() {
    let folder = Folder::new("pages");
    let logs = filled(&folder, 1_000);
    let mut wanted = Wanted {
        equal: vec![("model", Value::Text("m3".to_owned()))],
        limit: 10,
        ..Wanted::default()
    };
    let mut seen: Vec<i64> = Vec::new();
    loop {
        let page = wanted.list(&logs).expect("a page");
        let Some(last) = page.last() else { break };
        wanted.before = Some(last.place);
        seen.extend(page.iter().map(|row| row.shape.parse::<i64>().expect("a number")));
    }
    let all: Vec<i64> = (0..1_000).rev().filter(|number| number % 7 == 3).collect();
    assert_eq!(seen, all);
}

#[test]
fn old_rows_are_swept_and_sums_by_day_stay() {
    let folder = Folder::new("sweep");
    let mut logs = filled(&folder, 100);
    let sums = BTreeMap::from_iter(STEPS_S.map(|step_s| {
        let start_s = FIRST_MS.cast_unsigned() / 1_000 / step_s * step_s;
        ((step_s, start_s, <[&str; 4]>::default()), [1, 2, 3, 4, 5, 6, 7, 0, 80])
    }));
    let batch = logs.transaction().expect("a transaction");
    add_sums(&batch, &sums).expect("sums");
    add_sums(&batch, &sums).expect("the same once more");
    batch.commit().expect("sums");
    let now = Wall((FIRST_MS + 50_000 + 86_400_000).cast_unsigned());
    sweep(&mut logs, now, Duration::from_secs(86_400)).expect("a sweep");
    let left = Wanted { limit: 500, ..Wanted::default() }.list(&logs).expect("a page");
    assert_eq!(left.len(), 50);
    let question = Question::between(FIRST_MS, FIRST_MS + 1, vec![By::Day, By::Model]);
    let rows = question.rows(&logs).expect("rows");
    assert_eq!(rows.first().expect("a row").0, ["2026-01-01".to_owned(), String::new()]);
    let totals = question.totals(&logs).expect("totals");
    assert_eq!((totals.requests, totals.input, totals.duration_ms), (2, 4, 160));
    let today = day(&logs, Wall(FIRST_MS.cast_unsigned())).expect("a day");
    assert_eq!((today.requests, today.tokens, today.duration_ms), (2, 40, 160));
    let other = day(&logs, now).expect("a day");
    assert_eq!((other.requests, other.tokens), (0, 0));
}

/// 2026-01-01, unix ms.
const FIRST_MS: i64 = 1_767_225_600_000;

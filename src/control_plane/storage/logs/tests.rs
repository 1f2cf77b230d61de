//! Sums add up.

use super::*;
use crate::control_plane::storage::database;
use crate::control_plane::storage::pages::tests::{FIRST_MS, Folder, rows};
use crate::control_plane::storage::sums::{By, Question};

#[test]
fn sums_add_up_and_those_by_day_stay() {
    let folder = Folder::new("sums");
    let mut logs = database::open_logs(&folder.0).expect("a database");
    let sums = BTreeMap::from_iter(STEPS_S.map(|step_s| {
        let start_s = FIRST_MS / 1_000 / step_s * step_s;
        ((step_s, start_s, <[&str; 4]>::default()), [1, 2, 3, 4, 5, 6, 7, 0, 80])
    }));
    let batch = logs.transaction().expect("a transaction");
    add_sums(&batch, &sums).expect("sums");
    add_sums(&batch, &sums).expect("the same once more");
    batch.commit().expect("sums");
    let now = Wall(FIRST_MS + 50_000 + 86_400_000);
    sweep(&mut logs, now, Duration::from_secs(86_400)).expect("a sweep");
    let question = Question::between(
        FIRST_MS.cast_signed(),
        FIRST_MS.cast_signed() + 1,
        vec![By::Day, By::Model],
    );
    let rows = question.rows(&logs).expect("rows");
    assert_eq!(rows.first().expect("a row").0, ["2026-01-01".to_owned(), String::new()]);
    let totals = question.totals(&logs).expect("totals");
    assert_eq!((totals.requests, totals.input, totals.duration_ms), (2, 4, 160));
    let today = day(&logs, Wall(FIRST_MS)).expect("a day");
    assert_eq!((today.requests, today.tokens, today.duration_ms), (2, 40, 160));
    let other = day(&logs, now).expect("a day");
    assert_eq!((other.requests, other.tokens), (0, 0));
}

#[test]
fn sums_of_exchanges_that_are_not_alike_are_told_apart() {
    let folder = Folder::new("alike");
    let mut logs = database::open_logs(&folder.0).expect("a database");
    insert(&mut logs, &rows(0..300)).expect("rows");
    insert(&mut logs, &rows(300..600)).expect("rows");
    let at = FIRST_MS.cast_signed();
    let question = Question::between(at, at + 1, vec![By::Model, By::Caller]);
    let sums = question.rows(&logs).expect("sums");
    let of = |model: &str, caller: &str| {
        let found = sums.iter().find(|(labels, _)| labels == &[model, caller]);
        found.map_or(0, |(_, sum)| sum.requests)
    };
    // One of three was answered; the names that others asked for are not kept.
    assert_eq!((of("", ""), of("", "alice"), of("m0", "")), (399, 1, 29));
    assert_eq!(question.totals(&logs).expect("totals").output, 600 * 6);
}

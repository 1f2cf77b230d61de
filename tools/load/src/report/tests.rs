//! A report is what was measured, reads back as it was, and has the form that is documented.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail by panic")]

use serde_json::Value;

use super::*;
use crate::process::Span;
use crate::reply::Fault;
use crate::stats::Interval;

pub fn outcome(latency_ms: u64) -> Outcome {
    let mut stats = Stats::default();
    for step in 1..=100 {
        stats.record(Metric::Latency, latency_ms * 10_000 * step);
        stats.record(Metric::EventGap, 2_000_000);
    }
    stats.counts.sent = 103;
    stats.counts.ok = 100;
    stats.counts.in_window = 100;
    stats.counts.finished_after_mark = 200;
    stats.counts.events_after_mark = 1000;
    stats.counts.events = 900;
    for fault in [Fault::Changed, Fault::Truncated, Fault::TimedOut] {
        stats.fault(fault);
    }
    stats.statuses.insert(200, 102);
    let mut interval = Interval { ok: 50, events: 450, ..Interval::default() };
    interval.latency.saturating_record(5_000_000);
    let seconds =
        vec![Second { index: 0, interval: interval.clone() }, Second { index: 1, interval }];
    let process =
        Span { rss_begin_bytes: 1_000_000, rss_peak_bytes: 2_000_000, system_s: 0.3, user_s: 0.1 };
    Outcome { is_interrupted: false, process: Some(process), seconds, stats, window_s: 2.0 }
}

pub fn report() -> Report {
    let (through, direct) = ([outcome(8), outcome(10)], [outcome(5), outcome(5)]);
    Report {
        through: Side::of(&through, &[7]),
        direct: Some(Side::of(&direct, &[])),
        overhead: Some(Overhead::of(&through, &direct)),
        settings: Settings {
            command: vec!["tidegate-load".to_owned(), "<b>".to_owned()],
            dialect: "anthropic".to_owned(),
            direct: Some("http://d".to_owned()),
            target: "http://t/<script>".to_owned(),
            ..Settings::default()
        },
        ..Report::empty()
    }
}

#[test]
fn a_side_sums_its_rounds_up() {
    let side = report().through;
    assert!((side.window_s - 4.0).abs() < 1e-9);
    let Requests { sent, ok, failed, lost, changed, truncated, .. } = side.requests;
    assert_eq!((sent, ok, failed, lost, changed, truncated), (206, 200, 6, 2, 2, 2));
    assert!((side.rates.requests_per_s - 50.0).abs() < 1e-9);
    assert_eq!(side.durations["latency"].count, 200);
    assert_eq!(side.seconds.len(), 4);
    assert_eq!(side.seconds[3].second, 3);
    let process = side.process.unwrap();
    assert!((process.cpu_us_per_request.unwrap() - 2000.0).abs() < 1e-6);
    assert!((process.cpu_us_per_event.unwrap() - 400.0).abs() < 1e-6);
    assert!(!report().through.is_good(false));
}

#[test]
fn overhead_is_the_median_of_paired_rounds() {
    let overhead = report().overhead.unwrap();
    assert_eq!(overhead.rounds.len(), 2);
    // Rounds of 8 against 5 and 10 against 5 hundredths of a millisecond, times the percentile.
    assert!((overhead.p50_ms - 2.0).abs() < 0.02, "{}", overhead.p50_ms);
    for (values, middle) in [(vec![3.0, 1.0, 2.0], 2.0), (vec![1.0, 2.0], 1.5), (vec![], 0.0)] {
        assert!((median(values) - middle).abs() < 1e-9);
    }
}

#[test]
fn a_report_reads_back_as_it_was_written() {
    let report = report();
    let text = serde_json::to_string(&report).unwrap();
    let back: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(back.names(), report.names());
    for name in report.names() {
        let (one, other) = (report.value(&name).unwrap(), back.value(&name).unwrap());
        assert!((one - other).abs() <= one.abs() * 1e-12, "{name}: {one} {other}");
    }
    assert_eq!(back.settings.command, report.settings.command);
}

#[test]
fn the_schema_describes_every_field_and_no_other() {
    let schema: Value = serde_json::from_str(include_str!("../../report.schema.json")).unwrap();
    assert_eq!(schema["properties"]["schema"]["const"], SCHEMA);
    conform(&schema, &schema, &serde_json::to_value(report()).unwrap(), "report");
}

/// Checks `value` by the few words of JSON Schema that ours uses.
fn conform(root: &Value, schema: &Value, value: &Value, place: &str) {
    let is_optional = schema.get("anyOf").is_some();
    let schema = schema.get("anyOf").map_or(schema, |any| &any[0]);
    let schema = match schema.get("$ref").and_then(Value::as_str) {
        Some(name) => &root["$defs"][name.rsplit('/').next().unwrap()],
        None => schema,
    };
    match value {
        Value::Object(fields) => {
            let open = schema.get("additionalProperties").filter(|more| more.is_object());
            for (name, value) in fields {
                let inner = schema["properties"].get(name).or(open);
                let inner = inner.unwrap_or_else(|| panic!("{place}.{name} is not in the schema"));
                conform(root, inner, value, &format!("{place}.{name}"));
            }
            for name in schema["properties"].as_object().into_iter().flatten().map(|(n, _)| n) {
                assert!(fields.contains_key(name), "{place}.{name} is in the schema only");
            }
        }
        Value::Array(items) => {
            for item in items {
                conform(root, &schema["items"], item, place);
            }
        }
        Value::Null => {
            let kinds =
                schema["type"].as_array().is_some_and(|kinds| kinds.contains(&"null".into()));
            assert!(is_optional || kinds, "{place} may not be null");
        }
        Value::Number(_) => assert!(kind_is(schema, &["number", "integer"]), "{place}"),
        Value::String(_) => assert!(kind_is(schema, &["string"]), "{place}"),
        Value::Bool(_) => assert!(kind_is(schema, &["boolean"]), "{place}"),
    }
}

fn kind_is(schema: &Value, kinds: &[&str]) -> bool {
    let given = &schema["type"];
    let is_one = |given: &Value| given.as_str().is_some_and(|given| kinds.contains(&given));
    is_one(given) || given.as_array().is_some_and(|all| all.iter().any(is_one))
}

#[test]
fn every_name_has_its_value() {
    let report = report();
    assert!(report.names().len() > 20, "{:?}", report.names());
    for (name, value) in [
        ("ok", 200.0),
        ("rps", 50.0),
        ("rss_mb", 2.0),
        ("event_gap.count", 200.0),
        ("direct.ok", 200.0),
        ("cpu_us_per_request", 2000.0),
    ] {
        assert!((report.value(name).unwrap() - value).abs() < 1e-6, "{name}");
    }
    assert_eq!(report.value("p99_ms"), report.value("latency.p99_ms"));
    for unknown in ["", "p98_ms", "x.p99_ms", "direct.x", "overhead.x", "latency.", "Ok"] {
        assert!(is_known(unknown).is_err(), "{unknown}");
    }
    for known in ["direct.p50_ms", "overhead.p99_ms", "event_delay.p999_ms", "cpu_s"] {
        assert!(is_known(known).is_ok(), "{known}");
        assert!(Report::empty().value(known).is_err(), "{known}");
    }
}

#[test]
fn the_page_has_no_text_that_is_markup() {
    let page = html::of(&report());
    assert!(page.contains("http://t/&lt;script&gt;") && !page.contains("<script"));
    assert!(page.contains("&lt;b&gt;") && page.matches("<svg").count() >= 4);
    for outside in ["src=", "href=", "url(", "@import"] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn a_comparison_has_a_row_per_value_of_both() {
    let (one, mut other) = (report(), report());
    other.through.requests.ok = 100;
    other.through.process = None;
    let table = compare::table(&one, &other);
    let row = table.lines().find(|line| line.starts_with("ok ")).unwrap();
    let cells: Vec<_> = row.split_whitespace().collect();
    assert_eq!(cells, ["ok", "200.000", "100.000", "0.500"]);
    assert!(!table.contains("cpu_us_per_request"), "{table}");
    assert_eq!(compare::ratio(&one, &other, "ok"), Some(0.5));
}

#[test]
fn the_log_of_histograms_reads_back() {
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
    let outcome = outcome(8);
    let mut log = Vec::new();
    let begun = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_790_000_000);
    hdr::write(&mut log, begun, &[("through", &outcome.stats, 2.0)]).unwrap();
    let tags: Vec<_> = IntervalLogIterator::new(&log)
        .filter_map(|entry| match entry.unwrap() {
            LogEntry::Interval(interval) => Some(interval.tag().unwrap().as_str().to_owned()),
            _ => None,
        })
        .collect();
    assert_eq!(tags, ["through.latency", "through.event_gap"]);
}

#[test]
fn times_are_shown_in_the_unit_that_fits() {
    for (ms, shown) in [
        (0.0, "0.00 ms"),
        (0.0421, "42.1 us"),
        (-0.5, "-500.0 us"),
        (12.0, "12.00 ms"),
        (1500.0, "1.50 s"),
    ] {
        assert_eq!(text::time(ms), shown);
    }
}

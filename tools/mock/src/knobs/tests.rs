//! What the knob text means, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

use std::time::Duration;

use super::value::{duration, point, size, switch};
use super::*;

fn knobs(text: &str) -> Knobs {
    let mut knobs = Knobs::default();
    knobs.apply(text).unwrap();
    knobs
}

#[test]
fn pairs_are_cut_at_commas_and_semicolons_outside_quotes() {
    let found = pairs(r#"status=429, error_message="no, not; now";close"#).unwrap();
    let expected = [("status", "429"), ("error_message", "no, not; now"), ("close", "")];
    assert_eq!(found, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
}

#[test]
fn an_open_quote_is_refused() {
    assert!(pairs(r#"a="b, c=d"#).is_err());
}

#[test]
fn every_example_of_the_help_is_accepted_and_changes_something() {
    for knob in KNOBS {
        assert_ne!(knobs(knob.example), Knobs::default(), "{}", knob.example);
        assert!(Knobs::is_known(knob.name()), "{}", knob.name());
    }
}

#[test]
fn an_unknown_knob_is_refused_by_name() {
    let error = Knobs::default().apply("events=3, evnets=4").unwrap_err();
    assert!(error.contains("evnets"), "{error}");
}

#[test]
fn later_values_win_and_reset_drops_all() {
    assert_eq!(knobs("events=3, events=4").say.events, Some(4));
    assert_eq!(knobs("events=3, close, reset"), Knobs::default());
}

#[test]
fn headers_repeat_in_order() {
    let headers = knobs("header.a=1, header.b=2, header.a=3").say.headers;
    let expected = [("a", "1"), ("b", "2"), ("a", "3")];
    assert_eq!(headers, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
}

#[test]
fn durations_need_a_unit() {
    assert_eq!(duration("50ms"), Ok(Duration::from_millis(50)));
    assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
    assert_eq!(duration("0"), Ok(Duration::ZERO));
    for bad in ["", "5", "ms", "1h", "-1s", "1e9s", "1..2s"] {
        assert!(duration(bad).is_err(), "{bad}");
    }
}

#[test]
fn sizes_take_binary_units() {
    assert_eq!(size("10"), Ok(10));
    assert_eq!(size("64KiB"), Ok(65_536));
    assert_eq!(size("2m"), Ok(2_097_152));
    for bad in ["", "k", "1KB", "99999999999999999999", "18446744073709551615k"] {
        assert!(size(bad).is_err(), "{bad}");
    }
}

#[test]
fn points_are_bytes_events_or_the_end() {
    assert_eq!(point("100"), Ok(Point::Bytes(100)));
    assert_eq!(point("3e"), Ok(Point::Events(3)));
    assert_eq!(point("end"), Ok(Point::End));
    assert!(point("e").is_err());
}

#[test]
fn switches_are_on_when_named_alone() {
    assert_eq!(switch(""), Ok(true));
    assert_eq!(switch("off"), Ok(false));
    assert!(switch("maybe").is_err());
}

#[test]
fn a_replay_cannot_leave_its_directory() {
    for bad in ["../x", "a/../../x", "/etc/passwd", "a//b"] {
        assert!(Knobs::default().set("replay", bad).is_err(), "{bad}");
    }
    assert_eq!(knobs("replay=sse/a.sse").say.replay.as_deref(), Some("sse/a.sse"));
}

#[test]
fn what_would_exhaust_the_mock_is_refused() {
    for bad in ["events=10000001", "head_size=2GiB", "body_delay=1441m", "storm_1xx=4294967295"] {
        assert!(Knobs::default().apply(bad).is_err(), "{bad}");
    }
}

#[test]
fn zero_where_it_would_loop_is_refused() {
    for bad in ["chunk=0", "chunk_size=0", "rate=0", "rate=inf", "rate=NaN", "status=99"] {
        assert!(Knobs::default().apply(bad).is_err(), "{bad}");
    }
}

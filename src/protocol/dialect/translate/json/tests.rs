//! Tests of the door to simd-json.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::*;
use crate::protocol::corpus::Random;

const BODY: &str = r#" {"a" : [1, -2.50, "x\"\u00e9\n", {"b": {}, "c": [ ], "a": null}, true ],
    "n": 123456789012345678901234567890, "a.b": {"": "\\"}, "big": 18446744073709551615} "#;

fn refused(body: &str) -> Why {
    parse(body.as_bytes(), &mut Room::default()).unwrap_err().why
}

#[test]
fn values_are_read_in_order() {
    let mut room = Room::default();
    let document = parse(BODY.as_bytes(), &mut room).unwrap();
    let root = document.root();
    let keys: Vec<&str> = root.members().map(|(key, _)| key).collect();
    assert_eq!(keys, ["a", "n", "a.b", "big"]);
    let list: Vec<Value<'_>> = root.get("a").unwrap().list().unwrap().collect();
    assert_eq!(list.len(), 5);
    assert_eq!((list[0].as_u64(), list[1].as_u64()), (Some(1), None));
    assert_eq!(list[2].text().unwrap(), "x\"é\n");
    assert!(list[3].get("a").is_none() && list[3].get("b").unwrap().is_object());
    assert_eq!(list[4].truth(), Ok(true));
    assert_eq!(root.get("big").unwrap().count(), Ok(u64::MAX));
    assert_eq!(root.get("a.b").unwrap().str_of(""), Some("\\"));
}

#[test]
fn a_value_is_taken_as_it_stands() {
    let mut room = Room::default();
    let document = parse(BODY.as_bytes(), &mut room).unwrap();
    let root = document.root();
    assert_eq!(root.raw(), BODY.trim().as_bytes());
    assert_eq!(root.get("n").unwrap().raw(), b"123456789012345678901234567890");
    let list = root.get("a").unwrap();
    let raw: Vec<&[u8]> = list.elements().map(Value::raw).collect();
    assert_eq!(raw[..3], [b"1".as_slice(), b"-2.50", br#""x\"\u00e9\n""#]);
    assert_eq!(raw[3..], [br#"{"b": {}, "c": [ ], "a": null}"#.as_slice(), b"true"]);
}

#[test]
fn a_path_names_each_step() {
    let mut room = Room::default();
    let document = parse(BODY.as_bytes(), &mut room).unwrap();
    let root = document.root();
    let inner = root.get("a").unwrap().elements().nth(3).unwrap();
    assert_eq!(inner.get("c").unwrap().wanted("x").path.as_str(), "a[3].c");
    assert_eq!(inner.required("z").unwrap_err().path.as_str(), "a[3].z");
    assert_eq!(root.required("z").unwrap_err().path.as_str(), "z");
    assert_eq!(inner.need("b", "").unwrap().text().unwrap_err().path.as_str(), "a[3].b");
    assert_eq!(root.no_equivalent(), Refused::new("", Why::NoEquivalent));
    let keys = root.get("a.b").unwrap();
    assert_eq!(keys.get("").unwrap().count().unwrap_err().path.as_str(), "a.b.");
}

#[test]
fn the_last_of_equal_names_counts() {
    let mut room = Room::default();
    let document = parse(br#"{"a":1,"b":0,"a":2}"#, &mut room).unwrap();
    assert_eq!(document.root().get("a").and_then(Value::as_u64), Some(2));
}

#[test]
fn what_is_no_json_is_refused() {
    for body in ["", " ", "{", "{\"a\":}", "[1,]", "nul", "\u{feff}{}", "{} x", "\"\u{1}\"", "01"] {
        assert_eq!(refused(body), Why::NotJson, "{body:?}");
    }
    let bad = parse(b"\"\xff\"", &mut Room::default()).unwrap_err();
    assert_eq!(bad.why, Why::NotJson);
}

#[test]
fn depth_is_bounded() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let mut room = Room::default();
    assert!(parse(nested(DEPTH_MAX).as_bytes(), &mut room).is_ok());
    assert_eq!(refused(&nested(DEPTH_MAX + 1)), Why::TooDeep(DEPTH_MAX));
    assert_eq!(refused(&nested(1_000_000)), Why::TooDeep(DEPTH_MAX));
    assert_eq!(refused(&"{\"a\":".repeat(100_000)), Why::TooDeep(DEPTH_MAX));
}

#[test]
fn what_takes_many_times_its_size_to_parse_is_refused_before() {
    for piece in ["1,", "\"\"", "[]", "1 ", "::", "{\"\":0},"] {
        let body = piece.repeat(2 * STRUCTURE_MAX / piece.len() + STRUCTURE_MAX);
        assert_eq!(refused(&body), Why::TooMany(STRUCTURE_MAX), "{piece}");
    }
    let text = format!("[\"{}\"]", ",:[]{} \\\"".repeat(STRUCTURE_MAX));
    assert!(parse(text.as_bytes(), &mut Room::default()).is_ok());
}

#[test]
fn structure_is_counted_as_the_parser_counts_it() {
    let mut random = Random(7);
    let pieces = ["\"", "\\", "[", "]", "{", "}", ",", ":", " ", "\n", "x", "1", "\"a b\"", "\\\""];
    let mut room = Room::default();
    for _ in 0..3_000 {
        let body: String =
            (0..random.below(90)).map(|_| pieces[random.below(pieces.len())]).collect();
        let counted = structure(body.as_bytes());
        // Whether it is JSON is another question.
        let _parsed = parse(body.as_bytes(), &mut room);
        let found = room.buffers.structural_indexes().len();
        assert!(found <= counted, "{body:?}: {found} against {counted}");
    }
}

#[test]
fn every_value_of_a_mutated_body_is_its_own_text() {
    let mut random = Random(11);
    let mut room = Room::default();
    let mut good = 0;
    for _ in 0..20_000 {
        let mut body = BODY.as_bytes().to_vec();
        for _ in 0..=random.below(2) {
            let at = random.below(body.len());
            body[at] = b"\"\\[]{},: 1ae-."[random.below(14)];
        }
        let Ok(document) = parse(&body, &mut room) else { continue };
        good += 1;
        let mut values = vec![document.root()];
        while let Some(value) = values.pop() {
            let own: serde_json::Value = serde_json::from_slice(value.raw()).unwrap();
            assert_eq!(value.as_str(), own.as_str());
            assert_eq!(value.as_bool(), own.as_bool());
            assert_eq!(value.elements().count(), own.as_array().map_or(0, Vec::len));
            values.extend(value.elements());
            values.extend(value.members().map(|(_, value)| value));
        }
    }
    assert!(good > 1_000, "{good}");
}

#[test]
fn room_serves_many_bodies() {
    let mut room = Room::default();
    for body in ["[1]", "{", "{\"a\":\"b\"}", "\"x\"", "7"] {
        let whole = parse(body.as_bytes(), &mut room).is_ok();
        assert_eq!(whole, body != "{");
    }
}

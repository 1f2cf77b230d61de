//! The scanner against `serde_json`, at every split.

use std::ops::Range;

use super::*;

/// Writes down all it is told, and enters whatever it meets.
#[derive(Default)]
struct Log {
    lines: Vec<String>,
}

impl Reader for Log {
    type Node = u8;

    fn element(&mut self, parent: u8) -> Want<u8> {
        if parent > 3 { Want::Take(parent + 1) } else { Want::Enter(parent + 1) }
    }

    fn member(&mut self, parent: u8, key: &[u8]) -> Want<u8> {
        self.lines.push(format!("{parent} key {}", String::from_utf8_lossy(key)));
        match key {
            b"skip" => Want::Skip,
            b"take" => Want::Take(parent + 1),
            _ if parent > 3 => Want::Take(parent + 1),
            _ => Want::Enter(parent + 1),
        }
    }

    fn value(&mut self, node: u8, value: Value<'_>, span: Range<u64>) {
        self.lines.push(format!("{node} {value:?} {span:?}"));
    }
}

fn scan(reads: &[&[u8]]) -> (Vec<String>, bool) {
    let (mut scanner, mut log) = (Scanner::new(0), Log::default());
    for read in reads {
        scanner.push(&mut log, read);
    }
    let is_whole = scanner.finish(&mut log);
    (log.lines, is_whole)
}

fn at_every_split(text: &str) -> (Vec<String>, bool) {
    let bytes = text.as_bytes();
    let whole = scan(&[bytes]);
    for cut in 0..=bytes.len() {
        let (a, b) = bytes.split_at(cut);
        assert_eq!(scan(&[a, b]), whole, "{text} cut at {cut}");
    }
    let each: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(scan(&each), whole, "{text} byte by byte");
    whole
}

#[test]
fn members_are_told_at_their_depth_with_their_spans() {
    let (lines, is_whole) =
        at_every_split(r#" {"a": 1 , "skip":{"a":"}"},"take":[1,"]"], "b\u0063":["x\n",null]}"#);
    assert!(is_whole);
    assert_eq!(
        lines,
        [
            "0 OpenedObject 1..2",
            "0 key a",
            "1 Number([49]) 7..8",
            "0 key skip",
            "0 key take",
            "1 Container 35..42",
            "0 key bc",
            "1 OpenedArray 54..55",
            "2 String([120, 10]) 55..60",
            "2 Null 61..65",
            "1 Closed 54..66",
            "0 Closed 1..67",
        ]
    );
}

#[test]
fn a_text_is_whole_when_it_is_one_value() {
    for whole in ["1", " null ", "\"x\"", "[]", "{}", "[1,{\"a\":[]}]", "-1.5e3", "[NaN]"] {
        assert!(at_every_split(whole).1, "{whole}");
    }
    for broken in [
        "",
        " ",
        "{",
        "[1",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "[1,]",
        "[,1]",
        "{,}",
        "1 2",
        "{}x",
        "{\"a\" 1}",
        "[1 2]",
        "{1:2}",
        "}",
        "[}",
        "{]",
        "tru",
        "01",
        "nul",
        "\"x",
        "{\"\\x\":1}",
        "[\"\\u12\"]",
        "\u{feff}{}",
        "abc",
        "[1:2]",
        "1e",
    ] {
        assert!(!at_every_split(broken).1, "{broken}");
    }
}

#[test]
fn text_inside_strings_is_never_a_key() {
    let (lines, _) = at_every_split(r#"{"t":"\"usage\":{\"input_tokens\":5}","u":"{\"usage\":1"}"#);
    assert_eq!(lines.iter().filter(|line| line.contains("key")).count(), 2);
}

#[test]
fn what_is_too_long_to_hold_is_told_as_such() {
    let long = "9".repeat(HELD_BYTES_MAX + 1);
    let text = format!("{{\"{long}\":1,\"a\":\"{long}\",\"b\":{long},\"c\":\"{}\"}}", &long[1..]);
    let (lines, is_whole) = scan(&[text.as_bytes()]);
    let each: Vec<&[u8]> = text.as_bytes().chunks(7).collect();
    let values = |lines: &[String]| -> Vec<String> {
        lines.iter().filter(|line| line.starts_with('1')).cloned().collect()
    };
    assert!(is_whole);
    assert!(values(&lines)[0].contains("LongString"));
    assert!(values(&lines)[1].contains("Number([])"));
    assert!(values(&lines)[2].contains("String([57, "));
    let split = scan(&each).0;
    assert_eq!(split, lines);
}

#[test]
fn nesting_beyond_the_levels_is_taken_whole() {
    let text = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let (lines, is_whole) = scan(&[text.as_bytes()]);
    assert!(is_whole);
    assert_eq!(lines.len(), 11, "five opened, one taken, five closed");
}

/// Each text in one piece takes the short way, byte by byte the long one: `at_every_split` compares
/// them. Here the ends of strings move over every border of what is looked at together.
#[test]
fn members_of_every_length_are_read_alike_by_both_ways() {
    for length in (0..140).step_by(3) {
        for end in ["", "\\n", "\\\\", "\\\"", "\\u0041", "é"] {
            let word = "w".repeat(length);
            let text = format!(
                "{{\"a{word}{end}\":\"{word}{end}\",\"skip\":\"{word}{end}\" , \"b\" :\
                 [\"{word}{end}\",{{}} , {{\"c\":0,\"d\": -1.5}}],\
                 \"take\":{{\"e\":[\"{word}{end}\"]}},\"f\":{length}}}"
            );
            assert!(at_every_split(&text).1, "{text}");
        }
    }
}

#[test]
fn numbers_and_literals_end_where_the_grammar_says() {
    for good in ["0", "1", "10", "907199254740993", "0.5", "1e5", "-0", "null", "true", "false"] {
        let (lines, is_whole) = at_every_split(&format!("{{\"a\":{good},\"b\":[{good} ]}}"));
        assert!(is_whole, "{good}");
        assert_eq!(lines.len(), 8, "{good}: {lines:?}");
    }
    for bad in ["00", "01", "1x", "0x", "nulll", "null\"", "1\"", "1{", "0[", "-", "nul", "1.", "n"]
    {
        assert!(!at_every_split(&format!("{{\"a\":{bad},\"b\":1}}")).1, "{bad}");
    }
}

#[test]
fn whatever_tokens_come_are_read_alike_by_both_ways() {
    const TOKENS: [&str; 13] =
        ["{", "}", "[", "]", ",", ":", "\"a\"", "\"skip\"", " ", "1", "01", "true", "nul"];
    for start in ["", "{\"a\":", "{\"a\":[{\"b\":1"] {
        for arrangement in 0..TOKENS.len().pow(4) {
            let place = |n: u32| TOKENS[arrangement / TOKENS.len().pow(n) % TOKENS.len()];
            // Enough behind it that nothing is at the end of a read.
            let text =
                format!("{start}{}{}{}{},\"c\":2}}]}}", place(0), place(1), place(2), place(3));
            let each: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
            let (whole, slowly) = (scan(&[text.as_bytes()]), scan(&each));
            assert_eq!(whole, slowly, "{text}");
            let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
            assert!(whole.1 || !is_json || text.starts_with("nul"), "{text}");
        }
    }
}

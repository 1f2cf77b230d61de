//! The framer against a plain reading of whole lines.

use super::*;
use crate::protocol::corpus::{Random, random_split};

/// What is told, with the pieces of a line put together: how they are cut is free.
fn told(reads: &[&[u8]]) -> Vec<String> {
    let mut framer = Framer::new();
    let mut lines: Vec<String> = Vec::new();
    for read in reads {
        framer.push(read, |part| match part {
            Part::Piece(piece) => {
                let text: String = piece.iter().map(|&byte| char::from(byte)).collect();
                lines.last_mut().unwrap().push_str(&text);
            }
            part => lines.push(format!("{part:?} ")),
        });
    }
    lines
}

/// Splits the whole stream into lines first, then each line at its colon.
fn plainly(stream: &[u8]) -> Vec<String> {
    let text: String = stream.iter().map(|&byte| char::from(byte)).collect();
    let text = text.strip_prefix("\u{ef}\u{bb}\u{bf}").unwrap_or(&text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut lines: Vec<&str> = text.split('\n').collect();
    let tail = lines.pop().unwrap();
    let mut told = Vec::new();
    for line in lines {
        plain_line(line, true, &mut told);
    }
    plain_line(tail, false, &mut told);
    told
}

fn plain_line(line: &str, is_ended: bool, told: &mut Vec<String>) {
    let Some((name, value)) = line.split_once(':') else {
        return match line {
            "" if is_ended => told.push("End ".into()),
            _ if is_ended => plain_line(&format!("{line}:"), true, told),
            _ => {}
        };
    };
    let value = value.strip_prefix(' ').unwrap_or(value);
    match name {
        "" => told.push("Comment ".into()),
        "data" => told.push(format!("Data {value}")),
        "event" => told.push(format!("Event {value}")),
        "id" => told.push(format!("Id {value}")),
        "retry" => {
            if is_ended && !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
                let ms = value.parse().unwrap_or(u64::MAX);
                told.push(format!("Retry({ms}) "));
            }
            return;
        }
        _ => return,
    }
    if is_ended && !name.is_empty() {
        told.push("LineEnd ".into());
    }
}

fn check(stream: &[u8]) {
    let expected = plainly(stream);
    assert_eq!(told(&[stream]), expected, "{stream:?}");
    for cut in 0..=stream.len() {
        let (a, b) = stream.split_at(cut);
        assert_eq!(told(&[a, b]), expected, "{stream:?} cut at {cut}");
    }
    let each: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(told(&each), expected, "{stream:?} byte by byte");
}

#[test]
fn any_split_and_any_line_end_gives_the_same_lines() {
    for text in [
        "data: a\n\n",
        "event: x\ndata:  two spaces\ndata\ndata:\n\n: comment\nid: 7\nretry: 10\n\n",
        "retry:\nretry: \nretry: 1x\nretry: 99999999999999999999\nretry:5\n",
        "dat: no\ndatax: no\nDATA: no\n data: no\n:data: no\n\n\n",
        "data: cut",
        "data:a:b: c\nevent:message:\nid:\0\n",
    ] {
        for end in ["\n", "\r\n", "\r"] {
            for mark in ["", "\u{feff}", "\u{feff}\u{feff}", "\n\u{feff}"] {
                check(format!("{mark}{text}").replace('\n', end).as_bytes());
            }
        }
    }
    check(b"\xef\xbbdata: half a mark\n\ndata: x\n\n");
    check(b"\xef\xbb");
    check(b"data: \xff\xfe\xc3\ndata: \0\n\n");
}

#[test]
fn random_bytes_of_the_grammar_read_as_plainly() {
    const WORDS: &[&str] =
        &["data", "event", "id", "retry", ":", " ", "\n", "\r", "\r\n", "\u{feff}", "7", "x", "\0"];
    let mut random = Random(7);
    for seed in 0..3_000 {
        let stream: String = (0..20).map(|_| WORDS[random.below(WORDS.len())]).collect();
        let expected = plainly(stream.as_bytes());
        assert_eq!(told(&[stream.as_bytes()]), expected, "{stream:?}");
        assert_eq!(told(&random_split(stream.as_bytes(), seed)), expected, "{stream:?}");
    }
}

#[test]
fn a_line_of_a_megabyte_is_handed_on_not_held() {
    let line = vec![b'x'; 1 << 20];
    let mut framer = Framer::new();
    let mut bytes = 0;
    for read in [&b"data: "[..], &line, &line, b"\n\n"] {
        framer.push(read, |part| {
            if let Part::Piece(piece) = part {
                bytes += piece.len();
            }
        });
    }
    assert_eq!(bytes, 2 << 20);
    assert!(size_of::<Framer>() <= 64);
}

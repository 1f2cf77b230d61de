//! The event-stream grammar vectors, and the framing of the recorded streams.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::path::Path;

use serde_json::{Value, json};

use super::event::Events;
use super::framer::{Framer, Part};
use crate::protocol::corpus::{self, random_split};

#[test]
fn corpus_sse_spec() {
    corpus::check("sse_spec", ".json", |case| {
        let case = corpus::json(case);
        let chunks: Vec<Vec<u8>> = case["chunks_b64"]
            .as_array()
            .unwrap()
            .iter()
            .map(|chunk| base64(chunk.as_str().unwrap()))
            .collect();
        let chunks: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
        compare(&chunks, &case)?;
        let whole = chunks.concat();
        at_every_split(&whole, |reads| compare(reads, &case))
    });
}

/// Only what concerns framing; what streams say is `dialect`'s to test.
#[test]
fn corpus_sse_framing() {
    corpus::check("sse", ".sse", |case: &Path| {
        let expected = corpus::json(&case.with_extension("expected.json"));
        let bytes = corpus::read(case);
        let check = |reads: &[&[u8]]| {
            let found = read(reads);
            for key in ["comment_lines", "events", "last_event_id", "retry"] {
                let found = if key == "events" {
                    json!(found[key].as_array().unwrap().len())
                } else {
                    found[key].clone()
                };
                if found != expected["framing"][key] {
                    return Err(format!("{key} {found}, not {}", expected["framing"][key]));
                }
            }
            Ok(())
        };
        check(&[&bytes])?;
        check(&bytes.chunks(1).collect::<Vec<_>>())?;
        (0..3).try_for_each(|seed| check(&random_split(&bytes, seed)))
    });
}

fn at_every_split(
    bytes: &[u8],
    check: impl Fn(&[&[u8]]) -> Result<(), String>,
) -> Result<(), String> {
    check(&[bytes])?;
    // Every cut of a long case would be quadratic: every 64th does there, beside byte by byte.
    let step = if bytes.len() > 4096 { 64 } else { 1 };
    for cut in (0..=bytes.len()).step_by(step) {
        let (a, b) = bytes.split_at(cut);
        check(&[a, b]).map_err(|e| format!("cut at {cut}: {e}"))?;
    }
    check(&bytes.chunks(1).collect::<Vec<_>>()).map_err(|e| format!("byte by byte: {e}"))?;
    (0..100).try_for_each(|seed| {
        check(&random_split(bytes, seed)).map_err(|e| format!("random split {seed}: {e}"))
    })
}

fn compare(reads: &[&[u8]], case: &Value) -> Result<(), String> {
    let found = read(reads);
    for key in ["comment_lines", "events", "last_event_id", "retry"] {
        if found[key] != case[key] {
            return Err(format!("{key} {}, not {}", found[key], case[key]));
        }
    }
    Ok(())
}

fn read(reads: &[&[u8]]) -> Value {
    let (mut events, mut framer) = (Events::new(1 << 20), Framer::new());
    let (mut found, mut comments) = (Vec::new(), 0);
    for read in reads {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pushed = events.push(read, |event| {
            let name = if event.name.is_empty() { b"message" } else { event.name };
            found.push(json!({
                "event": text(name), "data": text(event.data), "id": text(event.id)
            }));
        });
        pushed.unwrap();
        framer.push(read, |part| comments += i32::from(part == Part::Comment));
    }
    json!({
        "comment_lines": comments,
        "events": found,
        "last_event_id": String::from_utf8_lossy(events.last_id()),
        "retry": events.retry_ms(),
    })
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_usize, 0);
    for digit in text.chars().filter_map(|digit| DIGITS.find(digit)) {
        bits = bits << 6 | digit;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).unwrap());
        }
    }
    bytes
}

//! Recorded streams and bodies against a full decode of every event, at many splits.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::cell::Cell;
use std::path::Path;

use serde_json::{Value, json};

use super::figures::Count;
use super::{Observed, Observer};
use crate::protocol::corpus::{self, random_split};
use crate::protocol::dialect::Dialect;
use crate::protocol::dialect::endpoint::Endpoint;

#[test]
fn corpus_sse() {
    check("sse", ".sse");
}

#[test]
fn corpus_json() {
    check("json", ".json");
}

fn check(name: &str, ending: &str) {
    let foreign = Cell::new(0);
    corpus::check(name, ending, |case| {
        let Some((dialect, endpoint)) = api(case) else {
            foreign.set(foreign.get() + 1);
            return Ok(());
        };
        let expected = corpus::json(&expectation(case));
        let observer = Observer::new(dialect, endpoint, ending == ".sse");
        let observed = at_many_splits(&observer, &corpus::read(case))?;
        compare(&observed, &expected, dialect)
    });
    if foreign.get() > 0 {
        println!("  of these, {} of APIs we do not speak: framing only", foreign.get());
    }
}

fn expectation(case: &Path) -> std::path::PathBuf {
    case.with_extension("expected.json")
}

fn api(case: &Path) -> Option<(Dialect, Endpoint)> {
    let name = case.file_name()?.to_str()?;
    Some(match name.split("__").next()? {
        "anthropic.batches" | "anthropic.messages" => (Dialect::Anthropic, Endpoint::Messages),
        "anthropic.count_tokens" => (Dialect::Anthropic, Endpoint::CountTokens),
        "openai.chat" => (Dialect::OpenAi, Endpoint::ChatCompletions),
        "openai.completions" => (Dialect::OpenAi, Endpoint::Completions),
        "openai.embeddings" => (Dialect::OpenAi, Endpoint::Embeddings),
        "openai.responses" => (Dialect::OpenAi, Endpoint::Responses),
        _ => return None,
    })
}

/// Whole, byte by byte and at 100 random splits; at every cut in two when the input is short:
/// for long ones that is quadratic.
fn at_many_splits(observer: &Observer, bytes: &[u8]) -> Result<Observed, String> {
    let whole = observe(observer, &[bytes]);
    let check = |reads: &[&[u8]], what: &str, which: u64| {
        let split = observe(observer, reads);
        if split == whole {
            return Ok(());
        }
        Err(format!("{what} {which}: {split:?}, not {whole:?}"))
    };
    check(&bytes.chunks(1).collect::<Vec<_>>(), "byte by byte", 1)?;
    for seed in 0..100 {
        check(&random_split(bytes, seed), "random split", seed)?;
    }
    let cuts = if bytes.len() <= 2048 { bytes.len() } else { 0 };
    for cut in 0..cuts {
        let (a, b) = bytes.split_at(cut);
        check(&[a, b], "cut at", u64::try_from(cut).unwrap())?;
    }
    Ok(whole)
}

fn observe(observer: &Observer, reads: &[&[u8]]) -> Observed {
    let mut observer = observer.clone();
    for read in reads {
        observer.push(read);
    }
    observer.finish(true)
}

fn compare(observed: &Observed, expected: &Value, dialect: Dialect) -> Result<(), String> {
    // A last event that lacks only its line end: used for what it says, not counted as an event.
    let lenient = |key: &str| match expected.get("lenient_eof") {
        Some(lenient) => lenient[key].clone(),
        None => expected[key].clone(),
    };
    let is_stream = expected.get("framing").is_some();
    let has_tail = is_stream && expected["framing"]["unterminated_tail"] == true;
    for (what, found, wanted) in [
        ("model", text(observed.model), falsy_is_null(&expected["model"])),
        ("id", text(observed.id), falsy_is_null(&expected["id"])),
    ] {
        if found != wanted && !(has_tail && wanted.is_null()) {
            return Err(format!("{what} {found}, not {wanted}"));
        }
    }
    let (bytes, events) = match expected.get("framing") {
        Some(framing) => (&framing["bytes"], framing["events"].clone()),
        None => (&expected["bytes"], json!(0)),
    };
    let complete = if is_stream { lenient("complete") } else { json!(true) };
    for (what, found, wanted) in [
        ("bytes", json!(observed.bytes), bytes.clone()),
        ("events", json!(observed.events), events),
        ("complete", json!(observed.terminal_seen), complete),
    ] {
        if found != wanted {
            return Err(format!("{what} {found}, not {wanted}"));
        }
    }
    compare_stops(observed, &lenient("stop"))?;
    compare_error(observed, &lenient("error"))?;
    compare_figures(observed, &lenient("usage"), dialect)
}

fn compare_stops(observed: &Observed, wanted: &Value) -> Result<(), String> {
    let wanted = wanted.as_array().unwrap();
    let last = wanted.last().cloned().unwrap_or_default();
    if json!(observed.stops) != json!(wanted.len()) || text(observed.stop_reason) != last {
        return Err(format!("{} stops, {:?}: {wanted:?}", observed.stops, observed.stop_reason));
    }
    Ok(())
}

fn compare_error(observed: &Observed, wanted: &Value) -> Result<(), String> {
    let Some(error) = observed.error else {
        return if wanted.is_null() { Ok(()) } else { Err(format!("no error: {wanted}")) };
    };
    for (key, found) in [
        ("type", error.kind.map(|text| text.as_str().to_owned())),
        ("code", error.code.map(|text| text.as_str().to_owned())),
        ("message", error.message.map(|text| text.as_str().to_owned())),
    ] {
        let wanted = match &wanted[key] {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let is_same = match (&found, &wanted) {
            // Cut to its bound.
            (Some(found), Some(wanted)) if wanted.len() > 250 => wanted.starts_with(found.as_str()),
            _ => found == wanted,
        };
        if !is_same {
            return Err(format!("error {key} {found:?}, not {wanted:?}"));
        }
    }
    Ok(())
}

fn compare_figures(observed: &Observed, wanted: &Value, dialect: Dialect) -> Result<(), String> {
    let Some(figures) = observed.figures else {
        return if wanted.is_null() { Ok(()) } else { Err(format!("no usage: {wanted}")) };
    };
    if wanted.is_null() {
        return Err(format!("usage {figures:?}, not null"));
    }
    for (key, found) in [
        ("audio_input_tokens", figures.audio_input),
        ("audio_output_tokens", figures.audio_output),
        ("cache_read_tokens", figures.cache_read),
        ("cache_write_1h_tokens", figures.cache_write_1h),
        ("cache_write_5m_tokens", figures.cache_write_5m),
        ("cache_write_tokens", figures.cache_write),
        ("input_tokens", figures.input),
        ("output_tokens", figures.output),
        ("reasoning_tokens", figures.reasoning),
        ("total_tokens", figures.total),
        ("web_fetch_requests", figures.web_fetch),
        ("web_search_requests", figures.web_search),
    ] {
        let is_same = match found {
            Count::Absent => wanted[key].is_null(),
            Count::Known(count) => wanted[key] == count,
            // What is no whole number is unknown to us.
            Count::Unknown => !wanted[key].is_null() && wanted[key].as_u64().is_none(),
        };
        if !is_same {
            return Err(format!("{key} {found:?}, not {}", wanted[key]));
        }
    }
    // Some give a breakdown in place of a number. The reader of the expectations rounds.
    let costs = wanted["cost"].as_f64().zip(figures.cost);
    let is_same = costs.map_or(wanted["cost"].as_f64() == figures.cost, |(wanted, found)| {
        (wanted - found).abs() <= wanted.abs() * 1e-12
    });
    if !is_same {
        return Err(format!("cost {:?}, not {}", figures.cost, wanted["cost"]));
    }
    let tier = text(figures.service_tier);
    if dialect == Dialect::Anthropic && tier != wanted["service_tier"] {
        return Err(format!("service_tier {tier}, not {}", wanted["service_tier"]));
    }
    Ok(())
}

fn text<const N: usize>(text: Option<super::Text<N>>) -> Value {
    text.map_or(Value::Null, |text| json!(text.as_str()))
}

fn falsy_is_null(value: &Value) -> Value {
    if value == "" { Value::Null } else { value.clone() }
}

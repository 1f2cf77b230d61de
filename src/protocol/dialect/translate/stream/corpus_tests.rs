//! Streams of the corpora in every other form, before the outside judge, at every split and cut.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::path::{Path, PathBuf};

use serde_json::json;

use super::super::Form;
use super::super::answer::judge_tests::{Difference, Judged, differences};
use super::reader_tests::{FORMS, echo, reader_accepts, whole};
use super::{Ended, Stream};
use crate::protocol::corpus;

#[test]
fn corpus_translate_pairs_of_streams_keep_their_facts() {
    let mut cases = Vec::new();
    for path in corpus::cases("translate", ".json").unwrap_or_default() {
        let case = corpus::json(&path);
        let form = |key: &str| form_of(case[key].as_str().unwrap().strip_suffix(".stream")?);
        if let (Some(from), Some(to)) = (form("input_kind"), form("output_kind")) {
            let input = case["input"].as_str().unwrap().as_bytes().to_vec();
            cases.push(judged(&path, input, from, to));
        }
    }
    println!("corpus translate: {} streams", cases.len());
    check(&cases);
}

#[test]
fn corpus_translate_every_stream_keeps_its_facts_in_every_form() {
    let mut cases = Vec::new();
    for (path, from) in streams() {
        for to in others(from) {
            cases.push(judged(&path, corpus::read(&path), from, to));
        }
    }
    println!("corpus sse: {} translated", cases.len());
    check(&cases);
}

#[test]
fn corpus_translate_whole_streams_there_and_back_keep_their_facts() {
    let mut cases = Vec::new();
    for (path, from) in streams() {
        for to in others(from) {
            let (there, ended) = whole(from, to, &[&corpus::read(&path)]);
            if ended == Ok(Ended::Whole) {
                // What the first leg keeps has a test of its own.
                cases.push(judged(&path, there, to, from));
            }
        }
    }
    println!("corpus sse: {} back", cases.len());
    check(&cases);
}

#[test]
fn corpus_translate_every_stream_ends_as_it_did_and_reads_strictly() {
    let mut ends = [0; 3];
    for (path, from) in streams() {
        let input = corpus::read(&path);
        let expected = corpus::json(&path.with_extension("expected.json"));
        let lenient = &expected["lenient_eof"];
        let is = |key: &str| expected[key] == true || lenient[key] == true;
        let is_failed = !expected["error"].is_null() || !lenient["error"].is_null();
        for to in others(from) {
            let (out, ended) = whole(from, to, &[&input]);
            let ended = ended.unwrap();
            let name = format!("{} to {to:?}", path.display());
            match ended {
                Ended::Whole => {
                    // Some servers of Chat leave out [DONE].
                    assert!(is("complete") || from == Form::Chat, "{name}");
                    ends[0] += 1;
                }
                Ended::Failed => {
                    assert!(is_failed, "{name}");
                    ends[1] += 1;
                }
                Ended::Cut => {
                    assert!(!is("complete"), "{name}");
                    ends[2] += 1;
                }
            }
            reader_accepts(to, &out, ended).unwrap_or_else(|why| panic!("{name}: {why}"));
        }
    }
    println!("corpus sse: whole {}, failed {}, cut {}", ends[0], ends[1], ends[2]);
}

#[test]
fn corpus_translate_any_split_gives_the_same_stream() {
    for (seed, (path, from)) in (1..).zip(streams()) {
        let input = corpus::read(&path);
        for to in others(from) {
            let expected = whole(from, to, &[&input]);
            let each: Vec<&[u8]> = input.chunks(1).collect();
            assert!(whole(from, to, &each) == expected, "{}: bytes", path.display());
            for round in 0..3 {
                let reads = corpus::random_split(&input, seed * 10 + round);
                assert!(whole(from, to, &reads) == expected, "{}: {seed}", path.display());
            }
        }
    }
}

#[test]
fn corpus_translate_a_cut_stream_never_ends_cleanly() {
    let (mut cuts, mut places) = (0, 0);
    for (path, from) in streams() {
        let input = corpus::read(&path);
        for to in others(from) {
            let mut stream = Stream::new(from, to, &echo());
            let (mut out, mut is_last, mut seen) = (Vec::new(), false, Seen::default());
            // Between two lines is between two events wherever it matters.
            for line in input.split_inclusive(|byte| *byte == b'\n') {
                stream.push(line, &mut out).unwrap();
                is_last |= seen.ends(from, line);
                let (mut cut, mut end) = (stream.clone(), Vec::new());
                let ended = cut.end(&mut end);
                assert!(ended != Ended::Whole || is_last, "{} after {cuts}", path.display());
                cuts += 1;
                if cuts % 199 == 0 {
                    end.splice(..0, out.iter().copied());
                    let read = reader_accepts(to, &end, ended);
                    read.unwrap_or_else(|why| panic!("{}: {why}", path.display()));
                    places += 1;
                }
            }
        }
    }
    println!("corpus sse: {cuts} cuts, {places} read to their end");
}

/// What a stream has said of its end, as a search for words would see it.
#[derive(Default)]
struct Seen {
    has_stopped: bool,
}

impl Seen {
    fn ends(&mut self, from: Form, line: &[u8]) -> bool {
        let line = String::from_utf8_lossy(line);
        let has = |word: &str| line.contains(word);
        match from {
            Form::Chat => {
                self.has_stopped |= has("\"finish_reason\":\"") || has("\"finish_reason\": \"");
                self.has_stopped || has("[DONE]")
            }
            Form::Messages => has("message_stop"),
            Form::Responses => has("response.completed") || has("response.incomplete"),
        }
    }
}

fn streams() -> Vec<(PathBuf, Form)> {
    let Some(paths) = corpus::cases("sse", ".sse") else {
        println!("corpus sse: SKIPPED, no corpora");
        return Vec::new();
    };
    let of = |path: PathBuf| {
        let kind = path.file_name()?.to_str()?.split("__").next()?.to_owned();
        let kind = kind.strip_suffix(".messages").unwrap_or(&kind);
        form_of(kind).map(|form| (path, form))
    };
    paths.into_iter().filter_map(of).collect()
}

fn form_of(kind: &str) -> Option<Form> {
    match kind {
        "anthropic" => Some(Form::Messages),
        "openai.chat" => Some(Form::Chat),
        "openai.responses" => Some(Form::Responses),
        _ => None,
    }
}

fn others(from: Form) -> impl Iterator<Item = Form> {
    FORMS.into_iter().filter(move |to| *to != from)
}

fn judged(path: &Path, input: Vec<u8>, from: Form, to: Form) -> Judged {
    let (output, ended) = whole(from, to, &[&input]);
    assert!(ended.is_ok(), "{}: {ended:?}", path.display());
    Judged { input, from, name: format!("{} to {to:?}", path.display()), output, to }
}

fn check(cases: &[Judged]) {
    let Some(all) = differences("stream", cases) else { return };
    let bad: Vec<&Difference> = all.iter().filter(|found| !is_known(found)).collect();
    for found in &bad {
        println!("{found:?}");
    }
    assert!(bad.is_empty(), "{} facts differ", bad.len());
}

/// Differences that are meant.
fn is_known(found: &Difference) -> bool {
    let is = |part: &str, fact: &str| found.name.contains(part) && found.fact == fact;
    let zeros = json!({"cache_read": 0, "output": 0, "total_input": 0});
    // A message always tells its usage.
    is(" to Messages", "usage") && found.before.is_null() && found.after == zeros
        // Other forms tell usage at the end, which did not come, and no cut end.
        || is("sse/anthropic.messages__anthropic__composed-error-midstream", "usage")
        || is("composed-cut-before-last-newline-of-message-delta.sse", "usage")
        || is("composed-cut-before-last-newline-of-message-delta.sse", "stop")
        // A failed response names a model, and none has been told.
        || is("composed-error-first-event.sse to Responses", "model")
        // No fact of a cut event, and of Mistral's parts, is known to the judge.
        || is("composed-cut-inside-message-delta.sse", "input")
        || is("__mistral__", "input")
        // The judge does not read why a response is incomplete, nor refusals.
        || is("stream-a-toolrefusal.sse", "stop")
        || is("stream-refusal-responses-messages", "text")
        || is("stream-refusal-responses-messages", "stop")
        // Two streams in one: the judge takes the calls of both for the second's.
        || is("vercelai-spliced-message-start.sse", "calls")
        // Two calls under one index are two by their ids.
        || is("cererebras-structured-output-tools-1.sse", "calls")
        // More cached than there was input: the total is kept.
        || is("azure-grok-4-1-fast", "usage")
        // Usage where the judge does not look.
        || is("__groq__pyai-test-groq-model-thinking-part-iter-0", "usage")
        // Only the first choice is read.
        || is("chat-completion-multiple-choices-streaming", "text")
        // [DONE] without a reason is an end.
        || is("snowflake-thinking-streaming-0", "stop")
}

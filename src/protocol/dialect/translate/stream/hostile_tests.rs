//! Events in any order, some of them broken: what comes out is read by the strictest reader.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use super::super::Form;
use super::Ended;
use super::reader_tests::{FORMS, reader_accepts, whole};
use crate::protocol::corpus::Random;

#[test]
fn whatever_a_provider_sends_what_comes_out_reads_strictly() {
    let (mut random, mut ends) = (Random(0x9e37_79b9), [0; 4]);
    let words = FORMS.map(words);
    for round in 0..6_000 {
        let from = FORMS[round % 3];
        let stream = mixed(&words[round % 3], &mut random);
        for to in FORMS {
            let (out, ended) = whole(from, to, &[&stream]);
            let read = reader_accepts(to, &out, ended.unwrap_or(Ended::Cut));
            read.unwrap_or_else(|why| panic!("{why}\n{}", String::from_utf8_lossy(&stream)));
            let place = match ended {
                Ok(Ended::Cut) => 0,
                Ok(Ended::Failed) => 1,
                Ok(Ended::Whole) => 2,
                Err(_) => 3,
            };
            ends[place] += 1;
        }
    }
    assert!(ends.iter().all(|count| *count > 100), "{ends:?}");
}

/// Up to two dozen of the words as events, in any order; some with a wrong byte.
fn mixed(words: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let mut stream = Vec::new();
    for _ in 0..random.below(24) {
        let mut event = words[random.below(words.len())].clone();
        if random.below(24) == 0 {
            let at = random.below(event.len());
            event[at] = u8::try_from(random.below(256)).unwrap();
        }
        stream.extend([&b"data: "[..], &event, b"\n\n"].concat());
    }
    stream
}

/// The events of a seed of the fuzz target, and an error.
fn words(form: Form) -> Vec<Vec<u8>> {
    let (seed, error): (&[u8], &[u8]) = match form {
        Form::Chat => (CHAT_SEED, br#"{"error":{"message":"m"}}"#),
        Form::Messages => (MESSAGES_SEED, br#"{"type":"error","error":{"type":"api_error"}}"#),
        Form::Responses => (RESPONSES_SEED, br#"{"type":"error","code":"x","message":"m"}"#),
    };
    let lines = seed.get(3..).unwrap().split(|byte| *byte == b'\n');
    let mut words: Vec<Vec<u8>> =
        lines.filter_map(|line| line.strip_prefix(b"data: ")).map(<[u8]>::to_vec).collect();
    assert!(words.len() > 10);
    words.push(error.to_vec());
    words
}

const CHAT_SEED: &[u8] = include_bytes!("../../../../../fuzz/corpus/translate_stream/chat_0");
const MESSAGES_SEED: &[u8] =
    include_bytes!("../../../../../fuzz/corpus/translate_stream/messages_0");
const RESPONSES_SEED: &[u8] =
    include_bytes!("../../../../../fuzz/corpus/translate_stream/responses_0");

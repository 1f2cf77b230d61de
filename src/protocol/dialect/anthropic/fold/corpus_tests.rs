//! Every recorded Messages stream against a plain fold of its events with a full parser (P-03 to
//! P-07, P-11, P-12), at many splits.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Fold, Unfolded};
use crate::protocol::corpus::{self, random_split};

#[test]
fn corpus_folded_messages_are_what_a_plain_fold_gives() {
    corpus::check("sse", ".sse", |case| {
        if !case.file_name().unwrap().to_string_lossy().starts_with("anthropic.messages__") {
            return Ok(());
        }
        let stream = corpus::read(case);
        let expected = plain_fold(&stream);
        let bytewise: Vec<&[u8]> = stream.chunks(1).collect();
        let mut splits = vec![vec![stream.as_slice()], bytewise];
        splits.extend((0..10).map(|seed| random_split(&stream, seed)));
        for reads in splits {
            let folded = folded(&reads).ok().map(|json| serde_json::from_slice(&json).unwrap());
            if folded != expected {
                let (folded, expected) = (json!(folded), json!(expected));
                return Err(format!("{folded:#}\n  in place of\n{expected:#}"));
            }
        }
        Ok(())
    });
}

fn folded(reads: &[&[u8]]) -> Result<Vec<u8>, Unfolded> {
    let mut fold = Fold::new(64 << 20);
    for read in reads {
        fold.push(read);
    }
    fold.finish()
}

/// The message, as an SDK would put it together; `None` without its end.
fn plain_fold(stream: &[u8]) -> Option<Value> {
    let text = String::from_utf8(stream.to_vec()).ok()?.replace("\r\n", "\n");
    let mut message: Option<Value> = None;
    let mut blocks: BTreeMap<u64, (Value, String)> = BTreeMap::new();
    let (whole, _cut) = text.rsplit_once("\n\n")?;
    for event in whole.split("\n\n") {
        let data: Vec<&str> = event.lines().filter_map(|line| line.strip_prefix("data:")).collect();
        if data.is_empty() {
            continue;
        }
        let event: Value = serde_json::from_str(&data.join("\n")).ok()?;
        match event["type"].as_str().unwrap_or_default() {
            "message_start" => {
                message = Some(event["message"].clone());
                blocks.clear();
            }
            "content_block_start" => {
                let at = event["index"].as_u64()?;
                blocks.insert(at, (event["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                let (block, input) = blocks.get_mut(&event["index"].as_u64()?)?;
                apply(block, input, event["delta"].as_object()?);
            }
            "message_delta" => overlay(message.as_mut()?, event.as_object()?),
            "message_stop" => {
                let mut message = message?;
                if !blocks.is_empty() {
                    message["content"] = blocks.into_values().map(whole_block).collect();
                }
                return Some(message);
            }
            "error" => return None,
            _ => {}
        }
    }
    None
}

fn apply(block: &mut Value, input: &mut String, delta: &Map<String, Value>) {
    let append = |block: &mut Value, name: &str| {
        let before = block[name].as_str().unwrap_or_default();
        block[name] = json!(format!("{before}{}", delta[name].as_str().unwrap()));
    };
    match delta["type"].as_str().unwrap() {
        "text_delta" => append(block, "text"),
        "thinking_delta" => append(block, "thinking"),
        "input_json_delta" => input.push_str(delta["partial_json"].as_str().unwrap()),
        "citations_delta" => {
            if !block["citations"].is_array() {
                block["citations"] = json!([]);
            }
            block["citations"].as_array_mut().unwrap().push(delta["citation"].clone());
        }
        _ => {
            for (name, value) in delta.iter().filter(|(name, _)| *name != "type") {
                block[name] = value.clone();
            }
        }
    }
}

fn overlay(message: &mut Value, event: &Map<String, Value>) {
    for (name, value) in event {
        match name.as_str() {
            "type" => {}
            "delta" => {
                for (name, value) in value.as_object().unwrap() {
                    message[name] = value.clone();
                }
            }
            "usage" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    if !value.is_null() {
                        message["usage"][name] = value.clone();
                    }
                }
            }
            _ => message[name] = value.clone(),
        }
    }
}

fn whole_block((mut block, input): (Value, String)) -> Value {
    let input = input.trim();
    if !input.is_empty() {
        let parsed = serde_json::from_str(input);
        block["input"] = parsed.unwrap_or_else(|_| json!({ "INVALID_JSON": input }));
    }
    block
}

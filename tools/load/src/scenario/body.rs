//! Request bodies of each dialect, padded to a size, plain or like those of a coding agent.
//!
//! Never random: the number of the conversation decides the text.

use std::fmt::Write as _;

use bytes::Bytes;
use clap::ValueEnum;
use serde_json::{Value, json};

use super::Dialect;
use crate::random::Random;

/// What a body is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Shape {
    /// Like Claude Code: system prompt, tools, a long history of code and tool results.
    Agent,
    /// One user message.
    Plain,
}

/// All that decides one body.
#[derive(Clone, Copy, Debug)]
pub struct Body<'a> {
    pub conversation: u64,
    pub dialect: Dialect,
    pub model: &'a str,
    pub shape: Shape,
    /// Bytes; a body that needs more is as small as it can be.
    pub size: usize,
    pub stream: bool,
}

impl Body<'_> {
    /// The body as it is sent.
    pub fn bytes(&self) -> Bytes {
        let mut turns = match self.shape {
            Shape::Agent => self.history(),
            Shape::Plain => Vec::new(),
        };
        turns.push(format!("Conversation {}. Say something.", self.conversation));
        let mut bytes = self.with_turns(&turns);
        // Letters, so that each byte of text is one byte of JSON.
        let missing = self.size.saturating_sub(bytes.len());
        if let (true, Some(last)) = (missing > 0, turns.last_mut()) {
            *last = format!("{}{}", "lorem ".repeat(missing / 6), "x".repeat(missing % 6)) + last;
            bytes = self.with_turns(&turns);
        }
        bytes.into()
    }

    /// Turns of user and model until the size is nearly reached.
    fn history(&self) -> Vec<String> {
        let mut random = Random::new(self.conversation);
        let mut turns = vec!["Please find out why the build fails.".to_owned()];
        let mut room = self.size.saturating_sub(self.with_turns(&turns).len() + TURN_ROOM);
        while turns.len() < TURNS_MAX {
            let answer = format!("Let me read `src/file_{}.rs` first.", turns.len());
            let result = code(&mut random);
            // Each line break and quote takes two bytes in JSON.
            let cost = Value::from(&*result).to_string().len() + answer.len() + TURN_COST;
            let Some(left) = room.checked_sub(cost) else { break };
            room = left;
            turns.extend([answer, result]);
        }
        turns.extend(["I have seen enough.".to_owned()]);
        turns
    }

    fn with_turns(&self, turns: &[String]) -> Vec<u8> {
        let messages: Vec<_> = turns
            .iter()
            .enumerate()
            .map(|(index, text)| self.message(index.is_multiple_of(2), text))
            .collect();
        let (model, stream) = (self.model, self.stream);
        let mut body = match self.dialect {
            Dialect::Anthropic => json!({
                "model": model, "max_tokens": 4096, "stream": stream, "messages": messages,
            }),
            Dialect::OpenaiChat => json!({
                "model": model, "stream": stream, "messages": messages,
                "stream_options": { "include_usage": true },
            }),
            Dialect::OpenaiResponses => json!({
                "model": model, "stream": stream, "input": messages, "store": false,
            }),
        };
        let is_agent = self.shape == Shape::Agent;
        if let (true, Value::Object(fields)) = (is_agent, &mut body) {
            fields.insert("tools".to_owned(), TOOLS.iter().map(|name| self.tool(name)).collect());
            let (system, value) = match self.dialect {
                Dialect::Anthropic => {
                    ("system", json!([{ "type": "text", "text": SYSTEM.repeat(20) }]))
                }
                _ => ("user", json!("tester")),
            };
            fields.insert(system.to_owned(), value);
        }
        if let (false, Value::Object(fields)) = (stream, &mut body) {
            fields.remove("stream_options");
            fields.remove("stream");
        }
        body.to_string().into_bytes()
    }

    fn message(&self, is_user: bool, text: &str) -> Value {
        let role = if is_user { "user" } else { "assistant" };
        match self.dialect {
            Dialect::Anthropic => {
                json!({ "role": role, "content": [{ "type": "text", "text": text }] })
            }
            Dialect::OpenaiChat => json!({ "role": role, "content": text }),
            Dialect::OpenaiResponses => {
                let kind = if is_user { "input_text" } else { "output_text" };
                let content = [json!({ "type": kind, "text": text })];
                json!({ "type": "message", "role": role, "content": content })
            }
        }
    }

    fn tool(&self, name: &str) -> Value {
        let description = format!("{name}: {}", SYSTEM.repeat(3));
        let schema = json!({
            "type": "object",
            "properties": { "path": { "type": "string" }, "limit": { "type": "integer" } },
            "required": ["path"],
        });
        match self.dialect {
            Dialect::Anthropic => {
                json!({ "name": name, "description": description, "input_schema": schema })
            }
            Dialect::OpenaiChat => {
                let function =
                    json!({ "name": name, "description": description, "parameters": schema });
                json!({ "type": "function", "function": function })
            }
            Dialect::OpenaiResponses => json!({
                "type": "function", "name": name, "description": description,
                "parameters": schema,
            }),
        }
    }
}

/// Some lines of code: full of quotes, tabs and line breaks, as histories of agents are.
fn code(random: &mut Random) -> String {
    let mut text = String::new();
    for number in 0..40 {
        let line = random.pick(&LINES).copied().unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{number:>5}\u{2192}{line}");
    }
    text
}

const LINES: [&str; 8] = [
    "\tlet name = format!(\"{prefix}/{}\", path.display());",
    "    if let Some(\"x-api-key\") = headers.keys().next() {",
    "",
    "        return Err(Error::Parse { line, column, why: \"a quote \\\" is missing\" });",
    "    // Käse: the umlaut is two bytes.",
    "    assert_eq!(text, r#\"{\"model\":\"m\",\"stream\":true}\"#);",
    "\t}",
    "    println!(\"{}\\n\", \"=\".repeat(72));",
];
const SYSTEM: &str =
    "You are a careful engineer. Read before you write, and test what you change. ";
const TOOLS: [&str; 8] = ["Bash", "Edit", "Glob", "Grep", "Read", "Task", "WebFetch", "Write"];
/// Bytes of JSON around the texts of two turns, at most.
const TURN_COST: usize = 200;
/// What the last message takes.
const TURN_ROOM: usize = 400;
const TURNS_MAX: usize = 20_000;

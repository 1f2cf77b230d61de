//! One model turn, before a dialect gives it a shape: ids, text, tool call, usage.
//!
//! Never random: the same request number and knobs give the same bytes.

use super::facts::{Facts, Tool};
use super::{Dialect, anthropic, chat, responses};
use crate::knobs::Say;

/// What the model "says".
#[derive(Clone, Debug)]
pub struct Turn {
    pub cache_read_tokens: u64,
    /// Content events of the stream; words of the text.
    pub deltas: u32,
    pub dialect: Dialect,
    pub include_usage: bool,
    pub input_tokens: u64,
    /// JSON string, quotes included.
    pub model: String,
    pub no_done: bool,
    pub no_usage: bool,
    pub output_tokens: u64,
    pub sequence: u64,
    /// Text of a content event begins with the place for a time stamp.
    pub stamp: bool,
    pub tool: Option<Tool>,
    pub word: String,
}

impl Turn {
    /// The turn that this request and these knobs ask for.
    pub fn new(dialect: Dialect, facts: Facts, say: &Say, sequence: u64) -> Self {
        let deltas = say.events.unwrap_or(DELTAS);
        Self {
            cache_read_tokens: say.cache_read_tokens.unwrap_or(0),
            deltas,
            dialect,
            include_usage: facts.include_usage,
            input_tokens: say.input_tokens.unwrap_or(INPUT_TOKENS),
            model: quoted(facts.model.as_deref().unwrap_or("mock-1")),
            no_done: say.no_done,
            no_usage: say.no_usage,
            output_tokens: say.output_tokens.unwrap_or(u64::from(deltas)),
            sequence,
            stamp: say.stamp,
            tool: facts.tool,
            word: say.word.clone().unwrap_or_else(|| "tide".to_owned()),
        }
    }

    /// The whole answer as JSON, padded in its text to `size` bytes when that is more.
    pub fn json(&self, size: Option<usize>) -> String {
        let plain = self.json_padded(0);
        match size.map(|size| size.saturating_sub(plain.len())) {
            None | Some(0) => plain,
            Some(missing) => self.json_padded(missing),
        }
    }

    /// Text of content event `index`: a word, or a slice of the tool's arguments.
    pub fn delta(&self, index: u32, padding: usize) -> String {
        if let Some(tool) = &self.tool {
            return slice_of(&tool.arguments, index, self.deltas).to_owned();
        }
        let stamp = if self.stamp { STAMP_PLACE } else { "" };
        format!("{stamp}{}{index} {}", self.word, "x".repeat(padding))
    }

    /// The text of all content events.
    pub fn text(&self, padding: usize) -> String {
        use std::fmt::Write as _;
        let mut text = String::new();
        for index in 0..self.deltas {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{index} ", self.word);
        }
        text.extend(std::iter::repeat_n('x', padding));
        text
    }

    /// `PREFIX` and the request number as 24 digits, as long as real ids are.
    pub fn id(&self, prefix: &str) -> String {
        format!("{prefix}{:024x}", self.sequence)
    }

    fn json_padded(&self, padding: usize) -> String {
        match self.dialect {
            Dialect::Anthropic => anthropic::json(self, padding),
            Dialect::Chat => chat::json(self, padding),
            Dialect::Completions => chat::completion_json(self, padding),
            Dialect::Responses => responses::json(self, padding),
        }
    }
}

/// `text` as a JSON string.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The `index`-th of `parts` nearly equal slices; some are empty when there are more parts than
/// bytes.
fn slice_of(text: &str, index: u32, parts: u32) -> &str {
    let at = |part: u32| {
        let place =
            u64::try_from(text.len()).unwrap_or(0) * u64::from(part) / u64::from(parts.max(1));
        let mut place = usize::try_from(place).unwrap_or(text.len());
        while !text.is_char_boundary(place) {
            place += 1;
        }
        place
    };
    text.get(at(index)..at(index + 1)).unwrap_or("")
}

/// What a stamp looks like before its moment is known.
pub const STAMP_PLACE: &str = "@0000000000000000000 ";
const DELTAS: u32 = 12;
const INPUT_TOKENS: u64 = 25;

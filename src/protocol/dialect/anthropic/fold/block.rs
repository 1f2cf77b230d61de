//! One content block as its deltas complete it. Never changes what it does not know.

use super::{Members, unquoted};
use crate::protocol::json::{strict, text, write};

/// A block under way.
#[derive(Debug)]
pub struct Block {
    citations: Vec<u8>,
    /// The text that `partial_json` has brought, decoded.
    input: Vec<u8>,
    members: Members,
}

impl Block {
    pub fn new(members: Members) -> Self {
        Self { citations: Vec::new(), input: Vec::new(), members }
    }

    /// Takes in a delta; `None` when it cannot be one.
    pub fn delta(&mut self, delta: &Members) -> Option<()> {
        let kind = unquoted(delta.value(b"type").unwrap_or_default());
        match kind {
            b"input_json_delta" => {
                let raw = unquoted(delta.value(b"partial_json")?);
                let mut decoded = vec![0; raw.len()];
                self.input.extend_from_slice(text::unescape(raw, &mut decoded).ok()?);
            }
            b"citations_delta" => {
                let mark = if self.citations.is_empty() { b'[' } else { b',' };
                self.citations.push(mark);
                self.citations.extend_from_slice(delta.value(b"citation")?);
            }
            b"text_delta" => self.append(b"text", delta.value(b"text")?),
            b"thinking_delta" => self.append(b"thinking", delta.value(b"thinking")?),
            // A signature is told whole; so is whatever a later version may bring.
            _ => {
                for (name, value) in delta.0.iter().filter(|(name, _)| name != b"type") {
                    self.members.set(name, value.clone());
                }
            }
        }
        Some(())
    }

    /// No delta follows: the input is read once, whole (P-04).
    pub fn stop(&mut self) {
        let input = std::mem::take(&mut self.input);
        let input = input.trim_ascii();
        if strict::is_value(input) {
            self.members.set(b"input", input.to_vec());
        } else if !input.is_empty() {
            // Cut off by a limit of tokens: told the way Anthropic's documentation asks for.
            let mut told = b"{\"INVALID_JSON\":".to_vec();
            write::string(&mut told, &String::from_utf8_lossy(input));
            told.push(b'}');
            self.members.set(b"input", told);
        }
        if !self.citations.is_empty() {
            self.citations.push(b']');
            let more = std::mem::take(&mut self.citations);
            let own = self.members.value(b"citations").and_then(|own| own.strip_suffix(b"]"));
            let all = match own.filter(|own| own.len() > 1) {
                Some(own) => [own, b",", more.get(1..).unwrap_or_default()].concat(),
                None => more,
            };
            self.members.set(b"citations", all);
        }
    }

    pub fn write(mut self, out: &mut Vec<u8>) {
        self.stop();
        self.members.write(out);
    }

    /// Puts the content of the string `more` behind that of the member `name`.
    fn append(&mut self, name: &[u8], more: &[u8]) {
        match self.members.value_mut(name).filter(|own| own.last() == Some(&b'"')) {
            Some(own) => {
                own.pop();
                own.extend_from_slice(unquoted(more));
                own.push(b'"');
            }
            None => self.members.set(name, more.to_vec()),
        }
    }
}

//! Tokens that an answer took, in the counts of each form. Messages counts cached input beside
//! `input_tokens`, the others within it (PROTOCOL 7). Never loses the total.

use super::super::Form;
use super::raw::Raw;
use crate::protocol::http1::write::decimal;

/// Counts as Messages keeps them: each part of the input on its own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Tokens {
    cache_read: u64,
    cache_write: u64,
    /// Input that no cache had and none keeps.
    fresh: u64,
    is_told: bool,
    output: u64,
    reasoning: Option<u64>,
    /// As told, where it is not the sum: some count reasoning beside the output.
    total: Option<u64>,
}

impl Tokens {
    /// Whether any usage was told.
    pub const fn is_told(&self) -> bool {
        self.is_told
    }

    /// Lays what `usage` tells over what is known: absent and null change nothing.
    pub fn read(&mut self, form: Form, usage: Raw<'_>) {
        if usage.is_object() {
            self.is_told = true;
            match form {
                Form::Messages => self.read_messages(usage),
                Form::Chat => self.read_open_ai(usage, &CHAT),
                Form::Responses => self.read_open_ai(usage, &RESPONSES),
            }
        }
    }

    fn read_messages(&mut self, usage: Raw<'_>) {
        let [fresh, write, read, output, details] = usage.get([
            b"input_tokens",
            b"cache_creation_input_tokens",
            b"cache_read_input_tokens",
            b"output_tokens",
            b"output_tokens_details",
        ]);
        let [thinking] = details.get([b"thinking_tokens"]);
        self.fresh = fresh.count().unwrap_or(self.fresh);
        self.cache_write = write.count().unwrap_or(self.cache_write);
        self.cache_read = read.count().unwrap_or(self.cache_read);
        self.output = output.count().unwrap_or(self.output);
        self.reasoning = thinking.count().or(self.reasoning);
    }

    fn read_open_ai(&mut self, usage: Raw<'_>, names: &Names) {
        let [input, output, total, input_details, output_details] = usage.get([
            names.input,
            names.output,
            b"total_tokens",
            names.input_details,
            names.output_details,
        ]);
        let [cached, written] = input_details.get([b"cached_tokens", b"cache_write_tokens"]);
        let [reasoning] = output_details.get([b"reasoning_tokens"]);
        let input = input.count().unwrap_or(self.input());
        // A part is never more than the whole, whatever a server says.
        self.cache_read = cached.count().unwrap_or(0).min(input);
        self.cache_write = written.count().unwrap_or(0).min(input - self.cache_read);
        self.fresh = input - self.cache_read - self.cache_write;
        self.output = output.count().unwrap_or(self.output);
        self.reasoning = reasoning.count();
        self.total = total.count();
    }

    const fn input(&self) -> u64 {
        self.fresh.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }

    /// As `usage` of `form`; `tier` is the service tier of Messages, which has it in there.
    pub fn write(&self, out: &mut Vec<u8>, form: Form, tier: &[u8]) {
        match form {
            Form::Messages => self.write_messages(out, tier),
            Form::Chat => self.write_open_ai(out, &CHAT),
            Form::Responses => self.write_open_ai(out, &RESPONSES),
        }
    }

    fn write_messages(&self, out: &mut Vec<u8>, tier: &[u8]) {
        count(out, b"{\"input_tokens\":", self.fresh);
        count(out, b",\"cache_creation_input_tokens\":", self.cache_write);
        count(out, b",\"cache_read_input_tokens\":", self.cache_read);
        count(out, b",\"output_tokens\":", self.output);
        if let Some(thinking) = self.reasoning {
            count(out, b",\"output_tokens_details\":{\"thinking_tokens\":", thinking);
            out.push(b'}');
        }
        if !tier.is_empty() {
            super::put(out, &[b",\"service_tier\":\"", tier, b"\""]);
        }
        out.push(b'}');
    }

    fn write_open_ai(&self, out: &mut Vec<u8>, names: &Names) {
        let total = self.total.unwrap_or(self.input().saturating_add(self.output));
        super::put(out, &[b"{\"", names.input]);
        count(out, b"\":", self.input());
        super::put(out, &[b",\"", names.output]);
        count(out, b"\":", self.output);
        count(out, b",\"total_tokens\":", total);
        super::put(out, &[b",\"", names.input_details]);
        count(out, b"\":{\"cached_tokens\":", self.cache_read);
        count(out, b",\"cache_write_tokens\":", self.cache_write);
        super::put(out, &[b"},\"", names.output_details]);
        count(out, b"\":{\"reasoning_tokens\":", self.reasoning.unwrap_or(0));
        out.extend_from_slice(b"}}");
    }
}

fn count(out: &mut Vec<u8>, name: &[u8], count: u64) {
    out.extend_from_slice(name);
    decimal(out, count);
}

struct Names {
    input: &'static [u8],
    input_details: &'static [u8],
    output: &'static [u8],
    output_details: &'static [u8],
}

const CHAT: Names = Names {
    input: b"prompt_tokens",
    input_details: b"prompt_tokens_details",
    output: b"completion_tokens",
    output_details: b"completion_tokens_details",
};

const RESPONSES: Names = Names {
    input: b"input_tokens",
    input_details: b"input_tokens_details",
    output: b"output_tokens",
    output_details: b"output_tokens_details",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn through(from: Form, to: Form, usage: &str) -> String {
        let mut tokens = Tokens::default();
        tokens.read(from, Raw::whole(usage.as_bytes()).unwrap());
        let mut out = Vec::new();
        tokens.write(&mut out, to, b"");
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cached_input_is_within_the_prompt_of_chat_and_beside_the_input_of_messages() {
        let messages = concat!(
            r#"{"input_tokens":15,"cache_creation_input_tokens":13,"#,
            r#""cache_read_input_tokens":12,"output_tokens":21}"#
        );
        let chat = through(Form::Messages, Form::Chat, messages);
        let expected = concat!(
            r#"{"prompt_tokens":40,"completion_tokens":21,"total_tokens":61,"#,
            r#""prompt_tokens_details":{"cached_tokens":12,"cache_write_tokens":13},"#,
            r#""completion_tokens_details":{"reasoning_tokens":0}}"#
        );
        assert_eq!(chat, expected);
        let back = through(Form::Chat, Form::Messages, &chat);
        assert!(back.starts_with(messages.trim_end_matches('}')), "{back}");
    }

    #[test]
    fn more_cached_than_there_is_takes_nothing_from_the_total() {
        let odd = concat!(
            r#"{"prompt_tokens":5,"completion_tokens":1,"#,
            r#""prompt_tokens_details":{"cached_tokens":9,"cache_write_tokens":9}}"#
        );
        assert!(through(Form::Chat, Form::Chat, odd).starts_with(r#"{"prompt_tokens":5,"#));
    }

    #[test]
    fn later_counts_lie_over_earlier_ones_and_null_over_none() {
        let mut tokens = Tokens::default();
        for usage in [
            r#"{"input_tokens":4,"cache_read_input_tokens":1165,"output_tokens":1}"#,
            r#"{"input_tokens":null,"output_tokens":221}"#,
        ] {
            tokens.read(Form::Messages, Raw::whole(usage.as_bytes()).unwrap());
        }
        let mut out = Vec::new();
        tokens.write(&mut out, Form::Messages, b"standard");
        let expected = concat!(
            r#"{"input_tokens":4,"cache_creation_input_tokens":0,"#,
            r#""cache_read_input_tokens":1165,"output_tokens":221,"service_tier":"standard"}"#
        );
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}

//! Why an answer ended, in the words of each form (PROTOCOL 7). Never invents a reason: one that
//! is not known is an end.

use super::super::Form;

/// Why an answer ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Stop {
    /// The model had said what it had to say, or came to a stop sequence.
    #[default]
    End,
    /// The model refused, or a filter ended it.
    Filter,
    /// The answer, or the context, had no room for more.
    Length,
    /// The model waits for its tools.
    Tool,
}

impl Stop {
    /// What `finish_reason` of Chat or `stop_reason` of Messages says.
    pub fn of(word: &[u8]) -> Self {
        match word {
            b"content_filter" | b"refusal" => Self::Filter,
            b"length" | b"max_tokens" | b"model_context_window_exceeded" => Self::Length,
            b"tool_calls" | b"tool_use" | b"function_call" => Self::Tool,
            _ => Self::End,
        }
    }

    /// What `status` and `incomplete_details.reason` of Responses say of an output that has calls
    /// or none.
    pub fn of_status(status: &[u8], reason: &[u8], has_calls: bool) -> Self {
        match (status, reason) {
            (b"incomplete", b"content_filter") => Self::Filter,
            (b"incomplete", _) => Self::Length,
            _ if has_calls => Self::Tool,
            _ => Self::End,
        }
    }

    /// `finish_reason`, `stop_reason` or `status`.
    pub const fn word(self, form: Form) -> &'static [u8] {
        match (form, self) {
            (Form::Chat, Self::End) => b"stop",
            (Form::Chat, Self::Filter) => b"content_filter",
            (Form::Chat, Self::Length) => b"length",
            (Form::Chat, Self::Tool) => b"tool_calls",
            (Form::Messages, Self::End) => b"end_turn",
            (Form::Messages, Self::Filter) => b"refusal",
            (Form::Messages, Self::Length) => b"max_tokens",
            (Form::Messages, Self::Tool) => b"tool_use",
            (Form::Responses, Self::End | Self::Tool) => b"completed",
            (Form::Responses, Self::Filter | Self::Length) => b"incomplete",
        }
    }

    /// `incomplete_details` of Responses.
    pub const fn incomplete_details(self) -> &'static [u8] {
        match self {
            Self::Filter => b"{\"reason\":\"content_filter\"}",
            Self::Length => b"{\"reason\":\"max_output_tokens\"}",
            Self::End | Self::Tool => b"null",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_goes_into_the_other_form_and_back() {
        for stop in [Stop::End, Stop::Filter, Stop::Length, Stop::Tool] {
            assert_eq!(Stop::of(stop.word(Form::Chat)), stop);
            assert_eq!(Stop::of(stop.word(Form::Messages)), stop);
            let details = stop.incomplete_details();
            let reason = details.split(|byte| *byte == b'"').nth(3).unwrap_or_default();
            let status = stop.word(Form::Responses);
            assert_eq!(Stop::of_status(status, reason, stop == Stop::Tool), stop);
        }
    }

    #[test]
    fn a_reason_of_a_later_version_is_an_end() {
        for word in [&b"pause_turn"[..], b"stop_sequence", b"compaction", b"", b"?"] {
            assert_eq!(Stop::of(word), Stop::End);
        }
    }
}

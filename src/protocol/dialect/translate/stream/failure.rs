//! What a provider tells of an error inside a stream, in the words of the client's form. Never
//! says more than the provider did.

use super::super::Form;
use super::super::answer::raw::Raw;

/// An error. Texts are contents of JSON strings.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Failure<'a> {
    /// What kind, in the provider's words.
    code: &'a [u8],
    /// For people.
    pub message: &'a [u8],
}

impl<'a> Failure<'a> {
    /// What `error` says, an object or a text, within `event`, which may say it too.
    pub fn of(error: Raw<'a>, event: Raw<'a>) -> Self {
        let names: [&[u8]; 3] = [b"message", b"type", b"code"];
        let [message, kind, code] = error.get(names);
        let [flat_message, _, flat_code] = event.get(names);
        let of = |raw: Raw<'a>| raw.text().filter(|text| !text.is_empty());
        let is_general = |kind: &&[u8]| *kind == b"error" || *kind == b"server_error";
        let kind = of(kind).filter(|kind| !is_general(kind)).or(of(code)).or(of(kind));
        Self {
            code: kind.or(of(flat_code)).unwrap_or(b"api_error"),
            message: of(message).or(of(error)).or(of(flat_message)).unwrap_or(UNSAID),
        }
    }

    /// What kind of error the provider said it was.
    pub const fn code(&self) -> &'a [u8] {
        self.code
    }

    /// The `type` of Anthropic's or OpenAI's error object, or the `code` of a failed response.
    pub fn kind(&self, to: Form) -> &'static [u8] {
        let class = Class::of(self.code);
        match to {
            Form::Messages => class.messages(),
            Form::Chat => class.chat(),
            Form::Responses => class.responses(),
        }
    }
}

/// Kinds of errors that all forms know.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Class {
    Authentication,
    Billing,
    Limited,
    Missing,
    Overloaded,
    Permission,
    Request,
    Server,
    Timeout,
}

impl Class {
    fn of(code: &[u8]) -> Self {
        match code {
            b"authentication_error" | b"invalid_api_key" => Self::Authentication,
            b"billing_error" | b"insufficient_quota" => Self::Billing,
            b"invalid_request_error"
            | b"invalid_prompt"
            | b"context_length_exceeded"
            | b"request_too_large" => Self::Request,
            b"not_found_error" | b"model_not_found" => Self::Missing,
            b"overloaded_error" | b"server_is_overloaded" | b"overloaded" => Self::Overloaded,
            b"permission_error" => Self::Permission,
            b"rate_limit_error" | b"rate_limit_exceeded" | b"rate_limit_reached" => Self::Limited,
            b"timeout_error" => Self::Timeout,
            _ => Self::Server,
        }
    }

    const fn messages(self) -> &'static [u8] {
        match self {
            Self::Authentication => b"authentication_error",
            Self::Billing => b"billing_error",
            Self::Limited => b"rate_limit_error",
            Self::Missing => b"not_found_error",
            Self::Overloaded => b"overloaded_error",
            Self::Permission => b"permission_error",
            Self::Request => b"invalid_request_error",
            Self::Server => b"api_error",
            Self::Timeout => b"timeout_error",
        }
    }

    const fn chat(self) -> &'static [u8] {
        match self {
            Self::Billing => b"insufficient_quota",
            Self::Limited => b"rate_limit_error",
            Self::Overloaded | Self::Server | Self::Timeout => b"server_error",
            Self::Authentication | Self::Missing | Self::Permission | Self::Request => {
                b"invalid_request_error"
            }
        }
    }

    /// The codes that the form lists.
    const fn responses(self) -> &'static [u8] {
        match self {
            Self::Billing | Self::Limited => b"rate_limit_exceeded",
            Self::Authentication | Self::Missing | Self::Permission | Self::Request => {
                b"invalid_prompt"
            }
            Self::Overloaded | Self::Server | Self::Timeout => b"server_error",
        }
    }
}

const UNSAID: &[u8] = b"the provider ended the stream with an error";

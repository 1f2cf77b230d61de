//! Messages, Chat Completions and Responses into each other: requests, answers, streams, errors
//! (PROTOCOL 7). Pure: knows no provider, no clock, no socket. Never guesses: what has no place in
//! the other form is listed as lost, or refused where its loss would change the meaning.

pub mod answer;
pub mod error;
pub mod json;
pub mod limits;
pub mod request;
pub mod stream;

use super::Dialect;
use super::endpoint::Endpoint;
use crate::protocol::json::text::Text;

/// One of the three forms of a conversation that we translate between.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Form {
    /// OpenAI Chat Completions.
    Chat,
    /// Anthropic Messages.
    Messages,
    /// OpenAI Responses.
    Responses,
}

impl Form {
    /// The form of what an endpoint takes; `None` where no other form has an equivalent.
    pub const fn of(endpoint: Endpoint) -> Option<Self> {
        match endpoint {
            Endpoint::ChatCompletions => Some(Self::Chat),
            Endpoint::Messages => Some(Self::Messages),
            Endpoint::Responses => Some(Self::Responses),
            Endpoint::Completions
            | Endpoint::CountTokens
            | Endpoint::Embeddings
            | Endpoint::Models
            | Endpoint::Other => None,
        }
    }

    /// Where requests of this form are sent.
    pub const fn endpoint(self) -> Endpoint {
        match self {
            Self::Chat => Endpoint::ChatCompletions,
            Self::Messages => Endpoint::Messages,
            Self::Responses => Endpoint::Responses,
        }
    }

    /// The path of [`Form::endpoint`].
    pub const fn path(self) -> &'static str {
        self.endpoint().name()
    }

    /// Whose form it is.
    pub const fn dialect(self) -> Dialect {
        match self {
            Self::Chat | Self::Responses => Dialect::OpenAi,
            Self::Messages => Dialect::Anthropic,
        }
    }
}

/// Between which two forms an exchange is translated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Forms {
    /// Requests come in it, answers go out in it.
    pub client: Form,
    /// The provider's.
    pub provider: Form,
}

/// What a request is to become.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The client's form.
    pub from: Form,
    /// Tokens, for a form that needs a bound where the client names none (`max_tokens_default`).
    pub max_tokens_default: u32,
    /// What the model is called at the provider; `None`: as the client calls it.
    pub model: Option<&'a str>,
    /// The provider's form.
    pub to: Form,
}

/// A request in the provider's form.
#[derive(Clone, Debug)]
pub struct Translated {
    /// The JSON to send.
    pub body: Vec<u8>,
    /// What the answer must know of the request.
    pub echo: Echo,
    /// What of the request has no place in it.
    pub lossy: Lossy,
}

/// What an answer has to know of the request that it answers.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Echo {
    /// Seconds since 1970, for forms that date their answers. Set by the caller.
    pub created: u64,
    /// The client's stream is to end with its usage (`stream_options.include_usage` of Chat).
    pub include_usage: bool,
    /// The model as the client calls it, for a stream that must name one before the provider has.
    pub model: Box<str>,
}

/// Fields that were left behind, for `x-tidegate-lossy`: their paths, each once, bounded.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Lossy {
    fields: Vec<Text<64>>,
}

impl Lossy {
    /// Notes a field by its path, for instance `metadata` or `messages.content.cache_control`:
    /// without indexes, so that a long conversation names it once.
    pub fn note(&mut self, path: &str) {
        let path = Text::cut(path.as_bytes());
        if self.fields.len() < FIELDS_MAX && !self.fields.contains(&path) {
            self.fields.push(path);
        }
    }

    /// Nothing was left behind.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The paths, as a header value has them: `a, b`. Printable ASCII.
    pub fn value(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for field in &self.fields {
            if !out.is_empty() {
                out.extend_from_slice(b", ");
            }
            let plain = |&byte: &u8| if (0x21..0x7f).contains(&byte) { byte } else { b'?' };
            out.extend(field.as_bytes().iter().map(plain));
        }
        out
    }
}

/// A request that cannot be put into the other form; the client gets 400.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refused {
    /// The field, with indexes: `messages[3].content[0].source`. Empty for the whole body.
    pub path: Text<80>,
    /// Why.
    pub why: Why,
}

/// Why a request cannot be translated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Why {
    /// The body is not JSON.
    NotJson,
    /// A value is missing, or of another kind than its form has there: what is wanted.
    Wanted(&'static str),
    /// The other form has nothing for it, and without it the request would mean something else.
    NoEquivalent,
    /// Nested deeper than so many levels.
    TooDeep(usize),
    /// More brackets, separators and values than so many.
    TooMany(usize),
}

impl Refused {
    /// What is wrong and where, for the client. `provider`: whose form it cannot take.
    pub fn message(&self, provider: &str) -> String {
        let at = match self.path.as_str() {
            "" => "The request body".to_owned(),
            path => format!("`{path}`"),
        };
        let why = match self.why {
            Why::NotJson => "is not JSON".to_owned(),
            Why::Wanted(what) => format!("is not {what}"),
            Why::NoEquivalent => "has no equivalent there".to_owned(),
            Why::TooMany(values) => format!("holds more than {values} values"),
            Why::TooDeep(levels) => format!("is nested deeper than {levels} levels"),
        };
        format!("Cannot be translated for provider {provider}: {at} {why}.")
    }
}

/// Fields that are named at most; a header stays small.
const FIELDS_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_named_once_and_in_order() {
        let mut lossy = Lossy::default();
        for path in ["metadata", "messages.content.cache_control", "metadata", "caf\u{e9} \r\n"] {
            lossy.note(path);
        }
        assert_eq!(lossy.value(), b"metadata, messages.content.cache_control, caf?????");
    }

    #[test]
    fn a_list_of_losses_is_bounded() {
        let mut lossy = Lossy::default();
        (0..100).for_each(|n| lossy.note(&format!("field{n}")));
        assert!(lossy.value().ends_with(b"field15"));
    }

    #[test]
    fn each_form_is_that_of_its_own_endpoint() {
        for form in [Form::Chat, Form::Messages, Form::Responses] {
            assert_eq!(Form::of(form.endpoint()), Some(form));
            assert_eq!(Endpoint::of(b"POST", form.path().as_bytes()), Some(form.endpoint()));
            assert_eq!(Endpoint::dialect(form.path().as_bytes()), Some(form.dialect()));
        }
    }
}

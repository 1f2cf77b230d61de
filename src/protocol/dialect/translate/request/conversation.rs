//! A request in no one's form: what three readers make and three writers take. Borrows all texts
//! from the parsed body; never holds what no other form could take.

use super::super::Refused;
use super::super::json::Value;

/// What is asked of a model.
#[derive(Debug, Default)]
pub struct Conversation<'a> {
    /// How the model is to choose among the tools.
    pub choice: Option<Choice<'a>>,
    /// How the answer is to be formed.
    pub format: Option<Format<'a>>,
    /// The client's Chat stream is to end with usage.
    pub include_usage: bool,
    /// Bound of the answer's tokens.
    pub max_tokens: Option<Value<'a>>,
    /// The model, as the client calls it.
    pub model: &'a str,
    /// May the model ask for several tools at once. Unsaid: yes.
    pub parallel: Option<bool>,
    /// Fields of one name and meaning in Chat and Responses that Messages has not.
    pub shared: Vec<(&'a str, Value<'a>)>,
    /// One string or a list of strings.
    pub stop: Option<Value<'a>>,
    /// The provider is to keep the answer.
    pub store: bool,
    /// Whether the answer is to be a stream.
    pub stream: bool,
    /// Not negative.
    pub temperature: Option<Value<'a>>,
    /// How much to think before.
    pub thinking: Option<Thinking<'a>>,
    /// Urgency, in the words of OpenAI.
    pub tier: Option<&'a str>,
    /// What the model may ask for.
    pub tools: Vec<Tool<'a>>,
    /// Nucleus sampling.
    pub top_p: Option<Value<'a>>,
    /// In order; system turns among them.
    pub turns: Vec<Turn<'a>>,
    /// Whom the answer is for, to the provider's own abuse checks.
    pub user: Option<&'a str>,
    /// How wordy to be, in the words of OpenAI.
    pub verbosity: Option<Value<'a>>,
}

/// What one side says without a break.
#[derive(Debug)]
pub struct Turn<'a> {
    /// In order.
    pub parts: Vec<Part<'a>>,
    /// Who speaks.
    pub role: Role,
    /// Where it came from, for refusals.
    pub value: Value<'a>,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// The model.
    Assistant,
    /// The operator: `system` and `developer`.
    System,
    /// The user, and the results of tools.
    User,
}

/// A part of a turn.
#[derive(Debug)]
pub struct Part<'a> {
    /// `cache_control`, of whoever takes it.
    pub cache: Option<Value<'a>>,
    /// Where it came from, for refusals.
    pub value: Value<'a>,
    /// What it is.
    pub what: What<'a>,
}

/// What a part is.
#[derive(Debug)]
pub enum What<'a> {
    /// `input_audio` of OpenAI, the inner object.
    Audio(Value<'a>),
    /// The model asks for a tool.
    Call {
        /// Names the call.
        id: &'a str,
        /// JSON text of an object.
        input: Input<'a>,
        /// Of the tool.
        name: &'a str,
    },
    /// A document.
    File {
        /// Of the file.
        name: Option<&'a str>,
        /// Where it is.
        source: Source<'a>,
    },
    /// A picture.
    Image {
        /// How closely to look, in the words of OpenAI.
        detail: Option<&'a str>,
        /// Where it is.
        source: Source<'a>,
    },
    /// What a tool gave.
    Result {
        /// Of the call.
        id: &'a str,
        /// The tool failed.
        is_error: bool,
        /// Text, images and files.
        parts: Vec<Part<'a>>,
    },
    /// A string, not empty. It is copied as it is written.
    Text(Value<'a>),
}

/// What a tool is called with.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// An object, as it stands in the body.
    Object(&'a [u8]),
    /// An object as JSON text; empty for an empty one.
    Text(&'a str, Value<'a>),
}

/// Where the bytes of an image or file are.
#[derive(Clone, Copy, Debug)]
pub enum Source<'a> {
    /// Here: media type, base64.
    Base64(&'a str, &'a str),
    /// At the provider under a name of its own.
    Id(Value<'a>),
    /// In the web.
    Url(&'a str),
}

impl<'a> Source<'a> {
    /// What a URL of a client tells: `data:` URLs hold the bytes.
    pub fn of_url(value: Value<'a>) -> Result<Self, Refused> {
        let url = value.text()?;
        let Some(rest) = url.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")) else {
            return Ok(Self::Url(url));
        };
        let inner = url.get(rest.len()..).unwrap_or_default();
        let (head, bytes) = inner.split_once(',').ok_or_else(|| value.wanted(DATA_URL))?;
        let media = head.strip_suffix(";base64").ok_or_else(|| value.wanted(DATA_URL))?;
        let media = media.split(';').next().unwrap_or_default();
        Ok(Self::Base64(if media.is_empty() { "text/plain" } else { media }, bytes))
    }
}

/// A tool that the client runs.
#[derive(Debug)]
pub struct Tool<'a> {
    /// `cache_control`, of whoever takes it.
    pub cache: Option<Value<'a>>,
    /// For the model.
    pub description: Option<Value<'a>>,
    /// Names it.
    pub name: &'a str,
    /// JSON Schema of its input, an object.
    pub schema: Option<Value<'a>>,
    /// The input must fit the schema.
    pub strict: Option<bool>,
}

/// How the model chooses among tools.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Choice<'a> {
    /// As it likes.
    Auto,
    /// None of them.
    None,
    /// This one.
    One(&'a str),
    /// At least one.
    Required,
}

impl<'a> Choice<'a> {
    /// The words that Chat and Responses have for it.
    pub fn of_word(value: Value<'a>) -> Result<Self, Refused> {
        match value.as_str() {
            Some("auto") => Ok(Self::Auto),
            Some("none") => Ok(Self::None),
            Some("required") => Ok(Self::Required),
            _ => Err(value.no_equivalent()),
        }
    }

    /// The word, where Chat and Responses have one.
    pub const fn word(self) -> Option<&'static str> {
        match self {
            Self::Auto => Some("auto"),
            Self::None => Some("none"),
            Self::One(_) => None,
            Self::Required => Some("required"),
        }
    }
}

/// An answer that is JSON.
#[derive(Debug)]
pub enum Format<'a> {
    /// Any object (`json_object`).
    Object(Value<'a>),
    /// By a schema.
    Schema {
        /// For the model.
        description: Option<Value<'a>>,
        /// Names the schema.
        name: Option<&'a str>,
        /// JSON Schema.
        schema: Value<'a>,
        /// Whether the answer must fit it.
        strict: Option<bool>,
    },
}

/// How much to think.
#[derive(Clone, Copy, Debug)]
pub enum Thinking<'a> {
    /// As the model likes.
    Adaptive,
    /// So many tokens.
    Budget(u64),
    /// A word for it: those of OpenAI, and `max`.
    Effort(&'a str),
    /// Not at all.
    Off,
}

const DATA_URL: &str = "a data URL of base64";

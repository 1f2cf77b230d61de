//! What is sent: requests as bytes, made before the first one goes out.
//!
//! Never random: the same flags give the same bytes.

mod body;
mod recorded;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use bytes::Bytes;
use clap::ValueEnum;

pub use body::{Body, Shape};
pub use recorded::{folder, request_log};

use crate::reply::Expect;
use crate::target::Target;

/// The API spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    Anthropic,
    OpenaiChat,
    OpenaiResponses,
}

impl Dialect {
    /// The path of a turn.
    pub fn path(self) -> &'static str {
        match self {
            Self::Anthropic => "/v1/messages",
            Self::OpenaiChat => "/v1/chat/completions",
            Self::OpenaiResponses => "/v1/responses",
        }
    }

    /// The name in flags and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenaiChat => "openai-chat",
            Self::OpenaiResponses => "openai-responses",
        }
    }

    /// The dialect of a path.
    pub fn of_path(path: &str) -> Option<Self> {
        [Self::Anthropic, Self::OpenaiChat, Self::OpenaiResponses]
            .into_iter()
            .find(|dialect| path.ends_with(dialect.path()))
    }
}

/// One request, ready to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    pub bytes: Bytes,
    pub expect: Expect,
}

/// One request before it has a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    pub body: Bytes,
    pub dialect: Dialect,
    /// Value of `x-mock`; empty for none.
    pub knobs: String,
    pub stream: bool,
}

/// What all requests of a run share.
#[derive(Clone, Debug, Default)]
pub struct Common {
    /// Asks for the end of the connection with each answer.
    pub close: bool,
    /// Further header lines, `Name: value`.
    pub headers: Vec<String>,
    /// Client keys, taken in turn; none sends a made-up one.
    pub keys: Vec<String>,
    pub statuses: Vec<u16>,
}

impl Common {
    /// The requests of `templates` for `target`: each template with each key at least once.
    pub fn requests(&self, templates: &[Template], target: &Target) -> Vec<Request> {
        let default = [DEFAULT_KEY.to_owned()];
        let keys = if self.keys.is_empty() { &default[..] } else { &self.keys };
        let count = match (templates.len(), keys.len()) {
            // Turns of both come out even, or the later templates would have their own keys.
            (templates, keys) if templates % keys == 0 => templates,
            (templates, keys) => templates * keys,
        };
        let pairs = templates.iter().cycle().zip(keys.iter().cycle());
        pairs.take(count).map(|(template, key)| self.request(template, key, target)).collect()
    }

    fn request(&self, template: &Template, key: &str, target: &Target) -> Request {
        let Template { body, dialect, knobs, stream } = template;
        let mut head = format!(
            "POST {}{} HTTP/1.1\r\nhost: {}\r\nuser-agent: tidegate-load/{}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n",
            target.prefix,
            dialect.path(),
            target.host,
            env!("CARGO_PKG_VERSION"),
            body.len()
        );
        // Writing to a String cannot fail.
        let _ = match dialect {
            Dialect::Anthropic => {
                write!(head, "x-api-key: {key}\r\nanthropic-version: 2023-06-01\r\n")
            }
            Dialect::OpenaiChat | Dialect::OpenaiResponses => {
                write!(head, "authorization: Bearer {key}\r\n")
            }
        };
        if *stream {
            head.push_str("accept: text/event-stream\r\n");
        }
        if !knobs.is_empty() {
            let _ = write!(head, "x-mock: {knobs}\r\n");
        }
        if self.close {
            head.push_str("connection: close\r\n");
        }
        for header in &self.headers {
            let _ = write!(head, "{header}\r\n");
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        let statuses = self.statuses.clone();
        let expect = Expect { dialect: *dialect, statuses, stream: *stream };
        Request { bytes: bytes.into(), expect }
    }
}

/// `Name: value`, with nothing that could end the line.
pub fn header_line(text: &str) -> Result<String, String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let (name, value) = text.split_once(':').ok_or(format!("`{text}` is not `Name: value`"))?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("`{name}` is not the name of a header"));
    }
    header_value(value.trim())?;
    Ok(format!("{name}: {}", value.trim()))
}

/// Text that may stand in a header.
pub fn header_value(text: &str) -> Result<String, String> {
    let is_printable = |byte: u8| byte == b'\t' || (b' '..=b'~').contains(&byte);
    if text.bytes().all(is_printable) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{}` cannot stand in a header", text.escape_debug()))
    }
}

const DEFAULT_KEY: &str = "sk-load";

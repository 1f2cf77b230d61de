//! From a request and its knobs to an answer: status, headers, body or stream of events.
//!
//! Never knows how the answer is framed or sent, and keeps no state between requests.

mod anthropic;
mod chat;
mod embeddings;
mod endpoint;
mod error;
mod events;
mod facts;
mod headers;
mod models;
mod responses;
#[cfg(test)]
mod tests;
mod turn;

use std::path::Path;

use tidegate_tools::digest::{self, Digest};

pub use endpoint::{Dialect, Endpoint};
pub use events::{Events, Piece};
pub use facts::{Facts, model as facts_model};

use crate::knobs::{Knobs, Say};
use crate::request::{Body, Head};
pub use turn::STAMP_PLACE;
use turn::Turn;

/// An answer before it is framed.
#[derive(Debug)]
pub struct Answer {
    pub content: Content,
    pub headers: Vec<(String, String)>,
    pub status: u16,
}

/// A body that is there at once, or one that is made piece by piece.
#[derive(Debug)]
pub enum Content {
    Events(Box<Events>),
    Recorded(Vec<u8>),
    Whole(Vec<u8>),
}

/// All that an answer depends on.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub body: &'a Body,
    pub head: &'a Head,
    pub knobs: &'a Knobs,
    pub replay_dir: Option<&'a Path>,
    /// Number of the request; it makes ids unique.
    pub sequence: u64,
}

impl Ask<'_> {
    /// The answer these knobs want for this request.
    pub fn answer(&self) -> Answer {
        let say = &self.knobs.say;
        let endpoint = Endpoint::of(&self.head.method, self.head.path());
        let dialect = endpoint.dialect(&self.head.headers);
        let (status, content, kind) = self.content(endpoint, dialect);
        let mut found = headers::of(dialect, status, self.sequence);
        let kind = say.content_type.as_deref().unwrap_or(kind);
        found.insert(0, ("content-type".to_owned(), kind.to_owned()));
        if let (true, Content::Recorded(bytes) | Content::Whole(bytes)) = (say.digest, &content) {
            let mut digest = Digest::default();
            digest.push(bytes);
            found.push((digest::HEADER.to_owned(), digest.text()));
        }
        if let Some(encoding) = &say.encoding {
            found.push(("content-encoding".to_owned(), encoding.clone()));
        }
        headers::adjust(&mut found, say);
        Answer { content, headers: found, status }
    }

    fn content(&self, endpoint: Endpoint, dialect: Dialect) -> (u16, Content, &'static str) {
        let say = &self.knobs.say;
        let status = say.status.unwrap_or(200);
        if let Some(text) = &say.raw_body {
            return (status, Content::Whole(text.clone().into_bytes()), JSON);
        }
        if let Some(name) = &say.replay {
            return self.replay(name, status);
        }
        if status >= 400 {
            return (status, whole(error::body(dialect, status, say, self.sequence)), JSON);
        }
        if say.echo {
            return (status, whole(self.echo()), JSON);
        }
        match self.model_content(endpoint, dialect, say) {
            Ok((content, kind)) => (status, content, kind),
            Err(why) => (400, whole(error::refusal(dialect, &why, self.sequence)), JSON),
        }
    }

    fn model_content(
        &self,
        endpoint: Endpoint,
        dialect: Dialect,
        say: &Say,
    ) -> Result<(Content, &'static str), String> {
        let facts = match endpoint {
            Endpoint::Echo => return Ok((whole(self.echo()), JSON)),
            Endpoint::Model | Endpoint::Models => {
                return Ok((whole(models::body(endpoint, dialect, self.head.path())), JSON));
            }
            Endpoint::Turn(_) | Endpoint::CountTokens | Endpoint::Embeddings => {
                Facts::of(self.head, self.body)?
            }
        };
        match endpoint {
            Endpoint::CountTokens => {
                let tokens = say.input_tokens.unwrap_or(self.body.length / 4 + 1);
                Ok((whole(format!(r#"{{"input_tokens":{tokens}}}"#)), JSON))
            }
            Endpoint::Embeddings => Ok((whole(embeddings::body(&facts, say)), JSON)),
            _ => {
                let streams = facts.stream;
                let turn = Turn::new(dialect, facts, say, self.sequence);
                if streams {
                    Ok((Content::Events(Box::new(Events::new(turn, say))), EVENT_STREAM))
                } else {
                    Ok((whole(turn.json(say.body_size)), JSON))
                }
            }
        }
    }

    fn replay(&self, name: &str, status: u16) -> (u16, Content, &'static str) {
        let kind = if Path::new(name).extension().is_some_and(|suffix| suffix == "sse") {
            EVENT_STREAM
        } else {
            JSON
        };
        let read = self.replay_dir.map(|dir| std::fs::read(dir.join(name)));
        match read {
            Some(Ok(bytes)) => (status, Content::Recorded(bytes), kind),
            Some(Err(error)) => (500, whole(format!("mock: cannot replay {name}: {error}")), JSON),
            None => (500, whole("mock: started without --replay-dir".to_owned()), JSON),
        }
    }

    fn echo(&self) -> String {
        let (path, query) = (self.head.path(), self.head.query());
        serde_json::json!({
            "body_length": self.body.length,
            "body_sha256": self.body.sha256,
            "headers": self.head.headers,
            "method": self.head.method,
            "path": path,
            "query": query,
        })
        .to_string()
    }
}

fn whole(text: String) -> Content {
    Content::Whole(text.into_bytes())
}

const EVENT_STREAM: &str = "text/event-stream; charset=utf-8";
const JSON: &str = "application/json";

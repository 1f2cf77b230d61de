//! How OpenAI and the many who speak like it tell usage (PROTOCOL 2.3 to 2.5): the last usage of a
//! Chat stream, wherever it stands; the one of a Responses stream's last event.
//! Never looks at content.

pub mod chat;
pub mod responses;
mod sheet;

//! What an answer says: status, headers, text, usage, errors, recorded streams.
//!
//! Never says how bytes are framed or when they are sent.

use super::value::{count, length, number, switch};

/// The content half of the knobs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Say {
    pub body_size: Option<usize>,
    pub cache_read_tokens: Option<u64>,
    pub content_type: Option<String>,
    /// Tells the checksum of what is sent: a header, or a comment at the end of a stream.
    pub digest: bool,
    pub echo: bool,
    pub encoding: Option<String>,
    pub error_body_size: Option<usize>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    pub error_type: Option<String>,
    /// An error event of this type instead of the rest of the stream, after so many content events.
    pub event_error: Option<(String, u32)>,
    pub event_size: Option<usize>,
    pub events: Option<u32>,
    /// Replaces a default header of the same name; a name may be repeated.
    pub headers: Vec<(String, String)>,
    pub input_tokens: Option<u64>,
    pub no_done: bool,
    pub no_headers: Vec<String>,
    pub no_usage: bool,
    pub output_tokens: Option<u64>,
    pub ping: Option<u32>,
    pub raw_body: Option<String>,
    pub replay: Option<String>,
    /// Content events carry the moment they were written.
    pub stamp: bool,
    pub status: Option<u16>,
    pub word: Option<String>,
}

impl Say {
    /// Sets `key` if it belongs here; `Ok(false)` when it does not.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let own = || Some(value.to_owned());
        match key {
            "body_size" => self.body_size = Some(length(value)?),
            "cache_read_tokens" => self.cache_read_tokens = Some(number(value)?),
            "content_type" => self.content_type = own(),
            "digest" => self.digest = switch(value)?,
            "echo" => self.echo = switch(value)?,
            "encoding" => self.encoding = own(),
            "error_body_size" => self.error_body_size = Some(length(value)?),
            "error_code" => self.error_code = own(),
            "error_message" => self.error_message = own(),
            "error_type" => self.error_type = own(),
            "event_error" => self.event_error = Some(event_error(value)?),
            "event_size" => self.event_size = Some(length(value)?),
            "events" => self.events = Some(count(value)?),
            "input_tokens" => self.input_tokens = Some(number(value)?),
            "no_done" => self.no_done = switch(value)?,
            "no_usage" => self.no_usage = switch(value)?,
            "output_tokens" => self.output_tokens = Some(number(value)?),
            "ping" => self.ping = Some(number(value)?),
            "raw_body" => self.raw_body = own(),
            "replay" => self.replay = Some(replay_name(value)?),
            "stamp" => self.stamp = switch(value)?,
            "status" => self.status = Some(status(value)?),
            "word" => self.word = own(),
            _ => return Ok(self.set_header(key, value)),
        }
        Ok(true)
    }

    fn set_header(&mut self, key: &str, value: &str) -> bool {
        if let Some(name) = key.strip_prefix("header.") {
            self.headers.push((name.to_owned(), value.to_owned()));
        } else if let Some(name) = key.strip_prefix("no_header.") {
            self.no_headers.push(name.to_owned());
        } else {
            return false;
        }
        true
    }
}

/// `TYPE` = in place of all content; `TYPE@3` = after three content events.
fn event_error(text: &str) -> Result<(String, u32), String> {
    match text.split_once('@') {
        Some((kind, after)) => Ok((kind.to_owned(), number(after)?)),
        None => Ok((text.to_owned(), 0)),
    }
}

/// A replay file lies below `--replay-dir`, so its name must not climb out of it.
fn replay_name(text: &str) -> Result<String, String> {
    let climbs = text.split('/').any(|part| matches!(part, "" | "." | ".."));
    if climbs { Err(format!("`{text}` leaves the replay directory")) } else { Ok(text.to_owned()) }
}

fn status(text: &str) -> Result<u16, String> {
    match number(text)? {
        status @ 100..=999 => Ok(status),
        status => Err(format!("{status} is not a status of three digits")),
    }
}

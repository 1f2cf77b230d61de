//! How an answer travels: framing, head form, pace.
//!
//! Never breaks the protocol by itself, except where a test asks for a false head on purpose.

use std::time::Duration;

use super::value::{count, duration, length, number, switch};

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Content-Length and Transfer-Encoding at once, which no honest server sends.
    Both,
    Chunked,
    Close,
    Length,
}

/// The transport half of the knobs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wire {
    pub body_delay: Option<Duration>,
    pub byte_delay: Option<Duration>,
    /// Bytes per write.
    pub chunk: Option<usize>,
    pub chunk_ext: Option<String>,
    /// Payload bytes per chunk of the chunked coding.
    pub chunk_size: Option<usize>,
    pub close: bool,
    pub double_chunked: bool,
    pub early_response: bool,
    pub first_byte_delay: Option<Duration>,
    pub framing: Option<Framing>,
    pub head_size: Option<usize>,
    pub header_count: Option<u32>,
    pub http10: bool,
    /// Events (or writes, with `chunk`) per second.
    pub rate: Option<f64>,
    /// Bytes per second taken from the request body; 0 = none at all.
    pub slow_read: Option<u64>,
    pub split_head: bool,
    pub te: Option<String>,
    pub trailers: bool,
}

impl Wire {
    /// Sets `key` if it belongs here; `Ok(false)` when it does not.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        match key {
            "body_delay" => self.body_delay = Some(duration(value)?),
            "byte_delay" => self.byte_delay = Some(duration(value)?),
            "chunk" => self.chunk = Some(positive(value)?),
            "chunk_ext" => self.chunk_ext = Some(value.to_owned()),
            "chunk_size" => self.chunk_size = Some(positive(value)?),
            "close" => self.close = switch(value)?,
            "double_chunked" => self.double_chunked = switch(value)?,
            "early_response" => self.early_response = switch(value)?,
            "first_byte_delay" => self.first_byte_delay = Some(duration(value)?),
            "framing" => self.framing = Some(framing(value)?),
            "head_size" => self.head_size = Some(length(value)?),
            "header_count" => self.header_count = Some(count(value)?),
            "http10" => self.http10 = switch(value)?,
            "rate" => self.rate = Some(rate(value)?),
            "slow_read" => self.slow_read = Some(number(value)?),
            "split_head" => self.split_head = switch(value)?,
            "te" => self.te = Some(value.to_owned()),
            "te_gzip" => self.te = switch(value)?.then(|| "gzip, chunked".to_owned()),
            "trailers" => self.trailers = switch(value)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Whether each piece must be its own write; if not, small pieces may share one.
    pub fn is_paced(&self) -> bool {
        self.rate.is_some() || self.chunk.is_some() || self.byte_delay.is_some()
    }
}

fn positive(text: &str) -> Result<usize, String> {
    match length(text)? {
        0 => Err("must be at least 1".to_owned()),
        size => Ok(size),
    }
}

fn rate(text: &str) -> Result<f64, String> {
    match number::<f64>(text)? {
        rate if rate.is_finite() && rate > 0.0 => Ok(rate),
        rate => Err(format!("{rate} is not a rate above 0")),
    }
}

fn framing(text: &str) -> Result<Framing, String> {
    match text {
        "both" => Ok(Framing::Both),
        "chunked" => Ok(Framing::Chunked),
        "close" => Ok(Framing::Close),
        "length" => Ok(Framing::Length),
        _ => Err(format!("`{text}` is none of length, chunked, close, both")),
    }
}

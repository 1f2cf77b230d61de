//! What breaks: cuts, resets, stalls and lies about framing.
//!
//! Never active by default.

use std::time::Duration;

use super::value::{Point, count, duration, length, number, point, size, switch};

/// The misbehaviour half of the knobs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fault {
    /// The size line to send in place of the second one.
    pub bad_chunk_size: Option<String>,
    pub close_after: Option<Duration>,
    /// One bit of this payload byte is flipped, after the digest was taken.
    pub corrupt: Option<u64>,
    pub cut_after: Option<Point>,
    pub cut_before_head: bool,
    /// FIN inside the n-th chunk-size line.
    pub cut_chunk_line: Option<u32>,
    pub cut_in_head: Option<usize>,
    pub cut_in_request: Option<u64>,
    pub extra_bytes: Option<usize>,
    pub extra_delay: Option<Duration>,
    pub extra_response: bool,
    pub garbage: Option<usize>,
    pub head_stall: bool,
    /// Goes on sending after the peer's FIN.
    pub ignore_leave: bool,
    /// Content-Length says so many bytes more than are sent.
    pub long_length: Option<u64>,
    pub missing_last_chunk: bool,
    pub no_close_notify: bool,
    pub rst_after: Option<Point>,
    pub rst_before_head: bool,
    pub rst_in_head: Option<usize>,
    pub rst_in_request: Option<u64>,
    /// Content-Length says so many bytes less than are sent.
    pub short_length: Option<u64>,
    pub stall_after: Option<Point>,
    pub stall_in_head: Option<usize>,
    pub status_101: bool,
    pub storm_1xx: Option<u32>,
}

impl Fault {
    /// Sets `key` if it belongs here; `Ok(false)` when it does not.
    pub(super) fn set(&mut self, key: &str, value: &str) -> Result<bool, String> {
        let or = |default: &'static str| if value.is_empty() { default } else { value };
        match key {
            "bad_chunk_size" => self.bad_chunk_size = Some(or("zz").to_owned()),
            "close_after" => self.close_after = Some(duration(value)?),
            "corrupt" => self.corrupt = Some(size(or("0"))?),
            "cut_after" => self.cut_after = Some(point(value)?),
            "cut_before_head" => self.cut_before_head = switch(value)?,
            "cut_chunk_line" => self.cut_chunk_line = Some(number(or("2"))?),
            "cut_in_head" => self.cut_in_head = Some(length(value)?),
            "cut_in_request" => self.cut_in_request = Some(size(value)?),
            "extra_bytes" => self.extra_bytes = Some(length(or("16"))?),
            "extra_delay" => self.extra_delay = Some(duration(value)?),
            "extra_response" => self.extra_response = switch(value)?,
            "garbage" => self.garbage = Some(length(or("512"))?),
            "head_stall" => self.head_stall = switch(value)?,
            "ignore_leave" => self.ignore_leave = switch(value)?,
            "long_length" => self.long_length = Some(size(or("10"))?),
            "missing_last_chunk" => self.missing_last_chunk = switch(value)?,
            "no_close_notify" => self.no_close_notify = switch(value)?,
            "rst_after" => self.rst_after = Some(point(value)?),
            "rst_before_head" => self.rst_before_head = switch(value)?,
            "rst_in_head" => self.rst_in_head = Some(length(value)?),
            "rst_in_request" => self.rst_in_request = Some(size(value)?),
            "short_length" => self.short_length = Some(size(or("10"))?),
            "stall_after" => self.stall_after = Some(point(value)?),
            "stall_in_head" => self.stall_in_head = Some(length(value)?),
            "status_101" => self.status_101 = switch(value)?,
            "storm_1xx" => self.storm_1xx = Some(count(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

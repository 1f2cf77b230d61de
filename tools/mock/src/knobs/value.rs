//! Reads the values of knobs: durations, sizes, switches and points in a body.
//!
//! Never guesses: a value it cannot read is an error that names it.

use std::time::Duration;

/// The longest wait a knob can ask for.
pub const DAY: Duration = Duration::from_secs(86_400);

/// A place in a body, counted in payload bytes, in content events, or the end before its
/// terminator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Point {
    Bytes(u64),
    End,
    Events(u32),
}

/// `50ms`, `1.5s`, `200us`, `2m`; `0` needs no unit. At most a day.
pub fn duration(text: &str) -> Result<Duration, String> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let split = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let unit_seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err(format!("`{text}` is not a duration such as 50ms, 1.5s or 2m")),
    };
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is not a duration"))?;
    let duration = Duration::try_from_secs_f64(number * unit_seconds).unwrap_or(Duration::MAX);
    if duration <= DAY { Ok(duration) } else { Err(format!("`{text}` is more than a day")) }
}

/// `10`, `64KiB` (or `64k`), `2MiB` (or `2m`), `1GiB`.
pub fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let shift = match unit {
        "" => 0,
        "k" | "K" | "KiB" => 10,
        "m" | "M" | "MiB" => 20,
        "g" | "G" | "GiB" => 30,
        _ => return Err(format!("`{text}` is not a size such as 10, 64KiB or 2MiB")),
    };
    let number: u64 = number.parse().map_err(|_| format!("`{text}` is not a size"))?;
    number.checked_mul(1 << shift).ok_or_else(|| format!("`{text}` is too large"))
}

/// A size that the mock holds in memory: at most 1 GiB.
pub fn length(text: &str) -> Result<usize, String> {
    let size = usize::try_from(size(text)?).unwrap_or(usize::MAX);
    if size <= 1 << 30 { Ok(size) } else { Err(format!("`{text}` is more than 1 GiB")) }
}

/// A number of things that are made: at most 10 million.
pub fn count(text: &str) -> Result<u32, String> {
    match number(text)? {
        count @ 0..=10_000_000 => Ok(count),
        count => Err(format!("{count} is more than 10 million")),
    }
}

/// Any number; the type bounds it.
pub fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number in range"))
}

/// A knob without value is on; `off`, `no`, `false` and `0` switch it off.
pub fn switch(text: &str) -> Result<bool, String> {
    match text {
        "" | "on" | "yes" | "true" | "1" => Ok(true),
        "off" | "no" | "false" | "0" => Ok(false),
        _ => Err(format!("`{text}` is neither on nor off")),
    }
}

/// `120` = after 120 payload bytes, `3e` = after 3 content events, `end` = before the terminator.
pub fn point(text: &str) -> Result<Point, String> {
    if text == "end" {
        return Ok(Point::End);
    }
    match text.strip_suffix('e') {
        Some(events) => number(events).map(Point::Events),
        None => size(text).map(Point::Bytes),
    }
}

//! A usage object as Anthropic writes it, line by line, and how a later one overlays it.
//! Never adds anything up.

use crate::protocol::json::reader::{Value, Want, wanted};
use crate::protocol::usage::figures::{Count, Figures};
use crate::protocol::usage::{Observed, word};

/// A usage object as written, with what it leaves open.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sheet {
    figures: Figures,
    has_cache_creation: bool,
    has_output_details: bool,
    has_server_tool_use: bool,
    has_service_tier: bool,
    /// Was an object when it ended.
    is_object: bool,
}

/// A line of a usage object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Line {
    /// `cache_creation`.
    CacheCreation,
    /// `cache_read_input_tokens`.
    CacheRead,
    /// `cache_creation_input_tokens`.
    CacheWrite,
    /// `cache_creation.ephemeral_1h_input_tokens`.
    CacheWrite1h,
    /// `cache_creation.ephemeral_5m_input_tokens`.
    CacheWrite5m,
    /// `input_tokens`.
    Input,
    /// `output_tokens`.
    Output,
    /// `output_tokens_details`.
    OutputDetails,
    /// `output_tokens_details.thinking_tokens`.
    Reasoning,
    /// `server_tool_use`.
    ServerToolUse,
    /// `service_tier`.
    ServiceTier,
    /// `server_tool_use.web_fetch_requests`.
    WebFetch,
    /// `server_tool_use.web_search_requests`.
    WebSearch,
    /// The object.
    Whole,
}

/// Each line that is present and not null replaces the one before; 0 is a value.
pub fn overlay(seen: &mut Observed, sheet: Option<&Sheet>) {
    let Some(sheet) = sheet.filter(|sheet| sheet.is_object) else { return };
    let (new, old) = (sheet.figures, seen.figures.unwrap_or_default());
    let mut figures = Figures {
        cache_read: new.cache_read.or(old.cache_read),
        cache_write: new.cache_write.or(old.cache_write),
        input: new.input.or(old.input),
        output: new.output.or(old.output),
        ..old
    };
    if sheet.has_cache_creation {
        figures.cache_write_1h = new.cache_write_1h;
        figures.cache_write_5m = new.cache_write_5m;
    }
    if sheet.has_output_details {
        figures.reasoning = new.reasoning;
    }
    if sheet.has_server_tool_use {
        figures.web_fetch = new.web_fetch;
        figures.web_search = new.web_search;
    }
    if sheet.has_service_tier {
        figures.service_tier = new.service_tier;
        seen.service_tier = new.service_tier;
    }
    seen.figures = Some(figures);
}

/// What is wanted of a member of a usage object.
pub fn member(line: Line, key: &[u8]) -> Want<Line> {
    match line {
        Line::CacheCreation => wanted!(key, {
            b"ephemeral_1h_input_tokens" => Want::Take(Line::CacheWrite1h),
            b"ephemeral_5m_input_tokens" => Want::Take(Line::CacheWrite5m),
        }),
        Line::OutputDetails => wanted!(key, {
            b"thinking_tokens" => Want::Take(Line::Reasoning),
        }),
        Line::ServerToolUse => wanted!(key, {
            b"web_fetch_requests" => Want::Take(Line::WebFetch),
            b"web_search_requests" => Want::Take(Line::WebSearch),
        }),
        Line::Whole => wanted!(key, {
            b"cache_creation" => Want::Enter(Line::CacheCreation),
            b"cache_creation_input_tokens" => Want::Take(Line::CacheWrite),
            b"cache_read_input_tokens" => Want::Take(Line::CacheRead),
            b"input_tokens" => Want::Take(Line::Input),
            b"output_tokens" => Want::Take(Line::Output),
            b"output_tokens_details" => Want::Enter(Line::OutputDetails),
            b"server_tool_use" => Want::Enter(Line::ServerToolUse),
            b"service_tier" => Want::Take(Line::ServiceTier),
        }),
        _ => Want::Skip,
    }
}

/// Notes a line.
pub fn note(sheet: &mut Option<Sheet>, line: Line, value: Value<'_>) {
    let Some(open) = sheet else { return begin(sheet, line, value) };
    match open.count(line) {
        Some(count) => *count = Count::of(value),
        None => note_other(sheet, line, value),
    }
}

#[inline(never)]
fn begin(sheet: &mut Option<Sheet>, line: Line, value: Value<'_>) {
    if line == Line::Whole && value != Value::Closed {
        *sheet = Some(Sheet { is_object: value == Value::OpenedObject, ..Sheet::default() });
    }
}

impl Sheet {
    fn count(&mut self, line: Line) -> Option<&mut Count> {
        let figures = &mut self.figures;
        Some(match line {
            Line::CacheRead => &mut figures.cache_read,
            Line::CacheWrite => &mut figures.cache_write,
            Line::CacheWrite1h => &mut figures.cache_write_1h,
            Line::CacheWrite5m => &mut figures.cache_write_5m,
            Line::Input => &mut figures.input,
            Line::Output => &mut figures.output,
            Line::Reasoning => &mut figures.reasoning,
            Line::WebFetch => &mut figures.web_fetch,
            Line::WebSearch => &mut figures.web_search,
            _ => return None,
        })
    }
}

/// Notes a line that is no count.
#[inline(never)]
fn note_other(whole: &mut Option<Sheet>, line: Line, value: Value<'_>) {
    let Some(sheet) = whole else { return };
    let figures = &mut sheet.figures;
    let is_given = value != Value::Null;
    match line {
        Line::ServiceTier => {
            sheet.has_service_tier = is_given;
            figures.service_tier = word(value);
        }
        _ if value == Value::Closed => {}
        Line::CacheCreation => {
            sheet.has_cache_creation = is_given;
            (figures.cache_write_1h, figures.cache_write_5m) = (Count::Absent, Count::Absent);
        }
        Line::OutputDetails => {
            sheet.has_output_details = is_given;
            figures.reasoning = Count::Absent;
        }
        Line::ServerToolUse => {
            sheet.has_server_tool_use = is_given;
            (figures.web_fetch, figures.web_search) = (Count::Absent, Count::Absent);
        }
        _ => begin(whole, line, value),
    }
}

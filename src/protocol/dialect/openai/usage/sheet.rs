//! A usage object as OpenAI's dialects write it, line by line, vendor spellings included.
//! Never adds anything up.

use crate::protocol::json::number;
use crate::protocol::json::reader::{Value, Want};
use crate::protocol::usage::figures::{Count, Figures};

/// A usage object as written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sheet {
    /// xAI: `input_token_details.audio_tokens`.
    audio_input_alike: Count,
    /// Moonshot: `cached_tokens` beside the others.
    cached: Count,
    /// Of `DeepSeek`: `prompt_cache_hit_tokens`.
    cache_hit: Count,
    figures: Figures,
    /// Was an object when it ended.
    is_object: bool,
}

/// A line of a usage object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Line {
    /// Part of the input.
    AudioInput,
    /// The same, by another name.
    AudioInputAlike,
    /// Part of the output.
    AudioOutput,
    /// `cached_tokens` beside the others.
    Cached,
    /// `prompt_cache_hit_tokens`.
    CacheHit,
    /// `cached_tokens` of the input's details.
    CacheRead,
    /// `cache_write_tokens` of the input's details.
    CacheWrite,
    /// `cost`.
    Cost,
    /// `prompt_tokens` or `input_tokens`.
    Input,
    /// `prompt_tokens_details` or `input_tokens_details`.
    InputDetails,
    /// `input_token_details`.
    InputDetailsAlike,
    /// `completion_tokens` or `output_tokens`.
    Output,
    /// `completion_tokens_details` or `output_tokens_details`.
    OutputDetails,
    /// `reasoning_tokens` of the output's details.
    Reasoning,
    /// `total_tokens`.
    Total,
    /// The object.
    Whole,
}

impl Sheet {
    /// The figures, if this was a usage object.
    pub fn figures(sheet: Option<&Self>) -> Option<Figures> {
        let sheet = sheet.filter(|sheet| sheet.is_object)?;
        let figures = sheet.figures;
        Some(Figures {
            audio_input: figures.audio_input.or(sheet.audio_input_alike),
            cache_read: figures.cache_read.or(sheet.cache_hit).or(sheet.cached),
            ..figures
        })
    }

    /// Notes a line. Of repeated members the last counts, so each object begins anew.
    pub fn note(sheet: &mut Option<Self>, line: Line, value: Value<'_>) {
        if line == Line::Whole && value != Value::Closed {
            let is_object = value == Value::OpenedObject;
            *sheet = Some(Self { is_object, ..Self::default() });
        }
        let Some(sheet) = sheet else { return };
        let figures = &mut sheet.figures;
        match line {
            Line::AudioInput => figures.audio_input = Count::of(value),
            Line::AudioInputAlike => sheet.audio_input_alike = Count::of(value),
            Line::AudioOutput => figures.audio_output = Count::of(value),
            Line::Cached => sheet.cached = Count::of(value),
            Line::CacheHit => sheet.cache_hit = Count::of(value),
            Line::CacheRead => figures.cache_read = Count::of(value),
            Line::CacheWrite => figures.cache_write = Count::of(value),
            Line::Cost => figures.cost = cost(value),
            Line::Input => figures.input = Count::of(value),
            Line::Output => figures.output = Count::of(value),
            Line::Reasoning => figures.reasoning = Count::of(value),
            Line::Total => figures.total = Count::of(value),
            _ if value == Value::Closed => {}
            Line::InputDetails => {
                (figures.cache_read, figures.cache_write) = (Count::Absent, Count::Absent);
                figures.audio_input = Count::Absent;
            }
            Line::InputDetailsAlike => sheet.audio_input_alike = Count::Absent,
            Line::OutputDetails => {
                (figures.reasoning, figures.audio_output) = (Count::Absent, Count::Absent);
            }
            Line::Whole => {}
        }
    }
}

/// What is wanted of a member of a Chat usage object.
pub fn chat_member(line: Line, key: &[u8]) -> Want<Line> {
    match (line, key) {
        (Line::Whole, b"cached_tokens") => Want::Take(Line::Cached),
        (Line::Whole, b"completion_tokens") => Want::Take(Line::Output),
        (Line::Whole, b"completion_tokens_details") => Want::Enter(Line::OutputDetails),
        (Line::Whole, b"prompt_cache_hit_tokens") => Want::Take(Line::CacheHit),
        (Line::Whole, b"prompt_tokens") => Want::Take(Line::Input),
        (Line::Whole, b"prompt_tokens_details") => Want::Enter(Line::InputDetails),
        (Line::OutputDetails, b"audio_tokens") => Want::Take(Line::AudioOutput),
        _ => common_member(line, key),
    }
}

/// What is wanted of a member of a Responses usage object.
pub fn responses_member(line: Line, key: &[u8]) -> Want<Line> {
    match (line, key) {
        (Line::Whole, b"input_token_details") => Want::Enter(Line::InputDetailsAlike),
        (Line::Whole, b"input_tokens") => Want::Take(Line::Input),
        (Line::Whole, b"input_tokens_details") => Want::Enter(Line::InputDetails),
        (Line::Whole, b"output_tokens") => Want::Take(Line::Output),
        (Line::Whole, b"output_tokens_details") => Want::Enter(Line::OutputDetails),
        (Line::InputDetailsAlike, b"audio_tokens") => Want::Take(Line::AudioInputAlike),
        _ => common_member(line, key),
    }
}

fn common_member(line: Line, key: &[u8]) -> Want<Line> {
    match (line, key) {
        (Line::InputDetails, b"audio_tokens") => Want::Take(Line::AudioInput),
        (Line::InputDetails, b"cache_write_tokens") => Want::Take(Line::CacheWrite),
        (Line::InputDetails, b"cached_tokens") => Want::Take(Line::CacheRead),
        (Line::OutputDetails, b"reasoning_tokens") => Want::Take(Line::Reasoning),
        (Line::Whole, b"cost") => Want::Take(Line::Cost),
        (Line::Whole, b"total_tokens") => Want::Take(Line::Total),
        _ => Want::Skip,
    }
}

fn cost(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Number(text) => number::fraction(text),
        _ => None,
    }
}

//! A usage object as OpenAI's dialects write it, line by line, vendor spellings included.
//! Never adds anything up.

use crate::protocol::json::number;
use crate::protocol::json::reader::{Value, Want, wanted};
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
        let Some(open) = sheet else { return Self::begin(sheet, line, value) };
        match open.count(line) {
            Some(count) => *count = Count::of(value),
            None => Self::note_other(sheet, line, value),
        }
    }

    fn count(&mut self, line: Line) -> Option<&mut Count> {
        let figures = &mut self.figures;
        Some(match line {
            Line::AudioInput => &mut figures.audio_input,
            Line::AudioInputAlike => &mut self.audio_input_alike,
            Line::AudioOutput => &mut figures.audio_output,
            Line::Cached => &mut self.cached,
            Line::CacheHit => &mut self.cache_hit,
            Line::CacheRead => &mut figures.cache_read,
            Line::CacheWrite => &mut figures.cache_write,
            Line::Input => &mut figures.input,
            Line::Output => &mut figures.output,
            Line::Reasoning => &mut figures.reasoning,
            Line::Total => &mut figures.total,
            _ => return None,
        })
    }

    #[inline(never)]
    fn begin(sheet: &mut Option<Self>, line: Line, value: Value<'_>) {
        if line == Line::Whole && value != Value::Closed {
            let is_object = value == Value::OpenedObject;
            *sheet = Some(Self { is_object, ..Self::default() });
        }
    }

    /// Notes a line that is no count.
    #[inline(never)]
    fn note_other(sheet: &mut Option<Self>, line: Line, value: Value<'_>) {
        let Some(open) = sheet else { return };
        let figures = &mut open.figures;
        match line {
            Line::Cost => figures.cost = cost(value),
            _ if value == Value::Closed => {}
            Line::InputDetails => {
                (figures.cache_read, figures.cache_write) = (Count::Absent, Count::Absent);
                figures.audio_input = Count::Absent;
            }
            Line::InputDetailsAlike => open.audio_input_alike = Count::Absent,
            Line::OutputDetails => {
                (figures.reasoning, figures.audio_output) = (Count::Absent, Count::Absent);
            }
            _ => Self::begin(sheet, line, value),
        }
    }
}

/// What is wanted of a member of a Chat usage object.
pub fn chat_member(line: Line, key: &[u8]) -> Want<Line> {
    match line {
        Line::InputDetails => input_detail(key),
        Line::OutputDetails => wanted!(key, {
            b"audio_tokens" => Want::Take(Line::AudioOutput),
            b"reasoning_tokens" => Want::Take(Line::Reasoning),
        }),
        Line::Whole => wanted!(key, {
            b"cached_tokens" => Want::Take(Line::Cached),
            b"completion_tokens" => Want::Take(Line::Output),
            b"completion_tokens_details" => Want::Enter(Line::OutputDetails),
            b"cost" => Want::Take(Line::Cost),
            b"prompt_cache_hit_tokens" => Want::Take(Line::CacheHit),
            b"prompt_tokens" => Want::Take(Line::Input),
            b"prompt_tokens_details" => Want::Enter(Line::InputDetails),
            b"total_tokens" => Want::Take(Line::Total),
        }),
        _ => Want::Skip,
    }
}

/// What is wanted of a member of a Responses usage object.
pub fn responses_member(line: Line, key: &[u8]) -> Want<Line> {
    match line {
        Line::InputDetails => input_detail(key),
        Line::InputDetailsAlike => wanted!(key, {
            b"audio_tokens" => Want::Take(Line::AudioInputAlike),
        }),
        Line::OutputDetails => wanted!(key, {
            b"reasoning_tokens" => Want::Take(Line::Reasoning),
        }),
        Line::Whole => wanted!(key, {
            b"cost" => Want::Take(Line::Cost),
            b"input_token_details" => Want::Enter(Line::InputDetailsAlike),
            b"input_tokens" => Want::Take(Line::Input),
            b"input_tokens_details" => Want::Enter(Line::InputDetails),
            b"output_tokens" => Want::Take(Line::Output),
            b"output_tokens_details" => Want::Enter(Line::OutputDetails),
            b"total_tokens" => Want::Take(Line::Total),
        }),
        _ => Want::Skip,
    }
}

fn input_detail(key: &[u8]) -> Want<Line> {
    wanted!(key, {
        b"audio_tokens" => Want::Take(Line::AudioInput),
        b"cache_write_tokens" => Want::Take(Line::CacheWrite),
        b"cached_tokens" => Want::Take(Line::CacheRead),
    })
}

fn cost(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Number(text) => number::fraction(text),
        _ => None,
    }
}

//! Figures of one usage object as its provider wrote them, and what they mean.
//! Never guesses: a figure that is no count is unknown, not wrong.

use crate::protocol::json::number;
use crate::protocol::json::reader::Value;
use crate::protocol::json::text::Text;

/// One figure.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Count {
    /// Not written, or `null`.
    #[default]
    Absent,
    /// A whole number that fits.
    Known(u64),
    /// Something else: a fraction, a negative, more than `u64::MAX`, no number at all.
    Unknown,
}

impl Count {
    /// The figure that `value` is.
    pub fn of(value: Value<'_>) -> Self {
        match value {
            Value::Null => Self::Absent,
            Value::Number(digits) => number::integer(digits).map_or(Self::Unknown, Self::Known),
            _ => Self::Unknown,
        }
    }

    /// The count, if it is known.
    pub const fn known(self) -> Option<u64> {
        match self {
            Self::Known(count) => Some(count),
            Self::Absent | Self::Unknown => None,
        }
    }

    /// This figure, or `other` where this is absent.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        if matches!(self, Self::Absent) { other } else { self }
    }
}

/// The figures of a usage object. The names are the gateway's, the meaning is the provider's:
/// OpenAI's `input` includes what was read from a cache, Anthropic's does not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Figures {
    /// Part of `input`.
    pub audio_input: Count,
    /// Part of `output`.
    pub audio_output: Count,
    /// Read from a prompt cache.
    pub cache_read: Count,
    /// Written to a prompt cache, for any lifetime.
    pub cache_write: Count,
    /// Written for one hour; part of `cache_write`.
    pub cache_write_1h: Count,
    /// Written for five minutes; part of `cache_write`.
    pub cache_write_5m: Count,
    /// What the provider says it charges, in its currency.
    pub cost: Option<f64>,
    /// Tokens of the prompt.
    pub input: Count,
    /// Tokens of the answer.
    pub output: Count,
    /// Part of `output` with most providers.
    pub reasoning: Count,
    /// `service_tier`, where the usage object has it.
    pub service_tier: Option<Text<32>>,
    /// `total_tokens`.
    pub total: Count,
    /// Pages fetched by the provider's tool.
    pub web_fetch: Count,
    /// Searches made by the provider's tool.
    pub web_search: Count,
}

/// Token counts that add up: no token is in two of them, but for `reasoning`, which is part of
/// `output`. `None` is unknown.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Prompt tokens read from a cache.
    pub cache_read: Option<u64>,
    /// Prompt tokens written to a cache for a lifetime that was not told.
    pub cache_write: Option<u64>,
    /// Prompt tokens written to a cache for one hour.
    pub cache_write_1h: Option<u64>,
    /// Prompt tokens written to a cache for five minutes.
    pub cache_write_5m: Option<u64>,
    /// Prompt tokens that no cache served or kept.
    pub input: Option<u64>,
    /// Tokens of the answer, reasoning included.
    pub output: Option<u64>,
    /// Of `output`, the tokens of reasoning.
    pub reasoning: Option<u64>,
}

impl Usage {
    /// From figures whose `input` excludes the cache (Anthropic, PROTOCOL 1.5).
    pub fn beside_cache(figures: &Figures) -> Self {
        let (short, long) = (figures.cache_write_5m.known(), figures.cache_write_1h.known());
        let told = short.unwrap_or(0).checked_add(long.unwrap_or(0));
        let rest = told.and_then(|told| figures.cache_write.known()?.checked_sub(told));
        Self {
            cache_read: figures.cache_read.known(),
            cache_write: rest,
            cache_write_1h: long,
            cache_write_5m: short,
            input: figures.input.known(),
            output: figures.output.known(),
            reasoning: figures.reasoning.known(),
        }
    }

    /// From figures whose `input` includes the cache (OpenAI and its kind, PROTOCOL 2.3, 2.4).
    pub fn with_cache(figures: &Figures) -> Self {
        let (read, written) = (figures.cache_read, figures.cache_write);
        let input = match (read, written) {
            (Count::Unknown, _) | (_, Count::Unknown) => None,
            _ => figures.input.known().and_then(|input| {
                input
                    .checked_sub(read.known().unwrap_or(0))?
                    .checked_sub(written.known().unwrap_or(0))
            }),
        };
        Self {
            cache_read: read.known(),
            cache_write: written.known(),
            cache_write_1h: None,
            cache_write_5m: None,
            input,
            output: output_with_reasoning(figures),
            reasoning: figures.reasoning.known(),
        }
    }
}

/// xAI counts reasoning beside the answer: told by a total that needs it (PROTOCOL 2.5).
fn output_with_reasoning(figures: &Figures) -> Option<u64> {
    let output = figures.output.known()?;
    let whole = figures.reasoning.known().and_then(|reasoning| output.checked_add(reasoning));
    let needed = figures.total.known().zip(figures.input.known());
    let needed = needed.and_then(|(total, input)| total.checked_sub(input));
    if whole.is_some() && whole == needed { whole } else { Some(output) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_known_absent_or_unknown() {
        assert_eq!(Count::of(Value::Number(b"7")), Count::Known(7));
        assert_eq!(Count::of(Value::Null), Count::Absent);
        for odd in [Value::Number(b"1.5"), Value::Number(b""), Value::True, Value::String(b"7")] {
            assert_eq!(Count::of(odd), Count::Unknown, "{odd:?}");
        }
    }

    #[test]
    fn openai_input_loses_what_the_cache_served() {
        let figures = Figures {
            cache_read: Count::Known(30),
            cache_write: Count::Known(5),
            input: Count::Known(100),
            output: Count::Known(9),
            ..Figures::default()
        };
        let usage = Usage::with_cache(&figures);
        assert_eq!(
            (usage.input, usage.cache_read, usage.cache_write),
            (Some(65), Some(30), Some(5))
        );
        let impossible = Figures { input: Count::Known(3), ..figures };
        assert_eq!(Usage::with_cache(&impossible).input, None, "unknown rather than wrong");
    }

    #[test]
    fn anthropic_cache_writes_are_split_by_lifetime() {
        let figures = Figures {
            cache_write: Count::Known(10),
            cache_write_1h: Count::Known(4),
            cache_write_5m: Count::Known(6),
            input: Count::Known(1),
            ..Figures::default()
        };
        let usage = Usage::beside_cache(&figures);
        assert_eq!(usage.cache_write, Some(0));
        assert_eq!((usage.cache_write_1h, usage.cache_write_5m), (Some(4), Some(6)));
        let unsplit =
            Figures { cache_write_1h: Count::Absent, cache_write_5m: Count::Absent, ..figures };
        assert_eq!(Usage::beside_cache(&unsplit).cache_write, Some(10));
    }

    #[test]
    fn xai_reasoning_is_added_to_its_output() {
        let figures = Figures {
            input: Count::Known(506),
            output: Count::Known(12),
            reasoning: Count::Known(38),
            total: Count::Known(556),
            ..Figures::default()
        };
        assert_eq!(Usage::with_cache(&figures).output, Some(50));
        let usual = Figures { total: Count::Known(518), ..figures };
        assert_eq!(Usage::with_cache(&usual).output, Some(12));
    }
}

//! Typed readers of settings: each checks one and notes it as in force; an error is noted too, and
//! the default given, so that one load tells all errors. None knows which settings there are.

use bytesize::ByteSize;

use super::effective::SettingValue;
use super::error::ErrorKind;
use super::limits;
use super::report::Report;
use super::section::{Section, did_you_mean};
use super::setting::{
    Cap, Choice, Count, CountOr, Duration, DurationOr, Fraction, Size, Switch, Text, TextOr, Texts,
};
use super::snapshot::Millis;
use super::text::Place;
use super::tree::Value;

impl<'a> Section<'a> {
    /// A text; its form is for the caller to check.
    pub fn text(&self, text: &Text, report: &mut Report) -> Option<(&'a str, Place)> {
        let (value, place) = self.text_unnoted(text, report)?;
        self.note(text.key, SettingValue::Text(value.to_owned()), report);
        Some((value, place))
    }

    /// A text that the caller checks and then notes in a form of its own.
    pub fn text_unnoted(&self, text: &Text, report: &mut Report) -> Option<(&'a str, Place)> {
        let node = self.node(text.key)?;
        let Some(value) = scalar_text(&node.value) else {
            self.wrong_type(text.key, "a text", report);
            return None;
        };
        Some((value, node.place))
    }

    /// A text as written, or its default without a place; its form is for the caller to check.
    pub fn text_or(&self, text: &TextOr, report: &mut Report) -> (&'a str, Option<Place>) {
        let read = self.node(text.key).and_then(|node| {
            let value = scalar_text(&node.value);
            if value.is_none() {
                self.wrong_type(text.key, "a text", report);
            }
            value.map(|value| (value, Some(node.place)))
        });
        let (value, place) = read.unwrap_or((text.default, None));
        self.note(text.key, SettingValue::Text(value.to_owned()), report);
        (value, place)
    }

    /// A list of texts; `None` when it is absent, and its default is noted.
    pub fn texts(&self, list: &Texts, report: &mut Report) -> Option<Vec<(&'a str, Place)>> {
        let Some(node) = self.node(list.key) else {
            self.note(list.key, SettingValue::list(list.default.iter().copied()), report);
            return None;
        };
        let mut texts = Vec::new();
        match &node.value {
            Value::Bare(value) => texts = split(value, node.place),
            Value::List(nodes) => {
                for node in nodes {
                    if let Some(value) = scalar_text(&node.value) {
                        texts.push((value, node.place));
                    } else {
                        let message =
                            format!("must be a list of texts only, not {}", node.value.kind());
                        self.error(ErrorKind::WrongType, list.key, message, report).at(node.place);
                    }
                }
            }
            _ => {
                self.wrong_type(list.key, "a list of texts", report);
                return None;
            }
        }
        self.note(list.key, SettingValue::list(texts.iter().map(|(value, _)| *value)), report);
        Some(texts)
    }

    /// One of a few words; the first when absent.
    ///
    /// # Panics
    /// When the setting has no words, which no setting in `limits` has.
    pub fn choice<T: Copy>(&self, choice: &Choice<T>, report: &mut Report) -> T {
        let (word, default) = choice.words.first().expect("every choice in `limits` has words");
        if self.node(choice.key).is_none() {
            self.note(choice.key, SettingValue::Text((*word).to_owned()), report);
        }
        self.choice_made(choice, report).unwrap_or(*default)
    }

    /// One of a few words, without a default.
    pub fn choice_made<T: Copy>(&self, choice: &Choice<T>, report: &mut Report) -> Option<T> {
        let node = self.node(choice.key)?;
        let words = || choice.words.iter().map(|(word, _)| *word);
        let quoted: Vec<String> = words().map(|word| format!("\"{word}\"")).collect();
        let expected = format!("one of {}", quoted.join(", "));
        let Some(value) = scalar_text(&node.value) else {
            self.wrong_type(choice.key, &expected, report);
            return None;
        };
        let Some((word, made)) = choice.words.iter().find(|(word, _)| *word == value) else {
            let message = format!("must be {expected}");
            let error = self.error(ErrorKind::Invalid, choice.key, message, report);
            if let Some(near) = did_you_mean(value, words()) {
                error.help(format!("did you mean \"{near}\"?"));
            }
            return None;
        };
        self.note(choice.key, SettingValue::Text((*word).to_owned()), report);
        Some(*made)
    }

    pub fn count(&self, count: &Count, report: &mut Report) -> usize {
        let expected = format!("a number from {} to {}", count.min, count.max);
        let read = self.whole(count.key, count.min..=count.max, &expected, report);
        let value = read.unwrap_or(count.default);
        self.note(count.key, SettingValue::Number(value), report);
        value
    }

    /// A number without a default.
    pub fn cap(&self, cap: &Cap, report: &mut Report) -> Option<usize> {
        let expected = format!("a number from {} to {}", cap.min, cap.max);
        let read = self.whole(cap.key, cap.min..=cap.max, &expected, report)?;
        self.note(cap.key, SettingValue::Number(read), report);
        Some(read)
    }

    /// A number; `None` for the setting's word.
    pub fn count_or(&self, count: &CountOr, report: &mut Report) -> Option<usize> {
        let word = SettingValue::Text(count.word.to_owned());
        let is_word = |value: &Value| scalar_text(value) == Some(count.word);
        if self.node(count.key).is_none_or(|node| is_word(&node.value)) {
            self.note(count.key, word, report);
            return None;
        }
        let expected =
            format!("\"{}\" or a number from {} to {}", count.word, count.min, count.max);
        let read = self.whole(count.key, count.min..=count.max, &expected, report);
        self.note(count.key, read.map_or(word, SettingValue::Number), report);
        read
    }

    pub fn duration(&self, duration: &Duration, report: &mut Report) -> Millis {
        let (min, max) = (duration.min_ms, duration.max_ms);
        let read = self.span(duration.key, (min, max), "", report);
        let value = read.unwrap_or(Millis(duration.default_ms));
        self.note(duration.key, SettingValue::Text(span_text(value.0)), report);
        value
    }

    /// A span of time; `None` for the setting's word.
    pub fn duration_or(&self, duration: &DurationOr, report: &mut Report) -> Option<Millis> {
        let is_word = |value: &Value| scalar_text(value) == Some(duration.word);
        let value = match self.node(duration.key) {
            None => duration.default_ms.map(Millis),
            Some(node) if is_word(&node.value) => None,
            Some(_) => {
                let or = format!(", or \"{}\"", duration.word);
                self.span(duration.key, (duration.min_ms, duration.max_ms), &or, report)
            }
        };
        let shown = value.map_or_else(|| duration.word.to_owned(), |span| span_text(span.0));
        self.note(duration.key, SettingValue::Text(shown), report);
        value
    }

    /// A part of a whole, in thousandths.
    pub fn fraction(&self, fraction: &Fraction, report: &mut Report) -> u16 {
        let value = self.permille(fraction, report).unwrap_or(fraction.default_permille);
        self.note(fraction.key, SettingValue::Permille(value), report);
        value
    }

    pub fn switch(&self, switch: &Switch, report: &mut Report) -> bool {
        let read = match self.node(switch.key).map(|node| &node.value) {
            None => None,
            Some(Value::Boolean(value)) => Some(*value),
            Some(Value::Bare(text)) if matches!(text.as_str(), "true" | "false") => {
                Some(text.as_str() == "true")
            }
            Some(_) => {
                self.wrong_type(switch.key, "true or false", report);
                None
            }
        };
        let value = read.unwrap_or(switch.default);
        self.note(switch.key, SettingValue::Switch(value), report);
        value
    }

    /// A number of bytes.
    pub fn size(&self, size: &Size, report: &mut Report) -> u64 {
        let value = self.bytes(size, report).unwrap_or(size.default_bytes);
        self.note(size.key, SettingValue::Text(size_text(value)), report);
        value
    }

    fn whole(
        &self,
        key: &str,
        bounds: std::ops::RangeInclusive<usize>,
        expected: &str,
        report: &mut Report,
    ) -> Option<usize> {
        let number = match &self.node(key)?.value {
            Value::Integer(number) => usize::try_from(*number).ok(),
            Value::Bare(text) if text.parse::<i128>().is_ok() => text.parse().ok(),
            _ => {
                self.wrong_type(key, expected, report);
                return None;
            }
        };
        let number = number.filter(|number| bounds.contains(number));
        if number.is_none() {
            self.error(ErrorKind::Invalid, key, format!("must be {expected}"), report);
        }
        number
    }

    fn permille(&self, fraction: &Fraction, report: &mut Report) -> Option<u16> {
        const EXPECTED: &str = "a fraction from 0 to 1, with at most three decimals";
        let value = match &self.node(fraction.key)?.value {
            Value::Fraction(value) => *value,
            Value::Integer(0) => 0.0,
            Value::Integer(1) => 1.0,
            Value::Integer(_) => f64::NAN,
            Value::Bare(text) if text.parse::<f64>().is_ok() => text.parse().ok()?,
            _ => {
                self.wrong_type(fraction.key, EXPECTED, report);
                return None;
            }
        };
        // The nearest doubles to a thousandth are far nearer than this; NaN is near nothing.
        let is_near = |permille: &u16| (f64::from(*permille) / 1_000.0 - value).abs() < 1e-9;
        let permille = (0..=1_000).find(is_near);
        if permille.is_none() {
            let message = format!("must be {EXPECTED}");
            self.error(ErrorKind::Invalid, fraction.key, message, report);
        }
        permille
    }

    fn span(
        &self,
        key: &str,
        (min, max): (u64, u64),
        or: &str,
        report: &mut Report,
    ) -> Option<Millis> {
        let Some(text) = scalar_text(&self.node(key)?.value) else {
            let expected = format!("a time such as \"30s\"{or}");
            self.wrong_type(key, &expected, report);
            return None;
        };
        let Ok(span) = humantime::parse_duration(text) else {
            let message = format!("must be a time such as \"30s\" or \"5m\"{or}");
            self.error(ErrorKind::Invalid, key, message, report);
            return None;
        };
        let exact = span.subsec_nanos().is_multiple_of(1_000_000);
        let millis = u64::try_from(span.as_millis()).ok().filter(|_| exact);
        let millis = millis.filter(|millis| (min..=max).contains(millis));
        if millis.is_none() {
            let (min, max) = (span_text(min), span_text(max));
            let message = format!("must be from {min} to {max}, in whole milliseconds{or}");
            self.error(ErrorKind::Invalid, key, message, report);
        }
        millis.map(Millis)
    }

    fn bytes(&self, size: &Size, report: &mut Report) -> Option<u64> {
        let Some(text) = scalar_text(&self.node(size.key)?.value) else {
            self.wrong_type(size.key, "a size such as \"32MiB\"", report);
            return None;
        };
        let Ok(ByteSize(bytes)) = text.parse::<ByteSize>() else {
            let message = "must be a size such as \"64KiB\" or \"32MiB\"";
            self.error(ErrorKind::Invalid, size.key, message, report);
            return None;
        };
        if !(size.min_bytes..=size.max_bytes).contains(&bytes) {
            let (min, max) = (size_text(size.min_bytes), size_text(size.max_bytes));
            let message = format!("must be from {min} to {max}");
            self.error(ErrorKind::Invalid, size.key, message, report);
            return None;
        }
        Some(bytes)
    }
}

/// Comma separated texts with their places; empty ones are left out.
pub(super) fn split(list: &str, place: Place) -> Vec<(&str, Place)> {
    let mut parts = Vec::new();
    let mut at = 0;
    for part in list.split(',') {
        let text = part.trim();
        let lead = part.len() - part.trim_start().len();
        if !text.is_empty() {
            parts.push((text, place.part(at + lead, text.len())));
        }
        at += part.len() + 1;
    }
    parts
}

/// A span of time as a configuration would have it: `30s`.
pub(super) fn span_text(ms: u64) -> String {
    // Whole days as days: what a month and a year are is nobody's to say.
    if ms >= limits::DAY_MS && ms.is_multiple_of(limits::DAY_MS) {
        return format!("{}d", ms / limits::DAY_MS);
    }
    let span = std::time::Duration::from_millis(ms);
    humantime::format_duration(span).to_string().replace(' ', "")
}

/// A size as a configuration would have it: `32MiB`, and exact.
pub(super) fn size_text(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    let unit = units.into_iter().find(|(unit, _)| bytes >= *unit && bytes.is_multiple_of(*unit));
    unit.map_or_else(|| format!("{bytes}B"), |(unit, name)| format!("{}{name}", bytes / unit))
}

fn scalar_text(value: &Value) -> Option<&str> {
    match value {
        Value::Bare(text) | Value::Text(text) => Some(text),
        _ => None,
    }
}

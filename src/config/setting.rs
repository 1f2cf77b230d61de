//! The kinds of settings: what a key of a table may hold. Values live in `limits`, never here.

use super::effective::SettingValue;
use super::read::{size_text, span_text};

/// A table of the configuration: which keys it has, and which it must have.
#[derive(Debug)]
pub struct Shape {
    pub fields: &'static [Field],
    /// Exactly one of these must be there; empty: no such rule.
    pub one_of: &'static [&'static str],
    pub required: &'static [&'static str],
}

impl Shape {
    pub(super) const fn of(fields: &'static [Field]) -> Self {
        Self { fields, one_of: &[], required: &[] }
    }

    pub(super) const fn requires(mut self, keys: &'static [&'static str]) -> Self {
        self.required = keys;
        self
    }

    pub(super) const fn requires_one_of(mut self, keys: &'static [&'static str]) -> Self {
        self.one_of = keys;
        self
    }

    /// The field of this name.
    pub fn field(&self, key: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.key() == key)
    }
}

/// One key of a table.
#[derive(Clone, Copy, Debug)]
pub enum Field {
    Cap(&'static Cap),
    Choice(&'static (dyn Words + Sync)),
    Count(&'static Count),
    CountOr(&'static CountOr),
    Duration(&'static Duration),
    DurationOr(&'static DurationOr),
    /// In place of a setting of the same name in a wider table; without a default of its own.
    DurationOver(&'static Duration),
    Fraction(&'static Fraction),
    Map(&'static Map),
    Secret(&'static Text),
    Size(&'static Size),
    Switch(&'static Switch),
    Table(&'static str, &'static Shape),
    TableOr(&'static TableOr),
    Tables(&'static str, &'static Shape),
    Text(&'static Text),
    TextOr(&'static TextOr),
    /// A list of texts, or one text in place of a list of one.
    TextOrTexts(&'static Texts),
    Texts(&'static Texts),
    /// A list of texts, or of tables.
    TextsOrTables(&'static Texts, &'static Shape),
}

impl Field {
    pub fn key(&self) -> &'static str {
        match self {
            Self::Cap(cap) => cap.key,
            Self::Choice(choice) => choice.key(),
            Self::Count(count) => count.key,
            Self::CountOr(count) => count.key,
            Self::Duration(duration) | Self::DurationOver(duration) => duration.key,
            Self::DurationOr(duration) => duration.key,
            Self::Fraction(fraction) => fraction.key,
            Self::Table(key, _) | Self::Tables(key, _) => key,
            Self::Map(map) => map.key,
            Self::Secret(text) | Self::Text(text) => text.key,
            Self::Size(size) => size.key,
            Self::Switch(switch) => switch.key,
            Self::TableOr(table) => table.key,
            Self::TextOr(text) => text.key,
            Self::TextOrTexts(texts) | Self::Texts(texts) | Self::TextsOrTables(texts, _) => {
                texts.key
            }
        }
    }

    /// What stands when the setting is absent; `None` for what has no default of its own.
    pub fn default(&self) -> Option<SettingValue> {
        let text = |text: String| Some(SettingValue::Text(text));
        match self {
            Self::Choice(choice) => text((*choice.words().first()?).to_owned()),
            Self::Count(count) => Some(SettingValue::Number(count.default)),
            Self::CountOr(count) => text(count.word.to_owned()),
            Self::Duration(duration) => text(span_text(duration.default_ms)),
            Self::DurationOr(duration) => {
                text(duration.default_ms.map_or_else(|| duration.word.to_owned(), span_text))
            }
            Self::Fraction(fraction) => Some(SettingValue::Permille(fraction.default_permille)),
            Self::Size(size) => text(size_text(size.default_bytes)),
            Self::Switch(switch) => Some(SettingValue::Switch(switch.default)),
            Self::TableOr(table) if table.is_word => text(table.word.to_owned()),
            Self::TextOr(text_or) => text(text_or.default.to_owned()),
            Self::Texts(texts) => Some(SettingValue::list(texts.default.iter().copied())),
            Self::Cap(_)
            | Self::DurationOver(_)
            | Self::Map(_)
            | Self::Secret(_)
            | Self::Table(..)
            | Self::TableOr(_)
            | Self::Tables(..)
            | Self::Text(_)
            | Self::TextOrTexts(_)
            | Self::TextsOrTables(..) => None,
        }
    }

    /// One line on what the setting is for; `None` for tables.
    pub fn why(&self) -> Option<&'static str> {
        match self {
            Self::Cap(cap) => Some(cap.why),
            Self::Choice(choice) => Some(choice.why()),
            Self::Count(count) => Some(count.why),
            Self::CountOr(count) => Some(count.why),
            Self::Duration(duration) | Self::DurationOver(duration) => Some(duration.why),
            Self::DurationOr(duration) => Some(duration.why),
            Self::Fraction(fraction) => Some(fraction.why),
            Self::Table(..) | Self::Tables(..) => None,
            Self::Map(map) => Some(map.why),
            Self::Secret(text) | Self::Text(text) => Some(text.why),
            Self::Size(size) => Some(size.why),
            Self::Switch(switch) => Some(switch.why),
            Self::TableOr(table) => Some(table.why),
            Self::TextOr(text) => Some(text.why),
            Self::TextOrTexts(texts) | Self::Texts(texts) | Self::TextsOrTables(texts, _) => {
                Some(texts.why)
            }
        }
    }
}

/// A whole number that may be absent: then there is no cap, or another setting names it.
#[derive(Debug)]
pub struct Cap {
    pub key: &'static str,
    pub max: usize,
    pub min: usize,
    pub why: &'static str,
}

/// One word out of a few; the first is the default, unless the table requires one.
#[derive(Debug)]
pub struct Choice<T: 'static> {
    pub key: &'static str,
    pub why: &'static str,
    pub words: &'static [(&'static str, T)],
}

/// A `Choice` whatever its words stand for.
pub trait Words: std::fmt::Debug {
    fn key(&self) -> &'static str;
    fn why(&self) -> &'static str;
    fn words(&self) -> Vec<&'static str>;
}

impl<T: std::fmt::Debug> Words for Choice<T> {
    fn key(&self) -> &'static str {
        self.key
    }

    fn why(&self) -> &'static str {
        self.why
    }

    fn words(&self) -> Vec<&'static str> {
        self.words.iter().map(|(word, _)| *word).collect()
    }
}

/// A whole number.
#[derive(Debug)]
pub struct Count {
    pub default: usize,
    pub key: &'static str,
    pub max: usize,
    pub min: usize,
    pub why: &'static str,
}

/// A whole number or a word; the word is the default.
#[derive(Debug)]
pub struct CountOr {
    pub key: &'static str,
    pub max: usize,
    pub min: usize,
    pub why: &'static str,
    pub word: &'static str,
}

/// A span of time, never "off". Bounds inclusive.
#[derive(Debug)]
pub struct Duration {
    pub default_ms: u64,
    pub key: &'static str,
    pub max_ms: u64,
    pub min_ms: u64,
    pub why: &'static str,
}

/// A span of time or a word. Bounds inclusive.
#[derive(Debug)]
pub struct DurationOr {
    /// `None`: the word.
    pub default_ms: Option<u64>,
    pub key: &'static str,
    pub max_ms: u64,
    pub min_ms: u64,
    pub why: &'static str,
    pub word: &'static str,
}

/// A part of a whole: from 0 to 1, with three decimals.
#[derive(Debug)]
pub struct Fraction {
    pub default_permille: u16,
    pub key: &'static str,
    pub why: &'static str,
}

/// A table of texts by names that the operator chooses.
#[derive(Debug)]
pub struct Map {
    pub key: &'static str,
    pub why: &'static str,
}

/// A number of bytes. Bounds inclusive.
#[derive(Debug)]
pub struct Size {
    pub default_bytes: u64,
    pub key: &'static str,
    pub max_bytes: u64,
    pub min_bytes: u64,
    pub why: &'static str,
}

/// Yes or no.
#[derive(Debug)]
pub struct Switch {
    pub default: bool,
    pub key: &'static str,
    pub why: &'static str,
}

/// A table, or a word in its place.
#[derive(Debug)]
pub struct TableOr {
    /// The word is the default; else the table with its own defaults is.
    pub is_word: bool,
    pub key: &'static str,
    pub shape: &'static Shape,
    pub why: &'static str,
    pub word: &'static str,
}

/// A text whose form the reader of its table checks. Has no default.
#[derive(Debug)]
pub struct Text {
    pub example: &'static str,
    pub key: &'static str,
    /// A regular expression for the schema; the reader may be stricter. Empty: any text.
    pub pattern: &'static str,
    pub why: &'static str,
}

/// A text with a default; its form is for the reader of its table to check.
#[derive(Debug)]
pub struct TextOr {
    pub default: &'static str,
    pub key: &'static str,
    /// As of [`Text`].
    pub pattern: &'static str,
    pub why: &'static str,
}

/// A list of texts whose form the reader of its table checks.
#[derive(Debug)]
pub struct Texts {
    pub default: &'static [&'static str],
    pub key: &'static str,
    /// Fewest entries of a list that is there.
    pub min: usize,
    /// As of [`Text`], for each.
    pub pattern: &'static str,
    pub why: &'static str,
}

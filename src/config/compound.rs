//! Typed readers of settings that are more than one scalar: maps, lists of texts or tables, tables
//! or a word. As with those of `read`, an error is noted and the reading goes on.

use super::effective::SettingValue;
use super::error::ErrorKind;
use super::report::Report;
use super::section::Section;
use super::setting::{Duration, Map, Shape, TableOr, Texts};
use super::snapshot::Millis;
use super::text::Place;
use super::tree::{Node, Value};

/// One entry of a table of texts, with the places of its two sides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub from: (&'a str, Place),
    pub to: (&'a str, Place),
}

/// Entries of a list that may be of texts or of tables.
pub(super) enum Listed<'a> {
    Tables(Vec<Section<'a>>),
    Texts(Vec<(&'a str, Place)>),
}

impl<'a> Section<'a> {
    /// A table of texts, in the order it was written; empty when it is absent.
    pub fn map(&self, map: &Map, report: &mut Report) -> Vec<Pair<'a>> {
        let Some(node) = self.node(map.key) else { return Vec::new() };
        let Value::Table(table) = &node.value else {
            self.wrong_type(map.key, "a table of texts", report);
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for entry in &table.entries {
            let Value::Text(to) = &entry.node.value else {
                let message = format!("must hold texts only, not {}", entry.node.value.kind());
                let error = self.error(ErrorKind::WrongType, map.key, message, report);
                error.at(entry.node.place);
                continue;
            };
            let from = (entry.key.as_str(), entry.key_place);
            pairs.push(Pair { from, to: (to.as_str(), entry.node.place) });
        }
        let shown = pairs.iter().map(|pair| format!("{} = {}", pair.from.0, pair.to.0));
        self.note(map.key, SettingValue::List(shown.collect()), report);
        pairs
    }

    /// A list of texts, or one text; empty when it is absent or of another type.
    pub fn text_or_texts(&self, list: &Texts, report: &mut Report) -> Vec<(&'a str, Place)> {
        match self.node(list.key) {
            None => Vec::new(),
            Some(Node { place, value: Value::Text(text) }) => {
                self.note(list.key, SettingValue::list(std::iter::once(text.as_str())), report);
                vec![(text.as_str(), *place)]
            }
            Some(_) => self.texts(list, report).unwrap_or_default(),
        }
    }

    /// A list of texts, or of tables of `shape`; `None` when it is absent.
    pub fn texts_or_tables(
        &self,
        list: &Texts,
        shape: &Shape,
        report: &mut Report,
    ) -> Option<Listed<'a>> {
        let is_of_tables = match &self.node(list.key)?.value {
            Value::List(nodes) => {
                matches!(nodes.first().map(|node| &node.value), Some(Value::Table(_)))
            }
            _ => false,
        };
        if is_of_tables {
            return Some(Listed::Tables(self.tables(list.key, shape, report)));
        }
        self.texts(list, report).map(Listed::Texts)
    }

    /// The table of a setting; `None` for its word.
    pub fn table_or(&self, table: &TableOr, report: &mut Report) -> Option<Self> {
        let is_word = match self.node(table.key).map(|node| &node.value) {
            None => table.is_word,
            Some(Value::Text(text)) => text.as_str() == table.word,
            Some(Value::Table(_)) => false,
            Some(_) => {
                self.wrong_type(table.key, &format!("a table or \"{}\"", table.word), report);
                true
            }
        };
        if is_word {
            self.note(table.key, SettingValue::Text(table.word.to_owned()), report);
            return None;
        }
        if matches!(self.node(table.key), Some(Node { value: Value::Text(_), .. })) {
            let message = format!("must be a table or \"{}\"", table.word);
            self.error(ErrorKind::Invalid, table.key, message, report);
            return None;
        }
        Some(self.table(table.key, table.shape, report))
    }

    /// A span of time where it is written, else `wider`.
    pub fn duration_over(&self, duration: &Duration, wider: Millis, report: &mut Report) -> Millis {
        if self.node(duration.key).is_none() { wider } else { self.duration(duration, report) }
    }
}

//! The one door to TOML: a text becomes a tree with places, and all its syntax errors are told.
//!
//! Never gives an error that quotes the text.

use std::collections::BTreeSet;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use zeroize::Zeroizing;

use super::error::ErrorKind;
use super::report::Report;
use super::text::{Lines, Place};
use super::tree::{Entry, Node, Table, Value};

/// Parses one text. What lies on a line with a syntax error is left out of the tree, so that one
/// slip is told once.
pub(super) fn parse(content: &str, whole: Place, report: &mut Report) -> Table {
    let (root, errors) = DeTable::parse_recoverable(content);
    let lines = Lines::of(content);
    let mut broken = BTreeSet::new();
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        broken.insert(lines.line(span.start));
        report
            .error(ErrorKind::Syntax, "", error.message())
            .at(whole.part(span.start, span.end.saturating_sub(span.start)));
    }
    if !errors.is_empty() {
        report.broken_texts.push(whole.text);
    }
    Reading { broken, lines, whole }.table(root.into_inner())
}

struct Reading {
    /// Lines with a syntax error.
    broken: BTreeSet<usize>,
    lines: Lines,
    whole: Place,
}

impl Reading {
    fn table(&self, table: DeTable<'_>) -> Table {
        let mut entries = Vec::new();
        for (key, value) in table {
            if self.is_broken(&value.span()) || self.is_broken(&key.span()) {
                continue;
            }
            let key_place = self.place(&key.span());
            let key = key.into_inner().into_owned();
            entries.push(Entry { key, key_place, node: self.node(value) });
        }
        // The library orders by name; people read from top to bottom.
        entries.sort_by_key(|entry| entry.key_place);
        Table { entries }
    }

    fn node(&self, value: Spanned<DeValue<'_>>) -> Node {
        let place = self.place(&value.span());
        let value = match value.into_inner() {
            DeValue::Array(list) => Value::List(
                list.into_iter()
                    .filter(|node| !self.is_broken(&node.span()))
                    .map(|node| self.node(node))
                    .collect(),
            ),
            DeValue::Boolean(switch) => Value::Boolean(switch),
            DeValue::Datetime(_) => Value::Other("a date"),
            DeValue::Float(number) => {
                let read = number.as_str().parse();
                read.map_or(Value::Other("a number out of range"), Value::Fraction)
            }
            DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
                .map_or(Value::Other("a number out of range"), Value::Integer),
            DeValue::String(text) => Value::Text(Zeroizing::new(text.into_owned())),
            DeValue::Table(table) => Value::Table(self.table(table)),
        };
        Node { place, value }
    }

    /// The parser fills what it could not read with values of an empty span.
    fn is_broken(&self, span: &Range<usize>) -> bool {
        !self.broken.is_empty()
            && (*span == (0..0) || self.broken.contains(&self.lines.line(span.start)))
    }

    fn place(&self, span: &Range<usize>) -> Place {
        self.whole.part(span.start, span.end.saturating_sub(span.start))
    }
}

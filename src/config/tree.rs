//! What was written, before anybody asks whether it is right: tables, lists and scalars, each with
//! its place. Merges several texts into one tree; judges nothing but that no scalar is set twice.

use zeroize::Zeroizing;

use super::error::ErrorKind;
use super::report::Report;
use super::text::Place;

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Node {
    pub place: Place,
    pub value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// From the command line or the environment: a text that may stand for any scalar.
    Bare(Zeroizing<String>),
    Boolean(bool),
    /// Infinite or not a number, too, if somebody wrote so.
    Fraction(f64),
    Integer(i64),
    List(Vec<Node>),
    /// A date or a number beyond 64 bits, which no setting takes.
    Other(&'static str),
    Table(Table),
    Text(Zeroizing<String>),
}

impl Value {
    /// The kind as a message names it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Bare(_) | Self::Text(_) => "a text",
            Self::Boolean(_) => "a boolean",
            Self::Fraction(_) => "a fraction",
            Self::Integer(_) => "a number",
            Self::List(_) => "a list",
            Self::Other(kind) => kind,
            Self::Table(_) => "a table",
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Table {
    pub entries: Vec<Entry>,
}

#[derive(Debug)]
pub(super) struct Entry {
    pub key: String,
    pub key_place: Place,
    pub node: Node,
}

impl Table {
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    pub fn node(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// Adds another text's tables: tables merge, lists append; a scalar set twice is an error
    /// that names both places.
    pub fn merge(&mut self, other: Self, path: &str, report: &mut Report) {
        for entry in other.entries {
            let Some(own) = self.entries.iter_mut().find(|own| own.key == entry.key) else {
                self.entries.push(entry);
                continue;
            };
            let path = join(path, &entry.key);
            match (&mut own.node.value, entry.node.value) {
                (Value::Table(own), Value::Table(other)) => own.merge(other, &path, report),
                (Value::List(own), Value::List(other)) => own.extend(other),
                _ => {
                    report
                        .error(ErrorKind::SetTwice, &path, "is set twice")
                        .at_key(entry.key_place)
                        .first_at(own.key_place);
                }
            }
        }
    }

    /// Sets a value from outside the files, in place of theirs. Where a file has no table on the
    /// way, nothing is set: the wrong type there is an error of its own.
    pub fn put(&mut self, path: &[&str], key_place: Place, node: Node) {
        let Some((key, rest)) = path.split_first() else { return };
        let at = self.entries.iter().position(|entry| entry.key == *key);
        if rest.is_empty() {
            let entry = Entry { key: (*key).to_owned(), key_place, node };
            match at.and_then(|at| self.entries.get_mut(at)) {
                Some(own) => *own = entry,
                None => self.entries.push(entry),
            }
            return;
        }
        if at.is_none() {
            let value = Value::Table(Self::default());
            let table = Node { place: key_place, value };
            self.entries.push(Entry { key: (*key).to_owned(), key_place, node: table });
        }
        let own = self.entries.iter_mut().find(|entry| entry.key == *key);
        if let Some(Entry { node: Node { value: Value::Table(table), .. }, .. }) = own {
            table.put(rest, key_place, node);
        }
    }
}

/// `path.key`, or `key` at the top.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

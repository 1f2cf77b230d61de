//! One table of what was written, with only keys its shape has: unknown ones and those of later
//! versions are refused when it is opened. Reads no scalar; that is `read`.

use super::effective::SettingValue;
use super::error::ErrorKind;
use super::mask;
use super::report::{Finding, Report};
use super::setting::{Field, Shape};
use super::text::Place;
use super::tree::{Entry, Node, Table, Value, join};

/// A table, or the absence of one: then every setting has its default.
pub(super) struct Section<'a> {
    /// Path without names of list entries: `provider.key`.
    generic: String,
    /// Path with names of list entries: `provider.anthropic.key.team-a`.
    path: String,
    /// Where to point for what is not there.
    place: Place,
    table: Option<&'a Table>,
}

impl<'a> Section<'a> {
    /// The whole configuration.
    pub fn root(shape: &Shape, table: &'a Table, report: &mut Report) -> Self {
        let (generic, path) = (String::new(), String::new());
        let root = Section { generic, path, place: Place::default(), table: Some(table) };
        root.check_keys(shape, report);
        root
    }

    /// The table of this key.
    pub fn table(&self, key: &str, shape: &Shape, report: &mut Report) -> Self {
        let entry = self.entry(key);
        let table = match entry.map(|entry| &entry.node.value) {
            Some(Value::Table(table)) => Some(table),
            Some(_) => {
                self.wrong_type(key, "a table", report);
                None
            }
            None => None,
        };
        let section = Section {
            generic: join(&self.generic, key),
            path: join(&self.path, key),
            place: entry.map_or(self.place, |entry| entry.key_place),
            table,
        };
        section.check_keys(shape, report);
        section
    }

    /// The tables of this key, each under its name if it has one, else its number from 1.
    pub fn tables(&self, key: &str, shape: &Shape, report: &mut Report) -> Vec<Self> {
        let nodes = match self.node(key).map(|node| &node.value) {
            Some(Value::List(nodes)) => nodes,
            Some(_) => {
                let help = format!("write [[{}]] for each", join(&self.generic, key));
                self.wrong_type(key, "a list of tables", report).map(|error| error.help(help));
                return Vec::new();
            }
            None => return Vec::new(),
        };
        let path = join(&self.path, key);
        let mut sections = Vec::new();
        for (at, node) in nodes.iter().enumerate() {
            let Value::Table(table) = &node.value else {
                let message = format!("must be a table, not {}", node.value.kind());
                let entry = format!("{path}.{}", at + 1);
                report.error(ErrorKind::WrongType, &entry, message).at(node.place);
                continue;
            };
            let name = match table.node("name").map(|name| &name.value) {
                Some(Value::Text(name)) if is_word(name) => mask::name(name),
                _ => (at + 1).to_string(),
            };
            let generic = join(&self.generic, key);
            let path = format!("{path}.{name}");
            let section = Section { generic, path, place: node.place, table: Some(table) };
            section.check_keys(shape, report);
            sections.push(section);
        }
        sections
    }

    pub fn node(&self, key: &str) -> Option<&'a Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    /// The path of one of its settings.
    pub fn key(&self, key: &str) -> String {
        join(&self.path, key)
    }

    /// Notes an error at a setting's value, or at the table when it has none.
    pub fn error<'r>(
        &self,
        kind: ErrorKind,
        key: &str,
        message: impl Into<String>,
        report: &'r mut Report,
    ) -> &'r mut Finding {
        let place = self.node(key).map_or(self.place, |node| node.place);
        report.error(kind, &self.key(key), message).at(place)
    }

    /// Notes that a setting is not what it must be, if it is there at all.
    pub fn wrong_type<'r>(
        &self,
        key: &str,
        expected: &str,
        report: &'r mut Report,
    ) -> Option<&'r mut Finding> {
        let node = self.node(key)?;
        let message = match node.value {
            // The environment and the command line know only texts.
            Value::Bare(_) => format!("must be {expected}"),
            _ => format!("must be {expected}, not {}", node.value.kind()),
        };
        Some(self.error(ErrorKind::WrongType, key, message, report))
    }

    /// Notes a setting as in force.
    pub fn note(&self, key: &str, value: SettingValue, report: &mut Report) {
        report.setting(self.key(key), self.node(key).map(|node| node.place), value);
    }

    fn entry(&self, key: &str) -> Option<&'a Entry> {
        self.table.and_then(|table| table.entry(key))
    }

    fn check_keys(&self, shape: &Shape, report: &mut Report) {
        for key in shape.required.iter().filter(|key| self.node(key).is_none()) {
            self.error(ErrorKind::Missing, key, "is missing", report);
        }
        let there: Vec<&str> =
            shape.one_of.iter().copied().filter(|key| self.node(key).is_some()).collect();
        match (there.as_slice(), shape.one_of) {
            ([], [first, rest @ ..]) => {
                let message = format!("is missing, and so is `{}`", rest.join("`, `"));
                self.error(ErrorKind::Missing, first, message, report);
            }
            ([first, second, ..], _) => {
                let message = format!("stands beside `{first}`: write only one of them");
                self.error(ErrorKind::Conflict, second, message, report);
            }
            _ => {}
        }
        for entry in self.table.iter().flat_map(|table| &table.entries) {
            if shape.field(&entry.key).is_none() {
                let known = shape.fields.iter().map(Field::key);
                unknown_key(&self.path, entry, known, report);
            }
        }
    }
}

/// Notes a key nobody knows, with the nearest one that is known.
pub(super) fn unknown_key<'k>(
    path: &str,
    entry: &Entry,
    known: impl Iterator<Item = &'k str>,
    report: &mut Report,
) {
    let key = join(path, &mask::name(&entry.key));
    let near = did_you_mean(&entry.key, known);
    let error = report.error(ErrorKind::UnknownKey, &key, "is not a known setting");
    error.at_key(entry.key_place);
    if let Some(near) = near {
        error.help(format!("did you mean `{near}`?"));
    }
}

/// The nearest of a few words, if one is near enough to be meant.
pub(super) fn did_you_mean<'k>(
    word: &str,
    known: impl Iterator<Item = &'k str>,
) -> Option<&'k str> {
    let word = word.to_lowercase();
    known
        .map(|known| (strsim::damerau_levenshtein(&word, known), known))
        .filter(|(distance, known)| *distance <= known.len().div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// Short and plain enough to stand in a path of keys.
fn is_word(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= 64 && name.chars().all(plain)
}

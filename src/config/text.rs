//! The texts a configuration is made of, and places in them. None of them outlives the load.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::Position;
use super::mask;

/// Every text read in one load.
#[derive(Default)]
pub(super) struct Texts {
    texts: Vec<Text>,
}

impl Texts {
    /// Takes a text in and tells the place of the whole of it.
    pub fn add(&mut self, name: TextName, content: Zeroizing<String>) -> Place {
        let place = Place { text: self.texts.len(), start: 0, end: content.len() };
        self.texts.push(Text { lines: Lines::of(&content), content, name });
        place
    }

    /// The content at a place.
    pub fn content(&self, place: Place) -> &str {
        let content = self.texts.get(place.text).map_or("", |text| text.content.as_str());
        content.get(place.start..place.end).unwrap_or("")
    }

    /// The folder that paths written at this place are relative to.
    pub fn folder(&self, place: Place) -> &Path {
        match self.texts.get(place.text).map(|text| &text.name) {
            Some(TextName::File(path)) => path.parent().unwrap_or(Path::new("")),
            _ => Path::new(""),
        }
    }

    /// Who wrote what stands at a place.
    pub fn set_by(&self, place: Place) -> SetBy {
        match self.texts.get(place.text).map(|text| &text.name) {
            None | Some(TextName::BuiltIn) => SetBy::Default,
            Some(TextName::Environment(name)) => SetBy::Environment(name.clone()),
            Some(TextName::File(path)) => {
                SetBy::File { line: self.line(place), path: path.display().to_string() }
            }
            Some(TextName::Flag(name)) => SetBy::Flag(name),
        }
    }

    /// The line of a place, from 1.
    fn line(&self, place: Place) -> usize {
        self.texts.get(place.text).map_or(1, |text| text.lines.line(place.start) + 1)
    }

    /// The place for humans. Of its line everything is masked that may be a secret; `is_key`
    /// says that the place is known to be a key, which is shown.
    pub fn position(&self, place: Place, is_key: bool) -> Position {
        let Some(text) = self.texts.get(place.text) else { return Position::default() };
        let content = text.content.as_str();
        let start = boundary(content, place.start);
        let (before, after) = content.split_at(start);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line_end = after.find('\n').map_or(content.len(), |newline| start + newline);
        let line = content.get(line_start..line_end).unwrap_or("");
        let end = boundary(content, place.end.clamp(start, line_end));
        let chars = |from: usize, to: usize| content.get(from..to).unwrap_or("").chars().count();
        let shown = if is_key { start - line_start..end - line_start } else { 0..0 };
        let before_caret = chars(line_start, start);
        let mut snippet = match &text.name {
            TextName::BuiltIn => line.to_owned(),
            TextName::Environment(name) => mask::variable(name, line),
            TextName::File(_) => mask::line(line, &shown),
            TextName::Flag(_) => mask::flag(line),
        };
        // Something may be missing past the end of the line, and the caret has to stand there.
        let lacking = (before_caret + 1).saturating_sub(snippet.chars().count());
        snippet.extend(std::iter::repeat_n(' ', lacking));
        Position {
            column: before_caret + 1,
            line: self.line(place),
            name: text.name.to_string(),
            snippet,
            width: chars(start, end),
        }
    }
}

/// The nearest place at or before `at` where a character begins.
fn boundary(content: &str, at: usize) -> usize {
    (0..=at.min(content.len())).rev().find(|at| content.is_char_boundary(*at)).unwrap_or(0)
}

struct Text {
    content: Zeroizing<String>,
    lines: Lines,
    name: TextName,
}

/// Where the lines of a text end.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub fn of(content: &str) -> Self {
        Self(content.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line, from 0, that holds the byte `at`.
    pub fn line(&self, at: usize) -> usize {
        self.0.partition_point(|newline| *newline < at)
    }
}

/// Where a text comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum TextName {
    /// Part of the program: the defaults.
    BuiltIn,
    /// `NAME=value`.
    Environment(String),
    File(PathBuf),
    /// `--name value`.
    Flag(&'static str),
}

impl fmt::Display for TextName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BuiltIn => f.write_str("built-in defaults"),
            Self::Environment(_) => f.write_str("environment"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Flag(_) => f.write_str("command line"),
        }
    }
}

/// Bytes `start..end` of one text.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place {
    pub text: usize,
    pub start: usize,
    pub end: usize,
}

impl Place {
    /// The part of this place that begins `from` bytes into it and is `bytes` long.
    pub fn part(self, from: usize, bytes: usize) -> Self {
        let start = self.start + from;
        Self { text: self.text, start, end: start + bytes }
    }
}

/// Who set a value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SetBy {
    Default,
    /// The variable's name.
    Environment(String),
    /// A file and the line in it, from 1.
    File {
        line: usize,
        path: String,
    },
    /// The flag's name with its dashes.
    Flag(&'static str),
}

impl fmt::Display for SetBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::Environment(name) => write!(f, "env {name}"),
            Self::File { line, path } => write!(f, "{path}:{line}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

//! What is wrong with a configuration, where, and what would be right. Never tells a secret.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError,
    MietteSpanContents, Severity, SourceCode, SourceSpan, SpanContents,
};

/// One error or warning, ready to be shown.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ConfigError {
    /// `None` where there is no text to point at, as for a file that cannot be read.
    pub at: Option<Position>,
    /// What would be right.
    pub help: Option<String>,
    /// Path of the setting, `provider.anthropic.base_url`; empty for a syntax error.
    pub key: String,
    pub kind: ErrorKind,
    pub message: String,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Right by itself, not together with another setting.
    Conflict,
    /// Two entries of a list that must differ.
    Duplicate,
    /// A file of the configuration, or one it names, cannot be read or used.
    File,
    /// Out of bounds, or of a wrong form.
    Invalid,
    Missing,
    /// Right, but not for a process that runs already.
    NeedsRestart,
    /// A scalar set in two places of equal rank.
    SetTwice,
    Syntax,
    UnknownKey,
    /// A secret that is not where its reference says.
    UnresolvedSecret,
    /// Not wrong, but not wise.
    Warning,
    WrongType,
}

impl ErrorKind {
    /// The kind in the words of a machine's reader.
    pub fn name(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Duplicate => "duplicate",
            Self::File => "file",
            Self::Invalid => "invalid",
            Self::Missing => "missing",
            Self::NeedsRestart => "needs_restart",
            Self::SetTwice => "set_twice",
            Self::Syntax => "syntax",
            Self::UnknownKey => "unknown_key",
            Self::UnresolvedSecret => "unresolved_secret",
            Self::Warning => "warning",
            Self::WrongType => "wrong_type",
        }
    }
}

/// A place for humans.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Position {
    /// In characters, from 1.
    pub column: usize,
    /// From 1.
    pub line: usize,
    /// A file's path, `environment` or `command line`.
    pub name: String,
    /// The line, with all that may be a secret masked.
    pub snippet: String,
    /// In characters.
    pub width: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.name, self.line, self.column)
    }
}

impl ConfigError {
    /// An error about the setting `key` that was found after the load, when no text is left to
    /// point at.
    pub fn new(kind: ErrorKind, key: &str, message: impl Into<String>) -> Self {
        let (key, message) = (key.to_owned(), message.into());
        Self { at: None, help: None, key, kind, message }
    }

    /// The same with what would be right, or who said what is wrong.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// The error with its place, a caret and the help; one or more lines.
    pub fn render(&self, look: Look) -> String {
        let theme = match look {
            Look::Color => GraphicalTheme::unicode(),
            Look::Plain => GraphicalTheme::none(),
        };
        let handler = GraphicalReportHandler::new_themed(theme).with_width(WIDTH).with_links(false);
        let mut out = String::new();
        match handler.render_report(&mut out, self) {
            Ok(()) => out,
            // The handler fails only on a label outside its line; the words are worth more.
            Err(fmt::Error) => format!("{self}\n"),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key.as_str() {
            "" => f.write_str(&self.message),
            key => write!(f, "`{key}` {}", self.message),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Diagnostic for ConfigError {
    fn severity(&self) -> Option<Severity> {
        let is_warning = self.kind == ErrorKind::Warning;
        Some(if is_warning { Severity::Warning } else { Severity::Error })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help: Box<dyn fmt::Display> = Box::new(self.help.as_ref()?);
        Some(help)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        let at: &dyn SourceCode = self.at.as_ref()?;
        Some(at)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let at = self.at.as_ref()?;
        let byte = |chars: usize| {
            at.snippet.char_indices().nth(chars).map_or(at.snippet.len(), |(byte, _)| byte)
        };
        let before = at.column.saturating_sub(1);
        let start = byte(before);
        let span = (start, byte(before + at.width.max(1)) - start);
        Some(Box::new(std::iter::once(LabeledSpan::new_primary_with_span(None, span))))
    }
}

/// The source of an error is one line; the whole text is gone when the error is shown.
impl SourceCode for Position {
    fn read_span<'a>(
        &'a self,
        _span: &SourceSpan,
        _lines_before: usize,
        _lines_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            self.snippet.as_bytes(),
            (0, self.snippet.len()).into(),
            self.line.saturating_sub(1),
            self.column.saturating_sub(1),
            1,
        )))
    }
}

/// How errors look.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Look {
    /// For a terminal that understands colors and Unicode.
    Color,
    Plain,
}

/// Wide enough that most messages keep to one line.
const WIDTH: usize = 100;

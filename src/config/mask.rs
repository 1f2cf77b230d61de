//! Hides in a line of configuration whatever may be a secret, column for column.
//!
//! An error shows the line it is about, and that line may hold a key: well formed, mistyped or
//! cut by a syntax error. So nothing is shown because it looks harmless; only what is known to
//! be a key of the configuration, or the value of one that holds no secret.

use std::ops::Range;

use super::shape;

/// A line of a file. `shown` is shown whatever it is: a span known to be a key.
pub(super) fn line(line: &str, shown: &Range<usize>) -> String {
    let mut masked = Masked { brackets: Vec::new(), due: false, out: String::new(), plain: false };
    let header = line.trim_start().starts_with('[');
    let mut rest = line;
    while let Some(token) = Token::first(rest, header) {
        let at = line.len() - rest.len();
        rest = rest.get(token.text().len()..).unwrap_or("");
        let is_key = !header && rest.trim_start().starts_with('=');
        if shown.contains(&at) {
            masked.show(token.text());
        } else if matches!(token, Token::Comment(_)) {
            break;
        } else if is_key && !matches!(token, Token::Mark(_)) {
            masked.key(token.text());
        } else {
            masked.token(token, header);
        }
    }
    masked.out.truncate(masked.out.trim_end().len());
    masked.out
}

/// `NAME=value` of an environment variable.
pub(super) fn variable(name: &str, line: &str) -> String {
    let value = line.get(name.len() + 1..).unwrap_or("");
    let plain = match name {
        "TIDEGATE_LISTEN" | "TIDEGATE_LOG" => true,
        _ => name.rsplit("__").next().is_some_and(|key| shape::is_plain(&key.to_lowercase())),
    };
    let hidden = !plain || looks_secret(value);
    format!("{name}={}", if hidden { stars(value) } else { printable(value) })
}

/// `--name value` of the command line, where no secret belongs but one may have strayed.
pub(super) fn flag(line: &str) -> String {
    let (name, value) = line.split_once(' ').unwrap_or((line, ""));
    let value = if looks_secret(value) { stars(value) } else { printable(value) };
    format!("{name} {value}")
}

/// A name from the file as it may stand in a message.
pub(super) fn name(name: &str) -> String {
    if looks_secret(name) { stars(name) } else { printable(name) }
}

struct Masked {
    brackets: Vec<char>,
    /// A value may stand here: nothing but space since the last `=`, `[` or `,`.
    due: bool,
    out: String,
    /// The value of the key last seen holds no secret.
    plain: bool,
}

impl Masked {
    fn key(&mut self, text: &str) {
        let words = || text.split('.').map(|word| word.trim_matches(['"', '\'']));
        self.plain = words().next_back().is_some_and(shape::is_plain);
        let known = words().all(shape::is_known);
        self.out.push_str(&if known { text.to_owned() } else { stars(text) });
    }

    fn token(&mut self, token: Token<'_>, header: bool) {
        match token {
            Token::Comment(_) => {}
            Token::Mark(mark) => {
                self.bracket(mark);
                self.show(mark);
            }
            Token::Text(text) | Token::Word(text) => {
                let known = header && shape::is_known(text.trim_matches(['"', '\'']));
                let plain = self.plain && self.due && is_whole(text);
                self.due = false;
                if (known || plain) && !looks_secret(text) {
                    self.show(text);
                } else {
                    self.out.push_str(&stars(text));
                }
            }
        }
    }

    /// Within braces a comma ends the value of a key; within brackets it does not.
    fn bracket(&mut self, mark: &str) {
        self.due = matches!(mark, "=" | "[" | ",") || (self.due && mark.trim().is_empty());
        match mark {
            "[" => self.brackets.push('['),
            "{" => {
                self.brackets.push('{');
                self.plain = false;
            }
            "]" | "}" => {
                self.brackets.pop();
            }
            "," if self.brackets.last() == Some(&'{') => self.plain = false,
            _ => {}
        }
    }

    fn show(&mut self, text: &str) {
        self.out.push_str(&printable(text));
    }
}

/// A piece of a line; all pieces together are the line.
#[derive(Clone, Copy)]
enum Token<'a> {
    Comment(&'a str),
    /// White space, or one of `[]{},=`, and `.` in a header.
    Mark(&'a str),
    /// In quotes, closed or not.
    Text(&'a str),
    /// Anything else without quotes.
    Word(&'a str),
}

impl<'a> Token<'a> {
    fn first(line: &'a str, header: bool) -> Option<Self> {
        let first = line.chars().next()?;
        let upto = |end: usize| line.get(..end).unwrap_or(line);
        Some(match first {
            '#' => Self::Comment(line),
            '[' | ']' | '{' | '}' | ',' | '=' => Self::Mark(upto(1)),
            // The parts of a header's path are looked at one by one.
            '.' if header => Self::Mark(upto(1)),
            '"' | '\'' => Self::Text(upto(quoted(line, first))),
            _ if first.is_whitespace() => {
                Self::Mark(upto(line.find(|c: char| !c.is_whitespace()).unwrap_or(line.len())))
            }
            _ => {
                let ends =
                    |c: char| c.is_whitespace() || "[]{},=\"'#".contains(c) || (header && c == '.');
                Self::Word(upto(line.find(ends).unwrap_or(line.len())))
            }
        })
    }

    fn text(&self) -> &'a str {
        match self {
            Self::Comment(text) | Self::Mark(text) | Self::Text(text) | Self::Word(text) => text,
        }
    }
}

/// Bytes of a quoted text with its quotes; to the end of the line when it is not closed.
fn quoted(line: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in line.char_indices().skip(1) {
        if c == quote && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && quote == '"' && !escaped;
    }
    line.len()
}

/// A key that strayed into another setting, or a URL with a password or a query.
fn looks_secret(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let begins_word = |at: usize| {
        text.get(..at).is_none_or(|before| !before.ends_with(|c: char| c.is_ascii_alphanumeric()))
    };
    let key = ["sk-", "tg-"].iter().any(|sign| {
        // Not the end of a word such as `disk-`.
        text.match_indices(sign).any(|(at, _)| begins_word(at))
    });
    key || text.contains(['@', '?'])
}

/// A value that is certainly one: a quote that is missing or too many can make the text between two
/// values look like one, and a value like none.
fn is_whole(text: &str) -> bool {
    let inner = match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            text.get(1..).and_then(|rest| rest.strip_suffix(quote)).unwrap_or("=")
        }
        _ => text,
    };
    !inner.contains(['"', '\'', '=', '\\'])
}

/// As many stars as characters, quotes kept.
fn stars(text: &str) -> String {
    let star = |c: char| if matches!(c, '"' | '\'') { c } else { '*' };
    text.chars().map(star).collect()
}

/// Without what a terminal would obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\t' { ' ' } else { c }).collect()
}

//! One source file: its text, and its code with comments and literals blanked out.
//!
//! Blanking keeps every line and column, so a place in the code is a place in the text. Lexes
//! only as much of Rust as that takes.

/// A file under a `src` folder.
pub struct Source {
    /// Where its `src` folder is, with `/` at the end; empty for the gateway's own.
    pub root: String,
    /// Path below `src`, with `/`.
    pub name: String,
    /// As it stands.
    pub text: String,
    /// The same with spaces for comments and for what is inside string and char literals.
    pub code: String,
}

impl Source {
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let code = blank(&text);
        Self { root: String::new(), name: name.into(), text, code }
    }

    /// The path from the top of the repository, without the gateway's own `src/`.
    pub fn path(&self) -> String {
        format!("{}{}", self.root, self.name)
    }

    /// Whether the file holds tests only.
    pub fn is_test(&self) -> bool {
        self.name.split(['/', '.']).any(|part| part == "tests" || part.ends_with("_tests"))
    }

    /// The code before its inline `mod tests`, or all of it.
    pub fn production(&self) -> &str {
        let start = self.code.find("\nmod tests {").unwrap_or(self.code.len());
        &self.code[..start]
    }

    /// The number of the line that holds this byte, from 1.
    pub fn line_at(&self, at: usize) -> usize {
        self.code[..at].matches('\n').count() + 1
    }

    pub fn breach(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path())
    }
}

fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let skipped =
            literal_length(rest, out.ends_with(|c: char| c.is_alphanumeric() || c == '_'));
        if skipped > 0 {
            let (literal, tail) = rest.split_at(skipped);
            for character in literal.chars() {
                let kept = if character == '\n' { '\n' } else { ' ' };
                // Bytes, not characters, so that places stay.
                for _ in 0..character.len_utf8() {
                    out.push(kept);
                }
            }
            rest = tail;
        } else {
            let character = rest.chars().next().unwrap();
            out.push(character);
            rest = &rest[character.len_utf8()..];
        }
    }
    out
}

/// Bytes of the comment or literal that `text` begins with; 0 when it begins with neither.
fn literal_length(text: &str, in_word: bool) -> usize {
    if text.starts_with("//") {
        return text.find('\n').unwrap_or(text.len());
    }
    if text.starts_with("/*") {
        return block_comment(text);
    }
    // No prefix is longer than two letters; looking on to the next quote took a minute in all.
    let quote = text.bytes().take(3).position(|byte| matches!(byte, b'"' | b'\'' | b'#'));
    let prefix = if in_word { 0 } else { quote.unwrap_or(0) };
    let (prefix, hashes) = match text.get(..prefix) {
        Some("r" | "br" | "cr") => {
            let hashes = text[prefix..].bytes().take_while(|&byte| byte == b'#').count();
            (prefix, Some(hashes))
        }
        Some("b" | "c") => (prefix, None),
        _ => (0, None),
    };
    let body = &text[prefix + hashes.unwrap_or(0)..];
    match (hashes, body.as_bytes().first()) {
        (Some(hashes), Some(b'"')) => {
            let end = format!("\"{}", "#".repeat(hashes));
            let start = prefix + hashes + 1;
            text[start..].find(&end).map_or(text.len(), |at| start + at + end.len())
        }
        (None, Some(b'"')) => prefix + quoted(body),
        (None, Some(b'\'')) => char_literal(body).map_or(0, |length| prefix + length),
        _ => 0,
    }
}

fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    loop {
        let rest = &text.as_bytes()[at..];
        match rest {
            [] => return at,
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
}

fn quoted(text: &str) -> usize {
    let mut bytes = text.bytes().enumerate().skip(1);
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'\\' => drop(bytes.next()),
            b'"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// `None` for a lifetime.
fn char_literal(text: &str) -> Option<usize> {
    let mut characters = text.char_indices().skip(1);
    let (_, first) = characters.next()?;
    if first == '\\' {
        let escape = characters.next()?.0 + 1;
        return text[escape..].find('\'').map(|at| escape + at + 1);
    }
    let (at, second) = characters.next()?;
    (second == '\'').then_some(at + 1)
}

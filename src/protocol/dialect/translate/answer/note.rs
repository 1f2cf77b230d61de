//! What a text cites on the web: `url_citation` of OpenAI, `web_search_result_location` of
//! Anthropic. Citations of documents name them by their place in a request or by a file's id and
//! have no equivalent; they are left out.

use super::super::Form;
use super::put;
use super::raw::Raw;
use crate::protocol::http1::write::decimal;

/// A citation. Texts are contents of JSON strings.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Note<'a> {
    cited: &'a [u8],
    /// The first character after what cites.
    end: u64,
    /// The first character of what cites, counted in the text of its form.
    start: u64,
    title: &'a [u8],
    url: &'a [u8],
}

impl<'a> Note<'a> {
    /// Reads a citation; `None` when it cites no page. Messages does not say where in the text.
    pub fn read(form: Form, raw: Raw<'a>) -> Option<Self> {
        let [kind] = raw.get([b"type"]);
        let inner = match (form, kind.text_or_empty()) {
            (Form::Chat, b"url_citation") => {
                let [nested] = raw.get([b"url_citation"]);
                if nested.is_object() { nested } else { raw }
            }
            (Form::Responses, b"url_citation")
            | (Form::Messages, b"web_search_result_location") => raw,
            _ => return None,
        };
        let [url, title, cited, start, end] =
            inner.get([b"url", b"title", b"cited_text", b"start_index", b"end_index"]);
        Some(Self {
            cited: cited.text_or_empty(),
            end: end.count().unwrap_or(0),
            start: start.count().unwrap_or(0),
            title: title.text_or_empty(),
            url: url.text()?,
        })
    }

    /// The same citation, whose text begins `by` characters into another.
    #[must_use]
    pub const fn moved(self, by: u64) -> Self {
        Self { end: self.end.saturating_add(by), start: self.start.saturating_add(by), ..self }
    }

    /// The same citation, by the text from `start` to `end`.
    #[must_use]
    pub const fn at(self, start: u64, end: u64) -> Self {
        Self { end, start, ..self }
    }

    /// As `form` has it.
    pub fn write(&self, out: &mut Vec<u8>, form: Form) {
        match form {
            Form::Chat => {
                out.extend_from_slice(b"{\"type\":\"url_citation\",\"url_citation\":{");
                self.write_span(out);
                out.push(b'}');
            }
            Form::Messages => put(
                out,
                &[
                    b"{\"type\":\"web_search_result_location\",\"cited_text\":\"",
                    self.cited,
                    b"\",\"encrypted_index\":\"\",\"title\":\"",
                    self.title,
                    b"\",\"url\":\"",
                    self.url,
                    b"\"}",
                ],
            ),
            Form::Responses => {
                out.extend_from_slice(b"{\"type\":\"url_citation\",");
                self.write_span(out);
            }
        }
    }

    fn write_span(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\"start_index\":");
        decimal(out, self.start);
        out.extend_from_slice(b",\"end_index\":");
        decimal(out, self.end);
        put(out, &[b",\"title\":\"", self.title, b"\",\"url\":\"", self.url, b"\"}"]);
    }
}

/// `notes` as the elements of an array.
pub fn write_all(out: &mut Vec<u8>, form: Form, notes: &[Note<'_>]) {
    for (place, note) in notes.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        note.write(out, form);
    }
}

//! Regular expressions of a configuration: compiled, and if wrong, told at the very character.
//! Knows no setting.

use super::Context;
use crate::config::error::ErrorKind;
use crate::config::pattern::Pattern;
use crate::config::quoted;
use crate::config::report::Report;
use crate::config::text::Place;

/// The pattern written as `text` at `place`; an error in it is noted for `key`.
pub(super) fn compile(
    text: &str,
    place: Place,
    key: &str,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<Pattern> {
    if text.is_empty() {
        report.error(ErrorKind::Invalid, key, "is empty: it would match everything").at(place);
        return None;
    }
    let error = match Pattern::new(text) {
        Ok(pattern) => return Some(pattern),
        Err(error) => error,
    };
    let written = context.texts.content(place);
    let span = error.offset.and_then(|offset| quoted::span_of_char(written, offset));
    let at = span.map_or(place, |span| place.part(span.start, span.len()));
    let message = format!("must be a regular expression: {}", error.message);
    report.error(ErrorKind::Invalid, key, message).at(at);
    None
}

//! Regular expressions of a configuration: compiled, and if wrong, told at the very character.
//! Knows no setting.

use super::Context;
use crate::config::error::ErrorKind;
use crate::config::pattern::Pattern;
use crate::config::quoted;
use crate::config::report::Report;
use crate::config::text::Place;

/// A pattern that is a part of a text.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    /// Of the whole text.
    pub place: Place,
    /// Characters of the text before it.
    pub skip: usize,
    pub text: &'a str,
}

/// The pattern written as `text` at `place`; an error in it is noted for `key`.
pub(super) fn compile(
    text: &str,
    place: Place,
    key: &str,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<Pattern> {
    compile_part(Written { place, skip: 0, text }, key, context, report)
}

/// The same for a part of a text.
pub(super) fn compile_part(
    part: Written<'_>,
    key: &str,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<Pattern> {
    let Written { place, skip, text } = part;
    if text.is_empty() {
        report.error(ErrorKind::Invalid, key, "is empty: it would match everything").at(place);
        return None;
    }
    let error = match Pattern::new(text) {
        Ok(pattern) => return Some(pattern),
        Err(error) => error,
    };
    let written = context.texts.content(place);
    let span = error.offset.and_then(|offset| quoted::span_of_char(written, skip + offset));
    let at = span.map_or(place, |span| place.part(span.start, span.len()));
    let message = format!("must be a regular expression: {}", error.message);
    report.error(ErrorKind::Invalid, key, message).at(at);
    None
}

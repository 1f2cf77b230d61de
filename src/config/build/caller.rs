//! `[[caller]]`: the owners of gateway keys. Keeps a digest and drops the key.

use sha2::{Digest, Sha256};

use super::{Context, narrow, patterns};
use crate::config::error::ErrorKind;
use crate::config::pattern::Pattern;
use crate::config::report::Report;
use crate::config::section::Section;
use crate::config::snapshot::Caller;
use crate::config::text::Place;
use crate::config::{label, limits, shape};

/// All callers, and the names of all; with an error in the report the first list may be short of
/// some, else the two go side by side.
pub(super) fn callers(
    root: &Section<'_>,
    context: &Context<'_>,
    report: &mut Report,
) -> (Vec<Caller>, Vec<String>) {
    let mut callers: Vec<(Caller, Place)> = Vec::new();
    let mut names = Vec::new();
    for section in root.tables("caller", &shape::CALLER, report) {
        let name = name(&section, report);
        names.extend(name.iter().map(|(name, _)| name.clone()));
        let digest = digest(&section, context, report);
        let max_concurrent = section.cap(&limits::CALLER_MAX_CONCURRENT, report).map_or(0, narrow);
        let models = models(&section, context, report);
        let (Some((name, place)), Some((key_sha256, key_place))) = (name, digest) else { continue };
        if let Some((_, first)) = callers.iter().find(|(other, _)| other.name == name) {
            let message = "is the name of another caller";
            let key = section.key(shape::CALLER_NAME.key);
            report.error(ErrorKind::Duplicate, &key, message).at(place).first_at(*first);
        }
        if let Some((other, _)) = callers.iter().find(|(other, _)| other.key_sha256 == key_sha256) {
            let message = format!("is the key of caller `{}` too", other.name);
            let key = section.key(shape::CALLER_KEY.key);
            report.error(ErrorKind::Duplicate, &key, message).at(key_place);
        }
        callers.push((Caller { key_sha256, max_concurrent, models, name }, place));
    }
    (callers.into_iter().map(|(caller, _)| caller).collect(), names)
}

fn name(section: &Section<'_>, report: &mut Report) -> Option<(String, Place)> {
    let (name, place) = section.text(&shape::CALLER_NAME, report)?;
    if let Err(message) = label::check(name) {
        section.error(ErrorKind::Invalid, shape::CALLER_NAME.key, message, report);
        return None;
    }
    Some((name.to_owned(), place))
}

fn models(section: &Section<'_>, context: &Context<'_>, report: &mut Report) -> Vec<Pattern> {
    let key = shape::CALLER_MODELS.key;
    let Some(texts) = section.texts(&shape::CALLER_MODELS, report) else { return Vec::new() };
    if texts.len() > limits::CALLER_MODELS_MAX {
        let message = format!("must have at most {} patterns", limits::CALLER_MODELS_MAX);
        section.error(ErrorKind::Invalid, key, message, report);
    }
    let mut models = Vec::new();
    let mut seen: Vec<(&str, Place)> = Vec::new();
    for (text, place) in texts {
        if let Some((_, first)) = seen.iter().find(|(other, _)| *other == text) {
            let error = section.error(ErrorKind::Duplicate, key, "has a pattern twice", report);
            error.at(place).first_at(*first);
        }
        seen.push((text, place));
        models.extend(patterns::compile(text, place, &section.key(key), context, report));
    }
    models
}

fn digest(
    section: &Section<'_>,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<([u8; 32], Place)> {
    // Both or none are an error of the shape.
    match section.node(shape::CALLER_KEY.key) {
        Some(_) => digest_of_key(section, context, report),
        None => digest_in_hex(section, report),
    }
}

fn digest_of_key(
    section: &Section<'_>,
    context: &Context<'_>,
    report: &mut Report,
) -> Option<([u8; 32], Place)> {
    let found = section.secret(&shape::CALLER_KEY, context, report)?;
    let value = found.secret.expose();
    let verdict = match value.strip_prefix("tg-") {
        Some(rest) if !rest.is_empty() => label::check_key(value),
        _ => Err("must begin with `tg-`, and go on"),
    };
    if let Err(message) = verdict {
        section.error(ErrorKind::Invalid, shape::CALLER_KEY.key, message, report);
        return None;
    }
    let digest: [u8; 32] = Sha256::digest(value.as_bytes()).into();
    let place = found.place;
    section.note_secret(&shape::CALLER_KEY, shown(&digest), found.source, report);
    Some((digest, place))
}

fn digest_in_hex(section: &Section<'_>, report: &mut Report) -> Option<([u8; 32], Place)> {
    let (hex, place) = section.text_unnoted(&shape::CALLER_KEY_SHA256, report)?;
    let Some(digest) = bytes_of_hex(hex) else {
        let message = "must be the SHA-256 of a key: 64 hexadecimal digits";
        section.error(ErrorKind::Invalid, shape::CALLER_KEY_SHA256.key, message, report);
        return None;
    };
    section.note_secret(&shape::CALLER_KEY_SHA256, shown(&digest), None, report);
    Some((digest, place))
}

/// What may be told of a gateway key: the start of its digest, and no part of the key.
fn shown(digest: &[u8; 32]) -> String {
    let [first, second, third, ..] = digest;
    format!("sha256:{first:02x}{second:02x}{third:02x}...")
}

fn bytes_of_hex(hex: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if hex.len() != 2 * bytes.len() || !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(bytes)
}

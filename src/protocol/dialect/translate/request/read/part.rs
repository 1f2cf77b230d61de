//! Reads contents: texts, images, files and results, as all forms write them. Which form a part
//! is from shows in its type; a part of another form is read as what it is. Never looks at roles.

use super::super::super::json::Value;
use super::super::super::{Lossy, Refused};
use super::super::conversation::{Part, Source, What};
use super::{forbid, lose};

/// The parts of a content: a string, or a list of parts. Parts that say nothing are left out.
pub fn content<'a>(
    value: Value<'a>,
    place: &str,
    lossy: &mut Lossy,
) -> Result<Vec<Part<'a>>, Refused> {
    let mut parts = Vec::new();
    if value.as_str().is_some() {
        parts.extend(text_part(value));
    } else if !value.is_null() {
        if !value.is_array() {
            return Err(value.wanted("a string or an array"));
        }
        for element in value.elements() {
            read(element, place, lossy, &mut parts)?;
        }
    }
    Ok(parts)
}

/// The part that a string is, when it says something.
pub fn text_part(value: Value<'_>) -> Option<Part<'_>> {
    let says_something = value.as_str().is_some_and(|text| !text.is_empty());
    says_something.then_some(Part { cache: None, value, what: What::Text(value) })
}

/// Reads one part. One of a type that no form but its own knows is noted as lost.
pub fn read<'a>(
    value: Value<'a>,
    place: &str,
    lossy: &mut Lossy,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Refused> {
    let what = match value.required("type")? {
        "text" | "input_text" | "output_text" => text(value, "text")?,
        "refusal" => text(value, "refusal")?,
        "image" => {
            Some(What::Image { detail: None, source: source(value.need("source", SOURCE)?)? })
        }
        "image_url" => Some(chat_image(value)?),
        "input_image" => Some(responses_image(value)?),
        "document" => return document(value, place, lossy, parts),
        "file" => Some(file(value.need("file", "an object")?)?),
        "input_file" => Some(file(value)?),
        "input_audio" => Some(What::Audio(value.need("input_audio", "an object")?)),
        "search_result" => return search_result(value, place, lossy, parts),
        "container_upload" | "compaction" => return Err(value.no_equivalent()),
        kind => {
            lossy.note(&format!("{place}.{kind}"));
            return Ok(());
        }
    };
    losses(value, place, lossy);
    if let Some(what) = what {
        parts.push(Part { cache: value.get("cache_control"), value, what });
    }
    Ok(())
}

fn text<'a>(value: Value<'a>, key: &str) -> Result<Option<What<'a>>, Refused> {
    let text = value.need(key, "a string")?;
    Ok((!text.text()?.is_empty()).then_some(What::Text(text)))
}

/// Notes the members of a part that only its own form has.
fn losses(value: Value<'_>, place: &str, lossy: &mut Lossy) {
    for (key, member) in value.members() {
        if !KNOWN.contains(&key) {
            lose(lossy, place, key, member);
        }
    }
}

/// The `source` of Messages.
fn source(value: Value<'_>) -> Result<Source<'_>, Refused> {
    match value.required("type")? {
        "base64" => Ok(Source::Base64(value.required("media_type")?, value.required("data")?)),
        "url" => Ok(Source::Url(value.required("url")?)),
        "file" => Err(value.no_equivalent()),
        _ => Err(value.need("type", SOURCE)?.wanted(SOURCE)),
    }
}

fn chat_image(value: Value<'_>) -> Result<What<'_>, Refused> {
    let image = value.need("image_url", "an object")?;
    let url = if image.is_object() { image.need("url", "a string")? } else { image };
    Ok(What::Image { detail: image.str_of("detail"), source: Source::of_url(url)? })
}

fn responses_image(value: Value<'_>) -> Result<What<'_>, Refused> {
    let source = match (value.get("image_url"), value.get("file_id")) {
        (Some(url), _) => Source::of_url(url)?,
        (None, Some(id)) => Source::Id(id),
        (None, None) => Source::of_url(value.need("image_url", "a string")?)?,
    };
    Ok(What::Image { detail: value.str_of("detail"), source })
}

/// The file of Chat and of Responses, which name its members alike.
fn file(value: Value<'_>) -> Result<What<'_>, Refused> {
    let source = match (value.get("file_data"), value.get("file_url"), value.get("file_id")) {
        (Some(bytes), ..) => match Source::of_url(bytes)? {
            Source::Base64(media, bytes) => Source::Base64(media, bytes),
            // Base64 without its type is taken for a PDF, as the API does.
            Source::Url(bytes) => Source::Base64("application/pdf", bytes),
            Source::Id(id) => Source::Id(id),
        },
        (None, Some(url), _) => Source::Url(url.text()?),
        (None, None, Some(id)) => Source::Id(id),
        (None, None, None) => return Err(value.wanted("file_data, file_url or file_id")),
    };
    Ok(What::File { name: value.str_of("filename"), source })
}

/// The document of Messages. One that is text becomes text: the others have no room for it.
fn document<'a>(
    value: Value<'a>,
    place: &str,
    lossy: &mut Lossy,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Refused> {
    let inner = value.need("source", SOURCE)?;
    let cache = value.get("cache_control");
    losses(value, place, lossy);
    match inner.required("type")? {
        "text" => {
            let what = text(inner, "data")?;
            parts.extend(what.map(|what| Part { cache, value, what }));
        }
        "content" => parts.extend(content(inner.need("content", "an array")?, place, lossy)?),
        _ => {
            let what = What::File { name: value.str_of("title"), source: source(inner)? };
            parts.push(Part { cache, value, what });
        }
    }
    Ok(())
}

/// A search result of Messages: its texts, its source named in front of them.
fn search_result<'a>(
    value: Value<'a>,
    place: &str,
    lossy: &mut Lossy,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Refused> {
    for key in ["title", "source"] {
        if let Some(named) = value.get(key) {
            named.text()?;
            parts.extend(text_part(named));
        }
    }
    if let Some(citations) = value.get("citations") {
        lose(lossy, place, "citations", citations);
    }
    parts.extend(content(value.need("content", "an array")?, place, lossy)?);
    Ok(())
}

/// Refuses what stands beside text in a place that holds only text.
pub fn only_text(parts: &[Part<'_>]) -> Result<(), Refused> {
    for part in parts {
        if !matches!(part.what, What::Text(_)) {
            forbid(part.value)?;
        }
    }
    Ok(())
}

/// Members that are read where they stand.
const KNOWN: [&str; 16] = [
    "cache_control",
    "content",
    "detail",
    "file",
    "file_data",
    "file_id",
    "file_url",
    "filename",
    "image_url",
    "input_audio",
    "refusal",
    "source",
    "text",
    "title",
    "type",
    "data",
];
const SOURCE: &str = "a source";

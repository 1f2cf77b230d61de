//! Writers of the three forms, and what they share. They note as lost what their form has no room
//! for, and refuse what must not get lost. Never know the form that was read, but for its names.

pub mod chat;
pub mod messages;
pub mod responses;
pub mod thinking;

use super::super::json::write::Writer;
use super::super::{Form, Lossy, Order, Refused};
use super::conversation::{Conversation, Format, Input, Part, Role, Source, Tool, What};
use crate::protocol::json::strict;

/// The arguments of a call as a string of JSON text.
fn arguments(json: &mut Writer<'_>, input: Input<'_>) {
    json.key("arguments");
    match input {
        Input::Object(raw) => json.string(std::str::from_utf8(raw).unwrap_or_default()),
        Input::Text("", _) => json.string("{}"),
        Input::Text(_, value) => json.raw(value.raw()),
    };
}

/// The arguments of a call as an object.
fn input(json: &mut Writer<'_>, input: Input<'_>) -> Result<(), Refused> {
    let raw = match input {
        Input::Object(raw) => raw,
        Input::Text(text, value) => match text.trim_ascii().as_bytes() {
            [] => b"{}",
            text if text.starts_with(b"{") && strict::is_value(text) => text,
            _ => return Err(value.wanted("JSON text of an object")),
        },
    };
    json.member("input", raw);
    Ok(())
}

/// The URL of an image or file, a data URL where the bytes are here.
fn url(json: &mut Writer<'_>, source: Source<'_>) {
    match source {
        Source::Base64(media, bytes) => {
            json.string_of(["data:", media, ";base64,", bytes]);
        }
        Source::Id(_) => {}
        Source::Url(url) => {
            json.string(url);
        }
    }
}

/// Members of one name in Chat and Responses.
fn openai(json: &mut Writer<'_>, talk: &Conversation<'_>, model: &str, lossy: &mut Lossy) {
    json.text("model", model);
    if talk.stream {
        json.key("stream").truth(true);
    }
    for (name, value) in [("temperature", talk.temperature), ("top_p", talk.top_p)] {
        if let Some(value) = value {
            json.member(name, value.raw());
        }
    }
    if let Some(parallel) = talk.parallel.filter(|_| !talk.tools.is_empty()) {
        json.key("parallel_tool_calls").truth(parallel);
    }
    if let Some(tier) = talk.tier {
        json.text("service_tier", tier);
    }
    for (name, value) in &talk.shared {
        json.member(name, value.raw());
    }
    if talk.tools.iter().any(|tool| tool.cache.is_some()) {
        lossy.note("tools.cache_control");
    }
}

/// Whom the answer is for, where OpenAI takes a name of that length.
fn user(json: &mut Writer<'_>, name: &str, talk: &Conversation<'_>, order: &Order<'_>) -> bool {
    let Some(user) = talk.user else { return true };
    let fits = order.from != Form::Messages || user.len() <= USER_BYTES_MAX;
    if fits {
        json.text(name, user);
    }
    fits
}

/// Name, description, schema and strictness of a function.
fn function(json: &mut Writer<'_>, tool: &Tool<'_>) {
    json.text("name", tool.name);
    if let Some(description) = tool.description {
        json.member("description", description.raw());
    }
}

/// The members of a schema for an answer, as both forms of OpenAI have them.
fn schema(json: &mut Writer<'_>, format: &Format<'_>) {
    let Format::Schema { description, name, schema, strict } = format else { return };
    json.text("name", name.unwrap_or("answer"));
    if let Some(description) = description {
        json.member("description", description.raw());
    }
    // Anthropic has no other; OpenAI's clients say what they want.
    json.member("schema", schema.raw()).key("strict").truth(strict.unwrap_or(name.is_none()));
}

/// Refuses a last turn of the model that it is to go on with: OpenAI would begin another.
fn no_prefill(talk: &Conversation<'_>, order: &Order<'_>) -> Result<(), Refused> {
    match talk.turns.last() {
        Some(turn) if order.from == Form::Messages && turn.role == Role::Assistant => {
            match turn.parts.last() {
                Some(Part { what: What::Text(_), .. }) => Err(turn.value.no_equivalent()),
                _ => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

/// Notes the marks for the prompt cache, which OpenAI keeps by itself.
fn lose_cache(parts: &[Part<'_>], role: Role, lossy: &mut Lossy) {
    let has_mark = |part: &Part<'_>| {
        part.cache.is_some()
            || matches!(&part.what, What::Result { parts, .. }
                if parts.iter().any(|part| part.cache.is_some()))
    };
    if parts.iter().any(has_mark) {
        let place = if role == Role::System { "system" } else { "messages.content" };
        lossy.note(&format!("{place}.cache_control"));
    }
}

/// Notes that tools failed, where that cannot be said.
fn lose_failure(part: &Part<'_>, lossy: &mut Lossy) {
    if matches!(part.what, What::Result { is_error: true, .. }) {
        lossy.note("messages.content.is_error");
    }
}

/// The texts of parts that are nothing else.
fn texts<'p, 'a>(parts: &'p [Part<'a>]) -> Option<Vec<&'a str>>
where
    'a: 'p,
{
    let text = |part: &Part<'a>| match part.what {
        What::Text(text) => text.as_str(),
        _ => None,
    };
    parts.iter().map(text).collect()
}

/// Bytes of a `safety_identifier`, as OpenAI takes them.
const USER_BYTES_MAX: usize = 64;

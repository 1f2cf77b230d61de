//! Writes a Chat Completions request. Never writes what only newer servers than those of OpenAI's
//! own API know.

use super::super::super::json::write::Writer;
use super::super::super::{Lossy, Order, Refused};
use super::super::conversation::{Choice, Conversation, Format, Part, Role, Source, Turn, What};
use super::{
    arguments, function, lose_cache, lose_failure, no_prefill, openai, schema, thinking, url, user,
};

/// Writes `talk` into `out`.
pub fn write(
    out: &mut Vec<u8>,
    talk: &Conversation<'_>,
    order: &Order<'_>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    no_prefill(talk, order)?;
    let mut json = Writer::new(out);
    json.object();
    openai(&mut json, talk, order.model.unwrap_or(talk.model), lossy);
    options(&mut json, talk, order, lossy)?;
    tools(&mut json, talk);
    json.key("messages").list();
    for turn in &talk.turns {
        message(&mut json, turn, lossy)?;
    }
    json.end_list().end();
    Ok(())
}

fn options(
    json: &mut Writer<'_>,
    talk: &Conversation<'_>,
    order: &Order<'_>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    if talk.stream {
        // Usage is asked for always: it is accounted; who did not ask for it is not given it.
        json.key("stream_options").object().key("include_usage").truth(true).end();
    }
    if let Some(bound) = talk.max_tokens {
        json.member("max_completion_tokens", bound.raw());
    }
    if let Some(stop) = talk.stop {
        if stop.elements().count() > STOPS_MAX {
            return Err(stop.no_equivalent());
        }
        json.member("stop", stop.raw());
    }
    if let Some(effort) = thinking::effort(talk) {
        json.text("reasoning_effort", effort);
    }
    match &talk.format {
        None => {}
        Some(Format::Object(_)) => {
            json.key("response_format").object().text("type", "json_object").end();
        }
        Some(format) => {
            json.key("response_format").object().text("type", "json_schema");
            json.key("json_schema").object();
            schema(json, format);
            json.end().end();
        }
    }
    if let Some(verbosity) = talk.verbosity {
        json.member("verbosity", verbosity.raw());
    }
    if talk.store {
        json.key("store").truth(true);
    }
    if !user(json, "user", talk, order) {
        lossy.note("metadata.user_id");
    }
    Ok(())
}

fn tools(json: &mut Writer<'_>, talk: &Conversation<'_>) {
    if !talk.tools.is_empty() {
        json.key("tools").list();
        for tool in &talk.tools {
            json.object().text("type", "function").key("function").object();
            function(json, tool);
            if let Some(schema) = tool.schema {
                json.member("parameters", schema.raw());
            }
            if let Some(strict) = tool.strict {
                json.key("strict").truth(strict);
            }
            json.end().end();
        }
        json.end_list();
    }
    match talk.choice {
        None => {}
        Some(Choice::One(name)) => {
            json.key("tool_choice").object().text("type", "function");
            json.key("function").object().text("name", name).end().end();
        }
        Some(choice) => {
            json.text("tool_choice", choice.word().unwrap_or("auto"));
        }
    }
}

fn message(json: &mut Writer<'_>, turn: &Turn<'_>, lossy: &mut Lossy) -> Result<(), Refused> {
    lose_cache(&turn.parts, turn.role, lossy);
    match turn.role {
        Role::Assistant => assistant(json, turn, lossy),
        Role::System if turn.parts.is_empty() => Ok(()),
        Role::System => {
            json.object().text("role", "system").key("content");
            content(json, turn.parts.iter())?;
            json.end();
            Ok(())
        }
        Role::User => side_of_user(json, turn, lossy),
    }
}

/// Results become messages of their own, first of all: they must follow their calls. What of them
/// is no text comes after, as what the user shows.
fn side_of_user(json: &mut Writer<'_>, turn: &Turn<'_>, lossy: &mut Lossy) -> Result<(), Refused> {
    let (mut shown, mut said, mut any_result) = (Vec::new(), Vec::new(), false);
    for part in &turn.parts {
        let What::Result { id, parts, .. } = &part.what else {
            said.push(part);
            continue;
        };
        any_result = true;
        lose_failure(part, lossy);
        let is_text = |part: &&Part<'_>| matches!(part.what, What::Text(_));
        shown.extend(parts.iter().filter(|part| !is_text(part)));
        json.object().text("role", "tool").text("tool_call_id", id).key("content");
        content(json, parts.iter().filter(is_text))?;
        json.end();
    }
    shown.extend(said);
    if !any_result || !shown.is_empty() {
        json.object().text("role", "user").key("content");
        content(json, shown.into_iter())?;
        json.end();
    }
    Ok(())
}

fn assistant(json: &mut Writer<'_>, turn: &Turn<'_>, lossy: &mut Lossy) -> Result<(), Refused> {
    let is_call = |part: &&Part<'_>| matches!(part.what, What::Call { .. });
    let first_call = turn.parts.iter().position(|part| is_call(&part));
    if first_call.is_some_and(|at| turn.parts.iter().skip(at).any(|part| !is_call(&part))) {
        // Calls come after all text here.
        lossy.note("messages.content.text");
    }
    if turn.parts.is_empty() {
        return Ok(());
    }
    json.object().text("role", "assistant").key("content");
    let said: Vec<_> = turn.parts.iter().filter(|part| !is_call(part)).collect();
    if said.is_empty() {
        json.null();
    } else {
        content(json, said.into_iter())?;
    }
    if first_call.is_some() {
        json.key("tool_calls").list();
        for part in &turn.parts {
            let What::Call { id, input, name } = part.what else { continue };
            json.object().text("id", id).text("type", "function");
            json.key("function").object().text("name", name);
            arguments(json, input);
            json.end().end();
        }
        json.end_list();
    }
    json.end();
    Ok(())
}

/// A lone text as a string, which every server takes; else a list.
fn content<'p, 'a: 'p>(
    json: &mut Writer<'_>,
    parts: impl Iterator<Item = &'p Part<'a>>,
) -> Result<(), Refused> {
    let parts: Vec<&Part<'a>> = parts.collect();
    match parts.as_slice() {
        [] => {
            json.string("");
        }
        [Part { what: What::Text(text), .. }] => {
            json.raw(text.raw());
        }
        parts => {
            json.list();
            for part in parts {
                write_part(json, part)?;
            }
            json.end_list();
        }
    }
    Ok(())
}

fn write_part(json: &mut Writer<'_>, part: &Part<'_>) -> Result<(), Refused> {
    json.object();
    match &part.what {
        What::Audio(audio) => {
            json.text("type", "input_audio").member("input_audio", audio.raw());
        }
        What::File { name, source } => {
            json.text("type", "file").key("file").object();
            match source {
                Source::Base64(..) => {
                    json.text("filename", name.unwrap_or("document.pdf")).key("file_data");
                    url(json, *source);
                }
                Source::Id(id) => {
                    json.member("file_id", id.raw());
                }
                Source::Url(_) => return Err(part.value.no_equivalent()),
            }
            json.end();
        }
        What::Image { source: Source::Id(_), .. } | What::Call { .. } | What::Result { .. } => {
            return Err(part.value.no_equivalent());
        }
        What::Image { detail, source } => {
            json.text("type", "image_url").key("image_url").object().key("url");
            url(json, *source);
            if let Some(detail) = detail {
                json.text("detail", detail);
            }
            json.end();
        }
        What::Text(text) => {
            json.text("type", "text").member("text", text.raw());
        }
    }
    json.end();
    Ok(())
}

/// Stop sequences that the API takes.
const STOPS_MAX: usize = 4;

//! Writes an OpenAI Responses request. Never leaves state at the provider unasked.

use super::super::super::json::Value;
use super::super::super::json::write::Writer;
use super::super::super::{Lossy, Order, Refused};
use super::super::conversation::{Choice, Conversation, Format, Part, Role, Source, Turn, What};
use super::{
    arguments, function, lose_cache, lose_failure, no_prefill, openai, schema, texts, thinking,
    url, user,
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
    let leading = talk.turns.iter().take_while(|turn| turn.role == Role::System).count();
    let (system, rest) = talk.turns.split_at_checked(leading).unwrap_or((&[], &talk.turns));
    instructions(&mut json, system, lossy);
    json.key("input").list();
    for turn in rest {
        items(&mut json, turn, lossy)?;
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
    if let Some(stop) = talk.stop {
        return Err(stop.no_equivalent());
    }
    if let Some(bound) = talk.max_tokens.and_then(Value::as_u64) {
        if bound < OUTPUT_MIN {
            lossy.note("max_tokens");
        }
        json.key("max_output_tokens").count(bound.max(OUTPUT_MIN));
    }
    if let Some(effort) = thinking::effort(talk) {
        json.key("reasoning").object().text("effort", effort).end();
    }
    if talk.format.is_some() || talk.verbosity.is_some() {
        json.key("text").object();
        match &talk.format {
            None => {}
            Some(Format::Object(_)) => {
                json.key("format").object().text("type", "json_object").end();
            }
            Some(format) => {
                json.key("format").object().text("type", "json_schema");
                schema(json, format);
                json.end();
            }
        }
        if let Some(verbosity) = talk.verbosity {
            json.member("verbosity", verbosity.raw());
        }
        json.end();
    }
    if !user(json, "safety_identifier", talk, order) {
        lossy.note("metadata.user_id");
    }
    // Left out, it would be true: the other forms keep nothing.
    json.key("store").truth(talk.store);
    Ok(())
}

fn tools(json: &mut Writer<'_>, talk: &Conversation<'_>) {
    if !talk.tools.is_empty() {
        json.key("tools").list();
        for tool in &talk.tools {
            json.object().text("type", "function");
            function(json, tool);
            json.member("parameters", tool.schema.map_or(b"null", |schema| schema.raw()));
            // Left out, it would be true here and false in the other forms.
            json.key("strict").truth(tool.strict.unwrap_or(false)).end();
        }
        json.end_list();
    }
    match talk.choice {
        None => {}
        Some(Choice::One(name)) => {
            json.key("tool_choice").object().text("type", "function").text("name", name).end();
        }
        Some(choice) => {
            json.text("tool_choice", choice.word().unwrap_or("auto"));
        }
    }
}

/// What the operator says before all else; texts stand on lines of their own.
fn instructions(json: &mut Writer<'_>, system: &[Turn<'_>], lossy: &mut Lossy) {
    let mut said = Vec::new();
    for turn in system {
        lose_cache(&turn.parts, turn.role, lossy);
        for text in texts(&turn.parts).unwrap_or_default() {
            said.extend((!said.is_empty()).then_some("\n"));
            said.push(text);
        }
    }
    if !said.is_empty() {
        json.key("instructions").string_of(said);
    }
}

fn items(json: &mut Writer<'_>, turn: &Turn<'_>, lossy: &mut Lossy) -> Result<(), Refused> {
    lose_cache(&turn.parts, turn.role, lossy);
    let is_item = |part: &Part<'_>| matches!(part.what, What::Call { .. } | What::Result { .. });
    for parts in turn.parts.chunk_by(|one, next| !is_item(one) && !is_item(next)) {
        match parts {
            [Part { what: What::Call { id, input, name }, .. }] => {
                json.object().text("type", "function_call").text("call_id", id);
                json.text("name", name);
                arguments(json, *input);
                json.end();
            }
            [part @ Part { what: What::Result { id, parts, .. }, .. }] => {
                lose_failure(part, lossy);
                json.object().text("type", "function_call_output").text("call_id", id);
                json.key("output");
                result(json, parts)?;
                json.end();
            }
            parts => message(json, turn.role, parts)?,
        }
    }
    Ok(())
}

fn result(json: &mut Writer<'_>, parts: &[Part<'_>]) -> Result<(), Refused> {
    match parts {
        [] => {
            json.string("");
        }
        [Part { what: What::Text(text), .. }] => {
            json.raw(text.raw());
        }
        parts => content(json, Role::User, parts)?,
    }
    Ok(())
}

fn message(json: &mut Writer<'_>, role: Role, parts: &[Part<'_>]) -> Result<(), Refused> {
    let name = match role {
        Role::Assistant => "assistant",
        Role::System => "developer",
        Role::User => "user",
    };
    json.object().text("type", "message").text("role", name).key("content");
    content(json, role, parts)?;
    json.end();
    Ok(())
}

fn content(json: &mut Writer<'_>, role: Role, parts: &[Part<'_>]) -> Result<(), Refused> {
    json.list();
    for part in parts {
        json.object();
        write_part(json, role, part)?;
        json.end();
    }
    json.end_list();
    Ok(())
}

fn write_part(json: &mut Writer<'_>, role: Role, part: &Part<'_>) -> Result<(), Refused> {
    match &part.what {
        What::Text(text) => {
            let kind = if role == Role::Assistant { "output_text" } else { "input_text" };
            json.text("type", kind).member("text", text.raw());
        }
        _ if role != Role::User => return Err(part.value.no_equivalent()),
        What::Audio(audio) => {
            json.text("type", "input_audio").member("input_audio", audio.raw());
        }
        What::File { name, source } => {
            json.text("type", "input_file");
            match source {
                Source::Base64(..) => {
                    json.text("filename", name.unwrap_or("document.pdf")).key("file_data");
                    url(json, *source);
                }
                Source::Id(id) => {
                    json.member("file_id", id.raw());
                }
                Source::Url(url) => {
                    json.text("file_url", url);
                }
            }
        }
        What::Image { detail, source } => {
            json.text("type", "input_image").text("detail", detail.unwrap_or("auto"));
            match source {
                Source::Id(id) => {
                    json.member("file_id", id.raw());
                }
                source => {
                    json.key("image_url");
                    url(json, *source);
                }
            }
        }
        What::Call { .. } | What::Result { .. } => return Err(part.value.no_equivalent()),
    }
    Ok(())
}

/// The least bound that the API takes.
const OUTPUT_MIN: u64 = 16;

//! Writes an Anthropic Messages request. Never writes an empty text block, two turns of one side
//! after each other, or a system turn: the API refuses them.

use super::super::super::json::Value;
use super::super::super::json::write::Writer;
use super::super::super::{Form, Lossy, Order, Refused, Why};
use super::super::conversation::{Choice, Conversation, Format, Part, Role, Source, What};
use super::super::read::says_something;
use super::thinking::{self, Thought};
use super::{function, input};

/// Writes `talk` into `out`.
pub fn write(
    out: &mut Vec<u8>,
    talk: &Conversation<'_>,
    order: &Order<'_>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    let mut json = Writer::new(out);
    let model = order.model.unwrap_or(talk.model);
    json.object().text("model", model);
    let bound = talk.max_tokens.and_then(Value::as_u64);
    let thought = thinking::for_anthropic(&mut json, talk, model, bound, lossy);
    let default = u64::from(order.max_tokens_default) + thought.budget.unwrap_or(0);
    json.key("max_tokens").count(bound.unwrap_or(default));
    output(&mut json, talk, thought)?;
    options(&mut json, talk, thought, lossy);
    tools(&mut json, talk);
    system(&mut json, talk, order, lossy)?;
    messages(&mut json, talk, order, lossy)?;
    json.end();
    Ok(())
}

/// `output_config`: the effort and the form of the answer.
fn output(
    json: &mut Writer<'_>,
    talk: &Conversation<'_>,
    thought: Thought<'_>,
) -> Result<(), Refused> {
    if thought.effort.is_none() && talk.format.is_none() {
        return Ok(());
    }
    json.key("output_config").object();
    if let Some(effort) = thought.effort {
        json.text("effort", effort);
    }
    match &talk.format {
        None => {}
        Some(Format::Object(value)) => return Err(value.no_equivalent()),
        Some(Format::Schema { schema, .. }) => {
            json.key("format").object().text("type", "json_schema");
            json.member("schema", schema.raw()).end();
        }
    }
    json.end();
    Ok(())
}

fn options(
    json: &mut Writer<'_>,
    talk: &Conversation<'_>,
    thought: Thought<'_>,
    lossy: &mut Lossy,
) {
    if talk.stream {
        json.key("stream").truth(true);
    }
    if let Some(stop) = talk.stop {
        json.key("stop_sequences");
        match stop.as_str() {
            Some(text) => json.list().string(text).end_list(),
            None => json.raw(stop.raw()),
        };
    }
    match talk.temperature {
        Some(value) if thought.thinks && value.as_f64() != Some(1.0) => lossy.note("temperature"),
        Some(value) if value.as_f64().is_some_and(|heat| heat > 1.0) => {
            json.key("temperature").count(1);
            lossy.note("temperature");
        }
        Some(value) => {
            json.member("temperature", value.raw());
        }
        None => {}
    }
    match talk.top_p {
        Some(value) if thought.thinks && value.as_f64().is_some_and(|top| top < TOP_P_MIN) => {
            lossy.note("top_p");
        }
        Some(value) => {
            json.member("top_p", value.raw());
        }
        None => {}
    }
    if let Some(user) = talk.user {
        json.key("metadata").object().text("user_id", user).end();
    }
    match talk.tier {
        Some("auto") => drop(json.text("service_tier", "auto")),
        Some("default") => drop(json.text("service_tier", "standard_only")),
        Some(_) => lossy.note("service_tier"),
        None => {}
    }
    for (name, _) in talk.shared.iter().filter(|(_, value)| says_something(*value)) {
        lossy.note(name);
    }
    for (name, is_said) in [("verbosity", talk.verbosity.is_some()), ("store", talk.store)] {
        if is_said {
            lossy.note(name);
        }
    }
}

fn tools(json: &mut Writer<'_>, talk: &Conversation<'_>) {
    if !talk.tools.is_empty() {
        json.key("tools").list();
        for tool in &talk.tools {
            json.object();
            function(json, tool);
            let schema = tool.schema.map_or(NO_INPUT, |schema| schema.raw());
            json.member("input_schema", schema);
            if tool.strict == Some(true) {
                json.key("strict").truth(true);
            }
            if let Some(cache) = tool.cache {
                json.member("cache_control", cache.raw());
            }
            json.end();
        }
        json.end_list();
    }
    let alone = talk.parallel == Some(false) && !talk.tools.is_empty();
    let Some(choice) = talk.choice.or(alone.then_some(Choice::Auto)) else { return };
    json.key("tool_choice").object();
    match choice {
        Choice::Auto => json.text("type", "auto"),
        Choice::None => json.text("type", "none"),
        Choice::One(name) => json.text("type", "tool").text("name", name),
        Choice::Required => json.text("type", "any"),
    };
    if alone && choice != Choice::None {
        json.key("disable_parallel_tool_use").truth(true);
    }
    json.end();
}

/// All that the operator says, wherever it was said.
fn system(
    json: &mut Writer<'_>,
    talk: &Conversation<'_>,
    order: &Order<'_>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    let is_system = |role| role == Role::System;
    if talk.turns.iter().skip_while(|turn| is_system(turn.role)).any(|it| is_system(it.role)) {
        lossy.note(if order.from == Form::Responses { "input.role" } else { "messages.role" });
    }
    let mut parts = talk.turns.iter().filter(|it| is_system(it.role)).flat_map(|it| &it.parts);
    let first = parts.next();
    match (first, parts.next()) {
        (None, _) => {}
        (Some(Part { cache: None, what: What::Text(text), .. }), None) => {
            json.member("system", text.raw());
        }
        (Some(first), second) => {
            json.key("system").list();
            for part in [first].into_iter().chain(second).chain(parts) {
                block(json, part, lossy)?;
            }
            json.end_list();
        }
    }
    Ok(())
}

fn messages(
    json: &mut Writer<'_>,
    talk: &Conversation<'_>,
    order: &Order<'_>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    let spoken: Vec<_> = talk
        .turns
        .iter()
        .filter(|turn| turn.role != Role::System && !turn.parts.is_empty())
        .collect();
    if spoken.is_empty() {
        let place = if order.from == Form::Responses { "input" } else { "messages" };
        return Err(Refused::new(place, Why::Wanted("a message of the user")));
    }
    json.key("messages").list();
    for side in spoken.chunk_by(|one, next| one.role == next.role) {
        let role = side.first().map_or(Role::User, |turn| turn.role);
        let role = if role == Role::Assistant { "assistant" } else { "user" };
        json.object().text("role", role).key("content").list();
        // Results come first: they must follow their calls.
        let is_result = |part: &&Part<'_>| matches!(part.what, What::Result { .. });
        let parts = || side.iter().flat_map(|turn| &turn.parts);
        for part in parts().filter(is_result).chain(parts().filter(|part| !is_result(part))) {
            block(json, part, lossy)?;
        }
        json.end_list().end();
    }
    json.end_list();
    Ok(())
}

fn block(json: &mut Writer<'_>, part: &Part<'_>, lossy: &mut Lossy) -> Result<(), Refused> {
    json.object();
    match &part.what {
        What::Audio(_) => return Err(part.value.no_equivalent()),
        What::Call { id, input: given, name } => {
            json.text("type", "tool_use").text("id", id).text("name", name);
            input(json, *given)?;
        }
        What::File { name, source } => {
            json.text("type", "document").key("source");
            write_source(json, part, *source)?;
            if let Some(name) = name {
                json.text("title", name);
            }
        }
        What::Image { detail, source } => {
            json.text("type", "image").key("source");
            write_source(json, part, *source)?;
            if !matches!(detail, None | Some("auto")) {
                lossy.note("messages.content.detail");
            }
        }
        What::Result { id, is_error, parts } => {
            json.text("type", "tool_result").text("tool_use_id", id);
            result(json, parts, lossy)?;
            if *is_error {
                json.key("is_error").truth(true);
            }
        }
        What::Text(text) => {
            json.text("type", "text").member("text", text.raw());
        }
    }
    if let Some(cache) = part.cache {
        json.member("cache_control", cache.raw());
    }
    json.end();
    Ok(())
}

fn result(json: &mut Writer<'_>, parts: &[Part<'_>], lossy: &mut Lossy) -> Result<(), Refused> {
    match parts {
        [] => {}
        [Part { cache: None, what: What::Text(text), .. }] => {
            json.member("content", text.raw());
        }
        parts => {
            json.key("content").list();
            for part in parts {
                block(json, part, lossy)?;
            }
            json.end_list();
        }
    }
    Ok(())
}

fn write_source(json: &mut Writer<'_>, part: &Part<'_>, source: Source<'_>) -> Result<(), Refused> {
    json.object();
    match source {
        Source::Base64(media, bytes) => {
            json.text("type", "base64").text("media_type", media).text("data", bytes);
        }
        Source::Id(_) => return Err(part.value.no_equivalent()),
        Source::Url(url) => {
            json.text("type", "url").text("url", url);
        }
    }
    json.end();
    Ok(())
}

/// The schema of a tool that takes nothing.
const NO_INPUT: &[u8] = br#"{"type":"object","properties":{}}"#;
/// The least that the API takes beside thinking.
const TOP_P_MIN: f64 = 0.95;

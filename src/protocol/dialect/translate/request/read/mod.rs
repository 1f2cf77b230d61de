//! Readers of the three forms, and what two of them share. They note as lost what no other form
//! has, and refuse what must not get lost. Never know the form to come.

pub mod chat;
pub mod messages;
pub mod part;
pub mod responses;

use super::super::json::Value;
use super::super::{Lossy, Refused};
use super::conversation::{Conversation, Format, Tool, Turn};

/// Notes `place.key` as lost, unless it says nothing.
pub fn lose(lossy: &mut Lossy, place: &str, key: &str, value: Value<'_>) {
    if says_something(value) {
        let dot = if place.is_empty() { "" } else { "." };
        lossy.note(&format!("{place}{dot}{key}"));
    }
}

/// Refuses `value` unless it says nothing.
pub fn forbid(value: Value<'_>) -> Result<(), Refused> {
    if says_something(value) { Err(value.no_equivalent()) } else { Ok(()) }
}

/// Neither `null`, `false`, 0, nor empty.
pub fn says_something(value: Value<'_>) -> bool {
    let is_empty = (value.is_array() && value.elements().next().is_none())
        || (value.is_object() && value.members().next().is_none());
    !value.is_null()
        && value.as_bool() != Some(false)
        && value.as_f64() != Some(0.0)
        && value.as_str() != Some("")
        && !is_empty
}

/// Checks what no conversation can do without.
pub fn whole<'a>(
    root: Value<'a>,
    conversation: Conversation<'a>,
) -> Result<Conversation<'a>, Refused> {
    root.object()?;
    if conversation.model.is_empty() {
        return Err(root.required("model").err().unwrap_or_else(|| root.wanted("a model")));
    }
    Ok(conversation)
}

/// Adds to the last turn when the same side goes on and `joins`, else begins one.
pub fn say<'a>(conversation: &mut Conversation<'a>, turn: Turn<'a>, joins: bool) {
    match conversation.turns.last_mut() {
        Some(last) if joins && last.role == turn.role => last.parts.extend(turn.parts),
        _ => conversation.turns.push(turn),
    }
}

/// A field that Chat and Responses both have, for either reader. `false`: it is none.
pub fn shared<'a>(
    conversation: &mut Conversation<'a>,
    key: &'a str,
    value: Value<'a>,
) -> Result<bool, Refused> {
    if value.is_null() {
        return Ok(true);
    }
    match key {
        "model" => conversation.model = value.text()?,
        "stream" => conversation.stream = value.truth()?,
        "temperature" => conversation.temperature = Some(value.number()?),
        "top_p" => conversation.top_p = Some(value.number()?),
        "parallel_tool_calls" => conversation.parallel = Some(value.truth()?),
        "service_tier" => conversation.tier = Some(value.text()?),
        "safety_identifier" => conversation.user = Some(value.text()?),
        "user" => conversation.user = conversation.user.or(Some(value.text()?)),
        "metadata" => {
            value.object()?;
            conversation.shared.push((key, value));
        }
        "prompt_cache_key" | "prompt_cache_retention" => {
            value.text()?;
            conversation.shared.push((key, value));
        }
        "store" => conversation.store = value.truth()?,
        "stream_options" => {
            let usage = value.get("include_usage").and_then(Value::as_bool);
            conversation.include_usage = usage.unwrap_or(false);
        }
        "top_logprobs" => forbid(value)?,
        _ => return Ok(false),
    }
    Ok(true)
}

/// The functions in a list of tools. What a provider runs itself, or a client in free text, has no
/// equivalent: it is lost where there are functions to work with instead, and refused where it is
/// all that is offered.
pub fn offered<'a>(
    tools: Value<'a>,
    lossy: &mut Lossy,
    read: impl Fn(Value<'a>, &mut Lossy) -> Result<Option<Tool<'a>>, Refused>,
) -> Result<Vec<Tool<'a>>, Refused> {
    let (mut functions, mut foreign) = (Vec::new(), None);
    for tool in tools.list()? {
        if let Some(function) = read(tool, lossy)? {
            functions.push(function);
        } else {
            let kind = tool.need("type", "a string")?;
            lossy.note(&format!("tools.{}", kind.text()?));
            foreign = foreign.or(Some(kind));
        }
    }
    match foreign {
        Some(kind) if functions.is_empty() => Err(kind.no_equivalent()),
        _ => Ok(functions),
    }
}

/// A function that the client runs, from the object that names it.
pub fn function<'a>(value: Value<'a>, place: &str, lossy: &mut Lossy) -> Result<Tool<'a>, Refused> {
    let mut tool = Tool {
        cache: None,
        description: None,
        name: value.required("name")?,
        schema: None,
        strict: None,
    };
    for (key, value) in value.object()?.filter(|(_, value)| !value.is_null()) {
        match key {
            "name" | "type" => {}
            "description" => tool.description = value.text().map(|_| Some(value))?,
            "parameters" | "input_schema" => tool.schema = value.object().map(|_| Some(value))?,
            "strict" => tool.strict = Some(value.truth()?),
            "cache_control" => tool.cache = Some(value),
            _ => lose(lossy, place, key, value),
        }
    }
    Ok(tool)
}

/// The form of an answer that is JSON, from the object that holds the schema.
pub fn schema<'a>(value: Value<'a>, place: &str, lossy: &mut Lossy) -> Result<Format<'a>, Refused> {
    let schema = value.need("schema", "an object")?;
    schema.object()?;
    let (mut description, mut name, mut strict) = (None, None, None);
    for (key, value) in value.object()?.filter(|(_, value)| !value.is_null()) {
        match key {
            "schema" | "type" => {}
            "name" => name = Some(value.text()?),
            "description" => description = value.text().map(|_| Some(value))?,
            "strict" => strict = Some(value.truth()?),
            _ => lose(lossy, place, key, value),
        }
    }
    Ok(Format::Schema { description, name, schema, strict })
}

//! Reads a Chat Completions request. Never takes the functions that tools replaced.

use super::super::super::json::Value;
use super::super::super::{Lossy, Refused};
use super::super::conversation::{
    Choice, Conversation, Format, Input, Part, Role, Thinking, Turn, What,
};
use super::{forbid, function, lose, offered, part, say, schema, shared, whole};

/// Reads the request that `root` is.
pub fn read<'a>(root: Value<'a>, lossy: &mut Lossy) -> Result<Conversation<'a>, Refused> {
    let mut chat = Conversation::default();
    for (key, value) in root.object()? {
        if !shared(&mut chat, key, value)? {
            field(&mut chat, key, value, lossy)?;
        }
    }
    let messages = root.need("messages", "an array")?;
    messages.list()?.try_for_each(|value| message(&mut chat, value, lossy))?;
    if let Some(bound) = root.get("max_completion_tokens") {
        chat.max_tokens = Some(bound);
    }
    whole(root, chat)
}

fn field<'a>(
    chat: &mut Conversation<'a>,
    key: &'a str,
    value: Value<'a>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    match key {
        "messages" => {}
        "max_completion_tokens" | "max_tokens" => {
            chat.max_tokens = value.count().map(|_| Some(value))?;
        }
        "stop" => chat.stop = stop(value)?,
        "tools" => {
            chat.tools = offered(value, lossy, |value, lossy| {
                if value.required("type")? != "function" {
                    return Ok(None);
                }
                let inner = value.need("function", "an object")?;
                let mut tool = function(inner, "tools.function", lossy)?;
                tool.cache = tool.cache.or(value.get("cache_control"));
                Ok(Some(tool))
            })?;
        }
        "tool_choice" => chat.choice = Some(choice(value)?),
        "reasoning_effort" => {
            let effort = value.text()?;
            chat.thinking =
                Some(if effort == "none" { Thinking::Off } else { Thinking::Effort(effort) });
        }
        "response_format" => chat.format = format(value, lossy)?,
        "verbosity" => chat.verbosity = value.text().map(|_| Some(value))?,
        "n" if value.as_u64() == Some(1) => {}
        "modalities" => {
            let other = value.list()?.find(|value| value.as_str() != Some("text"));
            other.map_or(Ok(()), |value| Err(value.no_equivalent()))?;
        }
        "audio" | "function_call" | "functions" | "logit_bias" | "logprobs" | "n"
        | "prediction" | "web_search_options" => forbid(value)?,
        _ => lose(lossy, "", key, value),
    }
    Ok(())
}

/// `stop`: one string or some; none is none.
pub fn stop(value: Value<'_>) -> Result<Option<Value<'_>>, Refused> {
    if value.as_str().is_some() {
        return Ok(Some(value));
    }
    let mut any = false;
    for value in value.list().map_err(|_| value.wanted("a string or an array"))? {
        value.text()?;
        any = true;
    }
    Ok(any.then_some(value))
}

fn message<'a>(
    chat: &mut Conversation<'a>,
    value: Value<'a>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    let (role, joins) = match value.required("role")? {
        "system" | "developer" => (Role::System, false),
        "user" => (Role::User, false),
        "assistant" => (Role::Assistant, false),
        "tool" => (Role::User, last_is_results(chat)),
        "function" => return Err(value.need("role", "a string")?.no_equivalent()),
        _ => return Err(value.need("role", "a role")?.wanted("a role")),
    };
    let is_tool = value.str_of("role") == Some("tool");
    let mut parts = Vec::new();
    for (key, member) in value.object()?.filter(|(_, member)| !member.is_null()) {
        match key {
            "role" | "tool_call_id" => {}
            "name" if is_tool => {}
            "content" => parts.splice(..0, part::content(member, CONTENT, lossy)?).for_each(drop),
            "refusal" => {
                member.text()?;
                parts.extend(part::text_part(member));
            }
            "tool_calls" => {
                for value in member.list()? {
                    parts.push(call(value)?);
                }
            }
            "audio" | "function_call" => return Err(member.no_equivalent()),
            _ => lose(lossy, "messages", key, member),
        }
    }
    if role == Role::System {
        part::only_text(&parts)?;
    }
    // Calls come after what is said, however the members are ordered.
    parts.sort_by_key(|part| matches!(part.what, What::Call { .. }));
    if is_tool {
        let what = What::Result { id: value.required("tool_call_id")?, is_error: false, parts };
        parts = vec![Part { cache: value.get("cache_control"), value, what }];
    }
    say(chat, Turn { parts, role, value }, joins);
    Ok(())
}

/// Whether the last turn holds results of tools and nothing else.
pub fn last_is_results(conversation: &Conversation<'_>) -> bool {
    conversation.turns.last().is_some_and(|turn| {
        let is_result = |part: &Part<'_>| matches!(part.what, What::Result { .. });
        !turn.parts.is_empty() && turn.parts.iter().all(is_result)
    })
}

fn call(value: Value<'_>) -> Result<Part<'_>, Refused> {
    if value.get("type").is_some_and(|kind| kind.as_str() != Some("function")) {
        return Err(value.need("type", "a string")?.no_equivalent());
    }
    let function = value.need("function", "an object")?;
    let arguments = function.get("arguments");
    let text = arguments.map_or(Ok(""), Value::text)?;
    let what = What::Call {
        id: value.required("id")?,
        input: Input::Text(text, arguments.unwrap_or(function)),
        name: function.required("name")?,
    };
    Ok(Part { cache: value.get("cache_control"), value, what })
}

fn choice(value: Value<'_>) -> Result<Choice<'_>, Refused> {
    if !value.is_object() {
        return Choice::of_word(value);
    }
    match value.required("type")? {
        "function" => Ok(Choice::One(value.need("function", "an object")?.required("name")?)),
        _ => Err(value.no_equivalent()),
    }
}

fn format<'a>(value: Value<'a>, lossy: &mut Lossy) -> Result<Option<Format<'a>>, Refused> {
    match value.required("type")? {
        "text" => Ok(None),
        "json_object" => Ok(Some(Format::Object(value))),
        "json_schema" => {
            let inner = value.need("json_schema", "an object")?;
            schema(inner, "response_format.json_schema", lossy).map(Some)
        }
        _ => Err(value.no_equivalent()),
    }
}

const CONTENT: &str = "messages.content";

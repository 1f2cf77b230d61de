//! Reads an Anthropic Messages request. Never hands on what is signed for Anthropic alone.

use super::super::super::json::Value;
use super::super::super::{Lossy, Refused};
use super::super::conversation::{
    Choice, Conversation, Input, Part, Role, Thinking, Tool, Turn, What,
};
use super::{chat, forbid, function, lose, offered, part, say, schema, whole};

/// Reads the request that `root` is.
pub fn read<'a>(root: Value<'a>, lossy: &mut Lossy) -> Result<Conversation<'a>, Refused> {
    let mut talk = Conversation::default();
    if let Some(system) = root.get("system") {
        let parts = part::content(system, "system", lossy)?;
        part::only_text(&parts)?;
        say(&mut talk, Turn { parts, role: Role::System, value: system }, false);
    }
    let messages = root.need("messages", "an array")?;
    messages.list()?.try_for_each(|value| message(&mut talk, value, lossy))?;
    for (key, value) in root.object()?.filter(|(_, value)| !value.is_null()) {
        field(&mut talk, key, value, lossy)?;
    }
    whole(root, talk)
}

fn field<'a>(
    talk: &mut Conversation<'a>,
    key: &'a str,
    value: Value<'a>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    match key {
        "model" => talk.model = value.text()?,
        "messages" | "system" => {}
        "max_tokens" => talk.max_tokens = value.count().map(|_| Some(value))?,
        "stop_sequences" => talk.stop = chat::stop(value)?,
        "stream" => talk.stream = value.truth()?,
        "temperature" => talk.temperature = Some(value.number()?),
        "top_p" => talk.top_p = Some(value.number()?),
        "tools" => {
            talk.tools = offered(value, lossy, tool)?;
        }
        "tool_choice" => choice(talk, value)?,
        "thinking" => thinking(talk, value)?,
        "output_config" => output(talk, value, lossy)?,
        "output_format" => format(talk, value, key, lossy)?,
        "metadata" => {
            for (key, value) in value.object()?.filter(|(_, value)| !value.is_null()) {
                match key {
                    "user_id" => talk.user = Some(value.text()?),
                    _ => lose(lossy, "metadata", key, value),
                }
            }
        }
        "service_tier" => match value.text()? {
            "auto" => talk.tier = Some("auto"),
            "standard_only" => talk.tier = Some("default"),
            _ => lossy.note("service_tier"),
        },
        // Where data may be processed is a promise; servers and containers are part of the task.
        "container" | "inference_geo" | "mcp_servers" => forbid(value)?,
        _ => lose(lossy, "", key, value),
    }
    Ok(())
}

fn message<'a>(
    talk: &mut Conversation<'a>,
    value: Value<'a>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    let role = match value.required("role")? {
        "assistant" => Role::Assistant,
        "system" => Role::System,
        "user" => Role::User,
        _ => return Err(value.need("role", "a role")?.wanted("user or assistant")),
    };
    for (key, value) in value.members().filter(|(key, _)| !matches!(*key, "role" | "content")) {
        lose(lossy, "messages", key, value);
    }
    let content = value.need("content", "a string or an array")?;
    let mut parts = Vec::new();
    if content.is_array() {
        for block in content.elements() {
            match block.required("type")? {
                "tool_use" => parts.push(call(block, lossy)?),
                "tool_result" => parts.push(result(block, lossy)?),
                _ => part::read(block, CONTENT, lossy, &mut parts)?,
            }
        }
    } else {
        parts = part::content(content, CONTENT, lossy)?;
    }
    if role == Role::System {
        part::only_text(&parts)?;
    }
    say(talk, Turn { parts, role, value }, false);
    Ok(())
}

fn call<'a>(value: Value<'a>, lossy: &mut Lossy) -> Result<Part<'a>, Refused> {
    let input = value.need("input", "an object")?;
    input.object()?;
    for (key, value) in value.members() {
        if !["type", "id", "name", "input", "cache_control"].contains(&key) {
            lose(lossy, CONTENT, key, value);
        }
    }
    let what = What::Call {
        id: value.required("id")?,
        input: Input::Object(input.raw()),
        name: value.required("name")?,
    };
    Ok(Part { cache: value.get("cache_control"), value, what })
}

fn result<'a>(value: Value<'a>, lossy: &mut Lossy) -> Result<Part<'a>, Refused> {
    let parts = match value.get("content") {
        Some(content) => part::content(content, "messages.content.content", lossy)?,
        None => Vec::new(),
    };
    let what = What::Result {
        id: value.required("tool_use_id")?,
        is_error: value.get("is_error").map_or(Ok(false), Value::truth)?,
        parts,
    };
    Ok(Part { cache: value.get("cache_control"), value, what })
}

fn tool<'a>(value: Value<'a>, lossy: &mut Lossy) -> Result<Option<Tool<'a>>, Refused> {
    match value.get("type") {
        Some(kind) if kind.as_str() != Some("custom") => Ok(None),
        _ => {
            value.need("input_schema", "an object")?;
            function(value, "tools", lossy).map(Some)
        }
    }
}

fn choice<'a>(talk: &mut Conversation<'a>, value: Value<'a>) -> Result<(), Refused> {
    talk.choice = Some(match value.required("type")? {
        "auto" => Choice::Auto,
        "any" => Choice::Required,
        "none" => Choice::None,
        "tool" => Choice::One(value.required("name")?),
        _ => return Err(value.no_equivalent()),
    });
    if let Some(alone) = value.get("disable_parallel_tool_use") {
        talk.parallel = Some(!alone.truth()?);
    }
    Ok(())
}

fn thinking<'a>(talk: &mut Conversation<'a>, value: Value<'a>) -> Result<(), Refused> {
    match value.required("type")? {
        "enabled" => {
            let budget = value.need("budget_tokens", "a whole number")?.count()?;
            talk.thinking = Some(Thinking::Budget(budget));
        }
        "disabled" => talk.thinking = Some(Thinking::Off),
        // A word for the effort says more.
        "adaptive" => talk.thinking = talk.thinking.or(Some(Thinking::Adaptive)),
        _ => return Err(value.no_equivalent()),
    }
    Ok(())
}

fn output<'a>(
    talk: &mut Conversation<'a>,
    value: Value<'a>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    for (key, value) in value.object()?.filter(|(_, value)| !value.is_null()) {
        match key {
            "effort" => {
                let effort = value.text()?;
                if !matches!(talk.thinking, Some(Thinking::Budget(_) | Thinking::Off)) {
                    talk.thinking = Some(Thinking::Effort(effort));
                }
            }
            "format" => format(talk, value, "output_config.format", lossy)?,
            _ => lose(lossy, "output_config", key, value),
        }
    }
    Ok(())
}

fn format<'a>(
    talk: &mut Conversation<'a>,
    value: Value<'a>,
    place: &str,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    value.object()?;
    match value.required("type")? {
        "json_schema" => talk.format = Some(schema(value, place, lossy)?),
        _ => return Err(value.no_equivalent()),
    }
    Ok(())
}

const CONTENT: &str = "messages.content";

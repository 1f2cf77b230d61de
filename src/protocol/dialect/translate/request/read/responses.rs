//! Reads an OpenAI Responses request. Never follows what is kept at the provider: a response,
//! a conversation, a prompt by id is refused.

use super::super::super::json::Value;
use super::super::super::{Lossy, Refused};
use super::super::conversation::{
    Choice, Conversation, Format, Input, Part, Role, Thinking, Turn, What,
};
use super::{chat, forbid, function, lose, offered, part, say, schema, shared, whole};

/// Reads the request that `root` is.
pub fn read<'a>(root: Value<'a>, lossy: &mut Lossy) -> Result<Conversation<'a>, Refused> {
    let mut talk = Conversation::default();
    if let Some(value) = root.get("instructions") {
        value.text()?;
        let parts = part::text_part(value).into_iter().collect();
        say(&mut talk, Turn { parts, role: Role::System, value }, false);
    }
    let input = root.need("input", "a string or an array")?;
    if input.as_str().is_some() {
        let parts = part::text_part(input).into_iter().collect();
        say(&mut talk, Turn { parts, role: Role::User, value: input }, false);
    } else {
        let mut items = input.list().map_err(|_| input.wanted("a string or an array"))?;
        items.try_for_each(|value| item(&mut talk, value, lossy))?;
    }
    for (key, value) in root.object()?.filter(|(_, value)| !value.is_null()) {
        if !shared(&mut talk, key, value)? {
            field(&mut talk, key, value, lossy)?;
        }
    }
    talk.include_usage = false;
    whole(root, talk)
}

fn field<'a>(
    talk: &mut Conversation<'a>,
    key: &'a str,
    value: Value<'a>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    match key {
        "input" | "instructions" => {}
        "max_output_tokens" => talk.max_tokens = value.count().map(|_| Some(value))?,
        "tools" => {
            talk.tools = offered(value, lossy, |value, lossy| match value.required("type")? {
                "function" => function(value, "tools", lossy).map(Some),
                _ => Ok(None),
            })?;
        }
        "tool_choice" if value.is_object() => match value.required("type")? {
            "function" => talk.choice = Some(Choice::One(value.required("name")?)),
            _ => return Err(value.no_equivalent()),
        },
        "tool_choice" => talk.choice = Some(Choice::of_word(value)?),
        "reasoning" => {
            for (key, value) in value.object()?.filter(|(_, value)| !value.is_null()) {
                match key {
                    "effort" => talk.thinking = Some(effort(value.text()?)),
                    // Others show what they think, or do not, unasked.
                    "generate_summary" | "summary" => {}
                    _ => lose(lossy, "reasoning", key, value),
                }
            }
        }
        "text" => text(talk, value, lossy)?,
        "truncation" if value.as_str() == Some("disabled") => {}
        "background" | "conversation" | "previous_response_id" | "prompt" => forbid(value)?,
        _ => lose(lossy, "", key, value),
    }
    Ok(())
}

fn effort(word: &str) -> Thinking<'_> {
    if word == "none" { Thinking::Off } else { Thinking::Effort(word) }
}

fn text<'a>(
    talk: &mut Conversation<'a>,
    value: Value<'a>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    for (key, value) in value.object()?.filter(|(_, value)| !value.is_null()) {
        match key {
            "format" => match value.required("type")? {
                "text" => {}
                "json_object" => talk.format = Some(Format::Object(value)),
                "json_schema" => talk.format = Some(schema(value, "text.format", lossy)?),
                _ => return Err(value.no_equivalent()),
            },
            "verbosity" => talk.verbosity = value.text().map(|_| Some(value))?,
            _ => lose(lossy, "text", key, value),
        }
    }
    Ok(())
}

fn item<'a>(
    talk: &mut Conversation<'a>,
    value: Value<'a>,
    lossy: &mut Lossy,
) -> Result<(), Refused> {
    value.object()?;
    match value.get("type").map_or(Ok("message"), Value::text)? {
        "message" => message(talk, value, lossy)?,
        "function_call" => {
            let arguments = value.get("arguments");
            let text = arguments.map_or(Ok(""), Value::text)?;
            let what = What::Call {
                id: value.required("call_id")?,
                input: Input::Text(text, arguments.unwrap_or(value)),
                name: value.required("name")?,
            };
            let parts = vec![Part { cache: None, value, what }];
            say(talk, Turn { parts, role: Role::Assistant, value }, true);
        }
        "function_call_output" => {
            let output = value.need("output", "a string or an array")?;
            let parts = part::content(output, "input.output", lossy)?;
            let what = What::Result { id: value.required("call_id")?, is_error: false, parts };
            let joins = chat::last_is_results(talk);
            let parts = vec![Part { cache: None, value, what }];
            say(talk, Turn { parts, role: Role::User, value }, joins);
        }
        // Calls that the client answers, and what stands for a history kept elsewhere.
        "apply_patch_call"
        | "apply_patch_call_output"
        | "compaction"
        | "computer_call"
        | "computer_call_output"
        | "custom_tool_call"
        | "custom_tool_call_output"
        | "item_reference"
        | "local_shell_call"
        | "local_shell_call_output"
        | "mcp_approval_request"
        | "mcp_approval_response"
        | "shell_call"
        | "shell_call_output" => return Err(value.no_equivalent()),
        // Steps that the provider took itself, what it thought, what is new: what came of it is
        // told by the messages.
        kind => lossy.note(&format!("input.{kind}")),
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
        "developer" | "system" => Role::System,
        "user" => Role::User,
        _ => return Err(value.need("role", "a role")?.wanted("a role")),
    };
    for (key, value) in value.members() {
        if !["content", "id", "role", "status", "type"].contains(&key) {
            lose(lossy, "input", key, value);
        }
    }
    let parts = part::content(value.need("content", "a string or an array")?, CONTENT, lossy)?;
    if role == Role::System {
        part::only_text(&parts)?;
    }
    say(talk, Turn { parts, role, value }, role == Role::Assistant);
    Ok(())
}

const CONTENT: &str = "input.content";

//! What an answer must know of a request body: model, stream, tools.
//!
//! Never keeps a body: very large ones are judged by the part that was kept.

use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;

use crate::request::{Body, Head};

/// The facts of one request body.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    pub base64: bool,
    pub dimensions: Option<usize>,
    pub include_usage: bool,
    /// How many inputs want an embedding.
    pub inputs: usize,
    pub model: Option<String>,
    pub stream: bool,
    /// The tool to call: there are tools, and the body says "use tool".
    pub tool: Option<Tool>,
}

/// A call to make up.
#[derive(Clone, Debug)]
pub struct Tool {
    pub arguments: String,
    pub name: String,
}

impl Facts {
    /// Reads a whole JSON body; scans one that is larger than what was kept, or compressed.
    pub fn of(head: &Head, body: &Body) -> Result<Self, String> {
        if head.header("content-encoding").is_some() || body.is_truncated() {
            return Ok(Self::scan(&body.kept));
        }
        let form: Form = serde_json::from_slice(&body.kept)
            .map_err(|error| format!("The request body is not valid JSON: {error}"))?;
        let wants_tool = memmem::find(&body.kept, b"use tool").is_some();
        Ok(Self {
            base64: form.encoding_format.as_deref() == Some("base64"),
            dimensions: form.dimensions,
            include_usage: form.stream_options.is_some_and(|options| options.include_usage),
            inputs: inputs(form.input.as_ref()),
            model: form.model,
            stream: form.stream.unwrap_or(false),
            tool: form.tools.filter(|_| wants_tool).and_then(|tools| tools.first().and_then(tool)),
        })
    }

    fn scan(bytes: &[u8]) -> Self {
        let streams = [&b"\"stream\":true"[..], b"\"stream\": true"];
        Self {
            include_usage: memmem::find(bytes, b"include_usage").is_some(),
            inputs: 1,
            model: model(bytes).map(str::to_owned),
            stream: streams.iter().any(|sign| memmem::find(bytes, sign).is_some()),
            ..Self::default()
        }
    }
}

/// The first `"model":"…"` of a JSON text, by search alone.
pub fn model(bytes: &[u8]) -> Option<&str> {
    let after = bytes.get(memmem::find(bytes, b"\"model\"")? + 7..)?.trim_ascii_start();
    let value = after.strip_prefix(b":")?.trim_ascii_start().strip_prefix(b"\"")?;
    let value = value.get(..memchr::memchr2(b'"', b'\\', value)?)?;
    std::str::from_utf8(value).ok()
}

#[derive(Deserialize)]
struct Form {
    dimensions: Option<usize>,
    encoding_format: Option<String>,
    input: Option<Value>,
    model: Option<String>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    tools: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: bool,
}

/// A list of strings or of token lists counts its items; a string or one token list is one input.
fn inputs(input: Option<&Value>) -> usize {
    match input {
        Some(Value::Array(items)) if !items.iter().all(Value::is_number) => items.len(),
        _ => 1,
    }
}

/// Name and made-up arguments of a tool in any of the three dialects.
fn tool(declared: &Value) -> Option<Tool> {
    let inner = declared.get("function").unwrap_or(declared);
    let name = inner.get("name")?.as_str()?.to_owned();
    let schema = inner.get("input_schema").or_else(|| inner.get("parameters"));
    let fields = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    let arguments: serde_json::Map<String, Value> = fields
        .into_iter()
        .flatten()
        .map(|(field, kind)| (field.clone(), sample(kind.get("type").and_then(Value::as_str))))
        .collect();
    Some(Tool { arguments: Value::Object(arguments).to_string(), name })
}

fn sample(kind: Option<&str>) -> Value {
    match kind {
        Some("integer") => Value::from(7),
        Some("number") => Value::from(1.5),
        Some("boolean") => Value::Bool(true),
        Some("array") => Value::Array(Vec::new()),
        Some("object") => Value::Object(serde_json::Map::new()),
        _ => Value::from("sample value"),
    }
}

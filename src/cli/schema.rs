//! `tidegate schema`: the JSON Schema of the configuration, made of the shapes it is read by.
//!
//! Settings of later versions are not in it: they are refused. It promises no more than the
//! reader takes, but the reader may be stricter, as with two settings that do not go together.

use std::process::ExitCode;

use serde_json::{Map, Value, json};
use tidegate::config::setting::{Field, Shape};
use tidegate::config::shape;

use super::output;

pub(super) fn run() -> ExitCode {
    output::data(&format!("{:#}\n", document()))
}

fn document() -> Value {
    let mut document = table(&shape::ROOT);
    document.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
    document.insert("title".to_owned(), json!("Configuration of tidegate"));
    document.insert("$defs".to_owned(), json!({ "reference": reference() }));
    Value::Object(document)
}

fn table(shape: &Shape) -> Map<String, Value> {
    let mut properties = Map::new();
    for field in shape.fields {
        let Some(mut property) = property(field) else { continue };
        if let Some(why) = field.why() {
            property.insert("description".to_owned(), json!(why));
        }
        let default = field.default().filter(|_| !shape.required.contains(&field.key()));
        if let Some(default) = default {
            property.insert("default".to_owned(), super::check::value_json(&default));
        }
        properties.insert(field.key().to_owned(), Value::Object(property));
    }
    let mut table = Map::new();
    table.insert("type".to_owned(), json!("object"));
    table.insert("properties".to_owned(), Value::Object(properties));
    table.insert("additionalProperties".to_owned(), json!(false));
    if !shape.required.is_empty() {
        table.insert("required".to_owned(), json!(shape.required));
    }
    if !shape.one_of.is_empty() {
        let one = |key: &&str| json!({ "required": [key] });
        table.insert("oneOf".to_owned(), shape.one_of.iter().map(one).collect());
    }
    table
}

/// What a key may hold; `None` for one this version refuses.
fn property(field: &Field) -> Option<Map<String, Value>> {
    let property = match field {
        Field::Choice(choice) => json!({ "enum": choice.words() }),
        Field::Count(count) => {
            json!({ "type": "integer", "minimum": count.min, "maximum": count.max })
        }
        Field::CountOr(count) => json!({ "anyOf": [
            { "const": count.word },
            { "type": "integer", "minimum": count.min, "maximum": count.max },
        ] }),
        Field::Duration(_) | Field::DurationOr(_) => {
            json!({ "type": "string", "examples": ["30s", "5m"] })
        }
        Field::Later(_) => return None,
        Field::Secret(text) => json!({ "anyOf": [
            { "type": "string", "pattern": text.pattern },
            { "$ref": "#/$defs/reference" },
        ] }),
        Field::Size(_) => json!({ "type": "string", "examples": ["64KiB", "32MiB"] }),
        Field::Table(_, shape) => return Some(table(shape)),
        Field::Tables(_, shape) => json!({ "type": "array", "items": table(shape) }),
        Field::Text(text) if text.pattern.is_empty() => json!({ "type": "string" }),
        Field::Text(text) => json!({ "type": "string", "pattern": text.pattern }),
        Field::Texts(text) => json!({
            "type": "array",
            "items": { "type": "string", "pattern": text.pattern },
            "minItems": 1,
        }),
    };
    match property {
        Value::Object(property) => Some(property),
        _ => None,
    }
}

/// Where a secret is to be found: exactly one of three places.
fn reference() -> Value {
    let one = |key: &&str| {
        json!({
            "type": "object",
            "properties": { *key: { "type": "string" } },
            "required": [key],
            "additionalProperties": false,
        })
    };
    json!({ "oneOf": shape::REFERENCES.iter().map(one).collect::<Vec<Value>>() })
}

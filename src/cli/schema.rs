//! `tidegate schema`: the JSON Schema of the configuration, made of the shapes it is read by.
//!
//! It promises no more than the reader takes, but the reader may be stricter, as with two settings
//! that do not go together.

use std::process::ExitCode;

use serde_json::{Map, Value, json};
use tidegate::config::setting::{Field, Shape, Texts};
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
        let mut property = property(field);
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

/// What a key may hold.
fn property(field: &Field) -> Map<String, Value> {
    let property = match field {
        Field::Cap(cap) => {
            json!({ "type": "integer", "minimum": cap.min, "maximum": cap.max })
        }
        Field::Choice(choice) => json!({ "enum": choice.words() }),
        Field::Count(count) => {
            json!({ "type": "integer", "minimum": count.min, "maximum": count.max })
        }
        Field::CountOr(count) => json!({ "anyOf": [
            { "const": count.word },
            { "type": "integer", "minimum": count.min, "maximum": count.max },
        ] }),
        Field::Duration(_) | Field::DurationOr(_) | Field::DurationOver(_) => {
            json!({ "type": "string", "examples": ["30s", "5m"] })
        }
        Field::Fraction(_) => json!({ "type": "number", "minimum": 0, "maximum": 1 }),
        Field::Map(_) => {
            json!({ "type": "object", "additionalProperties": { "type": "string" } })
        }
        Field::Secret(text) => json!({ "anyOf": [
            { "type": "string", "pattern": text.pattern },
            { "$ref": "#/$defs/reference" },
        ] }),
        Field::Size(_) => json!({ "type": "string", "examples": ["64KiB", "32MiB"] }),
        Field::Switch(_) => json!({ "type": "boolean" }),
        Field::Table(_, shape) => return table(shape),
        Field::TableOr(or) => json!({ "anyOf": [{ "const": or.word }, table(or.shape)] }),
        Field::Tables(_, shape) => json!({ "type": "array", "items": table(shape) }),
        Field::Text(text) if text.pattern.is_empty() => json!({ "type": "string" }),
        Field::Text(text) => json!({ "type": "string", "pattern": text.pattern }),
        Field::TextOr(text) => json!({ "type": "string", "pattern": text.pattern }),
        Field::TextOrTexts(texts) => {
            json!({ "anyOf": [{ "type": "string", "pattern": texts.pattern }, list(texts)] })
        }
        Field::Texts(texts) => list(texts),
        Field::TextsOrTables(texts, shape) => json!({ "anyOf": [
            list(texts),
            { "type": "array", "items": table(shape), "minItems": texts.min },
        ] }),
    };
    match property {
        Value::Object(property) => property,
        _ => Map::new(),
    }
}

fn list(texts: &Texts) -> Value {
    json!({
        "type": "array",
        "items": { "type": "string", "pattern": texts.pattern },
        "minItems": texts.min,
    })
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

#[cfg(test)]
#[allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may stop at the first surprise"
)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_has_every_setting_and_no_other() {
        let mut seen = 0;
        compare(&shape::ROOT, &document(), &mut seen);
        assert!(seen >= 120, "{seen}");
    }

    fn compare(shape: &Shape, schema: &Value, seen: &mut usize) {
        assert_eq!(schema["additionalProperties"], json!(false));
        let properties = schema["properties"].as_object().unwrap();
        for field in shape.fields {
            let property = properties.get(field.key());
            match field {
                Field::Table(_, shape) => compare(shape, property.unwrap(), seen),
                Field::Tables(_, shape) => compare(shape, &property.unwrap()["items"], seen),
                _ => assert!(property.unwrap()["description"].is_string()),
            }
        }
        assert_eq!(properties.len(), shape.fields.len());
        *seen += shape.fields.len();
    }

    #[test]
    fn a_setting_says_what_it_may_be() {
        let document = document();
        let at = |pointer: &str| document.pointer(pointer).unwrap();
        assert_eq!(
            at("/properties/limits/properties/connections"),
            &json!({
                "anyOf": [
                    { "const": "auto" },
                    { "type": "integer", "minimum": 1, "maximum": 1_048_576 },
                ],
                "default": "auto",
                "description":
                    "client connections; auto = half the limit on open files, less a reserve",
            })
        );
        assert_eq!(
            at("/properties/server/properties/driver/enum"),
            &json!(["auto", "io_uring", "epoll"])
        );
        let caller = "/properties/caller/items";
        assert_eq!(at(&format!("{caller}/required")), &json!(["name"]));
        assert_eq!(
            at(&format!("{caller}/oneOf")),
            &json!([{ "required": ["key"] }, { "required": ["key_sha256"] }])
        );
        let provider = "/properties/provider/items";
        assert_eq!(at(&format!("{provider}/required")), &json!(["name", "dialect", "base_url"]));
        assert!(document.pointer(&format!("{provider}/properties/dialect/default")).is_none());
        assert_eq!(
            at(&format!("{provider}/properties/cooldown/properties/jitter")),
            &json!({
                "type": "number",
                "minimum": 0,
                "maximum": 1,
                "default": 0.1,
                "description": "part of a doubled rest that chance takes off, so that keys do \
                                not all return at once",
            })
        );
        let key = format!("{provider}/properties/key/items/properties");
        assert_eq!(at(&format!("{key}/max_concurrent/minimum")), &json!(1));
        assert_eq!(at(&format!("{key}/max_concurrent/maximum")), &json!(256));
        assert!(document.pointer(&format!("{key}/max_concurrent/default")).is_none());
        assert_eq!(at(&format!("{key}/reserved_for/default")), &json!([]));
        assert_eq!(at("/properties/observation/properties/accounting/default"), &json!(true));
        let secret = at(&format!("{provider}/properties/key/items/properties/value/anyOf/1/$ref"));
        assert!(document.pointer(secret.as_str().unwrap().trim_start_matches('#')).is_some());
    }
}

//! The JSON Schema of the policy file, from the table of keys, so that it cannot know other keys than the reader.

use serde_json::{Map, Value, json};

use crate::channel::Channel;
use crate::profile::Sector;

use super::keys::{self, Key, Kind, LEVELS};
use super::rules;

/// The whole schema, as text for a file.
pub(super) fn text() -> String {
    format!("{:#}\n", schema())
}

fn schema() -> Value {
    let mut schema = object("");
    let top = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Dihya policy",
        "description": "What goes where, what is hidden, how it is kept.",
        "required": ["storage"],
        "$defs": { "channel": object("channels.*") },
    });
    if let (Value::Object(schema), Value::Object(top)) = (&mut schema, top) {
        schema.extend(top);
    }
    schema
}

/// The table at a path of the table of keys.
fn object(pattern: &str) -> Value {
    let mut properties = Map::new();
    for key in keys::children(pattern).filter(|k| k.name() != "*") {
        properties.insert(key.name().to_owned(), property(key));
    }
    if pattern == "channels" {
        // Tables of one's own have the same keys as the built-in ones, which are listed so that editors offer them.
        let channel = json!({ "$ref": "#/$defs/channel" });
        let levels = json!({ "enum": ["info", "debug", "trace"] });
        let evidence = json!({ "$ref": "#/$defs/channel", "properties": { "level": levels } });
        for name in Channel::BUILT_IN {
            let table = if rules::LOSSLESS.contains(&name) { &evidence } else { &channel };
            properties.insert(name.to_owned(), table.clone());
        }
        return json!({
            "type": "object",
            "properties": properties,
            "patternProperties": { rules::CHANNEL.pattern: channel },
            "additionalProperties": false,
        });
    }
    let mut object = json!({ "type": "object", "properties": properties, "additionalProperties": false });
    let rules = match pattern {
        "storage" => json!({ "required": ["root"] }),
        "routes.#" => json!({ "required": ["channel"] }),
        "redact.detectors.#" => json!({
            "required": ["name"],
            "oneOf": [{ "required": ["prefix", "alphabet", "min_length"] }, { "required": ["regex"] }],
            "dependentRequired": { "alphabet": ["prefix"], "min_length": ["prefix"], "max_length": ["prefix"] },
        }),
        "redact.allow.#" => json!({
            "required": ["detector", "reason"],
            "anyOf": [{ "required": ["field"] }, { "required": ["value"] }, { "required": ["prefix"] }],
            "not": { "required": ["value", "prefix"] },
        }),
        "channels.*" => json!({
            "dependentRequired": { "fields": ["strict"] },
            "if": { "properties": { "strict": { "const": true } }, "required": ["strict"] },
            "then": { "required": ["fields"], "properties": { "fields": { "minItems": 1 } } },
            "else": { "not": { "required": ["fields"] } },
        }),
        _ => json!({}),
    };
    if let (Value::Object(object), Value::Object(rules)) = (&mut object, rules) {
        object.extend(rules);
    }
    object
}

fn text_of(shape: &rules::Shape) -> Value {
    json!({ "type": "string", "pattern": shape.pattern, "maxLength": shape.max })
}

fn property(key: &Key) -> Value {
    let mut value = match key.kind {
        Kind::Table => object(key.path),
        Kind::Named(shape) => json!({
            "type": "object",
            "patternProperties": { shape.pattern: object(&format!("{}.*", key.path)) },
            "additionalProperties": false,
        }),
        Kind::Tables => json!({ "type": "array", "items": object(&format!("{}.#", key.path)) }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Level => json!({ "enum": LEVELS }),
        Kind::Bytes { .. } => json!({ "type": "string", "pattern": "^[0-9]+ ?(B|KiB|MiB|GiB)$" }),
        Kind::Time { .. } => json!({ "type": "string", "pattern": "^[0-9]+ ?(ms|s|min|h)$" }),
        Kind::Sync { .. } => json!({ "type": "string", "pattern": "^(batch|[0-9]+ ?(ms|s|min|h))$" }),
        Kind::Period => {
            json!({ "type": "string", "pattern": "^P(?=[0-9])([0-9]+Y)?([0-9]+M)?([0-9]+W)?([0-9]+D)?$" })
        }
        Kind::Choice(choices) => json!({ "enum": choices }),
        Kind::Text(shape) => text_of(shape),
        Kind::Number { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::OneOrMore(shape) => json!({ "anyOf": [
            text_of(shape),
            { "type": "array", "items": text_of(shape), "uniqueItems": true, "minItems": 1 },
        ] }),
        Kind::Texts(_) if key.path == "redact.off" => {
            json!({ "type": "array", "items": { "enum": rules::PERSONAL_DETECTORS }, "uniqueItems": true })
        }
        Kind::Texts(shape) => {
            json!({ "type": "array", "items": text_of(shape), "uniqueItems": true })
        }
    };
    if let Value::Object(map) = &mut value {
        map.insert("description".to_owned(), key.doc.into());
        if key.path == "sector" {
            map.insert("default".to_owned(), Sector::default().name().into());
        }
    }
    value
}

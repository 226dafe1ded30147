//! What `docs/record.schema.json` says of a record, checked without a crate for schemas: a test holds the two together.

use serde_json::{Map, Value};

/// What is wrong with a line as a record; nothing of what it holds is shown.
pub(crate) fn fault(line: &str) -> Option<String> {
    match serde_json::from_str(line) {
        Ok(Value::Object(record)) => check(&record).err(),
        Ok(_) => Some("it is no JSON object".to_owned()),
        Err(_) => Some("it is no JSON".to_owned()),
    }
}

type Checked = Result<(), String>;

fn check(record: &Map<String, Value>) -> Checked {
    for key in ["v", "id", "timestamp", "channel", "level", "target", "service"] {
        need(record.contains_key(key), || format!("`{key}` is missing"))?;
    }
    record.iter().try_for_each(|(key, value)| member(key, value))?;
    let own = match record.get("channel").and_then(Value::as_str) {
        Some("audit") => Some("AUDIT"),
        Some("security") => Some("SECURITY"),
        _ => None,
    };
    let level = record.get("level").and_then(Value::as_str).unwrap_or_default();
    let fits = own.map_or(!matches!(level, "AUDIT" | "SECURITY"), |own| level == own);
    need(fits, || "`level` does not fit the channel".to_owned())
}

fn member(key: &str, value: &Value) -> Checked {
    let text = || value.as_str().unwrap_or_default();
    let positive = |value: &Value| {
        value.as_u64().is_some_and(|n| n >= 1) || value.as_f64().is_some_and(|n| n >= 1.0 && n.fract() == 0.0)
    };
    let fits = match key {
        "v" => value.as_f64() == Some(1.0),
        "id" => is_uuid7(text()),
        "timestamp" => is_timestamp(text()),
        "channel" => is_channel(text()),
        "level" => ["ERROR", "WARN", "INFO", "DEBUG", "TRACE", "AUDIT", "SECURITY"].contains(&text()),
        "event_name" | "outcome" | "tenant_id" | "user_id" | "subject_id" | "trace_id" | "span_id" => {
            short(value, 1022)
        }
        "message" => short(value, 32_766),
        "target" => value.is_string() && short(value, 1022),
        "spans" => value.as_array().is_some_and(|spans| !spans.is_empty() && spans.iter().all(is_span)),
        "attributes" => is_attributes(value),
        "redactions" => value.as_object().is_some_and(|counts| {
            let named = |name: &str| {
                !name.is_empty() && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
            };
            !counts.is_empty() && counts.iter().all(|(name, count)| named(name) && positive(count))
        }),
        "truncated" => positive(value),
        "service" => is_service(value),
        _ => return Err("it has a key that no record has".to_owned()),
    };
    need(fits, || format!("`{key}` is not as it must be"))
}

fn need(holds: bool, what: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(what()) }
}

/// A string of at most so many characters, a number or a flag.
fn short(value: &Value, most: usize) -> bool {
    match value {
        Value::String(text) => text.chars().count() <= most,
        other => other.is_number() || other.is_boolean(),
    }
}

fn is_span(value: &Value) -> bool {
    let Some(span) = value.as_object() else { return false };
    let attributes =
        |value: &Value| is_attributes(value) && value.as_object().is_some_and(|all| !all.is_empty());
    span.get("name").is_some_and(Value::is_string)
        && span.iter().all(|(key, value)| key == "name" || (key == "attributes" && attributes(value)))
}

fn is_attributes(value: &Value) -> bool {
    value
        .as_object()
        .is_some_and(|all| all.values().all(|v| v.is_string() || v.is_number() || v.is_boolean()))
}

fn is_service(value: &Value) -> bool {
    let Some(service) = value.as_object() else { return false };
    let name = service.get("name").and_then(Value::as_str);
    name.is_some_and(|name| !name.is_empty())
        && service
            .iter()
            .all(|(key, value)| ["name", "version", "instance"].contains(&key.as_str()) && value.is_string())
}

fn is_channel(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
}

/// `x` is a lower-case hexadecimal digit, `d` a decimal one, `y` one of `89ab`; all else stands for itself.
fn fits(text: &str, form: &str) -> bool {
    let fits = |(byte, form): (u8, u8)| match form {
        b'x' => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        b'd' => byte.is_ascii_digit(),
        b'y' => matches!(byte, b'8' | b'9' | b'a' | b'b'),
        other => byte == other,
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

fn is_uuid7(text: &str) -> bool {
    fits(text, "xxxxxxxx-xxxx-7xxx-yxxx-xxxxxxxxxxxx")
}

fn is_timestamp(text: &str) -> bool {
    fits(text, "dddd-dd-ddTdd:dd:dd.ddddddZ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> Value {
        json!({
            "v": 1, "id": "019ca8ab-bc63-774b-8000-000000000000", "timestamp": "2026-03-01T09:12:33.123456Z",
            "channel": "audit", "level": "AUDIT", "event_name": "sensitive_read", "outcome": "success",
            "tenant_id": 7, "user_id": "u", "subject_id": "p", "message": "read", "target": "clinic",
            "trace_id": "4b", "span_id": "0f", "spans": [{"name": "request", "attributes": {"n": 1}}, {"name": "x"}],
            "attributes": {"a": "b", "n": 1.5, "ok": true}, "redactions": {"email": 1}, "truncated": 2,
            "service": {"name": "clinic", "version": "1", "instance": "i"}
        })
    }

    #[test]
    fn it_agrees_with_the_schema_on_good_records_and_on_every_small_change() {
        let schema = include_str!("../../../docs/record.schema.json");
        let schema = jsonschema::validator_for(&serde_json::from_str(schema).unwrap()).unwrap();
        let values = [
            json!(null),
            json!(0),
            json!(1),
            json!(-1),
            json!(1.5),
            json!(true),
            json!(""),
            json!("x"),
            json!("é"),
            json!("AUDIT"),
            json!("INFO"),
            json!("app"),
            json!("Audit"),
            json!([]),
            json!([{}]),
            json!([{"name": "a"}]),
            json!([{"name": "a", "attributes": {}}]),
            json!([{"name": "a", "b": 1}]),
            json!({}),
            json!({"a": 1}),
            json!({"a": 0}),
            json!({"A": 1}),
            json!({"a": {}}),
            json!({"name": ""}),
            json!({"name": "a"}),
            json!({"name": "a", "x": "y"}),
            json!("x".repeat(1022)),
            json!("x".repeat(1023)),
            json!("é".repeat(1022)),
            json!("019ca8ab-bc63-674b-8000-000000000000"),
            json!("019CA8AB-bc63-774b-8000-000000000000"),
            json!("2026-03-01T09:12:33.123Z"),
            json!("2026-03-01T09:12:33.123456+01:00"),
        ];
        assert_eq!(fault(&record().to_string()), None);
        let keys: Vec<String> =
            record().as_object().unwrap().keys().cloned().chain(["extra".to_owned()]).collect();
        let (mut good, mut bad) = (0, 0);
        for key in &keys {
            let mut changed: Vec<Value> = values
                .iter()
                .map(|value| {
                    let mut record = record();
                    record[key] = value.clone();
                    record
                })
                .collect();
            let mut without = record();
            without.as_object_mut().unwrap().remove(key);
            changed.push(without);
            for record in changed {
                let valid = schema.is_valid(&record);
                let ours = fault(&record.to_string());
                assert_eq!(ours.is_none(), valid, "{key}: {ours:?}");
                *(if valid { &mut good } else { &mut bad }) += 1;
            }
        }
        assert!(good > 50 && bad > 200, "{good} good, {bad} bad");
        assert_eq!(fault("{"), Some("it is no JSON".to_owned()));
    }
}

//! One line of a shard as a log record of OpenTelemetry: the table in docs/format.md.

use std::borrow::Cow;
use std::fmt;

use chrono::DateTime;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::message::{Any, AnyValue, ArrayValue, KeyValue, KeyValueList, LogRecord};

/// A record on its way out.
#[derive(Debug, PartialEq)]
pub(super) struct Mapped<'a> {
    /// The record's id.
    pub(super) id: Cow<'a, str>,
    /// Microseconds since 1970.
    pub(super) time: i64,
    /// The module that logged.
    pub(super) target: Cow<'a, str>,
    /// The JSON object of the service, as it stands in the line.
    pub(super) service: &'a str,
    pub(super) record: LogRecord,
}

/// Reads a line without its newline. `None` if it is no record.
pub(super) fn record(line: &[u8]) -> Option<Mapped<'_>> {
    let line: Line<'_> = serde_json::from_slice(line).ok()?;
    line.mapped()
}

/// The resource's attributes out of the JSON object of a service.
pub(super) fn service(json: &str) -> Vec<KeyValue> {
    let Ok(Any::Map(service)) = serde_json::from_str::<Json>(json).map(|json| json.0) else {
        return Vec::new();
    };
    let mut attributes = service.values;
    for attribute in &mut attributes {
        attribute.key = match attribute.key.as_str() {
            "instance" => "service.instance.id".to_owned(),
            key => format!("service.{key}"),
        };
    }
    attributes
}

/// The keys of one record, those of its envelope by name.
#[derive(Default)]
struct Line<'a> {
    id: Cow<'a, str>,
    timestamp: Cow<'a, str>,
    channel: Cow<'a, str>,
    level: Cow<'a, str>,
    target: Cow<'a, str>,
    event_name: Option<Any>,
    message: Option<Any>,
    trace_id: Option<Any>,
    span_id: Option<Any>,
    /// Those that become an attribute of another name, and those that this version does not know.
    named: Vec<KeyValue>,
    attributes: Vec<KeyValue>,
    /// What stands behind the attributes.
    about: Vec<KeyValue>,
    service: Option<&'a RawValue>,
}

impl<'a> Line<'a> {
    fn mapped(self) -> Option<Mapped<'a>> {
        if self.id.is_empty() || self.channel.is_empty() {
            return None;
        }
        let time = DateTime::parse_from_rfc3339(&self.timestamp).ok()?.timestamp_micros();
        // What is before 1970 or beyond 2554 has no such number; zero says "unknown".
        let nanos = u64::try_from(time).ok().and_then(|micros| micros.checked_mul(1_000)).unwrap_or(0);
        let mut attributes =
            Vec::with_capacity(4 + self.named.len() + self.attributes.len() + self.about.len());
        attributes.push(KeyValue::new("log.record.uid", (&*self.id).into()));
        attributes.push(KeyValue::new("dihya.channel", (&*self.channel).into()));
        attributes.extend(self.named);
        let (trace_id, rest) = bytes(self.trace_id, 16);
        attributes.extend(rest.map(|value| KeyValue::new("trace_id", value)));
        let (span_id, rest) = bytes(self.span_id, 8);
        attributes.extend(rest.map(|value| KeyValue::new("span_id", value)));
        let event_name = self.event_name.as_ref().map(text).unwrap_or_default();
        let ours = attributes.len();
        attributes.extend(self.attributes);
        attributes.extend(self.about);
        apart(&mut attributes, ours);
        let record = LogRecord {
            time_unix_nano: nanos,
            severity_number: severity(&self.level),
            severity_text: self.level.into_owned(),
            body: self.message.map(AnyValue::from),
            attributes,
            // An id of zeros, or one without its trace, is none to a receiver.
            trace_id,
            span_id,
            observed_time_unix_nano: nanos,
            event_name,
        };
        let service = self.service.map_or("{}", RawValue::get);
        Some(Mapped { id: self.id, time, target: self.target, service, record })
    }
}

/// OTLP wants each key once. Those of a record are already apart from each other; one that is called as a key of ours gets
/// the number that a second field of one name gets.
fn apart(attributes: &mut [KeyValue], ours: usize) {
    let is_ours = |key: &str| {
        key.starts_with("dihya.") || matches!(key, "log.record.uid" | "user.id" | "trace_id" | "span_id")
    };
    for at in ours..attributes.len() {
        if !is_ours(&attributes[at].key) {
            continue;
        }
        let mut number = 2;
        let base = attributes[at].key.clone();
        let taken = |attributes: &[KeyValue], key: &str| {
            attributes.iter().enumerate().any(|(other, attribute)| other != at && attribute.key == key)
        };
        while taken(attributes, &attributes[at].key) {
            attributes[at].key = format!("{base}#{number}");
            number += 1;
        }
    }
}

/// The bytes of an identifier in hexadecimal digits; a value that is none stays a value.
fn bytes(value: Option<Any>, len: usize) -> (Vec<u8>, Option<Any>) {
    let Some(value) = value else { return (Vec::new(), None) };
    let decoded = match &value {
        Any::Text(text) if text.len() == 2 * len => {
            let digit = |b: &u8| char::from(*b).to_digit(16);
            let pairs = text.as_bytes().chunks_exact(2);
            pairs
                .map(|pair| Some((digit(&pair[0])? << 4 | digit(&pair[1])?) as u8))
                .collect::<Option<Vec<u8>>>()
        }
        _ => None,
    };
    match decoded.filter(|bytes| bytes.iter().any(|byte| *byte != 0)) {
        Some(bytes) => (bytes, None),
        None => (Vec::new(), Some(value)),
    }
}

fn severity(level: &str) -> i32 {
    match level {
        "TRACE" => 1,
        "DEBUG" => 5,
        "WARN" => 13,
        "ERROR" => 17,
        // AUDIT and SECURITY are kinds and no severities: they are worth what information is.
        _ => 9,
    }
}

fn text(value: &Any) -> String {
    match value {
        Any::Text(text) => text.clone(),
        Any::Flag(flag) => flag.to_string(),
        Any::Int(number) => number.to_string(),
        Any::Double(number) => number.to_string(),
        Any::List(_) | Any::Map(_) => String::new(),
    }
}

impl<'de> Deserialize<'de> for Line<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Line<'de>, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Line<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a record")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line<'de>, A::Error> {
                let mut line = Line::default();
                while let Some(Text(key)) = map.next_key()? {
                    match &*key {
                        "v" => drop(map.next_value::<IgnoredAny>()?),
                        "id" => line.id = map.next_value::<Text<'_>>()?.0,
                        "timestamp" => line.timestamp = map.next_value::<Text<'_>>()?.0,
                        "channel" => line.channel = map.next_value::<Text<'_>>()?.0,
                        "level" => line.level = map.next_value::<Text<'_>>()?.0,
                        "target" => line.target = map.next_value::<Text<'_>>()?.0,
                        "event_name" => line.event_name = Some(map.next_value::<Json>()?.0),
                        "message" => line.message = Some(map.next_value::<Json>()?.0),
                        "trace_id" => line.trace_id = Some(map.next_value::<Json>()?.0),
                        "span_id" => line.span_id = Some(map.next_value::<Json>()?.0),
                        "service" => line.service = Some(map.next_value()?),
                        "attributes" => match map.next_value::<Json>()?.0 {
                            Any::Map(attributes) => line.attributes = attributes.values,
                            _ => return Err(A::Error::custom("attributes that are no object")),
                        },
                        "spans" | "redactions" | "truncated" => {
                            let value = map.next_value::<Json>()?.0;
                            line.about.push(KeyValue::new(format!("dihya.{key}"), value));
                        }
                        key => {
                            let name = match key {
                                "user_id" => "user.id".to_owned(),
                                "tenant_id" => "dihya.tenant.id".to_owned(),
                                "subject_id" => "dihya.subject.id".to_owned(),
                                // `outcome`, and what a later version may add: nothing is left out silently.
                                key => format!("dihya.{key}"),
                            };
                            line.named.push(KeyValue::new(name, map.next_value::<Json>()?.0));
                        }
                    }
                }
                Ok(line)
            }
        }
        from.deserialize_map(Keys)
    }
}

/// A text, borrowed where nothing in it is escaped.
struct Text<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Text<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Text<'de>, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Either)
    }
}

/// Any value of JSON.
struct Json(Any);

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Json, D::Error> {
        struct Value;
        impl<'de> Visitor<'de> for Value {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json(Any::Flag(value)))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
                Ok(Json(Any::Int(value)))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                // OTLP's integers end at 2^63 - 1; digits are exact where a double is not.
                Ok(Json(i64::try_from(value).map_or_else(|_| Any::Text(value.to_string()), Any::Int)))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
                Ok(Json(Any::Double(value)))
            }

            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json(value.into()))
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json("null".into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
                let mut values = Vec::new();
                while let Some(Json(value)) = seq.next_element()? {
                    values.push(value.into());
                }
                Ok(Json(Any::List(ArrayValue { values })))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut values = Vec::with_capacity(8);
                while let Some(Text(key)) = map.next_key()? {
                    let Json(value) = map.next_value()?;
                    values.push(KeyValue { key: key.into_owned(), value: Some(value.into()) });
                }
                Ok(Json(Any::Map(KeyValueList { values })))
            }
        }
        from.deserialize_any(Value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(more: &str) -> String {
        format!(
            "{{\"v\":1,\"id\":\"019aa0f0-1111-7222-8333-444455556666\",\"timestamp\":\"2026-11-20T12:00:00.000001Z\",\
             \"channel\":\"audit\",\"level\":\"AUDIT\"{more},\"service\":{{\"name\":\"clinic\",\"version\":\"1\",\
             \"instance\":\"i1\"}}}}"
        )
    }

    fn keys(mapped: &Mapped<'_>) -> Vec<String> {
        mapped.record.attributes.iter().map(|attribute| attribute.key.clone()).collect()
    }

    #[test]
    fn the_envelope_goes_where_the_table_says() {
        let text = line(
            ",\"event_name\":\"sensitive_read\",\"outcome\":\"success\",\"tenant_id\":\"t\",\"user_id\":7,\
             \"subject_id\":\"p\",\"message\":\"a \\u001b\",\"target\":\"clinic::api\",\
             \"trace_id\":\"0000000000000000123456789abcdef0\",\"span_id\":\"00000000000000ff\",\
             \"spans\":[{\"name\":\"request\"}],\"attributes\":{\"n\":2.0,\"big\":18446744073709551615},\
             \"redactions\":{\"email\":1},\"truncated\":2",
        );
        let mapped = record(text.as_bytes()).unwrap();
        let Mapped { record, .. } = &mapped;
        assert_eq!(record.time_unix_nano, 1_795_176_000_000_001_000);
        assert_eq!((record.severity_number, &*record.severity_text), (9, "AUDIT"));
        assert_eq!(record.event_name, "sensitive_read");
        assert_eq!(record.trace_id, 0x1234_5678_9abc_def0_u128.to_be_bytes());
        assert_eq!(record.span_id, 255_u64.to_be_bytes());
        assert_eq!(record.body, Some(Any::Text("a \u{1b}".into()).into()));
        let value = |key: &str| {
            let found = record.attributes.iter().find(|attribute| attribute.key == key);
            found.and_then(|attribute| attribute.value.clone()?.value)
        };
        assert_eq!(value("user.id"), Some(Any::Int(7)));
        assert_eq!(value("n"), Some(Any::Double(2.0)));
        assert_eq!(value("big"), Some(Any::Text("18446744073709551615".into())));
        assert_eq!(
            keys(&mapped),
            [
                "log.record.uid",
                "dihya.channel",
                "dihya.outcome",
                "dihya.tenant.id",
                "user.id",
                "dihya.subject.id",
                "n",
                "big",
                "dihya.spans",
                "dihya.redactions",
                "dihya.truncated"
            ]
        );
        let resource: Vec<String> = service(mapped.service).into_iter().map(|a| a.key).collect();
        assert_eq!(resource, ["service.name", "service.version", "service.instance.id"]);
        assert_eq!(mapped.target, "clinic::api");
    }

    #[test]
    fn identifiers_that_are_none_stay_attributes() {
        for (trace, span) in [("t", "s"), ("00000000000000000000000000000000", "0000000000000000")] {
            let text = line(&format!(",\"trace_id\":\"{trace}\",\"span_id\":\"{span}\""));
            let mapped = record(text.as_bytes()).unwrap();
            assert!(mapped.record.trace_id.is_empty() && mapped.record.span_id.is_empty());
            assert_eq!(keys(&mapped)[2..], ["trace_id", "span_id"]);
        }
    }

    #[test]
    fn a_field_called_as_one_of_ours_gets_a_number() {
        let text = line(
            ",\"user_id\":\"u\",\"attributes\":{\"user.id\":1,\"user.id#2\":2,\"dihya.channel\":3,\"dihya.x\":4,\"plain\":5}",
        );
        let mapped = record(text.as_bytes()).unwrap();
        let keys = keys(&mapped);
        assert_eq!(
            keys,
            [
                "log.record.uid",
                "dihya.channel",
                "user.id",
                "user.id#3",
                "user.id#2",
                "dihya.channel#2",
                "dihya.x",
                "plain"
            ]
        );
    }

    #[test]
    fn what_is_no_record_is_none() {
        for text in [
            "",
            "{}",
            "[]",
            "{\"v\":1,\"id\":\"x\"}",
            "{\"v\":1,\"id\":\"x\",\"channel\":\"a\",\"timestamp\":\"now\"}",
        ] {
            assert_eq!(record(text.as_bytes()), None, "{text}");
        }
    }
}

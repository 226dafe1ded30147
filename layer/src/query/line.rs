//! One record, parsed no further than its own keys: values stay as they stand in the line.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

/// A JSON object's members, in their order.
pub(crate) struct Object<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// `None` for anything else than an object.
    pub(crate) fn parse(text: &'a [u8]) -> Option<Object<'a>> {
        serde_json::from_slice(text).ok()
    }

    fn of(value: &'a RawValue) -> Option<Object<'a>> {
        if value.get().starts_with('{') { serde_json::from_str(value.get()).ok() } else { None }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a RawValue> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| *value)
    }

    /// Hands on every value that a field's name may mean, until one is what is looked for: a key of the record, of its
    /// `attributes` or of a span's; or a path with dots from any of these down.
    pub(super) fn field(&self, name: &str, is: &mut dyn FnMut(&str) -> bool) -> bool {
        if self.path(name, is) {
            return true;
        }
        if self.get("attributes").and_then(Object::of).is_some_and(|attributes| attributes.path(name, is)) {
            return true;
        }
        let Some(spans) = self.get("spans") else { return false };
        items(spans).iter().any(|span| {
            let attributes = Object::of(span).and_then(|span| span.get("attributes")).and_then(Object::of);
            attributes.is_some_and(|attributes| attributes.path(name, is))
        })
    }

    /// A key may itself hold dots (`http.method`), so each that the path begins with is followed.
    fn path(&self, path: &str, is: &mut dyn FnMut(&str) -> bool) -> bool {
        self.0.iter().any(|(key, value)| {
            if key == path {
                return scalar(value, is);
            }
            let Some(rest) = path.strip_prefix(&**key).and_then(|rest| rest.strip_prefix('.')) else {
                return false;
            };
            Object::of(value).is_some_and(|inner| inner.path(rest, is))
                || items(value).iter().any(|item| Object::of(item).is_some_and(|inner| inner.path(rest, is)))
        })
    }
}

/// A text is what it says, a number or boolean as it is written; of a list, any of its values.
fn scalar(value: &RawValue, is: &mut dyn FnMut(&str) -> bool) -> bool {
    let raw = value.get();
    match raw.as_bytes().first() {
        Some(b'"') => string(raw).is_some_and(|text| is(&text)),
        Some(b'[') => items(value).iter().any(|item| scalar(item, is)),
        Some(b'{') | None => false,
        Some(_) => is(raw),
    }
}

/// What a JSON string says.
pub(super) fn string(raw: &str) -> Option<Cow<'_, str>> {
    /// A borrowed text where nothing is escaped: serde's own `Cow` always owns.
    #[derive(Deserialize)]
    struct Text<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Text<'_>>(raw).ok().map(|text| text.0)
}

/// The values of a list; none for anything else.
pub(super) fn items(value: &RawValue) -> Vec<&RawValue> {
    if value.get().starts_with('[') {
        serde_json::from_str(value.get()).unwrap_or_default()
    } else {
        Vec::new()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Object<'a>, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some(Key(key)) = map.next_key()? {
                    members.push((key, map.next_value::<&'de RawValue>()?));
                }
                Ok(Object(members))
            }
        }
        from.deserialize_map(Members)
    }
}

/// A member's name, borrowed where nothing in it is escaped.
struct Key<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Key<'de>, D::Error> {
        struct Text;
        impl<'de> Visitor<'de> for Text {
            type Value = Key<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }

            fn visit_borrowed_str<E: de::Error>(self, text: &'de str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Borrowed(text)))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Key<'de>, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        from.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"v":1,"message":"say \"hi\"","spans":[{"name":"request","attributes":{"route":"/a"}},{"name":"inner"}],"attributes":{"http.method":"GET","n":7,"f":2.0,"on":true,"none":null,"files":["x","y"],"o":{"p.q":{"r":"deep"}}},"service":{"name":"clinic"}}"#;

    fn values(name: &str) -> Vec<String> {
        let mut found = Vec::new();
        Object::parse(LINE.as_bytes()).unwrap().field(name, &mut |text| {
            found.push(text.to_owned());
            false
        });
        found
    }

    #[test]
    fn a_field_is_found_wherever_a_record_may_have_it() {
        for (name, value) in [
            ("message", "say \"hi\""),
            ("service.name", "clinic"),
            ("http.method", "GET"),
            ("attributes.http.method", "GET"),
            ("n", "7"),
            ("f", "2.0"),
            ("on", "true"),
            ("none", "null"),
            ("route", "/a"),
            ("spans.attributes.route", "/a"),
            ("o.p.q.r", "deep"),
        ] {
            assert_eq!(values(name), [value], "{name}");
        }
        assert_eq!(values("files"), ["x", "y"]);
        assert_eq!(values("spans.name"), ["request", "inner"]);
    }

    #[test]
    fn what_only_looks_like_a_fields_name_is_none() {
        for name in ["", ".", "route.", "http", "method", "attributes", "service", "name", "o.p", "request"] {
            assert_eq!(values(name), Vec::<String>::new(), "{name}");
        }
    }

    #[test]
    fn only_an_object_is_a_record() {
        for text in ["", "[]", "7", "\"x\"", "{", "{\"a\":}", "{\"a\":1} x"] {
            assert!(Object::parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(Object::parse(b"{\"a\":\"\xff\"}").is_none());
    }
}

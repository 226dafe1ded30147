//! An event made again from what was captured of it, so that it can be made smaller.

use std::error::Error;
use std::fmt;

use tracing_core::field::{Value as Recorded, display};

use super::bare::{Seen, SeenSpan, Value};
use crate::emit;

/// Logs it, within its spans.
pub(crate) fn replay(seen: &Seen) {
    within(&seen.spans, &mut || {
        let owned: Vec<Owned> = seen.fields.iter().map(|(_, value)| Owned::of(value)).collect();
        let fields: Vec<(&str, &dyn Recorded)> = seen
            .fields
            .iter()
            .zip(&owned)
            .map(|((name, _), value)| (name.as_str(), value.recorded()))
            .collect();
        emit::event(&seen.name, &seen.target, &fields);
    });
}

fn within(spans: &[SeenSpan], act: &mut dyn FnMut()) {
    let Some((outer, inner)) = spans.split_first() else { return act() };
    let owned: Vec<Owned> = outer.fields.iter().map(|(_, value)| Owned::of(value)).collect();
    let fields: Vec<(&str, &dyn Recorded)> =
        outer.fields.iter().zip(&owned).map(|((name, _), value)| (name.as_str(), value.recorded())).collect();
    emit::span(&outer.name, "app", &fields).in_scope(|| within(inner, act));
}

/// A value that can be given to `tracing` by reference.
enum Owned {
    Shown(tracing_core::field::DisplayValue<String>),
    Error(Box<dyn Error + 'static>),
    Any(Box<dyn Recorded>),
}

impl Owned {
    fn of(value: &Value) -> Owned {
        match value {
            Value::Text(text) => Owned::Any(Box::new(text.clone())),
            Value::Shown(text) => Owned::Shown(display(text.clone())),
            Value::Bytes(bytes) => Owned::Any(Box::new(bytes.clone().into_boxed_slice())),
            Value::Error(texts) => Owned::Error(Box::new(Told::of(texts))),
            Value::I64(n) => Owned::Any(Box::new(*n)),
            Value::U64(n) => Owned::Any(Box::new(*n)),
            Value::I128(n) => Owned::Any(Box::new(*n)),
            Value::U128(n) => Owned::Any(Box::new(*n)),
            Value::F64(n) => Owned::Any(Box::new(*n)),
            Value::Bool(flag) => Owned::Any(Box::new(*flag)),
        }
    }

    fn recorded(&self) -> &dyn Recorded {
        match self {
            Owned::Shown(value) => value,
            Owned::Error(value) => value,
            Owned::Any(value) => value,
        }
    }
}

#[derive(Debug)]
struct Told {
    text: String,
    cause: Option<Box<Told>>,
}

impl Told {
    fn of(texts: &[String]) -> Told {
        let (first, rest) = match texts.split_first() {
            Some((first, rest)) => (first.clone(), rest),
            None => (String::new(), &[][..]),
        };
        Told { text: first, cause: (!rest.is_empty()).then(|| Box::new(Told::of(rest))) }
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Told {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::super::bare::capture;
    use super::*;

    #[test]
    fn what_is_replayed_is_what_was_captured() {
        let cause = Told::of(&["it failed".to_owned(), "because".to_owned()]);
        let first = capture(|| {
            tracing::error_span!("outer", room = 7u64).in_scope(|| {
                tracing::error_span!("inner", ok = true).in_scope(|| {
                    tracing::error!(
                        target: "app",
                        a = "text",
                        b = ?[1, 2],
                        c = 1.5,
                        d = -3i64,
                        e = u128::MAX,
                        f = b"ab".as_slice(),
                        g = &cause as &(dyn Error + 'static),
                        "told {}",
                        5
                    );
                });
            });
        });
        let again = capture(|| first.iter().for_each(replay));
        assert_eq!(first.len(), 1);
        assert_eq!(first, again);
    }
}

//! What a policy allows to be written although a detector finds it.
//!
//! An allowance never reaches further than it says: a find that overlaps another detector's stays hidden, and so does
//! one in an encoded form when the allowance names a literal.

use crate::redact::label::Label;
use crate::redact::scan::Found;
use crate::values::Values;

/// One allowance, as the policy says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub(crate) detector: String,
    /// The exact name of a field.
    pub(crate) field: Option<String>,
    pub(crate) channel: Option<String>,
    /// This target and what lies below it.
    pub(crate) target: Option<String>,
    pub(crate) text: Option<Text>,
    pub(crate) reason: String,
}

/// What a find has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Text {
    Is(String),
    Begins(String),
}

impl Allowance {
    /// Whether it can hold for a field of this callsite. A span belongs to no channel: its fields are written once, for
    /// the records of all.
    pub(crate) fn concerns(&self, channel: Option<&str>, target: &str, field: &str) -> bool {
        let below = |own: &String| {
            target.strip_prefix(own.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        };
        self.field.as_ref().is_none_or(|own| own == field)
            && self.channel.as_ref().is_none_or(|own| channel == Some(own))
            && self.target.as_ref().is_none_or(below)
    }

    /// What it shows, in a sentence without its end.
    pub(crate) fn told(&self) -> String {
        let text = match &self.text {
            Some(Text::Is(value)) => format!(" {value:?}"),
            Some(Text::Begins(prefix)) => format!(" beginning with {prefix:?}"),
            None => String::new(),
        };
        let mut told = format!("{}{text} is shown", self.detector);
        for (what, name) in [("field", &self.field), ("channel", &self.channel), ("target", &self.target)] {
            if let Some(name) = name {
                told.push_str(&format!(" in {what} {name}"));
            }
        }
        told
    }
}

/// An allowance as a field's plan holds it.
#[derive(Clone, Debug)]
pub(crate) struct Allowed {
    pub(crate) label: Label,
    pub(crate) text: Option<Text>,
}

/// Takes what is allowed out of `found`; `allowed` tells what is for the field of an index.
#[cold]
pub(crate) fn apply<'a>(values: &Values, found: &mut Found, allowed: impl Fn(usize) -> &'a [Allowed]) {
    found.hits.retain(|hit| {
        let (start, end) = (hit.start as usize, hit.end as usize);
        let next = values.entries.partition_point(|entry| (entry.end as usize) < end);
        let Some(entry) = values.entries.get(next).filter(|entry| entry.start as usize <= start) else {
            return true;
        };
        let text = &values.bytes[start..end];
        let shown = |allowed: &Allowed| {
            let is_it = match &allowed.text {
                None => true,
                Some(Text::Is(value)) => text == value.as_bytes(),
                Some(Text::Begins(prefix)) => text.starts_with(prefix.as_bytes()),
            };
            is_it && allowed.label == hit.label
        };
        hit.mixed || !allowed(usize::from(entry.field)).iter().any(shown)
    });
}

//! Conditions on one record.

use std::fmt;
use std::str::FromStr;

use serde::de::IgnoredAny;

use super::line::{Object, string};
use super::{Query, range};
use crate::journal::seal::Seal;

/// A condition on a field: `outcome=failure`, `route!=/health`, `message~timeout`, `user_agent!~curl`.
///
/// The field is a key of the record, of its attributes or of a span's, or a path with dots (`service.version`). A text is
/// compared with what it says, a number or boolean as it is written. `!=` and `!~` hold wherever `=` and `~` do not: in a
/// record without the field, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    pub(super) field: String,
    pub(super) relation: Relation,
    pub(super) value: String,
    pub(super) negated: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equals,
    Contains,
}

impl FromStr for Condition {
    type Err = NotACondition;

    /// The first operator in the text parts field and value; the value may hold others.
    fn from_str(text: &str) -> Result<Condition, NotACondition> {
        let error = || NotACondition { text: text.to_owned() };
        let at = text.find(['=', '~']).ok_or_else(error)?;
        let relation = if text.as_bytes()[at] == b'=' { Relation::Equals } else { Relation::Contains };
        let (field, value) = (&text[..at], &text[at + 1..]);
        let (field, negated) = match field.strip_suffix('!') {
            Some(field) => (field, true),
            None => (field, false),
        };
        if field.is_empty() || field.contains(char::is_whitespace) {
            return Err(error());
        }
        Ok(Condition { field: field.to_owned(), relation, value: value.to_owned(), negated })
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "!" } else { "" };
        let relation = if self.relation == Relation::Equals { '=' } else { '~' };
        write!(f, "{}{not}{relation}{}", self.field, self.value)
    }
}

impl Condition {
    fn holds(&self, record: &Object<'_>) -> bool {
        let found = record.field(&self.field, &mut |value| match self.relation {
            Relation::Equals => value == self.value,
            Relation::Contains => value.contains(&self.value),
        });
        found != self.negated
    }
}

/// The text is no condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotACondition {
    text: String,
}

impl fmt::Display for NotACondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no condition; write field=value, field!=value, field~part or field!~part: outcome=failure, \
             attributes.route~/patients",
            self.text
        )
    }
}

impl std::error::Error for NotACondition {}

/// A severity. Records of the audit and security channels count as `Info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// `TRACE`
    Trace,
    /// `DEBUG`
    Debug,
    /// `INFO`, `AUDIT`, `SECURITY`
    Info,
    /// `WARN`
    Warn,
    /// `ERROR`
    Error,
}

impl Level {
    /// All of them, the least severe first.
    pub const ALL: [Level; 5] = [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Warn => "warn",
            Level::Error => "error",
        }
    }

    /// What stands in records of this severity.
    pub(super) fn labels(self) -> &'static [&'static str] {
        match self {
            Level::Trace => &["TRACE"],
            Level::Debug => &["DEBUG"],
            Level::Info => &["INFO", "AUDIT", "SECURITY"],
            Level::Warn => &["WARN"],
            Level::Error => &["ERROR"],
        }
    }

    fn of(label: &str) -> Option<Level> {
        Level::ALL.into_iter().find(|level| level.labels().contains(&label))
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What is known of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Match,
    No,
    /// Neither record nor seal.
    Bad,
}

/// A query's conditions on single lines, made ready.
pub(super) struct Filter<'a> {
    query: &'a Query,
    since: Option<range::Text>,
    until: Option<range::Text>,
    /// Whether anything beside the time is asked.
    only_time: bool,
}

impl<'a> Filter<'a> {
    pub(super) fn new(query: &'a Query) -> Filter<'a> {
        let Query { events, level, tenant, conditions, .. } = query;
        Filter {
            query,
            since: query.since.map(range::bytes),
            until: query.until.map(range::bytes),
            only_time: events.is_empty() && level.is_none() && tenant.is_none() && conditions.is_empty(),
        }
    }

    /// `No` as soon as the time, where our writer puts it, says so. Most lines of a long range end here.
    #[inline]
    pub(super) fn check(&self, line: &[u8]) -> Verdict {
        if Seal::is(line) {
            return Verdict::No;
        }
        let time = range::of_line(line);
        if time.is_some_and(|time| !self.in_range(time)) {
            return Verdict::No;
        }
        if time.is_some() && self.only_time {
            let whole =
                std::str::from_utf8(line).is_ok_and(|text| serde_json::from_str::<IgnoredAny>(text).is_ok());
            return if whole { Verdict::Match } else { Verdict::Bad };
        }
        let Some(record) = Object::parse(line) else { return Verdict::Bad };
        let Some(time) = time.copied().or_else(|| range::of_object(&record)) else { return Verdict::Bad };
        if self.in_range(&time) && self.holds(&record) { Verdict::Match } else { Verdict::No }
    }

    fn in_range(&self, time: &range::Text) -> bool {
        self.since.is_none_or(|since| *time >= since) && self.until.is_none_or(|until| *time < until)
    }

    fn holds(&self, record: &Object<'_>) -> bool {
        let Query { events, level, tenant, conditions, .. } = self.query;
        let is = |key: &str, ok: &dyn Fn(&str) -> bool| {
            record.get(key).is_some_and(|value| match value.get().as_bytes().first() {
                Some(b'"') => string(value.get()).is_some_and(|text| ok(&text)),
                Some(b'{' | b'[') | None => false,
                Some(_) => ok(value.get()),
            })
        };
        (events.is_empty() || is("event_name", &|name| events.iter().any(|event| event == name)))
            && level.is_none_or(|least| is("level", &|label| Level::of(label) >= Some(least)))
            && tenant.as_ref().is_none_or(|tenant| is("tenant_id", &|text| text == tenant))
            && conditions.iter().all(|condition| condition.holds(record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_parted_at_its_first_operator() {
        for (text, field, negated, relation, value) in [
            ("a=b", "a", false, Relation::Equals, "b"),
            ("a!=b", "a", true, Relation::Equals, "b"),
            ("a~b", "a", false, Relation::Contains, "b"),
            ("a!~b", "a", true, Relation::Contains, "b"),
            ("a=", "a", false, Relation::Equals, ""),
            ("url=https://x/?q=1~2", "url", false, Relation::Equals, "https://x/?q=1~2"),
            ("spans.route~a b!=c", "spans.route", false, Relation::Contains, "a b!=c"),
        ] {
            let condition: Condition = text.parse().unwrap();
            assert_eq!(
                condition,
                Condition { field: field.into(), relation, value: value.into(), negated },
                "{text}"
            );
            assert_eq!(condition.to_string(), text);
        }
        for text in ["", "a", "=b", "!=b", "~", "a b=c", "!~x"] {
            assert!(text.parse::<Condition>().is_err(), "{text}");
        }
    }

    #[test]
    fn levels_are_at_least_and_audit_counts_as_info() {
        let record = |level: &str| format!(r#"{{"timestamp":"2026-11-20T00:00:00Z","level":"{level}"}}"#);
        for (least, matching) in [
            (Level::Error, &["ERROR"][..]),
            (Level::Warn, &["ERROR", "WARN"]),
            (Level::Info, &["ERROR", "WARN", "INFO", "AUDIT", "SECURITY"]),
            (Level::Trace, &["ERROR", "WARN", "INFO", "AUDIT", "SECURITY", "DEBUG", "TRACE"]),
        ] {
            let query = Query { level: Some(least), ..Query::default() };
            for level in ["ERROR", "WARN", "INFO", "AUDIT", "SECURITY", "DEBUG", "TRACE", "other"] {
                assert_eq!(
                    query.matches(record(level).as_bytes()),
                    matching.contains(&level),
                    "{least} {level}"
                );
            }
        }
    }

    #[test]
    fn seals_and_lines_that_are_no_records_match_nothing() {
        let everything = Query::default();
        assert!(everything.matches(b"{\"timestamp\":\"2026-11-20T00:00:00Z\"}"));
        let filter = Filter::new(&everything);
        assert_eq!(filter.check(b"{\"seal\":{\"size\":1,\"root\":\"x\",\"sig\":\"y\"}}"), Verdict::No);
        for line in [&b""[..], b"x", b"{}", b"[1]", b"\0\0", b"{\"timestamp\":7}"] {
            assert_ne!(filter.check(line), Verdict::Match);
        }
    }
}

//! Texts that every matching line must hold, as they stand in the file.
//!
//! Our writer escapes a text in one way, character by character, so that the escaped form of a part is a part of the
//! escaped whole: a line that lacks it cannot match. A condition may be met in several forms (`"n":7` and `"n":"7"`); then
//! a line must hold one of them.

use memchr::memmem::Finder;

use super::Query;
use super::filter::{Condition, Level, Relation};
use crate::record::escape;

/// One of these texts stands in every line that meets a condition.
pub(crate) struct AnyOf(Vec<Finder<'static>>);

impl AnyOf {
    fn new(texts: Vec<Vec<u8>>) -> Option<AnyOf> {
        // Of an empty text there is nothing to search for: it is everywhere.
        let searchable = !texts.is_empty() && texts.iter().all(|text| !text.is_empty());
        searchable.then(|| AnyOf(texts.iter().map(|text| Finder::new(text).into_owned()).collect()))
    }

    /// One text, which must not be empty.
    pub(crate) fn one(text: &[u8]) -> AnyOf {
        AnyOf(vec![Finder::new(text).into_owned()])
    }

    pub(super) fn is_in(&self, line: &[u8]) -> bool {
        self.0.iter().any(|finder| finder.find(line).is_some())
    }

    /// A search through `text` that never goes back.
    pub(crate) fn search<'t>(&'t self, text: &'t [u8]) -> Search<'t> {
        Search { finders: &self.0, text, next: vec![Next::Unknown; self.0.len()] }
    }

    fn count(&self, text: &[u8]) -> usize {
        self.0.iter().map(|finder| finder.find_iter(text).count()).sum()
    }
}

/// Where one of the texts stands next.
pub(crate) struct Search<'t> {
    finders: &'t [Finder<'static>],
    text: &'t [u8],
    next: Vec<Next>,
}

#[derive(Clone, Copy)]
enum Next {
    Unknown,
    At(usize),
    Nowhere,
}

impl Search<'_> {
    /// The first place at or behind `from`, which must not go back.
    pub(crate) fn next(&mut self, from: usize) -> Option<usize> {
        let mut first = None;
        for (finder, next) in self.finders.iter().zip(&mut self.next) {
            let stale = match next {
                Next::Unknown => true,
                Next::At(at) => *at < from,
                Next::Nowhere => false,
            };
            if stale {
                *next = match finder.find(&self.text[from..]) {
                    Some(at) => Next::At(from + at),
                    None => Next::Nowhere,
                };
            }
            if let Next::At(at) = *next {
                first = Some(first.map_or(at, |first: usize| first.min(at)));
            }
        }
        first
    }
}

/// The texts that a query's matches must hold: all of these sets.
pub(super) fn of(query: &Query) -> Vec<AnyOf> {
    let mut all = Vec::new();
    if !query.events.is_empty() {
        all.push(query.events.iter().flat_map(|event| scalars("event_name", event)).collect());
    }
    if let Some(tenant) = &query.tenant {
        all.push(scalars("tenant_id", tenant));
    }
    // From trace on, nearly every line has one of the labels, and looking for them costs more than it saves.
    if let Some(least) = query.level.filter(|least| *least >= Level::Warn) {
        let labels = Level::ALL.iter().filter(|level| **level >= least).flat_map(|level| level.labels());
        all.push(labels.map(|label| member("level", &quoted(label))).collect());
    }
    for condition in query.conditions.iter().filter(|condition| !condition.negated) {
        all.extend(of_condition(condition));
    }
    all.into_iter().filter_map(AnyOf::new).collect()
}

fn of_condition(condition: &Condition) -> Vec<Vec<Vec<u8>>> {
    let value = &condition.value;
    if condition.relation == Relation::Contains {
        return vec![vec![escaped(value)]];
    }
    // The last key on the way ends with the path's last part, be it parted by dots or a name with dots in it.
    let key = condition.field.rsplit('.').next().unwrap_or_default();
    let mut forms = scalars_at(key, value);
    // As one value of a list.
    forms.push([b"[", &quoted(value)[..]].concat());
    forms.push([b",", &quoted(value)[..]].concat());
    if is_bare(value) {
        return vec![forms];
    }
    // A single text to look for, often the rarer one.
    vec![forms, vec![quoted(value)]]
}

/// `"key":"value"`, and `"key":value` if the value may stand without quotes.
fn scalars(key: &str, value: &str) -> Vec<Vec<u8>> {
    scalars_at(key, value).into_iter().map(|text| [b"\"", &text[..]].concat()).collect()
}

/// The same without the key's first quote.
fn scalars_at(key: &str, value: &str) -> Vec<Vec<u8>> {
    let mut forms = vec![member(key, &quoted(value))[1..].to_vec()];
    if is_bare(value) {
        forms.push(member(key, value.as_bytes())[1..].to_vec());
    }
    forms
}

fn is_bare(value: &str) -> bool {
    matches!(value, "true" | "false" | "null") || value.parse::<serde_json::Number>().is_ok()
}

fn member(key: &str, value: &[u8]) -> Vec<u8> {
    [&quoted(key)[..], b":", value].concat()
}

fn quoted(text: &str) -> Vec<u8> {
    let mut to = Vec::new();
    escape::string(&mut to, text);
    to
}

fn escaped(text: &str) -> Vec<u8> {
    let mut to = Vec::new();
    escape::content(&mut to, text);
    to
}

/// Puts the set that stands in the fewest places of a sample first; of two alike, the one with fewer texts.
pub(super) fn rarest_first(all: &mut [AnyOf], sample: &[u8]) {
    all.sort_by_cached_key(|set| (set.count(sample), set.0.len()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(condition: &str) -> Vec<String> {
        let sets = of_condition(&condition.parse().unwrap());
        sets.into_iter()
            .map(|set| {
                set.into_iter().map(|text| String::from_utf8(text).unwrap()).collect::<Vec<_>>().join(" | ")
            })
            .collect()
    }

    #[test]
    fn texts_are_those_that_the_writer_leaves() {
        assert_eq!(texts("route=/a"), ["route\":\"/a\" | [\"/a\" | ,\"/a\"", "\"/a\""]);
        assert_eq!(texts("a.http.status=200"), ["status\":\"200\" | status\":200 | [\"200\" | ,\"200\""]);
        assert_eq!(texts("message~say \"hi\"\n\u{202e}"), ["say \\\"hi\\\"\\n\\u202e"]);
    }

    #[test]
    fn nothing_is_searched_for_where_everything_may_match() {
        for condition in ["a!=b", "a!~b", "a~"] {
            let query = Query { conditions: vec![condition.parse().unwrap()], ..Query::default() };
            assert!(of(&query).is_empty(), "{condition}");
        }
        assert!(of(&Query { level: Some(Level::Info), ..Query::default() }).is_empty());
    }

    #[test]
    fn a_search_finds_each_place_of_each_text_in_order() {
        let any = AnyOf::new(vec![b"ab".to_vec(), b"c".to_vec()]).unwrap();
        let text = b"xxabxcxxabcx";
        let mut search = any.search(text);
        let mut found = Vec::new();
        let mut from = 0;
        while let Some(at) = search.next(from) {
            found.push(at);
            from = at + 1;
        }
        assert_eq!(found, [2, 5, 8, 10]);
    }
}

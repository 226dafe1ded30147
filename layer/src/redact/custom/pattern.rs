//! A regular expression as a detector: an automaton, so that a byte costs one table look-up whatever the pattern.
//!
//! `\d`, `\w`, `\s`, `\b` and case folding are ASCII, which keeps the tables small; `(?u:…)` switches that off for a
//! part. A pattern whose matches can only begin with some literals of three bytes or more is tried where one of them
//! stands, and costs nothing elsewhere. Any other runs over all values.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use regex_automata::dfa::{Automaton, StartKind, dense};
use regex_automata::nfa::thompson;
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::Hir;
use regex_syntax::hir::literal::Extractor;

use super::{Find, whole_characters};
use crate::redact::decode::Budget;

/// A compiled pattern.
#[derive(Clone)]
pub(crate) struct Pattern(Arc<Compiled>);

struct Compiled {
    source: String,
    /// Every match begins with one of these; empty if nothing of the sort is known.
    stems: Vec<Box<[u8]>>,
    /// Finds a match's end: from a candidate if there are stems, else from any place on.
    forward: Dfa,
    /// Finds the start of a match from its end; not needed with stems.
    backward: Option<Dfa>,
}

type Dfa = dense::DFA<Vec<u32>>;

/// Why a pattern cannot be used.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PatternError {
    /// Completes "found ..".
    pub(crate) found: String,
    /// In bytes of the pattern, where it is known.
    pub(crate) range: Option<Range<usize>>,
    pub(crate) help: &'static str,
}

impl Pattern {
    pub(crate) fn new(source: &str) -> Result<Pattern, PatternError> {
        let hir = parse(source)?;
        if hir.properties().minimum_len().unwrap_or(0) == 0 {
            return Err(PatternError {
                found: "one that matches the empty text".to_owned(),
                range: None,
                help: "make at least one part of it mandatory, such as `+` in place of `*`",
            });
        }
        let stems = stems(&hir);
        let kind = if stems.is_empty() { StartKind::Unanchored } else { StartKind::Anchored };
        let forward = automaton(&hir, false, kind, MatchKind::LeftmostFirst)?;
        let backward = match stems.is_empty() {
            true => Some(automaton(&hir, true, StartKind::Anchored, MatchKind::All)?),
            false => None,
        };
        Ok(Pattern(Arc::new(Compiled { source: source.to_owned(), stems, forward, backward })))
    }

    pub(crate) fn source(&self) -> &str {
        &self.0.source
    }

    pub(crate) fn stems(&self) -> impl Iterator<Item = &[u8]> {
        self.0.stems.iter().map(|stem| &**stem)
    }

    /// See [`super::Custom::verify`].
    pub(crate) fn verify(&self, value: &[u8], at: usize, budget: &mut Budget) -> Option<Find> {
        let anchored = if self.0.stems.is_empty() { Anchored::No } else { Anchored::Yes };
        let input = Input::new(value).range(at..).anchored(anchored);
        if budget.is_spent() {
            return None;
        }
        let end = forward(&self.0.forward, &input, budget)?;
        let Some(dfa) = &self.0.backward else { return Some(Find::own(whole_characters(value, at..end))) };
        let input = Input::new(value).range(at..end).anchored(Anchored::Yes);
        let start = backward(dfa, &input, budget)?;
        Some(Find::own(whole_characters(value, start..end)))
    }
}

/// The end of the leftmost match.
fn forward(dfa: &Dfa, input: &Input<'_>, budget: &mut Budget) -> Option<usize> {
    let mut state = dfa.start_state_forward(input).ok()?;
    let mut found = None;
    for (at, byte) in (input.start()..).zip(&input.haystack()[input.get_range()]) {
        state = dfa.next_state(state, *byte);
        if dfa.is_special_state(state) {
            if dfa.is_match_state(state) {
                found = Some(at); // told one byte late
            } else if dfa.is_dead_state(state) {
                budget.spend(STEP * (at + 1 - input.start()));
                return found;
            }
        }
    }
    budget.spend(STEP * (input.end() - input.start()));
    if dfa.is_match_state(dfa.next_eoi_state(state)) { Some(input.end()) } else { found }
}

/// The earliest start of a match that ends where the input does.
fn backward(dfa: &Dfa, input: &Input<'_>, budget: &mut Budget) -> Option<usize> {
    let mut state = dfa.start_state_reverse(input).ok()?;
    let mut found = None;
    let value = input.haystack();
    budget.spend(STEP * (input.end() - input.start()));
    for at in (input.start()..input.end()).rev() {
        state = dfa.next_state(state, value[at]);
        if dfa.is_special_state(state) {
            if dfa.is_match_state(state) {
                found = Some(at + 1);
            } else if dfa.is_dead_state(state) {
                return found;
            }
        }
    }
    // What stands before the range decides about `\b` and `^`.
    let last = match input.start().checked_sub(1) {
        Some(before) => dfa.next_state(state, value[before]),
        None => dfa.next_eoi_state(state),
    };
    if dfa.is_match_state(last) { Some(input.start()) } else { found }
}

fn parse(source: &str) -> Result<Hir, PatternError> {
    let mut parser =
        regex_syntax::ParserBuilder::new().unicode(false).utf8(false).nest_limit(NESTED_MOST).build();
    parser.parse(source).map_err(|error| {
        let (what, span) = match &error {
            regex_syntax::Error::Parse(error) => (error.kind().to_string(), Some(*error.span())),
            regex_syntax::Error::Translate(error) => (error.kind().to_string(), Some(*error.span())),
            other => (other.to_string(), None),
        };
        let range = span.map(|span| span.start.offset..span.end.offset);
        // Counted in characters from 1, as editors do.
        let place = range.as_ref().map(|range| source[..range.start].chars().count() + 1);
        let place = place.map(|place| format!(" at its character {place}")).unwrap_or_default();
        let help = match what.contains("Unicode") {
            true => "classes are ASCII here; write a part with other letters as (?u:…)",
            false => "the syntax is that of the regex crate; `\\` before a sign takes it as it is",
        };
        PatternError { found: format!("{what}{place}"), range, help }
    })
}

fn automaton(hir: &Hir, reverse: bool, start: StartKind, kind: MatchKind) -> Result<Dfa, PatternError> {
    let too_large = |what: String| PatternError {
        found: what,
        range: None,
        help: "write shorter repetitions, and fewer of them inside others",
    };
    let config = thompson::Config::new()
        .utf8(false)
        .reverse(reverse)
        .nfa_size_limit(Some(TABLE_MOST))
        .which_captures(thompson::WhichCaptures::None);
    let nfa = thompson::Compiler::new()
        .configure(config)
        .build_from_hir(hir)
        .map_err(|_| too_large(format!("one whose automaton is larger than {} KiB", TABLE_MOST / 1024)))?;
    let config = dense::Config::new()
        .start_kind(start)
        .match_kind(kind)
        .dfa_size_limit(Some(TABLE_MOST))
        .determinize_size_limit(Some(4 * TABLE_MOST));
    dense::Builder::new().configure(config).build_from_nfa(&nfa).map_err(|error| match error.to_string() {
        what if what.contains("word boundar") => PatternError {
            found: "a word boundary of Unicode".to_owned(),
            range: None,
            help: "write `\\b` outside of (?u:…)",
        },
        _ => too_large(format!("one whose automaton is larger than {} KiB", TABLE_MOST / 1024)),
    })
}

/// The literals that every match begins with, if there are few and each is long enough for the engine's filter.
fn stems(hir: &Hir) -> Vec<Box<[u8]>> {
    // A class of two is a letter of either case; larger ones are taken apart only where nothing else is known.
    for class in [2, 4, 10] {
        let mut extractor = Extractor::new();
        extractor.limit_class(class).limit_repeat(10).limit_literal_len(12).limit_total(STEMS_MOST);
        let mut literals = extractor.extract(hir);
        literals.minimize_by_preference();
        let all = literals.literals().unwrap_or_default();
        if !all.is_empty() && all.iter().all(|literal| literal.len() >= 3) {
            return all.iter().map(|literal| literal.as_bytes().into()).collect();
        }
    }
    Vec::new()
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.source() == other.source()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pattern").field(&self.source()).finish()
    }
}

/// What a byte costs beside the scan: a step through a table waits for the one before.
const STEP: usize = 5;

/// Of a pattern's tables, each: a pattern for one form takes a few KiB.
const TABLE_MOST: usize = 1 << 20;

/// Groups within groups.
const NESTED_MOST: u32 = 50;

/// Literals a pattern may put into the engine's filter: `(?i)` makes eight of three letters.
const STEMS_MOST: usize = 32;

#[cfg(test)]
mod tests {
    use super::super::{Custom, Form};
    use super::*;

    fn found(pattern: &str, value: &str) -> Vec<(usize, usize)> {
        let form = Form::Pattern(Pattern::new(pattern).unwrap_or_else(|error| panic!("{error:?}")));
        let custom = Custom { name: "own".into(), form };
        custom.find_all(value.as_bytes()).into_iter().map(|find| (find.range.start, find.range.end)).collect()
    }

    #[test]
    fn the_same_is_found_with_and_without_literals_to_look_for() {
        let anchored = Pattern::new(r"MRN-\d{4,6}\b").unwrap();
        assert_eq!(anchored.stems().collect::<Vec<_>>(), [b"MRN-"]);
        assert_eq!(
            found(r"MRN-\d{4,6}\b", "a MRN-12345, MRN-123, MRN-1234567 MRN-999999"),
            [(2, 11), (34, 44)]
        );

        let anywhere = Pattern::new(r"\b[A-Z]{2}\d{4}\b").unwrap();
        assert_eq!(anywhere.stems().count(), 0);
        assert_eq!(found(r"\b[A-Z]{2}\d{4}\b", "AB1234 XAB1234 CD5678"), [(0, 6), (15, 21)]);
        assert_eq!(found(r"(?i)ward:[a-z]+", "Ward:x WARD:yz"), [(0, 6), (7, 14)]);
        assert_eq!(found("é[0-9]+", "x é12 y"), [(2, 6)]);
        assert_eq!(found("(?u:[éa])[0-9]+", "x é12 a3"), [(2, 6), (7, 9)]);
    }

    #[test]
    fn a_match_that_cuts_a_character_takes_it_whole() {
        assert_eq!(found(r"id=.", "id=é id=x"), [(0, 5), (6, 10)]);
        assert_eq!(found(r".;", "é;"), [(0, 3)]);
    }

    #[test]
    fn what_is_wrong_with_a_pattern_is_told_with_its_place() {
        let error = |pattern: &str| Pattern::new(pattern).unwrap_err();
        assert_eq!(error("ab(c").range, Some(2..3));
        assert!(error("ab(c").found.contains("unclosed group at its character 3"));
        assert_eq!(error("é[z-a]").range, Some(3..6));
        assert!(error("a*").found.contains("empty"));
        assert!(error("[éa]").help.contains("(?u:"));
        assert!(error(r"(?:[a-z]{50}|x){500}").found.contains("larger than"));
        assert!(error(&"(".repeat(60)).range.is_some());
    }

    #[test]
    fn a_pattern_made_to_be_slow_comes_to_the_end_of_its_budget() {
        // Each candidate reads to the end of the value in vain.
        let pattern = Pattern::new("abc.*[0-9]").unwrap();
        let value = "abc".repeat(20_000);
        let mut budget = Budget::of(value.len());
        assert_eq!(pattern.verify(value.as_bytes(), 0, &mut budget), None);
        assert!(!budget.is_spent(), "once is no matter");
        assert!((0..20_000).all(|i| pattern.verify(value.as_bytes(), 3 * i, &mut budget).is_none()));
        assert!(budget.is_spent());
    }
}

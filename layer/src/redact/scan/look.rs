//! Detectors look at the candidates of one value.

use std::cell::Cell;
use std::ops::Range;

use super::filter::{self, COUNTRY, DIGITS, PAIRS, SIGN_HERE, STEM, WORD};
use super::stems::ENCODED;
use super::{Hit, Scanner};
use crate::redact::custom::Find;
use crate::redact::decode::{Budget, Run, escape, list, word};
use crate::redact::detect::{DETECTORS, Trigger};
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// What was noticed on the way.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    /// Stretches of the value that may be text in another form.
    pub(crate) runs: Vec<Run>,
    /// The value holds an escape.
    pub(crate) escaped: bool,
    /// How far each detector has found something.
    reach: Vec<u32>,
    /// Names looked at inside what another gives away.
    nested: usize,
}

impl Notes {
    #[inline]
    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.escaped = false;
        self.reach.clear();
        self.nested = 0;
    }
}

/// How far runs of one kind have been looked at: each is looked at once.
#[derive(Default)]
struct Done {
    digits: usize,
    word: usize,
    word_end: usize,
    list: usize,
}

impl Scanner {
    /// Adds what is found in `text` to `hits`, which count from `start` bytes before it like the candidates; false if
    /// that was too much work.
    #[expect(clippy::too_many_arguments, reason = "parts of one state, lent apart")]
    pub(in crate::redact) fn look(
        &self,
        keys: &KeyRules,
        text: &[u8],
        start: usize,
        candidates: &[u32],
        notes: &mut Notes,
        hits: &mut Vec<Hit>,
        budget: &mut Budget,
    ) -> bool {
        let Notes { runs, escaped, reach, nested } = notes;
        runs.clear();
        *escaped = false;
        let mut done = Done::default();
        let hidden = Cell::new((0, 0));
        let mut hit = |budget: &mut Budget, detector: usize, stem: usize, at: usize| -> Option<usize> {
            if reach.get(detector).is_some_and(|end| start + at < *end as usize) {
                // What a detector found reaches as far as it can see: looking again inside would find no more.
                // What a name gives away may hold another name that reaches further, but not without end.
                if !is_by_name(detector) || *nested == NESTED_MOST {
                    return None;
                }
                *nested += 1;
            }
            budget.spend(cost_of_a_look(detector));
            let Find { range, label } = self.detect(detector, keys, text, at, stem, budget)?;
            budget.spend(HIT);
            let (hit_start, hit_end) = ((start + range.start) as u32, (start + range.end) as u32);
            let label = label.unwrap_or(self.labels[detector]);
            hits.push(Hit { start: hit_start, end: hit_end, label, mixed: false });
            if reach.is_empty() {
                reach.resize(self.labels.len(), 0);
            }
            reach[detector] = reach[detector].max(hit_end);
            hidden.set((range.start, range.end));
            Some(range.end)
        };
        for candidate in candidates {
            budget.spend(CANDIDATE);
            if budget.is_spent() {
                return false;
            }
            let (at, kinds) = filter::unpack(*candidate);
            let at = at - start;
            if kinds & STEM != 0 {
                self.stems.at(text, at, |detector, stem| match detector {
                    ENCODED => done.word = word::look(text, at, done.word, runs),
                    detector => _ = hit(budget, detector, stem, at),
                });
            }
            if kinds & COUNTRY != 0 {
                self.country.iter().for_each(|detector| _ = hit(budget, *detector, 0, at - 3));
            }
            if kinds & SIGN_HERE != 0 {
                match text[at] {
                    b'@' => self.at.iter().for_each(|detector| _ = hit(budget, *detector, 0, at)),
                    b':' | b'=' => {
                        self.assign.iter().for_each(|detector| _ = hit(budget, *detector, 0, at));
                        if text[at..].starts_with(b"://") {
                            self.scheme.iter().for_each(|detector| _ = hit(budget, *detector, 0, at));
                        }
                    }
                    b'%' | b'&' => *escaped = *escaped || escape::read(text, at).is_some(),
                    _ if at > 0 && text[at - 1].is_ascii_hexdigit() => {
                        done.list = list::look(text, at - 1, done.list, runs);
                    }
                    _ => {}
                }
            }
            let (hidden_from, hidden_to) = hidden.get();
            if kinds & WORD != 0 && !self.allows && is_within(text, at, hidden_from..hidden_to) {
                // Whatever it decodes to is hidden with it.
                done.word = done.word.max(hidden_to);
            } else if kinds & WORD != 0 {
                done.word = word::look(text, at, done.word, runs);
                if at >= done.word_end {
                    let rest = text[at..].steps().take_while(|byte| byte.is_ascii_alphanumeric());
                    done.word_end = at + rest.count();
                    // Digests end many lines; what is looked for begins with a name or goes on behind a dot.
                    let start = &text[at.saturating_sub(filter::WORD_SEEN)..];
                    if start.steps().take(3).all(u8::is_ascii_alphabetic)
                        || text.get(done.word_end) == Some(&b'.')
                    {
                        self.word_end
                            .iter()
                            .for_each(|detector| _ = hit(budget, *detector, 0, done.word_end));
                    }
                }
            }
            if kinds & PAIRS != 0 {
                done.list = list::look(text, at, done.list, runs);
            }
            if kinds & DIGITS != 0 && at >= done.digits {
                let mut stretch = filter::digit_stretch(text, at);
                done.digits = stretch.end;
                while !stretch.is_empty() {
                    let run = filter::digit_run(text, stretch.clone());
                    stretch.start = run.end.max(stretch.start + 1);
                    budget.spend(RUN_OF_DIGITS * run.len());
                    if filter::count_digits(&text[run.clone()]) < filter::RUN {
                        continue;
                    }
                    // A run may hold several numbers: behind one that was found, what is left is looked at again.
                    for detector in &self.digits {
                        let mut from = run.start;
                        while let Some(end) = hit(budget, *detector, 0, from) {
                            from = end.max(from + 1);
                        }
                    }
                }
            }
        }
        !budget.is_spent() && (self.anywhere.is_empty() || self.look_anywhere(text, start, hits))
    }

    /// The policy's own detectors that no literal announces, over the whole value; false if that was too much work. Each
    /// has a budget of its own, so that many of them do not hide long values.
    fn look_anywhere(&self, text: &[u8], start: usize, hits: &mut Vec<Hit>) -> bool {
        self.anywhere.iter().all(|detector| {
            let mut own = Budget::of(text.len());
            let mut at = 0;
            while let Some(find) = self.own[*detector - DETECTORS.len()].verify(text, at, &mut own) {
                let label = find.label.unwrap_or(self.labels[*detector]);
                let (hit_start, hit_end) =
                    ((start + find.range.start) as u32, (start + find.range.end) as u32);
                hits.push(Hit { start: hit_start, end: hit_end, label, mixed: false });
                at = find.range.end.max(at + 1);
            }
            let is_spent = own.is_spent();
            own.settle();
            !is_spent
        })
    }

    /// Built-in rows first, then the policy's own.
    fn detect(
        &self,
        detector: usize,
        keys: &KeyRules,
        value: &[u8],
        at: usize,
        stem: usize,
        budget: &mut Budget,
    ) -> Option<Find> {
        match DETECTORS.get(detector) {
            Some(built_in) => {
                let range =
                    within_windows(value, at, budget, |window| built_in.verify_stem(keys, window, at, stem))?;
                Some(Find { range, label: None })
            }
            None => self.own.get(detector - DETECTORS.len())?.verify(value, at, budget),
        }
    }
}

/// Whether `at` is in a range that begins and ends where words and encoded text do. Behind a line break base64 may go on,
/// and behind a dot a token.
fn is_within(text: &[u8], at: usize, range: Range<usize>) -> bool {
    let parts = |byte: Option<&u8>| byte.is_none_or(|byte| b" \"'=&,;()[]{}<>\\".contains(byte));
    range.start < at && at < range.end && parts(text.get(range.end)) && parts(text[..range.start].last())
}

fn is_by_name(detector: usize) -> bool {
    DETECTORS.get(detector).is_some_and(|row| row.name == "keyed_secret")
}

/// See [`VERIFY`].
fn cost_of_a_look(detector: usize) -> usize {
    match DETECTORS.get(detector).map(|row| row.trigger) {
        Some(Trigger::Assign) => ASSIGNMENT,
        _ => VERIFY,
    }
}

/// What `verify` finds, without showing it more than it needs: what decides about a candidate stands near it, and what
/// belongs to a find is looked for further away only as long as there is more. A detector that reads to the end of the
/// value at every candidate would take the square of its length.
#[inline]
fn within_windows(
    value: &[u8],
    at: usize,
    budget: &mut Budget,
    verify: impl Fn(&[u8]) -> Option<Range<usize>>,
) -> Option<Range<usize>> {
    let mut width = WINDOW;
    loop {
        let end = value.len().min(at + width);
        let before = budget.spent();
        let range = verify(&value[..end])?;
        // It may have ended because the window does.
        if end == value.len() || range.end < at + width / 2 {
            return Some(range);
        }
        // A look cannot be broken off, and one that sees four times as much takes four times the work.
        if !budget.has(4 * (budget.spent() - before)) {
            return Some(range);
        }
        width *= 4;
    }
}

/// As far as a candidate is looked at for a decision, and half of it for what is hidden at once.
const WINDOW: usize = 768;

/// Names looked at inside what their detector already hides, in one scan.
const NESTED_MOST: usize = 64;

/// What a look costs beside the bytes that are read in it.
const VERIFY: usize = 32;
const ASSIGNMENT: usize = 72;

/// What a find costs, which is put in order with the others.
const HIT: usize = 64;

/// What a byte of a run of digits costs before anybody looks for a number in it.
const RUN_OF_DIGITS: usize = 6;

/// What a candidate costs before anybody looks at it.
const CANDIDATE: usize = 6;

//! Text within text: what was encoded, escaped or disguised is decoded and scanned like a value of its own.
//!
//! Two kinds of other forms are told apart. A *view* is the whole value as a reader would see it: escapes resolved,
//! what is invisible gone, look-alikes in ASCII; a find in it is mapped back to what it was made from. A *run* is a
//! stretch of base64, of hexadecimal digits or of numbers that are bytes; a find in it hides the run. Both are looked
//! at in turn, [`LEVELS`] deep.
//!
//! Nothing is decoded on suspicion alone: the filter and [`word`] name the stretches in which several printable
//! characters follow one another. The work on a value has a bound, behind which it is replaced as a whole.

pub(super) mod escape;
mod fold;
pub(super) mod list;
mod view;
pub(super) mod word;

#[cfg(test)]
mod tests;

use self::view::{View, Zeros};
use super::keys::KeyRules;
use super::scan::{Hit, Notes, Scanner};
use super::work;

/// A stretch of a value that may be text in another form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u32,
    pub(crate) end: u32,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// After so many characters that belong to nothing.
    Base64 {
        skip: u8,
    },
    Hex {
        skip: u8,
    },
    /// Numbers in decimal.
    Decimal,
    /// Numbers of two hexadecimal digits.
    Pairs,
}

/// How deep a secret may be wrapped.
pub(crate) const LEVELS: usize = 3;

/// Room for what is decoded, kept between events.
pub(crate) type Levels = [Level; LEVELS];

/// One decoded text and what was found in it.
#[derive(Debug, Default)]
pub(crate) struct Level {
    view: View,
    candidates: Vec<u32>,
    notes: Notes,
    hits: Vec<Hit>,
}

/// What the examination of one value may cost, in the units of [`work`].
#[derive(Debug)]
pub(crate) struct Budget {
    /// All work of this thread when the examination began.
    before: usize,
    most: usize,
    /// What comes next would be more than is left.
    given_up: bool,
}

impl Budget {
    #[inline]
    pub(crate) fn of(len: usize) -> Budget {
        Budget { before: work::done(), most: SMALL_WORK + PER_BYTE * len, given_up: false }
    }

    #[inline]
    pub(crate) fn spend(&mut self, work: usize) {
        work::count(work);
    }

    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        self.given_up || self.spent() > self.most
    }

    /// Whether so much more may be done. If not, the budget is spent: what cannot be finished is not begun.
    pub(crate) fn has(&mut self, work: usize) -> bool {
        self.given_up |= self.spent().saturating_add(work) > self.most;
        !self.is_spent()
    }

    #[inline]
    pub(crate) fn spent(&self) -> usize {
        work::done().wrapping_sub(self.before)
    }

    /// What was spent of this budget burdens no other.
    pub(crate) fn settle(self) {
        work::forget(self.before);
    }
}

/// What a value may cost for each of its bytes, and what a short one may cost beyond that.
const PER_BYTE: usize = 27;
const SMALL_WORK: usize = 64 * 1024;

impl Scanner {
    /// Adds to `hits` what stands in `text` in another form; it starts `offset` bytes into the buffer that hits count
    /// in. `notes` are those of the look at it. False if it was too much work.
    #[inline]
    #[expect(clippy::too_many_arguments, reason = "parts of one state, lent apart")]
    pub(super) fn decode(
        &self,
        keys: &KeyRules,
        text: &[u8],
        offset: usize,
        odd: bool,
        notes: &Notes,
        hits: &mut Vec<Hit>,
        levels: &mut [Level],
        budget: &mut Budget,
    ) -> bool {
        let escaped = notes.escaped || odd && view::is_worth_it(text);
        if !escaped && notes.runs.is_empty() {
            return true;
        }
        let Some((level, deeper)) = levels.split_first_mut() else { return true };
        let mut add = |start: usize, end: usize, label, mixed| {
            let at = |at: usize| (offset + at) as u32;
            hits.push(Hit { start: at(start), end: at(end), label, mixed });
        };
        for zeros in [Zeros::Octal, Zeros::Nul].into_iter().take_while(|_| escaped) {
            let ambiguous = level.view.of(text, zeros, budget);
            if !self.scan_level(keys, level, deeper, budget) {
                return false;
            }
            for hit in &level.hits {
                let source = level.view.source(hit.start as usize..hit.end as usize);
                add(source.start, source.end, hit.label, hit.mixed);
            }
            if !ambiguous {
                break;
            }
        }
        for run in &notes.runs {
            let (start, end) = (run.start as usize, run.end as usize);
            level.view.forget();
            let to = &mut level.view.text;
            match run.form {
                Form::Base64 { skip } => word::base64(&text[start..end], skip, to),
                Form::Hex { skip } => word::hex(&text[start..end], skip, to),
                Form::Decimal => list::bytes(&text[start..end], 10, to),
                Form::Pairs => list::bytes(&text[start..end], 16, to),
            }
            budget.spend(DECODE * (end - start));
            if !self.scan_level(keys, level, deeper, budget) {
                return false;
            }
            if let Some(hit) = level.hits.first() {
                // All of the run stands for what was found first in it.
                add(start, end, hit.label, hit.mixed || level.hits.len() > 1);
            }
        }
        !budget.is_spent()
    }

    fn scan_level(
        &self,
        keys: &KeyRules,
        level: &mut Level,
        deeper: &mut [Level],
        budget: &mut Budget,
    ) -> bool {
        let Level { view, candidates, notes, hits } = level;
        hits.clear();
        notes.clear();
        budget.spend(view.text.len());
        let odd = self.candidates(&mut view.text, candidates);
        if !self.look(keys, &view.text, 0, candidates, notes, hits, budget) {
            return false;
        }
        // What stands in the source as it stands here has been looked at there.
        notes.runs.retain(|run| !view.is_copied(run.start as usize..run.end as usize));
        self.decode(keys, &view.text, 0, odd, notes, hits, deeper, budget)
    }
}

/// What decoding a byte costs beside the scan.
const DECODE: usize = 2;

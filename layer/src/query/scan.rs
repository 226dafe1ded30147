//! Reading a piece of a shard for matches.

use std::io::{self, Read};

use memchr::{memchr, memrchr};

use super::filter::{Filter, Verdict};
use super::line::Object;
use super::literal::AnyOf;
use super::piece::{Part, parts};
use super::range;

/// What a query looks for, made ready. Shared by all threads.
pub(super) struct Scanner<'a> {
    pub(super) filter: Filter<'a>,
    /// The rarest first.
    pub(super) literals: Vec<AnyOf>,
}

/// Lines that match, one behind the other.
#[derive(Default)]
pub(super) struct Matches {
    lines: Vec<u8>,
    /// Where each ends, and its time.
    ends: Vec<(usize, range::Text)>,
    /// Bytes of whole lines that were read.
    pub(super) read: u64,
    /// Bytes that need not be read again, from where the reader began.
    pub(super) consumed: u64,
    pub(super) bad_lines: u64,
}

impl Matches {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, index: usize) -> Option<(&range::Text, &[u8])> {
        let (end, time) = self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before].0);
        Some((time, &self.lines[start..*end]))
    }

    fn push(&mut self, line: &[u8]) {
        self.lines.extend_from_slice(line);
        let other = || Object::parse(line).and_then(|record| range::of_object(&record)).unwrap_or([b'0'; 27]);
        let time = range::of_line(line).copied().unwrap_or_else(other);
        self.ends.push((self.lines.len(), time));
    }
}

impl Scanner<'_> {
    /// Finds the matches among the lines that begin before byte `to` of what is read; `cut` as in [`parts`].
    pub(super) fn scan(
        &self,
        reader: &mut dyn Read,
        cut: bool,
        to: u64,
        buffer: &mut Vec<u8>,
    ) -> io::Result<Matches> {
        let mut found = Matches::default();
        found.consumed = parts(reader, cut, to, buffer, |part| match part {
            Part::Lines(text) => {
                self.lines(text, &mut found);
                found.read += text.len() as u64;
            }
            Part::Endless => found.bad_lines += 1,
        })?;
        Ok(found)
    }

    /// `text` is whole lines.
    fn lines(&self, text: &[u8], found: &mut Matches) {
        let Some((rarest, others)) = self.literals.split_first() else {
            let mut at = 0;
            while at < text.len() {
                let end = memchr(b'\n', &text[at..]).map_or(text.len(), |n| at + n);
                self.line(&text[at..end], found);
                at = end + 1;
            }
            return;
        };
        let mut search = rarest.search(text);
        let mut at = 0;
        while let Some(hit) = search.next(at) {
            let start = memrchr(b'\n', &text[at..hit]).map_or(at, |n| at + n + 1);
            let end = memchr(b'\n', &text[hit..]).map_or(text.len(), |n| hit + n);
            let line = &text[start..end];
            if others.iter().all(|set| set.is_in(line)) {
                self.line(line, found);
            }
            at = (end + 1).min(text.len());
        }
    }

    fn line(&self, line: &[u8], found: &mut Matches) {
        match self.filter.check(line) {
            Verdict::Match => found.push(line),
            Verdict::Bad => found.bad_lines += 1,
            Verdict::No => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::Query;
    use crate::query::piece::{CHUNK, LONGEST};

    fn line(n: usize, pad: usize) -> String {
        format!("{{\"timestamp\":\"2026-11-20T12:00:00Z\",\"n\":{n},\"pad\":\"{}\"}}\n", "x".repeat(pad))
    }

    /// The numbers of the records in a piece.
    fn numbers(text: &[u8], from: usize, to: usize) -> (Vec<u64>, u64) {
        let query = Query::default();
        let scanner = Scanner { filter: Filter::new(&query), literals: Vec::new() };
        let start = from.saturating_sub(1);
        let found =
            scanner.scan(&mut &text[start..], from > 0, (to - start) as u64, &mut Vec::new()).unwrap();
        let lines = (0..found.len()).filter_map(|index| found.get(index));
        let number =
            |line: &[u8]| serde_json::from_slice::<serde_json::Value>(line).unwrap()["n"].as_u64().unwrap();
        (lines.map(|(_, line)| number(line)).collect(), found.bad_lines)
    }

    #[test]
    fn pieces_share_the_lines_wherever_they_are_cut() {
        let text: String = (0..40).map(|n| line(n, n * 7 % 60)).collect();
        for cut in 1..text.len() {
            let (mut all, _) = numbers(text.as_bytes(), 0, cut);
            all.extend(numbers(text.as_bytes(), cut, text.len()).0);
            assert_eq!(all, (0..40).collect::<Vec<_>>(), "cut at {cut}");
        }
    }

    #[test]
    fn lines_longer_than_what_is_read_at_once_are_whole() {
        let text: String = (0..30).map(|n| line(n, n * 9_973)).collect();
        assert!(text.len() > 4 * CHUNK);
        for cut in (1..text.len()).step_by(65_537) {
            let (mut all, _) = numbers(text.as_bytes(), 0, cut);
            all.extend(numbers(text.as_bytes(), cut, text.len()).0);
            assert_eq!(all, (0..30).collect::<Vec<_>>(), "cut at {cut}");
        }
    }

    #[test]
    fn an_endless_line_is_one_bad_line_and_takes_bounded_memory() {
        let text = [line(1, 0), "x".repeat(5 * LONGEST), "\n".into(), line(2, 0)].concat();
        assert_eq!(numbers(text.as_bytes(), 0, text.len()), (vec![1, 2], 1));
        let query = Query::default();
        let scanner = Scanner { filter: Filter::new(&query), literals: Vec::new() };
        let mut buffer = Vec::new();
        scanner.scan(&mut text.as_bytes(), false, u64::MAX, &mut buffer).unwrap();
        assert!(buffer.len() < 2 * LONGEST);
    }

    #[test]
    fn a_torn_last_line_is_not_read() {
        let text = [line(1, 0), line(2, 0).trim_end().to_owned()].concat();
        assert_eq!(numbers(text.as_bytes(), 0, text.len()), (vec![1], 0));
    }
}

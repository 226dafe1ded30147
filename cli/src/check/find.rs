//! Where in an output a canary stands: line, offset, form. The search itself is that of the compliance crate.

use std::collections::BTreeMap;

use dihya_compliance::Search;

/// A canary in one output, in one form.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// Which canary.
    pub(crate) canary: usize,
    /// How it was written: plain, base64, ...
    pub(crate) form: &'static str,
    /// How the output had to be read: raw, unescaped, ...
    pub(crate) view: &'static str,
    /// The first line that holds it, counted from 1.
    pub(crate) line: u64,
    /// Where it begins in the whole output: in bytes, exactly where it stands as it is read, and otherwise the earliest
    /// byte without which it is not read.
    pub(crate) offset: u64,
    /// How many lines hold it.
    pub(crate) lines: u64,
}

/// Every canary in a text, each form once: one that stands there as it is read is not told again for other readings.
pub(crate) fn find(search: &Search, text: &[u8]) -> Vec<Finding> {
    let mut found: BTreeMap<Key, Finding> = BTreeMap::new();
    let mut start = 0;
    let mut line = 1;
    // By pieces, since a search needs several times the memory of what it reads.
    for piece in pieces(text) {
        let keys = keys(search, piece);
        if !keys.is_empty() {
            locate(search, piece, (start, line), &mut found);
            for key in keys {
                found.entry(key).or_insert_with(|| across(search, piece, (start, line), key));
            }
        }
        start += piece.len();
        line += count_lines(piece);
    }
    // The overlap of two pieces: what is split by their edge.
    let mut edge = 0;
    for piece in pieces(text) {
        edge += piece.len();
        let window = &text[edge.saturating_sub(OVERLAP)..(edge + OVERLAP).min(text.len())];
        if edge == text.len() {
            break;
        }
        let from = edge.saturating_sub(OVERLAP);
        let at = (from, 1 + count_lines(&text[..from]));
        for key in keys(search, window) {
            found.entry(key).or_insert_with(|| across(search, window, at, key));
        }
    }
    told_once(found)
}

/// Canary, form and view.
type Key = (usize, &'static str, &'static str);

fn keys(search: &Search, text: &[u8]) -> Vec<Key> {
    search.leaks([("", text)]).into_iter().map(|leak| (leak.canary, leak.form, leak.view)).collect()
}

/// What stands within one line, line by line.
fn locate(search: &Search, piece: &[u8], (start, first): (usize, u64), found: &mut BTreeMap<Key, Finding>) {
    let mut offset = start;
    for (number, line) in piece.split_inclusive(|&byte| byte == b'\n').enumerate() {
        for key in keys(search, line) {
            found.entry(key).and_modify(|finding| finding.lines += 1).or_insert_with(|| {
                let at = (offset, first + number as u64);
                across(search, line, at, key)
            });
        }
        offset += line.len();
    }
}

/// The shortest stretch of the text that still holds it: its end by halving, then its beginning.
fn across(search: &Search, text: &[u8], (start, first): (usize, u64), key: Key) -> Finding {
    let holds = |text: &[u8]| keys(search, text).contains(&key);
    let (mut without, mut with) = (0, text.len());
    while with - without > 1 {
        let middle = without + (with - without) / 2;
        if holds(&text[..middle]) { with = middle } else { without = middle }
    }
    let end = with;
    let (mut with, mut without) = (0, end);
    while without - with > 1 {
        let middle = with + (without - with) / 2;
        if holds(&text[middle..end]) { with = middle } else { without = middle }
    }
    let line = first + count_lines(&text[..with]);
    let (canary, form, view) = key;
    Finding { canary, form, view, line, offset: (start + with) as u64, lines: 1 }
}

/// The plainest reading alone of each form, and of each place.
fn told_once(found: BTreeMap<Key, Finding>) -> Vec<Finding> {
    let mut told: Vec<Finding> = Vec::new();
    let plainness = |finding: &Finding| {
        let view = VIEWS.iter().position(|known| *known == finding.view).unwrap_or(VIEWS.len());
        (finding.canary, view, finding.form != "plain", finding.form)
    };
    let mut found: Vec<Finding> = found.into_values().collect();
    found.sort_by_key(plainness);
    for finding in found {
        let of_canary =
            || told.iter().position(|known| known.canary == finding.canary && known.form == finding.form);
        // Both alphabets of base64 mostly write the same, digits have no case, and what is encoded can be decoded.
        let is_same_place = told.iter().any(|known| {
            known.canary == finding.canary
                && known.line == finding.line
                && (finding.view != "raw" || known.offset.abs_diff(finding.offset) < NEAR)
        });
        match of_canary() {
            Some(known) => told[known].lines = told[known].lines.max(finding.lines),
            None if is_same_place => {}
            None => told.push(finding),
        }
    }
    told.sort_by_key(|finding| (finding.offset, finding.canary, finding.form));
    told
}

/// Whole lines, together about [`PIECE`] long; a longer line is cut.
fn pieces(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let most = PIECE.min(rest.len());
        let end = if most == rest.len() {
            most
        } else {
            rest[..most].iter().rposition(|&byte| byte == b'\n').map_or(most, |at| at + 1)
        };
        let (piece, after) = rest.split_at(end);
        rest = after;
        Some(piece)
    })
}

pub(crate) fn count_lines(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte == b'\n').count() as u64
}

/// From the plainest to the one that undoes most.
const VIEWS: [&str; 4] = ["raw", "unescaped", "decoded", "without separators"];

/// Less than the shortest find.
const NEAR: u64 = 12;

const PIECE: usize = 1 << 20;

/// More than any canary takes in any form.
const OVERLAP: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;
    use dihya_compliance::{Canary, Seed, base64};

    fn canary() -> Canary {
        Canary::plain(&mut Seed::new(9))
    }

    fn one(text: &[u8]) -> Finding {
        let mut found = find(&Search::new([&canary()]), text);
        assert_eq!(found.len(), 1);
        found.remove(0)
    }

    #[test]
    fn a_canary_is_told_with_its_line_its_offset_and_how_many_lines_hold_it() {
        let secret = canary();
        let text = format!("first\nsecond {}\nthird\n{}\n", secret.text(), secret.text());
        let found = one(text.as_bytes());
        assert_eq!((found.line, found.offset, found.lines), (2, 13, 2));
        assert_eq!((found.form, found.view), ("plain", "raw"));
    }

    #[test]
    fn an_encoded_one_is_told_with_its_form() {
        let encoded = base64(canary().text().as_bytes(), false);
        let found = one(format!("\n\n{{\"blob\":\"{encoded}\"}}\n").as_bytes());
        assert_eq!((found.form, found.line), ("base64", 3));
        assert!((11..16).contains(&found.offset), "{}", found.offset);
    }

    #[test]
    fn one_that_is_split_over_lines_is_told_with_the_line_it_begins_in() {
        let secret = canary();
        let (a, b) = secret.text().split_at(8);
        let found = one(format!("x\ny {a}\n{b}\n").as_bytes());
        assert_eq!((found.view, found.line), ("without separators", 2));
    }

    #[test]
    fn one_on_the_edge_of_two_pieces_is_found_where_it_stands() {
        let secret = canary();
        for before in [PIECE - 3, PIECE, 2 * PIECE - 8] {
            let mut text = vec![b'.'; before];
            text.extend_from_slice(secret.text().as_bytes());
            text.extend_from_slice(&[b'.'; 100]);
            let found = one(&text);
            assert!((before..before + 5).contains(&(found.offset as usize)), "{before}: {}", found.offset);
        }
    }

    #[test]
    fn nothing_is_found_where_there_is_nothing() {
        assert!(find(&Search::new([&canary()]), b"nothing\nhere\n").is_empty());
        assert!(find(&Search::new([&canary()]), b"").is_empty());
    }
}

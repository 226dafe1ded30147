//! Lines of a log, and hashes in the place of the others: a part of a log that its checkpoint vouches for.
//!
//! ```text
//! dihya-part/v1
//! lines 2                  two lines of the file beside it
//! hash 3 <base64>          the root of a perfect subtree of 2^3 lines that are not in it
//! lines 1
//! ```
//!
//! Whoever reads it builds the tree of RFC 6962 from both, and ends at the checkpoint's root or at another one. A hash
//! tells nothing of its lines to whoever does not know them; a line that can be guessed whole can be compared with it.

use std::fmt::Write as _;
use std::io::{self, Read};

use crate::journal::merkle::{Hash, Tree};
use crate::verify::lines::{self, Line};

/// What a part consists of, in the order of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    /// So many lines of the file.
    Lines(u64),
    /// The root of `2^height` lines that are not in the file.
    Hash(u32, Hash),
}

/// A part that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part(Vec<Item>);

impl Part {
    /// Reads what [`Pruner::end`] wrote.
    pub(super) fn parse(text: &str) -> Result<Part, &'static str> {
        let body = text.strip_prefix(HEADER).ok_or("it does not begin with dihya-part/v1")?;
        let mut items = Vec::new();
        for line in body.split_inclusive('\n') {
            let item = line.strip_suffix('\n').and_then(item).ok_or("a line of it is malformed")?;
            if matches!((items.last(), &item), (Some(Item::Lines(_)), Item::Lines(_))) {
                return Err("two counts of lines follow each other");
            }
            items.push(item);
        }
        match items.iter().any(|item| matches!(item, Item::Hash(..))) {
            true => Ok(Part(items)),
            false => Err("it leaves nothing out"),
        }
    }
}

fn item(line: &str) -> Option<Item> {
    // "+7" and "007" are numbers to `parse`; one form only, so that no byte can be another.
    let number = |digits: &str| digits.parse::<u64>().ok().filter(|n| n.to_string() == digits);
    if let Some(digits) = line.strip_prefix("lines ") {
        return number(digits).filter(|n| *n > 0).map(Item::Lines);
    }
    let (height, hash) = line.strip_prefix("hash ")?.split_once(' ')?;
    let height =
        number(height).and_then(|height| u32::try_from(height).ok()).filter(|height| *height < 64)?;
    Some(Item::Hash(height, Hash::from_text(hash)?))
}

/// Reads the lines of a part, or of a whole log, and builds the tree. `each` is given every line with its number in the
/// log and the tree before it.
///
/// # Errors
/// Of the reader. `Ok(Err)`: lines and part do not fit together, and how.
pub(super) fn read(
    from: impl Read,
    part: Option<&Part>,
    mut each: impl FnMut(u64, &[u8], &Tree),
) -> io::Result<Result<Tree, String>> {
    let mut items = part.map(|part| part.0.iter());
    let (mut tree, mut left, mut wrong) = (Tree::new(), 0_u64, None);
    lines::each(from, |line| {
        if wrong.is_some() {
            return;
        }
        let line = match line {
            Line::Whole(line) => line,
            Line::Torn => return wrong = Some("its last line has no end".to_owned()),
            Line::TooLong => return wrong = Some("a line is longer than any record".to_owned()),
        };
        while let Some(items) = items.as_mut().filter(|_| left == 0) {
            match items.next() {
                Some(Item::Lines(n)) => left = *n,
                Some(Item::Hash(height, hash)) if tree.push_subtree(*height, *hash) => {}
                Some(Item::Hash(..)) => return wrong = Some(MISPLACED.to_owned()),
                None => return wrong = Some("it has more lines than its proof says".to_owned()),
            }
        }
        each(tree.size(), line, &tree);
        tree.push(Hash::leaf(line));
        left = left.saturating_sub(1);
    })?;
    for item in items.into_iter().flatten() {
        match item {
            Item::Hash(height, hash) if left == 0 && tree.push_subtree(*height, *hash) => {}
            Item::Hash(..) if left == 0 => wrong = wrong.or(Some(MISPLACED.to_owned())),
            _ => left += 1,
        }
    }
    if left > 0 && part.is_some() {
        wrong = wrong.or(Some("it has fewer lines than its proof says".to_owned()));
    }
    Ok(wrong.map_or(Ok(tree), Err))
}

/// Makes a part while a log is read: each line is shown or hidden.
#[derive(Debug, Default)]
pub(super) struct Pruner {
    text: String,
    /// Lines of the log so far.
    at: u64,
    /// Lines shown since something was hidden.
    shown: u64,
    /// The largest subtrees that the lines hidden since divide into.
    hidden: Vec<(u32, Hash)>,
    any: bool,
}

impl Pruner {
    pub(super) fn show(&mut self) {
        self.put_hidden();
        self.at += 1;
        self.shown += 1;
    }

    pub(super) fn hide(&mut self, leaf: Hash) {
        self.put_shown();
        self.at += 1;
        self.any = true;
        self.hidden.push((0, leaf));
        while let [.., (left_height, left), (height, right)] = self.hidden[..] {
            // Both are as large, and what they would become ends where such a subtree may end.
            if left_height != height || !self.at.is_multiple_of(2 << height) {
                break;
            }
            self.hidden.truncate(self.hidden.len() - 2);
            self.hidden.push((height + 1, Hash::node(left, right)));
        }
    }

    /// The text; `None` if nothing was hidden: then the lines speak for themselves.
    pub(super) fn end(mut self) -> Option<String> {
        self.put_shown();
        self.put_hidden();
        self.any.then(|| format!("{HEADER}{}", self.text))
    }

    fn put_shown(&mut self) {
        if self.shown > 0 {
            let _ = writeln!(self.text, "lines {}", self.shown);
            self.shown = 0;
        }
    }

    fn put_hidden(&mut self) {
        for (height, hash) in self.hidden.drain(..) {
            let _ = writeln!(self.text, "hash {height} {hash}");
        }
    }
}

const HEADER: &str = "dihya-part/v1\n";
const MISPLACED: &str = "a hash stands where no subtree of its size can begin";

#[cfg(test)]
mod tests {
    use super::*;

    fn line(n: u64) -> Vec<u8> {
        format!("{{\"n\":{n}}}").into_bytes()
    }

    /// Those lines of a log of `size` that `shows` wants, and the rest as a part.
    fn pruned(size: u64, shows: impl Fn(u64) -> bool) -> (Vec<u8>, Option<String>, Tree) {
        let (mut pruner, mut lines, mut tree) = (Pruner::default(), Vec::new(), Tree::new());
        for n in 0..size {
            let leaf = Hash::leaf(&line(n));
            tree.push(leaf);
            if shows(n) {
                pruner.show();
                lines.extend(line(n));
                lines.push(b'\n');
            } else {
                pruner.hide(leaf);
            }
        }
        (lines, pruner.end(), tree)
    }

    fn numbers(lines: &[u8], part: Option<&str>) -> Result<(Vec<u64>, Tree), String> {
        let part = part.map(|text| Part::parse(text).unwrap());
        let mut seen = Vec::new();
        let tree = read(lines, part.as_ref(), |number, text, before| {
            assert_eq!((text, before.size()), (&line(number)[..], number));
            seen.push(number);
        });
        tree.unwrap().map(|tree| (seen, tree))
    }

    #[test]
    fn every_choice_of_lines_leads_to_the_same_root() {
        for size in 0..8 {
            for chosen in 0..1_u64 << size {
                let (lines, part, tree) = pruned(size, |n| chosen >> n & 1 == 1);
                let (seen, read) = numbers(&lines, part.as_deref()).unwrap();
                assert_eq!(read, tree, "{chosen:b} of {size}");
                assert_eq!(seen, (0..size).filter(|n| chosen >> n & 1 == 1).collect::<Vec<_>>());
                assert_eq!(part.is_none(), chosen == (1 << size) - 1);
            }
        }
    }

    #[test]
    fn what_is_left_out_takes_a_few_hashes_however_long_it_is() {
        let (_, part, _) = pruned(100_000, |n| n == 77_777);
        let hashes = part.unwrap().lines().filter(|line| line.starts_with("hash ")).count();
        assert!((10..40).contains(&hashes), "{hashes}");
    }

    #[test]
    fn lines_that_do_not_fit_their_part_are_told() {
        let (lines, part, _) = pruned(9, |n| n == 2 || n == 7);
        assert!(numbers(&lines, part.as_deref()).is_ok());
        let more = [&lines[..], b"{}\n"].concat();
        assert!(numbers(&more, part.as_deref()).unwrap_err().contains("more lines"));
        assert!(numbers(&lines[..8], part.as_deref()).unwrap_err().contains("fewer lines"));
        assert!(numbers(&lines[..lines.len() - 1], part.as_deref()).unwrap_err().contains("no end"));
        let moved = "dihya-part/v1\nlines 1\nhash 1 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        assert!(numbers(b"{\"n\":0}\n", Some(moved)).unwrap_err().contains("no subtree"));
    }

    #[test]
    fn a_part_has_one_form() {
        let (_, part, _) = pruned(9, |n| n == 2);
        let text = part.unwrap();
        assert!(Part::parse(&text).is_ok());
        let others = [
            text.replace("lines 1", "lines 01"),
            text.replace("lines 1", "lines +1"),
            text.replace("lines 1", "lines 0"),
            text.replace("hash 0", "hash 64"),
            text.replace("lines 1", "lines 1\nlines 1"),
            text.replace('\n', "\r\n"),
            text.replace("dihya-part/v1", "dihya-part/v2"),
            text.trim_end().to_owned(),
            "dihya-part/v1\nlines 3\n".to_owned(),
            "dihya-part/v1\n".to_owned(),
        ];
        for other in others {
            assert!(other != text && Part::parse(&other).is_err(), "{other}");
        }
    }
}

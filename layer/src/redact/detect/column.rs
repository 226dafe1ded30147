//! Rows below a line of names: CSV, TSV, and the tables that databases print.

use std::ops::Range;

use super::name::{self, is_name, names_a_secret};
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// `at` is near the end of a name, before what separates it from the next or ends its line. All that stands in
/// the rows below, from the first such column on, is hidden.
pub(super) fn verify(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let end = at + value[at..].iter().take(8).position(|b| !is_name(*b))?;
    below(rules, value, end)
}

/// The same for the name behind a bar, which a table may pad with blanks.
pub(super) fn padded(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let bar = at + value[at..].iter().take(4).position(|b| *b == b'|')?;
    let start = bar + 1 + value[bar + 1..].steps().take(MOST_BLANKS).take_while(|b| **b == b' ').count();
    let len = value[start..].steps().take(name::LONGEST_NAME).take_while(|b| is_name(**b)).count();
    below(rules, value, start + len)
}

/// `end` is the end of the name.
fn below(rules: &KeyRules, value: &[u8], end: usize) -> Option<Range<usize>> {
    let name = end - name::trailing(&value[..end], name::LONGEST_NAME, is_name);
    if !names_a_secret(rules, &value[name..end]) {
        return None;
    }
    // Without a line below there is nothing to hide, and a line can hold thousands of names: each would look for its end.
    let (header, slashes) = first_break(value, end)?;
    let separator = separator(&value[end..header], &value[..name])?;
    let column = columns_before(rules, &value[..name], separator)?;
    let count = |line: &[u8]| line.steps().filter(|b| **b == separator).count();
    let behind = count(&value[end..header]);
    let mut start = None;
    let mut row = after_break(value, header, slashes);
    let mut hidden = header;
    while row < value.len() {
        let line = row..line_end(value, row, slashes);
        let text = &value[line.clone()];
        let is_rule = !text.is_empty() && text.steps().all(|b| matches!(b, b'-' | b'+' | b'|' | b':' | b' '));
        if !is_rule {
            // More of them may stand in quotes. Fewer stand in a row when a sentence stands before the line of names:
            // then the columns behind the name tell.
            let here = count(text);
            let column = match here >= column + behind {
                true => column,
                false if here >= behind.max(1) => here - behind,
                false => break,
            };
            start = start.or_else(|| nth(text, separator, column).map(|at| line.start + at));
            hidden = line.end;
        }
        row = after_break(value, line.end, slashes);
        if row == line.end {
            break;
        }
    }
    let start = start?;
    let blank = value[start..hidden].steps().take_while(|b| **b == b' ').count();
    (start + blank < hidden).then_some(start + blank..hidden)
}

/// The separator next to the name: behind it, or before it when it is the last of its line.
fn separator(after: &[u8], before: &[u8]) -> Option<u8> {
    let is = |b: &&u8| matches!(b, b',' | b';' | b'\t' | b'|');
    let behind = after.steps().find(|b| **b != b' ');
    let ahead = before.steps().rev().take(MOST_BLANKS).find(|b| **b != b' ');
    match behind {
        Some(_) => behind.filter(is).copied(),
        None => ahead.filter(is).copied(),
    }
}

/// How many columns stand before this one in its line; none of them may hide anything, since the first that does
/// hides the rest, and looking back further at each would be quadratic.
fn columns_before(rules: &KeyRules, line: &[u8], separator: u8) -> Option<usize> {
    let mut end = line.len();
    let mut columns = 0;
    let mut padded = None;
    loop {
        let blanks = name::trailing(&line[..end], MOST_BLANKS, |b| b == b' ');
        end -= blanks;
        match line[..end].last() {
            // A comma of the sentence before the names, "as told here, user,password": counted, it would show a column.
            Some(byte) if *byte == separator && *padded.get_or_insert(blanks > 0) != (blanks > 0) => {
                return Some(columns);
            }
            Some(byte) if *byte == separator => columns += 1,
            // The start of the line, or of the names in it.
            _ => return Some(columns),
        }
        end -= 1;
        end -= name::trailing(&line[..end], MOST_BLANKS, |b| b == b' ');
        let start = end - name::trailing(&line[..end], name::LONGEST_NAME, is_name);
        if columns > MOST_COLUMNS || names_a_secret(rules, &line[start..end]) {
            return None;
        }
        end = start;
    }
}

fn nth(line: &[u8], separator: u8, column: usize) -> Option<usize> {
    match column.checked_sub(1) {
        None => Some(0),
        Some(before) => {
            line.steps().enumerate().filter(|(_, b)| **b == separator).nth(before).map(|(at, _)| at + 1)
        }
    }
}

/// Where the line ends, and how many backslashes its break is written with: none for a real one.
fn first_break(value: &[u8], start: usize) -> Option<(usize, usize)> {
    let mut slashes = 0;
    for (i, &byte) in (start..).zip(value[start..].steps()).take(MOST_HEADER) {
        match byte {
            b'\r' | b'\n' => return Some((i, 0)),
            b'n' | b'r' if slashes > 0 => return Some((i - slashes, slashes)),
            // The end of the string that holds the table.
            b'"' if slashes == 0 => return None,
            _ => {}
        }
        slashes = if byte == b'\\' { slashes + 1 } else { 0 };
    }
    None
}

/// The end of a row: a line break written like the first, or the end of the string that holds the table, whose quote
/// is escaped less often than a break in it.
fn line_end(value: &[u8], start: usize, slashes: usize) -> usize {
    let mut run = 0;
    for (i, &byte) in (start..).zip(value[start..].steps()) {
        match byte {
            b'\r' | b'\n' => return i,
            b'n' | b'r' if slashes > 0 && run == slashes => return i - run,
            b'"' if run < slashes => return i - run,
            _ => {}
        }
        run = if byte == b'\\' { run + 1 } else { 0 };
    }
    value.len()
}

fn after_break(value: &[u8], end: usize, slashes: usize) -> usize {
    let width = slashes + 1;
    let is_break = |at: usize, end: u8, escaped: u8| match slashes {
        0 => value.get(at) == Some(&end),
        _ => value
            .get(at..at + width)
            .is_some_and(|b| b[slashes] == escaped && b[..slashes].iter().all(|b| *b == b'\\')),
    };
    let mut at = end;
    at += if is_break(at, b'\r', b'r') { width } else { 0 };
    at + if is_break(at, b'\n', b'n') { width } else { 0 }
}

const MOST_BLANKS: usize = 32;
const MOST_COLUMNS: usize = 64;
/// Bytes of a line of names, from the first that hides something on.
const MOST_HEADER: usize = 1024;

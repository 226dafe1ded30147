//! A secret in the next cell: `password -> …`, `| password | … |`, `password<TAB>…`.

use std::ops::Range;

use super::extent::{extent, worth_hiding};
use super::name::{self, is_name, is_secret, names_a_secret};
use crate::redact::keys::KeyRules;
use crate::redact::work::Steps as _;

/// `at` is the blank before an arrow, or the arrow.
pub(super) fn arrow(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let name = name::before(value, at)?;
    if !is_secret(rules, value, &name) {
        return None;
    }
    // Three bytes either way.
    let arrow = 3;
    let blank = value[at + arrow..].steps().take_while(|b| matches!(b, b' ' | b'\t')).count();
    worth_hiding(value, extent(value, at + arrow + blank, false)?)
}

/// `at` is the blank before a bar. The name has to fill its cell: `cat token | jq` is a command.
pub(super) fn bar(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let name = name::before(value, at)?;
    let before = &value[..name.range.start];
    let before = &before[..before.len() - name::trailing(before, 64, |b| b == b' ')];
    if !matches!(before.last(), None | Some(b'|' | b'\n')) || !is_secret(rules, value, &name) {
        return None;
    }
    let bar = at + value[at..].steps().position(|b| *b == b'|')?;
    cell(value, bar + 1, b'|')
}

/// `at` is the end of a name and a tabulator.
pub(super) fn tab(rules: &KeyRules, value: &[u8], at: usize) -> Option<Range<usize>> {
    let tab = at + value[at..].iter().take(8).position(|b| matches!(b, b'\t' | b'\\'))?;
    let name = tab - name::trailing(&value[..tab], name::LONGEST_NAME, is_name);
    if value[tab] == b'\\' {
        return escaped_cell(rules, value, name..tab);
    }
    let tabs = value[tab..].steps().take_while(|b| **b == b'\t').count();
    if !names_a_secret(rules, &value[name..tab]) {
        return None;
    }
    let mut found = cell(value, tab + tabs, b'\t')?;
    // What ends the cell may be the next name, with a cell of its own.
    while value.get(found.end) == Some(&b'\t') {
        let text = &value[found.clone()];
        let last = &text[text.len() - name::trailing(text, name::LONGEST_NAME, is_name)..];
        match cell(value, found.end + 1, b'\t').filter(|_| names_a_secret(rules, last)) {
            Some(next) => found.end = next.end,
            None => break,
        }
    }
    Some(found)
}

/// The same with `\t` written out, with as many backslashes as there are strings around it.
fn escaped_cell(rules: &KeyRules, value: &[u8], name: Range<usize>) -> Option<Range<usize>> {
    let slashes = value[name.end..].steps().take_while(|b| **b == b'\\').count();
    let start = name.end + slashes + 1;
    if value.get(start - 1) != Some(&b't') || !names_a_secret(rules, &value[name]) {
        return None;
    }
    let len = value[start..].steps().position(|b| matches!(b, b'\\' | b'"' | b'\r' | b'\n'));
    worth_hiding(value, start..len.map_or(value.len(), |len| start + len))
}

fn cell(value: &[u8], start: usize, separator: u8) -> Option<Range<usize>> {
    let rest = &value[start..];
    let len = rest.steps().position(|b| matches!(b, b'\r' | b'\n') || *b == separator).unwrap_or(rest.len());
    let cell = &rest[..len];
    let blank = len - cell.trim_ascii_start().len();
    worth_hiding(value, start + blank..start + cell.trim_ascii_end().len().max(blank))
}

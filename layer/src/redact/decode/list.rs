//! Bytes as numbers: `[112, 97, 115]`, `[0x70, 0x61]`, `de:ad:be:ef`, `70 61 73`, on one line or on many.

use super::{Form, Run};
use crate::redact::work;

/// Looks at the numbers around `at`, adding what they could be to `runs`, and answers how far it looked. What lies
/// before `done` has been looked at.
pub(crate) fn look(text: &[u8], at: usize, done: usize, runs: &mut Vec<Run>) -> usize {
    if at < done {
        return done;
    }
    let start = done + text[done..at].iter().rposition(|byte| !is_part(*byte)).map_or(0, |before| before + 1);
    let mut list = List::default();
    let mut at = start;
    while at < text.len() && is_part(text[at]) {
        let len = text[at..].iter().take(LONGEST).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        if len == 0 {
            list.gap += 1;
            if list.gap > WIDEST_GAP {
                list.end_here(runs);
            }
            at += 1;
            continue;
        }
        match Item::read(&text[at..at + len]) {
            Some(item) => list.add(item, at, len),
            None => list.end_here(runs),
        }
        at += len;
    }
    list.end_here(runs);
    work::count(STEP * (at - start));
    at
}

/// Decodes into `to`.
pub(super) fn bytes(text: &[u8], radix: u32, to: &mut Vec<u8>) {
    for item in text.split(|byte| !byte.is_ascii_alphanumeric()).filter(|item| !item.is_empty()) {
        let item = item.strip_prefix(b"0x").unwrap_or(item);
        let number = std::str::from_utf8(item).ok().and_then(|item| u8::from_str_radix(item, radix).ok());
        to.extend(number);
    }
    super::word::readable(to);
}

/// What one number could be.
#[derive(Clone, Copy)]
struct Item {
    decimal: bool,
    hex: bool,
}

impl Item {
    fn read(text: &[u8]) -> Option<Item> {
        let is_hex = |text: &[u8]| (1..=2).contains(&text.len()) && text.iter().all(u8::is_ascii_hexdigit);
        if let Some(digits) = text.strip_prefix(b"0x") {
            return is_hex(digits).then_some(Item { decimal: false, hex: true });
        }
        let decimal = text.len() <= 3 && text.iter().all(u8::is_ascii_digit);
        let item = Item { decimal, hex: is_hex(text) };
        (item.decimal || item.hex).then_some(item)
    }
}

#[derive(Default)]
struct List {
    start: usize,
    end: usize,
    items: usize,
    gap: usize,
    not_decimal: bool,
    not_hex: bool,
}

impl List {
    fn add(&mut self, item: Item, at: usize, len: usize) {
        if self.items == 0 {
            self.start = at;
        }
        self.items += 1;
        self.end = at + len;
        self.gap = 0;
        self.not_decimal |= !item.decimal;
        self.not_hex |= !item.hex;
    }

    fn end_here(&mut self, runs: &mut Vec<Run>) {
        if self.items >= FEWEST {
            let run = |form| Run { start: self.start as u32, end: self.end as u32, form };
            if !self.not_decimal {
                runs.push(run(Form::Decimal));
            }
            if !self.not_hex {
                runs.push(run(Form::Pairs));
            }
        }
        *self = List::default();
    }
}

fn is_part(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
        || matches!(byte, b'x' | b',' | b';' | b':' | b'-' | b'_' | b'.' | b' ' | b'\t' | b'\r' | b'\n')
}

/// Numbers that make a list worth decoding; a hardware address has six.
const FEWEST: usize = 8;

/// What a byte of a list costs, in bytes read.
const STEP: usize = 2;

/// `0xff`.
const LONGEST: usize = 4;

/// Between two numbers: a comma, the end of a line and the next one's indent.
const WIDEST_GAP: usize = 64;

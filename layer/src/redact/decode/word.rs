//! Long words of letters and digits: base64 (RFC 4648, either alphabet, padded or not) and hexadecimal digits.
//!
//! Most long words are neither text in base64 nor in hexadecimal: identifiers, digests, paths. Whether one could be is
//! told without decoding. Of each character the table [`ROLES`] says where in a group it may stand if the group
//! decodes to printable ASCII; enough of them in a row, at whatever phase, are a suspicion. Where ASCII is rare, because
//! something invisible stands between its letters or the script is another, the start of the word is decoded: that random
//! bytes are UTF-8 is very unlikely.

use std::ops::Range;

use super::{Form, Run};
use crate::redact::work::{self, Steps as _};

/// Looks at the word around `at`, adding what it could be to `runs`, and answers where it ends. What lies before
/// `done` has been looked at.
pub(crate) fn look(text: &[u8], at: usize, done: usize, runs: &mut Vec<Run>) -> usize {
    if at < done {
        return done;
    }
    let is_in = |byte: &u8| SIX[usize::from(*byte)] < 64;
    let start = done + text[done..at].iter().rposition(|byte| !is_in(byte)).map_or(0, |before| before + 1);
    let mut state = 0u64;
    // Phases of base64 and of hexadecimal at which text was seen.
    let (mut base64, mut hex) = ([false; 4], None);
    let mut line = start;
    let mut end = start;
    let mut count = 0usize;
    loop {
        while let Some(&byte) = text.get(end) {
            if SIX[usize::from(byte)] >= 64 {
                break;
            }
            state = (state << 1 | FIRSTS) & ROLES[usize::from(byte)];
            if state & LASTS != 0 {
                if state & LAST_BASE64 != 0 {
                    base64[(count + 1) % 4] = true;
                }
                if state & LAST_HEX != 0 && hex.is_none() {
                    hex = Some(end);
                }
            }
            end += 1;
            count += 1;
        }
        match next_line(text, line, end) {
            Some(next) => (line, end) = (next, next),
            None => break,
        }
    }
    work::count(STEP * (end - start));
    let padding = text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
    for (skip, _) in base64.iter().enumerate().filter(|(_, seen)| **seen) {
        let form = Form::Base64 { skip: skip as u8 };
        runs.push(Run { start: start as u32, end: (end + padding) as u32, form });
    }
    if let Some(seen) = hex {
        push_hex(text, start, seen, end, runs);
    }
    if end - start >= SHORTEST_BEYOND {
        look_beyond_ascii(text, start..end, padding, base64, runs);
    }
    end
}

/// The same for text in which ASCII is rare; `seen` are the phases at which it was not.
fn look_beyond_ascii(text: &[u8], word: Range<usize>, padding: usize, seen: [bool; 4], runs: &mut Vec<Run>) {
    let mut push = |start: usize, end: usize, form| {
        runs.push(Run { start: start as u32, end: end as u32, form });
    };
    let mut sixes = [0u8; SHORTEST_BEYOND];
    let of_word = text[word.clone()].iter().map(|byte| SIX[usize::from(*byte)]).filter(|six| *six < 64);
    sixes.iter_mut().zip(of_word).for_each(|(to, six)| *to = six);
    for skip in (0..4).filter(|skip| !seen[*skip]) {
        let bytes = sixes[skip..].chunks_exact(4).flat_map(|four| {
            let bits = four.iter().fold(0u32, |bits, six| bits << 6 | u32::from(*six));
            [(bits >> 16) as u8, (bits >> 8) as u8, bits as u8]
        });
        if is_beyond_ascii(bytes) {
            push(word.start, word.end + padding, Form::Base64 { skip: skip as u8 });
        }
    }
    let start = word.start + if text[word.clone()].starts_with(b"0x") { 2 } else { 0 };
    let digits = text[start..word.end].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    for skip in 0..2.min(digits / SHORTEST_HEX_BEYOND * 2) {
        let pairs = text[start + skip..start + digits].chunks_exact(2).take(SHORTEST_HEX_BEYOND / 2 - 1);
        if is_beyond_ascii(pairs.map(|pair| value_of(pair[0]) << 4 | value_of(pair[1]))) {
            push(start, start + digits, Form::Hex { skip: skip as u8 });
        }
    }
}

/// Whether this is UTF-8, which may begin and end within a character, and not ASCII alone.
fn is_beyond_ascii(bytes: impl Iterator<Item = u8>) -> bool {
    let (mut left, mut beyond, mut begun) = (0, false, false);
    for byte in bytes {
        match byte {
            0x80..=0xbf if left > 0 => left -= 1,
            0x80..=0xbf if !begun => {}
            b' '..=b'~' | b'\t' | b'\n' | b'\r' if left == 0 => begun = true,
            0xc2..=0xf4 if left == 0 => {
                left = byte.leading_ones() - 1;
                (begun, beyond) = (true, true);
            }
            _ => return false,
        }
    }
    beyond
}

/// Base64 is often broken into lines: where the next one starts, if the word goes on there.
fn next_line(text: &[u8], line: usize, end: usize) -> Option<usize> {
    if end - line < SHORTEST_LINE {
        return None;
    }
    let rest = &text[end..];
    let gap = match rest {
        [b'\r', b'\n', ..] => 2,
        [b'\n', ..] => 1,
        _ => return None,
    };
    let gap =
        gap + rest[gap..].steps().take(MOST_INDENT).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let next = end + gap;
    let len =
        text[next..].steps().take(LONGEST_LINE).take_while(|byte| SIX[usize::from(**byte)] < 64).count();
    let behind = text.get(next + len);
    // Behind a line as long as those of a mail or of a key, prose may follow the end.
    let is_full = matches!(end - line, 64 | 76) && len <= end - line;
    let ends = || behind.is_none_or(|byte| matches!(byte, b'\r' | b'\n' | b'=' | b'"' | b'\'' | b'-'));
    (len > 0 && (is_full || ends())).then_some(next)
}

/// The digits around `seen`, in pairs as they were there.
fn push_hex(text: &[u8], floor: usize, seen: usize, end: usize, runs: &mut Vec<Run>) {
    let is_digit = |byte: &u8| byte.is_ascii_hexdigit();
    let start =
        floor + text[floor..=seen].steps().rposition(|byte| !is_digit(byte)).map_or(0, |before| before + 1);
    let end = seen + text[seen..end].steps().take_while(|byte| is_digit(byte)).count();
    let skip = ((seen + 1 - start) % 2) as u8;
    runs.push(Run { start: start as u32, end: end as u32, form: Form::Hex { skip } });
}

/// Decodes into `to`, without the first `skip` characters.
pub(super) fn base64(text: &[u8], skip: u8, to: &mut Vec<u8>) {
    let (mut bits, mut count) = (0u32, 0);
    let sixes = text.iter().map(|byte| SIX[usize::from(*byte)]).filter(|six| *six < 64);
    for six in sixes.skip(usize::from(skip)) {
        bits = bits << 6 | u32::from(six);
        count += 6;
        if count >= 8 {
            count -= 8;
            to.push((bits >> count) as u8);
        }
    }
    readable(to);
}

/// Decodes into `to`, without the first `skip` digits.
pub(super) fn hex(text: &[u8], skip: u8, to: &mut Vec<u8>) {
    to.extend(
        text[usize::from(skip)..].chunks_exact(2).map(|pair| value_of(pair[0]) << 4 | value_of(pair[1])),
    );
    readable(to);
}

fn value_of(digit: u8) -> u8 {
    char::from(digit).to_digit(16).unwrap_or(0) as u8
}

/// Of what is not text as a whole, only longer stretches of text and what is printable count: a blank stands for anything
/// else.
pub(super) fn readable(bytes: &mut [u8]) {
    // A character that was cut at either end does not make the rest unreadable.
    let is_part = |byte: &u8| matches!(byte, 0x80..=0xbf);
    let head = bytes.iter().take(3).take_while(|byte| is_part(byte)).count();
    bytes[..head].fill(b' ');
    let tail = bytes.iter().rev().take(3).take_while(|byte| is_part(byte)).count();
    if let Some(first) = bytes.len().checked_sub(tail + 1).filter(|first| bytes[*first] >= 0xc0)
        && bytes[first].leading_ones() as usize != tail + 1
    {
        bytes[first..].fill(b' ');
    }
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        let (text, bad) = match std::str::from_utf8(rest) {
            Ok(_) => (rest.len(), 0),
            Err(error) => {
                let text = error.valid_up_to();
                (text, error.error_len().unwrap_or(rest.len() - text))
            }
        };
        // Behind text may stand the start of another line, which was taken for its next one.
        let is_whole = at == 0 && bad == 0;
        let blank = if is_whole || text >= SHORTEST_TEXT { at + text } else { at };
        at += text + bad;
        for byte in &mut bytes[blank..at] {
            if !matches!(byte, b' '..=b'~' | b'\n' | b'\r' | b'\t') {
                *byte = b' ';
            }
        }
    }
}

/// The value of a base64 digit; 64 for what is none.
const SIX: [u8; 256] = {
    let mut six = [64; 256];
    let mut value = 0;
    while value < 64 {
        let digit = match value {
            0..26 => b'A' + value,
            26..52 => b'a' + value - 26,
            52..62 => b'0' + value - 52,
            62 => b'+',
            _ => b'/',
        };
        six[digit as usize] = value;
        value += 1;
    }
    six[b'-' as usize] = 62;
    six[b'_' as usize] = 63;
    six
};

/// Characters in a row that have to look like text: 12 of base64 are 9 bytes, 16 hexadecimal digits are 8.
const BASE64_SEEN: usize = 12;
const HEX_SEEN: usize = 16;

/// Bit `i` below [`BASE64_SEEN`]: may be the `i`th in a row of base64; above, of hexadecimal.
const ROLES: [u64; 256] = {
    let mut roles = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let six = SIX[byte];
        let may_be = [six >= 8 && six < 32, six & 15 >= 2 && six & 15 <= 7, six & 3 < 2, true];
        let mut i = 0;
        while i < BASE64_SEEN {
            if six < 64 && may_be[i % 4] {
                roles[byte] |= 1 << i;
            }
            i += 1;
        }
        let may_be = [byte >= b'2' as usize && byte <= b'7' as usize, (byte as u8).is_ascii_hexdigit()];
        let mut i = 0;
        while i < HEX_SEEN {
            if may_be[i % 2] {
                roles[byte] |= 1 << (BASE64_SEEN + i);
            }
            i += 1;
        }
        byte += 1;
    }
    roles
};

const FIRSTS: u64 = 1 | 1 << BASE64_SEEN;
const LAST_BASE64: u64 = 1 << (BASE64_SEEN - 1);
const LAST_HEX: u64 = 1 << (BASE64_SEEN + HEX_SEEN - 1);
const LASTS: u64 = LAST_BASE64 | LAST_HEX;

/// What a byte of a word costs, in bytes read.
const STEP: usize = 1;

/// Bytes that are UTF-8 by chance are hardly ever so many in a row.
const SHORTEST_TEXT: usize = 16;

/// A line that is shorter was not broken for its length.
const SHORTEST_LINE: usize = 32;
const LONGEST_LINE: usize = 1024;
const MOST_INDENT: usize = 16;

/// Characters of base64 and hexadecimal digits that are looked at for text beyond ASCII.
const SHORTEST_BEYOND: usize = 40;
const SHORTEST_HEX_BEYOND: usize = 60;

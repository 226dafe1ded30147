//! A value as its reader would see it, byte by byte traceable to what it was made from.

use std::ops::Range;

use super::Budget;
use super::escape::{self, Decoded};
use super::fold;

/// The text, and where it comes from.
#[derive(Debug, Default)]
pub(crate) struct View {
    pub(super) text: Vec<u8>,
    /// In order; each reaches to the next.
    pieces: Vec<Piece>,
    /// Of the source.
    len: u32,
}

/// A stretch of the view.
#[derive(Clone, Copy, Debug)]
struct Piece {
    start: u32,
    source: u32,
    /// Byte for byte as in the source; otherwise all of it stands for all of the source up to the next piece.
    copied: bool,
}

/// Whose `\012` it is: one character of C's, or a NUL and two digits of Rust's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Zeros {
    Octal,
    Nul,
}

impl View {
    /// Becomes the view of `source`. Whether [`Zeros`] make a difference to it.
    pub(super) fn of(&mut self, source: &[u8], zeros: Zeros, budget: &mut Budget) -> bool {
        self.forget();
        self.len = source.len() as u32;
        let mut ambiguous = false;
        let mut at = 0;
        let mut decoded = 0;
        while at < source.len() {
            let plain = ordinary(&source[at..]);
            if plain > 0 {
                self.piece(at, true);
                self.text.extend_from_slice(&source[at..at + plain]);
                at += plain;
                continue;
            }
            decoded += 1;
            if source[at] < 0x80 {
                let Some((mut len, mut decoded)) = escape::read(source, at) else {
                    self.piece(at, true);
                    self.text.push(source[at]);
                    at += 1;
                    continue;
                };
                if escape::is_octal_or_nul(&source[at..]) {
                    ambiguous = true;
                    if zeros == Zeros::Nul {
                        (len, decoded) = (2, Decoded::Nothing);
                    }
                }
                self.piece(at, false);
                match decoded {
                    Decoded::Byte(byte) => self.text.push(byte),
                    Decoded::Char(char) => self.folded(char),
                    Decoded::Nothing => {}
                }
                at += len;
            } else {
                let (char, mut len) = fold::first_char(&source[at..]);
                let before = self.text.len();
                match char {
                    Some(char) if fold::fold(char, &mut self.text) => {
                        if char == '\u{9b}' {
                            len += escape::parameters(&source[at + len..]);
                        }
                        self.piece_at(before, at, false);
                    }
                    _ => {
                        self.piece(at, true);
                        self.text.extend_from_slice(&source[at..at + len]);
                    }
                }
                at += len;
            }
        }
        budget.spend(source.len() + UNIT * decoded);
        ambiguous
    }

    /// Becomes empty, and a view of nothing.
    pub(super) fn forget(&mut self) {
        self.text.clear();
        self.pieces.clear();
        self.len = 0;
    }

    /// What `range` of the text was made from.
    pub(super) fn source(&self, range: Range<usize>) -> Range<usize> {
        if range.is_empty() {
            return 0..0;
        }
        let first = self.piece_of(range.start);
        let last = self.piece_of(range.end - 1);
        let (first, last, next) = (self.pieces[first], self.pieces[last], self.pieces.get(last + 1));
        let start = match first.copied {
            true => first.source as usize + range.start - first.start as usize,
            false => first.source as usize,
        };
        let end = match last.copied {
            true => last.source as usize + range.end - last.start as usize,
            false => next.map_or(self.len, |next| next.source) as usize,
        };
        start..end
    }

    /// Whether this stretch of the text stands in the source as it is.
    pub(super) fn is_copied(&self, range: Range<usize>) -> bool {
        if self.pieces.is_empty() || range.is_empty() {
            return false;
        }
        let first = self.piece_of(range.start);
        self.pieces[first].copied && self.piece_of(range.end - 1) == first
    }

    /// The last piece that starts at or before this byte of the text, and holds it.
    fn piece_of(&self, at: usize) -> usize {
        // Of those that start at the same byte all but the last are empty.
        self.pieces.partition_point(|piece| piece.start as usize <= at) - 1
    }

    fn piece(&mut self, source: usize, copied: bool) {
        self.piece_at(self.text.len(), source, copied);
    }

    fn piece_at(&mut self, start: usize, source: usize, copied: bool) {
        // A copy goes on: what was copied before it ends here in the source too.
        if copied && self.pieces.last().is_some_and(|last| last.copied) {
            return;
        }
        self.pieces.push(Piece { start: start as u32, source: source as u32, copied });
    }

    fn folded(&mut self, char: char) {
        if !fold::fold(char, &mut self.text) {
            self.text.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
}

/// Whether the view of `text` differs from it in a way that could matter. Accents alone do not: they would send every
/// French sentence here.
pub(super) fn is_worth_it(text: &[u8]) -> bool {
    let mut at = 0;
    while at < text.len() {
        at += without_odd(&text[at..]);
        let Some(&byte) = text.get(at) else { break };
        match byte {
            b'\t' | b'\n' | b'\r' => at += 1,
            // Quotes within quotes are understood where they stand.
            b'\\' if matches!(text.get(at + 1), Some(b'"' | b'\'')) => at += 2,
            0..0x80 => {
                if escape::read(text, at).is_some() {
                    return true;
                }
                at += 1;
            }
            _ => {
                let (char, len) = fold::first_char(&text[at..]);
                if char.is_some_and(|char| fold::is_disguise(char, text, at..at + len)) {
                    return true;
                }
                at += len;
            }
        }
    }
    false
}

/// Bytes up to the first that is no ordinary ASCII or may begin an escape.
fn ordinary(bytes: &[u8]) -> usize {
    let is_odd = |byte: &u8| !matches!(byte, b' '..=b'~') || matches!(byte, b'%' | b'&' | b'\\');
    bytes.iter().position(is_odd).unwrap_or(bytes.len())
}

/// Bytes up to the first that is a control character, a backslash or not ASCII.
fn without_odd(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let mut at = 0;
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk()) {
        let eight = u64::from_le_bytes(*eight);
        let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
        let below = eight.wrapping_sub(ONES * 0x20) & !eight;
        let odd = (below | zero(eight ^ (ONES * 0x5c)) | zero(eight ^ (ONES * 0x7f)) | eight) & HIGH;
        if odd != 0 {
            // The lowest is exact; those above it may owe to a borrow.
            return at + odd.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let is_odd = |byte: &u8| !matches!(byte, b' '..=b'~') || *byte == b'\\';
    at + bytes[at..].iter().position(is_odd).unwrap_or(bytes.len() - at)
}

/// What one decoded character costs.
const UNIT: usize = 6;

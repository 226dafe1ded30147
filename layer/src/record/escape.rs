//! JSON strings (RFC 8259 section 7) that are also safe to look at.
//!
//! Beyond what JSON demands, everything that could move a terminal's cursor, forge a line or turn text around is
//! escaped: DEL, C1 controls, zero-width and bidirectional controls, line and paragraph separators.

/// Writes `text` with its quotes.
pub(crate) fn string(to: &mut Vec<u8>, text: &str) {
    to.push(b'"');
    content(to, text);
    to.push(b'"');
}

/// Writes `text` for people: lines stay lines, quotes and backslashes stay, and what could deceive is escaped.
pub(crate) fn legible(to: &mut Vec<u8>, text: &str) {
    let mut plain = [0; 4];
    for character in text.chars() {
        match character {
            '"' | '\\' | '\n' | '\t' => to.push(character as u8),
            _ => content(to, character.encode_utf8(&mut plain)),
        }
    }
}

/// Writes `text` without quotes.
pub(crate) fn content(to: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut done = 0;
    let mut at = 0;
    while at < bytes.len() {
        if let Some(eight) = bytes[at..].first_chunk() {
            let plain = plain_bytes(u64::from_le_bytes(*eight));
            at += plain;
            if plain == 8 {
                continue;
            }
        }
        let byte = bytes[at];
        if byte < 0x80 {
            if is_plain(byte) {
                at += 1;
                continue;
            }
            to.extend_from_slice(&bytes[done..at]);
            ascii(to, byte);
            at += 1;
        } else {
            let Some(character) = text[at..].chars().next() else { break };
            let len = character.len_utf8();
            if !is_deceptive(character) {
                at += len;
                continue;
            }
            to.extend_from_slice(&bytes[done..at]);
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                unicode(to, *unit);
            }
            at += len;
        }
        done = at;
    }
    to.extend_from_slice(&bytes[done..]);
}

/// Whether a byte may stand in a JSON string as it is. False for every byte of a multi-byte character: those are
/// looked at one by one.
#[inline]
pub(crate) const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte < 0x7f && byte != b'"' && byte != b'\\'
}

/// How many of eight bytes, from the lowest on, are plain. A byte behind the first that is not may be judged wrongly,
/// since borrows run upwards.
#[inline]
fn plain_bytes(eight: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |bytes: u64| bytes.wrapping_sub(ONES) & !bytes;
    let equal = |byte: u8| zero(eight ^ (ONES * u64::from(byte)));
    let below = eight.wrapping_sub(ONES * 0x20) & !eight;
    let not_plain = (below | equal(b'"') | equal(b'\\') | equal(0x7f) | eight) & HIGH;
    not_plain.trailing_zeros() as usize / 8
}

fn ascii(to: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => to.extend_from_slice(b"\\\""),
        b'\\' => to.extend_from_slice(b"\\\\"),
        b'\n' => to.extend_from_slice(b"\\n"),
        b'\r' => to.extend_from_slice(b"\\r"),
        b'\t' => to.extend_from_slice(b"\\t"),
        _ => unicode(to, u16::from(byte)),
    }
}

fn unicode(to: &mut Vec<u8>, unit: u16) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    to.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        to.push(HEX[usize::from(unit >> shift & 0xf)]);
    }
}

fn is_deceptive(character: char) -> bool {
    matches!(character,
        '\u{80}'..='\u{9f}' | '\u{ad}' | '\u{61c}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut to = Vec::new();
        string(&mut to, text);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn control_characters_and_bidi_overrides_are_escaped() {
        assert_eq!(written("a\r\nb\u{1b}[31m\u{7f}"), r#""a\r\nb\u001b[31m\u007f""#);
        assert_eq!(written("user\u{202e}nimda\u{2066}\u{200b}"), r#""user\u202enimda\u2066\u200b""#);
        assert_eq!(written("\u{9b}2J\u{2028}\u{e0041}"), r#""\u009b2J\u2028\udb40\udc41""#);
    }

    #[test]
    fn ordinary_text_stays_as_it_is() {
        assert_eq!(written("Zoë, naïve 日本 🙂 {id}"), "\"Zoë, naïve 日本 🙂 {id}\"");
        assert_eq!(written("say \"hi\" \\o/"), r#""say \"hi\" \\o/""#);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back_equal(text in any::<String>()) {
            let written = written(&text);
            prop_assert!(!written.bytes().any(|b| b < 0x20));
            prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}

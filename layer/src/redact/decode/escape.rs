//! One escape: `%41`, `\u0041`, `\x41`, `\n`, `&#65;`, `&amp;`, and the sequences that colour a terminal.

/// What an escape stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decoded {
    Byte(u8),
    Char(char),
    Nothing,
}

use Decoded::{Byte, Char, Nothing};

/// The length of the escape at `at` and its meaning, if one is there.
pub(crate) fn read(text: &[u8], at: usize) -> Option<(usize, Decoded)> {
    let rest = text.get(at..)?;
    match rest.first()? {
        b'%' => percent(rest),
        b'&' => entity(rest),
        b'\\' => backslash(rest),
        b'\t' | b'\n' | b'\r' => None,
        0x00..=0x1f | 0x7f => Some((control(rest), Nothing)),
        _ => None,
    }
}

/// RFC 3986 section 2.1, and the `%u0041` of ECMAScript's `escape`.
fn percent(rest: &[u8]) -> Option<(usize, Decoded)> {
    if let Some(byte) = hex(rest.get(1..3)?) {
        return Some((3, Byte(byte as u8)));
    }
    let unit = rest.get(1..6)?.strip_prefix(b"u").and_then(hex)?;
    Some((6, char::from_u32(unit).map_or(Nothing, Char)))
}

/// JSON (RFC 8259 section 7), Rust's and C's string literals.
fn backslash(rest: &[u8]) -> Option<(usize, Decoded)> {
    Some(match rest.get(1)? {
        b'n' => (2, Byte(b'\n')),
        b'r' => (2, Byte(b'\r')),
        b't' => (2, Byte(b'\t')),
        byte @ (b'"' | b'\'' | b'\\' | b'/' | b'`') => (2, Byte(*byte)),
        b'u' => return unicode(rest),
        b'U' => (10, char::from_u32(hex(rest.get(2..10)?)?).map_or(Nothing, Char)),
        b'x' => match rest.get(2)? {
            b'{' => braced(rest)?,
            _ => (4, Byte(hex(rest.get(2..4)?)? as u8)),
        },
        first @ b'0'..=b'3' => match rest.get(2..4) {
            Some([second @ b'0'..=b'7', third @ b'0'..=b'7']) => {
                (4, Byte((first - b'0') << 6 | (second - b'0') << 3 | (third - b'0')))
            }
            _ if *first == b'0' => (2, Nothing),
            _ => return None,
        },
        b'e' if rest.get(2) == Some(&b'[') => (2, Byte(0x1b)),
        b'b' | b'f' | b'v' | b'a' => (2, Nothing),
        _ => return None,
    })
}

/// Whether `rest` begins with what is an octal escape in C, and in Rust's strings a NUL and two digits. Nothing in the
/// text tells which.
pub(super) fn is_octal_or_nul(rest: &[u8]) -> bool {
    matches!(rest, [b'\\', b'0', b'0'..=b'7', b'0'..=b'7', ..])
}

/// `\u0041`, a pair of surrogates, or `\u{41}`.
fn unicode(rest: &[u8]) -> Option<(usize, Decoded)> {
    if rest.get(2) == Some(&b'{') {
        return braced(rest);
    }
    let high = hex(rest.get(2..6)?)?;
    if let Some(char) = char::from_u32(high) {
        return Some((6, Char(char)));
    }
    let low = rest.get(6..12).and_then(|next| hex(next.strip_prefix(b"\\u")?));
    match low.filter(|low| high < 0xdc00 && (0xdc00..0xe000).contains(low)) {
        Some(low) => Some((
            12,
            char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + low - 0xdc00).map_or(Nothing, Char),
        )),
        None => Some((6, Nothing)),
    }
}

/// The part in braces of `\u{…}`, `\x{…}`.
fn braced(rest: &[u8]) -> Option<(usize, Decoded)> {
    let close = rest.iter().take(12).position(|byte| *byte == b'}')?;
    Some((close + 1, char::from_u32(hex(&rest[3..close])?).map_or(Nothing, Char)))
}

/// HTML, section 13.5: numbers, and of the names those that hide a token or an assignment.
fn entity(rest: &[u8]) -> Option<(usize, Decoded)> {
    if rest.get(1) == Some(&b'#') {
        let is_hex = matches!(rest.get(2), Some(b'x' | b'X'));
        let start = if is_hex { 3 } else { 2 };
        let digits = rest.get(start..)?.iter().take(8);
        let len = match is_hex {
            true => digits.take_while(|byte| byte.is_ascii_hexdigit()).count(),
            false => digits.take_while(|byte| byte.is_ascii_digit()).count(),
        };
        let digits = std::str::from_utf8(&rest[start..start + len]).ok()?;
        let number = u32::from_str_radix(digits, if is_hex { 16 } else { 10 }).ok()?;
        let end = start + len + usize::from(rest.get(start + len) == Some(&b';'));
        return Some((end, char::from_u32(number).map_or(Nothing, Char)));
    }
    let len = rest[1..].iter().take(LONGEST_ENTITY + 1).position(|byte| *byte == b';')?;
    let name = &rest[1..1 + len];
    // The first byte tells nearly all of them apart.
    let is_it = |entity: &str| entity.as_bytes().first() == name.first() && entity.as_bytes() == name;
    let (_, char) = ENTITIES.iter().find(|(entity, _)| is_it(entity))?;
    Some((len + 2, Char(*char)))
}

/// The length of a control character, with what a terminal takes to belong to it (ECMA-48). An escape character that
/// begins no known sequence stands alone: what follows may be a part of the secret it was put into.
pub(super) fn control(rest: &[u8]) -> usize {
    match rest {
        [0x1b, b'[', ..] => 2 + parameters(&rest[2..]),
        [0x1b, b']', ..] => {
            let end = rest.iter().take(LONGEST_COMMAND).skip(2).position(|byte| matches!(byte, 0x07 | 0x1b));
            match end.map(|end| end + 2) {
                Some(end) if rest[end] == 0x07 => end + 1,
                Some(end) if rest.get(end + 1) == Some(&b'\\') => end + 2,
                _ => 2,
            }
        }
        [0x1b, b'(' | b')', b'0' | b'A' | b'B', ..] => 3,
        _ => 1,
    }
}

/// Parameters and the final byte of a control sequence.
pub(super) fn parameters(rest: &[u8]) -> usize {
    let len = rest.iter().take(32).take_while(|byte| matches!(byte, 0x20..=0x3f)).count();
    match rest.get(len) {
        Some(0x40..=0x7e) => len + 1,
        _ => 0,
    }
}

fn hex(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() || digits.len() > 8 {
        return None;
    }
    digits.iter().try_fold(0, |number: u32, digit| Some(number << 4 | char::from(*digit).to_digit(16)?))
}

const LONGEST_ENTITY: usize = 8;
const LONGEST_COMMAND: usize = 512;

const ENTITIES: &[(&str, char)] = &[
    ("amp", '&'),
    ("AMP", '&'),
    ("apos", '\''),
    ("ast", '*'),
    ("bsol", '\\'),
    ("colon", ':'),
    ("comma", ','),
    ("commat", '@'),
    ("dash", '-'),
    ("dollar", '$'),
    ("equals", '='),
    ("excl", '!'),
    ("gt", '>'),
    ("GT", '>'),
    ("hyphen", '-'),
    ("lbrace", '{'),
    ("lbrack", '['),
    ("lowbar", '_'),
    ("lpar", '('),
    ("lt", '<'),
    ("LT", '<'),
    ("nbsp", ' '),
    ("NewLine", '\n'),
    ("num", '#'),
    ("percnt", '%'),
    ("period", '.'),
    ("plus", '+'),
    ("quest", '?'),
    ("quot", '"'),
    ("QUOT", '"'),
    ("rbrace", '}'),
    ("rbrack", ']'),
    ("rpar", ')'),
    ("semi", ';'),
    ("shy", '\u{ad}'),
    ("sol", '/'),
    ("Tab", '\t'),
    ("tilde", '~'),
    ("verbar", '|'),
    ("vert", '|'),
    ("zwj", '\u{200d}'),
    ("zwnj", '\u{200c}'),
];

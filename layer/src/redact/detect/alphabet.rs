//! The characters that tokens are made of.

use crate::redact::work::Steps as _;

/// A set of ASCII characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// `A-Za-z0-9`
    Alnum,
    /// `A-Z0-9`
    Upper,
    /// `a-z0-9`
    Lower,
    /// `0-9`
    Digits,
    /// `A-Z2-7`
    Base32,
    /// `0-9a-fA-F`
    Hex,
    /// `A-Za-z0-9_`
    Word,
    /// `A-Za-z0-9_-`
    Dash,
    /// `A-Za-z0-9_.-`
    Dot,
    /// RFC 3986, unreserved: `A-Za-z0-9_.~-`
    Unreserved,
    /// Either base64 with its padding: `A-Za-z0-9+/_=-`
    Base64,
    /// RFC 9110, token68: `A-Za-z0-9-._~+/=`
    Token68,
    /// A path of a URL: `A-Za-z0-9/_.@%-`
    Path,
}

impl Alphabet {
    /// Those that a policy can name.
    pub(crate) const NAMED: [(&'static str, Alphabet); 11] = [
        ("alnum", Alphabet::Alnum),
        ("upper", Alphabet::Upper),
        ("lower", Alphabet::Lower),
        ("digits", Alphabet::Digits),
        ("hex", Alphabet::Hex),
        ("base32", Alphabet::Base32),
        ("base64", Alphabet::Base64),
        ("word", Alphabet::Word),
        ("dash", Alphabet::Dash),
        ("dot", Alphabet::Dot),
        ("unreserved", Alphabet::Unreserved),
    ];

    /// Its name in a policy; empty if it has none.
    pub(crate) fn name(self) -> &'static str {
        Alphabet::NAMED.iter().find(|(_, alphabet)| *alphabet == self).map_or("", |(name, _)| name)
    }

    #[inline]
    pub(crate) fn contains(self, byte: u8) -> bool {
        ALPHABETS_OF[usize::from(byte)] >> self as u16 & 1 == 1
    }

    /// What [`contains`](Alphabet::contains) is made of.
    const fn says(self, byte: u8) -> bool {
        match self {
            Alphabet::Alnum => byte.is_ascii_alphanumeric(),
            Alphabet::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Alphabet::Lower => byte.is_ascii_lowercase() || byte.is_ascii_digit(),
            Alphabet::Digits => byte.is_ascii_digit(),
            Alphabet::Base32 => byte.is_ascii_uppercase() || matches!(byte, b'2'..=b'7'),
            Alphabet::Hex => byte.is_ascii_hexdigit(),
            Alphabet::Word => byte.is_ascii_alphanumeric() || byte == b'_',
            Alphabet::Dash => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
            Alphabet::Dot => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'),
            Alphabet::Unreserved => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'~'),
            Alphabet::Base64 => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'_' | b'=' | b'-')
            }
            Alphabet::Token68 => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'+' | b'/' | b'=')
            }
            Alphabet::Path => {
                byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_' | b'.' | b'@' | b'%' | b'-')
            }
        }
    }

    /// How many bytes from `at` on belong to it.
    pub(crate) fn run(self, value: &[u8], at: usize) -> usize {
        value.get(at..).map_or(0, |rest| rest.steps().take_while(|b| self.contains(**b)).count())
    }

    /// How many bytes before `at` belong to it, `most` at most.
    pub(crate) fn run_before(self, value: &[u8], at: usize, most: usize) -> usize {
        let at = at.min(value.len());
        value[..at].steps().rev().take(most).take_while(|b| self.contains(**b)).count()
    }

    /// `len` characters of it without a pattern, the same each time; letters and digits alone, so that the
    /// ends are where they seem to be.
    pub(crate) fn sample(self, len: usize) -> String {
        let letters = (b'0'..=b'z').filter(|b| b.is_ascii_alphanumeric() && self.contains(*b));
        let letters: Vec<u8> = letters.collect();
        let mut state = 0x9e37_79b9_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            char::from(letters[(state >> 16) as usize % letters.len()])
        };
        (0..len).map(|_| next()).collect()
    }
}

/// Which alphabets a byte belongs to, a bit each: some detectors ask it of every byte they pass.
static ALPHABETS_OF: [u16; 256] = {
    use Alphabet::*;
    const ALL: [Alphabet; 13] =
        [Alnum, Upper, Lower, Digits, Base32, Hex, Word, Dash, Dot, Unreserved, Base64, Token68, Path];
    let mut of = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut i = 0;
        while i < ALL.len() {
            if ALL[i].says(byte as u8) {
                of[byte] |= 1 << ALL[i] as u16;
            }
            i += 1;
        }
        byte += 1;
    }
    of
};

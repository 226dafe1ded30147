//! The secrets of one run: made when it starts, remembered, and searched for when it ends.
//!
//! Nothing here is a constant: a scanner that reads this repository finds no secret in it, and two runs share none.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::{fs, io};

use aho_corasick::AhoCorasick;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Every value that must never be read in a log.
#[derive(Clone, Default)]
pub(crate) struct Secrets(Arc<Mutex<Vec<Secret>>>);

/// One value and what kind of thing it is: the kind may be printed, the value never.
struct Secret {
    kind: &'static str,
    value: String,
}

/// What a search saw.
#[derive(Default)]
pub(crate) struct Search {
    pub(crate) secrets: usize,
    pub(crate) forms: usize,
    pub(crate) texts: usize,
    pub(crate) bytes: usize,
    /// Kind of secret and name of the text, with the number of matches. Never the value.
    pub(crate) found: BTreeMap<(&'static str, String), usize>,
    /// Kinds with the number of secrets that occurred nowhere.
    pub(crate) unseen: BTreeMap<&'static str, usize>,
}

impl Secrets {
    /// Remembers `value`; gives it back, so that it can be used on the spot.
    pub(crate) fn keep(&self, kind: &'static str, value: String) -> String {
        let mut list = self.lock();
        if !list.iter().any(|secret| secret.value == value) {
            list.push(Secret { kind, value: value.clone() });
        }
        value
    }

    /// A password as a person might choose one.
    pub(crate) fn password(&self) -> String {
        self.keep("password", format!("{}!{}", pick(ALNUM, 7), pick(ALNUM, 6)))
    }

    /// A credential of a known shape: `prefix` and `length` random characters.
    pub(crate) fn token(&self, kind: &'static str, prefix: &[&str], length: usize) -> String {
        self.keep(kind, format!("{}{}", prefix.concat(), pick(ALNUM, length)))
    }

    /// An AWS access key id.
    pub(crate) fn aws_key(&self) -> String {
        self.keep("AWS key id", format!("{}{}{}", "AK", "IA", pick("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)))
    }

    /// A session of the service itself, shaped like any opaque one: only its field's name tells what it is.
    pub(crate) fn session(&self) -> String {
        self.keep("session", pick("0123456789abcdef", 32))
    }

    /// A signed JSON web token for `user`.
    pub(crate) fn jwt(&self, user: &str) -> String {
        let part = |text: &str| URL_SAFE_NO_PAD.encode(text);
        let payload = format!(r#"{{"sub":"{user}","jti":"{}"}}"#, pick(ALNUM, 12));
        let head = part(r#"{"alg":"HS256","typ":"JWT"}"#);
        self.keep("JWT", format!("{head}.{}.{}", part(&payload), pick(ALNUM, 43)))
    }

    /// A private key file; what is searched for is one line of its body.
    pub(crate) fn private_key(&self) -> String {
        let line = self.keep("private key", pick(ALNUM, 64));
        let edge = |word: &str| format!("-----{word} {} KEY-----", "PRIVATE");
        format!("{}\n{}\n{line}\n{}\n", edge("BEGIN"), pick(ALNUM, 64), edge("END"))
    }

    /// A payment card with a valid check digit, in an issuer's range.
    pub(crate) fn card(&self) -> String {
        let issuer = ["4970", "4532", "5204", "5412"][below(4)];
        let body = format!("{issuer}{}", pick("0123456789", 11));
        let sum: u32 = body.bytes().rev().enumerate().map(|(i, digit)| luhn(digit, i % 2 == 0)).sum();
        self.keep("card number", format!("{body}{}", (10 - sum % 10) % 10))
    }

    /// A French bank account with valid check digits.
    pub(crate) fn iban(&self) -> String {
        let account = pick("0123456789", 23);
        let rest = mod97(&format!("{account}152700")); // F = 15, R = 27 (ISO 13616)
        self.keep("IBAN", format!("FR{:02}{account}", 98 - rest))
    }

    /// A French social security number with its key.
    pub(crate) fn nir(&self) -> String {
        let month = 1 + below(12);
        let place = 1 + below(94);
        // Corsica writes 2A and 2B where others write digits; its former 20 is not given any more.
        let place = if place == 20 { 21 } else { place };
        let person = pick("0123456789", 3);
        let body =
            format!("{}{:02}{month:02}{place:02}{:03}{person}", 1 + below(2), below(100), 1 + below(900));
        self.keep("NIR", format!("{body}{:02}", 97 - mod97(&body)))
    }

    /// A mailbox under a reserved domain (RFC 2606).
    pub(crate) fn email(&self) -> String {
        self.keep("e-mail", format!("{}.{}@example.org", pick(LOWER, 6), pick(LOWER, 8)))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Looks for every secret in every form in every text. `texts` are pairs of a name and what it holds.
    pub(crate) fn search(&self, texts: &[(String, Vec<u8>)]) -> Result<Search, aho_corasick::BuildError> {
        let list = self.lock();
        let mut forms: Vec<(usize, String)> = Vec::new();
        for (index, secret) in list.iter().enumerate() {
            forms.extend(all_forms(&secret.value).into_iter().map(|form| (index, form)));
        }
        let needles = AhoCorasick::new(forms.iter().map(|(_, form)| form))?;
        let mut search =
            Search { secrets: list.len(), forms: forms.len(), texts: texts.len(), ..Search::default() };
        let mut seen = vec![false; list.len()];
        for (name, text) in texts {
            search.bytes += text.len();
            for hit in needles.find_overlapping_iter(text) {
                let secret = forms[hit.pattern().as_usize()].0;
                seen[secret] = true;
                *search.found.entry((list[secret].kind, name.clone())).or_default() += 1;
            }
        }
        for (secret, _) in list.iter().zip(&seen).filter(|(_, seen)| !**seen) {
            *search.unseen.entry(secret.kind).or_default() += 1;
        }
        Ok(search)
    }

    /// Writes `kind<TAB>value` lines to a new file that only its owner can read.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        for secret in self.lock().iter() {
            writeln!(file, "{}\t{}", secret.kind, secret.value)?;
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Secret>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The value as written, in groups, percent-encoded, in hexadecimal, and inside anything encoded in base64.
fn all_forms(value: &str) -> Vec<String> {
    let mut forms = vec![value.to_owned()];
    if value.len() > 13 && value.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_uppercase()) {
        forms.extend([" ", "-"].map(|by| grouped(value, by)));
    }
    forms.push(percent_encoded(value));
    forms.push(value.bytes().map(|b| format!("{b:02x}")).collect());
    forms.push(value.bytes().map(|b| format!("{b:02X}")).collect());
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        // Where the value starts within a group of three bytes decides its letters; those at the edges depend on its neighbours.
        for before in 0..3 {
            let encoded = engine.encode([&vec![0; before], value.as_bytes()].concat());
            let letters = (value.len() + before) / 3 * 4;
            forms.push(encoded[if before == 0 { 0 } else { 4 }..letters].to_owned());
        }
    }
    forms.sort();
    forms.dedup();
    forms
}

/// `4970 1111 …`: groups of four, as on a card or a bank statement.
pub(crate) fn grouped(value: &str, by: &str) -> String {
    let groups: Vec<String> = value.as_bytes().chunks(4).map(|c| String::from_utf8_lossy(c).into()).collect();
    groups.join(by)
}

/// RFC 3986: everything but the unreserved characters as `%XX`.
pub(crate) fn percent_encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// `length` characters out of `letters`, not fit for real keys.
pub(crate) fn pick(letters: &str, length: usize) -> String {
    (0..length).map(|_| char::from(letters.as_bytes()[below(letters.len())])).collect()
}

/// A number below `end`, from the keys that std takes from the operating system.
pub(crate) fn below(end: usize) -> usize {
    (RandomState::new().hash_one(end) % end.max(1) as u64) as usize
}

fn luhn(digit: u8, doubled: bool) -> u32 {
    let digit = u32::from(digit - b'0') * if doubled { 2 } else { 1 };
    digit / 10 + digit % 10
}

fn mod97(digits: &str) -> u32 {
    digits.bytes().fold(0, |rest, digit| (rest * 10 + u32::from(digit - b'0')) % 97)
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";

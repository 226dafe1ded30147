//! Field names that give their value away.
//!
//! A name is folded (`fold`), then looked up in tables (`table`) in three ways:
//! - a *stem* matches anywhere in the letters of the name: `userPassWord2` holds `password`;
//! - a *word* or a phrase of words matches between word boundaries: `x_api.token`, not `tokenizer`;
//! - a *final* word matches only when nothing but a qualifier follows: `basic_auth_header`, not `auth_method`.
//!
//! Words can be denied by their neighbours, since `primary_key`, `token_count` and `server.address` are
//! ordinary. Two word segmentations count at once, by separators alone and by separators and case, so that
//! `toKen` hides nothing.
//!
//! Decisions on names that could be read either way:
//! - `key` and `name` alone, `thread.name`, `service.name`, `file_name` are kept; `user_name` (a login, often an
//!   e-mail address) and the names of people are masked.
//! - The service's own addresses are kept (`server.address`, `network.local.address`, `socket.address`,
//!   `host.ip`, `bind_addr`, `addr` alone), those of the other side are masked (`client.address`,
//!   `network.peer.address`, `remote_addr`, `ip`).
//! - `url.full`, `url.query`, `db.query.text`, `http.target`, `exception.message`, `user_agent.original` are kept
//!   by name: their content is scanned.
//! - Counts and properties of secrets are kept (`token_type`, `cookie_count`, `card_type`) unless the stem is so
//!   strong that nobody should log anything near it (`password_length` is masked; `keep_keys` can exempt it,
//!   though never a name of the secret itself).

mod fold;
mod quick;
mod table;

use super::work;
use crate::policy::RedactPolicy;

use self::fold::Folded;
pub(super) use self::fold::{is_ignorable, look_alike};
use self::quick::{Quick, Starts};
use self::table::Place;

/// The built-in tables and the policy's own keys, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct KeyRules {
    stems: Index<Stem>,
    words: Index<&'static table::Word>,
    /// Folded; matched anywhere in names that are not ASCII.
    foreign: Vec<(String, KeyClass)>,
    foreign_starts: Starts,
    quick: Quick,
    /// Folded, matched like stems but digits count.
    custom: Vec<String>,
    drop: Vec<String>,
    keep: Vec<String>,
}

/// Why a field is masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyClass {
    Custom,
    Authentication,
    Payment,
    Identity,
    Health,
}

/// What to do with a field, by its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyAction {
    /// The name tells nothing; the value is scanned.
    Keep,
    /// The value is replaced whole, whatever it is.
    Mask(KeyClass),
    /// Neither name nor value reach the record.
    Drop,
}

impl KeyClass {
    pub(crate) const ALL: [KeyClass; 5] =
        [KeyClass::Custom, KeyClass::Authentication, KeyClass::Payment, KeyClass::Identity, KeyClass::Health];

    /// The name in markers and metrics.
    pub(crate) fn label(self) -> &'static str {
        match self {
            KeyClass::Custom => "key_custom",
            KeyClass::Authentication => "key_authentication",
            KeyClass::Payment => "key_payment",
            KeyClass::Identity => "key_identity",
            KeyClass::Health => "key_health",
        }
    }
}

impl KeyRules {
    pub(crate) fn new(policy: &RedactPolicy) -> KeyRules {
        let fold_all = |keys: &[String]| -> Vec<String> {
            let folded =
                keys.iter().map(|key| fold::with(key, |f| String::from_utf8_lossy(f.alnum).into_owned()));
            folded.filter(|key| !key.is_empty()).collect()
        };
        let stems = table::STEMS
            .iter()
            .flat_map(|(class, texts)| texts.iter().map(|text| Stem { text, class: *class }));
        let foreign =
            table::FOREIGN.iter().flat_map(|(class, texts)| texts.iter().map(|text| (*text, *class)));
        let foreign = foreign.map(|(text, class)| {
            (fold::with(text, |name| String::from_utf8_lossy(name.letters).into_owned()), class)
        });
        let foreign: Vec<_> = foreign.collect();
        KeyRules {
            foreign_starts: Starts::new(foreign.iter().map(|(text, _)| text.as_bytes())),
            foreign,
            quick: quick(),
            stems: Index::new(stems.collect(), |stem| stem.text),
            words: Index::new(table::WORDS.iter().collect(), |word| word.texts[0]),
            custom: fold_all(&policy.mask_keys),
            drop: fold_all(&policy.drop_keys),
            keep: fold_all(&policy.keep_keys),
        }
    }

    /// What to do with a field of this name. Drop wins over keep, keep over mask.
    pub(crate) fn action(&self, name: &str) -> KeyAction {
        fold::with(name, |folded| self.action_folded(folded))
    }

    /// Whether the value beside `key` inside a text is to be hidden: only secrets, payment data and the policy's
    /// own keys, because prose is full of `name:` and `address:`.
    pub(crate) fn class_in_text(&self, key: &str) -> Option<KeyClass> {
        work::count(key.len());
        if self.custom.is_empty() && self.drop.is_empty() && self.quick.is_harmless(key) {
            return None;
        }
        match self.action(key) {
            KeyAction::Mask(class @ (KeyClass::Custom | KeyClass::Authentication | KeyClass::Payment)) => {
                Some(class)
            }
            // Numbers that stand for a person are no words of prose.
            KeyAction::Mask(KeyClass::Identity) if names_a_number(key) => Some(KeyClass::Identity),
            // Inside a value there is no field to leave out: hiding it is what is left.
            KeyAction::Drop => Some(KeyClass::Custom),
            _ => None,
        }
    }

    /// Whether a field of this name holds a credential itself, and not a fact about one (`password_policy`).
    pub(crate) fn is_credential(&self, name: &str) -> bool {
        fold::with(name, |name| {
            (0..name.letters.len()).any(|at| {
                let rest = &name.letters[at..];
                let mut stems = self.stems.starting(rest).iter().filter(|stem| {
                    stem.class == KeyClass::Authentication && rest.starts_with(stem.text.as_bytes())
                });
                let word = name.word_at(at);
                let plural = |end| if name.letters.get(end) == Some(&b's') { end + 1 } else { end };
                stems.any(|stem| {
                    let end = at + stem.text.len();
                    only_qualifiers(name, end) || only_qualifiers(name, plural(end))
                }) || name.starts_word(at)
                    && is_one_of(word, table::SECRETS)
                    && only_qualifiers(name, at + word.len())
            })
        })
    }

    fn action_folded(&self, name: &Folded<'_>) -> KeyAction {
        let is_whole = |keys: &[String]| keys.iter().any(|key| key.as_bytes() == name.alnum);
        if is_whole(&self.drop) {
            return KeyAction::Drop;
        }
        if is_whole(&self.keep) {
            return KeyAction::Keep;
        }
        let envelope = table::ENVELOPE.iter().any(|field| field.as_bytes() == name.alnum);
        if self
            .custom
            .iter()
            .any(|key| if envelope { key.as_bytes() == name.alnum } else { contains(name.alnum, key) })
        {
            return KeyAction::Mask(KeyClass::Custom);
        }
        if envelope {
            return KeyAction::Keep;
        }
        match self.class(name) {
            Some(class) => KeyAction::Mask(class),
            None => KeyAction::Keep,
        }
    }

    fn class(&self, name: &Folded<'_>) -> Option<KeyClass> {
        let mut best: Option<KeyClass> = None;
        let mut found = |class: KeyClass| best = Some(best.map_or(class, |best| best.min(class)));
        for at in 0..name.letters.len() {
            let rest = &name.letters[at..];
            for stem in self.stems.starting(rest) {
                if rest.starts_with(stem.text.as_bytes())
                    && !stem_is_denied(stem.text, &rest[stem.text.len()..])
                {
                    found(stem.class);
                }
            }
            if name.starts_word(at) {
                for word in self.words.starting(rest) {
                    if word_matches(word, name, at) {
                        found(word.class);
                    }
                }
            }
        }
        if !name.letters.is_ascii() {
            for at in 0..name.letters.len() {
                let rest = &name.letters[at..];
                if self.foreign_starts.may_be(rest) {
                    let foreign = self.foreign.iter().filter(|(text, _)| rest.starts_with(text.as_bytes()));
                    foreign.for_each(|(_, class)| found(*class));
                }
            }
        }
        best
    }
}

/// What can be hidden inside a text: see [`KeyRules::class_in_text`].
fn quick() -> Quick {
    let in_text = |class: KeyClass| matches!(class, KeyClass::Authentication | KeyClass::Payment);
    let stems = table::STEMS.iter().filter(move |(class, _)| in_text(*class));
    let stems = stems.flat_map(|(_, texts)| texts.iter().map(|text| vec![*text]));
    let words = table::WORDS.iter().filter(move |word| in_text(word.class)).map(|word| word.texts.to_vec());
    let numbers = table::NUMBERS.iter().map(|text| vec![*text]);
    Quick::new(stems.chain(words).chain(numbers))
}

fn names_a_number(name: &str) -> bool {
    fold::with(name, |name| {
        table::NUMBERS.iter().any(|text| match text.len() {
            // Short ones as words alone.
            ..=3 => {
                (0..name.letters.len()).any(|at| name.starts_word(at) && name.word_at(at) == text.as_bytes())
            }
            _ => contains(name.letters, text),
        })
    })
}

#[derive(Clone, Copy, Debug)]
struct Stem {
    text: &'static str,
    class: KeyClass,
}

/// Texts grouped by their first letter, behind a filter of their first two letters.
#[derive(Clone, Debug)]
struct Index<T> {
    /// Bit `second & 31` of `pairs[first & 31]`: some text begins so.
    pairs: [u32; 32],
    groups: [Vec<T>; 32],
}

impl<T> Index<T> {
    fn new(entries: Vec<T>, text: impl Fn(&T) -> &'static str) -> Index<T> {
        let mut index = Index { pairs: [0; 32], groups: std::array::from_fn(|_| Vec::new()) };
        for entry in entries {
            let [first, second, ..] = text(&entry).as_bytes() else { continue };
            let group = usize::from(first & 31);
            index.pairs[group] |= 1 << (second & 31);
            index.groups[group].push(entry);
        }
        index
    }

    fn starting(&self, rest: &[u8]) -> &[T] {
        let [first, second, ..] = rest else { return &[] };
        let group = usize::from(first & 31);
        if self.pairs[group] >> (second & 31) & 1 == 0 { &[] } else { &self.groups[group] }
    }
}

fn word_matches(word: &table::Word, name: &Folded<'_>, at: usize) -> bool {
    // The texts of a phrase are its words: matched one after the other, joined or not.
    let mut end = at;
    for text in word.texts {
        if !name.letters[end..].starts_with(text.as_bytes()) {
            return false;
        }
        end += text.len();
    }
    // Phrases have plurals; of single words only those in the table (`tokens` counts what a model read).
    if word.texts.len() > 1 && name.letters.get(end) == Some(&b's') && name.starts_word(end + 1) {
        end += 1;
    }
    if !name.starts_word(end) {
        return false;
    }
    let before = name.word_before(at);
    if word.texts == ["key"] && before.is_empty() {
        return false;
    }
    if is_one_of(before, word.unless_after) || is_one_of(before, table::QUESTIONS) {
        return false;
    }
    match word.place {
        Place::Anywhere => !is_one_of(name.word_at(end), table::PROPERTIES),
        Place::Final => only_qualifiers(name, end),
    }
}

/// Whether nothing but qualifiers follows in the name.
fn only_qualifiers(name: &Folded<'_>, mut at: usize) -> bool {
    while at < name.letters.len() {
        let next = name.word_at(at);
        if !is_one_of(next, table::QUALIFIERS) {
            return false;
        }
        at += next.len();
    }
    true
}

fn stem_is_denied(stem: &str, rest: &[u8]) -> bool {
    table::STEM_DENIALS.iter().any(|(text, continuations)| {
        *text == stem && continuations.iter().any(|c| rest.starts_with(c.as_bytes()))
    })
}

fn is_one_of(word: &[u8], list: &[&str]) -> bool {
    !word.is_empty() && list.iter().any(|entry| entry.as_bytes() == word)
}

fn contains(haystack: &[u8], needle: &str) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle.as_bytes())
}

#[cfg(test)]
mod tests;

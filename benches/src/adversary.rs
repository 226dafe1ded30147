//! Values made to be slow: what detectors, keys and decoders begin to look at, over and over, mixed, mutated, wrapped.

mod pieces;

use std::fmt::{self, Write as _};
use std::str::FromStr;

use dihya::inspect::detectors;

use self::pieces::{CHARS, NASTY};
use crate::ordinary::{self, LENGTH, base64};

/// What values are made of.
#[derive(Debug)]
pub struct Pieces(Vec<String>);

impl Default for Pieces {
    fn default() -> Pieces {
        let mut pieces: Vec<String> = NASTY.iter().map(|piece| (*piece).to_owned()).collect();
        let secret = ["PRIVATE", "KEY"].join(" ");
        pieces.push(format!("-----BEGIN {secret}-----"));
        pieces.push(format!("-----END {secret}-----"));
        pieces.push(secret);
        for detector in detectors() {
            let example = detector.example();
            let half = example.chars().count() / 2;
            pieces.push(example.chars().take(4).collect());
            pieces.push(example.chars().take(half).collect());
            pieces.push(example);
        }
        // Stretches of ordinary text, between which the rest stands.
        pieces.extend(ordinary::kinds().into_iter().map(|kind| kind.text.chars().take(400).collect()));
        Pieces(pieces)
    }
}

/// How one value is made; `Display` writes it so that `FromStr` reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// Indices of pieces, and how often each stands in a row.
    parts: Vec<(usize, usize)>,
    /// In the order of `parts`, or at random.
    shuffled: bool,
    /// Bytes changed.
    mutations: usize,
    wraps: Vec<Wrap>,
    seed: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrap {
    Base64,
    Hex,
    Percent,
    Bytes,
    Unicode,
    Quotes,
}

const WRAPS: [(char, Wrap); 6] = [
    ('b', Wrap::Base64),
    ('h', Wrap::Hex),
    ('p', Wrap::Percent),
    ('l', Wrap::Bytes),
    ('u', Wrap::Unicode),
    ('q', Wrap::Quotes),
];

impl Recipe {
    pub fn random(pieces: &Pieces, random: &mut Random) -> Recipe {
        let parts = (0..=random.below(6)).map(|_| part(pieces, random)).collect();
        let depth = random.below(6).saturating_sub(2);
        Recipe {
            parts,
            shuffled: random.below(3) == 0,
            mutations: if random.below(2) == 0 { 0 } else { random.below(2_000) },
            wraps: (0..depth).map(|_| WRAPS[random.below(WRAPS.len())].1).collect(),
            seed: random.roll(),
        }
    }

    /// The same but for one thing or a few.
    pub fn mutated(&self, pieces: &Pieces, random: &mut Random) -> Recipe {
        let mut child = self.clone();
        for _ in 0..=random.below(2) {
            let at = random.below(child.parts.len());
            match random.below(9) {
                0 | 1 => child.parts[at] = part(pieces, random),
                2 if child.parts.len() < MOST_PARTS => child.parts.insert(at, part(pieces, random)),
                3 if child.parts.len() > 1 => _ = child.parts.remove(at),
                4 => child.parts[at].1 = REPEATS[random.below(REPEATS.len())],
                5 => child.shuffled = !child.shuffled,
                6 => child.mutations = [0, 10, 100, 1_000, 4_000][random.below(5)],
                7 => _ = child.wraps.pop(),
                8 if child.wraps.len() < 4 => child.wraps.insert(0, WRAPS[random.below(WRAPS.len())].1),
                _ => child.seed = random.roll(),
            }
        }
        child
    }

    /// Every piece there is, alone and over and over.
    pub fn singles(pieces: &Pieces) -> impl Iterator<Item = Recipe> {
        let single = |piece| Recipe {
            parts: vec![(piece, 1)],
            shuffled: false,
            mutations: 0,
            wraps: Vec::new(),
            seed: 0,
        };
        (0..pieces.0.len()).map(single)
    }

    /// Whether both are made of the same pieces and wrapped the same way.
    pub fn is_like(&self, other: &Recipe) -> bool {
        let within =
            |a: &Recipe, b: &Recipe| a.parts.iter().all(|(piece, _)| b.parts.iter().any(|(p, _)| p == piece));
        self.wraps == other.wraps && within(self, other) && within(other, self)
    }

    /// The value, of [`LENGTH`] bytes or a few less.
    pub fn text(&self, pieces: &Pieces) -> String {
        let mut random = Random(self.seed);
        let mut text = String::with_capacity(2 * LENGTH);
        let mut next = self.parts.iter().cycle();
        while text.len() < LENGTH {
            let part = match self.shuffled {
                true => self.parts.get(random.below(self.parts.len())),
                false => next.next(),
            };
            let (piece, times) = part.copied().unwrap_or_default();
            let piece = pieces.0.get(piece).filter(|piece| !piece.is_empty()).map_or("x", String::as_str);
            for _ in 0..times.max(1) {
                text.push_str(piece);
                if text.len() >= LENGTH {
                    break;
                }
            }
        }
        let mut bytes = text.into_bytes();
        for _ in 0..self.mutations {
            let at = random.below(bytes.len());
            if bytes[at].is_ascii() {
                bytes[at] = CHARS[random.below(CHARS.len())];
            }
        }
        let mut text = String::from_utf8(bytes).unwrap_or_default();
        for wrap in &self.wraps {
            cut(&mut text, LENGTH);
            text = wrap.around(text);
        }
        cut(&mut text, LENGTH);
        text
    }

    /// What it is made of, to be read.
    pub fn told(&self, pieces: &Pieces) -> String {
        let part = |(piece, times): &(usize, usize)| {
            let piece: String = pieces.0[*piece].chars().take(14).collect();
            if *times == 1 { format!("{piece:?}") } else { format!("{piece:?} x {times}") }
        };
        let parts: Vec<String> = self.parts.iter().map(part).collect();
        let shuffled = if self.shuffled { " shuffled," } else { "" };
        format!(
            "{},{shuffled} {} bytes changed, wrapped in {:?}",
            parts.join(" + "),
            self.mutations,
            self.wraps
        )
    }
}

fn part(pieces: &Pieces, random: &mut Random) -> (usize, usize) {
    let times = if random.below(2) == 0 { 1 } else { REPEATS[random.below(REPEATS.len())] };
    (random.below(pieces.0.len()), times)
}

impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.parts.iter().map(|(piece, times)| format!("{piece}x{times}")).collect();
        let wrap =
            |wrap: &Wrap| WRAPS.iter().find(|(_, each)| each == wrap).map_or('?', |(letter, _)| *letter);
        let wraps: String = self.wraps.iter().map(wrap).collect();
        write!(f, "{}/{}/{}/{wraps}/{}", parts.join("."), u8::from(self.shuffled), self.mutations, self.seed)
    }
}

impl FromStr for Recipe {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Recipe, Self::Err> {
        const WRONG: &str = "no recipe: give one as it was printed";
        let number = |text: &str| text.parse().map_err(|_| WRONG);
        let [parts, shuffled, mutations, wraps, seed] = text.split('/').collect::<Vec<_>>()[..] else {
            return Err(WRONG);
        };
        let part = |part: &str| -> Result<(usize, usize), Self::Err> {
            let (piece, times) = part.split_once('x').ok_or(WRONG)?;
            Ok((number(piece)?, number(times)?))
        };
        let wrap =
            |letter| WRAPS.iter().find(|(each, _)| *each == letter).map(|(_, wrap)| *wrap).ok_or(WRONG);
        Ok(Recipe {
            parts: parts.split('.').map(part).collect::<Result<_, _>>()?,
            shuffled: shuffled == "1",
            mutations: number(mutations)?,
            wraps: wraps.chars().map(wrap).collect::<Result<_, _>>()?,
            seed: seed.parse().map_err(|_| WRONG)?,
        })
    }
}

impl Wrap {
    fn around(self, mut text: String) -> String {
        // No more than what will be left of it.
        let growth = match self {
            Wrap::Base64 | Wrap::Quotes => 1,
            Wrap::Hex | Wrap::Bytes => 2,
            Wrap::Percent => 3,
            Wrap::Unicode => 4,
        };
        cut(&mut text, LENGTH / growth);
        let mut to = String::with_capacity(4 * text.len());
        match self {
            Wrap::Base64 => return base64(text.as_bytes()),
            Wrap::Hex => text.bytes().for_each(|byte| push_hex(byte, &mut to)),
            Wrap::Percent => text.bytes().for_each(|byte| {
                to.push('%');
                push_hex(byte, &mut to);
            }),
            Wrap::Bytes => text.bytes().for_each(|byte| _ = write!(to, "{byte}, ")),
            Wrap::Unicode => to.extend(text.escape_unicode()),
            Wrap::Quotes => to.extend(text.escape_debug()),
        }
        to
    }
}

fn push_hex(byte: u8, to: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    to.push(char::from(DIGITS[usize::from(byte >> 4)]));
    to.push(char::from(DIGITS[usize::from(byte & 15)]));
}

fn cut(text: &mut String, length: usize) {
    text.truncate(text.floor_char_boundary(length));
}

/// SplitMix64.
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, most: usize) -> usize {
        (self.roll() % most as u64) as usize
    }
}

/// How often a piece stands in a row.
const REPEATS: [usize; 7] = [1, 2, 4, 16, 64, 600, 4_000];

const MOST_PARTS: usize = 9;

#[cfg(test)]
mod tests {
    use super::*;
    use dihya::inspect::Examiner;

    #[test]
    fn a_recipe_read_back_makes_the_same_value() {
        let pieces = Pieces::default();
        let mut random = Random(7);
        for _ in 0..20 {
            let recipe = Recipe::random(&pieces, &mut random).mutated(&pieces, &mut random);
            let again: Recipe = recipe.to_string().parse().unwrap();
            assert_eq!(again, recipe);
            let text = recipe.text(&pieces);
            assert!(text == again.text(&pieces) && (LENGTH - 3..=LENGTH).contains(&text.len()), "{recipe}");
        }
        assert!("1x1/0".parse::<Recipe>().is_err());
    }

    #[test]
    fn whatever_a_value_is_made_of_the_work_on_it_is_bounded() {
        let pieces = Pieces::default();
        let mut random = Random(11);
        let mut examiner = Examiner::default();
        let (mut given_up, mut most) = (0, 0);
        let made = (0..300).map(|_| Recipe::random(&pieces, &mut random)).collect::<Vec<_>>();
        for recipe in Recipe::singles(&pieces).chain(made) {
            given_up += usize::from(examiner.examine(&recipe.text(&pieces)).is_none());
            most = most.max(examiner.work());
            // The budget, and a quarter for the last look, which is not broken off.
            assert!(examiner.work() <= 39 * LENGTH, "{} of work: {recipe}", examiner.work());
        }
        assert!(given_up > 0 && most > 30 * LENGTH, "none of them was slow: {most}");
    }
}

//! Looking for canaries in what came out: as they were planted, and in every form in which a reader could undo it.

mod views;

use std::collections::BTreeSet;

use crate::canary::Canary;

pub(crate) use views::LOOK_ALIKES;
pub use views::base64;

/// Where a canary came out. Says nothing of what it is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct Leak {
    /// Which of the canaries.
    pub canary: usize,
    /// How it was written.
    pub form: &'static str,
    /// How the output had to be read: the steps that undo its encoding, outermost first.
    pub view: &'static str,
    /// Which output.
    pub output: String,
}

/// Canaries to look for. Twelve bytes in a row count as found: half a secret is a leak.
#[derive(Debug, Default)]
pub struct Search {
    /// By their first eight bytes.
    windows: Vec<Window>,
    /// The texts that the windows are of, one after the other.
    texts: Vec<u8>,
    /// One bit per hash of a window's first eight bytes: nearly every position is passed over by it.
    first: Vec<u64>,
}

#[derive(Clone, Copy)]
struct Window {
    start: u64,
    canary: u32,
    form: &'static str,
    from: u32,
    len: u32,
}

/// Not its bytes.
impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes of {} as {}", self.len, self.canary, self.form)
    }
}

impl Search {
    /// Looks for these.
    pub fn new<'a>(canaries: impl IntoIterator<Item = &'a Canary>) -> Search {
        let mut search = Search { first: vec![0; BITS / 64], ..Search::default() };
        for (index, canary) in canaries.into_iter().enumerate() {
            let plain = canary.needle().as_bytes();
            let folded: Vec<u8> = plain.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
            search.add(index, "plain", plain, 1);
            if folded != plain {
                search.add(index, "plain", &folded, 1);
            }
            let lower = plain.to_ascii_lowercase();
            if lower != plain && plain == plain.to_ascii_uppercase() {
                search.add(index, "lower case", &lower, 1);
            }
            let reversed: Vec<u8> = plain.iter().rev().copied().collect();
            search.add(index, "reversed", &reversed, 4);
            // What is encoded as a whole the views decode; these see pieces of it too.
            for before in 0..3 {
                let text = base64_inside(plain, before, false);
                search.add(index, "base64", text.as_bytes(), 4);
                let url = base64_inside(plain, before, true);
                if url != text {
                    search.add(index, "base64url", url.as_bytes(), 4);
                }
            }
            let hex: String = plain.iter().map(|byte| format!("{byte:02x}")).collect();
            search.add(index, "hex", hex.as_bytes(), 4);
            search.add(index, "hex", hex.to_uppercase().as_bytes(), 4);
            let list: Vec<String> = plain.iter().map(u8::to_string).collect();
            search.add(index, "list of bytes", list.join(", ").as_bytes(), 4);
        }
        search.windows.sort_unstable_by_key(|window| window.start);
        search
    }

    /// Every canary in these outputs, once per way of finding it.
    pub fn leaks<'a>(&self, outputs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<Leak> {
        let mut leaks = BTreeSet::new();
        for (output, bytes) in outputs {
            views::each(bytes, |view, bytes| {
                self.look(bytes, |window| {
                    let (canary, output) = (window.canary as usize, output.to_owned());
                    leaks.insert(Leak { canary, form: window.form, view, output });
                });
            });
        }
        leaks.into_iter().collect()
    }

    fn add(&mut self, canary: usize, form: &'static str, text: &[u8], step: usize) {
        // Ids and digests are hexadecimal too, and may stand there as lists of bytes: a few of theirs may be equal by
        // chance.
        let wanted = match form {
            "list of bytes" => 60,
            _ if text.iter().all(u8::is_ascii_hexdigit) => 20,
            _ => 12,
        };
        let len = wanted.min(text.len());
        if len < 8 {
            return;
        }
        let at = self.texts.len();
        self.texts.extend_from_slice(text);
        for from in (0..=text.len() - len).step_by(step) {
            let start = first_eight(&text[from..]);
            let bit = hash(start);
            self.first[bit / 64] |= 1 << (bit % 64);
            let (canary, from) = (canary as u32, (at + from) as u32);
            self.windows.push(Window { start, canary, form, from, len: len as u32 });
        }
    }

    fn look(&self, text: &[u8], mut found: impl FnMut(&Window)) {
        for at in 0..text.len().saturating_sub(7) {
            let start = first_eight(&text[at..]);
            let bit = hash(start);
            if self.first[bit / 64] >> (bit % 64) & 1 == 0 {
                continue;
            }
            let from = self.windows.partition_point(|window| window.start < start);
            for window in self.windows[from..].iter().take_while(|window| window.start == start) {
                let wanted = &self.texts[window.from as usize..][..window.len as usize];
                if text[at..].starts_with(wanted) {
                    found(window);
                }
            }
        }
    }
}

const BITS: usize = 1 << 21;

fn first_eight(bytes: &[u8]) -> u64 {
    let mut start = [0; 8];
    start.copy_from_slice(&bytes[..8]);
    u64::from_le_bytes(start)
}

fn hash(start: u64) -> usize {
    (start.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 43) as usize
}

/// The base64 characters that a text alone decides, with so many bytes before it.
fn base64_inside(text: &[u8], before: usize, url: bool) -> String {
    let mut bytes = vec![0; before];
    bytes.extend_from_slice(text);
    let whole = base64(&bytes, url);
    let from = (before * 8).div_ceil(6);
    let to = bytes.len() * 8 / 6;
    whole[from..to].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn found(text: impl AsRef<[u8]>, canary: &Canary) -> Vec<&'static str> {
        let leaks = Search::new([canary]).leaks([("here", text.as_ref())]);
        leaks.into_iter().map(|leak| leak.form).collect()
    }

    #[test]
    fn base64_is_that_of_the_standard() {
        assert_eq!(base64(b"foobar", false), "Zm9vYmFy");
        assert_eq!(base64(b"fooba", false), "Zm9vYmE=");
        assert_eq!(base64(b"foob", false), "Zm9vYg==");
        assert_eq!(base64(&[0xfb, 0xff], true), "-_8=");
    }

    #[test]
    fn a_secret_is_found_in_every_form() {
        let canary = Canary::plain(&mut Seed::new(5));
        let text = canary.text();
        let hex: String = text.bytes().map(|b| format!("{b:02X}")).collect();
        let percent: String = text.bytes().map(|b| format!("%25{b:02X}")).collect();
        let escaped: String = text.bytes().map(|b| format!("\\\\u{b:04x}")).collect();
        let wide: String = text.bytes().filter_map(|b| char::from_u32(u32::from(b) + 0xfee0)).collect();
        let spliced: String = text.chars().flat_map(|c| [c, '\u{200b}']).collect();
        let list = format!("{:?}", text.as_bytes());
        for hidden in [
            format!("a{text}b"),
            format!("half {}", &text[2..14]),
            format!("{}\n{}", &text[..8], &text[8..]),
            format!("{} {}", &text[..5], &text[5..]),
            text.chars().rev().collect(),
            base64(format!("a:{text}").as_bytes(), false),
            base64(format!("ab:{text}").as_bytes(), true),
            base64(format!("abc:{text}").as_bytes(), true),
            hex.to_lowercase(),
            hex,
            percent,
            escaped,
            wide,
            spliced,
            list,
        ] {
            assert!(!found(&hidden, &canary).is_empty(), "missed in the form at {}", hidden.len());
        }
    }

    #[test]
    fn nothing_is_found_where_there_is_nothing() {
        let mut seed = Seed::new(5);
        let canary = Canary::plain(&mut seed);
        let other = Canary::plain(&mut seed);
        assert!(found(other.text(), &canary).is_empty());
        assert!(found("", &canary).is_empty());
        assert!(found(&canary.text()[..11], &canary).is_empty(), "eleven bytes are not twelve");
        assert!(found([b'\\', b'%', 0xff, b'\\'], &canary).is_empty());
    }
}

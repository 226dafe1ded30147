//! Lines as services log them: ordinary ones, and ones with secrets among ordinary words.

use dihya::inspect::DetectorInfo;

use crate::canary::Canary;
use crate::seed::Seed;

/// Lines in which nothing is to be found.
pub(crate) fn ordinary() -> impl Iterator<Item = &'static str> {
    include_str!("../../tests/ordinary.txt").lines().filter(|line| !line.is_empty())
}

/// Secrets of all kinds between words, in quotes and brackets, beside names, in JSON.
pub(crate) fn mixed(detectors: &[DetectorInfo], seed: &mut Seed) -> String {
    let pieces = (0..1 + seed.below(6)).map(|_| {
        let plain = Canary::plain(seed).text().to_owned();
        let secret = match detectors {
            [] => plain.clone(),
            detectors => Canary::of(&detectors[seed.below(detectors.len())], seed).text().to_owned(),
        };
        match seed.below(10) {
            0 => secret,
            1 => format!("({secret})"),
            2 => format!("\"{secret}\","),
            3 => format!("note={secret}"),
            4 => format!("password={plain}"),
            5 => format!("{{\"user\":\"bob\",\"password\":\"{plain}\",\"n\":1}}"),
            6 => format!("https://bob:{plain}@host/x?access_token={plain}&y=1"),
            7 => format!("Login {{ user: \"bob\", password: \"{plain}\", n: 1 }}"),
            _ => (*seed.pick(WORDS)).to_owned(),
        }
    });
    pieces.collect::<Vec<_>>().join(" ")
}

/// Text that would break a line, a terminal or a reader if it were written as it is.
pub(crate) fn hostile(seed: &mut Seed) -> String {
    (0..1 + seed.below(12)).map(|_| *seed.pick(HOSTILE)).collect()
}

const WORDS: &[&str] =
    &["served", "room 7", "n=5", "state: open,", "took 3 ms;", "(ok)", "[1, 2]", "Some(3)", "é"];

const HOSTILE: &[&str] = &[
    "\n",
    "\r",
    "\r\n",
    "\0",
    "\u{7}",
    "\u{8}",
    "\t",
    "\u{1b}[2J",
    "\u{1b}]0;x\u{7}",
    "\u{9b}1m",
    "\u{7f}",
    "\u{85}",
    "\u{2028}",
    "\u{2029}",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{feff}",
    "\"",
    "\\",
    "\",\"level\":\"AUDIT",
    "\"}\n{\"v\":1",
    "{\"v\":1,\"id\":\"",
    "},",
    "é",
    "日本",
    "\u{1f642}",
    "served",
    " ",
];

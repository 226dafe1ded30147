//! `SHA256SUMS`: every file of a bundle with its hash, written last. `sha256sum -c SHA256SUMS` reads it.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::storage::{Kind, Storage};
use crate::verify::hexadecimal;

/// The file's name.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// Hashes by path, relative to the folder, with `/` between names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Sums(pub(super) BTreeMap<String, String>);

impl Sums {
    pub(super) fn to_text(&self) -> String {
        self.0.iter().map(|(path, sum)| format!("{sum}  {path}\n")).collect()
    }

    /// Reads [`Sums::to_text`]: that one form only, so that no byte of it can be another.
    pub(super) fn parse(text: &str) -> Option<Sums> {
        let mut sums = Sums::default();
        for line in text.lines() {
            let (sum, path) = line.split_once("  ")?;
            let is_sum = sum.len() == 64 && sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            let is_path = path.split('/').all(|part| !part.is_empty() && !part.starts_with('.'));
            if !is_sum || !is_path {
                return None;
            }
            sums.0.insert(path.to_owned(), sum.to_owned());
        }
        (sums.to_text() == text).then_some(sums)
    }

    /// Sixteen hexadecimal digits that tell one content from another.
    pub(super) fn id(&self) -> String {
        hexadecimal(&Sha256::digest(self.to_text()))[..16].to_owned()
    }

    /// Those below a folder, by their paths in it.
    pub(super) fn below(&self, folder: &str) -> Sums {
        let inside = |(path, sum): (&String, &String)| {
            Some((path.strip_prefix(folder)?.strip_prefix('/')?.to_owned(), sum.clone()))
        };
        Sums(self.0.iter().filter_map(inside).collect())
    }
}

/// The SHA-256 of a file, hexadecimal.
pub(super) fn of_file(storage: &dyn Storage, path: &Path) -> io::Result<String> {
    let (mut from, mut hash) = (storage.read(path, 0)?, Sha256::new());
    let mut chunk = vec![0; 256 * 1024];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(hexadecimal(&hash.finalize())),
            Ok(n) => hash.update(&chunk[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Every file below a folder; and whatever else lies there that is no folder.
pub(super) fn walk(storage: &dyn Storage, folder: &Path) -> io::Result<(Vec<String>, Vec<String>)> {
    let (mut files, mut others) = (Vec::new(), Vec::new());
    let mut folders = vec![String::new()];
    while let Some(inside) = folders.pop() {
        for name in storage.list(&folder.join(&inside))? {
            let Some(stat) = storage.stat(&folder.join(&inside).join(&name))? else { continue };
            let name = name.to_string_lossy();
            let path = if inside.is_empty() { name.into_owned() } else { format!("{inside}/{name}") };
            match stat.kind {
                Kind::File => files.push(path),
                // Deeper than any of ours: a stranger's, and maybe endless.
                Kind::Dir if path.split('/').count() < DEEPEST => folders.push(path),
                _ => others.push(path),
            }
        }
    }
    files.sort_unstable();
    Ok((files, others))
}

const DEEPEST: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_sums_has_one_form() {
        let sum = "ab".repeat(32);
        let text = format!("{sum}  a/b.jsonl\n{sum}  a/c\n");
        let sums = Sums::parse(&text).unwrap();
        assert_eq!(sums.to_text(), text);
        assert_eq!(sums.below("a").0.keys().collect::<Vec<_>>(), ["b.jsonl", "c"]);
        for other in [
            text.to_uppercase(),
            text.replace("  ", " "),
            text.replace("a/c", "../c"),
            text.replace("a/c", "a//c"),
            text.replace("a/c", "/a/c"),
            format!("{sum}  b\n{sum}  a\n"),
            format!("{sum}  a\n{sum}  a\n"),
            text.trim_end().to_owned(),
            format!("{text}\n"),
        ] {
            assert_eq!(Sums::parse(&other), None, "{other}");
        }
    }
}

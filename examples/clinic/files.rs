//! What a run left on the disk.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use dihya::seal::Seal;

/// One file, folder or link below the run's folder.
pub(crate) struct Entry {
    /// Relative to the run's folder.
    pub(crate) path: PathBuf,
    pub(crate) mode: u32,
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Folder,
    Link(PathBuf),
    File(Vec<u8>),
}

/// The records of one channel, read back from its files.
#[derive(Default)]
pub(crate) struct Stored {
    pub(crate) records: u64,
    pub(crate) bytes: u64,
    pub(crate) by_level: BTreeMap<String, u64>,
    /// The best record to show: with an event's name rather than without, then with a redaction, then the shortest.
    pub(crate) sample: Option<String>,
}

/// Everything below `root`, itself first, in the order of names. Links are not followed.
pub(crate) fn walk(root: &Path) -> io::Result<Vec<Entry>> {
    let mode = fs::symlink_metadata(root)?.permissions().mode() & 0o7777;
    let mut entries = vec![Entry { path: PathBuf::from("."), mode, kind: Kind::Folder }];
    descend(root, root, &mut entries)?;
    Ok(entries)
}

fn descend(root: &Path, folder: &Path, entries: &mut Vec<Entry>) -> io::Result<()> {
    let mut paths = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let meta = fs::symlink_metadata(&path)?;
        let mode = meta.permissions().mode() & 0o7777;
        let relative = path.strip_prefix(root).unwrap_or(&path).to_owned();
        if meta.is_dir() {
            entries.push(Entry { path: relative, mode, kind: Kind::Folder });
            descend(root, &path, entries)?;
        } else if meta.is_symlink() {
            entries.push(Entry { path: relative, mode, kind: Kind::Link(fs::read_link(&path)?) });
        } else if meta.is_file() {
            entries.push(Entry { path: relative, mode, kind: Kind::File(fs::read(&path)?) });
        }
    }
    Ok(())
}

/// Counts the records by channel. A line that is no JSON is an error: it would be lost to every reader.
pub(crate) fn records(entries: &[Entry]) -> Result<BTreeMap<String, Stored>, String> {
    let mut channels: BTreeMap<String, Stored> = BTreeMap::new();
    for entry in entries {
        let Kind::File(bytes) = &entry.kind else { continue };
        if entry.path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        let at = |line| format!("{}, line {}", entry.path.display(), line + 1);
        let text =
            std::str::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", entry.path.display()))?;
        for (number, line) in text.lines().enumerate() {
            // A seal signs the records before it, and is none.
            if Seal::is(line.as_bytes()) {
                continue;
            }
            let record: serde_json::Value =
                serde_json::from_str(line).map_err(|_| format!("{} is no JSON", at(number)))?;
            // Lines without a channel are the journal's own.
            let Some(channel) = record["channel"].as_str() else { continue };
            channels.entry(channel.to_owned()).or_default().add(line, &record);
        }
    }
    Ok(channels)
}

impl Stored {
    fn add(&mut self, line: &str, record: &serde_json::Value) {
        self.records += 1;
        self.bytes += line.len() as u64 + 1;
        *self.by_level.entry(record["level"].as_str().unwrap_or("?").to_owned()).or_default() += 1;
        let rank =
            |line: &str| (line.contains("\"event_name\":"), line.contains("[redacted:"), Reverse(line.len()));
        if self.sample.as_deref().is_none_or(|kept| rank(line) > rank(kept)) {
            self.sample = Some(line.to_owned());
        }
    }
}

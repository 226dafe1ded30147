//! The proof that one record is in a log, in a file of its own: it is checked without the log, by us and by others.
//!
//! The file is C2SP's [tlog-proof](https://c2sp.org/tlog-proof): the record as extra data, its index, the hashes from its
//! leaf up to the root, and the checkpoint that signs the root.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::source::{self, Line, SourceError};
use crate::catalog::Shard;
use crate::journal::key::Public;
use crate::journal::merkle::{Hash, proof};
use crate::journal::note::Checkpoint;
use crate::storage::Storage;

/// A record and the proof that it is in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bundle {
    /// The line as it stands in the file, without its newline.
    pub record: Vec<u8>,
    /// Which line, from 0 as proofs count.
    pub index: u64,
    /// The hashes beside the way from the leaf up to the root.
    pub proof: Vec<Hash>,
    /// The signed checkpoint.
    pub note: String,
}

/// Which record is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The line of this number, from 0 as proofs count.
    Index(u64),
    /// The record with this id.
    Id(String),
}

impl Which {
    /// Digits are an index, anything else an id.
    pub fn parse(text: &str) -> Which {
        match text.parse() {
            Ok(index) => Which::Index(index),
            Err(_) => Which::Id(text.to_owned()),
        }
    }
}

impl Bundle {
    /// Makes the proof of a record of a shard under the shard's published checkpoint.
    ///
    /// # Errors
    /// If there is no such record, if the checkpoint does not cover it yet, or if the lines are not what it signs.
    pub fn of(storage: &Arc<dyn Storage>, shard: &Shard, which: &Which) -> Result<Bundle, BundleError> {
        let path = || shard.path.clone();
        let note = source::note(storage, shard)?.ok_or_else(|| BundleError::NoCheckpoint { path: path() })?;
        let checkpoint = Checkpoint::read(&note).ok_or_else(|| BundleError::NoCheckpoint { path: path() })?;
        let needle = match which {
            Which::Id(id) => format!("\"id\":{}", serde_json::Value::from(id.as_str())).into_bytes(),
            Which::Index(_) => Vec::new(),
        };
        let finder = memchr::memmem::Finder::new(&needle);
        let (mut leaves, mut found) = (Vec::new(), None);
        source::each(source::open(storage, shard)?, |line| {
            let Line::Whole(line) = line else { return };
            let index = leaves.len() as u64;
            let meant = match which {
                Which::Index(wanted) => index == *wanted,
                Which::Id(id) => found.is_none() && finder.find(line).is_some() && has_id(line, id),
            };
            if meant {
                found = Some((index, line.to_vec()));
            }
            leaves.push(Hash::leaf(line));
        })
        .map_err(|source| SourceError { path: path(), source })?;
        let (index, record) = found.ok_or_else(|| BundleError::NoRecord { path: path() })?;
        if index >= checkpoint.size {
            return Err(BundleError::NotCovered { path: path(), index, size: checkpoint.size });
        }
        let size = usize::try_from(checkpoint.size).unwrap_or(usize::MAX);
        let leaves = leaves.get(..size).filter(|leaves| proof::root(leaves) == checkpoint.root);
        let leaves = leaves.ok_or_else(|| BundleError::NotTheCheckpoint { path: path() })?;
        // Less than the size, which is a number of things in memory.
        let proof = proof::inclusion(leaves, index as usize).unwrap_or_default();
        Ok(Bundle { record, index, proof, note })
    }

    /// The file's text.
    pub fn to_text(&self) -> String {
        let mut text = format!("{HEADER}\nextra {}\nindex {}\n", STANDARD.encode(&self.record), self.index);
        for hash in &self.proof {
            text.push_str(&hash.to_text());
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.note);
        text
    }

    /// Reads [`Bundle::to_text`]. Nothing is checked yet.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn parse(text: &str) -> Result<Bundle, &'static str> {
        let (head, note) = text.split_once("\n\n").ok_or("it is no proof: an empty line is missing")?;
        let mut lines = head.split('\n');
        if lines.next() != Some(HEADER) {
            return Err("it is no proof: it would begin with c2sp.org/tlog-proof@v1");
        }
        let record = lines.next().and_then(|line| line.strip_prefix("extra "));
        let record = record.ok_or("the record is not in it (`extra`)")?;
        let record = STANDARD.decode(record).map_err(|_| "the record is no base64")?;
        let digits =
            lines.next().and_then(|line| line.strip_prefix("index ")).ok_or("the index is missing")?;
        let index = digits.parse::<u64>().ok().filter(|index| index.to_string() == digits);
        let proof: Option<Vec<Hash>> = lines.map(Hash::from_text).collect();
        Ok(Bundle {
            record,
            index: index.ok_or("the index is no number")?,
            proof: proof.ok_or("a hash of the proof is malformed")?,
            note: note.to_owned(),
        })
    }

    /// Checks all of it under a key: the checkpoint's signature, and the way from the record to its root. The vkey may
    /// be named after the ledger (as `dihya verify` prints it), or after the log itself.
    ///
    /// # Errors
    /// What is wrong, for a person.
    pub fn verify(&self, vkey: &str) -> Result<Checkpoint, &'static str> {
        let (name, key) = Public::from_vkey(vkey).ok_or("the key is no vkey: NAME+ID+KEY")?;
        let checkpoint = Checkpoint::open(&self.note, &key)?;
        let prefix = name.strip_suffix("ledger").unwrap_or(name);
        if !checkpoint.origin.starts_with(prefix) {
            return Err("the checkpoint is of another service's log than the key");
        }
        let leaf = Hash::leaf(&self.record);
        if proof::is_included(leaf, self.index, checkpoint.size, checkpoint.root, &self.proof) {
            Ok(checkpoint)
        } else {
            Err("the record is not what the log has at this index: one of them was changed")
        }
    }
}

/// Whether the record's own id is this: the text may stand elsewhere in it too.
fn has_id(line: &[u8], id: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Record<'a> {
        #[serde(borrow)]
        id: std::borrow::Cow<'a, str>,
    }
    serde_json::from_slice::<Record<'_>>(line).is_ok_and(|record| record.id == id)
}

const HEADER: &str = "c2sp.org/tlog-proof@v1";

/// Why there is no proof.
#[derive(Debug)]
#[non_exhaustive]
pub enum BundleError {
    /// No line is the one that was asked for.
    NoRecord {
        /// The shard.
        path: PathBuf,
    },
    /// No checkpoint stands beside the shard, or none that can be read.
    NoCheckpoint {
        /// The shard.
        path: PathBuf,
    },
    /// The checkpoint was published before the record was written.
    NotCovered {
        /// The shard.
        path: PathBuf,
        /// The record's index.
        index: u64,
        /// Lines that the checkpoint covers.
        size: u64,
    },
    /// The lines are not what the checkpoint signs.
    NotTheCheckpoint {
        /// The shard.
        path: PathBuf,
    },
    /// A file cannot be read.
    Io {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl From<SourceError> for BundleError {
    fn from(error: SourceError) -> BundleError {
        BundleError::Io { path: error.path, source: error.source }
    }
}

impl fmt::Display for BundleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BundleError::NoRecord { path } => {
                write!(f, "{}: it has no such record; `dihya query` finds ids", path.display())
            }
            BundleError::NoCheckpoint { path } => {
                write!(f, "{}: no checkpoint stands beside it; `dihya verify` says more", path.display())
            }
            BundleError::NotCovered { path, index, size } => write!(
                f,
                "{}: the checkpoint covers {size} lines, and the record has index {index}; the next one comes within a \
                 second while the service writes",
                path.display()
            ),
            BundleError::NotTheCheckpoint { path } => write!(
                f,
                "{}: its lines are not those that its checkpoint signs; `dihya verify` says where",
                path.display()
            ),
            BundleError::Io { path, source } => write!(f, "{}: {source}", path.display()),
        }
    }
}

impl std::error::Error for BundleError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            BundleError::Io { source, .. } => Some(source),
            _ => None,
        }
    }
}

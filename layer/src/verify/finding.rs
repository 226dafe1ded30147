//! What verifying finds: each kind a variant, with its place, what it means and what to do.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use serde::ser::SerializeMap as _;

use crate::journal::merkle::Hash;

/// Something that is not as it should be, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The file it is about; one that is missing, too.
    pub file: PathBuf,
    /// The line, from 1 as editors count. Of a range of lines, the first.
    pub line: Option<u64>,
    /// The byte at which that line begins.
    pub offset: Option<u64>,
    /// What it is.
    pub defect: Defect,
}

/// Whether the log is whole in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing: the log is whole.
    Note,
    /// The log is not what was sealed, or not all of it, or nobody can tell.
    Wrong,
}

/// What is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Defect {
    // The lines of a log.
    /// As many lines as were sealed, and not the same ones.
    LinesChanged(Range),
    /// Lines are missing that a seal signed.
    LinesRemoved(Range, u64),
    /// There are lines that no seal signed, before one that should have.
    LinesAdded(Range, u64),
    /// A seal's own line was changed: it fits neither what stands before it nor the key.
    SealChanged(Range),
    /// A line begins as a seal does, and is none.
    SealMalformed(Range),
    /// A seal fits the lines before it and is not signed by a key of this log for this log.
    BadSignature {
        /// Whose it is, if that is known: another log of this root.
        of: Option<String>,
    },
    /// A line is longer than any record.
    LineTooLong,
    /// A line of the ledger is no entry.
    NoEntry,
    /// Whole lines stand behind the last seal.
    UnsealedTail {
        /// How many.
        lines: u64,
        /// Still written to: they may be sealed in a moment.
        live: bool,
    },
    /// The last line has no end.
    TornTail {
        /// Its length.
        bytes: u64,
        /// Still written to: it may be whole in a moment.
        live: bool,
    },
    /// There are lines, and none is a seal.
    NeverSealed,

    // What others say of the log.
    /// The log is shorter than it is known to have been.
    RolledBack {
        /// Who knows.
        by: Witness,
        /// Lines then.
        known: u64,
        /// Whole lines now.
        found: u64,
    },
    /// The log of that size was another one.
    NotAsWitnessed {
        /// Who knows.
        by: Witness,
        /// Lines then.
        size: u64,
        /// The root then.
        known: Hash,
        /// The root now.
        found: Hash,
    },
    /// The file goes on behind what the ledger says was its end.
    GrownAfterClose {
        /// Bytes when it was closed.
        closed: u64,
        /// Bytes now.
        found: u64,
    },
    /// No checkpoint stands beside the log.
    MissingCheckpoint,
    /// The checkpoint cannot be read, or is not this key's.
    BadCheckpoint(String),
    /// The checkpoint is of another log.
    ForeignCheckpoint {
        /// Which.
        origin: String,
    },
    /// The lock file cannot be read, or was changed.
    BadLockFile(String),
    /// There is a ledger and no lock file.
    MissingLockFile {
        /// The folder it belongs in is here.
        folder: bool,
    },
    /// It was purged, with a certificate, since the checkpoint that was given was taken.
    PurgedSince {
        /// Which.
        shard: String,
    },

    // Shards against the ledger.
    /// The ledger opened a shard that is nowhere, and no certificate says that it was purged.
    MissingShard {
        /// Which.
        shard: String,
    },
    /// No entry of the ledger opened this shard.
    NeverOpened {
        /// Its id.
        shard: String,
    },
    /// No entry of the ledger closed this shard.
    NeverClosed {
        /// Its id.
        shard: String,
        /// No other has followed it: its writer may go on, or close it when it starts.
        newest: bool,
    },
    /// It was given up after an error of its disk: what stands behind its last seal is elsewhere again.
    Abandoned {
        /// Its id.
        shard: String,
    },
    /// It was purged, with a certificate, and is still here.
    PurgedButPresent {
        /// Its id.
        shard: String,
    },
    /// The only copies that the ledger knows of lie in stores that were not looked at.
    Elsewhere {
        /// Its id.
        shard: String,
        /// Their names.
        stores: Vec<String>,
    },
    /// An archived copy is not the one whose receipt is in the ledger.
    ArchiveChanged {
        /// Its id.
        shard: String,
    },
    /// An archived copy whose receipt is not in the ledger.
    NoReceipt {
        /// Its id.
        shard: String,
    },
    /// An archived copy is encrypted: its receipt was checked, and not its lines.
    Encrypted {
        /// Its id.
        shard: String,
    },
    /// An archived copy cannot be unpacked.
    Unreadable {
        /// Its id.
        shard: String,
        /// Why.
        why: String,
    },

    // Keys and files around it.
    /// There are shards and no ledger.
    MissingLedger,
    /// The ledger does not name the key that signs.
    NoKey,
    /// The log's key is not the one that was pinned.
    ForeignKey {
        /// The key that the log says is its own.
        found: String,
    },
    /// A key signs that no rotation has introduced.
    KeyNotRotated,
    /// The file of the signing key is not the key of the log, or was changed.
    BadKeyFile(String),
    /// A kept copy of a policy is not the text whose hash it bears.
    PolicyChanged,
    /// A file or folder that is nobody's.
    ForeignFile,
    /// An operator accepted that the log is shorter than it was known to be.
    RollbackAccepted {
        /// Which log.
        log: String,
        /// Lines known then.
        known: u64,
        /// Lines found then.
        found: u64,
    },
    /// What was imported of another log is not what was verified then.
    BadImport(String),
    /// The ledger has no entry of this import.
    UnknownImport,
    /// The ledger tells of an import that is not here.
    MissingImport {
        /// The log that it came from.
        origin: String,
    },
    /// An import died before its end.
    UnfinishedImport,
    /// It could not be read, so that nothing is known of it.
    Unread(String),
}

/// Lines between two seals, the second of which does not hold. From 1, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Range {
    /// The first line behind the last seal that holds.
    pub first: u64,
    /// The seal that does not.
    pub seal: u64,
}

/// Who knows what a log was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Witness {
    /// The checkpoint beside it.
    Checkpoint,
    /// The ledger, when the shard was closed, given up, archived or purged.
    Ledger,
    /// The lock file.
    LockFile,
    /// A checkpoint that the verifier was given.
    Pinned,
}

impl Finding {
    pub(crate) fn new(file: impl Into<PathBuf>, defect: Defect) -> Finding {
        Finding { file: file.into(), line: None, offset: None, defect }
    }

    pub(crate) fn at(mut self, number: u64, offset: u64) -> Finding {
        self.line = Some(number + 1);
        self.offset = Some(offset);
        self
    }

    /// Whether the log is whole in spite of it.
    pub fn severity(&self) -> Severity {
        match &self.defect {
            Defect::UnsealedTail { live: true, .. }
            | Defect::TornTail { live: true, .. }
            | Defect::NeverClosed { newest: true, .. }
            | Defect::Abandoned { .. }
            | Defect::Elsewhere { .. }
            | Defect::Encrypted { .. }
            | Defect::MissingLockFile { folder: false }
            | Defect::PurgedSince { .. }
            | Defect::ForeignFile
            | Defect::MissingImport { .. }
            | Defect::UnfinishedImport
            | Defect::RollbackAccepted { .. } => Severity::Note,
            _ => Severity::Wrong,
        }
    }

    /// What to do, in a sentence.
    pub fn advice(&self) -> &'static str {
        self.defect.advice()
    }
}

impl Defect {
    /// The variant's name, for programs: `lines_changed`.
    pub fn name(&self) -> &'static str {
        match self {
            Defect::LinesChanged(_) => "lines_changed",
            Defect::LinesRemoved(..) => "lines_removed",
            Defect::LinesAdded(..) => "lines_added",
            Defect::SealChanged(_) => "seal_changed",
            Defect::SealMalformed(_) => "seal_malformed",
            Defect::BadSignature { .. } => "bad_signature",
            Defect::LineTooLong => "line_too_long",
            Defect::NoEntry => "no_entry",
            Defect::UnsealedTail { .. } => "unsealed_tail",
            Defect::TornTail { .. } => "torn_tail",
            Defect::NeverSealed => "never_sealed",
            Defect::RolledBack { .. } => "rolled_back",
            Defect::NotAsWitnessed { .. } => "not_as_witnessed",
            Defect::GrownAfterClose { .. } => "grown_after_close",
            Defect::MissingCheckpoint => "missing_checkpoint",
            Defect::BadCheckpoint(_) => "bad_checkpoint",
            Defect::ForeignCheckpoint { .. } => "foreign_checkpoint",
            Defect::BadLockFile(_) => "bad_lock_file",
            Defect::MissingLockFile { .. } => "missing_lock_file",
            Defect::PurgedSince { .. } => "purged_since",
            Defect::MissingShard { .. } => "missing_shard",
            Defect::NeverOpened { .. } => "never_opened",
            Defect::NeverClosed { .. } => "never_closed",
            Defect::Abandoned { .. } => "abandoned",
            Defect::PurgedButPresent { .. } => "purged_but_present",
            Defect::Elsewhere { .. } => "elsewhere",
            Defect::ArchiveChanged { .. } => "archive_changed",
            Defect::NoReceipt { .. } => "no_receipt",
            Defect::Encrypted { .. } => "encrypted",
            Defect::Unreadable { .. } => "unreadable",
            Defect::MissingLedger => "missing_ledger",
            Defect::NoKey => "no_key",
            Defect::ForeignKey { .. } => "foreign_key",
            Defect::KeyNotRotated => "key_not_rotated",
            Defect::BadKeyFile(_) => "bad_key_file",
            Defect::PolicyChanged => "policy_changed",
            Defect::ForeignFile => "foreign_file",
            Defect::RollbackAccepted { .. } => "rollback_accepted",
            Defect::BadImport(_) => "bad_import",
            Defect::UnknownImport => "unknown_import",
            Defect::MissingImport { .. } => "missing_import",
            Defect::UnfinishedImport => "unfinished_import",
            Defect::Unread(_) => "unread",
        }
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Defect::LinesChanged(range) => write!(f, "a line between {range} was changed"),
            Defect::LinesRemoved(range, n) => write!(f, "{n} {} between {range}", are(*n, "missing")),
            Defect::LinesAdded(range, n) => write!(f, "{n} {} between {range}", were(*n, "added")),
            Defect::SealChanged(range) => {
                write!(
                    f,
                    "the seal in line {} was changed, and maybe lines from {} on",
                    range.seal, range.first
                )
            }
            Defect::SealMalformed(range) => {
                write!(f, "the seal in line {} was changed: it is none", range.seal)
            }
            Defect::BadSignature { of: Some(log) } => write!(f, "this seal was made for another log, {log}"),
            Defect::BadSignature { of: None } => f.write_str("this seal is not signed by a key of this log"),
            Defect::LineTooLong => f.write_str("this line is longer than any record"),
            Defect::NoEntry => f.write_str("this line is no entry of a ledger"),
            Defect::UnsealedTail { lines, .. } => {
                write!(f, "{lines} {} behind the last seal", lines_stand(*lines))
            }
            Defect::TornTail { bytes, .. } => {
                write!(f, "the last line is torn: {bytes} bytes without an end")
            }
            Defect::NeverSealed => f.write_str("none of its lines is sealed"),
            Defect::RolledBack { by, known, found } => {
                write!(f, "it is shorter than it was: {by} knows {known} lines, here are {found}")
            }
            Defect::NotAsWitnessed { by, size, known, found } => {
                write!(
                    f,
                    "its first {size} lines are not those that {by} knows: root {found} instead of {known}"
                )
            }
            Defect::GrownAfterClose { closed, found } => {
                write!(f, "it had {closed} bytes when it was closed, and has {found}")
            }
            Defect::MissingCheckpoint => f.write_str("its checkpoint is missing"),
            Defect::BadCheckpoint(why) => write!(f, "the checkpoint does not hold: {why}"),
            Defect::ForeignCheckpoint { origin } => write!(f, "the checkpoint is of another log, {origin}"),
            Defect::BadLockFile(why) => write!(f, "the lock file does not hold: {why}"),
            Defect::MissingLockFile { folder: true } => f.write_str("the lock file is missing"),
            Defect::MissingLockFile { folder: false } => f.write_str("there is no lock file to compare with"),
            Defect::PurgedSince { shard } => {
                write!(f, "the shard {shard} was purged since this checkpoint was taken")
            }
            Defect::MissingShard { shard } => {
                write!(f, "the shard {shard} is missing, and no certificate says that it was purged")
            }
            Defect::NeverOpened { shard } => write!(f, "the ledger knows of no shard {shard}"),
            Defect::NeverClosed { shard, .. } => write!(f, "the shard {shard} was never closed"),
            Defect::Abandoned { shard } => {
                write!(f, "the shard {shard} was given up after an error of its disk")
            }
            Defect::PurgedButPresent { shard } => write!(f, "the shard {shard} was purged and is still here"),
            Defect::Elsewhere { shard, stores } => {
                write!(f, "the shard {shard} lies in {}, which is not looked at here", stores.join(", "))
            }
            Defect::ArchiveChanged { shard } => {
                write!(f, "this copy of the shard {shard} is not the one that was archived")
            }
            Defect::NoReceipt { shard } => {
                write!(f, "the ledger has no receipt for this copy of the shard {shard}")
            }
            Defect::Encrypted { shard } => {
                write!(
                    f,
                    "the shard {shard} is encrypted: it is the file that was archived, its lines were not read"
                )
            }
            Defect::Unreadable { shard, why } => {
                write!(f, "this copy of the shard {shard} cannot be unpacked: {why}")
            }
            Defect::MissingLedger => f.write_str("the ledger is missing"),
            Defect::NoKey => f.write_str("nothing says which key signs this log"),
            Defect::ForeignKey { found } => write!(f, "the log's key is not the pinned one, but {found}"),
            Defect::KeyNotRotated => f.write_str("the ledger names another key, and no rotation to it"),
            Defect::BadKeyFile(why) => write!(f, "the file of the signing key: {why}"),
            Defect::PolicyChanged => f.write_str("this copy of a policy is not the text whose hash it bears"),
            Defect::ForeignFile => f.write_str("this is nobody's"),
            Defect::RollbackAccepted { log, known, found } => {
                write!(f, "an operator accepted that {log} has {found} lines where {known} were known")
            }
            Defect::BadImport(what) => write!(f, "imported: {what}"),
            Defect::UnknownImport => f.write_str("imported, and the ledger has no entry of it"),
            Defect::MissingImport { origin } => {
                write!(
                    f,
                    "the ledger tells that shards of {origin} were imported here, and they are not here"
                )
            }
            Defect::UnfinishedImport => f.write_str("an import died here before its end"),
            Defect::Unread(why) => write!(f, "it cannot be read: {why}"),
        }
    }
}

fn are(n: u64, what: &str) -> String {
    if n == 1 { format!("line is {what}") } else { format!("lines are {what}") }
}

fn were(n: u64, what: &str) -> String {
    if n == 1 { format!("line was {what}") } else { format!("lines were {what}") }
}

fn lines_stand(n: u64) -> &'static str {
    if n == 1 { "line stands" } else { "lines stand" }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} and the seal in line {}", self.first, self.seal)
    }
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Witness::Checkpoint => "its checkpoint",
            Witness::Ledger => "the ledger",
            Witness::LockFile => "the lock file",
            Witness::Pinned => "the checkpoint that was given",
        })
    }
}

/// `FILE:LINE (byte OFFSET): what`, without the advice.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(offset) = self.offset {
            write!(f, " (byte {offset})")?;
        }
        write!(f, ": {}", self.defect)
    }
}

impl Serialize for Finding {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("severity", &self.severity())?;
        map.serialize_entry("defect", self.defect.name())?;
        map.serialize_entry("file", &self.file.display().to_string())?;
        map.serialize_entry("line", &self.line)?;
        map.serialize_entry("offset", &self.offset)?;
        if let Defect::LinesChanged(range)
        | Defect::LinesRemoved(range, _)
        | Defect::LinesAdded(range, _)
        | Defect::SealChanged(range)
        | Defect::SealMalformed(range) = &self.defect
        {
            map.serialize_entry("between", range)?;
        }
        map.serialize_entry("what", &self.defect.to_string())?;
        map.serialize_entry("advice", self.advice())?;
        map.end()
    }
}

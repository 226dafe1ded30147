//! What the ledger tells: the facts of a log's life, one per line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::journal::merkle::Hash;

/// One line of the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The version of the format, 1.
    pub v: u8,
    /// When it was written, RFC 3339 with microseconds, UTC. Empty in an entry to be appended: the ledger fills it in.
    pub timestamp: String,
    /// Who did it, if a person or a job did; the service itself otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// Ties together what one run of an operation wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Why, in the operator's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub fact: Fact,
}

impl From<Fact> for Entry {
    fn from(fact: Fact) -> Entry {
        Entry { v: 1, timestamp: String::new(), operator: None, session: None, reason: None, fact }
    }
}

/// What happened. A shard is named by its id, `<channel>/2026-11-20[.N]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fact {
    /// A process opened the log for writing.
    LogOpened {
        /// The key that signs from now on, under the ledger's origin.
        vkey: String,
        /// The rules in force.
        policy: PolicyRef,
    },
    /// It closed the log in order.
    LogClosed {},
    /// A shard was begun.
    ShardOpened {
        /// Which.
        shard: String,
    },
    /// A shard is complete: nothing will be added.
    ShardClosed {
        /// Which, and its final state.
        #[serde(flatten)]
        shard: ShardRef,
    },
    /// A shard was given up after an error of its disk; what lies behind its last durable seal stands elsewhere again.
    ShardAbandoned {
        /// Which, and its last durable state.
        #[serde(flatten)]
        shard: ShardRef,
    },
    /// A tail that a crash left was moved to quarantine.
    Recovered {
        /// Which shard, or `ledger`.
        shard: String,
        /// Where the tail began.
        offset: u64,
        /// How long it was.
        bytes: u64,
    },
    /// A shard has bad bytes before good ones; it was left as it is.
    ShardDamaged {
        /// Which.
        shard: String,
        /// Where the first bad line begins.
        offset: u64,
    },
    /// The lock file of sizes was gone when the log was opened, which tells of shards: somebody took it away, or a restored
    /// copy of the log came without it.
    LockFileMissing {},
    /// An operator accepted that a log is shorter than it was known to be.
    RollbackAccepted {
        /// Which log: a shard's id, or `ledger`.
        log: String,
        /// What was known.
        known: u64,
        /// What was found.
        found: u64,
    },
    /// Another policy came into force.
    PolicyChanged {
        /// The one before.
        from: PolicyRef,
        /// The one after.
        to: PolicyRef,
    },
    /// Another key signs from the next line on. The line itself is sealed by the old one.
    KeyRotated {
        /// The key so far, under the ledger's origin.
        old: String,
        /// The key from now on.
        new: String,
    },
    /// A copy of a shard is in a store, was read back, and is what was closed.
    Archived {
        /// Which, and its final state.
        #[serde(flatten)]
        shard: ShardRef,
        /// The store, as the policy names it.
        store: String,
        /// The file in it.
        path: String,
        /// The file's length.
        stored_bytes: u64,
        /// The file's SHA-256, hexadecimal.
        sha256: String,
        /// Whom it is encrypted to; empty: it is not.
        recipients: Vec<String>,
    },
    /// The live file of an archived shard was removed.
    SourceRemoved {
        /// Which.
        shard: String,
    },
    /// An archived shard was restored into a folder.
    Restored {
        /// Which.
        shard: String,
        /// Where to.
        to: String,
    },
    /// A hold keeps what it matches from being purged or erased.
    HoldSet {
        /// The hold's id.
        id: String,
        /// Its scope, ground, owner and review date.
        hold: BTreeMap<String, String>,
    },
    /// A hold ended.
    HoldReleased {
        /// The hold's id.
        id: String,
    },
    /// The certificate of a purge: durable before anything is removed.
    Purged {
        /// Which, and its final state.
        #[serde(flatten)]
        shard: ShardRef,
        /// Where from: `live`, or a store.
        store: String,
        /// The rule it fell under.
        rule: String,
        /// The policy the rule stands in.
        policy: PolicyRef,
    },
    /// Records left the log as an export.
    Exported {
        /// What was asked for.
        query: String,
        /// How many records.
        records: u64,
    },
    /// Shards of another log were taken in.
    Imported {
        /// The other log's origin.
        origin: String,
        /// How many shards.
        shards: u64,
        /// The folder that they lie in, below that of their origin.
        bundle: String,
    },
    /// Records are read: durable before the first is shown. How many it were stands in the operation's end.
    Read {
        /// Of which channel.
        channel: String,
        /// What was asked for: time, conditions.
        query: String,
    },
    /// The log was verified.
    Verified {
        /// What: `root`, a channel, a shard's id.
        what: String,
        /// Whether it is whole.
        whole: bool,
        /// How many shards.
        shards: u64,
        /// The channels in which something is wrong, if it is known which.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        broken: Vec<String>,
    },
    /// Somebody tried what the policy does not let them.
    Denied {
        /// What they tried.
        operation: String,
    },
    /// An operation ended.
    Operation {
        /// Its name.
        operation: String,
        /// `success`, `failure` or `partial`.
        outcome: String,
        /// How long it took.
        milliseconds: u64,
        /// How much it worked on, by unit.
        volume: BTreeMap<String, u64>,
    },
    /// A fact that a newer version wrote.
    #[serde(other)]
    Unknown,
}

/// A shard in a state that seals have signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardRef {
    /// Its id.
    pub shard: String,
    /// Lines, seals included.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The file's length.
    pub bytes: u64,
    /// Records among the lines.
    pub records: u64,
    /// The first record's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<String>,
    /// The last record's time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
}

/// A policy by version and content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyRef {
    /// The version its author gave it, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// SHA-256 of its text, hexadecimal; of the settings in force, for one built in code.
    pub sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_flat_object() {
        let shard = ShardRef {
            shard: "audit/2026-11-20".into(),
            size: 3,
            root: Hash::empty(),
            bytes: 900,
            records: 2,
            first: None,
            last: None,
        };
        let entry = Entry { operator: Some("jo".into()), ..Fact::ShardClosed { shard }.into() };
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(
            text,
            "{\"v\":1,\"timestamp\":\"\",\"operator\":\"jo\",\"fact\":\"shard_closed\",\"shard\":\"audit/2026-11-20\",\
             \"size\":3,\"root\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\",\"bytes\":900,\"records\":2}"
        );
        assert_eq!(serde_json::from_str::<Entry>(&text).unwrap(), entry);
    }

    #[test]
    fn a_fact_of_a_newer_version_is_read_as_unknown() {
        let text = "{\"v\":1,\"timestamp\":\"2027-01-01T00:00:00.000000Z\",\"fact\":\"teleported\",\"to\":7}";
        assert_eq!(serde_json::from_str::<Entry>(text).unwrap().fact, Fact::Unknown);
    }
}

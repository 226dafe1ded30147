//! The keys of one base: which one signed when, as its ledger tells.

use crate::journal::key::Public;
use crate::journal::seal::Seal;
use crate::ledger::{Entry, Fact};

/// The keys of a base in their order, and the name its logs sign under.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    /// `<service>/<instance>`, what every origin of the base begins with.
    pub(crate) prefix: String,
    /// Each with the ledger's line from which on it signs.
    chain: Vec<(u64, Public)>,
    /// The first of the chain that may sign: older ones are known, and no longer trusted for what is newer.
    from: usize,
    /// Other logs of the base, to tell whose a seal is that was copied.
    shards: std::sync::Arc<Vec<String>>,
}

impl Keys {
    /// One key, for logs whose ledger tells nothing.
    pub(crate) fn one(prefix: &str, key: Public) -> Keys {
        Keys { prefix: prefix.into(), chain: vec![(0, key)], from: 0, shards: Default::default() }
    }

    /// The keys that a ledger names, from its first entry on. `None` if it names none. The second value: the lines at
    /// which another key appears that no rotation has introduced.
    pub(crate) fn of(entries: &[(u64, Entry)]) -> Option<(Keys, Vec<u64>)> {
        let mut keys: Option<Keys> = None;
        let mut strangers = Vec::new();
        let mut shards = Vec::new();
        for (line, entry) in entries {
            match &entry.fact {
                Fact::LogOpened { vkey, .. } => {
                    let Some((name, key)) = Public::from_vkey(vkey) else {
                        strangers.push(*line);
                        continue;
                    };
                    match &keys {
                        Some(keys) if keys.current() == key => {}
                        Some(_) => strangers.push(*line),
                        None => keys = name.strip_suffix("/ledger").map(|prefix| Keys::one(prefix, key)),
                    }
                }
                Fact::KeyRotated { old, new } => {
                    let known =
                        |keys: &Keys| Public::from_vkey(old).is_some_and(|(_, old)| keys.current() == old);
                    match (keys.as_mut().filter(|keys| known(keys)), Public::from_vkey(new)) {
                        // The entry and its seal are still the old key's.
                        (Some(keys), Some((_, new))) => keys.chain.push((line + 2, new)),
                        _ => strangers.push(*line),
                    }
                }
                Fact::ShardOpened { shard } => shards.push(shard.clone()),
                _ => {}
            }
        }
        let mut keys = keys?;
        keys.shards = std::sync::Arc::new(shards);
        Some((keys, strangers))
    }

    /// The newest.
    pub(crate) fn current(&self) -> Public {
        self.chain[self.chain.len() - 1].1
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = Public> + '_ {
        self.chain[self.from..].iter().map(|(_, key)| *key)
    }

    /// Those that may have signed a shard whose opening stands in this line of the ledger: the key then, and later ones.
    pub(crate) fn since(&self, line: u64) -> Keys {
        let from = self.chain.iter().rposition(|(from, _)| *from <= line).unwrap_or(0);
        Keys { from, ..self.clone() }
    }

    /// The key that seals a line of the ledger.
    fn of_line(&self, line: u64) -> Public {
        self.chain.iter().rfind(|(from, _)| *from <= line).unwrap_or(&self.chain[0]).1
    }

    /// The ledger's lines whose seals are the last of a key.
    pub(crate) fn rotations(&self) -> impl Iterator<Item = u64> + '_ {
        self.chain.iter().skip(1).map(|(from, _)| from - 1)
    }

    /// Whether the key has signed something of a ledger of so many lines. One that a forger's ledger only rotates to, in
    /// its last line, has not.
    pub(crate) fn has_signed(&self, key: Public, lines: u64) -> bool {
        self.chain.iter().any(|(from, own)| *own == key && *from < lines)
    }

    pub(crate) fn ledger(&self) -> String {
        format!("{}/ledger", self.prefix)
    }

    pub(crate) fn origin(&self, shard: &str) -> String {
        format!("{}/{shard}", self.prefix)
    }

    /// Whether one of the keys signed the seal for the log of this origin; for the ledger, the one whose turn it was.
    pub(crate) fn signed(&self, seal: &Seal, origin: &str) -> bool {
        if origin == self.ledger() {
            return seal.is_signed(&self.of_line(seal.size), origin);
        }
        // The newest first: it is the likely one.
        self.chain[self.from..].iter().rev().any(|(_, key)| seal.is_signed(key, origin))
    }

    /// The log of this base for which a seal was made, if it is any.
    pub(crate) fn signer_of(&self, seal: &Seal) -> Option<String> {
        let logs = self.shards.iter().rev().take(LOOK).map(|shard| self.origin(shard));
        logs.chain([self.ledger()])
            .find(|origin| self.chain.iter().any(|(_, key)| seal.is_signed(key, origin)))
    }
}

/// Shards that are tried as a strange seal's own; a tenth of a second.
const LOOK: usize = 2000;

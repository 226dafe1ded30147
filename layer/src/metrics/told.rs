//! What a ledger tells that metrics show, taken up as the ledger grows.
//!
//! Only what a seal covers is taken: a tail without one is cut by the next append. Nothing is verified here; that is for
//! `dihya verify`, whose answer is among the facts.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use chrono::DateTime;

use crate::hold;
use crate::journal::seal::Seal;
use crate::ledger::{Entry, FILE, FOLDER, Fact, ShardRef};
use crate::operation::Kind;
use crate::retain::Rule;
use crate::storage::{self, Storage};

/// What one ledger has told so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Bytes taken up.
    offset: u64,
    /// When the log was begun, in microseconds since 1970-01-01T00:00:00Z, as all times here; 0: it has no entry.
    pub(super) created: i64,
    /// In the order of the names that [`Told::catch_up`] is given.
    pub(super) channels: Vec<ChannelTold>,
    /// The entries that set the holds in force.
    holds: Vec<Entry>,
    /// The shards of which a copy is left, by id.
    shards: BTreeMap<String, Copies>,
}

/// One channel's part of it.
#[derive(Clone, Debug, Default)]
pub(super) struct ChannelTold {
    /// Records whose last copy was purged, by [`REASONS`].
    pub(super) purged: [u64; REASONS.len()],
    pub(super) purge_succeeded: i64,
    pub(super) archive_succeeded: i64,
    pub(super) verified: i64,
    pub(super) verify_failures: u64,
    /// Damage was found, and no verification since has found the channel whole.
    pub(super) broken: bool,
}

/// Which copies of a shard there are.
#[derive(Clone, Debug, Default)]
struct Copies {
    in_root: bool,
    stores: BTreeSet<String>,
    /// Time of the first record.
    first: Option<i64>,
}

/// Why records were purged, values of the label `reason`: the rules that a certificate names, and whatever a newer
/// version may name.
pub(super) const REASONS: [&str; 7] = [
    Rule::Floor.name(),
    Rule::Default.name(),
    Rule::Ceiling.name(),
    Rule::Hot.name(),
    Rule::MaxBytes.name(),
    Rule::MinFree.name(),
    "other",
];

impl Told {
    /// Takes up what was sealed since the last call; whether anything was. `names` are the policy's channels.
    pub(super) fn catch_up(
        &mut self,
        storage: &dyn Storage,
        base: &Path,
        names: &[String],
    ) -> io::Result<bool> {
        let path = base.join(FOLDER).join(FILE);
        let len = match storage.stat(&path)? {
            Some(stat) if stat.kind == storage::Kind::File => stat.len,
            None if self.offset == 0 => 0,
            _ => return Err(io::Error::new(io::ErrorKind::NotFound, "the ledger is gone")),
        };
        if len < self.offset {
            // Another ledger, or one that was rolled back: all of it is read.
            *self = Told::default();
        }
        self.channels.resize_with(names.len(), ChannelTold::default);
        if len == self.offset {
            return Ok(false);
        }
        let mut from = BufReader::with_capacity(64 * 1024, storage.read(&path, self.offset)?);
        let (mut line, mut waiting) = (Vec::new(), Vec::new());
        let (mut offset, before) = (self.offset, self.offset);
        while from.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            offset += line.len() as u64;
            if Seal::is(&line) {
                waiting.drain(..).for_each(|entry| self.take(entry, names));
                self.offset = offset;
            } else {
                waiting.extend(serde_json::from_slice::<Entry>(&line));
            }
            line.clear();
        }
        Ok(self.offset > before)
    }

    /// Time of the oldest record of each channel that is in an archive.
    pub(super) fn oldest_archived(&self, names: &[String]) -> Vec<Option<i64>> {
        let mut oldest: Vec<Option<i64>> = vec![None; names.len()];
        for (shard, copies) in self.shards.iter().filter(|(_, copies)| !copies.stores.is_empty()) {
            if let (Some(at), Some(first)) = (index(names, shard), copies.first) {
                oldest[at] = Some(oldest[at].map_or(first, |known| known.min(first)));
            }
        }
        oldest
    }

    /// Id and review date of each hold in force.
    pub(super) fn holds(&self) -> impl Iterator<Item = (String, i64)> {
        hold::in_force(&self.holds).into_iter().map(|hold| (hold.id, hold.review))
    }

    fn take(&mut self, entry: Entry, names: &[String]) {
        let at = micros(&entry.timestamp).unwrap_or_default();
        if self.created == 0 {
            self.created = at;
        }
        match &entry.fact {
            Fact::ShardOpened { shard } => {
                self.copies(shard).in_root = true;
            }
            Fact::ShardClosed { shard } | Fact::ShardAbandoned { shard } => {
                self.copies(&shard.shard).in_root = true;
                self.know_first(shard);
            }
            Fact::Archived { shard, store, .. } => {
                self.copies(&shard.shard).stores.insert(store.clone());
                self.know_first(shard);
            }
            Fact::SourceRemoved { shard } => self.copies(shard).in_root = false,
            Fact::Purged { shard, store, rule, .. } => self.purged(shard, store, rule, names),
            Fact::ShardDamaged { shard, .. } => {
                if let Some(at) = index(names, shard) {
                    self.channels[at].broken = true;
                }
            }
            Fact::Verified { what, whole, broken, .. } => self.verified(at, what, *whole, broken, names),
            Fact::Operation { operation, outcome, .. } if outcome == "success" => {
                let purges = [Kind::Purge.name(), Kind::Lifecycle.name()].contains(&operation.as_str());
                let archives = operation == Kind::Archive.name();
                for channel in &mut self.channels {
                    if purges {
                        channel.purge_succeeded = at;
                    }
                    if archives {
                        channel.archive_succeeded = at;
                    }
                }
            }
            Fact::HoldSet { .. } => self.holds.push(entry),
            Fact::HoldReleased { id } => {
                self.holds.retain(|set| !matches!(&set.fact, Fact::HoldSet { id: of, .. } if of == id));
            }
            _ => {}
        }
    }

    fn copies(&mut self, shard: &str) -> &mut Copies {
        self.shards.entry(shard.to_owned()).or_default()
    }

    fn know_first(&mut self, shard: &ShardRef) {
        let first = shard.first.as_deref().and_then(micros);
        let copies = self.copies(&shard.shard);
        copies.first = first.or(copies.first);
    }

    /// Counted with the last copy: as long as there is one, the records are not gone.
    fn purged(&mut self, shard: &ShardRef, store: &str, rule: &str, names: &[String]) {
        if let Some(copies) = self.shards.get_mut(&shard.shard) {
            if store == LIVE {
                copies.in_root = false;
            } else {
                copies.stores.remove(store);
            }
            if copies.in_root || !copies.stores.is_empty() {
                return;
            }
            self.shards.remove(&shard.shard);
        }
        let rule = rule.split(':').next().unwrap_or_default();
        let reason = REASONS.iter().position(|reason| *reason == rule).unwrap_or(REASONS.len() - 1);
        if let Some(at) = index(names, &shard.shard) {
            let count = &mut self.channels[at].purged[reason];
            *count = count.saturating_add(shard.records);
        }
    }

    fn verified(&mut self, at: i64, what: &str, whole: bool, broken: &[String], names: &[String]) {
        for (name, channel) in names.iter().zip(&mut self.channels) {
            let all = what == "root" || what == name;
            let part = what.split_once('/').is_some_and(|(of, _)| of == name);
            let is_broken = !whole && (broken.is_empty() || broken.contains(name));
            if (all || part) && is_broken {
                channel.verify_failures += 1;
                channel.broken = true;
            }
            // One shard that is whole says nothing of the others.
            if all {
                channel.verified = at;
                channel.broken = is_broken;
            }
        }
    }
}

/// Whose channel a shard is, by its id.
fn index(names: &[String], shard: &str) -> Option<usize> {
    let (channel, _) = shard.split_once('/')?;
    names.iter().position(|name| name == channel)
}

fn micros(rfc3339: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(rfc3339).ok().map(|time| time.timestamp_micros())
}

/// How a certificate calls the copy in the root.
const LIVE: &str = "live";

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::Clock;
    use crate::journal::key::Signer;
    use crate::journal::merkle::Hash;
    use crate::ledger::{Ledger, PolicyRef};
    use crate::storage::Memory;

    const NOON: i64 = 1_795_176_000_000_000;

    struct World {
        disk: Memory,
        clock: Clock,
        ledger: Ledger,
        names: Vec<String>,
        told: Told,
    }

    impl World {
        fn new() -> World {
            let disk = Memory::new();
            disk.create_dir(Path::new("/log")).unwrap();
            let clock = Clock::manual(NOON);
            let signer = Arc::new(Signer::from_seed(&[7; 32]));
            let (under, base) = (Arc::new(disk.clone()), Path::new("/log"));
            let ledger = Ledger::open(under, base, "t/-/ledger".into(), signer, clock.clone()).unwrap();
            World { disk, clock, ledger, names: vec!["app".into(), "audit".into()], told: Told::default() }
        }

        /// Appends, a second later, and takes up.
        fn say(&mut self, fact: Fact) -> &Told {
            self.clock.set(self.clock.now() + 1_000_000);
            self.ledger.append(fact.into()).unwrap();
            assert!(self.told.catch_up(&self.disk, Path::new("/log"), &self.names).unwrap());
            &self.told
        }
    }

    fn shard(id: &str, records: u64) -> ShardRef {
        let first = Some("2026-01-02T03:04:05.000000Z".to_owned());
        ShardRef {
            shard: id.into(),
            size: 9,
            root: Hash::empty(),
            bytes: 900,
            records,
            last: first.clone(),
            first,
        }
    }

    fn purged(id: &str, records: u64, store: &str, rule: &str) -> Fact {
        let policy = PolicyRef { version: None, sha256: String::new() };
        Fact::Purged { shard: shard(id, records), store: store.into(), rule: rule.into(), policy }
    }

    fn archived(id: &str, store: &str) -> Fact {
        Fact::Archived {
            shard: shard(id, 5),
            store: store.into(),
            path: "x".into(),
            stored_bytes: 1,
            sha256: String::new(),
            recipients: Vec::new(),
        }
    }

    fn verified(what: &str, whole: bool, broken: &[&str]) -> Fact {
        let broken = broken.iter().map(|name| (*name).to_owned()).collect();
        Fact::Verified { what: what.into(), whole, shards: 3, broken }
    }

    #[test]
    fn only_what_is_sealed_is_taken_and_only_once() {
        let mut world = World::new();
        world.say(purged("app/2026-01-02", 5, LIVE, "retention.default: P3M after"));
        assert_eq!(world.told.channels[0].purged[1], 5);
        let path = Path::new("/log/ledger/ledger.jsonl");
        let sealed = world.disk.files()[path].clone();
        let line = serde_json::to_vec(&Entry::from(purged("app/2026-01-03", 7, LIVE, "max_bytes"))).unwrap();
        world.disk.put("/log/ledger/ledger.jsonl", &[sealed.clone(), line, b"\n".to_vec()].concat());
        let again = world.told.catch_up(&world.disk, Path::new("/log"), &world.names).unwrap();
        assert!(!again, "no seal covers the line");
        assert_eq!(world.told.channels[0].purged.iter().sum::<u64>(), 5);
        // The next append cuts the torn line, and what follows is taken.
        world.disk.put("/log/ledger/ledger.jsonl", &sealed);
        world.say(purged("app/2026-01-04", 2, LIVE, "max_bytes: too much"));
        assert_eq!(world.told.channels[0].purged[4], 2);
        assert_eq!(world.told.created, NOON + 1_000_000);
    }

    #[test]
    fn a_ledger_that_became_shorter_is_read_anew() {
        let mut world = World::new();
        world.say(verified("root", true, &[]));
        let short = world.disk.files()[Path::new("/log/ledger/ledger.jsonl")].clone();
        world.say(verified("root", false, &["audit"]));
        assert_eq!(world.told.channels[1].verify_failures, 1);
        world.disk.put("/log/ledger/ledger.jsonl", &short);
        assert!(world.told.catch_up(&world.disk, Path::new("/log"), &world.names).unwrap());
        assert_eq!((world.told.channels[1].verify_failures, world.told.channels[1].broken), (0, false));
    }

    #[test]
    fn records_are_purged_with_their_last_copy() {
        let mut world = World::new();
        world.say(Fact::ShardClosed { shard: shard("audit/2026-01-02", 5) });
        world.say(archived("audit/2026-01-02", "one"));
        world.say(archived("audit/2026-01-02", "two"));
        assert_eq!(world.told.oldest_archived(&world.names), [None, micros("2026-01-02T03:04:05Z")]);
        world.say(Fact::SourceRemoved { shard: "audit/2026-01-02".into() });
        let told = world.say(purged("audit/2026-01-02", 5, "one", "retention.ceiling: P12M"));
        assert_eq!(told.channels[1].purged, [0; REASONS.len()], "a copy is left");
        let told = world.say(purged("audit/2026-01-02", 5, "two", "retention.ceiling: P12M"));
        assert_eq!(told.channels[1].purged[2], 5);
        assert_eq!(world.told.oldest_archived(&world.names), [None, None]);
        let told = world.say(purged("audit/2026-01-03", 1, LIVE, "a_rule_of_the_future"));
        assert_eq!(told.channels[1].purged[REASONS.len() - 1], 1);
        let told = world.say(purged("of_another_policy/2026-01-03", 1, LIVE, "max_bytes"));
        assert_eq!(told.channels.len(), 2, "a channel that the policy lacks has no series");
    }

    #[test]
    fn a_break_lasts_until_all_of_the_channel_is_found_whole() {
        let mut world = World::new();
        let broken = |told: &Told| told.channels.iter().map(|c| c.broken).collect::<Vec<_>>();
        let told = world.say(verified("root", false, &["audit"]));
        assert_eq!(broken(told), [false, true]);
        assert_eq!((told.channels[0].verify_failures, told.channels[1].verify_failures), (0, 1));
        assert_eq!(
            (told.channels[0].verified, told.channels[1].verified),
            (NOON + 1_000_000, NOON + 1_000_000)
        );
        let told = world.say(verified("audit/2026-01-02", true, &[]));
        assert_eq!(broken(told), [false, true], "one shard says nothing of the others");
        assert_eq!(told.channels[1].verified, NOON + 1_000_000);
        let told = world.say(verified("app", true, &[]));
        assert_eq!(broken(told), [false, true]);
        assert_eq!(broken(world.say(verified("audit", true, &[]))), [false, false]);
        let told = world.say(verified("root", false, &[]));
        assert_eq!(broken(told), [true, true], "nobody said which");
        world.say(verified("root", true, &[]));
        let told = world.say(Fact::ShardDamaged { shard: "app/2026-01-02".into(), offset: 9 });
        assert_eq!(broken(told), [true, false]);
    }

    #[test]
    fn only_a_run_that_succeeded_counts_as_one() {
        let mut world = World::new();
        let run = |operation: &str, outcome: &str| Fact::Operation {
            operation: operation.into(),
            outcome: outcome.into(),
            milliseconds: 1,
            volume: BTreeMap::new(),
        };
        for outcome in ["failure", "partial"] {
            let told = world.say(run("purge", outcome));
            assert_eq!(told.channels[0].purge_succeeded, 0);
        }
        let told = world.say(run("purge", "success"));
        assert_eq!(told.channels[0].purge_succeeded, NOON + 3_000_000);
        assert_eq!(told.channels[0].archive_succeeded, 0);
        let told = world.say(run("lifecycle", "success"));
        assert_eq!(told.channels[1].purge_succeeded, NOON + 4_000_000);
        let told = world.say(run("archive", "success"));
        assert_eq!(told.channels[1].archive_succeeded, NOON + 5_000_000);
    }

    #[test]
    fn holds_count_from_when_they_are_set_until_they_are_released() {
        let mut world = World::new();
        let set = |id: &str, review: &str| Fact::HoldSet {
            id: id.into(),
            hold: [("ground", "case"), ("owner", "legal"), ("review", review)]
                .map(|(key, text)| (key.to_owned(), text.to_owned()))
                .into(),
        };
        world.say(set("one", "2027-01-01"));
        world.say(set("two", "2027-02-01"));
        assert_eq!(world.told.holds().count(), 2);
        let told = world.say(Fact::HoldReleased { id: "one".into() });
        let left: Vec<(String, i64)> = told.holds().collect();
        assert_eq!(left, [("two".to_owned(), hold::day("2027-02-01").unwrap())]);
    }
}

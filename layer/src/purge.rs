//! Purge: carries a plan out, with a certificate of each shard that goes.
//!
//! One shard after the other, in this order:
//!
//! | | step | dying after it |
//! |---|---|---|
//! | 1 | the policy's text is in `ledger/policies/<sha256>.toml`, synced | nothing has gone |
//! | 2 | the certificate is in the ledger, durable ([`Ledger::append`]) | the shard is still there: the next run finds the certificate and goes on with 3 |
//! | 3 | its tails in quarantine, the shard and its checkpoint are unlinked | the names may come back with a power cut: the next run removes them again |
//! | 4 | the folder is synced | done |
//!
//! No step reads the shard, so that the cost does not depend on its bytes; only one that was never closed in order (of a
//! version without seals, or left by a crash) is read once for its certificate.
//!
//! What a certificate names and still lies there is removed by the next run, under the same certificate: unless a
//! hold keeps it by then, a shard of that name was begun since, or its length is another than certified.

mod facts;
mod folders;
mod policies;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use crate::clock::Clock;
use crate::hold;
use crate::journal::merkle::Tree;
use crate::journal::seal::Seal;
use crate::ledger::{self, Entry, Fact, Ledger, ShardRef};
use crate::operation::Operation;
use crate::policy::Policy;
use crate::retain::{self, Action, Copy, Decision, Plan, Trust};
use crate::storage::{Kind, Lock, Storage};

pub use facts::read as facts;
pub use folders::Folders;
pub use policies::keep as keep_policy;

/// A log that retention works on: the folders of one writing process, with its ledger.
#[derive(Clone, Copy, Debug)]
pub struct Log<'l> {
    /// The disk.
    pub storage: &'l dyn Storage,
    /// The folder with the ledger: `<root>` or `<root>/<instance>`.
    pub base: &'l Path,
    /// Its ledger.
    pub ledger: &'l Ledger,
    /// Where archived copies are removed from.
    pub archives: &'l dyn Archives,
}

/// Stores of archived shards, as far as a purge needs them.
pub trait Archives: fmt::Debug {
    /// Removes an archived shard and what stands beside it, durably. `path` is as in its receipt. What is not there any
    /// more is removed already: that is no error.
    ///
    /// # Errors
    /// If it may still be there.
    fn remove(&self, store: &str, path: &str) -> io::Result<()>;

    /// Whether it may still be there.
    ///
    /// # Errors
    /// If the store does not answer.
    fn holds(&self, store: &str, path: &str) -> io::Result<bool>;
}

/// What a run did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Shards of certificates that an earlier run left, now gone.
    pub finished: Vec<String>,
    /// Shards certified and gone, with their bytes.
    pub purged: Vec<(String, u64)>,
    /// Shards that are still there, and why.
    pub failed: Vec<(String, String)>,
    /// What the plan said that somebody has to look at.
    pub alerts: Vec<String>,
}

impl Log<'_> {
    /// What is in the ledger, if nothing is wrong with it: what cannot be trusted must not decide over a purge.
    ///
    /// # Errors
    /// If it cannot be read, or something is wrong with it.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let reading = self.ledger.read()?;
        if let Some((line, what)) = reading.problems.first() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!(
                    "the ledger is not whole, so nothing is planned or purged by it. Line {line}: {what}. Look into it with `dihya verify`"
                ),
            ));
        }
        Ok(reading.entries.into_iter().map(|(_, entry)| entry).collect())
    }

    /// One purge, archiving or change of a hold at a time: held until the value is dropped.
    ///
    /// # Errors
    /// If another process is at it.
    pub fn lock(&self) -> io::Result<Box<dyn Lock>> {
        ledger::lock::lifecycle(self.storage, self.base)
    }

    /// The plan for now. Reads the ledger, the catalog, and those shards that are due and might be held by what their
    /// records say.
    ///
    /// # Errors
    /// If the ledger or the folders cannot be read.
    pub fn plan(&self, policy: &Policy, clock: &Clock, trust: Trust) -> io::Result<Plan> {
        let facts = self.facts(policy, clock, trust)?;
        Ok(retain::plan(policy, &facts))
    }

    /// What such a plan rests on.
    ///
    /// # Errors
    /// As for [`Log::plan`].
    pub fn facts(&self, policy: &Policy, clock: &Clock, trust: Trust) -> io::Result<retain::Facts> {
        let mut facts = facts::read(self.storage, self.base, &self.entries()?, clock, trust)?;
        self.look_at_held(policy, &mut facts);
        Ok(facts)
    }

    /// Counts the records that a hold matches by their content, in the shards that it alone keeps.
    fn look_at_held(&self, policy: &Policy, facts: &mut retain::Facts) {
        let by_content: BTreeSet<String> =
            facts.holds.iter().filter(|hold| !hold.scope.is_by_shard()).map(|hold| hold.id.clone()).collect();
        if by_content.is_empty() {
            return;
        }
        let plan = retain::plan(policy, facts);
        let held = plan.decisions.iter().filter(|decision| {
            decision.rule == retain::Rule::Hold && decision.holds.iter().all(|id| by_content.contains(id))
        });
        let paths: BTreeSet<&str> = held.map(|decision| decision.path.as_str()).collect();
        let retain::Facts { shards, holds, .. } = facts;
        let holds: Vec<&hold::Hold> = holds.iter().filter(|hold| by_content.contains(&hold.id)).collect();
        for shard in shards.iter_mut().filter(|s| s.copy == Copy::Root && paths.contains(s.path.as_str())) {
            // One that cannot be read stays: nothing is known of it.
            if let Ok(counts) = hold::count(self.storage, Path::new(&shard.path), &holds) {
                shard.matched = holds.iter().map(|hold| hold.id.clone()).zip(counts).collect();
            }
        }
    }

    /// Finishes what an earlier run left, then purges what the plan says: of `chosen`, if somebody saw a plan before, and
    /// nothing that came due since.
    ///
    /// # Errors
    /// If another purge is under way, the ledger cannot be read or written, or the policy not kept beside it. What was
    /// done until then is done, with its certificates.
    pub fn purge(
        &self,
        policy: &Policy,
        operation: &mut Operation<'_>,
        clock: &Clock,
        trust: Trust,
        chosen: Option<&Plan>,
    ) -> io::Result<Report> {
        let lock = self.lock()?;
        let mut report = Report::default();
        self.finish(clock, operation, &mut report)?;
        let plan = self.plan(policy, clock, trust)?;
        let is_due = |decision: &&Decision| decision.action == Action::Purge;
        let was_seen = |decision: &&Decision| {
            chosen.is_none_or(|seen| {
                seen.decisions
                    .iter()
                    .filter(is_due)
                    .any(|s| (&s.path, &s.copy) == (&decision.path, &decision.copy))
            })
        };
        let due: Vec<&Decision> = plan.decisions.iter().filter(is_due).filter(was_seen).collect();
        if !due.is_empty() {
            keep_policy(self.storage, self.base, policy)?;
        }
        let closed = facts::closed(&self.entries()?);
        report.alerts.clone_from(&plan.alerts);
        for decision in due {
            let shard = match self.certified(decision, &closed) {
                Ok(shard) => shard,
                Err(error) => {
                    report
                        .failed
                        .push((decision.shard.clone(), format!("no certificate can be made: {error}")));
                    continue;
                }
            };
            operation.record(Fact::Purged {
                shard,
                store: store_of(&decision.copy),
                rule: format!("{}: {}", decision.rule, decision.why),
                policy: policy.reference(),
            })?;
            match self.remove(&decision.copy, &decision.path) {
                Ok(()) => {
                    operation.add("shards", 1);
                    operation.add("bytes", decision.bytes);
                    report.purged.push((decision.shard.clone(), decision.bytes));
                }
                Err(error) => report.failed.push((
                    decision.shard.clone(),
                    format!("its certificate is written, and it could not be removed: {error}. The next run tries again"),
                )),
            }
        }
        drop(lock);
        Ok(report)
    }

    /// The shard's final state, from the ledger. One that was never closed in order is read.
    fn certified(&self, decision: &Decision, closed: &BTreeMap<String, ShardRef>) -> io::Result<ShardRef> {
        match (closed.get(&decision.shard), &decision.copy) {
            (Some(shard), Copy::Archive(_)) => Ok(shard.clone()),
            (Some(shard), Copy::Root) if shard.bytes == decision.bytes => Ok(shard.clone()),
            (Some(shard), Copy::Root) => Err(io::Error::other(format!(
                "it has {} bytes and was closed with {}. Look into it with `dihya verify`, and move it away once you have",
                decision.bytes, shard.bytes
            ))),
            (None, Copy::Root) => describe(self.storage, &decision.shard, Path::new(&decision.path)),
            (None, Copy::Archive(_)) => Err(io::Error::other("the ledger has no receipt of it")),
        }
    }

    fn remove(&self, copy: &Copy, path: &str) -> io::Result<()> {
        match copy {
            Copy::Root => remove(self.storage, Path::new(path)),
            Copy::Archive(store) => self.archives.remove(store, path),
        }
    }

    /// Removes what certificates name and is still there.
    fn finish(&self, clock: &Clock, operation: &mut Operation<'_>, report: &mut Report) -> io::Result<()> {
        let entries = self.entries()?;
        let left = facts::left(&entries);
        if left.is_empty() {
            return Ok(());
        }
        let holds = hold::in_force(&entries);
        for (shard, copy, path) in left {
            let path = match (&copy, path) {
                (Copy::Root, _) => facts::path(self.base, &shard.shard).to_string_lossy().into_owned(),
                (Copy::Archive(_), Some(path)) => path,
                (Copy::Archive(_), None) => continue,
            };
            if !self.is_there(&copy, &path)? {
                continue;
            }
            if let Some(why) = self.obstacle(&shard, &copy, &path, &holds, clock)? {
                report.failed.push((shard.shard, why));
                continue;
            }
            match self.remove(&copy, &path) {
                Ok(()) => {
                    operation.add("shards_finished", 1);
                    report.finished.push(shard.shard);
                }
                Err(error) => report.failed.push((
                    shard.shard,
                    format!("an earlier certificate is not carried out, since it cannot be removed: {error}"),
                )),
            }
        }
        Ok(())
    }

    /// The shard, or the checkpoint that goes after it.
    fn is_there(&self, copy: &Copy, path: &str) -> io::Result<bool> {
        match copy {
            Copy::Root => {
                let path = Path::new(path);
                Ok(self.storage.stat(path)?.is_some() || self.storage.stat(&checkpoint(path))?.is_some())
            }
            Copy::Archive(store) => self.archives.holds(store, path),
        }
    }

    /// Why what an old certificate names is not to be removed now.
    fn obstacle(
        &self,
        shard: &ShardRef,
        copy: &Copy,
        path: &str,
        holds: &[hold::Hold],
        clock: &Clock,
    ) -> io::Result<Option<String>> {
        let channel = shard.shard.split_once('/').map_or("", |(channel, _)| channel);
        let moment =
            |text: &Option<String>, other: i64| text.as_deref().and_then(facts::micros).unwrap_or(other);
        let (first, last) = (moment(&shard.first, i64::MIN), moment(&shard.last, i64::MAX));
        let held = holds.iter().find(|hold| {
            let by_records = !hold.scope.is_by_shard() && *copy == Copy::Root;
            // What the certificate rested on: none of its records was held. One that cannot be read stays.
            let none =
                || hold::count(self.storage, Path::new(path), &[hold]).is_ok_and(|counts| counts == [0]);
            hold.scope.can_match(channel, first, last) && !(by_records && none())
        });
        if let Some(hold) = held {
            return Ok(Some(format!(
                "an earlier certificate is not carried out, since hold {} was set after it ({})",
                hold.id, hold.ground
            )));
        }
        if let (Copy::Root, Some(stat)) = (copy, self.storage.stat(Path::new(path))?)
            && stat.len != shard.bytes
        {
            return Ok(Some(format!(
                "an earlier certificate is of {} bytes and the file has {}: it is left as it is ({})",
                shard.bytes,
                stat.len,
                hold::date(clock.now())
            )));
        }
        Ok(None)
    }
}

/// Unlinks a shard and what stands beside it, durably: what a crash tore off it goes first, since the shard is what the
/// next run looks for.
fn remove(storage: &dyn Storage, shard: &Path) -> io::Result<()> {
    torn(storage, shard)?;
    if let Some(stat) = storage.stat(shard)? {
        if stat.kind != Kind::File {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        storage.remove(shard)?;
    }
    match storage.remove(&checkpoint(shard)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    storage.sync_dir(shard.parent().unwrap_or(shard))
}

/// Removes the tails of a shard from quarantine: `2026-11-20.jsonl.<offset>.torn`.
fn torn(storage: &dyn Storage, shard: &Path) -> io::Result<()> {
    let folder = shard.with_file_name("quarantine");
    if storage.stat(&folder)?.is_none() {
        return Ok(());
    }
    let prefix = format!("{}.", shard.file_name().unwrap_or_default().to_string_lossy());
    let mut changed = false;
    for name in storage.list(&folder)? {
        if name.to_str().is_some_and(|name| name.starts_with(&prefix)) {
            storage.remove(&folder.join(&name))?;
            changed = true;
        }
    }
    if changed { storage.sync_dir(&folder) } else { Ok(()) }
}

/// `2026-11-20.1.checkpoint` of `2026-11-20.1.jsonl`.
fn checkpoint(shard: &Path) -> PathBuf {
    shard.with_extension("checkpoint")
}

/// The state of a shard that the ledger has no closing of, from the file itself.
fn describe(storage: &dyn Storage, id: &str, path: &Path) -> io::Result<ShardRef> {
    let mut tree = Tree::new();
    let (mut bytes, mut records) = (0, 0);
    let (mut first, mut last) = (None, None);
    let mut reader = BufReader::with_capacity(256 * 1024, storage.read(path, 0)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        bytes += line.len() as u64;
        if line.ends_with(b"\n") {
            tree.push_lines(&line);
            if !Seal::is(&line) {
                records += 1;
                let time = facts::timestamp(&line);
                first = first.or_else(|| time.clone());
                last = time.or(last);
            }
        }
        line.clear();
    }
    let (size, root) = (tree.size(), tree.root());
    Ok(ShardRef { shard: id.to_owned(), size, root, bytes, records, first, last })
}

/// As certificates name it.
fn store_of(copy: &Copy) -> String {
    match copy {
        Copy::Root => LIVE.to_owned(),
        Copy::Archive(store) => store.clone(),
    }
}

const LIVE: &str = "live";

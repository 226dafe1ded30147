//! One run over one base: archive what is due, purge what is due, look which reviews are.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::catalog::ShardId;
use crate::clock::Clock;
use crate::hold;
use crate::ledger::Ledger;
use crate::operation::{Caller, Kind, Operation, Outcome};
use crate::policy::Policy;
use crate::purge::{Folders, Log, Report};
use crate::retain::{Action, Plan, Trust};
use crate::storage::Storage;

/// What a run needs.
pub(super) struct Work<'a> {
    pub(super) storage: &'a Arc<dyn Storage>,
    pub(super) base: &'a Path,
    pub(super) state: &'a Path,
    pub(super) policy: &'a Policy,
    pub(super) clock: &'a Clock,
    /// Whether the service ends, so that nothing more is to be begun.
    pub(super) stopped: &'a dyn Fn() -> bool,
}

/// What it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Done {
    /// The operation's session in the ledger.
    pub(super) session: String,
    /// Shards that are in every store now.
    pub(super) archived: usize,
    /// Bytes of their live files.
    pub(super) archived_bytes: u64,
    /// Those that are not, and why.
    pub(super) unarchived: Vec<(String, String)>,
    pub(super) purge: Report,
    /// Holds whose review is due, a sentence each.
    pub(super) reviews: Vec<String>,
}

impl Work<'_> {
    /// `None`: nothing was due, and no run has to be noted. With `note` it is, and reviews are looked at.
    pub(super) fn once(&self, note: bool) -> io::Result<Option<Done>> {
        let Work { storage, base, policy, clock, .. } = *self;
        let ledger = Ledger::attach(Arc::clone(storage), base, self.state, clock.clone())?;
        let archives = Folders::of(Arc::clone(storage));
        let log = Log { storage: &**storage, base, ledger: &ledger, archives: &archives };
        let plan = log.plan(policy, clock, Trust::Checked)?;
        let due = self.due(&plan);
        let idle = due.is_empty()
            && plan.alerts.is_empty()
            && plan.decisions.iter().all(|decision| decision.action != Action::Purge);
        if idle && !note {
            return Ok(None);
        }
        let caller = Caller::service(&policy.service.name);
        let begun =
            Operation::begin(Kind::Lifecycle, policy, &ledger, clock, &caller, None, Some("lifecycle.run"));
        let mut operation = begun.map_err(|error| io::Error::other(error.to_string()))?;
        let mut done = Done { session: operation.session().to_owned(), ..Done::default() };
        if note {
            done.reviews = reviews(&log, clock)?;
        }
        self.archive(&due, &ledger, &mut operation, &mut done);
        if !(self.stopped)() {
            done.purge = log.purge(policy, &mut operation, clock, Trust::Checked, None)?;
        }
        let failed = done.purge.failed.len() + done.unarchived.len();
        let gone = done.archived + done.purge.purged.len() + done.purge.finished.len();
        operation.end(outcome(failed, gone))?;
        Ok(Some(done))
    }

    /// What is to be archived. Where the policy names no store, that is for somebody to do who knows where to.
    #[cfg(feature = "archive")]
    fn due(&self, plan: &Plan) -> Vec<(ShardId, PathBuf, u64)> {
        match self.policy.archive.stores.is_empty() {
            true => Vec::new(),
            false => crate::archive::due(plan, self.base),
        }
    }

    /// A policy with stores does not start without the feature.
    #[cfg(not(feature = "archive"))]
    fn due(&self, _: &Plan) -> Vec<(ShardId, PathBuf, u64)> {
        Vec::new()
    }

    /// One shard after the other, so that the end of the service is waited for by one at most.
    #[cfg(feature = "archive")]
    fn archive(
        &self,
        due: &[(ShardId, PathBuf, u64)],
        ledger: &Ledger,
        operation: &mut Operation<'_>,
        done: &mut Done,
    ) {
        use crate::archive::Archiver;
        if due.is_empty() {
            return;
        }
        let storage = Arc::clone(self.storage);
        let archiver = match Archiver::open(self.policy, storage, self.base, ledger, self.clock.clone()) {
            Ok(archiver) => archiver,
            Err(error) => return done.unarchived.push(("nothing is archived".into(), error.to_string())),
        };
        for doubt in archiver.doubts() {
            done.unarchived.push(("a store is not to be relied on".into(), doubt.clone()));
        }
        for (shard, path, bytes) in due {
            if (self.stopped)() {
                return;
            }
            let one = [(shard.clone(), path.clone())];
            match archiver.run(&one, &|fact| operation.record(fact).map(drop), &mut |_| {}) {
                Ok(report) => {
                    for (shard, error) in report.failed {
                        done.unarchived.push((shard.to_string(), error.to_string()));
                    }
                    if !report.archived.is_empty() {
                        done.archived += 1;
                        done.archived_bytes += bytes;
                        operation.add("shards_archived", 1);
                        operation.add("bytes_archived", *bytes);
                    }
                }
                Err(error) => return done.unarchived.push((shard.to_string(), error.to_string())),
            }
        }
    }

    #[cfg(not(feature = "archive"))]
    fn archive(&self, _: &[(ShardId, PathBuf, u64)], _: &Ledger, _: &mut Operation<'_>, _: &mut Done) {}
}

/// How it ended, by how many shards failed and how many did not.
pub(super) fn outcome(failed: usize, done: usize) -> Outcome {
    match (failed, done) {
        (0, _) => Outcome::Success,
        (_, 0) => Outcome::Failure,
        _ => Outcome::Partial,
    }
}

/// The holds that somebody has to look at again. Their ground may say of whom they are, and stays in the ledger.
fn reviews(log: &Log<'_>, clock: &Clock) -> io::Result<Vec<String>> {
    let holds = hold::in_force(&log.entries()?);
    let due = holds.iter().filter(|hold| hold.is_expired(clock.now()));
    Ok(due
        .map(|hold| {
            let day = hold::date(hold.review);
            format!("the review of hold {} was due on {day}: `dihya hold list` tells what it keeps", hold.id)
        })
        .collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::hold::day;
    use crate::key::Signer;
    use crate::ledger::{Fact, PolicyRef};
    use crate::storage::Memory;

    const BASE: &str = "/log";
    const OLD: &str = "/log/app/2024-01-15.jsonl";

    fn open(disk: &Memory, at: &str) -> Ledger {
        let clock = Clock::manual(day(at).unwrap());
        let signer = Signer::from_seed(&[7; 32]);
        let origin = "clinic/-/ledger".to_owned();
        Ledger::open(Arc::new(disk.clone()), Path::new(BASE), origin, Arc::new(signer), clock).unwrap()
    }

    /// A log with one shard that is long due.
    pub(in crate::lifecycle) fn disk() -> Memory {
        let disk = Memory::new();
        let state = Path::new("/log/state");
        disk.create_dir(state).unwrap();
        let signer = Signer::from_seed(&[7; 32]);
        signer.save(&disk, &state.join("signing.key")).unwrap();
        let vkey = signer.public().vkey("clinic/-/ledger");
        let policy = PolicyRef { version: None, sha256: String::new() };
        open(&disk, "2026-05-28").append(Fact::LogOpened { vkey, policy }.into()).unwrap();
        disk.put(OLD, b"{\"timestamp\":\"2024-01-15T10:00:00.000000Z\"}\n");
        disk
    }

    pub(in crate::lifecycle) fn hold(disk: &Memory, id: &str, review: &str) {
        let words = [("ground", "case"), ("owner", "ada"), ("review", review), ("channels", "audit")];
        let hold = words.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        open(disk, "2026-05-29").append(Fact::HoldSet { id: id.into(), hold }.into()).unwrap();
    }

    fn once_on(disk: &Memory, more: &str, note: bool) -> io::Result<Option<Done>> {
        once_until(disk, more, note, &|| false)
    }

    fn once_until(
        disk: &Memory,
        more: &str,
        note: bool,
        stopped: &dyn Fn() -> bool,
    ) -> io::Result<Option<Done>> {
        let policy = Policy::parse(&format!("[storage]\nroot = \"/log\"\n{more}"), "p").unwrap();
        let storage: Arc<dyn Storage> = Arc::new(disk.clone());
        let work = Work {
            storage: &storage,
            base: Path::new(BASE),
            state: Path::new("/log/state"),
            policy: &policy,
            clock: &Clock::manual(day("2026-06-01").unwrap()),
            stopped,
        };
        work.once(note)
    }

    #[test]
    fn the_service_purges_what_is_due_whatever_the_roles_say_of_people() {
        let disk = disk();
        let done = once_on(&disk, "[roles]\nadmin = [\"user:ada\"]\n", false).unwrap().unwrap();
        assert_eq!(done.purge.purged.len(), 1);
        assert!(!disk.files().contains_key(Path::new(OLD)));
        assert_eq!(once_on(&disk, "", false).unwrap(), None, "nothing is due any more");
        let done = once_on(&disk, "", true).unwrap().unwrap();
        assert_eq!((done.archived, done.purge), (0, Report::default()), "noted once a day all the same");
    }

    #[test]
    fn a_log_without_a_ledger_is_left_alone() {
        let disk = Memory::new();
        disk.put(OLD, b"{}\n");
        let error = once_on(&disk, "", true).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(disk.files().contains_key(Path::new(OLD)));
    }

    #[test]
    fn a_review_that_is_due_is_told_and_one_that_is_not_is_not() {
        let disk = disk();
        hold(&disk, "case-12", "2026-05-01");
        hold(&disk, "case-13", "2027-01-01");
        let done = once_on(&disk, "", true).unwrap().unwrap();
        assert_eq!(done.reviews.len(), 1, "{:?}", done.reviews);
        assert!(done.reviews[0].contains("case-12 was due on 2026-05-01"), "{:?}", done.reviews);
    }

    /// A shard of last week that was closed in order, in a channel that is to be archived after a day.
    #[cfg(feature = "archive")]
    fn with_a_closed_shard() -> Memory {
        use crate::journal::merkle::Tree;
        use crate::ledger::ShardRef;
        let disk = disk();
        disk.discard(OLD);
        let lines = b"{\"timestamp\":\"2026-05-20T10:00:00.000000Z\"}\n";
        let mut tree = Tree::new();
        tree.push_lines(lines);
        disk.put("/log/app/2026-05-20.jsonl", lines);
        let note = crate::note::Checkpoint::of("clinic/-/app/2026-05-20", &tree);
        disk.put("/log/app/2026-05-20.checkpoint", note.sign(&Signer::from_seed(&[7; 32])).as_bytes());
        let ledger = open(&disk, "2026-05-28");
        let shard = ShardRef {
            shard: "app/2026-05-20".into(),
            size: tree.size(),
            root: tree.root(),
            bytes: lines.len() as u64,
            records: 1,
            first: Some("2026-05-20T10:00:00.000000Z".into()),
            last: Some("2026-05-20T10:00:00.000000Z".into()),
        };
        ledger.append(Fact::ShardOpened { shard: shard.shard.clone() }.into()).unwrap();
        ledger.append(Fact::ShardClosed { shard }.into()).unwrap();
        disk
    }

    #[cfg(feature = "archive")]
    #[test]
    fn the_service_archives_what_is_due_where_the_policy_names_a_store() {
        let archived = Path::new("/store/app/2026/05/2026-05-20.jsonl.zst");
        let rules = "[channels.app.retention]\nhot = \"P2D\"\n";
        let without = with_a_closed_shard();
        let done = once_on(&without, rules, true).unwrap().unwrap();
        assert_eq!(done.archived, 0, "no store is named");
        assert!(without.files().contains_key(Path::new("/log/app/2026-05-20.jsonl")));
        let rules = format!("{rules}[archive]\nstores = [\"/store\"]\n");
        let stopped = with_a_closed_shard();
        let done = once_until(&stopped, &rules, false, &|| true).unwrap().unwrap();
        assert_eq!((done.archived, stopped.files().contains_key(archived)), (0, false), "the service ends");
        let disk = with_a_closed_shard();
        let done = once_on(&disk, &rules, false).unwrap().unwrap();
        assert_eq!((done.archived, done.unarchived), (1, vec![]));
        assert!(disk.files().contains_key(archived));
        assert!(!disk.files().contains_key(Path::new("/log/app/2026-05-20.jsonl")));
        let facts: Vec<Fact> = open(&disk, "2026-06-01")
            .read()
            .unwrap()
            .entries
            .into_iter()
            .map(|(_, entry)| entry.fact)
            .collect();
        assert!(facts.iter().any(|fact| matches!(fact, Fact::SourceRemoved { .. })), "{facts:?}");
        assert!(matches!(facts.last(), Some(Fact::Operation { operation, outcome, .. })
            if operation == "lifecycle" && outcome == "success"));
    }

    #[cfg(feature = "archive")]
    #[test]
    fn a_shard_that_cannot_be_archived_is_told_and_stays() {
        let disk = with_a_closed_shard();
        let live = Path::new("/log/app/2026-05-20.jsonl");
        disk.put(live, b"{\"timestamp\":\"2026-05-20T10:00:00.000001Z\"}\n");
        let rules = "[channels.app.retention]\nhot = \"P2D\"\n[archive]\nstores = [\"/store\"]\n";
        let done = once_on(&disk, rules, false).unwrap().unwrap();
        assert_eq!((done.archived, done.unarchived.len()), (0, 1));
        assert!(disk.files().contains_key(live));
    }
}

//! What the log itself shows, whoever worked on it: read from the ledgers and the folders when somebody gathers.
//!
//! A gather costs one look at the ledger's length. What was appended since the last one is read then; the channels'
//! folders are listed when the ledger has grown, and once a minute. None of it waits for a writer, or makes one wait.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus::core::Collector;
use prometheus::{Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::told::{ChannelTold, REASONS, Told};
use super::{opts, seconds};
use crate::catalog::first_record;
use crate::journal::shard;
use crate::policy::{Period, Policy};
use crate::storage::Storage;

/// The metrics of a log, over all its roots.
#[derive(Debug)]
pub(super) struct Log {
    names: Vec<String>,
    families: Families,
    /// How long each channel may keep a record. Apart from what is held while a disk is read, which may stand.
    ceilings: Mutex<Vec<Period>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    bases: Vec<Base>,
    /// What the counters show.
    shown: Vec<ChannelTold>,
}

/// What is known of one root.
#[derive(Debug, Default)]
struct Base {
    told: Told,
    /// Time of the oldest record of each channel that lies there.
    oldest: Vec<Option<i64>>,
    /// Time of a shard's first record, by its file: it never changes.
    firsts: BTreeMap<PathBuf, i64>,
    listed: Option<Instant>,
}

#[derive(Debug)]
struct Families {
    archive_last_success: GaugeVec,
    integrity_broken: IntGaugeVec,
    legal_hold_review: Gauge,
    legal_holds: IntGauge,
    log_created: Gauge,
    look_errors: IntCounter,
    oldest_record: GaugeVec,
    purge_last_success: GaugeVec,
    purged_records: IntCounterVec,
    retention_limit: GaugeVec,
    verified: GaugeVec,
    verify_failures: IntCounterVec,
}

impl Log {
    pub(super) fn new(policy: &Policy) -> Log {
        let names: Vec<String> = policy.channels.iter().map(|channel| channel.name.clone()).collect();
        // The names and labels are constants of this file, and a test builds them.
        let families = Families::new().expect("metric names and labels are valid");
        for name in &names {
            for reason in REASONS {
                families.purged_records.with_label_values(&[name.as_str(), reason]);
            }
            families.verify_failures.with_label_values(&[name]);
            families.integrity_broken.with_label_values(&[name]);
            for family in families.by_channel() {
                family.with_label_values(&[name]);
            }
        }
        let shown = vec![ChannelTold::default(); names.len()];
        let state = Mutex::new(State { shown, ..State::default() });
        let log = Log { names, families, ceilings: Mutex::default(), state };
        log.follow(policy);
        log
    }

    /// Follows a change of policy, which may change how long records are kept.
    pub(super) fn follow(&self, policy: &Policy) {
        *lock(&self.ceilings) = policy.channels.iter().map(|channel| channel.retention.ceiling).collect();
    }

    /// Looks, and sets the metrics. What cannot be looked at stays as it was last seen, and is counted.
    pub(super) fn look(&self, storage: &dyn Storage, bases: &[PathBuf], now: i64) {
        let mut state = lock(&self.state);
        state.bases.resize_with(bases.len(), Base::default);
        for (base, path) in state.bases.iter_mut().zip(bases) {
            if base.look(storage, path, &self.names).is_err() {
                self.families.look_errors.inc();
            }
        }
        self.show(&mut state, now);
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &dyn Collector> {
        let families = &self.families;
        let all: [&dyn Collector; 12] = [
            &families.archive_last_success,
            &families.integrity_broken,
            &families.legal_hold_review,
            &families.legal_holds,
            &families.log_created,
            &families.look_errors,
            &families.oldest_record,
            &families.purge_last_success,
            &families.purged_records,
            &families.retention_limit,
            &families.verified,
            &families.verify_failures,
        ];
        all.into_iter()
    }

    fn show(&self, state: &mut State, now: i64) {
        let families = &self.families;
        let State { bases, shown } = state;
        let ceilings = lock(&self.ceilings).clone();
        for (at, name) in self.names.iter().enumerate() {
            let told: Vec<&ChannelTold> =
                bases.iter().filter_map(|base| base.told.channels.get(at)).collect();
            let newest = |of: fn(&ChannelTold) -> i64| told.iter().map(|told| of(told)).max().unwrap_or(0);
            let set = |family: &GaugeVec, micros: i64| family.with_label_values(&[name]).set(seconds(micros));
            set(&families.purge_last_success, newest(|told| told.purge_succeeded));
            set(&families.archive_last_success, newest(|told| told.archive_succeeded));
            set(&families.verified, newest(|told| told.verified));
            let broken = told.iter().any(|told| told.broken);
            families.integrity_broken.with_label_values(&[name]).set(i64::from(broken));

            let oldest = bases.iter().filter_map(|base| base.oldest.get(at).copied().flatten()).min();
            set(&families.oldest_record, oldest.unwrap_or(0));
            // A calendar period has no length of its own: the one that counts begins with the oldest record.
            let from = oldest.unwrap_or(now);
            let limit = ceilings.get(at).and_then(|ceiling| ceiling.end(from)).map(|end| end - from);
            let limit = limit.map_or(f64::INFINITY, seconds);
            families.retention_limit.with_label_values(&[name]).set(limit);

            // A counter never falls, not even over a ledger that was rolled back.
            let shown = &mut shown[at];
            for (reason, label) in REASONS.into_iter().enumerate() {
                let count = told.iter().map(|told| told.purged[reason]).sum();
                let counter = families.purged_records.with_label_values(&[name.as_str(), label]);
                raise(&mut shown.purged[reason], count, &counter);
            }
            let failures = told.iter().map(|told| told.verify_failures).sum();
            raise(&mut shown.verify_failures, failures, &families.verify_failures.with_label_values(&[name]));
        }
        let created = bases.iter().map(|base| base.told.created).filter(|at| *at > 0).min();
        families.log_created.set(seconds(created.unwrap_or(0)));
        // One hold may stand in the ledger of each root.
        let holds: BTreeMap<String, i64> = bases.iter().flat_map(|base| base.told.holds()).collect();
        families.legal_holds.set(i64::try_from(holds.len()).unwrap_or(i64::MAX));
        // One that cannot be read is to be looked at now.
        let review = holds.values().map(|review| (*review).max(1_000_000)).min();
        families.legal_hold_review.set(seconds(review.unwrap_or(0)));
    }
}

impl Base {
    fn look(&mut self, storage: &dyn Storage, path: &Path, names: &[String]) -> io::Result<()> {
        let grown = self.told.catch_up(storage, path, names)?;
        if !grown && self.listed.is_some_and(|at| at.elapsed() < LIST_EVERY) {
            return Ok(());
        }
        let mut oldest = self.told.oldest_archived(names);
        let mut seen = BTreeSet::new();
        for (name, oldest) in names.iter().zip(&mut oldest) {
            if let Some(first) = self.first_in(storage, &path.join(name), &mut seen)? {
                *oldest = Some(oldest.map_or(first, |known| known.min(first)));
            }
        }
        self.firsts.retain(|file, _| seen.contains(file));
        self.oldest = oldest;
        self.listed = Some(Instant::now());
        Ok(())
    }

    /// Time of the first record in a channel's folder: of the oldest shard that has one.
    fn first_in(
        &mut self,
        storage: &dyn Storage,
        folder: &Path,
        seen: &mut BTreeSet<PathBuf>,
    ) -> io::Result<Option<i64>> {
        if storage.stat(folder)?.is_none() {
            return Ok(None);
        }
        let mut shards: Vec<shard::Name> = storage
            .list(folder)?
            .iter()
            .filter_map(|name| shard::Name::parse(name.to_str()?, false))
            .collect();
        shards.sort_unstable();
        for name in shards {
            let file = folder.join(name.to_string());
            let first = match self.firsts.get(&file) {
                Some(first) => Some(*first),
                None => {
                    // Purged between the listing and now.
                    let Some(stat) = storage.stat(&file)? else { continue };
                    first_record(storage, &file, stat.len)?
                }
            };
            if let Some(first) = first {
                seen.insert(file.clone());
                self.firsts.insert(file, first);
                // As the planner has it: a record that claims to be older than its day must not raise an alarm.
                let begin = i64::from(name.day.to_epoch_days()) * DAY;
                return Ok(Some(first.clamp(begin - DAY, begin + DAY)));
            }
        }
        Ok(None)
    }
}

impl Families {
    fn new() -> prometheus::Result<Families> {
        let times = |name: &str, help: &str| GaugeVec::new(opts(name, help), &["channel"]);
        Ok(Families {
            archive_last_success: times(
                "archive_last_success_timestamp_seconds",
                "When a run of `dihya archive` last ended without a failure; 0: never.",
            )?,
            integrity_broken: IntGaugeVec::new(
                opts(
                    "integrity_broken",
                    "1 from when damage is found until a verification finds the whole channel sound.",
                ),
                &["channel"],
            )?,
            legal_hold_review: Gauge::with_opts(opts(
                "legal_hold_review_timestamp_seconds",
                "The earliest date on which a legal hold in force is to be reviewed; 0: there is no hold.",
            ))?,
            legal_holds: IntGauge::with_opts(opts("legal_holds", "Legal holds in force."))?,
            log_created: Gauge::with_opts(opts(
                "log_created_timestamp_seconds",
                "When the log was begun, by the first entry of its ledger.",
            ))?,
            look_errors: IntCounter::with_opts(opts(
                "look_errors_total",
                "Times that the ledger or the folders could not be read for these metrics.",
            ))?,
            oldest_record: times(
                "oldest_record_timestamp_seconds",
                "Time of the oldest record that is kept, in the root or an archive; 0: there is none.",
            )?,
            purge_last_success: times(
                "purge_last_success_timestamp_seconds",
                "When a purge last ended without a failure, whether anything was due or not; 0: never.",
            )?,
            purged_records: IntCounterVec::new(
                opts(
                    "purged_records_total",
                    "Records whose last copy was purged since the log began, by the rule that asked for it.",
                ),
                &["channel", "reason"],
            )?,
            retention_limit: times(
                "retention_limit_seconds",
                "How long the oldest record may be kept, by the ceiling of its channel.",
            )?,
            verified: times(
                "verified_timestamp_seconds",
                "When all of the channel was last verified, whatever was found; 0: never.",
            )?,
            verify_failures: IntCounterVec::new(
                opts(
                    "verify_failures_total",
                    "Verifications that found something wrong in the channel, since the log began.",
                ),
                &["channel"],
            )?,
        })
    }

    /// Those whose only label is the channel.
    fn by_channel(&self) -> [&GaugeVec; 5] {
        [
            &self.archive_last_success,
            &self.oldest_record,
            &self.purge_last_success,
            &self.retention_limit,
            &self.verified,
        ]
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn raise(shown: &mut u64, to: u64, counter: &IntCounter) {
    counter.inc_by(to.saturating_sub(*shown));
    *shown = to.max(*shown);
}

/// The ledger tells of purges at once; this is for what changes a folder without it.
const LIST_EVERY: Duration = Duration::from_secs(60);
const DAY: i64 = 86_400_000_000;

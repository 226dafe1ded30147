//! Durable records: a queue and a writer per channel, one file per channel and day.
//!
//! [`Journal::append`] copies a record into its channel's queue and returns. The channel's writer takes what is
//! queued, writes it with one call, syncs it, and answers whoever waits in [`Journal::commit`]: a record that a commit
//! has covered survives the death of the process and of the machine.

mod ack;
mod books;
mod error;
pub mod heads;
pub mod key;
mod lane;
mod lines;
pub mod merkle;
pub mod note;
pub mod origin;
mod past;
mod place;
mod queue;
pub(crate) mod recover;
mod rollback;
mod rotate;
pub mod seal;
pub(crate) mod shard;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::alert::Watch;
use crate::channel::Channel;
use crate::clock::Clock;
use crate::ledger::Fact;
use crate::metrics::{Lost, Metrics, Trouble};
use crate::mirror::Mirror;
use crate::policy::Policy;
use crate::record::system::{SystemRecords, Value};
use crate::report;
use crate::storage::Storage;
use crate::thread;

pub use ack::Commit;
pub use rollback::{Accepted, accept_rollback};
pub use rotate::{Rotated, rotate_key};

pub use error::{ChannelReport, CommitError, OpenError, ShutdownReport};

use lane::Lane;
use past::Past;
use place::Place;
use store::{Observers, Store};
use writer::Writer;

/// All channels' queues and writers.
#[derive(Debug)]
pub(crate) struct Journal {
    lanes: Vec<Arc<Lane>>,
    bases: Vec<PathBuf>,
    running: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    threads: Vec<Option<JoinHandle<()>>>,
    /// The locks on the roots, shared with the writers: free when the last of them has ended.
    places: Option<Arc<Vec<Place>>>,
    report: Option<ShutdownReport>,
}

impl Journal {
    /// Checks and locks the roots, brings every channel to a whole record, starts the writers. After an error no
    /// thread runs and no lock is held.
    pub(crate) fn open(
        policy: &Policy,
        storage: Arc<dyn Storage>,
        clock: Clock,
        metrics: Arc<Metrics>,
        system: SystemRecords,
        mirror: Option<Box<dyn Write + Send>>,
        watch: Option<Arc<Watch>>,
    ) -> Result<Journal, OpenError> {
        let places = Arc::new(place::prepare(policy, &storage, &clock)?);
        let observers = Observers { mirror: mirror.map(Mirror::new), watch };
        let today = shard::day(clock.now());
        let mut pasts = Vec::new();
        for place in &*places {
            pasts.push(Past::new(&place.books.read(&place.base, &place.state)?));
        }
        let speaker = policy.channels.iter().position(|channel| channel.name == "security").unwrap_or(0);
        let mut writers = Vec::new();
        for (index, rules) in policy.channels.iter().enumerate() {
            let mut found = recover::Found::default();
            for (at, (place, past)) in places.iter().zip(&pasts).enumerate() {
                let goes_on = (at == 0).then_some((today, rules.shard_bytes));
                recover::recover(&*storage, place, past, &rules.name, goes_on, &mut found)?;
            }
            let lane = Arc::new(Lane::new(Channel::from_index(index), rules, Arc::clone(&metrics)));
            let mut store = Store::new(
                lane,
                Arc::clone(&storage),
                Arc::clone(&places),
                clock.clone(),
                system.clone(),
                rules.shard_bytes,
                observers.clone(),
            );
            tell(&mut store, &found);
            if index == speaker && places.iter().zip(&pasts).any(lost_lock_file) {
                store.note(
                    "sys_lock_file_missing",
                    "the lock file of sizes was gone; what the ledger knows was checked, and a live shard cut at a seal since \
                     would not show",
                    &[],
                );
            }
            store.live = found.live;
            writers.push(Writer::new(store, rules.sync));
        }
        for (place, past) in places.iter().zip(&pasts) {
            if lost_lock_file((place, past)) {
                place
                    .books
                    .tell(Fact::LockFileMissing {})
                    .map_err(|source| OpenError::Ledger { base: place.base.clone(), source })?;
            }
            // What was in force, for whoever asks years later; the entry that follows names it by its hash.
            crate::purge::keep_policy(&*storage, &place.base, policy)
                .and_then(|()| place.books.opened(policy))
                .map_err(|source| OpenError::Ledger { base: place.base.clone(), source })?;
        }
        let journal = Journal {
            lanes: writers.iter().map(|w| Arc::clone(w.lane())).collect(),
            bases: places.iter().map(|place| place.base.clone()).collect(),
            running: Mutex::new(Running { places: Some(places), ..Running::default() }),
        };
        // An error drops the journal, which ends the writers started so far.
        for writer in writers {
            let lane = Arc::clone(writer.lane());
            let thread = std::thread::Builder::new()
                .name(format!("dihya-{}", lane.name))
                .stack_size(STACK)
                .spawn(move || {
                    thread::forbid();
                    writer.run();
                })
                .map_err(|source| OpenError::Thread { source })?;
            lane.queue.serve(thread.thread().clone());
            journal.running().threads.push(Some(thread));
        }
        Ok(journal)
    }

    /// Queues one record, a whole line. `false`: it was lost, and counted; or there is no such channel.
    #[inline]
    pub(crate) fn append(&self, channel: Channel, line: &[u8]) -> bool {
        debug_assert!(line.ends_with(b"\n"));
        self.lanes.get(channel.index()).is_some_and(|lane| lane.append(line))
    }

    /// Waits until every record appended to the channel before the call is durable.
    pub(crate) fn commit(&self, channel: Channel) -> Result<(), CommitError> {
        self.lanes.get(channel.index()).ok_or(CommitError::UnknownChannel)?.commit()
    }

    /// The same as a future.
    pub(crate) fn commit_async(&self, channel: Channel) -> Commit {
        match self.lanes.get(channel.index()) {
            Some(lane) => Commit::new(Arc::clone(lane)),
            None => Commit::failed(CommitError::UnknownChannel),
        }
    }

    pub(crate) fn has(&self, channel: Channel) -> bool {
        channel.index() < self.lanes.len()
    }

    /// Has everything queued so far written and synced, and waits for it at most this long.
    pub(crate) fn drain(&self, within: Duration) {
        let until = Instant::now() + within;
        let targets: Vec<u64> = self.lanes.iter().map(|lane| lane.queue.counts().0).collect();
        for (lane, target) in self.lanes.iter().zip(&targets) {
            lane.queue.want(*target);
        }
        for (lane, target) in self.lanes.iter().zip(targets) {
            lane.acks.wait_durable(target, until);
        }
    }

    /// Bytes of the channel that are accepted and not yet durable.
    pub(crate) fn queue_bytes(&self, channel: Channel) -> usize {
        self.lanes[channel.index()].queue.bytes()
    }

    /// The folders in use, the first root's first: `<root>/[instance/]`.
    pub(crate) fn bases(&self) -> &[PathBuf] {
        &self.bases
    }

    /// Accepts nothing more, writes what is queued, and waits for that until the deadline. A second call gives the
    /// first one's report.
    pub(crate) fn shutdown(&self, deadline: Duration) -> ShutdownReport {
        let until = Instant::now() + deadline;
        let mut running = self.running();
        if let Some(report) = &running.report {
            return report.clone();
        }
        for lane in &self.lanes {
            lane.queue.close();
        }
        let mut report = ShutdownReport::default();
        for (lane, thread) in self.lanes.iter().zip(&mut running.threads) {
            let ended = lane.acks.wait_ended(until);
            if ended {
                // A panic of a writer shows in what it left unwritten.
                let _ = thread.take().map(JoinHandle::join);
            } else {
                lane.given_up.store(true, Ordering::Release);
                lane.queue.close();
            }
            report.channels.push(account(lane, ended));
        }
        if let Some(places) = running.places.take() {
            let ended = self.lanes.iter().all(|lane| lane.acks.wait_ended(Instant::now()));
            places.iter().filter(|_| ended).for_each(close);
        }
        running.report = Some(report.clone());
        report
    }

    /// Tells every ledger that other rules are in force, with a copy of them beside it. One that cannot be written now is told
    /// later, and that is said.
    pub(crate) fn policy_changed(&self, storage: &dyn Storage, from: &Policy, to: &Policy) {
        let (from, changed) = (from.reference(), to.reference());
        let places = self.running().places.clone();
        if from == changed {
            return;
        }
        for place in places.iter().flat_map(|places| places.iter()) {
            let fact = Fact::PolicyChanged { from: from.clone(), to: changed.clone() };
            let kept = crate::purge::keep_policy(storage, &place.base, to);
            if let Err(error) = kept.and(place.books.tell(fact)) {
                report::say(&format!(
                    "the ledger in {} does not tell of the new policy yet: {error}",
                    place.base.display()
                ));
            }
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shutdown(AT_DROP);
    }
}

/// Where a file stands among its channel's shards, if it is one: sorts them from oldest to newest.
pub(crate) fn shard_order(path: &std::path::Path) -> Option<impl Ord + use<>> {
    shard::Name::parse(path.file_name()?.to_str()?, false)
}

/// Whether the lock file is gone of a log that has shards.
fn lost_lock_file((place, past): (&Place, &Past)) -> bool {
    place.books.without_heads && past.knows_shards()
}

/// Puts what recovery found into the channel itself, as its first records.
fn tell(store: &mut Store, found: &recover::Found) {
    for torn in &found.torn {
        store.note(
            "sys_recovered",
            "a record torn by the end of the last run was moved to quarantine; it was never acknowledged",
            &[
                ("shard", Value::Text(&torn.shard)),
                ("offset", Value::Count(torn.offset)),
                ("bytes", Value::Count(torn.bytes)),
            ],
        );
    }
    for shard in &found.unproven {
        store.lane.metrics.write_error(store.lane.channel, Trouble::Recovery);
        store.note(
            "sys_recovery_postponed",
            "there was no room to bring a shard of the last run to the disk anew; it was left as it is and another was begun",
            &[("shard", Value::Text(shard))],
        );
    }
    for recover::Damaged { shard, damage } in &found.damaged {
        store.lane.metrics.write_error(store.lane.channel, Trouble::Damaged);
        store.note(
            "sys_shard_damaged",
            "a shard has bad bytes before good records; it was left as it is and another was begun",
            &[
                ("shard", Value::Text(shard)),
                ("offset", Value::Count(damage.offset)),
                ("holes", Value::Text(if damage.holes { "only" } else { "no" })),
            ],
        );
    }
}

/// Tells a place's ledger that its log is closed.
fn close(place: &Place) {
    let closed = place.books.tell(Fact::LogClosed {}).and_then(|()| place.books.lock_in());
    if let Err(error) = closed {
        report::say_at_once(&format!(
            "the ledger in {} lacks {} facts: {error}; the next start finds out what they were",
            place.base.display(),
            place.books.untold()
        ));
    }
}

fn account(lane: &Lane, ended: bool) -> ChannelReport {
    let (accepted, lost) = lane.queue.counts();
    let (records, bytes, failing) = lane.acks.written();
    let lost_unwritten = accepted - records;
    let why = (lost_unwritten > 0).then(|| match failing {
        Some(error) => error.to_string(),
        None if ended => String::from("the writer died"),
        None => String::from("the deadline passed"),
    });
    lane.metrics.lost(lane.channel, Lost::Shutdown, lost_unwritten);
    ChannelReport { name: lane.name.clone(), records, bytes, lost_queue_full: lost, lost_unwritten, why }
}

/// The writer calls the storage and nothing deep; the default of 2 MiB is reserved per thread.
const STACK: usize = 256 * 1024;
/// Long enough for a disk under load, short enough not to look like a hang.
const AT_DROP: Duration = Duration::from_secs(5);

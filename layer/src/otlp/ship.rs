//! Sending what is not sent yet: the same for the layer's own thread and for `dihya ship`.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::batch::{Batch, Groups, request};
use super::config::{self, Target};
use super::cursor::{self, Position};
use super::error::ShipError;
use super::from::From;
use super::order::Order;
use super::pace::Pace;
use super::seen::{Seen, storage_failed, tell};
use super::send::{self, Answer, Transport, Trouble};
use super::tail::{Log, Passed, Stuck, Tail};
use crate::archive::Identities;
use crate::catalog::{Base, Places};
use crate::clock::Clock;
use crate::policy::{OtlpPolicy, Policy};
use crate::storage::{Lock, Storage};

/// Sends the records of one log to the policy's receiver, from where the last one stopped.
///
/// There is one at a time for each log, in whatever process: it holds a lock in the state folder.
pub struct Shipper {
    log: Log,
    state: PathBuf,
    policy: OtlpPolicy,
    transport: Option<Box<dyn Transport>>,
    groups: Groups,
    lanes: Vec<Lane>,
    /// Bytes of a request: what the policy says, less once the receiver found that too large.
    most: usize,
    /// All channels wait for the receiver.
    pace: Pace,
    /// What the cursor's file says, and when it was written.
    saved: BTreeMap<String, Position>,
    saved_at: Option<Instant>,
    _lock: Box<dyn Lock>,
}

/// One channel.
struct Lane {
    tail: Tail,
    /// Taken, and not acknowledged yet.
    pending: Option<Batch>,
    /// This channel waits by itself.
    pace: Pace,
}

/// How a pass over all channels ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pass {
    /// The receiver has everything that is sealed.
    Done,
    /// Something waits, for so long.
    Wait(Duration),
    /// It was told to stop.
    Stopped,
}

/// What a shipper is put together from.
#[derive(Debug)]
pub struct Parts<'a> {
    /// With a table `[otlp]`.
    pub policy: &'a Policy,
    /// Where the log is.
    pub storage: Arc<dyn Storage>,
    /// Roots and archives.
    pub places: Places,
    /// The log.
    pub base: &'a Base,
    /// For dates, and for how far behind it is.
    pub clock: Clock,
    /// Keys that read encrypted archives.
    pub identities: Identities,
    /// Only these channels; empty: those of the policy.
    pub channels: &'a [String],
}

impl Shipper {
    /// Takes the lock and finds out where the export stands. With `from`, it begins there instead.
    ///
    /// # Errors
    /// See [`ShipError`].
    pub fn open(parts: Parts<'_>, from: Option<&From>) -> Result<Shipper, ShipError> {
        let Parts { policy, storage, places, base, clock, identities, channels } = parts;
        let Some(otlp) = policy.otlp.clone() else { return Err(ShipError::NoReceiver) };
        let path = base.state.join(LOCK);
        let lock = storage.lock(&path, &format!("{}\n", std::process::id())).map_err(|error| match error
            .kind()
        {
            io::ErrorKind::WouldBlock => ShipError::Busy { path },
            _ => ShipError::Io(error),
        })?;
        let mut order = Order::new(&base.path);
        order.refresh(&*storage).map_err(ShipError::Io)?;
        let log = Log { storage, places, clock, identities, base: base.path.clone(), order };
        let names = names(policy, &otlp, channels)?;
        let found = match cursor::read(&*log.storage, &base.state) {
            Ok(found) => found,
            // What cannot be read is replaced by what an operator says.
            Err(_) if from.is_some() => None,
            Err(error) => return Err(ShipError::Io(error)),
        };
        let mut saved = match (found, from) {
            (Some(found), _) => found,
            (None, Some(_)) => BTreeMap::new(),
            (None, None) => return Err(ShipError::NoCursor { state: base.state.clone() }),
        };
        let mut lanes = Vec::new();
        for name in names {
            let tail = match (from, saved.get(&name)) {
                (Some(from), _) if from.is_about(&name) => from.tail(&log, &name).map_err(ShipError::Io)?,
                (_, Some(position)) => Tail::new(&name, position.clone()),
                // A channel that the policy names anew begins with what is written from now on.
                (_, None) => From::Now.tail(&log, &name).map_err(ShipError::Io)?,
            };
            saved.entry(name.clone()).or_insert_with(|| tail.done.clone());
            lanes.push(Lane { tail, pending: None, pace: Pace::default() });
        }
        let most = usize::try_from(otlp.batch_bytes).unwrap_or(usize::MAX);
        let groups = Groups::new(config::resource(&otlp));
        let mut shipper = Shipper {
            log,
            state: base.state.clone(),
            policy: otlp,
            transport: None,
            groups,
            lanes,
            most,
            pace: Pace::default(),
            saved,
            saved_at: None,
            _lock: lock,
        };
        shipper.connect().map_err(ShipError::Config)?;
        Ok(shipper)
    }

    /// Writes down where the export begins, so that what is written from now on is exported whatever happens.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        for lane in &self.lanes {
            self.saved.insert(lane.tail.channel.clone(), lane.tail.done.clone());
        }
        cursor::write(&*self.log.storage, &self.state, &self.saved)?;
        self.log.storage.sync_dir(&self.state)
    }

    /// Sends all that is there, a request of each channel after the other. It ends when all is sent, when the receiver wants
    /// a pause, or between two requests when `stop` says so.
    pub fn pass(&mut self, stop: &dyn Fn() -> bool, seen: &mut dyn FnMut(Seen<'_>)) -> Pass {
        if let Err(error) = self.log.order.refresh(&*self.log.storage) {
            let pause = self.pace.fail(Pace::SHORT, None);
            storage_failed(&error, pause, seen);
            return Pass::Wait(pause);
        }
        self.groups.tidy();
        let ended = self.rounds(stop, seen);
        self.save(true, seen);
        for lane in &self.lanes {
            if let Some(oldest) = lane.pending.as_ref().and_then(|batch| batch.entries.first()) {
                seen(Seen::Waiting { channel: &lane.tail.channel, since: Some(oldest.time) });
            }
        }
        ended
    }

    fn rounds(&mut self, stop: &dyn Fn() -> bool, seen: &mut dyn FnMut(Seen<'_>)) -> Pass {
        if let Some(pause) = self.pace.left() {
            // Which channels have something to send is known all the same.
            for index in 0..self.lanes.len() {
                if self.lanes[index].pace.left().is_none() {
                    self.fill(index, seen);
                }
            }
            return Pass::Wait(pause);
        }
        loop {
            let mut sent = false;
            for index in 0..self.lanes.len() {
                if stop() {
                    return Pass::Stopped;
                }
                if self.lanes[index].pace.left().is_some() || !self.fill(index, seen) {
                    continue;
                }
                if let Some(pause) = self.deliver(index, stop, seen) {
                    return Pass::Wait(pause);
                }
                sent = true;
                self.save(false, seen);
            }
            if !sent {
                break;
            }
        }
        let pause = self.lanes.iter().filter_map(|lane| lane.pace.left()).min();
        pause.map_or(Pass::Done, Pass::Wait)
    }

    /// Takes a batch of a channel, if it has none. Whether there is one.
    fn fill(&mut self, index: usize, seen: &mut dyn FnMut(Seen<'_>)) -> bool {
        let lane = &mut self.lanes[index];
        if lane.pending.is_some() {
            return true;
        }
        let mut passed = Passed::default();
        let taken = lane.tail.take(&self.log, &mut self.groups, self.most, &mut passed);
        tell(&lane.tail.channel, &passed, seen);
        let (reason, why) = match taken {
            Ok(Some(batch)) => {
                lane.pending = Some(batch);
                return true;
            }
            Ok(None) => {
                seen(Seen::Waiting { channel: &lane.tail.channel, since: None });
                return false;
            }
            Err(Stuck::Io(error)) => ("storage", error.to_string()),
            Err(Stuck::Archived { shard, why }) => ("archived", format!("{shard} is archived: {why}")),
        };
        lane.tail.rewind();
        let pause = lane.pace.fail(Pace::LONG, None);
        seen(Seen::Failed { channel: Some(&lane.tail.channel), reason, why: &why, said: "", pause });
        false
    }

    /// Sends a channel's batch, in parts where the receiver does not take it as a whole. `Some`: a pause for all.
    fn deliver(
        &mut self,
        index: usize,
        stop: &dyn Fn() -> bool,
        seen: &mut dyn FnMut(Seen<'_>),
    ) -> Option<Duration> {
        let batch = self.lanes[index].pending.take()?;
        let whole = 0..batch.entries.len();
        let mut parts = vec![whole];
        let (mut done, mut accepted) = (0, 0);
        let mut refused: Vec<(usize, Trouble)> = Vec::new();
        let mut trouble = None;
        while let Some(part) = parts.pop() {
            if stop() {
                break;
            }
            let encoded = request(&batch.entries[part.clone()], &self.groups);
            let answer = match self.connect() {
                Ok(transport) => transport.send(&encoded),
                Err(why) => Answer::Refused(Trouble::new("config", why)),
            };
            match answer {
                Answer::Accepted { rejected, said } => {
                    let rejected = rejected.min(part.len() as u64);
                    accepted += part.len() as u64 - rejected;
                    done = part.end;
                    if rejected > 0 {
                        let id = (part.len() == 1).then(|| &*batch.entries[part.start].id);
                        let channel = &self.lanes[index].tail.channel;
                        let why = "the receiver took the rest of the request".to_owned();
                        seen(Seen::Rejected { channel, records: rejected, id, why, said: &said });
                    }
                }
                Answer::TooLarge(_) | Answer::Bad(_) if part.len() > 1 => {
                    if matches!(answer, Answer::TooLarge(_)) {
                        self.most = (self.most / 2).max(LEAST);
                    }
                    let middle = part.start + part.len() / 2;
                    parts.push(middle..part.end);
                    parts.push(part.start..middle);
                }
                Answer::TooLarge(why) | Answer::Bad(why) => {
                    done = part.end;
                    refused.push((part.start, why));
                }
                Answer::Later(why, after) => {
                    trouble = Some((why, Pace::SHORT, after));
                    break;
                }
                Answer::Refused(why) => {
                    // Its token may have been changed since it was read.
                    self.transport = None;
                    trouble = Some((why, Pace::LONG, None));
                    break;
                }
            }
        }
        if accepted == 0
            && let Some((_, why)) = refused.first()
        {
            // Nothing shows that it is the record's fault and not the receiver's, which may refuse everything: it is given up
            // only beside another that was taken. When more records have come, all of them are tried.
            let lane = &mut self.lanes[index];
            lane.tail.rewind();
            let pause = lane.pace.fail(Pace::LONG, None);
            seen(Seen::Failed {
                channel: Some(&lane.tail.channel),
                reason: why.reason,
                why: &why.what,
                said: &why.said,
                pause,
            });
        } else {
            self.settle_batch(index, batch, done, accepted, &refused, seen);
        }
        let Some((why, pace, after)) = trouble else {
            self.pace.succeed();
            return None;
        };
        let pause = self.pace.fail(pace, after);
        seen(Seen::Failed { channel: None, reason: why.reason, why: &why.what, said: &why.said, pause });
        Some(pause)
    }

    /// Notes how far the channel is, and keeps what is still to be sent.
    fn settle_batch(
        &mut self,
        index: usize,
        batch: Batch,
        done: usize,
        accepted: u64,
        refused: &[(usize, Trouble)],
        seen: &mut dyn FnMut(Seen<'_>),
    ) {
        let lane = &mut self.lanes[index];
        for (at, why) in refused {
            let id = Some(&*batch.entries[*at].id);
            let channel = &lane.tail.channel;
            seen(Seen::Rejected { channel, records: 1, id, why: why.what.clone(), said: &why.said });
        }
        if let Some(last) = batch.entries[..done].last() {
            lane.tail.done = batch.position(done);
            lane.pace.succeed();
            let channel = &lane.tail.channel;
            seen(Seen::Exported { channel, records: accepted, time: last.time });
            // In a pass that takes hours: what waits now is no older than this.
            seen(Seen::Waiting { channel, since: Some(last.time) });
        }
        lane.pending = batch.rest(done);
    }

    fn connect(&mut self) -> Result<&mut Box<dyn Transport>, String> {
        match &mut self.transport {
            Some(transport) => Ok(transport),
            none => Ok(none.insert(send::open(&Target::of(&self.policy)?)?)),
        }
    }

    /// Writes the cursor, if it moved: at the end of a pass, and a few times a second in a long one. What a crash takes back
    /// is sent again.
    fn save(&mut self, now: bool, seen: &mut dyn FnMut(Seen<'_>)) {
        if !now && self.saved_at.is_some_and(|at| at.elapsed() < SAVE_EVERY) {
            return;
        }
        let mut moved = false;
        for lane in &self.lanes {
            if self.saved.get(&lane.tail.channel) != Some(&lane.tail.done) {
                self.saved.insert(lane.tail.channel.clone(), lane.tail.done.clone());
                moved = true;
            }
        }
        if !moved && self.saved_at.is_some() {
            return;
        }
        match cursor::write(&*self.log.storage, &self.state, &self.saved) {
            Ok(()) => self.saved_at = Some(Instant::now()),
            // It is tried again with the next batch. Nothing is lost by it: less is known to be exported than is.
            Err(error) => {
                self.saved_at = None;
                storage_failed(&error, Duration::ZERO, seen);
            }
        }
    }
}

#[cfg(test)]
impl Shipper {
    pub(super) fn use_transport(&mut self, transport: Box<dyn Transport>) {
        self.transport = Some(transport);
    }

    pub(super) fn forget_pauses(&mut self) {
        self.pace = Pace::default();
        self.lanes.iter_mut().for_each(|lane| lane.pace = Pace::default());
    }
}

/// The channels to export: those that are asked for, of the policy's, of all.
fn names(policy: &Policy, otlp: &OtlpPolicy, only: &[String]) -> Result<Vec<String>, ShipError> {
    let all = policy.channel_names();
    if let Some(unknown) = only.iter().find(|name| !all.contains(&name.as_str())) {
        return Err(ShipError::From(format!(
            "there is no channel {unknown:?}; the policy has {}",
            all.join(", ")
        )));
    }
    let wanted = if only.is_empty() { &otlp.channels[..] } else { only };
    Ok(all
        .into_iter()
        .filter(|name| wanted.is_empty() || wanted.iter().any(|other| other == name))
        .map(str::to_owned)
        .collect())
}

impl fmt::Debug for Shipper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shipper").field("base", &self.log.base).finish_non_exhaustive()
    }
}

const LOCK: &str = "otlp.lock";
/// The largest record makes a request of about this size.
const LEAST: usize = 64 * 1024;
/// A sync of a small file, so often at most.
const SAVE_EVERY: Duration = Duration::from_millis(200);

//! Threads that count pieces, and what they found together.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::count::{Counter, Counts, Finders, LEVELS};
use super::{Channel, Extent, Progress, Read, Redaction, Unread};
use crate::archive::Identities;
use crate::catalog::{Catalog, Shard};
use crate::policy::Policy;
use crate::query::{Opened, Part, Piece, Plan, Query, parts, plan};
use crate::storage::Storage;

/// What was counted, by the process that wrote it and by channel.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) groups: BTreeMap<(PathBuf, String), Counts>,
    /// Seconds of a bucket.
    pub(super) width: i64,
    shards: BTreeSet<PathBuf>,
    skipped: u64,
    bytes: u64,
    unread: Vec<Unread>,
}

pub(super) fn run(
    query: &Query,
    storage: &Arc<dyn Storage>,
    catalog: &Catalog,
    identities: &Identities,
    extent: &Extent,
    progress: Progress<'_>,
) -> Counted {
    let Plan { streams, skipped, unread } = plan(query, storage, catalog, identities);
    let pieces: Vec<Piece<'_>> = streams.concat();
    let of: u64 = pieces.iter().map(|piece| piece.to - piece.from).sum();
    let width = width(&pieces, extent);
    let finders = Finders::new(extent.since, extent.until);
    let unread = unread.into_iter().map(|(shard, why)| told(shard, why)).collect();
    let counted = Mutex::new(Counted { width, skipped, unread, ..Counted::default() });
    let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let threads = extent.threads.unwrap_or_else(cores).clamp(1, pieces.len().max(1));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut buffer = Vec::new();
                while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let mut counter = Counter::new(&finders, piece.shard.id.channel(), width);
                    let mut bytes = 0;
                    let read = read(piece, storage, identities, &mut buffer, |part| match part {
                        Part::Lines(text) => {
                            bytes += text.len() as u64;
                            counter.lines(text);
                        }
                        Part::Endless => counter.endless(),
                    });
                    let counts = counter.end();
                    counted.lock().unwrap_or_else(PoisonError::into_inner).add(
                        piece.shard,
                        counts,
                        bytes,
                        read,
                    );
                    let so_far = done.fetch_add(piece.to - piece.from, Ordering::Relaxed);
                    progress(so_far + piece.to - piece.from, of);
                }
            });
        }
    });
    counted.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn read(
    piece: &Piece<'_>,
    storage: &Arc<dyn Storage>,
    identities: &Identities,
    buffer: &mut Vec<u8>,
    each: impl FnMut(Part<'_>),
) -> io::Result<()> {
    let Opened { mut reader, cut, to } = piece.open(storage, identities)?;
    parts(&mut *reader, cut, to, buffer, each).map(drop)
}

/// Minutes for a week, hours for some years: fine enough for any picture, and few enough to be kept.
fn width(pieces: &[Piece<'_>], extent: &Extent) -> i64 {
    let days = || pieces.iter().map(|piece| i64::from(piece.shard.id.name.day.to_epoch_days()));
    let from = extent.since.map(|since| since.div_euclid(DAY)).or_else(|| days().min()).unwrap_or_default();
    let to = extent.until.map(|until| until.div_euclid(DAY)).or_else(|| days().max()).unwrap_or_default();
    match to - from {
        ..=8 => 60,
        9..=1200 => 3_600,
        _ => 86_400,
    }
}

fn told(shard: &Shard, why: String) -> Unread {
    Unread { shard: shard.id.to_string(), path: shard.path.clone(), why }
}

impl Counted {
    fn add(&mut self, shard: &Shard, counts: Counts, bytes: u64, read: io::Result<()>) {
        let group = (shard.base.clone(), shard.id.channel().to_owned());
        self.groups.entry(group).or_default().add(counts);
        self.bytes += bytes;
        self.shards.insert(shard.path.clone());
        if let Err(error) = read
            && !self.unread.iter().any(|unread| unread.path == shard.path)
        {
            self.unread.push(told(shard, error.to_string()));
        }
    }

    /// Records lost since then, by process and channel.
    pub(super) fn lost_since(&self, since: i64) -> BTreeMap<(PathBuf, String), u64> {
        let mut lost = BTreeMap::new();
        for (group, counts) in &self.groups {
            let sum: u64 = losses(counts).filter(|(at, _)| *at >= since).map(|(_, records)| records).sum();
            if sum > 0 {
                lost.insert(group.clone(), sum);
            }
        }
        lost
    }

    /// The channels of all processes: those of the policy in its order, then others that have records.
    pub(super) fn channels(&self, policy: &Policy) -> Vec<Channel> {
        names(self, policy).into_iter().map(|name| self.channel(name)).collect()
    }

    fn channel(&self, name: &str) -> Channel {
        let mut channel = Channel { name: name.to_owned(), ..Channel::default() };
        for counts in self.of(name) {
            channel.records += counts.records;
            channel.bytes += counts.bytes;
            channel.redactions += counts.redactions.values().sum::<u64>();
            channel.redacted_records += counts.redacted_records;
            channel.lost += losses(counts).map(|(_, records)| records).sum::<u64>();
            channel.bad_lines += counts.bad_lines;
            for (level, count) in LEVELS.iter().zip(counts.levels).filter(|(_, count)| *count > 0) {
                *channel.levels.entry(level).or_default() += count;
            }
        }
        channel
    }

    /// A channel's counts, one per process.
    pub(super) fn of<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Counts> {
        self.groups.iter().filter(move |((_, channel), _)| channel == name).map(|(_, counts)| counts)
    }

    pub(super) fn redactions(&self) -> Vec<Redaction> {
        let mut all: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
        for ((_, channel), counts) in &self.groups {
            for (name, count) in &counts.redactions {
                *all.entry(name).or_default().entry(channel.clone()).or_default() += count;
            }
        }
        let mut list: Vec<Redaction> = all
            .into_iter()
            .map(|(name, channels)| Redaction {
                detector: name.to_owned(),
                count: channels.values().sum(),
                channels,
            })
            .collect();
        list.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.detector.cmp(&b.detector)));
        list
    }

    pub(super) fn own_records(&self) -> BTreeMap<String, u64> {
        let mut events = BTreeMap::new();
        for own in self.groups.values().flat_map(|counts| &counts.own) {
            *events.entry(own.event.clone()).or_default() += 1;
        }
        events
    }

    /// Seals of one process.
    pub(super) fn seals(&self, base: &Path) -> u64 {
        self.groups.iter().filter(|((of, _), _)| of == base).map(|(_, counts)| counts.seals).sum()
    }

    pub(super) fn read(&self, catalog: &Catalog, remote: &[String]) -> Read {
        let archived =
            |path: &&PathBuf| catalog.shards.iter().any(|shard| shard.path == **path && !shard.is_plain());
        let mut unread = self.unread.clone();
        unread.sort_by(|a, b| a.path.cmp(&b.path));
        Read {
            records: self.groups.values().map(|counts| counts.records).sum(),
            shards: self.shards.len() as u64,
            archived: self.shards.iter().filter(archived).count() as u64,
            bytes: self.bytes,
            skipped: self.skipped,
            unread,
            remote: remote.to_vec(),
        }
    }
}

/// The policy's channels in its order, then others that were found.
pub(super) fn names<'a>(counted: &'a Counted, policy: &'a Policy) -> Vec<&'a str> {
    let mut names = policy.channel_names();
    let others: BTreeSet<&str> = counted.groups.keys().map(|(_, name)| name.as_str()).collect();
    names.extend(others.into_iter().filter(|name| policy.channel(name).is_none()));
    names
}

/// When the layer lost records, and how many.
pub(super) fn losses(counts: &Counts) -> impl Iterator<Item = (i64, u64)> {
    counts.own.iter().filter(|own| own.event == "sys_records_lost").map(|own| {
        (own.at, own.attributes.get("records").and_then(serde_json::Value::as_u64).unwrap_or_default())
    })
}

const DAY: i64 = 86_400_000_000;

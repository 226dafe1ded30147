//! Counters of one thread each, and their sum.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering, fence};

use tracing_core::Level;

use super::Families;
use crate::channel::Channel;
use crate::redact::label::{self, Label};

/// Levels in the order of their index.
pub(crate) const LEVELS: [(&str, Level); 5] = [
    ("ERROR", Level::ERROR),
    ("WARN", Level::WARN),
    ("INFO", Level::INFO),
    ("DEBUG", Level::DEBUG),
    ("TRACE", Level::TRACE),
];

/// The `level` a record of this channel carries: audit and security have one of their own.
pub(crate) fn level_label(channel: Channel, level: &'static str) -> &'static str {
    match channel {
        Channel::AUDIT => "AUDIT",
        Channel::SECURITY => "SECURITY",
        _ => level,
    }
}

/// Written by one thread alone, read by whoever gathers: a plain load and store suffice.
#[derive(Debug)]
pub(crate) struct ThreadCounters {
    channels: Box<[ChannelCells]>,
    redactions: Box<[AtomicU64]>,
}

#[derive(Debug, Default)]
struct ChannelCells {
    events: [AtomicU64; LEVELS.len()],
    bytes: AtomicU64,
    truncated: AtomicU64,
    last_micros: AtomicI64,
}

impl ThreadCounters {
    #[inline]
    pub(crate) fn event(&self, channel: Channel, level: usize, bytes: usize, at_micros: i64) {
        let cells = &self.channels[channel.index()];
        add(&cells.events[level], 1);
        add(&cells.bytes, bytes as u64);
        cells.last_micros.store(at_micros, Ordering::Relaxed);
    }

    pub(crate) fn truncated(&self, channel: Channel) {
        add(&self.channels[channel.index()].truncated, 1);
    }

    /// `label` is [`Label::index`].
    #[inline]
    pub(crate) fn redaction(&self, label: usize) {
        add(&self.redactions[label], 1);
    }
}

#[inline]
fn add(cell: &AtomicU64, n: u64) {
    cell.store(cell.load(Ordering::Relaxed) + n, Ordering::Relaxed);
}

/// A sum over threads.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) channels: Vec<ChannelCounts>,
    /// By [`Label::index`].
    pub(crate) redactions: Vec<u64>,
}

/// One channel's part of [`Counts`].
#[derive(Clone, Debug, Default)]
pub(crate) struct ChannelCounts {
    pub(crate) events: [u64; LEVELS.len()],
    pub(crate) bytes: u64,
    pub(crate) truncated: u64,
    pub(crate) last_micros: i64,
}

impl Counts {
    fn new(channels: usize) -> Counts {
        Counts { channels: vec![ChannelCounts::default(); channels], redactions: vec![0; label::slots()] }
    }

    fn add(&mut self, thread: &ThreadCounters) {
        for (sum, cells) in self.channels.iter_mut().zip(&thread.channels) {
            for (sum, cell) in sum.events.iter_mut().zip(&cells.events) {
                *sum += cell.load(Ordering::Relaxed);
            }
            sum.bytes += cells.bytes.load(Ordering::Relaxed);
            sum.truncated += cells.truncated.load(Ordering::Relaxed);
            sum.last_micros = sum.last_micros.max(cells.last_micros.load(Ordering::Relaxed));
        }
        for (sum, cell) in self.redactions.iter_mut().zip(&thread.redactions) {
            *sum += cell.load(Ordering::Relaxed);
        }
    }
}

/// All threads that ever counted: the living by their cells, the ended by their sum.
#[derive(Debug)]
pub(super) struct Threads {
    names: Vec<String>,
    living: Vec<Arc<ThreadCounters>>,
    ended: Counts,
    exported: Counts,
}

impl Threads {
    pub(super) fn new(names: Vec<String>) -> Threads {
        let none = Counts::new(names.len());
        Threads { names, living: Vec::new(), ended: none.clone(), exported: none }
    }

    pub(super) fn name(&self, channel: Channel) -> &str {
        &self.names[channel.index()]
    }

    pub(super) fn add(&mut self) -> Arc<ThreadCounters> {
        self.bury();
        let redactions = (0..label::slots()).map(|_| AtomicU64::new(0)).collect();
        let channels = self.names.iter().map(|_| ChannelCells::default()).collect();
        let counters = Arc::new(ThreadCounters { channels, redactions });
        self.living.push(Arc::clone(&counters));
        counters
    }

    /// An ended thread has let go of its cells: ours is the last reference, and they move no more.
    fn bury(&mut self) {
        let ended = &mut self.ended;
        self.living.retain(|thread| {
            let alive = Arc::strong_count(thread) > 1;
            if !alive {
                // Pairs with the release in the dropped Arc: the thread's last stores are visible.
                fence(Ordering::Acquire);
                ended.add(thread);
            }
            alive
        });
    }

    pub(super) fn fold(&mut self) -> Counts {
        self.bury();
        let mut sum = self.ended.clone();
        self.living.iter().for_each(|thread| sum.add(thread));
        sum
    }

    pub(super) fn export(&mut self, to: &Families) {
        let now = self.fold();
        for (index, (now, before)) in now.channels.iter().zip(&self.exported.channels).enumerate() {
            let name = self.names[index].as_str();
            for (level, (label, _)) in LEVELS.iter().enumerate() {
                let label = level_label(Channel::from_index(index), label);
                to.events.with_label_values(&[name, label]).inc_by(now.events[level] - before.events[level]);
            }
            to.event_bytes.with_label_values(&[name]).inc_by(now.bytes - before.bytes);
            to.truncated.with_label_values(&[name]).inc_by(now.truncated - before.truncated);
            to.last_event.with_label_values(&[name]).set(super::seconds(now.last_micros));
        }
        for (index, (now, before)) in now.redactions.iter().zip(&self.exported.redactions).enumerate() {
            // Another layer's own detectors take a place here too, and count nothing.
            if let (true, Some(name)) = (now > before, Label::name_at(index)) {
                to.redactions.with_label_values(&[name]).inc_by(now - before);
            }
        }
        self.exported = now;
    }
}

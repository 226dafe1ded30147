//! A channel's bytes on their way to its writer: one buffer behind a short lock, swapped out whole.
//!
//! Producers never wake the writer per record: a futex wake costs more than the rest of the path together. While
//! records come the writer polls; only after a while without any it sleeps, and the next record wakes it.

use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use crate::policy::OnFull;
use crate::thread;

/// Byte-bounded: what is accepted and not yet durable never exceeds the bound.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    room: Condvar,
    bound: usize,
    /// A buffer this full is worth a wake-up.
    wake_at: usize,
    on_full: OnFull,
    writer: OnceLock<Thread>,
}

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    /// Bytes with the writer, not yet durable.
    in_flight: usize,
    /// Records accepted since the start; the number of the newest one.
    accepted: u64,
    lost: u64,
    /// The newest record that a `commit` waits for.
    wanted: u64,
    asleep: bool,
    closed: bool,
    waiting: usize,
}

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    Accepted,
    Full,
    Closed,
}

/// The state of the queue when the writer took its bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) bytes: usize,
    pub(crate) accepted: u64,
    pub(crate) lost: u64,
    pub(crate) wanted: u64,
    pub(crate) closed: bool,
}

impl Queue {
    pub(crate) fn new(bound: usize, on_full: OnFull) -> Queue {
        Queue {
            state: Mutex::default(),
            room: Condvar::new(),
            bound,
            wake_at: WAKE_AT.min(bound / 4),
            on_full,
            writer: OnceLock::new(),
        }
    }

    /// Tells the queue whom to wake; once, before the first record.
    pub(crate) fn serve(&self, writer: Thread) {
        let _ = self.writer.set(writer);
    }

    #[inline]
    pub(crate) fn push(&self, line: &[u8]) -> Pushed {
        let state = self.state();
        if state.closed || state.bytes.len() + state.in_flight + line.len() > self.bound {
            return self.push_slowly(state, line);
        }
        self.accept(state, line)
    }

    #[inline]
    fn accept(&self, mut state: MutexGuard<'_, State>, line: &[u8]) -> Pushed {
        let before = state.bytes.len();
        if state.bytes.capacity() - before < line.len() {
            self.grow(&mut state.bytes, line.len());
        }
        state.bytes.extend_from_slice(line);
        state.accepted += 1;
        let filled = before < self.wake_at && state.bytes.len() >= self.wake_at;
        let wake = state.asleep | filled;
        state.asleep = false;
        drop(state);
        if wake {
            self.wake();
        }
        Pushed::Accepted
    }

    /// Doubling, but never beyond the bound: the allocator's slack is memory too.
    #[cold]
    fn grow(&self, bytes: &mut Vec<u8>, more: usize) {
        let needed = bytes.len() + more;
        let target = (bytes.capacity() * 2).max(KEPT).min(self.bound).max(needed);
        bytes.reserve_exact(target - bytes.len());
    }

    #[cold]
    fn push_slowly(&self, mut state: MutexGuard<'_, State>, line: &[u8]) -> Pushed {
        let limit = match self.on_full {
            // A record that can never fit would wait in vain; the writer's own thread would wait for itself.
            OnFull::Block(limit) if line.len() <= self.bound && !thread::is_forbidden() => limit,
            _ => Duration::ZERO,
        };
        let until = Instant::now() + limit;
        loop {
            if state.closed {
                return Pushed::Closed;
            }
            if state.bytes.len() + state.in_flight + line.len() <= self.bound {
                return self.accept(state, line);
            }
            let left = until.saturating_duration_since(Instant::now());
            if state.asleep {
                state.asleep = false;
                self.wake();
            }
            if left.is_zero() {
                state.lost += 1;
                return Pushed::Full;
            }
            state.waiting += 1;
            state = match self.room.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
            state.waiting -= 1;
        }
    }

    /// Records accepted and lost so far.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let state = self.state();
        (state.accepted, state.lost)
    }

    /// Asks the writer to make everything up to record `number` durable soon.
    pub(crate) fn want(&self, number: u64) {
        let mut state = self.state();
        state.wanted = state.wanted.max(number);
        state.asleep = false;
        drop(state);
        self.wake();
    }

    /// Bytes accepted and not yet durable.
    pub(crate) fn bytes(&self) -> usize {
        let state = self.state();
        state.bytes.len() + state.in_flight
    }

    pub(crate) fn bound(&self) -> usize {
        self.bound
    }

    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.asleep = false;
        self.room.notify_all();
        drop(state);
        self.wake();
    }

    /// Appends what waits to `held`. `spare` is scratch that takes turns with the queue's buffer.
    pub(crate) fn take(&self, held: &mut Vec<u8>, spare: &mut Vec<u8>) -> Taken {
        let mut state = self.state();
        let direct = held.is_empty();
        std::mem::swap(&mut state.bytes, if direct { held } else { spare });
        let bytes = if direct { held.len() } else { spare.len() };
        state.in_flight += bytes;
        let taken = Taken {
            bytes,
            accepted: state.accepted,
            lost: state.lost,
            wanted: state.wanted,
            closed: state.closed,
        };
        drop(state);
        if !direct {
            held.extend_from_slice(spare);
            spare.clear();
        }
        taken
    }

    /// The writer holds this many bytes no longer.
    pub(crate) fn release(&self, bytes: usize) {
        let mut state = self.state();
        state.in_flight = state.in_flight.saturating_sub(bytes);
        if state.waiting > 0 {
            self.room.notify_all();
        }
    }

    /// Called by the writer: sleeps until a record, a commit or the end wakes it, or `at_most` has passed. Gives the
    /// memory of a burst back first, since this may be a long rest.
    pub(crate) fn sleep(&self, durable: u64, at_most: Option<Duration>) {
        let until = at_most.map(|d| Instant::now() + d);
        {
            let mut state = self.state();
            if !state.bytes.is_empty() || state.closed || state.wanted > durable {
                return;
            }
            state.bytes.shrink_to(KEPT);
            state.asleep = true;
        }
        loop {
            match until {
                None => std::thread::park(),
                Some(until) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        self.state().asleep = false;
                        return;
                    }
                    std::thread::park_timeout(left);
                }
            }
            if !self.state().asleep {
                return;
            }
        }
    }

    fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    /// A panic elsewhere cannot leave the state half-changed: nothing between two fields' updates can panic, save
    /// running out of memory, which aborts.
    #[inline]
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Capacity that an idle buffer keeps.
pub(crate) const KEPT: usize = 16 * 1024;
/// A quarter of a megabyte is a good write; waiting for more gains nothing.
const WAKE_AT: usize = 256 * 1024;

//! Who waits for which record, and what they are told.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::error::CommitError;
use super::lane::Lane;

/// How far a channel is durable.
#[derive(Debug, Default)]
pub(crate) struct Acks {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    durable: u64,
    bytes: u64,
    /// Losses that an in-band record, itself durable, tells of.
    lost_told: u64,
    /// Losses that a `commit` has answered with.
    lost_answered: u64,
    /// Storage fails right now: every commit that needs it is answered with this.
    failing: Option<CommitError>,
    /// Counts failures, so that a waiter notices one that has already passed.
    failures: u64,
    ended: bool,
    wakers: Vec<(u64, Waker)>,
    next_waker: u64,
}

/// What a waiter remembers from the moment of the call.
#[derive(Clone, Copy, Debug)]
struct Ticket {
    target: u64,
    lost: u64,
    failures: u64,
    from: Instant,
}

impl Acks {
    pub(crate) fn durable(&self, number: u64, bytes: u64, lost_told: u64) {
        self.change(|state| {
            state.durable = number;
            state.bytes += bytes;
            state.lost_told = lost_told;
            state.failing = None;
        });
    }

    pub(crate) fn failed(&self, error: CommitError) {
        self.change(|state| {
            state.failing = Some(error);
            state.failures += 1;
        });
    }

    /// The writer is gone; what is not durable now never will be.
    pub(crate) fn ended(&self) {
        self.change(|state| state.ended = true);
    }

    /// Waits for the writer's end; whether it came in time.
    pub(crate) fn wait_ended(&self, until: Instant) -> bool {
        self.wait(until, |state| state.ended)
    }

    /// Waits until record `number` is durable, or never will be.
    pub(crate) fn wait_durable(&self, number: u64, until: Instant) -> bool {
        self.wait(until, |state| state.durable >= number || state.ended)
    }

    fn wait(&self, until: Instant, done: impl Fn(&State) -> bool) -> bool {
        let mut state = self.state();
        while !done(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = match self.changed.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }

    /// Records and bytes durable so far, and what stands in the way of the rest.
    pub(crate) fn written(&self) -> (u64, u64, Option<CommitError>) {
        let state = self.state();
        (state.durable, state.bytes, state.failing.clone())
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.changed.notify_all();
        for (_, waker) in wakers {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// `None`: not yet known.
    fn answer(&mut self, lane: &Lane, ticket: &Ticket) -> Option<Result<(), CommitError>> {
        if self.durable >= ticket.target {
            lane.metrics.commit_seconds(lane.channel, ticket.from.elapsed().as_secs_f64());
            // Told by one commit at least, and by every one until the loss itself stands on disk: whoever logged
            // the lost record is likely to commit soon after, on whatever thread.
            let known = self.lost_told.min(self.lost_answered);
            if lane.lossless && ticket.lost > known {
                self.lost_answered = self.lost_answered.max(ticket.lost);
                return Some(Err(CommitError::Lost { records: ticket.lost - known }));
            }
            return Some(Ok(()));
        }
        if self.ended {
            return Some(Err(self.failing.clone().unwrap_or(CommitError::Ended)));
        }
        if let Some(error) = &self.failing {
            return Some(Err(error.clone()));
        }
        (self.failures > ticket.failures).then_some(Err(CommitError::Interrupted))
    }
}

impl Lane {
    fn ticket(&self) -> Ticket {
        let (target, lost) = self.queue.counts();
        let failures = self.acks.state().failures;
        Ticket { target, lost, failures, from: Instant::now() }
    }

    pub(crate) fn commit(&self) -> Result<(), CommitError> {
        let ticket = self.ticket();
        let mut state = self.acks.state();
        if let Some(answer) = state.answer(self, &ticket) {
            return answer;
        }
        drop(state);
        self.queue.want(ticket.target);
        state = self.acks.state();
        loop {
            if let Some(answer) = state.answer(self, &ticket) {
                return answer;
            }
            state = self.acks.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A commit under way: resolves when everything logged to the channel before it is on disk, or cannot be.
///
/// The wait begins with the call that made it, not with the first poll, so it may be made early and awaited late.
/// Needs no particular runtime; dropping it gives the wait up, not the writing.
#[must_use = "nothing is known of the records until it is awaited"]
pub struct Commit {
    /// `None`: there is nothing to wait for.
    wait: Option<Wait>,
    /// The answer once the wait has ended well.
    error: Option<CommitError>,
}

struct Wait {
    lane: Arc<Lane>,
    ticket: Ticket,
    waker: Option<u64>,
}

impl Commit {
    pub(crate) fn new(lane: Arc<Lane>) -> Commit {
        let ticket = lane.ticket();
        lane.queue.want(ticket.target);
        Commit { wait: Some(Wait { lane, ticket, waker: None }), error: None }
    }

    /// One whose answer is known.
    pub(crate) fn failed(error: CommitError) -> Commit {
        Commit { wait: None, error: Some(error) }
    }

    /// The same wait; what it answers instead of success.
    pub(crate) fn answering(mut self, error: Option<CommitError>) -> Commit {
        self.error = self.error.or(error);
        self
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let channel = self.wait.as_ref().map(|wait| &wait.lane.name);
        f.debug_struct("Commit").field("channel", &channel).finish_non_exhaustive()
    }
}

impl Future for Commit {
    type Output = Result<(), CommitError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let end = |error: &Option<CommitError>| error.clone().map_or(Ok(()), Err);
        let Commit { wait, error } = &mut *self;
        let Some(this) = wait else { return Poll::Ready(end(error)) };
        let mut state = this.lane.acks.state();
        if let Some(answer) = state.answer(&this.lane, &this.ticket) {
            return Poll::Ready(answer.and_then(|()| end(error)));
        }
        let slot = this.waker.and_then(|id| state.wakers.iter_mut().find(|(other, _)| *other == id));
        match slot {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => {
                let id = state.next_waker;
                state.next_waker += 1;
                state.wakers.push((id, cx.waker().clone()));
                this.waker = Some(id);
            }
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(id) = self.waker {
            self.lane.acks.state().wakers.retain(|(other, _)| *other != id);
        }
    }
}

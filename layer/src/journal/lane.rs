//! What a channel's producers, its waiters and its writer share.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::channel::Channel;
use crate::metrics::{Lost, Metrics};
use crate::policy::{ChannelPolicy, OnFull};

use super::ack::Acks;
use super::queue::{Pushed, Queue};

/// One channel's queue and acknowledgements.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) channel: Channel,
    pub(crate) name: String,
    /// Losing a record here is an error that `commit` tells.
    pub(crate) lossless: bool,
    pub(crate) queue: Queue,
    pub(crate) acks: Acks,
    pub(crate) metrics: Arc<Metrics>,
    /// The deadline of `shutdown` has passed: what cannot be written now is lost.
    pub(crate) given_up: AtomicBool,
}

impl Lane {
    pub(crate) fn new(channel: Channel, rules: &ChannelPolicy, metrics: Arc<Metrics>) -> Lane {
        Lane {
            channel,
            name: rules.name.clone(),
            lossless: matches!(rules.on_full, OnFull::Block(_)),
            queue: Queue::new(rules.queue_bytes, rules.on_full),
            acks: Acks::default(),
            metrics,
            given_up: AtomicBool::new(false),
        }
    }

    /// Whether the record was accepted; a loss is counted here.
    #[inline]
    pub(crate) fn append(&self, line: &[u8]) -> bool {
        match self.queue.push(line) {
            Pushed::Accepted => true,
            refused => self.lose(refused),
        }
    }

    #[cold]
    fn lose(&self, refused: Pushed) -> bool {
        let why = if refused == Pushed::Closed { Lost::Shutdown } else { Lost::QueueFull };
        self.metrics.lost(self.channel, why, 1);
        false
    }
}

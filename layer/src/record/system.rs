//! Records that the layer itself writes into a channel: losses, stops, recoveries.

use std::sync::{Arc, Mutex, PoisonError};

use tracing_core::Level;

use super::{RECORD_MAX, escape, stamp, tail};
use crate::channel::Channel;
use crate::clock::{Clock, Rng, ThreadRng};
use crate::metrics::{Metrics, ThreadCounters, level_label};
use crate::policy::Policy;

/// Builds the layer's own records, in the same envelope as everyone's.
#[derive(Clone, Debug)]
pub(crate) struct SystemRecords {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    names: Vec<String>,
    tail: Box<[u8]>,
    clock: Clock,
    rng: Rng,
    /// Own counters behind a lock: these records are rare, and come from several writers.
    state: Mutex<(ThreadRng, Arc<ThreadCounters>)>,
}

/// An attribute of a system record.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Count(u64),
    Text(&'a str),
}

impl SystemRecords {
    pub(crate) fn new(policy: &Policy, clock: Clock, rng: Rng, metrics: &Metrics) -> SystemRecords {
        let names = policy.channels.iter().map(|channel| channel.name.clone()).collect();
        let state = Mutex::new((ThreadRng::new(), metrics.thread()));
        let shared = Shared { names, tail: tail(&policy.service), clock, rng, state };
        SystemRecords { shared: Arc::new(shared) }
    }

    /// One line with its newline. `event` is from the OWASP vocabulary where it has a word for it; `text` and the
    /// attributes must hold no user data, since they are not redacted.
    pub(crate) fn line(
        &self,
        channel: Channel,
        event: &'static str,
        text: &str,
        attributes: &[(&'static str, Value<'_>)],
    ) -> Vec<u8> {
        let Shared { names, tail, clock, rng, state } = &*self.shared;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let now = clock.now();
        let mut line = Vec::with_capacity(512);
        let key = |line: &mut Vec<u8>, key: &str| {
            line.push(b',');
            escape::string(line, key);
            line.push(b':');
        };
        line.extend_from_slice(b"{\"v\":1,\"id\":\"");
        stamp::write_id(&mut line, now, rng.next(&mut state.0));
        line.extend_from_slice(b"\",\"timestamp\":\"");
        stamp::Stamp::default().write_time(&mut line, now);
        line.push(b'"');
        let fixed = [
            ("channel", names[channel.index()].as_str()),
            ("level", level_label(channel, "WARN")),
            ("event_name", event),
            ("message", text),
            ("target", "dihya"),
        ];
        for (name, value) in fixed {
            key(&mut line, name);
            escape::string(&mut line, value);
        }
        if !attributes.is_empty() {
            line.extend_from_slice(b",\"attributes\":{");
            for (index, (name, value)) in attributes.iter().enumerate() {
                if index > 0 {
                    line.push(b',');
                }
                escape::string(&mut line, name);
                line.push(b':');
                match value {
                    Value::Count(count) => line.extend_from_slice(count.to_string().as_bytes()),
                    Value::Text(text) => escape::string(&mut line, text),
                }
            }
            line.push(b'}');
        }
        line.extend_from_slice(tail);
        debug_assert!(line.len() <= RECORD_MAX);
        let warn =
            crate::metrics::LEVELS.iter().position(|(_, level)| *level == Level::WARN).unwrap_or_default();
        state.1.event(channel, warn, line.len(), now);
        line
    }
}

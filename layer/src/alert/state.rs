//! What is known of each thing that a detector raised: pending, firing, resolved.
//!
//! ```text
//! raised -> pending --tick--> firing --two quiet windows--> resolved --cooldown--> forgotten
//!              ^                 |  ^ said again after each cooldown, with the count grown
//!              +-----------------+--+  raised again: it goes on
//! ```
//!
//! A writer's thread only notes what was raised; the tick of the alerts' own thread says it. Times are the stream's.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use super::lru::Same;
use super::{Severity, Status};

/// How one detector's findings are treated.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) severity: Severity,
    /// Twice as long without a sign, and it has ended.
    pub(crate) window: i64,
    /// How long to wait before the same is said again.
    pub(crate) cooldown: i64,
}

/// All of them, by detector and entity.
#[derive(Debug, Default)]
pub(crate) struct States {
    by_key: HashMap<u64, State, BuildHasherDefault<Same>>,
    /// How many each detector has.
    counts: Vec<usize>,
}

/// One.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) detector: usize,
    /// Whom or what it is about, for the fingerprint. Never leaves the process.
    pub(crate) entity: Box<[u8]>,
    pub(crate) fingerprint: Option<String>,
    pub(crate) channel: Box<str>,
    pub(crate) starts_at: i64,
    /// When it was raised last.
    pub(crate) raised_at: i64,
    pub(crate) count: u64,
    pub(crate) threshold: u64,
    pub(crate) what: &'static str,
    pub(crate) record: Option<[u8; 36]>,
    phase: Phase,
    /// When it was last said to fire, and the count then.
    said: Option<(i64, u64)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Pending,
    Firing,
    Resolved,
}

/// A finding on its way into the states.
#[derive(Debug)]
pub(crate) struct Raised<'a> {
    pub(crate) detector: usize,
    pub(crate) key: u64,
    pub(crate) entity: &'a [&'a str],
    pub(crate) channel: &'a str,
    pub(crate) record: Option<[u8; 36]>,
    pub(crate) now: i64,
    pub(crate) count: u64,
    pub(crate) added: u64,
    pub(crate) threshold: u64,
    pub(crate) what: &'static str,
}

impl States {
    pub(crate) fn raise(&mut self, raised: Raised<'_>) {
        let Raised { detector, now, channel, .. } = raised;
        let mut key = raised.key ^ (detector as u64 + 1).wrapping_mul(GOLDEN);
        let mut entity = raised.entity;
        if self.counts.len() <= detector {
            self.counts.resize(detector + 1, 0);
        }
        if !self.by_key.contains_key(&key) && self.counts[detector] >= MOST {
            // A thousand more would tell nobody more: they are one, and it counts them.
            key = (detector as u64 + 1).wrapping_mul(GOLDEN);
            entity = &["(further ones)"];
        }
        let counts = &mut self.counts[detector];
        let state = self.by_key.entry(key).or_insert_with(|| {
            *counts += 1;
            State {
                detector,
                entity: entity.join("\0").into_bytes().into(),
                fingerprint: None,
                channel: channel.into(),
                starts_at: now,
                raised_at: now,
                count: 0,
                threshold: raised.threshold,
                what: raised.what,
                record: None,
                phase: Phase::Pending,
                said: None,
            }
        });
        if state.phase == Phase::Resolved {
            (state.phase, state.starts_at, state.count) = (Phase::Pending, now, 0);
        }
        if *state.channel != *channel {
            state.channel = channel.into();
        }
        state.count = raised.count.max(state.count.saturating_add(raised.added));
        (state.raised_at, state.threshold, state.what) = (now, raised.threshold, raised.what);
        state.record = raised.record.or(state.record);
    }

    /// What is to be said now.
    pub(crate) fn tick(&mut self, now: i64, rules: &[Rule], mut say: impl FnMut(&mut State, Status)) {
        let counts = &mut self.counts;
        let mut keep = |state: &mut State| {
            let Some(rule) = rules.get(state.detector) else { return false };
            let is_quiet = now.saturating_sub(state.raised_at) > rule.window.saturating_mul(2);
            let is_cool = state.said.is_none_or(|(at, _)| now.saturating_sub(at) >= rule.cooldown);
            match state.phase {
                Phase::Pending | Phase::Firing if is_quiet => {
                    if state.phase == Phase::Firing {
                        say(state, Status::Resolved);
                    }
                    state.phase = Phase::Resolved;
                }
                Phase::Pending if is_cool => {
                    state.phase = Phase::Firing;
                    state.said = Some((now, state.count));
                    say(state, Status::Firing);
                }
                Phase::Firing if is_cool && state.said.is_some_and(|(_, count)| state.count > count) => {
                    state.said = Some((now, state.count));
                    say(state, Status::Firing);
                }
                // Kept until it may be said again.
                Phase::Resolved if is_cool => return false,
                _ => {}
            }
            true
        };
        self.by_key.retain(|_, state| {
            let kept = keep(state);
            if !kept {
                counts[state.detector] -= 1;
            }
            kept
        });
    }

    /// Those that last, the oldest first.
    pub(crate) fn firing(&mut self) -> Vec<&mut State> {
        let mut firing: Vec<&mut State> =
            self.by_key.values_mut().filter(|state| state.phase == Phase::Firing).collect();
        firing.sort_by_key(|state| (state.starts_at, state.detector));
        firing
    }
}

/// Alerts of one detector at a time. Whoever makes a thousand fire makes one more, that counts the rest.
const MOST: usize = 1000;
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::stream::SECOND;

    const MINUTE: i64 = 60 * SECOND;

    fn rules() -> Vec<Rule> {
        vec![Rule {
            name: "auth_bruteforce".into(),
            severity: Severity::High,
            window: 10 * MINUTE,
            cooldown: 15 * MINUTE,
        }]
    }

    fn raise(states: &mut States, key: u64, now: i64) {
        let entity = ["u-7"];
        states.raise(Raised {
            detector: 0,
            key,
            entity: &entity,
            channel: "security",
            record: None,
            now,
            count: 5,
            added: 1,
            threshold: 5,
            what: "failed logins",
        });
    }

    fn tick(states: &mut States, now: i64) -> Vec<(Status, u64)> {
        let mut said = Vec::new();
        states.tick(now, &rules(), |state, status| said.push((status, state.count)));
        said
    }

    #[test]
    fn what_is_raised_fires_once_and_is_said_again_after_the_cooldown_with_its_count() {
        let mut states = States::default();
        raise(&mut states, 1, 0);
        assert!(states.firing().is_empty(), "pending");
        assert_eq!(tick(&mut states, SECOND), [(Status::Firing, 5)]);
        assert_eq!(tick(&mut states, 2 * SECOND), []);
        raise(&mut states, 1, MINUTE);
        raise(&mut states, 1, 2 * MINUTE);
        assert_eq!(tick(&mut states, 10 * MINUTE), [], "within the cooldown");
        assert_eq!(tick(&mut states, 15 * MINUTE + SECOND), [(Status::Firing, 7)]);
        assert_eq!(states.firing().len(), 1);
    }

    #[test]
    fn it_is_resolved_after_two_quiet_windows_and_not_before() {
        let mut states = States::default();
        raise(&mut states, 1, 0);
        tick(&mut states, SECOND);
        assert_eq!(tick(&mut states, 20 * MINUTE), []);
        assert_eq!(tick(&mut states, 20 * MINUTE + SECOND), [(Status::Resolved, 5)]);
        assert!(states.firing().is_empty());
        raise(&mut states, 1, 40 * MINUTE);
        assert_eq!(tick(&mut states, 40 * MINUTE), [(Status::Firing, 5)], "it begins anew");
    }

    #[test]
    fn a_thousand_and_one_are_told_as_one_that_counts() {
        let mut states = States::default();
        (1..=5000).for_each(|key| raise(&mut states, key, 0));
        let said = tick(&mut states, SECOND);
        assert_eq!(said.len(), MOST + 1);
        assert_eq!(said.iter().map(|(_, count)| *count).max(), Some(5 + 3999));
        assert!(tick(&mut states, 60 * MINUTE).iter().all(|(status, _)| *status == Status::Resolved));
        tick(&mut states, 61 * MINUTE);
        assert_eq!((states.by_key.len(), states.counts[0]), (0, 0));
    }
}

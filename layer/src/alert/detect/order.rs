//! `order_violation`: a clock that was set back or runs ahead, and a session that goes on after its end.

use super::{Detector, Found, Interest, Signal, micros};
use crate::alert::header::Header;
use crate::alert::lru::{Counter, Lru};
use crate::policy::DetectorPolicy;

/// Compares times, and remembers the sessions that ended.
#[derive(Debug)]
pub(super) struct Order {
    settings: DetectorPolicy,
    ended: Lru<Ended>,
}

#[derive(Debug, Default)]
struct Ended;

impl Counter for Ended {
    fn items(&self) -> usize {
        0
    }
}

impl Order {
    pub(super) fn new(settings: &DetectorPolicy) -> Order {
        Order { settings: settings.clone(), ended: Lru::new(0) }
    }
}

impl Detector for Order {
    as_the_policy_says!();

    fn interest(&self) -> Interest<'_> {
        Interest::Named
    }

    fn wants(&self, event: &str) -> bool {
        !self.ended.is_empty() || event.starts_with("session_")
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        let event = record.event_name().unwrap_or_default();
        if event == "session_use_after_expire" {
            let who = [record.tenant_id().unwrap_or_default(), record.user_id().unwrap_or_default()];
            return found.raise(&["session", who[0], who[1]], Signal::once(AFTER_END));
        }
        let Some(session) = record.any_attribute(&SESSION) else { return };
        let entity = ["session", record.tenant_id().unwrap_or_default(), session];
        let key = found.key(&entity);
        match event {
            "session_expired" | "session_logout" => self.ended.with(key, found.now, |_| ()),
            "session_created" | "session_renewed" => self.ended.remove(key),
            _ if self.ended.get(key, |_| ()).is_some() => {
                found.raise_keyed(key, &entity, Signal::once(AFTER_END))
            }
            _ => {}
        }
    }

    fn batch(&mut self, batch: &super::Batch<'_>, found: &mut Found<'_>) {
        let mut raise = |record: &str, entity, what| {
            found.record = record.as_bytes().try_into().ok();
            found.raise(&["clock", entity], Signal::once(what));
        };
        // A caller may have waited for room in the queue since its record got its time.
        let back = micros(self.settings.time("back")).saturating_add(batch.patience);
        if let Some((_, record)) = batch.behind.filter(|(by, _)| *by > back) {
            raise(record, "back", "a record is older than one written before it: the clock was set back");
        }
        let future = micros(self.settings.time("future"));
        if let Some((_, record)) = batch.ahead.filter(|(by, _)| *by > future) {
            raise(record, "ahead", "a record's time lies ahead of the clock");
        }
    }

    fn evicted(&mut self) -> u64 {
        self.ended.take_evicted()
    }
}

const AFTER_END: &str = "a session was used after its end";
/// Most names of session ids are hidden before a record is written; a name for what may be shown is `session_ref`.
const SESSION: [&str; 4] = ["session_ref", "session.ref", "session.id", "session_id"];

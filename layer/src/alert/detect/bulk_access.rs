//! `bulk_access`: one user who reaches the data of many more people in an hour than this user does otherwise.

use super::{Detector, Found, ITEMS, Interest, Signal, micros};
use crate::alert::header::Header;
use crate::alert::lru::{Counter, Lru};
use crate::alert::window::{Ewma, Sample};
use crate::policy::DetectorPolicy;

/// Counts the subjects that each user reached, hour by hour, beginning with the user's first.
#[derive(Debug)]
pub(super) struct BulkAccess {
    settings: DetectorPolicy,
    users: Lru<User>,
}

#[derive(Debug, Default)]
struct User {
    /// When the hour began.
    since: i64,
    subjects: Sample,
    /// Of the hours before in which there was anything.
    usual: Ewma,
}

impl Counter for User {
    fn items(&self) -> usize {
        self.subjects.capacity()
    }
}

impl BulkAccess {
    pub(super) fn new(settings: &DetectorPolicy) -> BulkAccess {
        BulkAccess { settings: settings.clone(), users: Lru::new(ITEMS) }
    }
}

impl Detector for BulkAccess {
    as_the_policy_says!();

    fn interest(&self) -> Interest<'_> {
        Interest::Events(&["sensitive_read", "sensitive_update", "sensitive_delete"])
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        let (Some(user), Some(subject)) = (record.user_id(), record.subject_id()) else { return };
        let window = micros(self.settings.time("window"));
        let (least, times) = (self.settings.number("subjects"), self.settings.number("times"));
        let tenant = record.tenant_id().unwrap_or_default();
        let subject = found.key(&[tenant, subject]);
        let entity = [tenant, user];
        let (key, now) = (found.key(&entity), found.now);
        let (is_new, count, threshold) = self.users.with(key, now, |user| {
            if user.subjects.count() == 0 {
                user.since = now;
            } else if now.saturating_sub(user.since) >= window {
                // What was too much is not learned as usual.
                let most = user.threshold(least, times);
                user.usual.add(user.subjects.count().min(most) as f64);
                user.subjects.clear();
                user.since = now;
            }
            let is_new = user.subjects.add(subject);
            (is_new, user.subjects.count(), user.threshold(least, times))
        });
        if count > threshold && is_new {
            self.users.pin(key, now, now.saturating_add(2 * window));
            let what = "people whose data one user reached";
            found.raise_keyed(key, &entity, Signal { count, added: 0, threshold, what });
        }
    }

    fn evicted(&mut self) -> u64 {
        self.users.take_evicted()
    }
}

impl User {
    /// More than this is too much.
    fn threshold(&self, least: u64, times: u64) -> u64 {
        least.max((times as f64 * self.usual.mean) as u64)
    }
}

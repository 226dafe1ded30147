//! `success_after_failures`: a login that succeeded after many that failed: somebody may have found the password.

use super::{
    Detector, Found, ITEMS, Interest, LOGIN_FAIL, LOGIN_SUCCESS, LOGIN_SUCCESS_AFTER_FAIL, Signal, account,
    micros,
};
use crate::alert::header::Header;
use crate::alert::lru::Lru;
use crate::alert::window::Times;
use crate::policy::DetectorPolicy;

/// Counts an account's failures until it succeeds.
#[derive(Debug)]
pub(super) struct SuccessAfterFailures {
    settings: DetectorPolicy,
    failures: Lru<Times>,
}

impl SuccessAfterFailures {
    pub(super) fn new(settings: &DetectorPolicy) -> SuccessAfterFailures {
        SuccessAfterFailures { settings: settings.clone(), failures: Lru::new(ITEMS) }
    }
}

impl Detector for SuccessAfterFailures {
    as_the_policy_says!();

    fn interest(&self) -> Interest<'_> {
        Interest::Events(&[LOGIN_FAIL, LOGIN_SUCCESS, LOGIN_SUCCESS_AFTER_FAIL])
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        let Some(account) = account(record) else { return };
        let window = micros(self.settings.time("window"));
        let threshold = self.settings.number("failures");
        let entity = [record.tenant_id().unwrap_or_default(), account];
        let (key, now) = (found.key(&entity), found.now);
        if record.event_name() == Some(LOGIN_FAIL) {
            self.failures.with(key, now, |times| times.add(now, window, threshold));
            return;
        }
        let count = self.failures.get(key, |times| times.count(now, window)).unwrap_or(0);
        self.failures.remove(key);
        if count >= threshold {
            let what = "failed logins to one account before one that succeeded";
            found.raise_keyed(key, &entity, Signal { count, added: count, threshold, what });
        }
    }

    fn evicted(&mut self) -> u64 {
        self.failures.take_evicted()
    }
}

//! `auth_bruteforce`: many failed logins to one account, or from one address.

use super::{Detector, Found, ITEMS, Interest, LOGIN_FAIL, Signal, account, micros};
use crate::alert::header::Header;
use crate::alert::lru::Lru;
use crate::alert::window::Times;
use crate::policy::DetectorPolicy;

/// Counts failures in a sliding window, for accounts and for addresses.
#[derive(Debug)]
pub(super) struct Bruteforce {
    settings: DetectorPolicy,
    failures: Lru<Times>,
}

impl Bruteforce {
    pub(super) fn new(settings: &DetectorPolicy) -> Bruteforce {
        Bruteforce { settings: settings.clone(), failures: Lru::new(ITEMS) }
    }

    fn count(&mut self, entity: &[&str], threshold: u64, what: &'static str, found: &mut Found<'_>) {
        let window = micros(self.settings.time("window"));
        let (key, now) = (found.key(entity), found.now);
        let count = self.failures.with(key, now, |times| times.add(now, window, threshold));
        if count >= threshold {
            self.failures.pin(key, now, now.saturating_add(2 * window));
            found.raise_keyed(key, entity, Signal { count, added: 1, threshold, what });
        }
    }
}

impl Detector for Bruteforce {
    as_the_policy_says!();

    fn interest(&self) -> Interest<'_> {
        Interest::Events(&[LOGIN_FAIL])
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        if let Some(account) = account(record) {
            let tenant = record.tenant_id().unwrap_or_default();
            let most = self.settings.number("account");
            self.count(&["account", tenant, account], most, "failed logins to one account", found);
        }
        if let Some(address) = record.network() {
            let most = self.settings.number("address");
            self.count(&["address", address], most, "failed logins from one address", found);
        }
    }

    fn evicted(&mut self) -> u64 {
        self.failures.take_evicted()
    }
}

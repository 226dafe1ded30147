//! `auth_spray`: failed logins to many accounts from one address, so few to each that none is locked.

use super::{Detector, Found, ITEMS, Interest, LOGIN_FAIL, Signal, account, micros};
use crate::alert::header::Header;
use crate::alert::lru::Lru;
use crate::alert::window::Distinct;
use crate::policy::DetectorPolicy;

/// Counts the accounts that each address failed to log in to.
#[derive(Debug)]
pub(super) struct Spray {
    settings: DetectorPolicy,
    accounts: Lru<Distinct>,
}

impl Spray {
    pub(super) fn new(settings: &DetectorPolicy) -> Spray {
        Spray { settings: settings.clone(), accounts: Lru::new(ITEMS) }
    }
}

impl Detector for Spray {
    as_the_policy_says!();

    fn interest(&self) -> Interest<'_> {
        Interest::Events(&[LOGIN_FAIL])
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        let (Some(address), Some(account)) = (record.network(), account(record)) else { return };
        let window = micros(self.settings.time("window"));
        let threshold = self.settings.number("accounts");
        let account = found.key(&[record.tenant_id().unwrap_or_default(), account]);
        let (key, now) = (found.key(&[address]), found.now);
        let (is_new, count) = self.accounts.with(key, now, |seen| seen.add(account, now, window, threshold));
        if count >= threshold {
            self.accounts.pin(key, now, now.saturating_add(2 * window));
            let what = "accounts that one address failed to log in to";
            found.raise_keyed(key, &[address], Signal { count, added: u64::from(is_new), threshold, what });
        }
    }

    fn evicted(&mut self) -> u64 {
        self.accounts.take_evicted()
    }
}

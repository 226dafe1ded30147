//! `first_seen`: a known account from a network that it was not used from in two weeks; an administrative act by somebody
//! who did none of its kind.
//!
//! An account that is itself new is no news: every registration would be an alert.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Detector, Found, Interest, LOGIN_SUCCESS, LOGIN_SUCCESS_AFTER_FAIL, Signal, account, micros};
use crate::alert::header::Header;
use crate::alert::lru::{Counter, Lru};
use crate::policy::DetectorPolicy;

/// When each pair was last seen.
#[derive(Debug)]
pub(super) struct FirstSeen {
    settings: DetectorPolicy,
    seen: Lru<Seen>,
    /// Until then it learns what is usual, and says nothing.
    learns_until: Option<i64>,
}

#[derive(Debug)]
struct Seen(i64);

impl Default for Seen {
    fn default() -> Seen {
        Seen(i64::MIN)
    }
}

impl Counter for Seen {
    fn items(&self) -> usize {
        0
    }
}

impl FirstSeen {
    pub(super) fn new(settings: &DetectorPolicy) -> FirstSeen {
        FirstSeen { settings: settings.clone(), seen: Lru::new(usize::MAX), learns_until: None }
    }

    /// Whether it was not seen in the window.
    fn is_new(&mut self, key: u64, now: i64) -> bool {
        let since = now.saturating_sub(micros(self.settings.time("window")));
        self.seen.with(key, now, |seen| std::mem::replace(&mut seen.0, now) < since)
    }
}

impl Detector for FirstSeen {
    fn name(&self) -> &str {
        self.settings.name
    }

    fn severity(&self) -> crate::alert::Severity {
        self.settings.severity
    }

    /// Of the alert: it says that something happened, and nothing lasts.
    fn window(&self) -> std::time::Duration {
        std::time::Duration::from_secs(1800)
    }

    fn interest(&self) -> Interest<'_> {
        Interest::Events(&EVENTS)
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        let (Some(user), Some(event)) = (account(record), record.event_name()) else { return };
        let tenant = record.tenant_id().unwrap_or_default();
        let now = found.now;
        let learn = micros(self.settings.time("learn"));
        let learns = now < *self.learns_until.get_or_insert(now.saturating_add(learn));
        let (entity, kind, what);
        if event == LOGIN_SUCCESS || event == LOGIN_SUCCESS_AFTER_FAIL {
            let is_new_account = self.is_new(found.key(&["account", tenant, user]), now);
            let Some(address) = record.network() else { return };
            let network = network(address);
            entity = [tenant, user, &*network];
            (kind, what) = ("network", "a known account was used from a network that is new for it");
            let key = found.key(&[kind, tenant, user, &network]);
            if self.is_new(key, now) && !learns && !is_new_account {
                found.raise_keyed(key, &entity, Signal::once(what));
            }
            return;
        }
        entity = [tenant, user, event];
        (kind, what) = ("act", "an administrative act by somebody who did none of its kind before");
        let key = found.key(&[kind, tenant, user, event]);
        if self.is_new(key, now) && !learns {
            found.raise_keyed(key, &entity, Signal::once(what));
        }
    }

    fn evicted(&mut self) -> u64 {
        self.seen.take_evicted()
    }
}

/// An address moves within its network every day: /24 of IPv4, /48 of IPv6.
fn network(address: &str) -> String {
    match address.parse() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).to_string()
        }
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, ..] = address.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).to_string()
        }
        Err(_) => address.to_owned(),
    }
}

const EVENTS: [&str; 9] = [
    LOGIN_SUCCESS,
    LOGIN_SUCCESS_AFTER_FAIL,
    "authz_admin",
    "authz_change",
    "privilege_permissions_changed",
    "user_created",
    "user_updated",
    "user_archived",
    "user_deleted",
];

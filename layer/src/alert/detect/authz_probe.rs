//! `authz_probe`: one user who is denied many different things, as somebody is who tries doors.

use super::{Detector, Found, ITEMS, Interest, Signal, micros};
use crate::alert::header::Header;
use crate::alert::lru::Lru;
use crate::alert::window::Distinct;
use crate::policy::DetectorPolicy;

/// Counts the resources that each user was denied.
#[derive(Debug)]
pub(super) struct AuthzProbe {
    settings: DetectorPolicy,
    resources: Lru<Distinct>,
}

impl AuthzProbe {
    pub(super) fn new(settings: &DetectorPolicy) -> AuthzProbe {
        AuthzProbe { settings: settings.clone(), resources: Lru::new(ITEMS) }
    }
}

impl Detector for AuthzProbe {
    as_the_policy_says!();

    fn interest(&self) -> Interest<'_> {
        Interest::Events(&["authz_fail"])
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        // Whoever is not logged in is known by the address.
        let Some(who) = record.user_id().or_else(|| record.network()) else { return };
        let Some(resource) = record.any_attribute(&RESOURCE).or(record.subject_id()) else { return };
        let window = micros(self.settings.time("window"));
        let threshold = self.settings.number("resources");
        let resource = found.key(&[resource]);
        let entity = [record.tenant_id().unwrap_or_default(), who];
        let (key, now) = (found.key(&entity), found.now);
        let (is_new, count) =
            self.resources.with(key, now, |seen| seen.add(resource, now, window, threshold));
        if count >= threshold {
            self.resources.pin(key, now, now.saturating_add(2 * window));
            let what = "different resources that one user was denied";
            found.raise_keyed(key, &entity, Signal { count, added: u64::from(is_new), threshold, what });
        }
    }

    fn evicted(&mut self) -> u64 {
        self.resources.take_evicted()
    }
}

/// What was asked for: the thing itself before the template of its path.
const RESOURCE: [&str; 6] = ["resource", "resource_id", "url.path", "path", "http.route", "route"];

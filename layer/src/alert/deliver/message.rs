//! What is sent at once to one receiver, and the keys by which a receiver knows what it has had already.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::alert::{Alert, Severity, Status};

/// An alert that waits, with its key.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub(crate) key: String,
    pub(crate) alert: Alert,
}

/// Alerts that are sent at once; never empty.
#[derive(Debug)]
pub(crate) struct Message<'m> {
    pub(crate) items: &'m [Item],
    /// Microseconds since 1970.
    pub(crate) now: i64,
    /// Nobody has to do anything.
    pub(crate) is_test: bool,
}

/// The key of an alert in one state: the same for each attempt and after a restart, another once the alert has changed.
pub(crate) fn key(alert: &Alert) -> String {
    let mut hash = Sha256::new();
    for part in
        [&alert.service, alert.instance.as_deref().unwrap_or_default(), &alert.detector, &alert.fingerprint]
    {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.update(alert.status.name());
    hash.update(alert.starts_at.to_be_bytes());
    hash.update(alert.updated_at.to_be_bytes());
    hex(&hash.finalize()[..16])
}

impl Message<'_> {
    /// The key of all of it: of one alert its own.
    pub(crate) fn key(&self) -> String {
        if let [one] = self.items {
            return one.key.clone();
        }
        let mut hash = Sha256::new();
        self.items.iter().for_each(|item| hash.update(item.key.as_bytes()));
        hex(&hash.finalize()[..16])
    }

    pub(crate) fn alerts(&self) -> impl Iterator<Item = &Alert> {
        self.items.iter().map(|item| &item.alert)
    }

    /// The most severe of them.
    pub(crate) fn severity(&self) -> Severity {
        self.alerts().map(|alert| alert.severity).max().unwrap_or(Severity::Low)
    }

    /// `1 alert firing, 2 resolved`, for a title.
    pub(crate) fn title(&self) -> String {
        let firing = self.alerts().filter(|alert| alert.status == Status::Firing).count();
        let resolved = self.items.len() - firing;
        let alerts = |count: usize| if count == 1 { "1 alert".to_owned() } else { format!("{count} alerts") };
        let test = if self.is_test { "test: " } else { "" };
        match (firing, resolved) {
            (0, resolved) => format!("{test}{} resolved", alerts(resolved)),
            (firing, 0) => format!("{test}{} firing, {}", alerts(firing), self.severity()),
            (firing, resolved) => {
                format!("{test}{} firing, {resolved} resolved, {}", alerts(firing), self.severity())
            }
        }
    }

    /// Whom it is from.
    pub(crate) fn service(&self) -> String {
        let Some(alert) = self.alerts().next() else { return String::new() };
        match &alert.instance {
            Some(instance) => format!("{}/{instance}", alert.service),
            None => alert.service.clone(),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

//! Without the feature `alerts`: alerts are records and metrics, and go nowhere else. A policy that names a receiver does not
//! open.

use std::time::Instant;

use super::Alert;

/// Nothing to deliver to.
#[derive(Debug, Default)]
pub(crate) struct Delivery;

impl Delivery {
    pub(crate) fn offer(&self, alert: Alert) {
        drop(alert);
    }

    pub(crate) fn shutdown(&self, _until: Instant) {}
}

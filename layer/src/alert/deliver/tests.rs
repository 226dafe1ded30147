//! Delivery against servers that fail in every way.

use super::*;

/// An alert like any other.
pub(crate) fn alert(count: u64) -> Alert {
    Alert {
        detector: "auth_bruteforce".to_owned(),
        severity: Severity::High,
        status: Status::Firing,
        fingerprint: format!("{count:016x}"),
        channel: "security".to_owned(),
        starts_at: 1_795_255_200_000_000,
        updated_at: 1_795_255_200_000_000,
        ends_at: None,
        count,
        threshold: 5,
        summary: format!("{count} failed logins of one account in 10 minutes; 5 are the limit."),
        record: Some("019aa0f0-1111-7222-8333-444455556666".to_owned()),
        service: "clinic".to_owned(),
        instance: None,
    }
}

//! Prometheus' Alertmanager, API v2: it groups, silences and routes itself.
//!
//! It takes an alert for resolved when its `endsAt` has passed: while an alert fires it is sent again every minute, with an end
//! four minutes ahead, as Prometheus does. A process that dies lets its alerts end so.

use std::time::Duration;

use serde_json::{Value, json};

use super::answer::Failure;
use super::http::{self, Request};
use super::message::Message;
use crate::alert::{Alert, Status};
use crate::ledger;
use crate::policy::Given;

#[derive(Debug)]
pub(super) struct Alertmanager {
    pub(super) url: Given,
    pub(super) token: Option<Given>,
}

impl Alertmanager {
    pub(super) fn request(&self, message: &Message<'_>) -> Result<Request, Failure> {
        let url = format!(
            "{}/api/v2/alerts",
            http::address(&self.url, self.token.is_none())?.trim_end_matches('/')
        );
        let mut headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        if let Some(token) = &self.token {
            headers.push(("Authorization".to_owned(), format!("Bearer {}", http::secret(token)?)));
        }
        let alerts: Vec<Value> = message.alerts().map(|alert| posted(alert, message)).collect();
        Ok(Request { method: "POST", url, headers, body: Value::from(alerts).to_string() })
    }
}

/// Labels make an alert what it is: nothing stands in them that changes while it fires.
fn posted(alert: &Alert, message: &Message<'_>) -> Value {
    let mut labels = json!({
        "alertname": alert.detector,
        "severity": alert.severity.name(),
        "service": alert.service,
        "fingerprint": alert.fingerprint,
        "source": "dihya",
    });
    if let Some(instance) = &alert.instance {
        labels["instance"] = instance.as_str().into();
    }
    if message.is_test {
        labels["test"] = "true".into();
    }
    let mut annotations = json!({
        "summary": alert.summary,
        "channel": alert.channel,
        "count": alert.count.to_string(),
        "threshold": alert.threshold.to_string(),
    });
    if let Some(record) = &alert.record {
        annotations["record"] = record.as_str().into();
    }
    let ahead = message.now.saturating_add(i64::try_from(AHEAD.as_micros()).unwrap_or(i64::MAX));
    let ends = match (alert.status, message.is_test) {
        (Status::Resolved, _) => alert.ends_at.unwrap_or(message.now).min(message.now),
        // A test is over before anybody has to look for it.
        (Status::Firing, true) => message.now.saturating_add(60_000_000),
        (Status::Firing, false) => ahead,
    };
    // An end before the start is refused, and a clock may have been set back.
    let starts = alert.starts_at.min(ends);
    json!({
        "labels": labels,
        "annotations": annotations,
        "startsAt": ledger::time(starts),
        "endsAt": ledger::time(ends),
    })
}

/// How often what fires is said again. Tests have less patience.
pub(super) const AGAIN: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 60 });
/// So long an alert lives without being said again: three attempts may fail.
const AHEAD: Duration = Duration::from_secs(4 * 60);

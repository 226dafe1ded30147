//! A webhook of one's own: CloudEvents 1.0 in structured JSON, signed.
//!
//! `Dihya-Signature: t=1795255200,v1=<hex>` is HMAC-SHA256 with the shared key over `1795255200.` and the body. A receiver
//! computes it, compares in constant time, refuses what is older than five minutes, and keeps each `key` it has had: an
//! alert may come twice.

use hmac::{Hmac, Mac as _};
use serde_json::{Value, json};
use sha2::Sha256;

use super::answer::Failure;
use super::http::{self, Request};
use super::message::{Message, hex};
use crate::ledger;
use crate::policy::Given;

#[derive(Debug)]
pub(super) struct Webhook {
    pub(super) url: Given,
    pub(super) key: Given,
}

impl Webhook {
    pub(super) fn request(&self, message: &Message<'_>) -> Result<Request, Failure> {
        let url = http::address(&self.url, true)?;
        let key = http::secret(&self.key)?;
        let body = posted(message).to_string();
        let headers = vec![
            ("Content-Type".to_owned(), "application/cloudevents+json; charset=utf-8".to_owned()),
            ("Idempotency-Key".to_owned(), message.key()),
            ("Dihya-Signature".to_owned(), signature(&key, message.now / 1_000_000, &body)),
        ];
        Ok(Request { method: "POST", url, headers, body })
    }
}

fn posted(message: &Message<'_>) -> Value {
    let alerts: Vec<Value> = message
        .items
        .iter()
        .map(|item| {
            let alert = &item.alert;
            json!({
                "key": item.key,
                "detector": alert.detector,
                "severity": alert.severity,
                "status": alert.status,
                "fingerprint": alert.fingerprint,
                "channel": alert.channel,
                "starts_at": ledger::time(alert.starts_at),
                "updated_at": ledger::time(alert.updated_at),
                "ends_at": alert.ends_at.map(ledger::time),
                "count": alert.count,
                "threshold": alert.threshold,
                "summary": alert.summary,
                "record": alert.record,
            })
        })
        .collect();
    json!({
        "specversion": "1.0",
        "id": message.key(),
        "source": format!("/dihya/{}", message.service()),
        "type": if message.is_test { "dev.dihya.alerts.test" } else { "dev.dihya.alerts" },
        "time": ledger::time(message.now),
        "datacontenttype": "application/json",
        "data": { "title": message.title(), "alerts": alerts },
    })
}

fn signature(key: &str, seconds: i64, body: &str) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key.as_bytes()) else { return String::new() };
    mac.update(format!("{seconds}.{body}").as_bytes());
    format!("t={seconds},v1={}", hex(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_what_openssl_makes_of_time_and_body() {
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac key
        let expected = "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae";
        assert_eq!(signature("key", 1_700_000_000, "{}"), expected);
    }
}

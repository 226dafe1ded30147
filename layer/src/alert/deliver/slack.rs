//! Slack's incoming webhooks: one message for a group of alerts, without any identifier.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::answer::Failure;
use super::http::{self, Request};
use super::message::Message;
use crate::alert::{Alert, Status};
use crate::ledger;
use crate::policy::Given;

#[derive(Debug)]
pub(super) struct Slack {
    pub(super) url: Given,
}

impl Slack {
    pub(super) fn request(&self, message: &Message<'_>) -> Result<Request, Failure> {
        let url = http::address(&self.url, false)?;
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Ok(Request { method: "POST", url, headers, body: posted(message).to_string() })
    }
}

/// Neither fingerprints nor records' ids: a chat is read by more people than a log.
fn posted(message: &Message<'_>) -> Value {
    let title = format!("{}: {}", escaped(&message.service()), message.title());
    let mut blocks =
        vec![json!({ "type": "section", "text": { "type": "mrkdwn", "text": format!("*{title}*") } })];
    blocks.extend(
        message
            .alerts()
            .take(SHOWN)
            .map(|alert| json!({ "type": "section", "text": { "type": "mrkdwn", "text": told(alert) } })),
    );
    let more = message.items.len().saturating_sub(SHOWN);
    if more > 0 {
        let text = format!("and {more} more");
        blocks.push(json!({ "type": "context", "elements": [{ "type": "mrkdwn", "text": text }] }));
    }
    json!({ "text": title, "blocks": blocks })
}

fn told(alert: &Alert) -> String {
    let state = match alert.status {
        Status::Firing => format!("*{}*", alert.severity),
        Status::Resolved => "resolved".to_owned(),
    };
    let mut text = format!("{state} `{}` {}", escaped(&alert.detector), escaped(&alert.summary));
    let since = ledger::time(alert.starts_at);
    let _ = write!(
        text,
        "\n{} of {} on {} since {} UTC",
        alert.count,
        alert.threshold,
        escaped(&alert.channel),
        since.get(..16).unwrap_or_default().replace('T', " ")
    );
    text.chars().take(TEXT).collect()
}

/// The three characters that Slack gives a meaning, and the backtick that would end a name.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('`', "'")
}

/// Slack takes fifty blocks.
const SHOWN: usize = 20;
/// And three thousand characters in each.
const TEXT: usize = 2900;

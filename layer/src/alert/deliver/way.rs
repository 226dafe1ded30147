//! How a receiver is spoken to: one attempt, by its kind.

use std::time::Duration;

use super::alertmanager::Alertmanager;
use super::answer::{Answer, Failure};
use super::http::{Client, Request};
use super::message::Message;
use super::slack::Slack;
use super::webhook::Webhook;
use crate::policy::{Smtp, To};

/// How a receiver is spoken to.
#[derive(Debug)]
pub(super) enum Way {
    Alertmanager(Alertmanager, Client),
    Slack(Slack, Client),
    Webhook(Webhook, Client),
    Smtp(Smtp),
}

impl Way {
    pub(super) fn new(to: &To) -> Way {
        let client = || Client::new(TIMEOUT);
        match to.clone() {
            To::Alertmanager { url, token } => Way::Alertmanager(Alertmanager { url, token }, client()),
            To::Slack { url } => Way::Slack(Slack { url }, client()),
            To::Webhook { url, key } => Way::Webhook(Webhook { url, key }, client()),
            To::Smtp(smtp) => Way::Smtp(smtp),
        }
    }

    /// One attempt.
    pub(super) fn send(&self, message: &Message<'_>) -> Answer {
        match self.request(message) {
            None => self.mail(message),
            Some((client, Ok(request))) => client.send(&request),
            Some((_, Err(why))) => Answer::Later { after: None, why },
        }
    }

    /// One attempt, with the beginning of what came back.
    pub(super) fn try_one(&self, message: &Message<'_>) -> (Answer, String) {
        match self.request(message) {
            None => (self.mail(message), String::new()),
            Some((client, Ok(request))) => client.try_one(&request),
            Some((_, Err(why))) => (Answer::Later { after: None, why }, String::new()),
        }
    }

    fn request(&self, message: &Message<'_>) -> Option<(&Client, Result<Request, Failure>)> {
        match self {
            Way::Alertmanager(sink, client) => Some((client, sink.request(message))),
            Way::Slack(sink, client) => Some((client, sink.request(message))),
            Way::Webhook(sink, client) => Some((client, sink.request(message))),
            Way::Smtp(_) => None,
        }
    }

    fn mail(&self, message: &Message<'_>) -> Answer {
        match self {
            Way::Smtp(smtp) => smtp.send(message),
            _ => Answer::Rejected(Failure::Unwritable),
        }
    }
}

/// A whole request. Tests have less patience.
const TIMEOUT: Duration = Duration::from_secs(if cfg!(test) { 2 } else { 10 });

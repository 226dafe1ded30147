//! `[hooks.NAME]`: a request of the policy's own form to any service that takes JSON.

use std::error::Error;
use std::time::Duration;

use super::{Happened, Hook, Moment};
use crate::alert::deliver::{Answer, Client, Request, address, secret};
use crate::policy::{Given, HookPolicy};

/// A hook of the policy.
#[derive(Debug)]
pub(crate) struct HttpHook {
    policy: HookPolicy,
    client: Client,
}

impl HttpHook {
    pub(crate) fn new(policy: HookPolicy) -> HttpHook {
        HttpHook { client: Client::new(policy.timeout), policy }
    }

    fn request(&self, happened: &Happened) -> Result<Request, Box<dyn Error + Send + Sync>> {
        let policy = &self.policy;
        let carries_secret = policy.headers.iter().any(|(_, _, value)| !matches!(value, Given::Text(_)));
        let url = address(&policy.url, !carries_secret).map_err(|why| why.to_string())?;
        let mut headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Idempotency-Key".to_owned(), happened.id.clone()),
        ];
        for (name, before, value) in &policy.headers {
            let value = secret(value).map_err(|why| why.to_string())?;
            headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
            headers.push((name.clone(), format!("{before}{value}")));
        }
        let body = match &policy.body {
            Some(template) => template.fill(happened),
            None => serde_json::to_string(happened)?,
        };
        Ok(Request { method: policy.method, url, headers, body })
    }
}

impl Hook for HttpHook {
    fn name(&self) -> &str {
        &self.policy.name
    }

    fn wants(&self, moment: Moment) -> bool {
        self.policy.moments.contains(&moment)
    }

    fn limit(&self) -> Duration {
        // The request keeps the time itself; this is for a name that is not resolved.
        self.policy.timeout + Duration::from_secs(5)
    }

    fn run(&self, happened: &Happened) -> Result<(), Box<dyn Error + Send + Sync>> {
        match self.client.send(&self.request(happened)?) {
            Answer::Delivered => Ok(()),
            Answer::Later { why, .. } | Answer::Rejected(why) => Err(why.to_string().into()),
        }
    }
}

//! OTLP over HTTP: a POST of protobuf for each request.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::DateTime;
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message as _;
use ureq::http::{HeaderName, HeaderValue, Response, header};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body};

use super::super::message::Status;
use super::{Answer, LONGEST_PAUSE, Transport, Trouble, accepted};
use crate::clock::Clock;
use crate::otlp::config::Target;

/// A client that keeps its connection.
pub(super) struct Http {
    agent: Agent,
    url: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    gzip: bool,
}

impl Http {
    pub(super) fn new(target: &Target) -> Result<Http, String> {
        let roots = match &target.ca {
            None => RootCerts::PlatformVerifier,
            Some(pem) => RootCerts::Specific(Arc::new(certificates(pem)?)),
        };
        // The one of the workspace, said here: none is the process's own unless the service makes it so.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder().root_certs(roots).unversioned_rustls_crypto_provider(provider).build();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would take the headers, and the records, to where the policy does not send them.
            .max_redirects(0)
            .max_redirects_will_error(false)
            // Nor does the environment say which way they go.
            .proxy(None)
            .timeout_global(Some(target.timeout))
            .user_agent(target.agent())
            .tls_config(tls)
            .build();
        let headers = target.headers.iter().map(|(name, value)| {
            let name = HeaderName::try_from(name.as_str()).ok()?;
            let mut value = HeaderValue::try_from(value.as_str()).ok()?;
            value.set_sensitive(true);
            Some((name, value))
        });
        let headers = headers
            .collect::<Option<_>>()
            .ok_or("a header's name or value has characters that no header may have")?;
        Ok(Http { agent: config.into(), url: target.url(), headers, gzip: target.gzip })
    }
}

impl Transport for Http {
    fn send(&mut self, request: &[u8]) -> Answer {
        let mut post = self.agent.post(&self.url).header(header::CONTENT_TYPE, PROTOBUF);
        for (name, value) in &self.headers {
            post = post.header(name, value);
        }
        let sent = if self.gzip {
            post.header(header::CONTENT_ENCODING, "gzip").send(&gzip(request)[..])
        } else {
            post.send(request)
        };
        match sent {
            Ok(response) => answer(response),
            // Its own words name the address at most.
            Err(error) => Answer::Later(
                Trouble::new("unreachable", "the receiver cannot be reached").saying(&error.to_string()),
                None,
            ),
        }
    }
}

fn answer(mut response: Response<Body>) -> Answer {
    let code = response.status().as_u16();
    let value = |name: HeaderName| response.headers().get(name)?.to_str().ok().map(str::to_owned);
    let kind = value(header::CONTENT_TYPE).unwrap_or_default();
    let after = value(header::RETRY_AFTER).and_then(|text| pause(&text));
    let body = match response.body_mut().with_config().limit(LONGEST).read_to_vec() {
        Ok(body) => body,
        // An answer that broke off tells nothing: the records are sent again.
        Err(_) => return Answer::Later(Trouble::new("unreachable", "the answer broke off"), None),
    };
    let is_protobuf = kind.starts_with(PROTOBUF);
    if code == 200 || code == 202 {
        let read = match (body.is_empty(), is_protobuf, kind.starts_with("application/json")) {
            (true, ..) | (_, true, _) => accepted(&body),
            (_, _, true) => from_json(&body),
            _ => None,
        };
        // A page of some proxy that answers 200 to everything is no receiver: taking it for one would lose records.
        return read.unwrap_or_else(|| {
            Answer::Refused(Trouble::new(
                "refused",
                format!("HTTP {code} with an answer that is none of OTLP's"),
            ))
        });
    }
    let said = if is_protobuf {
        Status::decode(&body[..]).map(|status| status.message).unwrap_or_default()
    } else {
        String::from_utf8_lossy(&body).into_owned()
    };
    let trouble = |reason| Trouble::new(reason, format!("HTTP {code}")).saying(&said);
    match code {
        408 | 429 | 500 | 502 | 503 | 504 => Answer::Later(trouble("unavailable"), after),
        413 => Answer::TooLarge(trouble("too_large")),
        400 | 422 => Answer::Bad(trouble("bad_data")),
        _ => Answer::Refused(trouble("refused")),
    }
}

/// `{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"…"}}`: some receivers answer in JSON whatever they were
/// asked in. Protobuf's JSON writes 64-bit numbers as texts.
fn from_json(body: &[u8]) -> Option<Answer> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let partial = &answer.as_object()?.get("partialSuccess").cloned().unwrap_or_default();
    let rejected = &partial["rejectedLogRecords"];
    let rejected = rejected.as_u64().or_else(|| rejected.as_str()?.parse().ok()).unwrap_or(0);
    let said = super::plain(partial["errorMessage"].as_str().unwrap_or_default());
    Some(Answer::Accepted { rejected, said })
}

/// `Retry-After`: seconds, or a date.
fn pause(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse::<u64>().ok().or_else(|| {
        let until = DateTime::parse_from_rfc2822(text.trim()).ok()?.timestamp();
        u64::try_from(until - Clock::system().now() / 1_000_000).ok()
    })?;
    Some(Duration::from_secs(seconds).min(LONGEST_PAUSE))
}

fn gzip(request: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(request.len() / 4), Compression::fast());
    // Into memory: it does not fail.
    let _ = encoder.write_all(request);
    encoder.finish().unwrap_or_default()
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, String> {
    let mut found = Vec::new();
    for item in parse_pem(pem) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| error.to_string())? {
            found.push(certificate);
        }
    }
    if found.is_empty() { Err("no certificate in PEM".to_owned()) } else { Ok(found) }
}

const PROTOBUF: &str = "application/x-protobuf";
/// An answer is a few bytes; nobody's page fills our memory.
const LONGEST: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_in_seconds_or_until_a_date() {
        assert_eq!(pause("7"), Some(Duration::from_secs(7)));
        assert_eq!(pause("999999999"), Some(LONGEST_PAUSE));
        let soon = DateTime::from_timestamp(Clock::system().now() / 1_000_000 + 100, 0).unwrap();
        let date = soon.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let seconds = pause(&date).unwrap().as_secs();
        assert!((98..=100).contains(&seconds), "{date}: {seconds}");
        for text in ["", "soon", "-1", "Fri, 20 Nov 2020 12:00:00 GMT"] {
            assert_eq!(pause(text), None, "{text}");
        }
    }

    #[test]
    fn an_answer_in_json_is_understood() {
        let body = br#"{"partialSuccess":{"rejectedLogRecords":"3","errorMessage":"why\u001b"}}"#;
        assert_eq!(from_json(body), Some(Answer::Accepted { rejected: 3, said: "why\\u001b".into() }));
        assert_eq!(from_json(b"{}"), Some(Answer::Accepted { rejected: 0, said: String::new() }));
        assert_eq!(from_json(b"[]"), None);
    }
}

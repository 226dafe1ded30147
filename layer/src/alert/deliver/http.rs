//! Requests over HTTP: one connection each, every step with a time limit, no redirection followed.

use std::sync::Arc;
use std::time::Duration;

use tracing::subscriber::{NoSubscriber, with_default};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body, http};

use super::answer::{Answer, Failure};
use super::schedule;
use crate::policy::{Given, wrong_address};

/// What sends requests. Certificates are checked by the system's own trust store.
#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    /// The same without a proxy, for addresses of this machine.
    here: Agent,
}

/// What is sent. Not printed: address and headers may be secrets.
pub(crate) struct Request {
    pub(crate) method: &'static str,
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Client {
    pub(crate) fn new(timeout: Duration) -> Client {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = || {
            Agent::config_builder()
                .tls_config(tls.clone())
                .timeout_global(Some(timeout))
                .timeout_connect(Some(CONNECT.min(timeout)))
                .http_status_as_error(false)
                // A redirection would carry secrets to another place than the policy names.
                .max_redirects(0)
                .max_redirects_will_error(false)
                // One that was kept and is dead costs an attempt.
                .max_idle_connections(0)
                .user_agent(concat!("dihya/", env!("CARGO_PKG_VERSION")))
        };
        Client { agent: config().build().new_agent(), here: config().proxy(None).build().new_agent() }
    }

    /// Sends it, and tells what came of it.
    pub(crate) fn send(&self, request: &Request) -> Answer {
        match self.answer(request) {
            Ok(answer) => judge(&answer),
            Err(failure) => Answer::Later { after: None, why: failure },
        }
    }

    /// The same, with the beginning of what came back, as a person at a terminal may want it.
    pub(crate) fn try_one(&self, request: &Request) -> (Answer, String) {
        match self.answer(request) {
            Ok(mut answer) => {
                let judged = judge(&answer);
                let body = answer.body_mut().with_config().limit(BODY).lossy_utf8(true).read_to_string();
                let text: String = body.unwrap_or_default().chars().take(SHOWN).collect();
                (judged, text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
            }
            Err(failure) => (Answer::Later { after: None, why: failure }, String::new()),
        }
    }

    fn answer(&self, request: &Request) -> Result<http::Response<Body>, Failure> {
        let mut built = http::Request::builder().method(request.method).uri(&request.url);
        for (name, value) in &request.headers {
            built = built.header(name, value);
        }
        let built = built.body(request.body.clone());
        let built =
            built.map_err(|_| Failure::Address("it is no address of the web, or a header is none"))?;
        let host = built.uri().authority().map(http::uri::Authority::as_str).unwrap_or_default();
        let agent = if crate::policy::is_here(host) { &self.here } else { &self.agent };
        // What the client logs can have the address in it, which may be a secret, and nobody's layer is to see it.
        with_default(NoSubscriber::new(), || agent.run(built)).map_err(|error| failure(&error))
    }
}

/// An address by its place, checked.
pub(crate) fn address(given: &Given, plain_text_allowed: bool) -> Result<String, Failure> {
    let url = given.get().map_err(|error| Failure::NotGiven(error.to_string()))?;
    match wrong_address(&url, plain_text_allowed) {
        "" => Ok(url),
        wrong => Err(Failure::Address(wrong)),
    }
}

/// A secret by its place.
pub(crate) fn secret(given: &Given) -> Result<String, Failure> {
    given.get().map_err(|error| Failure::NotGiven(error.to_string()))
}

fn judge(answer: &http::Response<Body>) -> Answer {
    let status = answer.status().as_u16();
    match status {
        200..=299 => Answer::Delivered,
        408 | 425 | 429 | 500..=599 => {
            let told = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
            let date = answer.headers().get("date").and_then(|value| value.to_str().ok());
            let after = told.and_then(|told| schedule::retry_after(told, date));
            Answer::Later { after, why: Failure::Status(status) }
        }
        _ => Answer::Rejected(Failure::Status(status)),
    }
}

fn failure(error: &ureq::Error) -> Failure {
    use std::io::ErrorKind;
    match error {
        ureq::Error::Timeout(_) => Failure::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Failure::Unreachable,
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => Failure::Tls,
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => Failure::Address("it is no address of the web"),
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Failure::Timeout,
            ErrorKind::ConnectionRefused | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                Failure::Unreachable
            }
            _ if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) => Failure::Tls,
            _ => Failure::Broken,
        },
        _ => Failure::Broken,
    }
}

/// A receiver that cannot be reached at all is known sooner than one that thinks.
const CONNECT: Duration = Duration::from_secs(5);
const BODY: u64 = 4096;
const SHOWN: usize = 200;

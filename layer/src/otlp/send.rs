//! One request to the receiver, and what its answer means for what was sent.

#[cfg(feature = "otlp-grpc")]
mod grpc;
#[cfg(feature = "otlp-http")]
mod http;

use std::fmt;
use std::time::Duration;

use prost::Message as _;
use tracing_core::Dispatch;
use tracing_core::dispatcher::with_default;

use super::config::Target;
use super::message::{PartialSuccess, Response};
use crate::policy::OtlpProtocol;

/// A way to the receiver. It is used from one thread, and blocks it.
pub(super) trait Transport: Send {
    /// Sends one encoded request and waits for the answer, for the policy's timeout at most.
    fn send(&mut self, request: &[u8]) -> Answer;
}

/// What the receiver made of a request.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    /// It has the records, except so many of them.
    Accepted {
        rejected: u64,
        /// Its own words, if it had any.
        said: String,
    },
    /// It may take them later; not before this time, if it said so.
    Later(Trouble, Option<Duration>),
    /// The request is larger than it takes.
    TooLarge(Trouble),
    /// A record in it is not what it takes.
    Bad(Trouble),
    /// It takes nothing as we ask: a wrong address, a missing token.
    Refused(Trouble),
}

/// Why records were not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// The value of the metric's label `reason`.
    pub(super) reason: &'static str,
    /// In our words: no byte of it comes from the receiver.
    pub(super) what: String,
    /// In the receiver's words. They may repeat what was sent, so only whoever may read the log is shown them.
    pub(super) said: String,
}

impl Trouble {
    pub(super) fn new(reason: &'static str, what: impl Into<String>) -> Trouble {
        Trouble { reason, what: what.into(), said: String::new() }
    }

    fn saying(mut self, said: &str) -> Trouble {
        self.said = plain(said);
        self
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

/// Makes the way that a policy asks for. Nothing is sent yet.
///
/// # Errors
/// If a certificate cannot be read, or this build lacks the protocol.
pub(super) fn open(target: &Target) -> Result<Box<dyn Transport>, String> {
    let transport: Box<dyn Transport> = match target.protocol {
        #[cfg(feature = "otlp-http")]
        OtlpProtocol::Http => Box::new(http::Http::new(target)?),
        #[cfg(feature = "otlp-grpc")]
        OtlpProtocol::Grpc => Box::new(grpc::Grpc::new(target)?),
        #[allow(unreachable_patterns, reason = "with both features there is no other")]
        other => return Err(format!("this build lacks the feature `{}`", other.feature())),
    };
    Ok(Box::new(Silent(transport)))
}

/// HTTP clients tell what they do through `tracing` and `log`. While one works, this thread has a subscriber that takes
/// nothing: neither ours, which would export what it says of exporting, nor another layer, which might print a header.
///
/// For the length of a request only: as long as any thread has a subscriber of its own, every thread of the process pays
/// a little for each event.
struct Silent(Box<dyn Transport>);

impl Transport for Silent {
    fn send(&mut self, request: &[u8]) -> Answer {
        with_default(&Dispatch::none(), || self.0.send(request))
    }
}

/// The answer to a request that arrived.
fn accepted(body: &[u8]) -> Option<Answer> {
    let partial = Response::decode(body).ok()?.partial_success.unwrap_or_default();
    let PartialSuccess { rejected_log_records, error_message } = partial;
    let rejected = u64::try_from(rejected_log_records).unwrap_or(0);
    Some(Answer::Accepted { rejected, said: plain(&error_message) })
}

/// A stranger's text, fit for a terminal and not too long.
fn plain(text: &str) -> String {
    let mut escaped = Vec::new();
    let short: String = text.chars().take(MOST_SAID).collect();
    crate::record::escape::content(&mut escaped, &short);
    String::from_utf8_lossy(&escaped).into_owned()
}

const MOST_SAID: usize = 300;
/// Longer than any pause a receiver may ask for in good faith; what is longer is taken for this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60 * 60);

//! What came of an attempt, told without anything that may be secret.

use std::fmt;
use std::time::Duration;

/// What came of an attempt.
#[derive(Debug)]
pub(crate) enum Answer {
    /// The receiver took it.
    Delivered,
    /// It may take it later.
    Later {
        /// Not sooner than this, by the receiver's own word.
        after: Option<Duration>,
        why: Failure,
    },
    /// It will never take it.
    Rejected(Failure),
}

/// Why an attempt failed. Neither addresses nor what the receiver wrote: both may hold secrets.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A variable or file that names an address or a secret gives none.
    NotGiven(String),
    /// The address that was given is none.
    Address(&'static str),
    /// The host's name is unknown, or nobody answers there.
    Unreachable,
    /// No answer in time.
    Timeout,
    /// The certificate, or what else TLS asks for.
    Tls,
    /// The connection broke, or what came over it is no answer.
    Broken,
    /// An HTTP status that is no success.
    Status(u16),
    /// A mail server's refusal.
    Mail(u16),
    /// It cannot be written as the receiver wants it.
    Unwritable,
}

impl Failure {
    /// One word for a table.
    pub(crate) fn kind(&self) -> String {
        match self {
            Failure::NotGiven(_) => "secret missing".to_owned(),
            Failure::Address(_) => "bad address".to_owned(),
            Failure::Unreachable => "unreachable".to_owned(),
            Failure::Timeout => "timeout".to_owned(),
            Failure::Tls => "TLS".to_owned(),
            Failure::Broken => "connection broken".to_owned(),
            Failure::Status(status) => format!("HTTP {status}"),
            Failure::Mail(code) => format!("SMTP {code}"),
            Failure::Unwritable => "unwritable".to_owned(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotGiven(why) => f.write_str(why),
            Failure::Address(why) => write!(f, "the address cannot be used: {why}"),
            Failure::Unreachable => f.write_str("nobody answers at the address"),
            Failure::Timeout => f.write_str("no answer in time"),
            Failure::Tls => f.write_str(
                "TLS failed: is the certificate valid for this host, and its issuer known to this system?",
            ),
            Failure::Broken => f.write_str("the connection broke before there was an answer"),
            Failure::Status(410) => {
                f.write_str("HTTP 410: the receiver is gone for good, and takes nothing any more; remove it from the policy")
            }
            Failure::Status(401 | 403) => f.write_str("HTTP 401 or 403: the secret is missing, wrong or revoked"),
            Failure::Status(404) => f.write_str("HTTP 404: there is nothing at this address"),
            Failure::Status(429) => f.write_str("HTTP 429: too many requests"),
            Failure::Status(status @ 300..=399) => {
                write!(f, "HTTP {status}: the receiver moved; put its new address into the policy")
            }
            Failure::Status(status) => write!(f, "HTTP {status}"),
            Failure::Mail(535) => f.write_str("SMTP 535: the user or password is wrong"),
            Failure::Mail(code) => write!(f, "SMTP {code}"),
            Failure::Unwritable => f.write_str("the message cannot be built"),
        }
    }
}

//! Mail: one digest for a group of alerts. Encrypted unless the server is this machine; the certificate is always checked.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::Error;
use lettre::transport::smtp::authentication::Credentials;
use lettre::{Message as Mail, SmtpTransport, Transport as _};
use tracing::subscriber::{NoSubscriber, with_default};

use super::answer::{Answer, Failure};
use super::http::secret;
use super::message::Message;
use crate::alert::{Alert, Status};
use crate::ledger;
use crate::policy::{Smtp, Tls};

impl Smtp {
    pub(super) fn send(&self, message: &Message<'_>) -> Answer {
        let prepared = self.mail(message).and_then(|mail| Ok((mail, self.transport()?)));
        let (mail, transport) = match prepared {
            Ok(prepared) => prepared,
            Err(why @ Failure::Unwritable) => return Answer::Rejected(why),
            Err(why) => return Answer::Later { after: None, why },
        };
        match with_default(NoSubscriber::new(), || transport.send(&mail)) {
            Ok(_) => Answer::Delivered,
            Err(error) => judge(&error),
        }
    }

    fn transport(&self) -> Result<SmtpTransport, Failure> {
        let builder = match self.tls {
            Tls::Implicit => SmtpTransport::relay(&self.host).map_err(|_| Failure::Tls)?,
            Tls::Starttls => SmtpTransport::starttls_relay(&self.host).map_err(|_| Failure::Tls)?,
            Tls::None => SmtpTransport::builder_dangerous(&self.host),
        };
        let mut builder = builder.port(self.port).timeout(Some(TIMEOUT));
        if let Some((user, password)) = &self.login {
            builder = builder.credentials(Credentials::new(user.clone(), secret(password)?));
        }
        Ok(builder.build())
    }

    pub(super) fn mail(&self, message: &Message<'_>) -> Result<Mail, Failure> {
        let mailbox = |text: &str| text.parse::<Mailbox>().map_err(|_| Failure::Unwritable);
        // The same for each attempt: a server that took it and could not say so need not deliver it twice.
        let mut mail = Mail::builder()
            .from(mailbox(&self.from)?)
            .subject(format!("[{}] {}", message.service(), message.title()))
            .message_id(Some(format!("<{}@dihya.invalid>", message.key())))
            .header(ContentType::TEXT_PLAIN);
        for to in &self.to {
            mail = mail.to(mailbox(to)?);
        }
        mail.body(text(message)).map_err(|_| Failure::Unwritable)
    }
}

fn text(message: &Message<'_>) -> String {
    let mut out = format!("{}: {}\r\n", message.service(), message.title());
    for alert in message.alerts().take(SHOWN) {
        out.push_str("\r\n");
        out.push_str(&told(alert));
    }
    let more = message.items.len().saturating_sub(SHOWN);
    if more > 0 {
        let _ = write!(out, "\r\nand {more} more\r\n");
    }
    if message.alerts().any(|alert| alert.record.is_some()) {
        out.push_str("\r\nWhoever may read the log sees a record with: dihya query --where id=RECORD\r\n");
    }
    out
}

fn told(alert: &Alert) -> String {
    let state = match alert.status {
        Status::Firing => format!("firing, {}", alert.severity),
        Status::Resolved => "resolved".to_owned(),
    };
    let mut out = format!("{} ({state})\r\n  {}\r\n", alert.detector, alert.summary);
    let _ = write!(
        out,
        "  {} of {} on channel {}, since {}\r\n",
        alert.count,
        alert.threshold,
        alert.channel,
        ledger::time(alert.starts_at)
    );
    if let Some(end) = alert.ends_at {
        let _ = write!(out, "  ended {}\r\n", ledger::time(end));
    }
    if let Some(record) = &alert.record {
        let _ = write!(out, "  record {record}\r\n");
    }
    out
}

fn judge(error: &Error) -> Answer {
    let code = error.status().map(u16::from);
    if error.is_permanent() {
        return Answer::Rejected(Failure::Mail(code.unwrap_or(500)));
    }
    let why = match code {
        Some(code) => Failure::Mail(code),
        None if error.is_timeout() => Failure::Timeout,
        None if error.is_tls() => Failure::Tls,
        None => cause(error),
    };
    Answer::Later { after: None, why }
}

/// The last word of what lies below: a handshake that fails comes as an error of reading.
fn cause(error: &Error) -> Failure {
    let mut why = Failure::Broken;
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if error.is::<rustls::Error>() {
            return Failure::Tls;
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            if error.get_ref().is_some_and(|inner| inner.is::<rustls::Error>()) {
                return Failure::Tls;
            }
            why = match error.kind() {
                io::ErrorKind::ConnectionRefused | io::ErrorKind::HostUnreachable => Failure::Unreachable,
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Failure::Timeout,
                _ => why,
            };
        }
        source = error.source();
    }
    why
}

/// Each step of the conversation may take so long.
const TIMEOUT: Duration = Duration::from_secs(10);
const SHOWN: usize = 100;

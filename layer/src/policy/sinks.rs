//! `[alerts.sinks.NAME]`: where alerts go.

use std::path::{Path, PathBuf};

use super::error::Problem;
use super::given::{self, Given};
use super::keys::{self, Key, Kind, key};
use super::read::Values;
use super::{Policy, rules};
use crate::alert::Severity;

/// Where alerts go, and what waits for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeliveryPolicy {
    /// The folder of what waits; in the state folder, if nothing is said.
    pub(crate) spool: Option<PathBuf>,
    /// Bytes that may wait, all sinks together.
    pub(crate) spool_bytes: u64,
    /// By name.
    pub(crate) sinks: Vec<SinkPolicy>,
}

/// One receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SinkPolicy {
    pub(crate) name: String,
    pub(crate) to: To,
    pub(crate) min_severity: Severity,
}

/// What kind of receiver it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum To {
    /// Prometheus' Alertmanager, its API v2.
    Alertmanager { url: Given, token: Option<Given> },
    /// An incoming webhook of Slack. Its address is its secret.
    Slack { url: Given },
    /// CloudEvents over HTTP, signed.
    Webhook { url: Given, key: Given },
    /// A mail.
    Smtp(Smtp),
}

/// A mail's way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Smtp {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) login: Option<(String, Given)>,
}

/// How the way to a mail server is kept secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tls {
    /// From the first byte on (port 465).
    Implicit,
    /// Asked for before anything else, and required (port 587).
    Starttls,
    /// Not at all: on this machine alone.
    None,
}

impl Tls {
    pub(super) const NAMES: [&str; 3] = ["implicit", "starttls", "none"];

    pub(super) fn name(self) -> &'static str {
        Tls::NAMES[self as usize]
    }
}

impl To {
    pub(super) const NAMES: [&str; 4] = ["alertmanager", "slack", "webhook", "smtp"];

    pub(crate) fn name(&self) -> &'static str {
        match self {
            To::Alertmanager { .. } => "alertmanager",
            To::Slack { .. } => "slack",
            To::Webhook { .. } => "webhook",
            To::Smtp(_) => "smtp",
        }
    }

    /// What it takes from elsewhere, by the key that names it.
    pub(crate) fn given(&self) -> Vec<(&'static str, &Given)> {
        match self {
            To::Alertmanager { url, token } => {
                [("url", url)].into_iter().chain(token.iter().map(|token| ("secret", token))).collect()
            }
            To::Slack { url } => vec![("url", url)],
            To::Webhook { url, key } => vec![("url", url), ("secret", key)],
            To::Smtp(smtp) => smtp.login.iter().map(|(_, password)| ("secret", password)).collect(),
        }
    }
}

impl Default for DeliveryPolicy {
    fn default() -> DeliveryPolicy {
        DeliveryPolicy { spool: None, spool_bytes: SPOOL_BYTES, sinks: Vec::new() }
    }
}

impl Policy {
    /// The folder where alerts of one writing process wait for their receivers: `alerts.spool`, or `spool` in the state folder.
    pub fn spool_folder(&self, state: &Path, instance: Option<&str>) -> PathBuf {
        let Some(spool) = &self.delivery.spool else { return state.join("spool") };
        let mut folder = spool.clone();
        folder.extend(instance);
        folder
    }

    /// The names of the receivers of alerts, each with its kind.
    pub fn sink_names(&self) -> Vec<(&str, &'static str)> {
        self.delivery.sinks.iter().map(|sink| (sink.name.as_str(), sink.to.name())).collect()
    }

    pub(super) fn delivery_problems(&self, problems: &mut Vec<Problem>) {
        if cfg!(feature = "alerts") {
            return;
        }
        let sinks =
            self.delivery.sinks.iter().map(|sink| (format!("alerts.sinks.{}", sink.name), "receiver"));
        let hooks = self.hooks.iter().map(|hook| (format!("hooks.{}", hook.name), "hook over HTTP"));
        for (key, what) in sinks.chain(hooks) {
            let expected = format!("no {what}: this program is built without delivery");
            let problem = Problem::new(key, expected, "one");
            problems.push(problem.help("build it with the feature `alerts` of dihya"));
        }
    }
}

/// The receivers that could be read; the others are reported.
pub(super) fn read(values: &mut Values) -> DeliveryPolicy {
    let mut sinks = Vec::new();
    let names = values.named("alerts.sinks").to_vec();
    for (index, name) in names.iter().enumerate() {
        if index == rules::SINKS_MOST {
            let expected = format!("at most {} receivers", rules::SINKS_MOST);
            values.report(Problem::new(format!("alerts.sinks.{name}"), expected, "one more"));
        }
        sinks.extend(one(values, name));
    }
    DeliveryPolicy {
        spool: values.text("alerts.spool").map(PathBuf::from),
        spool_bytes: values.bytes("alerts.spool_bytes").unwrap_or(SPOOL_BYTES),
        sinks,
    }
}

fn one(values: &mut Values, name: &str) -> Option<SinkPolicy> {
    let table = format!("alerts.sinks.{name}");
    let key = |name: &str| format!("{table}.{name}");
    if !values.has(&key("type")) {
        let expected = format!("one of {}", To::NAMES.join(", "));
        values.report(Problem::new(key("type"), expected, "none"));
    }
    let kind = values.text(&key("type"))?.to_owned();
    let allowed: &[&str] = match kind.as_str() {
        "alertmanager" | "webhook" => &["url", "url_env", "url_file", "secret_env", "secret_file"],
        "slack" => &["url", "url_env", "url_file"],
        _ => &["host", "port", "tls", "from", "to", "user", "secret_env", "secret_file"],
    };
    for other in OF_ONE_KIND {
        if allowed.contains(&other) || !values.has(&key(other)) {
            continue;
        }
        let expected = format!("a key of the type {kind}: {}", allowed.join(", "));
        values.report_hidden(Problem::new(key(other), expected, format!("`{other}`")));
    }
    let to = match kind.as_str() {
        "alertmanager" => {
            let token = given::read_one(values, &table, "secret", false);
            let url = given::read_address(values, &table, true, token.is_none())?;
            To::Alertmanager { url, token }
        }
        "slack" => To::Slack { url: given::read_address(values, &table, false, false)? },
        "webhook" => {
            let key = given::read_needed(values, &table, "secret", false);
            To::Webhook { url: given::read_address(values, &table, true, true)?, key: key? }
        }
        _ => To::Smtp(smtp(values, &table)?),
    };
    let severity = values.text(&key("min_severity")).unwrap_or(Severity::Low.name());
    let min_severity = Severity::ALL.into_iter().find(|known| known.name() == severity)?;
    Some(SinkPolicy { name: name.to_owned(), to, min_severity })
}

fn smtp(values: &mut Values, table: &str) -> Option<Smtp> {
    let key = |name: &str| format!("{table}.{name}");
    for (name, expected) in [
        ("host", "the mail server's name"),
        ("from", "the address that the mail is from"),
        ("to", "the addresses that the mail goes to"),
    ] {
        if !values.has(&key(name)) {
            values.report(Problem::new(key(name), expected, "none"));
        }
    }
    let host = values.text(&key("host"))?.to_owned();
    let tls = match values.text(&key("tls")) {
        Some("none") => Tls::None,
        Some("starttls") => Tls::Starttls,
        _ => Tls::Implicit,
    };
    if tls == Tls::None && !given::is_here(&host) {
        let expected = "\"implicit\" or \"starttls\" for a server on another machine";
        values.report(Problem::new(key("tls"), expected, "\"none\""));
    }
    let login =
        match (values.text(&key("user")).map(str::to_owned), given::read_one(values, table, "secret", false))
        {
            (Some(user), Some(password)) => Some((user, password)),
            (None, None) => None,
            (Some(_), None) => {
                let expected = "secret_env or secret_file beside a user: its password";
                values.report(Problem::new(key("secret_env"), expected, "none"));
                None
            }
            (None, Some(_)) => {
                values.report(Problem::new(key("user"), "the user whose password this is", "none"));
                None
            }
        };
    let default = match tls {
        Tls::Implicit => 465,
        Tls::Starttls => 587,
        Tls::None => 25,
    };
    let port = values.number(&key("port")).and_then(|port| u16::try_from(port).ok()).unwrap_or(default);
    let to = values.texts(&key("to"))?.to_vec();
    if to.is_empty() {
        values.report(Problem::new(key("to"), "at least one address", "an empty list"));
    }
    Some(Smtp { host, port, tls, from: values.text(&key("from"))?.to_owned(), to, login })
}

/// Rows for the table of keys.
pub(super) const KEYS: &[Key] = &[
    key(
        "alerts.spool",
        Kind::Text(&rules::ROOT),
        "The folder in which alerts wait for their receivers, over restarts and crashes.",
    ),
    key(
        "alerts.spool_bytes",
        Kind::Bytes { min: keys::RECORD, max: 1 << 30 },
        "Bytes of alerts that may wait, all receivers together; beyond it the oldest are dropped, and counted.",
    ),
    key("alerts.sinks", Kind::Named(&rules::SINK), "The receivers of alerts, each with a name of its own."),
    key("alerts.sinks.*", Kind::Table, "One receiver."),
    key("alerts.sinks.*.type", Kind::Choice(&To::NAMES), "What kind of receiver it is."),
    key(
        "alerts.sinks.*.url",
        Kind::Text(&rules::ADDRESS),
        "Its address, https or http, if nothing in it is secret. Of Alertmanager the part before /api/v2.",
    ),
    key("alerts.sinks.*.url_env", Kind::Text(&rules::VARIABLE), "The environment variable with its address."),
    key("alerts.sinks.*.url_file", Kind::Text(&rules::FILE), "The file with its address, read each time."),
    key(
        "alerts.sinks.*.secret_env",
        Kind::Text(&rules::VARIABLE),
        "The environment variable with the webhook's key, Alertmanager's bearer token or the mail user's password.",
    ),
    key("alerts.sinks.*.secret_file", Kind::Text(&rules::FILE), "The file with the same, read each time."),
    key("alerts.sinks.*.min_severity", Kind::Choice(&SEVERITIES), "The least severe alert that it gets."),
    key("alerts.sinks.*.host", Kind::Text(&rules::HOST), "The mail server."),
    key("alerts.sinks.*.port", Kind::Number { min: 1, max: 65_535 }, "The mail server's port."),
    key(
        "alerts.sinks.*.tls",
        Kind::Choice(&Tls::NAMES),
        "How the way to the mail server is encrypted: from the start, by STARTTLS, or, on this machine alone, not at all.",
    ),
    key("alerts.sinks.*.from", Kind::Text(&rules::MAIL), "The address that mails are from."),
    key("alerts.sinks.*.to", Kind::Texts(&rules::MAIL), "The addresses that mails go to."),
    key("alerts.sinks.*.user", Kind::Text(&rules::USER), "The user of the mail server."),
];

const SEVERITIES: [&str; Severity::ALL.len()] = {
    let mut names = [""; Severity::ALL.len()];
    let mut index = 0;
    while index < names.len() {
        names[index] = Severity::ALL[index].name();
        index += 1;
    }
    names
};

/// Keys that not every type has.
const OF_ONE_KIND: [&str; 11] =
    ["url", "url_env", "url_file", "secret_env", "secret_file", "host", "port", "tls", "from", "to", "user"];

/// Some ten thousand alerts: more than anybody reads, less than a disk notices.
const SPOOL_BYTES: u64 = 10 << 20;

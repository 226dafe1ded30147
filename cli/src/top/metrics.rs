//! A running service by its metrics: Prometheus' text format over HTTP.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use dihya::Clock;

use super::Reader;
use super::sample::{Alert, Channel, Sample, Sealed};

pub(super) struct Metrics {
    agent: ureq::Agent,
    url: String,
    clock: Clock,
}

impl Metrics {
    pub(super) fn new(url: &str) -> Result<Metrics, String> {
        let Some(rest) = url.strip_prefix("http://") else {
            return Err(format!(
                "--metrics {url}: expected http://HOST:PORT/PATH; TLS is not spoken, a tunnel (`ssh -L`) does it"
            ));
        };
        // An address alone means the usual path.
        let url = if rest.contains('/') { url.to_owned() } else { format!("{url}/metrics") };
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(TIMEOUT))
            .max_redirects(0)
            .http_status_as_error(false)
            .build();
        Ok(Metrics { agent: config.into(), url, clock: Clock::system() })
    }

    fn ask(&self) -> Result<String, String> {
        let told = |error: ureq::Error| format!("{}: {error}", self.url);
        let mut answer = self.agent.get(&self.url).call().map_err(told)?;
        if answer.status().as_u16() != 200 {
            return Err(format!("{} answers {}", self.url, answer.status()));
        }
        answer.body_mut().with_config().limit(MOST).read_to_string().map_err(told)
    }
}

impl Reader for Metrics {
    fn sample(&mut self) -> Sample {
        let text = self.ask();
        let (taken, at) = (Instant::now(), self.clock.now());
        let mut sample = match &text {
            Ok(text) => read(text, taken, at),
            Err(_) => read("", taken, at),
        };
        sample.source = format!("metrics of {}", self.url);
        sample.error = match text {
            Err(error) => Some(error),
            Ok(_) if sample.channels.is_empty() => Some(format!("{} tells nothing of dihya", self.url)),
            Ok(_) => None,
        };
        sample
    }
}

/// What a service's metrics say.
pub(super) fn read(text: &str, taken: Instant, at: i64) -> Sample {
    let mut sample = Sample {
        taken,
        at,
        name: String::new(),
        source: String::new(),
        channels: Vec::new(),
        alerts: Vec::new(),
        redactions: 0,
        free_bytes: None,
        verified: None,
        attention: Vec::new(),
        error: None,
    };
    let mut channels: BTreeMap<String, Channel> = BTreeMap::new();
    for Line { name, labels, value } in text.lines().filter_map(line) {
        let label = |name: &str| labels.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let count = value.max(0.0) as u64;
        let time = || Some((value * 1e6) as i64).filter(|micros| *micros > 0);
        match (name, label("channel")) {
            ("redactions_total", _) => sample.redactions += count,
            ("disk_free_bytes", _) => sample.free_bytes = Some(count),
            ("alerts_total", _) if count > 0 => sample.alerts.push(Alert {
                detector: label("detector").unwrap_or_default(),
                severity: label("severity").unwrap_or_default(),
                fingerprint: String::new(),
                started: None,
                ended: None,
                count,
            }),
            ("verified_timestamp_seconds", Some(_)) => {
                // The channel that was verified longest ago speaks for the log; 0 is never.
                let at = (value * 1e6) as i64;
                let oldest = sample.verified.map_or(at, |(oldest, _)| oldest.min(at));
                sample.verified = Some((oldest, None));
            }
            ("integrity_broken", Some(channel)) if value > 0.0 => {
                sample.attention.push(format!("{channel} is damaged: `dihya verify` tells where"));
            }
            (_, Some(name_of)) => {
                let channel = channels
                    .entry(name_of.clone())
                    .or_insert_with(|| Channel { name: name_of, ..Channel::default() });
                match name {
                    "events_total" => channel.records += count,
                    "event_bytes_total" => channel.bytes += count,
                    "dropped_total" => channel.lost += count,
                    "queue_bytes" => channel.queue = Some((count, channel.queue.map_or(0, |(_, of)| of))),
                    "queue_capacity_bytes" => {
                        channel.queue = Some((channel.queue.map_or(0, |(bytes, _)| bytes), count));
                    }
                    "last_event_timestamp_seconds" => channel.newest = time(),
                    "seal_timestamp_seconds" => {
                        channel.sealed = time().map_or(Sealed::Unknown, Sealed::At);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
    }
    sample.channels = channels.into_values().collect();
    sample
}

struct Line<'a> {
    /// Without `dihya_`.
    name: &'a str,
    labels: Vec<(&'a str, String)>,
    value: f64,
}

/// A line of ours; `None` for any other.
fn line(text: &str) -> Option<Line<'_>> {
    let text = text.strip_prefix("dihya_")?;
    let end = text.find(['{', ' '])?;
    let (name, mut rest) = text.split_at(end);
    let mut labels = Vec::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        while !rest.starts_with('}') {
            let (key, after) = rest.trim_start_matches(',').split_once("=\"")?;
            let mut value = String::new();
            let mut chars = after.char_indices();
            rest = loop {
                match chars.next()? {
                    (at, '"') => break &after[at + 1..],
                    (_, '\\') => match chars.next()?.1 {
                        'n' => value.push('\n'),
                        other => value.push(other),
                    },
                    (_, other) => value.push(other),
                }
            };
            labels.push((key, value));
        }
        rest = rest.strip_prefix('}')?;
    }
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some(Line { name, labels, value })
}

const TIMEOUT: Duration = Duration::from_secs(3);
/// Far beyond what any service tells.
const MOST: u64 = 16 << 20;

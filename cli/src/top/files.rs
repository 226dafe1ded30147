//! A log by its files: the live shards are followed, and the ledger and the ends of the shards looked at now and then.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use dihya::archive::Identities;
use dihya::catalog::{Catalog, CatalogError, Places};
use dihya::query::{Follow, Query, time};
use dihya::status::Status;
use dihya::storage::{Local, Storage};
use dihya::{Clock, Policy};
use serde_json::Value;

use super::Reader;
use super::sample::{Alert, Channel, Sample, Sealed};

pub(super) struct Files {
    policy: Policy,
    places: Places,
    clock: Clock,
    storage: Arc<dyn Storage>,
    follow: Follow<'static>,
    channels: BTreeMap<String, Channel>,
    alerts: Vec<Alert>,
    redactions: u64,
    status: Status,
    looked: Instant,
}

impl Files {
    pub(super) fn new(policy: Policy, places: Places, clock: Clock) -> Result<Files, CatalogError> {
        let storage: Arc<dyn Storage> = Arc::new(Local);
        let catalog = Catalog::read(&*storage, &places, &clock)?;
        let status = Status::read(&storage, &policy, &places, &clock)?;
        let follow = Follow::new(&EVERYTHING, &Local, places.clone(), clock.clone(), &catalog);
        let mut files = Files {
            policy,
            places,
            clock,
            storage,
            follow,
            channels: BTreeMap::new(),
            alerts: Vec::new(),
            redactions: 0,
            status,
            looked: Instant::now(),
        };
        files.past_alerts(&catalog);
        Ok(files)
    }

    /// What fired in the last day.
    fn past_alerts(&mut self, catalog: &Catalog) {
        let query = Query {
            channels: vec!["security".to_owned()],
            since: Some(self.clock.now() - DAY),
            events: vec![FIRING.to_owned(), RESOLVED.to_owned()],
            ..Query::default()
        };
        let mut found = Vec::new();
        query.run(&self.storage, catalog, &Identities::none(), |record| {
            found.push(record.line.to_vec());
            ControlFlow::Continue(())
        });
        found.iter().for_each(|line| own(line, &mut self.alerts, &mut 0));
    }

    /// Counts what was written since the last time.
    fn count(&mut self) -> Result<(), CatalogError> {
        let Files { follow, channels, alerts, redactions, .. } = self;
        let polled = follow.poll(|found| {
            let (name, line) = (found.shard.id.channel(), found.line);
            let channel = match channels.get_mut(name) {
                Some(channel) => channel,
                None => channels
                    .entry(name.to_owned())
                    .or_insert_with(|| Channel { name: name.to_owned(), ..Channel::default() }),
            };
            channel.records += 1;
            channel.bytes += line.len() as u64 + 1;
            // What a service passes has its quotes escaped, and lies deeper.
            let text = std::str::from_utf8(line).unwrap_or_default();
            if text.contains("\"target\":\"dihya\"") {
                own(line, alerts, &mut channel.lost);
            }
            if text.contains(",\"redactions\":{") {
                *redactions += markers(line);
            }
            ControlFlow::Continue(())
        });
        polled.map(drop)
    }

    /// At most every few seconds: it opens two shards of each channel, and reads the ledger.
    fn look(&mut self) -> Result<(), CatalogError> {
        let catalog = Catalog::read(&*self.storage, &self.places, &self.clock)?;
        // Losses of the day were looked for once; new ones are seen as they come.
        self.status = Status::of(&*self.storage, &self.policy, &catalog, &self.clock, &BTreeMap::new());
        self.looked = Instant::now();
        Ok(())
    }
}

impl Reader for Files {
    fn sample(&mut self) -> Sample {
        let mut error = self.count().err();
        if self.looked.elapsed() > LOOK {
            error = error.or(self.look().err());
        }
        let status = &self.status;
        let names: Vec<&str> = self.policy.channel_names();
        let told = status.logs.iter().flat_map(|log| &log.channels);
        let mut channels: BTreeMap<&str, Channel> = BTreeMap::new();
        for told in told {
            let channel = channels.entry(&told.name).or_insert_with(|| {
                let counted = self.channels.get(&told.name).cloned();
                counted.unwrap_or_else(|| Channel { name: told.name.clone(), ..Channel::default() })
            });
            let newest = told.newest.as_ref().and_then(|text| time(text, 0).ok());
            channel.newest = channel.newest.max(newest);
            // One process with an open tail leaves the channel with one.
            channel.sealed = match (channel.sealed, told.sealed_lines, &told.newest) {
                (Sealed::OpenTail, ..) | (_, None, Some(_)) => Sealed::OpenTail,
                (_, Some(_), _) => Sealed::ToTheEnd,
                (before, ..) => before,
            };
        }
        let place = |name: &str| names.iter().position(|known| *known == name).unwrap_or(names.len());
        let mut channels: Vec<Channel> = channels.into_values().collect();
        channels.sort_by_key(|channel| place(&channel.name));
        let path = |path: &PathBuf| path.display().to_string();
        let ledgers = || status.logs.iter().filter_map(|log| log.ledger.as_ref());
        let verified = ledgers().filter_map(|ledger| ledger.verified.as_ref());
        let verified = verified.filter_map(|(at, whole)| Some((time(at, 0).ok()?, Some(*whole)))).min();
        Sample {
            taken: Instant::now(),
            at: self.clock.now(),
            name: self.places.roots.first().map(path).unwrap_or_default(),
            source: match status.logs.len() {
                0 | 1 => "from its files".to_owned(),
                n => format!("from the files of {n} processes"),
            },
            channels,
            alerts: self.alerts.clone(),
            redactions: self.redactions,
            free_bytes: self.places.roots.iter().filter_map(|root| self.storage.free_bytes(root).ok()).min(),
            verified: verified.or_else(|| ledgers().next().map(|_| (0, None))),
            attention: status.logs.iter().flat_map(|log| log.alerts.clone()).collect(),
            error: error.map(|error| error.to_string()),
        }
    }
}

/// A record of the layer itself: a loss or an alert.
fn own(line: &[u8], alerts: &mut Vec<Alert>, lost: &mut u64) {
    let Ok(record) = serde_json::from_slice::<Value>(line) else { return };
    if record["target"] != "dihya" {
        return;
    }
    let attributes = &record["attributes"];
    let event = record["event_name"].as_str().unwrap_or_default();
    if event == "sys_records_lost" {
        *lost += attributes["records"].as_u64().unwrap_or_default();
    }
    if event != FIRING && event != RESOLVED {
        return;
    }
    let text = |name: &str| attributes[name].as_str().unwrap_or_default().to_owned();
    let at = record["timestamp"].as_str().and_then(|text| time(text, 0).ok());
    let (detector, fingerprint) = (text("detector"), text("fingerprint"));
    let is_same = |alert: &&mut Alert| {
        alert.ended.is_none() && alert.detector == detector && alert.fingerprint == fingerprint
    };
    let count = attributes["count"].as_u64().unwrap_or_default();
    let ended = at.filter(|_| event == RESOLVED);
    match alerts.iter_mut().find(is_same) {
        Some(alert) => (alert.count, alert.ended) = (alert.count.max(count), ended),
        None => {
            let severity = text("severity");
            // The newest stand first.
            alerts.insert(0, Alert { detector, severity, fingerprint, started: at, ended, count });
        }
    }
    alerts.truncate(MOST);
}

fn markers(line: &[u8]) -> u64 {
    let record: Value = serde_json::from_slice(line).unwrap_or_default();
    let redactions = record["redactions"].as_object();
    redactions.into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
}

static EVERYTHING: LazyLock<Query> = LazyLock::new(Query::default);

const FIRING: &str = "alert_firing";
const RESOLVED: &str = "alert_resolved";
const DAY: i64 = 86_400_000_000;
const LOOK: Duration = Duration::from_secs(5);
/// As many alerts as somebody scrolls through.
const MOST: usize = 200;

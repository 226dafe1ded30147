//! Alerts from their records: what fired when, and until when.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::Log;
use super::count::{Own, micros};
use super::scan::Counted;
use crate::catalog::Catalog;
use crate::ledger;

/// An alert, from its first record to its last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Alert {
    /// What found it.
    pub detector: String,
    /// `low`, `medium`, `high`, `critical`.
    pub severity: String,
    /// What it is about: a keyed hash, which tells the same from another and nothing more.
    pub fingerprint: String,
    /// The process, where there are several.
    pub instance: Option<String>,
    /// When it began.
    pub started: String,
    /// When it was last told of.
    pub told: String,
    /// When it was resolved.
    pub ended: Option<String>,
    /// It was not, since its process ended before: nobody knows until when it lasted.
    pub is_cut: bool,
    /// How much was counted.
    pub count: u64,
}

impl Alert {
    /// Whether it goes on, as far as is known.
    pub fn is_firing(&self) -> bool {
        self.ended.is_none() && !self.is_cut
    }
}

/// The alerts, the newest first, and how many records of alerts were too many to be kept.
pub(super) fn fold(counted: &Counted, catalog: &Catalog, logs: &[Log]) -> (Vec<Alert>, u64) {
    let mut records: Vec<(&Path, &Own)> = Vec::new();
    let mut left_out = 0;
    for ((base, _), counts) in &counted.groups {
        records.extend(counts.own.iter().filter(|own| is_alert(own)).map(|own| (base.as_path(), own)));
        left_out += counts.own_left_out;
    }
    records.sort_by_key(|(_, own)| own.at);
    let instance = |path: &Path| {
        catalog.bases.iter().find(|base| base.path == path).and_then(|base| base.instance.clone())
    };
    let changes: BTreeMap<&Path, &[i64]> =
        logs.iter().map(|log| (log.status.path.as_path(), log.process_changes.as_slice())).collect();
    let mut alerts: Vec<Alert> = Vec::new();
    // Of each process, detector and fingerprint the one that is not resolved: its place in the list, and its last record.
    let mut open: BTreeMap<(&Path, String, String), (usize, i64)> = BTreeMap::new();
    for (base, own) in records {
        let changes = changes.get(base).copied().unwrap_or_default();
        let is_cut = |told: i64| changes.iter().any(|at| (told..own.at).contains(at));
        let key = (base, text(own, "detector"), text(own, "fingerprint"));
        // What is said again by the same process goes on; another process does not know of it.
        let known = open.get(&key).filter(|(_, told)| !is_cut(*told)).map(|(index, _)| *index);
        let index = known.unwrap_or_else(|| {
            alerts.push(Alert {
                detector: key.1.clone(),
                severity: text(own, "severity"),
                fingerprint: key.2.clone(),
                instance: instance(base),
                started: ledger::time(started(own)),
                told: String::new(),
                ended: None,
                is_cut: false,
                count: 0,
            });
            alerts.len() - 1
        });
        if let Some((left, _)) = open.insert(key.clone(), (index, own.at)).filter(|(left, _)| *left != index)
        {
            alerts[left].is_cut = true;
        }
        let alert = &mut alerts[index];
        alert.told = ledger::time(own.at);
        alert.count =
            alert.count.max(own.attributes.get("count").and_then(Value::as_u64).unwrap_or_default());
        if own.event == RESOLVED {
            alert.ended = Some(ledger::time(own.at));
            open.remove(&key);
        }
    }
    for ((base, ..), (index, told)) in open {
        alerts[index].is_cut = changes.get(base).is_some_and(|changes| changes.iter().any(|at| *at > told));
    }
    alerts.sort_by(|a, b| b.started.cmp(&a.started).then_with(|| a.detector.cmp(&b.detector)));
    (alerts, left_out)
}

fn is_alert(own: &Own) -> bool {
    own.event == FIRING || own.event == RESOLVED
}

fn text(own: &Own, name: &str) -> String {
    own.attributes.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// As a time in RFC 3339, or in microseconds; the record's own without either.
fn started(own: &Own) -> i64 {
    match own.attributes.get("started") {
        Some(Value::String(text)) => micros(text).unwrap_or(own.at),
        Some(Value::Number(number)) => number.as_i64().unwrap_or(own.at),
        _ => own.at,
    }
}

const FIRING: &str = "alert_firing";
const RESOLVED: &str = "alert_resolved";

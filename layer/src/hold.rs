//! Holds: what must not be purged or erased, whatever its age, and who answers for that.
//!
//! A hold is a fact of the ledger, set and released there and nowhere else: [`in_force`] reads which ones hold. Its
//! scope is channels, a range of time, tenants, subjects and names of events; a record is held that fits all the parts
//! that the scope has. A shard goes as a whole or not at all, so a hold that can match one of its records keeps all.
//!
//! A doubt holds: a hold of the ledger that this version cannot read keeps everything, and a line that cannot be read
//! counts as a match.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead as _, BufReader};
use std::path::Path;

use chrono::{DateTime, NaiveDate};
use serde::Deserialize;

use crate::ledger::{Entry, Fact};
use crate::storage::Storage;

/// A hold in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its name, unique among those in force.
    pub id: String,
    /// What it keeps.
    pub scope: Scope,
    /// Why: the case, its number.
    pub ground: String,
    /// Who answers for it.
    pub owner: String,
    /// When it is to be looked at again, in microseconds since 1970-01-01T00:00:00Z: a hold without an end is a
    /// retention that nobody decided.
    pub review: i64,
    /// When it was set, as the ledger tells.
    pub since: String,
}

/// What a hold keeps. An empty list or bound does not narrow it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// Names of channels.
    pub channels: Vec<String>,
    /// Records from this moment on, in microseconds since 1970-01-01T00:00:00Z.
    pub from: Option<i64>,
    /// Records before this moment.
    pub to: Option<i64>,
    /// Values of `tenant_id`.
    pub tenants: Vec<String>,
    /// Values of `subject_id`, as they stand in the records.
    pub subjects: Vec<String>,
    /// Values of `event_name`.
    pub events: Vec<String>,
}

impl Scope {
    /// Whether some record of this channel, written between these times, can be in scope.
    pub fn can_match(&self, channel: &str, first: i64, last: i64) -> bool {
        (self.channels.is_empty() || self.channels.iter().any(|name| name == channel))
            && self.from.is_none_or(|from| last >= from)
            && self.to.is_none_or(|to| first < to)
    }

    /// Whether channel and time alone decide, so that no record has to be read.
    pub fn is_by_shard(&self) -> bool {
        self.tenants.is_empty() && self.subjects.is_empty() && self.events.is_empty()
    }

    fn holds(&self, line: &[u8]) -> bool {
        let Ok(record) = serde_json::from_slice::<Line>(line) else { return true };
        if record.seal.is_some() {
            return false;
        }
        let is_in = |list: &[String], value: &Option<String>| {
            list.is_empty() || value.as_ref().is_some_and(|value| list.contains(value))
        };
        is_in(&self.tenants, &record.tenant_id)
            && is_in(&self.subjects, &record.subject_id)
            && is_in(&self.events, &record.event_name)
    }
}

/// In a few words, for a list: `audit, security; 2026-01-01 to 2026-03-31; tenant t_42`.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        parts.push(if self.channels.is_empty() { "all channels".into() } else { self.channels.join(", ") });
        match (self.from, self.to) {
            (None, None) => {}
            (from, to) => {
                let (from, to) = (from.map(date), to.map(|to| date(to - 1)));
                parts.push(match (from, to) {
                    (Some(from), Some(to)) => format!("{from} to {to}"),
                    (Some(from), None) => format!("from {from}"),
                    (_, to) => format!("to {}", to.unwrap_or_default()),
                });
            }
        }
        for (name, list) in [("tenant", &self.tenants), ("subject", &self.subjects), ("event", &self.events)]
        {
            if !list.is_empty() {
                parts.push(format!("{name} {}", list.join(", ")));
            }
        }
        f.write_str(&parts.join("; "))
    }
}

/// The part of a record that a hold looks at.
#[derive(Deserialize)]
struct Line {
    tenant_id: Option<String>,
    subject_id: Option<String>,
    event_name: Option<String>,
    seal: Option<serde::de::IgnoredAny>,
}

impl Hold {
    /// Whether its review is due.
    pub fn is_expired(&self, now: i64) -> bool {
        now >= self.review
    }

    /// The fact to be appended to the ledger.
    ///
    /// # Errors
    /// What is missing or cannot be written down.
    pub fn fact(&self) -> Result<Fact, String> {
        let texts = [("id", &self.id), ("ground", &self.ground), ("owner", &self.owner)];
        for (name, text) in texts {
            if text.trim().is_empty() {
                return Err(format!("a hold needs its {name}: who asks later must find it"));
            }
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if self.id.len() > 64 || !self.id.chars().all(plain) {
            return Err("a hold's id is 1 to 64 letters, digits, `.`, `-` and `_`".into());
        }
        if let (Some(from), Some(to)) = (self.scope.from, self.scope.to)
            && from >= to
        {
            return Err("a hold ends after it begins".into());
        }
        let mut hold = BTreeMap::new();
        let mut put =
            |name: &str, text: String| (!text.is_empty()).then(|| hold.insert(name.to_owned(), text));
        put("ground", self.ground.clone());
        put("owner", self.owner.clone());
        put("review", date(self.review));
        put("from", self.scope.from.map(crate::ledger::time).unwrap_or_default());
        put("to", self.scope.to.map(crate::ledger::time).unwrap_or_default());
        for (name, list) in self.scope.lists() {
            if list.iter().any(|item| item.is_empty() || item.contains('\n')) {
                return Err(format!("one of the {name} is empty or has a line break"));
            }
            put(name, list.join("\n"));
        }
        Ok(Fact::HoldSet { id: self.id.clone(), hold })
    }

    fn read(id: &str, since: &str, hold: &BTreeMap<String, String>) -> Option<Hold> {
        let known = ["ground", "owner", "review", "from", "to", "channels", "tenants", "subjects", "events"];
        if hold.keys().any(|key| !known.contains(&key.as_str())) {
            return None;
        }
        let list = |name: &str| hold.get(name).map(|text| text.split('\n').map(str::to_owned).collect());
        let moment = |name: &str| match hold.get(name) {
            None => Some(None),
            Some(text) => Some(Some(DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())),
        };
        Some(Hold {
            id: id.to_owned(),
            scope: Scope {
                channels: list("channels").unwrap_or_default(),
                from: moment("from")?,
                to: moment("to")?,
                tenants: list("tenants").unwrap_or_default(),
                subjects: list("subjects").unwrap_or_default(),
                events: list("events").unwrap_or_default(),
            },
            ground: hold.get("ground")?.clone(),
            owner: hold.get("owner")?.clone(),
            review: day(hold.get("review")?)?,
            since: since.to_owned(),
        })
    }
}

impl Scope {
    fn lists(&self) -> [(&'static str, &Vec<String>); 4] {
        [
            ("channels", &self.channels),
            ("tenants", &self.tenants),
            ("subjects", &self.subjects),
            ("events", &self.events),
        ]
    }
}

/// The holds that a ledger's entries leave in force, the oldest first.
pub fn in_force<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> Vec<Hold> {
    let mut holds: Vec<Hold> = Vec::new();
    for entry in entries {
        match &entry.fact {
            Fact::HoldSet { id, hold } => {
                holds.push(Hold::read(id, &entry.timestamp, hold).unwrap_or_else(|| Hold {
                    id: id.clone(),
                    scope: Scope::default(),
                    ground: "this version cannot read the hold, so it keeps everything".into(),
                    owner: hold.get("owner").cloned().unwrap_or_default(),
                    review: i64::MIN,
                    since: entry.timestamp.clone(),
                }));
            }
            Fact::HoldReleased { id } => holds.retain(|hold| hold.id != *id),
            _ => {}
        }
    }
    holds
}

/// How many records of a plain shard each hold matches, by its content. Reads all of it.
///
/// # Errors
/// If it cannot be read: then nothing is known, and the holds keep it.
pub fn count(storage: &dyn Storage, shard: &Path, holds: &[&Hold]) -> io::Result<Vec<u64>> {
    let mut counts = vec![0; holds.len()];
    let mut reader = BufReader::with_capacity(256 * 1024, storage.read(shard, 0)?);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line)? > 0 {
        for (count, hold) in counts.iter_mut().zip(holds) {
            *count += u64::from(hold.scope.holds(&line));
        }
        line.clear();
    }
    Ok(counts)
}

/// The UTC date of a moment.
pub fn date(unix_micros: i64) -> String {
    DateTime::from_timestamp_micros(unix_micros).unwrap_or_default().date_naive().to_string()
}

/// The beginning of a date such as `2026-11-20`, UTC.
pub fn day(text: &str) -> Option<i64> {
    let date: NaiveDate = text.parse().ok().filter(|date: &NaiveDate| date.to_string() == text)?;
    i64::from(date.to_epoch_days()).checked_mul(86_400_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Memory;

    fn hold(id: &str, scope: Scope) -> Hold {
        Hold {
            id: id.into(),
            scope,
            ground: "case 12".into(),
            owner: "legal".into(),
            review: day("2027-01-01").unwrap(),
            since: String::new(),
        }
    }

    fn entries(facts: Vec<Fact>) -> Vec<Entry> {
        facts.into_iter().map(Entry::from).collect()
    }

    #[test]
    fn a_hold_is_read_back_from_the_ledger_as_it_was_set() {
        let scope = Scope {
            channels: vec!["audit".into(), "api".into()],
            from: day("2026-01-01"),
            to: day("2026-04-01"),
            tenants: vec!["t, 42".into(), "t_43".into()],
            subjects: vec!["p-7".into()],
            events: vec!["sensitive_read".into()],
        };
        let hold = hold("case-12", scope);
        assert_eq!(in_force(&entries(vec![hold.fact().unwrap()])), std::slice::from_ref(&hold));
        assert_eq!(
            hold.scope.to_string(),
            "audit, api; 2026-01-01 to 2026-03-31; tenant t, 42, t_43; subject p-7; event sensitive_read"
        );
    }

    #[test]
    fn a_released_hold_is_not_in_force_and_the_others_are() {
        let (one, two) = (hold("one", Scope::default()), hold("two", Scope::default()));
        let facts = vec![one.fact().unwrap(), two.fact().unwrap(), Fact::HoldReleased { id: "one".into() }];
        assert_eq!(in_force(&entries(facts)), [two]);
    }

    #[test]
    fn a_hold_that_cannot_be_read_keeps_everything() {
        let odd = |key: &str, text: &str| {
            let Ok(Fact::HoldSet { id, hold: mut map }) = hold("odd", Scope::default()).fact() else {
                panic!()
            };
            map.insert(key.into(), text.into());
            in_force(&entries(vec![Fact::HoldSet { id, hold: map }]))[0].clone()
        };
        assert!(!odd("owner", "legal").is_expired(0));
        for (key, text) in [("phase_of_moon", "new"), ("from", "yesterday"), ("review", "soon")] {
            let hold = odd(key, text);
            assert!(hold.scope.can_match("app", 0, 0) && hold.scope.is_by_shard(), "{key}");
            assert!(hold.is_expired(0), "somebody has to look at it: {key}");
        }
    }

    #[test]
    fn a_hold_without_a_ground_owner_or_sound_id_is_not_set() {
        assert!(hold("a", Scope::default()).fact().is_ok());
        for odd in [
            Hold { ground: " ".into(), ..hold("a", Scope::default()) },
            Hold { owner: String::new(), ..hold("a", Scope::default()) },
            hold("a b", Scope::default()),
            hold("a", Scope { from: Some(2), to: Some(2), ..Scope::default() }),
            hold("a", Scope { tenants: vec!["a\nb".into()], ..Scope::default() }),
        ] {
            assert!(odd.fact().is_err());
        }
    }

    #[test]
    fn channel_and_time_decide_by_shard_and_the_end_is_not_in_scope() {
        let scope =
            Scope { channels: vec!["audit".into()], from: Some(100), to: Some(200), ..Scope::default() };
        assert!(scope.can_match("audit", 0, 100) && scope.can_match("audit", 199, 500));
        assert!(!scope.can_match("audit", 0, 99) && !scope.can_match("audit", 200, 500));
        assert!(!scope.can_match("app", 0, 500));
    }

    #[test]
    fn records_are_counted_that_fit_all_parts_of_the_scope() {
        let disk = Memory::new();
        let lines = [
            r#"{"tenant_id":"t1","event_name":"read"}"#,
            r#"{"tenant_id":"t1","event_name":"write"}"#,
            r#"{"tenant_id":"t2","event_name":"read"}"#,
            r#"{"event_name":"read"}"#,
            r#"{"seal":{"size":4,"root":"","sig":""}}"#,
        ];
        disk.put("/s", format!("{}\n", lines.join("\n")).as_bytes());
        let by = |tenants: &[&str], events: &[&str]| {
            let list = |texts: &[&str]| texts.iter().map(|t| (*t).to_owned()).collect();
            hold("h", Scope { tenants: list(tenants), events: list(events), ..Scope::default() })
        };
        let holds = [by(&["t1"], &[]), by(&["t1", "t2"], &["read"]), by(&["t3"], &[])];
        let counts = count(&disk, Path::new("/s"), &holds.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(counts, [2, 2, 0]);
        disk.put("/torn", b"{\"tenant_id\":\"t1");
        assert_eq!(count(&disk, Path::new("/torn"), &[&holds[2]]).unwrap(), [1], "a doubt holds");
    }
}

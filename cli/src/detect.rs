//! `dihya detect`: the detectors of anomalies over a log that is written already.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dihya::alert::{Alert, Replay, Status};
use dihya::archive::Identities;
use dihya::catalog::{Base, Catalog, Places};
use dihya::ledger::{self, Entry, Fact};
use dihya::query::{Query, Summary, text_of_time};
use dihya::storage::{Local, Storage};
use dihya::{Clock, Policy};

use crate::Answer;
use crate::log::Where;
use crate::progress::Bar;
use crate::query::Reading;
use crate::query::filters::between;

pub(crate) const HELP: &str = "\
Examples:
  dihya detect --since 14d --reason 'tuning'           what would have fired in two weeks
  dihya detect --policy new.toml --since 14d           the same with the thresholds of another policy
  dihya detect --replay security/2026-11-20            one shard alone
  dihya detect --since 3d --json | jq -r .detector | sort | uniq -c

The same detectors as in the service, with the thresholds of the policy's [alerts], see the records in the order of their times,
and the ledger's entries between them. What is usual (volume, networks, a user's own measure) has to be learned first: begin a
day or two before what you want to see, and leave no channel out.

Alerts name nobody: `dihya query --where id=…` shows the record that counted last. Reading audit or security is entered in the
ledger, with the reason.

Exit codes: 0 all of it was read, whatever was found; 1 something could not be read or recorded; 2 not understood.";

#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Where,
    /// Only these shards: ids such as security/2026-11-20, or files
    #[arg(long, value_name = "SHARD", num_args = 1..)]
    replay: Vec<String>,
    /// Only this instance's records
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    /// Only this channel; may be given more than once, or with commas
    #[arg(long, short, value_name = "NAME", value_delimiter = ',')]
    channel: Vec<String>,
    /// Nothing before this time, as in `dihya query`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Nothing at or after this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Each alert as JSON, one per line, for programs
    #[arg(long)]
    json: bool,
    /// Why audit or security is read; goes into the ledger
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A file of age identities, for encrypted archives
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
}

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
        let clock = Clock::system();
        let (policy, places) = self.place.places()?;
        let places = Places { instance: self.instance.clone(), ..places };
        let mut catalog = Catalog::read(&Local, &places, &clock).map_err(|error| wrong(&error))?;
        self.choose(&mut catalog)?;
        let query = self.query(&catalog)?;
        let identities = match &self.identity {
            Some(file) => Identities::load(file).map_err(|error| wrong(&error))?,
            None => Identities::none(),
        };
        let reading = Reading::new(query, &policy, &catalog, self.reason.as_deref())?;
        let mut answer = Answer::fine("");
        if !places.remote.is_empty() {
            let stores = places.remote.join(", ");
            let text =
                format!("note: shards archived in {stores} are not read; `dihya restore` brings them here\n");
            answer.err.push_str(&text);
        }
        let mut logs = Logs::new(&policy, clock.now());
        let summary = reading.on_record(&policy, &catalog, &mut answer, |query| {
            Ok(logs.replay(query, &catalog, &identities))
        })?;
        for (shard, path, why) in &summary.unread {
            answer.err.push_str(&format!("error: {shard} was not read ({}): {why}\n", path.display()));
            answer.code = 1;
        }
        for (base, why) in &logs.unread {
            answer.warn(&format!("the ledger of {} was not read: {why}", base.display()));
        }
        let alerts = logs.end();
        answer.out = if self.json { json(&alerts) } else { table(&alerts, summary.records) }.into_bytes();
        Ok(answer)
    }

    /// Leaves those shards that were named.
    fn choose(&self, catalog: &mut Catalog) -> Result<(), Answer> {
        if self.replay.is_empty() {
            return Ok(());
        }
        for name in &self.replay {
            if !catalog.shards.iter().any(|shard| is(name, &shard.id.to_string(), &shard.path)) {
                return Err(Answer::wrong(format!(
                    "error: there is no shard {name} here; `dihya plan` lists them, such as security/2026-11-20\n"
                )));
            }
        }
        catalog
            .shards
            .retain(|shard| self.replay.iter().any(|name| is(name, &shard.id.to_string(), &shard.path)));
        Ok(())
    }

    fn query(&self, catalog: &Catalog) -> Result<Query, Answer> {
        let (since, until) = between(self.since.as_deref(), self.until.as_deref())?;
        let there: Vec<String> = catalog.channels().into_iter().map(str::to_owned).collect();
        if let Some(name) = self.channel.iter().find(|name| !there.contains(name)) {
            let there = there.join(", ");
            return Err(Answer::wrong(format!(
                "error: no channel {name:?} has records here; there are: {there}\n"
            )));
        }
        // Each by its name, so that none is left out in silence for want of a reason.
        let channels = if self.channel.is_empty() { there } else { self.channel.clone() };
        Ok(Query { channels, since, until, ..Query::default() })
    }
}

/// Whether somebody means this shard.
fn is(name: &str, id: &str, path: &Path) -> bool {
    name == id
        || Path::new(name)
            .canonicalize()
            .is_ok_and(|named| path.canonicalize().is_ok_and(|path| path == named))
}

/// A set of detectors for each process that wrote, as it had them.
struct Logs<'p> {
    policy: &'p Policy,
    now: i64,
    replays: BTreeMap<PathBuf, Replay>,
    unread: Vec<(PathBuf, String)>,
}

impl Logs<'_> {
    fn new(policy: &Policy, now: i64) -> Logs<'_> {
        Logs { policy, now, replays: BTreeMap::new(), unread: Vec::new() }
    }

    fn replay(&mut self, query: &Query, catalog: &Catalog, identities: &Identities) -> Summary {
        let storage: Arc<dyn Storage> = Arc::new(Local);
        for base in &catalog.bases {
            let replay = Replay::new(self.policy, self.now)
                .of_instance(base.instance.clone())
                .salted(Arc::clone(&storage), &base.state);
            let replay = match entries(base, query) {
                Ok(entries) => replay.with_ledger(entries),
                Err(why) => {
                    self.unread.push((base.path.clone(), why));
                    replay
                }
            };
            self.replays.insert(base.path.clone(), replay);
        }
        let shards = catalog
            .shards
            .iter()
            .filter(|shard| query.channels.iter().any(|name| name == shard.id.channel()));
        // Of archived ones it is not known how many bytes they have.
        let total = shards.map(|shard| if shard.is_plain() { shard.bytes } else { 8 * shard.bytes }).sum();
        let bar = Bar::new(total);
        let (mut bytes, mut records) = (0, 0_u64);
        let summary = query.run(&storage, catalog, identities, |found| {
            if let Some(replay) = self.replays.get_mut(&found.shard.base) {
                replay.record(found.shard.id.channel(), found.line);
            }
            bytes += found.line.len() as u64 + 1;
            records += 1;
            if records.is_multiple_of(8192) {
                bar.reach(bytes, total, found.shard.id.to_string());
            }
            ControlFlow::Continue(())
        });
        bar.end();
        summary
    }

    /// All alerts, by the time at which they were said.
    fn end(self) -> Vec<Alert> {
        let mut alerts = Vec::new();
        for mut replay in self.replays.into_values() {
            replay.end();
            alerts.append(&mut replay.take());
        }
        alerts.sort_by_key(|alert| alert.updated_at);
        alerts
    }
}

/// What the ledger tells of the time asked for; and before it, which policies were in force.
fn entries(base: &Base, query: &Query) -> Result<Vec<Entry>, String> {
    if !base.path.join("ledger").is_dir() {
        return Ok(Vec::new());
    }
    let (origin, key) = ledger::first_key(&Local, &base.path).map_err(|error| error.to_string())?;
    let reading =
        ledger::read(&Local, &base.path.join("ledger"), &origin, &key).map_err(|error| error.to_string())?;
    let (since, until) = (query.since.map(text_of_time), query.until.map(text_of_time));
    let mut entries: Vec<Entry> = reading.entries.into_iter().map(|(_, entry)| entry).collect();
    entries.retain(|entry| {
        let is_policy = matches!(entry.fact, Fact::LogOpened { .. } | Fact::PolicyChanged { .. });
        let after = since.as_ref().is_none_or(|since| is_policy || entry.timestamp >= *since);
        after && until.as_ref().is_none_or(|until| entry.timestamp < *until)
    });
    Ok(entries)
}

fn json(alerts: &[Alert]) -> String {
    alerts.iter().filter_map(|alert| serde_json::to_string(alert).ok()).map(|line| line + "\n").collect()
}

fn table(alerts: &[Alert], records: u64) -> String {
    let mut out = String::new();
    let mut fired: BTreeMap<&str, u64> = BTreeMap::new();
    if !alerts.is_empty() {
        let _ = writeln!(
            out,
            "{:<20} {:<8} {:<8} {:<22} {:<16} {:<36}  SUMMARY",
            "TIME", "STATUS", "SEVERITY", "DETECTOR", "FINGERPRINT", "RECORD"
        );
    }
    for alert in alerts {
        if alert.status == Status::Firing {
            *fired.entry(&alert.detector).or_default() += 1;
        }
        let at = text_of_time(alert.updated_at);
        let at = at.get(..19).unwrap_or(&at);
        let _ = writeln!(
            out,
            "{:<20} {:<8} {:<8} {:<22} {:<16} {:<36}  {}",
            format!("{at}Z"),
            alert.status.name(),
            alert.severity.name(),
            alert.detector,
            alert.fingerprint,
            alert.record.as_deref().unwrap_or("-"),
            alert.summary,
        );
    }
    let counts: Vec<String> = fired.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let counts = if counts.is_empty() { "nothing".to_owned() } else { counts.join(", ") };
    let _ = writeln!(out, "{records} records; would have fired: {counts}");
    out
}

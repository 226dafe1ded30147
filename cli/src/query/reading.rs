//! Reading of the audit and security channels, on record.
//!
//! The entry stands in the ledger before the first record is shown, so that a reader who is stopped on the way leaves it
//! too. What cannot be entered is not shown. Only where there is no ledger or no key, as in a copy of the log, nothing can
//! be entered; then that is said.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use dihya::catalog::{Base, Catalog, CatalogError, Shard};
use dihya::ledger::{Fact, Ledger};
use dihya::operation::{Kind, Operation, Outcome};
use dihya::query::{Query, Summary};
use dihya::{Clock, Policy};

use crate::{Answer, log};

/// Channels whose reading is itself recorded.
const EVIDENCE: [&str; 2] = ["audit", "security"];

/// A query, and what it needs to be answered.
pub(crate) struct Reading {
    query: Query,
    evidence: Vec<&'static str>,
    reason: Option<String>,
}

impl Reading {
    /// Finds out what evidence the query would read, and asks for the reason.
    pub(crate) fn new(
        mut query: Query,
        policy: &Policy,
        catalog: &Catalog,
        reason: Option<&str>,
    ) -> Result<Reading, Answer> {
        let there = catalog.channels();
        let named = !query.channels.is_empty();
        let asked = |name: &&str| match named {
            true => query.channels.iter().any(|asked| asked == name),
            false => there.contains(name),
        };
        let evidence: Vec<&str> = EVIDENCE.into_iter().filter(asked).collect();
        let given = reason.map(str::to_owned).or_else(|| std::env::var("DIHYA_REASON").ok());
        let given = given.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if given.is_some() || evidence.is_empty() {
            return Ok(Reading { query, evidence, reason: given });
        }
        let mut rest: Vec<String> =
            there.into_iter().chain(policy.channel_names()).map(str::to_owned).collect();
        rest.retain(|name| !EVIDENCE.contains(&name.as_str()));
        if named || !catalog.shards.iter().any(|shard| rest.iter().any(|name| name == shard.id.channel())) {
            let reason = Some(ask(&evidence)?);
            return Ok(Reading { query, evidence, reason });
        }
        // All channels were asked for, and no reason given: the rest is what most people want.
        say(&format!(
            "note: {} left out, since reading that is recorded with its reason: give one with --reason\n",
            match evidence[..] {
                [one] => format!("{one} is"),
                _ => format!("{} are", evidence.join(" and ")),
            }
        ));
        query.channels = rest;
        Ok(Reading { query, evidence: Vec::new(), reason: None })
    }

    /// Enters the reading, shows what was asked for, and enters how much it was.
    pub(crate) fn on_record(
        &self,
        policy: &Policy,
        catalog: &Catalog,
        answer: &mut Answer,
        show: impl FnOnce(&Query) -> Result<Summary, CatalogError>,
    ) -> Result<Summary, Answer> {
        let clock = Clock::system();
        let caller = log::caller();
        let kind = if self.evidence.is_empty() { Kind::Query } else { Kind::QueryEvidence };
        let denied = caller.may(kind, policy).is_err();
        let mut ledgers = Vec::new();
        for base in &catalog.bases {
            let channels = self.read_of(base, catalog);
            if (denied || !channels.is_empty())
                && let Some(ledger) = self.ledger(base, &clock)?
            {
                ledgers.push((ledger, channels));
            }
        }
        let mut operations = Vec::new();
        for (ledger, channels) in &ledgers {
            let begun = Operation::begin(kind, policy, ledger, &clock, &caller, None, self.reason.as_deref());
            let operation = begun.map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
            for channel in channels {
                let fact = Fact::Read { channel: (*channel).to_owned(), query: self.query.to_string() };
                operation.record(fact).map_err(|error| {
                    Answer::wrong(format!(
                        "error: {channel} is not shown, because its reading cannot be entered in the ledger: {error}\n"
                    ))
                })?;
            }
            operations.push(operation);
        }
        if catalog.bases.is_empty() && !self.evidence.is_empty() {
            say("note: only what was imported lies here, and no ledger: this reading is recorded nowhere\n");
        }
        // Without a ledger there was nobody to begin an operation with.
        caller.may(kind, policy).map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
        let summary = show(&self.query).map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
        let outcome = if summary.unread.is_empty() { Outcome::Success } else { Outcome::Partial };
        for mut operation in operations {
            operation.add("records", summary.records);
            operation.add("bytes", summary.bytes);
            if let Err(error) = operation.end(outcome) {
                answer.warn(&format!("how much was read cannot be entered in the ledger: {error}"));
            }
        }
        Ok(summary)
    }

    /// The evidence that lies in a base.
    fn read_of(&self, base: &Base, catalog: &Catalog) -> Vec<&'static str> {
        // What was imported is read from the log that it was imported into.
        let taken_in = |shard: &Shard| {
            let import = catalog.imported.iter().find(|import| import.path == shard.base);
            import.is_some_and(|import| base.path.starts_with(&import.root))
        };
        let here = |channel: &&str| {
            let of_channel = |shard: &&Shard| shard.id.channel() == *channel;
            catalog.shards.iter().filter(of_channel).any(|shard| shard.base == base.path || taken_in(shard))
        };
        self.evidence.iter().copied().filter(here).collect()
    }

    fn ledger(&self, base: &Base, clock: &Clock) -> Result<Option<Ledger>, Answer> {
        let ledger = log::ledger(base, clock).map_err(|error| {
            Answer::wrong(format!(
                "error: this cannot be recorded in the ledger of {}, and so is not shown: {error}\n",
                base.path.display()
            ))
        })?;
        if ledger.is_none() {
            say(&format!(
                "note: {} has no ledger or no key, as a copy has none: this reading is recorded nowhere\n",
                base.path.display()
            ));
        }
        Ok(ledger)
    }
}

/// Asks on a terminal; a script must say it.
fn ask(evidence: &[&str]) -> Result<String, Answer> {
    let channels = evidence.join(" and ");
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        say(&format!("Why is {channels} read? The answer goes into the ledger: "));
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        let reason = line.trim();
        if read.is_ok() && !reason.is_empty() {
            return Ok(reason.to_owned());
        }
    }
    Err(Answer::unclear(format!(
        "error: reading {channels} is recorded with its reason; give one with --reason, or in DIHYA_REASON for a session\n"
    )))
}

/// On standard error, at once: what comes after it may go on for long. It may be closed.
fn say(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

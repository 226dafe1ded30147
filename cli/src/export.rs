//! `dihya export`: records or whole shards with their proofs, in a folder that is checked without the log.

use std::path::PathBuf;
use std::sync::Arc;

use dihya::Clock;
use dihya::archive::Identities;
use dihya::bundle::{self, BundleError, Request};
use dihya::catalog::{Base, Places, ShardId};
use dihya::hook::{self, Happened, Moment};
use dihya::ledger::Fact;
use dihya::operation::Kind;
use dihya::storage::{Local, Storage};

use crate::Answer;
use crate::log::{Because, Where};
use crate::plan::size;
use crate::query::filters::Filters;
use crate::recorded::Leaving;
use crate::verify::{code, shard_id};

/// What goes out, where to, and who says so.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    because: Because,
    /// Only this instance's records
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    #[command(flatten)]
    filters: Filters,
    /// Only this shard; may be given more than once
    #[arg(long, value_name = "SHARD", value_parser = shard_id)]
    shard: Vec<ShardId>,
    /// Every shard with a record that fits goes in whole: then nothing of it can have been left out
    #[arg(long)]
    whole_shards: bool,
    /// A file of age identities, for encrypted archives
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// The folder to write, which is not there yet or is empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) const HELP: &str = "\
Without a condition on records, shards go in whole. With one, the records that fit go in, and hashes stand for the others;
who gets them sees that they are from the log, unchanged and in this place, and not whether others fit as well: that takes
--whole-shards. Times, fields and conditions are as for `dihya query`.

Everything that goes in is verified first, with the ledger; what is not as it was sealed is refused. That it goes out is
entered in the ledger before it does, and this entry, with operator and reason, goes with it.

Examples:
  dihya export --channel audit --since 2026-11-01 --until 2026-12-01 --reason \"case 12\" --out case-12
  dihya export --where subject_id=p-77 --whole-shards --reason \"request of the data subject\" --out p-77
  dihya export --shard audit/2026-11-20 --reason \"auditor\" --out nov-20
  dihya verify --bundle case-12 --vkey clinic.vkey     whoever gets it checks it, without the log

Exit codes: 0 written, 1 nothing fits or it is not whole, 2 not understood, 3 something could not be read or written.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        if self.because.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
            return Err(Answer::unclear(
                "error: an export is recorded with its reason, for whoever reads of it years later: --reason \"…\"\n",
            ));
        }
        let request =
            Request { query: self.filters.query()?, shards: self.shard.clone(), whole: self.whole_shards };
        let (policy, places) = self.place.places()?;
        let places = Places { instance: self.instance.clone(), ..places };
        let (clock, storage): (_, Arc<dyn Storage>) = (Clock::system(), Arc::new(Local));
        let identities = match &self.identity {
            Some(file) => Identities::load(file).map_err(|error| code(3, format!("error: {error}\n")))?,
            None => Identities::none(),
        };
        let chosen =
            bundle::select(&storage, &places, &clock, &identities, &request).map_err(|e| told(&e))?;
        let bases: Vec<&Base> = chosen.logs().map(|(base, _)| base).collect();
        let total: u64 = chosen.logs().map(|(_, records)| records).sum();
        let fact = |path: &std::path::Path| {
            let records = chosen.logs().find(|(base, _)| base.path == path).map_or(0, |(_, records)| records);
            Fact::Exported { query: request.to_string(), records }
        };
        let out = &self.out;
        let mut answer = Leaving::of(Kind::Export, &bases, &clock)?.on_record(
            &policy,
            &clock,
            &self.because,
            fact,
            |entered| {
                let entry = |base: &std::path::Path| entered.get(base).map(|(line, _)| *line);
                let done = bundle::write(&storage, &chosen, &identities, out, &entry).map_err(|e| told(&e))?;
                let name = out.display();
                let text = format!(
                    "wrote {name}: {total} records of {} shards, {} files, {}; `dihya verify --bundle {name} --vkey KEY` \
                     checks it\n",
                    done.shards,
                    done.files,
                    size(done.bytes)
                );
                let mut answer = Answer::fine(text);
                for (base, records) in chosen.logs() {
                    let session = entered.get(&base.path).map_or("", |(_, session)| session);
                    let happened = Happened::new(Moment::Export, session, &policy, &clock);
                    let happened = happened.counting(records, done.bytes).ending("success");
                    for (hook, why) in hook::run_now(&policy, &happened.of(base.instance.as_deref())) {
                        answer.warn(&format!("the hook {hook} was not told of this export: {why}"));
                    }
                }
                Ok((answer, total))
            },
        )?;
        if !places.remote.is_empty() {
            answer.err.push_str(&format!(
                "note: shards archived in {} are not looked at; `dihya restore` brings them here\n",
                places.remote.join(", ")
            ));
        }
        Ok(answer)
    }
}

pub(crate) fn told(error: &BundleError) -> Answer {
    let read = matches!(error, BundleError::Io { .. } | BundleError::Catalog(_));
    code(if read { 3 } else { 1 }, format!("error: {error}\n"))
}

//! `dihya tiles`: shards in the form that other people's verifiers read.

use std::path::PathBuf;
use std::sync::Arc;

use dihya::Clock;
use dihya::catalog::{Base, Shard, ShardId, State};
use dihya::key::Public;
use dihya::ledger::Fact;
use dihya::operation::Kind;
use dihya::storage::Local;
use dihya::tiles;
use dihya::verify::{Report, Verifier};

use crate::Answer;
use crate::recorded::{Leaving, Taking};
use crate::verify::{catalog, code};

/// Which shards, and where to.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    taking: Taking,
    /// The folder to write to: with --shard the shard's own, without it every shard gets one below
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

pub(crate) const HELP: &str = "\
Examples:
  dihya tiles --shard audit/2026-11-20 --out tiles
  dihya tiles --root /var/log/clinic --out /srv/tiles

Writes C2SP tlog-tiles: tile/<L>/<N>, tile/entries/<N>, checkpoint. The last column is the shard's key as outside
verifiers want it (a vkey under the shard's origin).

Exit codes: 0 written, 1 a shard is not what its checkpoint signs or has none, 2 not understood, 3 something could not be
read or written.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let (policy, places) = self.taking.place.places()?;
        let catalog = catalog(&places)?;
        let wanted = |id: &ShardId| self.taking.shard.as_ref().is_none_or(|shard| shard == id);
        let readable = |state| !matches!(state, State::Archived { encrypted: true });
        let shards: Vec<_> =
            catalog.shards.iter().filter(|shard| wanted(&shard.id) && readable(shard.state)).collect();
        if shards.is_empty() {
            return Err(code(3, "error: there is no such shard here; `dihya status` lists them\n".into()));
        }
        // Nothing of a channel that no shard has: only the ledger is read, for the key.
        let report = Verifier::new(Arc::new(Local), places).channel("-").run(&|_| {});
        let report = report.map_err(|error| code(3, format!("error: {error}\n")))?;
        let of = |base: &&Base| shards.iter().any(|shard| shard.base == base.path);
        let bases: Vec<&Base> = catalog.bases.iter().filter(of).collect();
        let clock = Clock::system();
        let what = self.taking.shard.as_ref().map_or_else(|| "every shard".to_owned(), ShardId::to_string);
        // Every line of a shard leaves with its tiles: how many those are stands in the operation's end.
        let fact = Fact::Exported { query: format!("tiles of {what}"), records: 0 };
        Leaving::of(Kind::Export, &bases, &clock)?.on_record(
            &policy,
            &clock,
            &self.taking.because,
            |_| fact.clone(),
            |_| Ok(self.write(&shards, &report)),
        )
    }

    /// The tiles, and how many lines are in them.
    fn write(&self, shards: &[&Shard], report: &Report) -> (Answer, u64) {
        let mut answer = Answer::fine("");
        let mut lines = 0;
        for shard in shards {
            let out = match (&self.taking.shard, &shard.instance) {
                (Some(_), _) => self.out.clone(),
                (None, Some(instance)) => self.out.join(instance).join(shard.id.to_string()),
                (None, None) => self.out.join(shard.id.to_string()),
            };
            match tiles::write(&(Arc::new(Local) as _), shard, &out) {
                Ok(written) => {
                    lines += written.size;
                    let base = report.bases.iter().find(|base| base.path == shard.base);
                    let key = base.and_then(|base| base.vkey.as_deref()).and_then(Public::from_vkey);
                    let vkey = key.map_or_else(|| "-".into(), |(_, key)| key.vkey(&written.origin));
                    let line = format!(
                        "{}\t{} lines\t{} files\t{vkey}\n",
                        out.display(),
                        written.size,
                        written.files
                    );
                    answer.out.extend_from_slice(line.as_bytes());
                }
                Err(error) => {
                    answer.err.push_str(&format!("error: {error}\n"));
                    let unread = matches!(error, tiles::TilesError::Io { .. });
                    answer.code = answer.code.max(if unread { 3 } else { 1 });
                }
            }
        }
        (answer, lines)
    }
}

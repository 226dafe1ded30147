//! `dihya restore`: archived shards into a folder of their own.

use std::path::PathBuf;
use std::sync::Arc;

use dihya::archive::{Identities, Restorer, Selection};
use dihya::catalog::ShardId;
use dihya::operation::Kind;
use dihya::storage::Local;
use serde_json::json;

use crate::Answer;
use crate::progress::Bar;
use crate::task::{Opened, Task, outcome, wrong};

/// What is restored where, and who says so.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    task: Task,
    /// The folder to restore into: neither inside nor around the log or its archives
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Only this shard
    #[arg(long, value_name = "CHANNEL/DAY")]
    shard: Option<ShardId>,
    /// Only this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Only shards with records at this time or later: 2026-11-20, or 2026-11-20T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = time)]
    from: Option<String>,
    /// Only shards with records at this time or earlier; 2026-11 is all of that month
    #[arg(long, value_name = "TIME", value_parser = time)]
    to_time: Option<String>,
    /// The file of an identity of age, for archives that are encrypted
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) const HELP: &str = "\
Each shard is fetched from the first store that returns it whole, decrypted, decompressed, and held against the Merkle
root in the ledger before it gets its name. The archive stays where it is. What is there already and whole is left.

Examples:
  dihya restore --to /tmp/back --shard audit/2026-11-20 --reason \"case 12\"
  dihya restore --to /tmp/back --channel audit --from 2026-11 --to-time 2026-12 --identity operator.key --reason \"audit\"

Exit codes: 0 all of it is restored, 1 something is not (told on standard error), 2 not understood.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let identities = match &self.identity {
            Some(file) => Identities::load(file).map_err(|error| wrong(&error))?,
            None => Identities::none(),
        };
        let selection = Selection {
            shard: self.shard.clone(),
            channel: self.channel.clone(),
            from: self.from.clone(),
            to: self.to_time.clone(),
        };
        let opened = self.task.open()?;
        let Opened { policy, logs, .. } = &opened;
        let several = logs.len() > 1;
        let mut answer = Answer::fine("");
        let mut done = Vec::new();
        let mut found = false;
        for log in logs {
            let ledger = log.ledger.read().map_err(|error| wrong(&error))?;
            let shards = selection.of(&ledger);
            found |= !shards.is_empty();
            if self.task.dry_run {
                opened.may_look()?;
                for shard in shards {
                    answer.out.extend(format!("{shard}  would be restored\n").into_bytes());
                    done.push(json!({ "shard": shard.to_string() }));
                }
                continue;
            }
            if shards.is_empty() {
                continue;
            }
            let mut operation = opened.begin(Kind::Restore, log)?;
            // Shards of two instances may have one id.
            let to = match log.base.file_name().filter(|_| several) {
                Some(instance) => self.to.join(instance),
                None => self.to.clone(),
            };
            let storage = Arc::new(Local);
            let restorer = Restorer::open(policy, storage, &log.base, &log.ledger, &identities, &to)
                .map_err(|error| wrong(&error))?;
            let mut bar = Bar::new(0);
            let (mut whole, mut failed) = (0, 0);
            for shard in shards {
                let record = |fact| operation.record(fact).map(drop);
                let name = shard.to_string();
                match restorer.run(&ledger, &shard, &record, &mut |bytes| bar.at(&name, bytes)) {
                    Ok(path) => {
                        whole += 1;
                        answer.out.extend(format!("{}\n", path.display()).into_bytes());
                        done.push(json!({ "shard": shard.to_string(), "path": path }));
                    }
                    Err(error) => {
                        failed += 1;
                        answer.warn(&format!("{shard} is not restored: {error}"));
                    }
                }
            }
            bar.end();
            operation.add("shards", whole);
            let outcome = outcome(failed, usize::try_from(whole).unwrap_or(usize::MAX));
            operation.end(outcome).map_err(|error| wrong(&error))?;
        }
        if !found {
            answer.warn("no archived shard fits; `dihya plan` lists what lies where");
        }
        if self.json {
            answer.out = format!("{:#}\n", json!(done)).into_bytes();
        }
        Ok(answer)
    }
}

/// The beginning of an RFC 3339 time in UTC, as the ledger writes them: compared as text.
fn time(text: &str) -> Result<String, String> {
    let pattern = b"0000-00-00T00:00:00.000000Z";
    let fits = text.len() >= 4
        && text.len() <= pattern.len()
        && text
            .bytes()
            .zip(pattern)
            .all(|(b, p)| if *p == b'0' { b.is_ascii_digit() } else { b == *p || b == b'Z' });
    let text = text.strip_suffix('Z').unwrap_or(text);
    if fits {
        Ok(text.to_owned())
    } else {
        Err("not a time in UTC such as 2026-11-20 or 2026-11-20T09:00:00Z".to_owned())
    }
}

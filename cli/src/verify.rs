//! `dihya verify`: whether a log is what was sealed; and the same of one proof file.

pub(crate) mod bundle;
mod recording;

use std::fmt::Write as _;
use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use dihya::catalog::{Catalog, NotAShardId, Places, Shard, ShardId};
use dihya::storage::Local;
use dihya::verify::bundle::{Bundle, BundleError, Which};
use dihya::verify::{Report, Severity, Verifier, first_difference};
use dihya::{Clock, note};
use serde_json::json;

use crate::Answer;
use crate::log::{Because, Where};
use crate::progress::Bar;

use recording::Recording;

/// What to verify, and against what.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    because: Because,
    /// Only the shards of this channel
    #[arg(long, value_name = "NAME")]
    channel: Option<String>,
    /// Only this shard: audit/2026-11-20
    #[arg(long, value_name = "SHARD", value_parser = shard_id)]
    shard: Option<ShardId>,
    /// That this record is in the log: its id, or with --shard its index (from 0)
    #[arg(long, value_name = "ID|INDEX")]
    record: Option<String>,
    /// A checkpoint that was kept elsewhere: the log must begin with what it signs. May be given more than once
    #[arg(long, visible_alias = "since", value_name = "FILE")]
    checkpoint: Vec<PathBuf>,
    /// The key that was noted when the log was begun, or a file with it
    #[arg(long, value_name = "KEY|FILE")]
    vkey: Option<String>,
    /// The folder of the lock file and the key, if it is not `state` in the log's own
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,
    /// An older copy of the shard, or a folder of its tiles: names the first line that differs
    #[arg(long, value_name = "FILE|DIR", requires = "shard")]
    against: Option<PathBuf>,
    /// A folder of `dihya export`, or a proof file of `dihya prove`, instead of a log; a proof file needs --vkey
    #[arg(long, value_name = "DIR|FILE", conflicts_with_all = ["root", "policy", "channel", "shard", "record"])]
    bundle: Option<PathBuf>,
    /// Check the signature of every seal, and not only of each log's last one, which vouches for all before it
    #[arg(long)]
    every_signature: bool,
    /// So many threads [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) const HELP: &str = "\
Examples:
  dihya verify                                     the whole log of the policy in this folder
  dihya verify --root /var/log/clinic --json       any root, for programs
  dihya verify --vkey clinic.vkey                  with the key that you noted: the log's own word is not taken for it
  dihya verify --since last-month.checkpoint       the log only grew since then
  dihya verify --shard audit/2026-11-20 --record 0197a1c2-7d3e-7000-8000-0123456789ab
  dihya verify --bundle record.tlog-proof --vkey clinic.vkey     one record, without its log
  dihya verify --bundle case-12 --vkey clinic.vkey               an export, without its log

The log is not changed and not locked: a service may go on meanwhile. With a policy, its roles say who may, and what was
found is entered in the ledger, unless the ledger itself is not whole. Without one, as for a copy, nothing is written.

Exit codes: 0 whole, 1 something is wrong, 2 not understood, 3 something could not be read (and nothing else is wrong).";

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let vkey = self.vkey.as_deref().map(key).transpose()?;
        if let Some(file) = &self.bundle {
            if file.is_dir() {
                return bundle::checked(file, vkey.as_deref(), self.json);
            }
            let needs = "error: a proof file is checked under the key that was noted: name it with --vkey\n";
            let vkey = vkey.ok_or_else(|| Answer::unclear(needs))?;
            return proof(file, &vkey, self.json);
        }
        let began = Instant::now();
        // 1 is for a log that is not whole.
        let of_the_place =
            |answer: Answer| Answer { code: if answer.code == 1 { 3 } else { answer.code }, ..answer };
        let (policy, places) = self.place.places().map_err(of_the_place)?;
        let all = catalog(&places)?;
        let recording = Recording { policy: &policy, because: &self.because, began };
        if self.place.has_policy() {
            recording.may(&all.bases)?;
        }
        let shard = match &self.record {
            Some(record) if self.shard.is_none() => Some(holder(&places, self.channel.as_deref(), record)?),
            _ => self.shard.clone(),
        };
        let mut verifier = Verifier::new(Arc::new(Local), places.clone());
        if let Some(name) = &self.channel {
            verifier = verifier.channel(name);
        }
        if let Some(id) = &shard {
            verifier = verifier.shard(id.clone());
        }
        if let Some(vkey) = &vkey {
            verifier = verifier.vkey(vkey).ok_or_else(|| unclear_key(vkey))?;
        }
        for file in &self.checkpoint {
            let text = fs::read_to_string(file).map_err(|error| unread(file, &error))?;
            if note::Checkpoint::read(&text).is_none() {
                return Err(Answer::unclear(format!("error: {} is no checkpoint\n", file.display())));
            }
            verifier = verifier.checkpoint(file, text);
        }
        if let Some(folder) = &self.state {
            verifier = verifier.state(folder);
        }
        if let Some(threads) = self.threads {
            verifier = verifier.threads(threads);
        }
        if self.every_signature {
            verifier = verifier.every_signature();
        }
        let bar = Bar::new(all.shards.iter().map(|shard| shard.bytes).sum());
        let report = verifier.run(&|progress| {
            let what = format!("{} of {} shards", progress.shards, progress.of_shards);
            bar.reach(progress.bytes, progress.of_bytes, what);
        });
        bar.end();
        let report = report.map_err(|error| code(3, format!("error: {error}\n")))?;
        if let Some(id) = self.shard.as_ref().filter(|_| report.shards.is_empty()) {
            let known =
                report.findings.iter().any(|finding| finding.defect.to_string().contains(&id.to_string()));
            if !known {
                return Err(code(
                    3,
                    format!("error: there is no shard {id} here; `dihya status` lists them\n"),
                ));
            }
        }
        let mut more = String::new();
        let mut whole = report.is_whole();
        let proved = match (&self.record, &shard) {
            (Some(record), Some(id)) => Some(self.record(&places, id, record, vkey.as_deref(), &report)?),
            _ => None,
        };
        if let Some((said, holds)) = &proved {
            more.push_str(said);
            whole &= holds;
        }
        if let (Some(copy), Some(shard)) = (&self.against, report.shards.first()) {
            let line = first_difference(&Local, &shard.file, copy).map_err(|error| unread(copy, &error))?;
            more.push_str(&match line {
                Some((line, offset)) => format!(
                    "{}:{line} (byte {offset}): the first line that differs from {}\n",
                    shard.file.display(),
                    copy.display()
                ),
                None => format!("{} begins with all of {}\n", shard.file.display(), copy.display()),
            });
        }
        let what = match (&shard, &self.channel) {
            (Some(id), _) => id.to_string(),
            (None, Some(channel)) => channel.clone(),
            (None, None) => "root".to_owned(),
        };
        let notes = match self.place.has_policy() {
            true => recording.enter(&what, &all.bases, &report, whole == report.is_whole()),
            false => {
                "note: no policy was named, and so nothing was written, and this is recorded nowhere\n".into()
            }
        };
        let out = if self.json {
            let said = (!more.is_empty()).then_some(more);
            let text = serde_json::to_string_pretty(&json!({
                "whole": whole, "read": report.is_read(), "bases": report.bases, "shards": report.shards,
                "imports": report.imports, "findings": report.findings, "said": said,
            }));
            text.unwrap_or_default() + "\n"
        } else {
            shown(&report, &more, whole)
        };
        let unread_only = report
            .findings
            .iter()
            .all(|finding| finding.severity() == Severity::Note || finding.defect.name() == "unread");
        Ok(Answer {
            code: match whole {
                true => 0,
                false if !report.is_read() && unread_only => 3,
                false => 1,
            },
            err: notes,
            ..Answer::fine(out)
        })
    }

    /// The way from a record to the checkpoint beside its shard.
    fn record(
        &self,
        places: &Places,
        id: &ShardId,
        record: &str,
        vkey: Option<&str>,
        report: &Report,
    ) -> Result<(String, bool), Answer> {
        let shard = find(places, id)?;
        let made = Bundle::of(&(Arc::new(Local) as _), &shard, &Which::parse(record))
            .map_err(|e| proof_error(&e))?;
        let own = report.bases.iter().find(|base| base.path == shard.base).and_then(|base| base.vkey.clone());
        let Some(vkey) = vkey.map(str::to_owned).or(own) else {
            return Err(Answer::wrong(
                "error: nothing says which key signs this log: name it with --vkey KEY\n",
            ));
        };
        Ok(match made.verify(&vkey) {
            Ok(checkpoint) => (
                format!(
                    "record {record} is line {} of {id}: {} hashes lead from it to the checkpoint of {} lines\n",
                    made.index + 1,
                    made.proof.len(),
                    checkpoint.size
                ),
                true,
            ),
            Err(why) => (format!("record {record} of {id} is not proved: {why}\n"), false),
        })
    }
}

/// The newest form of a shard that can be read.
pub(crate) fn find(places: &Places, id: &ShardId) -> Result<Shard, Answer> {
    let catalog = catalog(places)?;
    let found = catalog.find(id).next().cloned();
    found.ok_or_else(|| code(3, format!("error: there is no shard {id} here; `dihya status` lists them\n")))
}

pub(crate) fn catalog(places: &Places) -> Result<Catalog, Answer> {
    Catalog::read(&Local, places, &Clock::system()).map_err(|error| code(3, format!("error: {error}\n")))
}

/// The shard that has a record of this id: the newest are looked through first.
pub(crate) fn holder(places: &Places, channel: Option<&str>, record: &str) -> Result<ShardId, Answer> {
    if record.parse::<u64>().is_ok() {
        return Err(Answer::unclear("error: an index needs its shard: --shard audit/2026-11-20\n"));
    }
    let which = Which::parse(record);
    for shard in catalog(places)?.shards.iter().rev() {
        if channel.is_some_and(|channel| channel != shard.id.channel()) {
            continue;
        }
        match Bundle::of(&(Arc::new(Local) as _), shard, &which) {
            Ok(_) | Err(BundleError::NotCovered { .. } | BundleError::NotTheCheckpoint { .. }) => {
                return Ok(shard.id.clone());
            }
            Err(_) => {}
        }
    }
    Err(Answer::wrong(format!("error: no record has the id {record}; `dihya query` finds ids\n")))
}

pub(crate) fn proof_error(error: &BundleError) -> Answer {
    match error {
        BundleError::Io { .. } => code(3, format!("error: {error}\n")),
        _ => Answer::wrong(format!("error: {error}\n")),
    }
}

/// A vkey, or the file that holds it.
pub(crate) fn key(text: &str) -> Result<String, Answer> {
    let path = Path::new(text);
    if dihya::key::Public::from_vkey(text).is_none() && path.is_file() {
        let text = fs::read_to_string(path).map_err(|error| unread(path, &error))?;
        return Ok(text.trim().to_owned());
    }
    match dihya::key::Public::from_vkey(text) {
        Some(_) => Ok(text.trim().to_owned()),
        None => Err(unclear_key(text)),
    }
}

fn unclear_key(text: &str) -> Answer {
    Answer::unclear(format!(
        "error: {text}: neither a key nor a file with one; a key is NAME+ID+BASE64, as `dihya verify` prints it\n"
    ))
}

pub(crate) fn code(code: u8, err: String) -> Answer {
    Answer { code, ..Answer::wrong(err) }
}

fn unread(path: &Path, error: &std::io::Error) -> Answer {
    code(3, format!("error: cannot read {}: {error}\n", path.display()))
}

pub(crate) fn shard_id(text: &str) -> Result<ShardId, NotAShardId> {
    text.parse()
}

fn proof(file: &Path, vkey: &str, json: bool) -> Result<Answer, Answer> {
    let text = fs::read_to_string(file).map_err(|error| unread(file, &error))?;
    let read = Bundle::parse(&text);
    let checked = read.as_ref().map_err(|why| *why).and_then(|bundle| bundle.verify(vkey));
    let name = file.display();
    let (out, whole) = match (&read, &checked) {
        (Ok(bundle), Ok(checkpoint)) if json => {
            let record: serde_json::Value = serde_json::from_slice(&bundle.record).unwrap_or_default();
            let text = json!({
                "whole": true, "log": checkpoint.origin, "index": bundle.index, "size": checkpoint.size,
                "root": checkpoint.root, "record": record,
            });
            (format!("{text:#}\n"), true)
        }
        (Ok(bundle), Ok(checkpoint)) => (
            format!(
                "{}\nwhole: line {} of {}, as its checkpoint of {} lines signs\n",
                String::from_utf8_lossy(&bundle.record),
                bundle.index + 1,
                checkpoint.origin,
                checkpoint.size
            ),
            true,
        ),
        (_, Err(why)) if json => (format!("{:#}\n", json!({ "whole": false, "why": why })), false),
        (_, Err(why)) => (format!("NOT PROVED: {name}: {why}\n"), false),
        (Err(why), Ok(_)) => (format!("NOT PROVED: {name}: {why}\n"), false),
    };
    Ok(Answer { code: u8::from(!whole), ..Answer::fine(out) })
}

fn shown(report: &Report, more: &str, whole: bool) -> String {
    let mut out = String::new();
    for base in &report.bases {
        let name = base.path.display();
        let key = base.vkey.as_deref().unwrap_or("no key");
        let trust = if base.pinned { "the one that was given" } else { "as the log names it" };
        let _ = writeln!(out, "{name}: {} entries in the ledger\n  key {key} ({trust})", base.entries);
    }
    let width = report.shards.iter().map(|shard| shard.shard.len()).max().unwrap_or(0);
    for shard in &report.shards {
        let instance = shard.instance.as_deref().map(|name| format!(" ({name})")).unwrap_or_default();
        let _ = writeln!(
            out,
            "  {:width$}  {:9} {:>9} records  {:>7} seals{instance}",
            shard.shard, shard.state, shard.records, shard.seals
        );
    }
    for import in &report.imports {
        let (origin, shards, records) = (&import.origin, import.shards, import.records);
        let _ = writeln!(out, "  imported from {origin}: {shards} shards, {records} records");
    }
    out.push_str(more);
    for finding in &report.findings {
        let word = if finding.severity() == Severity::Wrong { "WRONG" } else { "note" };
        let _ = writeln!(out, "{word:5}  {finding}\n       {}", finding.advice());
    }
    let records: u64 = report.shards.iter().map(|shard| shard.records).sum();
    let wrong = report.findings.iter().filter(|finding| finding.severity() == Severity::Wrong).count();
    let notes = report.findings.len() - wrong;
    let verdict = if whole { "whole" } else { "NOT WHOLE" };
    let _ = writeln!(
        out,
        "{verdict}: {} shards, {records} records, {} bytes; {wrong} wrong, {notes} noted",
        report.shards.len(),
        report.bytes()
    );
    out
}

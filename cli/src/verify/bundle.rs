//! What `dihya verify --bundle DIR` tells of an export.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

use dihya::bundle::{Checker, Contents, LogContents};
use dihya::storage::Local;

use super::{code, unclear_key};
use crate::Answer;

pub(super) fn checked(folder: &Path, vkey: Option<&str>, json: bool) -> Result<Answer, Answer> {
    let contents = checker(folder, vkey)?.run().map_err(|error| code(3, format!("error: {error}\n")))?;
    let out = match json {
        true => {
            let mut value = serde_json::to_value(&contents).unwrap_or_default();
            value["whole"] = contents.is_whole().into();
            format!("{value:#}\n")
        }
        false => shown(&contents),
    };
    Ok(Answer { code: u8::from(!contents.is_whole()), ..Answer::fine(out) })
}

pub(crate) fn checker(folder: &Path, vkey: Option<&str>) -> Result<Checker, Answer> {
    let checker = Checker::new(Arc::new(Local), folder);
    match vkey {
        Some(vkey) => checker.vkey(vkey).ok_or_else(|| unclear_key(vkey)),
        None => Ok(checker),
    }
}

fn shown(contents: &Contents) -> String {
    let mut out = String::new();
    for log in &contents.logs {
        self::log(log, &mut out);
    }
    for problem in &contents.problems {
        let _ = writeln!(out, "WRONG  {problem}");
    }
    for note in &contents.notes {
        let _ = writeln!(out, "note   {note}");
    }
    let shards: usize = contents.logs.iter().map(|log| log.shards.len()).sum();
    let verdict = if contents.is_whole() { "whole" } else { "NOT WHOLE" };
    let _ = writeln!(out, "{verdict}: {} records of {shards} shards", contents.records());
    out
}

fn log(log: &LogContents, out: &mut String) {
    let key = log.vkey.as_deref().unwrap_or("no key");
    let trust = if log.pinned { "the one that was given" } else { "as the bundle names it" };
    let _ = writeln!(out, "{}\n  key {key} ({trust})", log.origin);
    if let Some(entry) = &log.export {
        let who = entry.operator.as_deref().unwrap_or("the service");
        let why = entry.reason.as_deref().unwrap_or("no reason given");
        let _ = writeln!(out, "  exported {} by {who}: {why}", entry.timestamp);
    }
    for shard in &log.shards {
        let state = if shard.closed { "closed" } else { "open" };
        let of = format!("{} of {} lines", shard.lines, shard.size);
        let what = if shard.whole { "whole".to_owned() } else { of };
        let _ = writeln!(out, "  {}  {state:6}  {:>9} records  {what}", shard.shard, shard.records);
    }
}

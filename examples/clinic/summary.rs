//! The report at the end, 100 columns wide, and the verdict.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::Ordering;

use dihya::Channel;

use crate::driver::Answers;
use crate::files::{Entry, Kind, Stored};
use crate::metrics::Samples;
use crate::secrets::Search;

/// All that was observed of a run.
pub(crate) struct Run<'a> {
    pub(crate) answers: &'a Answers,
    pub(crate) seconds: f64,
    pub(crate) entries: &'a [Entry],
    pub(crate) stored: &'a BTreeMap<String, Stored>,
    pub(crate) metrics: &'a Samples,
    pub(crate) search: &'a Search,
    /// Safe fields, and whether each was found.
    pub(crate) safe: &'a [(&'static str, bool)],
}

impl Run<'_> {
    /// What went wrong, one sentence each; empty when the run passed.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        for ((kind, text), hits) in &self.search.found {
            faults.push(format!("a secret was found: {kind}, {hits} times in {text}"));
        }
        for (name, _) in self.safe.iter().filter(|(_, found)| !found) {
            faults.push(format!("a safe field is missing from the log: {name}"));
        }
        for (channel, lost) in self.metrics.by("dihya_dropped_total", "channel") {
            if lost > 0 {
                faults.push(format!("channel {channel} lost {lost} records"));
            }
        }
        for (channel, counted) in self.metrics.by("dihya_events_total", "channel") {
            let stored = self.stored.get(&channel).map_or(0, |stored| stored.records);
            if stored != counted {
                faults.push(format!("channel {channel} counted {counted} records, its files hold {stored}"));
            }
        }
        for entry in self.entries {
            let wanted = if matches!(entry.kind, Kind::Folder) { 0o700 } else { 0o600 };
            if !matches!(entry.kind, Kind::Link(_)) && entry.mode != wanted {
                faults.push(format!(
                    "{} has mode {:04o}, not {wanted:04o}",
                    entry.path.display(),
                    entry.mode
                ));
            }
        }
        match self.answers.none.load(Ordering::Relaxed) {
            0 => {}
            none => faults.push(format!("{none} requests got no answer")),
        }
        faults
    }

    /// The whole report.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(&mut text);
        text
    }

    /// Its end alone.
    pub(crate) fn verdict(&self) -> String {
        let mut text = String::new();
        let _ = self.write_verdict(&mut text);
        text
    }

    fn write(&self, out: &mut String) -> std::fmt::Result {
        let [ok, refused, failed] = [&self.answers.ok, &self.answers.refused, &self.answers.failed]
            .map(|n| n.load(Ordering::Relaxed));
        writeln!(
            out,
            "\nRequests    {} in {:.1} s: {ok} succeeded, {refused} were refused, {failed} failed on purpose",
            self.answers.total(),
            self.seconds
        )?;
        self.events(out)?;
        self.redactions(out)?;
        self.alerts(out)?;
        self.files(out)?;
        self.samples(out)?;
        self.write_verdict(out)
    }

    fn events(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nEvents      {:>9} {:>11} {:>6}   by level", "records", "bytes", "lost")?;
        let lost: BTreeMap<_, _> = self.metrics.by("dihya_dropped_total", "channel").into_iter().collect();
        for (channel, records) in self.metrics.by("dihya_events_total", "channel") {
            let stored = self.stored.get(&channel);
            let levels = stored.map_or_else(String::new, |stored| {
                let levels = stored.by_level.iter().map(|(level, n)| format!("{level} {n}"));
                levels.collect::<Vec<_>>().join("  ")
            });
            let bytes = stored.map_or(0, |stored| stored.bytes);
            let lost = lost.get(&channel).copied().unwrap_or(0);
            writeln!(
                out,
                "  {channel:<10}{:>9} {:>11} {lost:>6}   {levels}",
                thousands(records),
                thousands(bytes)
            )?;
        }
        Ok(())
    }

    fn redactions(&self, out: &mut String) -> std::fmt::Result {
        let mut hits = self.metrics.by("dihya_redactions_total", "detector");
        hits.retain(|(_, hits)| *hits > 0);
        hits.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let total: u64 = hits.iter().map(|(_, hits)| hits).sum();
        writeln!(out, "\nRedactions  {} by {} detectors", thousands(total), hits.len())?;
        let cells: Vec<String> =
            hits.iter().map(|(name, hits)| format!("{name:<22}{:>8}", thousands(*hits))).collect();
        let rows = cells.len().div_ceil(3);
        for row in 0..rows {
            // Down the columns: the eye finds the largest first.
            let line: Vec<&str> = cells.iter().skip(row).step_by(rows).map(String::as_str).collect();
            writeln!(out, "  {}", line.join("  "))?;
        }
        Ok(())
    }

    fn alerts(&self, out: &mut String) -> std::fmt::Result {
        let mut fired = self.metrics.by("dihya_alerts_total", "detector");
        fired.retain(|(_, times)| *times > 0);
        let told: Vec<String> = fired.iter().map(|(name, times)| format!("{name} {times}")).collect();
        writeln!(out, "\nAlerts      {}", if told.is_empty() { "none".to_owned() } else { told.join("  ") })
    }

    fn files(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nFiles")?;
        for entry in self.entries {
            let path = shortened(&entry.path.display().to_string());
            match &entry.kind {
                Kind::Folder => writeln!(out, "  {:04o} {:>11}  {path}/", entry.mode, "")?,
                Kind::Link(to) => writeln!(out, "  link {:>11}  {path} -> {}", "", to.display())?,
                Kind::File(bytes) => {
                    writeln!(out, "  {:04o} {:>11}  {path}", entry.mode, thousands(bytes.len() as u64))?;
                }
            }
        }
        Ok(())
    }

    fn samples(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\nOne record of each channel, as stored (lines broken to fit)")?;
        for channel in Channel::BUILT_IN {
            let Some(line) = self.stored.get(channel).and_then(|stored| stored.sample.as_ref()) else {
                continue;
            };
            writeln!(out, "  {channel}")?;
            for line in fold(line, 94) {
                writeln!(out, "    {line}")?;
            }
        }
        Ok(())
    }

    fn write_verdict(&self, out: &mut String) -> std::fmt::Result {
        let search = self.search;
        let hits: usize = search.found.values().sum();
        writeln!(
            out,
            "\nSearch      {} secrets in {} forms, {} files and outputs, {} bytes: {} found",
            thousands(search.secrets as u64),
            thousands(search.forms as u64),
            search.texts,
            thousands(search.bytes as u64),
            hits
        )?;
        let found = self.safe.iter().filter(|(_, found)| *found).count();
        writeln!(out, "Safe fields {found} of {} found, as they must be", self.safe.len())?;
        let lost: u64 = self.metrics.by("dihya_dropped_total", "channel").iter().map(|(_, lost)| lost).sum();
        writeln!(out, "Losses      {lost}")?;
        let faults = self.faults();
        for fault in &faults {
            writeln!(out, "  ! {fault}")?;
        }
        writeln!(out, "Result      {}", if faults.is_empty() { "passed" } else { "FAILED" })
    }
}

/// The report of `--plain`: which secrets a log without redaction holds.
pub(crate) fn plain(search: &Search) -> String {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for ((kind, _), hits) in &search.found {
        *kinds.entry(kind).or_default() += hits;
    }
    let mut text = format!("\nWithout redaction, {} secrets of {} kinds\n", search.secrets, kinds.len());
    for (kind, hits) in &kinds {
        text.push_str(&format!("  {kind:<22}{:>8} times in the log\n", thousands(*hits as u64)));
    }
    for (kind, count) in &search.unseen {
        text.push_str(&format!("  ! {count} of kind {kind} were never logged: they prove nothing\n"));
    }
    text
}

/// A policy kept in the ledger is named by its hash: the beginning tells it apart.
fn shortened(path: &str) -> String {
    match path.split_once("ledger/policies/").map(|(_, name)| name.len()) {
        Some(name) if name > 24 => {
            let (start, end) = (path.len() - name + 12, path.len() - ".toml".len());
            format!("{}…{}", &path[..start], &path[end..])
        }
        _ => path.to_owned(),
    }
}

/// Breaks a record before a key, or within a value that is longer than a line.
fn fold(record: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let starts = record.match_indices(",\"").map(|(at, _)| at + 1);
    let mut from = 0;
    for to in starts.chain([record.len()]) {
        for part in chunks(&record[from..to], width) {
            match lines.last_mut() {
                Some(line) if line.chars().count() + part.chars().count() <= width => line.push_str(part),
                _ => lines.push(part.to_owned()),
            }
        }
        from = to;
    }
    lines
}

fn chunks(text: &str, width: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some((at, _)) = rest.char_indices().nth(width) {
        let (part, tail) = rest.split_at(at);
        parts.push(part);
        rest = tail;
    }
    parts.push(rest);
    parts
}

/// `1234567` as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for group in digits.as_bytes()[first..].chunks(3) {
        if !text.is_empty() {
            text.push(',');
        }
        text.extend(group.iter().map(|b| char::from(*b)));
    }
    text
}

//! `dihya query`

pub(crate) mod filters;
mod reading;

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use dihya::archive::Identities;
use dihya::catalog::{Catalog, CatalogError, Places};
use dihya::query::{Follow, Found, Query, Summary, show};
use dihya::storage::{Local, Storage};
use dihya::{Clock, Policy};

use crate::Answer;
use crate::log::Where;
use filters::Filters;
pub(crate) use reading::Reading;

pub(crate) const HELP: &str = "\
Examples:
  dihya query --since 2h                                       what happened, as a table
  dihya query --channel security --event authn_login_fail --since today
  dihya query --where user_id=u-42 --where outcome!=success --since 2026-11-01 --until 2026-12-01
  dihya query --where message~timeout --where service.version=1.4.2 --reverse --limit 20
  dihya query --channel audit --reason 'incident 4711' --format csv > audit.csv
  dihya query --channel api --follow --where status=500 | jq .attributes

Times: 2026-11-20, 2026-11-20T14:30, 2026-11-20T14:30:00+01:00 (UTC unless it says otherwise), today, yesterday, now, or how
long ago: 90s, 15m, 2h, 3d, 1w. A range takes its beginning and leaves its end.

Fields: a key of the record (user_id), of its attributes (route) or of a span's; or a path with dots (service.version,
attributes.route). field=value, field!=value, field~part, field!~part; the last two look for a part of the text. The
negative ones hold in records without the field, too.

Reading audit or security is entered in the ledger before the first record is shown: who, when, what was asked, why. Give the
reason with --reason or in DIHYA_REASON; on a terminal it is asked for. Without --channel and without a reason these two are
left out, and you are told.

Exit codes: 0 the question is answered, also by no record; 1 something could not be read or recorded; 2 not understood.";

#[derive(Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Where,
    /// Only this instance's records
    #[arg(long, value_name = "NAME")]
    instance: Option<String>,
    #[command(flatten)]
    filters: Filters,
    /// No more records than this
    #[arg(long, short = 'n', value_name = "N")]
    limit: Option<u64>,
    /// The newest first
    #[arg(long, short, conflicts_with = "follow")]
    reverse: bool,
    /// Go on with what is written from now on; with --since, after what is there
    #[arg(long, short)]
    follow: bool,
    /// How records look [default: a table on a terminal, json otherwise]
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// The same as --format json: each record as it is stored, one per line
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Columns of the table or CSV, by the fields' names
    #[arg(long, value_name = "FIELDS", value_delimiter = ',')]
    fields: Vec<String>,
    /// Why audit or security is read; goes into the ledger
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// A file of age identities, for encrypted archives
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Read every shard, also where first and last record say that it holds none of the time asked for: if clocks were set
    /// back by more than an hour
    #[arg(long)]
    every_shard: bool,
    /// Also what was imported of other logs
    #[arg(long, conflicts_with_all = ["follow", "instance"])]
    imported: bool,
    /// How many threads read [default: one per core]
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Each record as it is stored, one per line
    Json,
    /// One readable line per record
    Table,
    /// RFC 4180, for spreadsheets
    Csv,
}

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let query = self.query()?;
        let (policy, places) = self.place.places()?;
        let places = Places { instance: self.instance.clone(), ..places };
        let clock = Clock::system();
        let catalog = Catalog::read(&Local, &places, &clock)
            .map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
        let catalog = if self.imported { catalog.with_imported() } else { catalog };
        self.check_channels(&policy, &catalog)?;
        let identities = match &self.identity {
            Some(file) => Identities::load(file),
            None => Ok(Identities::none()),
        };
        let identities = identities.map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
        let reading = Reading::new(query, &policy, &catalog, self.reason.as_deref())?;
        let mut out = Out::new(self.format(), self.fields.clone());
        let began = Instant::now();
        let mut answer = Answer::fine("");
        if !places.remote.is_empty() {
            let stores = places.remote.join(", ");
            answer.err.push_str(&format!(
                "note: shards archived in {stores} are not read; `dihya restore` brings them here\n"
            ));
        }
        if catalog.shards.is_empty() && !self.follow {
            answer.err.push_str("note: there are no records here yet\n");
        }
        let summary = reading.on_record(&policy, &catalog, &mut answer, |query| {
            self.show(query, places, &catalog, &identities, &mut out)
        })?;
        tell(&summary, &mut answer);
        if io::stderr().is_terminal() {
            answer.err.push_str(&sizes(&summary, began.elapsed()));
        }
        if let Some(error) = out.error.take() {
            answer.err.push_str(&format!("error: cannot write to standard output: {error}\n"));
            answer.code = 1;
        }
        Ok(answer)
    }

    fn query(&self) -> Result<Query, Answer> {
        Ok(Query {
            limit: self.limit,
            reverse: self.reverse,
            every_shard: self.every_shard,
            threads: self.threads,
            ..self.filters.query()?
        })
    }

    fn check_channels(&self, policy: &Policy, catalog: &Catalog) -> Result<(), Answer> {
        let there = catalog.channels();
        for name in &self.filters.channel {
            if policy.channel(name).is_none() && !there.contains(&name.as_str()) {
                let text =
                    format!("error: no channel {name:?} has records here; there are: {}\n", there.join(", "));
                return Err(Answer::wrong(text));
            }
        }
        Ok(())
    }

    fn format(&self) -> Format {
        match self.format {
            Some(format) => format,
            None if self.json => Format::Json,
            // Columns that were asked for make no sense in stored lines.
            None if io::stdout().is_terminal() || !self.fields.is_empty() => Format::Table,
            None => Format::Json,
        }
    }

    fn show(
        &self,
        query: &Query,
        places: Places,
        catalog: &Catalog,
        identities: &Identities,
        out: &mut Out,
    ) -> Result<Summary, CatalogError> {
        let storage: Arc<dyn Storage> = Arc::new(Local);
        out.head();
        let mut summary = Summary::default();
        if !self.follow || query.since.is_some() {
            summary = query.run(&storage, catalog, identities, |found| out.record(&found));
            out.flush();
        }
        if !self.follow {
            return Ok(summary);
        }
        let rest = Query { limit: query.limit.map(|limit| limit - summary.records), ..query.clone() };
        let mut follow = Follow::new(&rest, &Local, places, Clock::system(), catalog);
        loop {
            let mut count = 0;
            let flow = follow.poll(|found| {
                count += 1;
                out.record(&found)
            })?;
            summary.records += count;
            out.flush();
            if flow.is_break() || out.closed {
                return Ok(summary);
            }
            std::thread::sleep(POLL);
        }
    }
}

/// Standard output, in one of the formats.
struct Out {
    to: BufWriter<io::Stdout>,
    format: Format,
    fields: Vec<String>,
    /// Nobody reads any more.
    closed: bool,
    error: Option<io::Error>,
}

impl Out {
    fn new(format: Format, fields: Vec<String>) -> Out {
        let to = BufWriter::with_capacity(64 * 1024, io::stdout());
        Out { to, format, fields, closed: false, error: None }
    }

    fn head(&mut self) {
        match self.format {
            Format::Json => {}
            Format::Table => self.write(show::head(&self.fields).as_bytes()),
            Format::Csv => self.write(show::csv_head(&self.fields).as_bytes()),
        }
    }

    fn record(&mut self, found: &Found<'_>) -> ControlFlow<()> {
        match self.format {
            Format::Json => {
                self.write(found.line);
                self.write(b"\n");
            }
            Format::Table => self.write(show::row(found.line, &self.fields).as_bytes()),
            Format::Csv => self.write(show::csv(found.line, &self.fields).as_bytes()),
        }
        if self.closed { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn write(&mut self, bytes: &[u8]) {
        let written = self.to.write_all(bytes);
        self.note(written);
    }

    fn flush(&mut self) {
        let flushed = self.to.flush();
        self.note(flushed);
    }

    /// `dihya query | head` is not an error.
    fn note(&mut self, result: io::Result<()>) {
        if let Err(error) = result {
            self.closed = true;
            if error.kind() != io::ErrorKind::BrokenPipe && self.error.is_none() {
                self.error = Some(error);
            }
        }
    }
}

/// What could not be read, and what was no record.
fn tell(summary: &Summary, answer: &mut Answer) {
    for (shard, path, why) in &summary.unread {
        answer.err.push_str(&format!("error: {shard} was not read ({}): {why}\n", path.display()));
        answer.code = 1;
    }
    if summary.bad_lines > 0 {
        answer.warn(&format!(
            "{} of the lines looked at are no records; `dihya verify` tells where",
            summary.bad_lines
        ));
    }
}

fn sizes(summary: &Summary, took: Duration) -> String {
    format!(
        "{} records; {} shards ({:.1} MB) read in {:.2} s, {} not of this time\n",
        summary.records,
        summary.shards,
        summary.bytes as f64 / 1e6,
        took.as_secs_f64(),
        summary.skipped
    )
}

/// How long a new record waits at most before it is shown.
const POLL: Duration = Duration::from_millis(200);

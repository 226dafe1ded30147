//! `dihya ship`: records to an OpenTelemetry receiver, from where the export stopped.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use dihya::archive::Identities;
use dihya::catalog::{Base, Catalog, Places};
use dihya::operation::{Caller, Kind, Operation, Outcome};
use dihya::otlp::{self, From, Parts, Pass, Seen, Shipper};
use dihya::storage::Local;
use dihya::{Clock, Policy};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::Answer;
use crate::log::{self, Because, Where};

/// What is sent, from where, and for how long.
#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    because: Because,
    /// End when everything is sent, instead of going on with what is written
    #[arg(long)]
    once: bool,
    /// Begin here, and not where the export stopped: `oldest`, `now`, a shard, a day or a time
    #[arg(long, value_name = "WHERE")]
    from: Option<String>,
    /// Only this channel; may be given several times
    #[arg(long, value_name = "NAME")]
    channel: Vec<String>,
    /// A file of age identities, for encrypted archives
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// Show what waits, and send nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) const HELP: &str = "\
Records are sent in order, each channel for itself, live, closed and archived ones. How far the receiver has them is written to
otlp.cursor in the state folder after each answer: whoever goes on, this command or the service, goes on there. What was sent and
not answered is sent again, with the same log.record.uid. While the service exports the log itself, this command says so and ends.

With --from records are sent again, or passed over: the export goes on from there.

Examples:
  dihya ship --dry-run                             what waits, and since when
  dihya ship --once                                after an outage, or from a timer
  dihya ship                                       beside a service that is built without it, until it is interrupted
  dihya ship --once --from 2026-11-20 --channel audit --reason 'the collector lost its disk'

Exit codes: 0 the receiver has everything, 1 it has not (told on standard error), 2 not understood.";

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
        let policy = self.place.policy()?;
        let (clock, caller) = (Clock::system(), log::caller());
        let places = Places::of(&policy);
        let bases = Catalog::read(&Local, &places, &clock).map_err(|error| wrong(&error))?.bases;
        if self.dry_run {
            caller.may(Kind::Plan, &policy).map_err(|error| wrong(&error))?;
            return self.waiting(&bases);
        }
        let from = self.from.as_deref().map(|text| From::parse(text, clock.now())).transpose();
        let from = from.map_err(|why| Answer::unclear(format!("error: --from: {why}\n")))?;
        let stop = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            signal_hook::flag::register(signal, Arc::clone(&stop)).map_err(|error| wrong(&error))?;
        }
        let mut answer = Answer::fine("");
        let mut runs = Vec::new();
        for base in &bases {
            self.allowed(base, &policy, &clock, &caller)?;
            match self.open(base, &policy, &places, &clock, from.as_ref()) {
                Ok(shipper) => runs.push(Run::new(shipper, base)),
                Err(error) => answer.warn(&format!("{}: {error}", base.path.display())),
            }
        }
        if runs.is_empty() {
            if answer.err.is_empty() {
                return Err(Answer::wrong("error: there is no log here: start the service once\n"));
            }
            answer.err = answer.err.replacen("warning: ", "error: ", 1);
            return Ok(answer);
        }
        self.ship(&mut runs, &stop);
        for run in &runs {
            self.enter(run, &policy, &clock, &caller).map_err(|error| wrong(&error))?;
            let _ = write!(Text(&mut answer.out), "{}: ", run.base.path.display());
            answer.out.extend_from_slice(run.told().as_bytes());
            for warning in &run.warnings {
                answer.warn(warning);
            }
            if run.pass != Some(Pass::Done) && self.once {
                answer.warn(
                    "the receiver does not have everything; the next run goes on from where this one stopped",
                );
            }
        }
        Ok(answer)
    }

    fn open(
        &self,
        base: &Base,
        policy: &Policy,
        places: &Places,
        clock: &Clock,
        from: Option<&From>,
    ) -> Result<Shipper, String> {
        let identities = match &self.identity {
            None => Identities::none(),
            Some(file) => Identities::load(file).map_err(|error| error.to_string())?,
        };
        let parts = Parts {
            policy,
            storage: Arc::new(Local),
            places: places.clone(),
            base,
            clock: clock.clone(),
            identities,
            channels: &self.channel,
        };
        Shipper::open(parts, from).map_err(|error| error.to_string())
    }

    /// Sends until all is sent, or for as long as nobody interrupts it.
    fn ship(&self, runs: &mut [Run<'_>], stop: &AtomicBool) {
        let stopped = || stop.load(Ordering::Relaxed);
        while !stopped() {
            let mut pause = POLL;
            for run in &mut *runs {
                let pass = run.pass(&stopped);
                if let Pass::Wait(wait) = pass {
                    pause = pause.max(wait);
                }
            }
            // From a timer it is no use to wait for a receiver for hours: the next run goes on.
            let is_enough = |run: &Run<'_>| run.pass == Some(Pass::Done) || run.failures >= TRIES;
            if self.once && runs.iter().all(is_enough) {
                return;
            }
            let until = Instant::now() + pause;
            while Instant::now() < until && !stopped() {
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// Whether the caller may; a refusal is entered in the ledger.
    fn allowed(&self, base: &Base, policy: &Policy, clock: &Clock, caller: &Caller) -> Result<(), Answer> {
        let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
        let Err(denied) = caller.may(Kind::Ship, policy) else { return Ok(()) };
        if let Some(ledger) = log::ledger(base, clock).map_err(|error| wrong(&error))? {
            let begun = Operation::begin(Kind::Ship, policy, &ledger, clock, caller, None, None);
            return Err(begun.err().map_or_else(|| wrong(&denied), |error| wrong(&error)));
        }
        Err(wrong(&denied))
    }

    /// Who sent how much stands in the ledger, as for every operation. A run that goes on for months is entered at its end.
    fn enter(&self, run: &Run<'_>, policy: &Policy, clock: &Clock, caller: &Caller) -> io::Result<()> {
        if run.exported + run.rejected == 0 && self.from.is_none() {
            return Ok(()); // a timer that finds nothing, once a minute
        }
        let Some(ledger) = log::ledger(run.base, clock)? else { return Ok(()) };
        let (operator, reason) = (self.because.operator.as_deref(), self.because.reason.as_deref());
        let begun = Operation::begin(Kind::Ship, policy, &ledger, clock, caller, operator, reason);
        let mut operation = begun.map_err(|error| io::Error::other(error.to_string()))?.since(run.began);
        operation.add("records", run.exported);
        operation.end(match (run.pass == Some(Pass::Done), run.exported) {
            (true, _) => Outcome::Success,
            (false, 0) => Outcome::Failure,
            (false, _) => Outcome::Partial,
        })
    }

    fn waiting(&self, bases: &[Base]) -> Result<Answer, Answer> {
        let mut answer = Answer::fine("");
        for base in bases {
            let path = base.path.display();
            let behind = otlp::behind(&Local, &base.path, &base.state)
                .map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
            let Some(behind) = behind else {
                answer.warn(&format!(
                    "{path}: nothing was ever exported from here; --from says from where to begin"
                ));
                continue;
            };
            for channel in
                behind.iter().filter(|one| self.channel.is_empty() || self.channel.contains(&one.channel))
            {
                let waits = match &channel.since {
                    Some(since) => format!("{} bytes wait, the oldest record is of {since}", channel.bytes),
                    None => "nothing waits".to_owned(),
                };
                let _ = writeln!(Text(&mut answer.out), "{path}: {}: {waits}", channel.channel);
            }
        }
        Ok(answer)
    }
}

/// The export of one log.
struct Run<'b> {
    shipper: Shipper,
    base: &'b Base,
    began: Instant,
    pass: Option<Pass>,
    /// In a row.
    failures: u32,
    exported: u64,
    rejected: u64,
    gone: u64,
    warnings: Vec<String>,
}

impl<'b> Run<'b> {
    fn new(shipper: Shipper, base: &'b Base) -> Run<'b> {
        let began = Instant::now();
        let (exported, rejected, gone, failures) = (0, 0, 0, 0);
        Run { shipper, base, began, pass: None, failures, exported, rejected, gone, warnings: Vec::new() }
    }

    fn pass(&mut self, stop: &dyn Fn() -> bool) -> Pass {
        let Run { shipper, failures, exported, rejected, gone, warnings, .. } = self;
        let ended = shipper.pass(stop, &mut |seen| match seen {
            Seen::Exported { records, .. } => {
                *exported += records;
                *failures = 0;
            }
            Seen::Rejected { channel, records, id, why, said } => {
                *rejected += records;
                let which = id.map_or_else(String::new, |id| format!(" ({id})"));
                warnings.push(format!(
                    "the receiver does not take {records} records of {channel}{which}: {why}{}",
                    quoted(said)
                ));
            }
            Seen::Gone { shard, purged, .. } => {
                let how = if purged { "purged" } else { "gone without a certificate" };
                warnings.push(format!("{shard} is {how}, and not all of it was exported"));
            }
            Seen::GoneRecords { records, .. } => *gone += records,
            Seen::Unreadable { channel, lines } => {
                warnings.push(format!("{lines} lines of {channel} are no records: `dihya verify` says more"));
            }
            Seen::Again { shard } => {
                warnings.push(format!(
                    "{shard} is not what was exported from it before, and is sent again from its beginning"
                ));
            }
            Seen::Failed { channel, why, said, pause, .. } => {
                *failures += 1;
                let whose = channel.map_or_else(String::new, |channel| format!("{channel}: "));
                let line =
                    format!("warning: {whose}{why}{}; again in {:.1} s\n", quoted(said), pause.as_secs_f32());
                // At once: whoever watches wants to know why nothing happens.
                let _ = io::stderr().write_all(line.as_bytes());
            }
            _ => {}
        });
        self.pass = Some(ended);
        ended
    }

    fn told(&self) -> String {
        let mut told = format!("{} records exported", self.exported);
        for (count, what) in
            [(self.rejected, "not taken by the receiver"), (self.gone, "gone before they were exported")]
        {
            if count > 0 {
                let _ = write!(told, ", {count} {what}");
            }
        }
        told + "\n"
    }
}

/// What the receiver said, for whoever may read the log anyway.
fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(" ({said})") }
}

/// Text into what an answer holds.
struct Text<'a>(&'a mut Vec<u8>);

impl std::fmt::Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

const POLL: Duration = Duration::from_secs(1);
/// Failures in a row after which `--once` leaves it to the next run.
const TRIES: u32 = 4;

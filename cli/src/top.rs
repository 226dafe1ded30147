//! `dihya top`: a log in the terminal, live.
//!
//! One thread reads (files, or a service's metrics) and sends samples; this one draws and listens to keys, so that a slow
//! disk or service never holds up a key. The terminal is given back on every way out: a key, a signal, an error, a panic.

mod files;
mod metrics;
mod sample;
mod state;
#[cfg(test)]
mod tests;
mod view;

use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::Duration;

use dihya::Clock;
use dihya::operation::Kind;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::Answer;
use crate::log::{self, Where};
use files::Files;
use metrics::Metrics;
use sample::Sample;
use state::State;
use view::Style;

pub(crate) const HELP: &str = "\
Examples:
  dihya top                                             the log of the policy in this folder, from its files
  dihya top --root /var/log/clinic                      of this root; no policy is needed
  dihya top --metrics http://127.0.0.1:9464/metrics     a running service, from its metrics
  ssh -t host dihya top --root /var/log/clinic          elsewhere

Keys: q, Esc or Ctrl-C end; p stops and goes on; the arrows move through the alerts.

From files it shows what was written: records, bytes, losses and alerts as the log tells of them. Queues are known to the
service alone: they take --metrics. Without colours (NO_COLOR) and without UTF-8 everything is told in words and ASCII.

Nothing of a record is shown, so that looking is not on record.";

#[derive(clap::Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Where,
    /// Where a service tells its metrics, in place of the files: http, without TLS
    #[arg(long, value_name = "URL", conflicts_with_all = ["policy", "root"])]
    metrics: Option<String>,
    /// Seconds between two looks
    #[arg(long, value_name = "SECONDS", default_value_t = 1.0)]
    interval: f64,
}

impl Command {
    pub(crate) fn run(self) -> Answer {
        self.answer().unwrap_or_else(|answer| answer)
    }

    fn answer(self) -> Result<Answer, Answer> {
        let wrong = |error: &dyn std::fmt::Display| Answer::wrong(format!("error: {error}\n"));
        if !(0.1..=3600.0).contains(&self.interval) {
            return Err(Answer::unclear("error: --interval: from 0.1 to 3600 seconds\n"));
        }
        let is_dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        if !io::stdout().is_terminal() || !io::stdin().is_terminal() || is_dumb {
            return Err(Answer::wrong(
                "error: this needs a terminal that it can draw on (over SSH: `ssh -t`); `dihya status` prints once\n",
            ));
        }
        let mut reader: Box<dyn Reader> = match &self.metrics {
            Some(url) => Box::new(Metrics::new(url).map_err(|error| wrong(&error))?),
            None => {
                let (policy, places) = self.place.places()?;
                log::caller().may(Kind::Status, &policy).map_err(|denied| wrong(&denied))?;
                Box::new(Files::new(policy, places, Clock::system()).map_err(|error| wrong(&error))?)
            }
        };
        let interval = Duration::from_secs_f64(self.interval);
        let (send, samples) = mpsc::sync_channel(2);
        let spawned = std::thread::Builder::new().name("dihya-top".to_owned()).spawn(move || {
            // Ends when nobody listens any more.
            while send.send(reader.sample()).is_ok() {
                std::thread::sleep(interval);
            }
        });
        spawned.map_err(|error| wrong(&error))?;
        show(&samples).map_err(|error| wrong(&error))?;
        Ok(Answer::fine(""))
    }
}

/// Where samples come from.
trait Reader: Send {
    /// How it stands now. What cannot be read is told in it.
    fn sample(&mut self) -> Sample;
}

/// Draws until somebody has seen enough.
fn show(samples: &Receiver<Sample>) -> io::Result<()> {
    let stop = stopped_by_signals();
    // It gives the terminal back on a panic, too, before the panic is printed.
    let terminal = ratatui::try_init()?;
    let _restored = Restored;
    watch(terminal, samples, &stop)
}

/// Gives the terminal back.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        // It may be gone, with the connection.
        let _ = ratatui::try_restore();
    }
}

fn watch(mut terminal: DefaultTerminal, samples: &Receiver<Sample>, stop: &AtomicBool) -> io::Result<()> {
    let style = Style::of_environment();
    let mut state = State::default();
    // The first sample of a large log takes a moment.
    terminal.draw(|frame| view::draw(frame, &state, &style))?;
    while !stop.load(Ordering::Relaxed) {
        let mut changed = false;
        if event::poll(LISTEN)? {
            match event::read()? {
                Event::Key(key) if ends(key) => return Ok(()),
                Event::Key(key) => changed = state.key(key.code),
                Event::Resize(..) => changed = true,
                _ => {}
            }
        }
        loop {
            match samples.try_recv() {
                Ok(sample) => {
                    state.take(sample);
                    changed = true;
                }
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    return Err(io::Error::other(
                        "what reads the log has ended; `dihya status` may tell why",
                    ));
                }
            }
        }
        if changed {
            terminal.draw(|frame| view::draw(frame, &state, &style))?;
        }
    }
    Ok(())
}

fn ends(key: KeyEvent) -> bool {
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    key.kind != KeyEventKind::Release
        && (matches!(key.code, KeyCode::Char('q' | 'Q') | KeyCode::Esc)
            || control && matches!(key.code, KeyCode::Char('c' | 'd')))
}

fn stopped_by_signals() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        // Without it the signal ends the process at once, and leaves the terminal to `reset`.
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    stop
}

/// How long a signal may go unseen.
const LISTEN: Duration = Duration::from_millis(100);

//! The pipelines an event can go through, each opened in the process that measures it.

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use slog::Drain;
use tracing::field::{Field, Visit};
use tracing::{Dispatch, Event, Level, Subscriber};
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;

use crate::handwritten::Redacting;
use crate::ours;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The layer: all channels open, full redaction, to a file.
    Ours,
    /// The layer without its detectors of anomalies: what watching costs is the difference.
    Unwatched,
    /// The registry and a layer that visits every field and keeps nothing: the floor of anything built on `tracing`.
    Visit,
    /// `fmt().json()` as it comes (current span and span list), to a sink.
    JsonDefault,
    /// `fmt().json()`, flattened, with the current span and without the list: the fair equal of our record; to a sink.
    JsonCurrent,
    /// The same, through `tracing_appender::non_blocking`, lossless, to a file.
    Lossless,
    /// The same, redacted by a hand-written [`Redacting`] writer.
    RegexLossless,
    /// `slog` and `slog-json`, synchronous, 64 KiB buffer, to a file: quick, and a crash loses the buffer.
    Slog,
}

impl Peer {
    /// Everybody, in the order of the tables.
    pub const ALL: [Peer; 8] = [
        Peer::Ours,
        Peer::Unwatched,
        Peer::Visit,
        Peer::JsonDefault,
        Peer::JsonCurrent,
        Peer::Lossless,
        Peer::RegexLossless,
        Peer::Slog,
    ];

    /// The name used on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Peer::Ours => "ours",
            Peer::Unwatched => "unwatched",
            Peer::Visit => "visit",
            Peer::JsonDefault => "json_default",
            Peer::JsonCurrent => "json_cur",
            Peer::Lossless => "lossless",
            Peer::RegexLossless => "regex_lossless",
            Peer::Slog => "slog",
        }
    }

    /// What the tables call it.
    pub fn title(self) -> &'static str {
        match self {
            Peer::Ours => "dihya, six channels, full redaction -> file",
            Peer::Unwatched => "the same without detectors of anomalies",
            Peer::Visit => "registry + a layer that visits",
            Peer::JsonDefault => "fmt().json() default -> sink",
            Peer::JsonCurrent => "json_cur -> sink",
            Peer::Lossless => "json_cur -> non_blocking lossless -> file",
            Peer::RegexLossless => "json_cur + RegexSet of 20 -> lossless -> file",
            Peer::Slog => "slog + slog-json, synchronous, 64 KiB -> file",
        }
    }

    /// The peer of this name.
    pub fn named(name: &str) -> Option<Peer> {
        Peer::ALL.into_iter().find(|peer| peer.name() == name)
    }

    /// Whether lines end in a file, so that throughput means something.
    pub fn writes(self) -> bool {
        !matches!(self, Peer::Visit | Peer::JsonDefault | Peer::JsonCurrent)
    }
}

/// What stands behind a dispatcher.
pub trait Pipe {
    /// Returns when the first `lines` lines, counted from the opening, are in the file.
    fn drain(&mut self, lines: u64) -> Result<(), Box<dyn Error>>;
}

/// Opens any peer that speaks `tracing`; its files lie in `dir`.
pub fn open(peer: Peer, dir: &Path) -> Result<(Dispatch, Box<dyn Pipe>), Box<dyn Error>> {
    let registry = || tracing_subscriber::registry().with(LevelFilter::INFO);
    Ok(match peer {
        Peer::Ours => ours::open(dir, "")?,
        Peer::Unwatched => ours::open(dir, "[alerts]\nenabled = false\n")?,
        Peer::Visit => (Dispatch::new(registry().with(VisitLayer)), Box::new(NoPipe)),
        Peer::JsonDefault => {
            let layer = tracing_subscriber::fmt::layer().json().with_writer(io::sink);
            (Dispatch::new(registry().with(layer)), Box::new(NoPipe))
        }
        Peer::JsonCurrent => (Dispatch::new(registry().with(json_cur(io::sink))), Box::new(NoPipe)),
        Peer::Lossless => {
            let (writer, pipe) = lossless(&dir.join("peer.jsonl"))?;
            (Dispatch::new(registry().with(json_cur(writer))), Box::new(pipe))
        }
        Peer::RegexLossless => {
            let (writer, pipe) = lossless(&dir.join("peer.jsonl"))?;
            (Dispatch::new(registry().with(json_cur(Redacting::new(writer)?))), Box::new(pipe))
        }
        Peer::Slog => return Err("slog has no dispatcher: see `open_slog`".into()),
    })
}

/// `slog-json` over a buffered file behind a mutex: dropping the last logger flushes it.
pub fn open_slog(dir: &Path) -> io::Result<slog::Logger> {
    let file = BufWriter::with_capacity(64 * 1024, File::create_new(dir.join("peer.jsonl"))?);
    let drain = std::sync::Mutex::new(slog_json::Json::default(file)).fuse();
    Ok(slog::Logger::root(drain, slog::o!()))
}

/// A lossless appender and its pipe, on the given file.
pub fn lossless(path: &Path) -> io::Result<(NonBlocking, AppenderPipe)> {
    let written = Arc::new(AtomicU64::new(0));
    let file = CountingFile { file: File::create_new(path)?, lines: Arc::clone(&written) };
    let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(file);
    Ok((writer, AppenderPipe { written, _guard: guard }))
}

/// Waits for the appender's thread by counting what it has written: dropping its guard gives up after a second.
#[derive(Debug)]
pub struct AppenderPipe {
    written: Arc<AtomicU64>,
    _guard: WorkerGuard,
}

impl Pipe for AppenderPipe {
    fn drain(&mut self, lines: u64) -> Result<(), Box<dyn Error>> {
        while self.written.load(Ordering::Relaxed) < lines {
            thread::sleep(Duration::from_micros(50));
        }
        Ok(())
    }
}

/// Counts lines as they reach the file; the appender writes each with one call.
#[derive(Debug)]
struct CountingFile {
    file: File,
    lines: Arc<AtomicU64>,
}

impl Write for CountingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.file.write_all(line)?;
        self.lines.fetch_add(1, Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Nothing is queued, so there is nothing to wait for.
#[derive(Debug)]
struct NoPipe;

impl Pipe for NoPipe {
    fn drain(&mut self, _lines: u64) -> Result<(), Box<dyn Error>> {
        Ok(())
    }
}

/// `fmt().json()` with everything flat and the current span alone.
pub fn json_cur<S, W>(writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + 'static,
{
    let layer = tracing_subscriber::fmt::layer().json();
    layer.flatten_event(true).with_current_span(true).with_span_list(false).with_writer(writer)
}

/// Looks at every field and does nothing with it.
struct VisitLayer;

impl<S: Subscriber> Layer<S> for VisitLayer {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Seen(0);
        event.record(&mut fields);
        std::hint::black_box((fields.0, *event.metadata().level() == Level::INFO));
    }
}

struct Seen(usize);

impl Visit for Seen {
    fn record_str(&mut self, _field: &Field, value: &str) {
        self.0 += value.len();
    }

    fn record_u64(&mut self, _field: &Field, _value: u64) {
        self.0 += 1;
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {
        self.0 += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::events::{Frontend, Ids, Slog, Tracing};
    use crate::harness::Scratch;

    /// The lines of a standard, a heavy, a hit and a disabled event.
    fn lines(peer: Peer) -> Vec<String> {
        let scratch = Scratch::new(&std::env::temp_dir()).unwrap();
        if peer == Peer::Slog {
            let root = open_slog(scratch.path()).unwrap();
            let frontend = Slog::new(&root);
            drop(root);
            all_four(&frontend);
        } else {
            let (dispatch, mut pipe) = open(peer, scratch.path()).unwrap();
            tracing::dispatcher::with_default(&dispatch, || all_four(&Tracing::new()));
            pipe.drain(3).unwrap();
        }
        let file = if matches!(peer, Peer::Ours | Peer::Unwatched) { ours::LIVE_FILE } else { "peer.jsonl" };
        let text = fs::read_to_string(scratch.path().join(file)).unwrap();
        text.lines().filter(|line| !dihya::seal::Seal::is(line.as_bytes())).map(str::to_owned).collect()
    }

    fn all_four<F: Frontend>(frontend: &F) {
        let mut ids = Ids::new(9);
        frontend.inside(|| {
            frontend.standard(ids.next_id());
            frontend.heavy(ids.next_id());
            frontend.hit(ids.next_id());
            frontend.disabled(ids.next_id());
        });
    }

    #[test]
    fn every_peer_that_writes_says_the_same_fields_and_not_the_disabled_event() {
        for peer in [Peer::Ours, Peer::Unwatched, Peer::Lossless, Peer::RegexLossless, Peer::Slog] {
            let lines = lines(peer);
            assert_eq!(lines.len(), 3, "{}", peer.name());
            assert!((330..560).contains(&lines[0].len()), "{}: {}", peer.name(), lines[0]);
            assert!((2_000..2_500).contains(&lines[1].len()), "{}: {}", peer.name(), lines[1].len());
            for needle in [
                "request served",
                "user_123",
                "1834",
                "clinic-7",
                "1.4.2",
                "4bf92f3577b34da6a3ce929d0e0e4736",
            ] {
                assert!(lines[0].contains(needle), "{} lacks {needle}", peer.name());
            }
            for line in lines {
                serde_json::from_str::<serde_json::Value>(&line).unwrap();
            }
        }
    }

    #[test]
    fn redaction_touches_the_hit_and_nothing_else() {
        let marker = format!("{}{}", "gh", "p_");
        assert!(lines(Peer::Lossless)[2].contains(&marker), "the credential must show where nobody redacts");
        for (peer, redaction) in [(Peer::Ours, "\"redactions\":{\""), (Peer::RegexLossless, "[REDACTED]")] {
            let redacted = lines(peer);
            assert!(!redacted[2].contains(&marker), "{}", peer.name());
            for (line, hit) in redacted.iter().zip([false, false, true]) {
                assert_eq!(line.contains(redaction), hit, "{}", peer.name());
            }
        }
    }
}

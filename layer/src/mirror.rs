//! A second copy of every record, already redacted, for people to look at.
//!
//! It leaves from the journal's threads, so that it costs the service's own nothing. The console goes through
//! tracing-appender's queue: a terminal that stands still must not stop the journal, and may lose lines.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;

use crate::policy::{Console, ConsoleFormat, ConsoleStream};

/// The writer of the copies, shared by all channels.
#[derive(Clone)]
pub(crate) struct Mirror(Arc<Mutex<Box<dyn Write + Send>>>);

impl Mirror {
    pub(crate) fn new(to: Box<dyn Write + Send>) -> Mirror {
        Mirror(Arc::new(Mutex::new(to)))
    }

    /// Writes whole records, and flushes.
    pub(crate) fn write(&self, records: &[u8]) -> io::Result<()> {
        let mut to = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        to.write_all(records)?;
        to.flush()
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mirror").finish_non_exhaustive()
    }
}

/// A user's own writer.
pub(crate) struct Made<M>(pub(crate) M);

impl<M: for<'a> MakeWriter<'a>> Write for Made<M> {
    fn write(&mut self, records: &[u8]) -> io::Result<usize> {
        let mut to = self.0.make_writer();
        to.write_all(records)?;
        // Here, since the next writer made may be another one, with nothing to flush.
        to.flush()?;
        Ok(records.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The policy's console.
pub(crate) fn console(console: Console) -> Box<dyn Write + Send> {
    let builder =
        NonBlockingBuilder::default().lossy(true).buffered_lines_limit(LINES).thread_name("dihya-console");
    let (writer, guard) = match console.stream {
        ConsoleStream::Stdout => builder.finish(io::stdout()),
        ConsoleStream::Stderr => builder.finish(io::stderr()),
    };
    Box::new(ConsoleWriter { format: console.format, writer, _guard: guard })
}

struct ConsoleWriter {
    format: ConsoleFormat,
    writer: NonBlocking,
    /// Dropped last, it waits for the lines under way.
    _guard: WorkerGuard,
}

impl Write for ConsoleWriter {
    fn write(&mut self, records: &[u8]) -> io::Result<usize> {
        match self.format {
            ConsoleFormat::Json => self.writer.write_all(records)?,
            ConsoleFormat::Text => {
                let lines = String::from_utf8_lossy(records);
                let text: String = lines.lines().map(readable).collect();
                self.writer.write_all(text.as_bytes())?;
            }
        }
        Ok(records.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

/// `09:12:33.123 AUDIT   audit sensitive_read record opened outcome=success data_category=lab`
fn readable(record: &str) -> String {
    let Ok(serde_json::Value::Object(record)) = serde_json::from_str(record) else {
        return format!("{record}\n");
    };
    let text = |key: &str| record.get(key).and_then(|value| value.as_str()).unwrap_or_default();
    let time = text("timestamp").get(11..23).unwrap_or_default();
    let mut line = format!("{time} {:<8} {:<9}", text("level"), text("channel"));
    for key in ["event_name", "message"] {
        if !text(key).is_empty() {
            line.push(' ');
            line.push_str(&shown(text(key)));
        }
    }
    let envelope = ["outcome", "tenant_id", "user_id", "subject_id", "trace_id"];
    let top = envelope.iter().filter_map(|key| record.get(*key).map(|value| (*key, value)));
    let attributes = record.get("attributes").and_then(|value| value.as_object());
    let below = attributes.into_iter().flatten().map(|(key, value)| (key.as_str(), value));
    for (key, value) in top.chain(below) {
        let value = value.as_str().map_or_else(|| value.to_string(), shown);
        line.push_str(&format!(" {}={value}", shown(key)));
    }
    line.push('\n');
    line
}

/// As in the file: a terminal is the last place for a control character. Without quotes where none are needed.
fn shown(text: &str) -> String {
    let mut escaped = Vec::with_capacity(text.len());
    crate::record::escape::content(&mut escaped, text);
    String::from_utf8_lossy(&escaped).into_owned()
}

/// tracing-appender's own default is 128,000 batches; a console that is further behind shows history.
const LINES: usize = 1024;

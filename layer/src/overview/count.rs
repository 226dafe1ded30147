//! Counting the lines of a piece, most of them without parsing.
//!
//! Our writer puts time, channel and level at fixed places, and leaves `,"redactions":{` and `"target":"dihya"` only where
//! they are meant: what a service passes has its quotes escaped, and lies deeper. So both texts are searched for in the
//! bytes, and a line without them costs its newline, its time and its level. A line of any other form is parsed.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde_json::Value;

use crate::journal::seal::Seal;
use crate::query::{AnyOf, Object, Text, of_line, of_object};

/// What the lines of one channel of one process come to.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) records: u64,
    pub(super) bytes: u64,
    pub(super) seals: u64,
    pub(super) bad_lines: u64,
    /// By [`LEVELS`].
    pub(super) levels: [u64; LEVELS.len()],
    pub(super) redactions: BTreeMap<String, u64>,
    pub(super) redacted_records: u64,
    /// Records and bytes by time.
    pub(super) buckets: BTreeMap<i64, (u64, u64)>,
    pub(super) own: Vec<Own>,
    /// Own records beyond the most that are kept.
    pub(super) own_left_out: u64,
}

/// A record of the layer itself.
#[derive(Debug)]
pub(super) struct Own {
    /// Microseconds since 1970.
    pub(super) at: i64,
    pub(super) event: String,
    pub(super) attributes: BTreeMap<String, Value>,
}

impl Counts {
    pub(super) fn add(&mut self, other: Counts) {
        self.records += other.records;
        self.bytes += other.bytes;
        self.seals += other.seals;
        self.bad_lines += other.bad_lines;
        self.redacted_records += other.redacted_records;
        for (level, more) in self.levels.iter_mut().zip(other.levels) {
            *level += more;
        }
        for (name, count) in other.redactions {
            redacted(&mut self.redactions, &name, count);
        }
        for (bucket, (records, bytes)) in other.buckets {
            let sum = self.buckets.entry(bucket).or_default();
            *sum = (sum.0 + records, sum.1 + bytes);
        }
        self.own_left_out += other.own_left_out;
        for own in other.own {
            self.keep(own);
        }
    }

    fn keep(&mut self, own: Own) {
        if self.own.len() < MOST_OWN { self.own.push(own) } else { self.own_left_out += 1 }
    }
}

/// Looks at lines of one channel.
pub(super) struct Counter<'a> {
    finders: &'a Finders,
    /// What stands between time and level in every line of this channel.
    channel: Vec<u8>,
    /// Seconds of a bucket.
    width: i64,
    counts: Counts,
    /// The minute of the last line, and what fell into its bucket since another one's.
    minute: [u8; MINUTE],
    bucket: i64,
    waiting: (u64, u64),
    /// Redactions of one line, before it is known to be whole.
    found: Vec<(String, u64)>,
}

/// What is searched for, and the time asked for. Shared by all threads.
pub(super) struct Finders {
    since: Option<Text>,
    until: Option<Text>,
    redactions: AnyOf,
    own: AnyOf,
}

impl Finders {
    pub(super) fn new(since: Option<i64>, until: Option<i64>) -> Finders {
        Finders {
            since: since.map(crate::query::bytes),
            until: until.map(crate::query::bytes),
            redactions: AnyOf::one(REDACTIONS),
            own: AnyOf::one(OWN),
        }
    }

    fn in_range(&self, time: &Text) -> bool {
        self.since.is_none_or(|since| *time >= since) && self.until.is_none_or(|until| *time < until)
    }
}

/// Where a line has what costs more to look at.
#[derive(Clone, Copy, Default)]
struct Marks {
    redactions: Option<usize>,
    own: bool,
}

impl<'a> Counter<'a> {
    pub(super) fn new(finders: &'a Finders, channel: &str, width: i64) -> Counter<'a> {
        Counter {
            finders,
            channel: format!("\",\"channel\":\"{channel}\",\"level\":\"").into_bytes(),
            width,
            counts: Counts::default(),
            minute: [0; MINUTE],
            bucket: 0,
            waiting: (0, 0),
            found: Vec::new(),
        }
    }

    /// `text` is whole lines.
    pub(super) fn lines(&mut self, text: &[u8]) {
        let finders = self.finders;
        let (mut redactions, mut own) = (finders.redactions.search(text), finders.own.search(text));
        let mut at = 0;
        while at < text.len() {
            let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |n| at + n);
            let marks = Marks {
                redactions: redactions.next(at).filter(|hit| *hit < end).map(|hit| hit - at),
                own: own.next(at).is_some_and(|hit| hit < end),
            };
            self.line(&text[at..end], marks);
            at = end + 1;
        }
    }

    /// A line that nobody can hold in memory.
    pub(super) fn endless(&mut self) {
        self.counts.bad_lines += 1;
    }

    pub(super) fn end(mut self) -> Counts {
        self.settle();
        self.counts
    }

    #[inline]
    fn line(&mut self, line: &[u8], marks: Marks) {
        if Seal::is(line) {
            self.counts.seals += 1;
            return;
        }
        let counted = match of_line(line) {
            Some(time) if !self.finders.in_range(time) => return,
            Some(time) if line.ends_with(b"}") => self.record(line, time, marks),
            Some(_) => None,
            None => self.odd(line, marks),
        };
        if counted.is_none() {
            self.counts.bad_lines += 1;
        }
    }

    /// A line of the writer's form. `None` if it only begins like one.
    #[inline]
    fn record(&mut self, line: &[u8], time: &Text, marks: Marks) -> Option<()> {
        let Some(level) = line.get(TIME_END..)?.strip_prefix(&self.channel[..]) else {
            return self.odd(line, marks);
        };
        let level = level_of(level)?;
        if let Some(at) = marks.redactions {
            self.found.clear();
            markers(&line[at + REDACTIONS.len()..], &mut self.found)?;
        }
        if time[..MINUTE] != self.minute {
            let minute = minute_of(time)?;
            self.settle();
            self.minute.copy_from_slice(&time[..MINUTE]);
            self.bucket = (minute * 60).div_euclid(self.width);
        }
        self.waiting = (self.waiting.0 + 1, self.waiting.1 + line.len() as u64 + 1);
        self.take(line.len(), level, marks.redactions.is_some());
        if marks.own {
            self.own(line);
        }
        Some(())
    }

    /// A line of any other form, parsed: somebody else's, or damaged. `None` if it is no record.
    #[cold]
    fn odd(&mut self, line: &[u8], marks: Marks) -> Option<()> {
        let record = Object::parse(line)?;
        let time = of_object(&record)?;
        if !self.finders.in_range(&time) {
            return Some(());
        }
        let text = |key: &str| serde_json::from_str::<String>(record.get(key)?.get()).ok();
        let level = text("level").and_then(|label| LEVELS.iter().position(|level| *level == label));
        let redactions = record.get("redactions").map(|raw| raw.get());
        self.found.clear();
        if let Some(raw) = redactions {
            let counts: BTreeMap<String, u64> = serde_json::from_str(raw).ok()?;
            self.found.extend(counts);
        }
        self.settle();
        self.minute = [0; MINUTE];
        self.bucket = (minute_of(&time)? * 60).div_euclid(self.width);
        self.waiting = (1, line.len() as u64 + 1);
        self.settle();
        self.take(line.len(), level.unwrap_or(OTHER), redactions.is_some());
        if marks.own {
            self.own(line);
        }
        Some(())
    }

    #[inline]
    fn take(&mut self, len: usize, level: usize, is_redacted: bool) {
        self.counts.records += 1;
        self.counts.bytes += len as u64 + 1;
        self.counts.levels[level] += 1;
        if is_redacted {
            self.counts.redacted_records += 1;
            for (name, count) in self.found.drain(..) {
                redacted(&mut self.counts.redactions, &name, count);
            }
        }
    }

    #[cold]
    fn own(&mut self, line: &[u8]) {
        let Ok(mut record) = serde_json::from_slice::<Value>(line) else { return };
        // A field of the service may be called `target`, too.
        if record["target"].as_str() != Some("dihya") {
            return;
        }
        let event = record["event_name"].as_str().unwrap_or_default().to_owned();
        let time = record["timestamp"].as_str().and_then(micros);
        let (true, Some(at)) = (EVENTS.iter().any(|ours| event.starts_with(ours)), time) else { return };
        let attributes = match record["attributes"].take() {
            Value::Object(map) => map.into_iter().collect(),
            _ => BTreeMap::new(),
        };
        self.counts.keep(Own { at, event, attributes });
    }

    /// Puts what waits into its bucket.
    fn settle(&mut self) {
        let (records, bytes) = std::mem::take(&mut self.waiting);
        if records > 0 {
            let sum = self.counts.buckets.entry(self.bucket).or_default();
            *sum = (sum.0 + records, sum.1 + bytes);
        }
    }
}

pub(super) fn micros(text: &str) -> Option<i64> {
    Some(chrono::DateTime::parse_from_rfc3339(text).ok()?.timestamp_micros())
}

/// Who fills a log with names of his own must not fill our memory.
fn redacted(all: &mut BTreeMap<String, u64>, name: &str, count: u64) {
    let known = all.len() < MOST_NAMES || all.contains_key(name);
    let sum = match all.get_mut(name) {
        Some(sum) => sum,
        None => all.entry(if known { name.to_owned() } else { OTHERS.to_owned() }).or_default(),
    };
    *sum = sum.saturating_add(count);
}

/// `"email":1,"card":2}…`, as our writer leaves it.
fn markers(mut text: &[u8], found: &mut Vec<(String, u64)>) -> Option<()> {
    loop {
        let rest = text.strip_prefix(b"\"")?;
        let end = memchr::memchr2(b'"', b'\\', rest)?;
        let name = std::str::from_utf8(&rest[..end]).ok()?;
        let rest = rest[end..].strip_prefix(b"\":")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let count: u64 = std::str::from_utf8(&rest[..digits]).ok()?.parse().ok()?;
        found.push((name.to_owned(), count));
        match rest.get(digits)? {
            b',' => text = &rest[digits + 1..],
            b'}' => return Some(()),
            _ => return None,
        }
    }
}

/// The level's index, from the text that begins with it.
#[inline]
fn level_of(text: &[u8]) -> Option<usize> {
    let known = LEVELS.iter().position(|level| {
        text.strip_prefix(level.as_bytes()).is_some_and(|rest| rest.first() == Some(&b'"'))
    });
    // A line that ends here is none.
    known.or_else(|| text.contains(&b'"').then_some(OTHER))
}

/// Minutes since 1970.
fn minute_of(time: &Text) -> Option<i64> {
    let number = |from: usize, len: usize| -> Option<i64> {
        time[from..from + len]
            .iter()
            .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute) = (number(11, 2)?, number(14, 2)?);
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month as u32, day as u32)?;
    (hour < 24 && minute < 60).then(|| i64::from(date.to_epoch_days()) * 1440 + hour * 60 + minute)
}

/// The most frequent first.
pub(super) const LEVELS: [&str; 8] =
    ["INFO", "AUDIT", "SECURITY", "DEBUG", "WARN", "ERROR", "TRACE", "other"];
const OTHER: usize = LEVELS.len() - 1;
const REDACTIONS: &[u8] = b",\"redactions\":{";
const OWN: &[u8] = b"\"target\":\"dihya\"";
/// What the layer's own events begin with.
const EVENTS: [&str; 2] = ["sys_", "alert_"];
/// Where the time ends in a line of our writer: `{"v":1,"id":"<36>","timestamp":"<27>`.
const TIME_END: usize = 13 + 36 + 15 + 27;
/// `2026-11-20T14:30`
const MINUTE: usize = 16;
/// A policy has some dozens.
const MOST_NAMES: usize = 1024;
/// Some minutes of alarms once a second, in every channel.
const MOST_OWN: usize = 100_000;
/// Where names beyond that are counted.
const OTHERS: &str = "other names";

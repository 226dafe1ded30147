//! All detectors of one log, and what they share: time, keys, and the state of what they raised.
//!
//! A detector that panics is switched off, and the batch goes on with the next line: the records are the journal's, and
//! nothing here may cost one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use memchr::memchr;

use super::detect::{self, Batch, Detector, Found};
use super::header::{ChannelKey, Glance};
use super::keys::{Keys, Salt};
use super::state::{Rule, State, States};
use super::stream::{SECOND, Stream};
use super::table::Table;
use super::{Alert, Severity, Status};
use crate::ledger::Entry;
use crate::policy::{AlertPolicy, DetectorPolicy, OnFull, Policy};
use crate::record;
use crate::report;

/// One per open log, or per replay.
pub(crate) struct Engine {
    /// The built-in ones in the order of the policy, then the service's own.
    detectors: Vec<Box<dyn Detector>>,
    rules: Vec<Rule>,
    /// Those that run.
    alive: u64,
    table: Table,
    channels: Vec<Lane>,
    keys: Keys,
    stream: Stream,
    states: States,
    /// A date, and its midnight.
    date: ([u8; 10], i64),
    /// What every record of the service ends with, without the newline.
    tail: Box<[u8]>,
    service: String,
    instance: Option<String>,
    /// The detector at work, for whoever catches its panic.
    at_work: Option<usize>,
    /// Those that panicked since this was last asked.
    panicked: Vec<usize>,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("detectors", &self.rules.len()).finish_non_exhaustive()
    }
}

/// A channel.
#[derive(Debug)]
struct Lane {
    name: String,
    key: ChannelKey,
    patience: i64,
    /// The newest record's time.
    newest: [u8; 27],
}

/// What was counted of a batch.
#[derive(Default)]
struct Counted<'a> {
    records: u64,
    newest: Option<Glance<'a>>,
    behind: Option<(i64, &'a str)>,
}

impl Engine {
    pub(crate) fn new(policy: &Policy, own: Vec<Box<dyn Detector>>) -> Engine {
        let mut tail = record::tail(&policy.service).into_vec();
        tail.pop();
        let mut engine = Engine {
            detectors: own,
            rules: Vec::new(),
            alive: 0,
            table: Table::default(),
            channels: policy
                .channels
                .iter()
                .map(|channel| Lane::new(&channel.name, channel.on_full))
                .collect(),
            keys: Keys::new(),
            stream: Stream::default(),
            states: States::default(),
            date: ([0; 10], 0),
            tail: tail.into(),
            service: policy.service.name.clone(),
            instance: policy.service.instance.clone(),
            at_work: None,
            panicked: Vec::new(),
        };
        engine.build(&policy.alerts, 0);
        engine
    }

    /// Goes by another policy from now on. What was counted so far is forgotten; what fires goes on.
    pub(crate) fn follow(&mut self, alerts: &AlertPolicy) {
        self.build(alerts, alerts.detectors.len());
    }

    /// Puts the built-in detectors in the place of the first `before`.
    fn build(&mut self, alerts: &AlertPolicy, before: usize) {
        let own = self.detectors.split_off(before);
        let dead = (self.rules.len() > before).then(|| !self.alive & mask(before..self.rules.len()));
        self.detectors = detect::built_in(alerts);
        self.detectors.extend(own);
        let cooldown = i64::try_from(alerts.cooldown.as_micros()).unwrap_or(i64::MAX);
        self.rules = self.detectors.iter().map(|detector| rule(&**detector, cooldown)).collect();
        let off = |detector: &DetectorPolicy| !detector.enabled;
        let off = alerts.detectors.iter().enumerate().filter(|(_, detector)| off(detector));
        let off = off.fold(0, |bits, (at, _)| bits | 1 << at);
        self.alive = mask(0..self.detectors.len()) & !off & !dead.unwrap_or(0);
        self.table = Table::new(self.detectors.iter().map(|detector| &**detector));
    }

    /// Looks at whole lines of one channel, as they come. `clock` is the time now.
    pub(crate) fn observe(&mut self, channel: usize, lines: &[u8], clock: i64) {
        let mut counted = Counted::default();
        let mut at = 0;
        while at < lines.len() {
            let work = AssertUnwindSafe(|| self.lines(channel, lines, &mut at, &mut counted));
            if catch_unwind(work).is_err() {
                self.switch_off();
            }
        }
        self.end_of(channel, lines, &counted, clock);
    }

    /// Whose alerts these are, of several processes of the service.
    pub(crate) fn of_instance(&mut self, instance: Option<String>) {
        self.instance = instance;
    }

    /// The index of a channel, which is made if it is not known.
    pub(crate) fn channel(&mut self, name: &str) -> usize {
        let at = self.channels.iter().position(|lane| lane.name == name);
        at.unwrap_or_else(|| {
            self.channels.push(Lane::new(name, OnFull::Drop));
            self.channels.len() - 1
        })
    }

    fn lines<'a>(&mut self, channel: usize, lines: &'a [u8], at: &mut usize, counted: &mut Counted<'a>) {
        let Engine { table, states, keys, stream, detectors, channels, tail, date, .. } = self;
        let Some(lane) = channels.get_mut(channel) else {
            *at = lines.len();
            return;
        };
        while let Some(rest) = lines.get(*at..).filter(|rest| !rest.is_empty()) {
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            // Before the line is looked at: a panic goes on behind it.
            *at += end + 1;
            let Some(glance) = Glance::new(&rest[..end], &lane.key) else { continue };
            let mut wanted = table.every;
            if let Some(event) = glance.event() {
                if OWN.contains(&event) {
                    continue;
                }
                wanted |= table.event(event);
            }
            counted.records += 1;
            if *glance.time() >= lane.newest {
                lane.newest = *glance.time();
            } else {
                lane.step_back(&glance, date, counted);
            }
            counted.newest = Some(glance);
            if table.redacted & self.alive != 0 && glance.is_redacted(tail) {
                wanted |= table.redacted;
            }
            wanted &= self.alive;
            let mut asked = wanted & table.named;
            while asked != 0 {
                let detector = asked.trailing_zeros() as usize;
                asked &= asked - 1;
                self.at_work = Some(detector);
                if !detectors[detector].wants(glance.event_name()) {
                    wanted &= !(1 << detector);
                }
            }
            self.at_work = None;
            if wanted == 0 {
                continue;
            }
            let Some(time) = micros(glance.time(), date) else { continue };
            let now = stream.record(time);
            let header = glance.header(&lane.name, now);
            let record = glance.id().try_into().ok();
            while wanted != 0 {
                let detector = wanted.trailing_zeros() as usize;
                wanted &= wanted - 1;
                self.at_work = Some(detector);
                let mut found = Found { states, keys, detector, now, channel: &lane.name, record };
                detectors[detector].record(&header, &mut found);
            }
            self.at_work = None;
        }
    }

    fn end_of(&mut self, channel: usize, lines: &[u8], counted: &Counted<'_>, clock: i64) {
        let Some(newest) = &counted.newest else { return };
        let Some(time) = micros(newest.time(), &mut self.date) else { return };
        let at = self.stream.record(time);
        let Some(lane) = self.channels.get_mut(channel) else { return };
        let (name, patience) = (std::mem::take(&mut lane.name), lane.patience);
        let id = std::str::from_utf8(newest.id()).unwrap_or_default();
        let ahead = time.saturating_sub(clock);
        let batch = Batch {
            channel: &name,
            records: counted.records,
            at,
            behind: counted.behind,
            ahead: (ahead > 0).then_some((ahead, id)),
            patience,
            lines,
        };
        let record = newest.id().try_into().ok();
        self.each(&name, record, |detector, found| detector.batch(&batch, found));
        if let Some(lane) = self.channels.get_mut(channel) {
            lane.name = name;
        }
    }

    /// An entry of the ledger.
    pub(crate) fn fact(&mut self, entry: &Entry) {
        self.each("ledger", None, |detector, found| detector.fact(entry, found));
    }

    /// What the clock says, and a monotonic one: before anything else that a tick does.
    pub(crate) fn clock(&mut self, clock: i64, monotonic: i64) {
        let step = self.stream.tick(clock, monotonic);
        if step < 0 {
            let behind = Some((step.saturating_abs(), ""));
            let at = self.stream.now();
            let batch = Batch { channel: "", records: 0, at, behind, ahead: None, patience: 0, lines: &[] };
            self.each("security", None, |detector, found| detector.batch(&batch, found));
        }
    }

    /// A second has passed. Hands on what is to be said.
    pub(crate) fn pass(&mut self, salt: &Salt, mut say: impl FnMut(Alert)) {
        let now = self.stream.now();
        self.each("", None, |detector, found| detector.tick(now, found));
        let Engine { states, rules, stream, service, instance, .. } = self;
        let made = Made { rules, stream, service, instance, salt };
        states.tick(now, rules, |state, status| say(made.alert(state, status, now)));
    }

    /// The time that a record of this one would make it.
    pub(crate) fn peek(&self, at: i64) -> i64 {
        self.stream.peek(at).0
    }

    /// Moves the time on, never back.
    pub(crate) fn move_to(&mut self, at: i64) -> i64 {
        self.stream.move_to(at)
    }

    /// The time of a record, if it is one of the channel.
    pub(crate) fn time_of(&mut self, channel: usize, line: &[u8]) -> Option<i64> {
        micros(Glance::new(line, &self.channels.get(channel)?.key)?.time(), &mut self.date)
    }

    /// Those that fire now, the oldest first.
    pub(crate) fn firing(&mut self, salt: &Salt) -> Vec<Alert> {
        let Engine { states, rules, stream, service, instance, .. } = self;
        let made = Made { rules, stream, service, instance, salt };
        states.firing().into_iter().map(|state| made.alert(state, Status::Firing, state.raised_at)).collect()
    }

    /// Each detector's name, and how many keys it forgot since this was last asked.
    pub(crate) fn take_evicted(&mut self) -> Vec<(&str, u64)> {
        let counts: Vec<u64> = self.detectors.iter_mut().map(|detector| detector.evicted()).collect();
        self.rules.iter().map(|rule| rule.name.as_str()).zip(counts).collect()
    }

    /// Those that panicked since this was last asked.
    pub(crate) fn take_panicked(&mut self) -> Vec<&str> {
        let panicked = std::mem::take(&mut self.panicked);
        panicked.into_iter().map(|at| self.rules[at].name.as_str()).collect()
    }

    /// Their names and how much what they find matters.
    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, Severity)> {
        self.rules.iter().map(|rule| (rule.name.as_str(), rule.severity))
    }

    fn each(
        &mut self,
        channel: &str,
        record: Option<[u8; 36]>,
        mut work: impl FnMut(&mut dyn Detector, &mut Found<'_>),
    ) {
        let now = self.stream.now();
        for detector in 0..self.detectors.len() {
            if self.alive & 1 << detector == 0 {
                continue;
            }
            let Engine { states, keys, detectors, .. } = self;
            let mut found = Found { states, keys, detector, now, channel, record };
            let one = &mut *detectors[detector];
            if catch_unwind(AssertUnwindSafe(|| work(one, &mut found))).is_err() {
                self.at_work = Some(detector);
                self.switch_off();
            }
        }
    }

    /// A detector has panicked. What it holds may be half done, so it is not asked again.
    #[cold]
    fn switch_off(&mut self) {
        let Some(detector) = self.at_work.take() else { return };
        self.alive &= !(1 << detector);
        self.panicked.push(detector);
        report::say_at_once(&format!(
            "the detector {} panicked and is switched off until the next start; records are written as before",
            self.rules[detector].name
        ));
    }
}

/// What alerts are made with.
struct Made<'a> {
    rules: &'a [Rule],
    stream: &'a Stream,
    service: &'a str,
    instance: &'a Option<String>,
    salt: &'a Salt,
}

impl Made<'_> {
    fn alert(&self, state: &mut State, status: Status, now: i64) -> Alert {
        let rule = &self.rules[state.detector];
        let fingerprint =
            state.fingerprint.get_or_insert_with(|| self.salt.fingerprint(&rule.name, &state.entity));
        Alert {
            detector: rule.name.clone(),
            severity: rule.severity,
            status,
            fingerprint: fingerprint.clone(),
            channel: state.channel.to_string(),
            starts_at: self.stream.to_clock(state.starts_at),
            updated_at: self.stream.to_clock(now),
            ends_at: (status == Status::Resolved).then(|| self.stream.to_clock(now)),
            count: state.count,
            threshold: state.threshold,
            summary: summary(state),
            record: state.record.map(|id| String::from_utf8_lossy(&id).into_owned()),
            service: self.service.to_owned(),
            instance: self.instance.clone(),
        }
    }
}

fn summary(state: &State) -> String {
    let State { what, count, threshold, .. } = state;
    match (threshold, count) {
        (0 | 1, 0 | 1) => (*what).to_owned(),
        (0 | 1, _) => format!("{what}, {count} times"),
        _ => format!("{count} {what}; the threshold is {threshold}"),
    }
}

impl Lane {
    fn new(name: &str, on_full: OnFull) -> Lane {
        let patience = match on_full {
            OnFull::Block(limit) => i64::try_from(limit.as_micros()).unwrap_or(i64::MAX),
            OnFull::Drop => 0,
        };
        Lane { name: name.to_owned(), key: ChannelKey::new(name), patience, newest: [0; 27] }
    }

    /// A record is older than one before it.
    #[cold]
    fn step_back<'a>(&mut self, glance: &Glance<'a>, date: &mut ([u8; 10], i64), counted: &mut Counted<'a>) {
        let (Some(newest), Some(time)) = (micros(&self.newest, date), micros(glance.time(), date)) else {
            return;
        };
        let by = newest.saturating_sub(time);
        if counted.behind.is_none_or(|(most, _)| by > most) {
            counted.behind = Some((by, std::str::from_utf8(glance.id()).unwrap_or_default()));
        }
        if by > self.patience.saturating_add(2 * SECOND) {
            // Told once: the records that follow are compared with this one.
            self.newest = *glance.time();
        }
    }
}

/// Microseconds of a time as the writer writes it. Most records have the date of the one before.
fn micros(time: &[u8; 27], date: &mut ([u8; 10], i64)) -> Option<i64> {
    let digits = |from: usize, to: usize| {
        time[from..to]
            .iter()
            .try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    if time[..10] != date.0 {
        let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
        let (year, month, day) =
            (i32::try_from(year).ok()?, u32::try_from(month).ok()?, u32::try_from(day).ok()?);
        let midnight = chrono::NaiveDate::from_ymd_opt(year, month, day)?.and_hms_opt(0, 0, 0)?.and_utc();
        date.0.copy_from_slice(&time[..10]);
        date.1 = midnight.timestamp_micros();
    }
    let seconds = digits(11, 13)? * 3600 + digits(14, 16)? * 60 + digits(17, 19)?;
    Some(date.1 + seconds * SECOND + digits(20, 26)?)
}

fn rule(detector: &dyn Detector, cooldown: i64) -> Rule {
    let name = detector.name().to_owned();
    // Each sign of it is news.
    let cooldown = if name == "integrity_break" { 0 } else { cooldown };
    let window = i64::try_from(detector.window().as_micros()).unwrap_or(i64::MAX);
    Rule { name, severity: detector.severity(), window, cooldown }
}

fn mask(bits: std::ops::Range<usize>) -> u64 {
    bits.fold(0, |mask, bit| mask | 1 << bit)
}

/// What the alerts' own thread records: it must not be found again.
const OWN: [&[u8]; 2] = [b"alert_firing", b"alert_resolved"];
/// One bit each.
pub(crate) const DETECTORS_MOST: usize = 64;

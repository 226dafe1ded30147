//! Shipping to a receiver that does as it is told, from a log that a real layer wrote to a disk in memory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use prost::Message as _;

use super::cursor;
use super::error::ShipError;
use super::from::From;
use super::message::{Any, LogRecord, Request};
use super::seen::Seen;
use super::send::{Answer, Transport, Trouble};
use super::ship::{Parts, Pass, Shipper};
use crate::archive::Identities;
use crate::catalog::{Base, Places};
use crate::clock::{Clock, Rng};
use crate::journal::seal::Seal;
use crate::ledger::{Fact, Ledger, PolicyRef, ShardRef};
use crate::policy::Policy;
use crate::storage::{Memory, Storage as _};
use crate::{Channel, Options, Record};

/// 2026-11-20T12:00:00Z
const NOON: i64 = 1_795_176_000_000_000;
const DAY: i64 = 86_400_000_000;
const BASE: &str = "/logs";

fn base() -> Base {
    Base { instance: None, path: BASE.into(), state: Path::new(BASE).join("state") }
}

fn policy(otlp: &str) -> Policy {
    let text = format!(
        "panic_hook = false\nservice = {{ name = \"clinic\" }}\nstorage = {{ root = \"{BASE}\" }}\n\
         [channels.audit]\nshard_size = \"64 KiB\"\n{otlp}"
    );
    Policy::parse(&text, "p").unwrap_or_else(|error| panic!("{error}"))
}

/// Logs so many records to audit as one run of a service. Their numbers go on from `first`.
fn log(disk: &Memory, clock: &Clock, numbers: std::ops::Range<i64>) {
    let options = Options::new(policy("")).storage(Arc::new(disk.clone())).clock(clock.clone());
    let (_layer, guard) = options.rng(Rng::system()).open().expect("opens");
    for n in numbers {
        let record = Record::new(Channel::AUDIT, "read")
            .message("a record of ordinary length, as there are many")
            .number("n", n);
        guard.handle().record(record).expect("takes it");
        if n % 50 == 0 {
            guard.handle().commit(Channel::AUDIT).expect("durable");
        }
    }
    guard.shutdown(std::time::Duration::from_secs(5));
}

/// A disk on which exporting has begun, with nothing logged yet.
fn begun() -> (Memory, Clock) {
    let (disk, clock) = (Memory::new(), Clock::manual(NOON));
    log(&disk, &clock, 0..0);
    let mut shipper = try_open(&disk, &clock, Some(&From::Now)).expect("begins");
    shipper.settle().expect("writes");
    (disk, clock)
}

fn try_open(disk: &Memory, clock: &Clock, from: Option<&From>) -> Result<Shipper, ShipError> {
    let policy = policy("[otlp]\nendpoint = \"http://127.0.0.1:9\"\nchannels = [\"audit\"]\n");
    let parts = Parts {
        policy: &policy,
        storage: Arc::new(disk.clone()),
        places: Places::root(BASE),
        base: &base(),
        clock: clock.clone(),
        identities: Identities::none(),
        channels: &[],
    };
    Shipper::open(parts, from)
}

type Behaviour = Box<dyn FnMut(&[i64]) -> Answer + Send>;

/// Remembers the numbers of the records it took.
#[derive(Clone)]
struct Receiver(Arc<Mutex<(Behaviour, Vec<i64>)>>);

impl Receiver {
    fn that(behaves: impl FnMut(&[i64]) -> Answer + Send + 'static) -> Receiver {
        Receiver(Arc::new(Mutex::new((Box::new(behaves), Vec::new()))))
    }

    fn good() -> Receiver {
        Receiver::that(|_| taken())
    }

    fn got(&self) -> Vec<i64> {
        self.0.lock().expect("not poisoned").1.clone()
    }

    fn open(&self, disk: &Memory, clock: &Clock) -> Shipper {
        let mut shipper = try_open(disk, clock, None).unwrap_or_else(|error| panic!("{error}"));
        shipper.use_transport(Box::new(self.clone()));
        shipper
    }
}

impl Transport for Receiver {
    fn send(&mut self, request: &[u8]) -> Answer {
        let numbers = numbers(request);
        let mut this = self.0.lock().expect("not poisoned");
        let answer = (this.0)(&numbers);
        if matches!(answer, Answer::Accepted { .. }) {
            this.1.extend(numbers);
        }
        answer
    }
}

fn taken() -> Answer {
    Answer::Accepted { rejected: 0, said: String::new() }
}

fn bad() -> Answer {
    Answer::Bad(Trouble::new("bad_data", "HTTP 400"))
}

fn numbers(request: &[u8]) -> Vec<i64> {
    let request = Request::decode(request).expect("a request");
    let scopes = request.resource_logs.into_iter().flat_map(|resource| resource.scope_logs);
    let records = scopes.flat_map(|scope| scope.log_records);
    records
        .map(|record| {
            let record = LogRecord::decode(&record[..]).expect("a record");
            let n = record
                .attributes
                .into_iter()
                .find(|attribute| attribute.key == "n")
                .and_then(|n| n.value?.value);
            if let Some(Any::Int(n)) = n { n } else { panic!("a record without its number") }
        })
        .collect()
}

/// What was told of, a word each.
fn pass(shipper: &mut Shipper) -> (Pass, Vec<String>) {
    let mut told = Vec::new();
    let ended = shipper.pass(&|| false, &mut |seen| match seen {
        Seen::Exported { records, .. } => told.push(format!("exported {records}")),
        Seen::Rejected { records, id, .. } => told.push(format!("rejected {records} {}", id.is_some())),
        Seen::Gone { shard, purged, .. } => told.push(format!("gone {shard} {purged}")),
        Seen::GoneRecords { records, .. } => told.push(format!("gone {records}")),
        Seen::Unreadable { lines, .. } => told.push(format!("unreadable {lines}")),
        Seen::Again { shard } => told.push(format!("again {shard}")),
        Seen::Failed { reason, .. } => told.push(format!("failed {reason}")),
        Seen::Waiting { .. } => {}
    });
    (ended, told)
}

fn shards(disk: &Memory) -> Vec<PathBuf> {
    let is_shard =
        |path: &PathBuf| path.starts_with("/logs/audit") && path.extension().is_some_and(|e| e == "jsonl");
    disk.files().into_keys().filter(is_shard).collect()
}

#[test]
fn everything_is_sent_once_and_in_order_across_shards_and_runs() {
    let (disk, clock) = begun();
    let receiver = Receiver::good();
    log(&disk, &clock, 0..400);
    assert!(shards(&disk).len() > 1, "several shards");
    let mut shipper = receiver.open(&disk, &clock);
    assert_eq!(pass(&mut shipper).0, Pass::Done);
    assert_eq!(receiver.got(), (0..400).collect::<Vec<_>>());
    // Another run of the service, another run of the shipper, and a new day in between.
    drop(shipper);
    log(&disk, &clock, 400..500);
    clock.set(NOON + DAY);
    log(&disk, &clock, 500..600);
    let mut shipper = receiver.open(&disk, &clock);
    pass(&mut shipper);
    pass(&mut shipper);
    assert_eq!(receiver.got(), (0..600).collect::<Vec<_>>());
}

#[test]
fn records_that_no_seal_covers_are_not_sent_before_one_does() {
    let (disk, clock) = begun();
    log(&disk, &clock, 0..20);
    let path = shards(&disk).remove(0);
    let whole = disk.files()[&path].clone();
    // As a writer leaves it in the middle of a batch.
    let last = whole.split_inclusive(|byte| *byte == b'\n').next_back().expect("a seal").len();
    assert!(Seal::is(&whole[whole.len() - last..]));
    let first = whole.split_inclusive(|byte| *byte == b'\n').take(2).map(<[u8]>::len).sum::<usize>();
    disk.put(&path, &whole[..whole.len() - last]);
    let receiver = Receiver::good();
    let mut shipper = receiver.open(&disk, &clock);
    pass(&mut shipper);
    assert_eq!(receiver.got(), [0], "record 0 was committed alone, and has its seal");
    assert!(first < whole.len() - last);
    disk.put(&path, &whole);
    pass(&mut shipper);
    assert_eq!(receiver.got(), (0..20).collect::<Vec<_>>());
}

#[test]
fn a_receiver_that_comes_back_gets_what_it_missed_and_nothing_twice() {
    let (disk, clock) = begun();
    let mut calls = 0;
    let receiver = Receiver::that(move |_| {
        calls += 1;
        match calls {
            1 | 2 | 4 => Answer::Later(Trouble::new("unavailable", "HTTP 503"), None),
            _ => taken(),
        }
    });
    log(&disk, &clock, 0..300);
    let mut shipper = receiver.open(&disk, &clock);
    let mut failed = 0;
    for _ in 0..6 {
        let (ended, told) = pass(&mut shipper);
        failed += told.iter().filter(|told| *told == "failed unavailable").count();
        assert!(matches!(ended, Pass::Wait(_)) || ended == Pass::Done);
        shipper.forget_pauses();
    }
    assert_eq!(failed, 3);
    assert_eq!(receiver.got(), (0..300).collect::<Vec<_>>());
}

#[test]
fn a_pause_that_the_receiver_asks_for_is_kept() {
    let (disk, clock) = begun();
    log(&disk, &clock, 0..3);
    let asked = std::time::Duration::from_secs(7);
    let receiver =
        Receiver::that(move |_| Answer::Later(Trouble::new("unavailable", "HTTP 429"), Some(asked)));
    let mut shipper = receiver.open(&disk, &clock);
    let requests = || receiver.0.lock().expect("not poisoned").1.len();
    assert!(matches!(pass(&mut shipper), (Pass::Wait(pause), _) if pause >= asked));
    let (ended, told) = pass(&mut shipper);
    assert!(matches!(ended, Pass::Wait(pause) if pause > std::time::Duration::from_secs(6)));
    assert_eq!((told, requests()), (Vec::<String>::new(), 0), "nothing was tried meanwhile");
}

#[test]
fn only_the_record_that_is_refused_is_given_up() {
    let (disk, clock) = begun();
    log(&disk, &clock, 0..100);
    let receiver =
        Receiver::that(
            |numbers| if numbers.contains(&37) || numbers.contains(&99) { bad() } else { taken() },
        );
    let mut shipper = receiver.open(&disk, &clock);
    let (ended, told) = pass(&mut shipper);
    assert_eq!(ended, Pass::Done);
    assert_eq!(told.iter().filter(|told| *told == "rejected 1 true").count(), 2);
    let mut got = receiver.got();
    got.sort_unstable();
    assert_eq!(got, (0..100).filter(|n| *n != 37 && *n != 99).collect::<Vec<_>>());
}

#[test]
fn a_receiver_that_refuses_everything_makes_nobody_give_up_a_record() {
    let (disk, clock) = begun();
    log(&disk, &clock, 0..10);
    let mut refuses = true;
    let mut requests = 0;
    let receiver = Receiver::that(move |_| {
        requests += 1;
        // Ten records, halved until each was asked for alone.
        refuses &= requests <= 19;
        if refuses { bad() } else { taken() }
    });
    let mut shipper = receiver.open(&disk, &clock);
    let (ended, told) = pass(&mut shipper);
    assert!(matches!(ended, Pass::Wait(_)));
    assert_eq!(told, ["failed bad_data"]);
    drop(shipper);
    // It was mended; nothing is missing, and what came meanwhile is there too.
    log(&disk, &clock, 10..12);
    let mut shipper = receiver.open(&disk, &clock);
    for _ in 0..3 {
        pass(&mut shipper);
        shipper.forget_pauses();
    }
    let mut got = receiver.got();
    got.sort_unstable();
    assert_eq!(got, (0..12).collect::<Vec<_>>());
}

#[test]
fn a_request_that_is_too_large_goes_in_parts() {
    let (disk, clock) = begun();
    log(&disk, &clock, 0..200);
    let receiver = Receiver::that(|numbers| match numbers.len() {
        0..=30 => taken(),
        _ => Answer::TooLarge(Trouble::new("too_large", "HTTP 413")),
    });
    let mut shipper = receiver.open(&disk, &clock);
    assert_eq!(pass(&mut shipper).0, Pass::Done);
    assert_eq!(receiver.got(), (0..200).collect::<Vec<_>>());
}

#[test]
fn what_a_partial_success_leaves_out_is_counted_and_not_sent_again() {
    let (disk, clock) = begun();
    log(&disk, &clock, 0..10);
    let receiver = Receiver::that(|_| Answer::Accepted { rejected: 3, said: "too old".into() });
    let mut shipper = receiver.open(&disk, &clock);
    let (_, told) = pass(&mut shipper);
    assert_eq!(told, ["rejected 3 false", "exported 7"]);
    assert_eq!(pass(&mut shipper).1, Vec::<String>::new());
    // A receiver cannot make us count more than was sent.
    log(&disk, &clock, 10..12);
    let receiver = Receiver::that(|_| Answer::Accepted { rejected: u64::MAX, said: String::new() });
    shipper.use_transport(Box::new(receiver));
    assert_eq!(pass(&mut shipper).1, ["rejected 2 false", "exported 0"]);
}

#[test]
fn a_run_that_dies_at_any_moment_leaves_no_gap() {
    // The cursor as it is after each request, put back: as a crash before its next replacement leaves it.
    let (disk, clock) = begun();
    log(&disk, &clock, 0..400);
    let receiver = Receiver::good();
    let cursor_file = base().state.join(cursor::FILE);
    let mut cursors = Vec::new();
    for _ in 0..10 {
        let mut shipper = receiver.open(&disk, &clock);
        let requests = std::cell::Cell::new(0);
        // It is stopped after its first request.
        let stop = || requests.replace(requests.get() + 1) > 1;
        shipper.pass(&stop, &mut |_| {});
        cursors.push((disk.files()[&cursor_file].clone(), receiver.got().len()));
    }
    assert!(cursors.iter().any(|(_, got)| *got > 0 && *got < 400), "stopped in the middle");
    for (text, _) in cursors {
        disk.put(&cursor_file, &text);
        let again = Receiver::good();
        let before: Vec<i64> = (0..400).collect();
        pass(&mut again.open(&disk, &clock));
        let got = again.got();
        assert!(before.ends_with(&got), "what follows the cursor, without a gap, to the end");
    }
    let mut all = receiver.got();
    all.dedup();
    assert_eq!(all, (0..400).collect::<Vec<_>>());
}

#[test]
fn what_was_purged_before_it_was_sent_is_counted_and_told() {
    let (disk, clock) = begun();
    log(&disk, &clock, 0..10);
    let receiver = Receiver::good();
    pass(&mut receiver.open(&disk, &clock));
    log(&disk, &clock, 10..400);
    let first = Path::new("/logs/audit/2026-11-20.jsonl");
    let of_first = disk.files()[first]
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty() && !Seal::is(line))
        .count();
    let storage = Arc::new(disk.clone());
    let ledger = Ledger::attach(storage, Path::new(BASE), &base().state, clock.clone()).expect("opens");
    let closed = ledger.read().expect("reads").entries.into_iter().find_map(|(_, entry)| match entry.fact {
        Fact::ShardClosed { shard } if shard.shard == "audit/2026-11-20" => Some(shard),
        _ => None,
    });
    let shard: ShardRef = closed.expect("it was closed");
    let policy = PolicyRef { version: None, sha256: String::new() };
    let fact = Fact::Purged { shard, store: "live".into(), rule: "default".into(), policy };
    ledger.append(fact.into()).expect("enters it");
    disk.remove(first).expect("removes it");
    let (_, told) = pass(&mut receiver.open(&disk, &clock));
    let missed = of_first - 10;
    assert_eq!(
        told.get(..2).unwrap_or(&told),
        ["gone audit/2026-11-20 true".to_owned(), format!("gone {missed}")]
    );
    let got = receiver.got();
    assert_eq!(got[..10], (0..10).collect::<Vec<_>>());
    assert_eq!(got[10..], (of_first as i64..400).collect::<Vec<_>>());
}

#[test]
fn a_shard_that_is_another_under_the_same_name_is_sent_from_its_beginning() {
    let (disk, clock) = begun();
    log(&disk, &clock, 0..20);
    let receiver = Receiver::good();
    pass(&mut receiver.open(&disk, &clock));
    let path = shards(&disk).remove(0);
    let other = Memory::new();
    log(&other, &clock, 100..140);
    disk.put(&path, &other.files()[&path]);
    let (_, told) = pass(&mut receiver.open(&disk, &clock));
    assert_eq!(told[0], "again audit/2026-11-20");
    assert_eq!(receiver.got()[20..], (100..140).collect::<Vec<_>>());
}

#[test]
fn a_clock_that_was_set_back_hides_no_record() {
    let (disk, clock) = begun();
    let receiver = Receiver::good();
    log(&disk, &clock, 0..5);
    clock.set(NOON + 3 * DAY);
    log(&disk, &clock, 5..10);
    pass(&mut receiver.open(&disk, &clock));
    clock.set(NOON + DAY);
    log(&disk, &clock, 10..15);
    let mut shipper = receiver.open(&disk, &clock);
    pass(&mut shipper);
    pass(&mut shipper);
    assert_eq!(receiver.got(), (0..15).collect::<Vec<_>>());
}

#[test]
fn exporting_begins_where_it_is_told_to() {
    let (disk, clock) = (Memory::new(), Clock::manual(NOON));
    log(&disk, &clock, 0..5);
    clock.set(NOON + DAY);
    log(&disk, &clock, 5..10);
    assert!(matches!(try_open(&disk, &clock, None), Err(ShipError::NoCursor { .. })));
    for (text, first) in
        [("oldest", 0), ("2026-11-20", 0), ("2026-11-21", 5), ("audit/2026-11-21", 5), ("now", 10)]
    {
        let from = From::parse(text, clock.now()).expect(text);
        let receiver = Receiver::good();
        let mut shipper = try_open(&disk, &clock, Some(&from)).unwrap_or_else(|error| panic!("{error}"));
        shipper.use_transport(Box::new(receiver.clone()));
        pass(&mut shipper);
        assert_eq!(receiver.got(), (first..10).collect::<Vec<_>>(), "{text}");
        drop(shipper);
        // The next run goes on from there.
        let receiver = Receiver::good();
        pass(&mut receiver.open(&disk, &clock));
        assert_eq!(receiver.got(), [0_i64; 0], "{text}");
    }
    assert!(From::parse("soon", NOON).is_err());
}

#[test]
fn a_cursor_that_cannot_be_read_is_an_error_and_not_a_new_beginning() {
    let (disk, clock) = begun();
    log(&disk, &clock, 0..5);
    let path = base().state.join(cursor::FILE);
    let good = disk.files()[&path].clone();
    disk.put(&path, &good[..good.len() / 2]);
    let error = try_open(&disk, &clock, None).expect_err("refused").to_string();
    assert!(error.contains("otlp.cursor") && error.contains("--from"), "{error}");
    assert!(try_open(&disk, &clock, Some(&From::Oldest)).is_ok());
}

#[test]
fn one_at_a_time_exports_a_log() {
    let (disk, clock) = begun();
    let first = Receiver::good().open(&disk, &clock);
    assert!(matches!(try_open(&disk, &clock, None), Err(ShipError::Busy { .. })));
    drop(first);
    assert!(try_open(&disk, &clock, None).is_ok());
}

#[test]
fn how_far_behind_it_is_can_be_told_from_outside() {
    let (disk, clock) = begun();
    let look = || {
        let all = super::behind(&disk, Path::new(BASE), &base().state).expect("reads").expect("begun");
        assert_eq!(all.len(), 1);
        all.into_iter().next().expect("one")
    };
    assert_eq!((look().bytes, look().since), (0, None));
    log(&disk, &clock, 0..5);
    let bytes: usize = shards(&disk).iter().map(|path| disk.files()[path].len()).sum();
    assert_eq!(look().bytes, bytes as u64);
    assert_eq!(look().since.as_deref(), Some("2026-11-20T12:00:00.000000Z"));
    pass(&mut Receiver::good().open(&disk, &clock));
    assert_eq!((look().bytes, look().since), (0, None));
    assert_eq!(look().exported.as_deref(), Some("2026-11-20T12:00:00.000000Z"));
}

//! The metrics of an open layer: complete from the start, and no more of them whatever comes.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use dihya::ledger::{Entry, Fact, Ledger, PolicyRef, ShardRef};
use dihya::merkle::Hash;
use dihya::metrics::Format;
use dihya::storage::{Memory, Storage};
use dihya::{Channel, Clock, Guard, Options, Policy, Record};
use proptest::collection::vec;
use proptest::prelude::*;
use tracing_subscriber::prelude::*;

const NOON: i64 = 1_795_176_000_000_000;

const POLICY: &str = "[storage]\nroot = \"/log\"\n[lifecycle]\nrun = false\n[channels.orders]\n";

fn open(disk: &Memory, clock: &Clock, policy: &str) -> (dihya::DihyaLayer, Guard) {
    let policy = Policy::parse(policy, "p").unwrap();
    Options::new(policy).storage(Arc::new(disk.clone())).clock(clock.clone()).open().unwrap()
}

/// Every series of an exposition, without its value.
fn series(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect()
}

fn value(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no series {series}")).parse().unwrap()
}

#[test]
fn every_channel_has_all_its_series_before_the_first_event() {
    let (disk, clock) = (Memory::new(), Clock::manual(NOON));
    let (_layer, guard) = open(&disk, &clock, POLICY);
    let text = guard.handle().metrics();
    let by_channel = [
        "event_bytes_total",
        "truncated_total",
        "last_event_timestamp_seconds",
        "seal_timestamp_seconds",
        "queue_bytes",
        "queue_capacity_bytes",
        "commit_seconds_count",
        "fsync_seconds_count",
        "oldest_record_timestamp_seconds",
        "retention_limit_seconds",
        "purge_last_success_timestamp_seconds",
        "archive_last_success_timestamp_seconds",
        "verified_timestamp_seconds",
        "verify_failures_total",
        "integrity_broken",
    ];
    for channel in Channel::BUILT_IN.iter().chain(&["orders"]) {
        for name in by_channel {
            value(&text, &format!("dihya_{name}{{channel=\"{channel}\"}}"));
        }
        for kind in [
            "open",
            "write",
            "sync",
            "link",
            "mirror",
            "replaced",
            "damaged",
            "changed",
            "recovery",
            "checkpoint",
            "lock_file",
            "ledger",
        ] {
            value(&text, &format!("dihya_write_errors_total{{channel=\"{channel}\",kind=\"{kind}\"}}"));
        }
        for reason in ["retention.default", "retention.ceiling", "max_bytes", "storage.min_free", "other"] {
            value(&text, &format!("dihya_purged_records_total{{channel=\"{channel}\",reason=\"{reason}\"}}"));
        }
    }
    for name in ["legal_holds", "legal_hold_review_timestamp_seconds", "disk_free_bytes", "look_errors_total"]
    {
        value(&text, &format!("dihya_{name}"));
    }
    assert_eq!(value(&text, "dihya_log_created_timestamp_seconds"), NOON as f64 / 1e6);
    assert_eq!(value(&text, "dihya_look_errors_total"), 0.0);
}

#[test]
fn a_records_age_and_its_limit_are_told_by_the_calendar() {
    let (disk, clock) = (Memory::new(), Clock::manual(NOON));
    let (_layer, guard) = open(&disk, &clock, POLICY);
    let handle = guard.handle();
    assert_eq!(value(&handle.metrics(), "dihya_oldest_record_timestamp_seconds{channel=\"audit\"}"), 0.0);
    handle.record(Record::audit("sensitive_read").message("one")).unwrap();
    handle.commit(Channel::AUDIT).unwrap();
    clock.set(NOON + 86_400_000_000);
    handle.record(Record::audit("sensitive_read").message("two")).unwrap();
    handle.commit(Channel::AUDIT).unwrap();
    let text = handle.metrics();
    assert_eq!(value(&text, "dihya_oldest_record_timestamp_seconds{channel=\"audit\"}"), NOON as f64 / 1e6);
    assert_eq!(value(&text, "dihya_oldest_record_timestamp_seconds{channel=\"app\"}"), 0.0);
    // P12M from 2026-11-20, in a year without a leap day.
    let limit = value(&text, "dihya_retention_limit_seconds{channel=\"audit\"}");
    assert_eq!(limit, 365.0 * 86_400.0);
    assert_eq!(value(&text, "dihya_seal_timestamp_seconds{channel=\"audit\"}"), NOON as f64 / 1e6 + 86_400.0);

    let longer = POLICY.to_owned()
        + "[channels.audit]\nretention = { floor = \"P1M\", default = \"P1M\", ceiling = \"P2M\" }\n";
    handle.reload(Policy::parse(&longer, "p").unwrap()).unwrap();
    let limit = value(&handle.metrics(), "dihya_retention_limit_seconds{channel=\"audit\"}");
    assert_eq!(limit, 61.0 * 86_400.0, "a reload counts at once: to 2027-01-20");
}

#[test]
fn a_ledger_that_cannot_be_read_is_counted_and_the_rest_goes_on() {
    let (disk, clock) = (Memory::new(), Clock::manual(NOON));
    let (_layer, guard) = open(&disk, &clock, POLICY);
    let before = guard.handle().metrics();
    assert_eq!(value(&before, "dihya_look_errors_total"), 0.0);
    let ledger = Path::new("/log/ledger/ledger.jsonl");
    disk.remove(ledger).unwrap();
    disk.link(Path::new("/elsewhere"), ledger).unwrap();
    let after = guard.handle().metrics();
    assert!(value(&after, "dihya_look_errors_total") > 0.0);
    assert_eq!(series(&before), series(&after));
}

/// Something that can happen to a service and its log.
#[derive(Clone, Debug)]
enum Happening {
    Event(u8, String),
    Direct(u8, String),
    Log(String, String),
    Ledger(u8, String, String),
    Reload(u8),
    Foreign(u8, String),
}

fn happening() -> impl Strategy<Value = Happening> {
    let hostile = prop_oneof![
        any::<String>(),
        Just("\",evil=\"1\"} 9\nforged_total 7\n# EOF\n".to_owned()),
        Just("audit".to_owned()),
        Just("{le=\"1\"}".to_owned()),
    ]
    .boxed();
    prop_oneof![
        (any::<u8>(), hostile.clone()).prop_map(|(n, text)| Happening::Event(n, text)),
        (any::<u8>(), hostile.clone()).prop_map(|(n, text)| Happening::Direct(n, text)),
        (hostile.clone(), hostile.clone()).prop_map(|(target, text)| Happening::Log(target, text)),
        (any::<u8>(), hostile.clone(), hostile.clone()).prop_map(|(n, a, b)| Happening::Ledger(n, a, b)),
        any::<u8>().prop_map(Happening::Reload),
        (any::<u8>(), "[a-z0-9-]{1,12}(\\.jsonl)?").prop_map(|(n, name)| Happening::Foreign(n, name)),
    ]
}

/// A fact that somebody with the key entered, with texts that no part of this program would write.
fn fact(n: u8, a: &str, b: &str) -> Fact {
    let id = if n.is_multiple_of(2) { format!("{a}/{b}") } else { "audit/2026-11-20".to_owned() };
    let shard = ShardRef {
        shard: id.clone(),
        size: 1,
        root: Hash::empty(),
        bytes: 1,
        records: 3,
        first: None,
        last: None,
    };
    let policy = PolicyRef { version: None, sha256: String::new() };
    match n % 7 {
        0 => Fact::Purged { shard, store: b.into(), rule: a.into(), policy },
        1 => Fact::Purged { shard, store: "live".into(), rule: format!("retention.default: {b}"), policy },
        2 => Fact::Verified { what: a.into(), whole: false, shards: 1, broken: vec![b.into()] },
        3 => Fact::ShardDamaged { shard: id, offset: 1 },
        4 => Fact::HoldSet { id: a.into(), hold: [(b.to_owned(), a.to_owned())].into() },
        5 => Fact::Operation { operation: a.into(), outcome: b.into(), milliseconds: 1, volume: [].into() },
        _ => Fact::ShardClosed { shard },
    }
}

/// Policies that a service may change between; the third has a detector of its own.
fn reloaded(n: u8) -> String {
    let more = [
        "",
        "[channels.app]\nlevel = \"trace\"\n[channels.audit]\nretention = { floor = \"P1M\", default = \"P1M\", ceiling = \"P2M\" }\n",
        "[[redact.detectors]]\nname = \"badge\"\nprefix = \"bdg-\"\nalphabet = \"alnum\"\nmin_length = 8\n",
        "[redact]\nmask_keys = [\"nickname\"]\n",
    ];
    POLICY.to_owned() + more[usize::from(n) % more.len()]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_happens_changes_the_number_of_series(happenings in vec(happening(), 1..24)) {
        let (disk, clock) = (Memory::new(), Clock::manual(NOON));
        let (layer, guard) = open(&disk, &clock, POLICY);
        let handle = guard.handle();
        let at_first = series(&handle.metrics());
        let subscriber = tracing_subscriber::registry().with(layer);
        let mut declared = BTreeSet::new();
        tracing::subscriber::with_default(subscriber, || {
            for happening in &happenings {
                clock.set(clock.now() + 3_600_000_000);
                match happening {
                    Happening::Event(n, text) => match n % 4 {
                        0 => tracing::info!(channel = %text, detector = %text, "{text}"),
                        1 => dihya::audit!("sensitive_read", user_id = %text, password = %text),
                        2 => tracing::error!(target: "orders", kind = %text, { "le" } = %text),
                        _ => dihya::security!("authn_login_fail", source = %text, "{text}"),
                    },
                    Happening::Direct(n, text) => {
                        let channel = Channel::built_in(Channel::BUILT_IN[usize::from(*n) % 6]).unwrap();
                        let record = Record::new(channel, "direct").message(text).field("channel", text);
                        let _ = handle.record(record);
                    }
                    Happening::Log(target, text) => {
                        let tracer = tracing_log::LogTracer::new();
                        let args = format_args!("{text}");
                        let record = log::Record::builder().target(target).args(args).level(log::Level::Warn).build();
                        log::Log::log(&tracer, &record);
                    }
                    Happening::Ledger(n, a, b) => {
                        let tool = Ledger::attach(
                            Arc::new(disk.clone()), Path::new("/log"), Path::new("/log/state"), clock.clone());
                        tool.unwrap().append(Entry::from(fact(*n, a, b))).unwrap();
                    }
                    Happening::Reload(n) => {
                        let policy = reloaded(*n);
                        if policy.contains("badge") {
                            declared.insert("dihya_redactions_total{detector=\"badge\"}".to_owned());
                        }
                        handle.reload(Policy::parse(&policy, "p").unwrap()).unwrap();
                    }
                    Happening::Foreign(n, name) => {
                        let folder = ["audit", "orders", "nobodys"][usize::from(*n) % 3];
                        disk.create_dir(&Path::new("/log").join(folder)).unwrap();
                        disk.put(format!("/log/{folder}/{name}"), b"{\"timestamp\":\"no time\"}\n");
                    }
                }
            }
        });
        for channel in [Channel::APP, Channel::AUDIT, Channel::SECURITY] {
            handle.commit(channel).unwrap();
        }
        let text = handle.metrics();
        let mut expected = at_first;
        expected.extend(declared);
        prop_assert_eq!(&series(&text), &expected);
        let open = handle.metrics_as(Format::OpenMetrics);
        prop_assert_eq!(&series(&open).len(), &expected.len());
        prop_assert!(!text.contains("forged") && open.ends_with("# EOF\n"));
        prop_assert_eq!(open.matches("# EOF").count(), 1);
    }
}

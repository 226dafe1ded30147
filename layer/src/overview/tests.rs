use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::*;
use crate::ledger::{Entry, Fact, ShardRef};
use crate::merkle::Hash;
use crate::profile::Sector;
use crate::storage::Memory;

/// 2026-11-20T12:00:00Z
const NOON: i64 = 1_795_176_000_000_000;
const HOUR: i64 = 3_600_000_000;

/// A record as our writer leaves it. `rest` is what stands behind the level.
fn record(micros: i64, channel: &str, level: &str, rest: &str) -> String {
    let time = ledger::time(micros);
    format!(
        "{{\"v\":1,\"id\":\"{micros:036}\",\"timestamp\":\"{time}\",\"channel\":\"{channel}\",\"level\":\"{level}\"{rest},\"service\":{{\"name\":\"s\"}}}}"
    )
}

fn seal(size: usize) -> String {
    format!("{{\"seal\":{{\"size\":{size},\"root\":\"x\",\"sig\":\"y\"}}}}")
}

fn put(disk: &Memory, path: &str, lines: &[String]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    disk.put(Path::new("/logs").join(path), text.as_bytes());
}

fn policy() -> Policy {
    Policy::sector(Sector::Generic).root("/logs")
}

fn look(disk: &Memory, extent: &Extent) -> Overview {
    let storage: Arc<dyn Storage> = Arc::new(disk.clone());
    let told = Mutex::new((0, 0));
    let overview = Overview::read(
        &storage,
        &policy(),
        &Places::root("/logs"),
        &Identities::none(),
        extent,
        &Clock::manual(NOON),
        &|done, of| {
            let mut told = told.lock().unwrap();
            *told = (done.max(told.0), of);
        },
    )
    .unwrap();
    let (done, of) = *told.lock().unwrap();
    assert_eq!(done, of, "the progress ends at the end");
    overview
}

/// Numbers that look like chance, and are the same in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// Lines of all the forms that may stand in a shard, at times of its day.
fn lines(channel: &str, day: i64, n: usize, dice: &mut Dice) -> Vec<String> {
    let levels = ["INFO", "WARN", "ERROR", "DEBUG", "TRACE", "AUDIT", "SECURITY", "ODD"];
    let mut lines = Vec::new();
    for k in 0..n {
        let at = day + (k as i64) * (23 * HOUR) / n as i64;
        let level = levels[dice.roll(8) as usize];
        let message = "m".repeat(dice.roll(200) as usize);
        lines.push(match dice.roll(16) {
            0 => seal(lines.len()),
            1..=3 => record(at, channel, level, &format!(",\"message\":\"{message}\",\"target\":\"t\",\"attributes\":{{\"n\":{k}}},\"redactions\":{{\"email\":{},\"card\":1}}", dice.roll(4) + 1)),
            4 => record(at, channel, level, ",\"redactions\":{\"own-1\":2}"),
            // What a service passes, made to be mistaken.
            5 => record(at, channel, level, r#","message":"a\",\"redactions\":{\"email\":9}","target":"t","attributes":{"redactions":7,"target":"dihya","records":5}"#),
            6 => record(at, channel, level, r#","event_name":"sys_records_lost","target":"t","attributes":{"target":"dihya","records":5}"#),
            7 => record(at, channel, "WARN", &format!(",\"event_name\":\"sys_records_lost\",\"target\":\"dihya\",\"attributes\":{{\"records\":{}}}", dice.roll(50))),
            // Somebody else's form.
            8 => json!({"timestamp": ledger::time(at), "level": level, "message": message, "redactions": {"email": 2}}).to_string(),
            9 => json!({"timestamp": ledger::time(at).replace('Z', "+00:00"), "n": k}).to_string(),
            10 => ["nonsense", "", "{}", "[1]", "{\"timestamp\":\"no\"}", "{\"v\":1,\"id\":\"x"][dice.roll(6) as usize].to_owned(),
            11 => record(at, "another", level, ""),
            _ => record(at, channel, level, &format!(",\"message\":\"{message}\",\"target\":\"t\"")),
        });
    }
    lines
}

/// The same figures by parsing every line whole.
#[derive(Debug, Default, PartialEq)]
struct Brute {
    records: BTreeMap<String, u64>,
    bytes: BTreeMap<String, u64>,
    redactions: BTreeMap<String, u64>,
    redacted_records: u64,
    levels: BTreeMap<String, u64>,
    lost: u64,
    bad: u64,
    seals: u64,
    /// By channel and hour.
    hours: BTreeMap<(String, i64), u64>,
}

fn brute(shards: &[(&str, Vec<String>)], extent: &Extent) -> Brute {
    let mut sum = Brute::default();
    for (path, lines) in shards {
        let channel = path.split('/').next().unwrap().to_owned();
        for line in lines {
            let value: Value = serde_json::from_str(line).unwrap_or_default();
            let time = value["timestamp"].as_str().and_then(count::micros);
            if line.starts_with("{\"seal\"") {
                sum.seals += 1;
                continue;
            }
            let Some(at) = time else {
                sum.bad += 1;
                continue;
            };
            if extent.since.is_some_and(|since| at < since) || extent.until.is_some_and(|until| at >= until) {
                continue;
            }
            *sum.records.entry(channel.clone()).or_default() += 1;
            *sum.bytes.entry(channel.clone()).or_default() += line.len() as u64 + 1;
            *sum.hours.entry((channel.clone(), at.div_euclid(HOUR))).or_default() += 1;
            let level = value["level"].as_str().filter(|level| *level != "ODD").unwrap_or("other");
            *sum.levels.entry(level.to_owned()).or_default() += 1;
            if let Some(redactions) = value["redactions"].as_object() {
                sum.redacted_records += 1;
                for (name, count) in redactions {
                    *sum.redactions.entry(name.clone()).or_default() += count.as_u64().unwrap();
                }
            }
            if value["target"] == "dihya" && value["event_name"] == "sys_records_lost" {
                sum.lost += value["attributes"]["records"].as_u64().unwrap();
            }
        }
    }
    sum
}

fn figures(overview: &Overview) -> Brute {
    let mut sum = Brute::default();
    for channel in &overview.channels {
        if channel.records > 0 {
            sum.records.insert(channel.name.clone(), channel.records);
            sum.bytes.insert(channel.name.clone(), channel.bytes);
        }
        for (level, count) in &channel.levels {
            *sum.levels.entry((*level).to_owned()).or_default() += count;
        }
        sum.redacted_records += channel.redacted_records;
        sum.lost += channel.lost;
        sum.bad += channel.bad_lines;
    }
    for redaction in &overview.redactions {
        assert_eq!(redaction.count, redaction.channels.values().sum::<u64>());
        sum.redactions.insert(redaction.detector.clone(), redaction.count);
    }
    sum.seals = overview.logs.iter().map(|log| log.integrity.seals).sum();
    let volume = &overview.volume;
    if let Some(start) = &volume.start {
        let start = count::micros(start).unwrap();
        for series in &volume.series {
            for (at, records) in series.records.iter().enumerate().filter(|(_, records)| **records > 0) {
                let time = start + at as i64 * volume.step_seconds as i64 * 1_000_000;
                *sum.hours.entry((series.channel.clone(), time.div_euclid(HOUR))).or_default() += records;
            }
        }
    }
    sum
}

/// Shards of three channels and two days, live and archived, and what stands in them.
fn made() -> (Memory, Vec<(&'static str, Vec<String>)>) {
    let disk = Memory::new();
    let dice = &mut Dice(7);
    let midnight = NOON - 12 * HOUR;
    let shards = vec![
        ("app/2026-11-19.jsonl", lines("app", midnight - 24 * HOUR, 3_000, dice)),
        ("app/2026-11-20.jsonl", lines("app", midnight, 50, dice)),
        ("app/2026-11-20.1.jsonl", lines("app", midnight, 9_000, dice)),
        ("audit/2026-11-20.jsonl", lines("audit", midnight, 300, dice)),
        ("own-1/2026-11-20.jsonl", lines("own-1", midnight, 200, dice)),
    ];
    for (path, lines) in &shards[1..] {
        put(&disk, path, lines);
    }
    if cfg!(feature = "archive") {
        put_archived(&disk, "app/2026/11/2026-11-19.jsonl.zst", &shards[0].1);
    } else {
        put(&disk, shards[0].0, &shards[0].1);
    }
    (disk, shards)
}

#[cfg(feature = "archive")]
fn put_archived(disk: &Memory, path: &str, lines: &[String]) {
    let mut archive = Vec::new();
    let mut encoder = zeekstd::EncodeOptions::new()
        .frame_size_policy(zeekstd::FrameSizePolicy::Uncompressed(100_003))
        .into_encoder(&mut archive)
        .unwrap();
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::io::Write::write_all(&mut encoder, text.as_bytes()).unwrap();
    encoder.finish().unwrap();
    disk.put(Path::new("/logs/archive").join(path), &archive);
}

#[cfg(not(feature = "archive"))]
fn put_archived(_: &Memory, _: &str, _: &[String]) {}

#[test]
fn the_figures_are_those_of_parsing_every_line() {
    let (disk, shards) = made();
    for threads in [1, 3] {
        let extent = Extent { threads: Some(threads), ..Extent::default() };
        let overview = look(&disk, &extent);
        let expected = brute(&shards, &extent);
        assert!(expected.lost > 0 && expected.bad > 0 && expected.redactions.len() == 3, "{expected:?}");
        assert_eq!(figures(&overview), expected);
        assert_eq!(overview.read.records, expected.records.values().sum::<u64>());
        assert_eq!((overview.read.shards, &overview.read.unread[..]), (5, &[][..]));
        assert_eq!(overview.read.archived, u64::from(cfg!(feature = "archive")));
    }
}

#[test]
fn a_range_takes_its_beginning_and_leaves_its_end() {
    let (disk, shards) = made();
    let midnight = NOON - 12 * HOUR;
    for (since, until) in [
        (None, Some(midnight)),
        (Some(midnight), None),
        (Some(midnight - 5 * HOUR), Some(midnight + 5 * HOUR)),
        (Some(midnight + HOUR + 1), Some(midnight + 2 * HOUR)),
    ] {
        let extent = Extent { since, until, ..Extent::default() };
        let overview = look(&disk, &extent);
        let expected = brute(&shards, &extent);
        let (found, steps) = (figures(&overview), overview.volume.steps);
        assert_eq!((&found.records, &found.bytes), (&expected.records, &expected.bytes));
        assert_eq!((&found.redactions, found.lost), (&expected.redactions, expected.lost));
        assert_eq!(found.hours, expected.hours);
        assert!((1..=98).contains(&steps), "{steps} steps");
    }
}

fn ledger(disk: &Memory, base: &str, facts: Vec<(i64, Option<&str>, Fact)>) {
    let mut text = String::new();
    for (at, operator, fact) in facts {
        let entry = Entry {
            timestamp: super::ledger::time(at),
            operator: operator.map(str::to_owned),
            reason: Some("because of p-7".into()),
            ..fact.into()
        };
        text.push_str(&serde_json::to_string(&entry).unwrap());
        text.push_str("\n{\"seal\":{\"size\":1,\"root\":\"x\",\"sig\":\"y\"}}\n");
    }
    disk.put(format!("{base}/ledger/ledger.jsonl"), text.as_bytes());
}

fn shard(id: &str, records: u64) -> ShardRef {
    let times = Some("2026-01-01T10:00:00.000000Z".to_owned());
    ShardRef {
        shard: id.into(),
        size: records + 1,
        root: Hash::empty(),
        bytes: records * 100,
        records,
        first: times.clone(),
        last: times,
    }
}

#[test]
fn what_was_purged_is_told_from_the_ledger_and_not_counted_as_there() {
    let disk = Memory::new();
    put(&disk, "app/2026-11-20.jsonl", &[record(NOON, "app", "INFO", "")]);
    let policy = PolicyRef { version: Some("7".into()), sha256: "ab".into() };
    let purge = |id: &str, records| Fact::Purged {
        shard: shard(id, records),
        store: "live".into(),
        rule: "default".into(),
        policy: policy.clone(),
    };
    let hold: BTreeMap<String, String> = [
        ("ground", "the case of p-7"),
        ("owner", "legal"),
        ("review", "2026-11-01"),
        ("channels", "app"),
        ("subjects", "p-7"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    ledger(
        &disk,
        "/logs",
        vec![
            (NOON - 50 * HOUR, Some("eve"), Fact::Denied { operation: "purge".into() }),
            (NOON - 40 * HOUR, None, purge("app/2026-01-01", 1_000)),
            (NOON - 3 * HOUR, Some("ada"), purge("app/2026-01-02", 234)),
            (NOON - 2 * HOUR, Some("ada"), Fact::HoldSet { id: "case-12".into(), hold }),
            (
                NOON - HOUR,
                Some("ada"),
                Fact::Read { channel: "audit".into(), query: "where user_id=p-7".into() },
            ),
            (
                NOON - HOUR,
                Some("ada"),
                Fact::Verified { what: "root".into(), whole: true, shards: 1, broken: Vec::new() },
            ),
        ],
    );
    let overview = look(&disk, &Extent::default());
    assert_eq!((overview.read.records, overview.channels[0].records), (1, 1));
    let facts = overview.logs[0].facts.as_ref().unwrap();
    assert_eq!((facts.purged_shards, facts.purged_records), (2, 1_234));
    let newest = &facts.purged[0];
    assert_eq!((newest.operator.as_deref(), newest.policy.as_deref()), (Some("ada"), Some("7")));
    assert_eq!(facts.incidents_by_kind, BTreeMap::from([("denied", 1), ("hold_set", 1)]));
    assert!(facts.verified.as_ref().is_some_and(|verified| verified.whole));
    assert!(facts.holds[0].is_due && facts.holds[0].is_narrowed);
    assert_eq!(overview.logs[0].retention[0].holds, 1);
    // Free texts may name people: they stay in the ledger.
    let json = serde_json::to_string(&overview).unwrap();
    assert!(json.contains("ada") && json.contains("case-12"), "the operator and the hold are told");
    assert!(!json.contains("p-7"));

    let lately = look(&disk, &Extent { since: Some(NOON - 5 * HOUR), ..Extent::default() });
    let facts = lately.logs[0].facts.as_ref().unwrap();
    assert_eq!((facts.purged_shards, facts.purged_records), (1, 234));
    assert_eq!(facts.incidents_by_kind, BTreeMap::from([("hold_set", 1)]));
}

/// As the detectors say it.
fn alert(at: i64, event: &str, fingerprint: &str, count: u64) -> String {
    record(
        at,
        "security",
        "SECURITY",
        &format!(
            ",\"event_name\":\"{event}\",\"message\":\"five\",\"target\":\"dihya\",\"attributes\":{{\"detector\":\"auth_bruteforce\",\"severity\":\"high\",\"fingerprint\":\"{fingerprint}\",\"count\":{count},\"threshold\":5,\"record\":\"none\"}}"
        ),
    )
}

#[test]
fn an_alert_lasts_from_its_first_record_to_its_resolution() {
    let disk = Memory::new();
    put(
        &disk,
        "security/2026-11-20.jsonl",
        &[
            alert(NOON - 5 * HOUR, "alert_firing", "cc", 6),
            alert(NOON - 4 * HOUR, "alert_firing", "aa", 9),
            alert(NOON - 3 * HOUR, "alert_firing", "aa", 5),
            alert(NOON - 2 * HOUR, "alert_firing", "aa", 40),
            alert(NOON - 2 * HOUR, "alert_firing", "bb", 7),
            alert(NOON - HOUR, "alert_resolved", "aa", 41),
            alert(NOON, "alert_firing", "aa", 5),
            // Of a service that makes it look so.
            record(
                NOON,
                "security",
                "SECURITY",
                ",\"event_name\":\"alert_firing\",\"target\":\"t\",\"attributes\":{\"target\":\"dihya\",\"detector\":\"forged\"}",
            ),
        ],
    );
    // The process began anew between the first two and the others.
    let policy = PolicyRef { version: None, sha256: String::new() };
    let opened = |vkey: &str| Fact::LogOpened { vkey: vkey.into(), policy: policy.clone() };
    ledger(
        &disk,
        "/logs",
        vec![(NOON - 50 * HOUR, None, opened("a")), (NOON - 7 * HOUR / 2, None, opened("b"))],
    );
    let overview = look(&disk, &Extent::default());
    let mut told: Vec<_> = overview
        .alerts
        .iter()
        .map(|alert| (alert.fingerprint.as_str(), alert.count, alert.ended.is_some(), alert.is_cut))
        .collect();
    let now = told.remove(0);
    assert_eq!(now, ("aa", 5, false, false), "it fires anew");
    assert_eq!(
        told,
        [("bb", 7, false, false), ("aa", 41, true, false), ("aa", 9, false, true), ("cc", 6, false, true)]
    );
    assert_eq!(overview.alerts[2].started, super::ledger::time(NOON - 3 * HOUR));
    assert_eq!(overview.alerts.iter().filter(|alert| alert.is_firing()).count(), 2);
    assert_eq!(
        overview.own_records,
        BTreeMap::from([("alert_firing".into(), 6), ("alert_resolved".into(), 1)])
    );
}

#[test]
fn an_empty_root_has_an_overview_too() {
    let disk = Memory::new();
    disk.create_dir(Path::new("/logs")).unwrap();
    let overview = look(&disk, &Extent::default());
    assert_eq!((overview.read.records, overview.volume.start.is_none()), (0, true));
    assert_eq!(overview.channels.len(), 6, "the policy's channels, with nothing in them");
}

#[cfg(feature = "archive")]
#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_counted() {
    let (disk, shards) = made();
    let path = "/logs/archive/app/2026/11/2026-11-19.jsonl.zst";
    let mut bytes = disk.files()[Path::new(path)].clone();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 64].fill(0);
    disk.put(path, &bytes);
    disk.put("/logs/archive/audit/2026/11/2026-11-18.jsonl.zst", b"zstd");
    disk.put("/logs/archive/audit/2026/11/2026-11-17.jsonl.zst.age", b"age");
    disk.put("/logs/ledger/ledger.jsonl", b"nonsense\n");
    let overview = look(&disk, &Extent::default());
    let unread: Vec<&str> = overview.read.unread.iter().map(|unread| unread.shard.as_str()).collect();
    assert_eq!(unread, ["app/2026-11-19", "audit/2026-11-17", "audit/2026-11-18"]);
    let rest = brute(&shards[1..], &Extent::default());
    let found = figures(&overview);
    assert_eq!(found.records["audit"], rest.records["audit"]);
    assert!(found.records["app"] > rest.records["app"], "the frames that can be read are counted");
    let alerts = &overview.logs[0].status.alerts;
    assert!(alerts.iter().any(|alert| alert.contains("1 lines of the ledger")), "{alerts:?}");
}

#[test]
fn names_that_somebody_makes_up_take_bounded_room() {
    let disk = Memory::new();
    let lines: Vec<String> =
        (0..5_000).map(|n| record(NOON, "app", "INFO", &format!(",\"redactions\":{{\"x{n}\":1}}"))).collect();
    put(&disk, "app/2026-11-20.jsonl", &lines);
    let overview = look(&disk, &Extent::default());
    assert!((1_000..=1_025).contains(&overview.redactions.len()));
    assert_eq!(overview.redactions[0].detector, "other names");
    assert_eq!(overview.redactions.iter().map(|redaction| redaction.count).sum::<u64>(), 5_000);
}

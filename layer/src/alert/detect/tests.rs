//! Each detector: a story in which it fires, and one that comes close and leaves it silent.

use proptest::prelude::*;

use super::*;
use crate::alert::engine::Engine;
use crate::alert::keys::Salt;
use crate::alert::{Alert, Replay, Severity, Status};
use crate::ledger::{Fact, PolicyRef, ShardRef, time};
use crate::policy::Policy;
use crate::profile::Sector;

/// 2026-11-20T12:00:00Z, in seconds.
const NOON: i64 = 1_795_176_000;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// A log that is told to the detectors record by record.
struct Story {
    replay: Replay,
    said: Vec<Alert>,
    number: u64,
}

impl Story {
    fn new() -> Story {
        Story::of("")
    }

    fn of(alerts: &str) -> Story {
        let policy = Policy::parse(&format!("[storage]\nroot = \"logs\"\n{alerts}"), "p").unwrap();
        Story { replay: Replay::new(&policy, (NOON + 1000 * DAY) * 1_000_000), said: Vec::new(), number: 0 }
    }

    /// A record, so many seconds after noon; `fields` are those of the envelope and behind it, each with its comma.
    fn record(&mut self, at: i64, channel: &str, fields: &str) {
        let line = self.line(at, channel, fields);
        self.replay.record(channel, line.as_bytes());
        self.said.extend(self.replay.take());
    }

    fn line(&mut self, at: i64, channel: &str, fields: &str) -> String {
        self.number += 1;
        let (number, time) = (self.number, time((NOON + at) * 1_000_000));
        format!(
            "{{\"v\":1,\"id\":\"019ca8ab-bc63-774b-8000-{number:012}\",\"timestamp\":\"{time}\",\"channel\":\"{channel}\",\
             \"level\":\"INFO\"{fields},\"service\":{{\"name\":\"test\"}}}}"
        )
    }

    fn login(&mut self, at: i64, event: &str, user: &str, address: &str) {
        self.record(
            at,
            "security",
            &format!(
                ",\"event_name\":\"authn_login_{event}\",\"user_id\":\"{user}\",\"target\":\"web\",\
                 \"attributes\":{{\"client.address\":\"{address}\"}}"
            ),
        );
    }

    fn system(&mut self, at: i64, event: &str, target: &str) {
        self.record(at, "audit", &format!(",\"event_name\":\"{event}\",\"target\":\"{target}\""));
    }

    /// So many records a minute for a time.
    fn traffic(&mut self, from: i64, to: i64, a_minute: i64) {
        for at in (from..to).step_by(60) {
            (0..a_minute).for_each(|n| self.record(at + n * 59 / a_minute, "api", ",\"target\":\"web\""));
        }
    }

    fn fact(&mut self, at: i64, fact: Fact) {
        let entry = Entry { timestamp: time((NOON + at) * 1_000_000), ..fact.into() };
        self.replay.entry(&entry);
        self.said.extend(self.replay.take());
    }

    /// Ends it; what was said, as detector, status and count.
    fn end(&mut self) -> Vec<(String, Status, u64)> {
        self.replay.end();
        self.said.extend(self.replay.take());
        self.said.iter().map(|alert| (alert.detector.clone(), alert.status, alert.count)).collect()
    }

    fn fired(&mut self) -> Vec<String> {
        let said = self.end().into_iter();
        said.filter(|(_, status, _)| *status == Status::Firing).map(|(name, _, _)| name).collect()
    }
}

#[test]
fn five_failures_to_one_account_in_ten_minutes_are_brute_force_and_four_are_not() {
    let mut story = Story::new();
    (0..4).for_each(|n| story.login(n * 60, "fail", "ada", &format!("192.0.2.{n}")));
    assert_eq!(story.fired(), Vec::<String>::new());
    story.login(300, "fail", "ada", "192.0.2.9");
    assert_eq!(story.fired(), ["auth_bruteforce"]);
    let alert = &story.said[0];
    assert_eq!((alert.count, alert.threshold, alert.severity), (5, 5, Severity::High));
    assert_eq!(alert.summary, "5 failed logins to one account; the threshold is 5");
    assert_eq!(alert.channel, "security");
    assert_eq!(alert.record.as_deref(), Some("019ca8ab-bc63-774b-8000-000000000005"));
    assert_eq!(alert.starts_at, (NOON + 300) * 1_000_000);
}

#[test]
fn five_failures_in_eleven_minutes_are_not_brute_force() {
    let mut story = Story::new();
    for at in [0, 160, 320, 480, 660] {
        story.login(at, "fail", "ada", &format!("192.0.2.{}", at % 250));
    }
    assert_eq!(story.fired(), Vec::<String>::new());
    story.login(661, "fail", "ada", "192.0.2.3");
    story.login(662, "fail", "ada", "192.0.2.4");
    assert_eq!(story.fired(), ["auth_bruteforce"], "the window moved on");
}

#[test]
fn twenty_failures_from_one_address_are_brute_force_and_nineteen_are_not() {
    let mut story = Story::of("[alerts.detectors.auth_spray]\nenabled = false");
    (0..19).for_each(|n| story.login(n, "fail", &format!("user-{n}"), "192.0.2.1"));
    assert_eq!(story.fired(), Vec::<String>::new());
    story.login(20, "fail", "user-20", "192.0.2.1");
    assert_eq!(story.fired(), ["auth_bruteforce"]);
    assert!(story.said[0].summary.contains("from one address"));
}

#[test]
fn accounts_of_two_tenants_are_two_accounts() {
    let mut story = Story::new();
    for n in 0..8 {
        let tenant = n % 2;
        story.record(
            n,
            "security",
            &format!(",\"event_name\":\"authn_login_fail\",\"tenant_id\":\"t-{tenant}\",\"user_id\":\"ada\""),
        );
    }
    assert_eq!(story.fired(), Vec::<String>::new());
    story.record(
        9,
        "security",
        ",\"event_name\":\"authn_login_fail\",\"tenant_id\":\"t-1\",\"user_id\":\"ada\"",
    );
    assert_eq!(story.fired(), ["auth_bruteforce"]);
}

#[test]
fn accounts_whose_names_were_redacted_are_not_one_account() {
    let mut story = Story::new();
    (0..9).for_each(|n| story.login(n, "fail", "[redacted:email]", &format!("192.0.2.{n}")));
    assert_eq!(story.fired(), Vec::<String>::new());
}

#[test]
fn ten_accounts_from_one_address_are_a_spray_and_nine_are_not() {
    let mut story = Story::new();
    for round in 0..2 {
        (0..9).for_each(|n| story.login(round * 300 + n, "fail", &format!("user-{n}"), "192.0.2.1"));
    }
    assert_eq!(story.fired(), Vec::<String>::new());
    story.login(1000, "fail", "user-9", "192.0.2.1");
    assert_eq!(story.fired(), ["auth_spray"]);
}

#[test]
fn a_success_after_five_failures_is_told_and_after_four_it_is_not() {
    let only = "[alerts.detectors.auth_bruteforce]\nenabled = false";
    for (failures, gap, expected) in [(4, 1, 0), (5, 1, 1), (5, 700, 0)] {
        let mut story = Story::of(only);
        (0..failures).for_each(|n| story.login(n, "fail", "ada", "192.0.2.1"));
        story.login(failures + gap, "success", "ada", "192.0.2.1");
        story.login(failures + gap + 5, "success", "ada", "192.0.2.1");
        assert_eq!(story.fired().len(), expected, "{failures} failures, {gap} seconds");
    }
}

#[test]
fn ten_denied_resources_are_a_probe_and_one_denied_ten_times_is_not() {
    let denied = |resource: i64| {
        format!(
            ",\"event_name\":\"authz_fail\",\"user_id\":\"ada\",\"target\":\"web\",\
             \"attributes\":{{\"resource\":\"r-{resource}\"}}"
        )
    };
    let mut story = Story::new();
    (0..30).for_each(|n| story.record(n, "security", &denied(n % 9)));
    assert_eq!(story.fired(), Vec::<String>::new());
    story.record(31, "security", &denied(9));
    assert_eq!(story.fired(), ["authz_probe"]);
}

fn read(story: &mut Story, at: i64, subject: i64) {
    let fields =
        format!(",\"event_name\":\"sensitive_read\",\"user_id\":\"ada\",\"subject_id\":\"p-{subject}\"");
    story.record(at, "audit", &fields);
}

#[test]
fn more_than_fifty_people_in_an_hour_are_bulk_access_and_fifty_are_not() {
    let mut story = Story::new();
    for n in 0..50 {
        read(&mut story, n * 60, n);
        read(&mut story, n * 60 + 1, n);
    }
    assert_eq!(story.fired(), Vec::<String>::new());
    read(&mut story, 3500, 51);
    assert_eq!(story.fired(), ["bulk_access"]);
    assert_eq!((story.said[0].count, story.said[0].threshold), (51, 50));
}

#[test]
fn whoever_reads_much_every_hour_is_compared_with_that() {
    let mut story = Story::new();
    for hour in 0..30 {
        (0..40).for_each(|n| read(&mut story, hour * HOUR + n * 60, n));
    }
    (0..180).for_each(|n| read(&mut story, 30 * HOUR + n * 10, n));
    assert_eq!(story.fired(), Vec::<String>::new(), "less than five times the usual");
    (180..220).for_each(|n| read(&mut story, 30 * HOUR + n * 10, n));
    assert_eq!(story.fired(), ["bulk_access"]);
}

#[test]
fn a_known_account_from_a_new_network_is_told_and_from_its_own_it_is_not() {
    let mut story = Story::new();
    for day in 0..3 {
        story.login(day * DAY, "success", "ada", &format!("192.0.2.{day}"));
    }
    story.login(3 * DAY, "success", "new", "203.0.113.5");
    assert_eq!(story.fired(), Vec::<String>::new(), "the same network, and a new account");
    story.login(3 * DAY + 60, "success", "ada", "198.51.100.7");
    assert_eq!(story.fired(), ["first_seen"]);
    story.login(3 * DAY + 120, "success", "ada", "198.51.100.9");
    story.login(20 * DAY, "success", "ada", "198.51.100.9");
    story.login(20 * DAY + 60, "success", "ada", "192.0.2.1");
    assert_eq!(story.fired().len(), 2, "not seen for two weeks");
}

#[test]
fn an_administrative_act_that_is_new_for_its_user_is_told() {
    let act = |story: &mut Story, at, event: &str| {
        story.record(at, "security", &format!(",\"event_name\":\"{event}\",\"user_id\":\"ada\""));
    };
    let mut story = Story::new();
    act(&mut story, 0, "authz_change");
    act(&mut story, 2 * DAY, "authz_change");
    act(&mut story, 2 * DAY, "user_logged_in");
    assert_eq!(story.fired(), Vec::<String>::new());
    act(&mut story, 2 * DAY + 1, "user_deleted");
    assert_eq!(story.fired(), ["first_seen"]);
}

/// A day and a half of 40 or 41 records a minute.
fn usual() -> Story {
    let mut story = Story::of(
        "[alerts.detectors.volume_spike]\nwarm_up = \"2h\"\n[alerts.detectors.volume_drop]\nwarm_up = \"2h\"",
    );
    story.traffic(0, 3 * HOUR, 40);
    story.traffic(3 * HOUR, 4 * HOUR, 41);
    story
}

#[test]
fn twice_the_usual_volume_is_a_spike_and_a_little_more_is_not() {
    let mut story = usual();
    story.traffic(4 * HOUR, 4 * HOUR + 1800, 47);
    assert_eq!(story.fired(), Vec::<String>::new());
    story.traffic(4 * HOUR + 1800, 4 * HOUR + 3600, 90);
    assert_eq!(story.fired()[..1], ["volume_spike"]);
}

#[test]
fn a_quiet_quarter_of_an_hour_is_a_drop_and_ten_minutes_are_not() {
    let mut story = usual();
    story.traffic(4 * HOUR + 600, 5 * HOUR, 40);
    assert_eq!(story.fired(), Vec::<String>::new());
    story.traffic(5 * HOUR, 5 * HOUR + 1500, 5);
    assert_eq!(story.fired(), ["volume_drop"]);
    assert_eq!(story.said[0].severity, Severity::Critical);
    let mut story = usual();
    story.traffic(4 * HOUR, 4 * HOUR + 1500, 10);
    assert_eq!(story.fired(), Vec::<String>::new(), "a quarter of the usual");
}

#[test]
fn silence_lasts_until_there_are_records_again() {
    let mut story = usual();
    story.record(12 * HOUR, "api", "");
    assert_eq!(
        story.end().last().map(|(name, status, _)| (name.as_str(), *status)),
        Some(("volume_drop", Status::Firing))
    );
    story.traffic(12 * HOUR, 13 * HOUR, 40);
    assert!(story.end().iter().any(|(_, status, _)| *status == Status::Resolved));
}

#[test]
fn heartbeats_that_stay_away_are_told_and_late_ones_are_not() {
    let beat = ",\"event_name\":\"sys_heartbeat\"";
    let mut story = Story::new();
    (0..10).for_each(|n| story.record(n * 60, "scheduler", beat));
    story.record(540 + 170, "scheduler", beat);
    assert_eq!(story.fired(), Vec::<String>::new());
    story.record(1200, "app", "");
    assert_eq!(story.fired(), ["volume_drop"]);
    assert_eq!(story.said[0].channel, "scheduler");
}

#[test]
fn a_clock_set_back_is_told_once_and_a_record_that_waited_for_room_is_not() {
    let mut story = Story::new();
    (0..10).for_each(|n| story.record(n, "audit", ""));
    story.record(4, "audit", "");
    story.record(11, "audit", "");
    assert_eq!(story.fired(), Vec::<String>::new(), "audit waits for five seconds");
    (0..10).for_each(|n| story.record(20 + n, "app", ""));
    (0..10).for_each(|n| story.record(26 + n, "app", ""));
    assert_eq!(story.fired(), ["order_violation"], "app never waits");
    assert!(story.said[0].summary.contains("set back"));
}

#[test]
fn a_record_ahead_of_the_clock_is_told() {
    let policy = Policy::sector(Sector::Generic);
    for (ahead, expected) in [(299, 0), (301, 1)] {
        let mut story = Story::new();
        story.replay = Replay::new(&policy, NOON * 1_000_000);
        story.record(ahead, "app", "");
        assert_eq!(story.fired().len(), expected);
    }
}

#[test]
fn a_session_used_after_its_end_is_told_and_a_renewed_one_is_not() {
    let session = |story: &mut Story, at, event: &str, session: &str| {
        let fields = format!(",\"event_name\":\"{event}\",\"attributes\":{{\"session_ref\":\"{session}\"}}");
        story.record(at, "security", &fields);
    };
    let mut story = Story::new();
    session(&mut story, 0, "session_expired", "s-1");
    session(&mut story, 1, "sensitive_read", "s-2");
    session(&mut story, 2, "session_renewed", "s-1");
    session(&mut story, 3, "sensitive_read", "s-1");
    assert_eq!(story.fired(), Vec::<String>::new());
    session(&mut story, 4, "session_logout", "s-2");
    session(&mut story, 5, "sensitive_read", "s-2");
    assert_eq!(story.fired(), ["order_violation"]);
    let mut story = Story::new();
    story.system(0, "session_use_after_expire", "web");
    assert_eq!(story.fired(), ["order_violation"], "a service that knows says so itself");
}

fn verified(whole: bool) -> Fact {
    Fact::Verified { what: "root".into(), whole, shards: 3, broken: Vec::new() }
}

#[test]
fn a_failed_verification_is_a_break_and_one_that_passed_is_not() {
    let mut story = Story::new();
    story.fact(0, verified(true));
    story.fact(1, Fact::Recovered { shard: "audit/2026-11-20".into(), offset: 1, bytes: 2 });
    assert_eq!(story.fired(), Vec::<String>::new());
    story.fact(2, verified(false));
    story.fact(10, verified(false));
    story.fact(20, verified(true));
    assert_eq!(story.fired(), ["integrity_break"; 2], "each is said, without a cooldown");
    assert_eq!(story.said[0].severity, Severity::Critical);
}

#[test]
fn a_damaged_shard_is_one_alert_whether_the_journal_or_the_ledger_tells() {
    let mut story = Story::new();
    story.system(0, "sys_shard_damaged", "clinic::shards");
    story.system(1, "sys_recovered", "dihya");
    assert_eq!(story.fired(), Vec::<String>::new(), "a service's own word");
    let fields = ",\"event_name\":\"sys_shard_damaged\",\"target\":\"dihya\",\"attributes\":{\"shard\":\"2026-11-20.jsonl\"}";
    story.record(2, "audit", fields);
    story.fact(2, Fact::ShardDamaged { shard: "audit/2026-11-20".into(), offset: 7 });
    assert_eq!(story.fired(), ["integrity_break"]);
    assert_eq!(story.said[0].count, 2);
    for fact in
        [Fact::LockFileMissing {}, Fact::RollbackAccepted { log: "ledger".into(), known: 9, found: 8 }]
    {
        let mut story = Story::new();
        story.fact(0, fact);
        assert_eq!(story.fired(), ["integrity_break"]);
    }
}

fn purged(sha256: &str) -> Fact {
    let root = crate::merkle::Hash::empty();
    let shard = "app/2025-01-01".to_owned();
    let shard = ShardRef { shard, size: 1, root, bytes: 9, records: 1, first: None, last: None };
    let policy = PolicyRef { version: None, sha256: sha256.into() };
    Fact::Purged { shard, store: "live".into(), rule: "default".into(), policy }
}

#[test]
fn a_purge_under_a_policy_of_the_service_is_fine_and_under_another_it_is_tampering() {
    let mut story = Story::new();
    let policy = PolicyRef { version: None, sha256: "aa".into() };
    story.fact(0, Fact::LogOpened { vkey: "k".into(), policy: policy.clone() });
    story.fact(1, purged("aa"));
    let to = PolicyRef { version: None, sha256: "bb".into() };
    story.fact(2, Fact::PolicyChanged { from: policy, to });
    story.fact(3, purged("bb"));
    assert_eq!(story.fired(), Vec::<String>::new());
    story.fact(4, purged("cc"));
    assert_eq!(story.fired(), ["log_tamper"]);
}

#[test]
fn a_released_hold_and_a_log_that_stops_are_tampering_and_a_hold_set_is_not() {
    let mut story = Story::new();
    story.fact(0, Fact::HoldSet { id: "h-1".into(), hold: Default::default() });
    story.system(1, "sys_monitor_enabled", "dihya");
    assert_eq!(story.fired(), Vec::<String>::new());
    story.fact(2, Fact::HoldReleased { id: "h-1".into() });
    assert_eq!(story.fired(), ["log_tamper"]);
    for event in ["sys_monitor_disabled", "sys_file_replaced", "sys_retention_cut"] {
        let mut story = Story::new();
        story.system(0, event, "dihya");
        assert_eq!(story.fired(), ["log_tamper"], "{event}");
    }
}

#[test]
fn more_than_twenty_redactions_from_one_place_are_a_leak_and_from_many_places_they_are_not() {
    let hidden = |target: &str| format!(",\"target\":\"{target}\",\"redactions\":{{\"card\":1,\"email\":1}}");
    let mut story = Story::new();
    (0..100).for_each(|n| story.record(n, "app", &hidden(&format!("module::{}", n % 10))));
    assert_eq!(story.fired(), Vec::<String>::new());
    story.record(101, "app", &hidden("module::3"));
    assert_eq!(story.fired(), ["leak_suspected"]);
    let mut story = Story::new();
    (0..30).for_each(|n| story.record(n * 90, "app", &hidden("module")));
    assert_eq!(story.fired(), Vec::<String>::new(), "slowly enough");
}

#[test]
fn a_canary_in_a_record_is_a_leak_at_once_and_told_without_its_text() {
    let policy = "[alerts]\ncanaries = [\"never-seen-0001\", \"planted card 0002\"]";
    let mut story = Story::of(policy);
    story.record(0, "app", ",\"message\":\"planted card 000 and planted card [redacted:canary]\"");
    assert_eq!(story.fired(), Vec::<String>::new());
    story.record(1, "app", ",\"message\":\"one\"");
    story.record(2, "app", ",\"attributes\":{\"row\":\"a planted card 0002, planted card 0002\"}");
    story.record(3, "app", ",\"message\":\"another\"");
    story.end();
    let firing: Vec<_> = story.said.iter().filter(|alert| alert.status == Status::Firing).collect();
    let [alert] = firing[..] else { panic!("{firing:?}") };
    assert_eq!((alert.detector.as_str(), alert.count, alert.channel.as_str()), ("leak_suspected", 2, "app"));
    assert_eq!(alert.record.as_deref(), Some("019ca8ab-bc63-774b-8000-000000000003"));
    assert_eq!(alert.summary, "a canary stands in a record after redaction, 2 times");
    assert!(!format!("{alert:?}").contains("planted"), "{alert:?}");
}

#[test]
fn a_flood_of_other_accounts_hides_no_attack_and_resolves_none() {
    let mut story = Story::of("[alerts.detectors.auth_spray]\nenabled = false");
    (0..5).for_each(|n| story.login(n, "fail", "ada", &format!("10.0.0.{n}")));
    let mut user = 0;
    for at in 5..1900 {
        // 12 accounts a second are 7,200 in the window; with their addresses more than there is room for.
        for _ in 0..12 {
            user += 1;
            story.login(
                at,
                "fail",
                &format!("user-{user}"),
                &format!("10.{}.{}.{}", user >> 16, user >> 8 & 255, user & 255),
            );
        }
        if at % 100 == 0 {
            story.login(at, "fail", "ada", "10.0.0.1");
        }
    }
    let ada: Vec<_> = story.end().into_iter().filter(|(name, _, _)| name == "auth_bruteforce").collect();
    assert!(ada.iter().all(|(_, status, _)| *status == Status::Firing), "{ada:?}");
    assert!(ada.last().is_some_and(|(_, _, count)| *count > 15), "its count grew: {ada:?}");
    let evicted = story.replay.take_evicted();
    assert!(evicted.iter().any(|(name, count)| name == "auth_bruteforce" && *count > 10_000), "{evicted:?}");
}

#[test]
fn a_clock_set_back_neither_fires_nor_resolves() {
    let mut story = Story::of("[alerts.detectors.order_violation]\nenabled = false");
    (0..5).for_each(|n| story.login(n, "fail", "ada", "10.0.0.1"));
    (0..4).for_each(|n| story.login(n, "fail", "eve", "10.0.0.2"));
    // An hour back; then eleven minutes pass, in which eve's four failures are past.
    (0..66).for_each(|n| story.record(n * 10 - HOUR, "security", ""));
    story.login(660 - HOUR, "fail", "eve", "10.0.0.2");
    assert_eq!(story.end(), [("auth_bruteforce".into(), Status::Firing, 5)]);
    (0..60).for_each(|n| story.record(661 + n * 10 - HOUR, "security", ""));
    let said = story.end();
    assert_eq!(
        said.last(),
        Some(&("auth_bruteforce".into(), Status::Resolved, 5)),
        "after two windows of real time"
    );
}

#[test]
fn a_clock_set_forward_resolves_nothing_while_a_tick_can_see_it() {
    let policy = Policy::sector(Sector::Generic);
    let mut story = Story::new();
    let mut engine = Engine::new(&policy, Vec::new());
    let salt = Salt::drawn();
    let security = engine.channel("security");
    let mut said = Vec::new();
    let second = 1_000_000;
    let tick = |engine: &mut Engine, clock: i64, passed: i64, said: &mut Vec<Alert>| {
        engine.clock((NOON + clock) * second, passed * second);
        engine.pass(&salt, |alert| said.push(alert));
    };
    tick(&mut engine, 0, 0, &mut said);
    for at in 0..5 {
        let line = story.line(at, "security", ",\"event_name\":\"authn_login_fail\",\"user_id\":\"ada\"");
        engine.observe(security, line.as_bytes(), (NOON + at) * second);
    }
    tick(&mut engine, 5, 5, &mut said);
    assert_eq!(said.len(), 1);
    tick(&mut engine, 6 + 10 * HOUR, 6, &mut said);
    tick(&mut engine, 7 + 10 * HOUR, 7, &mut said);
    assert_eq!(said.len(), 1, "ten hours on the clock, a second in truth");
    tick(&mut engine, 1300 + 10 * HOUR, 1300, &mut said);
    assert_eq!(said.last().map(|alert| alert.status), Some(Status::Resolved));
    tick(&mut engine, 1301, 1301, &mut said);
    tick(&mut engine, 1302, 1302, &mut said);
    assert_eq!(said.last().map(|alert| alert.detector.as_str()), Some("order_violation"), "set back again");
}

/// One that panics at every record.
struct Broken;

impl Detector for Broken {
    fn name(&self) -> &str {
        "broken"
    }

    fn record(&mut self, _: &Header<'_>, _: &mut Found<'_>) {
        panic!("on purpose");
    }
}

#[test]
fn a_detector_that_panics_is_switched_off_and_the_others_go_on() {
    let policy = Policy::sector(Sector::Generic);
    let mut story = Story::new();
    let mut engine = Engine::new(&policy, vec![Box::new(Broken)]);
    let security = engine.channel("security");
    let lines: Vec<String> = (0..5)
        .map(|at| story.line(at, "security", ",\"event_name\":\"authn_login_fail\",\"user_id\":\"ada\""))
        .collect();
    engine.observe(security, lines.join("\n").as_bytes(), (NOON + DAY) * 1_000_000);
    assert_eq!(engine.take_panicked(), ["broken"], "once, and then no more");
    let mut said = Vec::new();
    engine.pass(&Salt::drawn(), |alert| said.push(alert.detector));
    assert_eq!(said, ["auth_bruteforce"], "it saw all five");
    engine.follow(&policy.alerts);
    engine.observe(security, lines.join("\n").as_bytes(), (NOON + DAY) * 1_000_000);
    assert_eq!(engine.take_panicked(), Vec::<&str>::new(), "nor after another policy");
}

#[test]
fn what_the_alerts_record_is_not_looked_at_again() {
    let mut story = Story::new();
    (0..5).for_each(|n| {
        story.record(
            n,
            "security",
            ",\"event_name\":\"alert_firing\",\"user_id\":\"ada\",\"redactions\":{\"card\":90}",
        );
    });
    assert_eq!(story.fired(), Vec::<String>::new());
    story.record(
        6,
        "security",
        ",\"event_name\":\"alert_other\",\"user_id\":\"ada\",\"redactions\":{\"card\":90}",
    );
    assert_eq!(story.fired(), ["leak_suspected"]);
}

#[test]
fn every_detector_finds_its_parameters_in_the_policy() {
    let alerts = &Policy::sector(Sector::Generic).alerts;
    let detectors = built_in(alerts);
    let names: Vec<&str> = detectors.iter().map(|detector| detector.name()).collect();
    let expected: Vec<&str> = alerts.detectors.iter().map(|settings| settings.name).collect();
    assert_eq!(names, expected);
    let interests: Vec<_> = detectors.iter().map(|detector| detector.interest()).collect();
    assert!(!interests.contains(&Interest::Every), "a record of no interest costs a glance");
}

proptest! {
    #[test]
    fn no_lines_make_a_detector_panic(lines in proptest::collection::vec(("[a-z_]{0,20}", any::<i32>(), ".{0,40}"), 0..40)) {
        let mut story = Story::new();
        let events = ["authn_login_fail", "authn_login_success", "authz_fail", "sensitive_read", "session_expired",
            "sys_shard_damaged", "sys_heartbeat", "user_deleted"];
        let mut engine = Engine::new(&Policy::sector(Sector::Generic), Vec::new());
        let salt = Salt::drawn();
        for (n, (name, at, text)) in lines.into_iter().enumerate() {
            let event = events.get(n % 10).copied().unwrap_or(&name);
            let fields = format!(",\"event_name\":\"{event}\",\"user_id\":\"{text}\",\"subject_id\":\"{text}\",\
                \"attributes\":{{\"source\":\"{text}\",\"session_ref\":\"{text}\",\"resource\":{text}}},\"redactions\":{{\"a\":99}}");
            let line = story.line(i64::from(at), "security", &fields);
            engine.observe(n % 6, line.as_bytes(), 0);
            engine.clock(i64::from(at), i64::from(at));
            engine.pass(&salt, |_| ());
        }
        prop_assert_eq!(engine.take_panicked(), Vec::<&str>::new());
    }
}

//! Alerts of a running layer: from the event to the security channel, the handle, the metrics and whoever listens.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use dihya::alert::{Alert, Detector, Found, Header, Interest, Severity, Signal, Status};
use dihya::storage::Memory;
use dihya::{Channel, Clock, Guard, Options, Policy, Record};

/// A layer on a disk in memory, and what its listener heard.
struct World {
    disk: Memory,
    guard: Guard,
    heard: Arc<Mutex<Vec<Alert>>>,
}

fn policy(more: &str) -> Policy {
    Policy::parse(&format!("[service]\nname = \"clinic\"\n[storage]\nroot = \"/log\"\n{more}"), "p").unwrap()
}

impl World {
    fn new(more: &str) -> World {
        World::with(more, |options| options)
    }

    fn with(more: &str, change: impl FnOnce(Options) -> Options) -> World {
        World::on(Memory::new(), more, change)
    }

    fn on(disk: Memory, more: &str, change: impl FnOnce(Options) -> Options) -> World {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&heard);
        let options = Options::new(policy(more)).storage(Arc::new(disk.clone()));
        let options = change(options).on_alert(move |alert| theirs.lock().unwrap().push(alert.clone()));
        let (_layer, guard) = options.open().unwrap();
        World { disk, guard, heard }
    }

    fn fail(&self, user: &str) {
        let record =
            Record::security("authn_login_fail").field("user_id", user).field("client.address", "192.0.2.7");
        self.guard.handle().record(record).unwrap();
    }

    fn heard(&self) -> Vec<Alert> {
        self.heard.lock().unwrap().clone()
    }

    /// Waits for the listener; how long it took.
    fn hears(&self, alerts: usize) -> Duration {
        let begun = Instant::now();
        while self.heard().len() < alerts {
            assert!(begun.elapsed() < Duration::from_secs(20), "heard {} of {alerts}", self.heard().len());
            std::thread::sleep(Duration::from_millis(5));
        }
        begun.elapsed()
    }

    fn channel(&self, name: &str) -> String {
        let files = self.disk.files();
        let of = files.iter().filter(|(path, _)| path.starts_with(Path::new("/log").join(name)));
        of.map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect()
    }

    fn metric(&self, line: &str) -> bool {
        self.guard.handle().metrics().lines().any(|other| other == line)
    }
}

#[test]
fn brute_force_is_told_within_two_seconds_to_all_who_ask() {
    let world = World::new("");
    assert!(world.metric("dihya_alerts_total{detector=\"auth_bruteforce\",severity=\"high\"} 0"));
    (0..5).for_each(|_| world.fail("ada-lovelace"));
    let took = world.hears(1);
    assert!(took < Duration::from_secs(2), "{took:?}");
    let alert = &world.heard()[0];
    assert_eq!(
        (alert.detector.as_str(), alert.status, alert.severity),
        ("auth_bruteforce", Status::Firing, Severity::High)
    );
    assert_eq!((alert.count, alert.threshold, alert.service.as_str()), (5, 5, "clinic"));
    assert_eq!(world.guard.handle().alerts().len(), 1);
    assert_eq!(world.guard.handle().alerts()[0].fingerprint, alert.fingerprint);
    assert!(world.metric("dihya_alerts_total{detector=\"auth_bruteforce\",severity=\"high\"} 1"));
    world.guard.handle().commit(Channel::SECURITY).unwrap();
    let security = world.channel("security");
    let line = security.lines().find(|line| line.contains("\"event_name\":\"alert_firing\"")).unwrap();
    assert!(security.contains("ada-lovelace"), "the capture works");
    for text in [&serde_json::to_string(alert).unwrap(), line] {
        assert!(!text.contains("ada-lovelace") && !text.contains("192.0.2.7"), "nobody's name");
    }
    assert!(line.contains(&format!("\"fingerprint\":\"{}\"", alert.fingerprint)));
    assert!(security.contains(alert.record.as_deref().unwrap()), "the record it names is there");
}

#[test]
fn what_is_pending_at_the_end_is_said_and_recorded() {
    let world = World::new("");
    (0..5).for_each(|_| world.fail("ada"));
    let World { disk, guard, heard } = world;
    let report = guard.shutdown(Duration::from_secs(10));
    assert!(report.channels.iter().all(|channel| channel.lost_unwritten == 0));
    assert_eq!(heard.lock().unwrap().len(), 1);
    let text: Vec<u8> = disk.files().into_values().flatten().collect();
    assert!(String::from_utf8_lossy(&text).contains("alert_firing"));
}

#[test]
fn a_fingerprint_outlives_a_restart_and_its_salt_is_the_logs() {
    let disk = Memory::new();
    let once = || {
        let world = World::on(disk.clone(), "", |options| options);
        (0..5).for_each(|_| world.fail("ada"));
        world.hears(1);
        world.heard()[0].fingerprint.clone()
    };
    assert_eq!(once(), once());
    assert_eq!(disk.files()[Path::new("/log/state/alert.salt")].len(), 32);
}

#[test]
fn no_detectors_no_thread_and_no_alerts() {
    let world = World::new("[alerts]\nenabled = false");
    (0..9).for_each(|_| world.fail("ada"));
    world.guard.handle().commit(Channel::SECURITY).unwrap();
    let heard = Arc::clone(&world.heard);
    drop(world);
    assert_eq!(heard.lock().unwrap().len(), 0);
}

#[test]
fn a_reload_changes_thresholds_and_keeps_what_fires() {
    let world = World::new("");
    (0..5).for_each(|_| world.fail("ada"));
    world.hears(1);
    world
        .guard
        .handle()
        .reload(policy("[alerts.detectors.auth_bruteforce]\naccount = 2\nseverity = \"low\""))
        .unwrap();
    (0..2).for_each(|_| world.fail("eve"));
    world.hears(2);
    assert_eq!(world.heard()[1].threshold, 2);
    assert_eq!(world.guard.handle().alerts().len(), 2);
    assert!(world.metric("dihya_alerts_total{detector=\"auth_bruteforce\",severity=\"low\"} 1"));
    let refused = world.guard.handle().reload(policy("[alerts]\nenabled = false")).unwrap_err();
    assert!(refused.to_string().contains("alerts.enabled"));
}

#[test]
fn a_reload_that_cuts_retention_is_tampering_and_one_that_lengthens_it_is_not() {
    let reload = |world: &World, default: &str| {
        let periods = format!("[channels.app.retention]\ndefault = \"{default}\"\nceiling = \"P12M\"");
        world.guard.handle().reload(policy(&periods)).unwrap();
    };
    let world = World::new("");
    reload(&world, "P6M");
    reload(&world, "P7M");
    (0..5).for_each(|_| world.fail("ada"));
    world.hears(1);
    assert_eq!(world.heard()[0].detector, "auth_bruteforce");
    reload(&world, "P5M");
    world.hears(2);
    assert_eq!(world.heard()[1].detector, "log_tamper");
    world.guard.handle().commit(Channel::SECURITY).unwrap();
    let security = world.channel("security");
    assert!(security.contains("\"of\":\"app\",\"period\":\"default\",\"from\":\"P7M\",\"to\":\"P5M\""));
    assert_eq!(security.matches("\"event_name\":\"sys_retention_cut\"").count(), 1);
}

/// A refund of more than 1,000; one of 666 makes it panic.
struct LargeRefund;

impl Detector for LargeRefund {
    fn name(&self) -> &str {
        "large_refund"
    }

    fn interest(&self) -> Interest<'_> {
        Interest::Events(&["refund_made"])
    }

    fn record(&mut self, record: &Header<'_>, found: &mut Found<'_>) {
        let amount: u64 = record.attribute("amount").and_then(|text| text.parse().ok()).unwrap_or(0);
        assert_ne!(amount, 666);
        if amount > 1000 {
            let signal = Signal { count: amount, added: 0, threshold: 1000, what: "refunded at once" };
            found.raise(&[record.user_id().unwrap_or_default()], signal);
        }
    }
}

fn refund(world: &World, amount: i64) {
    let record = Record::audit("refund_made").field("user_id", "ada").number("amount", amount);
    world.guard.handle().record(record).unwrap();
}

#[test]
fn a_detector_of_ones_own_stands_beside_the_others() {
    let world = World::with("", |options| options.alert_detector(LargeRefund));
    refund(&world, 1000);
    refund(&world, 1500);
    world.hears(1);
    let alert = &world.heard()[0];
    assert_eq!(
        (alert.detector.as_str(), alert.count, alert.channel.as_str()),
        ("large_refund", 1500, "audit")
    );
    assert_eq!(alert.summary, "1500 refunded at once; the threshold is 1000");
    for name in ["auth_spray", "x", "Large"] {
        struct Named(&'static str);
        impl Detector for Named {
            fn name(&self) -> &str {
                self.0
            }
        }
        let storage = Arc::new(Memory::new());
        let refused =
            Options::new(policy("")).storage(storage).alert_detector(Named(name)).open().err().unwrap();
        assert!(refused.to_string().contains("alert_detector"), "{refused}");
    }
}

#[test]
fn a_detector_that_panics_costs_no_record() {
    let world = World::with("", |options| options.alert_detector(LargeRefund));
    [5, 666, 1500, 6].into_iter().for_each(|amount| refund(&world, amount));
    world.guard.handle().commit(Channel::AUDIT).unwrap();
    assert_eq!(world.channel("audit").matches("refund_made").count(), 4);
    (0..5).for_each(|_| world.fail("ada"));
    world.hears(1);
    assert_eq!(world.heard()[0].detector, "auth_bruteforce", "the others go on, and it does not");
    assert!(world.metric("dihya_detector_panics_total{detector=\"large_refund\"} 1"));
}

#[test]
fn a_listener_that_panics_ends_nothing_but_itself() {
    let (_layer, guard) = Options::new(policy(""))
        .storage(Arc::new(Memory::new()))
        .on_alert(|_| panic!("on purpose"))
        .open()
        .unwrap();
    for user in ["ada", "eve"] {
        for _ in 0..5 {
            guard.handle().record(Record::security("authn_login_fail").field("user_id", user)).unwrap();
        }
        let begun = Instant::now();
        let fire = |guard: &Guard| guard.handle().alerts().len();
        while fire(&guard) < if user == "ada" { 1 } else { 2 } {
            assert!(begun.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_hold_that_another_process_releases_is_told() {
    use dihya::ledger::{Fact, Ledger};
    let world = World::new("");
    let disk = Arc::new(world.disk.clone());
    let ledger = Ledger::attach(disk, Path::new("/log"), Path::new("/log/state"), Clock::system()).unwrap();
    ledger.append(Fact::HoldReleased { id: "h-1".into() }.into()).unwrap();
    world.hears(1);
    let alert = &world.heard()[0];
    assert_eq!((alert.detector.as_str(), alert.severity), ("log_tamper", Severity::Critical));
    assert_eq!(alert.summary, "a hold was released");
}

#[test]
fn a_live_file_that_somebody_takes_away_is_told() {
    let folder = std::env::temp_dir().join(format!("dihya-alerts-{}", std::process::id()));
    let text = format!("[storage]\nroot = {folder:?}");
    let heard = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&heard);
    let (_layer, guard) = Options::new(Policy::parse(&text, "p").unwrap())
        .on_alert(move |alert: &Alert| theirs.lock().unwrap().push(alert.summary.clone()))
        .open()
        .unwrap();
    let log = || {
        guard.handle().record(Record::audit("sensitive_read").field("user_id", "ada")).unwrap();
        guard.handle().commit(Channel::AUDIT).unwrap();
    };
    log();
    let live = std::fs::read_link(folder.join("audit.log")).unwrap();
    std::fs::remove_file(folder.join(live)).unwrap();
    let begun = Instant::now();
    while heard.lock().unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(300));
        log();
    }
    assert!(heard.lock().unwrap()[0].contains("moved, removed or replaced"));
    drop(guard);
    std::fs::remove_dir_all(folder).unwrap();
}

//! What a journal does on a disk that works.

use std::future::Future;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use super::support::*;
use crate::clock::Clock;
use crate::journal::seal::Seal;
use crate::journal::{CommitError, Journal};
use crate::policy::{OnFull, Sync};
use crate::storage::{Fault, Memory, Step};

#[test]
fn a_committed_record_survives_a_power_cut() {
    let disk = Memory::new();
    let journal = open(&policy("/logs"), &disk).unwrap();
    journal.append(ONE, &record(1, 100));
    journal.commit(ONE).unwrap();
    let left = disk.power_cut(0);
    assert_eq!(numbers(&left, "/logs/app"), [1]);
    assert_eq!(left.files().keys().filter(|p| shard_of(p, "/logs/app").is_some()).count(), 1);
}

#[test]
fn whatever_the_schedule_the_shards_hold_every_record_once_and_in_order() {
    for seed in 1..=60 {
        let mut dice = Dice(seed);
        let disk = Memory::new();
        let clock = Clock::manual(NOON);
        let mut policy = policy("/logs");
        policy.channels[0].shard_bytes = 200 + dice.roll(3000);
        policy.channels[0].queue_bytes = 2000 + dice.roll(4000) as usize;
        if dice.roll(2) == 0 {
            policy.channels[0].sync = Sync::Every(Duration::from_millis(dice.roll(5)));
        }
        let limit = policy.channels[0].shard_bytes;
        let mut journal = open_at(&policy, &disk, clock.clone()).unwrap();
        let records = 50 + dice.roll(300);
        for n in 0..records {
            assert!(journal.append(ONE, &record(n, dice.roll(900) as usize)));
            match dice.roll(40) {
                0..3 => journal.commit(ONE).unwrap(),
                3 => clock.set(clock.now() + DAY),
                4 => std::thread::sleep(Duration::from_millis(2)),
                5 => {
                    assert!(journal.shutdown(Duration::from_secs(10)).is_complete());
                    journal = open_at(&policy, &disk, clock.clone()).unwrap();
                }
                _ => {}
            }
        }
        let report = journal.shutdown(Duration::from_secs(10));
        assert!(report.is_complete(), "seed {seed}: {report}");
        let durable = disk.power_cut(0);
        assert_eq!(numbers(&durable, "/logs/app"), (0..records).collect::<Vec<_>>(), "seed {seed}");
        for (path, bytes) in durable.files() {
            let lines = bytes.iter().filter(|b| **b == b'\n').count();
            // A record too large for any shard has one of its own, with its seal.
            let over = bytes.len() as u64 > limit && lines > 2;
            assert!(shard_of(&path, "/logs/app").is_none() || !over, "seed {seed}: {}", path.display());
        }
    }
}

#[test]
fn a_new_day_begins_a_new_file_and_moves_the_link() {
    let disk = Memory::new();
    let clock = Clock::manual(NOON);
    let journal = open_at(&policy("/logs"), &disk, clock.clone()).unwrap();
    for n in 0..3 {
        journal.append(ONE, &record(n, 50));
        journal.commit(ONE).unwrap();
        clock.set(clock.now() + DAY);
    }
    let files = disk.files();
    for (day, n) in [("2026-11-20", 0), ("2026-11-21", 1), ("2026-11-22", 2)] {
        let path = format!("/logs/app/{day}.jsonl");
        assert_eq!(numbers_in(Path::new(&path), &files[Path::new(&path)]), [n]);
    }
    assert_eq!(disk.link_at("/logs/app.log").unwrap(), Path::new("app/2026-11-22.jsonl"));
}

#[test]
fn a_full_file_is_followed_by_a_numbered_one() {
    let disk = Memory::new();
    let mut policy = policy("/logs");
    policy.channels[0].shard_bytes = 450;
    let journal = open(&policy, &disk).unwrap();
    (0..5).for_each(|n| assert!(journal.append(ONE, &record(n, 100))));
    journal.commit(ONE).unwrap();
    let of = |name: &str| numbers_in(Path::new(name), &disk.files()[Path::new(name)]);
    assert_eq!(of("/logs/app/2026-11-20.jsonl"), [0, 1]);
    assert_eq!(of("/logs/app/2026-11-20.1.jsonl"), [2, 3]);
    assert_eq!(of("/logs/app/2026-11-20.2.jsonl"), [4]);
}

#[test]
fn many_waiters_share_one_sync() {
    let disk = Memory::new();
    let mut policy = policy("/logs");
    policy.channels[0].sync = Sync::Every(Duration::from_secs(3600));
    let journal = open(&policy, &disk).unwrap();
    journal.append(ONE, &record(0, 50));
    journal.commit(ONE).unwrap();
    let before = disk.count(Step::Sync);
    (1..=50).for_each(|n| assert!(journal.append(ONE, &record(n, 50))));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| journal.commit(ONE).unwrap());
        }
    });
    let syncs = disk.count(Step::Sync) - before;
    assert!((1..=2).contains(&syncs), "{syncs} syncs for 16 commits of the same records");
}

#[test]
fn eight_threads_and_their_commits_lose_and_double_nothing() {
    const EACH: u64 = 4000;
    let disk = Memory::new();
    let mut policy = policy("/logs");
    policy.channels[0].queue_bytes = 64 * 1024;
    policy.channels[0].shard_bytes = 300_000;
    let journal = open(&policy, &disk).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (journal, disk) = (&journal, &disk);
            scope.spawn(move || {
                for n in 0..EACH {
                    assert!(journal.append(ONE, &record(thread * EACH + n, 60)));
                    if n % 1000 == 999 {
                        journal.commit(ONE).unwrap();
                        let durable = numbers(&disk.power_cut(0), "/logs/app");
                        let mine = durable.iter().filter(|m| **m / EACH == thread).count();
                        assert!(mine as u64 > n, "{mine} of {} acknowledged records", n + 1);
                    }
                }
            });
        }
    });
    assert!(journal.shutdown(Duration::from_secs(10)).is_complete());
    let all = numbers(&disk.power_cut(0), "/logs/app");
    for thread in 0..8 {
        let mine: Vec<u64> = all.iter().copied().filter(|n| n / EACH == thread).collect();
        assert_eq!(mine, (thread * EACH..(thread + 1) * EACH).collect::<Vec<_>>());
    }
}

#[test]
fn an_interval_channel_syncs_in_time_and_not_before() {
    let disk = Memory::new();
    let mut policy = policy("/logs");
    policy.channels[0].sync = Sync::Every(Duration::from_millis(400));
    let journal = open(&policy, &disk).unwrap();
    let from = Instant::now();
    journal.append(ONE, &record(1, 50));
    until("the record is written", || numbers(&disk, "/logs/app") == [1]);
    if from.elapsed() < Duration::from_millis(300) {
        assert!(numbers(&disk.power_cut(0), "/logs/app").is_empty(), "synced at once");
    }
    until("the record is durable", || numbers(&disk.power_cut(0), "/logs/app") == [1]);
    assert!(from.elapsed() >= Duration::from_millis(390));
}

#[test]
fn an_idle_channel_costs_no_wake_ups_and_wakes_for_the_next_record() {
    let disk = Memory::new();
    let mut policy = policy("/logs");
    policy.channels = vec![channel("lazy")];
    let journal = open(&policy, &disk).unwrap();
    for n in 0..3 {
        journal.append(ONE, &record(n, 50));
        until("the record is durable", || numbers(&disk.power_cut(0), "/logs/lazy").last() == Some(&n));
        // The last checkpoint comes within a second.
        std::thread::sleep(Duration::from_millis(1300));
        let before = switches("dihya-lazy");
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(switches("dihya-lazy"), before, "the idle writer woke up");
    }
    assert!(switches("dihya-lazy") > 0, "positive control");
}

/// How often the thread of that name gave the processor up.
fn switches(name: &str) -> u64 {
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let status = std::fs::read_to_string(task.unwrap().path().join("status")).unwrap_or_default();
        if status.lines().next() == Some(&format!("Name:\t{name}")) {
            let line = status.lines().find(|l| l.starts_with("voluntary_ctxt_switches"));
            return line.and_then(|l| l.split_whitespace().last()?.parse().ok()).unwrap();
        }
    }
    panic!("no thread {name}");
}

/// A disk whose writes do not come back until it is let go: a queue behind it stays as it is.
fn stuck(policy: &crate::policy::Policy) -> (Memory, Journal) {
    let disk = Memory::new();
    let journal = open(policy, &disk).unwrap();
    disk.fault_on(Step::Append, "/logs", Fault::Lost(std::io::ErrorKind::StorageFull));
    journal.append(ONE, &record(0, 1000));
    until("the writer has stopped", || journal.commit(ONE).is_err());
    (disk, journal)
}

#[test]
fn a_full_queue_of_a_drop_channel_counts_and_tells() {
    let mut policy = policy("/logs");
    policy.channels[0].on_full = OnFull::Drop;
    policy.channels[0].queue_bytes = 4096;
    let (disk, journal) = stuck(&policy);
    let accepted = (1..=100).filter(|n| journal.append(ONE, &record(*n, 100))).count();
    assert_eq!(accepted, 30, "records of 100 bytes in 4 KiB, 1000 bytes of which are with the writer");
    assert!(journal.queue_bytes(ONE) <= 4096);
    disk.heal();
    until("the disk works again", || journal.commit(ONE).is_ok());
    journal.append(ONE, &record(500, 50));
    let report = journal.shutdown(Duration::from_secs(10));
    assert_eq!(report.channels[0].lost_queue_full, 100 - accepted as u64);
    assert_eq!(report.channels[0].records, accepted as u64 + 2);
    let lost: Vec<_> =
        events(&disk, "/logs/app", "records").into_iter().filter(|e| e.0 == "sys_records_lost").collect();
    assert_eq!(lost, [("sys_records_lost".into(), (100 - accepted).into())]);
}

#[test]
fn a_full_queue_of_a_block_channel_waits_for_room() {
    let mut policy = policy("/logs");
    policy.channels[0].queue_bytes = 4096;
    let (disk, journal) = stuck(&policy);
    let sent = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (1..=100).for_each(|n| assert!(journal.append(ONE, &record(n, 100))));
            sent.store(true, Ordering::SeqCst);
        });
        std::thread::sleep(Duration::from_millis(100));
        assert!(!sent.load(Ordering::SeqCst), "nobody waited");
        disk.heal();
        until("there is room", || journal.queue_bytes(ONE) < 2000);
        let from = Instant::now();
        until("the rest is sent", || sent.load(Ordering::SeqCst));
        assert!(from.elapsed() < Duration::from_secs(3), "nobody said that there was room");
    });
    until("the disk works again", || journal.commit(ONE).is_ok());
    assert_eq!(numbers(&disk.power_cut(0), "/logs/app"), (0..=100).collect::<Vec<_>>());
}

#[test]
fn a_record_lost_at_the_limit_is_told_by_the_next_commit_and_in_the_channel() {
    let mut policy = policy("/logs");
    policy.channels[0].queue_bytes = 4096;
    policy.channels[0].on_full = OnFull::Block(Duration::from_millis(20));
    let (disk, journal) = stuck(&policy);
    let mut n = 0;
    while journal.append(ONE, &record(n + 1, 100)) {
        n += 1;
    }
    disk.heal();
    // While the disk fails a commit says that; once it works, the loss.
    let mut lost = 0;
    until("a commit tells the loss", || match journal.commit(ONE) {
        Err(CommitError::Lost { records }) => {
            lost = records;
            true
        }
        Err(_) => false,
        Ok(()) => panic!("the loss went untold"),
    });
    assert_eq!(lost, 1);
    until("the loss is told once it is on disk no more", || journal.commit(ONE).is_ok());
    assert_eq!(numbers(&disk.power_cut(0), "/logs/app"), (0..=n).collect::<Vec<_>>());
    let told = events(&disk.power_cut(0), "/logs/app", "records");
    assert!(told.contains(&("sys_records_lost".into(), 1.into())), "{told:?}");
}

#[test]
fn a_record_larger_than_the_queue_is_lost_at_once_and_told() {
    let mut policy = policy("/logs");
    policy.channels[0].queue_bytes = 4096;
    let disk = Memory::new();
    let journal = open(&policy, &disk).unwrap();
    let from = Instant::now();
    assert!(!journal.append(ONE, &record(1, 5000)));
    assert!(from.elapsed() < Duration::from_secs(5), "it waited for room that cannot come");
    assert!(matches!(journal.commit(ONE), Err(CommitError::Lost { records: 1 })));
    until("a record tells the loss", || {
        events(&disk, "/logs/app", "records") == [("sys_records_lost".into(), 1.into())]
    });
}

#[test]
fn shutdown_writes_everything_says_so_and_says_the_same_again() {
    let disk = Memory::new();
    let mut policy = policy("/logs");
    policy.channels[0].sync = Sync::Every(Duration::from_secs(3600));
    let journal = open(&policy, &disk).unwrap();
    let bytes: usize =
        (0..1000).map(|n| record(n, 80)).inspect(|r| assert!(journal.append(ONE, r))).map(|r| r.len()).sum();
    let report = journal.shutdown(Duration::from_secs(10));
    assert_eq!((report.channels[0].records, report.channels[0].bytes), (1000, bytes as u64));
    assert!(report.is_complete());
    assert!(!journal.append(ONE, &record(1000, 80)), "accepted after the end");
    assert!(matches!(journal.commit(ONE), Ok(())), "everything accepted is on disk");
    assert_eq!(journal.shutdown(Duration::ZERO).to_string(), report.to_string());
    assert_eq!(numbers(&disk.power_cut(0), "/logs/app").len(), 1000);
    drop(open(&policy, &disk).expect("the lock is free while the closed journal still exists"));
}

#[test]
fn shutdown_on_a_dead_disk_ends_at_its_deadline_and_says_what_is_missing() {
    let (_disk, journal) = stuck(&policy("/logs"));
    (1..=9).for_each(|n| assert!(journal.append(ONE, &record(n, 80))));
    let from = Instant::now();
    let report = journal.shutdown(Duration::from_millis(200));
    assert!(from.elapsed() < Duration::from_secs(5));
    assert_eq!((report.channels[0].records, report.channels[0].lost_unwritten), (0, 10));
    assert!(report.to_string().contains("10 lost at the end"), "{report}");
    until("a commit after the end answers", || journal.commit(ONE).is_err());
}

#[test]
fn dropping_the_journal_drains_it() {
    let disk = Memory::new();
    let journal = open(&policy("/logs"), &disk).unwrap();
    (0..100).for_each(|n| assert!(journal.append(ONE, &record(n, 80))));
    drop(journal);
    assert_eq!(numbers(&disk.power_cut(0), "/logs/app").len(), 100);
}

#[test]
fn a_commit_can_be_awaited_without_any_runtime() {
    struct Unpark(std::thread::Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let disk = Memory::new();
    let mut policy = policy("/logs");
    policy.channels[0].sync = Sync::Every(Duration::from_secs(3600));
    let journal = open(&policy, &disk).unwrap();
    journal.append(ONE, &record(1, 80));
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut cx = Context::from_waker(&waker);
    let mut commit = Box::pin(journal.commit_async(ONE));
    let dropped = journal.commit_async(ONE);
    drop(dropped);
    let answer = loop {
        match commit.as_mut().poll(&mut cx) {
            Poll::Ready(answer) => break answer,
            Poll::Pending => std::thread::park_timeout(Duration::from_secs(10)),
        }
    };
    answer.unwrap();
    assert_eq!(numbers(&disk.power_cut(0), "/logs/app"), [1]);
}

#[test]
fn the_mirror_gets_every_record_once_and_its_errors_harm_nobody() {
    #[derive(Clone, Default)]
    struct Half(Arc<Mutex<Vec<u8>>>);
    impl Write for Half {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let mut seen = self.0.lock().unwrap();
            if seen.len() > 1000 {
                return Err(std::io::ErrorKind::BrokenPipe.into());
            }
            seen.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let (disk, mirror) = (Memory::new(), Half::default());
    let journal =
        open_with(&policy("/logs"), &disk, Clock::manual(NOON), Some(Box::new(mirror.clone()))).unwrap();
    for n in 0..50 {
        journal.append(ONE, &record(n, 50));
        journal.commit(ONE).unwrap();
    }
    let seen = numbers_in(Path::new("mirror"), &mirror.0.lock().unwrap());
    assert_eq!(seen, (0..seen.len() as u64).collect::<Vec<_>>());
    assert!((15..50).contains(&seen.len()), "{}", seen.len());
    assert_eq!(numbers(&disk.power_cut(0), "/logs/app").len(), 50);
}

#[test]
fn the_mirror_gets_the_layers_own_records_too_and_once_what_is_written_twice() {
    #[derive(Clone, Default)]
    struct Copy(Arc<Mutex<Vec<u8>>>);
    impl Write for Copy {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    fn lines(disk: &Memory) -> Vec<String> {
        let shards = disk.files().into_iter().filter(|(path, _)| shard_of(path, "/logs/app").is_some());
        let text: String = shards.map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect();
        text.lines().filter(|line| !Seal::is(line.as_bytes())).map(String::from).collect()
    }
    let (disk, mirror) = (Memory::new(), Copy::default());
    with_key(&disk);
    disk.put("/logs/app/2026-11-18.jsonl", &sealed("app/another", &[b"{}\n"]));
    disk.put("/logs/app/2026-11-19.jsonl", &[&sealed("app/2026-11-19", &[b"{}\n"])[..], b"torn"].concat());
    let journal =
        open_with(&policy("/logs"), &disk, Clock::manual(NOON), Some(Box::new(mirror.clone()))).unwrap();
    journal.append(ONE, &record(1, 50));
    journal.commit(ONE).unwrap();
    disk.fault_on(Step::Sync, "/logs/app", Fault::Lost(std::io::ErrorKind::Other));
    journal.append(ONE, &record(2, 50));
    journal.commit(ONE).unwrap_err();
    disk.heal();
    until("the disk works again", || journal.commit(ONE).is_ok());
    journal.append(ONE, &record(3, 50));
    journal.commit(ONE).unwrap();
    let mut written = lines(&disk);
    assert!(written.iter().filter(|line| line.contains("\"n\":2,")).count() > 1, "nothing was written twice");

    let live = Path::new("/logs").join(disk.link_at("/logs/app.log").unwrap());
    disk.discard(&live);
    std::thread::sleep(Duration::from_millis(1100));
    journal.append(ONE, &record(4, 50));
    journal.commit(ONE).unwrap();
    drop(journal);
    written.extend(lines(&disk));
    // Without what was there before.
    written.retain(|line| line.starts_with("{\""));
    written.sort();
    written.dedup();
    let mut seen: Vec<_> =
        String::from_utf8(mirror.0.lock().unwrap().clone()).unwrap().lines().map(String::from).collect();
    seen.sort();
    assert_eq!(seen, written);
    for event in ["recovered", "shard_damaged", "monitor_disabled", "monitor_enabled", "file_replaced"] {
        assert!(seen.iter().any(|line| line.contains(&format!("\"sys_{event}\""))), "{event} is missing");
    }
}

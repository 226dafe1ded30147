//! What needs a process of its own: a global subscriber, the panic hook, the exit. Each case is a function that this
//! binary runs when it is started again with its name.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use dihya::{Channel, InitError, Policy};
use tracing::info;

use crate::reentrancy;
use crate::support::{canary, parse, without_seals};

const CASE: &str = "DIHYA_TEST_CASE";
const ROOT: &str = "DIHYA_TEST_ROOT";

/// What a child does, with a folder to log to.
type Case = fn(&Path);

const CASES: [(&str, Case); 13] = [
    ("destructor", crate::threads::destructor),
    ("reloads_elsewhere", crate::policies::reloads_elsewhere),
    ("never", crate::filters::never),
    ("logs_once", reentrancy::logs_once),
    ("loops", reentrancy::loops),
    ("direct_loops", reentrancy::direct_loops),
    ("mirror_logs", reentrancy::mirror_logs),
    ("panics", panics),
    ("levels", levels),
    ("exits", exits),
    ("drops", drops),
    ("aborts", aborts),
    ("installs_twice", installs_twice),
];

/// Not a test: the child's side of the others. Without a case it has nothing to do.
#[test]
fn entry() {
    let Ok(case) = std::env::var(CASE) else { return };
    let (_, run) = CASES.iter().find(|(name, _)| *name == case).unwrap();
    run(Path::new(&std::env::var(ROOT).unwrap()));
}

/// Runs a case; gives its output and the folder it logged to.
fn child(case: &str) -> (Output, PathBuf) {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{case}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&root);
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["processes::entry", "--exact", "--nocapture", "--test-threads=1"])
        .env(CASE, case)
        .env(ROOT, &root)
        .env_remove("RUST_BACKTRACE")
        .output()
        .unwrap();
    (output, root)
}

/// Runs a case that asserts by itself.
pub(crate) fn passes(case: &str) {
    let (output, root) = child(case);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::remove_dir_all(root).unwrap();
}

pub(crate) fn local_policy(root: &Path, more: &str) -> Policy {
    let text = format!("service = {{ name = \"clinic\" }}\nstorage = {{ root = {root:?} }}\n{more}");
    Policy::parse(&text, "test.toml").unwrap_or_else(|error| panic!("{error}"))
}

/// A channel's records on the disk.
pub(crate) fn stored(root: &Path, channel: &str) -> String {
    let Ok(folder) = std::fs::read_dir(root.join(channel)) else { return String::new() };
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "jsonl"));
    files.sort();
    files.iter().map(|path| without_seals(&std::fs::read(path).unwrap())).collect()
}

#[test]
fn the_payload_of_a_panic_reaches_neither_stderr_nor_a_file() {
    let (output, root) = child("panics");
    assert!(output.status.success(), "the child failed");
    let stderr = String::from_utf8_lossy(&output.stderr);
    let app = stored(&root, "app");
    let whole = format!("{stderr}{}{app}", String::from_utf8_lossy(&output.stdout));
    assert!(stderr.contains("the child is heard"), "the capture works");
    for number in [30, 31, 32] {
        assert!(!whole.contains(&canary(number)), "payload {number} is in the output");
    }
    let records = parse(&app);
    assert_eq!(records[0]["attributes"], serde_json::json!({"debug": "[redacted:panic]", "fine": 1}));
    // The panic of the service itself is shown, redacted, and recorded.
    assert!(stderr.contains("panicked at") && stderr.contains("cannot connect with password="));
    let crash = records.iter().find(|r| r["event_name"] == "sys_crash").unwrap();
    assert_eq!(crash["level"], "ERROR");
    assert!(crash["message"].as_str().unwrap().starts_with("panicked: cannot connect with password="));
    assert!(crash["attributes"]["code.location"].as_str().unwrap().contains("processes.rs"));
    assert_eq!(records.len(), 2, "a value's panic is no crash of the service");
    std::fs::remove_dir_all(root).unwrap();
}

fn panics(root: &Path) {
    struct Bad;
    impl fmt::Debug for Bad {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("{}", canary(30))
        }
    }
    impl fmt::Display for Bad {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            panic!("{}", canary(31))
        }
    }
    std::io::stderr().write_all(b"the child is heard\n").unwrap();
    let guard = dihya::init(local_policy(root, "")).unwrap();
    info!(debug = ?Bad, fine = 1, "kept");
    guard.handle().record(dihya::Record::audit("kept").field("bad", Bad)).unwrap();
    let crash = std::thread::spawn(|| panic!("cannot connect with password={}", canary(32))).join();
    assert!(crash.is_err());
    let _ = guard.shutdown(Duration::from_secs(5));
}

#[test]
fn a_disabled_event_is_not_even_looked_at() {
    passes("levels");
}

fn levels(root: &Path) {
    use tracing::Level;
    let guard = dihya::init(local_policy(root, "")).unwrap();
    assert!(tracing::enabled!(Level::INFO));
    assert!(!tracing::enabled!(Level::DEBUG) && !tracing::enabled!(Level::TRACE));
    let mut evaluated = false;
    tracing::debug!(
        value = {
            evaluated = true;
            1
        },
        "x"
    );
    assert!(!evaluated);
    guard.handle().reload(local_policy(root, "[channels.api]\nlevel = \"debug\"")).unwrap();
    assert!(tracing::enabled!(Level::DEBUG) && !tracing::enabled!(Level::TRACE));
    guard.handle().commit(Channel::APP).unwrap();
    assert_eq!(stored(root, "app"), "");
}

const MANY: usize = 20_000;

#[test]
fn a_process_that_exits_right_after_shutdown_has_written_every_line() {
    for case in ["exits", "drops"] {
        let (output, root) = child(case);
        assert_eq!(output.status.code(), Some(7), "{}", String::from_utf8_lossy(&output.stderr));
        for channel in ["app", "audit"] {
            assert_eq!(parse(&stored(&root, channel)).len(), MANY, "{case}, {channel}");
        }
        std::fs::remove_dir_all(root).unwrap();
    }
}

fn log_many() {
    for n in 0..MANY {
        info!(n, "many");
        dihya::audit!("many", n);
    }
}

fn lossless(root: &Path) -> Policy {
    local_policy(root, "[channels.app]\non_full = \"block\"")
}

fn exits(root: &Path) {
    let guard = dihya::init(lossless(root)).unwrap();
    log_many();
    let report = guard.shutdown(Duration::from_secs(60));
    assert_eq!(report.channels.iter().map(|c| c.records).sum::<u64>(), 2 * MANY as u64);
    std::process::exit(7);
}

fn drops(root: &Path) {
    let guard = dihya::init(lossless(root)).unwrap();
    log_many();
    drop(guard);
    std::process::exit(7);
}

#[test]
fn a_process_that_panics_and_aborts_has_written_what_came_before() {
    let (output, root) = child("aborts");
    assert!(!output.status.success());
    let records = parse(&stored(&root, "app"));
    assert_eq!(records.len(), 1_001);
    assert_eq!(records[1_000]["event_name"], "sys_crash");
    std::fs::remove_dir_all(root).unwrap();
}

fn aborts(root: &Path) {
    let _guard = dihya::init(lossless(root)).unwrap();
    for n in 0..1_000 {
        info!(n, "before");
    }
    let _ = std::thread::spawn(|| panic!("the end")).join();
    std::process::abort();
}

#[test]
fn a_second_global_subscriber_is_an_error_and_the_first_goes_on() {
    passes("installs_twice");
}

fn installs_twice(root: &Path) {
    let guard = dihya::init(local_policy(&root.join("one"), "")).unwrap();
    let second = dihya::init(local_policy(&root.join("two"), ""));
    assert!(matches!(second, Err(InitError::AlreadyInstalled)));
    info!("to the first");
    guard.handle().commit(Channel::APP).unwrap();
    assert_eq!(parse(&stored(&root.join("one"), "app")).len(), 1);
}

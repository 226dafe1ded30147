//! What the command does in its own process shows in the metrics of the service that runs beside it.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dihya::{Channel, Clock, Handle, Policy, Record};

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn dihya(folder: &Path, arguments: &[&str]) -> Option<i32> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dihya"));
    command.args(arguments).current_dir(folder).output().unwrap().status.code()
}

fn value(handle: &Handle, series: &str) -> f64 {
    let text = handle.metrics();
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no series {series}")).parse().unwrap()
}

fn of(handle: &Handle, metric: &str, channel: &str) -> f64 {
    value(handle, &format!("dihya_{metric}{{channel=\"{channel}\"}}"))
}

#[test]
fn a_running_service_shows_what_the_command_did_to_its_log() {
    let folder = Folder(std::env::temp_dir().join(format!("dihya-cli-metrics-{}", std::process::id())));
    fs::create_dir_all(&folder.0).unwrap();
    let text = "[storage]\nroot = \"logs\"\n";
    fs::write(folder.0.join("dihya.toml"), text).unwrap();
    let policy = Policy::parse(text, "dihya.toml").unwrap().root(folder.0.join("logs"));
    let (_layer, guard) = dihya::open(policy).unwrap();
    let handle = guard.handle();
    handle.record(Record::audit("sensitive_read").message("the first")).unwrap();
    handle.commit(Channel::AUDIT).unwrap();
    let start = Clock::system().now() as f64 / 1e6 - 60.0;

    for metric in ["verified", "purge_last_success", "archive_last_success"] {
        assert_eq!(of(&handle, &format!("{metric}_timestamp_seconds"), "audit"), 0.0, "{metric}");
    }
    assert_eq!(dihya(&folder.0, &["verify"]), Some(0));
    assert!(of(&handle, "verified_timestamp_seconds", "audit") > start);
    assert_eq!(of(&handle, "integrity_broken", "audit"), 0.0);

    assert_eq!(dihya(&folder.0, &["archive", "--reason", "test"]), Some(0));
    assert!(of(&handle, "archive_last_success_timestamp_seconds", "app") > start);

    let day = dihya::hold::date(Clock::system().now() - 500 * 86_400_000_000);
    let old = folder.0.join("logs/app").join(format!("{day}.jsonl"));
    fs::create_dir_all(old.parent().unwrap()).unwrap();
    let line = format!("{{\"v\":1,\"timestamp\":\"{day}T10:00:00.000000Z\",\"message\":\"m\"}}\n");
    fs::write(&old, line.repeat(3)).unwrap();
    let hold = ["hold", "add", "case", "--ground", "claim", "--owner", "legal", "--review", "2099-01-01"];
    let why = ["--reason", "test"];
    assert_eq!(dihya(&folder.0, &[&hold[..], &why].concat()), Some(0));
    assert_eq!(value(&handle, "dihya_legal_holds"), 1.0);
    assert_eq!(value(&handle, "dihya_legal_hold_review_timestamp_seconds"), 4_070_908_800.0);
    let oldest = of(&handle, "oldest_record_timestamp_seconds", "app");
    assert!(oldest > 0.0 && oldest + of(&handle, "retention_limit_seconds", "app") < start, "it is overdue");
    assert_eq!(dihya(&folder.0, &["hold", "release", "case", "--reason", "settled"]), Some(0));
    assert_eq!(value(&handle, "dihya_legal_holds"), 0.0);

    // Nothing lies between the old shard and today, which the plan would take for a wrong clock.
    assert_eq!(dihya(&folder.0, &["purge", "--yes", "--trust-clock", "--reason", "test"]), Some(0));
    assert!(!old.exists());
    assert!(of(&handle, "purge_last_success_timestamp_seconds", "app") > start);
    let left = of(&handle, "oldest_record_timestamp_seconds", "app");
    assert!(left == 0.0 || left > start, "only what the layer itself wrote is left");
    let purged: f64 = ["retention.default", "retention.ceiling"]
        .map(|reason| format!("dihya_purged_records_total{{channel=\"app\",reason=\"{reason}\"}}"))
        .iter()
        .map(|series| value(&handle, series))
        .sum();
    assert_eq!(purged, 3.0);

    let audit = fs::read_dir(folder.0.join("logs/audit")).unwrap().map(|entry| entry.unwrap().path());
    let shard = audit.into_iter().find(|path| path.extension().is_some_and(|e| e == "jsonl")).unwrap();
    let file = fs::OpenOptions::new().read(true).write(true).open(shard).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, 60).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 60).unwrap();
    assert_eq!(dihya(&folder.0, &["verify"]), Some(1));
    assert_eq!(of(&handle, "integrity_broken", "audit"), 1.0);
    assert_eq!(of(&handle, "verify_failures_total", "audit"), 1.0);
    assert_eq!(of(&handle, "integrity_broken", "app"), 0.0, "only where something is wrong");
    file.write_all_at(&byte, 60).unwrap();
    assert_eq!(dihya(&folder.0, &["verify"]), Some(0));
    assert_eq!(of(&handle, "integrity_broken", "audit"), 0.0);
    assert_eq!(of(&handle, "verify_failures_total", "audit"), 1.0, "what was found stays counted");
}

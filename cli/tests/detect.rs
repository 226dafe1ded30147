//! `dihya detect`: what the detectors find in a log that is written already.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use dihya::Clock;
use dihya::key::Signer;
use dihya::ledger::{Fact, Ledger, PolicyRef};
use dihya::storage::Local;
use serde_json::Value;

/// A log in a folder of its own, removed at the end, with a ledger that a service opened.
struct Log(PathBuf);

/// 2026-11-20T12:00:00Z
const NOON: i64 = 1_795_176_000_000_000;

impl Log {
    fn new(name: &str) -> Log {
        let log = Log(std::env::temp_dir().join(format!("dihya-detect-{}-{name}", std::process::id())));
        let state = log.root().join("state");
        std::fs::create_dir_all(&state).unwrap();
        let signer = Arc::new(Signer::generate().unwrap());
        signer.save(&Local, &state.join("signing.key")).unwrap();
        let origin = "clinic/-/ledger";
        let clock = Clock::manual(NOON);
        let ledger =
            Ledger::open(Arc::new(Local), &log.root(), origin.into(), Arc::clone(&signer), clock.clone())
                .unwrap();
        let policy = PolicyRef { version: None, sha256: "00".into() };
        ledger.append(Fact::LogOpened { vkey: signer.public().vkey(origin), policy }.into()).unwrap();
        clock.set(NOON + 7_200_000_000);
        ledger.append(Fact::HoldReleased { id: "h-1".into() }.into()).unwrap();
        // Five failed logins at nine, nineteen requests at ten.
        log.write("security", (0..5).map(|n| line(9, n, "security", FAILED)));
        log.write("api", (0..19).map(|n| line(10, n, "api", ",\"target\":\"web\"")));
        log
    }

    fn root(&self) -> PathBuf {
        self.0.join("logs")
    }

    fn write(&self, channel: &str, lines: impl Iterator<Item = String>) {
        let folder = self.root().join(channel);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("2026-11-20.jsonl"), lines.collect::<String>()).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dihya"));
        command
            .arg("detect")
            .args(arguments)
            .current_dir(&self.0)
            .env_remove("DIHYA_REASON")
            .stdin(Stdio::null());
        command.output().unwrap()
    }

    /// Each alert's detector, status and time, in the order in which they were said.
    fn said(&self, arguments: &[&str]) -> Vec<(String, String, i64)> {
        let arguments = [&["--root", "logs", "--reason", "tuning", "--json"], arguments].concat();
        let output = self.run(&arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = |line: &str| {
            let alert: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| alert[key].as_str().unwrap().to_owned();
            (text("detector"), text("status"), alert["starts_at"].as_i64().unwrap())
        };
        String::from_utf8(output.stdout).unwrap().lines().map(said).collect()
    }

    /// Those that fired.
    fn found(&self, arguments: &[&str]) -> Vec<(String, i64)> {
        let said = self.said(arguments).into_iter();
        said.filter(|(_, status, _)| status == "firing").map(|(name, _, at)| (name, at)).collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const FAILED: &str = ",\"event_name\":\"authn_login_fail\",\"user_id\":\"ada-lovelace\"";

fn line(hour: u32, second: u32, channel: &str, rest: &str) -> String {
    format!(
        "{{\"v\":1,\"id\":\"019ca8ab-bc63-774b-8000-0000000{hour:02}{second:03}\",\"timestamp\":\"2026-11-20T{hour:02}:00:{second:02}.000000Z\",\
         \"channel\":\"{channel}\",\"level\":\"INFO\"{rest},\"service\":{{\"name\":\"clinic\"}}}}\n"
    )
}

const BRUTE: (&str, i64) = ("auth_bruteforce", NOON - 3 * 3_600_000_000 + 4_000_000);

fn owned(found: &[(&str, i64)]) -> Vec<(String, i64)> {
    found.iter().map(|(name, at)| ((*name).to_owned(), *at)).collect()
}

#[test]
fn records_and_the_ledger_are_replayed_in_the_order_of_time() {
    let log = Log::new("order");
    let said: Vec<_> = log
        .said(&[])
        .into_iter()
        .map(|(name, status, at)| format!("{name} {status} {}", (at - NOON) / 1_000_000))
        .collect();
    // The first has ended long before the second begins, and time runs on behind the last record.
    let expected = [
        "auth_bruteforce firing -10796",
        "auth_bruteforce resolved -10796",
        "log_tamper firing 7200",
        "log_tamper resolved 7200",
    ];
    assert_eq!(said, expected);
}

#[test]
fn another_policy_has_other_thresholds() {
    let log = Log::new("policy");
    let policy = |account: u32| {
        let text =
            format!("[storage]\nroot = \"logs\"\n[alerts.detectors.auth_bruteforce]\naccount = {account}\n");
        std::fs::write(log.0.join("p.toml"), text).unwrap();
        log.found(&["--policy", "p.toml", "--channel", "security"])
            .into_iter()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert_eq!(policy(5), ["auth_bruteforce", "log_tamper"]);
    assert_eq!(policy(6), ["log_tamper"]);
}

#[test]
fn a_time_a_channel_or_a_shard_can_be_chosen() {
    let log = Log::new("choice");
    assert_eq!(log.found(&["--since", "2026-11-20T10:00", "--until", "2026-11-20T11:00"]), []);
    assert_eq!(log.found(&["--channel", "api", "--until", "2026-11-20T11:00"]), []);
    for shard in ["security/2026-11-20", "logs/security/2026-11-20.jsonl"] {
        let found = log.found(&["--until", "2026-11-20T11:00", "--replay", shard]);
        assert_eq!(found, owned(&[BRUTE]), "{shard}");
    }
    let output = log.run(&["--root", "logs", "--reason", "x", "--replay", "security/2026-11-21"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no shard security/2026-11-21"));
}

#[test]
fn the_table_names_nobody_and_the_reading_is_on_record() {
    let log = Log::new("table");
    let output = log.run(&["--root", "logs", "--reason", "tuning"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("5 failed logins to one account; the threshold is 5"), "{text}");
    assert!(text.contains("24 records; would have fired: auth_bruteforce 1, log_tamper 1"), "{text}");
    assert!(text.contains("019ca8ab-bc63-774b-8000-000000009004"), "the record that counted last");
    assert!(!text.contains("ada-lovelace"));
    let ledger = std::fs::read_to_string(log.root().join("ledger/ledger.jsonl")).unwrap();
    assert!(ledger.contains("\"fact\":\"read\"") && ledger.contains("\"reason\":\"tuning\""));
    assert!(!Path::new(&log.root().join("state/alert.salt")).exists(), "whoever only looks makes no salt");
}

#[test]
fn security_is_not_read_without_a_reason_nor_left_out_in_silence() {
    let log = Log::new("reason");
    let output = log.run(&["--root", "logs"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--reason"));
    assert!(log.run(&["--root", "logs", "--channel", "api"]).status.success());
}

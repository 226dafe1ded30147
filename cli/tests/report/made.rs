//! A log as a service leaves it after some months, made by the layer itself under a clock of ours, and worked on by the
//! command line: archived, purged, held, read, verified.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use dihya::{Channel, Clock, Guard, Options, Policy};
use serde_json::Value;
use tracing_subscriber::prelude::*;

/// A folder of its own for each test, removed at its end, and the service that logs there.
pub(crate) struct Folder(pub(crate) PathBuf, Option<Guard>);

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.1.take());
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) const HOUR: i64 = 3_600_000_000;
pub(crate) const DAY: i64 = 24 * HOUR;

const POLICY: &str = r#"version = "2026-11"
sector = "generic"

[service]
name = "clinic"
version = "1.4.2"

[storage]
root = "logs"

[channels.app]
retention = { floor = "P7D", default = "P14D", ceiling = "P30D", source = "our register, line 12" }

[channels.api]
retention = { floor = "P14D", default = "P60D", ceiling = "P90D", source = "our register, line 13" }

# Alerts are records of the layer's own; these are made to look like them, and its own would be counted among them.
[alerts]
enabled = false

[[routes]]
target = "dihya"
channel = "security"
"#;

impl Folder {
    pub(crate) fn empty(name: &str) -> Folder {
        // Thousands of syncs, of which no test here is about one: in memory, where there is such a folder.
        let memory = Some(PathBuf::from("/dev/shm")).filter(|path| path.is_dir());
        let path = memory
            .unwrap_or_else(std::env::temp_dir)
            .join(format!("dihya-report-{}-{name}", std::process::id()));
        let folder = Folder(path, None);
        fs::create_dir_all(folder.0.join("logs")).unwrap();
        fs::write(folder.0.join("dihya.toml"), POLICY).unwrap();
        folder
    }

    /// `busy` times some hundred records in the last days, and fewer in the months before.
    pub(crate) fn new(name: &str, busy: u64) -> Folder {
        let mut folder = Folder::empty(name);
        // It runs on: what fires goes on firing.
        folder.1 = Some(folder.log(busy));
        // Twelve months have not passed, and the copies of evidence may be made all the same.
        let run = |arguments: &[&str]| {
            let output = folder.run(arguments);
            assert!(
                output.status.success(),
                "dihya {}: {}",
                arguments.join(" "),
                String::from_utf8_lossy(&output.stderr)
            );
        };
        run(&[
            "hold",
            "add",
            "case-12",
            "--ground",
            "a claim of p-7",
            "--owner",
            "legal",
            "--review",
            "2099-01-01",
            "--channel",
            "audit",
            "--subject",
            "p-7",
            "--reason",
            "letter of p-7",
        ]);
        for channel in ["audit", "api"] {
            let names = fs::read_dir(folder.0.join("logs").join(channel)).unwrap();
            let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            let mut names: Vec<String> = names.filter(|name| name.ends_with(".jsonl")).collect();
            names.sort();
            // The oldest of audit, and one of api whose time has not come.
            let name = if channel == "audit" { &names[0] } else { &names[names.len() - 4] };
            let shard = format!("{channel}/{}", name.trim_end_matches(".jsonl"));
            run(&["archive", "--shard", &shard, "--reason", "a first try"]);
        }
        run(&["purge", "--yes", "--reason", "the monthly run"]);
        run(&[
            "query",
            "--channel",
            "audit",
            "--where",
            "user_id=u-3",
            "--limit",
            "1",
            "--reason",
            "a question about p-7",
        ]);
        run(&["verify"]);
        folder
    }

    fn log(&self, busy: u64) -> Guard {
        let now = Clock::system().now();
        let clock = Clock::manual(now - 120 * DAY);
        let policy = Policy::parse(POLICY, "dihya.toml").unwrap().root(self.0.join("logs"));
        let (layer, guard) = Options::new(policy).clock(clock.clone()).open().unwrap();
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let commit = || {
                for channel in
                    [Channel::APP, Channel::AUDIT, Channel::SECURITY, Channel::API, Channel::SCHEDULER]
                {
                    guard.handle().commit(channel).unwrap();
                }
            };
            for day in (15..120).rev().step_by(7) {
                clock.set(now - day * DAY);
                hour(2 * busy, day as u64);
                commit();
            }
            for hours in (0..14 * 24).rev() {
                clock.set(now - hours * HOUR);
                // More by day than by night, and on one night an accident.
                let of_day = ((now / HOUR - hours).rem_euclid(24)) as f64;
                let light = (std::f64::consts::PI * (of_day - 4.0) / 16.0).sin().max(0.05);
                hour((light * 8.0 * busy as f64) as u64 + 1, hours as u64);
                if hours == 77 {
                    accident();
                }
                alerts(now, hours);
                if of_day >= 23.0 {
                    commit();
                }
            }
            commit();
        });
        guard
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_dihya"))
            .args(arguments)
            .current_dir(&self.0)
            .env_remove("DIHYA_REASON")
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[&["report", "--json", "-"], arguments].concat());
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Every line that stands in the log, by channel, read by other means: archives by the one of the command line.
    pub(crate) fn lines(&self) -> Vec<(String, Value)> {
        let mut lines = Vec::new();
        let restored = self.0.join("restored");
        let mut texts: Vec<(String, String)> = Vec::new();
        for channel in ["app", "audit", "security", "api", "scheduler"] {
            let folder = self.0.join("logs").join(channel);
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.extension().is_some_and(|ending| ending == "jsonl") {
                    texts.push((channel.to_owned(), fs::read_to_string(path).unwrap()));
                }
            }
            let archive = self.0.join("logs/archive").join(channel);
            for path in walk(&archive).iter().filter(|path| path.to_string_lossy().ends_with(".jsonl.zst")) {
                fs::create_dir_all(&restored).unwrap();
                let storage: Arc<dyn dihya::storage::Storage> = Arc::new(dihya::storage::Local);
                let none = dihya::archive::Identities::none();
                let mut reader = dihya::archive::Reader::open(storage, path, &none).unwrap();
                let mut text = Vec::new();
                while let Some(line) = reader.line().unwrap() {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                }
                texts.push((channel.to_owned(), String::from_utf8(text).unwrap()));
            }
        }
        for (channel, text) in texts {
            for line in text.lines() {
                let value: Value = serde_json::from_str(line).unwrap();
                if value.get("seal").is_none() {
                    lines.push((channel.clone(), value));
                }
            }
        }
        lines
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

/// What a service logs in an hour.
fn hour(count: u64, salt: u64) {
    for n in 0..count {
        let k = n.wrapping_mul(2_654_435_761).wrapping_add(salt * 97) % 1_000;
        match k {
            0..=499 => {
                tracing::info!(target: "tower_http::trace", method = "GET", route = "/v1/patients/{id}", status = 200u64, latency_us = k * 7, "request served");
            }
            500..=699 => {
                dihya::audit!(
                    "sensitive_read",
                    user_id = format!("u-{}", k % 9),
                    subject_id = format!("p-{}", k % 31),
                    outcome = "success",
                    "record opened"
                );
            }
            700..=799 => tracing::info!(password = "none", "sent to {}{}example.org", "jane.roe", '@'),
            800..=859 => tracing::warn!(target: "sqlx::query", "slow statement of {k} ms"),
            860..=889 => tracing::error!(note = format!("refused for {}@example.org", k), "mail not sent"),
            890..=929 => {
                dihya::security!(
                    "authn_login_fail",
                    user_id = format!("u-{}", k % 9),
                    outcome = "failure",
                    "login refused"
                );
            }
            930..=969 => dihya::scheduler!("sys_job_done", token = "none", "nightly run ended"),
            _ => tracing::debug!("not written"),
        }
    }
}

fn accident() {
    tracing::warn!(target: "dihya", event_name = "sys_records_lost", records = 1_204u64, "records were lost because the queue was full");
}

/// As the detectors leave them: hours before now, how long, what.
const ALERTS: [(i64, i64, &str, &str, &str, u64); 9] = [
    (300, 2, "auth_bruteforce", "high", "91b7c1f0aa34de01", 41),
    (260, 30, "first_seen", "low", "0c44f0e9b1a2d377", 3),
    (200, 1, "auth_bruteforce", "high", "77aa0b12cd5e9f10", 12),
    (150, 20, "authz_probe", "medium", "5fd20e81b7b34c66", 18),
    (77, 6, "volume_drop", "critical", "e3b0c44298fc1c14", 1),
    (76, 3, "volume_spike", "medium", "aa12f4d5c6b79801", 5_210),
    (40, 8, "bulk_access", "medium", "4c9de1f2a0b8c713", 260),
    // These two go on.
    (9, 100, "auth_spray", "high", "d0e1a2b3c4f59687", 33),
    (2, 100, "first_seen", "low", "b3f0c1d2e4a59678", 1),
];

fn alerts(now: i64, hours: i64) {
    for (ago, lasts, detector, severity, fingerprint, count) in ALERTS {
        let started = dihya_time(now - ago * HOUR);
        if hours == ago {
            tracing::warn!(target: "dihya", event_name = "alert_firing", detector, severity, fingerprint, count, started, "an alert fires");
        } else if hours == ago - lasts {
            tracing::warn!(target: "dihya", event_name = "alert_resolved", detector, severity, fingerprint, count, started, "an alert is resolved");
        }
    }
}

fn dihya_time(micros: i64) -> String {
    let second = micros.div_euclid(1_000_000).rem_euclid(86_400);
    format!(
        "{}T{:02}:{:02}:{:02}.000000Z",
        dihya::hold::date(micros),
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

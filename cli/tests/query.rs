//! Reading a log by the command line: what is shown, and what the ledger keeps of it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use dihya::Clock;
use dihya::key::Signer;
use dihya::ledger::{Fact, Ledger, PolicyRef};
use dihya::storage::Local;
use serde_json::Value;

/// A log in a folder of its own, removed at the end.
struct Log(PathBuf);

impl Log {
    fn new(name: &str) -> Log {
        let path = std::env::temp_dir().join(format!("dihya-query-{}-{name}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Log(path)
    }

    /// With a ledger that a service opened.
    fn with_ledger(name: &str) -> Log {
        let log = Log::new(name);
        let root = log.root();
        let state = root.join("state");
        std::fs::create_dir_all(&state).unwrap();
        let signer = Arc::new(Signer::generate().unwrap());
        signer.save(&Local, &state.join("signing.key")).unwrap();
        let origin = "clinic/-/ledger";
        let ledger =
            Ledger::open(Arc::new(Local), &root, origin.into(), Arc::clone(&signer), Clock::system())
                .unwrap();
        let policy = PolicyRef { version: None, sha256: "00".into() };
        ledger.append(Fact::LogOpened { vkey: signer.public().vkey(origin), policy }.into()).unwrap();
        log
    }

    fn root(&self) -> PathBuf {
        self.0.join("logs")
    }

    fn write(&self, path: &str, lines: &[String]) {
        let path = self.root().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        file.write_all(lines.iter().map(|line| format!("{line}\n")).collect::<String>().as_bytes()).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dihya"));
        command.args(arguments).current_dir(&self.0).env_remove("DIHYA_REASON").stdin(Stdio::null());
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let mut text = format!("$ dihya {}\n[exit {}]\n", arguments.join(" "), output.status.code().unwrap());
        for (name, bytes) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if !bytes.is_empty() {
                text.push_str(&format!("[{name}]\n{}", std::str::from_utf8(bytes).unwrap()));
            }
        }
        text
    }

    /// The facts in the ledger.
    fn facts(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.root().join("ledger/ledger.jsonl")).unwrap();
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line.get("fact").is_some()).collect()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn record(minute: u32, channel: &str, level: &str, rest: &str) -> String {
    format!(
        "{{\"v\":1,\"id\":\"019ca8ab-bc63-774b-8000-{minute:012}\",\"timestamp\":\"2026-11-20T12:{minute:02}:00.000000Z\",\"channel\":\"{channel}\",\"level\":\"{level}\"{rest},\"target\":\"clinic\",\"service\":{{\"name\":\"clinic\"}}}}"
    )
}

/// Two channels that anybody reads, and one that is evidence.
fn filled(log: &Log) {
    log.write(
        "app/2026-11-20.jsonl",
        &[
            record(1, "app", "INFO", ",\"message\":\"started, \\\"at last\\\"\""),
            "{\"seal\":{\"size\":1,\"root\":\"x\",\"sig\":\"y\"}}".to_owned(),
            record(5, "app", "ERROR", ",\"message\":\"timeout\",\"attributes\":{\"note\":\"=1+1\"}"),
        ],
    );
    log.write(
        "api/2026-11-20.jsonl",
        &[
            record(
                2,
                "api",
                "INFO",
                ",\"user_id\":\"u-42\",\"attributes\":{\"route\":\"/patients/{id}\",\"status\":200}",
            ),
            record(
                6,
                "api",
                "WARN",
                ",\"user_id\":\"u-43\",\"attributes\":{\"route\":\"/patients/{id}\",\"status\":500}",
            ),
        ],
    );
    log.write(
        "audit/2026-11-20.jsonl",
        &[
            record(
                3,
                "audit",
                "AUDIT",
                ",\"event_name\":\"sensitive_read\",\"outcome\":\"success\",\"user_id\":\"u-42\"",
            ),
            record(
                4,
                "audit",
                "AUDIT",
                ",\"event_name\":\"sensitive_read\",\"outcome\":\"failure\",\"user_id\":\"u-43\"",
            ),
        ],
    );
}

#[test]
fn a_question_is_answered_in_each_format() {
    let log = Log::with_ledger("formats");
    filled(&log);
    insta::assert_snapshot!("json", log.run(&["query", "--root", "logs"]));
    insta::assert_snapshot!(
        "table",
        log.run(&["query", "--root", "logs", "--format", "table", "--level", "warn"])
    );
    insta::assert_snapshot!(
        "csv",
        log.run(&["query", "--root", "logs", "--format", "csv", "-c", "app", "--reverse"])
    );
    insta::assert_snapshot!(
        "fields",
        log.run(&[
            "query",
            "--root",
            "logs",
            "-c",
            "api",
            "--fields",
            "timestamp,user_id,status",
            "--where",
            "status=500"
        ])
    );
    insta::assert_snapshot!(
        "range",
        log.run(&[
            "query",
            "--root",
            "logs",
            "--since",
            "2026-11-20T12:02",
            "--until",
            "2026-11-20T12:05",
            "-n",
            "1"
        ])
    );
}

#[test]
fn a_question_that_is_none_is_refused_with_what_to_do() {
    let log = Log::new("wrong");
    insta::assert_snapshot!("which", log.run(&["query"]));
    insta::assert_snapshot!("no-root", log.run(&["query", "--root", "logs"]));
    filled(&log);
    insta::assert_snapshot!("no-channel", log.run(&["query", "--root", "logs", "--channel", "audti"]));
    insta::assert_snapshot!("no-time", log.run(&["query", "--root", "logs", "--since", "tomorrow"]));
    insta::assert_snapshot!(
        "no-range",
        log.run(&["query", "--root", "logs", "--since", "2026-11-20", "--until", "2026-11-20"])
    );
    insta::assert_snapshot!("no-condition", log.run(&["query", "--root", "logs", "--where", "status"]));
}

#[test]
fn reading_audit_is_in_the_ledger_with_its_reason_before_it_is_shown() {
    let log = Log::with_ledger("recorded");
    filled(&log);
    let without = log.output(&["query", "--root", "logs", "--channel", "audit"]);
    assert_eq!((without.status.code(), without.stdout.len()), (Some(2), 0));
    assert_eq!(log.facts().len(), 1, "only the opening");

    let arguments = [
        "query",
        "--root",
        "logs",
        "--channel",
        "audit",
        "--where",
        "outcome=failure",
        "--reason",
        "incident 4711",
    ];
    let with = log.output(&arguments);
    assert_eq!(with.status.code(), Some(0), "{}", String::from_utf8_lossy(&with.stderr));
    assert_eq!(with.stdout.iter().filter(|byte| **byte == b'\n').count(), 1);
    let facts = log.facts();
    let (read, end) = (&facts[1], &facts[2]);
    assert_eq!((read["fact"].as_str(), read["channel"].as_str()), (Some("read"), Some("audit")));
    assert_eq!(read["query"], "channel audit; where outcome=failure");
    assert_eq!(read["reason"], "incident 4711");
    assert!(!read["operator"].as_str().unwrap().is_empty());
    assert_eq!((end["fact"].as_str(), &end["session"]), (Some("operation"), &read["session"]));
    assert_eq!((end["outcome"].as_str(), end["volume"]["records"].as_u64()), (Some("success"), Some(1)));

    // From the environment, for a session; both channels of evidence, by an entry each.
    log.write("security/2026-11-20.jsonl", &[record(7, "security", "SECURITY", "")]);
    let output =
        log.command(&["query", "--root", "logs"]).env("DIHYA_REASON", "audit week").output().unwrap();
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 7);
    let read: Vec<Value> = log.facts().into_iter().filter(|fact| fact["fact"] == "read").collect();
    assert_eq!(read.len(), 3);
    assert!(read[1..].iter().all(|fact| fact["reason"] == "audit week" && fact["query"] == "everything"));
}

#[test]
fn what_cannot_be_recorded_is_not_shown() {
    let log = Log::with_ledger("unrecorded");
    filled(&log);
    let arguments = ["query", "--root", "logs", "--channel", "audit", "--reason", "why"];
    assert_eq!(log.output(&arguments).status.code(), Some(0));
    let ledger = log.root().join("ledger/ledger.jsonl");
    let text = std::fs::read_to_string(&ledger).unwrap();
    std::fs::write(&ledger, text.replacen("why", "who", 1)).unwrap();
    let output = log.output(&arguments);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    assert!(String::from_utf8_lossy(&output.stderr).contains("verify"));
}

#[test]
fn of_a_copy_without_a_key_reading_is_said_to_be_recorded_nowhere() {
    let log = Log::new("copy");
    filled(&log);
    let output = log.output(&["query", "--root", "logs", "--channel", "audit", "--reason", "why"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 2);
    assert!(String::from_utf8_lossy(&output.stderr).contains("recorded nowhere"));
}

#[test]
fn that_nothing_was_written_yet_is_not_that_nothing_was_found() {
    let log = Log::new("nothing");
    std::fs::create_dir(log.root()).unwrap();
    let told = |log: &Log| {
        let output = log.output(&["query", "--root", "logs", "--channel", "app", "--level", "error"]);
        assert!(output.status.success() && output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap().contains("there are no records here yet")
    };
    assert!(told(&log));
    log.write("app/2026-11-20.jsonl", &[record(1, "app", "INFO", "")]);
    assert!(!told(&log));
}

#[test]
fn roles_of_the_policy_hold_for_reading_too() {
    let log = Log::with_ledger("roles");
    filled(&log);
    let policy = |who: &str| {
        format!(
            "[storage]\nroot = \"logs\"\n\n[roles]\nreader = [\"{who}\"]\nadmin = [\"user:nobody-else\"]\n"
        )
    };
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    std::fs::write(log.0.join("dihya.toml"), policy(&format!("user:{}", user.trim()))).unwrap();
    assert_eq!(log.output(&["query", "--channel", "app"]).status.code(), Some(0));
    let denied = log.output(&["query", "--channel", "audit", "--reason", "curious"]);
    assert_eq!((denied.status.code(), denied.stdout.len()), (Some(1), 0));
    assert_eq!(log.facts().last().unwrap()["fact"], "denied");
    std::fs::write(log.0.join("dihya.toml"), policy("user:somebody-else")).unwrap();
    let denied = log.output(&["query", "--channel", "app"]);
    assert_eq!((denied.status.code(), denied.stdout.len()), (Some(1), 0));
    assert_eq!(log.facts().iter().filter(|fact| fact["fact"] == "denied").count(), 2);
}

#[test]
fn following_shows_new_records_across_rotation_and_ends_at_its_limit() {
    let log = Log::new("follow");
    // Written today, as the clock has it.
    let today = String::from_utf8(Command::new("date").args(["-u", "+%F"]).output().unwrap().stdout).unwrap();
    let today = today.trim();
    let numbered = |n: u32| record(n, "app", "INFO", &format!(",\"attributes\":{{\"n\":{n}}}"));
    log.write(&format!("app/{today}.jsonl"), &[numbered(0)]);
    let mut child = log
        .command(&["query", "--root", "logs", "--follow", "--limit", "3", "--where", "n!=2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Until it looks, what is written counts as old: write until the first comes.
    let (root, shard) = (log.root(), format!("app/{today}.jsonl"));
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        while stopped.recv_timeout(std::time::Duration::from_millis(50)).is_err() {
            append(&root.join(&shard), &record(1, "app", "INFO", ",\"attributes\":{\"n\":1}"));
        }
    });
    let first = lines.next().unwrap().unwrap();
    stop.send(()).unwrap();
    writer.join().unwrap();
    assert!(first.contains("\"n\":1"), "what was there before is not shown");
    log.write(&format!("app/{today}.1.jsonl"), &[numbered(2), numbered(3), numbered(4), numbered(5)]);
    let rest: Vec<String> = lines.map(Result::unwrap).collect();
    assert!(child.wait().unwrap().success());
    assert_eq!(rest.len(), 2, "three in all");
    assert!(rest.iter().all(|line| !line.contains("\"n\":2") && !line.contains("\"n\":0")));
}

fn append(path: &Path, line: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(format!("{line}\n").as_bytes()).unwrap();
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let log = Log::new("early");
    let lines: Vec<String> = (0..60)
        .map(|n| record(n, "app", "INFO", &format!(",\"message\":\"{}\"", "x".repeat(9_000))))
        .collect();
    log.write("app/2026-11-20.jsonl", &lines);
    let dihya = env!("CARGO_BIN_EXE_dihya");
    let script = format!("set -o pipefail; '{dihya}' query --root logs | head -n 1 | wc -l");
    let output = Command::new("bash").args(["-c", &script]).current_dir(&log.0).output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1");
}

#[test]
fn status_tells_what_there_is_and_what_has_to_be_looked_at() {
    let log = Log::with_ledger("status");
    filled(&log);
    log.write("archive/app/2020/01/2020-01-01.jsonl.zst", &["not read".into()]);
    let output = log.output(&["status", "--root", "logs", "--json"]);
    let status: Value = serde_json::from_slice(&output.stdout).unwrap();
    let channel = |name: &str| {
        let channels = status["logs"][0]["channels"].as_array().unwrap();
        channels.iter().find(|channel| channel["name"] == name).unwrap().clone()
    };
    let (app, api, audit) = (channel("app"), channel("api"), channel("audit"));
    assert_eq!((app["shards"].as_u64(), app["archived"].as_u64()), (Some(1), Some(1)));
    assert_eq!(
        (app["oldest"].as_str(), app["overdue"].as_bool()),
        (Some("2020-01-01T00:00:00.000000Z"), Some(true))
    );
    assert_eq!(api["newest"], "2026-11-20T12:06:00.000000Z");
    assert_eq!(audit["limit"], "2027-11-20T12:03:00.000000Z");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.contains("app holds records past its ceiling"), "{told}");
    assert!(!told.contains("api holds"), "{told}");
    assert_eq!(status["logs"][0]["ledger"]["entries"], 1);

    let table = log.output(&["status", "--root", "logs"]);
    let text = String::from_utf8_lossy(&table.stdout).into_owned();
    for part in ["oldest", "2020-01-01", "passed", "opened and not closed", "never"] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
}

#[test]
fn status_finds_what_was_lost_lately_and_files_that_are_nobodys() {
    let log = Log::with_ledger("losses");
    let now = String::from_utf8(Command::new("date").args(["-u", "+%FT%T.000000Z"]).output().unwrap().stdout)
        .unwrap();
    let now = now.trim();
    let lost = |time: &str, records: u32| {
        record(0, "app", "WARN", &format!(",\"event_name\":\"sys_records_lost\",\"message\":\"lost\",\"attributes\":{{\"records\":{records}}}"))
            .replace("2026-11-20T12:00:00.000000Z", time)
            .replace("\"target\":\"clinic\"", "\"target\":\"dihya\"")
    };
    // A service may call an event as it likes: that is not the layer's own word.
    let claimed = lost(now, 1_000).replace("\"target\":\"dihya\"", "\"target\":\"clinic\"");
    log.write(
        &format!("app/{}.jsonl", &now[..10]),
        &[lost("2020-01-01T00:00:00.000000Z", 9), lost(now, 3), claimed, lost(now, 4)],
    );
    log.write("app/notes.txt", &["mine".into()]);
    let output = log.output(&["status", "--root", "logs"]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("app lost 7 records in the last 24 hours"), "{told}");
    assert!(told.contains("notes.txt is nobody's"), "{told}");
}

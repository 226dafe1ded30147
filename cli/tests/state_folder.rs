//! A log whose key and lock file lie elsewhere (`integrity.state`), as every command meets it.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use dihya::{Channel, Options, Policy, Record};

/// A folder of its own, removed at its end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Folder {
    /// A log that a service wrote and closed: one instance, its state beside the root.
    fn new(name: &str) -> Folder {
        let folder = Folder(std::env::temp_dir().join(format!("dihya-state-{}-{name}", std::process::id())));
        fs::create_dir_all(&folder.0).unwrap();
        let (root, state) = (folder.0.join("logs"), folder.0.join("keys"));
        let text = format!(
            "[service]\nname = \"clinic\"\ninstance = \"one\"\n[storage]\nroot = {root:?}\n[integrity]\nstate = {state:?}\n"
        );
        fs::write(folder.0.join("dihya.toml"), &text).unwrap();
        let (_layer, guard) = Options::new(Policy::parse(&text, "dihya.toml").unwrap()).open().unwrap();
        let record = Record::new(Channel::AUDIT, "patient_read").message("read").field("actor", "ada");
        guard.handle().record(record).unwrap();
        guard.handle().commit(Channel::AUDIT).unwrap();
        guard.shutdown(Duration::from_secs(10));
        folder
    }

    fn run(&self, line: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_dihya")).args(line).current_dir(&self.0).output().unwrap()
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn every_command_finds_the_key_and_the_lock_file_where_the_policy_says() {
    let folder = Folder::new("all");
    assert!(folder.0.join("keys/one/signing.key").is_file(), "positive control");
    let query = ["query", "--channel", "audit", "--reason", "a test"];
    let commands: [&[&str]; 9] = [
        &["status"],
        &["plan"],
        &["purge", "--dry-run", "--reason", "a test"],
        &["archive", "--dry-run"],
        &["hold", "list"],
        &[
            "hold",
            "add",
            "case-1",
            "--channel",
            "audit",
            "--ground",
            "a suit",
            "--owner",
            "jo",
            "--review",
            "2099-01-01",
            "--reason",
            "a test",
        ],
        &query,
        &["verify"],
        &["prove", "--help"],
    ];
    for line in commands {
        let output = folder.run(line);
        assert_eq!(output.status.code(), Some(0), "{line:?}: {}", said(&output));
        assert!(!said(&output).contains("recorded nowhere"), "{line:?}: {}", said(&output));
    }
    let output = folder.run(&query);
    assert!(said(&output).contains("patient_read"), "{}", said(&output));
    let ledger = fs::read_to_string(folder.0.join("logs/one/ledger/ledger.jsonl")).unwrap();
    assert_eq!(ledger.matches("\"fact\":\"read\"").count(), 2, "the reading stands in the ledger");
    assert!(!folder.0.join("logs/one/state").exists() && !folder.0.join("logs/state").exists());
    // And the service goes on.
    let policy = Policy::load(folder.0.join("dihya.toml")).unwrap();
    let (_layer, guard) = Options::new(policy).open().unwrap();
    guard.shutdown(Duration::from_secs(10));
}

#[test]
fn a_lock_file_that_is_gone_from_there_is_told() {
    let folder = Folder::new("gone");
    fs::remove_file(folder.0.join("keys/one/heads")).unwrap();
    let output = folder.run(&["verify"]);
    assert_ne!(output.status.code(), Some(0));
    assert!(said(&output).contains("heads"), "{}", said(&output));
}

#[test]
fn a_shard_that_is_gone_is_accepted_by_who_may_and_on_record() {
    let folder = Folder::new("accept");
    let shard = fs::read_dir(folder.0.join("logs/one/audit")).unwrap().map(|entry| entry.unwrap().path());
    let shard = shard.into_iter().find(|path| path.extension().is_some_and(|e| e == "jsonl")).unwrap();
    fs::remove_file(&shard).unwrap();
    let ledger = || fs::read_to_string(folder.0.join("logs/one/ledger/ledger.jsonl")).unwrap();
    let output = folder.run(&["accept-rollback"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("needs a reason"), "{}", said(&output));
    let own = fs::read_to_string(folder.0.join("dihya.toml")).unwrap();
    fs::write(folder.0.join("strict.toml"), format!("{own}[roles]\nadmin = [\"user:nobody-here\"]\n"))
        .unwrap();
    let output = folder.run(&["accept-rollback", "--policy", "strict.toml", "--reason", "lost"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(ledger().contains("\"fact\":\"denied\""), "{}", said(&output));
    let line = ["accept-rollback", "--reason", "the disk was replaced"];
    let output = folder.run(&line);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let said_so = said(&output);
    assert!(said_so.starts_with("accepted audit/") && said_so.contains(": 0 lines of the "), "{said_so}");
    assert!(ledger().contains("\"fact\":\"rollback_accepted\""));
    assert_eq!(said(&folder.run(&line)), "every log is what it was known to be\n");
    let policy = Policy::load(folder.0.join("dihya.toml")).unwrap();
    let (_layer, guard) = Options::new(policy).open().unwrap();
    guard.shutdown(Duration::from_secs(10));
}

#[test]
fn a_key_is_shown_and_rotated_and_the_log_is_whole() {
    let folder = Folder::new("rotate");
    let shown = || said(&folder.run(&["key", "show"]));
    let old = shown();
    assert!(old.starts_with("clinic/one/ledger+"), "{old}");
    let policy = Policy::load(folder.0.join("dihya.toml")).unwrap();
    let (layer, guard) = Options::new(policy.clone()).open().unwrap();
    let output = folder.run(&["key", "rotate", "--reason", "yearly"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("already writes here"), "{}", said(&output));
    guard.shutdown(Duration::from_secs(10));
    drop(layer);
    let output = folder.run(&["key", "rotate", "--reason", "yearly"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let new = shown();
    assert!(new != old && said(&output).contains(new.trim()), "{}", said(&output));
    let (_layer, guard) = Options::new(policy).open().unwrap();
    guard.handle().record(Record::new(Channel::AUDIT, "patient_read").message("read")).unwrap();
    guard.handle().commit(Channel::AUDIT).unwrap();
    guard.shutdown(Duration::from_secs(10));
    for line in [&["verify"][..], &["plan"], &["archive", "--dry-run"]] {
        let output = folder.run(line);
        assert_eq!(output.status.code(), Some(0), "{line:?}: {}", said(&output));
    }
}

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

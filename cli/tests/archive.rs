//! `archive` and `restore` as an operator meets them, also when somebody kills them.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::Instant;

use dihya::Clock;
use dihya::key::Signer;
use dihya::ledger::{Entry, Fact, Ledger, PolicyRef, ShardRef};
use dihya::merkle::Tree;
use dihya::storage::Local;

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ID: &str = "audit/2026-01-20";

impl Folder {
    /// A log with one closed shard of so many lines.
    fn new(name: &str, lines: usize) -> Folder {
        let folder = Folder(std::env::temp_dir().join(format!("dihya-arch-{}-{name}", std::process::id())));
        let base = folder.0.join("logs");
        fs::create_dir_all(base.join("state")).unwrap();
        fs::create_dir_all(base.join("audit")).unwrap();
        fs::write(folder.0.join("dihya.toml"), "[storage]\nroot = \"logs\"\n").unwrap();
        let signer = Signer::generate().unwrap();
        signer.save(&Local, &base.join("state/signing.key")).unwrap();
        let vkey = signer.public().vkey("clinic/-/ledger");
        let ledger = Ledger::open(
            Arc::new(Local),
            &base,
            "clinic/-/ledger".into(),
            Arc::new(signer),
            Clock::manual(Clock::system().now() - 3 * 86_400_000_000),
        )
        .unwrap();
        let policy = PolicyRef { version: None, sha256: String::new() };
        ledger.append(Fact::LogOpened { vkey, policy }.into()).unwrap();
        let line = |n| {
            format!(
                "{{\"v\":1,\"timestamp\":\"2026-01-20T10:00:00.{n:06}Z\",\"message\":\"record {n}, {:x}\"}}\n",
                n * 7_919 % 104_729
            )
        };
        let shard: String = (0..lines).map(line).collect();
        fs::write(folder.live(), &shard).unwrap();
        let mut tree = Tree::new();
        tree.push_lines(shard.as_bytes());
        let (size, root) = (tree.size(), tree.root());
        let time = Some("2026-01-20T10:00:00.000000Z".to_owned());
        let end = ShardRef {
            shard: ID.into(),
            size,
            root,
            bytes: shard.len() as u64,
            records: size,
            first: time.clone(),
            last: time,
        };
        ledger.append(Fact::ShardClosed { shard: end }.into()).unwrap();
        folder
    }

    fn live(&self) -> PathBuf {
        self.0.join("logs/audit/2026-01-20.jsonl")
    }

    fn archive(&self) -> PathBuf {
        self.0.join("logs/archive/audit/2026/01/2026-01-20.jsonl.zst")
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dihya"));
        command.args(line.split_whitespace()).current_dir(&self.0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, line: &str) -> (i32, String, String) {
        let Output { status, stdout, stderr } = self.command(line).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }

    fn facts(&self) -> Vec<Entry> {
        let text = fs::read_to_string(self.0.join("logs/ledger/ledger.jsonl")).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

#[test]
fn what_is_due_is_archived_and_can_be_restored() {
    let folder = Folder::new("due", 500);
    let shard = fs::read(folder.live()).unwrap();

    let (code, out, err) = folder.run("archive --dry-run");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains(ID) && out.contains("would be archived"), "{out}");
    assert!(folder.live().exists() && !folder.archive().exists());

    let (code, out, err) = folder.run("archive --operator ada --reason monthly");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    assert!(out.contains("audit/2026-01-20 is archived"), "{out}");
    assert!(!folder.live().exists() && folder.archive().exists());
    let facts = folder.facts();
    let archived = facts.iter().find(|entry| matches!(entry.fact, Fact::Archived { .. })).unwrap();
    assert_eq!(archived.reason.as_deref(), Some("monthly"));
    assert!(
        archived.operator.as_deref().is_some_and(|who| who.starts_with("ada")),
        "{:?}",
        archived.operator
    );
    assert!(facts.iter().any(|entry| matches!(entry.fact, Fact::SourceRemoved { .. })));

    let (code, out, _) = folder.run("archive");
    assert_eq!((code, out.as_str()), (0, "nothing is due\n"));

    let (code, _, err) = folder.run("restore --to back --channel audit");
    assert_eq!(code, 1);
    assert!(err.contains("--reason"), "{err}");
    let (code, out, err) =
        folder.run("restore --to back --channel audit --from 2026-01 --to-time 2026-01 --reason case-12");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(out.contains("back/audit/2026-01-20.jsonl"), "{out}");
    assert!(fs::read(folder.0.join("back/audit/2026-01-20.jsonl")).unwrap() == shard);
    let (code, _, err) = folder.run("restore --to logs/back --channel audit --reason case-12");
    assert_eq!(code, 1);
    assert!(err.contains("restore into a folder of its own"), "{err}");
    let (code, _, err) = folder.run("restore --to back --channel audit --from yesterday --reason x");
    assert_eq!(code, 2);
    assert!(err.contains("not a time in UTC"), "{err}");
}

#[test]
fn any_number_of_threads_makes_the_same_archive() {
    let mut archives = Vec::new();
    for line in ["archive", "archive --threads 1", "archive --threads 3"] {
        let folder = Folder::new("threads", 30_000);
        let (code, _, err) = folder.run(line);
        assert_eq!((code, err.as_str()), (0, ""), "{line}");
        archives.push(fs::read(folder.archive()).unwrap());
    }
    assert!(archives.iter().all(|archive| *archive == archives[0]));
    let (code, _, err) = Folder::new("no-thread", 5).run("archive --threads 0");
    assert_eq!(code, 2, "{err}");
}

#[test]
fn a_foreign_file_is_told_of_and_stays() {
    let folder = Folder::new("foreign", 50);
    fs::create_dir_all(folder.archive().parent().unwrap()).unwrap();
    fs::write(folder.archive(), "mine").unwrap();
    let (code, _, err) = folder.run("archive");
    assert_eq!(code, 1);
    assert!(err.contains("move it away"), "{err}");
    assert_eq!(fs::read_to_string(folder.archive()).unwrap(), "mine");
    assert!(folder.live().exists());
}

#[test]
fn an_archiver_that_is_killed_again_and_again_loses_nothing_and_ends_its_work() {
    let folder = Folder::new("killed", 8_000);
    let shard = fs::read(folder.live()).unwrap();
    // As long as a whole run takes here, on a copy of the same.
    let rehearsal = Folder::new("rehearsal", 8_000);
    let from = Instant::now();
    assert_eq!(rehearsal.run("archive").0, 0);
    let whole = from.elapsed();
    let mut killed = 0;
    for round in 0..12 {
        let mut child = folder.command("archive").spawn().unwrap();
        std::thread::sleep(whole * round / 14);
        killed += usize::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        let live = fs::read(folder.live()).is_ok_and(|bytes| bytes == shard);
        let receipt = folder.facts().iter().any(|entry| matches!(entry.fact, Fact::Archived { .. }));
        assert!(live || receipt && folder.archive().exists(), "round {round}: the shard is gone");
    }
    assert!(killed > 2, "only {killed} runs were caught in the act");
    let (code, _, err) = folder.run("archive");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(!folder.live().exists());
    let (code, _, err) = folder.run("restore --to back --reason check");
    assert_eq!((code, err.as_str()), (0, ""));
    assert!(fs::read(folder.0.join("back/audit/2026-01-20.jsonl")).unwrap() == shard);
    let left: Vec<_> = fs::read_dir(folder.0.join("logs/audit")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

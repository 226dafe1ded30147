//! `plan`, `purge` and `hold` as an operator meets them, on a log with a ledger and a year of shards.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use dihya::Clock;
use dihya::key::Signer;
use dihya::ledger::{Entry, Fact, Ledger, PolicyRef, ShardRef};
use dihya::merkle::Tree;
use dihya::storage::Local;
use serde_json::Value;

/// A folder of its own for each test, removed at its end.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

struct Run {
    code: i32,
    out: String,
    err: String,
}

const DAY: i64 = 86_400_000_000;

fn now() -> i64 {
    Clock::system().now()
}

fn date(days_ago: i64) -> String {
    dihya::hold::date(now() - days_ago * DAY)
}

impl Folder {
    /// A log that was opened three days ago, with shards of so many days ago in each channel, closed in order.
    fn new(name: &str, shards: &[(&str, i64)], more: &str) -> Folder {
        // Each shard takes some syncs, of which no test here is about one: in memory, where there is such a folder.
        let memory = Some(PathBuf::from("/dev/shm")).filter(|path| path.is_dir());
        let parent = memory.unwrap_or_else(std::env::temp_dir);
        let folder = Folder(parent.join(format!("dihya-life-{}-{name}", std::process::id())));
        let base = folder.0.join("logs");
        fs::create_dir_all(base.join("state")).unwrap();
        fs::write(
            folder.0.join("dihya.toml"),
            format!("version = \"7\"\n{more}\n[storage]\nroot = \"logs\"\n"),
        )
        .unwrap();
        Signer::generate().unwrap().save(&Local, &base.join("state/signing.key")).unwrap();
        let ledger = folder.ledger(Clock::manual(now() - 3 * DAY));
        for (channel, days_ago) in shards {
            folder.shard(channel, *days_ago, &ledger);
        }
        folder
    }

    fn ledger(&self, clock: Clock) -> Ledger {
        let base = self.0.join("logs");
        let signer = Arc::new(Signer::load(&Local, &base.join("state/signing.key")).unwrap());
        let vkey = signer.public().vkey("clinic/-/ledger");
        let ledger = Ledger::open(Arc::new(Local), &base, "clinic/-/ledger".into(), signer, clock).unwrap();
        let policy = PolicyRef { version: None, sha256: String::new() };
        ledger.append(Fact::LogOpened { vkey, policy }.into()).unwrap();
        ledger
    }

    fn shard(&self, channel: &str, days_ago: i64, ledger: &Ledger) {
        let day = date(days_ago);
        let id = format!("{channel}/{day}");
        let time = format!("{day}T10:00:00.000000Z");
        let line = format!("{{\"v\":1,\"timestamp\":\"{time}\",\"tenant_id\":\"t1\",\"message\":\"m\"}}\n");
        fs::create_dir_all(self.0.join("logs").join(channel)).unwrap();
        fs::write(self.file(&id), &line).unwrap();
        fs::write(self.file(&id).with_extension("checkpoint"), "a checkpoint\n").unwrap();
        let mut tree = Tree::new();
        tree.push_lines(line.as_bytes());
        let shard = ShardRef {
            shard: id,
            size: 1,
            root: tree.root(),
            bytes: line.len() as u64,
            records: 1,
            first: Some(time.clone()),
            last: Some(time),
        };
        ledger.append(Fact::ShardClosed { shard }.into()).unwrap();
    }

    fn file(&self, id: &str) -> PathBuf {
        self.0.join("logs").join(format!("{id}.jsonl"))
    }

    fn run(&self, line: &str) -> Run {
        let arguments = line.split_whitespace().map(|word| word.replace('_', " "));
        let output =
            Command::new(env!("CARGO_BIN_EXE_dihya")).args(arguments).current_dir(&self.0).output().unwrap();
        Run {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    fn entries(&self) -> Vec<Entry> {
        let text = fs::read_to_string(self.0.join("logs/ledger/ledger.jsonl")).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }
}

fn user() -> String {
    nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name
}

#[test]
fn a_plan_says_what_and_why_and_when() {
    let folder = Folder::new("plan", &[("app", 400), ("app", 2), ("audit", 400)], "");
    let run = folder.run("plan");
    assert_eq!(run.code, 1, "the audit shard has no backup: {}{}", run.out, run.err);
    assert!(run.err.contains("no verified copy"), "{}", run.err);
    let line = |id: &str| run.out.lines().find(|line| line.starts_with(id)).unwrap().to_owned();
    let old = line(&format!("app/{}", date(400)));
    assert!(old.contains("purge") && old.contains("P3M after its last record"), "{old}");
    assert!(line(&format!("app/{}", date(2))).contains("keep"));
    assert!(line(&format!("audit/{}", date(400))).contains("PAST ITS CEILING"));
    assert!(run.out.ends_with("1 to keep, 0 to archive, 1 to purge, 1 refused\n"), "{}", run.out);
    assert!(folder.file(&format!("app/{}", date(400))).exists(), "a plan changes nothing");
    let due = folder.run("plan --due");
    assert!(!due.out.contains(&date(2)) && due.out.contains(&date(400)), "{}", due.out);
}

#[test]
fn a_plan_for_programs_names_the_policy_and_looks_ahead() {
    let folder = Folder::new("json", &[("app", 2)], "");
    let json = |line: &str| -> Value { serde_json::from_str(&folder.run(line).out).unwrap() };
    let now = json("plan --json");
    assert_eq!(now["policy"]["version"], "7");
    assert_eq!(now["policy"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(now["logs"][0]["decisions"][0]["action"], "keep");
    let ahead = json(&format!("plan --json --at {}", date(-200)));
    assert_eq!(ahead["logs"][0]["decisions"][0]["action"], "purge");
    assert_eq!(ahead["logs"][0]["decisions"][0]["rule"], "retention.default");
    assert_eq!(folder.run("plan --at soon").code, 2);
    let moved = json("plan --json --root logs");
    assert_eq!(moved["policy"], now["policy"], "where a log is found does not change what the policy says");
}

#[test]
fn a_purge_asks_for_a_reason_and_for_a_word_and_then_leaves_a_certificate() {
    let folder = Folder::new("purge", &[("app", 400), ("app", 2)], "");
    let old = format!("app/{}", date(400));
    let dry = folder.run("purge --dry-run");
    assert!(dry.code == 0 && dry.out.contains(&old) && dry.out.contains("1 shard would go"), "{}", dry.out);
    let bare = folder.run("purge --yes");
    assert!(bare.code == 1 && bare.err.contains("needs a reason"), "{}", bare.err);
    let nobody = folder.run("purge --reason monthly_run");
    assert!(nobody.code == 2 && nobody.err.contains("--dry-run"), "{}", nobody.err);
    assert!(folder.file(&old).exists());
    let done = folder.run("purge --yes --reason monthly_run --operator jo");
    assert_eq!((done.code, done.err.as_str()), (0, ""), "{}", done.out);
    assert!(done.out.contains(&format!("{old} is gone")), "{}", done.out);
    assert!(!folder.file(&old).exists() && !folder.file(&old).with_extension("checkpoint").exists());
    assert!(folder.file(&format!("app/{}", date(2))).exists());
    let certificate = folder.entries().into_iter().find(|e| matches!(e.fact, Fact::Purged { .. })).unwrap();
    assert_eq!(certificate.operator, Some(format!("jo (as {})", user())));
    assert_eq!(certificate.reason.as_deref(), Some("monthly run"));
    let Fact::Purged { policy, .. } = certificate.fact else { unreachable!() };
    assert_eq!(policy.version.as_deref(), Some("7"));
    let kept = fs::read(folder.0.join(format!("logs/ledger/policies/{}.toml", policy.sha256))).unwrap();
    assert_eq!(
        kept,
        fs::read(folder.0.join("dihya.toml")).unwrap(),
        "the operator's own text, byte for byte"
    );
    let again = folder.run("purge --yes --reason monthly_run");
    assert_eq!((again.code, again.out.as_str()), (0, "nothing is due\n"));
    assert!(
        folder
            .entries()
            .iter()
            .any(|e| matches!(&e.fact, Fact::Operation { outcome, .. } if outcome == "success"))
    );
}

#[test]
fn a_hold_keeps_until_it_is_released() {
    let folder = Folder::new("hold", &[("app", 400), ("app", 401)], "");
    let add = format!(
        "hold add case-12 --ground a_claim --owner legal --review {} --channel app --from {} --to {}",
        date(-90),
        date(400),
        date(400)
    );
    let added = folder.run(&add);
    assert_eq!(added.code, 0, "{}", added.err);
    let twice = folder.run(&add);
    assert!(twice.code == 1 && twice.err.contains("another name"), "{}", twice.err);
    let list = folder.run("hold list");
    assert!(list.code == 0 && list.out.contains("case-12") && list.out.contains("a claim"), "{}", list.out);
    folder.run("purge --yes --reason run");
    assert!(folder.file(&format!("app/{}", date(400))).exists());
    assert!(!folder.file(&format!("app/{}", date(401))).exists());
    assert!(folder.run("plan").out.contains("held by case-12 (a claim; all its records may match)"));
    assert!(folder.run("hold release case-12").err.contains("needs a reason"));
    assert_eq!(folder.run("hold release case-12 --reason settled").code, 0);
    assert!(folder.run("hold release case-12 --reason settled").err.contains("no hold case-12"));
    assert_eq!(folder.run("hold list").out, "no hold is in force\n");
    folder.run("purge --yes --reason run");
    assert!(!folder.file(&format!("app/{}", date(400))).exists());
}

#[test]
fn an_overdue_review_is_told_by_plan_and_list() {
    let folder = Folder::new("review", &[("app", 2)], "");
    let hold = [("ground", "a claim"), ("owner", "legal"), ("review", "2020-01-01")];
    let hold = hold.map(|(key, text)| (key.to_owned(), text.to_owned())).into();
    folder.ledger(Clock::system()).append(Fact::HoldSet { id: "old".into(), hold }.into()).unwrap();
    for command in ["plan", "hold list"] {
        let run = folder.run(command);
        assert!(run.code == 1 && run.err.contains("review of"), "{command}: {}", run.err);
    }
    let past = folder.run("hold add x --ground g --owner o --review 2020-01-01");
    assert!(past.code == 2 && past.err.contains("not ahead"), "{}", past.err);
}

#[test]
fn a_role_that_is_missing_is_told_and_recorded() {
    let folder = Folder::new("roles", &[("app", 400)], "[roles]\nauditor = [\"user:§\"]\n");
    let file = folder.0.join("dihya.toml");
    fs::write(&file, fs::read_to_string(&file).unwrap().replace('§', &user())).unwrap();
    assert_eq!(folder.run("plan").code, 0);
    for command in ["purge --yes --reason run", "hold release x --reason run"] {
        let run = folder.run(command);
        assert!(run.code == 1 && run.err.contains("has only auditor"), "{command}: {}", run.err);
    }
    assert!(folder.file(&format!("app/{}", date(400))).exists());
    let denied = |e: &&Entry| matches!(&e.fact, Fact::Denied { .. });
    assert_eq!(folder.entries().iter().filter(denied).count(), 2);
}

#[test]
fn a_clock_that_is_behind_the_log_purges_nothing() {
    let folder = Folder::new("clock", &[("app", 400)], "");
    drop(folder.ledger(Clock::manual(now() + 30 * DAY)));
    let run = folder.run("purge --yes --reason run");
    assert!(run.code == 1 && run.err.contains("the clock is behind"), "{}", run.err);
    assert!(folder.file(&format!("app/{}", date(400))).exists());
    assert_eq!(folder.run("purge --yes --reason looked_at_it --trust-clock").code, 0);
    assert!(!folder.file(&format!("app/{}", date(400))).exists());
}

#[test]
fn what_is_no_log_is_told_apart() {
    let folder = Folder(std::env::temp_dir().join(format!("dihya-life-{}-none", std::process::id())));
    fs::create_dir_all(folder.0.join("logs/app")).unwrap();
    let missing = folder.run("plan");
    assert!(missing.code == 1 && missing.err.contains("--policy"), "{}", missing.err);
    fs::write(folder.0.join("dihya.toml"), "[storage]\nroot = \"logs\"\n").unwrap();
    let no_ledger = folder.run("plan");
    assert!(no_ledger.code == 1 && no_ledger.err.contains("start the service once"), "{}", no_ledger.err);
    let nowhere = folder.run("plan --root elsewhere");
    assert!(nowhere.code == 1 && nowhere.err.contains("elsewhere"), "{}", nowhere.err);
    assert!(!Path::new(&folder.0).join("elsewhere").exists());
}

#[test]
fn a_thousand_shards_are_planned_and_told_of() {
    let shards: Vec<(&str, i64)> = ["app", "api", "audit", "security"]
        .into_iter()
        .flat_map(|c| (1..=250).map(move |day| (c, day)))
        .collect();
    let folder = Folder::new("thousand", &shards, "");
    let begin = std::time::Instant::now();
    let run = folder.run("plan --json");
    println!("1,000 shards: `dihya plan` took {:?}", begin.elapsed());
    let plan: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(plan["logs"][0]["decisions"].as_array().unwrap().len(), 1000);
    let begin = std::time::Instant::now();
    let run = folder.run("status");
    println!("1,000 shards: `dihya status` took {:?}", begin.elapsed());
    assert_eq!(run.out.lines().filter(|line| line.contains(" 250 ")).count(), 4, "{}{}", run.out, run.err);
}

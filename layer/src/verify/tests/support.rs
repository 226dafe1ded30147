//! A log as the layer writes it, small, on a disk in memory; and hands that reach into it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use crate::catalog::Places;
use crate::clock::Clock;
use crate::journal::key::Signer;
use crate::journal::merkle::Tree;
use crate::journal::note::Checkpoint;
use crate::journal::seal::Seal;
use crate::ledger::{Fact, Ledger, PolicyRef, ShardRef, replace};
use crate::storage::{Memory, Storage};
use crate::verify::base::hexadecimal;
use crate::verify::{Defect, Report, Severity, Verifier};

/// 2026-11-20T12:00:00Z
pub(crate) const NOON: i64 = 1_795_176_000_000_000;
pub(crate) const TODAY: &str = "/log/audit/2026-11-20.jsonl";
pub(crate) const CLOSED: &str = "/log/audit/2026-11-19.jsonl";

pub(crate) fn signer() -> Signer {
    Signer::from_seed(&[7; 32])
}

/// A log in the making.
pub(crate) struct Log {
    pub(crate) disk: Memory,
    pub(crate) ledger: Ledger,
    heads: Vec<(String, ShardRef)>,
}

impl Log {
    pub(crate) fn new() -> Log {
        let disk = Memory::new();
        for folder in ["/log/app", "/log/audit", "/log/state", "/log/ledger/policies"] {
            disk.create_dir(Path::new(folder)).unwrap();
        }
        signer().save(&disk, Path::new("/log/state/signing.key")).unwrap();
        let ledger = Ledger::open(
            Arc::new(disk.clone()),
            Path::new("/log"),
            "clinic/-/ledger".into(),
            Arc::new(signer()),
            Clock::manual(NOON),
        );
        let log = Log { disk, ledger: ledger.unwrap(), heads: Vec::new() };
        let vkey = signer().public().vkey("clinic/-/ledger");
        log.tell(Fact::LogOpened { vkey, policy: policy() });
        log
    }

    pub(crate) fn tell(&self, fact: Fact) {
        self.ledger.append(fact.into()).unwrap();
    }

    /// A shard of so many commits, each of so many records and a seal.
    pub(crate) fn shard(&mut self, id: &str, commits: usize, records: usize) -> ShardRef {
        self.tell(Fact::ShardOpened { shard: id.into() });
        let path = file(id);
        let (mut tree, mut text) = (Tree::new(), Vec::new());
        for commit in 0..commits {
            for record in 0..records {
                let line = format!(
                    "{{\"v\":1,\"id\":\"{id}#{commit}.{record}\",\"message\":\"something happened\"}}\n"
                );
                tree.push_lines(line.as_bytes());
                text.extend_from_slice(line.as_bytes());
            }
            let seal = Seal::new(&signer(), &format!("clinic/-/{id}"), &tree).line();
            tree.push_lines(seal.as_bytes());
            text.extend_from_slice(seal.as_bytes());
        }
        write(&self.disk, &path, &text);
        let note = Checkpoint::of(&format!("clinic/-/{id}"), &tree).sign(&signer());
        write(&self.disk, path.with_extension("checkpoint"), note.as_bytes());
        let shard = ShardRef {
            shard: id.into(),
            size: tree.size(),
            root: tree.root(),
            bytes: text.len() as u64,
            records: (commits * records) as u64,
            first: None,
            last: None,
        };
        self.heads.push((id.into(), shard.clone()));
        shard
    }

    pub(crate) fn close(&mut self, shard: &ShardRef) {
        self.tell(Fact::ShardClosed { shard: shard.clone() });
        self.heads.retain(|(id, _)| *id != shard.shard);
    }

    /// Writes the lock file as well: the log as a running service leaves it.
    pub(crate) fn finish(mut self) -> Memory {
        let (size, root) = self.ledger.head();
        let mut text = String::new();
        self.heads.sort_by(|a, b| a.0.cmp(&b.0));
        for (id, shard) in &self.heads {
            text += &format!("{{\"log\":\"{id}\",\"size\":{},\"root\":\"{}\"}}\n", shard.size, shard.root);
        }
        text += &format!("{{\"log\":\"ledger\",\"size\":{size},\"root\":\"{root}\"}}\n");
        replace(&self.disk, Path::new("/log/state/heads"), text.as_bytes()).unwrap();
        self.disk
    }
}

/// Two channels; two days closed, one of them purged in a channel; today's shards open.
pub(crate) fn log() -> Memory {
    let mut log = Log::new();
    let text = b"[service]\nname = \"clinic\"\n";
    let hash = hexadecimal(&Sha256::digest(text));
    write(&log.disk, Path::new(&format!("/log/ledger/policies/{hash}.toml")), text);
    for channel in ["app", "audit"] {
        for day in ["2026-11-18", "2026-11-19"] {
            let shard = log.shard(&format!("{channel}/{day}"), 4, 5);
            log.close(&shard);
            if channel == "app" && day == "2026-11-18" {
                let (store, rule) = ("live".into(), "retention.default".into());
                log.tell(Fact::Purged { shard, store, rule, policy: policy() });
                log.disk.remove(&file("app/2026-11-18")).unwrap();
                log.disk.remove(&file("app/2026-11-18").with_extension("checkpoint")).unwrap();
            }
        }
        log.shard(&format!("{channel}/2026-11-20"), 3, 5);
    }
    log.finish()
}

pub(crate) fn policy() -> PolicyRef {
    PolicyRef { version: None, sha256: "00".repeat(32) }
}

pub(crate) fn file(id: &str) -> PathBuf {
    PathBuf::from(format!("/log/{id}.jsonl"))
}

pub(crate) fn verifier(disk: &Memory) -> Verifier {
    Verifier::new(Arc::new(disk.clone()), Places::root("/log")).clock(Clock::manual(NOON))
}

pub(crate) fn verified(disk: &Memory) -> Report {
    verifier(disk).run(&|_| {}).unwrap()
}

/// What is wrong, without notes: file, line, name.
pub(crate) fn wrong(report: &Report) -> Vec<(String, Option<u64>, &'static str)> {
    let wrong = report.findings.iter().filter(|finding| finding.severity() == Severity::Wrong);
    wrong.map(|f| (f.file.display().to_string(), f.line, f.defect.name())).collect()
}

pub(crate) fn notes(report: &Report) -> Vec<&'static str> {
    let notes = report.findings.iter().filter(|finding| finding.severity() == Severity::Note);
    notes.map(|finding| finding.defect.name()).collect()
}

/// The defect of this name; the test has said before that there is one.
pub(crate) fn defect<'a>(report: &'a Report, name: &str) -> &'a Defect {
    &report.findings.iter().find(|finding| finding.defect.name() == name).unwrap().defect
}

pub(crate) fn read(disk: &Memory, path: impl AsRef<Path>) -> Vec<u8> {
    disk.files()[path.as_ref()].clone()
}

/// Puts a file there, whatever was there before.
pub(crate) fn write(disk: &Memory, path: impl AsRef<Path>, bytes: &[u8]) {
    let _ = disk.remove(path.as_ref());
    disk.create_dir(path.as_ref().parent().unwrap()).unwrap();
    disk.create(path.as_ref()).unwrap().append(bytes).unwrap();
}

/// Changes the lines of a file, each with its newline.
pub(crate) fn edit(disk: &Memory, path: &str, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut lines: Vec<Vec<u8>> =
        read(disk, path).split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    change(&mut lines);
    write(disk, path, &lines.concat());
}

/// A log that the layer itself wrote: two days, two channels, several commits and a restart between them; with a kept
/// copy of a policy.
pub(crate) fn written_by_the_layer() -> Memory {
    let disk = Memory::new();
    let policy = crate::Policy::sector(crate::Sector::Generic).root("/log").service("clinic", "1");
    for day in [NOON - 86_400_000_000, NOON] {
        let clock = Clock::manual(day);
        let options = crate::Options::new(policy.clone()).storage(Arc::new(disk.clone())).clock(clock);
        let (_layer, guard) = options.rng(crate::Rng::seeded(7)).mirror(std::io::sink).open().unwrap();
        let handle = guard.handle();
        for commit in 0..4 {
            for n in 0..5 {
                for channel in [crate::Channel::AUDIT, crate::Channel::SECURITY] {
                    handle.record(crate::Record::new(channel, "e").number("n", commit * 10 + n)).unwrap();
                }
            }
            handle.commit(crate::Channel::AUDIT).unwrap();
            handle.commit(crate::Channel::SECURITY).unwrap();
        }
        guard.shutdown(std::time::Duration::from_secs(10));
    }
    let text = b"[service]\nname = \"clinic\"\n";
    let hash = hexadecimal(&Sha256::digest(text));
    write(&disk, Path::new(&format!("/log/ledger/policies/{hash}.toml")), text);
    disk
}

//! `dihya verify`, `prove` and `tiles` on a log that the layer wrote.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use dihya::ledger::{Entry, Fact};
use dihya::{Channel, Clock, Options, Policy, Record, Sector};
use serde_json::Value;

/// A folder of this test's own, with a log in it, and the id of its fifth record in the audit channel.
fn log(name: &str) -> (PathBuf, String) {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("verify-{name}"));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let policy = Policy::sector(Sector::Generic).root(folder.join("log")).service("clinic", "1");
    let (_layer, guard) = Options::new(policy).open().unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        for n in 0..4 {
            let receipt = guard.handle().record(Record::new(Channel::AUDIT, "e").number("n", n)).unwrap();
            ids.push(receipt.id().to_owned());
        }
        guard.handle().commit(Channel::AUDIT).unwrap();
    }
    assert!(guard.shutdown(Duration::from_secs(20)).is_complete());
    (folder, ids.swap_remove(4))
}

fn dihya(folder: &Path, args: &[&str]) -> (Option<i32>, String, String) {
    let ran = Command::new(env!("CARGO_BIN_EXE_dihya")).args(args).current_dir(folder).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (ran.status.code(), text(ran.stdout), text(ran.stderr))
}

fn json(folder: &Path, args: &[&str]) -> (Option<i32>, Value) {
    let (code, out, err) = dihya(folder, args);
    (code, serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}")))
}

fn audit(folder: &Path) -> (PathBuf, String) {
    let mut files = fs::read_dir(folder.join("log/audit")).unwrap().map(|entry| entry.unwrap().path());
    let file = files.find(|path| path.extension().is_some_and(|end| end == "jsonl")).unwrap();
    let id = format!("audit/{}", file.file_stem().unwrap().to_str().unwrap());
    (file, id)
}

#[test]
fn a_log_is_whole_until_a_byte_of_it_is_another() {
    let (folder, _) = log("whole");
    let (code, out, err) = dihya(&folder, &["verify", "--root", "log"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(err.contains("this is recorded nowhere"), "{err}");
    assert!(out.contains("whole: ") && out.contains("clinic/-/ledger+"), "{out}");
    let (file, id) = audit(&folder);
    let copy = folder.join("copy.jsonl");
    fs::copy(&file, &copy).unwrap();
    let mut bytes = fs::read(&file).unwrap();
    let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    bytes[second + 60] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let (code, report) = json(&folder, &["verify", "--root", "log", "--json"]);
    assert_eq!((code, &report["whole"]), (Some(1), &Value::Bool(false)));
    let finding = &report["findings"][0];
    assert_eq!(finding["defect"], "lines_changed");
    assert!(finding["file"].as_str().unwrap().ends_with(".jsonl"));
    assert!(!finding["advice"].as_str().unwrap().is_empty());
    let args = ["verify", "--root", "log", "--shard", &id, "--against", "copy.jsonl"];
    let (code, out, _) = dihya(&folder, &args);
    assert!(
        code == Some(1) && out.contains(&format!(":2 (byte {second}): the first line that differs")),
        "{out}"
    );
}

#[test]
fn a_typing_error_does_not_look_like_a_log_that_was_changed() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("verify-typing");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(folder.join("empty")).unwrap();
    fs::write(folder.join("wrong.toml"), "[storage]\nrooot = \"log\"\n").unwrap();
    for (args, expected, said) in [
        (vec!["verify"], 2, "which log?"),
        (vec!["verify", "--policy", "missing.toml"], 3, "missing.toml"),
        (vec!["verify", "--policy", "wrong.toml"], 3, "rooot"),
        (vec!["verify", "--root", "nowhere"], 3, "no service has been started with it yet"),
        (vec!["verify", "--root", "empty"], 1, "the service was not started yet"),
    ] {
        let (code, out, err) = dihya(&folder, &args);
        assert!(
            code == Some(expected) && (out.clone() + &err).contains(said),
            "{args:?}: {code:?} {out}{err}"
        );
        assert!(!out.contains("--vkey"), "{args:?}: {out}");
    }
}

#[test]
fn a_key_and_a_checkpoint_that_were_kept_are_compared() {
    let (folder, _) = log("pinned");
    let (_, report) = json(&folder, &["verify", "--root", "log", "--json"]);
    fs::write(folder.join("clinic.vkey"), report["bases"][0]["vkey"].as_str().unwrap()).unwrap();
    let (file, _) = audit(&folder);
    fs::copy(file.with_extension("checkpoint"), folder.join("old.checkpoint")).unwrap();
    let args = ["verify", "--root", "log", "--vkey", "clinic.vkey", "--since", "old.checkpoint"];
    let (code, out, err) = dihya(&folder, &args);
    assert!(code == Some(0) && out.contains("the one that was given"), "{out}{err}");
    let other = log("pinned-other").0;
    for file in ["clinic.vkey", "old.checkpoint"] {
        fs::copy(folder.join(file), other.join(file)).unwrap();
    }
    let (code, out, _) = dihya(&other, &args);
    assert!(code == Some(1) && out.contains("the log's key is not the pinned one"), "{out}");
}

#[test]
fn a_record_is_proved_with_its_log_and_without() {
    let (folder, record) = log("record");
    let (code, out, err) = dihya(&folder, &["verify", "--root", "log", "--record", &record]);
    assert!(code == Some(0) && out.contains(&format!("record {record} is line ")), "{out}{err}");
    let (code, out, err) =
        dihya(&folder, &["prove", "--root", "log", "--record", &record, "--out", "r.tlog-proof"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let (_, report) = json(&folder, &["verify", "--root", "log", "--json"]);
    let vkey = report["bases"][0]["vkey"].as_str().unwrap();
    fs::remove_dir_all(folder.join("log")).unwrap();
    let check = ["verify", "--bundle", "r.tlog-proof", "--vkey", vkey];
    let (code, out, err) = dihya(&folder, &check);
    assert!(code == Some(0) && out.contains(&record) && out.contains("whole: line "), "{out}{err}");
    let text = fs::read_to_string(folder.join("r.tlog-proof")).unwrap();
    let index = text.lines().find(|line| line.starts_with("index ")).unwrap();
    fs::write(folder.join("r.tlog-proof"), text.replace(index, "index 0")).unwrap();
    let (code, out, _) = dihya(&folder, &check);
    assert!(code == Some(1) && out.contains("NOT PROVED"), "{out}");
}

#[test]
fn tiles_are_written_with_the_key_that_others_need() {
    let (folder, _) = log("tiles");
    let (_, id) = audit(&folder);
    let (code, out, err) = dihya(&folder, &["tiles", "--root", "log", "--shard", &id, "--out", "tiles"]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains(&format!("\tclinic/-/{id}+")), "{out}");
    for file in ["checkpoint", "tile/0", "tile/entries"] {
        assert!(folder.join("tiles").join(file).exists(), "{file}");
    }
}

#[test]
fn what_is_not_there_or_not_understood_has_codes_of_its_own() {
    let (folder, _) = log("codes");
    for (args, expected) in [
        (&["verify", "--root", "nowhere"][..], 3),
        (&["verify", "--root", "log", "--checkpoint", "nowhere"], 3),
        (&["verify", "--root", "log", "--vkey", "no key"], 2),
        (&["verify", "--root", "log", "--shard", "audit"], 2),
        (&["verify", "--root", "log", "--record", "7"], 2),
        (&["verify", "--bundle", "nowhere", "--vkey", "no key"], 2),
        (&["verify", "--root", "log", "--record", "nobody"], 1),
        (&["prove", "--root", "log", "--record", "nobody", "--out", "-"], 1),
        (&["tiles", "--root", "log", "--shard", "audit/1999-01-01", "--out", "tiles"], 3),
    ] {
        let (code, _, err) = dihya(&folder, args);
        assert_eq!(code, Some(expected), "{args:?}: {err}");
        assert!(err.contains("error: "), "{args:?}: {err}");
    }
}

fn entries(folder: &Path) -> Vec<Entry> {
    let text = fs::read_to_string(folder.join("log/ledger/ledger.jsonl")).unwrap();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn with_policy(name: &str, rules: &str) -> (PathBuf, String) {
    let (folder, record) = log(name);
    let text = format!("[service]\nname = \"clinic\"\n[storage]\nroot = \"log\"\n{rules}");
    fs::write(folder.join("dihya.toml"), text).unwrap();
    (folder, record)
}

/// Every file of the ledger, with its bytes.
fn ledger(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let files = fs::read_dir(folder.join("log/ledger")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.is_file()).map(|path| (path.clone(), fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

#[test]
fn a_verification_under_a_policy_is_entered_in_the_ledger_and_one_without_is_not() {
    let (folder, _) = with_policy("recorded", "");
    let before = ledger(&folder);
    fs::rename(folder.join("dihya.toml"), folder.join("policy")).unwrap();
    let (code, _, err) = dihya(&folder, &["verify", "--root", "log"]);
    assert!(code == Some(0) && err.contains("recorded nowhere") && ledger(&folder) == before, "{err}");
    fs::rename(folder.join("policy"), folder.join("dihya.toml")).unwrap();

    let (code, out, err) = dihya(&folder, &["verify", "--operator", "ada", "--reason", "yearly"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    let found = entries(&folder);
    let [.., verified, end] = &found[..] else { panic!("{found:?}") };
    assert!(
        matches!(&verified.fact, Fact::Verified { what, whole: true, .. } if what == "root"),
        "{verified:?}"
    );
    assert!(verified.operator.as_deref().is_some_and(|who| who.starts_with("ada")), "{verified:?}");
    assert_eq!(verified.reason.as_deref(), Some("yearly"));
    assert!(matches!(&end.fact, Fact::Operation { operation, .. } if operation == "verify"), "{end:?}");

    let (file, id) = audit(&folder);
    let mut bytes = fs::read(&file).unwrap();
    bytes[60] ^= 1;
    fs::write(&file, &bytes).unwrap();
    assert_eq!(dihya(&folder, &["verify", "--shard", &id]).0, Some(1));
    let found = entries(&folder);
    let verified = &found[found.len() - 2].fact;
    assert!(
        matches!(verified, Fact::Verified { what, whole: false, shards: 1, broken } if *what == id && *broken == ["audit"]),
        "{verified:?}"
    );
}

#[test]
fn a_ledger_that_was_changed_is_told_and_not_written_to() {
    let (folder, _) = with_policy("evidence", "");
    let path = folder.join("log/ledger/ledger.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    fs::write(&path, lines[..lines.len() - 2].concat()).unwrap();
    let before = ledger(&folder);
    let (code, out, err) = dihya(&folder, &["verify"]);
    assert!(code == Some(1) && out.contains("NOT WHOLE"), "{out}{err}");
    assert!(err.contains("nothing is entered in the ledger"), "{err}");
    assert!(ledger(&folder) == before, "the ledger was written to");
}

#[test]
fn who_has_no_role_is_refused_and_the_refusal_stands_in_the_ledger() {
    let (folder, record) = with_policy("roles", "[roles]\nadmin = [\"user:nobody-of-this-name\"]\n");
    for (args, operation) in [
        (&["verify"][..], "verify"),
        (&["prove", "--record", &record, "--out", "proof"], "prove"),
        (&["tiles", "--out", "tiles"], "export"),
    ] {
        let (code, out, err) = dihya(&folder, args);
        assert!(code == Some(1) && err.contains("needs one of"), "{operation}: {out}{err}");
        assert_eq!(entries(&folder).pop().unwrap().fact, Fact::Denied { operation: operation.into() });
    }
    assert!(!folder.join("proof").exists() && !folder.join("tiles").exists());
}

#[test]
fn what_leaves_the_log_as_a_proof_or_as_tiles_is_in_the_ledger() {
    let (folder, record) = with_policy("leaving", "");
    let (code, out, err) = dihya(&folder, &["prove", "--record", &record, "--out", "-"]);
    assert!(code == Some(0) && out.starts_with("c2sp.org/tlog-proof@v1\n"), "{err}");
    let found = entries(&folder);
    let fact = &found[found.len() - 2].fact;
    assert!(matches!(fact, Fact::Read { channel, query } if channel == "audit" && query.contains(&record)));
    let (code, out, err) = dihya(&folder, &["tiles", "--out", "tiles"]);
    assert_eq!(code, Some(0), "{out}{err}");
    let found = entries(&folder);
    let fact = &found[found.len() - 2].fact;
    assert!(matches!(fact, Fact::Exported { query, .. } if query == "tiles of every shard"), "{fact:?}");
    let (code, out, err) = dihya(&folder, &["verify"]);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
}

/// Two instances under one root, each with a day that was archived to a folder which the policy names.
#[test]
fn archives_in_a_folder_of_the_policy_are_found_for_each_instance() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("verify-instances");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let cold = folder.join("cold");
    let text = format!(
        "[service]\nname = \"clinic\"\n[storage]\nroot = \"log\"\n[archive]\nstores = [{:?}]\n",
        cold.display().to_string()
    );
    fs::write(folder.join("dihya.toml"), text).unwrap();
    let days = [1_795_000_000_000_000, 1_795_086_400_000_000];
    for instance in ["i1", "i2"] {
        for day in days {
            let policy = Policy::sector(Sector::Generic).root(folder.join("log")).service("clinic", "1");
            let options = Options::new(policy.instance(instance)).clock(Clock::manual(day));
            let (_layer, guard) = options.open().unwrap();
            for n in 0..4 {
                let record = Record::new(Channel::API, "e").number("n", n);
                guard.handle().record(record).unwrap();
            }
            assert!(guard.shutdown(Duration::from_secs(20)).is_complete());
        }
    }
    let shard = "api/2026-11-18";
    let live = |instance: &str| folder.join(format!("log/{instance}/{shard}.jsonl"));
    assert!(live("i1").exists() && live("i2").exists());
    let (code, out, err) = dihya(&folder, &["archive", "--shard", shard]);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!live("i1").exists() && !live("i2").exists());
    for instance in ["i1", "i2"] {
        assert!(cold.join(instance).join("api/2026/11/2026-11-18.jsonl.zst").exists(), "{instance}");
    }

    let (code, report) = json(&folder, &["verify", "--json"]);
    assert_eq!(code, Some(0), "{:#}", report["findings"]);
    let shards = report["shards"].as_array().unwrap();
    let archived: Vec<_> = shards.iter().filter(|shard| shard["state"] == "archived").collect();
    assert_eq!(archived.len(), 2, "{archived:#?}");
    assert!(archived.iter().all(|shard| shard["records"] == 4), "{archived:#?}");
    let (_, status) = json(&folder, &["status", "--json"]);
    for log in status["logs"].as_array().unwrap() {
        let api = log["channels"].as_array().unwrap().iter().find(|c| c["name"] == "api").unwrap();
        assert_eq!(api["archived"], 1, "{log:#}");
    }
    let (code, out, err) = dihya(&folder, &["query", "--channel", "api", "--json"]);
    assert_eq!((code, out.lines().count()), (Some(0), 16), "{out}{err}");

    // What is wrong with one is told of that one.
    let file = cold.join("i2/api/2026/11/2026-11-18.jsonl.zst");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    assert_eq!(dihya(&folder, &["verify"]).0, Some(1));
    for (instance, expected) in [("i1", true), ("i2", false)] {
        let text = fs::read_to_string(folder.join("log").join(instance).join("ledger/ledger.jsonl")).unwrap();
        let facts = text.lines().filter_map(|line| serde_json::from_str::<Entry>(line).ok());
        let mut verified = facts.filter_map(|entry| match entry.fact {
            Fact::Verified { whole, .. } => Some(whole),
            _ => None,
        });
        assert_eq!(verified.next_back(), Some(expected), "{instance}");
    }
}

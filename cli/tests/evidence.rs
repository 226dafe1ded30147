//! `dihya evidence`, as its user meets it.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use dihya::Policy;
use dihya_compliance::rules::RULES;
use dihya_compliance::suite::{Site, Suite, run};

const POLICY: &str = "sector = \"health\"\n\n[service]\nname = \"clinic\"\n\n[storage]\nroot = \"logs\"\n";

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("dihya-cli-evidence-{}-{name}", std::process::id()));
    fs::create_dir_all(&path).unwrap();
    path
}

fn dihya(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_dihya")).args(arguments).current_dir(folder).output().unwrap()
}

fn suite() -> Suite {
    Suite::new(|| Policy::parse(POLICY, "dihya.toml")).evidence(folder("results"))
}

#[test]
fn results_become_a_report_and_missing_ones_an_exit_code() {
    let site =
        Site::new([Some("clinic"), Some("1.0.0"), Some("it"), None, Some("/t")], "tests/it.rs", "it::s");
    run(suite, site, "long_retention_is_justified").unwrap();
    let results = folder("results");
    let out = dihya(&results, &["evidence", ".", "--out", "report"]);
    let told = String::from_utf8_lossy(&out.stdout);
    assert_eq!(out.status.code(), Some(1), "one result of many is no pass");
    assert!(
        told.starts_with(&format!(
            "incomplete: 1 passed, 0 failed, 0 not claimed, {} not run",
            RULES.len() - 1
        ))
    );
    assert!(told.contains("class.14 not run: There is no result."));
    let html = fs::read_to_string(results.join("report/evidence.html")).unwrap();
    assert!(results.join("report/junit.xml").is_file() && html.contains("Incomplete"));

    // The hash that the page shows is that of what the command line prints.
    fs::write(results.join("dihya.toml"), POLICY).unwrap();
    let shown = dihya(&results, &["policy", "show", "dihya.toml", "--toml"]).stdout;
    fs::write(results.join("shown"), shown).unwrap();
    let sum = Command::new("sha256sum").arg(results.join("shown")).output().unwrap().stdout;
    let sum = String::from_utf8_lossy(&sum);
    assert!(sum.len() > 64 && html.contains(&sum[..64]), "the page shows another hash");

    // With a result for every rule it is a pass.
    let one = results.join("clinic.test.it.s");
    let text = fs::read_to_string(one.join("retention.reason.json")).unwrap();
    for rule in RULES {
        fs::write(one.join(format!("{}.json", rule.id)), text.replace("retention.reason", rule.id)).unwrap();
    }
    let out = dihya(&results, &["evidence", ".", "--out", "report"]);
    assert_eq!(out.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&out.stdout).starts_with("passed: "));
    fs::remove_dir_all(results).unwrap();
}

#[test]
fn without_results_it_says_what_to_do() {
    let empty = folder("empty");
    let out = dihya(&empty, &["evidence", ".", "--out", "report"]);
    assert_eq!(out.status.code(), Some(1));
    let told = String::from_utf8_lossy(&out.stderr);
    assert!(told.contains("there is no result in .") && told.contains("cargo test"), "{told}");
    assert!(!empty.join("report").exists());
    fs::remove_dir_all(empty).unwrap();
}

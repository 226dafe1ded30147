//! The suite, as services use it: it holds for policies of several kinds, and its failures say what they must.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use dihya::{Policy, PolicyError, Sector};
use dihya_compliance::rules::RULES;
use dihya_compliance::suite::{Failure, Site, Suite, run};
use dihya_compliance::{CLASSES, Canary, Search, Seed, child};

/// With as much in it as a policy can say.
fn careful() -> Result<Policy, PolicyError> {
    let text = "\
        sector = \"health\"\nlevel = \"warn\"\n[service]\nname = \"clinic\"\ninstance = \"a\"\n[storage]\nroot = \"/var/log/clinic\"\n\
        fallback_roots = [\"/var/log/clinic-2\"]\n[redact]\nmask_keys = [\"dossier\"]\ndrop_keys = [\"blob\"]\n\
        keep_keys = [\"phone\"]\noff = [\"email\"]\n[channels.audit]\nstrict = true\nfields = [\"data_category\"]\n\
        [channels.billing]\non_full = \"block\"\n[console]\nformat = \"json\"\n";
    Policy::parse(text, "clinic.toml")
}

fn mail(seed: &mut Seed) -> String {
    format!("{}@example.org", seed.text(b"abcdefghijklmnopqrstuvwxyz", 14))
}

dihya_compliance::suite!(
    mod generic = || Policy::sector(Sector::Generic),
    cases(1),
    keys(["access_token"]),
    sample("address", mail),
);
dihya_compliance::suite!(mod full = careful, cases(1));

#[test]
fn every_rule_has_its_test_and_every_test_its_rule() {
    let rules: BTreeSet<&str> = RULES.iter().map(|rule| rule.test).collect();
    let tests: BTreeSet<&str> = generic::TESTS.iter().copied().collect();
    assert_eq!(rules, tests);
    assert_eq!(rules.first(), Some(&"a_valid_policy_is_given"), "it must be the first to run");
}

/// Runs one rule of a suite, with its results in a folder of this test.
fn rule(name: &'static str, suite: fn() -> Suite, test: &str) -> Result<(), Failure> {
    let site = Site::new(
        [Some("clinic"), Some("1.0.0"), Some("compliance"), None, Some("/t")],
        "tests/compliance.rs",
        "compliance::dihya_suite",
    );
    let answer = run(suite, site, test);
    // Elsewhere, if DIHYA_EVIDENCE says so.
    let _ = std::fs::remove_dir_all(folder(name));
    answer
}

fn folder(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("dihya-suite-test-{}-{name}", std::process::id()))
}

fn badge(seed: &mut Seed) -> String {
    format!("cb-{}", seed.text(b"bcdfghjkmnpqrstvwxz", 14))
}

#[test]
fn a_leak_is_told_by_the_shape_of_the_smallest_event_and_never_shown() {
    let suite = || Suite::new(careful).cases(2).sample("clinic badge", badge).evidence(folder("leak"));
    let failure = rule("leak", suite, "samples_of_the_service_are_hidden").unwrap_err();
    let told = format!("{failure} {failure:?}");
    for part in [
        "redact.samples",
        "clinic badge, plain",
        "in file /logs/a/app/2026-03-01.jsonl, mirror",
        "error!(note = <canary:clinic badge 17 bytes>)",
        "DIHYA_SEED=1 DIHYA_CASES=1 cargo test -p clinic --test compliance -- --exact dihya_suite::samples_of",
    ] {
        assert!(told.contains(part), "no `{part}` in the failure");
    }
    // A badge that was planted, where no detector knows it.
    let secret = badge(&mut Seed::new(1));
    assert!(!told.contains(&secret) && !told.contains(&secret[4..16]));
}

#[test]
fn what_a_key_of_the_service_leaks_is_told() {
    let suite = || Suite::new(careful).cases(1).keys(["badge_number"]).evidence(folder("key"));
    let failure = rule("key", suite, "keys_of_the_service_are_hidden").unwrap_err();
    assert!(failure.to_string().contains("what the field `badge_number` holds came out"));
    let canary = Canary::plain(&mut Seed::new(1));
    assert!(Search::new([&canary]).leaks([("text", failure.to_string().as_bytes())]).is_empty());
    let masked = || Suite::new(careful).cases(1).evidence(folder("masked"));
    rule("masked", masked, "keys_of_the_service_are_hidden").unwrap();
}

#[test]
fn a_policy_that_leaves_its_sectors_limits_fails_one_rule() {
    fn short() -> Result<Policy, PolicyError> {
        let text = "sector = \"health\"\n[storage]\nroot = \"/l\"\n[channels.audit]\nretention = { floor = \"P1M\", \
                    default = \"P1M\", ceiling = \"P1M\", source = \"none\" }\n";
        Policy::parse(text, "p.toml")
    }
    let suite = || Suite::new(short).evidence(folder("short"));
    let failure = rule("short", suite, "sector_limits_are_kept").unwrap_err().to_string();
    assert!(failure.contains("audit may be purged after P1M, before P3Y"), "{failure}");
    let skipped = || {
        let reason = "audit is kept elsewhere: our register, line 12";
        Suite::new(short).skip("sector_limits_are_kept", reason).evidence(folder("skipped"))
    };
    rule("skipped", skipped, "sector_limits_are_kept").unwrap();
}

#[test]
fn a_channel_that_records_nothing_cannot_be_claimed_clean() {
    fn mute() -> Result<Policy, PolicyError> {
        Policy::parse("[storage]\nroot = \"/l\"\n[channels.app]\nlevel = \"off\"\n", "p.toml")
    }
    let suite = || Suite::new(mute).evidence(folder("mute"));
    let failure = rule("mute", suite, "a_valid_policy_is_given").unwrap_err().to_string();
    assert!(failure.contains("could not tell silence from secrecy"));
    let suite = || Suite::new(mute).evidence(folder("mute-2"));
    assert!(rule("mute-2", suite, "class_03_the_message_leaks_nothing").is_err());
}

#[test]
fn a_suite_that_skips_what_does_not_exist_fails() {
    let unknown = || Suite::new(careful).skip("class_99_leaks_nothing", "a reason of some length");
    let curt = || Suite::new(careful).skip("class_03_the_message_leaks_nothing", "no");
    for suite in [unknown as fn() -> Suite, curt] {
        let site = Site::new([None; 5], "", "");
        let failure = run(suite, site, "class_03_the_message_leaks_nothing").unwrap_err();
        assert!(failure.to_string().starts_with("skip: "), "{failure}");
    }
}

#[test]
fn without_a_policy_the_test_for_it_fails_whatever_else_runs() {
    fn none() -> Result<Policy, String> {
        Err("there is no file".to_owned())
    }
    fn panics() -> Policy {
        panic!("there is no file")
    }
    let told = |failure: Failure| assert!(failure.to_string().contains("there is no file"));
    told(rule("none", || Suite::new(none).evidence(folder("none")), "a_valid_policy_is_given").unwrap_err());
    told(
        rule("panics", || Suite::new(panics).evidence(folder("panics")), "a_valid_policy_is_given")
            .unwrap_err(),
    );
}

#[test]
fn every_class_is_a_rule() {
    for class in &CLASSES {
        let start = format!("class_{:02}_", class.number);
        assert_eq!(RULES.iter().filter(|rule| rule.test.starts_with(&start)).count(), 1);
    }
}

#[test]
fn a_child_of_a_rule_leaves_no_evidence_of_its_own() {
    // The console's rule runs itself as a child: what that finds is the parent's to tell.
    assert!(child::told().is_none());
    let folder = folder("child");
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "full::the_console_shows_nothing"])
        .env("DIHYA_EVIDENCE", &folder)
        .output()
        .unwrap();
    assert!(output.status.success());
    let suites: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(suites.len(), 1);
    let results = std::fs::read_dir(&suites[0]).unwrap().count();
    assert_eq!(results, 1);
    std::fs::remove_dir_all(folder).unwrap();
}

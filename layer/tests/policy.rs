//! The policy, through the public API: what is right is in force, what is wrong is told with its place.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

use std::path::{Path, PathBuf};

use dihya::{Channel, Origin, Policy, PolicyError, Sector};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policies").join(name)
}

fn files(name: &str) -> Vec<(String, String)> {
    let mut files: Vec<_> = std::fs::read_dir(folder(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| {
            (path.file_stem().unwrap().to_str().unwrap().to_owned(), std::fs::read_to_string(path).unwrap())
        })
        // Without the feature, patterns are refused for another reason, see below.
        .filter(|(name, _)| cfg!(feature = "regex") || !name.starts_with("regex"))
        .filter(|(name, _)| cfg!(feature = "alerts") || !name.starts_with("alerts"))
        .collect();
    files.sort();
    files
}

fn setting(policy: &Policy, key: &str) -> (Option<String>, Origin) {
    let setting = policy.settings().into_iter().find(|s| s.key() == key);
    let setting = setting.unwrap_or_else(|| panic!("no setting {key}"));
    (setting.value(), setting.origin().clone())
}

fn problems(text: &str) -> Vec<String> {
    match Policy::parse(text, "dihya.toml") {
        Ok(_) => Vec::new(),
        Err(error) => error.problems().iter().map(|p| format!("{}: {}", p.key(), p.expected())).collect(),
    }
}

#[test]
fn each_wrong_file_is_refused_with_every_problem_and_its_place() {
    let wrong = files("wrong");
    assert!(wrong.len() > 20);
    for (name, text) in wrong {
        let error = Policy::parse(&text, "dihya.toml").expect_err(&name);
        assert!(error.problems().iter().all(|p| p.line().is_some() && p.column().is_some()), "{name}");
        insta::assert_snapshot!(name, error.report());
    }
}

#[test]
fn right_files_are_taken_and_shown_with_where_each_value_comes_from() {
    let right = files("right");
    let with = usize::from(cfg!(feature = "regex")) + usize::from(cfg!(feature = "alerts"));
    assert_eq!(right.len(), 5 + with);
    for (name, text) in right {
        let policy = Policy::parse(&text, "dihya.toml").unwrap_or_else(|e| panic!("{name}\n{}", e.report()));
        insta::assert_snapshot!(format!("shown-{name}"), policy.to_toml(true));
        assert_eq!(Policy::parse(&policy.to_toml(true), "again").unwrap(), policy, "{name} reads back");
    }
}

#[cfg(not(feature = "regex"))]
#[test]
fn a_pattern_without_the_feature_says_how_to_get_it() {
    let file = std::fs::read_to_string(folder("right").join("regex.toml")).unwrap();
    let error = Policy::parse(&file, "dihya.toml").unwrap_err();
    assert_eq!(error.problems().len(), 2);
    assert!(error.problems().iter().all(|p| p.hint().is_some_and(|hint| hint.contains("feature `regex`"))));
}

#[test]
fn a_secret_in_the_text_is_refused_and_not_repeated() {
    let file = std::fs::read_to_string(folder("wrong").join("alerts-with-secrets-in-the-text.toml")).unwrap();
    assert!(file.contains("made-up"));
    let error = Policy::parse(&file, "dihya.toml").unwrap_err();
    assert!(error.problems().len() >= 5);
    for text in [error.to_string(), error.report(), format!("{error:?}")] {
        assert!(!text.contains("made-up"), "a secret is shown");
        assert!(!text.contains("hooks.slack.example"), "an address that is a secret is shown");
    }
}

#[cfg(not(feature = "alerts"))]
#[test]
fn a_receiver_without_the_feature_says_how_to_get_it() {
    let file = std::fs::read_to_string(folder("right").join("alerts.toml")).unwrap();
    let error = Policy::parse(&file, "dihya.toml").unwrap_err();
    assert_eq!(error.problems().len(), 5);
    assert!(error.problems().iter().all(|p| p.hint().is_some_and(|hint| hint.contains("feature `alerts`"))));
}

#[test]
fn an_error_is_one_line_for_a_log() {
    let error = Policy::parse("[storage]\nroot = \"logs\"\nrot = 1\n", "dihya.toml").unwrap_err();
    assert_eq!(
        error.to_string(),
        "dihya.toml:3:1: storage.rot: expected one of the keys root, fallback_roots, min_free, found the unknown key \"rot\"; \
         did you mean `root`?"
    );
}

#[test]
fn a_missing_file_says_how_to_get_one() {
    let error = Policy::load(folder("absent.toml")).unwrap_err();
    assert!(matches!(error, PolicyError::Read { .. }));
    assert!(
        error.to_string().contains("absent.toml") && error.to_string().contains("dihya policy init"),
        "{error}"
    );
}

#[test]
fn a_file_that_is_not_utf8_is_refused_at_its_first_wrong_byte() {
    let path = std::env::temp_dir().join(format!("dihya-not-utf8-{}.toml", std::process::id()));
    std::fs::write(&path, b"# caf\xe9\n[storage]\n").unwrap();
    let error = Policy::load(&path).unwrap_err();
    std::fs::remove_file(&path).unwrap();
    let problem = &error.problems()[0];
    assert_eq!((problem.line(), problem.column()), (Some(1), Some(6)));
    assert_eq!((problem.expected(), problem.found()), ("text in UTF-8", "the byte 0xE9"));
}

#[test]
fn a_byte_order_mark_is_no_error() {
    assert_eq!(problems("\u{feff}[storage]\nroot = \"logs\"\n"), [""; 0]);
}

#[test]
fn a_sector_and_a_root_are_a_complete_policy() {
    for sector in Sector::ALL {
        let policy = Policy::sector(sector).root("logs");
        policy.check().unwrap();
        for name in Channel::BUILT_IN {
            assert_eq!(policy.channel(name), Channel::built_in(name));
        }
    }
    assert_eq!(Policy::sector(Sector::Generic).channel("billing"), None);
}

#[test]
fn a_policy_built_in_code_is_held_to_the_same_rules() {
    let error = Policy::sector(Sector::Generic).check().unwrap_err();
    assert_eq!(error.problems()[0].key(), "storage.root");
    assert_eq!(error.problems()[0].line(), None);
    for wrong in [
        Policy::sector(Sector::Generic).root("logs").service("a b", "1"),
        Policy::sector(Sector::Generic).root("logs").service("a", ""),
        Policy::sector(Sector::Generic).root("logs").instance("a/b"),
        Policy::sector(Sector::Generic).root("logs").instance("audit"),
        Policy::sector(Sector::Generic).root("logs").instance("audit.log"),
        Policy::sector(Sector::Generic).root("../logs"),
    ] {
        assert_eq!(wrong.check().unwrap_err().problems().len(), 1);
    }
}

#[test]
fn a_root_set_in_code_replaces_the_one_of_the_file_and_leaves_the_fallbacks() {
    let policy = Policy::parse("[storage]\nroot = \"logs\"\nfallback_roots = [\"spare\"]\n", "f")
        .unwrap()
        .root("other");
    assert_eq!(setting(&policy, "storage.root"), (Some("\"other\"".to_owned()), Origin::Code));
    assert_eq!(setting(&policy, "storage.fallback_roots").0.unwrap(), "[\"spare\"]");
}

#[test]
fn thirty_two_channels_are_the_most() {
    let file = |own: usize| {
        let own: String = (0..own).map(|i| format!("[channels.own-{i}x]\n")).collect();
        format!("[storage]\nroot = \"logs\"\n{own}")
    };
    assert_eq!(problems(&file(26)), [""; 0]);
    assert_eq!(problems(&file(28)).len(), 2);
    assert!(problems(&file(27))[0].contains("at most 32 channels"));
}

#[test]
fn channels_of_ones_own_are_numbered_in_the_order_of_the_file() {
    let policy =
        Policy::parse("[channels.zebra]\n[channels.mule]\n[storage]\nroot = \"logs\"\n", "f").unwrap();
    assert!(policy.channel("zebra") < policy.channel("mule"));
    assert!(policy.channel("zebra") > Some(Channel::GENERATION));
}

#[test]
fn the_default_level_leaves_evidence_at_info() {
    let policy = Policy::parse("level = \"error\"\n[storage]\nroot = \"logs\"\n", "f").unwrap();
    let level = |channel: &str| setting(&policy, &format!("channels.{channel}.level"));
    assert_eq!(level("app"), (Some("\"error\"".to_owned()), Origin::File { line: 1 }));
    assert_eq!(level("audit"), (Some("\"info\"".to_owned()), Origin::BuiltIn));
    let policy = Policy::parse("level = \"trace\"\n[storage]\nroot = \"logs\"\n", "f").unwrap();
    assert_eq!(setting(&policy, "channels.security.level").0.unwrap(), "\"trace\"");
}

#[test]
fn a_value_says_whether_a_file_a_sector_or_nobody_set_it() {
    let policy = Policy::load(folder("right/health.toml")).unwrap();
    assert_eq!(
        setting(&policy, "channels.audit.queue"),
        (Some("\"8 MiB\"".to_owned()), Origin::File { line: 17 })
    );
    assert_eq!(
        setting(&policy, "channels.audit.retention.default"),
        (Some("\"P3Y\"".to_owned()), Origin::Sector)
    );
    assert_eq!(setting(&policy, "channels.api.queue"), (Some("\"4 MiB\"".to_owned()), Origin::BuiltIn));
    let audit =
        policy.settings().into_iter().find(|s| s.key() == "channels.audit.retention.default").unwrap();
    assert!(audit.why().starts_with("health, ") && audit.why().contains("[S]"), "{}", audit.why());
    assert!(policy.settings().iter().all(|s| s.why() != "the default"), "a default without its reason");
}

#[test]
fn a_justification_that_is_only_the_profiles_is_remarked_on() {
    let advice = Policy::sector(Sector::Health).root("logs").advice();
    assert!(advice.len() == 2 && advice[0].contains("written justification"), "{advice:?}");
    let text = |state| format!("[storage]\nroot = \"/logs\"\n[integrity]\nstate = \"{state}\"\n");
    let advice = |state| Policy::parse(&text(state), "p.toml").unwrap().advice();
    assert_eq!(advice("/state"), [""; 0]);
    assert!(advice("/logs/state")[0].starts_with("integrity.state: "));
}

//! What lies in `deploy/`, held against the code, the documentation, and the programs that will read it.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::Folder;
use common::tools::tool;
use dihya::{Handle, Policy, Sector};
use prometheus::core::Collector;

/// The tests of the rules.
const TESTS: [&str; 2] = ["deploy/prometheus/rules_test.yml", "deploy/prometheus/rules_days_test.yml"];

/// The alerts that are promised.
const ALERTS: [&str; 12] = [
    "DihyaAlertDeliveryFailing",
    "DihyaChannelSilent",
    "DihyaDiskFilling",
    "DihyaDown",
    "DihyaEventsDropped",
    "DihyaHoldReviewOverdue",
    "DihyaIntegrityBroken",
    "DihyaPurgeStale",
    "DihyaQueueNearlyFull",
    "DihyaRetentionOverdue",
    "DihyaStorageFailing",
    "DihyaVerificationStale",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Runs a program in the root; what it printed, and whether it was content.
fn run(program: &Path, args: &[&str]) -> (bool, String) {
    let output = Command::new(program).args(args).current_dir(root()).output().expect("it starts");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    (output.status.success(), said)
}

/// One alerting rule, as far as these tests look at it.
struct Rule {
    alert: String,
    expr: String,
    severity: String,
    runbook: String,
}

fn rules() -> Vec<Rule> {
    let text = text("deploy/prometheus/rules.yml");
    let field = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.trim().strip_prefix(key)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {key} in:\n{block}")).trim().to_owned()
    };
    let rule = |block: &str| {
        let expr = block.split("expr:").nth(1).expect("a rule has an expression");
        Rule {
            alert: block.lines().next().expect("a rule has a name").trim().to_owned(),
            expr: expr.split("labels:").next().unwrap_or_default().to_owned(),
            severity: field(block, "severity"),
            runbook: field(block, "runbook_url"),
        }
    };
    text.split("- alert: ").skip(1).map(rule).collect()
}

/// The expression of each recorded series.
fn recorded() -> BTreeMap<String, String> {
    let text = text("deploy/prometheus/rules.yml");
    let pair = |block: &str| {
        let mut lines = block.lines();
        let name = lines.next().expect("a recording has a name").trim().to_owned();
        let expr = lines.next().and_then(|line| line.trim().strip_prefix("expr: ")).expect("on one line");
        (name, expr.to_owned())
    };
    text.split("- record: ").skip(1).map(pair).collect()
}

/// Names of series in an expression, recorded ones replaced by what they are made of.
fn metrics(expr: &str) -> BTreeSet<String> {
    let recorded = recorded();
    let mut found = BTreeSet::new();
    for word in expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':')) {
        if let Some(expr) = recorded.get(word) {
            found.extend(metrics(expr));
        } else if word.contains(':') && word.contains("dihya_") {
            found.insert(word.to_owned());
        } else if word.starts_with("dihya_") {
            found.insert(word.strip_suffix("_bucket").unwrap_or(word).to_owned());
        }
    }
    found
}

/// A layer that is open, for its metrics.
fn with_layer<R>(name: &str, look: impl FnOnce(&Handle) -> R) -> R {
    let folder = Folder::new(name);
    let policy = Policy::sector(Sector::Generic).root(folder.path("log"));
    let (_layer, guard) = dihya::open(policy).expect("a new folder");
    look(&guard.handle())
}

/// Name, type and labels of each metric of the code.
fn of_the_code() -> BTreeMap<String, (String, BTreeSet<String>)> {
    with_layer("metrics-of-the-code", |handle| {
        let text = handle.metrics();
        let kind = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} ")));
            line.unwrap_or("of no series").to_owned()
        };
        let descriptions = handle.desc();
        let row = |desc: &&prometheus::core::Desc| {
            let labels = desc.variable_labels.iter().cloned().collect();
            (desc.fq_name.clone(), (kind(&desc.fq_name), labels))
        };
        descriptions.iter().map(row).collect()
    })
}

#[test]
fn promtool_finds_the_rules_sound_and_their_tests_pass() {
    let Some(promtool) = tool("promtool") else { return };
    for args in [
        ["check", "rules", "deploy/prometheus/rules.yml"],
        ["check", "config", "deploy/prometheus/dihya.yml"],
        ["test", "rules", TESTS[0]],
        ["test", "rules", TESTS[1]],
    ] {
        let (well, said) = run(&promtool, &args);
        assert!(well && said.contains("SUCCESS") && !said.contains("FAILED"), "{args:?}: {said}");
    }
    // It is not content with anything.
    let broken = Folder::new("broken-rules");
    fs::create_dir_all(broken.path("")).expect("the test's folder");
    let rules = text("deploy/prometheus/rules.yml").replace("> 93600", "> 0");
    fs::write(broken.path("rules.yml"), rules).expect("the test's folder");
    fs::write(broken.path("test.yml"), text(TESTS[1])).expect("the test's folder");
    let (well, said) = run(&promtool, &["test", "rules", &broken.path("test.yml").to_string_lossy()]);
    assert!(!well && said.contains("DihyaVerificationStale"), "{said}");
}

#[test]
fn every_alert_that_is_promised_has_a_rule_and_a_severity() {
    let rules = rules();
    let names: BTreeSet<&str> = rules.iter().map(|rule| rule.alert.as_str()).collect();
    assert_eq!(names, BTreeSet::from(ALERTS));
    for rule in &rules {
        assert!(
            ["critical", "warning"].contains(&rule.severity.as_str()),
            "{}: {}",
            rule.alert,
            rule.severity
        );
    }
}

#[test]
fn every_alert_is_tested_to_fire_and_not_to() {
    let tests = TESTS.map(text).concat();
    let cases: Vec<&str> = tests.split("alertname: ").skip(1).collect();
    for rule in rules() {
        let of: Vec<&&str> = cases.iter().filter(|case| case.lines().next() == Some(&rule.alert)).collect();
        let silent =
            of.iter().any(|case| case.lines().nth(1).is_some_and(|line| line.ends_with("exp_alerts: []")));
        let severity = format!("severity: {}", rule.severity);
        assert!(of.iter().any(|case| case.contains(&severity)), "{} ({severity}) never fires", rule.alert);
        assert!(silent, "{} is never seen silent", rule.alert);
    }
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_its_alert() {
    let page = text("docs/operations.md");
    let section = page.split("\n## Alerts\n").nth(1).expect("a section for alerts");
    let section = section.split("\n## ").next().unwrap_or_default();
    let mut books: BTreeMap<&str, &str> = BTreeMap::new();
    for book in section.split("\n### ").skip(1) {
        let (title, body) = book.split_once('\n').expect("a title and what it says");
        books.insert(title, body);
    }
    assert_eq!(books.keys().copied().collect::<BTreeSet<_>>(), BTreeSet::from(ALERTS));
    for (alert, body) in &books {
        for part in ["*Means*: ", "*Look*: ", "*Do*: "] {
            assert!(body.contains(part), "{alert} lacks {part}");
        }
    }
    for rule in rules() {
        assert_eq!(rule.runbook, format!("docs/operations.md#{}", rule.alert.to_lowercase()));
    }
}

#[test]
fn the_table_of_metrics_is_that_of_the_code_and_of_the_rules() {
    let code = of_the_code();
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for rule in rules() {
        for metric in metrics(&rule.expr) {
            used.entry(metric).or_default().insert(rule.alert.clone());
        }
    }
    let page = text("docs/metrics.md");
    let mut told = BTreeSet::new();
    for line in page.lines().filter(|line| line.starts_with("| `dihya_")) {
        let cells: Vec<&str> = line.split(" |").map(|cell| cell.trim_start_matches('|').trim()).collect();
        let name = cells[0].trim_matches('`');
        let (kind, labels) = code.get(name).unwrap_or_else(|| panic!("the code has no {name}"));
        // One that has no series before a receiver or hook is declared tells no type.
        assert!(cells[1] == kind || kind == "of no series", "{name}: {} is not {kind}", cells[1]);
        let of_page: BTreeSet<String> = cells[2]
            .split(',')
            .map(|label| label.trim().trim_matches('`').to_owned())
            .filter(|l| !l.is_empty())
            .collect();
        assert_eq!(of_page, *labels, "labels of {name}");
        assert!(cells[3].len() > 10, "{name} says nothing");
        let alerts: BTreeSet<String> = cells[4]
            .split(',')
            .map(|alert| alert.trim().to_owned())
            .filter(|alert| !alert.is_empty())
            .collect();
        assert_eq!(alerts, used.get(name).cloned().unwrap_or_default(), "alerts of {name}");
        assert!(told.insert(name.to_owned()), "{name} stands there twice");
    }
    let code: BTreeSet<String> = code.into_keys().collect();
    assert_eq!(told, code, "docs/metrics.md has a row for each metric of the code");
}

#[test]
fn rules_and_dashboard_ask_for_metrics_that_exist() {
    let code = of_the_code();
    let dashboard = text("deploy/grafana/dihya.json");
    let asked: BTreeSet<String> =
        rules().iter().flat_map(|rule| metrics(&rule.expr)).chain(metrics(&dashboard)).collect();
    assert!(asked.len() > 20, "too few to be all: {asked:?}");
    for metric in asked {
        assert!(code.contains_key(&metric), "nothing makes {metric}");
    }
}

#[test]
fn amtool_leads_each_alert_to_somebody() {
    let Some(amtool) = tool("amtool") else { return };
    let file = "deploy/alertmanager/alertmanager.yml";
    let (well, said) = run(&amtool, &["check-config", file]);
    assert!(well && said.contains("SUCCESS"), "{said}");
    let config = format!("--config.file={file}");
    for rule in rules() {
        let (alert, severity) = (format!("alertname={}", rule.alert), format!("severity={}", rule.severity));
        let (well, said) = run(&amtool, &["config", "routes", "test", &config, &alert, &severity, "job=x"]);
        assert!(well, "{said}");
        let pages = said.contains("on-call");
        assert_eq!(pages, rule.severity == "critical", "{alert} {severity} goes to {said}");
        let deadline = ["DihyaRetentionOverdue", "DihyaHoldReviewOverdue"].contains(&rule.alert.as_str());
        assert_eq!(said.contains("data-protection"), deadline, "{alert} goes to {said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_units_are_sound_and_hardened() {
    let Some(analyze) = tool("systemd-analyze") else { return };
    let folder = root().join("deploy/systemd");
    let mut services = 0;
    for entry in fs::read_dir(&folder).expect("deploy/systemd") {
        let path = entry.expect("a file").path().canonicalize().expect("a file");
        let unit = path.to_string_lossy().into_owned();
        let (_, said) = run(&analyze, &["verify", &unit]);
        // The programs are not installed where this runs.
        let said: Vec<&str> = said.lines().filter(|line| !line.contains("is not executable")).collect();
        assert!(said.is_empty(), "{unit}: {said:?}");
        if unit.ends_with(".service") {
            services += 1;
            // Tenths of ten: a service without any hardening has 96.
            let (well, said) = run(&analyze, &["security", "--offline=true", "--threshold=20", &unit]);
            assert!(well, "{unit}: {said}");
        } else {
            assert!(path.with_extension("service").is_file(), "{unit} starts nothing");
        }
    }
    assert_eq!(services, 3);
}

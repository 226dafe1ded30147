//! The report: what it says of results that are there, missing, stale and hostile, in all three forms.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;

use dihya::{Policy, Sector};
use dihya_compliance::evidence::{self, EvidenceError, Outcome, Report, Verdict};
use dihya_compliance::rules::RULES;
use dihya_compliance::suite::{Site, Suite, run};
use dihya_compliance::{Canary, Search, Seed};
use serde_json::{Value, json};

/// Results in a folder that goes with them.
struct Results(PathBuf);

impl Results {
    /// One real result, of a quick rule, copied for every other.
    fn all(name: &str) -> Results {
        let results = Results::none(name);
        let path = results.0.clone();
        fs::create_dir_all(&path).unwrap();
        // A suite is made by a function: what it is to know of this test goes by its thread.
        FOLDER.set(Some(path.clone()));
        run(quick, site(), "long_retention_is_justified").unwrap();
        let made = path.join("clinic.test.compliance.dihya_suite/retention.reason.json");
        let one: Value = serde_json::from_str(&fs::read_to_string(made).unwrap()).unwrap();
        for rule in RULES {
            let mut result = one.clone();
            result["rule"] = rule.id.into();
            result["test"] = format!("dihya_suite::{}", rule.test).into();
            result["checks"] = 1000.into();
            fs::write(path.join(format!("{}.json", rule.id)), result.to_string()).unwrap();
        }
        results
    }

    fn none(name: &str) -> Results {
        Results(std::env::temp_dir().join(format!("dihya-evidence-{}-{name}", std::process::id())))
    }

    fn change(&self, rule: &str, change: impl FnOnce(&mut Value)) {
        let path = self.0.join(format!("{rule}.json"));
        let mut value: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        change(&mut value);
        fs::write(path, value.to_string()).unwrap();
    }

    fn report(&self) -> Report {
        Report::read(&self.0).unwrap()
    }

    fn of(&self, rule: &str) -> Outcome {
        self.report().lines.into_iter().find(|line| line.rule.id == rule).unwrap().outcome
    }
}

impl Drop for Results {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

thread_local! {
    static FOLDER: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

fn quick() -> Suite {
    Suite::new(|| Policy::sector(Sector::Health).service("clinic", "1.4.2"))
        .evidence(FOLDER.with_borrow(|folder| folder.clone().unwrap()))
}

fn site() -> Site {
    Site::new(
        [Some("clinic"), Some("1.4.2"), Some("compliance"), None, Some("/t")],
        "tests/compliance.rs",
        "compliance::dihya_suite",
    )
}

#[test]
fn results_of_every_rule_make_a_report_that_passed() {
    let results = Results::all("passed");
    let report = results.report();
    assert_eq!(report.verdict(), Verdict::Passed);
    assert_eq!((report.package.as_str(), report.package_version.as_str()), ("clinic", "1.4.2"));
    assert!(report.rustc.starts_with("rustc 1."));
    // The hash that `dihya policy show --toml | sha256sum` gives.
    let policy = report.policy.clone().unwrap();
    assert_eq!(
        (policy.sha256.len(), policy.sector.as_str(), policy.service.as_str()),
        (64, "health", "clinic")
    );
    assert!(report.to_html().contains("1\u{202f}000") && report.to_json().contains("1000"));
    for text in [report.to_html(), report.to_json(), report.to_junit()] {
        for part in ["clinic", &policy.sha256, "class_14_percent_encoding_leaks_nothing"] {
            assert!(text.contains(part), "no {part}");
        }
        assert!(!text.contains(env!("CARGO_MANIFEST_DIR")), "a path of this machine is in the report");
    }
}

#[test]
fn a_rule_without_a_result_is_not_run_and_the_verdict_is_incomplete() {
    let results = Results::all("missing");
    assert_eq!(results.report().verdict(), Verdict::Passed);
    fs::remove_file(results.0.join("class.14.json")).unwrap();
    assert!(matches!(results.of("class.14"), Outcome::NotRun(_)));
    let report = results.report();
    assert_eq!((report.verdict(), report.counts().not_run), (Verdict::Incomplete, 1));
    assert!(report.to_html().contains("have no result") && report.to_junit().contains("errors=\"1\""));
}

#[test]
fn a_stale_result_is_no_result() {
    let results = Results::all("stale");
    let stale = |what: &str, change: fn(&mut Value)| {
        results.change("class.03", change);
        let outcome = results.of("class.03");
        assert!(matches!(&outcome, Outcome::NotRun(text) if text.contains(what)), "{what}: {outcome:?}");
        assert_eq!(results.report().verdict(), Verdict::Incomplete, "{what}");
        let line = results.report().lines.into_iter().find(|line| line.rule.id == "class.03").unwrap();
        assert_eq!((line.checks, line.seed), (0, None), "figures that do not count are shown");
    };
    stale("older than a day", |result| {
        result["at"] = (result["at"].as_i64().unwrap() - 86_400_000_001).into()
    });
    stale("about another policy", |result| result["policy"]["sha256"] = "0".repeat(64).into());
    stale("of another build", |result| result["build"] = "1-2".into());
    stale("of another build", |result| result["version"] = "0.0.9".into());
    stale("of another suite", |result| result["suite"] = "other.lib.dihya_suite".into());
}

#[test]
fn the_newest_build_is_the_one_that_counts() {
    let results = Results::all("newest");
    results.change("class.03", |result| {
        result["build"] = "1-2".into();
        result["at"] = (result["at"].as_i64().unwrap() + 1).into();
    });
    let counts = results.report().counts();
    assert_eq!((counts.passed, counts.not_run), (1, RULES.len() - 1));
}

#[test]
fn a_test_that_was_killed_is_not_a_pass() {
    let results = Results::all("killed");
    results.change("loss.crash", |result| result["outcome"] = "started".into());
    assert!(matches!(results.of("loss.crash"), Outcome::NotRun(text) if text.contains("did not end")));
}

#[test]
fn a_failure_decides_even_when_something_is_missing() {
    let results = Results::all("failed");
    fs::remove_file(results.0.join("class.14.json")).unwrap();
    results.change("class.03", |result| {
        result["outcome"] = "failed".into();
        result["text"] = "class 3 (the message): a secret came out\n  seed 7".into();
    });
    let report = results.report();
    assert_eq!(report.verdict(), Verdict::Failed);
    assert!(report.to_html().contains("class 3 (the message): a secret came out\n  seed 7"));
    assert!(report.to_junit().contains("failures=\"1\" errors=\"1\""));
}

#[test]
fn what_is_no_result_is_an_error_that_names_the_file() {
    let results = Results::all("wrong");
    let error = |text: &str| {
        fs::write(results.0.join("class.03.json"), text).unwrap();
        Report::read(&results.0).unwrap_err().to_string()
    };
    assert!(error("{").contains("class.03.json is not a result of this version: it is not JSON"));
    assert!(error("{\"format\":2}").contains("its format is not 1"));
    assert!(error("{\"format\":1,\"outcome\":\"passed\"}").contains("`"));
    let other = fs::read_to_string(results.0.join("class.04.json")).unwrap();
    assert!(error(&other.replace("class.04", "class.99")).contains("a rule that this version does not have"));
}

#[test]
fn no_results_and_results_of_two_suites_are_errors() {
    let nothing = Results::none("nothing");
    assert!(matches!(Report::read(&nothing.0), Err(EvidenceError::Read { .. })));
    fs::create_dir_all(&nothing.0).unwrap();
    assert!(matches!(Report::read(&nothing.0), Err(EvidenceError::Nothing { .. })));
    let results = Results::all("several");
    for suite in ["a", "b"] {
        let folder = nothing.0.join(suite);
        fs::create_dir_all(&folder).unwrap();
        fs::copy(results.0.join("class.03.json"), folder.join("class.03.json")).unwrap();
        let read = Report::read(&nothing.0);
        assert!(matches!((suite, read), ("a", Ok(_)) | ("b", Err(EvidenceError::Several { .. }))));
    }
}

#[test]
fn the_json_follows_its_schema() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/evidence.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let results = Results::all("schema");
    let check = |valid: bool, report: &Value| {
        let errors: Vec<String> = schema.iter_errors(report).map(|error| error.to_string()).collect();
        assert_eq!(errors.is_empty(), valid, "{errors:?}");
    };
    let written = || -> Value { serde_json::from_str(&results.report().to_json()).unwrap() };
    check(true, &written());
    results.change("class.03", |result| result["outcome"] = "started".into());
    results.change("class.04", |result| {
        result["outcome"] = "not claimed".into();
        result["text"] = "Skipped: for a reason".into();
    });
    check(true, &written());
    let mut wrong = written();
    wrong["verdict"] = "compliant".into();
    check(false, &wrong);
    let mut wrong = written();
    wrong["rules"][0]["text"] = json!("a pass with a text");
    check(false, &wrong);
}

#[test]
fn nothing_that_a_policy_or_a_test_is_called_opens_a_tag() {
    let results = Results::all("hostile");
    let hostile = "<script>alert('x')</script>\"><img src=x onerror=y> & \u{1b}[2J ]]>";
    for rule in RULES {
        results.change(rule.id, |result| {
            for key in ["suite", "test", "rustc"] {
                result[key] = hostile.into();
            }
            result["package"] = json!({ "name": hostile, "version": hostile });
            result["policy"]["service"] = hostile.into();
            result["policy"]["sector"] = hostile.into();
            result["notes"] = json!([hostile, format!("`{hostile}`")]);
        });
    }
    results.change("class.03", |result| {
        result["outcome"] = "failed".into();
        result["text"] = hostile.into();
    });
    results.change("class.04", |result| {
        result["outcome"] = "not claimed".into();
        result["text"] = hostile.into();
    });
    let report = results.report();
    let html = report.to_html();
    assert!(html.contains("&lt;script&gt;"), "the text is nowhere: the test does not work");
    for tag in ["<script", "<img", "\u{1b}"] {
        assert!(!html.contains(tag) && !report.to_junit().contains(tag), "{tag} is open");
    }
    // Every attribute in JUnit's XML still ends where it must: as many quotes as it takes.
    let xml = report.to_junit();
    for line in xml.lines().filter(|line| line.trim_start().starts_with("<testcase")) {
        assert_eq!(line.matches('"').count(), 6, "a quote is open");
    }
}

#[test]
fn the_page_needs_nothing_else() {
    let html = Results::all("alone").report().to_html();
    for foreign in ["<script", "<link", "<iframe", "<img", "@import", "url(", "http://", "https://", "src="] {
        assert!(!html.contains(foreign), "the page holds {foreign}");
    }
    for part in [
        "<html lang=\"en\">",
        "<title>",
        "<h1>",
        "<main>",
        "scope=\"col\"",
        "scope=\"row\"",
        "<details>",
        "@media print",
        "prefers-color-scheme: dark",
    ] {
        assert!(html.contains(part), "the page has no {part}");
    }
}

#[test]
fn the_page_says_what_is_not_covered_and_never_that_somebody_complies() {
    let html = Results::all("honest").report().to_html();
    assert!(html.contains("not covered") && html.contains("supported in part"));
    for mark in ["[V]", "[S]", "[M]", "read in the source", "not legal advice"] {
        assert!(html.contains(mark), "no {mark}");
    }
    assert!(!html.contains("compliant") && !html.contains("certified"));
    assert_eq!(html.matches("complies").count(), 1, "once, to say that it does not say so");
}

#[test]
fn no_canary_is_in_any_evidence() {
    fn badge(seed: &mut Seed) -> String {
        format!("cb-{}", seed.text(b"bcdfghjkmnpqrstvwxz", 14))
    }
    fn suite() -> Suite {
        let folder = std::env::temp_dir().join(format!("dihya-evidence-{}-canaries", std::process::id()));
        Suite::new(|| Policy::sector(Sector::Generic))
            .cases(1)
            .keys(["badge"])
            .sample("badge", badge)
            .evidence(folder)
    }
    let results = Results::none("canaries");
    for test in ["samples_of_the_service_are_hidden", "keys_of_the_service_are_hidden"] {
        assert!(run(suite, site(), test).is_err(), "nothing leaked: the test does not work");
    }
    run(suite, site(), "every_detector_finds_its_own_example").unwrap();
    let out = results.0.join("report");
    evidence::write(&results.0, &out).unwrap();
    let mut texts = Vec::new();
    for folder in [results.0.join("clinic.test.compliance.dihya_suite"), out] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            texts.push((path.display().to_string(), fs::read(path).unwrap()));
        }
    }
    assert_eq!(texts.len(), 6);
    // What these rules plant from their first seed.
    let badge = badge(&mut Seed::new(1));
    let mut seed = Seed::new(1);
    let mut canaries = vec![Canary::plain(&mut Seed::new(1))];
    canaries.extend(dihya::inspect::detectors().map(|detector| Canary::of(&detector, &mut seed)));
    let search = Search::new(&canaries);
    assert!(!search.leaks([("control", canaries[5].text().as_bytes())]).is_empty());
    for (path, bytes) in &texts {
        let text = String::from_utf8_lossy(bytes);
        assert!(!text.contains(&badge) && !text.contains(&badge[3..15]), "a canary is in {path}");
        assert!(search.leaks([("evidence", bytes.as_slice())]).is_empty(), "a canary is in {path}");
    }
}

#[test]
fn a_real_browser_renders_the_page_in_light_and_dark_and_on_paper() {
    let Some(browser) = std::env::var_os("DIHYA_CHROMIUM") else {
        return not_run(
            "a_real_browser_renders_the_page_in_light_and_dark_and_on_paper: DIHYA_CHROMIUM is not set",
        );
    };
    let results = Results::all("browser");
    results.change("class.03", |result| {
        result["outcome"] = "failed".into();
        result["text"] = "class 3 (the message): a secret came out".into();
    });
    let out = results.0.join("report");
    evidence::write(&results.0, &out).unwrap();
    let page = format!("file://{}", out.join("evidence.html").display());
    let profile = results.0.join("profile");
    let shown = |what: &[&str]| {
        let output = std::process::Command::new(&browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--window-size=1200,1600",
            ])
            .arg(format!("--user-data-dir={}", profile.display()))
            .args(what)
            .arg(&page)
            .current_dir(&out)
            .output()
            .unwrap();
        assert!(output.status.success(), "the browser fails");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let dom = shown(&["--dump-dom"]);
    assert_eq!(
        dom.matches("<details").count(),
        RULES.len(),
        "the browser reads another page than was written"
    );
    assert!(dom.contains("<details open=\"\">"), "what failed is not open");
    shown(&["--screenshot=light.png", "--blink-settings=preferredColorScheme=1"]);
    shown(&["--screenshot=dark.png", "--blink-settings=preferredColorScheme=0"]);
    shown(&["--print-to-pdf=page.pdf", "--no-pdf-header-footer"]);
    let bytes = |name: &str| fs::read(out.join(name)).unwrap();
    let (light, dark, paper) = (bytes("light.png"), bytes("dark.png"), bytes("page.pdf"));
    assert!(light.starts_with(b"\x89PNG") && light.len() > 20_000, "the light page is empty");
    assert!(
        dark.starts_with(b"\x89PNG") && dark.len() > 20_000 && dark != light,
        "the dark page is the light one"
    );
    // Expanded, the rules fill pages; collapsed, they would not.
    let pages = String::from_utf8_lossy(&paper).matches("/Type /Page\n").count();
    assert!(
        paper.starts_with(b"%PDF") && pages >= 8,
        "{pages} pages are printed: the rules are not expanded"
    );
}

/// Says that a test did not run for want of a program, where the runner reads it.
#[expect(clippy::print_stderr, reason = "it is a test's own report")]
fn not_run(why: &str) {
    eprintln!("{why}");
    if let Some(list) = std::env::var_os("DIHYA_NOT_RUN") {
        let mut list = fs::OpenOptions::new().append(true).create(true).open(list).unwrap();
        std::io::Write::write_all(&mut list, format!("{why}\n").as_bytes()).unwrap();
    }
}

//! The result of one test, a small JSON file of its own: a test runner may give every test a process of its own.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use dihya::Policy;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::rules::Rule;
use crate::suite::calendar::rfc3339;
use crate::suite::{Site, Tally};

/// What one test found.
#[derive(Clone, Debug)]
pub(crate) struct Result {
    pub(crate) rule: String,
    pub(crate) test: String,
    pub(crate) package: String,
    pub(crate) package_version: String,
    pub(crate) suite: String,
    /// Tells the test program of one build from that of another.
    pub(crate) build: String,
    /// Of the layer and of this crate: they share one.
    pub(crate) version: String,
    pub(crate) rustc: String,
    pub(crate) about: Option<Facts>,
    pub(crate) seed: u64,
    /// Microseconds since 1970.
    pub(crate) at: i64,
    pub(crate) took: Duration,
    pub(crate) tally: Tally,
    pub(crate) ended: Ended,
}

/// How a test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It began, and nothing more is known.
    Started,
    /// The rule holds.
    Passed,
    /// It does not; the text shows no secret.
    Failed(String),
    /// Nothing is claimed, for this reason.
    NotClaimed(String),
    /// It could not be tried, for this reason.
    NotRun(String),
}

/// The policy that was tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Facts {
    /// SHA-256 of what `dihya policy show --toml` prints.
    pub(crate) hash: String,
    pub(crate) sector: String,
    pub(crate) service: String,
}

impl Facts {
    pub(crate) fn of(policy: &Policy) -> Facts {
        let settings = policy.settings();
        let text = |key: &str| {
            let setting = settings.iter().find(|setting| setting.key() == key);
            let value = setting.and_then(|setting| setting.value()).unwrap_or_default();
            value.trim_matches('"').to_owned()
        };
        let hash = Sha256::digest(policy.to_toml(false));
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        Facts { hash, sector: text("sector"), service: text("service.name") }
    }
}

impl Result {
    /// A test that has just begun.
    pub(crate) fn started(rule: &Rule, site: &Site, seed: u64, at: i64) -> Result {
        Result {
            rule: rule.id.to_owned(),
            test: site.test(rule.test),
            package: site.package().to_owned(),
            package_version: site.version().to_owned(),
            suite: site.suite(),
            build: build(),
            version: VERSION.to_owned(),
            rustc: RUSTC.to_owned(),
            about: None,
            seed,
            at,
            took: Duration::ZERO,
            tally: Tally::default(),
            ended: Ended::Started,
        }
    }

    pub(crate) fn ended(&mut self, ended: Ended, tally: Tally, took: Duration) {
        (self.ended, self.tally, self.took) = (ended, tally, took);
    }

    pub(crate) fn to_json(&self) -> Value {
        let (outcome, text) = match &self.ended {
            Ended::Started => ("started", None),
            Ended::Passed => ("passed", None),
            Ended::Failed(text) => ("failed", Some(text)),
            Ended::NotClaimed(text) => ("not claimed", Some(text)),
            Ended::NotRun(text) => ("not run", Some(text)),
        };
        let policy = self
            .about
            .as_ref()
            .map(|about| json!({ "sha256": about.hash, "sector": about.sector, "service": about.service }));
        json!({
            "format": FORMAT,
            "rule": self.rule,
            "test": self.test,
            "package": { "name": self.package, "version": self.package_version },
            "suite": self.suite,
            "build": self.build,
            "version": self.version,
            "rustc": self.rustc,
            "policy": policy,
            "seed": self.seed,
            "at": self.at,
            "date": rfc3339(self.at.div_euclid(1_000_000)),
            "millis": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
            "cases": self.tally.cases,
            "checks": self.tally.checks,
            "controls": self.tally.controls,
            "notes": self.tally.notes,
            "outcome": outcome,
            "text": text,
        })
    }
}

/// A result from its file, or what is wrong with it.
pub(crate) fn parse(text: &str) -> std::result::Result<Result, String> {
    let value: Value = serde_json::from_str(text).map_err(|_| "it is not JSON".to_owned())?;
    if value["format"] != FORMAT {
        return Err(format!("its format is not {FORMAT}"));
    }
    let missing = |key: &str| format!("`{key}` is missing or not what it must be");
    let text = |of: &Value, key: &str| of[key].as_str().map(str::to_owned).ok_or_else(|| missing(key));
    let number = |key: &str| value[key].as_u64().ok_or_else(|| missing(key));
    let said = || text(&value, "text");
    let ended = match value["outcome"].as_str() {
        Some("started") => Ended::Started,
        Some("passed") => Ended::Passed,
        Some("failed") => Ended::Failed(said()?),
        Some("not claimed") => Ended::NotClaimed(said()?),
        Some("not run") => Ended::NotRun(said()?),
        _ => return Err(missing("outcome")),
    };
    let about = match &value["policy"] {
        Value::Null => None,
        policy => Some(Facts {
            hash: text(policy, "sha256")?,
            sector: text(policy, "sector")?,
            service: text(policy, "service")?,
        }),
    };
    let notes = value["notes"].as_array().ok_or_else(|| missing("notes"))?;
    Ok(Result {
        rule: text(&value, "rule")?,
        test: text(&value, "test")?,
        package: text(&value["package"], "name")?,
        package_version: text(&value["package"], "version")?,
        suite: text(&value, "suite")?,
        build: text(&value, "build")?,
        version: text(&value, "version")?,
        rustc: text(&value, "rustc")?,
        about,
        seed: number("seed")?,
        at: value["at"].as_i64().ok_or_else(|| missing("at"))?,
        took: Duration::from_millis(number("millis")?),
        tally: Tally {
            cases: number("cases")?,
            checks: number("checks")?,
            controls: number("controls")?,
            notes: notes.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        },
        ended,
    })
}

const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The compiler that built the suite.
const RUSTC: &str = env!("DIHYA_RUSTC");
const FORMAT: u64 = 1;

/// Length and time of the test program: reading all of it for a digest would cost each test a second.
fn build() -> String {
    let facts = std::env::current_exe().and_then(fs::metadata);
    let changed = facts.as_ref().ok().and_then(|facts| facts.modified().ok());
    let since = changed.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok()).unwrap_or_default();
    format!("{:x}-{:x}", facts.map_or(0, |facts| facts.len()), since.as_nanos())
}

/// The folder of one suite's results.
#[derive(Clone, Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(path: PathBuf) -> Folder {
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Whether this test is the first of its run to find that there is no policy, so that one test says so and not all.
    pub(crate) fn claims(&self, run: &str, test: &str) -> io::Result<bool> {
        fs::create_dir_all(&self.0)?;
        let run: String = run.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
        let path = self.0.join(format!("{run}.no-policy"));
        match fs::OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => file.write_all(test.as_bytes()).map(|()| true),
            // The same test, tried again, says it again.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                fs::read_to_string(&path).map(|known| known == test)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes the result in one step, so that a test that is killed leaves the one that says it began.
    pub(crate) fn save(&self, result: &Result) -> io::Result<()> {
        fs::create_dir_all(&self.0)?;
        let path = self.0.join(format!("{}.json", result.rule));
        let new = self.0.join(format!("{}.{}.new", result.rule, std::process::id()));
        fs::write(&new, format!("{:#}\n", result.to_json()))?;
        fs::rename(new, path)
    }
}

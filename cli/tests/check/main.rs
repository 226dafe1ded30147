//! `dihya check` on services that leak, that do not, and that fail: real processes, real sockets, real files.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

mod failures;
mod leaks;
mod plans;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use serde_json::Value;

/// A folder with two in it: `work`, where the check and the service run, and `logs`, which is not watched.
struct Folder(PathBuf);

/// What a check came to.
struct Checked {
    code: i32,
    stdout: String,
    stderr: String,
    json: Value,
    junit: String,
}

impl Folder {
    fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("check-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        for part in ["work", "logs"] {
            std::fs::create_dir_all(path.join(part)).unwrap();
        }
        Folder(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Checks the example service with this plan.
    fn check(&self, plan: &str, way: &str, options: &[&str]) -> Checked {
        std::fs::write(self.path("plan.toml"), plan).unwrap();
        let plan = self.path("plan.toml");
        let service = careless();
        let mut arguments = vec!["--plan", plan.to_str().unwrap()];
        arguments.extend(options);
        arguments.extend(["--", service.to_str().unwrap(), way]);
        if !way.ends_with("job") && way != "dead" {
            arguments.push("{{port}}");
        }
        self.run(&arguments)
    }

    /// `dihya check` with these arguments, and both reports.
    fn run(&self, arguments: &[&str]) -> Checked {
        let (json, junit) = (self.path("report.json"), self.path("report.xml"));
        let output = Command::new(env!("CARGO_BIN_EXE_dihya"))
            .args(["check", "--json", json.to_str().unwrap(), "--junit", junit.to_str().unwrap()])
            .args(arguments)
            .current_dir(self.path("work"))
            .env("LOG_DIR", self.path("logs"))
            // Nobody is there: a request that went to it would fail.
            .envs([("http_proxy", "http://127.0.0.1:1"), ("ALL_PROXY", "http://127.0.0.1:1")])
            .output()
            .unwrap();
        Checked {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            json: std::fs::read(json).map(|text| serde_json::from_slice(&text).unwrap()).unwrap_or_default(),
            junit: std::fs::read_to_string(junit).unwrap_or_default(),
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Checked {
    /// Outputs that canaries of this kind came out in, and the forms.
    fn leaks(&self, kind: &str) -> Vec<(String, String)> {
        let leaks = self.json["leaks"].as_array().into_iter().flatten();
        let text = |leak: &Value, key: &str| leak[key].as_str().unwrap().to_owned();
        leaks
            .filter(|leak| leak["kind"] == kind)
            .map(|leak| (text(leak, "output"), text(leak, "form")))
            .collect()
    }

    fn verdict(&self) -> &str {
        self.json["verdict"].as_str().unwrap_or("none")
    }

    /// The bytes of the output of this name; 0 if there is none.
    fn bytes(&self, output: &str) -> u64 {
        let outputs = self.json["coverage"]["outputs"].as_array().into_iter().flatten();
        outputs
            .filter(|o| o["output"].as_str().unwrap().ends_with(output))
            .filter_map(|o| o["bytes"].as_u64())
            .sum()
    }

    fn problems(&self) -> String {
        self.json["problems"].to_string()
    }

    fn gaps(&self) -> String {
        self.json["coverage"]["not_covered"].to_string()
    }

    /// Whether any report, or what was printed, holds this.
    fn tells(&self, text: &str) -> bool {
        [&self.stdout, &self.stderr, &self.json.to_string(), &self.junit]
            .iter()
            .any(|told| told.contains(text))
    }
}

/// The example service. Built by `cargo test`; built here when a single test is run.
fn careless() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let binary = profile.join("examples/careless");
    let modified = |path: &Path| -> Option<SystemTime> { std::fs::metadata(path).ok()?.modified().ok() };
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/careless.rs");
    if modified(&binary) < modified(&source) {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", env!("CARGO_PKG_NAME"), "--example", "careless"]);
        cargo.arg("--target-dir").arg(profile.parent().unwrap());
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success(), "the example service does not build");
    }
    binary
}

/// Says that a test did not run for want of a program, where the runner reads it.
#[expect(clippy::print_stderr, reason = "it is a test's own report")]
fn not_run(why: &str) {
    eprintln!("{why}");
    if let Some(list) = std::env::var_os("DIHYA_NOT_RUN") {
        let mut list = std::fs::OpenOptions::new().append(true).create(true).open(list).unwrap();
        std::io::Write::write_all(&mut list, format!("{why}\n").as_bytes()).unwrap();
    }
}

/// A request that carries a password, quick limits, and no folder watched but those of the run.
const PLAN: &str = r#"
[watch]
working_folder = false
[limits]
settle = "300ms"
[[request]]
name = "login"
path = "/login"
form = { password = "{{password}}" }
"#;

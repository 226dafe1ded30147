//! Runs the built example as a child, in a folder of its own.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod prometheus;
pub(crate) mod tools;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::time::SystemTime;

/// An example's binary beside this test's own. Built by `cargo test`; built here when a single test is run.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let profile = test.parent().and_then(Path::parent).expect("tests lie in <profile>/deps");
    let binary = profile.join("examples").join(name);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = [here.join("clinic"), here.join(format!("{name}.rs")), here.join("../layer/src")];
    let newest = sources.iter().filter_map(|folder| newest(folder)).max();
    if fs::metadata(&binary).and_then(|meta| meta.modified()).ok() < newest {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--package", env!("CARGO_PKG_NAME"), "--example", name]);
        cargo.arg("--target-dir").arg(profile.parent().expect("a profile lies in the target folder"));
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().expect("cargo runs").success(), "the example {name} does not build");
    }
    binary
}

fn newest(path: &Path) -> Option<SystemTime> {
    if path.is_file() {
        return fs::metadata(path).and_then(|meta| meta.modified()).ok();
    }
    let entries = fs::read_dir(path).ok()?.filter_map(Result::ok);
    let times = entries.filter_map(|entry| {
        let meta = entry.metadata().ok()?;
        if meta.is_dir() { newest(&entry.path()) } else { meta.modified().ok() }
    });
    times.max()
}

/// A folder that goes when the test passes, and stays to be looked at when it fails.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&path)
            .expect("the target folder can be written");
        Folder(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// A child that ends with the test, whatever happens.
pub(crate) struct Running {
    child: Child,
    stdout: Option<BufReader<ChildStdout>>,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Running {
        let mut child =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the program starts");
        let stdout = child.stdout.take().map(BufReader::new);
        Running { child, stdout }
    }

    /// All of standard output up to the line that starts with `prefix`, that line included.
    pub(crate) fn read_until(&mut self, prefix: &str) -> String {
        let mut text = String::new();
        let stdout = self.stdout.as_mut().expect("standard output is piped");
        loop {
            let start = text.len();
            let length = stdout.read_line(&mut text).expect("standard output is text");
            assert!(length > 0, "it ended before it printed `{prefix}`");
            if text[start..].starts_with(prefix) {
                return text;
            }
        }
    }

    /// Asks it to end, and gives its exit code and the rest of what it printed.
    pub(crate) fn terminate(&mut self) -> (Option<i32>, String) {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(asked.expect("kill runs").success(), "it had ended before it was told to");
        let mut rest = String::new();
        let stdout = self.stdout.as_mut().expect("standard output is piped");
        stdout.read_to_string(&mut rest).expect("standard output is text");
        (self.child.wait().expect("a child can be waited for").code(), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `kind` and value of every secret that a run wrote down.
pub(crate) fn secrets(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).expect("the run wrote its secrets");
    let pair = |line: &str| line.split_once('\t').map(|(kind, value)| (kind.to_owned(), value.to_owned()));
    text.lines().map(|line| pair(line).expect("kind, tab, value")).collect()
}

/// Kinds of secrets that occur in `texts`, as they are or as in a query string. Never the values.
pub(crate) fn found<'a>(secrets: &'a [(String, String)], texts: &[Vec<u8>]) -> Vec<&'a str> {
    let holds = |value: &str| {
        let in_query = value.replace('@', "%40").replace('!', "%21");
        texts.iter().any(|text| contains(text, value) || contains(text, &in_query))
    };
    let mut kinds: Vec<&str> =
        secrets.iter().filter(|(_, value)| holds(value)).map(|(kind, _)| &**kind).collect();
    kinds.dedup();
    kinds
}

pub(crate) fn contains(text: &[u8], value: &str) -> bool {
    let first = value.as_bytes().first();
    text.windows(value.len()).any(|window| window.first() == first && window == value.as_bytes())
}

/// Every file below `folder`, its mode and contents; folders have none.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, u32, Option<Vec<u8>>)> {
    let mut all = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let mode = fs::metadata(&folder).expect("a folder of the run").permissions().mode() & 0o7777;
        for entry in fs::read_dir(&folder).expect("a folder of the run") {
            let path = entry.expect("an entry of the run").path();
            let meta = fs::symlink_metadata(&path).expect("an entry of the run");
            if meta.is_dir() {
                folders.push(path);
            } else if meta.is_file() {
                let bytes = fs::read(&path).expect("a file of the run");
                all.push((path, meta.permissions().mode() & 0o7777, Some(bytes)));
            }
        }
        all.push((folder, mode, None));
    }
    all
}

/// Standard output and error of a finished run, to be searched like its files.
pub(crate) fn outputs(output: &Output) -> Vec<Vec<u8>> {
    vec![output.stdout.clone(), output.stderr.clone()]
}

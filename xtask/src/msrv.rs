//! The oldest Rust that is promised: the same promise in every member, kept by compiling with exactly that toolchain.

use std::process::Command;

use crate::Context;
use crate::run::{Counts, Outcome, run};

/// Compile every target with the promised toolchain.
pub(crate) fn check(context: &Context) -> Outcome {
    let failed = |why: String| Outcome::Failed(Counts::default(), why);
    let Some(metadata) =
        output(context, "cargo", &["metadata", "--no-deps", "--format-version", "1", "--locked"])
    else {
        return failed("cargo metadata does not answer".to_owned());
    };
    let promised = match promise(&metadata) {
        Ok(promised) => promised,
        Err(why) => return failed(why),
    };
    let Some(present) = output(context, "rustc", &["--version"]).as_deref().and_then(release) else {
        return failed("rustc --version does not answer".to_owned());
    };
    let mut command = if present == promised {
        Command::new("cargo")
    } else if output(context, "rustup", &["run", &promised, "rustc", "--version"]).is_some() {
        let mut command = Command::new("rustup");
        command.args(["run", &promised, "cargo"]);
        // Cargo hands its own toolchain down to whatever it runs, us included.
        for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
            command.env_remove(variable);
        }
        command
    } else {
        let why =
            format!("this is Rust {present}; `rustup toolchain install {promised}` brings the promised one");
        return Outcome::NotRun { why, excused: false };
    };
    println!("    promised: Rust {promised}; default here: Rust {present}");
    command.args(["check", "--workspace", "--all-targets", "--all-features", "--locked"]);
    run(context, command)
}

/// The one `rust_version` that all members state. The document is cargo's own, whose keys are never within values.
fn promise(metadata: &str) -> Result<String, String> {
    let mut stated: Vec<&str> = metadata
        .split("\"rust_version\":")
        .skip(1)
        .map(|rest| rest.split([',', '}']).next().unwrap_or_default().trim().trim_matches('"'))
        .collect();
    stated.sort_unstable();
    stated.dedup();
    match stated.as_slice() {
        [one] if *one != "null" => Ok((*one).to_owned()),
        [] | ["null"] => Err("no member states a rust-version".to_owned()),
        several => Err(format!("members disagree on rust-version: {}", several.join(", "))),
    }
}

/// `rustc 1.95.0 (…)` is release 1.95.
fn release(version: &str) -> Option<String> {
    let number = version.strip_prefix("rustc ")?.split([' ', '-']).next()?;
    let mut parts = number.split('.');
    Some(format!("{}.{}", parts.next()?, parts.next()?))
}

fn output(context: &Context, program: &str, args: &[&str]) -> Option<String> {
    let mut command = Command::new(program);
    let output = command.args(args).current_dir(&context.root).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_without_the_promise_is_found() {
        let member =
            |version: &str| format!("{{\"name\":\"m\",\"rust_version\":{version},\"edition\":\"2024\"}}");
        assert_eq!(promise(&[member("\"1.95\""), member("\"1.95\"")].concat()), Ok("1.95".to_owned()));
        assert!(promise(&[member("\"1.95\""), member("null")].concat()).unwrap_err().contains("1.95, null"));
        assert!(promise(&[member("\"1.95\""), member("\"1.96\"")].concat()).is_err());
        assert!(promise("{}").is_err());
    }

    #[test]
    fn the_release_is_read_from_stable_and_nightly() {
        assert_eq!(release("rustc 1.95.0 (59807616e 2026-04-14)").as_deref(), Some("1.95"));
        assert_eq!(release("rustc 1.97.0-nightly (abc 2026-05-01)").as_deref(), Some("1.97"));
        assert_eq!(release("error"), None);
    }
}

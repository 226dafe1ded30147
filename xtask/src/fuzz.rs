//! Fuzzing: each target for a while, with cargo-fuzz.

use std::process::Command;

use crate::run::{Outcome, run};
use crate::steps::Step;
use crate::{Context, tools};

/// One step for each target of `fuzz/`.
pub(crate) fn targets() -> Vec<Step> {
    vec![
        Step { name: "scan", work: |context| fuzz(context, "scan") },
        Step { name: "decode", work: |context| fuzz(context, "decode") },
        Step { name: "keys", work: |context| fuzz(context, "keys") },
        Step { name: "policy", work: |context| fuzz(context, "policy") },
        Step { name: "record", work: |context| fuzz(context, "record") },
    ]
}

/// `--seconds N`, and what else was given.
pub(crate) fn seconds(args: &[String]) -> Result<(u32, Vec<String>), String> {
    let mut seconds = SECONDS;
    let mut rest = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg != "--seconds" {
            rest.push(arg.clone());
            continue;
        }
        let number = args.next().and_then(|number| number.parse().ok()).filter(|number| *number > 0);
        seconds = number.ok_or("`--seconds` needs a number of seconds behind it")?;
    }
    Ok((seconds, rest))
}

fn fuzz(context: &Context, target: &str) -> Outcome {
    if !tools::has_cargo_command("fuzz") {
        let why = "cargo-fuzz is not installed (`cargo install --locked cargo-fuzz`)".to_owned();
        return Outcome::NotRun { why, excused: false };
    }
    let corpus = context.root.join("fuzz/corpus").join(target);
    // What the inputs begin with is made by the stable compiler's test of the same laws: no file holds a secret.
    // It is built just as `tests` builds it, so that nothing is built twice.
    let mut seeds = Command::new("cargo");
    seeds
        .args(["test", "--workspace", "--all-features", "--locked", "--test", "fuzzed"])
        .args(["--", "--exact", "seeds_are_written_where_they_are_asked_for"])
        .env("DIHYA_FUZZ_SEEDS", &corpus)
        .env("DIHYA_FUZZ_TARGET", target);
    match run(context, seeds) {
        Outcome::Passed(_) => {}
        other => return other,
    }
    let mut command = Command::new("cargo");
    command
        // The instrumentation is the stable compiler's too, behind this door: no second toolchain is needed.
        .env("RUSTC_BOOTSTRAP", "1")
        .args(["fuzz", "run", "--target-dir", "target/fuzz", target, "--"])
        .arg(format!("-max_total_time={}", context.seconds))
        // An input that takes a second is a finding; memory is bounded too.
        .args(["-timeout=10", "-rss_limit_mb=1024", "-max_len=4096", "-print_final_stats=1", "-verbosity=0"]);
    run(context, command)
}

/// Long enough to run over the seeds and their neighbours.
pub(crate) const SECONDS: u32 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<(u32, Vec<String>), String> {
        seconds(&args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_seconds_may_stand_anywhere() {
        assert_eq!(parsed(&["--seconds", "600", "scan"]), Ok((600, vec!["scan".to_owned()])));
        assert_eq!(
            parsed(&["scan", "--seconds", "3", "keys"]),
            Ok((3, vec!["scan".to_owned(), "keys".to_owned()]))
        );
        assert_eq!(parsed(&[]), Ok((SECONDS, vec![])));
        for wrong in [&["--seconds"][..], &["--seconds", "x"], &["--seconds", "0"]] {
            assert!(parsed(wrong).is_err());
        }
    }

    #[test]
    fn every_target_is_a_step() {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/Cargo.toml");
        let manifest = std::fs::read_to_string(manifest).unwrap();
        let bins = manifest.split("[[bin]]").skip(1).map(|bin| bin.split('"').nth(1).unwrap());
        let names: Vec<&str> = targets().iter().map(|step| step.name).collect();
        assert_eq!(bins.collect::<Vec<_>>(), names);
    }
}

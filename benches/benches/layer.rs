//! `cargo bench -p dihya-benches [-- --quick] [--json FILE] ...`: the layer against its peers.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a report is what a bench is for")]

use std::error::Error;
use std::process::ExitCode;
use std::time::Instant;

use dihya_benches::clock;
use dihya_benches::harness::{self, Plan, SizeName};
use dihya_benches::peers::Peer;
use dihya_benches::report;
use dihya_benches::scenario::Scenario;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let outcome = match harness::child_main(&arguments) {
        Some(figures) => figures.map(|line| println!("{line}")),
        None => compare(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let Some(Request { plan, json }) = parse(arguments)? else {
        println!("{USAGE}");
        return Ok(());
    };
    let (start, load) = (Instant::now(), clock::load_average());
    let results = harness::run(&plan, |round| eprintln!("round {} of {}", round + 1, plan.rounds))?;
    println!("{}", report::text(&results));
    println!(
        "medians of {} rounds; {:.0} s; load average before {}; files below {}{}",
        plan.rounds,
        start.elapsed().as_secs_f64(),
        load.map_or_else(|| "unknown".to_owned(), |load| load.to_string()),
        plan.dir.display(),
        if plan.scoped { "; scoped dispatcher" } else { "" }
    );
    if let Some(path) = json {
        let all = serde_json::json!({ "rounds": results.to_json(), "goals": report::goals_json(&results) });
        std::fs::write(&path, format!("{all:#}\n")).map_err(|error| format!("{path}: {error}"))?;
    }
    Ok(())
}

struct Request {
    plan: Plan,
    json: Option<String>,
}

/// `None`: help was asked for.
fn parse(arguments: &[String]) -> Result<Option<Request>, Box<dyn Error>> {
    let peers = Peer::ALL.to_vec();
    // `cargo bench` says `--bench`; without it this is `cargo test --benches`, which only asks whether it runs.
    let size = if arguments.iter().any(|a| a == "--bench") { SizeName::Full } else { SizeName::Smoke };
    let (scenarios, dir) = (Scenario::ALL.to_vec(), harness::default_dir());
    let mut plan = Plan { size, rounds: 0, peers, scenarios, scoped: false, dir };
    let (mut json, mut rounds) = (None, None);
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--bench" => {}
            "--help" | "-h" => return Ok(None),
            "--quick" => plan.size = SizeName::Quick,
            "--scoped" => {
                plan.scoped = true;
                plan.scenarios = vec![Scenario::Latency];
            }
            "--rounds" => rounds = Some(value()?.parse::<usize>()?.max(1)),
            "--only" => plan.peers = names(value()?, Peer::named)?,
            "--scenario" => plan.scenarios = names(value()?, Scenario::named)?,
            "--dir" => plan.dir = value()?.into(),
            "--json" => json = Some(value()?.clone()),
            unknown => return Err(format!("unknown argument {unknown}\n{USAGE}").into()),
        }
    }
    plan.rounds = rounds.unwrap_or(match plan.size {
        SizeName::Full => 9,
        SizeName::Quick => 5,
        SizeName::Smoke => 1,
    });
    Ok(Some(Request { plan, json }))
}

fn names<T>(list: &str, named: fn(&str) -> Option<T>) -> Result<Vec<T>, String> {
    list.split(',')
        .map(|name| named(name).ok_or_else(|| format!("nothing is called {name}\n{USAGE}")))
        .collect()
}

const USAGE: &str = "\
cargo bench -p dihya-benches -- [OPTIONS]
  --quick            a quarter of a minute instead of one
  --rounds N         how often everything runs (9; 5 with --quick)
  --only A,B         peers: ours visit json_default json_cur lossless regex_lossless slog
  --scenario A,B     latency saturated saturated2 steady memory
  --dir DIR          where files go (/dev/shm, else the temporary folder)
  --scoped           latency under a scoped dispatcher instead of the global one
  --json FILE        every round's figures, and the goals";

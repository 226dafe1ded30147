//! Panics: what they show and what they leave. The hook belongs to the process, hence a child of this test.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::process::Output;
use std::sync::{Arc, Once};

use dihya::storage::Memory;
use dihya::{Options, Policy, Sector};

use super::classes::{guarded, told};
use super::context::Context;
use super::failure::ensure;
use super::{Done, Failure};
use crate::canary::Canary;
use crate::child;
use crate::search::Search;
use crate::world::World;

/// Class 21: no secret of a panic comes out, on stderr or in the record of it.
pub(crate) fn leak(context: &mut Context) -> Result<Done, Failure> {
    if context.told.is_some() {
        return panic_with_all(context);
    }
    if let Some(reason) = without_hook(context) {
        return Ok(Done::NotClaimed(reason));
    }
    for seed in context.seeds().take(AT_MOST) {
        let canaries = context.canaries(seed);
        let search = Search::new(&canaries);
        let raw = run(context, "raw", seed)?;
        let seen = search.leaks([("stderr", raw.stderr.as_slice())]);
        ensure!(
            !seen.is_empty(),
            "without the layer's hook no panic is seen on stderr: the capture does not work"
        );
        let output = run(context, "with", seed)?;
        let leaks =
            search.leaks([("stderr", output.stderr.as_slice()), ("stdout", output.stdout.as_slice())]);
        if !leaks.is_empty() {
            let text = format!("a panic shows a secret\n{}\n  seed       {seed}", told(&leaks, &canaries));
            return Err(guarded(text, &canaries));
        }
        spoken(&output)?;
        context.count(canaries.len());
        context.tally.cases += 1;
    }
    Ok(Done::Proved)
}

/// An ordinary panic is recorded, and printed with its place.
pub(crate) fn recorded(context: &mut Context) -> Result<Done, Failure> {
    if context.told.is_some() {
        return panic_with_all(context);
    }
    if let Some(reason) = without_hook(context) {
        return Ok(Done::NotClaimed(reason));
    }
    let output = run(context, "with", context.seed)?;
    spoken(&output)?;
    let has = |bytes: &[u8], text: &str| String::from_utf8_lossy(bytes).contains(text);
    ensure!(has(&output.stderr, "panics.rs"), "stderr does not tell the place of a panic");
    ensure!(has(&output.stdout, "\"sys_crash\""), "no record `sys_crash` tells of a panic");
    let raw = run(context, "raw", context.seed)?;
    ensure!(
        !has(&raw.stdout, "\"sys_crash\""),
        "a panic is recorded where no hook is: the check does not work"
    );
    context.count(1);
    Ok(Done::Proved)
}

fn without_hook(context: &Context) -> Option<String> {
    let on = context.facts.is("panic_hook");
    (!on).then(|| "The policy switches the panic hook off: panics go to stderr as they are.".to_owned())
}

fn spoken(output: &Output) -> Result<(), Failure> {
    let has = |bytes: &[u8], text: &str| String::from_utf8_lossy(bytes).contains(text);
    ensure!(output.status.success(), "the child failed: {}", output.status);
    ensure!(has(&output.stderr, ORDINARY), "an ordinary panic is not on stderr: the capture does not work");
    ensure!(has(&output.stdout, ORDINARY), "an ordinary panic is not in the log");
    Ok(())
}

fn run(context: &Context, how: &str, seed: u64) -> Result<Output, Failure> {
    child::run(&context.test, &format!("{how} {seed}"))
        .map_err(|error| Failure::new(format!("this test cannot run itself as a child: {error}")))
}

/// The child's part: panics with each canary, caught, and prints the records.
fn panic_with_all(context: &mut Context) -> Result<Done, Failure> {
    let told = context.told.clone().unwrap_or_default();
    let (how, seed) = told.split_once(' ').unwrap_or_default();
    let canaries = context.canaries(seed.parse().unwrap_or_default());
    if how == "raw" {
        panic_with(&canaries);
        return Ok(Done::Proved);
    }
    let captured = World::new(context.policy.clone()).run(|_| panic_with(&canaries));
    #[allow(clippy::print_stdout, reason = "what the parent reads")]
    {
        println!("{}", captured.records().join("\n"));
        println!("mirror {}", captured.text("mirror"));
    }
    Ok(Done::Proved)
}

fn panic_with(canaries: &[Canary]) {
    for canary in canaries {
        let secret = canary.text();
        let _ = catch_unwind(|| match canary.detector() {
            "key" => panic!("login failed, password={secret} user=bob"),
            _ => panic!("cannot use {secret} here"),
        });
        let text = if canary.detector() == "key" { format!("password={secret}") } else { secret.to_owned() };
        let _ = std::thread::scope(|scope| {
            scope.spawn(|| panic!("{text}\nwas refused, {text}")).join().map_err(drop)
        });
        let _ = catch_unwind(|| refused(text).expect("a login"));
    }
    let _ = catch_unwind(|| panic!("{ORDINARY}"));
}

fn refused(text: String) -> Result<(), String> {
    Err(text)
}

const ORDINARY: &str = "an ordinary panic in room 7";

/// Each case is two processes.
const AT_MOST: usize = 3;

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Runs code whose panics on this thread are caught and not printed: what they would print is the secret.
pub(crate) fn quietly(act: impl FnOnce()) {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        // The layer's own hook must be there already: it would stand before this one, and record the panic in whatever
        // layer another test has open.
        let policy = Policy::sector(Sector::Generic).root("/logs");
        drop(Options::new(policy).storage(Arc::new(Memory::new())).open());
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    let outer = QUIET.replace(true);
    let _ = catch_unwind(AssertUnwindSafe(act));
    QUIET.set(outer);
}

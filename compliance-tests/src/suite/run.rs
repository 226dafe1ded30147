//! One test of the suite: get the policy, check the rule, leave the result as evidence.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Once;
use std::time::Instant;

use dihya::{Clock, Policy};

use super::context::{Context, Facts, Tally, number};
use super::site::target_folder;
use super::{Done, Failure, Site, Suite};
use crate::child;
use crate::evidence::result::{Ended, Facts as About, Folder, Result as Evidence};
use crate::rules::{self, Rule};

/// Runs the rule whose test has this name; what [`suite!`](crate::suite!) expands to.
///
/// # Errors
/// If the rule does not hold.
#[doc(hidden)]
pub fn run(suite: fn() -> Suite, site: Site, test: &str) -> Result<(), Failure> {
    let rule = rules::find(test).ok_or_else(|| Failure::new(format!("no rule's test is called {test}")))?;
    let suite = caught(suite)?;
    if child::told().is_some() {
        return as_child(suite, &site, rule);
    }
    let folder = folder(&site, suite.evidence.as_ref())?;
    let seed = number("DIHYA_SEED")?.unwrap_or(1);
    let cases =
        number("DIHYA_CASES")?.and_then(|cases| u32::try_from(cases).ok()).unwrap_or(suite.cases).max(1);
    let clock = Clock::system();
    let mut evidence = Evidence::started(rule, &site, seed, clock.now());
    save(&folder, &evidence)?;
    let began = Instant::now();
    let given = caught(suite.give).and_then(|given| given.map_err(Failure::new));
    if let Ok(policy) = &given {
        evidence.about = Some(About::of(policy));
    }
    let skipped = suite.skipped.iter().find(|(name, _)| *name == test).map(|(_, reason)| *reason);
    let (ended, tally, answer) = match (given, skipped) {
        (Err(failure), _) => return no_policy(rule, &site, &folder, evidence, failure),
        (Ok(_), Some(reason)) => (Ended::NotClaimed(format!("Skipped: {reason}")), Tally::default(), Ok(())),
        (Ok(policy), None) => {
            let mut context = context(policy, seed, cases, &site, test);
            context.keys = suite.keys;
            context.samples = suite.samples;
            let done = caught(|| (rule.check)(&mut context)).and_then(|done| done);
            let (ended, answer) = match done {
                Ok(Done::Proved) => (Ended::Passed, Ok(())),
                Ok(Done::NotClaimed(reason)) => (Ended::NotClaimed(reason), Ok(())),
                Err(failure) => (Ended::Failed(failure.text().to_owned()), Err(failure)),
            };
            (ended, context.tally, answer)
        }
    };
    evidence.ended(ended, tally, began.elapsed());
    save(&folder, &evidence)?;
    answer.map_err(|failure| explained(failure, rule, &site, seed))
}

/// A rule that needs a process of its own has run itself again.
fn as_child(suite: Suite, site: &Site, rule: &'static Rule) -> Result<(), Failure> {
    let policy = (suite.give)().map_err(Failure::new)?;
    let mut context = context(policy, 1, 1, site, rule.test);
    context.told = child::told();
    (rule.check)(&mut context).map(drop)
}

fn context(policy: Policy, seed: u64, cases: u32, site: &Site, test: &str) -> Context {
    Context {
        facts: Facts::of(&policy),
        policy,
        seed,
        cases,
        keys: Vec::new(),
        samples: Vec::new(),
        told: None,
        test: site.test(test),
        tally: Tally::default(),
    }
}

/// Without a policy one test fails and not all: the one that is there for it, or the first of those that run. The
/// result of the others is that they did not.
fn no_policy(
    rule: &'static Rule,
    site: &Site,
    folder: &Option<Folder>,
    mut evidence: Evidence,
    failure: Failure,
) -> Result<(), Failure> {
    let text = format!("the suite has no policy to test\n{}", failure.text());
    let speaks = speaks(rule, site, folder);
    let ended = if rule.test == rules::POLICY {
        Ended::Failed(text.clone())
    } else {
        Ended::NotRun("The suite has no policy to test.".into())
    };
    evidence.ended(ended, Tally::default(), std::time::Duration::ZERO);
    save(folder, &evidence)?;
    if speaks { Err(Failure::new(text)) } else { Ok(()) }
}

fn speaks(rule: &Rule, site: &Site, folder: &Option<Folder>) -> bool {
    // A runner with a process per test: what else runs is not to be seen, only which run it is.
    if let Some(run) = std::env::var_os("NEXTEST_RUN_ID") {
        let claimed = folder.as_ref().map(|folder| folder.claims(&run.to_string_lossy(), rule.test));
        return claimed.is_none_or(|claimed| claimed.unwrap_or(true));
    }
    static FIRST: Once = Once::new();
    let mut is_first = false;
    if rule.test != rules::POLICY && !runs_too(&site.test(rules::POLICY)) {
        FIRST.call_once(|| is_first = true);
    }
    is_first || rule.test == rules::POLICY
}

/// Whether this process runs that test too.
fn runs_too(test: &str) -> bool {
    let names: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let exact = std::env::args().any(|argument| argument == "--exact");
    names.is_empty()
        || names.iter().any(|name| if exact { test == name } else { test.contains(name.as_str()) })
}

fn explained(failure: Failure, rule: &Rule, site: &Site, seed: u64) -> Failure {
    // The seed that failed, where the failure names one.
    let named =
        failure.text().lines().rev().find_map(|line| line.trim().strip_prefix("seed ")?.trim().parse().ok());
    let in_words = || {
        let (_, rest) = failure.text().rsplit_once("(seed ")?;
        rest.split(')').next()?.parse().ok()
    };
    let seed = named.or_else(in_words).unwrap_or(seed);
    let again = format!("  again      {}", site.again(seed, rule.test));
    Failure::new(format!("{} does not hold: {}", rule.id, failure.text())).and(&again)
}

/// What a panic says; the layer's hook has printed it already.
fn caught<T>(act: impl FnOnce() -> T) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|payload| {
        let text = payload.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
        Failure::new(text.unwrap_or("a panic without a text"))
    })
}

fn folder(site: &Site, given: Option<&PathBuf>) -> Result<Option<Folder>, Failure> {
    let base = match std::env::var_os("DIHYA_EVIDENCE") {
        Some(off) if off == "off" => return Ok(None),
        Some(folder) => PathBuf::from(folder),
        None => match (given, target_folder()) {
            (Some(folder), _) => folder.clone(),
            (None, Some(target)) => target.join("dihya-evidence"),
            (None, None) => {
                let text =
                    "there is no target folder to leave evidence in: set DIHYA_EVIDENCE to one, or to `off`";
                return Err(Failure::new(text));
            }
        },
    };
    Ok(Some(Folder::new(base.join(site.suite()))))
}

fn save(folder: &Option<Folder>, evidence: &Evidence) -> Result<(), Failure> {
    let Some(folder) = folder else { return Ok(()) };
    folder.save(evidence).map_err(|error| {
        Failure::new(format!(
            "the evidence cannot be written to {}: {error}. Set DIHYA_EVIDENCE to another folder, or to `off`",
            folder.path().display()
        ))
    })
}

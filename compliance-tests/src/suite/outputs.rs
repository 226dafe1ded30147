//! Everything that comes out: records, the mirror, the console, metrics, the texts of errors.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use dihya::storage::Memory;
use dihya::{Channel, Options, Policy, Record};
use tracing_subscriber::layer::SubscriberExt;

use super::classes::{guarded, told};
use super::context::Context;
use super::derive::{derived, set};
use super::failure::ensure;
use super::{Done, Failure, bare, lines, record};
use crate::canary::Canary;
use crate::child;
use crate::search::Search;
use crate::seed::Seed;
use crate::world::{Captured, Scene, World};

/// Every line is a record as `docs/record.schema.json` has it.
pub(crate) fn schema(context: &mut Context) -> Result<Done, Failure> {
    ensure!(
        record::fault("{\"v\":1}").is_some(),
        "a record without its keys passes: the check does not work"
    );
    for seed in context.seeds() {
        let canaries = context.canaries(seed);
        let channels = context.facts.channels();
        let policy = context.policy.clone();
        let captured = World::new(policy.clone()).seed(seed).run(|scene| {
            canaries.iter().for_each(|canary| every_day(scene, canary));
            dihya::audit!(
                "sensitive_read",
                user_id = "u",
                subject_id = "p",
                tenant_id = 7,
                outcome = "success",
                "read"
            );
            dihya::security!("authn_login_fail", user_id = "u", ok = false, ratio = 0.5, n = -3);
            for channel in channels.iter().filter_map(|name| policy.channel(name)) {
                scene.say(&format!(
                    "{:?}",
                    scene.handle.record(Record::new(channel, "e").number("n", 1).flag("ok", true))
                ));
            }
            tracing::error!(long = "x".repeat(70_000).as_str(), "{}", "word ".repeat(9000));
        });
        let records = captured.records();
        ensure!(records.len() > canaries.len(), "only {} records arrived", records.len());
        for record in &records {
            if let Some(fault) = record::fault(record) {
                return Err(guarded(
                    format!("a record does not follow its schema: {fault} (seed {seed})"),
                    &canaries,
                ));
            }
        }
        context.count(records.len());
        context.tally.cases += 1;
    }
    Ok(Done::Proved)
}

/// One record is one line of JSON without a control character, whatever is logged, and nothing can forge a key of it.
pub(crate) fn one_line(context: &mut Context) -> Result<Done, Failure> {
    for seed in context.seeds() {
        let mut random = Seed::new(seed);
        let texts: Vec<String> = (0..40).map(|_| lines::hostile(&mut random)).collect();
        ensure!(texts.iter().any(|text| text.contains('\n')), "no text with a line feed (seed {seed})");
        let captured = World::new(context.policy.clone()).seed(seed).run(|_| {
            for text in &texts {
                tracing::error!(target: "dihya_suite", note = text.as_str(), level = "AUDIT", more = ?text, "{text}");
            }
        });
        let mine: Vec<String> = captured
            .records()
            .into_iter()
            .filter(|line| line.contains("\"target\":\"dihya_suite\""))
            .collect();
        ensure!(
            mine.len() == texts.len(),
            "{} records came of {} events (seed {seed})",
            mine.len(),
            texts.len()
        );
        for (number, line) in mine.iter().enumerate() {
            let wrong = record::fault(line).or_else(|| {
                let control = line.chars().any(|c| c.is_control() || BREAKING.contains(&c));
                control.then(|| "it holds a character that moves a cursor or turns text around".to_owned())
            });
            ensure!(
                wrong.is_none(),
                "text {} of 40: {} (seed {seed})",
                number + 1,
                wrong.unwrap_or_default()
            );
        }
        for output in ["mirror", "metrics"] {
            let text = captured.text(output);
            ensure!(
                !text.chars().any(|c| (c.is_control() && c != '\n') || BREAKING.contains(&c)),
                "the output `{output}` holds a control character (seed {seed})"
            );
        }
        context.count(texts.len());
        context.tally.cases += 1;
    }
    Ok(Done::Proved)
}

const BREAKING: [char; 6] = ['\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}', '\u{200b}', '\u{feff}'];

/// The mirror of the records.
pub(crate) fn mirror(context: &mut Context) -> Result<Done, Failure> {
    output(context, "mirror", |captured| captured.text("mirror").contains("[redacted:"))
}

/// The text for `/metrics`.
pub(crate) fn metrics(context: &mut Context) -> Result<Done, Failure> {
    output(context, "metrics", |captured| {
        let text = captured.text("metrics");
        text.lines().any(|line| line.starts_with("dihya_redactions_total") && !line.ends_with(" 0"))
    })
}

/// What errors and reports of the layer say.
pub(crate) fn errors(context: &mut Context) -> Result<Done, Failure> {
    output(context, "errors", |captured| captured.text("errors").contains("was not accepted"))
}

/// Logs canaries of all kinds and looks for them in one output, which must have said something.
fn output(context: &mut Context, name: &str, speaks: impl Fn(&Captured) -> bool) -> Result<Done, Failure> {
    for seed in context.seeds() {
        let canaries = context.canaries(seed);
        let search = Search::new(&canaries);
        let mut raw = String::new();
        let captured = World::new(context.policy.clone()).seed(seed).run(|scene| {
            let seen = bare::capture(|| canaries.iter().for_each(|canary| every_day(scene, canary)));
            raw = seen.iter().map(ToString::to_string).collect();
            canaries.iter().for_each(|canary| every_day(scene, canary));
        });
        let seen: BTreeSet<usize> =
            search.leaks([("raw", raw.as_bytes())]).into_iter().map(|leak| leak.canary).collect();
        ensure!(
            seen.len() == canaries.len(),
            "without redaction not every canary is found: the search does not work"
        );
        ensure!(
            speaks(&captured),
            "the output `{name}` does not hold what it must: the capture does not work"
        );
        let mut leaks = search.leaks(captured.outputs().filter(|(output, _)| *output == name));
        if context.facts.has_exceptions() {
            // `every_day` names only fields that no exception can be made for.
            leaks.retain(|leak| canaries[leak.canary].detector() == "key");
        }
        if !leaks.is_empty() {
            let text = format!("a secret came out\n{}\n  seed       {seed}", told(&leaks, &canaries));
            return Err(guarded(text, &canaries));
        }
        context.count(canaries.len());
        context.tally.cases += 1;
    }
    Ok(Done::Proved)
}

/// As a careless service logs: by field, in the message, in a span, by the direct path.
fn every_day(scene: &Scene, canary: &Canary) {
    let secret = canary.text();
    match canary.detector() {
        "key" => {
            tracing::error!(password = secret, "login with password={secret} failed");
            tracing::error_span!("request", api_key = secret).in_scope(|| tracing::error!("inside"));
        }
        _ => {
            tracing::error!(note = secret, "got {secret} back");
            tracing::error_span!("request", note = secret).in_scope(|| tracing::error!("inside"));
            let record = Record::new(Channel::APP, "direct").message(secret).field("note", secret);
            scene.say(&format!("{record:?} {:?}", scene.handle.record(record.clone())));
        }
    }
}

/// The console, in a process of its own, in both formats.
pub(crate) fn console(context: &mut Context) -> Result<Done, Failure> {
    if let Some(told) = context.told.clone() {
        print(context, &told)?;
        return Ok(Done::Proved);
    }
    for format in ["text", "json"] {
        let seed = context.seed;
        let output = child::run(&context.test, &format!("{format} {seed}"))
            .map_err(|error| Failure::new(format!("this test cannot run itself as a child: {error}")))?;
        ensure!(output.status.success(), "the child failed ({format}): {}", output.status);
        let canaries = context.canaries(seed);
        let shown = String::from_utf8_lossy(&output.stdout);
        ensure!(
            shown.contains("an ordinary line") && shown.contains("[redacted:"),
            "the console ({format}) shows nothing: the capture does not work"
        );
        let outputs = [("stdout", output.stdout.as_slice()), ("stderr", output.stderr.as_slice())];
        let leaks = Search::new(&canaries).leaks(outputs);
        if !leaks.is_empty() {
            let text = format!(
                "the console ({format}) shows a secret\n{}\n  seed       {seed}",
                told(&leaks, &canaries)
            );
            return Err(guarded(text, &canaries));
        }
        context.count(canaries.len());
        context.tally.cases += 1;
    }
    if context.facts.text("console.format").is_none() {
        context.note("the policy has no [console]: shown for the policy with one");
    }
    Ok(Done::Proved)
}

/// The child's part.
fn print(context: &mut Context, told: &str) -> Result<(), Failure> {
    let (format, seed) = told.split_once(' ').unwrap_or_default();
    let policy = with_console(&context.policy, format)?;
    let (layer, guard) = Options::new(policy)
        .storage(Arc::new(Memory::new()))
        .open()
        .map_err(|error| Failure::new(format!("the layer does not open: {error}")))?;
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for canary in context.canaries(seed.parse().unwrap_or_default()) {
            let secret = canary.text();
            match canary.detector() {
                "key" => tracing::error!(password = secret, "login password={secret}"),
                _ => tracing::error!(note = secret, "got {secret}"),
            }
        }
        tracing::error!(room = 7, "an ordinary line");
    });
    drop(guard.shutdown(Duration::from_secs(20)));
    Ok(())
}

fn with_console(policy: &Policy, format: &str) -> Result<Policy, Failure> {
    derived(policy, |table| {
        set(table, "console.format", format);
        set(table, "console.stream", "stdout");
    })
}

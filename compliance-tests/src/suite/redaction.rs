//! What redaction hides, and what it leaves alone.

use dihya::Record;
use serde_json::Value;

use super::bare;
use super::classes::{Planted, guarded, told};
use super::context::Context;
use super::failure::ensure;
use super::{Done, Failure, lines};
use crate::canary::Canary;
use crate::classes::State;
use crate::emit;
use crate::search::Search;
use crate::seed::Seed;
use crate::shapes::{self, Needs};
use crate::world::{Captured, World};

/// Each detector finds its own kind, and says so in the record.
pub(crate) fn detectors(context: &mut Context) -> Result<Done, Failure> {
    let detectors = context.detectors();
    for seed in context.seeds() {
        let mut random = Seed::new(seed);
        let canaries: Vec<Canary> =
            detectors.iter().map(|detector| Canary::of(detector, &mut random)).collect();
        let log = || canaries.iter().for_each(|canary| tracing::error!("got {} back", canary.text()));
        let bare: String = bare::capture(log).iter().map(ToString::to_string).collect();
        let search = Search::new(&canaries);
        let seen: std::collections::BTreeSet<usize> =
            search.leaks([("bare", bare.as_bytes())]).iter().map(|leak| leak.canary).collect();
        ensure!(
            seen.len() == canaries.len(),
            "without redaction not every canary is found: the search does not work"
        );
        let captured = World::new(context.policy.clone()).seed(seed).run(|_| log());
        let leaks = captured.leaks(&canaries);
        if !leaks.is_empty() {
            return Err(guarded(
                format!("a secret came out\n{}\n  seed       {seed}", told(&leaks, &canaries)),
                &canaries,
            ));
        }
        let counts = |name: &str| {
            let of = |record: &Value| record["redactions"][name].as_u64().unwrap_or_default();
            parsed(&captured).iter().map(of).sum::<u64>()
        };
        for detector in &detectors {
            ensure!(
                counts(detector.name) > 0,
                "no record says that {} was found (seed {seed})",
                detector.name
            );
        }
        context.count(canaries.len());
        context.tally.cases += 1;
    }
    Ok(Done::Proved)
}

/// The service's own names, from the suite and from the policy, hide what they name.
pub(crate) fn own_keys(context: &mut Context) -> Result<Done, Failure> {
    let mut keys = context.keys.clone();
    keys.extend(context.facts.list("redact.mask_keys"));
    keys.extend(context.facts.list("redact.drop_keys"));
    if keys.is_empty() {
        return Ok(Done::NotClaimed(
            "Neither the suite (`keys`) nor the policy (`mask_keys`, `drop_keys`) names any.".into(),
        ));
    }
    for seed in context.seeds() {
        for key in &keys {
            let canary = Canary::plain(&mut Seed::new(seed));
            let secret = canary.text();
            let log = || {
                emit::event("e", "app", &[(key, &secret), ("ok", &true)]);
                emit::span("request", "app", &[(key, &secret)]).in_scope(|| tracing::error!("inside"));
                tracing::error!(note = %format!("{{\"{key}\":\"{secret}\"}}"), "with {key}={secret} given");
            };
            unseen(context, seed, std::slice::from_ref(&canary), log, || {
                format!("what the field `{key}` holds came out")
            })?;
        }
        context.tally.cases += 1;
    }
    Ok(Done::Proved)
}

/// The service's own secrets are hidden in the ways in that need no name.
pub(crate) fn own_samples(context: &mut Context) -> Result<Done, Failure> {
    for name in context.facts.own_detectors() {
        if !context.samples.iter().any(|sample| sample.name == name) {
            context.note(format!(
                "the policy's own detector {name} has no `sample` of its name: it is not tested"
            ));
        }
    }
    if context.samples.is_empty() {
        return Ok(Done::NotClaimed("The suite is given none (`sample`).".into()));
    }
    for seed in context.seeds() {
        for sample in context.samples.clone() {
            let text = (sample.make)(&mut Seed::new(seed));
            ensure!(
                text.len() >= 12,
                "the sample {} is shorter than 12 characters: too short to be looked for",
                sample.name
            );
            let canary = Canary::given(sample.name, text);
            let shapes = shapes::all().iter().filter(|shape| shape.state() == State::Covered);
            for shape in shapes.filter(|s| s.needs == Needs::Form && OWN_CLASSES.contains(&s.class)) {
                let policy = context.policy.clone();
                let planted = Planted { policy: &policy, shape, canaries: vec![canary.clone()], seed };
                planted.check(context, &format!("the sample {}", sample.name))?;
            }
        }
        context.tally.cases += 1;
    }
    Ok(Done::Proved)
}

/// Field, message, JSON, struct, tuple, query, cause of an error, span.
const OWN_CLASSES: [u8; 8] = [1, 3, 5, 7, 9, 12, 20, 23];

/// Logs, and fails if a canary comes out, after it did without redaction.
fn unseen(
    context: &mut Context,
    seed: u64,
    canaries: &[Canary],
    log: impl Fn(),
    what: impl Fn() -> String,
) -> Result<(), Failure> {
    let bare: String = bare::capture(&log).iter().map(ToString::to_string).collect();
    let seen = Search::new(canaries).leaks([("bare", bare.as_bytes())]);
    ensure!(!seen.is_empty(), "without redaction the canary is not found: the search does not work");
    let leaks = World::new(context.policy.clone()).seed(seed).run(|_| log()).leaks(canaries);
    if leaks.is_empty() {
        context.count(canaries.len());
        return Ok(());
    }
    Err(guarded(format!("{}\n{}\n  seed       {seed}", what(), told(&leaks, canaries)), canaries))
}

/// Nothing is hidden where there is nothing to hide.
pub(crate) fn ordinary_lines(context: &mut Context) -> Result<Done, Failure> {
    let lines: Vec<&str> = lines::ordinary().collect();
    ensure!(lines.len() >= 40, "there are only {} ordinary lines", lines.len());
    let messages = messages(context, &lines);
    ensure!(messages.len() == lines.len(), "{} of {} lines arrived", messages.len(), lines.len());
    let mut by_policy = 0;
    for (number, (line, (message, redactions))) in lines.iter().zip(&messages).enumerate() {
        if message == line {
            context.count(1);
            continue;
        }
        let own = redactions.iter().all(|label| context.facts.is_own(label));
        ensure!(
            own && !redactions.is_empty(),
            "line {} of the ordinary lines is changed, by {}: a false positive",
            number + 1,
            redactions.join(", ")
        );
        by_policy += 1;
    }
    if by_policy > 0 {
        context.note(format!("{by_policy} ordinary lines are changed by what the policy itself adds"));
    }
    Ok(Done::Proved)
}

/// Each line as a message, with what was redacted in it.
fn messages<S: AsRef<str>>(context: &Context, lines: &[S]) -> Vec<(String, Vec<String>)> {
    let captured = World::new(context.policy.clone()).seed(context.seed).run(|_| {
        lines.iter().for_each(|line| tracing::error!(target: "dihya_suite", "{}", line.as_ref()));
    });
    let mine = parsed(&captured).into_iter().filter(|record| record["target"] == "dihya_suite");
    let labels = |record: &Value| -> Vec<String> {
        record["redactions"].as_object().into_iter().flat_map(|all| all.keys().cloned()).collect()
    };
    mine.map(|record| (record["message"].as_str().unwrap_or_default().to_owned(), labels(&record))).collect()
}

/// Numbers, flags, identifiers and times pass unchanged, and keep their types.
pub(crate) fn ordinary_fields(context: &mut Context) -> Result<Done, Failure> {
    let Some(app) = context.policy.channel("app") else {
        return Err(Failure::new("there is no channel `app`"));
    };
    let captured = World::new(context.policy.clone()).run(|scene| {
        let record = Record::new(app, "dihya_suite")
            .number("status", 200)
            .number("tokens_used", 120)
            .flag("ok", true)
            .field("uuid", "0197a1c2-7a31-7c4e-9a51-5b1c8a0c5d11")
            .field("sha", "9fceb02d0ae598e95dc970b74767f19372d61af8")
            .field("started", "2026-03-01T09:12:33.123456Z")
            .field("version", "1.4.2-rc.1+b5")
            .field("route", "/rooms/{id}")
            .field("author", "Ada");
        scene.say(&format!("{:?}", scene.handle.record(record)));
    });
    let records = parsed(&captured);
    let Some(record) = records.iter().find(|record| record["event_name"] == "dihya_suite") else {
        return Err(Failure::new("the record did not arrive"));
    };
    let expected = serde_json::json!({
        "status": 200, "tokens_used": 120, "ok": true, "uuid": "0197a1c2-7a31-7c4e-9a51-5b1c8a0c5d11",
        "sha": "9fceb02d0ae598e95dc970b74767f19372d61af8", "started": "2026-03-01T09:12:33.123456Z",
        "version": "1.4.2-rc.1+b5", "route": "/rooms/{id}", "author": "Ada",
    });
    let declared = context.facts.is("channels.app.strict").then(|| context.facts.list("channels.app.fields"));
    for (name, value) in expected.as_object().into_iter().flatten() {
        let is = &record["attributes"][name];
        let by_policy = declared.as_ref().is_some_and(|fields| !fields.contains(name))
            || is.as_str().is_some_and(|is| is.starts_with("[redacted:key_custom"))
            || context.facts.list("redact.drop_keys").contains(name);
        if by_policy {
            context.note(format!("the policy itself hides the field `{name}`"));
            continue;
        }
        ensure!(is == value, "the field `{name}` does not pass unchanged: a false positive");
        context.count(1);
    }
    Ok(Done::Proved)
}

/// A strict channel replaces every field that it does not declare, and keeps those it does.
pub(crate) fn strict(context: &mut Context) -> Result<Done, Failure> {
    let strict = context.facts.strict();
    if strict.is_empty() {
        return Ok(Done::NotClaimed("No channel of this policy is strict.".into()));
    }
    for name in strict {
        let declared = context.facts.list(&format!("channels.{name}.fields"));
        let Some(channel) = context.policy.channel(&name) else { continue };
        // Ordinary text: nothing but the list of fields decides.
        let names: Vec<&'static str> = declared
            .iter()
            .map(String::as_str)
            .chain(UNDECLARED)
            .map(|name| &*name.to_owned().leak())
            .collect();
        let captured = World::new(context.policy.clone()).run(|scene| {
            let record = names
                .iter()
                .fold(Record::new(channel, "dihya_suite"), |record, name| record.field(name, "seven"));
            scene.say(&format!("{:?}", scene.handle.record(record)));
        });
        let records = parsed(&captured);
        let Some(record) = records.iter().find(|record| record["event_name"] == "dihya_suite") else {
            return Err(Failure::new(format!("the record for {name} did not arrive")));
        };
        let value =
            |field: &str| [&record["attributes"][field], &record[field]].into_iter().find_map(Value::as_str);
        for field in UNDECLARED.iter().filter(|field| !declared.iter().any(|declared| declared == *field)) {
            ensure!(
                value(field) == Some("[redacted:strict]"),
                "the strict channel {name} shows the field `{field}`, which it does not declare"
            );
            context.count(1);
        }
        let kept = declared.iter().filter(|field| value(field) == Some("seven")).count();
        ensure!(
            kept > 0
                || declared.iter().all(|field| value(field).is_none_or(|is| is.starts_with("[redacted:key"))),
            "the strict channel {name} shows none of its declared fields: that it hides the others proves nothing"
        );
        context.tally.checks += kept as u64;
    }
    Ok(Done::Proved)
}

const UNDECLARED: [&str; 3] = ["dihya_suite_remark", "dihya_suite_note", "dihya_suite_other"];

/// What was redacted once is not changed by being redacted again.
pub(crate) fn twice(context: &mut Context) -> Result<Done, Failure> {
    let detectors = context.detectors();
    let mut changed = 0;
    for seed in context.seeds() {
        let mut random = Seed::new(seed);
        let lines: Vec<String> = (0..40).map(|_| lines::mixed(&detectors, &mut random)).collect();
        let once: Vec<String> = messages(context, &lines).into_iter().map(|(text, _)| text).collect();
        let twice: Vec<String> = messages(context, &once).into_iter().map(|(text, _)| text).collect();
        ensure!(once.len() == lines.len(), "{} of {} lines arrived", once.len(), lines.len());
        changed += once.iter().zip(&lines).filter(|(once, line)| once != line).count();
        let differs = once.iter().zip(&twice).position(|(once, twice)| once != twice);
        ensure!(
            differs.is_none(),
            "line {} of 40 changes when it is redacted again (seed {seed})",
            differs.unwrap_or_default() + 1
        );
        context.count(lines.len());
        context.tally.cases += 1;
    }
    ensure!(
        changed > 0,
        "nothing was redacted the first time: that nothing changes the second time proves nothing"
    );
    Ok(Done::Proved)
}

/// All records as JSON.
pub(crate) fn parsed(captured: &Captured) -> Vec<Value> {
    captured.records().iter().filter_map(|record| serde_json::from_str(record).ok()).collect()
}

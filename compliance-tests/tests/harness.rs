//! The harness itself: it sees what is there, and shows no secret when it fails.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use dihya::{Policy, Sector};
use dihya_compliance::{CLASSES, Canary, Search, Seed, State, World, grid, leaks};

fn policy() -> Policy {
    Policy::sector(Sector::Generic).service("clinic", "1.4.2")
}

#[test]
fn a_planted_leak_is_found_in_every_output_it_reaches() {
    let canary = Canary::plain(&mut Seed::new(11));
    // Nothing gives this field's value away: it is there for all to see.
    let mut captured = World::new(policy()).run(|scene| {
        tracing::error!(remark = canary.text(), "x");
        scene.say(canary.text());
    });
    captured.add("stderr", canary.text().as_bytes());
    let mut outputs: Vec<String> = captured.leaks([&canary]).into_iter().map(|leak| leak.output).collect();
    outputs.sort();
    outputs.dedup();
    assert_eq!(outputs, ["errors", "file /logs/app/2026-03-01.jsonl", "mirror", "stderr"]);
}

#[test]
fn a_failure_names_detector_class_shape_and_seed_and_never_the_secret() {
    // The personal detectors can be switched off: then they leak, as an unknown form would.
    let careless = Policy::parse(
        "[storage]\nroot = \"/logs\"\n[redact]\noff = [\"email\", \"iban\", \"nir\"]\n",
        "p.toml",
    );
    let careless = careless.unwrap();
    let leaked = leaks::check_every_shape(&careless, 3, 77).unwrap_err();
    let text = format!("{leaked} {leaked:?} {leaked:#?}");
    let case = leaked.cases().next().unwrap();
    let seed = format!("seed {}", case.seed);
    for part in ["class 3", "the message", "error!(", &seed, "email"] {
        assert!(text.contains(part), "no {part}");
    }
    // What it names is enough to see it again.
    assert!(grid::plant(&careless, &[case]).is_err());
    let again = || leaks::check_every_shape(&careless, 3, 77).unwrap();
    let caught = catch_unwind(AssertUnwindSafe(again)).unwrap_err();
    let message = caught.downcast::<String>().unwrap();
    // Every canary that was planted and came out.
    let known: Vec<_> = dihya::inspect::detectors().collect();
    let of = |case: grid::Case| {
        let detector = known.iter().find(|detector| detector.name == case.cell.detector()).unwrap();
        Canary::of(detector, &mut Seed::new(case.seed))
    };
    let canaries: Vec<Canary> = leaked.cases().map(of).collect();
    let found = Search::new(&canaries).leaks([("text", text.as_bytes()), ("panic", message.as_bytes())]);
    assert!(found.is_empty());
    assert!(message.contains(&seed), "the capture of the panic does not work");
}

#[test]
fn a_capture_shows_names_and_sizes_alone() {
    let canary = Canary::plain(&mut Seed::new(12));
    let captured = World::new(policy()).run(|scene| scene.say(canary.text()));
    let shown = format!("{captured:?}");
    assert!(shown.contains("mirror") && !shown.contains(canary.text()));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let records =
        |seed| World::new(policy()).seed(seed).run(|_| tracing::error!(room = 7, "served")).records();
    assert_eq!(records(3), records(3));
    assert_ne!(records(3), records(4));
}

#[test]
fn a_world_refuses_a_capture_that_sees_nothing() {
    // With no channel that takes the control words, their absence must not pass for cleanliness.
    let off: String = ["app", "api", "scheduler", "generation"]
        .map(|c| format!("[channels.{c}]\nlevel = \"off\"\n"))
        .concat();
    let policy = Policy::parse(&format!("[storage]\nroot = \"/logs\"\n{off}"), "p.toml").unwrap();
    let caught = catch_unwind(AssertUnwindSafe(|| World::new(policy).run(|_| ()))).unwrap_err();
    let message =
        caught.downcast::<String>().map(|m| *m).or_else(|m| m.downcast::<&str>().map(|m| m.to_string()));
    assert!(message.unwrap().contains("the capture does not work"));
}

#[test]
fn the_debug_of_an_open_layer_shows_no_secret() {
    let mut seed = Seed::new(13);
    let canaries: Vec<Canary> =
        dihya::inspect::detectors().map(|detector| Canary::of(&detector, &mut seed)).collect();
    let captured = World::new(policy()).run(|scene| {
        for canary in &canaries {
            let span = tracing::error_span!("request", note = canary.text());
            let _entered = span.enter();
            tracing::error!(password = canary.text(), "{}", canary.text());
        }
        // While spans are known and records may wait in the queues.
        scene.say(&format!("{:?}", scene.handle));
    });
    assert!(captured.text("errors").contains("Handle {"), "nothing captured");
    assert!(captured.leaks(&canaries).is_empty());
}

#[test]
fn a_check_covers_every_covered_class() {
    let checked = leaks::check(policy()).unwrap();
    assert_eq!(checked.classes, CLASSES.iter().filter(|class| class.state == State::Covered).count());
    assert!(checked.planted > 2000, "{} planted", checked.planted);
}

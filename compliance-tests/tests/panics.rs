//! A panic shows no secret: not on stderr, not in its record. The hook belongs to the process, hence a child.

#![allow(clippy::unwrap_used, reason = "a test fails by it; what is unwrapped shows no secret")]

use dihya::{Policy, Sector};
use dihya_compliance::{Canary, Search, Seed, World, child};

fn canaries(seed: u64) -> Vec<Canary> {
    let mut seed = Seed::new(seed);
    let formed: Vec<Canary> =
        dihya::inspect::detectors().map(|detector| Canary::of(&detector, &mut seed)).collect();
    formed.into_iter().chain((0..10).map(|_| Canary::plain(&mut seed))).collect()
}

fn refused(text: String) -> Result<(), String> {
    Err(text)
}

/// The child: panics with each canary, caught, and prints the files.
fn panic_with_all(seed: u64) {
    let policy = Policy::sector(Sector::Generic);
    let captured = World::new(policy).run(|_| {
        for canary in canaries(seed) {
            let secret = canary.text();
            let _ = std::panic::catch_unwind(|| match canary.detector() {
                "key" => panic!("login failed, password={secret} user=bob"),
                _ => panic!("cannot use {secret} here"),
            });
            let text =
                if canary.detector() == "key" { format!("password={secret}") } else { secret.to_owned() };
            let _ = std::thread::scope(|scope| {
                scope.spawn(|| panic!("{text}\nwas refused, {text}")).join().map_err(drop)
            });
            let _ = std::panic::catch_unwind(|| refused(text).unwrap());
        }
        let _ = std::panic::catch_unwind(|| panic!("an ordinary panic in room 7"));
    });
    #[allow(clippy::print_stdout, reason = "what the parent reads")]
    {
        println!("{}", captured.records().join("\n"));
        println!("mirror {}", captured.text("mirror"));
    }
}

#[test]
fn a_panic_shows_no_secret() {
    if let Some(seed) = child::told() {
        return panic_with_all(seed.parse().unwrap());
    }
    for seed in 1..4 {
        let output = child::run("a_panic_shows_no_secret", &seed.to_string()).unwrap();
        assert!(output.status.success(), "the child failed");
        // The capture works: an ordinary panic is on stderr and in the record.
        let has = |bytes: &[u8], text: &str| String::from_utf8_lossy(bytes).contains(text);
        assert!(has(&output.stderr, "an ordinary panic in room 7") && has(&output.stderr, "panics.rs"));
        assert!(has(&output.stdout, "an ordinary panic in room 7") && has(&output.stdout, "sys_crash"));
        assert!(has(&output.stdout, "[redacted:jwt]") && has(&output.stderr, "[redacted:keyed_secret]"));
        let canaries = canaries(seed);
        let search = Search::new(&canaries);
        let leaks =
            search.leaks([("stderr", output.stderr.as_slice()), ("stdout", output.stdout.as_slice())]);
        let named: Vec<_> =
            leaks.iter().map(|leak| (canaries[leak.canary].detector(), &leak.output)).collect();
        assert!(named.is_empty(), "panics show secrets of {named:?}, seed {seed}");
    }
}

#[test]
fn without_the_layers_hook_the_same_panic_does_show_it() {
    // Else the search above proves nothing.
    if let Some(seed) = child::told() {
        let canary = Canary::plain(&mut Seed::new(seed.parse().unwrap()));
        let _ = std::panic::catch_unwind(|| panic!("login failed, password={}", canary.text()));
        return;
    }
    let output = child::run("without_the_layers_hook_the_same_panic_does_show_it", "5").unwrap();
    let canary = Canary::plain(&mut Seed::new(5));
    assert!(!Search::new([&canary]).leaks([("stderr", output.stderr.as_slice())]).is_empty());
}

#[test]
fn the_console_shows_no_secret() {
    if let Some(told) = child::told() {
        let (format, seed) = told.split_once(' ').unwrap();
        let root = std::env::temp_dir().join(format!("dihya-console-{}", std::process::id()));
        let text =
            format!("[storage]\nroot = {root:?}\n[console]\nformat = \"{format}\"\nstream = \"stdout\"\n");
        let (layer, guard) = dihya::open(Policy::parse(&text, "console.toml").unwrap()).unwrap();
        use tracing_subscriber::layer::SubscriberExt;
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for canary in canaries(seed.parse().unwrap()) {
                match canary.detector() {
                    "key" => tracing::error!(password = canary.text(), "login password={}", canary.text()),
                    _ => tracing::error!(note = canary.text(), "got {}", canary.text()),
                }
            }
            tracing::error!(room = 7, "an ordinary line");
        });
        drop(guard.shutdown(std::time::Duration::from_secs(20)));
        std::fs::remove_dir_all(root).unwrap();
        return;
    }
    for format in ["text", "json"] {
        let output = child::run("the_console_shows_no_secret", &format!("{format} 9")).unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains("an ordinary line") && shown.contains("[redacted:jwt]"), "nothing captured");
        let canaries = canaries(9);
        let leaks = Search::new(&canaries).leaks([("stdout", output.stdout.as_slice())]);
        let named: Vec<_> = leaks.iter().map(|leak| canaries[leak.canary].detector()).collect();
        assert!(named.is_empty(), "the console shows secrets of {named:?} as {format}");
    }
}

#[test]
fn the_console_shows_no_control_character() {
    if child::told().is_some() {
        let root = std::env::temp_dir().join(format!("dihya-control-{}", std::process::id()));
        let text = format!("[storage]\nroot = {root:?}\n[console]\nformat = \"text\"\nstream = \"stdout\"\n");
        let (layer, guard) = dihya::open(Policy::parse(&text, "console.toml").unwrap()).unwrap();
        use tracing_subscriber::layer::SubscriberExt;
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::error!(room = "7\u{1b}[2J\u{202e}", "cleared\u{1b}[2J and\u{7} turned\u{202e}");
        });
        drop(guard.shutdown(std::time::Duration::from_secs(20)));
        std::fs::remove_dir_all(root).unwrap();
        return;
    }
    let output = child::run("the_console_shows_no_control_character", "all").unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(shown.contains("cleared") && shown.contains("turned"), "nothing captured");
    let moves = |c: char| matches!(c, '\u{1b}' | '\u{7}' | '\u{202e}');
    assert!(!shown.contains(moves), "a control character reaches the terminal");
}

//! Laws of the policy that hold for every file.

use std::fmt::Write as _;

use dihya::Policy;
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

fn line(out: &mut String, key: &str, value: &Option<String>) {
    if let Some(value) = value {
        let _ = writeln!(out, "{key} = {value}");
    }
}

fn quoted(text: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    // JSON's escapes are TOML's.
    text.prop_map(|t| serde_json::to_string(&t).unwrap_or_default().replace('\u{7f}', "\\u007F"))
}

fn word(choices: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    of(select(choices).prop_map(|c| format!("\"{c}\"")))
}

fn size() -> impl Strategy<Value = Option<String>> {
    of(prop_oneof![
        (65_536u64..=1 << 30).prop_map(|n| format!("\"{n} B\"")),
        (64u64..=4096).prop_map(|n| format!("\"{n}KiB\"")),
        (1u64..=1024).prop_map(|n| format!("\"{n} MiB\"")),
    ])
}

fn time() -> impl Strategy<Value = String> {
    prop_oneof![
        (1u64..=60_000).prop_map(|n| format!("\"{n}ms\"")),
        (1u64..=60).prop_map(|n| format!("\"{n} s\""))
    ]
}

/// Periods in order, in one unit or in two that cannot cross.
fn retention() -> BoxedStrategy<Option<String>> {
    let ordered = prop_oneof![
        vec(1u32..=12, 3).prop_map(|n| ("M", n)),
        vec(1u32..=365, 3).prop_map(|n| ("D", n)),
        vec(1u32..=50, 3).prop_map(|n| ("W", n)),
    ];
    let long = any::<bool>();
    of((ordered, long, quoted("[ -~é]{0,20}x".boxed())).prop_map(|((unit, mut n), long, source)| {
        n.sort_unstable();
        let mut out = format!("floor = \"P{}{unit}\", default = \"P{}{unit}\", ", n[0], n[1]);
        let _ = match long {
            true => write!(out, "ceiling = \"P3Y6M2D\", case = {source}, document = \"a b\""),
            false => write!(out, "ceiling = \"P{}{unit}\", source = {source}", n[2]),
        };
        format!("{{ {out}, hot = \"P1D\" }}")
    }))
    .boxed()
}

// Boxed: the nested types would not fit the stack of a test thread.
fn channel(name: &'static str) -> BoxedStrategy<String> {
    let lossless = name == "audit" || name == "security";
    let levels: &[&str] = if lossless {
        &["info", "debug", "trace"]
    } else {
        &["off", "error", "warn", "info", "debug", "trace"]
    };
    let waits = prop_oneof![
        Just("\"drop\"".to_owned()),
        Just("\"block\"".to_owned()),
        time().prop_map(|t| format!("\"block\"\nblock_limit = {t}"))
    ];
    let sync = prop_oneof![Just("\"batch\"".to_owned()), time()];
    let room = (word(&["archive", "none"]), of((64u64..=1 << 20).prop_map(|n| format!("\"{n} GiB\""))));
    let fields = subsequence(vec!["a", "order_id", "http.route", "é"], 1..=4)
        .prop_map(|f| format!("true\nfields = {}", serde_json::to_string(&f).unwrap_or_default()));
    (word(levels), size(), of(waits), of(sync), size(), of(fields), retention(), room)
        .prop_map(move |(level, queue, on_full, sync, shard, strict, retention, room)| {
            let mut out = format!("[channels.{name}]\n");
            for (key, value) in [
                ("level", level),
                ("queue", queue),
                ("on_full", on_full),
                ("sync", sync),
                ("shard_size", shard),
                ("backup", room.0),
                ("max_bytes", room.1),
                ("strict", strict),
                ("retention", retention),
            ] {
                line(&mut out, key, &value);
            }
            out
        })
        .boxed()
}

fn keys(list: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    of(subsequence(list, 0..=list.len()).prop_map(|k| serde_json::to_string(&k).unwrap_or_default()))
}

/// Of names that differ, and of forms that no ordinary line holds.
fn detectors() -> BoxedStrategy<String> {
    let prefix = (
        select(&["\"§cb_\"", "[\"§a-\", \"§b'\\\\\"]", "'§é\"'"][..]),
        select(&["alnum", "upper", "digits", "hex", "base64", "dot"][..]),
        1u32..=64,
        of(64u32..=4096),
    )
        .prop_map(|(prefix, alphabet, min, max)| {
            let max = max.map(|max| format!("max_length = {max}\n")).unwrap_or_default();
            format!("prefix = {prefix}\nalphabet = \"{alphabet}\"\nmin_length = {min}\n{max}")
        });
    let regex = select(&["'§[0-9]{4}'", "\"\\\\b§§\\\\d+\"", "'''(?i)§'[a-z]\"'''"][..])
        .prop_map(|regex| format!("regex = {regex}\n"));
    let form = if cfg!(feature = "regex") { prop_oneof![prefix, regex].boxed() } else { prefix.boxed() };
    vec(form, 0..4)
        .prop_map(|forms| {
            let mut out = String::new();
            for (index, form) in forms.iter().enumerate() {
                let _ = write!(out, "[[redact.detectors]]\nname = \"own_{index}\"\n{form}");
            }
            out
        })
        .boxed()
}

fn allowances() -> BoxedStrategy<String> {
    let one = (
        word(&["vendor", "contact", "http.contact"]),
        word(&["app", "audit", "web-hooks"]),
        word(&["mailer", "clinic::api"]),
        of((select(&["value", "prefix"][..]), quoted("[a-z]{3,9}@\"?[a-zé\\\\]{0,9}".boxed()))),
        quoted("[ -~é]{0,20}x".boxed()),
    )
        .prop_map(|(field, channel, target, text, reason)| {
            // Something has to confine it.
            let field = field.or(text.is_none().then(|| "\"contact\"".to_owned()));
            let mut out = "[[redact.allow]]\ndetector = \"email\"\n".to_owned();
            for (key, value) in
                [("field", field), ("channel", channel), ("target", target), ("reason", Some(reason))]
            {
                line(&mut out, key, &value);
            }
            if let Some((key, text)) = text {
                line(&mut out, key, &Some(text));
            }
            out
        });
    vec(one, 0..3).prop_map(|all| all.concat()).boxed()
}

fn file() -> BoxedStrategy<String> {
    let top = (
        word(&["generic", "health", "education", "ecommerce"]),
        word(&["off", "warn", "info", "trace"]),
        of(any::<bool>()),
        of(quoted("[!-~]{1,20}".boxed())),
    );
    let service = (
        of(quoted("[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}".boxed())),
        of(quoted("[!-~]{1,20}".boxed())),
        word(&["i1", "blue.2"]),
    );
    let storage = (quoted("[a-zA-Z0-9é \"'\\\\.]{0,20}r".boxed()), keys(&["/mnt/one", "/mnt/two ü"]), size());
    let channels =
        (channel("app"), channel("audit"), channel("api"), channel("generation"), channel("web-hooks"));
    let redact = (keys(&["badge", "clé"]), keys(&["raw"]), keys(&["author"]), keys(&["iban", "nir"]));
    let own = (detectors(), allowances());
    let roles = (keys(&["user:ada", "group:ops.fr"]), keys(&["user:host$"]));
    let console = of((word(&["json", "text"]), word(&["stdout", "stderr"])));
    // Targets that do not cover one another, so that every route can match.
    let routes = subsequence(vec!["a::b", "a::c", "tower_http", "billing", "web-hooks"], 0..=5)
        .prop_flat_map(|targets| {
            targets
                .into_iter()
                .map(|t| {
                    (word(&["error", "info", "trace"]), select(&["app", "audit", "web-hooks"][..]))
                        .prop_map(move |(level, channel)| (t, level, channel))
                })
                .collect::<Vec<_>>()
        });
    (top, service, storage, channels, redact, own, console, routes, roles)
        .prop_map(|(top, service, storage, channels, redact, own, console, routes, roles)| {
            let mut out = String::new();
            line(&mut out, "sector", &top.0);
            line(&mut out, "level", &top.1);
            line(&mut out, "version", &top.3);
            line(&mut out, "panic_hook", &top.2.map(|b| b.to_string()));
            out.push_str("[service]\n");
            line(&mut out, "name", &service.0);
            line(&mut out, "version", &service.1);
            line(&mut out, "instance", &service.2);
            out.push_str("[storage]\n");
            line(&mut out, "root", &Some(storage.0));
            line(&mut out, "fallback_roots", &storage.1);
            line(
                &mut out,
                "min_free",
                &storage.2.filter(|text| !text.ends_with(" B\"") && !text.contains("KiB")),
            );
            for channel in [channels.0, channels.1, channels.2, channels.3, channels.4] {
                out.push_str(&channel);
            }
            for (target, level, channel) in routes {
                let _ = writeln!(out, "[[routes]]\ntarget = \"{target}\"\nchannel = \"{channel}\"");
                line(&mut out, "level", &level);
            }
            out.push_str("[redact]\n");
            line(&mut out, "mask_keys", &redact.0);
            line(&mut out, "drop_keys", &redact.1);
            line(&mut out, "keep_keys", &redact.2);
            line(&mut out, "off", &redact.3);
            out.push_str(&own.0);
            out.push_str(&own.1);
            if roles.0.is_some() {
                out.push_str("[lifecycle]\nrun = true\n");
            }
            out.push_str("[roles]\n");
            line(&mut out, "reader", &roles.0);
            line(&mut out, "admin", &roles.1);
            if let Some((format, stream)) = console {
                out.push_str("[console]\n");
                line(&mut out, "format", &format);
                line(&mut out, "stream", &stream);
            }
            out
        })
        .boxed()
}

const ESCAPE: char = char::from_u32(0x1b).unwrap();

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_parses_back_to_the_same_policy(text in file()) {
        let policy = Policy::parse(&text, "generated").map_err(|e| TestCaseError::fail(e.report()))?;
        for explained in [false, true] {
            let shown = policy.to_toml(explained);
            let again = Policy::parse(&shown, "shown")
                .map_err(|e| TestCaseError::fail(format!("{}\n{shown}", e.report())))?;
            prop_assert!(policy == again, "differs:\n{text}\n-- shown --\n{shown}");
            prop_assert_eq!(again.to_toml(false), policy.to_toml(false));
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}|([a-z.\\[\\]=\"{}\\n #,]{0,120})") {
        if let Err(error) = Policy::parse(&text, "any") {
            prop_assert!(!error.problems().is_empty());
            prop_assert!(!error.report().is_empty());
        }
    }

    #[test]
    fn a_file_with_one_character_changed_is_taken_or_told(text in file(), at in any::<prop::sample::Index>(), c in any::<char>()) {
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        chars[at] = c;
        let text: String = chars.into_iter().collect();
        if let Err(error) = Policy::parse(&text, "changed") {
            prop_assert!(error.problems().iter().all(|p| p.line().is_some()));
            prop_assert!(!error.report().contains(ESCAPE));
        }
    }
}

//! `dihya report` as its user meets it: the figures, the page, and what is wrong with a log.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up fails")]

#[path = "report/made.rs"]
mod made;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use made::Folder;
use serde_json::{Value, json};

#[test]
fn the_figures_of_a_log_that_was_lived_with_are_those_of_reading_it_all() {
    let folder = Folder::new("figures", 10);
    let report = folder.json(&[]);
    schema(&report);
    let lines = folder.lines();
    assert_eq!(report["read"]["records"], lines.len());
    assert_eq!(report["read"]["archived"], 2, "the archived shards are counted too");
    let (mut records, mut redactions) = (BTreeMap::new(), BTreeMap::<String, u64>::new());
    for (channel, line) in &lines {
        *records.entry(channel.as_str()).or_insert(0_u64) += 1;
        for (name, count) in line["redactions"].as_object().into_iter().flatten() {
            *redactions.entry(name.clone()).or_default() += count.as_u64().unwrap();
        }
    }
    for channel in report["channels"].as_array().unwrap() {
        let name = channel["name"].as_str().unwrap();
        assert_eq!(channel["records"], records.get(name).copied().unwrap_or_default(), "{name}");
        let steps = report["volume"]["series"].as_array().unwrap();
        let series = steps.iter().find(|series| series["channel"] == name).unwrap();
        let sum: u64 = series["records"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap()).sum();
        assert_eq!(channel["records"], sum, "the steps of {name}");
    }
    let told: BTreeMap<String, u64> = report["redactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["detector"].as_str().unwrap().to_owned(), row["count"].as_u64().unwrap()))
        .collect();
    assert!(redactions["email"] > 0 && redactions["key_authentication"] > 0);
    assert_eq!(told, redactions);

    let facts = &report["logs"][0]["facts"];
    let purged: u64 =
        facts["purged"].as_array().unwrap().iter().map(|p| p["records"].as_u64().unwrap()).sum();
    assert!(purged > 0 && facts["purged_records"] == purged);
    assert_eq!((&facts["archived_shards"], &facts["verified"]["whole"]), (&json!(2), &json!(true)));
    let operations = &facts["operations_by_name"];
    for name in ["archive", "purge", "hold_add", "verify", "query_evidence"] {
        assert!(operations[name].as_u64().is_some_and(|count| count > 0), "{name}: {operations}");
    }
    let alerts = report["alerts"].as_array().unwrap();
    let firing = alerts.iter().filter(|alert| alert["ended"].is_null() && alert["is_cut"] == false).count();
    assert_eq!((alerts.len(), firing), (9, 2));

    // Nobody's data: the operator is told, and of reasons, questions, grounds and subjects nothing.
    let page = folder.run(&["report", "--out", "-"]).stdout;
    let page = String::from_utf8(page).unwrap();
    for text in [page, report.to_string()] {
        assert!(text.contains("case-12") && text.contains("auth_bruteforce"));
        assert!(!text.contains("p-7") && !text.contains("u-3"), "somebody is named");
    }
}

/// `docs/report.schema.json`, by another's eyes.
fn schema(report: &Value) {
    let text = include_str!("../../docs/report.schema.json");
    let schema: Value = serde_json::from_str(text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(report).map(|error| format!("{} at {}", error, error.instance_path)).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    // It would see something that it does not know, anywhere.
    for pointer in ["", "/volume", "/channels/0", "/logs/0", "/read", "/room"] {
        let mut odd = report.clone();
        odd.pointer_mut(pointer).unwrap()["surprise"] = json!(1);
        assert!(!validator.is_valid(&odd), "{pointer}");
    }
}

fn write(folder: &Folder, path: &str, text: &str) {
    let path = folder.0.join("logs").join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn line(channel: &str, rest: &str) -> String {
    format!(
        "{{\"v\":1,\"id\":\"019ca8ab-bc63-774b-8000-000000000000\",\"timestamp\":\"2026-11-20T12:00:00.000000Z\",\"channel\":\"{channel}\",\"level\":\"INFO\"{rest},\"service\":{{\"name\":\"clinic\"}}}}\n"
    )
}

/// Markup wherever somebody else's text comes into the page.
#[test]
fn hostile_names_stay_text() {
    let hostile = "<img src=x onerror=alert(1)>'\\\"&</title></style><script>alert(2)</script>";
    let folder = Folder::empty("hostile<b>'&\u{202e}");
    let alert = format!(
        ",\"event_name\":\"alert_firing<s>\",\"target\":\"dihya\",\"attributes\":{{\"detector\":\"{hostile}\",\"severity\":\"{hostile}\",\"fingerprint\":\"{hostile}\",\"count\":1}}"
    );
    let names = format!(",\"redactions\":{{\"<u>{}\":3}}", "\\u0041");
    let own = alert.replace("alert_firing<s>", "alert_firing");
    let shards = [line("security", &alert), line("security", &own), line("security", &names)].concat();
    write(&folder, "security/2026-11-20.jsonl", &shards);
    write(&folder, "security/<em>.jsonl", "");
    let entry = |fact: &str| {
        format!("{{\"v\":1,\"timestamp\":\"2026-11-20<q>\",\"operator\":\"{hostile}\",{fact}}}\n")
    };
    let ledger = [
        entry(&format!("\"fact\":\"denied\",\"operation\":\"{hostile}\"")),
        entry(&format!("\"fact\":\"operation\",\"operation\":\"{hostile}\",\"outcome\":\"{hostile}\",\"milliseconds\":1,\"volume\":{{\"{hostile}\":1}}")),
        entry(&format!("\"fact\":\"read\",\"channel\":\"{hostile}\",\"query\":\"\"")),
        entry(&format!("\"fact\":\"verified\",\"what\":\"{hostile}\",\"whole\":false,\"shards\":1")),
        entry(&format!("\"fact\":\"hold_set\",\"id\":\"{hostile}\",\"hold\":{{\"owner\":\"{hostile}\"}}")),
        entry(&format!("\"fact\":\"purged\",\"shard\":\"{hostile}\",\"size\":1,\"root\":\"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\",\"bytes\":1,\"records\":1,\"store\":\"{hostile}\",\"rule\":\"{hostile}\",\"policy\":{{\"version\":\"{hostile}\",\"sha256\":\"\"}}")),
    ]
    .concat();
    write(&folder, "ledger/ledger.jsonl", &ledger);
    let output = folder.run(&["report", "--out", "-"]);
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains("&lt;img src=x onerror=alert(1)&gt;"), "it is shown: the control");
    assert!(page.matches("&lt;img").count() > 12, "everywhere: {}", page.matches("&lt;img").count());
    for tag in ["<img", "<script", "<em>", "<s>", "<u>", "<q>", "<b>'", "\u{202e}"] {
        assert!(!page.contains(tag), "{tag} is markup");
    }
    // Outside of the page's own tags there is no quote to break out of.
    let tags = page.split('<').skip(1).map(|part| part.split('>').next().unwrap());
    for tag in tags.filter(|tag| tag.contains("onerror")) {
        assert!(tag.contains("aria-label=\""), "{tag}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
    }
}

#[test]
fn an_empty_root_makes_a_page_that_says_so() {
    let folder = Folder::empty("empty");
    let output = folder.run(&["report", "--out", "report.html", "--json", "report.json"]);
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
    let page = folder.read("report.html");
    assert!(page.contains("There are no records of this time.") && page.ends_with("</html>\n"));
    let report: Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    assert_eq!(report["read"]["records"], 0);
    let mode = fs::metadata(folder.0.join("report.html")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "as the log, it is its owner's alone");

    // Who wants it to be read by others says so once.
    fs::set_permissions(folder.0.join("report.html"), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(folder.run(&["report", "--out", "report.html"]).status.success());
    let mode = fs::metadata(folder.0.join("report.html")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let left: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 4, "nothing else is left: {left:?}");
}

#[test]
fn a_damaged_root_makes_a_page_that_names_what_could_not_be_read() {
    let folder = Folder::empty("damage");
    write(&folder, "app/2026-11-20.jsonl", &format!("{}nonsense\n{}", line("app", ""), line("app", "")));
    write(&folder, "archive/app/2026/11/2026-11-19.jsonl.zst", "no zstd at all");
    write(&folder, "ledger/ledger.jsonl", "half an ent\n");
    let output = folder.run(&["report", "--out", "report.html", "--json", "report.json"]);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.contains("app/2026-11-19 was not read to its end"), "{told}");
    let page = folder.read("report.html");
    assert!(page.contains("1 shard could not be read to the end"));
    assert!(page.contains("1 line is no record: <code>dihya verify</code> tells which"));
    assert!(page.contains("1 lines of the ledger are neither entries nor seals"));
    let report: Value = serde_json::from_str(&folder.read("report.json")).unwrap();
    assert_eq!((&report["read"]["records"], &report["channels"][0]["bad_lines"]), (&json!(2), &json!(1)));
    schema(&report);
}

#[test]
fn what_is_not_understood_or_not_allowed_is_said() {
    let folder = Folder::empty("refused");
    let code = |arguments: &[&str]| {
        let output = folder.run(arguments);
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(code(&["report"]).0, 2);
    assert!(code(&["report", "--out", "-", "--json", "-"]).1.contains("cannot both"));
    assert!(code(&["report", "--out", "-", "--since", "soon"]).1.contains("is no time"));
    assert_eq!(code(&["report", "--out", "-", "--since", "1h", "--until", "2h"]).0, 2);
    assert!(code(&["report", "--out", "no/such/folder/x.html"]).1.contains("cannot write no/such/folder"));
    assert!(code(&["report", "--out", "-", "--root", "nowhere"]).1.contains("there is no folder"));
    let policy = folder.read("dihya.toml") + "\n[roles]\nauditor = [\"user:somebody-else\"]\n";
    fs::write(folder.0.join("dihya.toml"), policy).unwrap();
    let (code, told) = code(&["report", "--out", "-"]);
    assert!(code == 1 && told.contains("`report` needs one of"), "{told}");
}

#[test]
fn a_real_browser_shows_the_report_in_light_and_dark_and_on_paper() {
    let Some(browser) = std::env::var_os("DIHYA_CHROMIUM") else {
        return not_run(
            "a_real_browser_shows_the_report_in_light_and_dark_and_on_paper: DIHYA_CHROMIUM is not set",
        );
    };
    let folder = Folder::new("browser", 40);
    assert!(folder.run(&["report", "--out", "report.html"]).status.success());
    let page = format!("file://{}", folder.0.join("report.html").display());
    let shown = |what: &[&str]| {
        let output = Command::new(&browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--window-size=1200,4600",
            ])
            // Whatever it wants from anywhere else fails, and is said.
            .args(["--host-resolver-rules=MAP * ~NOTFOUND", "--enable-logging=stderr", "--v=0"])
            .arg(format!("--user-data-dir={}", folder.0.join("profile").display()))
            .args(what)
            .arg(&page)
            .current_dir(&folder.0)
            .output()
            .unwrap();
        assert!(output.status.success(), "the browser fails");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!told.contains("CONSOLE"), "the page has errors: {told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    // A style that the policy did not let in would leave another width.
    let dom = shown(&["--dump-dom"]);
    assert!(dom.contains("<h2>Records over time</h2>") && !dom.contains("<script"));
    let keep = std::env::var_os("DIHYA_KEEP");
    shown(&["--screenshot=light.png", "--blink-settings=preferredColorScheme=1"]);
    shown(&["--screenshot=dark.png", "--blink-settings=preferredColorScheme=0"]);
    shown(&["--print-to-pdf=page.pdf", "--no-pdf-header-footer"]);
    let bytes = |name: &str| fs::read(folder.0.join(name)).unwrap();
    let (light, dark, paper) = (bytes("light.png"), bytes("dark.png"), bytes("page.pdf"));
    assert!(light.starts_with(b"\x89PNG") && light.len() > 100_000, "the light page is empty");
    assert!(
        dark.starts_with(b"\x89PNG") && dark.len() > 100_000 && dark != light,
        "the dark page is the light one"
    );
    let pages = String::from_utf8_lossy(&paper).matches("/Type /Page\n").count();
    assert!(paper.starts_with(b"%PDF") && (3..=12).contains(&pages), "{pages} pages are printed");
    control(&shown_with_errors(Path::new(&browser), &folder));
    if let Some(to) = keep {
        let copied = Command::new("cp").arg("-a").arg(&folder.0).arg(to).status().unwrap();
        assert!(copied.success());
    }
}

/// The same browser tells of a page that breaks its own policy.
fn control(told: &str) {
    assert!(told.contains("CONSOLE"), "the browser would not tell: {told}");
}

fn shown_with_errors(browser: &Path, folder: &Folder) -> String {
    let page = folder.read("report.html");
    let broken =
        page.replace("<main>", "<main><p style=\"color: red\"><img src=\"http://example.org/x.png\">");
    fs::write(folder.0.join("broken.html"), broken).unwrap();
    let output = Command::new(browser)
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--v=0",
            "--dump-dom",
        ])
        .arg(format!("--user-data-dir={}", folder.0.join("profile").display()))
        .arg(format!("file://{}", folder.0.join("broken.html").display()))
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Says that a test did not run for want of a program, where the runner reads it.
#[expect(clippy::print_stderr, reason = "it is a test's own report")]
fn not_run(why: &str) {
    eprintln!("{why}");
    if let Some(list) = std::env::var_os("DIHYA_NOT_RUN") {
        let mut list = fs::OpenOptions::new().append(true).create(true).open(list).unwrap();
        std::io::Write::write_all(&mut list, format!("{why}\n").as_bytes()).unwrap();
    }
}

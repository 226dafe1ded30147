//! Each way out is found, told with its place, and never with what came out.

use super::{Folder, PLAN};

#[test]
fn a_password_on_stdout_is_told_with_its_line_and_never_shown() {
    let folder = Folder::new();
    let service = super::careless();
    // The service's output goes to a file as well, to know what must not be told.
    let script = "\"$0\" \"$1\" \"$2\" | tee \"$LOG_DIR/copy\"";
    std::fs::write(folder.path("plan.toml"), PLAN).unwrap();
    let plan = folder.path("plan.toml");
    let checked = folder.run(&[
        "--plan",
        plan.to_str().unwrap(),
        "--",
        "sh",
        "-c",
        script,
        service.to_str().unwrap(),
        "stdout",
        "{{port}}",
    ]);
    assert_eq!((checked.code, checked.verdict()), (1, "leaked"), "{}", checked.problems());
    let leak =
        checked.json["leaks"].as_array().unwrap().iter().find(|leak| leak["output"] == "stdout").unwrap();
    let copy = std::fs::read_to_string(folder.path("logs/copy")).unwrap();
    let (before, secret) = copy.split_once("password=").unwrap();
    let secret = secret.lines().next().unwrap();
    assert_eq!(leak["offset"].as_u64().unwrap() as usize, before.len() + "password=".len());
    assert_eq!(leak["line"].as_u64().unwrap() as usize, 1 + before.matches('\n').count());
    assert_eq!(leak["planted"][0], "request 1 (login), form field password");
    assert!(checked.tells("form field password"));
    assert!(secret.len() > 12 && !checked.tells(&secret[..8]), "a report shows the secret");
    assert!(
        checked.junit.contains("failures=\"1\"")
            && checked.stdout.contains("LEAKED: 1 of 1")
            && checked.stdout.contains("stdout line ")
    );
}

#[test]
fn a_debug_string_on_stderr_is_read_through_its_escapes() {
    let plan =
        PLAN.replace("form = { password = \"{{password}}\" }", "headers = { x-key = \"{{stripe_key}}\" }");
    let checked = Folder::new().check(&plan, "stderr", &[]);
    assert_eq!(checked.leaks("stripe_key"), [("stderr".to_owned(), "plain".to_owned())]);
}

#[test]
fn base64_in_a_file_outside_every_watched_folder_is_found() {
    let folder = Folder::new();
    let checked = folder.check(PLAN, "base64", &[]);
    let file = folder.path("logs/held.log").display().to_string();
    assert_eq!(checked.leaks("password"), [(file, "base64".to_owned())]);
    assert_eq!(checked.code, 1);
}

#[test]
fn a_metric_that_names_a_request_is_found() {
    let plan = format!("[http]\nmetrics = \"/metrics\"\n{PLAN}");
    let checked = Folder::new().check(&plan, "metrics", &[]);
    assert_eq!(checked.leaks("password"), [("metrics".to_owned(), "plain".to_owned())]);
}

#[test]
fn a_file_of_an_orphaned_child_is_found_and_the_child_ended() {
    let folder = Folder::new();
    let checked = folder.check(PLAN, "orphan", &["--watch", folder.path("logs").to_str().unwrap()]);
    assert_eq!(checked.leaks("password").len(), 1, "{}", checked.stdout);
    assert!(checked.leaks("password")[0].0.ends_with("orphan.log"));
    let unwatched = Folder::new();
    assert_eq!(
        unwatched.check(PLAN, "orphan", &[]).leaks("password").len(),
        1,
        "held open, though not watched"
    );
    let log = unwatched.path("logs/orphan.log");
    let holders = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok).filter(|process| {
        let held = std::fs::read_dir(process.path().join("fd")).into_iter().flatten().filter_map(Result::ok);
        held.filter_map(|fd| std::fs::read_link(fd.path()).ok()).any(|target| target == log)
    });
    assert!(log.exists() && holders.count() == 0, "a process of the service was left behind");
}

#[test]
fn a_file_that_was_removed_again_is_found() {
    let folder = Folder::new();
    let checked = folder.check(PLAN, "removed", &["--watch", folder.path("logs").to_str().unwrap()]);
    assert!(!folder.path("logs/removed.log").exists());
    assert_eq!(checked.leaks("password").len(), 1, "{}", checked.stdout);
}

#[test]
fn a_file_that_lives_for_an_instant_is_seen_with_strace() {
    let Ok(_) = std::env::var("DIHYA_STRACE") else {
        return super::not_run(
            "a_file_that_lives_for_an_instant_is_seen_with_strace: DIHYA_STRACE is not set",
        );
    };
    let folder = Folder::new();
    let checked = folder.check(PLAN, "flash", &["--strace"]);
    let leaks = checked.leaks("password");
    assert!(
        leaks.iter().any(|(output, _)| output.contains("flash.log")),
        "{}{}",
        checked.stdout,
        checked.stderr
    );
    assert_eq!(checked.json["coverage"]["strace"], true);
}

#[test]
fn a_secret_in_the_name_of_a_file_is_found_and_the_name_withheld() {
    let folder = Folder::new();
    let checked = folder.check(PLAN, "named", &["--watch", folder.path("logs").to_str().unwrap()]);
    let leaks = checked.leaks("password");
    assert!(leaks.iter().any(|(output, _)| output.contains("the name of file")), "{}", checked.stdout);
    let name = std::fs::read_dir(folder.path("logs")).unwrap().next().unwrap().unwrap().file_name();
    assert!(!checked.tells(name.to_str().unwrap()), "a report shows the name");
}

#[test]
fn a_job_leaks_its_stdin_its_arguments_and_its_environment_backwards() {
    let service = super::careless();
    let checked = Folder::new().run(&[
        "--env",
        "DB_PASSWORD",
        "--stdin",
        "card {{card}}",
        "--",
        service.to_str().unwrap(),
        "job",
        "{{iban}}",
    ]);
    assert_eq!(checked.leaks("password"), [("stdout".to_owned(), "reversed".to_owned())]);
    assert_eq!(checked.leaks("card"), [("stdout".to_owned(), "plain".to_owned())]);
    assert_eq!(checked.leaks("iban"), [("stdout".to_owned(), "plain".to_owned())]);
    assert_eq!(checked.json["service"]["ended_by_itself"], true);
    for way in ["environment, DB_PASSWORD", "stdin", "arguments, number 2"] {
        assert!(checked.json["coverage"]["canaries"].to_string().contains(way), "{way}");
    }
}

#[test]
fn answers_are_searched_when_that_is_asked_for() {
    let folder = Folder::new();
    let silent = folder.check(PLAN, "clean", &[]);
    assert_eq!(silent.code, 0, "{}{}", silent.stdout, silent.stderr);
    assert!(silent.gaps().contains("responses"));
    let asked = folder.check(&format!("[http]\nresponses = true\n{PLAN}"), "clean", &[]);
    assert_eq!(asked.leaks("password"), [("the answer to request 1 (login)".to_owned(), "plain".to_owned())]);
}

#[test]
fn a_service_that_logs_through_dihya_leaks_nothing_and_is_seen_to_log() {
    let folder = Folder::new();
    // The same requests, printed: they do carry the secret.
    assert_eq!(folder.check(PLAN, "stdout", &[]).code, 1);
    let checked = folder.check(PLAN, "dihya", &[]);
    assert_eq!((checked.code, checked.verdict()), (0, "clean"), "{}{}", checked.stdout, checked.stderr);
    assert!(checked.bytes(".jsonl") > 100, "{}", checked.stdout);
    assert!(checked.stdout.contains("nothing leaked: 1 canaries"));
    assert!(checked.junit.contains("failures=\"0\" errors=\"0\""));
    assert_eq!(checked.json["coverage"]["requests"][0]["statuses"][0], 200);
    assert_eq!(checked.json["coverage"]["canaries"][0]["places"][0]["proof"], "answered 200");
}

#[test]
fn a_token_that_the_service_issued_is_used_and_looked_for() {
    let folder = Folder::new();
    let plan = format!(
        "[http]\nresponses = true\n{PLAN}take = {{ session = \"/access_token\" }}\ntake_public = {{ visit = \"/id\" }}\n\
         [[request]]\npath = \"/visits/{{{{taken:visit}}}}\"\nbearer = \"{{{{taken:session}}}}\"\n"
    );
    let checked = folder.check(&plan, "session", &[]);
    assert_eq!(checked.leaks("taken"), [("stdout".to_owned(), "plain".to_owned())], "{}", checked.stdout);
    assert!(
        checked.json["coverage"]["canaries"].to_string().contains("request 1 (login), its answer as session")
    );
    let lacking = folder.check(&plan.replace("{{taken:session}}", "{{taken:sesion}}"), "session", &[]);
    assert!(lacking.code == 2 && lacking.stderr.contains("`{{taken:sesion}}`"), "{}", lacking.stderr);
    let absent = folder.check(&plan.replace("/access_token", "/token"), "session", &[]);
    assert!(absent.problems().contains("has no JSON at /token"), "{}", absent.problems());
}

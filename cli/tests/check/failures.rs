//! What is no pass although nothing was found.

use super::{Folder, PLAN};

#[test]
fn a_silent_service_is_no_pass() {
    let checked = Folder::new().check(PLAN, "silent", &[]);
    assert_eq!((checked.code, checked.verdict()), (3, "nothing_observed"), "{}", checked.stdout);
    // It did speak, before it was asked anything.
    assert!(checked.bytes("stdout") > 0 && checked.problems().contains("after the first request"));
    assert!(checked.stdout.contains("NOTHING WAS OBSERVED") && checked.junit.contains("errors=\"1\""));
}

#[test]
fn a_silent_job_is_no_pass() {
    let checked = Folder::new().check("[env]\nA = \"{{password}}\"\n", "quiet-job", &[]);
    assert_eq!((checked.code, checked.verdict()), (3, "nothing_observed"), "{}", checked.stdout);
}

#[test]
fn a_service_that_crashes_is_told_with_its_signal() {
    let checked = Folder::new().check(PLAN, "crash", &[]);
    assert_eq!((checked.code, checked.verdict()), (4, "not_checked"));
    assert!(
        checked.problems().contains("request 1 (login) was never answered: the service ended with signal 6"),
        "{}",
        checked.problems()
    );
    assert_eq!(checked.json["coverage"]["canaries"][0]["places"][0]["proof"], "not answered");
}

#[test]
fn a_service_that_dies_at_once_is_told_with_its_last_words_and_without_its_secrets() {
    let plan = format!(
        "[ready]\nline = \"listening\"\n[env]\nDB_PASSWORD = \"{{{{password}}}}\"\n{PLAN}[http]\nbase = \"http://127.0.0.1:1\"\n"
    );
    let checked = Folder::new().check(&plan, "dead", &[]);
    // It leaked on its way out, which weighs more than that it failed.
    assert_eq!((checked.code, checked.verdict()), (1, "leaked"), "{}{}", checked.stdout, checked.stderr);
    assert!(checked.problems().contains("ended with exit code 3 before it was ready"));
    assert_eq!(
        checked.json["service"]["last_words"],
        serde_json::json!(["(a line with a canary)", "giving up"])
    );
}

#[test]
fn a_service_that_hangs_is_given_up_and_ended() {
    let plan = format!("[http]\ntimeout = \"500ms\"\n{PLAN}");
    let checked = Folder::new().check(&plan, "hang", &[]);
    assert_eq!(checked.code, 4);
    assert!(checked.problems().contains("never answered: no answer in time"), "{}", checked.problems());
    assert_eq!(checked.json["service"]["end"], "signal 15");
}

#[test]
fn a_service_that_ignores_sigterm_is_killed_and_that_is_said() {
    let plan = PLAN.replace("[limits]", "[limits]\nstop = \"300ms\"");
    let checked = Folder::new().check(&plan, "stubborn", &[]);
    assert_eq!(checked.json["service"]["end"], "signal 9");
    assert_eq!(checked.json["service"]["killed"], true);
    assert!(checked.gaps().contains("SIGTERM"), "{}", checked.gaps());
}

#[test]
fn a_whole_check_that_takes_too_long_is_ended() {
    let plan = format!("{}repeat = 1000000\n", PLAN.replace("[limits]", "[limits]\nwhole = \"1s\""));
    let checked = Folder::new().check(&plan, "clean", &[]);
    assert_eq!(checked.code, 4);
    assert!(checked.problems().contains("longer than 1 s"), "{}", checked.problems());
}

#[test]
fn a_page_that_is_missing_is_no_answer_unless_the_plan_expects_it() {
    let folder = Folder::new();
    let plan = PLAN.replace("/login", "/missing");
    let checked = folder.check(&plan, "clean", &[]);
    assert_eq!(checked.code, 4);
    assert!(checked.problems().contains("answered 404: nobody took it"), "{}", checked.problems());
    assert_eq!(folder.check(&format!("{plan}expect = 404\n"), "clean", &[]).code, 0);
    let other = folder.check(&format!("{PLAN}expect = [201, 204]\n"), "clean", &[]);
    assert!(other.code == 4 && other.problems().contains("answered 200, which the plan does not expect"));
}

#[test]
fn a_service_that_never_listens_is_told_with_what_was_waited_for() {
    let plan =
        format!("[ready]\nwithin = \"500ms\"\n{PLAN}[http]\nbase = \"http://127.0.0.1:{{{{port}}}}\"\n");
    let folder = Folder::new();
    std::fs::write(folder.path("plan.toml"), plan).unwrap();
    let checked = folder.run(&["--plan", folder.path("plan.toml").to_str().unwrap(), "--", "sleep", "30"]);
    assert_eq!(checked.code, 4);
    assert!(checked.problems().contains("nobody listened at 127.0.0.1:"), "{}", checked.problems());
}

#[test]
fn a_job_that_fails_is_no_pass_unless_the_plan_expects_it() {
    let folder = Folder::new();
    let script = "echo working; exit 7";
    let checked = folder.run(&["--env", "KEY", "--", "sh", "-c", script]);
    assert_eq!(checked.code, 4);
    assert!(checked.problems().contains("exit code 7"), "{}", checked.problems());
    std::fs::write(folder.path("plan.toml"), "[service]\nexit = 7\n").unwrap();
    let plan = folder.path("plan.toml");
    let meant = folder.run(&["--plan", plan.to_str().unwrap(), "--env", "KEY", "--", "sh", "-c", script]);
    assert_eq!((meant.code, meant.verdict()), (0, "clean"), "{}", meant.stdout);
}

#[test]
fn compressed_files_alone_are_no_pass() {
    let script = "printf '\\037\\213\\010compressed' > all.gz";
    let checked = Folder::new().run(&["--env", "KEY", "--", "sh", "-c", script]);
    assert_eq!((checked.code, checked.verdict()), (3, "nothing_observed"), "{}", checked.stdout);
    assert!(
        checked.bytes("all.gz") > 4 && checked.gaps().contains("all.gz is compressed"),
        "{}",
        checked.gaps()
    );
}

#[test]
fn a_child_in_its_own_session_that_ignores_sigterm_is_ended_too() {
    let folder = Folder::new();
    let child = "trap '' TERM; echo $$ > \"$LOG_DIR/pid\"; while :; do sleep 0.05; done";
    let script =
        "setsid sh -c \"$0\" > /dev/null 2>&1 & until test -s \"$LOG_DIR/pid\"; do sleep 0.01; done; echo up";
    std::fs::write(folder.path("plan.toml"), "[limits]\nstop = \"300ms\"\nrun = \"500ms\"\n").unwrap();
    let plan = folder.path("plan.toml");
    let checked =
        folder.run(&["--plan", plan.to_str().unwrap(), "--env", "KEY", "--", "sh", "-c", script, child]);
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    let pid = std::fs::read_to_string(folder.path("logs/pid")).unwrap();
    assert!(!std::path::Path::new("/proc").join(pid.trim()).exists(), "the child runs on");
}

#[test]
fn a_redirect_is_an_answer_and_is_not_followed() {
    let checked = Folder::new().check(&PLAN.replace("/login", "/moved"), "clean", &[]);
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    assert_eq!(checked.json["coverage"]["requests"][0]["statuses"], serde_json::json!([302]));
}

#[test]
fn a_file_that_is_held_open_and_not_written_to_is_no_output() {
    let folder = Folder::new();
    std::fs::write(folder.path("logs/old"), "from before\n").unwrap();
    std::fs::write(folder.path("logs/grows"), "from before\n").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(50));
    let script = "exec 3<>\"$LOG_DIR/old\" 4>>\"$LOG_DIR/grows\"; echo more >&4; sleep 0.3; echo done";
    let checked = folder.run(&["--env", "KEY", "--", "sh", "-c", script]);
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    assert_eq!((checked.bytes("logs/grows"), checked.bytes("logs/old")), (17, 0), "{}", checked.stdout);
}

#[test]
fn a_compressed_file_is_told_as_not_searched() {
    let folder = Folder::new();
    let checked = folder.check(PLAN, "compressed", &["--watch", folder.path("logs").to_str().unwrap()]);
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    assert!(
        checked.gaps().contains("log.gz is compressed (gzip), and was not searched"),
        "{}",
        checked.gaps()
    );
}

#[test]
fn what_is_longer_than_the_limit_is_told_as_not_searched() {
    let plan = PLAN.replace("[limits]", "[limits]\nbytes = 1024");
    let checked = Folder::new().check(&format!("{plan}repeat = 300\n"), "clean", &[]);
    assert_eq!(checked.code, 0, "{}", checked.stdout);
    assert!(checked.gaps().contains("the rest of stdout"), "{}", checked.gaps());
}

#[test]
fn a_check_that_is_interrupted_ends_its_service() {
    let folder = Folder::new();
    let script = "echo $$ > \"$LOG_DIR/pid\"; echo started; sleep 60";
    let mut check = std::process::Command::new(env!("CARGO_BIN_EXE_dihya"))
        .args(["check", "--env", "KEY", "--", "sh", "-c", script])
        .current_dir(folder.path("work"))
        .env("LOG_DIR", folder.path("logs"))
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = || std::fs::read_to_string(folder.path("logs/pid")).unwrap_or_default().trim().to_owned();
    while pid().is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let service = std::path::PathBuf::from(format!("/proc/{}", pid()));
    assert!(service.exists());
    let asked = std::process::Command::new("kill").args(["-INT", &check.id().to_string()]).status().unwrap();
    assert!(asked.success());
    assert_eq!(check.wait().unwrap().code(), Some(4));
    assert!(!service.exists(), "the service runs on");
}

#[test]
fn a_daemon_whose_first_process_ends_is_checked_all_the_same() {
    let folder = Folder::new();
    let service = super::careless();
    std::fs::write(folder.path("plan.toml"), PLAN).unwrap();
    let plan = folder.path("plan.toml");
    let script = "(sleep 0.3; exec \"$0\" stdout \"$1\") & exit 0";
    let checked = folder.run(&[
        "--plan",
        plan.to_str().unwrap(),
        "--",
        "sh",
        "-c",
        script,
        service.to_str().unwrap(),
        "{{port}}",
    ]);
    assert_eq!(checked.leaks("password").len(), 1, "{}{}", checked.stdout, checked.stderr);
    assert!(checked.problems() == "[]", "{}", checked.problems());
}

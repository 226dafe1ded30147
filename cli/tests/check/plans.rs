//! Commands and plans that are refused, each with what to do.

use super::{Folder, PLAN};

#[test]
fn a_plan_with_an_unknown_key_is_refused_with_its_line_and_the_nearest_key() {
    let folder = Folder::new();
    assert_eq!(folder.check(PLAN, "clean", &[]).code, 0, "the plan itself is fine");
    let checked = folder.check(&PLAN.replace("path =", "paht ="), "clean", &[]);
    assert_eq!(checked.code, 2);
    assert!(
        checked.stderr.contains("line 8") && checked.stderr.contains("did you mean `path`?"),
        "{}",
        checked.stderr
    );
    let checked = folder.check(&PLAN.replace("{{password}}", "{{pasword}}"), "clean", &[]);
    assert_eq!(checked.code, 2);
    assert!(
        checked.stderr.contains("line 9") && checked.stderr.contains("did you mean `{{password}}`?"),
        "{}",
        checked.stderr
    );
}

#[test]
fn a_missing_program_folder_or_plan_is_named() {
    let folder = Folder::new();
    let missing = folder.run(&["--env", "KEY", "--", "./no-such-service"]);
    assert_eq!(missing.code, 4);
    assert!(missing.stderr.contains("there is no ./no-such-service"), "{}", missing.stderr);
    let bare = folder.run(&["--env", "KEY", "--", "no-such-service"]);
    assert!(bare.code == 4 && bare.stderr.contains("in PATH"), "{}", bare.stderr);
    let watched = folder.run(&["--env", "KEY", "--watch", "absent", "--", "true"]);
    assert!(watched.code == 2 && watched.stderr.contains("absent"), "{}", watched.stderr);
    let plan = folder.run(&["--plan", "absent.toml", "--", "true"]);
    assert!(plan.code == 2 && plan.stderr.contains("absent.toml") && plan.stderr.contains("--example"));
}

#[test]
fn a_check_that_plants_nothing_or_runs_nothing_is_refused() {
    let folder = Folder::new();
    let nothing = folder.run(&["--", "true"]);
    assert!(nothing.code == 2 && nothing.stderr.contains("nothing is planted"), "{}", nothing.stderr);
    let nobody = folder.run(&["--env", "KEY"]);
    assert!(nobody.code == 2 && nobody.stderr.contains("which service?"), "{}", nobody.stderr);
    let nowhere = PLAN.to_owned();
    std::fs::write(folder.path("plan.toml"), nowhere).unwrap();
    let nowhere = folder.run(&["--plan", folder.path("plan.toml").to_str().unwrap(), "--", "true"]);
    assert!(
        nowhere.code == 2 && nowhere.stderr.contains("where does the service listen?"),
        "{}",
        nowhere.stderr
    );
}

#[test]
fn a_port_that_is_taken_is_told_before_anything_is_started() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("[http]\nbase = \"http://{}\"\n{PLAN}", taken.local_addr().unwrap());
    let checked = Folder::new().check(&base, "clean", &[]);
    assert_eq!(checked.code, 4);
    assert!(checked.stderr.contains("something listens at"), "{}", checked.stderr);
}

#[test]
fn the_printed_example_is_a_plan_that_lacks_its_service_alone() {
    let folder = Folder::new();
    let dihya = env!("CARGO_BIN_EXE_dihya");
    let example = std::process::Command::new(dihya).args(["check", "--example"]).output().unwrap();
    assert!(example.status.success());
    std::fs::write(folder.path("work/dihya-check.toml"), example.stdout).unwrap();
    let checked = folder.run(&[]);
    assert_eq!(checked.code, 4);
    assert!(checked.stderr.contains("there is no ./target/debug/my-service"), "{}", checked.stderr);
}

#[test]
fn the_same_seed_plants_the_same_and_another_run_does_not() {
    let folder = Folder::new();
    let run = |seed: &[&str]| {
        let mut arguments = seed.to_vec();
        arguments.extend(["--env", "KEY", "--", "sh", "-c", "echo \"$KEY\" >> \"$LOG_DIR/keys\"; echo done"]);
        assert!(folder.run(&arguments).code < 2);
    };
    // `keys` lies in no watched folder and is closed at once: found or not, the check was carried out.
    [&["--seed", "7"][..], &["--seed", "7"], &[], &[]].into_iter().for_each(run);
    let keys = std::fs::read_to_string(folder.path("logs/keys")).unwrap();
    let keys: Vec<&str> = keys.lines().collect();
    assert!(keys.len() == 4 && keys[0] == keys[1] && keys[1] != keys[2] && keys[2] != keys[3]);
}

#[test]
fn kinds_are_listed_with_where_their_form_comes_from() {
    let output =
        std::process::Command::new(env!("CARGO_BIN_EXE_dihya")).args(["check", "--kinds"]).output().unwrap();
    let kinds = String::from_utf8(output.stdout).unwrap();
    for kind in ["{{password}}", "{{card}}", "{{github_token}}", "{{port}}"] {
        assert!(kinds.contains(kind), "{kind}");
    }
}

//! The clinic as a black box: what its secrets look like without redaction, and that nothing is left of them with it.

mod common;

use std::process::Command;

use common::{Folder, Running, contains, example, files, found, outputs, secrets};

/// The positive control: a secret that careless code never logged would prove nothing.
#[test]
fn without_redaction_every_secret_reaches_the_log() {
    let folder = Folder::new("clinic-plain");
    let (root, list) = (folder.path("logs"), folder.path("secrets"));
    let mut clinic = Command::new(example("clinic"));
    clinic.args(["--plain", "--seconds", "1", "--root"]).arg(&root).arg("--secrets-file").arg(&list);
    let output = clinic.output().expect("clinic runs");
    assert_eq!(output.status.code(), Some(0), "clinic missed one of its own secrets");

    let secrets = secrets(&list);
    let logs: Vec<_> = files(&root).into_iter().filter_map(|(_, _, bytes)| bytes).collect();
    assert!(secrets.len() > 50, "only {} secrets were used", secrets.len());
    let missing = secrets.iter().filter(|(_, value)| !logs.iter().any(|log| contains(log, value)));
    let missing: Vec<&str> = missing.map(|(kind, _)| &**kind).collect();
    assert_eq!(missing, [""; 0], "kinds of secrets that never reached the log");
    assert_eq!(found(&secrets, &outputs(&output)), [""; 0], "kinds of secrets on stdout or stderr");
}

#[test]
fn no_secret_is_left_in_the_files_or_the_output_and_safe_fields_are() {
    let folder = Folder::new("clinic-run");
    let (root, list) = (folder.path("logs"), folder.path("secrets"));
    let mut clinic = Command::new(example("clinic"));
    clinic.args(["--seconds", "2", "--root"]).arg(&root).arg("--secrets-file").arg(&list);
    let output = clinic.output().expect("clinic runs");

    let secrets = secrets(&list);
    assert!(secrets.len() > 50, "only {} secrets were used", secrets.len());
    let files = files(&root);
    let mut texts: Vec<Vec<u8>> = files.iter().filter_map(|(_, _, bytes)| bytes.clone()).collect();
    let safe =
        ["/patients/{id}", "patient-00003", "ORD-000002", "nightly-round", "portal-1", "authn_login_fail"];
    for safe in safe {
        assert!(texts.iter().any(|text| contains(text, safe)), "the safe field {safe} is missing");
    }
    texts.extend(outputs(&output));
    assert_eq!(found(&secrets, &texts), [""; 0], "kinds of secrets that leaked");

    // Clean as just proven: it may be shown.
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{stdout}");
    for part in ["Events ", "Redactions ", "Files", "/metrics", "Losses      0", "Result      passed"] {
        assert!(stdout.contains(part), "the summary lacks `{part}`:\n{stdout}");
    }
    // The folder's own path is as long as it is.
    let wide = stdout.lines().find(|line| line.chars().count() > 100 && !line.starts_with("Logs "));
    assert_eq!(wide, None, "wider than 100 columns");
    for (path, mode, bytes) in &files {
        let wanted = if bytes.is_some() { 0o600 } else { 0o700 };
        assert_eq!(*mode, wanted, "mode of {}", path.display());
    }
}

#[test]
fn with_serve_it_stays_up_and_ends_with_a_report_when_told_to() {
    let folder = Folder::new("clinic-serve");
    let mut command = Command::new(example("clinic"));
    command.args(["--serve", "--seconds", "0.5", "--root"]).arg(folder.path("logs"));
    let mut clinic = Running::start(&mut command);
    let summary = clinic.read_until("Serving ");
    assert!(summary.contains("Result      passed"), "{summary}");
    let (code, rest) = clinic.terminate();
    assert!(rest.contains("Shutdown ") && rest.contains("Result      passed"), "{rest}");
    assert_eq!(code, Some(0), "{rest}");
}

#[test]
fn a_wrong_command_line_is_answered_with_one_line_and_status_2() {
    for wrong in [&["--secnds", "3"][..], &["--seconds", "soon"], &["--port"], &["--port", "70000"]] {
        let output = Command::new(example("clinic")).args(wrong).output().expect("clinic runs");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert!(stderr.contains(wrong[0]), "{stderr}");
    }
}

#[test]
fn a_folder_that_exists_is_refused_since_its_records_would_be_judged_too() {
    let folder = Folder::new("clinic-refused");
    let output =
        Command::new(example("clinic")).arg("--root").arg(folder.path(".")).output().expect("clinic runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("cannot make the new folder"), "{stderr}");
}

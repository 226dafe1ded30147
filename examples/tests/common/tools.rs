//! Programs that are not ours.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

/// Where a program lies: in its variable, or on the path. Without it a test cannot run: that is said, entered in the
/// runner's list, and a failure with `CI=true`.
#[expect(clippy::print_stdout, reason = "it is a test's own report")]
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let variable = format!("DIHYA_{}", name.replace('-', "_").to_uppercase());
    let set = std::env::var_os(&variable).filter(|set| !set.is_empty()).map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    let found = set.or(found);
    if found.is_none() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "{name} is missing, and CI must have it");
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let line = format!("{test}: {variable} is not set, and {name} is not on the path");
        println!("not run: {line}");
        if let Some(list) = std::env::var_os("DIHYA_NOT_RUN") {
            let list = OpenOptions::new().append(true).create(true).open(list);
            list.and_then(|mut list| writeln!(list, "{line}")).expect("the runner's list can be written");
        }
    }
    found
}

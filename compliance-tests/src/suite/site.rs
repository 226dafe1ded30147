//! Where a suite stands: its package and test binary, and so the command that runs one of its tests again.

use std::path::{Path, PathBuf};

/// What the compiler knows of the place where [`suite!`](crate::suite!) stands.
#[derive(Clone, Debug)]
pub struct Site {
    package: &'static str,
    version: &'static str,
    /// How cargo is told which test binary it is.
    target: String,
    /// The module of the tests, as the test runner names it.
    module: String,
}

impl Site {
    /// From what cargo says while it compiles: name and version of the package, name of the crate, of the binary, and
    /// the folder that only integration tests are given.
    #[doc(hidden)]
    pub fn new(cargo: [Option<&'static str>; 5], file: &str, module: &str) -> Site {
        let [package, version, krate, binary, folder] = cargo;
        let krate = krate.unwrap_or_default();
        // A test called `my-suite` is the crate `my_suite`; only its file knows how it is written.
        let stem = Path::new(file).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let name = if stem.replace('-', "_") == krate { stem } else { krate };
        let target = match (folder, binary) {
            (Some(_), _) => format!("--test {name}"),
            (None, Some(binary)) => format!("--bin {binary}"),
            (None, None) => "--lib".to_owned(),
        };
        let module = module.split_once("::").map_or("", |(_, module)| module).to_owned();
        Site { package: package.unwrap_or("unknown"), version: version.unwrap_or("unknown"), target, module }
    }

    /// The package that is tested.
    pub(crate) fn package(&self) -> &'static str {
        self.package
    }

    /// Its version.
    pub(crate) fn version(&self) -> &'static str {
        self.version
    }

    /// What tells this suite from others of one workspace: fit for the name of a folder.
    pub(crate) fn suite(&self) -> String {
        let target = self.target.trim_start_matches("--").replace(' ', ".");
        let name = format!("{}.{target}.{}", self.package, self.module.replace("::", "."));
        name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
    }

    /// The test's name as the test runner has it.
    pub(crate) fn test(&self, test: &str) -> String {
        if self.module.is_empty() { test.to_owned() } else { format!("{}::{test}", self.module) }
    }

    /// The command that runs one test again.
    pub(crate) fn again(&self, seed: u64, test: &str) -> String {
        format!(
            "DIHYA_SEED={seed} DIHYA_CASES=1 cargo test -p {} {} -- --exact {}",
            self.package,
            self.target,
            self.test(test)
        )
    }
}

/// Where evidence goes by default: beside what cargo builds, whatever the folder is called.
pub(crate) fn target_folder() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let marked = program.ancestors().skip(1).find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let built = || program.ancestors().find(|folder| folder.ends_with("deps"))?.parent()?.parent();
    marked.or_else(built).map(Path::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(
        krate: &'static str,
        binary: Option<&'static str>,
        folder: Option<&'static str>,
        file: &str,
    ) -> Site {
        Site::new([Some("clinic"), Some("1.0.0"), Some(krate), binary, folder], file, "x::dihya_suite")
    }

    #[test]
    fn the_command_names_the_test_binary() {
        let test = site("my_suite", None, Some("/t"), "tests/my-suite.rs");
        assert_eq!(
            test.again(7, "t"),
            "DIHYA_SEED=7 DIHYA_CASES=1 cargo test -p clinic --test my-suite -- --exact dihya_suite::t"
        );
        assert!(site("clinic", None, None, "src/lib.rs").again(1, "t").contains("-p clinic --lib --"));
        assert!(site("clinic", Some("clinic"), None, "src/main.rs").again(1, "t").contains("--bin clinic"));
        assert!(site("all", None, Some("/t"), "tests/all/main.rs").again(1, "t").contains("--test all"));
    }

    #[test]
    fn two_suites_of_a_workspace_have_two_names() {
        let one = site("a", None, Some("/t"), "tests/a.rs").suite();
        let two = site("b", None, Some("/t"), "tests/b.rs").suite();
        assert_eq!(one, "clinic.test.a.dihya_suite");
        assert_ne!(one, two);
    }

    #[test]
    fn the_target_folder_is_found() {
        assert!(target_folder().is_some_and(|folder| std::env::current_exe().unwrap().starts_with(folder)));
    }
}

//! Programs that are not ours: found, installed where that is allowed, and named to the tests in variables.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A program that tests talk to.
pub(crate) struct Server {
    /// The name it is called by.
    pub(crate) program: &'static str,
    /// The Debian package that brings it; or, behind [`PIP`], packages of Python.
    pub(crate) package: &'static str,
    /// The variable that tells tests where it is.
    pub(crate) variable: &'static str,
    /// What is not tested without it.
    pub(crate) used_for: &'static str,
    /// It exists on Linux alone, so that its absence elsewhere is nobody's fault.
    pub(crate) linux_only: bool,
}

/// Everything that tests may need, in the order in which it is reported.
pub(crate) const SERVERS: &[Server] = &[
    Server {
        program: "prometheus",
        package: "prometheus",
        variable: "DIHYA_PROMETHEUS",
        used_for: "a real Prometheus scrapes, and answers the dashboard's queries",
        linux_only: false,
    },
    Server {
        program: "promtool",
        package: "prometheus",
        variable: "DIHYA_PROMTOOL",
        used_for: "metrics and deploy/prometheus are checked by promtool",
        linux_only: false,
    },
    Server {
        program: "amtool",
        package: "prometheus-alertmanager",
        variable: "DIHYA_AMTOOL",
        used_for: "deploy/alertmanager is checked by amtool",
        linux_only: false,
    },
    Server {
        program: "systemd-analyze",
        package: "systemd",
        variable: "DIHYA_SYSTEMD_ANALYZE",
        used_for: "deploy/systemd is checked by systemd-analyze",
        linux_only: true,
    },
    Server {
        program: "valgrind",
        package: "valgrind",
        variable: "DIHYA_VALGRIND",
        used_for: "instructions per event are counted and limited",
        linux_only: true,
    },
    Server {
        program: "strace",
        package: "strace",
        variable: "DIHYA_STRACE",
        used_for: "system calls are failed and killed on purpose",
        linux_only: true,
    },
    Server {
        program: "jq",
        package: "jq",
        variable: "DIHYA_JQ",
        used_for: "a JSON reader that is not ours reads the log",
        linux_only: false,
    },
    Server {
        program: "go",
        package: "golang-go",
        variable: "DIHYA_GO",
        used_for: "Go's own packages for transparency logs read our tiles, checkpoints and proofs",
        linux_only: false,
    },
    Server {
        program: "chromium",
        package: "chromium",
        variable: "DIHYA_CHROMIUM",
        used_for: "a real browser renders the pages of evidence and of reports, in light and dark and on paper",
        linux_only: false,
    },
    Server {
        program: "zstd",
        package: "zstd",
        variable: "DIHYA_ZSTD",
        used_for: "another decompressor reads the archive",
        linux_only: false,
    },
    Server {
        program: "moto_server",
        package: "pip: moto[server] boto3",
        variable: "DIHYA_MOTO",
        used_for: "archives go to a server that speaks S3",
        linux_only: false,
    },
    Server {
        program: "openssl",
        package: "openssl",
        variable: "DIHYA_OPENSSL",
        used_for: "a certificate for a receiver of exported records is made",
        linux_only: false,
    },
    Server {
        program: "python3",
        package: "pip: opentelemetry-proto grpcio",
        variable: "DIHYA_OTLP_PYTHON",
        used_for: "records are exported to a receiver with OpenTelemetry's own messages, over HTTP and gRPC",
        linux_only: false,
    },
    Server {
        program: "prometheus-alertmanager",
        package: "prometheus-alertmanager",
        variable: "DIHYA_ALERTMANAGER",
        used_for: "alerts reach a real Alertmanager, and end there",
        linux_only: false,
    },
    Server {
        program: "aiosmtpd",
        package: "pip: aiosmtpd==1.4.6",
        variable: "DIHYA_AIOSMTPD",
        used_for: "alerts reach a real mail server, over TLS and not",
        linux_only: false,
    },
];

/// What was found of [`SERVERS`], and why the rest was not.
#[derive(Default)]
pub(crate) struct Tools {
    found: BTreeMap<&'static str, PathBuf>,
    missing: Vec<(&'static Server, String)>,
}

impl Tools {
    /// For chores that talk to no server.
    pub(crate) fn without_servers() -> Self {
        Self::default()
    }

    /// Look for every server; install what is missing when `install` is set and this machine lets us.
    pub(crate) fn with_servers(install: bool) -> Self {
        let absent: Vec<&Server> = SERVERS.iter().filter(|server| locate(server).is_none()).collect();
        // Packages of Python need no root: they get a folder of their own.
        let (python, debian): (Vec<&Server>, Vec<&Server>) =
            absent.into_iter().partition(|server| is_python(server));
        let refusal =
            if debian.is_empty() { None } else { may_install(install).and_then(|()| apt_get(&debian)).err() };
        let python_refusal = if install {
            python.iter().find_map(|server| pip(server).err())
        } else {
            Some("--no-install was given".to_owned())
        };
        let mut tools = Self::default();
        for server in SERVERS {
            match locate(server) {
                Some(path) => drop(tools.found.insert(server.variable, path)),
                None => {
                    let set = std::env::var_os(server.variable).filter(|set| !set.is_empty());
                    let refusal = if is_python(server) { &python_refusal } else { &refusal };
                    tools.missing.push((server, why(server, set, refusal.as_deref())));
                }
            }
        }
        tools
    }

    /// The variables to set for whatever runs tests.
    pub(crate) fn variables(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        self.found.iter().map(|(variable, path)| (*variable, path.as_path()))
    }

    /// Where the program behind `variable` is.
    pub(crate) fn path(&self, variable: &str) -> Option<&Path> {
        self.found.get(variable).map(PathBuf::as_path)
    }

    /// Each server that is not there, with the reason.
    pub(crate) fn missing(&self) -> impl Iterator<Item = (&'static Server, &str)> {
        self.missing.iter().map(|(server, why)| (*server, why.as_str()))
    }

    #[cfg(test)]
    pub(crate) fn lacking(server: &'static Server, why: &str) -> Self {
        Self { found: BTreeMap::new(), missing: vec![(server, why.to_owned())] }
    }
}

/// Whether `cargo NAME` is there. Asked of cargo itself, which also searches folders that are not on the path.
pub(crate) fn has_cargo_command(name: &str) -> bool {
    Command::new("cargo")
        .args([name, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The variable wins, so that a program outside the path can be used; then the path.
fn locate(server: &Server) -> Option<PathBuf> {
    match std::env::var_os(server.variable) {
        Some(set) if !set.is_empty() => Some(PathBuf::from(set)).filter(|path| path.is_file()),
        _ if is_python(server) => {
            Some(python_folder(server).join("bin").join(server.program)).filter(|path| path.is_file())
        }
        _ => find(server.program, std::env::var_os("PATH")),
    }
}

/// Whether pip installs it, into a folder of its own.
fn is_python(server: &Server) -> bool {
    server.package.starts_with(PIP)
}

/// Below the build's folder: another program of this name on the path may lack the packages beside it.
fn python_folder(server: &Server) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let folder = target.join("tools").join(server.program);
    std::path::absolute(&folder).unwrap_or(folder)
}

/// What a test looks with from the other side is installed beside it.
fn pip(server: &Server) -> Result<(), String> {
    println!("==> installing {}", server.package);
    let folder = python_folder(server);
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let made = quiet(Command::new("python3").args(["-m", "venv"]).arg(&folder))
        && quiet(
            Command::new(folder.join("bin/python3"))
                .args(["-m", "pip", "install", "--quiet"])
                .args(server.package.trim_start_matches(PIP).split_whitespace()),
        );
    if made { Ok(()) } else { Err("pip could not install it".to_owned()) }
}

fn find(program: &str, path: Option<OsString>) -> Option<PathBuf> {
    std::env::split_paths(&path?).map(|folder| folder.join(program)).find(|candidate| candidate.is_file())
}

fn may_install(wanted: bool) -> Result<(), String> {
    if !wanted {
        return Err("--no-install was given".to_owned());
    }
    if find("apt-get", std::env::var_os("PATH")).is_none() {
        return Err("there is no apt-get to install it with".to_owned());
    }
    // The standard library does not tell the effective user; `id` is POSIX.
    let user = Command::new("id").arg("-u").output().map(|output| output.stdout).unwrap_or_default();
    if user.trim_ascii() == b"0" { Ok(()) } else { Err("only root may install packages".to_owned()) }
}

fn apt_get(absent: &[&Server]) -> Result<(), String> {
    let mut packages: Vec<&str> = absent.iter().map(|server| server.package).collect();
    packages.dedup();
    println!("==> installing {}", packages.join(", "));
    // A stale list still may install: only the second command decides.
    let _ = apt_get_command(&["update"]);
    let mut install = vec!["install", "-y", "--no-install-recommends"];
    install.extend(packages);
    if apt_get_command(&install) { Ok(()) } else { Err("apt-get could not install it".to_owned()) }
}

fn apt_get_command(args: &[&str]) -> bool {
    Command::new("apt-get")
        .arg("-qq")
        .args(args)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn why(server: &Server, set: Option<OsString>, refusal: Option<&str>) -> String {
    if let Some(set) = set {
        return format!("{} points to {}, which is no file", server.variable, set.display());
    }
    if server.linux_only && !cfg!(target_os = "linux") {
        return format!("{} exists on Linux only", server.program);
    }
    let refusal = refusal.map(|refusal| format!(", and {refusal}")).unwrap_or_default();
    let of = if is_python(server) { "Python" } else { "Debian" };
    format!("{} is not on the path{refusal} ({of} package `{}`)", server.program, server.package)
}

const PIP: &str = "pip: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_found_only_in_the_folders_of_the_path() {
        let here = std::env::current_exe().unwrap();
        let name = here.file_name().unwrap().to_str().unwrap();
        let folder = here.parent().unwrap();
        let path = std::env::join_paths([Path::new("/nowhere"), folder]).unwrap();
        assert_eq!(find(name, Some(path)), Some(here.clone()));
        assert_eq!(find(name, Some("/nowhere".into())), None);
        assert_eq!(find(name, None), None);
    }

    #[test]
    fn the_reason_names_the_program_the_refusal_and_the_package() {
        let reason = why(&SERVERS[1], None, Some("only root may install packages"));
        assert!(reason.contains("promtool is not on the path"), "{reason}");
        assert!(reason.contains("only root may install packages"), "{reason}");
        assert!(reason.contains("package `prometheus`"), "{reason}");
    }

    #[test]
    fn a_variable_that_points_nowhere_is_named() {
        let reason = why(&SERVERS[1], Some("/nowhere/promtool".into()), None);
        assert_eq!(reason, "DIHYA_PROMTOOL points to /nowhere/promtool, which is no file");
    }
}

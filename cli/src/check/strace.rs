//! What strace saw: every file that was opened for writing, what was written to those that were never found, and whom the
//! service reached.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

/// Understood from strace's own log.
#[derive(Debug, Default)]
pub(crate) struct Traced {
    /// Regular paths that were opened for writing.
    pub(crate) opened: BTreeSet<PathBuf>,
    /// What was written to each, as far as strace keeps it.
    pub(crate) written: BTreeMap<PathBuf, Vec<u8>>,
    /// Sockets that were connected to, as strace names them.
    pub(crate) reached: BTreeSet<String>,
}

/// Puts strace before a command, its log into this file.
///
/// # Errors
/// If there is no strace, or no such program: strace itself would say so in the service's name.
pub(crate) fn wrap(command: &mut Vec<String>, log: &Path) -> Result<(), String> {
    if find("strace").is_none() {
        return Err("--strace: strace is not installed (on Debian: apt-get install strace)".to_owned());
    }
    let program = command.first().cloned().unwrap_or_default();
    if !program.contains('/') && find(&program).is_none() {
        return Err(format!(
            "there is no program {program} in PATH; for one in this folder write ./{program}"
        ));
    }
    let calls = "trace=open,openat,openat2,creat,connect,write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendmmsg";
    let size = SHOWN.to_string();
    let mut traced: Vec<String> =
        ["strace", "-f", "-qq", "-y", "-s", &size, "-e", "signal=none", "-e", calls, "-o"]
            .map(str::to_owned)
            .to_vec();
    traced.push(log.display().to_string());
    traced.push("--".to_owned());
    traced.append(command);
    *command = traced;
    Ok(())
}

/// Reads strace's log.
///
/// # Errors
/// If it is not there, or holds no call at all: then strace could not trace.
pub(crate) fn read(log: &Path) -> Result<Traced, String> {
    let bytes = fs::read(log).map_err(|error| format!("strace left no log: {error}"))?;
    if bytes.is_empty() {
        return Err("strace saw nothing: may this user trace processes (ptrace)?".to_owned());
    }
    Ok(parse(&String::from_utf8_lossy(&bytes)))
}

fn parse(log: &str) -> Traced {
    let mut traced = Traced::default();
    // A call that others interrupt is told in two parts.
    let mut unfinished: HashMap<&str, String> = HashMap::new();
    for line in log.lines() {
        let Some((pid, rest)) = line.trim_start().split_once(char::is_whitespace) else { continue };
        let rest = rest.trim_start();
        if let Some(start) = rest.strip_suffix("<unfinished ...>") {
            unfinished.insert(pid, start.to_owned());
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once("resumed>"))
        {
            let start = unfinished.remove(pid).unwrap_or_default();
            traced.call(&(start + end));
        } else {
            traced.call(rest);
        }
    }
    unfinished.values().for_each(|call| traced.call(call));
    traced
}

impl Traced {
    fn call(&mut self, call: &str) {
        let Some((name, arguments)) = call.split_once('(') else { return };
        match name {
            "open" | "openat" | "openat2" | "creat" => {
                let writes =
                    name == "creat" || arguments.contains("O_WRONLY") || arguments.contains("O_RDWR");
                // `= 3</path>`: the last equals sign that no string can hold, since the result comes last.
                let result = arguments.rsplit_once(") = ").map_or("", |(_, result)| result.trim_start());
                if let Some(path) = described(result).filter(|path| writes && is_file(path)) {
                    self.opened.insert(path.into());
                }
            }
            "connect" => {
                let target = arguments.split_once('{').and_then(|(_, rest)| rest.split_once('}'));
                self.reached.extend(target.map(|(target, _)| target.to_owned()));
            }
            _ => {
                if let Some(path) = described(arguments).filter(|path| is_file(path)) {
                    self.written.entry(path.into()).or_default().extend(strings(arguments));
                }
            }
        }
    }
}

/// `/path` of a text that begins with `3</path>`.
fn described(text: &str) -> Option<String> {
    let text = text.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix('<')?;
    // A path may hold `>`, which strace escapes.
    let (path, _) = text.split_once('>')?;
    Some(String::from_utf8_lossy(&unescape(path.as_bytes()).0).into_owned())
}

/// A path of a disk, neither a device nor a pipe or a socket.
fn is_file(path: &str) -> bool {
    path.starts_with('/') && !["/dev/", "/proc/", "/sys/"].iter().any(|special| path.starts_with(special))
        || path.starts_with("/dev/shm/")
}

/// Everything between double quotes, unescaped and joined: one buffer, or those of a vector.
fn strings(text: &str) -> Vec<u8> {
    let mut all = Vec::new();
    let mut rest = text.as_bytes();
    while let Some(start) = rest.iter().position(|&byte| byte == b'"') {
        let (string, taken) = unescape(&rest[start + 1..]);
        all.extend(string);
        rest = rest.get(start + 1 + taken + 1..).unwrap_or_default();
    }
    all
}

/// C escapes undone up to an unescaped quote. Answers how many bytes were read.
fn unescape(text: &[u8]) -> (Vec<u8>, usize) {
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => break,
            b'\\' => {
                let octal =
                    text[at + 1..].iter().take(3).take_while(|digit| matches!(digit, b'0'..=b'7')).count();
                if octal > 0 {
                    let digits = &text[at + 1..at + 1 + octal];
                    out.push(
                        digits.iter().fold(0u32, |value, digit| value * 8 + u32::from(digit - b'0')) as u8
                    );
                    at += 1 + octal;
                    continue;
                }
                out.push(match text.get(at + 1) {
                    Some(b'n') => b'\n',
                    Some(b't') => b'\t',
                    Some(b'r') => b'\r',
                    Some(b'f') => 0x0c,
                    Some(b'v') => 0x0b,
                    Some(&other) => other,
                    None => break,
                });
                at += 2;
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    (out, at)
}

/// The program of this name, where the shell would find it.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// Bytes of one call that strace writes down.
const SHOWN: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opened_files_and_what_was_written_are_understood() {
        let log = r#"12 openat(AT_FDCWD</srv>, "a.log", O_WRONLY|O_CREAT|O_APPEND, 0666) = 3</srv/a.log>
12 openat(AT_FDCWD</srv>, "in", O_RDONLY) = 4</srv/in>
12 openat(AT_FDCWD</srv>, "none", O_RDWR) = -1 ENOENT (No such file or directory)
12 openat(AT_FDCWD</srv>, "/dev/null", O_RDWR) = 5</dev/null>
12 write(3</srv/a.log>, "one \"two\"\n\303\251", 12) = 12
12 write(1<pipe:[7]>, "not a file", 10) = 10
12 writev(3</srv/a.log>, [{iov_base="x", iov_len=1}, {iov_base="\0y", iov_len=2}], 2) = 3
"#;
        let traced = parse(log);
        assert_eq!(traced.opened, BTreeSet::from(["/srv/a.log".into()]));
        assert_eq!(traced.written[Path::new("/srv/a.log")], b"one \"two\"\n\xc3\xa9x\0y");
        assert_eq!(traced.written.len(), 1);
    }

    #[test]
    fn a_call_in_two_parts_is_put_together() {
        let log = "12 openat(AT_FDCWD</>, \"b\", O_RDWR|O_CREAT <unfinished ...>\n13 write(1<pipe:[7]>, \"x\", 1) = 1\n12 <... openat resumed>, 0600) = 3</b>\n14 write(3</b>, \"cut off\" <unfinished ...>\n";
        let traced = parse(log);
        assert_eq!(traced.opened, BTreeSet::from(["/b".into()]));
        assert_eq!(traced.written[Path::new("/b")], b"cut off");
    }

    #[test]
    fn whom_it_reached_is_told() {
        let log = "12 connect(3<socket:[1]>, {sa_family=AF_UNIX, sun_path=\"/dev/log\"}, 110) = 0\n";
        assert_eq!(
            parse(log).reached,
            BTreeSet::from(["sa_family=AF_UNIX, sun_path=\"/dev/log\"".to_owned()])
        );
    }
}

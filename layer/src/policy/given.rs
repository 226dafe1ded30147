//! Values that may be secrets: named by the policy, kept elsewhere, read when they are needed.

use std::fmt;
#[cfg(feature = "alerts")]
use std::fs::File;
#[cfg(feature = "alerts")]
use std::io::{self, Read as _};
use std::path::PathBuf;

use super::RedactPolicy;
use super::error::{Problem, quote};
use super::read::Values;
use crate::redact::keys::KeyRules;
use crate::redact::scan::Scanner;

/// Where a value is taken from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Given {
    /// The policy's own text: nothing that is secret.
    Text(String),
    /// An environment variable of this name.
    Env(String),
    /// A file, without the white space at its end. Read each time, so that a secret can be replaced while the service runs.
    File(PathBuf),
}

/// A variable or a file that does not give its value. Never the value.
#[cfg(feature = "alerts")]
#[derive(Debug)]
pub(crate) struct NotGiven(String);

#[cfg(feature = "alerts")]
impl Given {
    /// The value.
    pub(crate) fn get(&self) -> Result<String, NotGiven> {
        let text = match self {
            Given::Text(text) => return Ok(text.clone()),
            Given::Env(name) => std::env::var(name).map_err(|error| {
                let what = match error {
                    std::env::VarError::NotPresent => "is not set",
                    std::env::VarError::NotUnicode(_) => "is not text",
                };
                NotGiven(format!("the environment variable {name} {what}"))
            })?,
            Given::File(path) => read(path)
                .map_err(|error| NotGiven(format!("the file {} cannot be read: {error}", path.display())))?,
        };
        let text = text.trim_end();
        match text.is_empty() || text.contains(|c: char| c.is_control()) {
            true => Err(NotGiven(format!("{self} holds no single line of text"))),
            false => Ok(text.to_owned()),
        }
    }
}

/// A secret is short; what is not, such as a device, is not read to its end.
#[cfg(feature = "alerts")]
fn read(path: &std::path::Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST).read_to_string(&mut text)?;
    Ok(text)
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Given::Text(_) => f.write_str("the policy"),
            Given::Env(name) => write!(f, "the environment variable {name}"),
            Given::File(path) => write!(f, "the file {}", path.display()),
        }
    }
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "alerts")]
impl fmt::Display for NotGiven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `table.name`, `table.name_env` or `table.name_file`: one of them, and the text itself only if it `may_be_text`.
pub(super) fn read_one(values: &mut Values, table: &str, name: &str, may_be_text: bool) -> Option<Given> {
    let key = |suffix: &str| format!("{table}.{name}{suffix}");
    let forms: Vec<&str> = ["", "_env", "_file"].into_iter().filter(|form| values.has(&key(form))).collect();
    if let [_, second, ..] = forms.as_slice() {
        let expected = format!("one of {name}, {name}_env and {name}_file");
        values.report_hidden(Problem::new(key(second), expected, "more than one"));
        return None;
    }
    match forms.first().copied()? {
        "_env" => values.text(&key("_env")).map(|name| Given::Env(name.to_owned())),
        "_file" => values.text(&key("_file")).map(|path| Given::File(path.into())),
        // As an unknown key it was told of already.
        _ if values.problems.iter().any(|problem| problem.key() == key("")) => None,
        _ if !may_be_text => {
            values.report_hidden(
                Problem::new(key(""), format!("{name}_env or {name}_file"), "a secret in the policy's text")
                    .help(format!(
                        "put it into an environment variable or a file of mode 0600, and name that by `{name}_env` or `{name}_file`; \
                         whoever has read this file knows it: replace it where it was issued"
                    )),
            );
            None
        }
        _ => {
            let text = values.text(&key(""))?.to_owned();
            if holds_secret(&text) {
                let problem = Problem::new(key(""), "nothing secret", "what looks like a secret");
                values.report_hidden(problem.help(format!(
                    "name it by `{name}_env` or `{name}_file`, which are not in the policy's text; whoever has read this \
                     file knows it: replace it where it was issued"
                )));
                return None;
            }
            Some(Given::Text(text))
        }
    }
}

/// The same for what has to be there.
pub(super) fn read_needed(values: &mut Values, table: &str, name: &str, may_be_text: bool) -> Option<Given> {
    let told = values.problems.len();
    let given = read_one(values, table, name, may_be_text);
    let said = values.problems.iter().any(|problem| problem.key().starts_with(&format!("{table}.{name}")));
    if given.is_none() && told == values.problems.len() && !said {
        let text = if may_be_text { format!("{name}, ") } else { String::new() };
        let expected = format!("{text}{name}_env or {name}_file");
        values.report(Problem::new(format!("{table}.{name}"), expected, "none"));
    }
    given
}

/// Whether the scan of records would hide a part of it.
pub(super) fn holds_secret(text: &str) -> bool {
    let rules = RedactPolicy::default();
    let mut noted = Vec::new();
    let masked = Scanner::new(&rules).masked(&KeyRules::new(&rules), text, &mut noted);
    masked != text || !noted.is_empty()
}

/// What is wrong with an address; `""` if nothing is.
pub(crate) fn wrong_address(url: &str, plain_text_allowed: bool) -> &'static str {
    let (is_plain, rest) = match (url.strip_prefix("https://"), url.strip_prefix("http://")) {
        (Some(rest), _) => (false, rest),
        (_, Some(rest)) => (true, rest),
        _ => return "it begins with neither https:// nor http://",
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if authority.is_empty() || url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return "it names no host, or has white space in it";
    }
    if authority.contains('@') {
        return "it has a user or a password in it";
    }
    if is_plain && !plain_text_allowed && !is_here(authority) {
        return "it would send a secret without TLS to another machine";
    }
    ""
}

/// Whether this is the machine that the program runs on.
pub(crate) fn is_here(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Reads an address that the policy itself may hold.
pub(super) fn read_address(
    values: &mut Values,
    table: &str,
    in_text: bool,
    plain_text_allowed: bool,
) -> Option<Given> {
    let given = read_needed(values, table, "url", in_text)?;
    if let Given::Text(url) = &given {
        let wrong = wrong_address(url, plain_text_allowed);
        let key = format!("{table}.url");
        if !wrong.is_empty() {
            let expected = "an address such as \"https://hooks.example.org/dihya\"";
            let found = if wrong.contains("password") { "one with a secret".to_owned() } else { quote(url) };
            values.report_hidden(Problem::new(key, expected, found).help(wrong));
            return None;
        }
        if url.contains(['?', '#']) {
            let help =
                "what stands behind `?` is often a key: name the whole address by `url_env` or `url_file`";
            let problem = Problem::new(key, "an address without a query", "one with a query").help(help);
            values.report_hidden(problem);
            return None;
        }
    }
    Some(given)
}

#[cfg(feature = "alerts")]
const LONGEST: u64 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_refused_that_would_carry_a_secret_in_the_clear() {
        for fine in ["https://a.example/x", "http://127.0.0.1:9093", "http://[::1]:9/x", "http://localhost/x"]
        {
            assert_eq!(wrong_address(fine, false), "", "{fine}");
        }
        for wrong in
            ["ftp://a", "https://", "https://a b/", "http://a.example/x", "http://127.0.0.1.example/"]
        {
            assert_ne!(wrong_address(wrong, false), "", "{wrong}");
        }
        assert_ne!(wrong_address(&format!("https://{}:{}@a.example/", "ada", "x"), true), "");
        assert_eq!(wrong_address("http://alertmanager:9093", true), "");
    }

    #[cfg(feature = "alerts")]
    #[test]
    fn a_value_comes_from_a_file_each_time_and_its_debug_form_is_its_place() {
        let path = std::env::temp_dir().join(format!("dihya-given-{}", std::process::id()));
        let given = Given::File(path.clone());
        assert!(given.get().unwrap_err().to_string().contains("cannot be read"));
        std::fs::write(&path, "one\n").unwrap();
        assert_eq!(given.get().unwrap(), "one");
        std::fs::write(&path, "two\n").unwrap();
        assert_eq!(given.get().unwrap(), "two");
        assert!(!format!("{given:?}").contains("two"));
        std::fs::write(&path, "a\nb").unwrap();
        let error = given.get().unwrap_err().to_string();
        assert!(error.contains("no single line") && !error.contains("a\nb"), "{error}");
        std::fs::remove_file(&path).unwrap();
    }
}

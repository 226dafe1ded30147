//! What the commands that work on a log share: where it is, who calls, and a word before anything is destroyed.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use dihya::catalog::{Base, Catalog, Places};
use dihya::hook::Happened;
use dihya::ledger::Ledger;
use dihya::operation::Caller;
use dihya::purge::{self, Folders};
use dihya::storage::Local;
use dihya::{Clock, Policy};
use nix::unistd::{Group, User, getgroups, getuid};

use crate::Answer;
use crate::policy::{DEFAULT_FILE, told};

/// Which log.
#[derive(clap::Args)]
pub(crate) struct Where {
    /// The policy file [default: dihya.toml in this folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The folder of the records, instead of the policy's
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
}

impl Where {
    /// The policy, with the root that was named.
    pub(crate) fn policy(&self) -> Result<Policy, Answer> {
        let file = self.policy.as_deref().unwrap_or(Path::new(DEFAULT_FILE));
        if self.policy.is_none() && !file.exists() {
            return Err(Answer::wrong(format!(
                "error: this command needs the policy, and there is no {DEFAULT_FILE} here: name it with --policy FILE\n"
            )));
        }
        let policy = Policy::load(file).map_err(|error| Answer::wrong(told(&error)))?;
        Ok(match &self.root {
            Some(root) => policy.found_at(root),
            None => policy,
        })
    }

    /// Whether there is a policy: one that was named, or the one in this folder.
    pub(crate) fn has_policy(&self) -> bool {
        self.policy.is_some() || Path::new(DEFAULT_FILE).exists()
    }

    /// Where to read, and by which rules. Reading needs no policy: a root that was named is enough.
    pub(crate) fn places(&self) -> Result<(Policy, Places), Answer> {
        let policy = match (&self.policy, &self.root) {
            (None, Some(root)) if !Path::new(DEFAULT_FILE).exists() => {
                Policy::sector(dihya::Sector::Generic).root(root)
            }
            (None, None) if !Path::new(DEFAULT_FILE).exists() => {
                return Err(Answer::unclear(format!(
                    "error: which log? Name its root with --root DIR, or its policy with --policy FILE; there is no \
                     {DEFAULT_FILE} here\n"
                )));
            }
            _ => self.policy()?,
        };
        let places = Places::of(&policy);
        Ok((policy, places))
    }
}

/// The ledger of a base, to be told of a reading. `None` where there is none, or no key, as in a copy of a log.
pub(crate) fn ledger(base: &Base, clock: &Clock) -> io::Result<Option<Ledger>> {
    let is_missing =
        |path: &Path| path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    if is_missing(&base.path.join("ledger")) || is_missing(&base.state.join("signing.key")) {
        return Ok(None);
    }
    Ledger::attach(Arc::new(Local), &base.path, &base.state, clock.clone()).map(Some)
}

/// A log of one writing process, with its ledger open.
pub(crate) struct Log {
    pub(crate) base: PathBuf,
    pub(crate) instance: Option<String>,
    pub(crate) ledger: Ledger,
    archives: Folders,
}

impl Log {
    /// As the library takes it.
    pub(crate) fn work(&self) -> purge::Log<'_> {
        purge::Log { storage: &Local, base: &self.base, ledger: &self.ledger, archives: &self.archives }
    }
}

/// Every log under the policy's roots, each by its ledger; and the folders with records and no ledger.
pub(crate) fn open(policy: &Policy, clock: &Clock) -> Result<(Vec<Log>, Vec<PathBuf>), Answer> {
    let catalog = Catalog::read(&Local, &Places::of(policy), clock)
        .map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
    let mut logs = Vec::new();
    let mut without = Vec::new();
    for found in catalog.bases {
        let base = found.path;
        if !base.join("ledger").is_dir() {
            without.push(base);
            continue;
        }
        let ledger = Ledger::attach(Arc::new(Local), &base, &found.state, clock.clone())
            .map_err(|error| Answer::wrong(format!("error: {error}\n")))?;
        let archives = Folders::of(Arc::new(Local));
        logs.push(Log { base, instance: found.instance, ledger, archives });
    }
    if logs.is_empty() {
        let folder = without.first().map_or_else(String::new, |base| format!(" in {}", base.display()));
        return Err(Answer::wrong(format!(
            "error: there is no ledger{folder}: start the service once, or name its root with --root DIR\n"
        )));
    }
    Ok((logs, without))
}

/// Whom the operating system says this is. Not what the environment says: that is the caller's own to set.
pub(crate) fn caller() -> Caller {
    let uid = getuid();
    let user = User::from_uid(uid).ok().flatten().map_or_else(|| uid.to_string(), |user| user.name);
    let name = |gid| Group::from_gid(gid).ok().flatten().map(|group| group.name);
    let groups = getgroups().unwrap_or_default().into_iter().filter_map(name).collect();
    Caller::new(user, groups)
}

/// Tells the policy's hooks what was done, and waits for them. One that fails is a warning: what was done is done.
pub(crate) fn tell_hooks(policy: &Policy, log: &Log, happened: Happened, answer: &mut Answer) {
    let moment = happened.moment;
    for (hook, why) in dihya::hook::run_now(policy, &happened.of(log.instance.as_deref())) {
        answer.warn(&format!("the hook {hook} was not told of this {moment}: {why}"));
    }
}

/// Who answers for an operation, and why it is done.
#[derive(clap::Args)]
pub(crate) struct Because {
    /// Who answers for it [default: the user's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) operator: Option<String>,
    /// Why, for whoever reads the ledger years later
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

/// What somebody decides who was shown what would happen.
pub(crate) enum Word {
    Yes,
    No,
    /// There is nobody to ask.
    Nobody,
}

/// Shows what would happen, and asks.
pub(crate) fn ask(shown: &str, question: &str) -> io::Result<Word> {
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(Word::Nobody);
    }
    let mut stderr = io::stderr();
    write!(stderr, "{shown}{question} Type yes to go on: ")?;
    stderr.flush()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line)?;
    Ok(if line.trim() == "yes" { Word::Yes } else { Word::No })
}

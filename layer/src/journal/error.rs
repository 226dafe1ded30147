//! What can go wrong when a journal is opened, committed or closed.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::operation::OperationError;
use crate::policy::PolicyError;

/// Why a journal did not open. Nothing was started and no lock is held.
#[non_exhaustive]
pub enum OpenError {
    /// The policy cannot be used: one built in code may lack a root, for instance.
    Policy(PolicyError),
    /// A symbolic link stands where a folder of the journal should be: whoever may change the link could lead the
    /// records elsewhere.
    Link {
        /// The link.
        path: PathBuf,
    },
    /// Something that is not a folder stands in the way.
    NotAFolder {
        /// Its path.
        path: PathBuf,
    },
    /// Every user may write to this folder, and so replace what is in it.
    ///
    /// A folder that only its *group* may write is accepted: who is in a group is the administrator's decision, the
    /// usual places are made so (`/var/log`, volumes that an orchestrator hands to a group), and where the group is all
    /// that lets this process write, a refusal could not be remedied. Whoever is in that group can rename and remove
    /// the channels' folders, though not read or change what is in them; if that is too much, run `chmod g-w`.
    WorldWritable {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// This process may not write here.
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The user who owns it.
        owner: u32,
        /// The user this process runs as.
        user: u32,
        /// What the system said.
        source: io::Error,
    },
    /// Another journal is open here, in this process or another.
    Busy {
        /// The lock file.
        path: PathBuf,
        /// The process that wrote the lock file last.
        pid: Option<u32>,
    },
    /// The file system has too little room to start.
    NoSpace {
        /// The folder.
        path: PathBuf,
        /// Bytes free for this process.
        free: u64,
        /// Bytes needed to start.
        needed: u64,
    },
    /// The key that seals the log cannot be used.
    Key {
        /// The key's file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The log has records and no key.
    NoKey {
        /// Where the key should be.
        path: PathBuf,
        /// The log.
        base: PathBuf,
    },
    /// A log is shorter than it was known to be, or is not the one that was known, or is gone: somebody put an old copy
    /// in its place, cut it or took it away. Nothing was touched.
    Rollback {
        /// The file.
        log: PathBuf,
        /// As the ledger names it: a shard's id, or `ledger`.
        id: String,
        /// Lines it was known to have.
        known: u64,
        /// Lines it has; `None` if it is missing or its length alone tells.
        found: Option<u64>,
    },
    /// The ledger cannot be used.
    Ledger {
        /// The log.
        base: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The caller may not do this to the log, or gave no reason.
    Refused {
        /// Why.
        source: OperationError,
    },
    /// Any other error of the storage.
    Io {
        /// What was being done, as in "cannot {what}".
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Records cannot be exported as the policy says: a variable or a file that it names is not there.
    Otlp {
        /// Why, with what to do.
        why: String,
    },
    /// The system gave no thread for a channel's writer.
    Thread {
        /// What the system said.
        source: io::Error,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Policy(error) => error.fmt(f),
            OpenError::Refused { source } => source.fmt(f),
            OpenError::Link { path } => {
                write!(f, "{} is a symbolic link; name the folder itself as root", path.display())
            }
            OpenError::NotAFolder { path } => {
                write!(f, "{} is not a folder; move it away or choose another root", path.display())
            }
            OpenError::WorldWritable { path, mode } => write!(
                f,
                "{path} (mode {mode:04o}) can be written by every user, so records in it could be replaced; \
                 run `chmod o-w {path}` or choose another root",
                path = path.display()
            ),
            OpenError::Unwritable { path, mode, owner, user, source } => write!(
                f,
                "cannot write to {path} (mode {mode:04o}, owner uid {owner}) as uid {user}: {source}; \
                 run `chown {user} {path}` or choose another root",
                path = path.display()
            ),
            OpenError::Busy { path, pid } => {
                match pid {
                    Some(pid) => write!(f, "process {pid} already writes here")?,
                    None => write!(f, "another process already writes here")?,
                }
                write!(
                    f,
                    " (it holds {}); stop it, or give this process an `instance` name of its own",
                    path.display()
                )
            }
            OpenError::NoSpace { path, free, needed } => write!(
                f,
                "{free} bytes are free for {}, {needed} are needed to start; free some space or choose another root",
                path.display()
            ),
            OpenError::Key { path, source } => {
                write!(f, "the key {} that seals the log cannot be used: {source}", path.display())
            }
            OpenError::NoKey { path, base } => write!(
                f,
                "{} holds a log, and its key is missing: restore {} from your backup; if the key is gone for good, move \
                 the log away as it is (it can still be verified) and let the service begin a new one",
                base.display(),
                path.display()
            ),
            OpenError::Rollback { log, known, found, .. } => {
                let log = log.display();
                match found {
                    Some(found) if found >= known => {
                        write!(f, "{log} is not what it was: its first {known} lines are others")?
                    }
                    Some(found) => write!(f, "{log} has {found} sealed lines and was known to have {known}")?,
                    None => write!(f, "{log} is gone or shorter than the ledger says")?,
                }
                f.write_str(
                    "; nothing was touched. Restore the file from a copy; or, if the loss is known and accepted, run \
                     `dihya accept-rollback --reason …`, which records it, and start again",
                )
            }
            OpenError::Ledger { base, source } => {
                write!(f, "the ledger in {} cannot be used: {source}", base.join("ledger").display())
            }
            OpenError::Io { what, path, source } => {
                write!(f, "cannot {what} {}: {source}", path.display())
            }
            OpenError::Otlp { why } => write!(f, "records cannot be exported as the policy says: {why}"),
            OpenError::Thread { source } => {
                write!(f, "cannot start a writer's thread: {source}; raise the limit on processes")
            }
        }
    }
}

/// The same text: a `main` that returns the error prints this form, and its reader needs the sentence.
impl fmt::Debug for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            OpenError::Policy(error) => fmt::Debug::fmt(error, f),
            _ => fmt::Display::fmt(self, f),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            OpenError::Unwritable { source, .. }
            | OpenError::Io { source, .. }
            | OpenError::Key { source, .. }
            | OpenError::Ledger { source, .. }
            | OpenError::Thread { source } => Some(source),
            OpenError::Policy(error) => error.source(),
            OpenError::Refused { source } => Some(source),
            _ => None,
        }
    }
}

/// Why records may not be on disk.
#[derive(Clone)]
#[non_exhaustive]
pub enum CommitError {
    /// The storage fails. The records are kept and tried again; another `commit` waits for them or tells the same.
    Storage {
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// The storage failed while the commit waited, and works again: another `commit` will tell.
    Interrupted,
    /// Everything accepted is on disk, but so many records of a lossless channel were not accepted since the last
    /// commit that answered: the queue stayed full beyond the limit, or a record was larger than the queue.
    Lost {
        /// How many.
        records: u64,
    },
    /// The journal was closed, or its writer died, before the records were on disk.
    Ended,
    /// What arrived is on disk, but the last probe found that the subscriber keeps this lossless channel's events away,
    /// so that nothing is known of what was logged. A [`Guard::probe`](crate::Guard::probe) that succeeds ends this.
    Silenced {
        /// The channel's name.
        channel: String,
    },
    /// The open policy has no such channel: it was looked up in another policy.
    UnknownChannel,
}

impl fmt::Display for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommitError::Storage { source } => {
                write!(
                    f,
                    "records are not on disk: {source}; until the log is closed they are kept and tried again"
                )
            }
            CommitError::Interrupted => f.write_str(
                "the storage failed for a while; commit again to learn whether records are on disk",
            ),
            CommitError::Lost { records } => write!(
                f,
                "{records} records were lost because the channel's queue stayed full; \
                 raise its queue size or its limit, or look for a slow disk"
            ),
            CommitError::Ended => f.write_str("the journal was closed before the records were on disk"),
            CommitError::Silenced { channel } => write!(
                f,
                "what reached the channel {channel} is on disk, but events do not reach it: {}. Then call \
                 `Guard::probe` again",
                crate::probe::REMEDY
            ),
            CommitError::UnknownChannel => f.write_str(crate::channel::UNKNOWN),
        }
    }
}

/// The same text: a `main` that returns the error prints this form, and its reader needs the sentence.
impl fmt::Debug for CommitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for CommitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            CommitError::Storage { source } => Some(source.as_ref()),
            _ => None,
        }
    }
}

/// What `shutdown` wrote, and what it could not.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// One entry per channel, in the order of the policy.
    pub channels: Vec<ChannelReport>,
}

impl ShutdownReport {
    /// Nothing was lost on any channel.
    pub fn is_complete(&self) -> bool {
        self.lost() == 0
    }

    /// Records lost on all channels, for whatever reason.
    pub fn lost(&self) -> u64 {
        self.channels.iter().map(|c| c.lost_queue_full + c.lost_unwritten).sum()
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, c) in self.channels.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{}: {} records ({} bytes) on disk", c.name, c.records, c.bytes)?;
            if c.lost_queue_full > 0 {
                write!(f, ", {} lost with a full queue", c.lost_queue_full)?;
            }
            if c.lost_unwritten > 0 {
                write!(f, ", {} lost at the end", c.lost_unwritten)?;
            }
            if let Some(why) = &c.why {
                write!(f, " ({why})")?;
            }
        }
        Ok(())
    }
}

/// One channel's part of a [`ShutdownReport`]. Counts run from the opening of the journal.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ChannelReport {
    /// The channel's name.
    pub name: String,
    /// Records that are durable. The layer's own (losses, recoveries) are not counted.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Records that found the queue full, or were larger than it.
    pub lost_queue_full: u64,
    /// Records accepted but not known to be durable when the deadline passed.
    pub lost_unwritten: u64,
    /// Why records are unwritten.
    pub why: Option<String>,
}

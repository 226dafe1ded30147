//! What to do about each defect, in a sentence.

use super::finding::Defect;

impl Defect {
    /// What to do.
    pub(super) fn advice(&self) -> &'static str {
        use Defect as D;
        match self {
            D::LinesChanged(_) | D::LinesRemoved(..) | D::LinesAdded(..) | D::SealChanged(_) => {
                "keep the file as it is, and compare it with a backup (`dihya verify --against COPY` names the line)"
            }
            D::SealMalformed(_) | D::LineTooLong | D::NoEntry => {
                "keep the file as it is, and compare it with a backup; the layer writes no such line"
            }
            D::BadSignature { of: Some(_) } => {
                "it was copied from there: find out who did, and restore this file from a backup"
            }
            D::BadSignature { of: None } => {
                "somebody else wrote it: find out who may write here, and restore the file from a backup"
            }
            D::UnsealedTail { live: true, .. } | D::TornTail { live: true, .. } => {
                "nothing, while the service runs; if it has ended, its next start moves these bytes to quarantine"
            }
            D::UnsealedTail { .. } | D::TornTail { .. } | D::NeverSealed => {
                "nobody was promised these lines; start the service, which moves what a crash left to quarantine and says so in the ledger; if it says nothing, compare with a backup"
            }
            D::RolledBack { .. } => {
                "an older copy was restored, or the end was cut off: restore the newest backup, and look for who changed it"
            }
            D::NotAsWitnessed { .. } => {
                "the file is another one than it was: keep it as it is, and compare it with a backup"
            }
            D::GrownAfterClose { .. } => {
                "somebody added lines later: compare it with its archived copy or a backup"
            }
            D::MissingCheckpoint => {
                "restore it from a backup, or start the service, which publishes that of the newest shard; the seals were checked without it"
            }
            D::BadCheckpoint(_) => "restore it from a backup; the seals were checked without it",
            D::ForeignCheckpoint { .. } => "somebody put it here: restore this log's own from a backup",
            D::MissingLockFile { folder: false } => {
                "if the state lies elsewhere, name its folder: --state FOLDER; a copy of a log need not have one"
            }
            D::PurgedSince { .. } => {
                "nothing: the certificate in the ledger says when, by whom and under which rule"
            }
            D::BadLockFile(_) | D::MissingLockFile { .. } => {
                "look at who may write to the folder of the state; without this file a log that was cut at a seal is not noticed, so compare with a backup before the service starts again"
            }
            D::MissingShard { .. } => {
                "restore it from the archive or a backup; if it was removed on purpose, no certificate says so"
            }
            D::NeverOpened { .. } => {
                "the layer did not write it here: move it away, or restore the ledger if that is the older one"
            }
            D::NeverClosed { newest: true, .. } => {
                "nothing: the next start of the service closes it or goes on with it"
            }
            D::NeverClosed { .. } => {
                "another shard has followed it: look in the ledger for what happened then"
            }
            D::Abandoned { .. } => "nothing: what it lacks stands in the shard that follows it",
            D::PurgedButPresent { .. } => {
                "the purge was interrupted, or the file was restored here: run `dihya purge` again, or move it away"
            }
            D::Elsewhere { .. } => "to check them too, restore them with `dihya restore`",
            D::ArchiveChanged { .. } | D::Unreadable { .. } => "restore it from another store or a backup",
            D::NoReceipt { .. } => {
                "the archiving was interrupted, or somebody put it here: run `dihya archive` again, or move it away"
            }
            D::Encrypted { .. } => "to check its lines too, restore it with its key by `dihya restore`",
            D::MissingLedger => {
                "restore the folder `ledger` from a backup; or this is no root of a log, or the service was not started yet"
            }
            D::NoKey => "name the key, as `dihya key show` told it when the log was begun: --vkey KEY",
            D::ForeignKey { .. } => {
                "either the pinned key is of another log, or all of this log was written anew by somebody else"
            }
            D::KeyNotRotated => {
                "look at who could replace the signing key: an orderly change is an entry `key_rotated`"
            }
            D::BadKeyFile(_) => {
                "restore it from your backup, or run `dihya key rotate`; what was sealed so far is checked without it"
            }
            D::PolicyChanged => {
                "restore it from a backup; the ledger tells by its hash which text was in force"
            }
            D::ForeignFile => "move it away: nothing of ours reads it, and nothing of ours removes it",
            D::RollbackAccepted { .. } => "ask the operator whom the entry names",
            D::BadImport(_) => "remove that folder, and import the bundle again",
            D::UnknownImport => {
                "find out who put it there; to keep it, export it where it comes from and import it again"
            }
            D::MissingImport { .. } => {
                "nothing, if it was removed on purpose; import the bundle again otherwise"
            }
            D::UnfinishedImport => "run the import again, or remove the folder",
            D::Unread(_) => "run this as the service's user, and look at the disk if the error goes on",
        }
    }
}

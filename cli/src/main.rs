//! `dihya`: the command line. A thin face over the library, which does the work and finds the words; here are only
//! arguments, files and exit codes.

mod alert;
mod archive;
// It reads /proc and inotify.
#[cfg(target_os = "linux")]
mod check;
mod detect;
mod evidence;
mod export;
mod hold;
mod import;
mod key;
mod log;
mod man;
mod plan;
mod policy;
mod progress;
mod prove;
mod purge;
mod query;
mod recorded;
mod report;
mod restore;
mod rollback;
#[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
mod ship;
mod status;
mod task;
mod tiles;
#[cfg(feature = "top")]
mod top;
mod verify;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};
use clap_complete::Shell;

/// Audit-grade logging for Rust services: check and show the policy of a service, check any service for leaks.
///
/// Exit codes: 0 it is fine, 1 it is not, 2 the command was not understood; `check`, `verify`, `prove`, `tiles`,
/// `export` and `import` have more, which their help tells.
#[derive(Parser)]
#[command(name = "dihya", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Work on a policy: the file that says what is recorded, what is hidden, how long it is kept
    #[command(subcommand, arg_required_else_help = true)]
    Policy(policy::Command),
    /// Run any service with made-up secrets, and look where they come out
    ///
    /// Plants secrets that are made for this run in the service's environment, arguments, standard input and HTTP
    /// requests; watches standard output and error, every file it writes, and its metrics; and tells which secret came out
    /// where, and what it could not see. The service may be written in any language, and need not know of Dihya.
    #[cfg(target_os = "linux")]
    #[command(after_long_help = check::HELP)]
    Check(check::Command),
    /// Show what retention would do and why, shard by shard, with dates
    #[command(after_long_help = plan::HELP)]
    Plan(plan::Command),
    /// Archive closed shards: compressed, encrypted if the policy says so, copied, read back, and only then removed
    #[command(after_long_help = archive::HELP)]
    Archive(archive::Command),
    /// Restore archived shards into a folder of their own, verified
    #[command(after_long_help = restore::HELP)]
    Restore(restore::Command),
    /// Purge what retention says is due, with a certificate of each shard
    #[command(after_long_help = purge::HELP)]
    Purge(purge::Command),
    /// Keep records from being purged: legal holds
    #[command(subcommand, arg_required_else_help = true, after_long_help = hold::HELP)]
    Hold(hold::Command),
    /// Tell whether a log is what was sealed: all of it, and nothing else
    ///
    /// Reads every line of every shard, and holds it against the seals, the checkpoints, the ledger, the lock file, and a
    /// key and checkpoints that you bring along. Names the file, the line and what to do.
    #[command(after_long_help = verify::HELP)]
    Verify(verify::Command),
    /// Write a record and the proof that it is in the log into one file, which is checked without the log
    #[command(after_long_help = prove::HELP)]
    Prove(prove::Command),
    /// Write shards as C2SP tiles, which other people's verifiers and witnesses read
    #[command(after_long_help = tiles::HELP)]
    Tiles(tiles::Command),
    /// Write records or whole shards with their proofs into a folder, which is checked without the log
    #[command(after_long_help = export::HELP)]
    Export(export::Command),
    /// Take what another log exported into a root, verified, apart from the log's own
    #[command(after_long_help = import::HELP)]
    Import(import::Command),
    /// Accept that a log is shorter than it was known to be, so that the service starts again
    ///
    /// A service refuses to start on a log from which something is gone: a shard, or the end of one, or of the ledger.
    /// If the loss is known (a disk was replaced, a backup put back), this enters it in the ledger with operator and
    /// reason. The files stay as they are. The service must not be running.
    ///
    /// For example: dihya accept-rollback --reason "disk replaced on 20 November, ticket 4711"
    AcceptRollback(rollback::Command),
    /// Join what the tests of a compliance suite found into a report: JSON, JUnit, and one HTML page
    ///
    /// The tests of `dihya_compliance::suite!` each leave a result. Exit code 0: every rule that is claimed holds. 1: one
    /// does not, or has no result of the newest build and policy; the report is written all the same.
    Evidence(evidence::Command),
    /// Show records of a log: by channel, time, event, level, tenant and any field
    ///
    /// Reads live, closed and archived shards of all instances, in parallel, and follows what is written. It shows what
    /// stands in the files; whether that was changed is what `dihya verify` asks.
    #[command(after_long_help = query::HELP)]
    Query(query::Command),
    /// Show what the detectors of anomalies would have found in a log: to set thresholds by one's own past
    #[command(after_long_help = detect::HELP)]
    Detect(detect::Command),
    /// Send records to the receiver that the policy's table [otlp] names, from where the export stopped
    ///
    /// The same that the service does itself, from outside: for a service that is built without it, after a long outage,
    /// and to send an old part of a log again. One of the two at a time exports a log.
    #[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
    #[command(after_long_help = ship::HELP)]
    Ship(ship::Command),
    /// One screen about a log: sizes, ages against limits, seals, holds, losses, room
    ///
    /// Tells what lies there and what the ledger says, without checking it: that is `dihya verify`. Exit code 1: somebody has
    /// to look at something; it is told on standard error.
    Status(status::Command),
    /// Try a receiver of alerts, or list what waits for one
    #[command(subcommand, arg_required_else_help = true, after_long_help = alert::HELP)]
    Alert(alert::Command),
    /// Watch a log in the terminal: rates, losses, queues, alerts, seals, room
    ///
    /// From its files, or from the metrics of a running service. `q` ends it.
    #[cfg(feature = "top")]
    #[command(after_long_help = top::HELP)]
    Top(top::Command),
    /// Write a log in figures: one HTML page with pictures, and JSON
    ///
    /// Records over time, what was hidden, alerts, ages against their limits, integrity, holds, archives, purges, operations,
    /// room; counted over live and archived shards.
    #[command(after_long_help = report::HELP)]
    Report(report::Command),
    /// Show or change the key that seals a log
    #[command(subcommand, arg_required_else_help = true, after_long_help = key::HELP)]
    Key(key::Command),
    /// Print a completion script, to be put where the shell looks for it
    ///
    /// For bash: dihya completions bash > ~/.local/share/bash-completion/completions/dihya
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
    /// Write a manual page of every command
    ///
    /// For example: dihya man --out ~/.local/share/man/man1, and then: man dihya-verify
    Man(man::Command),
}

/// What a command has to say, and its exit code.
struct Answer {
    out: Vec<u8>,
    err: String,
    code: u8,
}

impl Answer {
    fn fine(out: impl Into<Vec<u8>>) -> Answer {
        Answer { out: out.into(), err: String::new(), code: 0 }
    }

    fn wrong(err: impl Into<String>) -> Answer {
        Answer { out: Vec::new(), err: err.into(), code: 1 }
    }

    fn unclear(err: impl Into<String>) -> Answer {
        Answer { code: 2, ..Answer::wrong(err) }
    }

    /// It was done, and somebody has to look at this.
    fn warn(&mut self, what: &str) {
        self.err.push_str(&format!("warning: {what}\n"));
        self.code = self.code.max(1);
    }
}

fn main() -> ExitCode {
    let answer = match Arguments::parse().command {
        Command::Policy(command) => command.run(),
        #[cfg(target_os = "linux")]
        Command::Check(command) => command.run(),
        Command::Plan(command) => command.run(),
        Command::Archive(command) => command.run(),
        Command::Restore(command) => command.run(),
        Command::Purge(command) => command.run(),
        Command::Hold(command) => command.run(),
        Command::Verify(command) => command.run(),
        Command::Prove(command) => command.run(),
        Command::Tiles(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Import(command) => command.run(),
        Command::AcceptRollback(command) => command.run(),
        Command::Evidence(command) => command.run(),
        Command::Query(command) => command.run(),
        Command::Detect(command) => command.run(),
        #[cfg(any(feature = "otlp-http", feature = "otlp-grpc"))]
        Command::Ship(command) => command.run(),
        Command::Status(command) => command.run(),
        Command::Alert(command) => command.run(),
        #[cfg(feature = "top")]
        Command::Top(command) => command.run(),
        Command::Report(command) => command.run(),
        Command::Key(command) => command.run(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "dihya", &mut script);
            Answer::fine(script)
        }
        Command::Man(command) => command.run(Arguments::command()),
    };
    // stderr may be closed too, and then there is nobody left to tell.
    let _ = io::stderr().write_all(answer.err.as_bytes());
    let mut stdout = io::stdout().lock();
    match stdout.write_all(&answer.out).and_then(|()| stdout.flush()) {
        Ok(()) => {}
        // `dihya policy show | head` is not an error.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: cannot write to standard output: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::from(answer.code)
}

//! `dihya man`: a manual page of every command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::Answer;

/// Where to.
#[derive(clap::Args)]
pub(crate) struct Command {
    /// The folder to write to: one that man(1) looks into is ~/.local/share/man/man1
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

impl Command {
    pub(crate) fn run(self, program: clap::Command) -> Answer {
        let mut names = Vec::new();
        let mut program = program.disable_help_subcommand(true);
        program.build();
        match fs::create_dir_all(&self.out).and_then(|()| pages(&program, &self.out, &mut names)) {
            Ok(()) => Answer::fine(format!("wrote {} pages to {}\n", names.len(), self.out.display())),
            Err(error) => Answer::wrong(format!("error: cannot write to {}: {error}\n", self.out.display())),
        }
    }
}

/// `dihya.1`, `dihya-policy.1`, `dihya-policy-check.1`, …
fn pages(command: &clap::Command, folder: &Path, names: &mut Vec<String>) -> io::Result<()> {
    let man = clap_mangen::Man::new(command.clone());
    let name = man.get_filename();
    let mut page = Vec::new();
    man.render(&mut page)?;
    fs::write(folder.join(&name), page)?;
    names.push(name);
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| pages(command, folder, names))
}

//! `tidegate dist`: writes what packages ship beside the binary, the man pages and the shells'
//! completions. Made of the command line itself, so that they cannot promise what is not there.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::{CommandLine, output};

/// What to write.
#[derive(Debug, Subcommand)]
pub(super) enum Dist {
    /// Completions for bash, elvish, fish, powershell and zsh
    Completions {
        /// Folder to write to; made where it is missing
        directory: PathBuf,
    },
    /// Man pages, one per subcommand
    Man {
        /// Folder to write to; made where it is missing
        directory: PathBuf,
    },
}

pub(super) fn run(dist: &Dist) -> ExitCode {
    let (directory, written) = match dist {
        Dist::Completions { directory } => (directory, completions(directory)),
        Dist::Man { directory } => (directory, man(directory)),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => output::failed(&format!("cannot write to {}: {error}", directory.display())),
    }
}

fn completions(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    for shell in Shell::value_variants() {
        let mut command = CommandLine::command();
        let path = clap_complete::generate_to(*shell, &mut command, NAME, directory)?;
        eprintln!("tidegate: wrote {}", path.display());
    }
    Ok(())
}

fn man(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(CommandLine::command(), directory)
}

/// The binary's.
const NAME: &str = "tidegate";

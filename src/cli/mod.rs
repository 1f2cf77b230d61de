//! The command line: one file per subcommand. Data goes to stdout, chatter to stderr; what a
//! setting may be is never judged here but in `config`.

mod admin_client;
mod check;
mod dist;
mod doctor;
mod inherited;
mod init;
mod keys;
mod large_pages;
mod listening;
mod output;
mod route;
mod run;
mod schema;
mod start_block;

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use tidegate::config::{Environment, Flags, Sources};

/// Reads the command line and does what it says. Exit codes: 0 done, 1 failed, 2 wrong usage or
/// configuration.
pub fn run() -> ExitCode {
    let CommandLine { command, written } = CommandLine::parse();
    match command {
        None => run::run(written, false),
        Some(Command::Run { takeover, written }) => run::run(written, takeover),
        Some(Command::Check { json, written }) => check::run(written, json),
        Some(Command::Dist { what }) => dist::run(&what),
        Some(Command::Doctor { json, written }) => doctor::run(written, json),
        Some(Command::Keys(keys)) => keys::run(keys),
        Some(Command::Init { file }) => init::run(&file),
        Some(Command::Route(route)) => route::run(route),
        Some(Command::Schema) => schema::run(),
    }
}

/// A high-throughput gateway between LLM clients and providers. Without a command it runs.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    written: Written,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway
    Run {
        /// Take the listeners over from the process that runs with the same configuration file,
        /// which ends once this one serves; without one, start as usual
        #[arg(long)]
        takeover: bool,
        #[command(flatten)]
        written: Written,
    },
    /// Validate the configuration and print it as it is in force, with who set each value
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        written: Written,
    },
    /// Write what packages ship beside the binary
    Dist {
        #[command(subcommand)]
        what: dist::Dist,
    },
    /// Say what keeps this host, or this configuration, from serving well, and what to do about it
    Doctor {
        /// Print JSON
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        written: Written,
    },
    /// Look at and change the provider keys of a running gateway
    Keys(keys::Keys),
    /// Write a commented starter file
    Init {
        /// Where to, - for stdout; an existing file is left alone
        #[arg(default_value = "tidegate.toml")]
        file: PathBuf,
    },
    /// Say where a request would go
    Route(route::Route),
    /// Print the JSON Schema of the configuration
    Schema,
}

/// What the command line says about the configuration; stronger than environment and file.
#[derive(Args, Debug)]
struct Written {
    /// In place of ./tidegate.toml or the one in the user's own folder.
    #[arg(long, value_name = "FILE", help = "Configuration file [env: TIDEGATE_CONFIG]")]
    config: Option<PathBuf>,
    /// How workers wait for the kernel.
    #[arg(long, value_name = "DRIVER", help = "auto, io_uring or epoll")]
    driver: Option<String>,
    /// As IP:PORT; may be given more than once.
    #[arg(long, value_name = "ADDR", help = "Address to listen on [env: TIDEGATE_LISTEN]")]
    listen: Vec<String>,
    /// Base URL for a provider, in place of its own; may be given more than once
    #[arg(long, value_name = "NAME=URL")]
    provider: Vec<String>,
    /// Number of workers, or auto for one per available core
    #[arg(long, value_name = "N")]
    workers: Option<String>,
}

impl Written {
    fn sources(self) -> Sources {
        let Self { config, driver, listen, provider, workers } = self;
        Sources {
            directory: PathBuf::new(),
            environment: Environment::Process,
            file: config,
            flags: Flags { driver, listen, provider, workers },
            stderr_is_terminal: std::io::stderr().is_terminal(),
        }
    }
}

//! The command line: one file per command, and what an exit status means.

mod check;
mod config;
mod console;
mod parked;
mod run;
mod setup;
mod status;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use console::{Exit, Output, exit_of, load};

const AFTER_HELP: &str = "\
First steps:
  acequia setup --print-sql | psql …   a DBA grants what the rules need
  acequia check                        files and databases fit together
  acequia run                          the daemon (usually started by systemd)
  acequia status                       how far every flow and customer is

Exit status: 0 done, 1 failed, 2 wrong usage, 69 a server can't be reached, 78 the configuration is wrong.";

/// Keeps the set-up data of many customers in step: reads the logical replication of a PostgreSQL practice database
/// and writes changed rows into the schemas of other customers, by rules in TOML.
#[derive(Parser)]
#[command(name = "acequia", version, after_help = AFTER_HELP)]
struct Arguments {
    /// Directory with acequia.toml and conf.d/
    #[arg(long, global = true, env = "ACEQUIA_CONFIG", default_value = "/etc/acequia", value_name = "DIR")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon in the foreground until SIGTERM or SIGINT
    Run,
    /// Compare the rule files with the databases and say everything that is wrong, with the remedy
    Check {
        /// Only the files: no database is asked
        #[arg(long)]
        offline: bool,
        /// How to print
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Make what the rules need in the databases: grants, publication, control schema
    Setup {
        /// Print the SQL for a DBA and change nothing
        #[arg(long)]
        print_sql: bool,
        /// Connect as this role (with its .pgpass entry or peer authentication) instead of the configured one
        #[arg(long = "as", value_name = "ROLE")]
        as_role: Option<String>,
    },
    /// Show how far every flow and every customer is
    Status {
        /// How to print
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Look after rows that are not yet in a customer
    Parked {
        #[command(subcommand)]
        command: parked::Parked,
    },
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        command: config::ConfigCommand,
    },
}

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("acequia: the runtime could not be started: {}", error.kind());
            return Exit::Failed.into();
        }
    };
    let done = runtime.block_on(command(arguments));
    // A command that is done waits for nobody: a session that hangs must not keep the process.
    runtime.shutdown_background();
    match done {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("acequia: {failure:#}");
            exit_of(&failure).into()
        }
    }
}

async fn command(arguments: Arguments) -> anyhow::Result<Exit> {
    let directory = arguments.config;
    match arguments.command {
        Command::Run => run::run(&directory).await,
        Command::Check { offline, output } => check::check(&directory, offline, output).await,
        Command::Setup { print_sql, as_role } => setup::setup(&load(&directory)?, print_sql, as_role).await,
        Command::Status { output } => status::status(&load(&directory)?, output).await,
        Command::Parked { command } => parked::parked(&load(&directory)?, command).await,
        Command::Config { command } => config::config(&load(&directory)?, &command),
    }
}

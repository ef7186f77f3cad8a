//! The command line: one file per command, and what an exit status means.

mod check;
mod config;
mod parked;
mod run;
mod setup;
mod status;
mod table;

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::config::{Config, Database, Diagnostic, Problems, Style};
use crate::postgres::{self, Session};

/// How a command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// The command could not do what it was asked for.
    Failed,
    /// A server could not be reached (`EX_UNAVAILABLE`).
    Unavailable,
    /// The configuration is wrong (`EX_CONFIG`): starting again does not help.
    Configuration,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Unavailable => 69,
            Exit::Configuration => 78,
        })
    }
}

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

/// The form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// For programs
    Json,
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

/// The configuration is wrong; its problems are printed already.
#[derive(Debug, thiserror::Error)]
#[error("{0} problem(s) in the configuration")]
struct WrongConfiguration(usize);

/// Loads the configuration; prints its problems.
fn load(directory: &std::path::Path) -> anyhow::Result<Config> {
    match Config::load(directory) {
        Ok((config, warnings)) => {
            print_diagnostics(&warnings);
            Ok(config)
        }
        Err(problems) => Err(refuse(&problems)),
    }
}

fn refuse(problems: &Problems) -> anyhow::Error {
    print_diagnostics(&problems.diagnostics);
    WrongConfiguration(problems.diagnostics.len()).into()
}

fn print_diagnostics(diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        eprintln!("{}", diagnostic.render(error_style()));
    }
}

/// Colours only where somebody looks.
fn error_style() -> Style {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if std::io::stderr().is_terminal() && !plain { Style::Coloured } else { Style::Plain }
}

fn exit_of(failure: &anyhow::Error) -> Exit {
    if failure.is::<WrongConfiguration>() {
        return Exit::Configuration;
    }
    match failure.downcast_ref::<postgres::Error>().map(postgres::Error::kind) {
        Some(kind) if is_unreachable(kind) => Exit::Unavailable,
        Some(_) | None => Exit::Failed,
    }
}

/// The server was not there to answer.
fn is_unreachable(kind: &postgres::Kind) -> bool {
    match kind {
        postgres::Kind::Connect(..)
        | postgres::Kind::TimedOut(_)
        | postgres::Kind::Closed
        | postgres::Kind::Io(_) => true,
        postgres::Kind::Server(refusal) => refusal.sqlstate.class() == "57",
        postgres::Kind::Tls(_)
        | postgres::Kind::Authentication(_)
        | postgres::Kind::Secret(_)
        | postgres::Kind::Protocol(_)
        | postgres::Kind::Driver(_) => false,
    }
}

/// A session of a command.
async fn session(database: &Database, command: &str) -> anyhow::Result<Session> {
    Ok(postgres::open(database, &format!("acequia {command}")).await?)
}

//! What every command shares: how it ends, how it prints, how it comes by the configuration and a session.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

use clap::ValueEnum;

use crate::config::{Config, Database, Diagnostic, Problems, Style};
use crate::mysql;
use crate::postgres::{self, Session};
use crate::snapshot;

/// Prints a line; like `println!`, but a reader that has seen enough (`| head`) is no reason to panic.
macro_rules! say {
    () => { $crate::cli::console::write_out(format_args!("\n")) };
    ($($text:tt)*) => { $crate::cli::console::write_out(format_args!("{}\n", format_args!($($text)*))) };
}
pub(super) use say;

/// MySQL's numbers for an account that it does not let in.
const NO_ACCESS: [u16; 2] = [1045, 1698];

/// Writes to standard output. Nobody reads any more: then there is nothing left to do.
pub(super) fn write_out(text: std::fmt::Arguments<'_>) {
    if std::io::stdout().lock().write_fmt(text).is_err() {
        std::process::exit(0);
    }
}

/// How a command ended, as the shell sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Done.
    Done,
    /// The command could not do what it was asked for.
    Failed,
    /// Something differs that was asked for: `plan` and `verify`.
    Differences,
    /// A server could not be reached (`EX_UNAVAILABLE`).
    Unavailable,
    /// A fault of this program (`EX_SOFTWARE`).
    Fault,
    /// Somebody else is at it; later it may go (`EX_TEMPFAIL`).
    Busy,
    /// The configuration is wrong (`EX_CONFIG`): starting again does not help.
    Configuration,
    /// Of `ping`: somebody should look.
    Warning,
    /// Of `ping`: it is red.
    Critical,
    /// Of `ping`: nobody knows.
    Unknown,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed | Exit::Warning => 1,
            Exit::Differences | Exit::Critical => 2,
            Exit::Unknown => 3,
            Exit::Unavailable => 69,
            Exit::Fault => 70,
            Exit::Busy => 75,
            Exit::Configuration => 78,
        })
    }
}

/// The form of what is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    // Without help of their own, so that the help of a command stays short.
    Text,
    Json,
}

/// The configuration is wrong; its problems are printed already.
#[derive(Debug, thiserror::Error)]
#[error("{0} problem(s) in the configuration")]
struct WrongConfiguration(usize);

/// Loads the configuration; prints its problems.
pub(super) fn load(directory: &Path) -> anyhow::Result<Config> {
    match Config::load(directory) {
        Ok((config, warnings)) => {
            print_diagnostics(&warnings);
            Ok(config)
        }
        Err(problems) => Err(refuse(&problems)),
    }
}

pub(super) fn refuse(problems: &Problems) -> anyhow::Error {
    print_diagnostics(&problems.diagnostics);
    WrongConfiguration(problems.diagnostics.len()).into()
}

pub(super) fn print_diagnostics(diagnostics: &[Diagnostic]) {
    for diagnostic in diagnostics {
        eprintln!("{}", diagnostic.render(error_style()));
    }
}

/// Colours only where somebody looks.
pub(super) fn error_style() -> Style {
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if std::io::stderr().is_terminal() && !plain { Style::Coloured } else { Style::Plain }
}

pub(super) fn exit_of(failure: &anyhow::Error) -> Exit {
    if failure.is::<WrongConfiguration>() {
        return Exit::Configuration;
    }
    let of_snapshot = failure.downcast_ref::<snapshot::error::Error>();
    if of_snapshot.is_some_and(snapshot::error::Error::is_busy) {
        return Exit::Busy;
    }
    if let Some(exit) = of_snapshot.and_then(snapshot::error::Error::server).and_then(exit_of_server) {
        return exit;
    }
    let error = of_snapshot.and_then(snapshot::error::Error::postgres);
    match error.or_else(|| failure.downcast_ref()).map(postgres::Error::kind) {
        Some(kind) if kind.is_unreachable() => Exit::Unavailable,
        Some(kind) if is_refused(kind) => Exit::Configuration,
        Some(_) | None => Exit::Failed,
    }
}

/// As for PostgreSQL; nothing where the statement failed and not the session.
fn exit_of_server(error: &mysql::Error) -> Option<Exit> {
    match error.kind() {
        mysql::Kind::Connect(..)
        | mysql::Kind::TimedOut(_)
        | mysql::Kind::Deaf { .. }
        | mysql::Kind::Mute(_)
        | mysql::Kind::Closed
        | mysql::Kind::Io(_) => Some(Exit::Unavailable),
        mysql::Kind::Tls(_) | mysql::Kind::Authentication(_) | mysql::Kind::Secret(_) => {
            Some(Exit::Configuration)
        }
        mysql::Kind::Server(_) if error.is_one_of(&NO_ACCESS) => Some(Exit::Configuration),
        mysql::Kind::Server(_)
        | mysql::Kind::UnaskedFile
        | mysql::Kind::Starved
        | mysql::Kind::Protocol(_) => None,
    }
}

/// The server does not let us in like this: role, password, certificate or database name are wrong.
fn is_refused(kind: &postgres::Kind) -> bool {
    match kind {
        postgres::Kind::Tls(_) | postgres::Kind::Authentication(_) | postgres::Kind::Secret(_) => true,
        postgres::Kind::Server(refusal) => {
            refusal.sqlstate.class() == "28" || refusal.sqlstate.as_str() == "3D000"
        }
        postgres::Kind::Connect(..)
        | postgres::Kind::TimedOut(_)
        | postgres::Kind::Closed
        | postgres::Kind::Io(_)
        | postgres::Kind::Protocol(_)
        | postgres::Kind::Driver(_) => false,
    }
}

/// A session of a command.
pub(super) async fn session(database: &Database, command: &str) -> Result<Session, postgres::Error> {
    postgres::open_watched(database, &format!("acequia {command}")).await
}

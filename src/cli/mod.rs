//! The command line: one file per command, and what an exit status means.

mod audit;
mod backfill;
mod beside;
mod check;
mod completions;
mod config;
mod console;
mod copies;
mod dumps;
mod effective;
mod explain;
mod flows;
mod forget;
mod history;
mod holds;
mod journal;
mod links;
mod pages;
mod parked;
mod ping;
mod plan;
mod privacy;
mod reload;
mod resync;
mod run;
mod setup;
mod sides;
mod snapshot;
mod status;
mod table;
mod verify;
mod watch;
mod wish;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand, ValueHint};

use crate::logging;

use console::{Exit, Output, exit_of, load};
use wish::Wish;

const AFTER_HELP: &str = "\
First steps:
  acequia check --offline      the rule files alone, without a database
  acequia setup --print-sql    the SQL that a DBA runs: grants, publication, control schema
  acequia check                do files and databases fit together?
  acequia run                  the daemon (usually started by systemd)
  acequia reload               changed rule files, without a restart
  acequia status               how far every flow and every customer is
  acequia parked list          rows that could not be written, and why
  acequia pause --customer C   have a customer's rows wait while somebody works on its tables
  acequia resync --customer C  bring a customer up to date that missed too much
  acequia explain --dataset D --key K    the way of one row
  acequia verify               do the customers have what the rules give them?
  acequia journal revert ...   put back what was changed or deleted

Exit status:
  0 done, 1 failed, 2 wrong usage (plan, verify: differences), 69 a server can't be reached,
  70 a fault of Acequia (please report it), 78 the configuration is wrong";

const AFTER_RUN: &str = "\
Logs go to the journal where systemd has started it, with fields such as ACEQUIA_FLOW; else to
standard error. RUST_LOG=debug says more. A line that comes again within a minute is counted. What
heals by itself (a server that is down, a password that is about to be changed) is tried again for
ever. What somebody has to mend halts its flow, which looks again by itself; where no flow can
start and none ever has, the exit status is 78, and 70 after a fault of Acequia. SIGTERM ends the
daemon with 0. It may be killed at any time and loses nothing.";

const AFTER_RELOAD: &str = "\
All or nothing. The daemon reads the files anew and compares them with the databases, while
everything goes on by the old rules; with any error it keeps these and says why. A flow that the
change concerns first writes, by the old rules, what had committed at its source before; one whose
databases are reached in another way now (another host, another password) goes there at once,
since the old one may never answer. The others do not notice. SIGHUP does the same. [daemon]
runtime_directory needs a restart.

  acequia reload --dry-run             what is different; changes nothing
  acequia check && acequia reload

Exit status:
  0 taken over, 1 no daemon runs here, 69 a database can't be reached, 78 refused: it is wrong";

const AFTER_CHECK: &str = "\
Nothing is changed. Every finding has its place in the files, and what to do; SQL is printed as a
DBA can run it.

Exit status:
  0 no error (there may be warnings), 69 a server can't be reached, 78 something is wrong";

const AFTER_SETUP: &str = "\
The configured role owns no tables, so somebody who does grants what it needs: once, and again
after the rules were extended. Doing it twice changes nothing. No role and no password is made.

  runuser -u acequia -- acequia setup --print-sql --database practice |
    runuser -u postgres -- psql -1 -v ON_ERROR_STOP=1 practicedb
  acequia setup --as ROLE    the same at once, by root or acequia, where the server lets them in as
                             that role: by ~/.pgpass, or a map of pg_ident.conf";

const AFTER_STATUS: &str = "\
A flow is one of:
  streaming   a row written now would arrive
  starting    it opens sessions and reads catalogs
  retrying    it was interrupted and tries again by itself
  halted      somebody has to mend what it says; it looks again every 15 seconds
  resting     all its groups are disabled; its slot keeps no WAL
  stopping    it was told to stop
  stopped     no daemon runs on this host
  unknown     the daemon's state may not be read (root and the daemon's user may), or is old
              while its process is there: it says which

A customer is as \"stale\" as the oldest commit of the source that it lacks, be that on its way,
parked, held or yet to be copied; the reason stands beside it. 0 s: it has all. \"?\": nobody knows.
\"-\": no enabled group gives it anything.

Databases are asked side by side. What one does not answer within 20 seconds is left out, and what
others know is told all the same.

  acequia status --watch 5             again every five seconds, with rows per second

Exit status: 0 all databases answered, 69 one can't be reached, 78 one refused the password or the
role";

const AFTER_PARKED: &str = "\
A row that a customer can't take is set aside with the reason and tried again from time to time;
the others go on.

  acequia parked list --customer north
  acequia parked show 17               its values, and what to do
  acequia parked retry 17              try it now, after something was mended

Exit status: 0 done, 1 there is no such row";

const AFTER_EXPLAIN: &str = "\
It asks the source and every customer, and changes nothing. Of the row it shows the key that was
given, the numbers by which both sides know it, and the names of columns that differ.

  acequia explain --dataset cpt_code --key 99213
  acequia explain --dataset icd_code --key 10 --key M54.50 --customer north

Exit status: 0 the row is at the source or at a customer, 1 there is no such row anywhere";

const AFTER_LINKS: &str = "\
It reads the natural keys of all rows on both sides, and changes nothing. A key column called npi
is checked as a National Provider Identifier.

  acequia links --dataset referring_provider
  acequia links --dataset referring_provider --customer north --keys

Exit status: 0 compared, whatever was found";

const AFTER_VERIFY: &str = "\
It compares what the rules give with what the customers have: natural keys, mapped and computed
columns, references by their own numbers. Both databases compute checksums; only where these differ
are rows read. Nothing is locked and the stream goes on: a row that seems to differ is looked at
again until it is certain, so that what is on its way is not reported. What waits (`acequia parked
list`) is counted as not yet; what is held (`acequia pause`) is left out, by name.

  acequia verify                                  everything
  acequia verify --customer north --columns       which columns differ
  acequia verify --dataset cpt_code --keys        natural keys of the rows: they are values
  acequia verify --customer north --repair --yes  has the daemon write them again, by the rules

`[daemon] verify = { at = \"03:00\", time_zone = \"America/New_York\" }` has the daemon do it each day.

Exit status: 0 equal (or repaired), 2 there are differences, 69 a database can't be reached,
78 one refused the password or the role";

const AFTER_PAUSE: &str = "\
What comes for them is parked, the newest state of each row, and written in order after `acequia
resume`. It outlives a restart. Somebody who reloads a customer's tables pauses the customer first.
Past [daemon] parked_limit rows for one customer nothing is kept any more: it then needs a resync.

  acequia pause --customer north
  acequia pause --sync codes --dataset fee_schedule
  acequia pause                        everything

Exit status: 0 the daemon has heard it, or will when it starts";

const AFTER_RESUME: &str = "\
Resumes what was paused with the same names or narrower ones, and tries at once what is locked or
broken there. What has waited is written first, the oldest first.

  acequia resume --customer north
  acequia resume                       everything

A customer that `acequia status` says needs a resync stays held:
`acequia resync --customer north`. Who has brought its tables up to date by other means says
`acequia resume --customer north --from-now`.

Exit status: 0 done, 1 something wider is paused and stays so";

const AFTER_RESYNC: &str = "\
Every row of the source is compared with the customers' rows, by the rules: what is missing is
created, what differs is overwritten where the mode is override, what the source has deleted
meanwhile is treated as on_delete says, where a link remembers it. What is equal is not touched.

A flow whose slot is gone, was made anew, given up by the server or belongs to another history (a
failover or a restore) does not go on by itself. A resync of the whole flow gives it a new slot
first.

  acequia resync --flow practice:practice
  acequia resync --customer north              one that missed too much
  acequia resync --sync codes --dataset cpt_code

What is missing is created whatever its age: also rows that are older than a rule with
`initial = \"none\"`, and those that a customer has deleted itself. `acequia plan` tells how many.

It says what it will do; where rows of customers would be overwritten or deleted, or such older
rows created, it wants --yes.

With --wait it ends with 1 where the daemon has been gone for ten seconds, or a flow halts: what
is not in yet follows when they go on.

Exit status: 0 the daemon has begun, or will when it starts, 1 nothing was done, or nobody goes on
with it; it says why, 69 a server can't be reached";

const AFTER_APPLY: &str = "\
Writes now what waits because its rule says `apply = { every … }` or `{ at … }`,
and then again when its time has come.

  acequia apply --sync nightly";

const AFTER_PLAN: &str = "\
The daemon's own writer does it, customer by customer, in a transaction that is rolled back. So the
counts are those of the files as they are now, also of rules that no daemon has taken over yet.
While a customer's turn lasts, rows that would change are locked there; numbers that were drawn
from sequences are used up. Natural keys are shown as examples, no other value of a row.

  acequia plan --sync codes --customer north
  acequia plan --sync codes --examples 0 --output json
  acequia backfill --sync codes --customer north --plan TOKEN

  create, change, delete   what would be written      leave      equal, or not for this customer
  ambiguous                several rows of that key    blocked    a parent is missing, or refused

Exit status: 0 nothing to do, 1 failed, 2 there are differences, 69 a server can't be reached";

const AFTER_BACKFILL: &str = "\
The daemon reads the source's tables in pieces, parents first, and writes them by the rules: what
a customer lacks is created, what it has is left alone (create-only) or changed (override), and
linked. Meanwhile changes of these data sets wait, and follow; other data sets and customers go on.
It may be stopped or killed at any time and goes on where it was. A rule with `initial = \"copy\"`
does this by itself when it begins.

  acequia plan --sync codes --customer north        what it would do, first
  acequia backfill --sync codes --customer north
  acequia backfill --sync codes --wait              stay, and see how far it is

With --wait it ends with 1 where the daemon has been gone for ten seconds, or a flow halts: what
is not in yet follows when they go on.

Exit status: 0 the daemon has begun, or will when it starts, 1 it needs a yes, or nobody goes on
with it; it says why, 69 a server can't be reached";

/// Keeps the set-up data of many customers in step: reads the logical replication of a PostgreSQL practice database
/// and writes changed rows into the schemas of other customers, by rules in TOML.
#[derive(Parser)]
#[command(name = "acequia", version, after_help = AFTER_HELP)]
struct Arguments {
    /// Directory with acequia.toml and conf.d/
    #[arg(long, global = true, env = "ACEQUIA_CONFIG", default_value = "/etc/acequia", value_name = "DIR", value_hint = ValueHint::DirPath)]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the daemon in the foreground until SIGTERM or SIGINT
    #[command(after_help = AFTER_RUN)]
    Run {
        /// The form of the log; auto: the journal's own where it goes there, else text
        #[arg(long, value_enum, env = "ACEQUIA_LOG_FORMAT", value_name = "FORM", default_value_t = run::LogForm::Auto)]
        log: run::LogForm,
    },
    /// Compare the rule files with the databases and say all that is wrong, with the remedy
    #[command(after_help = AFTER_CHECK)]
    Check {
        /// Only the files: no database is asked
        #[arg(long)]
        offline: bool,
        /// For people or for programs
        #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
        output: Output,
    },
    /// Have the daemon run by the rule files as they are now, all of it or nothing
    #[command(after_help = AFTER_RELOAD)]
    Reload {
        /// Only say what is different
        #[arg(long)]
        dry_run: bool,
        /// For people or for programs
        #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
        output: Output,
    },
    /// Make what the rules need in the databases: grants, publication, control schema
    #[command(after_help = AFTER_SETUP)]
    Setup {
        /// Print the SQL for a DBA and change nothing
        #[arg(long)]
        print_sql: bool,
        /// Only this database of the rule files
        #[arg(long, value_name = "NAME")]
        database: Option<String>,
        /// Connect as this role (by its entry in ~/.pgpass, or a map of user names) instead of the configured one
        #[arg(long = "as", value_name = "ROLE")]
        as_role: Option<String>,
    },
    /// Show how far every flow and every customer is
    #[command(after_help = AFTER_STATUS)]
    Status {
        /// For people or for programs
        #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
        output: Output,
        /// Look again every so many seconds (2), with what went through in between, until Ctrl-C
        #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = clap::value_parser!(u64).range(1..=3600))]
        watch: Option<u64>,
    },
    /// Say in one line how the daemon is, as a plug-in for monitoring
    #[command(after_help = ping::AFTER_HELP)]
    Ping(ping::Ping),
    /// Look after rows that are not yet in a customer
    #[command(after_help = AFTER_PARKED)]
    Parked {
        #[command(subcommand)]
        command: parked::Parked,
    },
    /// Have everything wait that comes for a customer, a sync group, a data set or a flow
    #[command(after_help = AFTER_PAUSE)]
    Pause {
        #[command(flatten)]
        scope: wish::Scope,
    },
    /// Write what has waited, and go on
    #[command(after_help = AFTER_RESUME)]
    Resume {
        #[command(flatten)]
        scope: wish::Scope,
        /// Go on with a customer of which too much was dropped: it has been brought up to date by other means
        #[arg(long, requires = "customer")]
        from_now: bool,
    },
    /// Compare with the source and bring up to date; replaces a slot that is of no use
    #[command(after_help = AFTER_RESYNC)]
    Resync(resync::Resync),
    /// Write now what waits for its time
    #[command(after_help = AFTER_APPLY)]
    Apply {
        #[command(flatten)]
        scope: wish::Scope,
    },
    /// Say what a backfill would create, change and leave, without changing anything
    #[command(after_help = AFTER_PLAN)]
    Plan(plan::PlanArguments),
    /// Copy to customers what is there already: rows from before, or from before a rule was changed
    #[command(after_help = AFTER_BACKFILL)]
    Backfill(backfill::Backfill),
    /// Tell the way of one row: who is given it, who has it, where it waits and why
    #[command(after_help = AFTER_EXPLAIN)]
    Explain(explain::Question),
    /// Say whether both sides agree about who is who: rows linked, alone or there twice
    #[command(after_help = AFTER_LINKS)]
    Links(links::Links),
    /// Compare customers with what the rules give them, while the stream goes on
    #[command(after_help = AFTER_VERIFY)]
    Verify(verify::Question),
    /// See what rows were before they were changed or deleted, and put them back
    #[command(after_help = journal::AFTER_HELP)]
    Journal {
        #[command(subcommand)]
        command: journal::Journal,
    },
    /// Tell when each customer got what, minute by minute
    #[command(after_help = history::AFTER_HELP)]
    History(history::Question),
    /// Tell what operators and the daemon have done: who, when, what
    #[command(after_help = audit::AFTER_HELP)]
    Audit(audit::Question),
    /// Drop what is remembered of a customer that left, or of a flow that no rule needs
    #[command(after_help = forget::AFTER_HELP)]
    Forget(forget::Forget),
    /// Dump all tables of customers at one moment; list, check and load what was dumped
    #[command(after_help = snapshot::AFTER_HELP)]
    Snapshot {
        #[command(subcommand)]
        command: snapshot::SnapshotCommand,
    },
    /// Look at the configuration
    Config {
        #[command(subcommand)]
        command: config::ConfigCommand,
    },
    /// Print what a shell completes these commands by
    #[command(after_help = completions::AFTER_HELP)]
    Completions {
        /// The shell
        #[arg(value_name = "SHELL")]
        shell: clap_complete::Shell,
    },
}

/// The manual pages in the language of man, by the names of their files.
pub fn pages() -> [(&'static str, String); 2] {
    [("acequia.8", pages::commands(Arguments::command())), ("acequia.toml.5", pages::files())]
}

/// Parses the arguments and runs the command.
pub fn main() -> ExitCode {
    privacy::forbid_core_dumps();
    logging::keep_panics_quiet();
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("acequia: the runtime could not be started: {}", error.kind());
            return Exit::Failed.into();
        }
    };
    // Nothing of what it leaves behind is used any more.
    let done = catch_unwind(AssertUnwindSafe(|| runtime.block_on(command(arguments))));
    // A command that is done waits for nobody: a session that hangs must not keep the process.
    runtime.shutdown_background();
    match done {
        // Where is told already, and what it broke needs no telling.
        _ if logging::has_panicked() => Exit::Fault.into(),
        Err(_) => Exit::Fault.into(),
        Ok(Ok(exit)) => exit.into(),
        Ok(Err(failure)) => {
            eprintln!("acequia: {failure:#}");
            exit_of(&failure).into()
        }
    }
}

async fn command(arguments: Arguments) -> anyhow::Result<Exit> {
    let directory = arguments.config;
    if !matches!(arguments.command, Command::Run { .. }) {
        logging::tell_acts();
    }
    match arguments.command {
        Command::Run { log } => run::run(&directory, log).await,
        Command::Check { offline, output } => check::check(&directory, offline, output).await,
        Command::Reload { dry_run, output } => reload::reload(&directory, dry_run, output).await,
        Command::Setup { print_sql, database, as_role } => {
            setup::setup(&load(&directory)?, print_sql, database.as_deref(), as_role.as_deref()).await
        }
        Command::Status { output, watch: None } => {
            status::status(&directory, &load(&directory)?, output).await
        }
        Command::Status { output, watch: Some(seconds) } => {
            watch::watch(&directory, &load(&directory)?, output, seconds).await
        }
        Command::Ping(asked) => Ok(ping::ping(&directory, &asked)),
        Command::Parked { command } => parked::parked(&load(&directory)?, command).await,
        Command::Pause { scope } => wish::wish(&load(&directory)?, Wish::Pause, &scope).await,
        Command::Resume { scope, from_now } => {
            let wanted = if from_now { Wish::FromNow } else { Wish::Resume };
            wish::wish(&load(&directory)?, wanted, &scope).await
        }
        Command::Resync(asked) => resync::resync(&load(&directory)?, &asked).await,
        Command::Apply { scope } => wish::wish(&load(&directory)?, Wish::Apply, &scope).await,
        Command::Plan(wanted) => plan::plan(&load(&directory)?, &wanted).await,
        Command::Backfill(wanted) => backfill::backfill(&load(&directory)?, &wanted).await,
        Command::Explain(question) => explain::explain(&load(&directory)?, &question).await,
        Command::Links(question) => links::links(&load(&directory)?, &question).await,
        Command::Verify(question) => verify::verify(&load(&directory)?, &question).await,
        Command::Journal { command } => journal::journal(&load(&directory)?, command).await,
        Command::History(question) => history::history(&load(&directory)?, &question).await,
        Command::Audit(question) => audit::audit(&load(&directory)?, &question).await,
        Command::Forget(wanted) => forget::forget(&load(&directory)?, &wanted).await,
        Command::Snapshot { command } => snapshot::snapshot(&load(&directory)?, command).await,
        Command::Config { command } => config::config(&directory, &command),
        Command::Completions { shell } => completions::completions(shell, Arguments::command()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of this width are broken by whoever prints them, in the middle of a thought.
    const WIDTH: usize = 100;

    fn assert_fits(command: &clap::Command) {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        for line in help.lines() {
            assert!(line.chars().count() <= WIDTH, "{}: {line}", command.get_name());
        }
        command.get_subcommands().for_each(assert_fits);
    }

    #[test]
    fn lines_of_help_fit_where_they_are_printed() {
        assert_fits(&Arguments::command());
    }
}

//! `acequia journal`: what the customers' rows were before we changed or deleted them, and the way back.

mod chains;
mod list;
mod moment;
mod record;
mod report;
mod revert;
mod scope;
mod show;

use clap::Subcommand;

pub(super) use moment::Moment;
pub(super) use scope::Scope;

use super::console::Exit;
use crate::config::Config;

#[derive(Debug, Subcommand)]
pub(super) enum Journal {
    /// List what was changed and deleted, the newest first
    List(list::List),
    /// Show the rows of a scope: which columns were changed
    Show(show::Show),
    /// Make rows again what they were
    #[command(after_help = AFTER_REVERT)]
    Revert(revert::Revert),
}

pub(super) const AFTER_HELP: &str = "\
Before a customer's row is changed or deleted, what it was goes into the journal of the database
that the customer is in, and stays there for [daemon] journal_keep and journal_max.

  acequia journal list --since 2h
  acequia journal show --customer north --dataset cpt_code --since \"2026-11-22 13:00\" --keys
  acequia journal revert --sync codes --since 2h --customer north --dry-run

Times without an offset are meant in this host's zone; all that is printed is UTC.

Exit status: 0 done";

const AFTER_REVERT: &str = "\
Each row becomes what it was before the first change of ours in the scope: changed columns get
their old values, deleted rows are inserted again with their old numbers, parents first. Rows that
were created stay. A row is left alone and listed when somebody else has changed it since, when it
is gone, when its key is in use again, or when a constraint refuses it. Constraints and triggers
stay in force. Rows that went with a deleted one by the customer's own ON DELETE CASCADE are not
in the journal.

A revert is one transaction for each customer. It is journaled itself: revert it with the same
words and a --since just before it. The rules stay as they are: the next change of a source row,
and a retry of a parked one, writes over it again. Pause or change the rule first if that is not
what you want.

  acequia journal revert --sync codes --since 2h --dry-run       what would happen
  acequia journal revert --sync codes --since 2h --yes
  acequia journal revert --sync codes --since 5m --yes           and back again

Exit status: 0 all rows are as before, 1 some are not, or --yes is missing, 2 wrong usage, 69 a
server can't be reached";

pub(super) async fn journal(config: &Config, command: Journal) -> anyhow::Result<Exit> {
    match command {
        Journal::List(question) => list::list(config, &question).await,
        Journal::Show(question) => show::show(config, &question).await,
        Journal::Revert(wanted) => revert::revert(config, &wanted).await,
    }
}

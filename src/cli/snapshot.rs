//! `acequia snapshot`: make one now, look at a sample, list, check and load what is published.

mod choice;
mod list;
mod load;
mod progress;
mod run;
mod sample;
mod verify;

use clap::Subcommand;

use super::console::Exit;
use crate::config::Config;

pub(super) const AFTER_HELP: &str = "\
A [[snapshot]] of the rule files dumps all tables of its customers at one moment: to tab-delimited
.DAT files in a ZIP, to SQL files, or to a MySQL or MariaDB server. The daemon makes it at its
times; these commands need no daemon. The last published one is <directory>/<name>/current.

  acequia snapshot run nightly                    make and publish one now
  acequia snapshot sample nightly --to /tmp/look  the first five rows of each data set
  acequia snapshot list                           what is published, and what failed last
  acequia snapshot verify nightly                 read it all back against its manifest
  acequia snapshot load nightly --database practice --schema restored --customer north";

/// What to do with snapshots.
#[derive(Debug, Subcommand)]
pub(super) enum SnapshotCommand {
    /// Make one now and publish it in the place of the last one
    #[command(after_help = run::AFTER_HELP)]
    Run(run::Run),
    /// Write the first rows of each data set, in the same format, somewhere else
    #[command(after_help = sample::AFTER_HELP)]
    Sample(sample::Sample),
    /// Say what is published, and when the next one is made
    #[command(after_help = list::AFTER_HELP)]
    List(list::List),
    /// Read a published one back against its manifest
    #[command(after_help = verify::AFTER_HELP)]
    Verify(verify::Verify),
    /// Put a published one into a PostgreSQL schema
    #[command(after_help = load::AFTER_HELP)]
    Load(load::Load),
}

pub(super) async fn snapshot(config: &Config, command: SnapshotCommand) -> anyhow::Result<Exit> {
    match command {
        SnapshotCommand::Run(wanted) => run::run(config, &wanted).await,
        SnapshotCommand::Sample(wanted) => sample::sample(config, &wanted).await,
        SnapshotCommand::List(wanted) => list::list(config, &wanted),
        SnapshotCommand::Verify(wanted) => verify::verify(config, &wanted),
        SnapshotCommand::Load(wanted) => load::load(config, &wanted).await,
    }
}

//! `acequia snapshot sample`: the first rows of each data set, to look at.

use std::path::PathBuf;

use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::choice;
use crate::cli::audit::note;
use crate::cli::console::{Exit, Output, say};
use crate::cli::dumps::size;
use crate::config::Config;
use crate::snapshot::run;

pub(super) const AFTER_HELP: &str = "\
The rows that come first by the primary key, of every data set of every customer, in the format of
the snapshot (for MySQL: as a dump file). They are values of rows: the directory and its files are
only for whoever runs this. What is published is not touched.

  acequia snapshot sample nightly --to /tmp/look
  acequia snapshot sample nightly --to /tmp/look --rows 20

Exit status: 0 written, 1 failed, 69 a database can't be reached";

/// What to look at.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Sample {
    /// Its name in the rule files
    name: String,
    /// The directory to write to; it is made, or must be empty
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Rows of each data set
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rows: u32,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

pub(super) async fn sample(config: &Config, wanted: &Sample) -> anyhow::Result<Exit> {
    let snapshot = choice::find(config, &wanted.name)?;
    let stop = CancellationToken::new();
    let manifest = run::sample(config, snapshot, wanted.rows, &wanted.to, &stop).await?;
    let detail = json!({ "snapshot": wanted.name, "rows_each": wanted.rows, "to": wanted.to });
    note(config, "snapshot sample", "snapshot sample", &detail).await;
    match wanted.output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&manifest)?),
        Output::Text => {
            for archive in &manifest.archives {
                say!("{}  {}", wanted.to.join(&archive.file).display(), size(archive.bytes));
            }
        }
    }
    Ok(Exit::Done)
}

//! `acequia snapshot verify`: whether what is published is what was written.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::choice;
use crate::cli::console::{Exit, Output, say};
use crate::config::Config;
use crate::snapshot::archive::{self, Checked, Keys};
use crate::snapshot::manifest::{ArchiveEntry, Manifest};
use crate::snapshot::place;

pub(super) const AFTER_HELP: &str = "\
Every file of every archive is read, and compared with the manifest: rows, bytes, SHA-256. An
encrypted one is read with --identity; without it, the archive's own SHA-256 is compared. No
database is asked.

  acequia snapshot verify nightly
  acequia snapshot verify /mnt/backup/nightly/20261122T060000Z
  acequia snapshot verify nightly --identity key.txt

Exit status: 0 whole, 1 not, or nothing is there";

/// What to verify.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Verify {
    /// A snapshot's name in the rule files, or the directory of a run
    #[arg(value_name = "NAME|DIR")]
    what: String,
    /// An age identity file, for encrypted archives
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

pub(super) fn verify(config: &Config, wanted: &Verify) -> anyhow::Result<Exit> {
    let directory = choice::published(config, &wanted.what)?;
    let manifest = place::manifest(&directory)?;
    if manifest.archives.is_empty() {
        anyhow::bail!(
            "run {} has no archives: its tables were compared by the server when they were loaded, and are there",
            manifest.run
        );
    }
    let keys = wanted.identity.as_deref().map(Keys::read).transpose()?;
    let mut broken = Vec::new();
    let mut whole = Checked::default();
    for entry in &manifest.archives {
        match check_one(&directory.join(&entry.file), entry, &manifest, keys.as_ref()) {
            Ok(checked) => whole.add_all(&checked),
            Err(error) => broken.push(error.to_string()),
        }
    }
    match wanted.output {
        Output::Json => say!(
            "{}",
            serde_json::to_string_pretty(&json!({
                "run": manifest.run, "archives": manifest.archives.len(), "datasets": whole.datasets, "rows": whole.rows,
                "bytes": whole.bytes, "broken": broken,
            }))?
        ),
        Output::Text => {
            for error in &broken {
                say!("{error}");
            }
            if broken.is_empty() {
                say!(
                    "run {} is whole: {} archive(s), {} data set(s), {} rows",
                    manifest.run,
                    manifest.archives.len(),
                    whole.datasets,
                    whole.rows
                );
            }
        }
    }
    Ok(if broken.is_empty() { Exit::Done } else { Exit::Failed })
}

/// Reads one archive back: as a whole, and, where it can be opened, entry by entry.
fn check_one(
    path: &Path,
    entry: &ArchiveEntry,
    manifest: &Manifest,
    keys: Option<&Keys>,
) -> Result<Checked, archive::Error> {
    archive::check_file(path, entry)?;
    let sealed = path.extension().is_some_and(|ending| ending == "age");
    if sealed && keys.is_none() {
        return Ok(Checked::default());
    }
    if manifest.format != "sql" {
        return archive::check(path, keys);
    }
    let mut own = manifest.clone();
    own.datasets.retain(|dataset| dataset.customer == entry.customer);
    archive::check_dump(path, keys, &own)
}

//! `acequia snapshot verify`: whether what is published is what was written.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::console::{Exit, Output, say};
use crate::config::Config;
use crate::snapshot::place::{self, MANIFEST_FILE, Place};
use crate::snapshot::{archive, manifest::Manifest};

pub(super) const AFTER_HELP: &str = "\
Every file of every archive is read, and compared with the manifest: rows, bytes, SHA-256. An encrypted
one is read with --identity; without it, the archive's own SHA-256 is compared. No database is asked.

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

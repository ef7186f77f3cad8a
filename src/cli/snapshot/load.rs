//! `acequia snapshot load`: puts what is published back into a database.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde_json::json;

use super::choice;
use crate::cli::audit::note;
use crate::cli::console::{Exit, Output, say, session};
use crate::config::Config;
use crate::name::Ident;
use crate::snapshot::archive::Keys;
use crate::snapshot::load::mysql;
use crate::snapshot::load::postgres::{Target, load as load_archive};
use crate::snapshot::place;

pub(super) const AFTER_HELP: &str = "\
One archive is loaded into one schema, in one transaction: all of it, or nothing. Tables that are
not there are made, with their keys and indexes, as meta/ in the archive says; those that are
there must be empty, unless --replace says that what is in them goes. An incremental one goes on
top of the one before it.

  acequia snapshot load nightly --customer north --database practice --schema restored
  acequia snapshot load /mnt/backup/20261122T060000Z/north.zip --database practice --schema restored
  acequia snapshot load nightly --customer north --identity key.txt \\
    --database practice --schema restored
  acequia snapshot load nightly --customer north --server reporting --into restored_north

Exit status: 0 loaded, 1 failed, 69 the database can't be reached";

/// What to load, and where to.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Load {
    /// A snapshot's name in the rule files, the directory of a run, or one archive
    #[arg(value_name = "NAME|DIR|FILE")]
    what: String,
    /// Whose archive, where there is one for each customer
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    /// An age identity file, for encrypted archives
    #[arg(long, value_name = "FILE")]
    identity: Option<PathBuf>,
    /// The database of the rule files to load into; its role must be allowed to create there
    #[arg(long, value_name = "NAME", requires = "schema", required_unless_present = "server")]
    database: Option<String>,
    /// The schema to load into; it is made if it is not there
    #[arg(long, value_name = "SCHEMA", requires = "database")]
    schema: Option<String>,
    /// The MySQL or MariaDB server of the rule files to load into
    #[arg(long, value_name = "NAME", requires = "into", conflicts_with_all = ["database", "replace", "as_role"])]
    server: Option<String>,
    /// The database of that server; it is made if it is not there, and an earlier load into it gives way
    #[arg(long, value_name = "DATABASE", requires = "server")]
    into: Option<String>,
    /// Connect as this role (by its entry in ~/.pgpass, or a map of user names) instead of the configured one
    #[arg(long = "as", value_name = "ROLE")]
    as_role: Option<String>,
    /// What is in the tables goes
    #[arg(long)]
    replace: bool,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

pub(super) async fn load(config: &Config, wanted: &Load) -> anyhow::Result<Exit> {
    let archive = archive(config, wanted)?;
    let keys = wanted.identity.as_deref().map(Keys::read).transpose()?;
    if let (Some(server), Some(into)) = (&wanted.server, &wanted.into) {
        return load_into_server(config, wanted, &archive, keys, (server, into)).await;
    }
    let (Some(database), Some(schema)) = (&wanted.database, &wanted.schema) else {
        anyhow::bail!("say where to with --database and --schema, or with --server and --into");
    };
    let known = config.databases.values().find(|known| known.name.as_str() == database);
    let mut place = known.cloned().with_context(|| {
        let names: Vec<&str> = config.databases.keys().map(crate::name::DatabaseName::as_str).collect();
        format!("no database of the rule files is called `{}`; there are: {}", database, names.join(", "))
    })?;
    if let Some(role) = &wanted.as_role {
        place.user.clone_from(role);
        place.password = None;
    }
    let session = session(&place, "snapshot load").await?;
    let target = Target { schema: Ident::new(schema)?, replace: wanted.replace };
    let loaded = load_archive(&session, &archive, keys, &target).await?;
    let manifest = &loaded.manifest;
    let detail = json!({ "run": manifest.run, "database": database, "schema": schema, "rows": loaded.rows,
        "replaced": wanted.replace });
    note(config, "snapshot load", "snapshot loaded", &detail).await;
    match wanted.output {
        Output::Json => say!(
            "{}",
            serde_json::to_string_pretty(&json!({
                "run": manifest.run, "schema": schema, "datasets": manifest.datasets.len(), "rows": loaded.rows,
                "gone": loaded.gone, "moments": manifest.moments,
            }))?
        ),
        Output::Text => {
            let gone = if loaded.gone > 0 { format!(", {} deleted", loaded.gone) } else { String::new() };
            say!(
                "loaded {} data set(s) into schema {}: {} rows{gone}",
                manifest.datasets.len(),
                schema,
                loaded.rows
            );
        }
    }
    Ok(Exit::Done)
}

/// Into a MySQL or MariaDB server.
async fn load_into_server(
    config: &Config,
    wanted: &Load,
    archive: &Path,
    keys: Option<Keys>,
    (server, into): (&str, &str),
) -> anyhow::Result<Exit> {
    let known = config.servers.values().find(|known| known.name.as_str() == server);
    let place = known.with_context(|| {
        let names: Vec<&str> = config.servers.keys().map(crate::name::ServerName::as_str).collect();
        format!("no server of the rule files is called `{server}`; there are: {}", names.join(", "))
    })?;
    let loaded = mysql::load(place, into, archive, keys).await?;
    let manifest = &loaded.manifest;
    let detail = json!({ "run": manifest.run, "server": server, "database": into, "rows": loaded.rows });
    note(config, "snapshot load", "snapshot loaded", &detail).await;
    let columns = manifest.datasets.iter().flat_map(|dataset| &dataset.columns);
    let lost: u64 = columns.flat_map(|column| column.losses.values()).sum();
    match wanted.output {
        Output::Json => say!(
            "{}",
            serde_json::to_string_pretty(&json!({
                "run": manifest.run, "database": into, "datasets": manifest.datasets.len(), "rows": loaded.rows,
                "lost": lost, "moments": manifest.moments,
            }))?
        ),
        Output::Text => say!(
            "loaded {} data set(s) into database {into} of server {server}: {} rows, {lost} value(s) that it has no place for",
            manifest.datasets.len(),
            loaded.rows
        ),
    }
    Ok(Exit::Done)
}

/// The archive that is meant.
fn archive(config: &Config, wanted: &Load) -> anyhow::Result<PathBuf> {
    if Path::new(&wanted.what).is_file() {
        return Ok(PathBuf::from(&wanted.what));
    }
    let directory = choice::published(config, &wanted.what)?;
    let manifest = place::manifest(&directory)?;
    let customers: Vec<&str> =
        manifest.archives.iter().filter_map(|archive| archive.customer.as_deref()).collect();
    let chosen = match (&wanted.customer, &manifest.archives[..]) {
        (None, [only]) => Some(only),
        (None, _) => anyhow::bail!("say whose archive with --customer: {}", customers.join(", ")),
        (Some(name), archives) => {
            archives.iter().find(|archive| archive.customer.as_deref() == Some(name.as_str()))
        }
    };
    let chosen = chosen.with_context(|| {
        let name = wanted.customer.as_deref().unwrap_or_default();
        format!("the snapshot has no archive of customer `{name}`; it has those of: {}", customers.join(", "))
    })?;
    Ok(directory.join(&chosen.file))
}

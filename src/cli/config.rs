//! `acequia config show`: what the files mean once every word is resolved. No secret is printed.

use std::path::Path;

use clap::Subcommand;
use serde_json::{Value, json};

use super::console::{Exit, Output, load, say};
use super::effective::{self, Selection};
use super::table::bytes;
use crate::config::{Columns, Config, KeyPart, Notify, SecretSource, Sync, Tls, schema};
use crate::name::CustomerName;

const AFTER_SHOW: &str = "\
Of what several tables say about one word, the most specific one counts: a customer's data set,
a customer, a data set, the group, [defaults].

  acequia config show --effective --customer north --dataset cpt_code";

const AFTER_SCHEMA: &str = "\
It needs no configuration. taplo and Even Better TOML read it where a file's first line says so:

  acequia config schema > acequia.schema.json
  #:schema ./acequia.schema.json

It knows keys, words and forms. Names that nothing has, contradictions and the databases are for
`acequia check`.";

#[derive(Subcommand)]
pub(super) enum ConfigCommand {
    /// Print what the rule files mean once every word is resolved; no password is shown
    #[command(after_help = AFTER_SHOW)]
    Show {
        /// Every word of every group, customer and data set, with the line that it came from
        #[arg(long)]
        effective: bool,
        #[command(flatten)]
        selection: Selection,
        /// For people or for programs
        #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
        output: Output,
    },
    /// Print the JSON Schema of the rule files, by which editors complete and check them
    #[command(after_help = AFTER_SCHEMA)]
    Schema,
}

pub(super) fn config(directory: &Path, command: &ConfigCommand) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Show { effective: true, selection, output } => {
            effective::show(&load(directory)?, selection, *output)?;
        }
        ConfigCommand::Show { effective: false, output: Output::Json, .. } => {
            say!("{}", serde_json::to_string_pretty(&as_json(&load(directory)?))?);
        }
        ConfigCommand::Show { effective: false, output: Output::Text, .. } => print_text(&load(directory)?),
        ConfigCommand::Schema => say!("{}", serde_json::to_string_pretty(&schema())?),
    }
    Ok(Exit::Done)
}

fn password(source: Option<&SecretSource>) -> String {
    match source {
        None => ".pgpass, or none".to_owned(),
        Some(SecretSource::File(path)) => format!("file {}", path.display()),
        Some(SecretSource::Credential(name)) => format!("credential {name}"),
        Some(SecretSource::Inline(_)) => "in the rule file".to_owned(),
    }
}

fn tls(tls: &Tls) -> &'static str {
    match tls {
        Tls::Socket => "socket",
        Tls::Off => "disable",
        Tls::VerifyFull { .. } => "verify-full",
    }
}

fn columns(columns: &Columns) -> String {
    let list = |names: &[(crate::name::Ident, crate::config::Spot)]| {
        names.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    match columns {
        Columns::All => "all".to_owned(),
        Columns::Except(names) => format!("all but {}", list(names)),
        Columns::Only(names) => list(names),
    }
}

fn print_text(config: &Config) {
    say!("sha256 {}\n", config.sha256);
    let daemon = &config.daemon;
    say!(
        "daemon: images are kept {} days and {} at most, at most {} rows wait for one customer",
        daemon.journal_keep_days,
        bytes(i64::try_from(daemon.journal_max_bytes).unwrap_or(i64::MAX)),
        daemon.parked_limit
    );
    say!(
        "health: a row is late after {} s; a row may be parked for {} s; told by HTTP at {}\n",
        daemon.max_lag.as_secs(),
        daemon.max_parked_age.as_secs(),
        daemon.listen.map_or_else(|| "no address".to_owned(), |listen| listen.to_string())
    );
    for database in config.databases.values() {
        say!(
            "database {}: {}:{} {} as {}, {}, password from {}",
            database.name,
            database.host,
            database.port,
            database.dbname,
            database.user,
            tls(&database.tls),
            password(database.password.as_ref())
        );
    }
    say!();
    for customer in config.customers.values() {
        let title = customer.title.as_deref().map_or_else(String::new, |title| format!(" ({title})"));
        say!(
            "customer {}{title}: schema {} in {}",
            customer.name,
            customer.schema.quoted(),
            customer.database
        );
    }
    for sync in &config.syncs {
        let to: Vec<&str> = sync.to.iter().map(CustomerName::as_str).collect();
        let state = if config.is_active(sync) { "" } else { " (disabled)" };
        say!("\nsync {}{state}: {} → {}", sync.name, sync.from, to.join(", "));
        for name in &sync.data {
            let Some(dataset) = config.datasets.get(name) else { continue };
            let Some(rule) = ordinary(sync).map(|to| config.rule(sync, to, name)) else { continue };
            let key: Vec<&str> = dataset.key.iter().map(KeyPart::text).collect();
            let filter =
                rule.filter.as_ref().map_or_else(String::new, |sql| format!(", where {}", sql.text()));
            say!(
                "  {name}{}: mode {}, on_delete {}, key {}, columns {}{filter}",
                if rule.enabled { "" } else { " (disabled)" },
                rule.mode.as_str(),
                rule.on_delete.as_str(),
                key.join(" + "),
                columns(&dataset.columns)
            );
        }
        let particular: Vec<&str> = sync.customers.keys().map(CustomerName::as_str).collect();
        if !particular.is_empty() {
            say!("  something else holds for {}: --effective tells what", particular.join(", "));
        }
    }
    print_snapshots(config);
    for notify in &config.notifies {
        say!("\nnotify {}: {} → NOTIFY {}", notify.name, events(notify).join(", "), notify.listen.quoted());
    }
}

/// Snapshots, and the servers that they are loaded into.
fn print_snapshots(config: &Config) {
    for server in config.servers.values() {
        let (host, port, user) = (&server.host, server.port, &server.user);
        let password =
            server.password.as_ref().map_or_else(|| "none".to_owned(), |source| password(Some(source)));
        say!(
            "\nserver {}: {host}:{port} as {user}, {}, password from {password}",
            server.name,
            tls(&server.tls)
        );
    }
    for snapshot in &config.snapshots {
        say!("\nsnapshot {}{}:", snapshot.name, if snapshot.enabled { "" } else { " (disabled)" });
        let words =
            snapshot.spoken().into_iter().filter(|(word, value)| *word != "enabled" && !value.is_empty());
        for (word, value) in words {
            say!("  {word} {value}");
        }
    }
}

fn events(notify: &Notify) -> Vec<&'static str> {
    notify.events.iter().map(|event| event.as_str()).collect()
}

/// A customer of whom the group says nothing particular; else the first.
fn ordinary(sync: &Sync) -> Option<&CustomerName> {
    sync.to.iter().find(|to| !sync.customers.contains_key(*to)).or_else(|| sync.to.first())
}

fn as_json(config: &Config) -> Value {
    let databases = config.databases.values().map(|database| {
        json!({ "name": database.name.as_str(), "host": database.host, "port": database.port, "dbname": database.dbname,
                "user": database.user, "tls": tls(&database.tls), "password": password(database.password.as_ref()),
                "max_retained_wal_bytes": database.max_retained_wal_bytes, "failover": database.failover })
    });
    let customers = config.customers.values().map(|customer| {
        json!({ "name": customer.name.as_str(), "database": customer.database.as_str(),
                "schema": customer.schema.as_str(), "title": customer.title })
    });
    let syncs = config.syncs.iter().map(|sync| {
        let data = sync.data.iter().filter_map(|name| config.datasets.get(name)).map(|dataset| {
            let key: Vec<&str> = dataset.key.iter().map(KeyPart::text).collect();
            let rule = ordinary(sync).map(|to| config.rule(sync, to, &dataset.name));
            json!({ "dataset": dataset.name.as_str(), "table": dataset.table.as_str(), "key": key,
                    "columns": columns(&dataset.columns), "mode": rule.as_ref().map(|rule| rule.mode),
                    "on_delete": rule.as_ref().map(|rule| rule.on_delete.as_str()) })
        });
        let to: Vec<&str> = sync.to.iter().map(CustomerName::as_str).collect();
        json!({ "name": sync.name.as_str(), "enabled": config.is_active(sync), "from": sync.from.as_str(), "to": to,
                "particular_customers": sync.customers.keys().map(CustomerName::as_str).collect::<Vec<_>>(),
                "data": data.collect::<Vec<_>>() })
    });
    let notifies = config
        .notifies
        .iter()
        .map(|notify| json!({ "name": notify.name, "on": events(notify), "listen": notify.listen.as_str() }));
    let servers = config.servers.values().map(|server| {
        json!({ "name": server.name.as_str(), "host": server.host, "port": server.port, "user": server.user,
                "tls": tls(&server.tls), "password": server.password.as_ref().map(|source| password(Some(source))) })
    });
    let snapshots = config.snapshots.iter().map(|snapshot| {
        let words: serde_json::Map<String, Value> =
            snapshot.spoken().into_iter().map(|(word, value)| (word.to_owned(), value.into())).collect();
        json!({ "name": snapshot.name.as_str(), "words": words })
    });
    json!({ "sha256": config.sha256, "databases": databases.collect::<Vec<_>>(),
            "customers": customers.collect::<Vec<_>>(), "sync": syncs.collect::<Vec<_>>(),
            "notify": notifies.collect::<Vec<_>>(), "servers": servers.collect::<Vec<_>>(),
            "snapshots": snapshots.collect::<Vec<_>>(),
            "daemon": { "journal_keep_days": config.daemon.journal_keep_days,
                        "journal_max_bytes": config.daemon.journal_max_bytes,
                        "parked_limit": config.daemon.parked_limit,
                        "listen": config.daemon.listen.map(|listen| listen.to_string()),
                        "max_lag_seconds": config.daemon.max_lag.as_secs(),
                        "max_parked_age_seconds": config.daemon.max_parked_age.as_secs() } })
}

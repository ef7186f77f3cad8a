//! `acequia config show`: what the files mean once every word is resolved. No secret is printed.

use clap::Subcommand;
use serde_json::{Value, json};

use super::console::{Exit, Output, say};
use crate::config::{Columns, Config, KeyPart, SecretSource, Tls};

#[derive(Subcommand)]
pub(super) enum ConfigCommand {
    /// Print what the rule files mean once every word is resolved; no password is shown
    Show {
        /// For people or for programs
        #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
        output: Output,
    },
}

pub(super) fn config(config: &Config, command: &ConfigCommand) -> anyhow::Result<Exit> {
    let ConfigCommand::Show { output } = command;
    match output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&as_json(config))?),
        Output::Text => print_text(config),
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
        let to: Vec<&str> = sync.to.iter().map(crate::name::CustomerName::as_str).collect();
        let state = if config.is_active(sync) { "" } else { " (disabled)" };
        say!("\nsync {}{state}: {} → {}", sync.name, sync.from, to.join(", "));
        for name in &sync.data {
            let Some(dataset) = config.datasets.get(name) else { continue };
            let Some(rule) = sync.to.first().map(|to| config.rule(sync, to, name)) else { continue };
            let key: Vec<&str> = dataset.key.iter().map(KeyPart::text).collect();
            say!(
                "  {name}: mode {}, on_delete {}, key {}, columns {}",
                rule.mode.as_str(),
                rule.on_delete.as_str(),
                key.join(" + "),
                columns(&dataset.columns)
            );
        }
    }
}

fn as_json(config: &Config) -> Value {
    let databases = config.databases.values().map(|database| {
        json!({ "name": database.name.as_str(), "host": database.host, "port": database.port, "dbname": database.dbname,
                "user": database.user, "tls": tls(&database.tls), "password": password(database.password.as_ref()),
                "max_retained_wal_bytes": database.max_retained_wal_bytes })
    });
    let customers = config.customers.values().map(|customer| {
        json!({ "name": customer.name.as_str(), "database": customer.database.as_str(),
                "schema": customer.schema.as_str(), "title": customer.title })
    });
    let syncs = config.syncs.iter().map(|sync| {
        let data = sync.data.iter().filter_map(|name| config.datasets.get(name)).map(|dataset| {
            let key: Vec<&str> = dataset.key.iter().map(KeyPart::text).collect();
            let rule = sync.to.first().map(|to| config.rule(sync, to, &dataset.name));
            json!({ "dataset": dataset.name.as_str(), "table": dataset.table.as_str(), "key": key,
                    "columns": columns(&dataset.columns), "mode": rule.as_ref().map(|rule| rule.mode),
                    "on_delete": rule.as_ref().map(|rule| rule.on_delete.as_str()) })
        });
        let to: Vec<&str> = sync.to.iter().map(crate::name::CustomerName::as_str).collect();
        json!({ "name": sync.name.as_str(), "enabled": config.is_active(sync), "from": sync.from.as_str(), "to": to,
                "data": data.collect::<Vec<_>>() })
    });
    json!({ "sha256": config.sha256, "databases": databases.collect::<Vec<_>>(),
            "customers": customers.collect::<Vec<_>>(), "sync": syncs.collect::<Vec<_>>() })
}

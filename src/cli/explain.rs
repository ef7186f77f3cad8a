//! `acequia explain`: the way of one row. Is it at the source, which groups carry it, and for each customer what became of
//! it. The key is shown because whoever asks has given it; no other value of a row is.

mod customer;
mod print;
mod way;

use std::collections::BTreeSet;

use super::console::{Exit, Output, say, session};
use super::parked::known;
use super::sides::{self, Found, Sides};
use super::status::state_of_flow;
use crate::catalog::Catalog;
use crate::config::{Config, Dataset, Sync};
use crate::daemon::read_catalogs;
use crate::name::{CustomerName, DatasetName};
use crate::postgres;
use crate::rules::Flow;

use customer::CustomerWay;
use way::{FlowWay, GroupWay, Way};

/// What is asked.
#[derive(Debug, clap::Args)]
pub(super) struct Question {
    /// The row's data set
    #[arg(long, value_name = "NAME")]
    dataset: String,
    /// The row's natural key at the source; once for each part, in the order of the rule file
    #[arg(long = "key", value_name = "VALUE", required = true, allow_hyphen_values = true)]
    keys: Vec<String>,
    /// Only the row that this customer gives
    #[arg(long, value_name = "NAME")]
    from: Option<String>,
    /// Only what became of it at this customer
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

pub(super) async fn explain(config: &Config, question: &Question) -> anyhow::Result<Exit> {
    let Question { dataset, keys, from, customer, output } = question;
    known("data set", Some(dataset), config.datasets.keys().map(DatasetName::as_str))?;
    for name in [from, customer] {
        known("customer", name.as_deref(), config.customers.keys().map(CustomerName::as_str))?;
    }
    let Some(dataset) = config.datasets.values().find(|own| own.name.as_str() == dataset) else {
        return Ok(Exit::Failed);
    };
    if keys.len() != dataset.key.len() {
        let parts: Vec<&str> = dataset.key.iter().map(crate::config::KeyPart::text).collect();
        anyhow::bail!(
            "the natural key of data set {} has {} part(s), and {} were given; say --key once for each of: {}",
            dataset.name,
            parts.len(),
            keys.len(),
            parts.join(", ")
        );
    }
    let gives = |sync: &&Sync| {
        sync.data.contains(&dataset.name) && from.as_ref().is_none_or(|from| sync.from.as_str() == from)
    };
    let sources: BTreeSet<&CustomerName> = config.syncs.iter().filter(gives).map(|sync| &sync.from).collect();
    if sources.is_empty() {
        anyhow::bail!("no sync group gives data set {} there; see `acequia config show`", dataset.name);
    }
    let mut ways = Vec::new();
    for from in sources {
        ways.push(way(config, dataset, from, question).await?);
    }
    match output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&ways)?),
        Output::Text => ways.iter().for_each(|way| print::way(way, dataset, keys)),
    }
    let known = |way: &Way| {
        let mut customers = way.groups.iter().flat_map(|group| &group.customers);
        way.rows > 0 || customers.any(CustomerWay::knows_it)
    };
    if ways.iter().any(known) {
        return Ok(Exit::Done);
    }
    eprintln!("acequia: there is no such row, neither at a source nor at a customer");
    Ok(Exit::Failed)
}

async fn way(
    config: &Config,
    dataset: &Dataset,
    from: &CustomerName,
    question: &Question,
) -> anyhow::Result<Way> {
    let database = &config.databases[&config.customers[from].database];
    let source = session(database, "explain").await?;
    let schemas = [config.customers[from].schema.as_str().to_owned()];
    let tables = [dataset.table.as_str().to_owned()];
    let catalog = read_catalogs(&source, &schemas, &tables).await?;
    let found = found(config, &source, &catalog, (from, dataset), &question.keys).await?;
    let lsn =
        sides::query(&source, "asking for the position", "SELECT pg_current_wal_lsn()::text", &[]).await?;
    let mut way = Way {
        from: from.to_string(),
        table: sides::table_name(config, from, dataset).map_or_else(String::new, |name| name.to_string()),
        rows: found.len(),
        identity: found.first().and_then(|row| serde_json::from_str(row.identity.as_deref()?).ok()),
        source_lsn: lsn.first().map_or_else(String::new, |row| row.get(0)),
        flows: Vec::new(),
        groups: config
            .syncs
            .iter()
            .filter(|sync| sync.from == *from)
            .map(|sync| group(config, sync, dataset))
            .collect(),
    };
    let flows = Flow::all(config).into_iter().filter(|flow| flow.source == database.name);
    for flow in flows {
        let carries = |sync: &Sync| sync.from == *from && sync.data.contains(&dataset.name);
        if !flow.syncs(config).any(carries) {
            continue;
        }
        let sides = Sides::open(config, flow, "explain").await?;
        way.flows.push(flow_way(config, &sides).await?);
        customers(config, &sides, (from, dataset), question, &mut way).await?;
    }
    Ok(way)
}

async fn found(
    config: &Config,
    source: &postgres::Session,
    catalog: &Catalog,
    (from, dataset): (&CustomerName, &Dataset),
    key: &[String],
) -> Result<Vec<Found>, postgres::Error> {
    match sides::table_name(config, from, dataset).and_then(|name| catalog.tables.get(&name)) {
        Some(table) => sides::find(source, table, dataset, key).await,
        None => Ok(Vec::new()),
    }
}

/// Why a group does nothing for anybody; its customers are asked later.
fn group(config: &Config, sync: &Sync, dataset: &Dataset) -> GroupWay {
    let reason = if !config.is_active(sync) {
        Some("it is disabled")
    } else if sync.data.contains(&dataset.name) {
        None
    } else {
        Some("it does not name the data set")
    };
    GroupWay { sync: sync.name.to_string(), reason, customers: Vec::new() }
}

/// How far a flow is, by its checkpoint and by what the daemon says of it.
async fn flow_way(config: &Config, sides: &Sides) -> Result<FlowWay, postgres::Error> {
    const CHECKPOINT: &str = "SELECT lsn::text, to_char(commit_time, 'YYYY-MM-DD HH24:MI:SSOF') \
        FROM acequia.checkpoint WHERE flow = $1 AND state = 'live'";
    const BEHIND: &str = "SELECT greatest(pg_wal_lsn_diff(pg_current_wal_lsn(), $1::text::pg_lsn), 0)::int8";
    let name = sides.flow.name.clone();
    let rows = sides::query(&sides.target, "reading the checkpoint", CHECKPOINT, &[&name]).await?;
    let checkpoint: Option<String> = rows.first().map(|row| row.get(0));
    let behind = match &checkpoint {
        None => None,
        Some(lsn) => {
            let rows = sides::query(&sides.source, "measuring the lag", BEHIND, &[lsn]).await?;
            rows.first().and_then(|row| row.get(0))
        }
    };
    Ok(FlowWay {
        state: state_of_flow(config, &name),
        name,
        checkpoint,
        commit_time: rows.first().and_then(|row| row.get(1)),
        behind_bytes: behind,
    })
}

/// What became of the row at each customer of the flow, put to the groups.
async fn customers(
    config: &Config,
    sides: &Sides,
    (from, dataset): (&CustomerName, &Dataset),
    question: &Question,
    way: &mut Way,
) -> Result<(), postgres::Error> {
    sides.begin().await?;
    let found = found(config, &sides.source, &sides.catalog, (from, dataset), &question.keys).await?;
    let row = found.first();
    let table = sides.table(from, dataset);
    let mut is_staged = false;
    if let Some(table) = table {
        is_staged = match row {
            Some(_) => {
                sides.stage(table, row).await?;
                true
            }
            None => sides.stage_key(table, dataset, &question.keys).await?,
        };
    }
    for sync in config.syncs.iter().filter(|sync| sync.from == *from && sync.data.contains(&dataset.name)) {
        let here =
            |to: &&CustomerName| config.customers.get(*to).is_some_and(|to| to.database == sides.flow.target);
        let asked = |to: &&CustomerName| question.customer.as_ref().is_none_or(|name| to.as_str() == name);
        let Some(group) = way.groups.iter_mut().find(|group| group.sync == sync.name.as_str()) else {
            continue;
        };
        for to in sync.to.iter().filter(here).filter(asked) {
            let place = customer::Place { config, sides, sync, to, dataset };
            group.customers.push(place.way(row, is_staged).await?);
        }
    }
    sides.end().await
}

//! `acequia parked`: the rows that are not yet in a customer, and what an operator can do about them.

use clap::Subcommand;
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::console::{Exit, Output, say, session};
use super::flows::has_control;
use super::table::table;
use crate::apply::audit;
use crate::config::{Config, nearest};
use crate::name::{CustomerName, DatasetName};
use crate::postgres::sqlstate::{self, Description};
use crate::postgres::{self, Session, SqlState};
use crate::rules::Flow;

#[derive(Subcommand)]
pub(super) enum Parked {
    /// List parked rows, the oldest first
    List {
        /// Only this customer's
        #[arg(long, value_name = "NAME")]
        customer: Option<String>,
        /// Only this data set's
        #[arg(long, value_name = "NAME")]
        dataset: Option<String>,
        /// Show the source rows' keys too: they are values of rows
        #[arg(long)]
        keys: bool,
        /// At most so many
        #[arg(long, value_name = "ROWS", default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
        limit: i64,
        /// For people or for programs
        #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
        output: Output,
    },
    /// Show everything about one parked row, its values included
    Show {
        /// Its id, from `parked list`
        id: i64,
        /// For people or for programs
        #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
        output: Output,
    },
    /// Have the daemon try parked rows again at once
    Retry {
        /// Their ids; none means all
        ids: Vec<i64>,
    },
    /// Give parked rows up: they are written no more, until the source changes them again
    Drop {
        /// Their ids
        #[arg(required = true)]
        ids: Vec<i64>,
    },
}

const LIST: &str = "SELECT id, to_customer, dataset, key, op, reason, waits_for, waits_key, sqlstate, object, tries, \
    extract(epoch FROM now() - first_at)::float8 AS age, first_lsn::text, last_lsn::text, sync, from_customer, \
    to_char(next_try_at, 'YYYY-MM-DD HH24:MI:SSOF') AS next_try \
    FROM acequia.parked WHERE ($1::text IS NULL OR to_customer = $1) AND ($2::text IS NULL OR dataset = $2) \
    AND ($4::int8 IS NULL OR id = $4) ORDER BY first_lsn, id LIMIT $3";

pub(super) async fn parked(config: &Config, command: Parked) -> anyhow::Result<Exit> {
    if let Parked::List { customer, dataset, .. } = &command {
        known("customer", customer.as_deref(), config.customers.keys().map(CustomerName::as_str))?;
        known("data set", dataset.as_deref(), config.datasets.keys().map(DatasetName::as_str))?;
    }
    let targets: std::collections::BTreeSet<_> =
        Flow::all(config).into_iter().map(|flow| flow.target).collect();
    let mut found = 0;
    let mut listed = Vec::new();
    for target in targets {
        let target = session(&config.databases[&target], "parked").await?;
        if !has_control(&target).await? {
            continue;
        }
        match &command {
            Parked::List { customer, dataset, limit, .. } => {
                listed.extend(rows(&target, customer.as_deref(), dataset.as_deref(), *limit, None).await?);
            }
            Parked::Show { id, .. } => listed.extend(rows(&target, None, None, 1, Some(*id)).await?),
            Parked::Retry { ids } => found += retry(&target, ids).await?,
            Parked::Drop { ids } => found += forget(&target, ids).await?,
        }
        if let Parked::Show { id, output } = &command
            && let Some(row) = listed.first()
        {
            show(&target, row, *id, *output).await?;
            return Ok(Exit::Done);
        }
    }
    match command {
        Parked::List { output: Output::Json, keys, .. } => {
            say!(
                "{}",
                serde_json::to_string_pretty(
                    &listed.iter().map(|row| as_json(row, keys)).collect::<Vec<_>>()
                )?
            );
        }
        Parked::List { output: Output::Text, keys, .. } => print_list(&listed, keys),
        Parked::Show { id, .. } => {
            eprintln!("acequia: no parked row has the id {id}; see `acequia parked list`");
            return Ok(Exit::Failed);
        }
        Parked::Retry { ids } => {
            say!("{found} row(s) will be tried at the daemon's next look, within seconds");
            return Ok(all_found(&ids, found));
        }
        Parked::Drop { ids } => {
            say!("{found} row(s) dropped");
            return Ok(all_found(&ids, found));
        }
    }
    Ok(Exit::Done)
}

/// A name that is mistyped must not look like one of which nothing is parked.
pub(super) fn known<'a>(
    kind: &str,
    name: Option<&str>,
    all: impl Iterator<Item = &'a str> + Clone,
) -> anyhow::Result<()> {
    let Some(name) = name.filter(|name| all.clone().all(|one| one != *name)) else { return Ok(()) };
    let hint = match nearest(name, all.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("they have: {}", all.collect::<Vec<_>>().join(", ")),
    };
    anyhow::bail!("the rule files have no {kind} `{name}`; {hint}")
}

fn all_found(ids: &[i64], found: u64) -> Exit {
    if found < ids.len() as u64 {
        eprintln!(
            "acequia: {} of the ids are not parked; see `acequia parked list`",
            ids.len() as u64 - found
        );
        return Exit::Failed;
    }
    Exit::Done
}

async fn rows(
    target: &Session,
    customer: Option<&str>,
    dataset: Option<&str>,
    limit: i64,
    id: Option<i64>,
) -> anyhow::Result<Vec<Row>> {
    let rows = target.query(LIST, &[&customer, &dataset, &limit, &id]).await;
    Ok(rows.map_err(|error| postgres::Error::from_driver("listing parked rows", &error))?)
}

async fn retry(target: &Session, ids: &[i64]) -> anyhow::Result<u64> {
    let sql =
        "UPDATE acequia.parked SET next_try_at = now() WHERE cardinality($1::int8[]) = 0 OR id = ANY ($1)";
    let done = target.execute(sql, &[&ids]).await;
    let rows = done.map_err(|error| postgres::Error::from_driver("asking for another try", &error))?;
    if rows > 0 {
        let asked = if ids.is_empty() { json!("all") } else { json!(ids) };
        audit::record(target, "parked rows retried", &json!({ "ids": asked, "rows": rows })).await?;
    }
    Ok(rows)
}

async fn forget(target: &Session, ids: &[i64]) -> anyhow::Result<u64> {
    let failed = |error| postgres::Error::from_driver("dropping parked rows", &error);
    let sql = "DELETE FROM acequia.parked WHERE id = ANY ($1) RETURNING id, to_customer, dataset, reason";
    // Who gave up which rows is part of the record: both, or neither.
    target.batch_execute("BEGIN").await.map_err(failed)?;
    let gone = target.query(sql, &[&ids]).await.map_err(failed)?;
    if !gone.is_empty() {
        let text = |row: &Row, column: &str| row.get::<_, String>(column);
        let rows = gone.iter().map(|row| {
            json!({ "id": row.get::<_, i64>("id"), "customer": text(row, "to_customer"), "dataset": text(row, "dataset"),
                    "reason": text(row, "reason") })
        });
        let detail = json!({ "rows": rows.collect::<Vec<_>>() });
        audit::record(target, "parked rows dropped", &detail).await?;
    }
    target.batch_execute("COMMIT").await.map_err(failed)?;
    Ok(gone.len() as u64)
}

/// Why a row is parked, in one line.
pub(super) fn reason(row: &Row, keys: bool) -> String {
    let text = |column: &str| row.get::<_, Option<String>>(column).unwrap_or_default();
    match row.get::<_, &str>("reason") {
        "missing_parent" if row.get::<_, Option<&str>>("waits_for").is_none() => {
            "its parent is not synchronized to this customer".to_owned()
        }
        "missing_parent" if keys => format!("waits for {} {}", text("waits_for"), text("waits_key")),
        "missing_parent" => format!("waits for its {}", text("waits_for")),
        "ambiguous" => "the customer has several rows with this key".to_owned(),
        "taken" => "the customer's row is linked to another source row".to_owned(),
        "paused" => "paused by an operator".to_owned(),
        "locked" => "somebody has locked the customer's table".to_owned(),
        "broken" => "the customer's table can't be written as it is".to_owned(),
        "scheduled" => "its rule says when it is written".to_owned(),
        "backfill" => "what was there before is being copied to the customer".to_owned(),
        "unmatched" => "the customer has no row with this key".to_owned(),
        "mismatch" => "the keys of the pair differ by now".to_owned(),
        _rejected => match (description(row), text("object").as_str()) {
            (None, object) => object.to_owned(),
            (Some(said), "") => format!("{} ({})", said.meaning, text("sqlstate")),
            (Some(said), object) => format!("{} ({}, {object})", said.meaning, text("sqlstate")),
        },
    }
}

/// What the server's refusal means.
fn description(row: &Row) -> Option<Description> {
    let state = SqlState::new(row.get::<_, Option<&str>>("sqlstate")?)?;
    Some(sqlstate::describe(state, None))
}

/// What somebody can do about it.
pub(super) fn remedy(row: &Row) -> &'static str {
    match row.get::<_, &str>("reason") {
        "missing_parent" if row.get::<_, Option<&str>>("waits_for").is_none() => {
            "Add the parent's data set to the sync group, or set `references` in the data set."
        }
        "missing_parent" => "It is written as soon as its parent is in the customer.",
        "ambiguous" => "Leave one row with this key in the customer, then `acequia parked retry`.",
        "taken" => "Give the two source rows different keys, or drop this one.",
        "paused" => "`acequia resume` has it written.",
        "locked" => "It is written when the lock is gone.",
        "broken" => "`acequia status` says what is wrong with the table.",
        "scheduled" => "It is written when its time has come, or by `acequia apply`.",
        "backfill" => "It is written when the copy is in; `acequia status` says how far that is.",
        "unmatched" => {
            "It is linked as soon as the customer has that row; it is looked for from time to time."
        }
        "mismatch" => "`acequia links --keys` shows both keys: make them equal, or drop this one.",
        _rejected => description(row).map_or("Correct the row at the source.", |said| said.remedy),
    }
}

fn print_list(rows: &[Row], keys: bool) {
    if rows.is_empty() {
        say!("nothing is parked");
        return;
    }
    let lines = rows.iter().map(|row| {
        vec![
            row.get::<_, i64>("id").to_string(),
            row.get("to_customer"),
            row.get("dataset"),
            if keys { row.get("key") } else { "(--keys)".to_owned() },
            row.get("op"),
            reason(row, keys),
            row.get::<_, i32>("tries").to_string(),
            format!("{:.0} s", row.get::<_, f64>("age")),
        ]
    });
    let headings = ["id", "customer", "data set", "source key", "op", "why", "tries", "age"];
    say!("{}", table(&headings, lines.collect(), &[0, 6, 7]));
}

fn as_json(row: &Row, keys: bool) -> Value {
    let key = |column: &str| row.get::<_, Option<String>>(column).filter(|_| keys);
    let text = |column: &str| row.get::<_, Option<String>>(column);
    json!({ "id": row.get::<_, i64>("id"), "customer": text("to_customer"), "dataset": text("dataset"),
            "from": text("from_customer"), "sync": text("sync"), "key": key("key"), "op": text("op"),
            "reason": text("reason"), "waits_for": text("waits_for"), "waits_key": key("waits_key"),
            "sqlstate": text("sqlstate"), "object": text("object"), "tries": row.get::<_, i32>("tries"),
            "age_seconds": row.get::<_, f64>("age"), "first_lsn": text("first_lsn"), "last_lsn": text("last_lsn"),
            "next_try_at": text("next_try") })
}

async fn show(target: &Session, row: &Row, id: i64, output: Output) -> anyhow::Result<()> {
    let values = target
        .query_one("SELECT payload::text, unchanged FROM acequia.parked WHERE id = $1", &[&id])
        .await
        .map_err(|error| postgres::Error::from_driver("reading a parked row", &error))?;
    let payload: Value = serde_json::from_str(values.get(0)).unwrap_or(Value::Null);
    let unchanged: Vec<String> = values.get(1);
    match output {
        Output::Json => {
            let mut value = as_json(row, true);
            if let Value::Object(fields) = &mut value {
                fields.insert("payload".to_owned(), payload);
                fields.insert("unchanged".to_owned(), json!(unchanged));
            }
            say!("{}", serde_json::to_string_pretty(&value)?);
        }
        Output::Text => {
            say!(
                "row {id}: {} of {} → {}",
                row.get::<_, &str>("dataset"),
                row.get::<_, &str>("from_customer"),
                row.get::<_, &str>("to_customer")
            );
            say!("  why         {}", reason(row, true));
            say!("  what to do  {}", remedy(row));
            say!("  source key  {}", row.get::<_, &str>("key"));
            say!("  sync        {}", row.get::<_, &str>("sync"));
            say!(
                "  positions   first {}, last {}",
                row.get::<_, &str>("first_lsn"),
                row.get::<_, &str>("last_lsn")
            );
            say!("  tries       {}, next {}", row.get::<_, i32>("tries"), row.get::<_, &str>("next_try"));
            if !unchanged.is_empty() {
                say!("  not known   {}", unchanged.join(", "));
            }
            say!(
                "  values      {}",
                serde_json::to_string_pretty(&payload)?.replace('\n', "\n              ")
            );
        }
    }
    Ok(())
}

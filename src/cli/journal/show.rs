//! `acequia journal show`: the entries themselves. Values of rows are shown only where they are asked for.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tokio_postgres::Row;

use super::list::words;
use super::record::values;
use super::scope::{ENTRIES, Scope};
use crate::cli::console::{Exit, Output, say};
use crate::cli::table::table;
use crate::config::Config;
use crate::name::{CustomerName, DatasetName, Ident, TableName};
use crate::postgres::{Error, Session};

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    scope: Scope,
    /// Show the rows' primary keys at the customer: they are values of rows
    #[arg(long)]
    keys: bool,
    /// Show the values before and after
    #[arg(long)]
    values: bool,
    /// At most so many
    #[arg(long, value_name = "ROWS", default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

const SELECT: &str = "SELECT j.id, to_char(j.at, 'YYYY-MM-DD HH24:MI:SSOF') AS time, nullif(j.lsn::text, '0/0') AS lsn, r.sync, \
    r.from_customer, r.to_customer, r.dataset, j.op::text AS op, j.key, j.moved, j.image, r.image_columns";

/// What became of the rows of some entries later on; `$1` their ids.
const LATER: &str = "SELECT j.id, j.op::text AS op, j.key, j.moved, j.image, r.image_columns, r.to_customer, r.dataset \
    FROM acequia.journal j JOIN acequia.route r ON r.id = j.route \
    WHERE j.at >= (SELECT min(at) FROM acequia.journal WHERE id = ANY ($1)) AND (r.to_customer, r.dataset, j.key) IN (\
    SELECT o.to_customer, o.dataset, k FROM acequia.journal e JOIN acequia.route o ON o.id = e.route, \
    unnest(ARRAY[e.key, e.moved]) k WHERE e.id = ANY ($1)) ORDER BY j.id";

/// A column's value: not known, NULL, or a text.
type Seen = Option<Option<String>>;

/// One entry.
struct Entry {
    id: i64,
    op: String,
    key: String,
    /// The row's key afterwards.
    left: String,
    /// What it held before, by column.
    before: BTreeMap<String, Option<String>>,
}

/// A customer's row by its key, as its columns are now.
type Current = BTreeMap<(String, String, String), BTreeMap<String, Option<String>>>;

pub(super) async fn show(config: &Config, question: &Show) -> anyhow::Result<Exit> {
    let mut told = Vec::new();
    for (target, scope) in question.scope.open(config, "journal").await? {
        let sql = format!("{SELECT} {ENTRIES} ORDER BY j.id DESC LIMIT $6");
        let mut params = scope.list().to_vec();
        params.push(&question.limit);
        let found = target
            .query(&sql, &params)
            .await
            .map_err(|error| Error::from_driver("reading the journal", &error))?;
        if found.is_empty() {
            continue;
        }
        let ids: Vec<i64> = found.iter().map(|row| row.get("id")).collect();
        let later = target.query(LATER, &[&ids]).await;
        let later = later.map_err(|error| Error::from_driver("reading what followed", &error))?;
        let current = current(config, &target, &found, &ids).await?;
        told.extend(found.iter().map(|row| entry_json(row, &later, &current, question)));
    }
    if told.is_empty() {
        question.scope.expect_known(config)?;
    }
    told.truncate(usize::try_from(question.limit).unwrap_or(usize::MAX));
    match question.output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&told)?),
        Output::Text => print(&told, question),
    }
    Ok(Exit::Done)
}

fn entry(row: &Row) -> Entry {
    let columns: Vec<String> = row.get("image_columns");
    let (op, key): (String, String) = (row.get("op"), row.get("key"));
    let left = row.get::<_, Option<String>>("moved").unwrap_or_else(|| key.clone());
    let before = columns.into_iter().zip(values(row.get("image"))).collect();
    Entry { id: row.get("id"), op, key, left, before }
}

/// The rows as they are now. What can't be read (a table that is gone) is not known.
async fn current(config: &Config, target: &Session, found: &[Row], ids: &[i64]) -> Result<Current, Error> {
    let mut current = Current::new();
    let pairs: BTreeSet<(String, String)> =
        found.iter().map(|row| (row.get("to_customer"), row.get("dataset"))).collect();
    for (customer, dataset) in pairs {
        let schema = CustomerName::new(&customer).ok().and_then(|name| config.customers.get(&name));
        let known = DatasetName::new(&dataset).ok().and_then(|name| config.datasets.get(&name));
        let (Some(schema), Some(known)) = (schema, known) else { continue };
        let name = TableName { schema: schema.schema.clone(), table: known.table.clone() };
        let catalog = crate::catalog::Catalog::read(
            target,
            &[name.schema.as_str().to_owned()],
            &[name.table.as_str().to_owned()],
        )
        .await?;
        let Some(table) = catalog.tables.get(&name) else { continue };
        let columns: Vec<String> = table.columns.iter().map(|column| column.name.quoted()).collect();
        let key: Vec<String> = table.primary_key().iter().map(Ident::quoted).collect();
        if key.is_empty() {
            continue;
        }
        let own =
            |alias: &str| key.iter().map(|name| format!("{alias}.{name}")).collect::<Vec<_>>().join(", ");
        let row = columns.iter().map(|name| format!("t.{name}")).collect::<Vec<_>>().join(", ");
        let of_key =
            key.iter().map(|name| format!("t.{name} = (k.k).{name}")).collect::<Vec<_>>().join(" AND ");
        let make = format!(
            "BEGIN; CREATE TEMP TABLE journal_key ON COMMIT DROP AS SELECT {} FROM {} t WITH NO DATA",
            own("t"),
            name.quoted()
        );
        let read = format!(
            "SELECT ROW({})::text, ROW({row})::text FROM (SELECT DISTINCT l::pg_temp.journal_key AS k FROM acequia.journal j \
             JOIN acequia.route r ON r.id = j.route, unnest(ARRAY[j.key, j.moved]) l WHERE j.id = ANY ($1) AND l IS NOT NULL \
             AND r.to_customer = $2 AND r.dataset = $3 OFFSET 0) k JOIN {} t ON {of_key}",
            own("t"),
            name.quoted()
        );
        let rows = match target.batch_execute(&make).await {
            Ok(()) => target.query(&read, &[&ids, &customer, &dataset]).await,
            Err(error) => Err(error),
        };
        target
            .batch_execute("ROLLBACK")
            .await
            .map_err(|error| Error::from_driver("reading the rows", &error))?;
        let names = || table.columns.iter().map(|column| column.name.as_str().to_owned());
        for row in rows.unwrap_or_default() {
            let columns = names().zip(values(row.get(1))).collect();
            current.insert((customer.clone(), dataset.clone(), row.get(0)), columns);
        }
    }
    Ok(current)
}

/// What a column of the row held after an entry: what the next entry that knows it found, else what it holds now.
fn after(entry: &Entry, column: &str, later: &[Entry], now: impl Fn(&str) -> Seen) -> Seen {
    let mut key = entry.left.as_str();
    for next in later.iter().filter(|next| next.id > entry.id) {
        if next.key != key {
            continue;
        }
        if next.op == "I" {
            return None;
        }
        if let Some(value) = next.before.get(column) {
            return Some(value.clone());
        }
        key = &next.left;
    }
    now(key)
}

fn entry_json(row: &Row, later: &[Row], current: &Current, question: &Show) -> Value {
    let text = |column: &str| row.get::<_, Option<String>>(column);
    let (customer, dataset): (String, String) = (row.get("to_customer"), row.get("dataset"));
    let own = entry(row);
    let of_row = later.iter().filter(|other| {
        other.get::<_, &str>("to_customer") == customer && other.get::<_, &str>("dataset") == dataset
    });
    let later: Vec<Entry> = of_row.map(entry).collect();
    let is_gone = matches!(own.op.as_str(), "d" | "D");
    let (mut columns, mut before, mut behind) = (Vec::new(), Map::new(), Map::new());
    for (column, value) in &own.before {
        let now = |key: &str| {
            current.get(&(customer.clone(), dataset.clone(), key.to_owned()))?.get(column).cloned()
        };
        let after = if is_gone { None } else { after(&own, column, &later, now) };
        if after.as_ref() == Some(value) {
            continue;
        }
        columns.push(column.clone());
        before.insert(column.clone(), json!(value));
        behind.insert(column.clone(), after.map_or(Value::Null, |after| json!(after)));
    }
    let mut told = json!({ "at": text("time"), "lsn": text("lsn"), "sync": text("sync"), "from": text("from_customer"),
                           "customer": customer, "dataset": dataset, "what": words(&own.op), "columns": columns });
    if let Value::Object(fields) = &mut told {
        if question.keys {
            fields.insert("key".to_owned(), json!(own.key));
        }
        if question.values {
            fields.insert("before".to_owned(), Value::Object(before));
            fields.insert("after".to_owned(), Value::Object(behind));
        }
    }
    told
}

fn print(told: &[Value], question: &Show) {
    if told.is_empty() {
        say!("nothing was changed or deleted there");
        return;
    }
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or("-").to_owned();
    let lines = told.iter().map(|entry| {
        let columns: Vec<&str> =
            entry["columns"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let mut line: Vec<String> =
            ["at", "sync", "customer", "dataset"].iter().map(|name| text(entry, name)).collect();
        line.push(if question.keys { text(entry, "key") } else { "(--keys)".to_owned() });
        line.push(text(entry, "what"));
        line.push(columns.join(", "));
        line
    });
    let headings = ["time", "sync", "customer", "data set", "key", "what", "columns"];
    say!("{}", table(&headings, lines.collect(), &[]));
    if question.values {
        for entry in told {
            say!(
                "\n{} {} {} {}",
                text(entry, "at"),
                text(entry, "customer"),
                text(entry, "dataset"),
                text(entry, "what")
            );
            for (column, value) in entry["before"].as_object().into_iter().flatten() {
                say!("  {column}: {value} → {}", entry["after"][column]);
            }
        }
    }
}

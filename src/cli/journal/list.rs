//! `acequia journal list`: what was written over or deleted, one line for each writing.

use serde_json::{Value, json};
use tokio_postgres::Row;

use super::scope::{ENTRIES, Scope};
use crate::cli::console::{Exit, Output, say};
use crate::cli::table::table;
use crate::config::Config;

#[derive(Debug, clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    scope: Scope,
    /// At most so many
    #[arg(long, value_name = "LINES", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

/// Who gave the order for a revert stands in the audit, at the same moment.
const SELECT: &str = "SELECT to_char(w.at, 'YYYY-MM-DD HH24:MI:SSOF') AS time, nullif(w.lsn::text, '0/0') AS lsn, w.sync, \
    w.from_customer, w.to_customer, w.dataset, w.op, w.rows, (SELECT a.who FROM acequia.audit a WHERE w.op IN ('U', 'I', 'D') \
    AND a.at = w.at AND a.what = 'journal reverted' LIMIT 1) AS who, w.at FROM (\
    SELECT j.at, j.lsn, r.sync, r.from_customer, r.to_customer, r.dataset, j.op::text AS op, count(*) AS rows, max(j.id) AS last";
const GROUP: &str = "GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY j.at DESC, max(j.id) DESC LIMIT $6) w ORDER BY w.at DESC, w.last DESC";

/// What was done to a row, in a word or two.
pub(super) fn words(op: &str) -> &'static str {
    match op {
        "u" => "changed",
        "d" => "deleted",
        "U" => "changed back",
        "I" => "put back",
        "D" => "taken away again",
        _unknown => "written",
    }
}

pub(super) async fn list(config: &Config, question: &List) -> anyhow::Result<Exit> {
    let sql = format!("{SELECT} {ENTRIES} {GROUP}");
    let rows = question.scope.latest(config, "journal", (&sql, &[]), ("at", question.limit)).await?;
    match question.output {
        Output::Json => {
            say!("{}", serde_json::to_string_pretty(&rows.iter().map(as_json).collect::<Vec<_>>())?);
        }
        Output::Text => print(&rows),
    }
    Ok(Exit::Done)
}

fn as_json(row: &Row) -> Value {
    let text = |column: &str| row.get::<_, Option<String>>(column);
    json!({ "at": text("time"), "lsn": text("lsn"), "sync": text("sync"), "from": text("from_customer"),
            "customer": text("to_customer"), "dataset": text("dataset"), "what": words(row.get("op")),
            "rows": row.get::<_, i64>("rows"), "reverted_by": text("who") })
}

fn print(rows: &[Row]) {
    if rows.is_empty() {
        say!("nothing was changed or deleted there");
        return;
    }
    let lines = rows.iter().map(|row| {
        let text = |column: &str| row.get::<_, Option<String>>(column).unwrap_or_else(|| "-".to_owned());
        let who = row.get::<_, Option<String>>("who").map_or_else(
            || format!("the rule {}", text("sync")),
            |who| format!("{who}, by a revert of {}", text("sync")),
        );
        vec![
            text("time"),
            text("lsn"),
            who,
            text("from_customer"),
            text("to_customer"),
            text("dataset"),
            words(row.get("op")).to_owned(),
            row.get::<_, i64>("rows").to_string(),
        ]
    });
    let headings = ["time", "lsn", "who", "from", "customer", "data set", "what", "rows"];
    say!("{}", table(&headings, lines.collect(), &[7]));
}

//! `acequia audit`: what operators and the daemon have done, the latest first.

use std::collections::BTreeSet;
use std::time::SystemTime;

use serde_json::{Map, Value, json};
use tokio_postgres::Row;

use super::console::{Exit, Output, say, session};
use super::flows::has_control;
use super::journal::Moment;
use super::table::table;
use crate::apply::audit;
use crate::config::{Config, Database};
use crate::name::DatabaseName;
use crate::postgres;
use crate::rules::Flow;

pub(super) const AFTER_HELP: &str = "\
Each act of an operator leaves a line in each database that it concerns: who (the user of the
operating system, and whom sudo knows), when, what, with which names. So do the daemon's starts,
stops and reloads, and what it had to decide by itself. No value of a row is in it.

  acequia audit --since 7d
  acequia audit --output json | jq -r '.[] | [.at, .who, .what] | @tsv'

Exit status: 0 listed, 69 a database can't be reached";

/// What is wanted.
#[derive(Debug, clap::Args)]
pub(super) struct Question {
    /// From then on: 30m, 2h, 3d ago, or a time such as "2026-11-22 13:00"
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// At most so many
    #[arg(long, value_name = "LINES", default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

const SELECT: &str = "SELECT to_char(at, 'YYYY-MM-DD HH24:MI:SSOF') AS time, who, what, detail::text AS detail, at \
    FROM acequia.audit WHERE $1::text IS NULL OR at >= $1::text::timestamptz ORDER BY at DESC, id DESC LIMIT $2";

pub(super) async fn audit(config: &Config, question: &Question) -> anyhow::Result<Exit> {
    let mut found: Vec<(DatabaseName, Row)> = Vec::new();
    for database in audited(config) {
        let target = session(database, "audit").await?;
        if !has_control(&target).await? {
            continue;
        }
        let since = match question.since {
            Some(since) => Some(since.text(&target).await?),
            None => None,
        };
        let rows = target.query(SELECT, &[&since, &question.limit]).await;
        let rows = rows.map_err(|error| postgres::Error::from_driver("reading the audit", &error))?;
        found.extend(rows.into_iter().map(|row| (database.name.clone(), row)));
    }
    found.sort_by_key(|(_, row)| std::cmp::Reverse(row.get::<_, SystemTime>("at")));
    found.truncate(usize::try_from(question.limit).unwrap_or(usize::MAX));
    match question.output {
        Output::Json => {
            let all: Vec<Value> = found.iter().map(as_json).collect();
            say!("{}", serde_json::to_string_pretty(&all)?);
        }
        Output::Text => print(&found),
    }
    Ok(Exit::Done)
}

/// The databases that may have an audit: those that any flow writes into, also one that rests.
pub(super) fn audited(config: &Config) -> Vec<&Database> {
    let flows = Flow::all(config).into_iter().chain(Flow::resting(config));
    let targets: BTreeSet<DatabaseName> = flows.map(|flow| flow.target).collect();
    targets.iter().filter_map(|name| config.databases.get(name)).collect()
}

/// Writes down, wherever there is an audit, what concerns none of the flows alone. The act itself is done: where it can't be
/// written down, the operator is told.
pub(super) async fn note(config: &Config, command: &str, what: &str, detail: &Value) {
    for failure in audit::note(audited(config), &format!("acequia {command}"), what, detail).await {
        eprintln!("acequia: {failure}");
    }
}

fn as_json((database, row): &(DatabaseName, Row)) -> Value {
    let text = |column: &str| row.get::<_, String>(column);
    let detail: Value = serde_json::from_str(&text("detail")).unwrap_or(Value::Null);
    json!({ "at": text("time"), "database": database.as_str(), "who": text("who"), "what": text("what"), "detail": detail })
}

fn print(found: &[(DatabaseName, Row)]) {
    if found.is_empty() {
        say!("nothing was done");
        return;
    }
    let lines = found.iter().map(|(database, row)| {
        let detail: Map<String, Value> = serde_json::from_str(row.get("detail")).unwrap_or_default();
        vec![row.get("time"), database.to_string(), row.get("who"), row.get("what"), words(&detail)]
    });
    say!("{}", table(&["time", "database", "who", "what", "about"], lines.collect(), &[]));
}

/// What an act was about, in a line: names and numbers. The rest is for `--output json`.
fn words(detail: &Map<String, Value>) -> String {
    let word = |(name, value): (&String, &Value)| match value {
        Value::String(text) => Some(format!("{name} {text}")),
        Value::Number(number) => Some(format!("{name} {number}")),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    detail.iter().filter_map(word).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_act_was_about_is_told_in_names_and_numbers() {
        let detail = json!({ "flow": "a:b", "rows": 3, "by": { "user": "ann" }, "dataset": null });
        let Value::Object(detail) = detail else { unreachable!("it is an object") };
        assert_eq!(words(&detail), "flow a:b, rows 3");
    }
}

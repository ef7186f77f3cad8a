//! `acequia history`: when each customer got what, minute by minute, the latest first.

use serde_json::{Value, json};
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;

use super::console::{Exit, Output, say};
use super::journal::Scope;
use super::table::table;
use crate::config::Config;
use crate::lsn::Lsn;

pub(super) const AFTER_HELP: &str = "\
A line for each minute in which rows of a data set came into a customer: how many were created,
changed, deleted, left as they were (skipped) or set aside (parked), and where the transactions
that brought them end in the source's WAL, from the first to the last. What was parked or held
comes later, in a line of its own minute with the positions of its own time, or of the batch that
let it in; of a very large transaction that is the position before it. `committed` is when the
last one committed at the source; nothing stands there where all of it had waited or was copied. A
copy (backfill, resync) has the position where the flow was. No value of a row is in it. It is
written in the transaction that writes the rows, and stays for [daemon] journal_keep, but takes no
more room than about a tenth of journal_max.

  acequia history --since 2h
  acequia history --customer north --dataset cpt_code --since \"2026-11-22 13:00\" --until 2026-11-23
  acequia history --lsn 16/B374D848     who got the transaction that ends there, and when
  acequia journal list --since 2h       single changed and deleted rows, with what they were before

Times without an offset are meant in this host's zone; all that is printed is UTC.

Exit status: 0 listed, 1 no such name, 69 a database can't be reached";

/// What is wanted.
#[derive(Debug, clap::Args)]
pub(super) struct Question {
    #[command(flatten)]
    scope: Scope,
    /// Only what a source transaction around this position brought: parked then, written now or later
    #[arg(long, value_name = "LSN")]
    lsn: Option<Lsn>,
    /// At most so many
    #[arg(long, value_name = "LINES", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

/// `$1` to `$5` the scope, `$6` how many.
const SELECT: &str = "SELECT to_char(a.minute, 'YYYY-MM-DD HH24:MIOF') AS time, a.minute, r.sync, r.from_customer, r.to_customer, \
    r.dataset, a.created, a.updated, a.deleted, a.skipped, a.parked, a.from_lsn::text, a.to_lsn::text, \
    to_char(a.commit_time, 'YYYY-MM-DD HH24:MI:SSOF') AS committed";
const SCOPE: &str = "a JOIN acequia.route r ON r.id = a.route \
    WHERE ($1::text IS NULL OR r.sync = $1) AND ($2::text IS NULL OR r.to_customer = $2) AND ($3::text IS NULL OR r.dataset = $3) \
    AND ($4::text IS NULL OR a.minute > $4::text::timestamptz - interval '1 minute') \
    AND ($5::text IS NULL OR a.minute < $5::text::timestamptz) \
    ORDER BY a.minute DESC, r.to_customer, r.dataset, r.sync, r.id LIMIT $6";
/// What had waited says the position at which it was set aside, which is the end of all that the flow wrote at once: so a
/// position, `$7`, is sought in the minutes around it, and in what overlaps the narrowest of these: a minute in which something
/// was let in that had waited for long is wide. Found before it is put in order: a walk in the order of time would look at
/// every minute there is.
const AROUND: &str = "(SELECT m.* FROM acequia.applied m JOIN (SELECT route, min(to_lsn) AS top FROM acequia.applied \
    WHERE from_lsn <= $7::text::pg_lsn AND to_lsn >= $7::text::pg_lsn GROUP BY route) w ON w.route = m.route \
    WHERE m.to_lsn >= $7::text::pg_lsn AND m.from_lsn <= w.top OFFSET 0)";

pub(super) async fn history(config: &Config, question: &Question) -> anyhow::Result<Exit> {
    let position = question.lsn.map(|lsn| lsn.to_string());
    let minutes = if position.is_some() { AROUND } else { "acequia.applied" };
    let sql = format!("{SELECT} FROM {minutes} {SCOPE}");
    let more: Vec<&(dyn ToSql + Sync)> = position.iter().map(|position| position as _).collect();
    let rows = question.scope.latest(config, "history", (&sql, &more), ("minute", question.limit)).await?;
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
    let count = |column: &str| row.get::<_, i64>(column);
    json!({ "minute": text("time"), "customer": text("to_customer"), "dataset": text("dataset"), "from": text("from_customer"),
            "sync": text("sync"), "created": count("created"), "updated": count("updated"), "deleted": count("deleted"),
            "skipped": count("skipped"), "parked": count("parked"), "from_lsn": text("from_lsn"), "to_lsn": text("to_lsn"),
            "committed": text("committed") })
}

fn print(rows: &[Row]) {
    if rows.is_empty() {
        say!("nothing was written there");
        return;
    }
    let lines = rows.iter().map(|row| {
        let text = |column: &str| row.get::<_, Option<String>>(column).unwrap_or_else(|| "-".to_owned());
        let words = ["time", "to_customer", "dataset", "sync"].map(text);
        let counts = ["created", "updated", "deleted", "skipped", "parked"];
        let counts = counts.map(|column| row.get::<_, i64>(column).to_string());
        let came = ["from_lsn", "to_lsn", "committed"].map(text);
        words.into_iter().chain(counts).chain(came).collect()
    });
    let headings = [
        "minute",
        "customer",
        "data set",
        "sync",
        "created",
        "changed",
        "deleted",
        "skipped",
        "parked",
        "from lsn",
        "to lsn",
        "committed",
    ];
    say!("{}", table(&headings, lines.collect(), &[4, 5, 6, 7, 8]));
}

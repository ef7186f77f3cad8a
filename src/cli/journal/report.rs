//! What became of the rows of a revert, for people and for programs.

use serde_json::{Value, json};

use crate::cli::console::say;
use crate::cli::table::table;
use crate::postgres::SqlState;
use crate::postgres::sqlstate;

/// So many keys of one kind are printed for people.
const LISTED: usize = 50;

/// What became of some rows.
#[derive(Debug)]
pub(super) struct Outcome {
    /// As the revert's statements call it.
    pub(super) what: String,
    pub(super) sqlstate: Option<String>,
    /// The constraint, column or type that a refusal is about.
    pub(super) object: Option<String>,
    pub(super) rows: i64,
    /// Primary keys, as a row's text; the first thousand.
    pub(super) keys: Vec<String>,
}

/// One table of a customer.
#[derive(Debug)]
pub(super) struct TableReport {
    pub(super) customer: String,
    pub(super) dataset: String,
    pub(super) outcomes: Vec<Outcome>,
}

impl Outcome {
    fn is_put_back(&self) -> bool {
        self.what == "done"
    }

    /// There was nothing to do, or it is done.
    fn is_settled(&self) -> bool {
        self.is_put_back() || self.what == "already"
    }

    /// The reason, as programs read it.
    fn reason(&self) -> &str {
        if self.what == "unread" { "refused" } else { &self.what }
    }

    /// Why a row is not as it was.
    fn words(&self) -> String {
        let said = |more: &str| {
            let object = self.object.as_deref().map_or_else(String::new, |object| format!(", {object}"));
            let state = self.sqlstate.as_deref().unwrap_or("no SQLSTATE");
            let meaning = SqlState::new(state)
                .map_or("the server refuses", |state| sqlstate::describe(state, None).meaning);
            format!("{meaning} ({state}{object}){more}")
        };
        match self.what.as_str() {
            "done" => "put back".to_owned(),
            "already" => "as before already".to_owned(),
            "altered" => {
                "put back, but not exactly: a trigger of the customer changed it on the way".to_owned()
            }
            "changed" => "changed by somebody else since".to_owned(),
            "between" => "changed by somebody else between two changes of ours".to_owned(),
            "gone" => "not there any more".to_owned(),
            "taken" => "deleted, and its primary key is in use again".to_owned(),
            "stranger" => {
                "refers to a row that is not put back because another one has its primary key now".to_owned()
            }
            "table" => "the table's columns or its primary key are not what they were".to_owned(),
            "swallowed" => {
                "a trigger or a policy of the customer swallows the write without an error".to_owned()
            }
            "unread" => said(", so the old values can't be read"),
            _refused => said(""),
        }
    }
}

impl TableReport {
    /// Some row is not as it was before.
    pub(super) fn is_refused(&self) -> bool {
        !self.outcomes.iter().all(Outcome::is_settled)
    }

    fn put_back(&self) -> i64 {
        self.outcomes.iter().filter(|outcome| outcome.is_put_back()).map(|outcome| outcome.rows).sum()
    }

    fn already(&self) -> i64 {
        self.outcomes.iter().filter(|outcome| outcome.what == "already").map(|outcome| outcome.rows).sum()
    }

    fn refused(&self) -> impl Iterator<Item = &Outcome> {
        self.outcomes.iter().filter(|outcome| !outcome.is_settled())
    }

    pub(super) fn as_json(&self, keys: bool) -> Value {
        let refused = self.refused().map(|outcome| {
            let mut one = json!({ "reason": outcome.reason(), "sqlstate": outcome.sqlstate, "object": outcome.object,
                                  "rows": outcome.rows });
            if let Value::Object(fields) = &mut one
                && keys
            {
                fields.insert("keys".to_owned(), json!(outcome.keys));
            }
            one
        });
        json!({ "customer": self.customer, "dataset": self.dataset, "put_back": self.put_back(), "already": self.already(),
                "refused": refused.collect::<Vec<_>>() })
    }
}

pub(super) fn print_json(reports: &[TableReport], written: bool, keys: bool) -> anyhow::Result<()> {
    let tables: Vec<Value> = reports.iter().map(|report| report.as_json(keys)).collect();
    say!("{}", serde_json::to_string_pretty(&json!({ "written": written, "tables": tables }))?);
    Ok(())
}

pub(super) fn print(reports: &[TableReport], written: bool, keys: bool) {
    if reports.is_empty() {
        say!("nothing was changed or deleted there");
        return;
    }
    let rows = reports.iter().map(|report| {
        let refused: i64 = report.refused().map(|outcome| outcome.rows).sum();
        let counts = [report.put_back(), report.already(), refused].map(|count| count.to_string());
        [report.customer.clone(), report.dataset.clone()].into_iter().chain(counts).collect()
    });
    let headings = [
        "customer",
        "data set",
        if written { "put back" } else { "would be put back" },
        "as before already",
        "not",
    ];
    say!("{}", table(&headings, rows.collect(), &[2, 3, 4]));
    for report in reports.iter().filter(|report| report.is_refused()) {
        say!("\n{} at {}", report.dataset, report.customer);
        for outcome in report.refused() {
            say!("  {} row(s): {}", outcome.rows, outcome.words());
            if keys {
                let told = outcome.keys.len().min(LISTED);
                say!("      {}", outcome.keys[..told].join(" "));
                let more = outcome.rows - i64::try_from(told).unwrap_or(0);
                if more > 0 {
                    say!("      and {more} more");
                }
            }
        }
    }
}

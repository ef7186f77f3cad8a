//! `acequia verify`: whether the customers have what the rules give them, and their repair.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::console::{Exit, Output, say};
use super::parked::known;
use super::resync::is_harmful as rule_is_harmful;
use super::sides::Sides;
use super::table::{bytes, table};
use crate::catalog::Slot;
use crate::config::Config;
use crate::name::{CustomerName, DatasetName, SyncName};
use crate::rules::Flow;
use crate::verify::{self, Choice, FlowReport, RouteReport, Wanted};

/// How often a terminal is told how far it is.
const TELL_INTERVAL: Duration = Duration::from_millis(200);
/// So much of a line of a terminal is used.
const LINE_WIDTH: usize = 78;

/// What is asked.
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "four switches that are independent")]
pub(super) struct Question {
    /// Only what this sync group gives
    #[arg(long, value_name = "NAME")]
    sync: Option<String>,
    /// Only this customer
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    /// Only this data set
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
    /// Have the daemon write the rows that differ again, by the rules
    #[arg(long)]
    repair: bool,
    /// … also where that overwrites or deletes rows of customers
    #[arg(long, requires = "repair")]
    yes: bool,
    /// List the natural keys of rows that differ too: they are values of rows
    #[arg(long)]
    keys: bool,
    /// Say which columns differ, and in how many rows
    #[arg(long)]
    columns: bool,
    /// At most so many keys of each data set of each customer
    #[arg(long, value_name = "ROWS", default_value_t = 100, requires = "keys")]
    limit: usize,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

/// Whether a rule of the choice changes or takes away rows that are there.
fn is_harmful(config: &Config, choice: &Choice) -> bool {
    let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
    config.syncs.iter().filter(|sync| is(&choice.sync, sync.name.as_str())).any(|sync| {
        let routes = sync.to.iter().flat_map(|to| sync.data.iter().map(move |dataset| (to, dataset)));
        let mut chosen = routes.filter(|(to, dataset)| {
            is(&choice.customer, to.as_str())
                && is(&choice.dataset, dataset.as_str())
                && config.carries(sync, to, dataset)
        });
        chosen.any(|(to, dataset)| rule_is_harmful(&config.rule(sync, to, dataset)))
    })
}

pub(super) async fn verify(config: &Config, question: &Question) -> anyhow::Result<Exit> {
    let choice = Choice {
        sync: question.sync.clone(),
        customer: question.customer.clone(),
        dataset: question.dataset.clone(),
    };
    let groups = config.syncs.iter().map(|sync| SyncName::as_str(&sync.name));
    known("sync group", choice.sync.as_deref(), groups)?;
    known("customer", choice.customer.as_deref(), config.customers.keys().map(CustomerName::as_str))?;
    known("data set", choice.dataset.as_deref(), config.datasets.keys().map(DatasetName::as_str))?;
    if question.repair && !question.yes && is_harmful(config, &choice) {
        anyhow::bail!(
            "nothing was done: a repair overwrites or deletes rows of customers where a rule overrides or follows deletes. See what \
             `acequia verify` with the same names finds, then say --repair --yes; the journal keeps each old image"
        );
    }
    let progress = Progress::new();
    let mut reports = Vec::new();
    for flow in Flow::all(config) {
        let sides = Sides::open(config, flow, "verify").await?;
        let slot = Slot::read(&sides.source, &sides.flow.slot).await?;
        let wanted = Wanted {
            is_followed: slot.is_some_and(|slot| slot.active_pid.is_some()),
            repairs: question.repair,
            keys: if question.keys { question.limit } else { 0 },
        };
        let databases = (&config.databases[&sides.flow.source], &config.databases[&sides.flow.target]);
        let mut report =
            verify::verify(&sides.plan, databases, &choice, wanted, &|what| progress.tell(what)).await?;
        if !question.columns {
            report.leave_columns_out();
        }
        reports.push(report);
    }
    progress.end();
    reports.retain(|report| !report.routes.is_empty());
    match question.output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&reports)?),
        Output::Text => print_text(&reports),
    }
    let differ = reports.iter().any(|report| report.differences() > 0);
    Ok(if differ { Exit::Differences } else { Exit::Done })
}

/// How far it is, for whoever sits before a terminal.
struct Progress {
    told: Option<Mutex<Instant>>,
}

impl Progress {
    fn new() -> Self {
        Self { told: std::io::stderr().is_terminal().then(|| Mutex::new(Instant::now())) }
    }

    fn tell(&self, what: &str) {
        let Some(Ok(mut told)) = self.told.as_ref().map(Mutex::lock) else { return };
        if told.elapsed() < TELL_INTERVAL {
            return;
        }
        *told = Instant::now();
        let line: String = what.chars().take(LINE_WIDTH).collect();
        // A terminal that can't be written to is no reason to stop.
        _ = write!(std::io::stderr(), "\r\x1b[K{line}");
    }

    fn end(&self) {
        if self.told.is_some() {
            _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn print_text(reports: &[FlowReport]) {
    if reports.is_empty() {
        say!("no rule brings that data set to that customer");
        return;
    }
    for report in reports {
        print_flow(report);
    }
}

fn print_flow(report: &FlowReport) {
    match (&report.position, report.unapplied_bytes) {
        (None, _) => say!("flow {}: it has never run", report.flow),
        (Some(position), None) => say!("flow {}: compared while it streams, up to {position}", report.flow),
        (Some(position), Some(behind)) => say!(
            "flow {}: no daemon runs; compared as of {position}. The source has written {} since: what differs may be on its way",
            report.flow,
            bytes(behind)
        ),
    }
    let compared: Vec<&RouteReport> = report.routes.iter().filter(|route| route.skipped.is_none()).collect();
    let rows = compared.iter().map(|route| {
        let numbers =
            [route.given, route.equal, route.missing, route.different, route.left_over, route.not_yet];
        let names =
            [route.dataset.clone(), route.from.clone(), route.customer.clone(), route.mode.to_owned()];
        let state = match (route.open(), route.repaired) {
            (0, 0) => "equal",
            (0, _) => "repaired",
            _ => "differs",
        };
        names.into_iter().chain(numbers.map(|number| number.to_string())).chain([state.to_owned()]).collect()
    });
    let headings = [
        "data set",
        "from",
        "customer",
        "mode",
        "given",
        "equal",
        "missing",
        "different",
        "left over",
        "not yet",
        "state",
    ];
    if !compared.is_empty() {
        say!("{}", table(&headings, rows.collect(), &[4, 5, 6, 7, 8, 9]));
    }
    for route in &report.routes {
        print_route(route);
    }
}

fn print_route(route: &RouteReport) {
    let name = format!("{} from {} at {} (sync {})", route.dataset, route.from, route.customer, route.sync);
    if let Some(reason) = &route.skipped {
        say!("skipped: {name}: {reason}");
    }
    let notes = [
        (route.moving, "changed too often to be compared: ask again"),
        (route.kept, "at the customer without their source row, as the rule lets them stay"),
        (route.not_given, "at the source that the rule does not give"),
        (route.repaired, "repaired"),
        (route.handed_over, "will be repaired when the daemon runs"),
    ];
    let mut notes: Vec<String> = notes
        .iter()
        .filter(|(rows, _)| *rows > 0)
        .map(|(rows, what)| format!("  {rows} {what}"))
        .chain(route.columns.iter().map(|(column, rows)| format!("  {rows} in column {column}")))
        .collect();
    notes.extend(route.differences.iter().map(|row| {
        let columns =
            if row.columns.is_empty() { String::new() } else { format!(": {}", row.columns.join(", ")) };
        format!("      {} {}{columns}", row.what.replace('_', " "), row.key)
    }));
    if !notes.is_empty() {
        say!("{name}");
        for note in notes {
            say!("{note}");
        }
    }
}

//! `acequia ping`: the daemon's health in the form of a monitoring plug-in (Nagios, Icinga, Sensu, Zabbix).
//!
//! One line, then the checks; figures behind a bar; the exit status says it to programs. It reads the state file, asks no
//! database and opens no connection, so that it can be run each minute. Rule files with an error in them do not keep it from
//! saying how the daemon is that runs by those from before.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Args;
use serde_json::json;

use super::console::{Exit, Output, say};
use crate::config::runtime_directory;
use crate::ops::{self, Check, DaemonState, FlowState, Health, Level, Phase, Subject};

pub(super) const AFTER_HELP: &str = "\
It prints one line, the checks below it, and figures behind a bar, and says by its exit status how
the daemon is. It reads the daemon's state file, which only root and the daemon's own user may, and
asks no database.

  acequia ping
  sudo -u acequia acequia ping --flow practice:practice

Exit status: 0 OK, 1 WARNING: somebody should look, 2 CRITICAL: a row written now may not arrive in
time, a snapshot is late, or no daemon runs, 3 UNKNOWN: nobody knows";

/// What is asked.
#[derive(Args)]
pub(super) struct Ping {
    /// Only this flow, and the daemon itself
    #[arg(long, value_name = "SOURCE:TARGET")]
    flow: Option<String>,
    /// For plug-ins or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

/// What came of it.
#[derive(Debug, PartialEq)]
struct Pong {
    exit: Exit,
    /// One line.
    text: String,
    checks: Vec<Check>,
    figures: Vec<Figure>,
}

/// One figure, as plug-ins write it: `'label'=value unit;warn;critical;least`.
#[derive(Debug, PartialEq)]
struct Figure {
    label: String,
    value: String,
    unit: &'static str,
    critical: Option<String>,
}

impl Pong {
    fn unknown(text: String) -> Self {
        Self { exit: Exit::Unknown, text, checks: Vec::new(), figures: Vec::new() }
    }
}

/// Says how the daemon is.
pub(super) fn ping(directory: &Path, asked: &Ping) -> Exit {
    let place = runtime_directory(directory);
    let pong = match ops::read(&place) {
        Ok(Some(state)) => pong(&state, seconds_since(state.written_at), asked.flow.as_deref()),
        Ok(None) => Pong {
            exit: Exit::Critical,
            ..Pong::unknown(format!("no daemon runs here: there is no state file in {}", place.display()))
        },
        Err(error) => Pong::unknown(format!(
            "the state file in {} can't be read ({}): run this as root or as the daemon's user, `sudo -u acequia acequia ping`",
            place.display(),
            error.kind()
        )),
    };
    match asked.output {
        Output::Text => print_text(&pong),
        Output::Json => print_json(&pong),
    }
    pong.exit
}

#[expect(clippy::cast_precision_loss, reason = "an age of seconds")]
fn seconds_since(at: i64) -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
    (now - at as f64).max(0.0)
}

fn pong(state: &DaemonState, seconds_ago: f64, flow: Option<&str>) -> Pong {
    let known = |name: &str| state.flows.iter().any(|state| state.name == name);
    if let Some(name) = flow.filter(|name| !known(name)) {
        let names: Vec<&str> = state.flows.iter().map(|state| state.name.as_str()).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Pong::unknown(format!("the daemon has no flow `{name}`; it has: {names}"));
    }
    let asked = |subject: &Subject| match (flow, subject) {
        (None, _) | (Some(_), Subject::Daemon) => true,
        (Some(name), Subject::Flow(own)) => own == name,
        (Some(_), Subject::Snapshot(_)) => false,
    };
    let mut health = Health::judge(state, seconds_ago);
    health.checks.retain(|check| asked(&check.subject));
    let flows: Vec<&FlowState> =
        state.flows.iter().filter(|state| flow.is_none_or(|name| state.name == name)).collect();
    let exit = match health.level() {
        Level::Ok => Exit::Done,
        Level::Warn => Exit::Warning,
        Level::Fail => Exit::Critical,
    };
    let text = match health.problems().as_slice() {
        [] => all_is_well(&flows, if flow.is_none() { state.snapshots.len() } else { 0 }),
        [worst] => worst.summary(),
        [worst, more @ ..] => format!("{} (and {} more)", worst.summary(), more.len()),
    };
    let figures = flows.iter().flat_map(|flow| figures(flow, state, seconds_ago)).collect();
    Pong { exit, text, checks: health.checks, figures }
}

fn all_is_well(flows: &[&FlowState], snapshots: usize) -> String {
    let count = |phase: Phase| flows.iter().filter(|flow| flow.state == phase).count();
    let number = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let mut parts = vec![format!("{} streaming", number(count(Phase::Streaming), "flow"))];
    if count(Phase::Resting) > 0 {
        parts.push(format!("{} resting", count(Phase::Resting)));
    }
    if snapshots > 0 {
        parts.push(number(snapshots, "snapshot"));
    }
    parts.join(", ")
}

#[expect(clippy::cast_precision_loss, reason = "half of a limit in seconds")]
fn figures(flow: &FlowState, state: &DaemonState, ago: f64) -> Vec<Figure> {
    if flow.state == Phase::Resting {
        return Vec::new();
    }
    // Where health is red, which is half of it.
    let soon = format!("{:.0}", state.limits.max_lag_seconds as f64 / 2.0);
    let figure = |word: &str, value: String, unit, critical| {
        let label = format!("{word} {}", flow.name);
        Figure { label, value, unit, critical }
    };
    let age = |age: f64| format!("{:.1}", if age > 0.0 { age + ago } else { 0.0 });
    let mut figures = vec![figure("lag", age(flow.lag_seconds), "s", Some(soon.clone()))];
    let Some(vital) = &flow.vital else { return figures };
    figures.push(figure("heartbeat", age(vital.heartbeat_age_seconds), "s", Some(soon)));
    if let Some(slot) = &vital.slot {
        let limit = slot.max_retained_wal_bytes.map(|limit| limit.to_string());
        figures.push(figure("wal", slot.retained_wal_bytes.to_string(), "B", limit));
    }
    let parked: u64 = vital.customers.values().flat_map(|customer| customer.parked.values()).sum();
    figures.push(figure("parked", parked.to_string(), "", None));
    figures
}

fn word(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "OK",
        Exit::Warning => "WARNING",
        Exit::Critical => "CRITICAL",
        Exit::Unknown
        | Exit::Failed
        | Exit::Differences
        | Exit::Unavailable
        | Exit::Fault
        | Exit::Busy
        | Exit::Configuration => "UNKNOWN",
    }
}

impl Figure {
    /// Labels are quoted, since the names of flows are the user's.
    fn text(&self) -> String {
        let label = self.label.replace(['\'', '='], "_");
        let critical = self.critical.as_deref().unwrap_or_default();
        format!("'{label}'={}{};;{critical};0", self.value, self.unit)
    }
}

/// A bar begins the figures, and a line is a line.
fn one_line(text: &str) -> String {
    text.replace('|', "/").replace('\n', " ")
}

fn text_of(pong: &Pong) -> String {
    let mut text = format!("ACEQUIA {} - {}", word(pong.exit), one_line(&pong.text));
    let figures: Vec<String> = pong.figures.iter().map(Figure::text).collect();
    if !figures.is_empty() {
        _ = write!(text, " | {}", figures.join(" "));
    }
    for check in &pong.checks {
        _ = write!(text, "\n{}", one_line(&check.line()));
    }
    text
}

fn print_text(pong: &Pong) {
    say!("{}", text_of(pong));
}

fn print_json(pong: &Pong) {
    let figures = pong.figures.iter().map(|figure| {
        json!({ "label": figure.label, "value": figure.value.parse::<f64>().ok(), "unit": figure.unit,
                "critical": figure.critical.as_deref().and_then(|limit| limit.parse::<f64>().ok()) })
    });
    say!(
        "{}",
        json!({ "status": word(pong.exit), "text": pong.text, "checks": pong.checks, "figures": figures.collect::<Vec<_>>() })
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(phase: Phase) -> DaemonState {
        let reason = (phase == Phase::Halted).then(|| "a key | is\nmissing".to_owned());
        DaemonState::made_up(vec![FlowState { reason, ..FlowState::made_up("a:b", phase) }])
    }

    #[test]
    fn a_resting_flow_is_well_and_refused_rules_are_a_warning() {
        let mut state = state(Phase::Resting);
        assert_eq!(
            text_of(&pong(&state, 0.0, None)).lines().next(),
            Some("ACEQUIA OK - 0 flows streaming, 1 resting")
        );
        state.refused_sha256 = Some(String::new());
        let answer = pong(&state, 0.0, Some("a:b"));
        assert_eq!(answer.exit, Exit::Warning);
        assert!(text_of(&answer).starts_with("ACEQUIA WARNING - daemon rules: "), "{answer:?}");
    }

    #[test]
    fn a_halted_flow_is_critical_and_its_reason_stays_on_its_line() {
        let answer = pong(&state(Phase::Halted), 0.0, None);
        let text = text_of(&answer);
        let first = text.lines().next().unwrap_or_default();
        assert!(
            first.starts_with("ACEQUIA CRITICAL - flow a:b state: halted: a key / is missing (and "),
            "{text}"
        );
        assert!(first.ends_with(" | 'lag a:b'=0.0s;;30;0"), "{text}");
        assert!(text.contains("\n[-]flow a:b state fail: halted"), "{text}");
    }

    #[test]
    fn a_state_that_is_old_is_critical_and_a_flow_that_is_not_there_unknown() {
        assert_eq!(pong(&state(Phase::Resting), 60.0, None).exit, Exit::Critical);
        let answer = pong(&state(Phase::Resting), 0.0, Some("a:c"));
        assert_eq!(
            (answer.exit, answer.text.as_str()),
            (Exit::Unknown, "the daemon has no flow `a:c`; it has: a:b")
        );
    }
}

//! The metrics: what is told is in the table, is clean, and `doc/metrics.md` is the table.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use acequia::ops::METRICS;

use super::http::metrics_of;
use super::made_up::{unwell, well};
use super::promtool::promtool;

const HEAD: &str = "\
# Metrics

What `/metrics` tells at the address that `[daemon] listen` names. This page is made from the table in `src/ops/metric.rs`.

Units are seconds and bytes. An age is as of the moment at which it is asked for. There are as many series as flows, customers
and snapshots, times a small number: labels hold names of the rule files and words of the program, and no value of a row. A
thousand customers are some ten thousand series. `acequia_health` has one series for each check of each flow; the checks are
those of `/readyz?verbose`. Counters begin anew with the process, but for `acequia_rows_written_total`, which is kept in the target.

| metric | kind | labels | what it says |
|---|---|---|---|
";

#[test]
fn the_page_of_the_metrics_is_the_table() {
    let mut page = HEAD.to_owned();
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, help) = (metric.name, metric.kind.as_str(), metric.help);
        _ = writeln!(page, "| `{name}` | {kind} | {} | {help} |", labels.join(", "));
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("doc/metrics.md");
    if std::env::var_os("ACEQUIA_WRITE_EXPECTED").is_some() {
        std::fs::write(&path, &page).expect("doc/ can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "doc/metrics.md is not what src/ops/metric.rs says; ACEQUIA_WRITE_EXPECTED=1 writes it anew"
    );
}

/// The names of all that has a sample.
fn names(text: &str) -> BTreeSet<&str> {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    samples.filter_map(|line| line.split(['{', ' ']).next()).collect()
}

#[test]
fn every_metric_of_the_table_is_told_and_no_other() {
    let mut state = well();
    state.flows[0].verified = Some(acequia::ops::Verified { at: 1_700_000_050, differences: 2 });
    if let Some(customer) =
        state.flows[0].vital.as_mut().and_then(|vital| vital.customers.values_mut().next())
    {
        customer.oldest_held_seconds = Some(2.0);
    }
    let text = metrics_of(state);
    let table: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names(&text), table, "{text}");
}

#[test]
fn values_and_labels_are_what_was_told() {
    let text = metrics_of(unwell());
    for line in [
        "acequia_ready 0",
        "acequia_health{check=\"heartbeat\",subject=\"flow practice:practice\"} 2",
        "acequia_health{check=\"rules\",subject=\"daemon\"} 1",
        "acequia_config_last_reload_successful 0",
        "acequia_flow_state{flow=\"practice:practice\",state=\"streaming\"} 1",
        "acequia_flow_state{flow=\"practice:practice\",state=\"halted\"} 0",
        "acequia_changes_total{flow=\"practice:practice\"} 345",
        "acequia_retained_wal_bytes{flow=\"practice:practice\",slot=\"acequia_practice\"} 4096",
        "acequia_rows_written_total{flow=\"practice:practice\",customer=\"north \\\"n\\\" \\\\ Näme\",operation=\"created\"} 99",
        "acequia_parked_rows{flow=\"practice:practice\",customer=\"north \\\"n\\\" \\\\ Näme\",reason=\"missing parent\"} 3",
        "acequia_holds{flow=\"practice:practice\",customer=\"south\",reason=\"scheduled\"} 1",
        "acequia_snapshot_late{snapshot=\"night\"} 1",
        "# TYPE acequia_transactions_total counter",
    ] {
        assert!(text.lines().any(|told| told == line), "{line}\n{text}");
    }
    // Of the state's age, something has gone by.
    let age = text
        .lines()
        .find_map(|line| line.strip_prefix("acequia_heartbeat_age_seconds{flow=\"practice:practice\"} "));
    let age: f64 = age.and_then(|age| age.parse().ok()).expect("a heartbeat's age");
    assert!((50.0..80.0).contains(&age), "{age}");
}

#[test]
fn prometheus_finds_nothing_wrong_with_what_is_told() {
    for state in [well(), unwell()] {
        promtool(&["check", "metrics"], &metrics_of(state));
    }
}

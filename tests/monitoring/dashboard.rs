//! Grafana's dashboard: every metric in it is told, every expression is one, and what is told is shown somewhere.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use acequia::ops::METRICS;
use serde_json::Value;

use super::promtool::promtool;
use super::rules::read;

const DASHBOARD: &str = "config/grafana/acequia.json";
const RULES: &str = "config/prometheus/acequia.rules.yml";

/// Told for those who ask by hand, or build something else on it.
const NOT_SHOWN: [&str; 2] = ["acequia_flow_state_since_timestamp_seconds", "acequia_snapshot_state"];

/// All values of `key`, however deep.
fn texts<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    if let Some(object) = value.as_object() {
        found.extend(object.get(key).and_then(Value::as_str));
        object.values().for_each(|value| texts(value, key, found));
    }
    for value in value.as_array().into_iter().flatten() {
        texts(value, key, found);
    }
}

/// The metrics that an expression names.
fn names(expression: &str) -> BTreeSet<&str> {
    let words = expression.split(|sign: char| !(sign.is_ascii_alphanumeric() || sign == '_'));
    words.filter(|word| word.starts_with("acequia_") || word.starts_with("process_")).collect()
}

fn expressions(dashboard: &Value) -> Vec<&str> {
    let mut found = Vec::new();
    texts(dashboard, "expr", &mut found);
    found
}

#[test]
fn every_metric_of_dashboard_and_rules_is_told_and_every_one_that_is_told_is_used() {
    let (text, rules) = (read(DASHBOARD), read(RULES));
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let told: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    let mut used = names(&rules);
    for expression in expressions(&dashboard) {
        let own = names(expression);
        assert!(!own.is_empty(), "no metric in `{expression}`");
        used.extend(own);
    }
    let strange: Vec<_> = used.difference(&told).collect();
    assert!(strange.is_empty(), "in {DASHBOARD} or {RULES}, and not told: {strange:?}");
    let idle: BTreeSet<&str> = told.difference(&used).copied().collect();
    assert_eq!(idle, NOT_SHOWN.into_iter().collect(), "told, and in no panel and no alert");
}

#[test]
fn every_expression_of_the_dashboard_is_one() {
    let text = read(DASHBOARD);
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let mut rules = "groups:\n- name: dashboard\n  rules:\n".to_owned();
    for (number, expression) in expressions(&dashboard).into_iter().enumerate() {
        let expression = expression.replace("$__rate_interval", "5m");
        _ = write!(rules, "  - record: expression{number}\n    expr: |\n      {expression}\n");
    }
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), rules).expect("it is written");
    let path = file.path().to_str().expect("a path in UTF-8");
    promtool(&["check", "rules", path], "");
}

#[test]
fn panels_have_numbers_of_their_own_lie_beside_each_other_and_follow_the_variables() {
    let text = read(DASHBOARD);
    let dashboard: Value = serde_json::from_str(&text).expect("JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let numbers: BTreeSet<u64> = panels.iter().filter_map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(numbers.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let of = |key: &str| panel["gridPos"][key].as_u64().expect(key);
        assert!(of("x") + of("w") <= 24, "{} is wider than the page", panel["title"]);
        for (column, line) in
            (of("x")..of("x") + of("w")).flat_map(|x| (of("y")..of("y") + of("h")).map(move |y| (x, y)))
        {
            assert!(taken.insert((column, line)), "{} lies on another panel", panel["title"]);
        }
    }
    for expression in expressions(&dashboard) {
        assert!(expression.contains("job=\"$job\", instance=~\"$instance\""), "{expression}");
    }
    let mut sources = Vec::new();
    texts(&dashboard, "uid", &mut sources);
    sources.retain(|source| *source != "acequia");
    assert!(sources.iter().all(|source| *source == "${datasource}"), "{sources:?}");
}

//! The alert rules: Prometheus takes them, each fires when it should, and no check is without one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use acequia::ops::{Check, DaemonState, Health, Level, Subject};

use super::made_up::{every_trouble, well};
use super::promtool::promtool;

const RULES: &str = "config/prometheus/acequia.rules.yml";
const TESTS: &str = "config/prometheus/acequia.rules.test.yml";

/// What stands for the check of a flow's state: one alert for each way of not streaming.
const OF_STATES: &str = "acequia_flow_state{state=";

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

/// The values of lines like `- alert: NAME`.
fn values<'a>(text: &'a str, key: &str) -> Vec<&'a str> {
    let lines = text.lines().map(|line| line.trim_start().trim_start_matches("- "));
    lines.filter_map(|line| line.strip_prefix(key)?.strip_prefix(": ")).collect()
}

#[test]
fn prometheus_takes_the_rules_and_each_alert_fires_when_it_should_and_not_before() {
    promtool(&["check", "rules", RULES], "");
    promtool(&["test", "rules", TESTS], "");
}

#[test]
fn every_alert_is_tried_has_a_severity_and_says_what_to_read() {
    let (rules, tests) = (read(RULES), read(TESTS));
    let alerts = values(&rules, "alert");
    assert!(alerts.len() > 20, "{alerts:?}");
    for alert in &alerts {
        assert!(tests.contains(&format!("{{alertname=\"{alert}\"}}")), "{alert} is in no test of {TESTS}");
    }
    let wanted: Vec<String> =
        alerts.iter().map(|alert| format!("doc/runbook.md#{}", alert.to_lowercase())).collect();
    assert_eq!(values(&rules, "runbook"), wanted);
    let severities: BTreeSet<&str> = values(&rules, "severity").into_iter().collect();
    assert_eq!(severities.into_iter().collect::<Vec<_>>(), ["critical", "warning"]);
    for key in ["severity", "summary", "description"] {
        assert_eq!(values(&rules, key).len(), alerts.len(), "{key}");
    }
}

/// The checks of a state that are not as they should be, with their levels as the metric tells them.
fn levels(state: &DaemonState, seconds_ago: f64) -> Vec<(&'static str, u64)> {
    let told = |check: &Check| match check.level {
        Level::Ok => None,
        Level::Warn => Some((check.name, 1)),
        Level::Fail => Some((check.name, 2)),
    };
    Health::judge(state, seconds_ago).checks.iter().filter_map(told).collect()
}

/// The levels that each check comes to in the made-up states.
fn reached() -> BTreeMap<&'static str, BTreeSet<u64>> {
    let mut reached: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    let old = levels(&well(), 3600.0);
    for (name, level) in every_trouble().iter().flat_map(|state| levels(state, 0.0)).chain(old) {
        reached.entry(name).or_default().insert(level);
    }
    reached
}

/// The levels of a check at which some alert fires.
fn alerted(rules: &str, check: &str) -> BTreeSet<u64> {
    let begins = format!("acequia_health{{check=\"{check}\"}} ");
    let conditions = values(rules, "expr").into_iter().filter_map(|expr| expr.strip_prefix(begins.as_str()));
    let levels = conditions.flat_map(|condition| match condition {
        "== 1" => vec![1],
        "== 2" => vec![2],
        ">= 1" => vec![1, 2],
        other => panic!("a condition that this test does not know: {check} {other}"),
    });
    levels.collect()
}

#[test]
fn every_level_of_every_check_has_an_alert_and_every_alert_a_level_that_its_check_comes_to() {
    let rules = read(RULES);
    let reached = reached();
    for check in Health::judge(&well(), 0.0).checks {
        let levels =
            reached.get(check.name).unwrap_or_else(|| panic!("no state makes `{}` fail", check.name));
        if check.name == "state" && matches!(check.subject, Subject::Flow(_)) {
            assert!(rules.contains(OF_STATES), "{RULES}");
            continue;
        }
        let alerted = alerted(&rules, check.name);
        let untold: Vec<_> = levels.difference(&alerted).collect();
        assert!(untold.is_empty(), "nobody is told of `{}` at the level {untold:?}: {RULES}", check.name);
        let expr = format!("acequia_health{{check=\"{}\"}} ", check.name);
        for one in values(&rules, "expr").into_iter().filter(|one| one.starts_with(&expr)) {
            let fires =
                levels.iter().any(|level| one.ends_with(&format!("== {level}")) || one.ends_with(">= 1"));
            assert!(fires, "`{one}` never fires: `{}` comes to {levels:?} only", check.name);
        }
    }
}

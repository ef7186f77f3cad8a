//! The alert rules: Prometheus takes them, each fires when it should, and no check is without one.

use std::collections::BTreeSet;
use std::path::Path;

use acequia::ops::{Health, Subject};

use super::made_up::well;
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

#[test]
fn no_check_of_the_health_is_without_an_alert() {
    let rules = read(RULES);
    for check in Health::judge(&well(), 0.0).checks {
        let by_name = rules.contains(&format!("acequia_health{{check=\"{}\"}}", check.name));
        let by_state =
            check.name == "state" && matches!(check.subject, Subject::Flow(_)) && rules.contains(OF_STATES);
        assert!(by_name || by_state, "nobody is told when the check `{}` fails: {RULES}", check.name);
    }
}

//! What is wrong with several groups taken together: two that write one row, circles, and a cascade that nothing feeds.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::circle::{Step, find_circles};
use crate::config::finding::Findings;
use crate::config::mask::quote;
use crate::config::merge::{is_enabled, merge, overshadowed};
use crate::config::model::Sync;
use crate::config::resolve::Resolved;
use crate::config::spot::Spot;
use crate::config::words::{Mode, Rule};
use crate::name::{CustomerName, DatasetName};

/// One data set on its way to one customer.
struct Route<'a> {
    /// The group's number.
    number: usize,
    sync: &'a Sync,
    to: &'a CustomerName,
    /// The customer in the group's `to`.
    to_spot: Spot,
    dataset: &'a DatasetName,
    rule: Rule,
}

/// Two routes that get in each other's way.
type Clash<'a> = (&'a Route<'a>, &'a Route<'a>);

/// Records what is wrong.
pub(super) fn check(config: &Resolved, findings: &mut Findings) {
    let mut routes = enabled_routes(config);
    check_writers(&routes, findings);
    routes.retain(|route| {
        overshadowed(&config.syncs, &config.defaults, route.sync, route.to, route.dataset).is_none()
    });
    report_circles(&routes, findings);
    check_cascades(&routes, findings);
}

/// Every route that is enabled, also one that another group goes before.
fn enabled_routes(config: &Resolved) -> Vec<Route<'_>> {
    let mut routes = Vec::new();
    for (number, sync) in config.syncs.iter().enumerate() {
        for (to, to_spot) in sync.to.iter().zip(&sync.to_spots) {
            for dataset in sync.data.iter().filter(|dataset| is_enabled(&config.defaults, sync, to, dataset))
            {
                let rule = merge(&config.defaults, sync, to, dataset);
                routes.push(Route { number, sync, to, to_spot: *to_spot, dataset, rule });
            }
        }
    }
    routes
}

/// Two groups must not write the same data set of the same customer with the same priority: the later change would win
/// by chance.
fn check_writers(routes: &[Route<'_>], findings: &mut Findings) {
    let mut places: BTreeMap<(&CustomerName, &DatasetName), Vec<&Route<'_>>> = BTreeMap::new();
    for route in routes {
        places.entry((route.to, route.dataset)).or_default().push(route);
    }
    let mut clashes: BTreeMap<(usize, usize, Spot), Vec<Clash<'_>>> = BTreeMap::new();
    for rivals in places.values() {
        for (index, second) in rivals.iter().enumerate() {
            for first in rivals[..index].iter().filter(|first| clash(first, second)) {
                let key = (first.number, second.number, second.to_spot);
                clashes.entry(key).or_default().push((first, second));
            }
        }
    }
    for clash in clashes.values() {
        report_clash(clash, findings);
    }
}

/// Whether two routes to one data set of one customer get in each other's way. One that only links writes nothing, but of
/// one source there is one link.
fn clash(first: &Route<'_>, second: &Route<'_>) -> bool {
    let links = first.rule.mode == Mode::LinkOnly || second.rule.mode == Mode::LinkOnly;
    first.rule.priority == second.rule.priority && (first.sync.from == second.sync.from || !links)
}

/// Records what two groups both write by one word of `to`.
fn report_clash(clash: &[Clash<'_>], findings: &mut Findings) {
    let Some((first, second)) = clash.first() else {
        return;
    };
    let datasets: BTreeSet<_> = clash.iter().map(|(_, second)| second.dataset).collect();
    let customers: BTreeSet<_> = clash.iter().map(|(_, second)| second.to).collect();
    let message = format!(
        "groups {} and {} both write data set {}{} of customer {}{} with priority {}",
        quote(first.sync.name.as_str()),
        quote(second.sync.name.as_str()),
        quote(second.dataset.as_str()),
        and_more(datasets.len()),
        quote(second.to.as_str()),
        and_more(customers.len()),
        second.rule.priority
    );
    let help = "give one of the two a higher `priority`, or take the data set or the customer out of it";
    let finding = findings.error(second.to_spot, message, help);
    finding.relate(first.to_spot, format!("{} writes it here", quote(first.sync.name.as_str())));
    for route in [first, second] {
        if let Some(spot) = route.rule.spots.get("priority") {
            finding.relate(*spot, format!("the priority of {}", quote(route.sync.name.as_str())));
        }
    }
}

/// How many there are besides the one that is named.
fn and_more(count: usize) -> String {
    match count.saturating_sub(1) {
        0 => String::new(),
        others => format!(" and {others} more"),
    }
}

/// Rows go on from a customer only if some arrive there.
fn check_cascades(routes: &[Route<'_>], findings: &mut Findings) {
    let arrives: BTreeSet<_> = routes
        .iter()
        .filter(|route| route.rule.mode != Mode::LinkOnly)
        .map(|route| (route.to, route.dataset))
        .collect();
    let mut fed: BTreeMap<Spot, (bool, &CustomerName)> = BTreeMap::new();
    for route in routes.iter().filter(|route| route.rule.cascade) {
        let Some(spot) = route.rule.spots.get("cascade") else { continue };
        let arrives = arrives.contains(&(&route.sync.from, route.dataset));
        fed.entry(*spot).or_insert((false, &route.sync.from)).0 |= arrives;
    }
    for (spot, (_, from)) in fed.into_iter().filter(|(_, (fed, _))| !fed) {
        let message = format!(
            "`cascade` does nothing: customer {} receives none of these data sets",
            quote(from.as_str())
        );
        findings.warning(spot, message, "remove it, or synchronize them to that customer too");
    }
}

/// Records data sets that come back to the customer that they came from.
fn report_circles(routes: &[Route<'_>], findings: &mut Findings) {
    let mut steps: BTreeMap<&DatasetName, Vec<Step<'_>>> = BTreeMap::new();
    for route in routes.iter().filter(|route| route.rule.mode != Mode::LinkOnly) {
        let step = Step { from: &route.sync.from, to: route.to, spot: route.to_spot };
        steps.entry(route.dataset).or_default().push(step);
    }
    for circle in find_circles(steps) {
        let Some((last, earlier)) = circle.steps.split_last() else {
            continue;
        };
        let names: Vec<&str> = circle.steps.iter().map(|step| step.from.as_str()).collect();
        let others = match circle.datasets.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        let message = format!(
            "data set {}{others} goes in a circle: {} → {}",
            quote(circle.datasets[0].as_str()),
            names.join(" → "),
            last.to.as_str()
        );
        let help =
            "take the data set out of one of these groups: a change would come back to where it was made";
        let finding = findings.error(last.spot, message, help);
        for step in earlier {
            finding.relate(
                step.spot,
                format!("from {} to {}", quote(step.from.as_str()), quote(step.to.as_str())),
            );
        }
    }
}

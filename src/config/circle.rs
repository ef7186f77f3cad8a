//! Finds circles: a data set that goes from customer to customer until it is back where it came from.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::spot::Spot;
use crate::name::{CustomerName, DatasetName};

/// One customer gives to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Step<'a> {
    pub(super) from: &'a CustomerName,
    pub(super) to: &'a CustomerName,
    /// The entry in the group's `to`.
    pub(super) spot: Spot,
}

/// A way that ends where it began.
#[derive(Debug)]
pub(super) struct Circle<'a> {
    /// At least two; each begins where the one before ends, and the last in the order of the files stands last.
    pub(super) steps: Vec<Step<'a>>,
    /// The data sets that go this way; at least one.
    pub(super) datasets: Vec<&'a DatasetName>,
}

/// Finds circles until every step that is part of one is part of one that was found. Data sets that go the same circle
/// are told together.
pub(super) fn find_circles<'a>(steps: BTreeMap<&'a DatasetName, Vec<Step<'a>>>) -> Vec<Circle<'a>> {
    let mut circles: BTreeMap<Vec<Step<'a>>, Vec<&'a DatasetName>> = BTreeMap::new();
    for (dataset, steps) in steps {
        let mut by_origin: BTreeMap<&CustomerName, Vec<Step<'a>>> = BTreeMap::new();
        for step in &steps {
            by_origin.entry(step.from).or_default().push(*step);
        }
        let mut covered: BTreeSet<Step<'a>> = BTreeSet::new();
        for step in &steps {
            if covered.contains(step) {
                continue;
            }
            if let Some(mut circle) = way_back(*step, &by_origin) {
                covered.extend(circle.iter().copied());
                let last = circle.iter().enumerate().max_by_key(|(_, step)| step.spot);
                let behind_last = last.map_or(0, |(index, _)| index + 1);
                circle.rotate_left(behind_last);
                circles.entry(circle).or_default().push(dataset);
            }
        }
    }
    circles.into_iter().map(|(steps, datasets)| Circle { steps, datasets }).collect()
}

/// The shortest circle that begins with a step: breadth first from where it leads to where it comes from.
fn way_back<'a>(
    first: Step<'a>,
    by_origin: &BTreeMap<&'a CustomerName, Vec<Step<'a>>>,
) -> Option<Vec<Step<'a>>> {
    let mut arrivals: BTreeMap<&CustomerName, Step<'a>> = BTreeMap::from([(first.to, first)]);
    let mut waiting = VecDeque::from([first.to]);
    while let Some(customer) = waiting.pop_front() {
        for step in by_origin.get(customer).into_iter().flatten() {
            if step.to == first.from {
                return Some(retrace(first, *step, &arrivals));
            }
            if !arrivals.contains_key(step.to) {
                arrivals.insert(step.to, *step);
                waiting.push_back(step.to);
            }
        }
    }
    None
}

/// Follows the arrivals from the last step back to the first one.
fn retrace<'a>(
    first: Step<'a>,
    last: Step<'a>,
    arrivals: &BTreeMap<&CustomerName, Step<'a>>,
) -> Vec<Step<'a>> {
    let mut way = vec![last];
    let mut at = last;
    while at != first {
        let Some(before) = arrivals.get(at.from) else {
            break;
        };
        at = *before;
        way.push(at);
    }
    way.reverse();
    way
}

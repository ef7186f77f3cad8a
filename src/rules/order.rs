//! Parents before children.

use std::collections::{BTreeMap, BTreeSet};

/// Sorts `nodes` so that everything in `parents[n]` comes before `n`, otherwise keeping their order.
///
/// In a circle somebody must come first: the one that stands first in `nodes`. Its rows that refer forwards wait,
/// parked, until the others have arrived.
pub fn parents_first<N: Ord + Clone>(nodes: &[N], parents: &BTreeMap<N, BTreeSet<N>>) -> Vec<N> {
    let mut placed: BTreeSet<N> = BTreeSet::new();
    let mut rest: Vec<N> = nodes.to_vec();
    let mut sorted = Vec::with_capacity(nodes.len());
    while !rest.is_empty() {
        let free = |node: &N| {
            parents.get(node).is_none_or(|own| {
                own.iter().all(|parent| parent == node || placed.contains(parent) || !rest.contains(parent))
            })
        };
        let next = rest.iter().position(free).unwrap_or(0);
        let node = rest.remove(next);
        placed.insert(node.clone());
        sorted.push(node);
    }
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(nodes: &[&'static str], edges: &[(&'static str, &'static str)]) -> Vec<&'static str> {
        let mut parents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (child, parent) in edges {
            parents.entry(child).or_default().insert(parent);
        }
        parents_first(nodes, &parents)
    }

    #[test]
    fn a_parent_comes_first_through_any_depth() {
        let edges = [("line", "schedule"), ("line", "code"), ("code", "revenue")];
        assert_eq!(
            sort(&["line", "code", "schedule", "revenue"], &edges),
            ["schedule", "revenue", "code", "line"]
        );
    }

    #[test]
    fn a_circle_is_cut_at_the_first_and_a_self_reference_is_none() {
        assert_eq!(sort(&["a", "b", "c"], &[("a", "b"), ("b", "a"), ("c", "c")]), ["c", "a", "b"]);
    }

    #[test]
    fn a_parent_that_is_not_synchronized_holds_up_nobody() {
        assert_eq!(sort(&["line"], &[("line", "elsewhere")]), ["line"]);
    }
}

//! Rows that refer to each other in a circle, or to themselves: none of them can come first.
//!
//! Their numbers are drawn and linked before a row is there. Links whose parents are still missing are taken back until
//! nothing moves any more; what is left is created in one statement, at whose end the server looks at the foreign keys.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Missing;

use super::fragments::{PICK, joined, numbered, prefixed};
use super::shape::{ParentJoin, Shape};

/// One route's part of a circle.
#[derive(Debug)]
pub struct Circle {
    /// Draws the numbers of all rows that could be created, and links them. Answers how many.
    pub draw: String,
    /// Takes the links back of which a row of the circle is missing. Repeated until none is left. Answers how many.
    pub take_back: String,
    /// The rows to create, and their creation: two parts of a WITH, with the route's number in their names.
    create: (String, String),
    number: usize,
}

impl Circle {
    /// Creates every linked row that is not there, of all these routes in one statement. Answers (expected, written) for
    /// each of them.
    pub fn insert<'c>(routes: impl IntoIterator<Item = &'c Self>) -> String {
        let (mut parts, mut counts) = (Vec::new(), Vec::new());
        for circle in routes {
            let number = circle.number;
            parts.extend([circle.create.0.clone(), circle.create.1.clone()]);
            counts.push(format!("(SELECT count(*) FROM todo{number}), (SELECT count(*) FROM ins{number})"));
        }
        format!("WITH {} SELECT {}", parts.join(", "), counts.join(", "))
    }
}

/// `None` where no parent is of the circle, or where the customer's key is not a number that it draws itself: such rows
/// are created like all others.
pub(super) fn circle(shape: &Shape, number: usize) -> Option<Circle> {
    let table = shape.crosswalk.as_ref()?;
    let within = |parent: &&ParentJoin| parent.in_circle && parent.missing == Missing::Park;
    let within: Vec<&ParentJoin> = shape.parents.iter().filter(within).collect();
    if within.is_empty() || shape.primary_key.iter().any(|column| column.written) {
        return None;
    }
    let columns = shape.crosswalk_columns().join(", ");
    let keys = shape.primary_key.iter().map(|column| column.value.clone());
    let values: Vec<String> =
        shape.identity_values().into_iter().chain(shape.reference_values()).chain(keys).collect();
    let fresh = format!(
        "{PICK} AND {} AND s.\"acequia:u\" = 0 AND {} AND {} AND NOT EXISTS (SELECT FROM {table} x WHERE {}) \
         AND NOT EXISTS (SELECT FROM {} t WHERE {})",
        shape.given(),
        shape.key_is_known(),
        shape.resolved_outside_circle(),
        shape.link_of_row(),
        shape.target,
        shape.key_match("t"),
    );
    let missing = within.iter().map(|parent| format!("NOT {}", parent.resolved));
    let lacks_row = format!("NOT EXISTS (SELECT FROM {} t WHERE {})", shape.target, shape.row_of_link("x"));
    Some(Circle {
        draw: format!(
            "INSERT INTO {table} ({columns}, created) SELECT {}, true FROM {} s{} WHERE {fresh} ON CONFLICT DO NOTHING",
            values.join(", "),
            shape.stage,
            shape.parent_joins(),
        ),
        take_back: format!(
            "DELETE FROM {table} x WHERE x.ctid IN (SELECT x.ctid FROM {} s JOIN {table} x ON {}{} \
             WHERE {PICK} AND {} AND {lacks_row} AND ({}))",
            shape.stage,
            shape.link_of_row(),
            shape.parent_joins(),
            shape.given(),
            joined(missing, " OR "),
        ),
        create: create_linked(shape, table, &lacks_row, number),
        number,
    })
}

/// Creates the rows whose links are there already.
fn create_linked(shape: &Shape, table: &str, lacks_row: &str, number: usize) -> (String, String) {
    let keys = numbered('t', shape.primary_key.len());
    let names = shape.primary_key_names().into_iter();
    let names = joined(names.chain(shape.columns.iter().map(|column| column.name.clone())), ", ");
    let outputs =
        prefixed("x", &keys).into_iter().zip(&keys).map(|(value, name)| format!("{value} AS {name}"));
    let values =
        shape.columns.iter().enumerate().map(|(i, column)| format!("{} AS v{}", column.value, i + 1));
    let outputs = joined(outputs.chain(values), ", ");
    let all = joined(keys.iter().cloned().chain(numbered('v', shape.columns.len())), ", ");
    let todo = format!(
        "todo{number} AS MATERIALIZED (SELECT {outputs} FROM {} s JOIN {table} x ON {}{} WHERE {PICK} AND {} AND {lacks_row})",
        shape.stage,
        shape.link_of_row(),
        shape.parent_joins(),
        shape.given(),
    );
    let ins = format!(
        "ins{number} AS (INSERT INTO {} ({names}) OVERRIDING SYSTEM VALUE SELECT {all} FROM todo{number} RETURNING 1)",
        shape.target,
    );
    (todo, ins)
}

/// For each node that lies in a circle, all nodes of its circle; a node that is its own parent is a circle too.
pub(super) fn circles<N: Ord + Clone>(parents: &BTreeMap<N, BTreeSet<N>>) -> BTreeMap<N, BTreeSet<N>> {
    let reached = |from: &N| {
        let mut seen: BTreeSet<N> = BTreeSet::new();
        let mut next: Vec<N> = parents.get(from).into_iter().flatten().cloned().collect();
        while let Some(node) = next.pop() {
            if seen.insert(node.clone()) {
                next.extend(parents.get(&node).into_iter().flatten().cloned());
            }
        }
        seen
    };
    let reach: BTreeMap<N, BTreeSet<N>> = parents.keys().map(|node| (node.clone(), reached(node))).collect();
    let back = |node: &N, other: &N| reach.get(other).is_some_and(|seen| seen.contains(node));
    reach
        .iter()
        .map(|(node, seen)| (node.clone(), seen.iter().filter(|other| back(node, other)).cloned().collect()))
        .filter(|(_, circle): &(N, BTreeSet<N>)| !circle.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_found_through_any_number_of_nodes_and_what_hangs_on_it_is_not_in_it() {
        let edges = [("a", "b"), ("b", "c"), ("c", "a"), ("d", "a"), ("e", "e"), ("c", "f")];
        let mut parents: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (child, parent) in edges {
            parents.entry(child).or_default().insert(parent);
        }
        let found = circles(&parents);
        let abc = BTreeSet::from(["a", "b", "c"]);
        let expected = [("a", abc.clone()), ("b", abc.clone()), ("c", abc), ("e", BTreeSet::from(["e"]))];
        assert_eq!(found, BTreeMap::from(expected));
    }
}

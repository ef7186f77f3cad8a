//! Counting what to tell: for each source transaction, how many rows of which data set.
//!
//! Counted as the changes come, before they are folded, and by what the source did: whether `where` lets a row pass,
//! and whether a customer had it already, is known only in the customer's database.

use std::collections::BTreeMap;

use crate::config::Mode;
use crate::notify::{Event, Operation};
use crate::row::{Cell, Change, CommitPoint, Tuple};
use crate::rules::{BrokenRoute, Plan, Route, SourceTable};

use super::projection::Projection;

/// A batch of more transactions than this is told as if it were one: nobody listens to that many events.
const FOLDED_TRANSACTIONS: usize = 20;
/// So many natural keys are told of one data set and operation …
const KEYS: usize = 5;
/// … each no longer than this: a cut value would be another one.
const KEY_BYTES: usize = 200;

/// What a batch has to tell.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// Whole transactions.
    told: Vec<Told>,
    /// The transaction at hand.
    open: Vec<Counted>,
    /// There were too many: `told` is one entry.
    folded: bool,
}

/// One source transaction, or several folded into one.
#[derive(Debug)]
struct Told {
    /// The last of them.
    point: CommitPoint,
    transactions: u64,
    counted: Vec<Counted>,
}

/// Rows of one table, one operation.
#[derive(Debug)]
struct Counted {
    /// Position in the plan's sources.
    source: usize,
    operation: Operation,
    /// A flow of ours wrote them.
    own: bool,
    rows: u64,
    keys: Vec<Vec<Option<String>>>,
}

impl Notices {
    /// Counts a change of a table.
    pub(super) fn count(
        &mut self,
        (source, table): (usize, &SourceTable),
        projection: &Projection,
        change: &Change,
        own: bool,
    ) {
        let (operation, rows, key) = match change {
            Change::Insert { new, .. } => (Operation::Insert, 1, Some((new, false))),
            Change::Update { new, .. } => (Operation::Update, 1, Some((new, false))),
            Change::Delete { old, .. } => (Operation::Delete, 1, Some((old, true))),
            Change::Truncate { .. } => (Operation::Truncate, 0, None),
        };
        let counted = entry(&mut self.open, source, operation, own);
        counted.rows += rows;
        if !table.protected && counted.keys.len() < KEYS {
            let key = key.and_then(|(tuple, is_old)| natural_key(projection, tuple, is_old));
            // A row that is changed again in the same breath is told once.
            counted.keys.extend(key.filter(|key| !counted.keys.contains(key)));
        }
    }

    /// The transaction at hand is whole.
    pub(super) fn commit(&mut self, point: CommitPoint) {
        let counted = std::mem::take(&mut self.open);
        if counted.is_empty() {
            return;
        }
        self.told.push(Told { point, transactions: 1, counted });
        self.folded |= self.told.len() > FOLDED_TRANSACTIONS;
        if self.folded {
            self.fold();
        }
    }

    /// What goes on in the next batch: a transaction that comes in pieces is told at its end.
    pub(super) fn follow(&mut self) -> Self {
        Self { open: std::mem::take(&mut self.open), ..Self::default() }
    }

    fn fold(&mut self) {
        let mut rest = std::mem::take(&mut self.told).into_iter();
        let Some(mut first) = rest.next() else { return };
        for next in rest {
            first.point = next.point;
            first.transactions += next.transactions;
            for counted in next.counted {
                let known = entry(&mut first.counted, counted.source, counted.operation, counted.own);
                known.rows += counted.rows;
                let room = KEYS.saturating_sub(known.keys.len());
                known.keys.extend(counted.keys.into_iter().take(room));
            }
        }
        self.told.push(first);
    }

    /// The events, in the order of the transactions. `is_held` says of a route of the plan that its customer gets it later.
    pub(super) fn events(&self, plan: &Plan, is_held: impl Fn(usize) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        for told in &self.told {
            for counted in &told.counted {
                events.extend(of_groups(plan, told, counted, &is_held));
            }
        }
        events
    }
}

fn entry(counted: &mut Vec<Counted>, source: usize, operation: Operation, own: bool) -> &mut Counted {
    let is_same =
        |known: &Counted| known.source == source && known.operation == operation && known.own == own;
    let place = counted.iter().position(is_same).unwrap_or_else(|| {
        counted.push(Counted { source, operation, own, rows: 0, keys: Vec::new() });
        counted.len() - 1
    });
    &mut counted[place]
}

/// One event for each group that carries the rows.
fn of_groups(plan: &Plan, told: &Told, counted: &Counted, is_held: impl Fn(usize) -> bool) -> Vec<Event> {
    let source = &plan.sources[counted.source];
    let mut groups: BTreeMap<&str, (usize, Vec<String>)> = BTreeMap::new();
    for &route in &source.routes {
        let number = route;
        let route = &plan.routes[number];
        if !carries(route, counted) {
            continue;
        }
        let (customers, skipped) = groups.entry(route.sync.as_str()).or_default();
        if is_held(number) {
            skipped.push(route.to.as_str().to_owned());
        } else {
            *customers += 1;
        }
    }
    // A route that can't be compiled has its rows wait, too. What its rule makes of a delete is not known.
    let waits = |broken: &&BrokenRoute| broken.source == Some(counted.source) && !counted.own;
    if matches!(counted.operation, Operation::Insert | Operation::Update) {
        for broken in plan.broken.iter().filter(waits) {
            let (_, skipped) = groups.entry(broken.sync.as_str()).or_default();
            skipped.push(broken.to.as_str().to_owned());
        }
    }
    let event = |(sync, whom): (&str, (usize, Vec<String>))| {
        let who = (sync, source.customer.as_str(), source.dataset.as_str());
        let mut event =
            Event::new(who, (counted.operation, counted.rows), whom, (told.point, told.transactions));
        event.keys.clone_from(&counted.keys);
        event
    };
    groups.into_iter().map(event).collect()
}

/// Whether a route does anything about such rows.
fn carries(route: &Route, counted: &Counted) -> bool {
    let does = match counted.operation {
        Operation::Insert | Operation::Update => true,
        Operation::Delete => route.recipe.follows_delete(),
        Operation::Truncate => route.recipe.follows_truncation(),
    };
    does && route.mode != Mode::LinkOnly && (route.cascade || !counted.own)
}

/// The texts of the natural key's columns. `None` where an old row does not bring them all, or where they are long.
fn natural_key(projection: &Projection, tuple: &Tuple, is_old: bool) -> Option<Vec<Option<String>>> {
    let mut key = Vec::with_capacity(projection.natural.len());
    let mut bytes = 0;
    for &place in &projection.natural {
        if is_old && !projection.relation.columns[place].in_identity {
            return None;
        }
        key.push(match tuple.cells().nth(place)? {
            Cell::Null => None,
            Cell::Unchanged => return None,
            Cell::Text(value) => {
                bytes += value.len();
                if bytes > KEY_BYTES {
                    return None;
                }
                Some(String::from_utf8_lossy(value).into_owned())
            }
        });
    }
    Some(key)
}

//! Where the columns of the plan stand in a relation's tuples, and which of them it does not bring.
//!
//! The plan was made from the catalog as it is; the stream brings rows as the tables were when the rows were written. A
//! column that was added since, or had another type or another meaning then, is *not brought*: its value is fetched from
//! the source when the row is staged.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::lsn::Lsn;
use crate::row::{Cell, Relation, Tuple};
use crate::rules::SourceTable;

use super::error::Error;

/// The identity of a row as bytes: each value with its length, so that no two identities look alike.
pub(super) type Key = SmallVec<[u8; 24]>;

/// `text` and `varchar`: what one of them holds, the other one takes.
const TEXTS: [u32; 2] = [25, 1043];

/// How a relation's tuples fit what the plan stages.
#[derive(Debug)]
pub(super) struct Projection {
    pub(super) relation: Arc<Relation>,
    /// For each column of the relation its staged column.
    pub(super) staged: Vec<Option<usize>>,
    /// Staged columns that are not brought.
    pub(super) lacking: Vec<usize>,
    /// From this position on more may be brought.
    pub(super) until: Option<Lsn>,
    /// Its old rows do not bring the identity: they say nothing.
    pub(super) is_blind: bool,
    /// For each part of the identity its column in the relation.
    pub(super) identity: Vec<usize>,
    /// The same columns in the relation's order.
    ordered: Vec<usize>,
    /// For each part of the natural key its column in the relation, as far as it is brought.
    pub(super) natural: Vec<usize>,
    /// See [`SourceTable::first_state_counts`].
    first_state_counts: bool,
}

impl Projection {
    /// Matches a relation with what the plan stages of it, for changes that committed at `at`. Another identity than the
    /// plan's is an error, unless it is `borne`.
    pub(super) fn new(
        relation: Arc<Relation>,
        table: &SourceTable,
        at: Lsn,
        borne: bool,
    ) -> Result<Self, Error> {
        let place = |number: usize| {
            let name = table.columns[number].name.as_str();
            relation.columns.iter().position(|column| column.name == name)
        };
        let not_covered = || Error::Identity {
            table: table.name.to_string(),
            from: table.customer.clone(),
            dataset: table.dataset.clone(),
            at,
        };
        let identity: Option<Vec<usize>> = table.identity.iter().map(|&number| place(number)).collect();
        let identity = identity.ok_or_else(not_covered)?;
        let is_blind = identity.iter().any(|&place| !relation.columns[place].in_identity);
        // With REPLICA IDENTITY NOTHING there are no old rows at all.
        if is_blind && !borne && relation.replica_identity != b'n' {
            return Err(not_covered());
        }
        let (mut staged, mut lacking) = (vec![None; relation.columns.len()], Vec::new());
        for number in 0..table.columns.len() {
            let sent = &table.sent[number];
            let fits = |place: &usize| {
                let type_oid = relation.columns[*place].type_oid;
                let same = type_oid == sent.type_oid
                    || [type_oid, sent.type_oid].iter().all(|oid| TEXTS.contains(oid));
                // A row is found by its identity, and by nothing else: that is taken as it comes.
                identity.contains(place) || same && sent.since <= at
            };
            match place(number).filter(fits) {
                Some(place) => staged[place] = Some(number),
                None => lacking.push(number),
            }
        }
        let until = table.sent.iter().map(|sent| sent.since).filter(|since| *since > at).min();
        let mut ordered = identity.clone();
        ordered.sort_unstable();
        let brought = |number: &usize| place(*number).filter(|&place| staged[place].is_some());
        let natural = table.key.iter().filter_map(brought).collect();
        let first_state_counts = table.first_state_counts;
        Ok(Self {
            relation,
            staged,
            lacking,
            until,
            is_blind,
            identity,
            ordered,
            natural,
            first_state_counts,
        })
    }

    /// Whether a customer can have taken notice of the older state in a way that the newer one does not make good: it
    /// was found or created by another natural key, or create-only left it as it was.
    pub(super) fn is_a_step(&self, older: &Tuple, newer: &Tuple) -> bool {
        let changed = |&place: &usize| match newer.cells().nth(place) {
            Some(Cell::Unchanged) | None => false,
            now @ Some(Cell::Null | Cell::Text(_)) => older.cells().nth(place) != now,
        };
        self.first_state_counts || self.natural.iter().any(changed)
    }

    pub(super) fn key(&self, tuple: &Tuple) -> Key {
        let mut key = Key::new();
        let mut wanted = self.ordered.iter().peekable();
        for (column, cell) in tuple.cells().enumerate() {
            match wanted.peek() {
                None => break,
                Some(&&next) if next != column => continue,
                Some(_) => _ = wanted.next(),
            }
            match cell {
                Cell::Text(value) => {
                    key.extend_from_slice(&(value.len() as u64).to_le_bytes());
                    key.extend_from_slice(value);
                }
                Cell::Null | Cell::Unchanged => key.extend_from_slice(&u64::MAX.to_le_bytes()),
            }
        }
        key
    }
}

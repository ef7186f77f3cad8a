//! Rows on their way: a transaction changes them in one wave, and again in a later one.
//!
//! The state in between is for nobody to see. But its key is followed, so that another row can take the one that it leaves;
//! not where the customer's row stays as it is, because the source row ends outside `where` or is gone. So each such state
//! gets the values that its row has in the end, beside the key of the moment: `where` is asked about those.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;

use crate::row::Tuple;

use super::fold::{FoldedRow, Op, WaveTable};
use super::projection::{Key, Projection};

/// What becomes of a row in the end.
#[derive(Clone)]
enum End {
    Here(Arc<Projection>, Tuple),
    Gone,
}

/// Ends by the table's place in the plan, and by the identity with which a row comes out of a wave.
type Ends = HashMap<(usize, Key), End, RandomState>;

/// Tells the states on the way in the waves of one transaction how their rows end. `tables` are those of the last wave
/// first.
pub(super) fn settle<'w>(tables: impl Iterator<Item = &'w mut WaveTable>) {
    let mut ends = Ends::default();
    for table in tables {
        let (source, projection) = (table.source, Arc::clone(&table.projection));
        let mut here = Vec::new();
        for row in &mut table.rows {
            if let Some(end) = end_of(row, source, &projection, &ends)
                && let Some(before) = row.old.as_ref().or(row.new.as_ref()).filter(|_| row.op != Op::Insert)
            {
                here.push(((source, projection.key(before)), end));
            }
        }
        ends.extend(here);
    }
}

/// How the row ends, as far as it is known. One that is on its way is told.
fn end_of(row: &mut FoldedRow, source: usize, projection: &Arc<Projection>, ends: &Ends) -> Option<End> {
    match row.op {
        Op::Insert | Op::Update => Some(End::Here(Arc::clone(projection), row.new.clone()?)),
        Op::Delete => Some(End::Gone),
        Op::Nothing | Op::Vanishing => None,
        Op::Passing => {
            let now = row.new.as_mut()?;
            let end = ends.get(&(source, projection.key(now)))?;
            match end {
                End::Gone => row.op = Op::Vanishing,
                End::Here(same, last) if Arc::ptr_eq(same, projection) => {
                    let is_key = |place: &usize| {
                        projection.identity.contains(place) || projection.natural.contains(place)
                    };
                    *now = now.mixed_with(last, |place, _| !is_key(&place));
                }
                // The table was another one by then: nothing is known but the state at hand.
                End::Here(..) => {}
            }
            Some(end.clone())
        }
    }
}

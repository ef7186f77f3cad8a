//! Checksums of a route, made at each server alone: which rows can be equal without any value leaving its server.
//!
//! A row's checksum is the hash of a text of its identity and of the columns that the rule carries over; the customer's
//! side says all of it in the source's words, references by the numbers of the crosswalks. Rows fall into buckets by the hash
//! of their identity, and a bucket's checksum is the sum of its rows', so that neither an order nor a collation of two
//! servers has to agree. Equal texts mean that the writer would find nothing to do. Texts that are not equal mean only that
//! somebody has to look: another form of a number, another encoding or another version cost time, and no truth.

use super::fragments::{joined, numbered, prefixed};
use super::shape::{Shape, key_text};

/// The statements of one route. `$1` is the number of buckets less one, which is a power of two; of those that list also `$2`
/// the buckets (`int8[]`).
#[derive(Debug)]
pub struct Checksum {
    /// At the source: bucket, rows, sum of their checksums as text.
    pub source: String,
    /// The same at the target.
    pub target: String,
    /// At the source: identity (a JSON array) and checksum of each row in these buckets.
    pub source_rows: String,
    /// The same at the target.
    pub target_rows: String,
    /// Every row of the customer's side belongs to a source row: one without is left over. Without links it may be the
    /// customer's own.
    pub are_linked: bool,
}

/// `None` where a column is made by SQL of the rules, or a rule says which rows: only the writer's own SQL can tell then.
/// `table` is the source's table, quoted; `compared` whether the columns count, or only that the row is there.
pub(super) fn checksum(shape: &Shape, table: &str, compared: bool) -> Option<Checksum> {
    if shape.filter.is_some() {
        return None;
    }
    let mut source_side: Vec<String> = shape.identity_values();
    let (from, mut target_side) = match &shape.crosswalk {
        Some(links) => (
            format!("{links} x JOIN {} t ON {}", shape.target, shape.row_of_link("x")),
            prefixed("x", &numbered('s', shape.identity.len())),
        ),
        None => (format!("{} t", shape.target), natural_identity(shape)?),
    };
    let (source_key, target_key) = (source_side.clone(), target_side.clone());
    let mut joins = String::new();
    for texts in [&mut source_side, &mut target_side] {
        for text in texts.iter_mut() {
            *text += "::text";
        }
    }
    for column in shape.columns.iter().filter(|_| compared) {
        let carried = column.carried.as_ref()?;
        source_side.push(carried.source.clone());
        target_side.push(carried.target.clone());
        joins += &carried.join;
    }
    let (source, source_rows) = statements(&format!("{table} s"), &source_key, &source_side);
    let (target, target_rows) = statements(&format!("{from}{joins}"), &target_key, &target_side);
    Some(Checksum { source, target, source_rows, target_rows, are_linked: shape.crosswalk.is_some() })
}

/// Without a crosswalk the identity stands in the customer's columns of the same names.
fn natural_identity(shape: &Shape) -> Option<Vec<String>> {
    let own = |(name, _): &(String, String)| {
        let written = shape.columns.iter().find(|column| column.name == *name)?;
        let carried = written.carried.as_ref()?;
        let from_itself = [format!("s.{name}"), format!("s.{name}::text")].contains(&carried.source);
        from_itself.then(|| format!("t.{name}"))
    };
    shape.identity.iter().map(own).collect()
}

/// The sums of all buckets, and the rows of some.
fn statements(from: &str, key: &[String], row: &[String]) -> (String, String) {
    let key_texts = joined(key.iter().map(|column| format!("{column}::text")), ", ");
    let key_of_bucket = if key.len() == 1 { key_texts } else { format!("ROW({key_texts})::text") };
    let bucket = format!("hashtextextended({key_of_bucket}, 0) & $1::int8");
    let hash = format!("hashtextextended(ROW({})::text, 0)", row.join(", "));
    (
        format!(
            "SELECT bucket, count(*), sum(hash)::text FROM (SELECT {bucket} AS bucket, {hash} AS hash FROM {from}) r \
             GROUP BY bucket"
        ),
        format!("SELECT {}, {hash} FROM {from} WHERE ({bucket}) = ANY ($2::int8[])", key_text(key)),
    )
}

//! Reading rows of a source table that are there already: in pieces, in the order of the table's identity, or by identity.
//!
//! Nothing here names a row. Where a piece begins, and which rows are wanted, stands in settings of the source's session
//! ([`CURSOR`], [`KEYS`]), so that a COPY, which takes no parameters, can be told.

use crate::name::{Ident, literal};

use super::stage::META_COLUMNS;
use super::{Crosswalk, SourceTable};

/// Setting that holds the identity of the last row of the piece before, a JSON object by column.
pub const CURSOR: &str = "acequia.copy_after";
/// Setting that holds the identities of the rows that are wanted, a JSON array of JSON arrays.
pub const KEYS: &str = "acequia.copy_keys";

/// The transaction that made a row, while it is read.
const VERSION: &str = "\"acequia:xmin\"";

/// Which rows are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// The first so many.
    First(u32),
    /// So many after the cursor.
    Next(u32),
    /// Those of [`KEYS`].
    Keys,
}

impl SourceTable {
    /// `COPY … TO STDOUT` of a piece, in the form in which the stage takes it. `received` are conditions over `s` that leave out
    /// rows which flows of ours have written there. Rows of transactions from `horizon` (an xid8) on are marked: nobody
    /// is given them.
    pub fn copy_out(&self, piece: Piece, received: &[String], horizon: Option<u64>) -> String {
        let names: Vec<String> = self.identity().map(|(name, _)| format!("s.{}", name.quoted())).collect();
        let (join, after, limit) = match piece {
            Piece::First(rows) => (String::new(), "true".to_owned(), rows.to_string()),
            Piece::Next(rows) => {
                let cursor = self.identity().map(|(name, type_text)| {
                    format!("(current_setting('{CURSOR}')::json->>{})::{type_text}", literal(name.as_str()))
                });
                let cursor: Vec<String> = cursor.collect();
                (String::new(), format!("({}) > ({})", names.join(", "), cursor.join(", ")), rows.to_string())
            }
            Piece::Keys => {
                let wanted = self.identity().enumerate();
                let wanted =
                    wanted.map(|(i, (_, type_text))| format!("(k.value->>{i})::{type_text} AS k{i}"));
                let same = names.iter().enumerate().map(|(i, name)| format!("{name} = k.k{i}"));
                let join = format!(
                    " JOIN (SELECT DISTINCT {} FROM json_array_elements(current_setting('{KEYS}')::json) k) k ON {}",
                    wanted.collect::<Vec<_>>().join(", "),
                    same.collect::<Vec<_>>().join(" AND "),
                );
                (join, "true".to_owned(), "ALL".to_owned())
            }
        };
        let mut read: Vec<String> =
            self.columns.iter().map(|column| format!("s.{}", column.name.quoted())).collect();
        let op = horizon.map_or_else(|| "'I'".to_owned(), mark_since);
        read.extend(horizon.map(|_| format!("s.xmin AS {VERSION}")));
        let foreign = received.iter().map(|own| format!(" AND {own}"));
        format!(
            "COPY (SELECT row_number() OVER (), {op}, 0, {} FROM (SELECT {} FROM {} s{join} WHERE {after}{} ORDER BY {} \
             LIMIT {limit}) s) TO STDOUT",
            self.staged_values(),
            read.join(", "),
            self.name.quoted(),
            foreign.collect::<String>(),
            names.join(", "),
        )
    }

    /// What a new row brings to the stage behind its number, its operation and its set: no old identity, and the columns of the
    /// row `s`.
    pub fn staged_values(&self) -> String {
        let nothing = self.identity.iter().map(|_| "NULL".to_owned());
        let (plain, packed) = self.columns.split_at(self.columns.len() - self.stage.packed);
        let columns = plain.iter().map(|column| format!("s.{}", column.name.quoted()));
        let more: Vec<String> =
            packed.iter().map(|column| format!("s.{}::text", column.name.quoted())).collect();
        let array = (!more.is_empty()).then(|| format!("ARRAY[{}]", more.join(", ")));
        nothing.chain(columns).chain(array).collect::<Vec<_>>().join(", ")
    }

    /// Over the stage: the identity of the last row, as [`CURSOR`] wants it.
    pub fn last_staged(&self) -> String {
        let [n, _, _] = META_COLUMNS;
        let parts =
            self.identity().map(|(name, _)| format!("{}, s.{}::text", literal(name.as_str()), name.quoted()));
        format!(
            "SELECT json_build_object({})::text FROM {} s ORDER BY s.{n} DESC LIMIT 1",
            parts.collect::<Vec<_>>().join(", "),
            self.stage.rows,
        )
    }

    /// Whether a cursor was made for this identity.
    pub fn goes_on_after(&self, cursor: &str) -> bool {
        let known: Option<serde_json::Map<String, serde_json::Value>> = serde_json::from_str(cursor).ok();
        known.is_some_and(|known| {
            known.len() == self.identity.len()
                && self.identity().all(|(name, _)| known.contains_key(name.as_str()))
        })
    }

    /// Asked at the source with the identities of [`KEYS`]: in their order, the version of the row that each of them has now (`xmin`);
    /// NULL: there is none.
    pub fn versions(&self) -> String {
        let same = self
            .identity()
            .enumerate()
            .map(|(i, (name, type_text))| format!("s.{} = (k.value->>{i})::{type_text}", name.quoted()));
        format!(
            "SELECT (SELECT s.xmin::text FROM {} s WHERE {}) \
             FROM json_array_elements(current_setting('{KEYS}')::json) WITH ORDINALITY k (value, place) ORDER BY k.place",
            self.name.quoted(),
            same.collect::<Vec<_>>().join(" AND "),
        )
    }

    /// Stages a delete for each of the next links of a crosswalk: `$2` of them, after the cursor in `acequia.backfill`; `$1` flow,
    /// `$3` from, `$4` to, `$5` data set. The rows count from 1.
    pub fn stage_links(&self, crosswalk: &Crosswalk) -> String {
        let [n, op, u] = META_COLUMNS;
        let count = self.identity.len();
        let old: Vec<String> = (0..count).map(super::stage::old_column).collect();
        let linked: Vec<String> = (1..=count).map(|i| format!("s{i}")).collect();
        let linked = linked.join(", ");
        let cursor: Vec<String> = self
            .identity
            .iter()
            .enumerate()
            .map(|(i, &column)| {
                format!("(c.cursor::json->>'s{}')::{}", i + 1, self.columns[column].type_text)
            })
            .collect();
        format!(
            "WITH c AS MATERIALIZED (SELECT CASE WHEN cursor LIKE '{{\"s1\"%' THEN cursor END AS cursor FROM acequia.backfill \
             WHERE (flow, from_customer, to_customer, dataset) = ($1::text, $3::text, $4::text, $5::text)) \
             INSERT INTO {} ({n}, {op}, {u}, {}) SELECT row_number() OVER (), 'D', 0, {linked} FROM (SELECT {linked} \
             FROM acequia.{} x CROSS JOIN c WHERE c.cursor IS NULL OR ({linked}) > ({}) ORDER BY {linked} LIMIT $2::int8) l",
            self.stage.table,
            old.join(", "),
            crosswalk.table,
            cursor.join(", "),
        )
    }

    /// Puts the staged rows that are marked, but for these (`$1`), among those that are brought up to date later.
    /// `$2` flow, `$3` from, `$4` to, `$5` data set.
    pub fn repair_marked(&self) -> String {
        let [n, op, _] = META_COLUMNS;
        let texts = self.identity().map(|(name, _)| format!("s.{}::text", name.quoted()));
        format!(
            "INSERT INTO acequia.repair (flow, from_customer, to_customer, dataset, key) SELECT $2::text, $3::text, $4::text, $5::text, \
             json_build_array({})::text FROM {} s WHERE s.{op} = 'X' AND s.{n} <> ALL ($1::int4[])",
            texts.collect::<Vec<_>>().join(", "),
            self.stage.rows,
        )
    }

    /// Stages a delete for each of these entries of `acequia.repair` (`$1` ids), numbered from `$2` + 1 on.
    pub fn stage_gone(&self) -> String {
        let [n, op, u] = META_COLUMNS;
        let old: Vec<String> = (0..self.identity.len()).map(super::stage::old_column).collect();
        let values = self.identity.iter().enumerate();
        let values: Vec<String> = values
            .map(|(i, &column)| format!("(r.key::json->>{i})::{}", self.columns[column].type_text))
            .collect();
        format!(
            "INSERT INTO {} ({n}, {op}, {u}, {}) SELECT $2::int4 + row_number() OVER (), 'D', 0, {} FROM (SELECT DISTINCT key \
             FROM acequia.repair WHERE id = ANY ($1)) r",
            self.stage.table,
            old.join(", "),
            values.join(", "),
        )
    }

    /// Over such deletes: moves the cursor to the last of them. `$1` flow, `$2` from, `$3` to, `$4` data set.
    pub fn note_last_link(&self) -> String {
        let [n, _, _] = META_COLUMNS;
        let old = (0..self.identity.len()).map(super::stage::old_column).enumerate();
        let parts: Vec<String> = old.map(|(i, name)| format!("'s{}', s.{name}::text", i + 1)).collect();
        format!(
            "UPDATE acequia.backfill SET cursor = (SELECT json_build_object({})::text FROM {} s ORDER BY s.{n} DESC LIMIT 1) \
             WHERE (flow, from_customer, to_customer, dataset) = ($1, $2, $3, $4)",
            parts.join(", "),
            self.stage.table,
        )
    }

    /// Over such deletes: the identities in order, a JSON array each.
    pub fn staged_links(&self) -> String {
        let old: Vec<String> = (0..self.identity.len()).map(super::stage::old_column).collect();
        let texts: Vec<String> = old.iter().map(|name| format!("s.{name}::text")).collect();
        let [n, _, _] = META_COLUMNS;
        format!(
            "SELECT json_build_array({})::text FROM {} s ORDER BY s.{n}",
            texts.join(", "),
            self.stage.table,
        )
    }

    /// The identity: names at the source, and types there.
    fn identity(&self) -> impl Iterator<Item = (&Ident, &str)> {
        self.identity.iter().map(|&place| (&self.columns[place].name, self.sent[place].type_text.as_str()))
    }
}

/// The operation of a row: marked where its transaction is not older than `horizon`. Numbers of transactions are compared as
/// the 32 bits that a row keeps of them: a very old row may be taken for a new one, and never the other way round.
fn mark_since(horizon: u64) -> String {
    const AGES: u64 = 1 << 32;
    let first = horizon % AGES;
    let since = |number: &str| format!("(({number} - {first} + {AGES}) % {AGES})");
    format!(
        "CASE WHEN {} < {} THEN 'X' ELSE 'I' END",
        since(&format!("s.{VERSION}::text::int8")),
        since(&format!("(pg_snapshot_xmax(pg_current_snapshot())::text::int8 % {AGES})")),
    )
}

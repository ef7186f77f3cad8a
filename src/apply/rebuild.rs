//! A crosswalk that was made for other columns is made anew: the links stay, under the new names of both rows.
//!
//! What identifies a source row has changed (another replica identity), or what children refer to, or the customer's
//! primary key. A link often holds both names of its row. Else the source is asked what each row is called both ways, the
//! customer's table likewise; links of rows that neither knows any more are dropped, and such rows are linked again by
//! their natural key when they come.

use std::fmt::Write as _;

use bytes::BytesMut;
use futures_util::TryStreamExt as _;

use crate::catalog::Catalog;
use crate::name::{CustomerName, DatasetName, Ident, TableName, literal};
use crate::postgres::{self, Session};
use crate::rules::Crosswalk;

use super::actor::actor;
use super::error::Error;
use super::stage::write_fetched;
use super::statements::Statements;

/// Rows from the source go on to the target in pieces of this size.
const PIECE_BYTES: usize = 1 << 20;

/// A crosswalk with those whom it links.
pub(super) struct Owner<'a> {
    pub(super) from: &'a CustomerName,
    pub(super) to: &'a CustomerName,
    pub(super) dataset: &'a DatasetName,
    pub(super) crosswalk: &'a Crosswalk,
    /// The plain columns of the natural key.
    pub(super) key: Vec<&'a Ident>,
    /// Its route can't be compiled now.
    pub(super) is_broken: bool,
    /// The source's table and the customer's.
    pub(super) tables: Option<(&'a TableName, &'a TableName)>,
}

/// A column of a crosswalk: `s1`, the column of the table behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    own: String,
    type_text: String,
    of: String,
}

/// What a shape says of its columns, those of the source's side and those of the customer's.
fn parts(shape: &str) -> (Vec<Part>, Vec<Part>) {
    let (mut source, mut target) = (Vec::new(), Vec::new());
    for piece in shape.split(" */").filter_map(|piece| piece.split_once(" /* ")) {
        let (own, type_text) = piece.0.trim_start_matches([',', ' ']).split_once(' ').unwrap_or_default();
        let (own, type_text) = (own.to_owned(), type_text.to_owned());
        let side = if own.starts_with('t') { &mut target } else { &mut source };
        side.push(Part { own, type_text, of: piece.1.to_owned() });
    }
    (source, target)
}

fn text_of(shape: &str) -> (&str, &str) {
    let middle = shape.find(", t1 ").unwrap_or(shape.len());
    shape.split_at(middle)
}

/// Makes a crosswalk anew. Answers how many links it had and how many it has.
pub(super) async fn rebuild(
    statements: &mut Statements,
    source: &Session,
    owner: &Owner<'_>,
    old_shape: &str,
    tables: (&TableName, &TableName),
) -> Result<(i64, i64), Error> {
    let (table, shape) = (&owner.crosswalk.table, &owner.crosswalk.shape);
    let new = format!("{table}_new");
    let begin = format!("BEGIN; DROP TABLE IF EXISTS acequia.{new}; CREATE TABLE acequia.{new} ({shape})");
    statements.batch("making a crosswalk anew", &begin).await?;
    carry(statements, source, owner, old_shape, tables).await?;
    let count =
        format!("SELECT (SELECT count(*) FROM acequia.{table}), (SELECT count(*) FROM acequia.{new})");
    let counts = statements.query_one(count.as_str(), &[]).await;
    let counts = counts.map_err(|error| postgres::Error::from_driver("counting links", &error))?;
    let (before, now) = (parts(old_shape).0, parts(shape).0);
    let names = |parts: &[Part]| identity(parts).into_iter().map(|part| part.of).collect::<Vec<_>>();
    if names(&before) != names(&now) {
        rename_parked(statements, owner, (table, &new), (old_shape, shape)).await?;
    }
    let end = format!(
        "DROP TABLE acequia.{table}; ALTER TABLE acequia.{new} RENAME TO {table}; {}; \
         UPDATE acequia.crosswalk SET shape = {} WHERE from_customer = {} AND to_customer = {} AND dataset = {}; COMMIT",
        owner.crosswalk.indexes.join("; "),
        literal(shape),
        literal(owner.from.as_str()),
        literal(owner.to.as_str()),
        literal(owner.dataset.as_str()),
    );
    statements.batch("making a crosswalk anew", &end).await?;
    Ok((counts.get(0), counts.get(1)))
}

fn identity(parts: &[Part]) -> Vec<Part> {
    parts.iter().filter(|part| part.own.starts_with('s')).cloned().collect()
}

/// Carries the links over, as far as both sides can still say what their rows were called.
async fn carry(
    statements: &mut Statements,
    source: &Session,
    owner: &Owner<'_>,
    old_shape: &str,
    (from_table, to_table): (&TableName, &TableName),
) -> Result<(), Error> {
    let (table, shape) = (&owner.crosswalk.table, &owner.crosswalk.shape);
    let new = format!("{table}_new");
    let ((old_source, old_target), (new_source, new_target)) = (parts(old_shape), parts(shape));
    let old_identity = identity(&old_source);
    let same_source = text_of(old_shape).0 == text_of(shape).0;
    let same_target = text_of(old_shape).1 == text_of(shape).1;
    let in_link: Option<Vec<String>> = new_source.iter().map(|part| held(&old_source, part)).collect();
    let knows_source =
        same_source || in_link.is_some() || has_columns(source, from_table, &old_identity).await?;
    let knows_target = same_target || has_columns(statements, to_table, &old_target).await?;
    if !(knows_source && knows_target) {
        return Ok(());
    }
    let (mut joins, mut values) = (String::new(), Vec::new());
    let asks = !same_source && in_link.is_none();
    if same_source {
        values.extend(prefixed("x", &new_source));
    } else if let Some(in_link) = in_link {
        values.extend(in_link);
    } else {
        names_of_rows(statements, source, (table, &new), from_table, (&old_identity, &new_source)).await?;
        let on = old_identity.iter().map(|part| format!("m.o_{} = x.{0}", part.own));
        _ = write!(joins, " JOIN pg_temp.renamed m ON {}", on.collect::<Vec<_>>().join(" AND "));
        values.extend(prefixed("m.n_", &new_source));
    }
    if same_target {
        values.extend(prefixed("x", &new_target));
    } else {
        let on = old_target.iter().map(|part| format!("t.{} = x.{}", quoted(&part.of), part.own));
        let on = on.collect::<Vec<_>>().join(" AND ");
        _ = write!(joins, " JOIN {} t ON {on}", to_table.quoted());
        values.extend(new_target.iter().map(|part| format!("t.{}", quoted(&part.of))));
    }
    let names: Vec<&str> = new_source.iter().chain(&new_target).map(|part| part.own.as_str()).collect();
    let sql = format!(
        "INSERT INTO acequia.{new} ({}, created) SELECT {}, x.created FROM acequia.{table} x{joins} ON CONFLICT DO NOTHING",
        names.join(", "),
        values.join(", "),
    );
    statements.batch("carrying links over", &sql).await?;
    if asks && same_target {
        let parts = (old_source.as_slice(), new_source.as_slice(), new_target.as_slice());
        keep_by_key(statements, owner, to_table, ((table, &new), parts)).await?;
    }
    Ok(())
}

/// A part of the new crosswalk, where the old one (`x`) has it too.
fn held(old: &[Part], part: &Part) -> Option<String> {
    let own = old.iter().find(|own| own.of == part.of)?;
    Some(format!("x.{}::text::{}", own.own, part.type_text))
}

/// The crosswalk before and after, by name; the source's side before and after, the customer's side.
type Sides<'a> = ((&'a str, &'a str), (&'a [Part], &'a [Part], &'a [Part]));

/// Of a row that the source no longer has it can't be asked what it is called now; its delete may be still to come. What the
/// link does not know the customer's row tells, where that is its natural key.
async fn keep_by_key(
    statements: &mut Statements,
    owner: &Owner<'_>,
    to_table: &TableName,
    ((old, new), (before, source, target)): Sides<'_>,
) -> Result<(), Error> {
    let told = |part: &Part| {
        let is_key = owner.key.iter().any(|key| key.as_str() == part.of);
        is_key.then(|| format!("t.{}::text::{}", quoted(&part.of), part.type_text))
    };
    let told: Vec<(&Part, Option<String>)> =
        source.iter().map(|part| (part, held(before, part).or_else(|| told(part)))).collect();
    if told.iter().any(|(part, value)| part.own.starts_with('s') && value.is_none()) {
        return Ok(());
    }
    let (parts, values): (Vec<&Part>, Vec<String>) =
        told.into_iter().filter_map(|(part, value)| Some((part, value?))).unzip();
    let names = parts.into_iter().chain(target).map(|part| part.own.as_str());
    let both = |parts: &[Part], left: &dyn Fn(&Part) -> String, right: &dyn Fn(&Part) -> String| {
        parts.iter().map(|part| format!("{} = {}", left(part), right(part))).collect::<Vec<_>>().join(" AND ")
    };
    let sql = format!(
        "INSERT INTO acequia.{new} ({}, created) SELECT {}, x.created FROM acequia.{old} x JOIN {} t ON {} \
         WHERE NOT EXISTS (SELECT FROM pg_temp.renamed m WHERE {}) ON CONFLICT DO NOTHING",
        names.collect::<Vec<_>>().join(", "),
        values.into_iter().chain(prefixed("x", target)).collect::<Vec<_>>().join(", "),
        to_table.quoted(),
        both(target, &|part| format!("t.{}", quoted(&part.of)), &|part| format!("x.{}", part.own)),
        both(&identity(before), &|part| format!("m.o_{}", part.own), &|part| format!("x.{}", part.own)),
    );
    statements.batch("carrying links of gone rows over", &sql).await?;
    Ok(())
}

fn quoted(name: &str) -> String {
    Ident::new(name).map(|name| name.quoted()).unwrap_or_default()
}

fn prefixed(prefix: &str, parts: &[Part]) -> Vec<String> {
    let dot = if prefix.contains('.') { "" } else { "." };
    parts.iter().map(|part| format!("{prefix}{dot}{}", part.own)).collect()
}

/// Whether a table still has all these columns.
async fn has_columns(
    client: &tokio_postgres::Client,
    table: &TableName,
    parts: &[Part],
) -> Result<bool, postgres::Error> {
    let (schema, name) = (table.schema.as_str().to_owned(), table.table.as_str().to_owned());
    let catalog = Catalog::read(client, &[schema], &[name]).await?;
    let Some(found) = catalog.tables.get(table) else { return Ok(false) };
    let has = |part: &Part| found.columns.iter().any(|column| column.name.as_str() == part.of);
    Ok(parts.iter().all(has))
}

/// Fills the temporary table "renamed": what every source row is called before and after.
async fn names_of_rows(
    statements: &mut Statements,
    source: &Session,
    (old, new): (&str, &str),
    table: &TableName,
    (before, after): (&[Part], &[Part]),
) -> Result<(), Error> {
    let columns = before.iter().map(|part| format!("a.{} AS o_{0}", part.own));
    let columns: Vec<String> =
        columns.chain(after.iter().map(|part| format!("b.{} AS n_{0}", part.own))).collect();
    let create = format!(
        "DROP TABLE IF EXISTS pg_temp.renamed; CREATE TEMP TABLE renamed AS SELECT {} FROM acequia.{old} a, acequia.{new} b \
         WITH NO DATA",
        columns.join(", ")
    );
    statements.batch("preparing for the rows' names", &create).await?;
    let names: Vec<String> =
        before.iter().chain(after).map(|part| format!("{}::text", quoted(&part.of))).collect();
    let sql = format!("SELECT {} FROM {}", names.join(", "), table.quoted());
    let failed = |error| postgres::Error::from_driver("reading what source rows are called", &error);
    let rows = source.query_raw(sql.as_str(), std::iter::empty::<i32>()).await.map_err(failed)?;
    futures_util::pin_mut!(rows);
    // A line begins with a number, as those of fetched values do.
    statements.batch("preparing for the rows' names", "ALTER TABLE pg_temp.renamed ADD n int4").await?;
    let targets = before.iter().map(|part| format!("o_{}", part.own));
    let targets: Vec<String> = targets.chain(after.iter().map(|part| format!("n_{}", part.own))).collect();
    let copy = format!("COPY pg_temp.renamed (n, {}) FROM STDIN", targets.join(", "));
    let mut sink = statements.sink("staging what source rows are called", copy.as_str()).await?;
    let mut piece = BytesMut::new();
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        // A row whose identity is not UTF-8 has no link.
        let values: Result<Vec<Option<&str>>, _> = (0..names.len()).map(|i| row.try_get(i)).collect();
        let Ok(values) = values else { continue };
        write_fetched(&mut piece, 0, values.into_iter(), 0);
        if piece.len() >= PIECE_BYTES {
            sink.send(piece.split().freeze()).await?;
        }
    }
    sink.send(piece.freeze()).await?;
    sink.finish().await?;
    statements.batch("preparing for the rows' names", "ANALYZE pg_temp.renamed").await?;
    Ok(())
}

/// What a parked row keeps under another name.
const KEPT: [&str; 17] = [
    "flow",
    "sync",
    "from_customer",
    "to_customer",
    "dataset",
    "reason",
    "waits_for",
    "waits_key",
    "sqlstate",
    "object",
    "first_lsn",
    "last_lsn",
    "first_at",
    "last_at",
    "tries",
    "next_try_at",
    "generation",
];

/// Parked rows are known by their identity too. What waits to be written gets its new name, a delete that of its link; one
/// that has no link is given up: the customer's row stays. A row that goes and one that comes may have shared a name, or
/// may share one now.
async fn rename_parked(
    statements: &mut Statements,
    owner: &Owner<'_>,
    (old, new): (&str, &str),
    (old_shape, shape): (&str, &str),
) -> Result<(), Error> {
    let ((old_source, old_target), (source, target)) = (parts(old_shape), parts(shape));
    let array = |values: Vec<String>| format!("json_build_array({})::text", values.join(", "));
    let name = |alias: &str, source: &[Part]| {
        array(identity(source).iter().map(|part| format!("{alias}.{}::text", part.own)).collect())
    };
    let payload = identity(&source).iter().map(|part| format!("payload->>{}", literal(&part.of))).collect();
    let same_row =
        target.iter().map(|part| format!("n.{0} = o.{0}", part.own)).collect::<Vec<_>>().join(" AND ");
    let same_row = if old_target == target { same_row } else { "false".to_owned() };
    let (to, dataset) = (literal(owner.to.as_str()), literal(owner.dataset.as_str()));
    let here = format!(
        "p.from_customer = {} AND p.to_customer = {to} AND p.dataset = {dataset}",
        literal(owner.from.as_str())
    );
    let kept: Vec<String> = KEPT.iter().map(|column| format!("coalesce(u.{column}, d.{column})")).collect();
    let sql = [
        format!(
            "CREATE TEMP TABLE parked_before ON COMMIT DROP AS SELECT p.*, l.name FROM acequia.parked p LEFT JOIN LATERAL (\
             SELECT {} AS name FROM acequia.{old} o JOIN acequia.{new} n ON {same_row} WHERE {} = p.key) l ON p.op <> 'upsert' \
             WHERE {here}",
            name("n", &source),
            name("o", &old_source),
        ),
        format!("DELETE FROM acequia.parked p WHERE {here}"),
        format!(
            "INSERT INTO acequia.audit (who, what, detail) SELECT {}, 'parked deletes given up', jsonb_build_object('customer', {to}, \
             'dataset', {dataset}, 'rows', count(*), 'by', {}::jsonb || jsonb_build_object('role', session_user)) FROM pg_temp.parked_before WHERE op = 'delete' AND name IS NULL \
             HAVING count(*) > 0",
            literal(&actor().name),
            literal(&actor().as_json().to_string())
        ),
        format!(
            "INSERT INTO acequia.parked ({}, key, op, payload, unchanged) SELECT {}, name, \
             CASE WHEN u.id IS NULL THEN 'delete' WHEN d.id IS NULL THEN 'upsert' ELSE 'replace' END, \
             coalesce(u.payload, '{{}}'), coalesce(u.unchanged, '{{}}') \
             FROM (SELECT * FROM pg_temp.parked_before WHERE op <> 'upsert' AND name IS NOT NULL) d \
             FULL JOIN (SELECT id, payload, unchanged, {}, {} AS name FROM pg_temp.parked_before WHERE op <> 'delete') u \
             USING (name) ORDER BY coalesce(d.id, u.id)",
            KEPT.join(", "),
            kept.join(", "),
            KEPT.join(", "),
            array(payload),
        ),
    ];
    statements.batch("renaming parked rows", &sql.join("; ")).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shape_says_which_columns_it_was_made_for() {
        let shape = "s1 pg_catalog.\"int4\" /* id */, r1 text /* code */, t1 pg_catalog.\"int4\" /* nr, old */, \
                     created boolean NOT NULL, PRIMARY KEY (s1), UNIQUE (t1)";
        let part = |own: &str, type_text: &str, of: &str| Part {
            own: own.to_owned(),
            type_text: type_text.to_owned(),
            of: of.to_owned(),
        };
        let int4 = "pg_catalog.\"int4\"";
        let source = vec![part("s1", int4, "id"), part("r1", "text", "code")];
        assert_eq!(parts(shape), (source, vec![part("t1", int4, "nr, old")]));
        assert_eq!(text_of(shape).0, "s1 pg_catalog.\"int4\" /* id */, r1 text /* code */");
    }
}

//! The statements of one route. Text only: the writer runs them as they are.
//!
//! Each works on the rows `$1 ..= $2` of the stage, so that a statement that fails can be halved down to the row at
//! fault. `s` is the stage, `x` the crosswalk, `t` the customer's table, `p1 …` its parents, `r` the released links.
//! A statement that writes rows of the customer answers two numbers, expected and written: they differ where the row was
//! changed under our feet, or where row-level security or a trigger swallowed the write in silence.

use crate::config::{Gone, Mode};

use super::fragments::{LIVING, PICK, THERE, equal, joined, numbered, prefixed};
use super::parked;
use super::shape::{Shape, old_identity};

/// Every statement of one route.
#[derive(Debug)]
pub struct RouteSql {
    /// Creates the rows that the customer lacks, with their links. Answers (expected, written).
    pub insert: String,
    /// Overrides rows where they differ; for rows whose columns are all there. `$3` set of unchanged columns, `$4` LSN,
    /// `$5` route. Answers (expected, written).
    pub update: String,
    /// Counts the rows that the customer has and that need nothing further.
    pub matched: String,
    /// Drops links to rows that the customer has deleted.
    pub unlink_stale: Option<String>,
    /// Links rows that the customer has already, found by natural key.
    pub link_found: Option<String>,
    /// Creates the session's table of released links.
    pub create_released: Option<String>,
    /// Takes the links of source rows that are gone or have another identity now.
    pub release: Option<String>,
    /// Gives them back under the new identity.
    pub relink: Option<String>,
    /// Gives them back as they were, where the delete could not be done.
    pub restore_links: Option<String>,
    /// Forgets what was released.
    pub clear_released: Option<String>,
    /// Keeps what children refer to in step.
    pub refresh_references: Option<String>,
    /// Without a crosswalk: moves a row to its new key. Parameters and answer as `update`.
    pub rename: Option<String>,
    /// Deletes what is gone and not claimed again. `$3` LSN, `$4` route. Answers (expected, written).
    pub delete: String,
    /// After a truncate at the source: no source row is left to link with.
    pub unlink_all: Option<String>,
    /// Finds rows that would have to be created, but of which the stream did not bring every value.
    pub incomplete: String,
    /// Finds rows of which a parked state may have brought what this one leaves out.
    /// `$3` from, `$4` to, `$5` data set.
    pub incomplete_beside_parked: String,
    /// Parks what found no place, each with its reason. Parameters: see `parked`. Answers how many.
    pub park_leftovers: String,
    /// Parks rows that the server refused.
    pub park_rejected: String,
    /// Drops what was parked and has been overtaken. `$3` from, `$4` to, `$5` data set, `$6` generation.
    pub supersede: String,
    overrides: bool,
    deletes: bool,
    shape: Shape,
}

impl RouteSql {
    /// Writes the statements for a shape.
    pub(super) fn new(shape: Shape, mode: Mode, on_delete: &Gone) -> Self {
        let overrides = mode == Mode::Override;
        let deletes = *on_delete == Gone::Delete;
        // Create-only takes away only what it brought.
        let deletes_only_created = deletes && !overrides;
        let crosswalk = shape.crosswalk.is_some();
        let with_crosswalk = |text: String| crosswalk.then_some(text);
        Self {
            insert: insert(&shape),
            update: update(&shape, &[]),
            matched: matched(&shape, overrides),
            unlink_stale: with_crosswalk(unlink_stale(&shape)),
            link_found: with_crosswalk(link_found(&shape)),
            create_released: with_crosswalk(create_released(&shape)),
            release: with_crosswalk(release(&shape)),
            relink: with_crosswalk(relink(&shape)),
            restore_links: with_crosswalk(restore_links(&shape)),
            clear_released: with_crosswalk(format!("DELETE FROM {}", shape.released)),
            refresh_references: (crosswalk && !shape.references.is_empty())
                .then(|| refresh_references(&shape)),
            rename: (!crosswalk && overrides).then(|| rename(&shape)),
            delete: delete(&shape, deletes_only_created),
            unlink_all: shape.crosswalk.as_ref().map(|table| format!("DELETE FROM {table}")),
            incomplete: parked::incomplete(&shape),
            incomplete_beside_parked: parked::incomplete_beside_parked(&shape),
            park_leftovers: parked::park_leftovers(&shape, overrides),
            park_rejected: parked::park_rejected(&shape),
            supersede: parked::supersede(&shape),
            overrides,
            deletes,
            shape,
        }
    }

    /// The statements that this route's mode uses.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        let always = [
            &self.insert,
            &self.matched,
            &self.incomplete,
            &self.incomplete_beside_parked,
            &self.park_leftovers,
            &self.park_rejected,
            &self.supersede,
        ];
        let links = [&self.unlink_stale, &self.link_found, &self.release, &self.relink, &self.restore_links];
        let more = [&self.clear_released, &self.refresh_references, &self.rename, &self.unlink_all];
        let update = self.overrides.then_some(&self.update);
        let delete = self.deletes.then_some(&self.delete);
        let optional = links.into_iter().chain(more).flatten().chain(update).chain(delete);
        always.into_iter().chain(optional).map(String::as_str)
    }

    /// `update` for rows of which the stream did not bring these staged columns: they are left as they are.
    pub fn update_without(&self, unchanged: &[usize]) -> String {
        update(&self.shape, unchanged)
    }
}

fn insert(shape: &Shape) -> String {
    let mut outputs: Vec<String> = Vec::new();
    let mut output = |value: &str, name: String| outputs.push(format!("{value} AS {name}"));
    if shape.crosswalk.is_some() {
        let source_values = shape.identity_values().into_iter().chain(shape.reference_values());
        for (value, name) in source_values.zip(shape.source_side()) {
            output(&value, name);
        }
    }
    for (i, column) in shape.primary_key.iter().enumerate() {
        output(&column.value, format!("t{}", i + 1));
    }
    for (i, column) in shape.columns.iter().enumerate() {
        output(&column.value, format!("v{}", i + 1));
    }
    let drawn: Vec<usize> = (0..shape.primary_key.len()).filter(|&i| !shape.primary_key[i].written).collect();
    let names = drawn.iter().map(|&i| shape.primary_key[i].name.clone());
    let names = joined(names.chain(shape.columns.iter().map(|column| column.name.clone())), ", ");
    let values = drawn.iter().map(|i| format!("t{}", i + 1)).chain(numbered('v', shape.columns.len()));
    let values = joined(values, ", ");
    let distinct = if shape.key_is_unique {
        String::new()
    } else {
        format!("DISTINCT ON ({}) ", joined(shape.key.iter().map(|key| key.value.clone()), ", "))
    };
    let (unlinked, link) = match &shape.crosswalk {
        None => (String::new(), String::new()),
        Some(table) => {
            let columns = shape.crosswalk_columns().join(", ");
            (
                format!(" AND NOT EXISTS (SELECT FROM {table} x WHERE {})", shape.link_of_row()),
                format!(
                    ", lnk AS (INSERT INTO {table} ({columns}, created) SELECT {columns}, true FROM todo)"
                ),
            )
        }
    };
    format!(
        "WITH todo AS MATERIALIZED (SELECT {distinct}{} FROM {} s{} \
         WHERE {PICK} AND {LIVING} AND s.\"acequia:u\" = 0 AND {} AND {}{unlinked} \
         AND NOT EXISTS (SELECT FROM {target} t WHERE {})), \
         ins AS (INSERT INTO {target} ({names}) OVERRIDING SYSTEM VALUE SELECT {values} FROM todo RETURNING 1){link} \
         SELECT (SELECT count(*) FROM todo), (SELECT count(*) FROM ins)",
        outputs.join(", "),
        shape.stage,
        shape.parent_joins(),
        shape.key_is_known(),
        shape.resolved(),
        shape.key_match("t"),
        target = shape.target,
    )
}

/// The common form of a statement that journals and changes rows: `m` finds them, with their version, so that a row that
/// somebody else changes in between is not overwritten unseen.
fn change(shape: &Shape, find: &str, values: &[String], set: &str, unchanged: &[usize]) -> String {
    let keys =
        shape.primary_key.iter().enumerate().map(|(i, column)| format!("t.{} AS k{}", column.name, i + 1));
    let values = values.iter().enumerate().map(|(i, value)| format!("{value} AS v{}", i + 1));
    let outputs = joined(keys.chain(values), ", ");
    let same_row = equal(
        prefixed("t", &shape.primary_key_names()),
        prefixed("m", &numbered('k', shape.primary_key.len())),
    );
    format!(
        "WITH m AS MATERIALIZED (SELECT {outputs}, t.xmin AS version, {} AS old {find}), \
         up AS (UPDATE {} t SET {set} FROM m WHERE {same_row} AND t.xmin = m.version RETURNING 1), \
         j AS ({}) SELECT (SELECT count(*) FROM m), (SELECT count(*) FROM up)",
        shape.image(unchanged),
        shape.target,
        shape.journal('u', "$4", "$5"),
    )
}

fn update(shape: &Shape, unchanged: &[usize]) -> String {
    let columns: Vec<_> = shape.columns.iter().filter(|column| !unchanged.contains(&column.staged)).collect();
    let values: Vec<String> = columns.iter().map(|column| column.value.clone()).collect();
    let set = columns.iter().enumerate().map(|(i, column)| format!("{} = m.v{}", column.name, i + 1));
    let differs = joined(columns.iter().map(|column| column.differs.clone()), " OR ");
    let differs = if differs.is_empty() { "false" } else { &differs };
    if columns.is_empty() {
        // Nothing is known but what is not to be touched: there is nothing to write.
        return "SELECT 0::int8, 0::int8 WHERE $1::int4 <= $2::int4 OR $3::int4 = 0 OR $4::text = '' OR $5::int4 = 0".to_owned();
    }
    // The row of a link follows through every key on the way, so that others can take the ones that it leaves.
    let picked = if shape.crosswalk.is_some() { THERE } else { LIVING };
    let find = format!(
        "FROM {} s{}{} WHERE {PICK} AND {picked} AND s.\"acequia:u\" = $3 AND {} AND ({differs})",
        shape.stage,
        shape.parent_joins(),
        shape.own_row_join(),
        shape.resolved(),
    );
    change(shape, &find, &values, &joined(set, ", "), unchanged)
}

fn rename(shape: &Shape) -> String {
    let values: Vec<String> = shape.key.iter().map(|key| key.value.clone()).collect();
    let set =
        joined(shape.key.iter().enumerate().map(|(i, key)| format!("{} = m.v{}", key.name, i + 1)), ", ");
    let find = format!(
        "FROM {} s{} JOIN {target} t ON {} WHERE {PICK} AND {THERE} AND s.\"acequia:u\" >= $3 AND {} IS NOT NULL \
         AND {} AND NOT EXISTS (SELECT FROM {target} n WHERE {})",
        shape.stage,
        shape.parent_joins(),
        shape.old_key_match("t"),
        old_identity(1).concat(),
        shape.resolved(),
        shape.key_match("n"),
        target = shape.target,
    );
    change(shape, &find, &values, &set, &[])
}

fn matched(shape: &Shape, overrides: bool) -> String {
    let (joins, resolved) =
        if overrides { (shape.parent_joins(), shape.resolved()) } else { (String::new(), "true".to_owned()) };
    let joins = if shape.crosswalk.is_some() { joins } else { shape.parent_joins() };
    format!(
        "SELECT count(*) FROM {} s{joins}{} WHERE {PICK} AND {LIVING} AND {resolved}",
        shape.stage,
        shape.own_row_join()
    )
}

fn crosswalk(shape: &Shape) -> &str {
    shape.crosswalk.as_deref().unwrap_or_default()
}

fn unlink_stale(shape: &Shape) -> String {
    format!(
        "DELETE FROM {} x USING {} s WHERE {PICK} AND {LIVING} AND {} AND NOT EXISTS (SELECT FROM {} t WHERE {})",
        crosswalk(shape),
        shape.stage,
        shape.link_of_row(),
        shape.target,
        shape.row_of_link("x"),
    )
}

fn link_found(shape: &Shape) -> String {
    let columns = shape.crosswalk_columns();
    let keys = prefixed("t", &shape.primary_key_names());
    let values = shape.identity_values().into_iter().chain(shape.reference_values()).chain(keys.clone());
    let outputs = joined(values.zip(&columns).map(|(value, name)| format!("{value} AS {name}")), ", ");
    let targets = numbered('t', shape.primary_key.len());
    let taken = equal(prefixed("x", &targets), prefixed("c", &targets));
    format!(
        "INSERT INTO {link} ({columns}, created) SELECT {columns}, false FROM (\
         SELECT {outputs}, count(*) OVER (PARTITION BY s.\"acequia:n\") AS candidates, \
         row_number() OVER (PARTITION BY {} ORDER BY s.\"acequia:n\") AS claim \
         FROM {} s{} JOIN {} t ON {} WHERE {PICK} AND {LIVING} \
         AND NOT EXISTS (SELECT FROM {link} x WHERE {})) c \
         WHERE candidates = 1 AND claim = 1 AND NOT EXISTS (SELECT FROM {link} x WHERE {taken})",
        keys.join(", "),
        shape.stage,
        shape.parent_joins(),
        shape.target,
        shape.key_match("t"),
        shape.link_of_row(),
        link = crosswalk(shape),
        columns = columns.join(", "),
    )
}

fn create_released(shape: &Shape) -> String {
    let types = shape.identity.iter().chain(&shape.references).map(|(_, type_text)| type_text.clone());
    let types = types.chain(shape.primary_key.iter().map(|column| column.type_text.clone()));
    let columns = shape
        .crosswalk_columns()
        .into_iter()
        .zip(types)
        .map(|(name, type_text)| format!("{name} {type_text}"));
    let table = shape.released.trim_start_matches("pg_temp.");
    format!("CREATE TEMP TABLE IF NOT EXISTS {table} (n int4, {}, created bool)", joined(columns, ", "))
}

fn release(shape: &Shape) -> String {
    let columns = shape.crosswalk_columns();
    let gone = equal(prefixed("x", &numbered('s', shape.identity.len())), old_identity(shape.identity.len()));
    format!(
        "WITH gone AS (DELETE FROM {} x USING {} s WHERE {PICK} AND {gone} RETURNING s.\"acequia:n\" AS n, {}, x.created) \
         INSERT INTO {} (n, {names}, created) SELECT n, {names}, created FROM gone",
        crosswalk(shape),
        shape.stage,
        prefixed("x", &columns).join(", "),
        shape.released,
        names = columns.join(", "),
    )
}

fn relink(shape: &Shape) -> String {
    let values = shape.identity_values().into_iter().chain(shape.reference_values());
    let values = values.chain(prefixed("r", &numbered('t', shape.primary_key.len())));
    // A link that stands under the new identity is of a source row that is gone: a delete that could not be done.
    let identity = numbered('s', shape.identity.len());
    let columns = shape.crosswalk_columns();
    let others = columns
        .iter()
        .filter(|name| !identity.contains(name))
        .map(|name| format!("{name} = excluded.{name}"));
    format!(
        "INSERT INTO {} ({}, created) SELECT {}, r.created FROM {} r JOIN {} s ON s.\"acequia:n\" = r.n \
         WHERE {PICK} AND {THERE} ON CONFLICT ({}) DO UPDATE SET {}, created = excluded.created",
        crosswalk(shape),
        columns.join(", "),
        joined(values, ", "),
        shape.released,
        shape.stage,
        identity.join(", "),
        joined(others, ", "),
    )
}

fn restore_links(shape: &Shape) -> String {
    let columns = shape.crosswalk_columns().join(", ");
    format!(
        "INSERT INTO {} ({columns}, created) SELECT {columns}, created FROM {} WHERE n BETWEEN $1 AND $2 \
         ON CONFLICT DO NOTHING",
        crosswalk(shape),
        shape.released,
    )
}

fn refresh_references(shape: &Shape) -> String {
    let pairs: Vec<(String, String)> =
        numbered('r', shape.references.len()).into_iter().zip(shape.reference_values()).collect();
    let set = joined(pairs.iter().map(|(own, value)| format!("{own} = {value}")), ", ");
    let differs =
        joined(pairs.iter().map(|(own, value)| format!("x.{own} IS DISTINCT FROM {value}")), " OR ");
    format!(
        "UPDATE {} x SET {set} FROM {} s WHERE {PICK} AND {LIVING} AND {} AND ({differs})",
        crosswalk(shape),
        shape.stage,
        shape.link_of_row(),
    )
}

fn delete(shape: &Shape, only_created: bool) -> String {
    let find = if let Some(table) = &shape.crosswalk {
        let targets = numbered('t', shape.primary_key.len());
        format!(
            "FROM {} r JOIN {} s ON s.\"acequia:n\" = r.n JOIN {} t ON {} WHERE {PICK} AND s.\"acequia:op\" = 'D'{} \
                 AND NOT EXISTS (SELECT FROM {table} x WHERE {})",
            shape.released,
            shape.stage,
            shape.target,
            shape.row_of_link("r"),
            if only_created { " AND r.created" } else { "" },
            equal(prefixed("x", &targets), prefixed("r", &targets)),
        )
    } else {
        let names = shape.identity.iter().map(|(name, _)| format!("n.{name}"));
        format!(
            "FROM {stage} s JOIN {} t ON {} WHERE {PICK} AND s.\"acequia:op\" = 'D' \
                 AND NOT EXISTS (SELECT FROM {stage} n WHERE n.\"acequia:op\" <> 'D' AND {})",
            shape.target,
            shape.old_key_match("t"),
            equal(names, old_identity(shape.identity.len())),
            stage = shape.stage,
        )
    };
    let keys =
        shape.primary_key.iter().enumerate().map(|(i, column)| format!("t.{} AS k{}", column.name, i + 1));
    let same_row = equal(
        prefixed("t", &shape.primary_key_names()),
        prefixed("m", &numbered('k', shape.primary_key.len())),
    );
    format!(
        "WITH m AS MATERIALIZED (SELECT {}, t.xmin AS version, {} AS old {find}), \
         del AS (DELETE FROM {} t USING m WHERE {same_row} AND t.xmin = m.version RETURNING 1), j AS ({}) \
         SELECT (SELECT count(*) FROM m), (SELECT count(*) FROM del)",
        joined(keys, ", "),
        shape.image(&[]),
        shape.target,
        shape.journal('d', "$3", "$4"),
    )
}

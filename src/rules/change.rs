//! The statements of a route that change and take away the customer's rows. Each writes the old image to the journal.

use crate::name::Ident;

use super::fragments::{LIVING, PASSING, PICK, THERE, VANISHING, equal, joined, numbered, prefixed};
use super::shape::{Departure, Shape, WrittenColumn, old_identity};

/// The common form of a statement that journals and changes rows: `m` finds them, with their version, so that a row that
/// somebody else changes in between is not overwritten unseen.
fn change(
    shape: &Shape,
    find: &str,
    values: &[String],
    set: &str,
    unchanged: &[usize],
    (lsn, route): (&str, &str),
    (moves, links): (bool, &[&String]),
) -> String {
    let keys =
        shape.primary_key.iter().enumerate().map(|(i, column)| format!("t.{} AS k{}", column.name, i + 1));
    let values = values.iter().enumerate().map(|(i, value)| format!("{value} AS v{}", i + 1));
    let outputs = joined(keys.chain(values), ", ");
    let same_row = equal(
        prefixed("t", &shape.primary_key_names()),
        prefixed("m", &numbered('k', shape.primary_key.len())),
    );
    format!(
        "WITH m AS MATERIALIZED (SELECT {outputs}, t.xmin AS version, {image} AS old {find}), \
         up AS (UPDATE {} t SET {set} FROM m WHERE {same_row} AND t.xmin = m.version \
         RETURNING {}, m.old, hashtextextended({image}, 0) AS after), \
         j AS ({}){} SELECT (SELECT count(*) FROM m), (SELECT count(*) FROM up)",
        shape.target,
        moved_keys(shape),
        journal(shape, moves, lsn, route),
        follow(shape, links),
        image = shape.image(unchanged),
    )
}

/// The customer's primary key before (`o1 …`) and after (`n1 …`).
fn moved_keys(shape: &Shape) -> String {
    let count = shape.primary_key.len();
    let before = prefixed("m", &numbered('k', count)).into_iter().zip(numbered('o', count));
    let after = prefixed("t", &shape.primary_key_names()).into_iter().zip(numbered('n', count));
    joined(before.chain(after).map(|(value, name)| format!("{value} AS {name}")), ", ")
}

/// Keeps what `up` has written over: the old image, and what the row was left as, triggers included.
fn journal(shape: &Shape, moves: bool, lsn: &str, route: &str) -> String {
    let key =
        |letter: char| format!("ROW({})::text", joined(numbered(letter, shape.primary_key.len()), ", "));
    let new_key = if moves { format!("nullif({}, {})", key('n'), key('o')) } else { "NULL".to_owned() };
    format!(
        "INSERT INTO acequia.journal (at, lsn, route, op, key, moved, image, after) \
         SELECT now(), {lsn}::text::pg_lsn, {route}::int4, 'u', {}, {new_key}, old, after FROM up",
        key('o')
    )
}

/// Has links follow rows whose primary key is written.
fn follow(shape: &Shape, links: &[&String]) -> String {
    let count = shape.primary_key.len();
    let targets = numbered('t', count);
    let set =
        joined(targets.iter().zip(numbered('n', count)).map(|(own, new)| format!("{own} = up.{new}")), ", ");
    let is_of = equal(prefixed("x", &targets), prefixed("up", &numbered('o', count)));
    let moved = joined(
        numbered('o', count)
            .iter()
            .zip(numbered('n', count))
            .map(|(o, n)| format!("up.{o} IS DISTINCT FROM up.{n}")),
        " OR ",
    );
    let one = |(i, table): (usize, &&String)| {
        format!(", l{i} AS (UPDATE {table} x SET {set} FROM up WHERE {is_of} AND ({moved}))")
    };
    links.iter().enumerate().map(one).collect()
}

/// Overrides rows where they differ; see [`super::RouteSql::update`].
pub(super) fn update(shape: &Shape, unchanged: &[usize]) -> String {
    override_rows(shape, &shape.given(), |_| true, unchanged)
}

/// Has the row of a link follow through every key on the way, so that others can take the ones that it leaves; see
/// [`super::RouteSql::follow`]. A row that stays behind in the customer keeps its key; one that goes has no need of it.
pub(super) fn follow_key(
    shape: &Shape,
    (on_delete, on_leave): (&Departure, &Departure),
    unchanged: &[usize],
) -> String {
    let mut passing = vec![match on_leave {
        Departure::Delete => PASSING.to_owned(),
        Departure::Ignore | Departure::Set(_) => shape.inside(PASSING),
    }];
    passing.extend(matches!(on_delete, Departure::Delete).then(|| VANISHING.to_owned()));
    let passing = format!("({})", joined(passing, " OR "));
    override_rows(shape, &passing, |column| column.is_of_key, unchanged)
}

/// Writes some columns of the rows for which `picked` is true, where they differ.
fn override_rows(
    shape: &Shape,
    picked: &str,
    is_written: impl Fn(&WrittenColumn) -> bool,
    unchanged: &[usize],
) -> String {
    let columns: Vec<_> = shape
        .columns
        .iter()
        .filter(|column| is_written(column) && !column.depends.iter().any(|one| unchanged.contains(one)))
        .collect();
    let values: Vec<String> = columns.iter().map(|column| column.value.clone()).collect();
    let set = columns.iter().enumerate().map(|(i, column)| format!("{} = m.v{}", column.name, i + 1));
    let differs = joined(columns.iter().map(|column| column.differs.clone()), " OR ");
    let differs = if differs.is_empty() { "false" } else { &differs };
    if columns.is_empty() {
        // Nothing is known but what is not to be touched: there is nothing to write.
        return "SELECT 0::int8, 0::int8 WHERE $1::int4 <= $2::int4 OR $3::int4 = 0 OR $4::text = '' OR $5::int4 = 0".to_owned();
    }
    let find = format!(
        "FROM {} s{}{} WHERE {PICK} AND {picked} AND s.\"acequia:u\" = $3 AND {} AND ({differs}){}",
        shape.stage,
        shape.parent_joins(),
        shape.own_row_join(),
        shape.resolved(),
        shape.not_linked_by(&shape.higher),
    );
    // Where the primary key is carried over, a link would lose its row with the first rename.
    let writes_key = columns.iter().any(|column| shape.primary_key.iter().any(|key| key.name == column.name));
    let links: Vec<&String> =
        if writes_key { shape.crosswalk.iter().chain(&shape.others).collect() } else { Vec::new() };
    change(shape, &find, &values, &joined(set, ", "), unchanged, ("$4", "$5"), (writes_key, &links))
}

/// Moves a row to its new key; see [`super::RouteSql::rename`].
pub(super) fn rename(shape: &Shape, on_delete: &Departure) -> String {
    // What the customer keeps keeps its key.
    let stays = match on_delete {
        Departure::Delete => String::new(),
        Departure::Ignore | Departure::Set(_) => format!(" AND NOT {VANISHING}"),
    };
    let values: Vec<String> = shape.key.iter().map(|key| key.value.clone()).collect();
    let set =
        joined(shape.key.iter().enumerate().map(|(i, key)| format!("{} = m.v{}", key.name, i + 1)), ", ");
    let find = format!(
        "FROM {} s{} JOIN {target} t ON {} WHERE {PICK} AND {THERE}{stays} AND s.\"acequia:u\" >= $3 AND {} IS NOT NULL \
         AND {} AND NOT EXISTS (SELECT FROM {target} n WHERE {})",
        shape.stage,
        shape.parent_joins(),
        shape.old_key_match("t"),
        old_identity(1).concat(),
        shape.resolved(),
        shape.key_match("n"),
        target = shape.target,
    );
    change(shape, &find, &values, &set, &[], ("$4", "$5"), (true, &[]))
}

/// Gives rows a key that nobody has, for as long as it takes others to pass; `$3` LSN, `$4` route. Answers (expected,
/// written). `None` where no such key can be made.
pub(super) fn step_aside(shape: &Shape) -> Option<String> {
    shape.crosswalk.as_ref()?;
    let (name, spare) = shape.key.iter().rev().find_map(|key| Some((&key.name, key.spare.clone()?)))?;
    let is_own = shape.primary_key.iter().any(|column| column.name == *name);
    let links: Vec<&String> =
        if is_own { shape.crosswalk.iter().chain(&shape.others).collect() } else { Vec::new() };
    let find = format!(
        "FROM {} s{} WHERE {PICK} AND {}{}",
        shape.stage,
        shape.own_row_join(),
        shape.given(),
        shape.not_linked_by(&shape.higher),
    );
    Some(change(shape, &find, &[spare], &format!("{name} = m.v1"), &[], ("$3", "$4"), (is_own, &links)))
}

/// Gives rows the key back that they had before the transaction, where nobody has taken it; `$3` LSN, `$4` route. Answers
/// (expected, written). `None` where the old key is not known.
pub(super) fn put_back(shape: &Shape) -> Option<String> {
    shape.crosswalk.as_ref()?;
    if !shape.key.iter().all(|key| key.goes_back) {
        return None;
    }
    let values: Vec<String> = shape.key.iter().map(|key| key.old_value.clone()).collect();
    let set =
        joined(shape.key.iter().enumerate().map(|(i, key)| format!("{} = m.v{}", key.name, i + 1)), ", ");
    let find = format!(
        "FROM {} s{} WHERE {PICK} AND {} IS NOT NULL{} AND NOT EXISTS (SELECT FROM {} n WHERE {})",
        shape.stage,
        shape.own_row_join(),
        old_identity(1).concat(),
        shape.not_linked_by(&shape.higher),
        shape.target,
        shape.old_key_match("n"),
    );
    let links = links_of_key(shape);
    Some(change(shape, &find, &values, &set, &[], ("$3", "$4"), (!links.is_empty(), &links)))
}

/// The crosswalks that follow a row whose natural key is written, because it is the primary key.
fn links_of_key(shape: &Shape) -> Vec<&String> {
    let is_own = shape.key.iter().any(|key| shape.primary_key.iter().any(|column| column.name == key.name));
    if is_own { shape.crosswalk.iter().chain(&shape.others).collect() } else { Vec::new() }
}

/// What becomes of the rows that a condition finds (`FROM … WHERE …`, the customer's row is `t`). `$3` LSN, `$4` route.
/// Answers (expected, written). `None` where nothing does.
pub(super) fn depart(shape: &Shape, departure: &Departure, find: &str) -> Option<String> {
    match departure {
        Departure::Ignore => None,
        Departure::Delete => Some(delete(shape, find)),
        Departure::Set(columns) => {
            let values: Vec<String> = columns.iter().map(|(_, value)| value.clone()).collect();
            let set =
                columns.iter().enumerate().map(|(i, (name, _))| format!("{} = m.v{}", name.quoted(), i + 1));
            let differs = columns
                .iter()
                .map(|(name, value)| format!("t.{}::text IS DISTINCT FROM ({value})::text", name.quoted()));
            let find = format!("{find} AND ({})", joined(differs, " OR "));
            let is_key = |name: &Ident| shape.primary_key.iter().any(|key| key.name == name.quoted());
            let moves = columns.iter().any(|(name, _)| is_key(name));
            Some(change(shape, &find, &values, &joined(set, ", "), &[], ("$3", "$4"), (moves, &[])))
        }
    }
}

/// The rows of links that were released because the source row is gone, and that no source row has claimed again.
pub(super) fn gone(shape: &Shape, only_created: bool) -> String {
    if let Some(table) = &shape.crosswalk {
        let targets = numbered('t', shape.primary_key.len());
        format!(
            "FROM {} r JOIN {} s ON s.\"acequia:n\" = r.n JOIN {} t ON {} WHERE {PICK} AND s.\"acequia:op\" = 'D'{}{} \
                 AND NOT EXISTS (SELECT FROM {table} x WHERE {})",
            shape.released,
            shape.stage,
            shape.target,
            shape.row_of_link("r"),
            if only_created { " AND r.created" } else { "" },
            shape.not_linked_by(&shape.others),
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
    }
}

/// The rows of source rows that are there, and outside `where`: by the link, or where they are to be deleted by the link
/// that was released, unless another source row has claimed the row.
pub(super) fn left(shape: &Shape, released: bool, only_created: bool) -> Option<String> {
    let (filter, table) = shape.filter.as_ref().zip(shape.crosswalk.as_ref())?;
    let others = shape.not_linked_by(&shape.others);
    if !released {
        let created = if only_created { " AND x.created" } else { "" };
        let (stage, own_row) = (&shape.stage, shape.own_row_join());
        return Some(format!(
            "FROM {stage} s{own_row} WHERE {PICK} AND {LIVING} AND ({filter}) IS NOT TRUE{created}{others}"
        ));
    }
    let targets = numbered('t', shape.primary_key.len());
    Some(format!(
        "FROM {} r JOIN {} s ON s.\"acequia:n\" = r.n JOIN {} t ON {} WHERE {PICK} AND {LIVING} AND ({filter}) IS NOT TRUE{others} \
         AND NOT EXISTS (SELECT FROM {table} x WHERE {})",
        shape.released,
        shape.stage,
        shape.target,
        shape.row_of_link("r"),
        equal(prefixed("x", &targets), prefixed("r", &targets)),
    ))
}

/// Takes rows away. Their images are whole, so that they can be put back.
fn delete(shape: &Shape, find: &str) -> String {
    let names = numbered('k', shape.primary_key.len());
    let keys =
        shape.primary_key.iter().enumerate().map(|(i, column)| format!("t.{} AS k{}", column.name, i + 1));
    let same_row = equal(
        prefixed("t", &shape.primary_key_names()),
        prefixed("m", &numbered('k', shape.primary_key.len())),
    );
    format!(
        "WITH m AS MATERIALIZED (SELECT {}, t.xmin AS version, {} AS old {find}), \
         del AS (DELETE FROM {} t USING m WHERE {same_row} AND t.xmin = m.version RETURNING {}, m.old), \
         j AS (INSERT INTO acequia.journal (at, lsn, route, op, key, image) \
         SELECT now(), $3::text::pg_lsn, $4::int4, 'd', ROW({})::text, old FROM del) \
         SELECT (SELECT count(*) FROM m), (SELECT count(*) FROM del)",
        joined(keys, ", "),
        shape.whole_image(),
        shape.target,
        joined(prefixed("m", &names), ", "),
        joined(names, ", "),
    )
}

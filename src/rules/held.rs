//! The statements that park rows of a wave for a customer that is held.
//!
//! They need the stage and the control schema, and nothing of the customer's own: its table may be locked, broken or gone.
//! The newest state of each source row wins, its first position stays. What one state leaves out (TOASTed values) comes
//! from the state that was parked before. An identity that is deleted and used again is parked as `replace`: the delete
//! first, then the new row.
//!
//! Parameters of all: `$1`, `$2` rows of the stage, `$3` from, `$4` to, `$5` data set, `$6` generation; for the two that
//! insert also `$7` flow, `$8` sync, `$9` LSN, `$10` reason.

use super::fragments::{PICK, joined};
use super::shape::{key_text, old_identity};
use super::stage::{StagedColumn, old_column};

/// Creates the session's table of what was parked under identities that rows of the stage have left.
pub const CREATE_MOVED: &str = "CREATE TEMP TABLE IF NOT EXISTS parked_moved (n int4, payload json, unchanged text[], origin text, \
     first_lsn pg_lsn, first_at timestamptz)";
/// Empties it.
pub const FORGET_MOVED: &str = "DELETE FROM pg_temp.parked_moved";

/// The entry of one source row for one customer.
const ENTRY: &str = "p.from_customer = $3 AND p.to_customer = $4 AND p.dataset = $5";
/// Nothing rings a timer for rows that are held: their hold does.
const COLUMNS: &str = "flow, sync, from_customer, to_customer, dataset, key, op, payload, unchanged, reason, first_lsn, \
     last_lsn, first_at, next_try_at, generation, moved_from";

/// Statements of one source table, for every customer that receives it.
#[derive(Debug)]
pub struct HeldSql {
    /// Takes what was parked under an identity that its row has left, for [`HeldSql::park_all`] to go on from.
    pub take_moved: String,
    /// Parks deletes that the states on the stage don't show: of an identity whose row can't keep its link because a delete
    /// of the new identity is parked; of the identity under which a customer without a crosswalk knows a row.
    pub add_deletes: String,
    /// Parks the rows. `$11` for each set of unchanged columns their names as an array's text, `$12` whether a row that
    /// moved has to be found by its old identity (there is no crosswalk). Answers (parked, of them new).
    pub park_all: String,
    /// Puts what is parked of the staged rows aside, into `pg_temp.parked_aside`. `$1` from, `$2` to, `$3` data set.
    pub put_aside: String,
}

impl HeldSql {
    /// Writes the statements for a stage.
    pub(super) fn new(stage: &str, columns: &[StagedColumn], identity: &[usize]) -> Self {
        let values: Vec<String> =
            identity.iter().map(|&column| format!("s.{}", columns[column].name.quoted())).collect();
        let (new, old) = (key_text(&values), key_text(&old_identity(identity.len())));
        Self {
            take_moved: take_moved(stage, &old),
            add_deletes: add_deletes(stage, &new, &old),
            park_all: park_all(stage, columns, &new, &old),
            put_aside: put_aside(stage, &new),
        }
    }
}

fn put_aside(stage: &str, new: &str) -> String {
    format!(
        "WITH gone AS (DELETE FROM acequia.parked p WHERE p.from_customer = $1 AND p.to_customer = $2 AND p.dataset = $3 \
         AND p.reason IN ('paused', 'locked', 'broken', 'scheduled', 'backfill') AND p.key = ANY (ARRAY(SELECT {new} FROM {stage} s)) \
         RETURNING p.*) \
         INSERT INTO pg_temp.parked_aside SELECT * FROM gone"
    )
}

/// The row has another identity than before.
fn moved() -> String {
    format!("s.\"acequia:op\" <> 'D' AND s.{} IS NOT NULL", old_column(0))
}

fn take_moved(stage: &str, old: &str) -> String {
    // Under an identity that another parked row has left, the customer has that one.
    let origin = "CASE WHEN p.moved_from IS NOT NULL THEN p.moved_from WHEN NOT EXISTS (SELECT FROM acequia.parked o \
                  WHERE o.to_customer = $4 AND o.moved_from = p.key AND o.from_customer = $3 AND o.dataset = $5) THEN p.key END";
    format!(
        "WITH m AS MATERIALIZED (SELECT s.\"acequia:n\" AS n, {old} AS old FROM {stage} s WHERE {PICK} AND {}), \
         taken AS (DELETE FROM acequia.parked p USING m WHERE {ENTRY} AND p.key = m.old AND p.op = 'upsert' \
         RETURNING m.n, p.payload, p.unchanged, {origin}, p.first_lsn, p.first_at), \
         kept AS (UPDATE acequia.parked p SET op = 'delete', generation = $6 FROM m WHERE {ENTRY} AND p.key = m.old \
         AND p.op = 'replace' RETURNING m.n, p.payload, p.unchanged, NULL::text, p.first_lsn, p.first_at) \
         INSERT INTO pg_temp.parked_moved SELECT * FROM taken UNION ALL SELECT * FROM kept",
        moved()
    )
}

fn add_deletes(stage: &str, new: &str, old: &str) -> String {
    format!(
        "INSERT INTO acequia.parked ({COLUMNS}) SELECT $7::text, $8::text, $3::text, $4::text, $5::text, k.key, 'delete', '{{}}'::json, '{{}}'::text[], $10::text, \
         $9::text::pg_lsn, $9::text::pg_lsn, now(), 'infinity'::timestamptz, $6::int8, NULL::text FROM (\
         SELECT {old} AS key FROM {stage} s JOIN acequia.parked p ON {ENTRY} AND p.key = {new} AND p.op <> 'upsert' \
         WHERE {PICK} AND {} UNION \
         SELECT p.moved_from FROM {stage} s JOIN acequia.parked p ON {ENTRY} AND p.key = {old} AND p.moved_from IS NOT NULL \
         WHERE {PICK} AND s.\"acequia:op\" = 'D') k ON CONFLICT DO NOTHING",
        moved()
    )
}

fn park_all(stage: &str, columns: &[StagedColumn], new: &str, old: &str) -> String {
    // Each as its text: JSON's own null, numbers and arrays would not come back as they were.
    let values =
        joined(columns.iter().map(|column| format!("s.{0}::text AS {0}", column.name.quoted())), ", ");
    let merged = |before: &str, after: &str, unchanged: &str| {
        format!("({before}::jsonb || ({after}::jsonb - {unchanged}))::json")
    };
    let both = |a: &str, b: &str| format!("ARRAY(SELECT unnest({a}) INTERSECT SELECT unnest({b}))");
    let joins = "excluded.op = 'upsert' AND parked.op <> 'delete' AND excluded.unchanged <> '{}'";
    format!(
        "WITH here AS MATERIALIZED (SELECT s.\"acequia:n\" AS n, {new} AS key, \
         CASE WHEN m.n IS NULL OR v.unchanged = '{{}}' THEN v.payload ELSE {} END AS payload, \
         CASE WHEN m.n IS NULL OR v.unchanged = '{{}}' THEN v.unchanged ELSE {} END AS unchanged, \
         CASE WHEN $12::bool AND s.{first_old} IS NOT NULL THEN CASE WHEN m.n IS NULL THEN {old} ELSE m.origin END END AS origin, \
         m.first_lsn, m.first_at \
         FROM {stage} s LEFT JOIN pg_temp.parked_moved m ON m.n = s.\"acequia:n\" CROSS JOIN LATERAL (\
         SELECT (SELECT row_to_json(\"acequia:row\") FROM (SELECT {values}) \"acequia:row\"), \
         coalesce(($11::text[])[s.\"acequia:u\"], '{{}}')::text[]) v (payload, unchanged) \
         WHERE {PICK} AND s.\"acequia:op\" <> 'D'), \
         gone AS MATERIALIZED (SELECT s.\"acequia:n\" AS n, {old} AS key FROM {stage} s WHERE {PICK} AND s.\"acequia:op\" = 'D'), \
         ins AS (INSERT INTO acequia.parked AS parked ({COLUMNS}) \
         SELECT $7::text, $8::text, $3::text, $4::text, $5::text, key, \
         CASE WHEN h.n IS NULL THEN 'delete' WHEN g.n IS NULL THEN 'upsert' ELSE 'replace' END, \
         coalesce(h.payload, '{{}}'::json), coalesce(h.unchanged, '{{}}'), $10::text, coalesce(h.first_lsn, $9::text::pg_lsn), \
         $9::text::pg_lsn, coalesce(h.first_at, now()), 'infinity'::timestamptz, $6::int8, nullif(h.origin, key) \
         FROM here h FULL JOIN gone g USING (key) ORDER BY coalesce(h.n, g.n) \
         ON CONFLICT (from_customer, to_customer, dataset, key) DO UPDATE SET flow = excluded.flow, sync = excluded.sync, \
         op = CASE WHEN excluded.op <> 'upsert' OR parked.op = 'upsert' THEN excluded.op ELSE 'replace' END, \
         payload = CASE WHEN {joins} THEN {} ELSE excluded.payload END, \
         unchanged = CASE WHEN {joins} THEN {} ELSE excluded.unchanged END, \
         moved_from = CASE WHEN excluded.op = 'upsert' AND parked.op = 'upsert' THEN coalesce(excluded.moved_from, parked.moved_from) END, \
         reason = excluded.reason, waits_for = NULL, waits_key = NULL, sqlstate = NULL, object = NULL, \
         last_lsn = excluded.last_lsn, last_at = now(), next_try_at = 'infinity', generation = excluded.generation \
         RETURNING xmax = 0 AS is_new) \
         SELECT count(*), count(*) FILTER (WHERE is_new) FROM ins",
        merged("m.payload", "v.payload", "v.unchanged"),
        both("m.unchanged", "v.unchanged"),
        merged("parked.payload", "excluded.payload", "excluded.unchanged"),
        both("parked.unchanged", "excluded.unchanged"),
        first_old = old_column(0),
    )
}

//! SQL of a revert: for one table of a customer, what we did to each row is walked back, the newest change first.
//!
//! A *chain* is what we did to one row, a rename included. Its newest entry must have left the row as it is now, and each
//! older one must have left what the next one found: then nobody else has changed what we changed, and the row may be
//! put back. Everything happens in temporary tables at the server, so that no value is seen in between:
//!
//! ```text
//! revert_entry_1    the journal's entries, each with its chain and its rank there, from 1, the newest
//! revert_chain_1    the chains: where the row is now, and what became of it
//! revert_state_1    each chain's row: as it is now, and after the walk as it is to be
//! revert_key_1, revert_image_1_1 …    row types, to read keys and images by
//! revert_route_1    the numbers under which this revert is journaled
//! ```
//!
//! `c` is a chain, `e` an entry, `s` a state, `t` the customer's row. `$1 ..= $2` are chains, so that a statement that
//! fails can be halved down to the row at fault.

/// Images of one list of columns.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Variant {
    /// Their columns, quoted.
    pub(super) columns: Vec<String>,
    /// The customer's table still has them all, and the same primary key.
    pub(super) fits: bool,
    /// There are changes among them, not only rows that were deleted.
    pub(super) changes: bool,
}

/// One table of a customer, and the lists of columns that its images have.
#[derive(Debug)]
pub(super) struct Chains {
    /// Its number in this revert.
    pub(super) number: usize,
    /// Quoted name.
    pub(super) target: String,
    /// All columns that can be written, quoted.
    pub(super) whole: Vec<String>,
    /// Those of `whole` that only an INSERT may write.
    pub(super) always: Vec<String>,
    /// Primary key, quoted.
    pub(super) key: Vec<String>,
    /// The lists of columns of images.
    pub(super) variants: Vec<Variant>,
    /// What was done to its rows.
    pub(super) ops: Vec<String>,
    /// This role may lock rows: it may update them.
    pub(super) may_lock: bool,
    /// Crosswalks that link rows of this table, quoted.
    pub(super) links: Vec<String>,
}

/// The chains that a statement is about: those of which nothing is known that stands in the way.
const OPEN: &str = "c.chain BETWEEN $1 AND $2 AND c.outcome IS NULL";

/// A list, each of its parts written this way.
fn list(parts: &[String], each: impl Fn(usize, &str) -> String, between: &str) -> String {
    let parts: Vec<String> = parts.iter().enumerate().map(|(i, part)| each(i + 1, part)).collect();
    parts.join(between)
}

/// `a.x, a.y`
fn of(alias: &str, names: &[String]) -> String {
    list(names, |_, name| format!("{alias}.{name}"), ", ")
}

/// `k1, k2`
fn numbered(letter: char, names: &[String]) -> String {
    list(names, |i, _| format!("{letter}{i}"), ", ")
}

/// `a.x AS k1, a.y AS k2`
fn named(alias: &str, names: &[String], letter: char) -> String {
    list(names, |i, name| format!("{alias}.{name} AS {letter}{i}"), ", ")
}

impl Chains {
    fn entry(&self) -> String {
        format!("pg_temp.revert_entry_{}", self.number)
    }

    /// The table of chains.
    pub(super) fn chain(&self) -> String {
        format!("pg_temp.revert_chain_{}", self.number)
    }

    fn state(&self) -> String {
        format!("pg_temp.revert_state_{}", self.number)
    }

    fn row_type(&self, what: &str) -> String {
        format!("pg_temp.revert_{what}_{}", self.number)
    }

    fn image_type(&self, variant: usize) -> String {
        format!("pg_temp.revert_image_{}_{variant}", self.number)
    }

    /// `t` has the primary key in these columns, `{}` standing for each column's number.
    fn is_row(&self, key: &str) -> String {
        list(&self.key, |i, name| format!("t.{name} = {}", key.replace("{}", &i.to_string())), " AND ")
    }

    /// The chains at hand with their keys read: `c.k`.
    fn keyed(&self, more: &str) -> String {
        format!(
            "(SELECT c.*, c.key::{} AS k FROM {} c WHERE {OPEN}{more} OFFSET 0) c",
            self.row_type("key"),
            self.chain()
        )
    }

    /// `t` is the row of the keyed chain `c`.
    fn is_of_chain(&self) -> String {
        list(&self.key, |_, name| format!("t.{name} = (c.k).{name}"), " AND ")
    }

    /// What changes of a row are put back: the columns that some change of ours may have written.
    pub(super) fn changed(&self) -> Vec<String> {
        let given = |name: &&String| {
            let mut fitting = self.variants.iter().filter(|variant| variant.fits && variant.changes);
            !self.always.contains(name) && fitting.any(|variant| variant.columns.contains(name))
        };
        self.whole.iter().filter(given).cloned().collect()
    }

    /// Makes the tables.
    pub(super) fn prepare(&self) -> String {
        let Self { number, target, whole, key, .. } = self;
        let like = |table: String, columns: &str| {
            let table = table.trim_start_matches("pg_temp.").to_owned();
            format!(
                "CREATE TEMP TABLE {table} ON COMMIT DROP AS SELECT {columns} FROM {target} t WITH NO DATA; "
            )
        };
        let mut sql = format!(
            "CREATE TEMP TABLE revert_entry_{number} (id int8, op \"char\", key text, moved text, image text, after int8, \
             variant int4, flow text, from_customer text, chain int4, rank int4) ON COMMIT DROP; \
             CREATE TEMP TABLE revert_chain_{number} (chain int4 PRIMARY KEY, key text, flow text, from_customer text, \
             gone bool, whole bool, variant int4, length int4, outcome text, sqlstate text, object text) ON COMMIT DROP; \
             CREATE TEMP TABLE revert_route_{number} (flow text, from_customer text, kind text, id int4) ON COMMIT DROP; "
        );
        sql += &like(self.row_type("key"), &of("t", key));
        let state =
            "0::int4 AS \"acequia:chain\", false AS \"acequia:there\", ''::text AS \"acequia:version\"";
        let state = format!("{state}, {}", of("t", whole));
        sql += &like(self.state(), &state);
        for (i, variant) in self.variants.iter().enumerate().filter(|(_, variant)| variant.fits) {
            sql += &like(self.image_type(i + 1), &of("t", &variant.columns));
        }
        sql
    }

    /// Takes the entries of a scope: `$1` sync, `$2` customer, `$3` data set, `$4` since, `$5` until, `$6` routes, and `$7`
    /// for each of them which variant its images are.
    pub(super) fn take(&self) -> String {
        format!(
            "INSERT INTO {} (id, op, key, moved, image, after, variant, flow, from_customer) \
             SELECT j.id, j.op, j.key, j.moved, j.image, j.after, v.n, r.flow, r.from_customer \
             FROM acequia.journal j JOIN acequia.route r ON r.id = j.route \
             JOIN unnest($6::int4[], $7::int4[]) v (route, n) ON v.route = r.id \
             WHERE r.sync = $1 AND r.to_customer = $2 AND r.dataset = $3 AND j.at >= $4::text::timestamptz \
             AND ($5::text IS NULL OR j.at < $5::text::timestamptz)",
            self.entry()
        )
    }

    /// What was done, and in images of which variant.
    pub(super) fn deeds(&self) -> String {
        format!("SELECT DISTINCT op::text, variant FROM {}", self.entry())
    }

    /// Finds the chains. An entry goes on with the row that the one before left at its key; what was deleted goes on only
    /// where a revert put it back.
    pub(super) fn link(&self) -> String {
        let (entry, chain, state) = (self.entry(), self.chain(), self.state());
        let unfit: Vec<String> =
            (1..=self.variants.len()).filter(|n| !self.variants[n - 1].fits).map(|n| n.to_string()).collect();
        let unfit = unfit.join(", ");
        format!(
            "WITH RECURSIVE event AS (SELECT id, key, false AS arrives, op, moved FROM {entry} \
             UNION ALL SELECT id, moved, true, op, NULL FROM {entry} WHERE moved IS NOT NULL), \
             look AS (SELECT *, lag(id) OVER w AS last, lag(arrives) OVER w AS last_arrives, lag(op) OVER w AS last_op, \
             lag(moved) OVER w AS last_moved FROM event WINDOW w AS (PARTITION BY key ORDER BY id)), \
             own AS (SELECT id, key, CASE WHEN last_arrives AND op <> 'I' THEN last END AS came, \
             last IS NULL OR last_arrives OR last_moved IS NOT NULL OR (last_op IN ('d', 'D')) <> (op = 'I') AS begins \
             FROM look WHERE NOT arrives), \
             piece AS (SELECT *, max(id) FILTER (WHERE begins) OVER (PARTITION BY key ORDER BY id) AS piece FROM own), \
             hop AS (SELECT p.piece AS before, n.piece FROM piece n JOIN piece p ON p.id = n.came), \
             root AS (SELECT piece, piece AS root FROM piece WHERE begins AND came IS NULL \
             UNION ALL SELECT hop.piece, root.root FROM root JOIN hop ON hop.before = root.piece), \
             place AS (SELECT p.id, dense_rank() OVER (ORDER BY r.root) AS chain, \
             row_number() OVER (PARTITION BY r.root ORDER BY p.id DESC) AS rank FROM piece p JOIN root r USING (piece)) \
             UPDATE {entry} e SET chain = p.chain, rank = p.rank FROM place p WHERE p.id = e.id; \
             CREATE INDEX ON {entry} (rank, chain); CREATE INDEX ON {state} (\"acequia:chain\"); ANALYZE {entry}; \
             INSERT INTO {chain} SELECT e.chain, coalesce(e.moved, e.key), e.flow, e.from_customer, e.op IN ('d', 'D'), \
             a.whole, e.variant, a.length, CASE WHEN a.unfit THEN 'table' END FROM {entry} e JOIN (SELECT chain, \
             bool_or(op = 'I') AS whole, count(*) AS length, bool_or(variant = ANY ('{{{unfit}}}'::int4[])) AS unfit FROM {entry} \
             GROUP BY chain) a USING (chain) WHERE e.rank = 1; ANALYZE {chain}"
        )
    }

    /// Locks and reads the rows as they are, and walks them back through chains of up to `length` entries.
    pub(super) fn walk(&self, length: usize) -> Vec<String> {
        let (chain, state) = (self.chain(), self.state());
        let whole = self.whole.join(", ");
        let mut steps = vec![
            format!(
                "INSERT INTO {state} (\"acequia:chain\", \"acequia:there\", \"acequia:version\", {whole}) \
                 SELECT c.chain, true, t.xmin::text, {} \
                 FROM {} JOIN {} t ON {}{}",
                of("t", &self.whole),
                self.keyed(" AND NOT c.gone"),
                self.target,
                self.is_of_chain(),
                if self.may_lock { " FOR UPDATE OF t" } else { "" },
            ),
            format!(
                "UPDATE {chain} c SET outcome = 'gone' WHERE {OPEN} AND NOT c.gone \
                 AND NOT EXISTS (SELECT FROM {state} s WHERE s.\"acequia:chain\" = c.chain)"
            ),
            format!(
                "INSERT INTO {state} (\"acequia:chain\", \"acequia:there\") SELECT c.chain, false FROM {chain} c \
                 WHERE {OPEN} AND c.gone"
            ),
        ];
        for rank in 1..=length {
            for (i, variant) in self.variants.iter().enumerate().filter(|(_, variant)| variant.fits) {
                steps.push(self.check(rank, i + 1, variant));
                steps.push(self.step_back(rank, i + 1, variant));
            }
        }
        steps
    }

    /// Refuses the chains whose entry of that rank did not leave what is there.
    fn check(&self, rank: usize, number: usize, variant: &Variant) -> String {
        let why = if rank == 1 { "changed" } else { "between" };
        format!(
            "UPDATE {} c SET outcome = '{why}' FROM {} e JOIN {} s ON s.\"acequia:chain\" = e.chain \
             WHERE e.rank = {rank} AND e.variant = {number} AND e.chain = c.chain AND {OPEN} \
             AND CASE WHEN e.op IN ('d', 'D') THEN s.\"acequia:there\" ELSE NOT s.\"acequia:there\" OR e.after IS NULL \
             OR hashtextextended(ROW({})::text, 0) <> e.after END",
            self.chain(),
            self.entry(),
            self.state(),
            of("s", &variant.columns),
        )
    }

    /// Takes the entries of that rank back in the states.
    fn step_back(&self, rank: usize, number: usize, variant: &Variant) -> String {
        let (chain, entry, state) = (self.chain(), self.entry(), self.state());
        let set = list(
            &variant.columns,
            |i, name| format!("{name} = CASE WHEN i.put_back THEN s.{name} ELSE i.v{i} END"),
            ", ",
        );
        let values = list(&variant.columns, |i, name| format!("(image).{name} AS v{i}"), ", ");
        format!(
            "UPDATE {state} s SET \"acequia:there\" = NOT i.put_back, {set} FROM (SELECT chain, put_back, {values} \
             FROM (SELECT e.chain, e.op = 'I' AS put_back, CASE WHEN e.op <> 'I' THEN e.image::{} END AS image FROM {entry} e \
             JOIN {chain} c ON c.chain = e.chain WHERE e.rank = {rank} AND e.variant = {number} AND {OPEN} OFFSET 0) e) i \
             WHERE s.\"acequia:chain\" = i.chain",
            self.image_type(number),
        )
    }

    /// Leaves out rows that would refer to another row than before, because that one has the number now: `columns` refer to
    /// the primary key of `parent`, in its order.
    pub(super) fn strangers(&self, parent: &Self, columns: &[String]) -> String {
        let refers = list(&parent.key, |i, name| format!("s.{} = (p.k).{name}", columns[i - 1]), " AND ");
        format!(
            "UPDATE {} c SET outcome = 'stranger' FROM {} s, (SELECT key::{} AS k FROM {} WHERE outcome = 'taken' OFFSET 0) p \
             WHERE s.\"acequia:chain\" = c.chain AND s.\"acequia:there\" AND c.outcome IS NULL AND {refers}",
            self.chain(),
            self.state(),
            parent.row_type("key"),
            parent.chain(),
        )
    }

    /// What needs no change, and what can't be put back because another row has its primary key.
    pub(super) fn look(&self) -> Vec<String> {
        let taken = format!(
            "UPDATE {} u SET outcome = 'taken' FROM {} JOIN {} t ON {} WHERE u.chain = c.chain",
            self.chain(),
            self.keyed(" AND c.gone"),
            self.target,
            self.is_of_chain(),
        );
        vec![self.nothing_to_do(), taken]
    }

    /// Puts rows back: what was changed, then what was deleted. Only what has to be done: this role has no more privileges
    /// than the rule needs.
    pub(super) fn put_back(&self) -> Vec<String> {
        let mut steps = Vec::new();
        if self.did("uU") {
            steps.push(self.update(&self.changed(), false));
        }
        if self.did("I") && self.may_lock {
            let rest = self.whole.iter().filter(|name| !self.always.contains(name));
            steps.push(self.update(&rest.cloned().collect::<Vec<_>>(), true));
        }
        if self.did("dD") {
            let fitting = self.variants.iter().enumerate().filter(|(_, variant)| variant.fits);
            steps.extend(fitting.map(|(i, variant)| self.insert(i + 1, variant)));
        }
        steps.push("SET CONSTRAINTS ALL IMMEDIATE".to_owned());
        steps.push(self.swallowed("s.\"acequia:there\""));
        steps
    }

    /// Takes away what a revert had put back.
    pub(super) fn take_away(&self) -> Vec<String> {
        if !self.did("I") {
            return Vec::new();
        }
        vec![
            self.delete(),
            "SET CONSTRAINTS ALL IMMEDIATE".to_owned(),
            self.swallowed("NOT s.\"acequia:there\" AND NOT c.gone"),
        ]
    }

    /// Whether one of these was done to some row.
    fn did(&self, ops: &str) -> bool {
        self.ops.iter().any(|op| ops.contains(op.as_str()))
    }

    /// Rows that are as they are to be.
    fn nothing_to_do(&self) -> String {
        let all: Vec<String> = self.whole.clone();
        format!(
            "UPDATE {} u SET outcome = 'already' FROM {} JOIN {} s ON s.\"acequia:chain\" = c.chain LEFT JOIN {} t ON {} \
             WHERE u.chain = c.chain AND CASE WHEN c.gone THEN NOT s.\"acequia:there\" ELSE s.\"acequia:there\" \
             AND ROW({})::text IS NOT DISTINCT FROM ROW({})::text END",
            self.chain(),
            self.keyed(""),
            self.state(),
            self.target,
            self.is_of_chain(),
            of("s", &all),
            of("t", &all),
        )
    }

    fn update(&self, columns: &[String], whole: bool) -> String {
        let set = list(columns, |i, name| format!("{name} = m.v{i}"), ", ");
        let moves = columns.iter().any(|name| self.key.contains(name));
        let key = |letter: char| format!("ROW({})::text", numbered(letter, &self.key));
        let new_key = if moves { format!("nullif({}, {})", key('n'), key('o')) } else { "NULL".to_owned() };
        format!(
            "WITH m AS MATERIALIZED (SELECT c.chain, c.flow, c.from_customer, {}, {}, ROW({})::text AS old, \
             ROW({})::text AS wanted FROM {} JOIN {} s ON s.\"acequia:chain\" = c.chain AND s.\"acequia:there\" \
             JOIN {target} t ON {}), \
             up AS (UPDATE {target} t SET {set} FROM m WHERE {} RETURNING m.chain, m.flow, m.from_customer, {}, {}, m.old, \
             m.wanted, ROW({})::text AS became), {}{} \
             UPDATE {} c SET outcome = CASE WHEN became = wanted THEN 'done' ELSE 'altered' END FROM up WHERE up.chain = c.chain",
            named("t", &self.key, 'k'),
            named("s", columns, 'v'),
            of("t", columns),
            of("s", columns),
            self.keyed(&format!(" AND NOT c.gone AND c.whole = {whole}")),
            self.state(),
            self.is_of_chain(),
            self.is_row("m.k{}"),
            list(&self.key, |i, _| format!("m.k{i} AS o{i}"), ", "),
            named("t", &self.key, 'n'),
            of("t", columns),
            self.journal(
                ('U', if whole { "rewritten" } else { "changed" }),
                (&key('o'), &new_key, "old", "hashtextextended(became, 0)")
            ),
            if moves { self.follow() } else { String::new() },
            self.chain(),
            target = self.target,
        )
    }

    /// Has the links follow rows whose primary key is put back.
    fn follow(&self) -> String {
        let set = list(&self.key, |i, _| format!("t{i} = up.n{i}"), ", ");
        let is_of = list(&self.key, |i, _| format!("x.t{i} = up.o{i}"), " AND ");
        let moved = list(&self.key, |i, _| format!("up.o{i} IS DISTINCT FROM up.n{i}"), " OR ");
        list(
            &self.links,
            |i, link| format!(", l{i} AS (UPDATE {link} x SET {set} FROM up WHERE {is_of} AND ({moved}))"),
            "",
        )
    }

    fn insert(&self, number: usize, variant: &Variant) -> String {
        let names = variant.columns.join(", ");
        let same = list(&self.key, |i, _| format!("ins.n{i} = m.k{i}"), " AND ");
        let key = format!("ROW({})::text", numbered('n', &self.key));
        format!(
            "WITH m AS MATERIALIZED (SELECT c.chain, c.flow, c.from_customer, {}, {}, ROW({})::text AS wanted \
             FROM {} c JOIN {} s ON s.\"acequia:chain\" = c.chain AND s.\"acequia:there\" WHERE {OPEN} AND c.gone AND c.variant = {number}), \
             ins AS (INSERT INTO {} AS t ({names}) OVERRIDING SYSTEM VALUE SELECT {} FROM m RETURNING {}, ROW({})::text AS became, \
             ROW({})::text AS image), up AS (SELECT m.chain, m.flow, m.from_customer, m.wanted, ins.* FROM ins JOIN m ON {same}), {} \
             UPDATE {} c SET outcome = CASE WHEN became = wanted THEN 'done' ELSE 'altered' END FROM up WHERE up.chain = c.chain",
            named("s", &self.key, 'k'),
            named("s", &variant.columns, 'v'),
            of("s", &variant.columns),
            self.chain(),
            self.state(),
            self.target,
            numbered('v', &variant.columns),
            named("t", &self.key, 'n'),
            of("t", &variant.columns),
            of("t", &self.whole),
            self.journal(('I', "whole"), (&key, "NULL", "''", "hashtextextended(image, 0)")),
            self.chain(),
        )
    }

    fn delete(&self) -> String {
        let key = format!("ROW({})::text", numbered('k', &self.key));
        format!(
            "WITH m AS MATERIALIZED (SELECT c.chain, c.flow, c.from_customer, {}, ROW({})::text AS old FROM {} \
             JOIN {} s ON s.\"acequia:chain\" = c.chain AND NOT s.\"acequia:there\" \
             JOIN {target} t ON {} AND t.xmin::text = s.\"acequia:version\"), \
             up AS (DELETE FROM {target} t USING m WHERE {} RETURNING m.*), {} \
             UPDATE {} c SET outcome = 'done' FROM up WHERE up.chain = c.chain",
            named("t", &self.key, 'k'),
            of("t", &self.whole),
            self.keyed(" AND NOT c.gone"),
            self.state(),
            self.is_of_chain(),
            self.is_row("m.k{}"),
            self.journal(('D', "whole"), (&key, "NULL", "old", "NULL::int8")),
            self.chain(),
            target = self.target,
        )
    }

    /// Journals what a revert does, so that it can be taken back too: `op`, under the route of that kind.
    fn journal(
        &self,
        (op, kind): (char, &str),
        (key, moved, image, after): (&str, &str, &str, &str),
    ) -> String {
        format!(
            "j AS (INSERT INTO acequia.journal (at, lsn, route, op, key, moved, image, after) \
             SELECT now(), '0/0', r.id, '{op}', {key}, {moved}, {image}, {after} FROM up JOIN {} r \
             ON (r.flow, r.from_customer, r.kind) = (up.flow, up.from_customer, '{kind}'))",
            self.row_type("route"),
        )
    }

    /// What was to be written and was not, without an error.
    fn swallowed(&self, which: &str) -> String {
        format!(
            "UPDATE {} c SET outcome = 'swallowed' FROM {} s WHERE s.\"acequia:chain\" = c.chain AND {OPEN} AND {which}",
            self.chain(),
            self.state(),
        )
    }

    /// The flows and givers that the revert's own entries belong to.
    pub(super) fn owners(&self) -> String {
        format!("SELECT DISTINCT flow, from_customer FROM {}", self.chain())
    }

    /// Puts the number down under which the revert's own entries are journaled: `$1` flow, `$2` from, `$3` sync, `$4` to,
    /// `$5` data set, `$6` key columns and `$7` image columns, an array's text each, `$8` what kind of image that is.
    pub(super) fn register(&self) -> String {
        format!(
            "WITH w AS (SELECT $1::text AS flow, $2::text AS from_customer, $3::text AS sync, $4::text AS to_customer, \
             $5::text AS dataset, $6::text::text[] AS key_columns, $7::text::text[] AS image_columns, \
             md5($6::text || ' ' || $7::text) AS columns_md5), \
             known AS (SELECT r.id FROM w JOIN acequia.route r USING (flow, sync, from_customer, to_customer, dataset, columns_md5)), \
             new AS (INSERT INTO acequia.route (flow, from_customer, sync, to_customer, dataset, key_columns, image_columns, columns_md5) \
             SELECT * FROM w WHERE NOT EXISTS (SELECT FROM known) RETURNING id) \
             INSERT INTO {} SELECT w.flow, w.from_customer, $8, n.id FROM w, (SELECT id FROM known UNION ALL SELECT id FROM new) n",
            self.row_type("route"),
        )
    }
}

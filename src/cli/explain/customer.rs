//! What became of the row at one customer.

use serde::Serialize;

use crate::cli::parked;
use crate::cli::sides::{self, Found, Sides};
use crate::config::{Config, Dataset, Sync};
use crate::name::CustomerName;
use crate::postgres::Error;
use crate::rules::{BrokenRoute, Route};

/// One route of a group, or the place where one could be.
pub(super) struct Place<'a> {
    pub(super) config: &'a Config,
    pub(super) sides: &'a Sides,
    pub(super) sync: &'a Sync,
    pub(super) to: &'a CustomerName,
    pub(super) dataset: &'a Dataset,
}

/// What became of the row.
#[derive(Debug, Serialize)]
pub(super) struct CustomerWay {
    pub(super) customer: String,
    pub(super) mode: &'static str,
    /// Whether the rule gives it to the customer.
    pub(super) given: bool,
    /// Why not, or what goes wrong with it.
    pub(super) reason: Option<String>,
    /// Data sets of parents that the customer lacks.
    pub(super) lacks: Vec<String>,
    /// How the two rows were linked: `created` by us, or `found`.
    pub(super) link: Option<&'static str>,
    /// The customer's primary key.
    pub(super) target_key: Option<String>,
    /// The customer's rows that have the natural key.
    pub(super) rows: i64,
    /// The customer's columns that have another value than the rule would write.
    pub(super) differs: Vec<String>,
    pub(super) parked: Option<ParkedWay>,
    pub(super) held: Vec<Held>,
    pub(super) last_written: Option<Written>,
    pub(super) counts: Counts,
}

/// It waits.
#[derive(Debug, Serialize)]
pub(super) struct ParkedWay {
    pub(super) id: i64,
    pub(super) op: String,
    pub(super) reason: String,
    pub(super) why: String,
    pub(super) remedy: &'static str,
    pub(super) sqlstate: Option<String>,
    pub(super) object: Option<String>,
    pub(super) since: String,
    pub(super) tries: i32,
    pub(super) next_try: String,
    pub(super) first_lsn: String,
    pub(super) last_lsn: String,
}

/// Everything waits.
#[derive(Debug, Serialize)]
pub(super) struct Held {
    pub(super) reason: String,
    pub(super) what: Option<String>,
    pub(super) since: String,
    pub(super) next_try: Option<String>,
}

/// The newest entry of the journal.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    pub(super) at: String,
    pub(super) lsn: String,
    pub(super) op: &'static str,
}

/// What the route has done so far, this row aside.
#[derive(Debug, Default, Serialize)]
pub(super) struct Counts {
    pub(super) created: i64,
    pub(super) updated: i64,
    pub(super) deleted: i64,
    pub(super) skipped: i64,
    pub(super) parked: i64,
}

const PARKED: &str = "SELECT id, op, reason, waits_for, NULL::text AS waits_key, sqlstate, object, tries, \
    to_char(first_at, 'YYYY-MM-DD HH24:MI:SSOF') AS since, to_char(next_try_at, 'YYYY-MM-DD HH24:MI:SSOF') AS next_try, \
    first_lsn::text, last_lsn::text FROM acequia.parked \
    WHERE from_customer = $1 AND to_customer = $2 AND dataset = $3 AND key = $4";

const HELD: &str = "SELECT reason, what, to_char(since, 'YYYY-MM-DD HH24:MI:SSOF'), \
    to_char(next_try_at, 'YYYY-MM-DD HH24:MI:SSOF') FROM acequia.hold WHERE flow = $1 AND (sync IS NULL OR sync = $2) \
    AND (to_customer IS NULL OR to_customer = $3) AND (dataset IS NULL OR dataset = $4) ORDER BY since, id";

const COUNTS: &str = "SELECT coalesce(sum(c.created), 0)::int8, coalesce(sum(c.updated), 0)::int8, \
    coalesce(sum(c.deleted), 0)::int8, coalesce(sum(c.skipped), 0)::int8, coalesce(sum(c.parked), 0)::int8 \
    FROM acequia.route r JOIN acequia.route_count c ON c.route = r.id \
    WHERE r.flow = $1 AND r.sync = $2 AND r.from_customer = $3 AND r.to_customer = $4 AND r.dataset = $5";

const WRITTEN: &str = "SELECT to_char(j.at, 'YYYY-MM-DD HH24:MI:SSOF'), j.lsn::text, j.op::text \
    FROM acequia.journal j JOIN acequia.route r ON r.id = j.route \
    WHERE r.from_customer = $1 AND r.to_customer = $2 AND r.dataset = $3 AND j.key = $4 ORDER BY j.id DESC LIMIT 1";

impl CustomerWay {
    /// The row, or something about it, is here.
    pub(super) fn knows_it(&self) -> bool {
        self.target_key.is_some() || self.rows > 0 || self.parked.is_some()
    }
}

impl Place<'_> {
    /// Asks everything. `row` is the source's; `is_staged`: it, or at least its natural key, is on the stage.
    pub(super) async fn way(&self, row: Option<&Found>, is_staged: bool) -> Result<CustomerWay, Error> {
        let rule = self.config.rule(self.sync, self.to, &self.dataset.name);
        let mut way = CustomerWay {
            customer: self.to.to_string(),
            mode: rule.mode.as_str(),
            given: false,
            reason: None,
            lacks: Vec::new(),
            link: None,
            target_key: None,
            rows: 0,
            differs: Vec::new(),
            parked: None,
            held: self.held().await?,
            last_written: None,
            counts: self.counts().await?,
        };
        match self.route() {
            Err(reason) => way.reason = Some(reason),
            Ok(route) if is_staged => self.ask(route, row.is_some(), &mut way).await?,
            Ok(_) => way.reason = Some("the source has no such row".to_owned()),
        }
        if let Some(identity) = row.and_then(|row| row.identity.as_deref()) {
            way.parked = self.parked(identity).await?;
        }
        if let Some(key) = way.target_key.clone() {
            way.last_written = self.last_written(&key).await?;
        }
        Ok(way)
    }

    /// The route, or why there is none.
    fn route(&self) -> Result<&Route, String> {
        let Self { config, sides, sync, to, dataset } = self;
        if !config.rule(sync, to, &dataset.name).enabled {
            return Err("it is disabled here".to_owned());
        }
        if let Some(other) = config.overshadowed(sync, to, &dataset.name) {
            return Err(format!("sync {} carries it: its priority is higher", other.name));
        }
        let is_it = |route: &&Route| {
            route.sync == sync.name
                && route.from == sync.from
                && route.to == **to
                && route.dataset == dataset.name
        };
        sides.plan.routes.iter().find(is_it).ok_or_else(|| {
            let mut broken = sides.plan.broken.iter();
            let is_it = |broken: &&BrokenRoute| {
                (&broken.sync, &broken.from, &broken.to, &broken.dataset)
                    == (&sync.name, &sync.from, *to, &dataset.name)
            };
            let why = broken.find(is_it).map_or_else(String::new, |broken| format!(": {}", broken.message));
            format!("the tables do not fit the rule{why}; see `acequia check`")
        })
    }

    async fn ask(&self, route: &Route, is_there: bool, way: &mut CustomerWay) -> Result<(), Error> {
        let questions = route.recipe.write().questions();
        if is_there {
            match self.sides.ask("asking `where`", &questions.given).await? {
                Ok(rows) => way.given = rows.first().is_some_and(|row| row.get(0)),
                Err(error) => way.reason = Some(format!("`where` fails for it: {error}")),
            }
            if !way.given && way.reason.is_none() {
                way.reason = Some("`where` is not true for it".to_owned());
            }
        } else {
            way.reason = Some("the source has no such row".to_owned());
        }
        match self.sides.ask("looking for the customer's row", &questions.place).await? {
            Ok(rows) => {
                let Some(row) = rows.first() else { return Ok(()) };
                way.lacks = if is_there { row.get(2) } else { Vec::new() };
                way.link =
                    row.get::<_, Option<bool>>(3).map(|created| if created { "created" } else { "found" });
                way.target_key = row.get(4);
                way.rows = row.get(5);
            }
            Err(error) => {
                way.reason.get_or_insert(format!("its natural key can't be looked for: {error}"));
            }
        }
        if is_there && way.target_key.is_some() {
            match self.sides.ask("comparing the rows", &questions.differences).await? {
                Ok(rows) => way.differs = rows.first().map_or_else(Vec::new, |row| row.get(0)),
                Err(error) => {
                    way.reason.get_or_insert(format!("its values do not fit: {error}"));
                }
            }
        }
        Ok(())
    }

    async fn parked(&self, identity: &str) -> Result<Option<ParkedWay>, Error> {
        let (from, to, dataset) = (self.sync.from.as_str(), self.to.as_str(), self.dataset.name.as_str());
        let params: [sides::Param<'_>; 4] = [&from, &to, &dataset, &identity];
        let rows =
            sides::query(&self.sides.target, "looking for it among parked rows", PARKED, &params).await?;
        Ok(rows.first().map(|row| ParkedWay {
            id: row.get("id"),
            op: row.get("op"),
            reason: row.get("reason"),
            why: parked::reason(row, false),
            remedy: parked::remedy(row),
            sqlstate: row.get("sqlstate"),
            object: row.get("object"),
            since: row.get("since"),
            tries: row.get("tries"),
            next_try: row.get("next_try"),
            first_lsn: row.get("first_lsn"),
            last_lsn: row.get("last_lsn"),
        }))
    }

    async fn held(&self) -> Result<Vec<Held>, Error> {
        let (flow, sync) = (self.sides.flow.name.as_str(), self.sync.name.as_str());
        let (to, dataset) = (self.to.as_str(), self.dataset.name.as_str());
        let rows =
            sides::query(&self.sides.target, "looking for holds", HELD, &[&flow, &sync, &to, &dataset])
                .await?;
        let held = |row: &tokio_postgres::Row| Held {
            reason: row.get(0),
            what: row.get(1),
            since: row.get(2),
            next_try: row.get(3),
        };
        Ok(rows.iter().map(held).collect())
    }

    async fn counts(&self) -> Result<Counts, Error> {
        let (flow, sync, from) =
            (self.sides.flow.name.as_str(), self.sync.name.as_str(), self.sync.from.as_str());
        let (to, dataset) = (self.to.as_str(), self.dataset.name.as_str());
        let params: [sides::Param<'_>; 5] = [&flow, &sync, &from, &to, &dataset];
        let rows = sides::query(&self.sides.target, "reading the counts", COUNTS, &params).await?;
        let counts = |row: &tokio_postgres::Row| Counts {
            created: row.get(0),
            updated: row.get(1),
            deleted: row.get(2),
            skipped: row.get(3),
            parked: row.get(4),
        };
        Ok(rows.first().map(counts).unwrap_or_default())
    }

    async fn last_written(&self, key: &str) -> Result<Option<Written>, Error> {
        let (from, to, dataset) = (self.sync.from.as_str(), self.to.as_str(), self.dataset.name.as_str());
        let params: [sides::Param<'_>; 4] = [&from, &to, &dataset, &key];
        let rows = sides::query(&self.sides.target, "reading the journal", WRITTEN, &params).await?;
        Ok(rows.first().map(|row| Written {
            at: row.get(0),
            lsn: row.get(1),
            op: match row.get(2) {
                "d" | "D" => "deleted",
                "I" => "put back",
                _changed => "changed",
            },
        }))
    }
}

//! `acequia forget`: what is remembered of a customer that left, or of a flow that no rule needs any more, goes.

use serde_json::{Map, Value, json};

use super::beside::Beside;
use super::console::{Exit, Output, say, session};
use super::flows::has_control;
use super::table::table;
use crate::apply::audit;
use crate::catalog::{Publication, Slot};
use crate::config::{Config, Database};
use crate::name::{CustomerName, DatabaseName, literal};
use crate::postgres::{Error, Session};
use crate::rules::{Flow, crosswalk_name};

#[derive(Debug, clap::Args)]
pub(super) struct Forget {
    #[command(flatten)]
    whom: Whom,
    /// Do it: without this, only what would go is told
    #[arg(long)]
    yes: bool,
    /// For people or for programs
    #[arg(long, value_enum, value_name = "FORM", default_value_t = Output::Text)]
    output: Output,
}

/// One of the two.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct Whom {
    /// A customer that no rule names any more
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    /// A flow that no rule needs any more, SOURCE:TARGET
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
}

pub(super) const AFTER_HELP: &str = "\
For a customer that left: its links, its parked rows, its journal, history and counts, in every
database. Its own tables are not touched. Take it out of the rules first, then `acequia reload`.

For a flow that no rule needs any more: its slot and its publication at the source, its
checkpoint, and all that belongs to it at the target. A slot that nobody reads keeps WAL until the
disk is full.

  acequia forget --customer north                what would go
  acequia forget --customer north --yes
  acequia forget --flow practice:reporting --yes

What is forgotten can't be had back: `acequia journal revert` comes before.

Exit status: 0 forgotten, 1 a rule still names it, it is in use, nobody knows it, or --yes is
missing";

/// What stands in the control schema: table, what it is called, which rows are the customer's (`$1`).
const OF_CUSTOMER: [(&str, &str, &str); 11] = [
    ("parked", "parked rows", EITHER),
    ("hold", "holds", "to_customer = $1"),
    ("wish", "wishes", "to_customer = $1"),
    ("backfill", "copies", EITHER),
    ("repair", "repairs", EITHER),
    (
        "journal",
        "old images",
        "route IN (SELECT id FROM acequia.route WHERE from_customer = $1 OR to_customer = $1)",
    ),
    (
        "route_count",
        "counts",
        "route IN (SELECT id FROM acequia.route WHERE from_customer = $1 OR to_customer = $1)",
    ),
    (
        "applied",
        "minutes of history",
        "route IN (SELECT id FROM acequia.route WHERE from_customer = $1 OR to_customer = $1)",
    ),
    ("route", "routes", EITHER),
    ("source_column", "remembered columns", "from_customer = $1"),
    ("source_table", "remembered tables", "from_customer = $1"),
];
const EITHER: &str = "(from_customer = $1 OR to_customer = $1)";

/// The same for a flow.
const OF_FLOW: [(&str, &str, &str); 13] = [
    ("parked", "parked rows", "flow = $1"),
    ("hold", "holds", "flow = $1"),
    ("wish", "wishes", "flow = $1"),
    ("backfill", "copies", "flow = $1"),
    ("repair", "repairs", "flow = $1"),
    ("outbox", "events", "flow = $1"),
    ("journal", "old images", "route IN (SELECT id FROM acequia.route WHERE flow = $1)"),
    ("route_count", "counts", "route IN (SELECT id FROM acequia.route WHERE flow = $1)"),
    ("applied", "minutes of history", "route IN (SELECT id FROM acequia.route WHERE flow = $1)"),
    ("route", "routes", "flow = $1"),
    ("source_column", "remembered columns", "flow = $1"),
    ("source_table", "remembered tables", "flow = $1"),
    ("checkpoint", "checkpoint", "flow = $1"),
];

/// Crosswalks of a customer …
const LINKS_OF_CUSTOMER: &str = "SELECT id, from_customer, to_customer, dataset FROM acequia.crosswalk \
    WHERE from_customer = $1 OR to_customer = $1";
/// … and those that only this flow has written.
const LINKS_OF_FLOW: &str = "SELECT id, from_customer, to_customer, dataset FROM acequia.crosswalk c \
    WHERE EXISTS (SELECT FROM acequia.route r WHERE r.flow = $1 AND (r.from_customer, r.to_customer, r.dataset) \
    = (c.from_customer, c.to_customer, c.dataset)) AND NOT EXISTS (SELECT FROM acequia.route r WHERE r.flow <> $1 \
    AND (r.from_customer, r.to_customer, r.dataset) = (c.from_customer, c.to_customer, c.dataset))";

/// What is remembered in one database.
struct Remembered {
    database: DatabaseName,
    session: Session,
    counts: Vec<(&'static str, i64)>,
    /// Crosswalks: number in their list, table.
    links: Vec<(i32, String)>,
}

/// Of whom: table by table, the links, and the name that `$1` stands for.
struct Subject<'a> {
    name: &'a str,
    tables: &'static [(&'static str, &'static str, &'static str)],
    links: &'static str,
    /// As the audit calls it.
    what: &'static str,
}

pub(super) async fn forget(config: &Config, wanted: &Forget) -> anyhow::Result<Exit> {
    match (&wanted.whom.customer, &wanted.whom.flow) {
        (Some(customer), _) => forget_customer(config, customer, wanted).await,
        (None, Some(flow)) => forget_flow(config, flow, wanted).await,
        (None, None) => anyhow::bail!("say --customer or --flow"),
    }
}

async fn forget_customer(config: &Config, customer: &str, wanted: &Forget) -> anyhow::Result<Exit> {
    let names = |name: &CustomerName| name.as_str() == customer;
    let groups = config.syncs.iter().filter(|sync| names(&sync.from) || sync.to.iter().any(names));
    let groups: Vec<&str> = groups.map(|sync| sync.name.as_str()).collect();
    anyhow::ensure!(
        groups.is_empty(),
        "customer {customer} is still named by the sync group(s) {}: take it out of `to`, or of [customers] where `to` is \"*\", \
         then `acequia reload`, then say this again",
        groups.join(", ")
    );
    expect_reloaded(config)?;
    let subject = Subject {
        name: customer,
        tables: &OF_CUSTOMER,
        links: LINKS_OF_CUSTOMER,
        what: "customer forgotten",
    };
    let mut known = Vec::new();
    for database in config.databases.values() {
        known.extend(remembered(database, &subject).await?);
    }
    if known.iter().all(Remembered::is_empty) {
        eprintln!(
            "acequia: no database knows a customer `{customer}`; `acequia config show` lists those of the files"
        );
        return Ok(Exit::Failed);
    }
    let told: Vec<&Remembered> = known.iter().filter(|one| !one.is_empty()).collect();
    tell(&told, &[], wanted)?;
    if !wanted.yes {
        return Ok(unsaid(wanted));
    }
    for one in told {
        one.remove(&subject).await?;
    }
    done(wanted, &format!("customer {customer} is forgotten; its own tables are as they were"));
    Ok(Exit::Done)
}

async fn forget_flow(config: &Config, name: &str, wanted: &Forget) -> anyhow::Result<Exit> {
    let flows = Flow::all(config);
    if let Some(flow) = flows.iter().find(|flow| flow.name == name) {
        let groups: Vec<&str> = flow.syncs(config).map(|sync| sync.name.as_str()).collect();
        anyhow::bail!(
            "flow {name} is in use: the sync group(s) {} need it. Switch them off or take them out, then `acequia reload`, then say \
             this again",
            groups.join(", ")
        );
    }
    expect_reloaded(config)?;
    let both = name.split_once(':').and_then(|(source, target)| {
        Some((DatabaseName::new(source).ok()?, DatabaseName::new(target).ok()?))
    });
    let Some((source, target)) = both else {
        anyhow::bail!("a flow is named SOURCE:TARGET, after two databases of the files, not `{name}`");
    };
    let flow = Flow::new(&source, &target);
    let (source, target) = (config.databases.get(&source), config.databases.get(&target));
    anyhow::ensure!(
        source.is_some() || target.is_some(),
        "the rule files have neither of the two databases of {name}"
    );
    let there = match source {
        Some(database) => Some(AtSource::look(database, &flow).await?),
        None => None,
    };
    let subject = Subject { name, tables: &OF_FLOW, links: LINKS_OF_FLOW, what: "flow forgotten" };
    let known = match target {
        Some(database) => remembered(database, &subject).await?,
        None => None,
    };
    if let Some(known) = &known {
        known.expect_unserved(name).await?;
    }
    let told: Vec<&Remembered> = known.iter().filter(|one| !one.is_empty()).collect();
    let objects = there.as_ref().map_or_else(Vec::new, |there| there.objects(&flow));
    if told.is_empty() && objects.is_empty() {
        eprintln!("acequia: there is nothing of a flow `{name}`; `acequia status` lists those of the rules");
        return Ok(Exit::Failed);
    }
    tell(&told, &objects, wanted)?;
    if there.is_none() {
        eprintln!(
            "acequia: the source of {name} is not in the files; a DBA runs there: {}",
            statements(&flow, true, true).join("; ")
        );
    }
    if !wanted.yes {
        return Ok(unsaid(wanted));
    }
    // The slot first: while it is there it keeps WAL.
    let left = match &there {
        Some(there) => there.remove(&flow).await?,
        None => None,
    };
    for one in told {
        one.remove(&subject).await?;
    }
    if let Some(sql) = left {
        eprintln!("acequia: this role may not drop the publication; a DBA runs at the source: {sql}");
        return Ok(Exit::Failed);
    }
    done(wanted, &format!("flow {name} is forgotten"));
    Ok(Exit::Done)
}

/// A daemon that runs with other rules may still be writing what is to be forgotten.
/// What the files say is what the daemon does: for a flow that still goes by the rules before, it is not.
pub(super) fn expect_reloaded(config: &Config) -> anyhow::Result<()> {
    let daemon = match Beside::look(&config.daemon.runtime_directory) {
        Beside::Daemon(daemon) => daemon,
        Beside::Nobody => return Ok(()),
        Beside::Unknown(why) => anyhow::bail!("{why}"),
    };
    anyhow::ensure!(
        daemon.config_sha256 == config.sha256,
        "the daemon runs with other rules than the files have now: `acequia reload`, then say this again"
    );
    let waits = daemon.flows.iter().find(|flow| flow.new_rules_from.is_some());
    if let Some(flow) = waits {
        anyhow::bail!(
            "flow {} still writes what committed before the reload: when `acequia status` no longer says so, say this again",
            flow.name
        );
    }
    Ok(())
}

fn unsaid(wanted: &Forget) -> Exit {
    if wanted.output == Output::Text {
        say!("\nNothing has been removed. Say --yes to do it.");
    }
    Exit::Failed
}

fn done(wanted: &Forget, what: &str) {
    if wanted.output == Output::Text {
        say!("\n{what}");
    }
}

fn tell(all: &[&Remembered], objects: &[String], wanted: &Forget) -> anyhow::Result<()> {
    if wanted.output == Output::Json {
        let databases: Map<String, Value> =
            all.iter().map(|one| (one.database.to_string(), one.as_json())).collect();
        let told = json!({ "removed": wanted.yes, "databases": databases, "at_source": objects });
        say!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(());
    }
    let lines = all.iter().flat_map(|one| {
        let links = i64::try_from(one.links.len()).unwrap_or(0);
        let counts =
            one.counts.iter().copied().chain([("tables of links", links)]).filter(|(_, count)| *count > 0);
        counts.map(|(what, count)| vec![one.database.to_string(), what.to_owned(), count.to_string()])
    });
    let lines: Vec<Vec<String>> = lines.collect();
    if !lines.is_empty() {
        say!("{}", table(&["database", "what", "how many"], lines, &[2]));
    }
    for object in objects {
        say!("at the source: {object}");
    }
    Ok(())
}

/// What one database remembers; `None` where it has no control schema.
async fn remembered(database: &Database, subject: &Subject<'_>) -> Result<Option<Remembered>, Error> {
    const DOING: &str = "looking for what is remembered";
    let session = session(database, "forget").await?;
    if !has_control(&session).await? {
        return Ok(None);
    }
    let failed = |error| Error::from_driver(DOING, &error);
    let mut counts = Vec::new();
    for (table, what, own) in subject.tables {
        let sql = format!("SELECT count(*) FROM acequia.{table} WHERE {own}");
        counts.push((*what, session.query_one(&sql, &[&subject.name]).await.map_err(failed)?.get(0)));
    }
    let mut links = Vec::new();
    for row in session.query(subject.links, &[&subject.name]).await.map_err(failed)? {
        let (from, to, dataset): (&str, &str, &str) = (row.get(1), row.get(2), row.get(3));
        links.push((row.get(0), crosswalk_name([from, to, dataset])));
    }
    Ok(Some(Remembered { database: database.name.clone(), session, counts, links }))
}

impl Remembered {
    fn is_empty(&self) -> bool {
        self.links.is_empty() && self.counts.iter().all(|(_, count)| *count == 0)
    }

    fn as_json(&self) -> Value {
        let mut counts: Map<String, Value> =
            self.counts.iter().map(|(what, count)| (what.replace(' ', "_"), json!(count))).collect();
        counts.insert("tables_of_links".to_owned(), json!(self.links.len()));
        Value::Object(counts)
    }

    /// Nobody writes this flow, and nobody will until this session ends.
    async fn expect_unserved(&self, flow: &str) -> anyhow::Result<()> {
        let key = format!("acequia flow {flow}");
        let row =
            self.session.query_one("SELECT pg_try_advisory_lock(hashtextextended($1, 0))", &[&key]).await;
        let free: bool =
            row.map_err(|error| Error::from_driver("asking who writes the flow", &error))?.get(0);
        anyhow::ensure!(
            free,
            "flow {flow} is in use: a daemon writes it. Stop it, or `acequia reload`, then say this again"
        );
        Ok(())
    }

    /// Removes it, in one transaction.
    async fn remove(&self, subject: &Subject<'_>) -> Result<(), Error> {
        let doing = || format!("forgetting in database {}", self.database);
        let failed = |error| Error::from_driver(doing(), &error);
        self.session.batch_execute("BEGIN").await.map_err(failed)?;
        for (table, _, own) in subject.tables {
            let sql = format!("DELETE FROM acequia.{table} WHERE {own}");
            self.session.execute(&sql, &[&subject.name]).await.map_err(failed)?;
        }
        for (id, table) in &self.links {
            self.session
                .batch_execute(&format!("DROP TABLE IF EXISTS acequia.{table}"))
                .await
                .map_err(failed)?;
            let sql = "DELETE FROM acequia.crosswalk WHERE id = $1";
            self.session.execute(sql, &[id]).await.map_err(failed)?;
        }
        let detail = json!({ "name": subject.name, "removed": self.as_json() });
        audit::record(&self.session, subject.what, &detail).await?;
        self.session.batch_execute("COMMIT").await.map_err(failed)
    }
}

/// What a flow has at its source.
struct AtSource {
    session: Session,
    slot: bool,
    publication: bool,
}

/// What a DBA would run.
fn statements(flow: &Flow, slot: bool, publication: bool) -> Vec<String> {
    let drop_slot = slot.then(|| format!("SELECT pg_drop_replication_slot({})", literal(&flow.slot)));
    drop_slot.into_iter().chain(publication.then(|| drop_publication(flow))).collect()
}

fn drop_publication(flow: &Flow) -> String {
    format!("DROP PUBLICATION IF EXISTS \"{}\"", flow.publication)
}

impl AtSource {
    async fn look(database: &Database, flow: &Flow) -> anyhow::Result<Self> {
        let session = session(database, "forget").await?;
        let slot = Slot::read(&session, &flow.slot).await?;
        let holder = slot.as_ref().and_then(|slot| slot.active_pid.zip(slot.holder.clone()));
        if let Some((pid, holder)) = holder {
            anyhow::bail!(
                "flow {} is in use: {holder} (PID {pid}) reads its slot. Stop it, then say this again",
                flow.name
            );
        }
        let publication = Publication::read(&session, &flow.publication).await?.is_some();
        // The slot's name is of the whole server: one of that name may decode another database.
        let slot = slot.is_some_and(|slot| slot.database.as_deref() == Some(database.dbname.as_str()));
        Ok(Self { session, slot, publication })
    }

    fn objects(&self, flow: &Flow) -> Vec<String> {
        let slot = self.slot.then(|| format!("slot {}", flow.slot));
        slot.into_iter()
            .chain(self.publication.then(|| format!("publication {}", flow.publication)))
            .collect()
    }

    /// Drops them. Answers what only a DBA may do.
    async fn remove(&self, flow: &Flow) -> Result<Option<String>, Error> {
        if self.slot {
            let dropped = self.session.query("SELECT pg_drop_replication_slot($1)", &[&flow.slot]).await;
            dropped.map_err(|error| Error::from_driver(format!("dropping slot {}", flow.slot), &error))?;
        }
        if !self.publication {
            return Ok(None);
        }
        let sql = drop_publication(flow);
        let Err(error) = self.session.batch_execute(&sql).await else { return Ok(None) };
        let error = Error::from_driver(format!("dropping publication {}", flow.publication), &error);
        if error.sqlstate().is_some_and(|state| state.as_str() == "42501") {
            return Ok(Some(sql));
        }
        Err(error)
    }
}

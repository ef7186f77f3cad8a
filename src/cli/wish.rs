//! `acequia pause`, `resume`, `apply`, `resync`: wishes that the daemon takes in a transaction of its own.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::beside::Beside;
use super::console::{Exit, say, session};
use super::flows::has_control;
use super::parked::known;
use crate::apply::actor::actor;
use crate::apply::audit;
use crate::config::Config;
use crate::name::{CustomerName, DatasetName, SyncName};
use crate::postgres::{self, Session};
use crate::rules::Flow;

/// The daemon looks once a second, but it may be in the middle of something.
const TAKEN_WITHIN: Duration = Duration::from_secs(10);
/// A new slot waits for older transactions.
const RESYNC_TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// How often it is asked whether it has.
const INTERVAL: Duration = Duration::from_millis(100);

/// What somebody wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    Pause,
    Resume,
    /// Lift an overflow: what was dropped stays lost.
    FromNow,
    Apply,
    /// Copy what is there already.
    Backfill,
    /// Compare everything with the source.
    Resync,
}

impl Wish {
    /// As it stands in the control schema.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::FromNow => "from_now",
            Self::Apply => "apply",
            Self::Backfill => "backfill",
            Self::Resync => "resync",
        }
    }

    fn taken_within(self) -> Duration {
        match self {
            Self::Pause | Self::Resume | Self::FromNow | Self::Apply | Self::Backfill => TAKEN_WITHIN,
            Self::Resync => RESYNC_TAKEN_WITHIN,
        }
    }

    /// What is true when it has been taken.
    fn outcome(self) -> &'static str {
        match self {
            Self::Pause => "paused: what comes from now on waits, and nothing is lost",
            Self::Resume => "resumed: what has waited is being written, then it goes on as before",
            Self::FromNow => "goes on from now; what was dropped is not written",
            Self::Apply => "what has waited for its time is being written",
            Self::Backfill => "what is there already is being copied; `acequia status` shows how far it is",
            Self::Resync => "the resync has begun; `acequia status` tells how far it is",
        }
    }
}

/// Whom it concerns; what is left out means all.
#[derive(Debug, clap::Args)]
pub(super) struct Scope {
    /// Only this customer
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
    /// Only this sync group
    #[arg(long, value_name = "NAME")]
    sync: Option<String>,
    /// Only this flow, SOURCE:TARGET, as `acequia status` calls it
    #[arg(long, value_name = "NAME")]
    flow: Option<String>,
    /// Only this data set
    #[arg(long, value_name = "NAME")]
    dataset: Option<String>,
}

impl Scope {
    /// Sync group, customer, data set.
    pub(super) fn names(&self) -> [Option<&str>; 3] {
        [self.sync.as_deref(), self.customer.as_deref(), self.dataset.as_deref()]
    }

    /// As it is typed behind a command.
    pub(super) fn as_options(&self) -> String {
        let Self { customer, sync, flow, dataset } = self;
        let all = [("flow", flow), ("sync", sync), ("customer", customer), ("dataset", dataset)];
        all.iter().filter_map(|(word, name)| Some(format!(" --{word} {}", name.as_ref()?))).collect()
    }

    /// Whether a route is in it.
    pub(super) fn covers(&self, sync: &str, to: &CustomerName, dataset: &DatasetName) -> bool {
        let is = |wanted: Option<&str>, own: &str| wanted.is_none_or(|wanted| wanted == own);
        let [wanted_sync, customer, wanted_dataset] = self.names();
        is(wanted_sync, sync) && is(customer, to.as_str()) && is(wanted_dataset, dataset.as_str())
    }

    /// Nothing narrower than a flow is named.
    pub(super) fn is_whole_flow(&self) -> bool {
        self.names().iter().all(Option::is_none)
    }
}

const INSERT: &str = "INSERT INTO acequia.wish (flow, what, sync, to_customer, dataset, who) \
    VALUES ($1, $2, $3, $4, $5, $6) RETURNING id";

/// Pauses of a wider scope, which a narrower resume does not end.
const WIDER: &str = "SELECT count(*) FROM acequia.hold WHERE flow = $1 AND reason = 'paused' AND next_try_at IS NULL \
    AND (sync IS NULL OR $2::text IS NULL OR sync = $2) AND (to_customer IS NULL OR $3::text IS NULL OR to_customer = $3) \
    AND (dataset IS NULL OR $4::text IS NULL OR dataset = $4) AND ((sync IS NULL AND $2 IS NOT NULL) \
    OR (to_customer IS NULL AND $3 IS NOT NULL) OR (dataset IS NULL AND $4 IS NOT NULL))";

/// Tells the daemon, and waits until it has heard.
pub(super) async fn wish(config: &Config, wish: Wish, scope: &Scope) -> anyhow::Result<Exit> {
    let flows = concerned(config, scope)?;
    let runs = daemon_runs(config);
    let mut exit = Exit::Done;
    for flow in &flows {
        let target = control_session(config, flow, wish).await?;
        tell(&target, flow, wish, scope, runs).await?;
        if wish == Wish::Resume && is_paused_wider(&target, flow, scope).await? {
            eprintln!(
                "acequia: {}: more than this is paused, and stays so; `acequia status` says what, resume that",
                flow.name
            );
            exit = Exit::Failed;
        }
    }
    Ok(exit)
}

/// Whether a daemon runs on this host, or may run: whoever must not see that waits for it all the same.
pub(super) fn daemon_runs(config: &Config) -> bool {
    match Beside::look(&config.daemon.runtime_directory) {
        Beside::Daemon(_) | Beside::Unknown(_) => true,
        Beside::Nobody => false,
    }
}

/// A session with a flow's target, which must have what wishes are written into.
pub(super) async fn control_session(config: &Config, flow: &Flow, wish: Wish) -> anyhow::Result<Session> {
    let target = session(&config.databases[&flow.target], wish.as_str()).await?;
    anyhow::ensure!(
        has_control(&target).await?,
        "database {} has no control schema yet: the daemon makes it when it starts, where its role may; else a DBA runs the SQL of \
         `acequia setup --print-sql`",
        flow.target
    );
    Ok(target)
}

/// Writes the wish down, waits a while until the daemon has taken it, and says what has become of it. Answers whether it has.
pub(super) async fn tell(
    target: &Session,
    flow: &Flow,
    wish: Wish,
    scope: &Scope,
    runs: bool,
) -> anyhow::Result<bool> {
    let id = insert(target, flow, wish, scope).await?;
    let taken = runs && was_taken(target, id, wish.taken_within()).await?;
    match (taken, runs) {
        (true, _) => say!("{}: {}", flow.name, wish.outcome()),
        (false, false) => {
            say!("{}: no daemon runs here; this will be done as soon as it starts", flow.name);
        }
        (false, true) => {
            say!(
                "{}: the daemon is busy, its flow is interrupted, or it does not run; this will be done in its next \
                 transaction (`acequia status`)",
                flow.name
            );
        }
    }
    Ok(taken)
}

/// The flows that carry something of the scope; an error where a name is unknown, or nothing is carried.
pub(super) fn concerned(config: &Config, scope: &Scope) -> anyhow::Result<Vec<Flow>> {
    let Scope { customer, sync, flow, dataset } = scope;
    let all = Flow::all(config);
    known("customer", customer.as_deref(), config.customers.keys().map(CustomerName::as_str))?;
    known("sync group", sync.as_deref(), config.syncs.iter().map(|sync| SyncName::as_str(&sync.name)))?;
    known("data set", dataset.as_deref(), config.datasets.keys().map(DatasetName::as_str))?;
    known("flow", flow.as_deref(), all.iter().map(|flow| flow.name.as_str()))?;
    let is = |wanted: &Option<String>, own: &str| wanted.as_deref().is_none_or(|wanted| wanted == own);
    let carries = |one: &Flow| {
        is(flow, &one.name)
            && one.syncs(config).filter(|group| is(sync, group.name.as_str())).any(|group| {
                let to = group.to.iter().filter(|to| is(customer, to.as_str()));
                let mut here = to.filter(|to| {
                    config.customers.get(*to).is_some_and(|customer| customer.database == one.target)
                });
                here.any(|to| {
                    let mut data = group.data.iter().filter(|data| is(dataset, data.as_str()));
                    data.any(|data| config.carries(group, to, data))
                })
            })
    };
    let flows: Vec<Flow> = all.iter().filter(|flow| carries(flow)).cloned().collect();
    anyhow::ensure!(
        !flows.is_empty(),
        "no rule gives anything to what these names choose together; see `acequia config show`"
    );
    Ok(flows)
}

/// The wish and its line in the audit, or neither.
async fn insert(target: &Session, flow: &Flow, wish: Wish, scope: &Scope) -> anyhow::Result<i64> {
    let failed = |error| postgres::Error::from_driver("writing the wish down", &error);
    let Scope { customer, sync, dataset, .. } = scope;
    // The role is the daemon's own: who asks is the person.
    let who = &actor().name;
    target.batch_execute("BEGIN").await.map_err(failed)?;
    let row = target.query_one(INSERT, &[&flow.name, &wish.as_str(), sync, customer, dataset, who]).await;
    let id = row.map_err(failed)?.get(0);
    let named =
        [("flow", Some(flow.name.as_str())), ("sync", sync.as_deref()), ("customer", customer.as_deref())];
    let named = named.into_iter().chain([("dataset", dataset.as_deref())]);
    let detail = named.filter_map(|(word, name)| Some((word.to_owned(), Value::from(name?))));
    audit::record(target, wish.as_str(), &Value::Object(detail.collect())).await?;
    target.batch_execute("COMMIT").await.map_err(failed)?;
    Ok(id)
}

/// Waits until the daemon has taken the wish, for a while.
async fn was_taken(target: &Session, id: i64, limit: Duration) -> anyhow::Result<bool> {
    let began = Instant::now();
    loop {
        let row = target.query_one("SELECT EXISTS (SELECT FROM acequia.wish WHERE id = $1)", &[&id]).await;
        let row = row.map_err(|error| postgres::Error::from_driver("waiting for the daemon", &error))?;
        if !row.get::<_, bool>(0) {
            return Ok(true);
        }
        if began.elapsed() > limit {
            return Ok(false);
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

async fn is_paused_wider(target: &Session, flow: &Flow, scope: &Scope) -> anyhow::Result<bool> {
    let Scope { customer, sync, dataset, .. } = scope;
    let row = target.query_one(WIDER, &[&flow.name, sync, customer, dataset]).await;
    let row = row.map_err(|error| postgres::Error::from_driver("looking for pauses", &error))?;
    Ok(row.get::<_, i64>(0) > 0)
}

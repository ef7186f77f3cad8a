//! Comparing customers with what the rules give them, at the times that `[daemon] verify` says.
//!
//! A task of its own beside the stream. When it was done last stands in `acequia.audit`, so that a restart repeats nothing and
//! a time that passed while no daemon ran is made good once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::watch;

use crate::apply::audit;
use crate::config::{Apply, Database};
use crate::fault::Delays;
use crate::notify::{Drift, outbox};
use crate::ops::Verified;
use crate::postgres::{self, Error, Session};
use crate::rules::Plan;
use crate::schedule::{next_interval, next_wall_time};
use crate::verify::{self, Choice, FlowReport, RouteReport, Wanted};

use super::super::progress::Progress;

/// Nobody sleeps longer than this without looking at the clock: it may be set.
const NAP: Duration = Duration::from_secs(10);

/// When it was done last, and what was found.
const LAST: &str = "SELECT (extract(epoch FROM at) * 1000000)::int8, (detail->>'differences')::int8 FROM acequia.audit \
    WHERE what = 'verified by the daemon' AND detail->>'flow' = $1 ORDER BY id DESC LIMIT 1";

/// The same, also where somebody has compared the whole flow by hand.
const LAST_BY_ANYBODY: &str = "SELECT (extract(epoch FROM at) * 1000000)::int8, (detail->>'differences')::int8 FROM acequia.audit \
    WHERE (what = 'verified by the daemon' OR what IN ('verified', 'verified and repaired') AND (detail->>'whole')::bool) \
    AND detail->>'flow' = $1 ORDER BY id DESC LIMIT 1";

const LOOKING: &str = "looking when it was compared last";
const ALERTING: &str = "putting alerts into the outbox";

/// Compares all customers of one flow.
pub(super) struct Inspection {
    pub(super) plan: Arc<Plan>,
    pub(super) source: Database,
    pub(super) target: Database,
    /// When.
    pub(super) when: Apply,
    /// Who is told at the source.
    pub(super) channels: Vec<String>,
}

impl Inspection {
    /// Compares for ever. `told` counts what was put into the outbox.
    pub(super) async fn run(self, progress: watch::Sender<Progress>, told: watch::Sender<u64>) -> Infallible {
        let mut delays = Delays::default();
        loop {
            match self.next(&progress, &told).await {
                Ok(()) => delays.succeeded(),
                Err(error) => {
                    let flow = &self.plan.flow.name;
                    tracing::warn!(%flow, "customers could not be compared, and will be: {error}");
                    tokio::time::sleep(delays.next_delay()).await;
                }
            }
        }
    }

    /// Waits for the next time, and compares.
    async fn next(&self, progress: &watch::Sender<Progress>, told: &watch::Sender<u64>) -> Result<(), Error> {
        let last = self.found(LAST).await?.map(|(at, _)| at);
        let due = self.due(last, Timestamp::now());
        let mut differs = true;
        while Timestamp::now() < due {
            let left =
                Duration::try_from(Timestamp::now().until(due).unwrap_or_default()).unwrap_or_default();
            // Somebody may have it repaired.
            let found = if differs { self.found(LAST_BY_ANYBODY).await? } else { None };
            differs = found.is_some_and(|(_, differences)| differences > 0);
            if let Some((at, differences)) = found {
                tell(progress, differences, at);
            }
            tokio::time::sleep(left.min(NAP)).await;
        }
        let wanted = Wanted { is_followed: true, repairs: false, keys: 0 };
        let databases = (&self.source, &self.target);
        let report = verify::verify(&self.plan, databases, &Choice::default(), wanted, &|_| {}).await?;
        let target = self.session().await?;
        let detail = json!({ "flow": self.plan.flow.name, "differences": report.differences() });
        let recorded = audit::record(&target, "verified by the daemon", &detail);
        postgres::in_time("writing to the audit", recorded).await?;
        tell(progress, report.differences(), Timestamp::now());
        self.say(&report);
        self.alert(&target, &report, told).await
    }

    async fn session(&self) -> Result<Session, Error> {
        postgres::open(&self.target, "acequia verify").await
    }

    /// When it was done last, and how many rows differed then, as `sql` finds it.
    async fn found(&self, sql: &str) -> Result<Option<(Timestamp, u64)>, Error> {
        let target = self.session().await?;
        let asked = async {
            let row = target.query_opt(sql, &[&self.plan.flow.name]).await;
            row.map_err(|error| Error::from_driver(LOOKING, &error))
        };
        let Some(row) = postgres::in_time(LOOKING, asked).await? else { return Ok(None) };
        let rows = row.get::<_, Option<i64>>(1).and_then(|rows| u64::try_from(rows).ok()).unwrap_or(0);
        Ok(Timestamp::from_microsecond(row.get(0)).ok().map(|at| (at, rows)))
    }

    /// The first time after the last one; where there was none, an interval begins at once.
    fn due(&self, last: Option<Timestamp>, now: Timestamp) -> Timestamp {
        match &self.when {
            Apply::Stream => Timestamp::MAX,
            Apply::Every(every) => last.map_or(now, |last| next_interval(last, *every)),
            Apply::At { time, time_zone } => next_wall_time(last.unwrap_or(now), *time, time_zone),
        }
    }

    /// Says it in the log.
    fn say(&self, report: &FlowReport) {
        let flow = &self.plan.flow.name;
        for route in report.routes.iter().filter(|route| route.open() > 0) {
            let RouteReport { sync, from, customer, dataset, missing, different, left_over, .. } = route;
            tracing::error!(
                %flow, %sync, %from, %customer, %dataset, missing, different, left_over,
                "a customer has other rows than the rules give it: `acequia verify --customer {customer} --dataset {dataset} \
                 --keys` names them, `--repair` has them written again"
            );
        }
        let compared = report.routes.iter().filter(|route| route.skipped.is_none()).count();
        let (differences, skipped) = (report.differences(), report.routes.len() - compared);
        tracing::info!(%flow, compared, skipped, differences, "customers compared");
    }

    /// Tells who wants to be told.
    async fn alert(
        &self,
        target: &Session,
        report: &FlowReport,
        told: &watch::Sender<u64>,
    ) -> Result<(), Error> {
        let differs = report.routes.iter().filter(|route| route.open() > 0);
        let alerts: Vec<String> = differs.map(|route| alert_of(route).payload()).collect();
        if alerts.is_empty() || self.channels.is_empty() {
            return Ok(());
        }
        let written = async {
            let written =
                target.execute(outbox::WRITE, &[&self.plan.flow.name, &alerts, &self.channels]).await;
            written.map_err(|error| Error::from_driver(ALERTING, &error))
        };
        let written = postgres::in_time(ALERTING, written).await?;
        told.send_modify(|told| *told += written);
        Ok(())
    }
}

fn alert_of(route: &RouteReport) -> Drift {
    Drift::new(
        [&route.sync, &route.from, &route.customer, &route.dataset].map(String::as_str),
        [route.missing, route.different, route.left_over],
    )
}

fn tell(progress: &watch::Sender<Progress>, differences: u64, at: Timestamp) {
    progress.send_if_modified(|progress| {
        progress.verified = Some(Verified { at: at.as_second(), differences });
        false
    });
}

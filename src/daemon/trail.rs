//! What the daemon writes down of itself in `acequia.audit`: when it started and stopped, and what came of each reload.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::apply::actor::actor;
use crate::apply::audit;
use crate::config::{Config, Database, Difference};
use crate::name::DatabaseName;
use crate::ops::{Asked, Reload};
use crate::postgres;
use crate::rules::Flow;

use super::progress::unix_seconds;

/// What DBAs see of these sessions.
const APPLICATION: &str = "acequia audit";
/// A daemon that is told to stop does not wait longer for a database that does not answer.
const STOP_LIMIT: Duration = Duration::from_secs(2);
/// Whoever asks for a reload sends the signal at once: what is older belongs to another one. Seconds.
const ASKED_LIMIT: i64 = 60;

/// Whether the start of the daemon is written down for a flow.
#[derive(Debug, Default)]
pub(super) struct Start(bool);

impl Start {
    /// Writes it down once, as soon as there is something to write it into.
    pub(super) async fn record(
        &mut self,
        there: &Client,
        config: &Config,
        flow: &Flow,
    ) -> Result<(), postgres::Error> {
        if !self.0 {
            self.0 = audit::record(there, "started", &detail(config, Some(flow))).await?;
        }
        Ok(())
    }
}

fn detail(config: &Config, flow: Option<&Flow>) -> Value {
    json!({ "flow": flow.map(|flow| &flow.name), "version": env!("CARGO_PKG_VERSION"), "config_sha256": config.sha256,
            "pid": std::process::id() })
}

/// Writes down that the daemon has stopped, in every target that answers soon.
pub(super) async fn stopped(config: &Config) {
    let detail = detail(config, None);
    let written = audit::note(targets(config), APPLICATION, "stopped", &detail);
    // A database that is down is what daemons are stopped for: the log has it.
    match tokio::time::timeout(STOP_LIMIT, written).await {
        Ok(failures) => failures.iter().for_each(|failure| tracing::debug!("{failure}")),
        Err(_) => {
            tracing::debug!("a database does not answer: that the daemon stopped is not written down there");
        }
    }
}

/// Writes a reload down that was taken, in every target that it concerns.
pub(super) async fn reloaded(
    (old, new): (&Config, &Config),
    targets: &BTreeSet<&DatabaseName>,
    record: &Reload,
    asked: Option<&Asked>,
) {
    let text: Vec<String> = record.differences.iter().map(Difference::to_string).collect();
    let detail = json!({ "old_sha256": old.sha256, "new_sha256": new.sha256, "difference": text, "flows": record.flows });
    // What concerns no flow is an act all the same.
    let mut databases = if targets.is_empty() { self::targets(new) } else { Vec::new() };
    for target in targets {
        databases.extend(new.databases.get(*target).or_else(|| old.databases.get(*target)));
    }
    write(databases, "reload", &detail, asked).await;
}

/// Writes down that a reload was refused, in every target of the rules that stay.
pub(super) async fn refused(old: &Config, record: &Reload, asked: Option<&Asked>) {
    let errors = record.found.iter().filter(|found| found.is_error).count();
    let detail = json!({ "old_sha256": old.sha256, "new_sha256": record.config_sha256, "errors": errors });
    write(targets(old), "reload refused", &detail, asked).await;
}

/// Where the flows of these rules write.
fn targets(config: &Config) -> Vec<&Database> {
    let names: BTreeSet<DatabaseName> = Flow::all(config).into_iter().map(|flow| flow.target).collect();
    names.iter().filter_map(|name| config.databases.get(name)).collect()
}

async fn write(databases: Vec<&Database>, what: &str, detail: &Value, asked: Option<&Asked>) {
    let asked = asked.filter(|asked| unix_seconds() - asked.at <= ASKED_LIMIT);
    let actor = actor();
    let (who, by) = match asked {
        Some(asked) => (asked.who.as_str(), asked.by.clone()),
        None => (actor.name.as_str(), actor.as_json()),
    };
    for failure in audit::note_by(databases, APPLICATION, (who, &by), what, detail).await {
        tracing::warn!("{failure}");
    }
}

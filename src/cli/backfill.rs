//! `acequia backfill`: has the daemon copy what is there already, and follows it.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::beside::Beside;
use super::console::{Exit, say, session};
use super::copies::{CopyReport, copies};
use super::forget::expect_reloaded;
use super::plan::redeem;
use super::wish::{Scope, Wish, concerned, control_session, daemon_runs, tell};
use crate::config::{Config, Mode};
use crate::ops::Phase;
use crate::postgres::{self, Session};
use crate::rules::Flow;

/// How often the copy is looked at.
const LOOK: Duration = Duration::from_millis(500);
/// A restart is no end: after a crash systemd waits five seconds with it.
const DAEMON_AWAY: Duration = Duration::from_secs(10);
/// What the daemon writes of a flow each second may be of before its new slot, or of before a restart.
const FLOW_IDLE: Duration = Duration::from_secs(5);

/// What is wanted.
#[derive(Debug, clap::Args)]
pub(super) struct Backfill {
    #[command(flatten)]
    scope: Scope,
    /// Override rows of the customers' own too
    #[arg(long)]
    yes: bool,
    /// The same, as the plan of this token has shown it
    #[arg(long, value_name = "TOKEN", conflicts_with = "yes")]
    plan: Option<String>,
    /// Stay until everything is in or nobody works at it any more, and show how far it is
    #[arg(long)]
    wait: bool,
}

pub(super) async fn backfill(config: &Config, wanted: &Backfill) -> anyhow::Result<Exit> {
    expect_reloaded(config)?;
    let flows = concerned(config, &wanted.scope)?;
    let overriding = overriding(config, &wanted.scope, &flows);
    if !overriding.is_empty() && !wanted.yes {
        match &wanted.plan {
            Some(token) => redeem(config, token, &wanted.scope, &flows).await?,
            None => anyhow::bail!(
                "mode = \"override\" ({}): rows that the customers have changed themselves would be changed back. See what \
                 `acequia plan` with the same names says, then say --yes, or --plan with its token",
                overriding.join(", ")
            ),
        }
    }
    let runs = daemon_runs(config);
    let mut begun = true;
    for flow in &flows {
        let target = control_session(config, flow, Wish::Backfill).await?;
        begun &= tell(&target, flow, Wish::Backfill, &wanted.scope, runs).await?;
    }
    if wanted.wait && begun {
        follow(config, &wanted.scope, &flows).await?;
    }
    Ok(Exit::Done)
}

/// The groups of a scope that override.
fn overriding(config: &Config, scope: &Scope, flows: &[Flow]) -> Vec<String> {
    let mut found = Vec::new();
    for sync in flows.iter().flat_map(|flow| flow.syncs(config)) {
        let mut routes = sync.to.iter().flat_map(|to| sync.data.iter().map(move |dataset| (to, dataset)));
        let overrides = |(to, dataset): (&_, &_)| {
            scope.covers(sync.name.as_str(), to, dataset)
                && config.carries(sync, to, dataset)
                && config.rule(sync, to, dataset).mode == Mode::Override
        };
        if !found.contains(&sync.name.to_string()) && routes.any(overrides) {
            found.push(sync.name.to_string());
        }
    }
    found
}

/// Stays until nothing of the scope is being copied.
///
/// # Errors
///
/// That nobody works at it any more, or that the target does not tell.
pub(super) async fn follow(config: &Config, scope: &Scope, flows: &[Flow]) -> anyhow::Result<()> {
    let mut sessions: Vec<(&Flow, Session)> = Vec::new();
    for flow in flows {
        sessions.push((flow, session(&config.databases[&flow.target], "backfill").await?));
    }
    let live = std::io::stderr().is_terminal();
    let mut shown = 0;
    let mut worked = Instant::now();
    loop {
        let beside = Beside::look(&config.daemon.runtime_directory);
        let (mut reports, mut idle): (Vec<CopyReport>, Option<Idle>) = (Vec::new(), None);
        for (flow, target) in &sessions {
            let asked = copies(target, &flow.name, scope.names());
            let own = postgres::in_time("reading what is copied", asked).await?;
            if !own.iter().all(CopyReport::is_unconfirmed) {
                idle = idle.or_else(|| Idle::of(&beside, &flow.name));
            }
            reports.extend(own);
        }
        if live {
            shown = redraw(&reports, shown);
        }
        if reports.iter().all(CopyReport::is_unconfirmed) {
            break;
        }
        match idle {
            None => worked = Instant::now(),
            Some(idle) if worked.elapsed() > idle.limit => anyhow::bail!(
                "{}. What is not in yet is copied as soon as it goes on, which `acequia status` tells",
                idle.why
            ),
            Some(_) => {}
        }
        tokio::time::sleep(LOOK).await;
    }
    say!("everything is in");
    Ok(())
}

/// Nobody works at a flow.
struct Idle {
    why: String,
    /// It may be a moment only.
    limit: Duration,
}

impl Idle {
    /// Nothing where somebody works at it, or is about to, or it can't be told.
    fn of(beside: &Beside, flow: &str) -> Option<Self> {
        let daemon = match beside {
            Beside::Daemon(daemon) => daemon,
            Beside::Nobody => {
                let why = "no daemon runs here any more: start it (`systemctl start acequia`)".to_owned();
                return Some(Self { why, limit: DAEMON_AWAY });
            }
            Beside::Unknown(_) => return None,
        };
        let own = daemon.flows.iter().find(|state| state.name == flow);
        let why = match own.map(|own| (own.state, own.reason.as_deref())) {
            Some((Phase::Halted, Some(reason))) => format!("flow {flow} is halted: {reason}"),
            Some((Phase::Halted, None)) => format!("flow {flow} is halted"),
            Some((Phase::Resting, _)) => format!("flow {flow} rests: all its groups are disabled"),
            None => format!("the daemon's rules have no flow {flow} any more"),
            Some((Phase::Starting | Phase::Streaming | Phase::Retrying | Phase::Stopping, _)) => return None,
        };
        Some(Self { why: why.trim_end_matches('.').to_owned(), limit: FLOW_IDLE })
    }
}

/// Draws the lines over those of before; answers how many.
fn redraw(reports: &[CopyReport], before: usize) -> usize {
    let mut text = String::new();
    if before > 0 {
        _ = write!(text, "\x1b[{before}A\x1b[J");
    }
    for report in reports {
        text += &report.line();
        text.push('\n');
    }
    // A terminal that is gone is no reason to stop.
    _ = std::io::stderr().lock().write_all(text.as_bytes());
    reports.len()
}

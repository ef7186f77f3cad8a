//! `acequia backfill`: has the daemon copy what is there already, and follows it.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use super::console::{Exit, say, session};
use super::copies::{CopyReport, copies};
use super::forget::expect_reloaded;
use super::plan::redeem;
use super::wish::{Scope, Wish, concerned, control_session, daemon_runs, tell};
use crate::config::{Config, Mode};
use crate::postgres::Session;
use crate::rules::Flow;

/// How often the copy is looked at.
const LOOK: Duration = Duration::from_millis(500);

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
    /// Stay until everything is in, and show how far it is
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
pub(super) async fn follow(config: &Config, scope: &Scope, flows: &[Flow]) -> anyhow::Result<()> {
    let mut sessions: Vec<(&Flow, Session)> = Vec::new();
    for flow in flows {
        sessions.push((flow, session(&config.databases[&flow.target], "backfill").await?));
    }
    let live = std::io::stderr().is_terminal();
    let mut shown = 0;
    loop {
        let mut reports: Vec<CopyReport> = Vec::new();
        for (flow, target) in &sessions {
            reports.extend(copies(target, &flow.name, scope.names()).await?);
        }
        if live {
            shown = redraw(&reports, shown);
        }
        if reports.iter().all(CopyReport::is_unconfirmed) {
            break;
        }
        tokio::time::sleep(LOOK).await;
    }
    say!("everything is in");
    Ok(())
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

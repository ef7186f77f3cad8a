//! `acequia resync`: says what it will do, and has the daemon do it. Everything of the scope is compared with the source; a
//! flow whose slot is of no use gets a new one first.

use std::collections::{BTreeMap, BTreeSet};

use super::backfill::follow;
use super::console::{Exit, say, session};
use super::status::state_of_flow;
use super::wish::{Scope, Wish, concerned, control_session, daemon_runs, tell};
use crate::config::{Config, Gone, Initial, Mode, Rule};
use crate::daemon::{Gap, find_any_gap};
use crate::rules::Flow;

/// What is compared, and how far it goes.
#[derive(Debug, clap::Args)]
pub(super) struct Resync {
    #[command(flatten)]
    scope: Scope,
    /// Go ahead, also where customers' rows are overwritten or deleted, or rows come in that `initial` has kept from them
    #[arg(long)]
    yes: bool,
    /// Stay until everything is in or nobody works at it any more, and show how far it is
    #[arg(long)]
    wait: bool,
}

/// Says what will happen, and asks the daemon for it.
pub(super) async fn resync(config: &Config, asked: &Resync) -> anyhow::Result<Exit> {
    let Resync { scope, yes, wait } = asked;
    let flows = concerned(config, scope)?;
    let (mut targets, mut harms) = (Vec::new(), false);
    for flow in &flows {
        let target = control_session(config, flow, Wish::Resync).await?;
        let source = &config.databases[&flow.source];
        let here = session(source, Wish::Resync.as_str()).await?;
        let gap = find_any_gap(flow, source, &here, &target).await?;
        refuse(flow, scope, gap.as_ref())?;
        harms |= describe(config, flow, scope, gap.as_ref());
        targets.push(target);
    }
    if harms && !yes {
        eprintln!(
            "acequia: nothing was done: this overwrites or deletes rows of customers, or creates rows in them that they were not \
             to get. `acequia plan` tells how many. Say `--yes` to do it; the journal keeps what is overwritten or deleted"
        );
        return Ok(Exit::Failed);
    }
    let runs = daemon_runs(config);
    let mut begun = true;
    for (flow, target) in flows.iter().zip(&targets) {
        begun &= tell(target, flow, Wish::Resync, scope, runs).await?;
    }
    if *wait && begun {
        follow(config, scope, &flows).await?;
    }
    Ok(Exit::Done)
}

/// A slot of no use concerns the whole flow, and one that is somebody else's is not ours to replace.
fn refuse(flow: &Flow, scope: &Scope, gap: Option<&Gap>) -> anyhow::Result<()> {
    let Some(gap) = gap else { return Ok(()) };
    anyhow::ensure!(gap.can_be_healed(), "{gap}");
    anyhow::ensure!(
        scope.is_whole_flow(),
        "{}. This concerns all of flow {name}: `acequia resync --flow {name}`, without narrower names, includes this",
        gap.finding(),
        name = flow.name
    );
    Ok(())
}

/// Routes of a group with the same words.
#[derive(Default)]
struct Alike<'a> {
    customers: BTreeSet<&'a str>,
    datasets: BTreeSet<&'a str>,
}

/// Says what will happen to one flow. Answers whether customers' own rows can be overwritten or deleted by it, or rows come in that
/// the rules have kept from them.
fn describe(config: &Config, flow: &Flow, scope: &Scope, gap: Option<&Gap>) -> bool {
    if let Some(gap) = gap {
        say!("flow {}: gets a new slot. {}", flow.name, gap.finding());
    } else {
        let state = state_of_flow(config, &flow.name);
        let outcome = if state == "streaming" {
            "keeps its slot, and streams on for everything else".to_owned()
        } else {
            format!("is {state}; it gets a new slot where the old one is of no use")
        };
        say!("flow {}: {outcome}", flow.name);
    }
    let mut harms = false;
    for sync in flow.syncs(config) {
        let mut alike: BTreeMap<(Mode, &str, bool), Alike<'_>> = BTreeMap::new();
        for to in &sync.to {
            if config.customers.get(to).is_none_or(|customer| customer.database != flow.target) {
                continue;
            }
            let data = sync.data.iter().filter(|data| scope.covers(sync.name.as_str(), to, data));
            for data in data.filter(|data| config.carries(sync, to, data)) {
                let rule = config.rule(sync, to, data);
                let brings_old = brings_old(&rule);
                harms |= is_harmful(&rule) || brings_old;
                let alike = alike.entry((rule.mode, rule.on_delete.as_str(), brings_old)).or_default();
                alike.customers.insert(to.as_str());
                alike.datasets.insert(data.as_str());
            }
        }
        for ((mode, on_delete, brings_old), Alike { customers, datasets }) in alike {
            let list = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
            say!("  sync {}: {} → {}: {}", sync.name, sync.from, list(customers), list(datasets));
            say!("    {}: {}", mode.as_str(), outcome(mode));
            if brings_old {
                say!(
                    "    initial = none: also rows that are older than the rule, which it has kept from them"
                );
            }
            if on_delete != "ignore" {
                say!("    on_delete = {on_delete}: also for rows that the source has deleted meanwhile");
            }
        }
    }
    harms
}

pub(super) fn is_harmful(rule: &Rule) -> bool {
    let deletes = match rule.on_delete {
        Gone::Ignore => false,
        Gone::Delete | Gone::Set(_) => true,
    };
    rule.mode == Mode::Override || deletes
}

/// The rule gives changes from a day on, and nobody can tell any more which of the rows that are missing are older.
fn brings_old(rule: &Rule) -> bool {
    rule.initial == Initial::None && rule.mode != Mode::LinkOnly
}

fn outcome(mode: Mode) -> &'static str {
    match mode {
        Mode::CreateOnly => {
            "rows that a customer lacks are created, also what it has deleted itself; the others stay as they are"
        }
        Mode::Override => {
            "rows that a customer lacks are created, also what it has deleted itself, and others overwritten where they differ"
        }
        Mode::LinkOnly => "pairs are looked for, and no row is written",
    }
}

//! `acequia reload`: has the daemon read the rule files anew, and says what it did.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, bail};
use jiff::Timestamp;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::beside::Beside;
use super::check;
use super::console::{Exit, Output, say};
use crate::apply::actor::actor;
use crate::config::{Config, Difference, Outline, runtime_directory};
use crate::daemon::Finding;
use crate::ops::{self, Asked, DaemonState, Found, Reload};

/// How often the daemon's answer is looked for.
const INTERVAL: Duration = Duration::from_millis(100);
/// Comparing the rules with many databases takes a while. Both limits together end before the 90 seconds that systemd gives
/// to a reload, so that it is this command that says what is going on.
const ANSWER_WITHIN: Duration = Duration::from_secs(70);
/// So long it is waited for flows to write what they had to write before; then it is said that they have not yet.
const TAKEN_OVER_WITHIN: Duration = Duration::from_secs(10);

pub(super) async fn reload(directory: &Path, dry_run: bool, output: Output) -> anyhow::Result<Exit> {
    let config = match Config::load(directory) {
        Ok((config, _)) => config,
        Err(problems) => {
            if !dry_run {
                have_refused(directory, &problems.sha256).await;
            }
            let found: Vec<Finding> = problems.diagnostics.into_iter().map(Finding::from).collect();
            return refused_files(&found, output);
        }
    };
    let place = &config.daemon.runtime_directory;
    let nobody = || {
        anyhow!(
            "no daemon runs with the runtime directory {}, so there is nothing to reload: start one (`systemctl start \
             acequia`, `acequia run`). If [daemon] runtime_directory was changed, restart the daemon",
            place.display()
        )
    };
    let before = Beside::look(place).known()?.ok_or_else(nobody)?;
    if dry_run {
        return dry(&config, output);
    }
    if !ask(place, &before)? {
        return Err(nobody());
    }
    let Some(record) = answer(place, before.reloads_ended, &config.sha256).await? else {
        bail!(
            "the daemon has not answered within {} s. It may still compare the rules with the databases, and then takes them \
             over or refuses them: `acequia status` says by which rules it runs, its log what has become of these",
            ANSWER_WITHIN.as_secs()
        );
    };
    let waiting = if record.taken { flows_on_their_way(place).await } else { Vec::new() };
    report(&record, &waiting, output)
}

/// Has a daemon read the files; no, if it died a moment ago.
fn ask(place: &Path, daemon: &DaemonState) -> anyhow::Result<bool> {
    let pid =
        i32::try_from(daemon.pid).ok().and_then(Pid::from_raw).context("the state file names no process")?;
    let actor = actor();
    let asked = Asked { who: actor.name.clone(), by: actor.as_json(), at: Timestamp::now().as_second() };
    // Not to be able to say who asks is no reason not to ask.
    let _ = ops::write_asked(place, &asked);
    match kill_process(pid, Signal::HUP) {
        Err(Errno::SRCH) => Ok(false),
        sent => sent.map(|()| true).with_context(|| {
            format!(
                "sending SIGHUP to process {} (as root, or as the user that the daemon runs as)",
                daemon.pid
            )
        }),
    }
}

/// Has a daemon that runs refuse files that are wrong. It would not start by them any more, so status, alerts and audit have
/// to know of them. What is wrong is known here already: nothing depends on its answer.
async fn have_refused(directory: &Path, sha256: &str) {
    let place = runtime_directory(directory);
    let refused = async {
        let Some(before) = Beside::look(&place).known()? else { return anyhow::Ok(()) };
        if !ask(&place, &before)? {
            return Ok(());
        }
        answer(&place, before.reloads_ended, sha256).await?;
        Ok(())
    };
    if let Err(error) = refused.await {
        eprintln!("acequia: a running daemon was not told of this: {error:#}\n");
    }
}

fn reading(place: &Path) -> String {
    format!(
        "reading the daemon's state in {} (as root, or as the user that the daemon runs as)",
        place.display()
    )
}

/// What would be different. The databases are not asked: `check` does that.
fn dry(config: &Config, output: Output) -> anyhow::Result<Exit> {
    let place = &config.daemon.runtime_directory;
    let running = ops::read_outline(place).with_context(|| reading(place))?;
    let running = running.context("the daemon has not written down what it runs by: restart it")?;
    let differences = running.differences(&Outline::of(config));
    match output {
        Output::Json => say!("{}", serde_json::to_string_pretty(&json!({ "differences": differences }))?),
        Output::Text => {
            print_differences(&differences);
            say!(
                "Nothing was changed. `acequia check` compares the files with the databases, `acequia reload` does it."
            );
        }
    }
    Ok(Exit::Done)
}

fn print_differences(differences: &[Difference]) {
    if differences.is_empty() {
        say!("The files say what the daemon runs by.");
    }
    for difference in differences {
        say!("  {difference}");
    }
}

/// Waits for the end of a reload that has read these files; `None`: it took too long.
async fn answer(place: &Path, before: u64, sha256: &str) -> anyhow::Result<Option<Reload>> {
    let began = Instant::now();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let Some(state) = Beside::look(place).known()? else {
            bail!("the daemon has ended meanwhile; its log says why");
        };
        let DaemonState { reloads_begun, reloads_ended, .. } = *state;
        let last = if reloads_ended > before {
            ops::read_reload(place).with_context(|| reading(place))?
        } else {
            None
        };
        let Some(last) = last else {
            if began.elapsed() > ANSWER_WITHIN {
                return Ok(None);
            }
            continue;
        };
        // One that had begun before may have read what was there before; the daemon answers the signal after it. Where the
        // files have been changed once more, nothing newer is coming.
        let is_last = reloads_begun == last.number && began.elapsed() > Duration::from_secs(3);
        if last.config_sha256 == sha256 || is_last {
            return Ok(Some(last));
        }
    }
}

/// The flows that have not come to where the new rules hold, after a while.
async fn flows_on_their_way(place: &Path) -> Vec<(String, String)> {
    let began = Instant::now();
    loop {
        let state = ops::read(place).ok().flatten();
        let flows = state.map(|state| state.flows).unwrap_or_default();
        let waiting: Vec<(String, String)> =
            flows.into_iter().filter_map(|flow| Some((flow.name, flow.new_rules_from?))).collect();
        if waiting.is_empty() || began.elapsed() > TAKEN_OVER_WITHIN {
            return waiting;
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

fn report(record: &Reload, waiting: &[(String, String)], output: Output) -> anyhow::Result<Exit> {
    match output {
        Output::Json => {
            let diagnostics: Vec<Value> = record.found.iter().map(as_json).collect();
            let waiting: Vec<Value> =
                waiting.iter().map(|(flow, from)| json!({ "flow": flow, "new_rules_from": from })).collect();
            let answer = json!({ "taken": record.taken, "config_sha256": record.config_sha256,
                "differences": record.differences, "flows": record.flows, "waiting": waiting,
                "diagnostics": diagnostics });
            say!("{}", serde_json::to_string_pretty(&answer)?);
        }
        Output::Text => print(record, waiting),
    }
    Ok(match (record.taken, record.unreachable) {
        (true, _) => Exit::Done,
        (false, true) => Exit::Unavailable,
        (false, false) => Exit::Configuration,
    })
}

fn as_json(found: &Found) -> Value {
    let mut diagnostic = found.diagnostic.clone();
    if let Value::Object(fields) = &mut diagnostic {
        fields.insert("sql".to_owned(), json!(found.sql));
    }
    diagnostic
}

fn print(record: &Reload, waiting: &[(String, String)]) {
    for found in &record.found {
        eprintln!("{}", found.text);
        if let Some(sql) = &found.sql {
            let lines: Vec<String> = sql.lines().map(|line| format!("    {line}")).collect();
            eprintln!("{}", lines.join("\n"));
        }
        eprintln!();
    }
    if !record.taken {
        let errors = record.found.iter().filter(|found| found.is_error).count();
        eprintln!("refused: {errors} error(s); everything goes on by the rules as they were");
        return;
    }
    if record.differences.is_empty() {
        say!("reloaded: the files say what the daemon ran by already");
        return;
    }
    say!("reloaded:");
    print_differences(&record.differences);
    for flow in &record.flows {
        say!("{flow}");
    }
    for (flow, _) in waiting {
        say!("flow {flow} still writes what had committed before, by the old rules (`acequia status`)");
    }
}

fn refused_files(found: &[Finding], output: Output) -> anyhow::Result<Exit> {
    if output == Output::Text {
        let exit = check::report(found, output, false)?;
        eprintln!("refused: a running daemon goes on by the rules as they were");
        return Ok(exit);
    }
    let diagnostics: Result<Vec<Value>, serde_json::Error> = found.iter().map(check::as_json).collect();
    let answer =
        json!({ "taken": false, "differences": [], "flows": [], "waiting": [], "diagnostics": diagnostics? });
    say!("{}", serde_json::to_string_pretty(&answer)?);
    Ok(Exit::Configuration)
}

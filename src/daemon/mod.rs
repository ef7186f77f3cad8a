//! The process: one task for each flow and one for each snapshot, stopped in order.
//!
//! `tasks` holds the `flow`s and gives them their orders; `watch` looks at the databases without their help, and `left` finds
//! slots that no rule knows. `snapshots` makes snapshots. `alarm` notices which checks of health turn red or green, and the
//! `crier` tells applications. `check` compares files and databases, `reload` changes the rules of a running process; `trail`
//! writes starts, stops and reloads down. What a flow's task says of itself is its `progress`; each loop has a `pulse`, and
//! `service` tells systemd that all of them beat. This file listens for what happens and writes the state file. Clocks enter
//! here.

mod alarm;
mod check;
mod crier;
mod flow;
mod left;
mod progress;
mod pulse;
mod reload;
mod service;
mod snapshots;
mod tasks;
mod trail;
mod watch;

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::Signal;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;

use crate::config::{Config, Outline};
use crate::ops::{self, DaemonState, Health, Reload};
use crate::rules::Flow;

use alarm::Alarm;
use crier::Crier;
use flow::When;
use reload::{Kind, Running, Taken, Verdict};
use service::Service;
use snapshots::Snapshots;
use tasks::Tasks;
use watch::Lookout;

pub use check::{Finding, Findings, check_everything};
pub use flow::{Error, Gap, find_any_gap, find_gap, publication_gap, read_catalogs};
pub use left::{LeftBehind, left_behind};

/// How often the state file is written.
const STATE_INTERVAL: Duration = Duration::from_secs(1);
/// How often slots are looked for that nobody uses any more.
const LEFT_INTERVAL: Duration = Duration::from_hours(1);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Told to stop.
    Stopped,
    /// No flow could start, and none ever has.
    Refused,
}

/// What the process owns.
struct Process {
    config: Arc<Config>,
    /// Where the files are.
    directory: PathBuf,
    /// Where the state file is: the one of the start, whatever the files say later.
    runtime_directory: PathBuf,
    loaded_at: i64,
    tasks: Tasks,
    lookout: Lookout,
    alarm: Alarm,
    crier: Crier,
    snapshots: Snapshots,
    reloads_begun: u64,
    last_reload: Option<Reload>,
    /// That the state file can't be written is said once.
    told: bool,
    /// What stands beside the state file could not be written.
    beside_is_old: bool,
    /// Tells health and metrics by HTTP.
    http: ops::Http,
    /// What systemd knows of it.
    service: Service,
}

/// Runs every flow until `shutdown` is ready, or until no flow can start and none ever has. Each hangup has the files in `directory` read
/// anew; those that come while that is being done are answered together afterwards.
pub async fn run(
    config: Config,
    directory: &Path,
    mut hangup: Signal,
    shutdown: impl Future<Output = ()>,
) -> Ended {
    let mut process = Process::start(Arc::new(config), directory);
    let mut reloading: Option<JoinHandle<Verdict>> = None;
    let mut state = tokio::time::interval(STATE_INTERVAL);
    let mut left = tokio::time::interval(LEFT_INTERVAL);
    for timer in [&mut state, &mut left] {
        timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    tokio::pin!(shutdown);
    let ended = loop {
        tokio::select! {
            biased;
            () = &mut shutdown => break Ended::Stopped,
            // One that has been given new rules since is not what systemd should start anew.
            // Nor is one that makes snapshots.
            () = process.tasks.all_refused(), if process.reloads_begun == 0 && process.snapshots.is_empty() => {
                break Ended::Refused;
            }
            _ = hangup.recv(), if reloading.is_none() => reloading = Some(process.begin_reload()),
            verdict = ended(&mut reloading) => {
                reloading = None;
                process.end_reload(verdict);
            }
            _ = left.tick() => {
                let config = Arc::clone(&process.config);
                tokio::spawn(async move { left::warn(&config).await });
            }
            _ = state.tick() => process.tick(),
        }
    };
    process.service.stop();
    if let Some(reloading) = reloading {
        reloading.abort();
    }
    process.http.stop();
    tokio::join!(process.tasks.stop(), process.snapshots.stop());
    trail::stopped(&process.config).await;
    ops::remove(&process.runtime_directory);
    ended
}

/// Ready when the reload at hand is.
async fn ended(reloading: &mut Option<JoinHandle<Verdict>>) -> Option<Verdict> {
    match reloading {
        Some(task) => task.await.ok(),
        None => std::future::pending().await,
    }
}

impl Process {
    fn start(config: Arc<Config>, directory: &Path) -> Self {
        let mut tasks = Tasks::default();
        for flow in Flow::all(&config) {
            tasks.run(&flow, &config, When::AtOnce);
        }
        tasks.rest(&Flow::resting(&config), &config);
        let mut lookout = Lookout::default();
        lookout.follow(&config);
        let mut snapshots = Snapshots::default();
        snapshots.follow(&config);
        let mut process = Self {
            runtime_directory: config.daemon.runtime_directory.clone(),
            http: ops::Http::start(config.daemon.listen),
            config,
            directory: directory.to_owned(),
            loaded_at: progress::unix_seconds(),
            tasks,
            lookout,
            alarm: Alarm::default(),
            crier: Crier::start(),
            snapshots,
            reloads_begun: 0,
            last_reload: None,
            told: false,
            beside_is_old: false,
            service: Service::new(),
        };
        process.write_beside();
        process
    }

    fn begin_reload(&mut self) -> JoinHandle<Verdict> {
        tracing::info!("reading the rule files anew");
        self.service.begin_reload();
        self.reloads_begun += 1;
        self.write_state();
        let running = Running {
            config: Arc::clone(&self.config),
            directory: self.directory.clone(),
            phases: self.tasks.phases(),
            asked: ops::take_asked(&self.runtime_directory),
        };
        tokio::spawn(reload::reload(running, self.reloads_begun))
    }

    fn end_reload(&mut self, verdict: Option<Verdict>) {
        self.service.end_reload();
        let Some(Verdict { record, taken }) = verdict else {
            tracing::error!(
                "the task that reloads broke down, and nothing was changed; this is a fault of Acequia, please report it"
            );
            return;
        };
        reload::tell(&record);
        if let Some(taken) = taken {
            self.take(taken);
        }
        self.last_reload = Some(record);
        // Before the state file, which says that it is there.
        self.write_beside();
        self.write_state();
    }

    /// Runs by another configuration from now on.
    fn take(&mut self, taken: Taken) {
        let Taken { config, steps } = taken;
        for step in &steps {
            match step.kind {
                Kind::Same | Kind::Touched | Kind::Begins => self.tasks.run(&step.flow, &config, step.when),
                Kind::Ends => self.tasks.end(&step.flow, step.when),
            }
        }
        self.tasks.rest(&Flow::resting(&config), &config);
        self.lookout.follow(&config);
        self.snapshots.follow(&config);
        self.http.listen(config.daemon.listen);
        self.config = config;
        self.loaded_at = progress::unix_seconds();
        let config = Arc::clone(&self.config);
        tokio::spawn(async move { left::warn(&config).await });
    }

    /// What stands beside the state file, and changes with the rules only.
    fn write_beside(&mut self) {
        let reload = self.last_reload.as_ref();
        let written = ops::write_outline(&self.runtime_directory, &Outline::of(&self.config))
            .and_then(|()| reload.map_or(Ok(()), |last| ops::write_reload(&self.runtime_directory, last)));
        if let Err(error) = &written
            && !self.beside_is_old
        {
            self.complain("the rules that run, and the last reload, can't be written down", error);
        }
        self.beside_is_old = written.is_err();
    }

    /// Each second: what is known is written down and told.
    fn tick(&mut self) {
        let state = self.write_state();
        let mut pulses = self.tasks.pulses();
        pulses.extend(self.snapshots.pulses());
        self.service.tick(&state, &pulses);
    }

    fn write_state(&mut self) -> Arc<DaemonState> {
        let state = Arc::new(self.state());
        // First: a disk that hangs must not keep this from being told.
        self.http.tell(Arc::clone(&state));
        let written = ops::write(&self.runtime_directory, &state);
        if let Err(error) = &written
            && !self.told
        {
            self.complain("the state file can't be written", error);
        }
        self.told = written.is_err();
        // There was no room for it, or somebody has removed the directory.
        let has_all = ops::is_beside(&self.runtime_directory, self.last_reload.is_some());
        if written.is_ok() && (self.beside_is_old || !has_all) {
            self.write_beside();
        }
        for turn in self.alarm.look(&Health::judge(&state, 0.0), Instant::now()) {
            alarm::say(&turn);
            self.crier.tell(&self.config, &state, &turn);
        }
        state
    }

    fn state(&mut self) -> DaemonState {
        let mut flows = self.tasks.states();
        self.lookout.look(&mut flows);
        DaemonState {
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            config_sha256: self.config.sha256.clone(),
            config_directory: self.directory.display().to_string(),
            loaded_at: self.loaded_at,
            reloads_begun: self.reloads_begun,
            reloads_ended: self.last_reload.as_ref().map_or(0, |last| last.number),
            refused_sha256: self
                .last_reload
                .as_ref()
                .filter(|last| !last.taken)
                .map(|last| last.config_sha256.clone()),
            written_at: progress::unix_seconds(),
            flows,
            snapshots: self.snapshots.states(),
            limits: ops::Limits {
                max_lag_seconds: self.config.daemon.max_lag.as_secs(),
                max_parked_age_seconds: self.config.daemon.max_parked_age.as_secs(),
            },
        }
    }

    fn complain(&self, what: &str, error: &std::io::Error) {
        tracing::warn!(
            directory = %self.runtime_directory.display(),
            kind = %error.kind(),
            "{what}; check the directory's owner and room ([daemon] runtime_directory)"
        );
    }
}

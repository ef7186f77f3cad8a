//! From what was told last to the values of the metrics: pure but for the figures of the process, which come in.
//!
//! Ages are as of now: what has gone by since the state was told is added to them.

use super::health::Level;
use super::metric as of;
use super::own::Figures;
use super::sample::Samples;
use super::seen::Seen;
use super::state::{FlowState, Phase, SnapshotPhase, SnapshotState};
use super::vital::{Side, SlotVital, Vital};

const PHASES: [Phase; 6] =
    [Phase::Starting, Phase::Streaming, Phase::Retrying, Phase::Halted, Phase::Stopping, Phase::Resting];

const SNAPSHOT_PHASES: [SnapshotPhase; 4] =
    [SnapshotPhase::Idle, SnapshotPhase::Making, SnapshotPhase::Waiting, SnapshotPhase::Retrying];

/// PostgreSQL's words (`pg_replication_slots.wal_status`).
const WAL_STATUSES: [&str; 4] = ["reserved", "extended", "unreserved", "lost"];

/// All that is known.
pub(super) fn gather(seen: Option<&Seen>, figures: &Figures, started_at: i64) -> Samples {
    let mut samples = Samples::default();
    samples.put(&of::BUILD_INFO, &[env!("CARGO_PKG_VERSION")], true);
    samples.put_known(&of::RESIDENT, &[], figures.resident_bytes);
    samples.put_known(&of::CPU, &[], figures.cpu_seconds);
    samples.put_known(&of::THREADS, &[], figures.threads);
    samples.put_known(&of::OPEN_FDS, &[], figures.open_fds);
    samples.put_known(&of::MAX_FDS, &[], figures.max_fds);
    samples.put(&of::STARTED, &[], started_at);
    let Some(seen) = seen else {
        samples.put(&of::READY, &[], false);
        return samples;
    };
    daemon(&mut samples, seen);
    let ago = seen.seconds_ago();
    for state in &seen.state.flows {
        flow(&mut samples, state, ago);
    }
    for state in &seen.state.snapshots {
        snapshot(&mut samples, state);
    }
    samples
}

fn daemon(samples: &mut Samples, seen: &Seen) {
    let (state, health) = (&seen.state, seen.health());
    samples.put(&of::READY, &[], !seen.stopping && health.level() != Level::Fail);
    for check in &health.checks {
        let level: u64 = match check.level {
            Level::Ok => 0,
            Level::Warn => 1,
            Level::Fail => 2,
        };
        samples.put(&of::HEALTH, &[check.name, &check.subject.text()], level);
    }
    samples.put(&of::BEAT_AGE, &[], seen.seconds_ago());
    samples.put(&of::CONFIG_LOADED, &[], state.loaded_at);
    samples.put(&of::CONFIG_GOOD, &[], state.refused_sha256.is_none());
    samples.put(&of::RELOADS, &[], state.reloads_ended);
    samples.put(&of::MAX_LAG, &[], state.limits.max_lag_seconds);
    samples.put(&of::MAX_PARKED_AGE, &[], state.limits.max_parked_age_seconds);
}

fn flow(samples: &mut Samples, state: &FlowState, ago: f64) {
    let flow = [state.name.as_str()];
    let phases = PHASES.map(Phase::as_str);
    samples.put_states(&of::FLOW_STATE, &flow, &phases, state.state.as_str());
    samples.put(&of::FLOW_SINCE, &flow, state.since);
    samples.put(&of::TRANSACTIONS, &flow, state.transactions);
    samples.put(&of::CHANGES, &flow, state.changes);
    if state.state != Phase::Resting {
        samples.put(&of::LAG, &flow, growing(state.lag_seconds, ago));
        samples.put(&of::HEARD_AGE, &flow, state.silent_seconds + ago);
    }
    if let Some(verified) = &state.verified {
        samples.put(&of::VERIFIED, &flow, verified.at);
        samples.put(&of::DIFFERENCES, &flow, verified.differences);
    }
    if let Some(seen) = &state.vital {
        vital(samples, &state.name, seen, ago);
        samples.put_known(&of::FLOW_STALE, &flow, state.stale_seconds(ago));
        for name in &state.customers {
            let seconds = state.customer_stale_seconds(name, ago);
            samples.put_known(&of::CUSTOMER_STALE, &[flow[0], name], seconds);
        }
    }
}

/// What is 0 is over, and does not grow.
fn growing(age: f64, ago: f64) -> f64 {
    if age > 0.0 { age + ago } else { 0.0 }
}

fn vital(samples: &mut Samples, flow: &str, vital: &Vital, ago: f64) {
    samples.put(&of::HEARTBEAT_AGE, &[flow], growing(vital.heartbeat_age_seconds, ago));
    samples.put_known(&of::HEARTBEAT_DURATION, &[flow], vital.heartbeat_took_seconds);
    samples.put_known(&of::COMMIT_AGE, &[flow], vital.commit_age_seconds.map(|age| age + ago));
    samples.put_known(&of::BEHIND, &[flow], vital.behind_bytes);
    for (word, Side { database, answered_seconds_ago, .. }) in
        [("source", &vital.source), ("target", &vital.target)]
    {
        let age = answered_seconds_ago.map(|age| age + ago);
        samples.put_known(&of::ANSWER_AGE, &[flow, word, database], age);
    }
    if let Some(seen) = &vital.slot {
        slot(samples, flow, seen);
    }
    for (name, customer) in &vital.customers {
        for (operation, rows) in &customer.written {
            samples.put(&of::ROWS_WRITTEN, &[flow, name, operation], *rows);
        }
        for (reason, rows) in &customer.parked {
            samples.put(&of::PARKED_ROWS, &[flow, name, reason], *rows);
        }
        let parked = customer.oldest_parked_seconds.map(|age| age + ago);
        samples.put_known(&of::PARKED_AGE, &[flow, name], parked);
        samples.put_known(&of::HELD_AGE, &[flow, name], customer.oldest_held_seconds.map(|age| age + ago));
    }
    // Several groups or data sets of one customer may be held for one reason: that is one series.
    let mut holds = std::collections::BTreeMap::<(&str, &str), u64>::new();
    for hold in &vital.holds {
        *holds.entry((hold.customer.as_deref().unwrap_or_default(), &hold.reason)).or_default() += 1;
    }
    for ((customer, reason), count) in holds {
        samples.put(&of::HOLDS, &[flow, customer, reason], count);
    }
}

fn slot(samples: &mut Samples, flow: &str, slot: &SlotVital) {
    let labels = [flow, slot.name.as_str()];
    samples.put(&of::RETAINED_WAL, &labels, slot.retained_wal_bytes);
    samples.put_known(&of::RETAINED_WAL_MAX, &labels, slot.max_retained_wal_bytes);
    samples.put_known(&of::SAFE_WAL, &labels, slot.safe_wal_bytes);
    samples.put(&of::SLOT_ACTIVE, &labels, slot.active);
    if let Some(status) = &slot.wal_status {
        samples.put_states(&of::SLOT_STATUS, &labels, &WAL_STATUSES, status);
    }
}

fn snapshot(samples: &mut Samples, state: &SnapshotState) {
    let name = [state.name.as_str()];
    let phases = SNAPSHOT_PHASES.map(SnapshotPhase::as_str);
    samples.put_states(&of::SNAPSHOT_STATE, &name, &phases, state.state.as_str());
    samples.put(&of::SNAPSHOT_LATE, &name, state.late);
    samples.put(&of::SNAPSHOT_FAILED, &name, state.failure.is_some());
    samples.put_known(&of::SNAPSHOT_NEXT, &name, state.next_at);
    if let Some(published) = &state.published {
        samples.put(&of::SNAPSHOT_PUBLISHED, &name, published.at.as_second());
        samples.put(&of::SNAPSHOT_ROWS, &name, published.rows);
        samples.put(&of::SNAPSHOT_BYTES, &name, published.bytes);
    }
    if let Some(progress) = &state.progress {
        samples.put(&of::SNAPSHOT_RUN_ROWS, &name, progress.rows);
        samples.put(&of::SNAPSHOT_RUN_ROWS_EXPECTED, &name, progress.rows_estimate);
    }
}

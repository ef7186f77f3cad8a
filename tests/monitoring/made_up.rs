//! States of a daemon, as they may be.

use std::collections::BTreeMap;

use acequia::ops::{
    CustomerVital, DaemonState, FlowState, HoldVital, Limits, Phase, Side, SlotVital, SnapshotPhase,
    SnapshotState, Verified, Vital,
};
use acequia::snapshot::progress::{Progress, Step};
use acequia::snapshot::record::{Failure, Published};

/// All is well.
pub(crate) fn well() -> DaemonState {
    DaemonState {
        pid: 7,
        version: "0".to_owned(),
        config_sha256: String::new(),
        config_directory: "/etc/acequia".to_owned(),
        loaded_at: 1_700_000_000,
        reloads_begun: 2,
        reloads_ended: 2,
        refused_sha256: None,
        written_at: 1_700_000_100,
        flows: vec![flow("practice:practice")],
        snapshots: vec![snapshot()],
        limits: Limits { max_lag_seconds: 60, max_parked_age_seconds: 86_400 },
    }
}

/// What a label has to escape.
const NORTH: &str = "north \"n\" \\ Näme";

fn flow(name: &str) -> FlowState {
    FlowState {
        name: name.to_owned(),
        state: Phase::Streaming,
        reason: None,
        since: 1_700_000_001,
        applied_lsn: "0/1".to_owned(),
        received_lsn: "0/1".to_owned(),
        lag_seconds: 0.0,
        transactions: 12,
        changes: 345,
        silent_seconds: 0.5,
        verified: None,
        new_rules_from: None,
        customers: vec![NORTH.to_owned(), "south".to_owned()],
        vital: Some(vital()),
    }
}

fn vital() -> Vital {
    let side = Side { database: "practice".to_owned(), answered_seconds_ago: Some(0.2), problem: None };
    let count = |word: &str, rows| BTreeMap::from([(word.to_owned(), rows)]);
    let customer = CustomerVital {
        written: count("created", 99),
        parked: count("missing parent", 3),
        oldest_parked_seconds: Some(60.0),
        oldest_held_seconds: None,
        oldest_lacking_seconds: None,
    };
    Vital {
        source: side.clone(),
        target: side,
        heartbeat_age_seconds: 0.0,
        heartbeat_took_seconds: Some(0.02),
        counted_seconds_ago: Some(1.0),
        slot: Some(SlotVital {
            name: "acequia_practice".to_owned(),
            retained_wal_bytes: 4096,
            max_retained_wal_bytes: Some(1 << 30),
            wal_status: Some("reserved".to_owned()),
            safe_wal_bytes: Some(1 << 31),
            active: true,
        }),
        behind_bytes: Some(0),
        commit_age_seconds: Some(1.5),
        customers: BTreeMap::from([(NORTH.to_owned(), customer)]),
        holds: vec![HoldVital {
            reason: "scheduled".to_owned(),
            customer: Some("south".to_owned()),
            sync: Some("nightly".to_owned()),
            dataset: None,
            age_seconds: 4.0,
        }],
        ..Vital::default()
    }
}

fn snapshot() -> SnapshotState {
    let now = jiff::Timestamp::UNIX_EPOCH;
    SnapshotState {
        name: "night".to_owned(),
        state: SnapshotPhase::Making,
        next_at: Some(1_700_003_600),
        late: false,
        progress: Some(Progress {
            rows: 10,
            rows_estimate: 100,
            step: Step::Exporting,
            ..Progress::new(now)
        }),
        published: Some(Published { run: "r".to_owned(), at: now, as_of: None, rows: 5, bytes: 6 }),
        failure: None,
    }
}

/// The source is silent, a customer is full, a snapshot late.
pub(crate) fn unwell() -> DaemonState {
    let mut state = well();
    state.refused_sha256 = Some("f".to_owned());
    state.flows[0].lag_seconds = 45.0;
    if let Some(vital) = &mut state.flows[0].vital {
        vital.heartbeat_age_seconds = 50.0;
    }
    let failure = Failure { at: jiff::Timestamp::UNIX_EPOCH, text: "the disk is full".to_owned() };
    state.snapshots[0] = SnapshotState { late: true, failure: Some(failure), ..snapshot() };
    state
}

/// One state for each thing that can be wrong and for how bad it can be, each with a single cause.
pub(crate) fn every_trouble() -> Vec<DaemonState> {
    let changes: [fn(&mut DaemonState); 14] = [
        |state| state.refused_sha256 = Some("f".to_owned()),
        |state| state.flows[0].state = Phase::Halted,
        |state| state.flows[0].silent_seconds = 31.0,
        |state| state.flows[0].lag_seconds = 3600.0,
        |state| state.flows[0].verified = Some(Verified { at: 1, differences: 1 }),
        |state| seen(state).source.answered_seconds_ago = None,
        |state| seen(state).heartbeat_age_seconds = 31.0,
        |state| seen(state).commit_age_seconds = Some(31.0),
        |state| keep(state, (1 << 29) + 1),
        |state| keep(state, (1 << 30) + 1),
        |state| hold(state, 1.0),
        |state| hold(state, 31.0),
        |state| state.snapshots[0].failure.clone_from(&unwell().snapshots[0].failure),
        |state| state.snapshots[0].late = true,
    ];
    let parked = [43_201.0, 86_401.0].map(|age| {
        let mut state = well();
        seen(&mut state)
            .customers
            .values_mut()
            .for_each(|customer| customer.oldest_parked_seconds = Some(age));
        state
    });
    let states = changes.map(|change| {
        let mut state = well();
        change(&mut state);
        state
    });
    states.into_iter().chain(parked).collect()
}

fn seen(state: &mut DaemonState) -> &mut Vital {
    state.flows[0].vital.as_mut().expect("it was looked at")
}

fn keep(state: &mut DaemonState, bytes: u64) {
    seen(state).slot.as_mut().expect("a slot").retained_wal_bytes = bytes;
}

fn hold(state: &mut DaemonState, age_seconds: f64) {
    "paused".clone_into(&mut seen(state).holds[0].reason);
    seen(state).holds[0].age_seconds = age_seconds;
}

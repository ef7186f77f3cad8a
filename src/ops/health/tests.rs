//! Every check, green and red.

use std::collections::BTreeMap;

use super::*;
use crate::ops::{Side, UNBOUNDED_WAL_BYTES, Verified, Vital};

/// A flow in which all is well.
fn well() -> FlowState {
    let side =
        |name: &str| Side { database: name.to_owned(), answered_seconds_ago: Some(1.0), problem: None };
    let vital = Vital {
        source: side("main"),
        target: side("east"),
        heartbeat_took_seconds: Some(0.1),
        slot: Some(SlotVital {
            name: "acequia_1".to_owned(),
            wal_status: Some("reserved".to_owned()),
            ..SlotVital::default()
        }),
        commit_age_seconds: Some(4.0),
        counted_seconds_ago: Some(2.0),
        ..Vital::default()
    };
    FlowState { vital: Some(vital), ..FlowState::made_up("main:east", Phase::Streaming) }
}

/// What is not green of a flow that was changed so: each check's name and level.
fn found(change: impl FnOnce(&mut FlowState, &mut Vital)) -> Vec<(&'static str, Level)> {
    let mut flow = well();
    let mut vital = flow.vital.take().unwrap_or_default();
    change(&mut flow, &mut vital);
    flow.vital = Some(vital);
    let health = Health::judge(&DaemonState::made_up(vec![flow]), 0.5);
    health
        .checks
        .iter()
        .filter(|check| check.level != Level::Ok)
        .map(|check| (check.name, check.level))
        .collect()
}

fn customer(change: impl FnOnce(&mut CustomerVital)) -> BTreeMap<String, CustomerVital> {
    let mut customer = CustomerVital::default();
    change(&mut customer);
    BTreeMap::from([("north".to_owned(), customer)])
}

const FAIL: Level = Level::Fail;
const WARN: Level = Level::Warn;

#[test]
fn a_flow_in_which_all_is_well_is_green() {
    assert_eq!(found(|_, _| {}), []);
    assert_eq!(Health::judge(&DaemonState::made_up(vec![well()]), 0.5).level(), Level::Ok);
}

#[test]
fn only_a_flow_that_streams_or_rests_is_green() {
    for phase in [Phase::Starting, Phase::Retrying, Phase::Halted, Phase::Stopping] {
        assert_eq!(found(|flow, _| flow.state = phase), [("state", FAIL)], "{phase:?}");
    }
    let rests = |flow: &mut FlowState, vital: &mut Vital| {
        (flow.state, *vital) = (Phase::Resting, Vital::default());
        flow.silent_seconds = 1e6;
    };
    assert_eq!(found(rests), [], "nobody waits for it");
}

#[test]
fn a_flow_that_nobody_could_look_at_is_red() {
    let mut flow = well();
    flow.vital = None;
    let health = Health::judge(&DaemonState::made_up(vec![flow]), 0.5);
    let red: Vec<&str> = health.problems().iter().map(|check| check.name).collect();
    assert_eq!(red, ["watched", "heartbeat", "committed"]);
    assert_eq!(found(|_, vital| vital.source.answered_seconds_ago = None), [("watched", FAIL)]);
    assert_eq!(found(|_, vital| vital.target.answered_seconds_ago = Some(29.0)), []);
    assert_eq!(found(|_, vital| vital.target.answered_seconds_ago = Some(30.0)), [("watched", FAIL)]);
    assert_eq!(found(|_, vital| vital.counted_seconds_ago = None), [("watched", FAIL)]);
}

#[test]
fn ages_are_red_past_half_of_max_lag() {
    assert_eq!(found(|_, vital| vital.heartbeat_age_seconds = 29.0), []);
    assert_eq!(found(|_, vital| vital.heartbeat_age_seconds = 30.0), [("heartbeat", FAIL)]);
    assert_eq!(
        found(|_, vital| vital.heartbeat_took_seconds = None),
        [("heartbeat", FAIL)],
        "none has ever come"
    );
    assert_eq!(found(|_, vital| vital.commit_age_seconds = Some(30.0)), [("committed", FAIL)]);
    assert_eq!(found(|_, vital| vital.commit_age_seconds = None), [("committed", FAIL)]);
    assert_eq!(found(|flow, _| flow.silent_seconds = 30.0), [("heard", FAIL)]);
    assert_eq!(found(|flow, _| flow.lag_seconds = 40.0), [("lag", WARN)], "clocks differ");
}

#[test]
fn a_state_that_nobody_writes_any_more_grows_red() {
    let red = |ago| {
        let health = Health::judge(&DaemonState::made_up(vec![well()]), ago);
        health.problems().iter().map(|check| check.name).collect::<Vec<_>>()
    };
    assert_eq!(red(4.9), [""; 0]);
    assert_eq!(red(5.1), ["alive"]);
    assert_eq!(red(31.0), ["alive", "watched", "heartbeat", "heard", "committed"]);
}

#[test]
fn a_slot_is_red_when_it_is_lost_or_past_its_limit() {
    let slot = |change: fn(&mut SlotVital)| {
        found(|_, vital| {
            if let Some(slot) = vital.slot.as_mut() {
                slot.retained_wal_bytes = 100;
                change(slot);
            }
        })
    };
    assert_eq!(slot(|slot| slot.max_retained_wal_bytes = Some(200)), []);
    assert_eq!(slot(|slot| slot.max_retained_wal_bytes = Some(199)), [("wal", WARN)]);
    assert_eq!(slot(|slot| slot.max_retained_wal_bytes = Some(99)), [("wal", FAIL)]);
    assert_eq!(slot(|slot| slot.safe_wal_bytes = Some(100)), []);
    assert_eq!(slot(|slot| slot.safe_wal_bytes = Some(99)), [("wal", WARN)], "half of the server's bound");
    assert_eq!(slot(|slot| slot.safe_wal_bytes = Some(-1)), [("wal", WARN)]);
    assert_eq!(found(|_, vital| vital.given_up = Some(String::new())), [("wal", FAIL)]);
    let rests = |flow: &mut FlowState, vital: &mut Vital| {
        (flow.state, vital.given_up) = (Phase::Resting, Some(String::new()));
    };
    assert_eq!(found(rests), [("wal", WARN)], "nobody waits for it");
    assert_eq!(slot(|slot| slot.wal_status = Some("extended".to_owned())), []);
    for status in ["unreserved", "lost"] {
        let red = found(|_, vital| {
            let slot = SlotVital { wal_status: Some(status.to_owned()), ..SlotVital::default() };
            vital.slot = Some(slot);
        });
        assert_eq!(red, [("wal", FAIL)], "{status}");
    }
}

#[test]
fn a_slot_that_nothing_bounds_is_warned_of_before_it_fills_the_disk() {
    let slot = |kept, max, safe| {
        let slot = SlotVital {
            retained_wal_bytes: kept,
            max_retained_wal_bytes: max,
            safe_wal_bytes: safe,
            ..SlotVital::default()
        };
        wal_of(&slot)
    };
    let much = UNBOUNDED_WAL_BYTES + 1;
    let (level, text) = slot(much, None, None);
    assert_eq!(level, WARN);
    assert!(
        text.ends_with("nothing bounds it before the source's disk is full: set max_retained_wal"),
        "{text}"
    );
    assert_eq!(slot(UNBOUNDED_WAL_BYTES, None, None).0, Level::Ok);
    assert_eq!(slot(much, Some(2 * much), None).0, Level::Ok, "a bound of ours");
    assert_eq!(slot(much, None, Some(i64::MAX)).0, Level::Ok, "one of the server");
}

#[test]
fn holds_are_red_when_somebody_waits_for_too_long() {
    let held = |reason: &str, age_seconds| {
        let hold = HoldVital { reason: reason.to_owned(), age_seconds, ..HoldVital::default() };
        found(|_, vital| vital.holds.push(hold))
    };
    assert_eq!(held("scheduled", 1e6), [], "it is what the rule says");
    assert_eq!(held("paused", 10.0), [("held", WARN)]);
    assert_eq!(held("backfill", 10.0), [("held", WARN)], "a small copy is soon over");
    for reason in ["paused", "locked", "broken", "backfill", "unconfirmed"] {
        assert_eq!(held(reason, 30.0), [("held", FAIL)], "{reason}");
    }
    assert_eq!(held("overflow", 0.0), [("held", FAIL)], "rows are not even kept");
    let waits = |age| found(|_, vital| vital.customers = customer(|one| one.oldest_held_seconds = Some(age)));
    assert_eq!(waits(10.0), []);
    assert_eq!(waits(30.0), [("held", FAIL)]);
}

#[test]
fn parked_rows_and_differences_are_told_in_time() {
    let parked =
        |age| found(|_, vital| vital.customers = customer(|one| one.oldest_parked_seconds = Some(age)));
    assert_eq!(
        [parked(400.0), parked(600.0), parked(1_000.0)],
        [vec![], vec![("parked", WARN)], vec![("parked", FAIL)]]
    );
    let differs = found(|flow, _| flow.verified = Some(Verified { at: 0, differences: 1 }));
    assert_eq!(differs, [("verified", WARN)]);
}

#[test]
fn the_daemon_and_its_snapshots_are_judged_too() {
    let mut state = DaemonState::made_up(Vec::new());
    state.refused_sha256 = Some(String::new());
    let snapshot = |late, failed: bool| SnapshotState {
        name: "nightly".to_owned(),
        state: crate::ops::SnapshotPhase::Idle,
        next_at: None,
        late,
        progress: None,
        published: None,
        failure: failed.then(|| crate::snapshot::record::Failure {
            at: jiff::Timestamp::UNIX_EPOCH,
            text: String::new(),
        }),
    };
    state.snapshots = vec![snapshot(true, true), snapshot(false, true), snapshot(false, false)];
    let health = Health::judge(&state, 0.0);
    let levels: Vec<Level> = health.checks.iter().map(|check| check.level).collect();
    assert_eq!(levels, [Level::Ok, WARN, FAIL, WARN, Level::Ok]);
    assert_eq!(health.problems()[0].subject.text(), "snapshot nightly");
}

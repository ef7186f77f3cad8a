//! The table of the metrics: every name, once. `doc/metrics.md` is made from it.
//!
//! Names are in base units and with the unit last, as Prometheus wants them. Labels hold names of the rule files and words of
//! this program, never a value of a row: there are as many series as flows, customers and snapshots, times a small number.

/// How a metric moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Up and down.
    Gauge,
    /// Only up, until the process starts anew.
    Counter,
}

impl Kind {
    /// In Prometheus' words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

/// One metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, a counter's with `_total`.
    pub name: &'static str,
    /// How it moves.
    pub kind: Kind,
    /// The names of its labels, in order.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
}

/// Declares the metrics and the table of them all.
macro_rules! metrics {
    ($($own:ident $kind:ident $name:literal $labels:expr, $help:literal;)*) => {
        $(pub(super) const $own: Metric =
            Metric { name: $name, kind: Kind::$kind, labels: &$labels, help: $help };)*
        /// All metrics, in the order in which they are told.
        pub const METRICS: &[Metric] = &[$($own),*];
    };
}

metrics! {
    BUILD_INFO Gauge "acequia_build_info" ["version"], "1, with the version of the program that runs";
    READY Gauge "acequia_ready" [], "1 where /readyz is green: no check fails";
    HEALTH Gauge "acequia_health" ["check", "subject"],
        "how a check came out: 0 as it should be, 1 somebody should look, 2 red. The subject is daemon, flow NAME or snapshot NAME";
    BEAT_AGE Gauge "acequia_beat_age_seconds" [], "since the main loop of the process beat last; it does so each second";
    CONFIG_LOADED Gauge "acequia_config_loaded_timestamp_seconds" [], "when the rules that run were read";
    CONFIG_GOOD Gauge "acequia_config_last_reload_successful" [],
        "0 where the last reload was refused and the rules from before go on";
    RELOADS Counter "acequia_reloads_total" [], "reloads that have ended, well or refused";
    MAX_LAG Gauge "acequia_max_lag_seconds" [], "[daemon] max_lag: a row that has not arrived after so long is late";
    MAX_PARKED_AGE Gauge "acequia_max_parked_age_seconds" [],
        "[daemon] max_parked_age: a row may be parked for so long";

    FLOW_STATE Gauge "acequia_flow_state" ["flow", "state"], "1 for the state that the flow is in, 0 for the others";
    FLOW_SINCE Gauge "acequia_flow_state_since_timestamp_seconds" ["flow"], "when the flow came into its state";
    LAG Gauge "acequia_lag_seconds" ["flow"],
        "age of the oldest transaction that was received and is not committed in the target, 0 when there is none";
    FLOW_STALE Gauge "acequia_flow_stale_seconds" ["flow"],
        "since the oldest commit of the source that may not have come to the target, 0 when all have; absent where nobody knows";
    HEARTBEAT_AGE Gauge "acequia_heartbeat_age_seconds" ["flow"],
        "age of the oldest heartbeat that is on its way from the source's WAL to a commit in the target, 0 when all have come";
    HEARTBEAT_DURATION Gauge "acequia_heartbeat_duration_seconds" ["flow"],
        "how long the last heartbeat that has come was on its way; absent before the first one";
    HEARD_AGE Gauge "acequia_heard_age_seconds" ["flow"], "since the last byte came from the source";
    COMMIT_AGE Gauge "acequia_commit_age_seconds" ["flow"], "since the checkpoint in the target moved last";
    ANSWER_AGE Gauge "acequia_database_answer_age_seconds" ["flow", "side", "database"],
        "since the database answered an onlooker last; absent where it never has. The side is source or target";
    BEHIND Gauge "acequia_behind_bytes" ["flow"], "WAL that the source has written since the checkpoint";
    TRANSACTIONS Counter "acequia_transactions_total" ["flow"], "source transactions written since the process started";
    CHANGES Counter "acequia_changes_total" ["flow"], "changed rows of the source written since the process started";

    RETAINED_WAL Gauge "acequia_retained_wal_bytes" ["flow", "slot"], "WAL that the flow's slot keeps from being removed";
    RETAINED_WAL_MAX Gauge "acequia_retained_wal_max_bytes" ["flow", "slot"],
        "max_retained_wal: past it the slot is given up on purpose; absent where there is no limit";
    SAFE_WAL Gauge "acequia_safe_wal_bytes" ["flow", "slot"],
        "what may be written before the server gives the slot up (max_slot_wal_keep_size); absent where it never does";
    SLOT_ACTIVE Gauge "acequia_slot_active" ["flow", "slot"], "1 while somebody reads from the slot";
    SLOT_STATUS Gauge "acequia_slot_wal_status" ["flow", "slot", "status"],
        "1 for the server's word for the slot's WAL (reserved, extended, unreserved or lost), 0 for the others";

    ROWS_WRITTEN Counter "acequia_rows_written_total" ["flow", "customer", "operation"],
        "rows of a customer that were created, updated, deleted, or left alone, since the flow began";
    CUSTOMER_STALE Gauge "acequia_customer_stale_seconds" ["flow", "customer"],
        "how stale a customer is: since the oldest commit of the source that it lacks, be it on its way, parked or held; 0 when it has all. What a rule holds for its time does not count";
    PARKED_ROWS Gauge "acequia_parked_rows" ["flow", "customer", "reason"], "rows that wait, by the reason";
    PARKED_AGE Gauge "acequia_parked_oldest_age_seconds" ["flow", "customer"],
        "age of the oldest row that is parked because of what it is: rejected, ambiguous, missing a parent; absent without one";
    HELD_AGE Gauge "acequia_held_oldest_age_seconds" ["flow", "customer"],
        "age of the oldest row that waits because its customer is held or copied; absent without one";
    HOLDS Gauge "acequia_holds" ["flow", "customer", "reason"],
        "who is held: paused, locked, broken, overflow, scheduled, backfill or unconfirmed; the customer is empty where all are";
    VERIFIED Gauge "acequia_verified_timestamp_seconds" ["flow"],
        "when the daemon compared all customers last ([daemon] verify); absent where it never has";
    DIFFERENCES Gauge "acequia_verified_differences" ["flow"], "rows that differed then";

    SNAPSHOT_STATE Gauge "acequia_snapshot_state" ["snapshot", "state"],
        "1 for the state that the snapshot is in (idle, making, waiting, retrying), 0 for the others";
    SNAPSHOT_LATE Gauge "acequia_snapshot_late" ["snapshot"], "1 while it is past its time and not published";
    SNAPSHOT_FAILED Gauge "acequia_snapshot_failed" ["snapshot"], "1 while its last run is one that failed";
    SNAPSHOT_NEXT Gauge "acequia_snapshot_next_timestamp_seconds" ["snapshot"],
        "when it is made, published or tried again next; absent while it is made, and without a schedule";
    SNAPSHOT_PUBLISHED Gauge "acequia_snapshot_published_timestamp_seconds" ["snapshot"],
        "when the published one was found published; absent before the first one";
    SNAPSHOT_ROWS Gauge "acequia_snapshot_published_rows" ["snapshot"], "rows of the published one";
    SNAPSHOT_BYTES Gauge "acequia_snapshot_published_bytes" ["snapshot"],
        "bytes of its files, or of its rows where it is in a server";
    SNAPSHOT_RUN_ROWS Gauge "acequia_snapshot_run_rows" ["snapshot"], "rows that the run at work has written; absent without one";
    SNAPSHOT_RUN_ROWS_EXPECTED Gauge "acequia_snapshot_run_rows_expected" ["snapshot"],
        "rows that it will come to, by the server's statistics";

    RESIDENT Gauge "process_resident_memory_bytes" [], "memory that the process has in RAM";
    CPU Counter "process_cpu_seconds_total" [], "processor time of the process, user and system";
    THREADS Gauge "process_threads" [], "threads of the process";
    OPEN_FDS Gauge "process_open_fds" [], "file descriptors that are open";
    MAX_FDS Gauge "process_max_fds" [], "file descriptors that may be open";
    STARTED Gauge "process_start_time_seconds" [], "when the process started";
}

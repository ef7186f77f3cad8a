//! When something is to be said about the WAL that a slot keeps: once when it gets much, and again only after it was little.

use crate::catalog::Slot;
use crate::ops::{SlotVital, UNBOUNDED_WAL_BYTES};

/// What was said already.
#[derive(Debug, Default)]
pub(super) struct Guard {
    half: bool,
    short: bool,
    unbounded: bool,
}

impl Guard {
    /// What there is to say now.
    pub(super) fn look(&mut self, (flow, database): (&str, &str), slot: &SlotVital) -> Vec<String> {
        let (kept, name) = (slot.retained_wal_bytes, &slot.name);
        let keeps = format!("slot {name} of database {database} keeps {kept} bytes of WAL for flow {flow}");
        let mut said = Vec::new();
        if let Some(limit) = slot.max_retained_wal_bytes {
            if kept > limit / 2 && !self.half {
                said.push(format!(
                    "{keeps}, more than half of max_retained_wal ({limit} bytes): past that the slot is given up, and the flow \
                     needs a resync. `acequia status` says what holds it back"
                ));
                self.half = true;
            }
            self.half &= kept >= limit / 4;
        } else {
            self.half = false;
        }
        if slot.is_much_without_a_bound() && !self.unbounded {
            said.push(format!(
                "{keeps}, and nothing bounds it: neither max_retained_wal nor max_slot_wal_keep_size of its server. Past the end of \
                 its disk the server stops. Set max_retained_wal; `acequia status` says what holds the slot back"
            ));
            self.unbounded = true;
        }
        self.unbounded &= slot.has_no_bound() && kept >= UNBOUNDED_WAL_BYTES / 2;
        // Negative where the server takes it away at its next checkpoint.
        let left = slot.safe_wal_bytes.map(|left| u64::try_from(left).unwrap_or(0));
        if left.is_some_and(|left| left < kept) && !self.short {
            said.push(format!(
                "{keeps}, and its server gives it up after {} bytes more (max_slot_wal_keep_size): the flow needs a resync then. \
                 `acequia status` says what holds it back",
                left.unwrap_or(0)
            ));
            self.short = true;
        }
        self.short &= left.is_some_and(|left| left / 3 < kept);
        said
    }
}

/// The flow has written most of what its slot keeps: something else holds that back.
pub(super) fn is_in_step(slot: &Slot) -> bool {
    slot.retained_bytes.zip(slot.behind_bytes).is_some_and(|(kept, behind)| behind < kept / 2)
}

/// What holds WAL back of a flow that is in step: the process and the application of the oldest transaction.
pub(super) fn holder(oldest: Option<(i32, String)>) -> String {
    oldest.map_or_else(String::new, |(pid, application)| {
        format!(
            ". The flow itself is in step: the oldest open transaction of the source holds it back, that of process {pid} \
             (application \"{application}\")"
        )
    })
}

/// The slot keeps more than it may.
pub(super) fn is_past(slot: &SlotVital) -> bool {
    slot.max_retained_wal_bytes.is_some_and(|limit| slot.retained_wal_bytes > limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(kept: u64, limit: Option<u64>, left: Option<i64>) -> SlotVital {
        SlotVital {
            name: "acequia_1".to_owned(),
            retained_wal_bytes: kept,
            max_retained_wal_bytes: limit,
            safe_wal_bytes: left,
            ..SlotVital::default()
        }
    }

    #[test]
    fn a_limit_is_warned_of_once_until_little_is_kept_again() {
        let mut guard = Guard::default();
        let mut said = |kept| guard.look(("main:east", "main"), &slot(kept, Some(1_000), None)).len();
        assert_eq!([400, 501, 900, 400, 600, 249, 501].map(&mut said), [0, 1, 0, 0, 0, 0, 1]);
        assert!(!is_past(&slot(1_000, Some(1_000), None)) && is_past(&slot(1_001, Some(1_000), None)));
        assert!(!is_past(&slot(u64::MAX, None, None)), "without a limit it is never given up");
    }

    #[test]
    fn without_any_bound_much_is_warned_of_once_until_little_is_kept_again() {
        const GB: u64 = 1 << 30;
        let mut guard = Guard::default();
        let mut said = |kept| guard.look(("main:east", "main"), &slot(kept * GB, None, None));
        assert_eq!([9, 10, 11, 30, 6, 11, 4, 11].map(|kept| said(kept).len()), [0, 0, 1, 0, 0, 0, 0, 1]);
        let said = Guard::default().look(("main:east", "main"), &slot(11 * GB, None, None)).concat();
        assert!(said.contains("nothing bounds it") && said.contains("Set max_retained_wal"), "{said}");
        for bounded in [slot(11 * GB, Some(40 * GB), None), slot(11 * GB, None, Some(1 << 40))] {
            assert_eq!(Guard::default().look(("main:east", "main"), &bounded), [""; 0]);
        }
    }

    #[test]
    fn the_servers_own_limit_is_warned_of_at_its_half() {
        let mut guard = Guard::default();
        let mut said = |(kept, left)| guard.look(("main:east", "main"), &slot(kept, None, Some(left))).len();
        let steps = [(500, 500), (501, 499), (1_100, -100), (400, 600), (100, 900), (600, 400)];
        assert_eq!(steps.map(&mut said), [0, 1, 0, 0, 0, 1]);
    }

    #[test]
    fn who_holds_wal_back_is_named() {
        assert_eq!(holder(None), "");
        let said = holder(Some((7, "psql".to_owned())));
        assert!(said.contains("process 7 (application \"psql\")"), "{said}");
    }
}

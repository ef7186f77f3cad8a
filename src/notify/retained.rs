//! `alert.wal`: a slot keeps much of its server's disk, or was given up for that. Names and sizes.

use serde::Serialize;

use super::event::ascii;

/// What a slot keeps.
#[derive(Debug, Serialize)]
pub struct Retained {
    #[serde(rename = "event")]
    kind: &'static str,
    /// The flow.
    pub flow: String,
    /// The database that the slot is in.
    pub database: String,
    /// The slot.
    pub slot: String,
    /// What it keeps, in bytes.
    pub retained_wal_bytes: u64,
    /// `max_retained_wal` in bytes, where there is one.
    pub max_retained_wal_bytes: Option<u64>,
    /// It is gone: the flow needs a resync.
    pub given_up: bool,
    text: String,
}

impl Retained {
    /// An alert of a flow's slot; the sizes are what it keeps, and what it may keep.
    pub fn new(
        [flow, database, slot]: [&str; 3],
        (retained, max): (u64, Option<u64>),
        given_up: bool,
        text: &str,
    ) -> Self {
        Self {
            kind: "alert.wal",
            flow: flow.to_owned(),
            database: database.to_owned(),
            slot: slot.to_owned(),
            retained_wal_bytes: retained,
            max_retained_wal_bytes: max,
            given_up,
            text: text.to_owned(),
        }
    }

    /// The alert as JSON; names are bounded, so it is short.
    #[must_use]
    pub fn payload(&self) -> String {
        ascii(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_says_which_slot_and_how_much() {
        let alert = Retained::new(["main:east", "main", "acequia_1"], (7, Some(5)), true, "it was given up");
        let seen: serde_json::Value = serde_json::from_str(&alert.payload()).expect("JSON");
        let expected = serde_json::json!({
            "event": "alert.wal", "flow": "main:east", "database": "main", "slot": "acequia_1", "retained_wal_bytes": 7,
            "max_retained_wal_bytes": 5, "given_up": true, "text": "it was given up",
        });
        assert_eq!(seen, expected);
    }
}

//! `alert.health`: something turned red, or green again. Names and ages.

use serde::Serialize;

use super::event::ascii;

/// The text of a check is cut here, in characters; the log has all of it.
const TEXT_MAX_CHARACTERS: usize = 500;

/// A check that came out another way than before.
#[derive(Debug, Serialize)]
pub struct Turned {
    #[serde(rename = "event")]
    kind: &'static str,
    /// What was looked at: `daemon`, `flow NAME`, `snapshot NAME`.
    pub subject: String,
    /// The check, by the word that runbooks know it by.
    pub check: String,
    /// It is red now; else green again.
    pub red: bool,
    text: String,
}

impl Turned {
    /// An alert of a check.
    pub fn new(subject: &str, check: &str, red: bool, text: &str) -> Self {
        let text = text.chars().take(TEXT_MAX_CHARACTERS).collect();
        Self { kind: "alert.health", subject: subject.to_owned(), check: check.to_owned(), red, text }
    }

    /// The alert as JSON; it is short.
    #[must_use]
    pub fn payload(&self) -> String {
        ascii(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_says_what_turned() {
        let alert = Turned::new("flow main:east", "heartbeat", true, &"x".repeat(9_000)).payload();
        assert!(alert.len() < super::super::PAYLOAD_MAX_BYTES);
        let seen: serde_json::Value = serde_json::from_str(&alert).expect("JSON");
        assert_eq!(
            (&seen["event"], &seen["subject"], &seen["check"], &seen["red"]),
            (&"alert.health".into(), &"flow main:east".into(), &"heartbeat".into(), &true.into())
        );
    }
}

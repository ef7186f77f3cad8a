//! `alert.drift`: a customer has other rows than the rules give it. Names and counts, no keys.

use serde::Serialize;

use super::event::{ascii, grouped};

/// What differs in one data set of one customer.
#[derive(Debug, Serialize)]
pub struct Drift {
    #[serde(rename = "event")]
    kind: &'static str,
    /// The group.
    pub sync: String,
    /// The customer that gives.
    pub from: String,
    /// The customer that differs.
    pub customer: String,
    /// The data set.
    pub dataset: String,
    /// Rows that the customer lacks.
    pub missing: u64,
    /// Rows with other values.
    pub different: u64,
    /// Rows that should be gone.
    pub left_over: u64,
    text: String,
}

impl Drift {
    /// An alert of a customer; the counts are missing, different and left over.
    pub fn new(
        [sync, from, customer, dataset]: [&str; 4],
        [missing, different, left_over]: [u64; 3],
    ) -> Self {
        let rows = missing + different + left_over;
        let text = match rows {
            1 => format!("1 row of {dataset} at {customer} is not as the rules give it"),
            _ => format!("{} rows of {dataset} at {customer} are not as the rules give them", grouped(rows)),
        };
        Self {
            kind: "alert.drift",
            sync: sync.to_owned(),
            from: from.to_owned(),
            customer: customer.to_owned(),
            dataset: dataset.to_owned(),
            missing,
            different,
            left_over,
            text,
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
    fn an_alert_says_who_differs_and_how_much() {
        let seen: serde_json::Value =
            serde_json::from_str(&Drift::new(["codes", "hq", "north", "cpt_code"], [1, 1_200, 0]).payload())
                .expect("JSON");
        let expected = serde_json::json!({
            "event": "alert.drift", "sync": "codes", "from": "hq", "customer": "north", "dataset": "cpt_code",
            "missing": 1, "different": 1200, "left_over": 0, "text": "1,201 rows of cpt_code at north are not as the rules give them",
        });
        assert_eq!(seen, expected);
    }
}

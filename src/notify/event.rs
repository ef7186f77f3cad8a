//! An event: data set, operation, how many rows went to how many customers.
//!
//! It is told as JSON in ASCII, whatever the databases' encodings are: what stands beyond is escaped.

use std::io;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::ser::Formatter;

use crate::lsn::Lsn;
use crate::row::CommitPoint;

/// An event's text is shorter than this: PostgreSQL takes no longer notification (manual, NOTIFY).
pub const PAYLOAD_MAX_BYTES: usize = 8_000;
/// Microseconds from 1970 to 2000, PostgreSQL's epoch.
const POSTGRES_EPOCH_US: i64 = 946_684_800_000_000;

/// What was done to the rows at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Operation {
    /// They are new.
    Insert,
    /// They were changed.
    Update,
    /// They are gone.
    Delete,
    /// The table was emptied; nobody counted the rows.
    Truncate,
}

/// Customers that get it later, because they are held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Skipped {
    /// Who they are.
    Names(Vec<String>),
    /// How many they are, where their names do not fit.
    Count(usize),
}

/// `sync.applied`: what one source transaction, or several folded into one event, did to one data set of one group.
///
/// Its `Debug` shows the natural keys' number and no value.
#[derive(Serialize)]
pub struct Event {
    #[serde(rename = "event")]
    kind: &'static str,
    /// The group.
    pub sync: String,
    /// The customer that gives.
    pub from: String,
    /// The data set.
    pub dataset: String,
    /// What was done.
    pub operation: Operation,
    /// Rows at the source; a row that was changed twice counts twice.
    pub rows: u64,
    /// Customers that have it now.
    pub customers: usize,
    /// Customers that get it later.
    pub skipped: Skipped,
    /// Natural keys of some of the rows.
    pub keys: Vec<Vec<Option<String>>>,
    /// Source transactions that this event tells of.
    pub transactions: u64,
    /// The end of the last of them.
    #[serde(serialize_with = "as_text")]
    pub lsn: Lsn,
    committed_at: Option<String>,
    text: String,
}

impl std::fmt::Debug for Event {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Event({} at {}, {} keys)", self.text, self.lsn, self.keys.len())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference over")]
fn as_text<S: Serializer>(lsn: &Lsn, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(lsn)
}

impl Event {
    /// An event of `rows` rows for `customers` customers; whoever makes it says who and what.
    pub fn new(
        (sync, from, dataset): (&str, &str, &str),
        (operation, rows): (Operation, u64),
        (customers, skipped): (usize, Vec<String>),
        (point, transactions): (CommitPoint, u64),
    ) -> Self {
        let committed_at = Timestamp::from_microsecond(POSTGRES_EPOCH_US.saturating_add(point.time_us));
        Self {
            kind: "sync.applied",
            sync: sync.to_owned(),
            from: from.to_owned(),
            dataset: dataset.to_owned(),
            operation,
            rows,
            customers,
            skipped: Skipped::Names(skipped),
            keys: Vec::new(),
            transactions,
            lsn: point.end,
            committed_at: committed_at.ok().map(|time| time.to_string()),
            text: sentence(dataset, operation, rows, customers),
        }
    }

    /// The event as JSON, shorter than [`PAYLOAD_MAX_BYTES`]: keys are left out first, then names become a number.
    #[must_use]
    pub fn payload(mut self) -> String {
        loop {
            let text = self.json();
            if text.len() < PAYLOAD_MAX_BYTES {
                return text;
            }
            if self.keys.pop().is_some() {
                continue;
            }
            match &self.skipped {
                Skipped::Names(names) => self.skipped = Skipped::Count(names.len()),
                // What is left is a handful of names, each bounded.
                Skipped::Count(_) => return text,
            }
        }
    }

    fn json(&self) -> String {
        ascii(self)
    }
}

/// An event as JSON that every server can keep and send.
pub(super) fn ascii(event: &impl Serialize) -> String {
    let mut out = Vec::with_capacity(512);
    // Writing into memory, of text and numbers only, has no way to fail.
    let written = event.serialize(&mut serde_json::Serializer::with_formatter(&mut out, Ascii));
    debug_assert!(written.is_ok(), "an event can be written");
    String::from_utf8(out).unwrap_or_default()
}

/// JSON that every server can keep and send, in whatever encoding.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for character in fragment.chars() {
            if character.is_ascii() {
                write!(writer, "{character}")?;
            } else {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

/// "14,113 cpt codes → 20 customers".
fn sentence(dataset: &str, operation: Operation, rows: u64, customers: usize) -> String {
    let customers = customers as u64;
    let one = |count: u64| count == 1;
    let what = match operation {
        Operation::Truncate => format!("all {}", things(dataset, false)),
        Operation::Insert | Operation::Update | Operation::Delete => {
            format!("{} {}", grouped(rows), things(dataset, one(rows)))
        }
    };
    let done = match operation {
        Operation::Insert => "",
        Operation::Update => " changed",
        Operation::Delete | Operation::Truncate => " deleted",
    };
    let whom = if one(customers) { "customer" } else { "customers" };
    format!("{what}{done} → {} {whom}", grouped(customers))
}

/// The data set's name as a word of a sentence.
fn things(dataset: &str, one: bool) -> String {
    let name = dataset.replace(['_', '-', '.'], " ");
    match name.strip_suffix('y') {
        _ if one || name.ends_with('s') => name,
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        Some(_) | None => format!("{name}s"),
    }
}

/// 14113 as "14,113".
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn event(operation: Operation, rows: u64, customers: usize, skipped: Vec<String>) -> Event {
        let point = CommitPoint { end: Lsn(0x16_B374_D848), time_us: 848_664_000_000_000 };
        Event::new(("codes", "hq", "cpt_code"), (operation, rows), (customers, skipped), (point, 1))
    }

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    #[test]
    fn an_event_says_what_went_where() {
        let mut event = event(Operation::Insert, 14_113, 20, vec!["south".to_owned()]);
        event.keys.push(vec![Some("99213".to_owned()), None]);
        assert_eq!(
            parsed(&event.payload()),
            serde_json::json!({
                "event": "sync.applied", "sync": "codes", "from": "hq", "dataset": "cpt_code", "operation": "insert",
                "rows": 14_113, "customers": 20, "skipped": ["south"], "keys": [["99213", null]], "transactions": 1,
                "lsn": "16/B374D848", "committed_at": "2026-11-22T12:00:00Z", "text": "14,113 cpt codes → 20 customers",
            })
        );
    }

    #[test]
    fn sentences_are_english() {
        assert_eq!(sentence("code", Operation::Insert, 1, 1), "1 code → 1 customer");
        assert_eq!(
            sentence("facility", Operation::Update, 1_000_000, 0),
            "1,000,000 facilities changed → 0 customers"
        );
        assert_eq!(sentence("payers", Operation::Delete, 12, 1_234), "12 payers deleted → 1,234 customers");
        assert_eq!(sentence("survey", Operation::Truncate, 0, 2), "all surveys deleted → 2 customers");
    }

    #[test]
    fn names_of_five_hundred_customers_become_a_number() {
        let names = (0..500).map(|i| format!("a-customer-with-a-long-name-{i}")).collect();
        let mut event = event(Operation::Update, 5, 0, names);
        event.keys = vec![vec![Some("99213".to_owned())]];
        let payload = event.payload();
        assert!(payload.len() < PAYLOAD_MAX_BYTES, "{} bytes", payload.len());
        assert_eq!(parsed(&payload)["skipped"], 500);
    }

    proptest! {
        #[test]
        fn an_event_always_fits_and_is_ascii(
            keys in prop::collection::vec(prop::collection::vec(prop::option::of(".{0,900}"), 1..4), 0..6),
            skipped in prop::collection::vec("[a-z0-9-]{1,63}", 0..600),
        ) {
            let mut event = event(Operation::Delete, u64::MAX, 500, skipped);
            event.keys = keys;
            let payload = event.payload();
            prop_assert!(payload.len() < PAYLOAD_MAX_BYTES && payload.is_ascii());
            parsed(&payload);
        }
    }
}

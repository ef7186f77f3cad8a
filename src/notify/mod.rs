//! Telling applications what has reached the customers.
//!
//! ```text
//! event      what is told, as JSON that fits into a notification
//! drift      an alert: a customer has other rows than the rules give it
//! retained   an alert: a slot keeps much WAL, or was given up for that
//! turned     an alert: health turned red, or green again
//! dump       what became of a snapshot
//! outbox     the statements over acequia.outbox: the writer puts events there with the data
//! deliver    carries them to the source by NOTIFY, and forgets them
//! ```
//!
//! An event is committed with the rows that it tells of, so none is told of what did not happen, and none is lost.
//! Delivery is a matter of its own: it may be late, it may say a thing twice, and it never holds up a flow.

mod deliver;
mod drift;
mod dump;
mod event;
pub mod outbox;
mod retained;
mod turned;

pub use deliver::{Post, tell};
pub use drift::Drift;
pub use dump::{Archive, DumpFailed, DumpLate, DumpPublished};
pub use event::{Event, Operation, PAYLOAD_MAX_BYTES, Skipped};
pub use retained::Retained;
pub use turned::Turned;

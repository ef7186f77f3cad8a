//! Writing: batches of whole source transactions into the customers, exactly once.
//!
//! `batch` folds changes, `stage` sends them to the target once, `customer` runs a customer's routes over the stage,
//! `careful` isolates what the server refuses, `retry` brings parked rows back, `writer` puts all of it into one target
//! transaction together with the checkpoint. Control tables: `control` (migrations), `checkpoint`, `crosswalk`, `ledger`.

mod batch;
mod careful;
pub mod checkpoint;
pub mod control;
mod crosswalk;
mod customer;
mod error;
mod fold;
mod ledger;
mod preflight;
mod retry;
mod stage;
mod statements;
mod unchanged;
mod writer;

pub use batch::{BATCH_BYTES, BATCH_ROWS, Batch};
pub use checkpoint::Checkpoint;
pub use error::Error;
pub use preflight::{Refused, preflight};
pub use writer::{Applied, Writer};

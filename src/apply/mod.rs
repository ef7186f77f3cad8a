//! Writing: batches of whole source transactions into the customers, exactly once.
//!
//! ```text
//! projection where the plan's columns stand in a relation, and which of them it does not bring
//! fold       the changes of one source row become its last state
//! passing    rows on their way through a transaction learn where they end
//! batch      whole transactions, in waves that can be applied as sets
//! stage      a wave as COPY text, sent once
//! customer   one customer's routes over the stage: the quick way
//! depart     what is gone at the source, or has left `where`
//! park       rows that are set aside
//! careful    the same where the server refuses something: halve, park, replay
//! exchange   rows that change places, of which only the last states are known
//! unchanged  values that the stream did not bring, fetched from the source
//! origin     the source's session for that and for copies
//! circle     rows that refer to each other
//! notice     what is told of a batch
//! engine     a wave into every customer
//! failure    what a failure costs: rows, a data set, a customer, or the flow
//! isolate    one customer after the other, where one has failed: it alone pays for it
//! holds      who is held, and why
//! withhold   what comes for a held route is parked
//! backfill   which routes have begun, and what is copied for those that begin with what is there
//! job        what is to be copied for a route
//! piece      a piece of a source table onto the stage
//! copier     piece after piece, between the batches of the stream
//! rehearse   what a copy would do: done, counted and rolled back
//! repair     single rows that are brought up to date
//! drain      what a hold kept back is written, the oldest first
//! scheduled  routes that are written at certain times only
//! wishes     what operators ask for
//! arrivals   who has waited for what a wave brings
//! retry      parked rows come back
//! writer     one batch, one target transaction, and the checkpoint in it
//! statements the writer's session, every statement prepared once
//! asking     which answer is waited for, as others see it
//! context    what the writing at hand knows beside the plan
//! prune      the journal is kept for so long, and no bigger than so
//! error      what can go wrong while writing
//! ```
//!
//! Control tables: `control` (migrations), `audit` (who did what; `actor` is who), `checkpoint`, `shapes` and `remembered` (what the catalogs said), `crosswalk` (`rebuild` makes one anew), `ledger` (routes and counts); `preflight` is for `check`.

pub mod actor;
mod arrivals;
mod asking;
pub mod audit;
mod backfill;
mod batch;
mod careful;
pub mod checkpoint;
mod circle;
pub mod control;
mod context;
mod copier;
mod crosswalk;
mod customer;
mod depart;
mod drain;
mod engine;
mod error;
mod exchange;
mod failure;
mod fold;
mod holds;
mod isolate;
mod job;
mod ledger;
mod notice;
mod origin;
mod park;
mod passing;
mod piece;
mod preflight;
mod recent;
mod projection;
mod prune;
mod rebuild;
mod rehearse;
pub mod remembered;
mod repair;
mod retry;
mod scheduled;
pub mod shapes;
mod stage;
mod statements;
mod unchanged;
mod wishes;
mod withhold;
pub mod writer;

pub use asking::Asking;
pub use batch::{BATCH_BYTES, BATCH_ROWS, Batch};
pub use checkpoint::Checkpoint;
pub use crosswalk::APPLICATION as CROSSWALK;
pub use error::Error;
pub use preflight::{Forbidden, Reason, Refused, look_at_expressions, preflight};
pub use prune::Keep;
pub use rehearse::{Forecast, Rehearsal, Scope};
pub use stage::write_texts;
pub use writer::{Applied, Desk, Writer};

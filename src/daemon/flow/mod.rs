//! One flow, from its slot to the rows at its customers.
//!
//! `start` brings a flow up to its stream: `plan` makes its plan, `publish` its publication, `recall` tells what has changed
//! since the last time, `position` finds where it goes on and `gap` why it can't; `wished` hears who asks for a new slot then.
//! `capture` reads the stream, the `departure` of a server is noticed that shuts down while the flow is behind, `drift` when the
//! plan no longer fits the databases, `unheard` when a connection is dead before there is a stream, `lifeline` when the writer's
//! is dead later; a `predecessor` is what such a connection left at a server. `inspection` compares customers with what the rules
//! give them. `life` writes what was captured, decides what a failure means, and follows the `order`s of the process; a `knock`
//! tells it that a database is there again, and the `past` whether a flow that is halted has ever begun. `rest` keeps the slot of
//! a disabled flow from holding back WAL; `surrender` gives a slot up.

mod capture;
mod departure;
mod drift;
mod error;
mod gap;
mod inspection;
mod knock;
mod life;
mod lifeline;
mod order;
mod past;
mod plan;
mod position;
mod predecessor;
mod publish;
mod recall;
/// Slots of flows whose groups are disabled.
pub(super) mod rest;
mod start;
/// Slots that are given up.
pub(super) mod surrender;
mod unheard;
mod wished;

pub use error::Error;
pub use gap::{Gap, find_any_gap, find_gap};
pub(super) use life::run;
pub(super) use order::{Order, Orders, When};
pub use plan::read_catalogs;
pub use publish::publication_gap;

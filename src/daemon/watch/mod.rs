//! Who looks at the databases without the help of the flow that works with them.
//!
//! `lookout` has an `onlooker` for each flow, which asks both databases and notes what it sees as a `sight`, and writes a
//! `heartbeat` through each source; `asking` is how to ask and not to hang. A `warden` beside each onlooker has a `guard` for
//! what the slot keeps, and has it surrendered.

mod asking;
mod guard;
mod heartbeat;
mod lookout;
mod onlooker;
mod sight;
mod warden;

pub(super) use lookout::Lookout;

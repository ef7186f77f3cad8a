//! Snapshots, on real servers: what is in them, what they survive, when they are made.

mod archive;
mod contents;
mod chain;
mod load;
mod money;
mod round_trip;
mod schedule;
mod sealed;

//! Snapshots, on real servers: what is in them, what they survive, when they are made.

mod archive;
mod chain;
mod contents;
mod crash;
mod dump;
mod increments;
mod load;
mod money;
mod mysql;
mod round_trip;
mod schedule;
mod sealed;

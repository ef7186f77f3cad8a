//! Snapshots, on real servers: what is in them, what they survive, when they are made.

mod archive;
mod money;
mod schedule;

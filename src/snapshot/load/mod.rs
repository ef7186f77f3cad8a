//! A published snapshot, put back into a database.

pub mod unmarket;

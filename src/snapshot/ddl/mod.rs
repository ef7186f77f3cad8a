//! What a table looks like, as the SQL that makes it: pure text, for each kind of server.

pub mod mysql;
pub mod postgres;

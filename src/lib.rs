//! Acequia: change data capture beside a PostgreSQL practice database.

pub mod name;
pub mod lsn;
pub mod row;
pub mod fault;

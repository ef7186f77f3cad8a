//! What there is to say about a row: the source, the flows, the groups, the customers.

use serde::Serialize;
use serde_json::Value;

use super::customer::CustomerWay;

/// The way of one customer's row.
#[derive(Debug, Serialize)]
pub(super) struct Way {
    pub(super) from: String,
    pub(super) table: String,
    /// How many rows have the key: two stands for more, too.
    pub(super) rows: usize,
    /// What the stream recognizes the row by.
    pub(super) identity: Option<Value>,
    /// Where the source's WAL ends.
    pub(super) source_lsn: String,
    pub(super) flows: Vec<FlowWay>,
    pub(super) groups: Vec<GroupWay>,
}

/// How far a flow is that could bring it.
#[derive(Debug, Serialize)]
pub(super) struct FlowWay {
    pub(super) name: String,
    pub(super) state: String,
    /// Everything that committed before this position is in the customers.
    pub(super) checkpoint: Option<String>,
    pub(super) commit_time: Option<String>,
    pub(super) behind_bytes: Option<i64>,
}

/// What one sync group does about it.
#[derive(Debug, Serialize)]
pub(super) struct GroupWay {
    pub(super) sync: String,
    /// Why it does nothing for anybody.
    pub(super) reason: Option<&'static str>,
    pub(super) customers: Vec<CustomerWay>,
}

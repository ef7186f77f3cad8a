//! The statements over `acequia.outbox`.

/// So many events of a flow wait at most for their delivery: past it the oldest are dropped, and the log says so.
pub const OUTBOX_EVENTS: i64 = 100_000;
/// So many events are delivered in one transaction.
pub const DELIVERED_AT_ONCE: i64 = 100;

/// Puts events there, for each channel: `$1` flow, `$2` events, `$3` channels.
pub const WRITE: &str = "INSERT INTO acequia.outbox (flow, channel, event) SELECT $1, c.channel, e.event::json \
    FROM unnest($2::text[]) WITH ORDINALITY e (event, n) CROSS JOIN unnest($3::text[]) c (channel) ORDER BY e.n";

/// The oldest events of flow `$1`, at most `$2`.
pub(super) const READ: &str =
    "SELECT id, channel, event::text FROM acequia.outbox WHERE flow = $1 ORDER BY id LIMIT $2";

/// Forgets events: `$1` their ids.
pub(super) const FORGET: &str = "DELETE FROM acequia.outbox WHERE id = ANY ($1)";

/// Drops the oldest events of flow `$1` past the newest `$2`.
pub(super) const BOUND: &str = "DELETE FROM acequia.outbox WHERE flow = $1 AND id <= \
    (SELECT id FROM acequia.outbox WHERE flow = $1 ORDER BY id DESC OFFSET $2 LIMIT 1)";

/// Notifies: `$1` channels, `$2` payloads. One statement is one transaction: all of them are heard, or none.
pub(super) const NOTIFY: &str =
    "SELECT pg_notify(n.channel, n.payload) FROM unnest($1::text[], $2::text[]) n (channel, payload)";

//! Messages → events of whole transactions.
//!
//! The assembler knows where a transaction begins and ends, leaves out what was applied before, and knows echoes:
//! transactions that a flow of ours wrote. It drops them, unless something goes on from here (`cascade`); then it hands
//! them over as our own. Each of those begins with a logical message of ours ([`ECHO_PREFIX`]), which any role may write
//! and which stands in the WAL before the changes: it is there after a restart too. A replication origin would say the
//! same but needs a grant and one of the server's few origin slots.

use std::sync::Arc;

use super::pgoutput::Message;
use crate::catalog::HEARTBEAT_PREFIX;
use crate::fault::Fault;
use crate::lsn::Lsn;
use crate::row::{Change, CommitPoint, Relation};

/// Prefix of the logical message with which the writer marks its own transactions.
pub const ECHO_PREFIX: &str = "acequia";

/// What the stream says next.
#[derive(Debug, Clone)]
pub enum Event {
    /// From here on, changes of this relation have this shape.
    Relation(Arc<Relation>),
    /// One change inside a transaction.
    Change {
        /// The change.
        change: Change,
        /// A flow of ours wrote it.
        own: bool,
    },
    /// The transaction is whole.
    Commit {
        /// Where.
        point: CommitPoint,
        /// A flow of ours wrote it.
        own: bool,
    },
    /// A heartbeat, alone in its transaction: it is to be committed in the target like a row, and is no row.
    Heartbeat(CommitPoint),
    /// A transaction without anything for us has passed: an echo, or one that was applied before.
    Passed(CommitPoint),
}

/// Messages in an order that the protocol does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// A change or a commit outside a transaction.
    #[error(
        "the stream sent a {0} outside a transaction; this is a fault of the server or of Acequia, please report it"
    )]
    Outside(&'static str),
    /// A transaction inside a transaction.
    #[error(
        "the stream began a transaction inside another one; this is a fault of the server or of Acequia, please report it"
    )]
    Inside,
}

impl AssembleError {
    /// Nobody can go on from here.
    pub fn fault(&self) -> Fault {
        Fault::Halt
    }
}

/// State of one stream.
#[derive(Debug)]
pub struct Assembler {
    applied: Lsn,
    /// Transactions that a flow of ours wrote are handed over.
    cascades: bool,
    transaction: Option<Current>,
}

/// The transaction that is being received.
#[derive(Debug, Clone, Copy)]
struct Current {
    /// Nothing of it is for us.
    passed: bool,
    /// Where it commits.
    at: Lsn,
    /// A flow of ours wrote it.
    own: bool,
    content: Content,
    /// It has no changes but a message of somebody else's: it still moves the checkpoint.
    time_us: i64,
}

/// What a transaction has brought so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Nothing,
    Heartbeat,
    /// With a heartbeat or without: any role may write one.
    Rows,
}

impl Assembler {
    /// Transactions that committed before `applied` are left out, and so are those that a flow of ours wrote, unless
    /// something `cascades`.
    pub fn new(applied: Lsn, cascades: bool) -> Self {
        Self { applied, cascades, transaction: None }
    }

    /// Whether a transaction is being received.
    pub fn in_transaction(&self) -> bool {
        self.transaction.is_some_and(|current| !current.passed)
    }

    /// Where the transaction that is being received commits; zero between two of them.
    pub fn commits_at(&self) -> Lsn {
        self.transaction.map_or(Lsn::ZERO, |current| current.at)
    }

    /// Takes the next message.
    pub fn push(&mut self, message: Message) -> Result<Option<Event>, AssembleError> {
        match message {
            Message::Begin { final_lsn, time_us, xid: _ } => {
                if self.transaction.is_some() {
                    return Err(AssembleError::Inside);
                }
                self.transaction = Some(Current {
                    passed: final_lsn < self.applied,
                    at: final_lsn,
                    own: false,
                    content: Content::Nothing,
                    time_us,
                });
                Ok(None)
            }
            Message::Commit { commit_lsn: _, end_lsn, time_us } => {
                let current = self.transaction.take().ok_or(AssembleError::Outside("commit"))?;
                debug_assert_eq!(current.time_us, time_us, "begin and commit of one transaction");
                let point = CommitPoint { end: end_lsn, time_us };
                Ok(Some(if current.passed {
                    Event::Passed(point)
                } else if current.content == Content::Heartbeat && !current.own {
                    Event::Heartbeat(point)
                } else {
                    Event::Commit { point, own: current.own }
                }))
            }
            Message::Relation(relation) => Ok(Some(Event::Relation(Arc::new(relation)))),
            Message::Change(change) => {
                let current = self.transaction.as_mut().ok_or(AssembleError::Outside("change"))?;
                current.content = Content::Rows;
                Ok((!current.passed).then_some(Event::Change { change, own: current.own }))
            }
            Message::Logical { transactional, prefix, lsn: _, content: _ } => {
                if let Some(current) = self.transaction.as_mut().filter(|_| transactional) {
                    if prefix == ECHO_PREFIX {
                        current.own = true;
                        current.passed |= !self.cascades;
                    }
                    if prefix == HEARTBEAT_PREFIX && current.content == Content::Nothing {
                        current.content = Content::Heartbeat;
                    }
                }
                Ok(None)
            }
            Message::Origin { .. } | Message::Type { .. } => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn begin(at: u64) -> Message {
        Message::Begin { final_lsn: Lsn(at), time_us: 7, xid: 1 }
    }

    fn commit(at: u64) -> Message {
        Message::Commit { commit_lsn: Lsn(at), end_lsn: Lsn(at + 8), time_us: 7 }
    }

    fn change() -> Message {
        Message::Change(Change::Truncate { relations: vec![1] })
    }

    fn message(prefix: &str) -> Message {
        Message::Logical {
            transactional: true,
            lsn: Lsn(1),
            prefix: prefix.to_owned(),
            content: Bytes::new(),
        }
    }

    fn run(messages: Vec<Message>) -> Vec<String> {
        told(Assembler::new(Lsn(100), false), messages)
    }

    fn told(mut assembler: Assembler, messages: Vec<Message>) -> Vec<String> {
        let events = messages.into_iter().filter_map(|message| assembler.push(message).expect("in order"));
        events
            .map(|event| match event {
                Event::Relation(_) => "relation".to_owned(),
                Event::Change { own: false, .. } => "change".to_owned(),
                Event::Change { own: true, .. } => "own change".to_owned(),
                Event::Commit { point, own: false } => format!("commit {}", point.end.0),
                Event::Commit { point, own: true } => format!("own commit {}", point.end.0),
                Event::Heartbeat(point) => format!("heartbeat {}", point.end.0),
                Event::Passed(point) => format!("passed {}", point.end.0),
            })
            .collect()
    }

    #[test]
    fn what_was_applied_before_is_left_out() {
        let events = run(vec![begin(99), change(), commit(99), begin(100), change(), commit(100)]);
        assert_eq!(events, ["passed 107", "change", "commit 108"]);
    }

    #[test]
    fn an_echo_is_dropped_and_a_strangers_message_is_not() {
        let echo = run(vec![begin(200), message(ECHO_PREFIX), change(), commit(200)]);
        assert_eq!(echo, ["passed 208"]);
        let strangers = run(vec![begin(200), message("other"), change(), commit(200)]);
        assert_eq!(strangers, ["change", "commit 208"]);
    }

    #[test]
    fn an_echo_is_handed_over_as_our_own_where_something_cascades() {
        let echo = vec![begin(200), message(ECHO_PREFIX), change(), commit(200), begin(300), change()];
        let events = told(Assembler::new(Lsn(100), true), echo);
        assert_eq!(events, ["own change", "own commit 208", "change"]);
        let before = vec![begin(99), message(ECHO_PREFIX), change(), commit(99)];
        assert_eq!(told(Assembler::new(Lsn(100), true), before), ["passed 107"]);
    }

    #[test]
    fn a_heartbeat_is_handed_over_as_such_and_rows_beside_one_are_rows() {
        let beat = || message(HEARTBEAT_PREFIX);
        assert_eq!(run(vec![begin(200), beat(), commit(200)]), ["heartbeat 208"]);
        assert_eq!(run(vec![begin(99), beat(), commit(99)]), ["passed 107"], "it has come before");
        for rows in
            [vec![begin(200), beat(), change(), commit(200)], vec![begin(200), change(), beat(), commit(200)]]
        {
            assert_eq!(run(rows), ["change", "commit 208"]);
        }
    }

    #[test]
    fn messages_out_of_order_are_refused() {
        let mut assembler = Assembler::new(Lsn(0), false);
        assert_eq!(assembler.push(change()).err(), Some(AssembleError::Outside("change")));
        assert_eq!(assembler.push(commit(1)).err(), Some(AssembleError::Outside("commit")));
        assembler.push(begin(1)).expect("a transaction begins");
        assert_eq!(assembler.push(begin(2)).err(), Some(AssembleError::Inside));
    }
}

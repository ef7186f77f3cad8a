//! What a SQLSTATE means to us: its fault, whether the server's message may be shown, and what to do about it.
//!
//! Source: PostgreSQL manual, appendix A, "PostgreSQL Error Codes". Every decision that depends on a SQLSTATE is made
//! here and nowhere else. A code that nobody has thought about halts the flow, and its message stays unseen.

use std::fmt;

use crate::fault::Fault;

/// A SQLSTATE: five digits or capital letters, of which the first two are the class.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SqlState([u8; 5]);

impl SqlState {
    /// `None` where the text is not five ASCII digits and capital letters.
    pub fn new(code: &str) -> Option<Self> {
        let code: [u8; 5] = code.as_bytes().try_into().ok()?;
        let fits = code.iter().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
        fits.then_some(Self(code))
    }

    /// The five characters.
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.0).unwrap_or("")
    }

    /// The first two characters.
    pub fn class(&self) -> &str {
        self.as_str().get(..2).unwrap_or("")
    }
}

impl fmt::Debug for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SqlState({})", self.as_str())
    }
}

impl fmt::Display for SqlState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The routine of the server's source that refuses a row by a row-level security policy or a view's check option.
/// It shares 42501 with every missing privilege, and only this name tells them apart.
const ROW_POLICY_ROUTINE: &str = "ExecWithCheckOptions";

/// The routine that refuses a prepared statement whose table was altered; 0A000 otherwise means "not supported".
const STALE_PLAN_ROUTINE: &str = "RevalidateCachedQuery";

/// The routine that refuses a setting which the server does not know, as it does when a session begins. It shares 42704 with every
/// other object that is not there.
const UNKNOWN_SETTING_ROUTINE: &str = "set_config_option";

/// The class of a server's error. `routine` is the error's field `R`.
///
/// The credentials and the database's existence (28, 3D000) are retried and not halted on: a password is rotated and a
/// database is restored by somebody who does not think of this daemon, and both heal at the next try, since the
/// secret is read again at every connect. [`crate::fault::Delays`] keeps those tries slow.
///
/// A customer's own triggers (P0, and the classes that only a function can raise) fail for that customer's rows alone:
/// parking keeps the other customers going.
pub fn fault(state: SqlState, routine: Option<&str>) -> Fault {
    match (state.class(), state.as_str()) {
        // Connections, credentials, deadlocks and serialization, resources, shutdown and cancelled statements.
        // Then: no such database; lock not available, object in use; read-only server, idle or transaction timeout;
        // the server's disk.
        ("08" | "28" | "40" | "53" | "57", _)
        | (_, "3D000" | "55P03" | "55006" | "25006" | "25P03" | "25P04" | "58030") => Fault::Retry,
        // "Cached plan must not change result type": a table was altered; a new session plans anew.
        (_, "0A000") if routine == Some(STALE_PLAN_ROUTINE) => Fault::Retry,
        // Cardinality, data, integrity constraint, check option of a view; a customer's functions and triggers;
        // a value too long for an index.
        ("21" | "22" | "23" | "44" | "P0" | "09" | "27" | "2F" | "38" | "39", _) | (_, "54000") => {
            Fault::Park
        }
        (_, "42501") if routine == Some(ROW_POLICY_ROUTINE) => Fault::Park,
        // 42 (names, privileges, 428C9), 0A, 55000, 55P02, XX, and whatever nobody has thought of.
        _ => Fault::Halt,
    }
}

/// Whether the server's message may be shown: in these classes it is made of names and numbers of the server's.
///
/// Never 22 and 23 (they quote the value), XX and P0 (anybody's text), or a class that is not known.
/// The caller adds a condition of its own: a message from inside a function is never shown, since functions
/// build statements and messages out of rows.
pub fn message_holds_no_values(state: SqlState) -> bool {
    matches!(state.class(), "08" | "0A" | "25" | "28" | "3D" | "3F" | "40" | "42" | "53" | "55" | "57" | "58")
}

/// What a code means, in words of ours, and what to do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// What failed: a clause without a full stop.
    pub meaning: &'static str,
    /// What to do: a sentence.
    pub remedy: &'static str,
}

/// Words for a code; every code has some.
pub fn describe(state: SqlState, routine: Option<&str>) -> Description {
    if state.as_str() == "42501" && routine == Some(ROW_POLICY_ROUTINE) {
        return Description {
            meaning: "a row-level security policy refused the row",
            remedy: "Let the policy admit the role, or the rows that the rule sends.",
        };
    }
    if state.as_str() == "0A000" && routine == Some(STALE_PLAN_ROUTINE) {
        return Description {
            meaning: "a table was altered under a prepared statement",
            remedy: "The next session plans anew.",
        };
    }
    if state.as_str() == "42704" && routine == Some(UNKNOWN_SETTING_ROUTINE) {
        return Description {
            meaning: "the server does not know a setting that every session of Acequia has",
            remedy: "Check its version: PostgreSQL 14 or later is needed.",
        };
    }
    let (_, meaning, remedy) = DESCRIPTIONS
        .iter()
        .find(|(prefix, _, _)| state.as_str().starts_with(prefix))
        .copied()
        .unwrap_or(("", "the server refused", "Look the SQLSTATE up in the manual and in the server's log."));
    Description { meaning, remedy }
}

/// Code or class, meaning, remedy. The first that fits counts: codes stand before their classes.
const DESCRIPTIONS: &[(&str, &str, &str)] = &[
    ("08", "the connection failed", "It is tried again; if it stays, check the network and the server."),
    ("0A000", "the server does not support this", "Check the server's version and the statement in its log."),
    ("21000", "one row was met twice", "Make the natural key of the rule unique."),
    ("22001", "a value is too long for its column", "Widen the column, or shorten the value at the source."),
    (
        "22003",
        "a number is out of its column's range",
        "Widen the column's type, or correct the number at the source.",
    ),
    (
        "22021",
        "a character does not exist in the database's encoding",
        "Correct the text at the source, or use UTF8.",
    ),
    (
        "22P05",
        "a character does not exist in the database's encoding",
        "Correct the text at the source, or use UTF8.",
    ),
    ("22", "a value does not fit its column's type", "Compare the column's type with the source's."),
    (
        "23502",
        "a column that must not be NULL got no value",
        "Give the column a default, or let the rule fill it.",
    ),
    (
        "23503",
        "a foreign key finds no row",
        "Let the rule cover the table that the key points to, or write that row first.",
    ),
    ("23505", "a unique constraint refused the row", "Find the row that has the key already."),
    ("23514", "a check constraint refused the row", "Correct the value at the source, or the constraint."),
    ("23", "a constraint refused the row", "Correct the row at the source, or the constraint."),
    (
        "25006",
        "the server is read-only",
        "Point the configuration at the primary, or wait for the promotion.",
    ),
    (
        "28P01",
        "the server refused the password",
        "Check `user` and `password` of the database, and when the role's password expires.",
    ),
    (
        "28",
        "the server refused the role",
        "Check that the role exists with LOGIN (and REPLICATION for a source), and its line in pg_hba.conf.",
    ),
    ("3D000", "there is no such database", "Check `dbname`, or restore the database."),
    ("3F000", "there is no such schema", "Check the customer's schema in the configuration."),
    ("40P01", "a deadlock was broken", "It is tried again; nothing to do unless it repeats."),
    (
        "40",
        "a transaction of somebody else came between",
        "It is tried again; nothing to do unless it repeats.",
    ),
    (
        "42501",
        "a privilege is missing",
        "Grant what the message names; `acequia setup --print-sql` prints all that the rules need.",
    ),
    (
        "428C9",
        "a column is generated always",
        "Leave the column out of the rule, or make it GENERATED BY DEFAULT.",
    ),
    ("42P01", "there is no such table", "Check the schema and the table in the configuration."),
    ("42703", "there is no such column", "Check the rule's columns; reload after the table was altered."),
    (
        "42704",
        "there is no such object (slot, publication, role or setting)",
        "`acequia check` names it; `acequia setup --print-sql` prints publications and grants.",
    ),
    (
        "42710",
        "an object of this name exists already",
        "Drop it if it is a left-over, or choose another name.",
    ),
    ("44", "a view's check option refused the row", "Correct the row at the source, or the view."),
    ("53100", "the server's disk is full", "Free space on the server."),
    (
        "53200",
        "the server is out of memory, or of room for locks",
        "It is tried again. Raise max_locks_per_transaction (customers times data sets need some ten each), or look at \
         the server's memory.",
    ),
    (
        "53300",
        "the server has too many connections (for a source: or WAL senders)",
        "Raise max_connections or max_wal_senders, or close sessions.",
    ),
    (
        "53400",
        "a limit of the server's configuration is reached",
        "Raise it (for a new slot: max_replication_slots).",
    ),
    ("53", "the server is short of a resource", "Look at the server's disk, memory and limits."),
    ("54000", "a value exceeds a limit of the server", "Shorten the value at the source, or drop the index."),
    (
        "55000",
        "the object is not in the state that this needs",
        "If it is a slot: it was invalidated, resync the flow. If it is wal_level: set it to logical. If it is a table: \
         give it a replica identity.",
    ),
    (
        "55006",
        "the object is in use",
        "A slot is free again when the server notices that its old connection is gone (wal_sender_timeout); if it \
         stays, find the holder in pg_replication_slots.",
    ),
    (
        "55P03",
        "a lock was not free in time",
        "It is tried again; if it stays, find the old transaction in pg_stat_activity.",
    ),
    ("57014", "the statement was cancelled", "It is tried again; if it stays, look who cancels it."),
    ("57P03", "the server is starting up or shutting down", "Wait; it is tried again."),
    ("57P04", "the database was dropped", "Restore it, or take it out of the configuration."),
    (
        "57",
        "the server shut down or closed the session",
        "It is tried again; start the server if it is down.",
    ),
    ("58030", "the server cannot read or write a file", "Look at the server's disk and its log."),
    (
        "58P01",
        "the server misses a file",
        "Look at the server's log; if it is a WAL segment that the stream needs, resync the flow.",
    ),
    ("P0", "a function or a trigger refused the row", "Look at the triggers of the table."),
    ("XX", "the server met an internal error", "Look at the server's log."),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn state(code: &str) -> SqlState {
        SqlState::new(code).expect("a SQLSTATE")
    }

    #[test]
    fn every_sqlstate_that_the_design_names_has_its_fault() {
        let retry = [
            "08000", "08006", "25006", "25P03", "28000", "28P01", "3D000", "40001", "40P01", "53100",
            "53200", "53300", "53400", "55006", "55P03", "57014", "57P01", "57P02", "57P03", "57P04",
            "58030",
        ];
        let park = [
            "21000", "22001", "22003", "22007", "22021", "22P02", "22P05", "23502", "23503", "23505",
            "23514", "23P01", "27000", "38000", "39004", "44000", "54000", "P0001", "P0002",
        ];
        let halt = [
            "0A000", "25P02", "26000", "34000", "3F000", "42501", "42601", "42703", "42704", "42710",
            "428C9", "42P01", "54001", "55000", "55P02", "58P01", "F0000", "HV000", "XX000", "XX001",
            "ZZ999",
        ];
        for (codes, expected) in
            [(&retry[..], Fault::Retry), (&park[..], Fault::Park), (&halt[..], Fault::Halt)]
        {
            for code in codes {
                assert_eq!(fault(state(code), None), expected, "{code}");
            }
        }
    }

    #[test]
    fn a_row_policy_parks_the_row_while_a_missing_privilege_halts() {
        assert_eq!(fault(state("42501"), Some("ExecWithCheckOptions")), Fault::Park);
        assert_eq!(fault(state("42501"), Some("aclcheck_error")), Fault::Halt);
        assert_ne!(describe(state("42501"), Some("ExecWithCheckOptions")), describe(state("42501"), None));
    }

    #[test]
    fn a_stale_plan_is_tried_again_while_an_unsupported_statement_halts() {
        assert_eq!(fault(state("0A000"), Some("RevalidateCachedQuery")), Fault::Retry);
        assert_eq!(fault(state("0A000"), Some("ExecuteTruncateGuts")), Fault::Halt);
    }

    #[test]
    fn messages_that_quote_values_are_never_shown() {
        for code in ["22001", "22P02", "23505", "P0001", "XX000", "54000", "39000", "ZZ000"] {
            assert!(!message_holds_no_values(state(code)), "{code}");
        }
        for code in ["28P01", "42P01", "55006", "57P03", "53300"] {
            assert!(message_holds_no_values(state(code)), "{code}");
        }
    }

    #[test]
    fn every_code_has_words_and_a_code_stands_before_its_class() {
        assert_eq!(describe(state("ZZ999"), None).meaning, "the server refused");
        for (at, (prefix, meaning, remedy)) in DESCRIPTIONS.iter().enumerate() {
            assert!(!meaning.ends_with('.') && remedy.ends_with('.'), "{prefix}");
            let hidden = DESCRIPTIONS[..at].iter().any(|(earlier, _, _)| prefix.starts_with(earlier));
            assert!(!hidden, "{prefix} is hidden by its class");
        }
    }

    #[test]
    fn only_five_capitals_and_digits_are_a_sqlstate() {
        for text in ["", "2350", "235055", "2350x", "23 05", "äää"] {
            assert_eq!(SqlState::new(text), None, "{text}");
        }
        assert_eq!(state("28P01").class(), "28");
    }
}

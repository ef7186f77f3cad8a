//! An error that a MySQL or MariaDB server reported. Only its number and its SQLSTATE are kept: messages of 1062, 1292,
//! 1366 and others quote the row.
//!
//! Source: MySQL 8.4 "Server Error Message Reference", MariaDB "Error Codes".

use std::fmt;

use crate::fault::Fault;

/// One error that a server reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The server's number.
    pub errno: u16,
    /// Five characters; letters and digits.
    sqlstate: [u8; 5],
}

/// What an error means and what to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Description {
    /// What failed, without a full stop.
    pub meaning: &'static str,
    /// What to do, as a sentence.
    pub remedy: &'static str,
}

/// The account may not: access, database, table, column, or a privilege that is missing.
pub const NO_PRIVILEGE: [u16; 5] = [1044, 1142, 1143, 1227, 1370];
/// `LOAD DATA LOCAL` is switched off, on either side.
pub const NO_LOCAL_INFILE: [u16; 5] = [1148, 2068, 3948, 3950, 4166];
/// Somebody else holds a lock for too long.
pub const LOCKED: [u16; 2] = [1205, 1213];
/// The server has no room.
const FULL: [u16; 5] = [3, 1021, 1026, 1114, 1932];
/// The server goes, has gone, has no connection left, or somebody ended the statement or the session.
const GONE: [u16; 14] = [1040, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1203, 1317, 1927, 4031];
/// The server takes no writes at the moment.
const READ_ONLY: [u16; 4] = [1290, 1792, 1836, 3100];
/// A JSON value that the server takes for none.
pub const NO_JSON: [u16; 6] = [3140, 3141, 3157, 3158, 4025, 22032];

impl Refusal {
    /// `sqlstate` of another length counts as the general one.
    pub fn new(errno: u16, sqlstate: &str) -> Self {
        let plain = |state: &[u8; 5]| state.iter().all(u8::is_ascii_alphanumeric);
        let sqlstate = sqlstate.as_bytes().try_into().ok().filter(plain).unwrap_or(*b"HY000");
        Self { errno, sqlstate }
    }

    /// The SQLSTATE.
    pub fn sqlstate(&self) -> &str {
        std::str::from_utf8(&self.sqlstate).unwrap_or("HY000")
    }

    /// Whether the same again may work.
    pub fn fault(&self) -> Fault {
        let passes = [&LOCKED[..], &FULL, &GONE, &READ_ONLY].iter().any(|list| list.contains(&self.errno));
        if passes || self.sqlstate().starts_with("08") { Fault::Retry } else { Fault::Halt }
    }

    /// What it means, and what to do.
    pub fn describe(&self) -> Description {
        let (meaning, remedy) = match self.errno {
            1045 | 1698 => (
                "the server does not let this account in",
                "Check `user` and `password` of the server, and that the account may connect from this host.",
            ),
            1049 => (
                "there is no such database",
                "Create it, or grant CREATE so that it is created: GRANT CREATE ON `DATABASE`.* TO the account.",
            ),
            1153 => (
                "a value is longer than the server takes",
                "Raise max_allowed_packet of the server, or switch local_infile on there.",
            ),
            1129 => (
                "the server has shut this host out after errors",
                "Run FLUSH HOSTS there (mysqladmin flush-hosts), then look at the network.",
            ),
            1130 => (
                "the server takes no connections from this host",
                "Create the account for this host, and look at bind_address.",
            ),
            1118 => {
                ("a table has more or wider columns than a row can have", "Leave columns out with `exclude`.")
            }
            1071 => (
                "a key is longer than the server takes",
                "Leave the table out with `exclude`, and report it.",
            ),
            1062 | 1586 => (
                "two rows have the same key",
                "The key's collation takes two values for one; please report it with the version of the server.",
            ),
            1264 | 1265 | 1292 | 1366 => {
                ("a value does not fit its column", "Leave the column out with `exclude`, and report it.")
            }
            3159 => (
                "the server asks for TLS",
                "Set sslmode = \"verify-full\" for the server, and take out `insecure`.",
            ),
            number if NO_PRIVILEGE.contains(&number) => (
                "a privilege is missing",
                "GRANT SELECT, INSERT, CREATE, ALTER, DROP, INDEX ON `DATABASE`.* TO the account of the server.",
            ),
            number if NO_LOCAL_INFILE.contains(&number) => (
                "LOAD DATA LOCAL is switched off",
                "SET GLOBAL local_infile = ON there; without it rows are inserted, which takes longer.",
            ),
            number if LOCKED.contains(&number) => (
                "another session holds a lock on the table",
                "It is tried again; look for long transactions in SHOW PROCESSLIST.",
            ),
            number if FULL.contains(&number) => {
                ("the server has no room left", "Make room on its disk; it is tried again.")
            }
            number if GONE.contains(&number) => {
                ("the server ends the connection, or takes no more", "It is tried again.")
            }
            number if READ_ONLY.contains(&number) => (
                "the server takes no writes",
                "Name the primary in `host`, or switch read_only off; it is tried again.",
            ),
            number if NO_JSON.contains(&number) => (
                "the server does not take a JSON value",
                "The column is loaded as text then; if this stays, leave it out with `exclude`.",
            ),
            _ => ("the server refused it", "Look the number up in the server's manual, or in its log."),
        };
        Description { meaning, remedy }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (error {}, SQLSTATE {})", self.describe().meaning, self.errno, self.sqlstate())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_tried_again_and_what_is_wrong_is_not() {
        for errno in [1205, 1213, 1040, 1114, 1317, 1836, 4031] {
            assert_eq!(Refusal::new(errno, "HY000").fault(), Fault::Retry, "{errno}");
        }
        for errno in [1045, 1142, 1049, 1062, 1064, 9999] {
            assert_eq!(Refusal::new(errno, "42000").fault(), Fault::Halt, "{errno}");
        }
        assert_eq!(Refusal::new(9999, "08S01").fault(), Fault::Retry);
    }

    #[test]
    fn a_server_cannot_put_text_into_a_sqlstate() {
        assert_eq!(Refusal::new(1, "O'Bri").sqlstate(), "HY000");
        assert_eq!(Refusal::new(1, "too long").sqlstate(), "HY000");
        assert_eq!(
            Refusal::new(1045, "28000").to_string(),
            "the server does not let this account in (error 1045, SQLSTATE 28000)"
        );
    }
}

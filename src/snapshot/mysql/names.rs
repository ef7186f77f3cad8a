//! What the tables are called that nobody is to see: those that are being loaded, and those that were published until now.
//! Names are made of the snapshot's and the table's, so that a later process finds them, and a dead run's are known.

use sha2::{Digest as _, Sha256};

/// Begins the name of a table that is being loaded.
const NEW: &str = "acequia_new_";
/// Begins the name of a table that was published.
const OLD: &str = "acequia_old_";
/// Digits for the snapshot, and for the table.
const SNAPSHOT_DIGITS: usize = 8;
const TABLE_DIGITS: usize = 16;

/// The names of one snapshot's tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Names {
    mark: String,
}

impl Names {
    pub(super) fn new(snapshot: &str) -> Self {
        Self { mark: digits(snapshot, SNAPSHOT_DIGITS) }
    }

    /// Of a table that is being loaded.
    pub(super) fn shadow(&self, table: &str) -> String {
        format!("{}{}", self.mark_of_new(), digits(table, TABLE_DIGITS))
    }

    /// What the names of all tables that are being loaded begin with.
    pub(super) fn mark_of_new(&self) -> String {
        format!("{NEW}{}_", self.mark)
    }

    /// Of a table that was published until now.
    pub(super) fn old(&self, table: &str) -> String {
        format!("{OLD}{}_{}", self.mark, digits(table, TABLE_DIGITS))
    }

    /// Whether a table is left from a run of this snapshot.
    pub(super) fn is_left(&self, table: &str) -> bool {
        let rest = table.strip_prefix(NEW).or_else(|| table.strip_prefix(OLD));
        let own = rest.and_then(|rest| rest.strip_prefix(&self.mark)).and_then(|rest| rest.strip_prefix('_'));
        own.is_some_and(|own| own.len() == TABLE_DIGITS && own.bytes().all(|byte| byte.is_ascii_hexdigit()))
    }

    /// The lock that keeps a second run away.
    pub(super) fn lock(&self) -> String {
        format!("acequia_snapshot_{}", self.mark)
    }
}

fn digits(text: &str, count: usize) -> String {
    let digest: String = format!("{:x}", Sha256::digest(text.as_bytes()));
    digest[..count].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tables_of_this_snapshot_are_left_over() {
        let (nightly, weekly) = (Names::new("nightly"), Names::new("weekly"));
        for name in [nightly.shadow("cpt_code"), nightly.old("cpt_code")] {
            assert!(nightly.is_left(&name) && !weekly.is_left(&name) && name.len() <= 64, "{name}");
        }
        for other in ["cpt_code", "acequia_new_", "acequia_new_mine", "acequia_manifest"] {
            assert!(!nightly.is_left(other), "{other}");
        }
    }
}

//! Pieces that several statements of a route share: which rows, which joins, which columns.

use crate::config::Missing;

use super::shape::{ALIAS, Shape, key_text, old_identity};

/// The rows that this statement is about.
pub(super) const PICK: &str = "s.\"acequia:n\" BETWEEN $1 AND $2";
/// … and that are there.
pub(super) const LIVING: &str = "s.\"acequia:op\" IN ('I', 'U')";
/// … or on their way to another identity inside a transaction: only links and keys follow.
pub(super) const THERE: &str = "s.\"acequia:op\" <> 'D'";
/// On their way, and there when the transaction ends. Beside its key the row has its last values already.
pub(super) const PASSING: &str = "s.\"acequia:op\" = 'P'";
/// On their way, and gone when the transaction ends.
pub(super) const VANISHING: &str = "s.\"acequia:op\" = 'V'";

pub(super) fn joined(parts: impl IntoIterator<Item = String>, between: &str) -> String {
    parts.into_iter().collect::<Vec<_>>().join(between)
}

pub(super) fn numbered(letter: char, count: usize) -> Vec<String> {
    (1..=count).map(|i| format!("{letter}{i}")).collect()
}

/// `a.x = b.y AND …`
pub(super) fn equal(
    left: impl IntoIterator<Item = String>,
    right: impl IntoIterator<Item = String>,
) -> String {
    joined(left.into_iter().zip(right).map(|(left, right)| format!("{left} = {right}")), " AND ")
}

/// All conditions; true where there is none.
fn all_of(conditions: impl Iterator<Item = String>) -> String {
    let all = joined(conditions, " AND ");
    if all.is_empty() { "true".to_owned() } else { all }
}

pub(super) fn prefixed(prefix: &str, names: &[String]) -> Vec<String> {
    names.iter().map(|name| format!("{prefix}.{name}")).collect()
}

impl Shape {
    pub(super) fn identity_values(&self) -> Vec<String> {
        self.identity.iter().map(|(name, _)| format!("s.{name}")).collect()
    }

    pub(super) fn reference_values(&self) -> Vec<String> {
        self.references.iter().map(|(name, _)| format!("s.{name}")).collect()
    }

    pub(super) fn primary_key_names(&self) -> Vec<String> {
        self.primary_key.iter().map(|column| column.name.clone()).collect()
    }

    /// Columns of the crosswalk that hold the source's side: `s1 …`, `r1 …`.
    pub(super) fn source_side(&self) -> Vec<String> {
        let mut names = numbered('s', self.identity.len());
        names.extend(numbered('r', self.references.len()));
        names
    }

    /// All its columns but `created`.
    pub(super) fn crosswalk_columns(&self) -> Vec<String> {
        let mut names = self.source_side();
        names.extend(numbered('t', self.primary_key.len()));
        names
    }

    pub(super) fn parent_joins(&self) -> String {
        self.parents.iter().map(|parent| parent.join.as_str()).collect()
    }

    /// Every parent is there, or the rule goes on without it.
    pub(super) fn resolved(&self) -> String {
        let needed = self.parents.iter().filter(|parent| parent.missing != Missing::Null);
        all_of(needed.map(|parent| parent.resolved.clone()))
    }

    /// Like `resolved`, leaving out parents that lie in a circle with this table.
    pub(super) fn resolved_outside_circle(&self) -> String {
        let others = self.parents.iter().filter(|parent| !parent.in_circle);
        all_of(others.filter(|parent| parent.missing != Missing::Null).map(|parent| parent.resolved.clone()))
    }

    /// The rows that the customer is given: there, and inside `where`.
    pub(super) fn given(&self) -> String {
        self.inside(LIVING)
    }

    /// These rows, as far as they are inside `where`.
    pub(super) fn inside(&self, rows: &str) -> String {
        match &self.filter {
            None => rows.to_owned(),
            Some(filter) => format!("{rows} AND ({filter}) IS TRUE"),
        }
    }

    /// Nobody of these links the row `t`.
    pub(super) fn not_linked_by(&self, crosswalks: &[String]) -> String {
        let targets = numbered('t', self.primary_key.len());
        let own = prefixed("t", &self.primary_key_names());
        let linked = |table: &String| {
            let same = equal(prefixed("h", &targets), own.clone());
            format!(" AND NOT EXISTS (SELECT FROM {table} h WHERE {same})")
        };
        crosswalks.iter().map(linked).collect()
    }

    pub(super) fn key_match(&self, alias: &str) -> String {
        let parts =
            self.key.iter().map(|key| format!("{} = {}", key.theirs.replace(ALIAS, alias), key.value));
        joined(parts, " AND ")
    }

    pub(super) fn old_key_match(&self, alias: &str) -> String {
        joined(self.key.iter().map(|key| format!("{alias}.{} = {}", key.name, key.old_value)), " AND ")
    }

    pub(super) fn key_is_known(&self) -> String {
        joined(self.key.iter().map(|key| format!("{} IS NOT NULL", key.value)), " AND ")
    }

    /// `x` is the link of `s`.
    pub(super) fn link_of_row(&self) -> String {
        equal(prefixed("x", &numbered('s', self.identity.len())), self.identity_values())
    }

    /// `t` is the row of link `alias`.
    pub(super) fn row_of_link(&self, alias: &str) -> String {
        equal(
            prefixed("t", &self.primary_key_names()),
            prefixed(alias, &numbered('t', self.primary_key.len())),
        )
    }

    /// Joins the customer's row of each staged row.
    pub(super) fn own_row_join(&self) -> String {
        match &self.crosswalk {
            Some(table) => format!(
                " JOIN {table} x ON {} JOIN {} t ON {}",
                self.link_of_row(),
                self.target,
                self.row_of_link("x")
            ),
            None => format!(" JOIN {} t ON {}", self.target, self.key_match("t")),
        }
    }

    /// The written columns as text, for the journal; those that are not known are not touched and not kept.
    pub(super) fn image(&self, unchanged: &[usize]) -> String {
        let known =
            self.images.iter().filter(|(_, depends)| !depends.iter().any(|one| unchanged.contains(one)));
        format!("ROW({})::text", joined(known.map(|(name, _)| format!("t.{name}")), ", "))
    }

    /// All columns of the customer's row that can be written again, as text.
    pub(super) fn whole_image(&self) -> String {
        format!("ROW({})::text", joined(self.whole.iter().map(|name| format!("t.{}", name.quoted())), ", "))
    }

    pub(super) fn identity_text(&self) -> String {
        key_text(&self.identity_values())
    }

    pub(super) fn old_identity_text(&self) -> String {
        key_text(&old_identity(self.identity.len()))
    }
}

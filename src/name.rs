//! Identifiers: the newtypes for every kind of name, and the only place that quotes SQL.
//!
//! A name that reaches SQL text passes through [`Ident::quoted`] or [`literal`]; nothing else in the
//! house puts quotation marks around anything.

use std::fmt;
use std::sync::Arc;

/// The longest identifier that PostgreSQL keeps, in bytes (`NAMEDATALEN - 1`).
pub const IDENT_MAX_BYTES: usize = 63;

/// A name that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing between the quotes.
    #[error("a name must not be empty")]
    Empty,
    /// More than [`IDENT_MAX_BYTES`] bytes: PostgreSQL would cut it, and two names could become one.
    #[error("a name has at most {IDENT_MAX_BYTES} bytes; this one has {0}")]
    TooLong(usize),
    /// A NUL character, which no identifier can hold.
    #[error("a name must not contain the character NUL")]
    Nul,
    /// A character that a configuration name (a customer, a data set, …) must not have.
    #[error(
        "`{0}` is not allowed here: use letters, digits, `_`, `-` and `.`, starting with a letter or digit"
    )]
    Character(char),
}

/// An SQL identifier exactly as the catalog holds it: unquoted, case kept.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ident(Arc<str>);

impl Ident {
    /// Checks length and characters; any other text is a valid identifier once it is quoted.
    pub fn new(text: &str) -> Result<Self, NameError> {
        if text.is_empty() {
            return Err(NameError::Empty);
        }
        if text.len() > IDENT_MAX_BYTES {
            return Err(NameError::TooLong(text.len()));
        }
        if text.contains('\0') {
            return Err(NameError::Nul);
        }
        Ok(Self(text.into()))
    }

    /// The identifier without quotation marks, for look-ups in a catalog.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier between double quotes, fit for SQL text.
    pub fn quoted(&self) -> String {
        format!("\"{}\"", self.0.replace('"', "\"\""))
    }
}

impl fmt::Debug for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ident({})", self.0)
    }
}

impl fmt::Display for Ident {
    /// Shown to people as it is in the catalog; SQL text wants [`Ident::quoted`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A table's full name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// The schema: for a customer's table, the customer's schema.
    pub schema: Ident,
    /// The table inside it.
    pub table: Ident,
}

impl TableName {
    /// Both parts quoted and joined, fit for SQL text.
    pub fn quoted(&self) -> String {
        format!("{}.{}", self.schema.quoted(), self.table.quoted())
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

/// Text as an SQL literal. Only for names and numbers of ours, never for a row's value:
/// literals land in the server's log.
pub fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if doubled.contains('\\') {
        format!("E'{}'", doubled.replace('\\', "\\\\"))
    } else {
        format!("'{doubled}'")
    }
}

/// A name between backticks, fit for SQL text of MySQL and MariaDB.
pub fn backticked(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Text as an SQL literal of MySQL and MariaDB. Only for names and words of ours, as with [`literal`].
pub fn mysql_literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''").replace('\0', "\\0"))
}

/// The text of an SQL array of these names, to be sent as a parameter.
pub fn array_text<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    format!("{{{}}}", names.map(quoted).collect::<Vec<_>>().join(","))
}

/// One newtype per kind of thing that a rule file names, so that they can't be mixed up.
macro_rules! config_name {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks that the text can be a name in a rule file.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check_config_name(text)?;
                Ok(Self(text.into()))
            }

            /// The name as it stands in the file.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

config_name! {
    /// `[databases.NAME]`
    DatabaseName,
    /// `[customers.NAME]`: a schema in a database.
    CustomerName,
    /// `[datasets.NAME]`: one table that every customer has.
    DatasetName,
    /// `name` of a `[[sync]]` group.
    SyncName,
    /// `name` of a `[[snapshot]]`.
    SnapshotName,
    /// `[servers.NAME]`: a MySQL or MariaDB server.
    ServerName,
}

/// These names become parts of slot names, file names and metric labels: a small alphabet keeps all of them safe.
fn check_config_name(text: &str) -> Result<(), NameError> {
    if text.len() > IDENT_MAX_BYTES {
        return Err(NameError::TooLong(text.len()));
    }
    let mut characters = text.chars();
    match characters.next() {
        None => return Err(NameError::Empty),
        Some(first) if !first.is_ascii_alphanumeric() => return Err(NameError::Character(first)),
        Some(_) => {}
    }
    match characters.find(|c| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))) {
        Some(bad) => Err(NameError::Character(bad)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_mark_inside_an_identifier_is_doubled() {
        let name = Ident::new("Cust \"Weird\"-Näme").expect("a valid identifier");
        assert_eq!(name.quoted(), "\"Cust \"\"Weird\"\"-Näme\"");
    }

    #[test]
    fn an_identifier_that_postgresql_would_cut_is_refused() {
        assert!(Ident::new(&"x".repeat(63)).is_ok());
        assert_eq!(Ident::new(&"x".repeat(64)), Err(NameError::TooLong(64)));
    }

    #[test]
    fn a_literal_survives_quotes_and_backslashes() {
        assert_eq!(literal("it's"), "'it''s'");
        assert_eq!(literal("a\\'b"), "E'a\\\\''b'");
    }

    #[test]
    fn names_and_literals_of_mysql_survive_quotes() {
        assert_eq!(backticked("a`b"), "`a``b`");
        assert_eq!(mysql_literal("it's \\"), "'it''s \\\\'");
    }

    #[test]
    fn an_array_keeps_names_apart() {
        let names = ["plain", "a,b", "say \"x\"", "back\\slash", "NULL"];
        assert_eq!(array_text(names.into_iter()), r#"{"plain","a,b","say \"x\"","back\\slash","NULL"}"#);
    }

    #[test]
    fn a_config_name_cannot_leave_its_directory() {
        assert_eq!(CustomerName::new("../x"), Err(NameError::Character('.')));
        assert_eq!(CustomerName::new("a/x"), Err(NameError::Character('/')));
        assert!(CustomerName::new("north-2.old").is_ok());
    }
}

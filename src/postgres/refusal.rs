//! What is kept of a server's error answer: its SQLSTATE, the names it carries, and its message only where no row's
//! value can be in it. Detail, hint, context and statement are dropped while they are read.
//!
//! Source: PostgreSQL manual, "Error and Notice Message Fields".

use std::fmt;

use crate::fault::Fault;
use crate::postgres::sqlstate::{self, Description, SqlState};

/// A message of the server's is cut here.
const MESSAGE_MAX_CHARACTERS: usize = 300;

/// One error that a server reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code.
    pub sqlstate: SqlState,
    /// Schema of the table, type or constraint.
    pub schema: Option<String>,
    /// The table.
    pub table: Option<String>,
    /// The column.
    pub column: Option<String>,
    /// The constraint (or unique index).
    pub constraint: Option<String>,
    /// The data type.
    pub datatype: Option<String>,
    /// The server's own words; `None` wherever they could quote a row.
    pub message: Option<String>,
    /// The routine of the server's source: tells two meanings of one SQLSTATE apart.
    routine: Option<String>,
}

impl Refusal {
    /// From the body of an `ErrorResponse`; `None` where it is malformed or has no SQLSTATE.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut fields = Fields::default();
        let mut rest = body;
        loop {
            let (&tag, after) = rest.split_first()?;
            if tag == 0 {
                return fields.refusal();
            }
            let end = after.iter().position(|&byte| byte == 0)?;
            let value = String::from_utf8_lossy(&after[..end]).into_owned();
            rest = &after[end + 1..];
            match tag {
                b'C' => fields.sqlstate = SqlState::new(&value),
                b'M' => fields.message = Some(value),
                b'R' => fields.routine = Some(value),
                b's' => fields.schema = Some(value),
                b't' => fields.table = Some(value),
                b'c' => fields.column = Some(value),
                b'd' => fields.datatype = Some(value),
                b'n' => fields.constraint = Some(value),
                b'W' | b'q' => fields.inside_function = true,
                _ => {}
            }
        }
    }

    /// From the driver's form of the same; `None` where the code is not a SQLSTATE.
    pub fn from_driver(error: &tokio_postgres::error::DbError) -> Option<Self> {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Fields {
            sqlstate: SqlState::new(error.code().code()),
            message: Some(error.message().to_owned()),
            routine: own(error.routine()),
            schema: own(error.schema()),
            table: own(error.table()),
            column: own(error.column()),
            datatype: own(error.datatype()),
            constraint: own(error.constraint()),
            inside_function: error.where_().is_some()
                || matches!(error.position(), Some(tokio_postgres::error::ErrorPosition::Internal { .. })),
        }
        .refusal()
    }

    /// What to do about it, by SQLSTATE.
    pub fn fault(&self) -> Fault {
        sqlstate::fault(self.sqlstate, self.routine.as_deref())
    }

    /// What it means and what to do, in words of ours.
    pub fn describe(&self) -> Description {
        sqlstate::describe(self.sqlstate, self.routine.as_deref())
    }
}

impl fmt::Display for Refusal {
    /// What failed, on what; without the remedy.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (SQLSTATE {}", self.describe().meaning, self.sqlstate)?;
        let schema = self.schema.as_deref().map(|schema| format!("{schema}.")).unwrap_or_default();
        let names = [
            ("table", &self.table),
            ("column", &self.column),
            ("type", &self.datatype),
            ("constraint", &self.constraint),
        ];
        let mut prefix = schema.as_str();
        for (word, name) in names {
            if let Some(name) = name {
                write!(f, ", {word} {prefix}{name}")?;
                prefix = "";
            }
        }
        if let Some(message) = &self.message {
            write!(f, ", message: {message}")?;
        }
        f.write_str(")")
    }
}

/// Everything that is read before it is known what may be kept.
#[derive(Default)]
struct Fields {
    sqlstate: Option<SqlState>,
    message: Option<String>,
    routine: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    column: Option<String>,
    datatype: Option<String>,
    constraint: Option<String>,
    /// The error has a context or an internal statement: it was raised inside a function, a trigger or a COPY.
    inside_function: bool,
}

impl Fields {
    fn refusal(self) -> Option<Refusal> {
        let sqlstate = self.sqlstate?;
        // A function builds its statements and messages out of rows: a syntax error would quote them.
        let show_message = sqlstate::message_holds_no_values(sqlstate) && !self.inside_function;
        // `RAISE … USING TABLE = …` lets a trigger put any text where a name should be.
        let name = |name: Option<String>| name.filter(|_| sqlstate.class() != "P0").map(|n| printable(&n));
        Some(Refusal {
            sqlstate,
            schema: name(self.schema),
            table: name(self.table),
            column: name(self.column),
            constraint: name(self.constraint),
            datatype: name(self.datatype),
            message: self.message.filter(|_| show_message).map(|message| printable(&message)),
            routine: self.routine,
        })
    }
}

/// One line of bounded length: a server must not write lines of its own into our log.
pub fn printable(text: &str) -> String {
    text.chars().take(MESSAGE_MAX_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn body(fields: &[(u8, &str)]) -> Vec<u8> {
        let mut body = Vec::new();
        for (tag, value) in fields {
            body.push(*tag);
            body.extend_from_slice(value.as_bytes());
            body.push(0);
        }
        body.push(0);
        body
    }

    fn parse(fields: &[(u8, &str)]) -> Refusal {
        Refusal::parse(&body(fields)).expect("a whole ErrorResponse")
    }

    #[test]
    fn a_duplicate_key_names_its_constraint_and_no_value() {
        let refusal = parse(&[
            (b'S', "ERROR"),
            (b'C', "23505"),
            (b'M', "duplicate key value 999-80-5820"),
            (b'D', "Key (ssn)=(999-80-5820) already exists."),
            (b's', "north"),
            (b't', "patient"),
            (b'n', "patient_ssn_key"),
        ]);
        let text = format!("{refusal} {refusal:?}");
        assert!(!text.contains("5820"), "{text}");
        assert_eq!(
            refusal.to_string(),
            "a unique constraint refused the row (SQLSTATE 23505, table north.patient, constraint patient_ssn_key)"
        );
        assert_eq!(refusal.fault(), Fault::Park);
    }

    #[test]
    fn a_message_from_inside_a_function_is_not_shown() {
        let fields = [(b'C', "42601"), (b'M', "syntax error at or near \"Brien\"")];
        assert!(parse(&fields).message.is_some());
        let inside = [&fields[..], &[(b'W', "PL/pgSQL function f() line 3 at EXECUTE")]].concat();
        assert_eq!(parse(&inside).message, None);
        let internal = [&fields[..], &[(b'q', "SELECT 'O'Brien'")]].concat();
        assert_eq!(parse(&internal).message, None);
    }

    #[test]
    fn a_trigger_cannot_put_a_value_where_a_name_should_be() {
        let refusal = parse(&[(b'C', "P0001"), (b'M', "no"), (b't', "O'Brien"), (b'n', "x")]);
        assert_eq!((refusal.table, refusal.constraint, refusal.message), (None, None, None));
    }

    #[test]
    fn a_message_is_one_line_of_bounded_length() {
        let long = format!("role \"a\nb\" {}", "x".repeat(1000));
        let message = parse(&[(b'C', "28000"), (b'M', &long)]).message.expect("class 28 is shown");
        assert!(message.starts_with("role \"a b\" x"));
        assert_eq!(message.chars().count(), MESSAGE_MAX_CHARACTERS);
    }

    #[test]
    fn a_row_policy_is_known_by_its_routine() {
        let fields =
            [(b'C', "42501"), (b'M', "new row violates row-level security policy for table \"fee\"")];
        assert_eq!(parse(&fields).fault(), Fault::Halt);
        let policy = [&fields[..], &[(b'R', "ExecWithCheckOptions")]].concat();
        assert_eq!(parse(&policy).fault(), Fault::Park);
    }

    #[test]
    fn an_error_without_a_code_or_an_end_is_refused() {
        assert_eq!(Refusal::parse(&body(&[(b'M', "x")])), None);
        let whole = body(&[(b'C', "23505")]);
        for end in 0..whole.len() {
            assert_eq!(Refusal::parse(&whole[..end]), None, "{end}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Refusal::parse(&bytes).map(|refusal| refusal.to_string());
        }
    }
}

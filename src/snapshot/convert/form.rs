//! What shapes the values: the settings of a session, the SELECT of a table, the header.

use jiff::tz::TimeZone;

use crate::config::Profile;
use crate::name::{Ident, literal};
use crate::postgres::TAKE_BYTES;

use super::super::table::{Column, Table};
use super::cells::escape;
use super::guard::is_formula;

/// The name of a combined layout's leading column, where no column of the table has it.
const CUSTOMER_COLUMN: &str = "custno";

/// A form of `.DAT` files.
#[derive(Debug, Clone, PartialEq)]
pub struct Form {
    /// `profile`
    pub profile: Profile,
    /// `formulas = "guard"`
    pub guard_formulas: bool,
    /// `layout = "combined"`: a leading column says whose a row is.
    pub combined: bool,
    /// Whose wall times the market profile writes. By its name; one that has none counts as UTC.
    pub zone: TimeZone,
}

impl Form {
    /// As COPY writes it, for whoever loads it with COPY.
    pub fn lossless(combined: bool) -> Self {
        Self { profile: Profile::Lossless, guard_formulas: false, combined, zone: TimeZone::UTC }
    }

    /// The zone that the server is to write times in.
    pub fn server_zone(&self) -> &str {
        match self.profile {
            Profile::Lossless => "UTC",
            Profile::Market => self.zone.iana_name().unwrap_or("UTC"),
        }
    }

    /// The statements that a connection begins with; what shapes values is pinned before them already. A database that
    /// knows no encoding gives its bytes as they are.
    pub fn settings(&self) -> String {
        let zone = literal(self.server_zone());
        format!("SET TimeZone = {zone}; SET IntervalStyle = 'iso_8601'; {TAKE_BYTES}")
    }

    /// The first line.
    pub fn header(&self, columns: &[Column]) -> Vec<u8> {
        let names = columns.iter().map(|column| column.name.as_str());
        let leading = self.combined.then(|| customer_column(columns));
        let mut line = Vec::new();
        for (place, name) in
            self.titles(leading.as_ref().map(Ident::as_str).into_iter().chain(names)).into_iter().enumerate()
        {
            if place > 0 {
                line.push(b'\t');
            }
            if self.guard_formulas && is_formula(name.as_bytes()) {
                line.push(b'\'');
            }
            match self.profile {
                Profile::Lossless => escape(name.as_bytes(), &mut line),
                Profile::Market => line.extend_from_slice(name.as_bytes()),
            }
        }
        line.push(b'\n');
        line
    }

    /// The columns' names as the header has them. In capitals two may become one; then the later one gets a number.
    fn titles<'n>(&self, names: impl Iterator<Item = &'n str>) -> Vec<String> {
        let mut titles: Vec<String> = Vec::new();
        for name in names {
            let title = match self.profile {
                Profile::Lossless => name.to_owned(),
                Profile::Market => {
                    let blank = |letter: char| if letter.is_control() { ' ' } else { letter };
                    name.chars().map(blank).collect::<String>().to_uppercase()
                }
            };
            let mut unique = title.clone();
            let mut number = 1;
            while titles.contains(&unique) {
                number += 1;
                unique = format!("{title}_{number}");
            }
            titles.push(unique);
        }
        titles
    }
}

/// The name of the leading column of a combined layout: none that the table has, in whatever case.
pub fn customer_column(columns: &[Column]) -> Ident {
    let taken =
        |name: &Ident| columns.iter().any(|column| column.name.as_str().eq_ignore_ascii_case(name.as_str()));
    let candidate = |number: u32| match number {
        0 => CUSTOMER_COLUMN.to_owned(),
        1 => format!("acequia_{CUSTOMER_COLUMN}"),
        _ => format!("acequia_{CUSTOMER_COLUMN}_{number}"),
    };
    let mut number = 0;
    loop {
        match Ident::new(&candidate(number)) {
            Ok(name) if !taken(&name) => return name,
            Ok(_) | Err(_) => number += 1,
        }
    }
}

/// Which rows are read, and in which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows<'a> {
    /// All, in the order in which the server finds them.
    All,
    /// The first so many by the primary key; without one, by all columns that have an order.
    First(u32),
    /// All, by this list behind `ORDER BY`.
    By(&'a str),
}

/// The `COPY` of a table: these columns in this order; one that the table does not have is NULL.
pub fn select(table: &Table, columns: &[Column], rows: Rows<'_>) -> String {
    let has = |wanted: &Column| table.columns.iter().any(|column| column.name == wanted.name);
    let list = columns.iter().map(|column| {
        let name = column.name.quoted();
        if has(column) { name } else { format!("NULL::text AS {name}") }
    });
    let list = list.collect::<Vec<_>>().join(", ");
    format!("COPY (SELECT {list} FROM {}{}) TO STDOUT", table.rows(), rows.tail(table))
}

impl Rows<'_> {
    /// What stands behind the table in its SELECT.
    pub fn tail(&self, table: &Table) -> String {
        match self {
            Self::All => String::new(),
            Self::First(limit) => format!("{} LIMIT {limit}", order(table)),
            Self::By(list) => format!(" ORDER BY {list}"),
        }
    }
}

/// The order that shows the same rows twice: by the primary key, else by the rows' text.
fn order(table: &Table) -> String {
    let key = table.primary_key();
    if !key.is_empty() {
        let names: Vec<_> = key.iter().map(Ident::quoted).collect();
        return format!(" ORDER BY {}", names.join(", "));
    }
    let texts: Vec<_> =
        table.columns.iter().map(|column| format!("{}::text COLLATE \"C\"", column.name.quoted())).collect();
    if texts.is_empty() { String::new() } else { format!(" ORDER BY {}", texts.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::TableName;
    use crate::snapshot::table::{Class, Index};

    fn ident(name: &str) -> Ident {
        Ident::new(name).expect("a name")
    }

    fn columns(names: &[&str]) -> Vec<Column> {
        let column = |name: &&str| Column {
            name: ident(name),
            class: Class::Text,
            type_text: "text".to_owned(),
            not_null: false,
            comment: None,
        };
        names.iter().map(column).collect()
    }

    fn table(names: &[&str], key: &[&str]) -> Table {
        let primary = Index {
            name: ident("t_pkey"),
            primary: true,
            unique: true,
            columns: key.iter().map(|name| ident(name)).collect(),
        };
        Table {
            name: TableName { schema: ident("Cust \"Weird\""), table: ident("t") },
            oid: 1,
            comment: None,
            may_select: true,
            partitioned: false,
            rows_estimate: 0,
            size_bytes: 0,
            columns: columns(names),
            indexes: if key.is_empty() { Vec::new() } else { vec![primary] },
        }
    }

    fn form(profile: Profile, guard_formulas: bool, combined: bool) -> Form {
        let zone = TimeZone::get("America/New_York").expect("a zone");
        Form { profile, guard_formulas, combined, zone }
    }

    #[test]
    fn the_market_has_wall_times_and_the_lossless_profile_utc() {
        let market = form(Profile::Market, false, false).settings();
        assert!(market.starts_with("SET TimeZone = 'America/New_York'; SET IntervalStyle = 'iso_8601'; "));
        assert!(form(Profile::Lossless, false, false).settings().starts_with("SET TimeZone = 'UTC';"));
    }

    #[test]
    fn a_header_is_one_line_whatever_columns_are_called() {
        let columns = columns(&["Seq_No", "seq_no", "a\tb\n", "=1+1", "custno"]);
        let header = |form: Form| String::from_utf8(form.header(&columns)).expect("UTF-8");
        assert_eq!(header(form(Profile::Lossless, false, false)), "Seq_No\tseq_no\ta\\tb\\n\t=1+1\tcustno\n");
        assert_eq!(
            header(form(Profile::Market, true, true)),
            "ACEQUIA_CUSTNO\tSEQ_NO\tSEQ_NO_2\tA B \t'=1+1\tCUSTNO\n"
        );
        assert_eq!(form(Profile::Market, false, false).header(&[]), b"\n");
        assert_eq!(form(Profile::Market, false, true).header(&[]), b"CUSTNO\n");
    }

    #[test]
    fn the_select_names_every_column_and_has_null_for_what_this_customer_lacks() {
        let table = table(&["id", "say \"x\""], &["id"]);
        let wanted = columns(&["id", "say \"x\"", "elsewhere"]);
        assert_eq!(
            select(&table, &wanted, Rows::First(5)),
            "COPY (SELECT \"id\", \"say \"\"x\"\"\", NULL::text AS \"elsewhere\" FROM ONLY \"Cust \"\"Weird\"\"\".\"t\" \
             ORDER BY \"id\" LIMIT 5) TO STDOUT"
        );
        let bare = self::table(&["a"], &[]);
        assert!(
            select(&bare, &bare.columns, Rows::First(5))
                .contains("ORDER BY \"a\"::text COLLATE \"C\" LIMIT 5")
        );
        let empty = self::table(&[], &[]);
        assert_eq!(
            select(&empty, &[], Rows::All),
            "COPY (SELECT  FROM ONLY \"Cust \"\"Weird\"\"\".\"t\") TO STDOUT"
        );
    }
}

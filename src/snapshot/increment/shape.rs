//! A table of one customer, as far as two runs of it have to agree on it.

use serde::{Deserialize, Serialize};

use super::key::Order;
use crate::name::Ident;
use crate::snapshot::archive::tally::Tally;
use crate::snapshot::table::{Class, Column};

/// The version of bases: one of another version is none.
const VERSION: u32 = 1;

/// What a base is the base of. Where anything of it has changed, keys and hashes say nothing, and the table is written whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    version: u32,
    pub(super) customer: String,
    pub(super) table: String,
    /// Names and types, in the order in which they are read.
    columns: Vec<(String, String)>,
    /// Where the columns of the primary key are among them, in the key's order.
    pub(super) key: Vec<usize>,
    pub(super) order: Vec<Order>,
    /// What else shapes the text: settings of the session.
    settings: String,
}

impl Shape {
    /// Of a table that is read with these columns; `settings` is the SQL that shapes its text. None where there is no primary
    /// key, or not all of it is read.
    pub fn new(
        customer: &str,
        table: &str,
        columns: &[Column],
        key: &[Ident],
        settings: &str,
    ) -> Option<Self> {
        let place = |name: &Ident| columns.iter().position(|column| column.name == *name);
        let key = key.iter().map(place).collect::<Option<Vec<_>>>().filter(|key| !key.is_empty())?;
        Some(Self {
            version: VERSION,
            customer: customer.to_owned(),
            table: table.to_owned(),
            columns: columns
                .iter()
                .map(|column| (column.name.to_string(), column.type_text.clone()))
                .collect(),
            order: key.iter().map(|place| order(&columns[*place].class)).collect(),
            key,
            settings: settings.to_owned(),
        })
    }

    /// What the rows have to be sorted by when they are read: the list behind `ORDER BY`. Whole numbers by their value, so
    /// that the server walks the key's index; texts and the rest as bytes, which is the one order that does not depend on
    /// what the server's libraries know of languages.
    pub fn order_by(&self) -> String {
        let columns = self.key.iter().zip(&self.order).map(|(place, order)| {
            let name =
                Ident::new(&self.columns[*place].0).map_or_else(|_| String::new(), |name| name.quoted());
            match order {
                Order::Number | Order::Uuid => name,
                Order::Bytes | Order::Padded => format!("{name}::text COLLATE \"C\""),
            }
        });
        columns.collect::<Vec<_>>().join(", ")
    }

    /// The columns of the key, in its order: those of the file with the deleted ones.
    pub fn key_columns<'c>(&self, columns: &'c [Column]) -> Vec<&'c Column> {
        self.key.iter().filter_map(|place| columns.get(*place)).collect()
    }

    /// The name of its base's file. Customers and tables may have any name, and files may not.
    pub(super) fn file(&self) -> String {
        let mut tally = Tally::default();
        tally.add(format!("{}\n{}", self.customer, self.table).as_bytes());
        format!("{}.keys.gz", tally.sha256())
    }
}

fn order(class: &Class) -> Order {
    match class {
        Class::SmallInt | Class::Integer | Class::BigInt => Order::Number,
        Class::Uuid => Order::Uuid,
        Class::Char(_) => Order::Padded,
        Class::Numeric(_)
        | Class::Real
        | Class::Double
        | Class::Money
        | Class::Boolean
        | Class::Text
        | Class::Varchar(_)
        | Class::Enum(_)
        | Class::Date
        | Class::Timestamp
        | Class::TimestampTz
        | Class::Time
        | Class::TimeTz
        | Class::Interval
        | Class::Json
        | Class::Xml
        | Class::Bytea
        | Class::Array
        | Class::Other => Order::Bytes,
    }
}

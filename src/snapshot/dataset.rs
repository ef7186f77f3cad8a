//! The data sets of a run: each becomes one file or one table, out of the table of one customer or those of all of them.

use crate::config::Layout;
use crate::name::{CustomerName, DatabaseName, Ident};

use super::table::{Class, Column, Index, Table};

/// One file or table of the snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DataSet {
    /// The table's name, the same for all customers.
    pub table: Ident,
    /// What it looks like: the customer's table; in a combined layout, all columns that any customer's table has.
    pub shape: Table,
    /// Where the rows come from, in the order of the customers.
    pub sources: Vec<Source>,
}

/// The table of one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The customer.
    pub customer: CustomerName,
    /// The database that it lives in.
    pub database: DatabaseName,
    /// Its table, with the columns that are chosen.
    pub table: Table,
}

impl Source {
    /// The table's own column behind one of the data set's.
    pub fn column(&self, wanted: &Column) -> Option<&Column> {
        self.table.columns.iter().find(|column| column.name == wanted.name)
    }
}

/// Data sets that end in one archive, or in one database of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bundle {
    /// The customer whose it is; none: all customers are in it, and a leading column says whose a row is.
    pub customer: Option<CustomerName>,
    /// In the order of the tables' names.
    pub datasets: Vec<DataSet>,
}

/// Puts the chosen tables of all customers together.
pub fn bundles(layout: Layout, customers: Vec<(CustomerName, DatabaseName, Vec<Table>)>) -> Vec<Bundle> {
    match layout {
        Layout::PerCustomer => customers.into_iter().map(of_one).collect(),
        Layout::Combined => vec![of_all(customers)],
    }
}

fn of_one((customer, database, tables): (CustomerName, DatabaseName, Vec<Table>)) -> Bundle {
    let datasets = tables.into_iter().map(|table| DataSet {
        table: table.name.table.clone(),
        shape: table.clone(),
        sources: vec![Source { customer: customer.clone(), database: database.clone(), table }],
    });
    let datasets = datasets.collect();
    Bundle { customer: Some(customer), datasets }
}

fn of_all(customers: Vec<(CustomerName, DatabaseName, Vec<Table>)>) -> Bundle {
    let mut datasets: Vec<DataSet> = Vec::new();
    for (customer, database, tables) in customers {
        for table in tables {
            let source = Source { customer: customer.clone(), database: database.clone(), table };
            match datasets.iter_mut().find(|known| known.table == source.table.name.table) {
                Some(known) => {
                    unite(&mut known.shape, &source.table);
                    known.sources.push(source);
                }
                None => datasets.push(DataSet {
                    table: source.table.name.table.clone(),
                    shape: source.table.clone(),
                    sources: vec![source],
                }),
            }
        }
    }
    datasets.sort_by(|one, other| one.table.cmp(&other.table));
    for dataset in &mut datasets {
        let everywhere =
            |column: &Column| dataset.sources.iter().all(|source| source.column(column).is_some());
        for column in &mut dataset.shape.columns {
            column.not_null &= everywhere(column);
        }
    }
    Bundle { customer: None, datasets }
}

/// Widens a table's shape to what another customer's table of that name has.
fn unite(shape: &mut Table, other: &Table) {
    shape.rows_estimate += other.rows_estimate;
    shape.size_bytes += other.size_bytes;
    for column in &other.columns {
        match shape.columns.iter_mut().find(|known| known.name == column.name) {
            Some(known) => {
                known.not_null &= column.not_null;
                // Enums of two databases may have one name and other labels.
                if known.type_text != column.type_text || known.class != column.class {
                    widen(known, column);
                }
            }
            None => shape.columns.push(column.clone()),
        }
    }
    // Only what every customer has of keys holds for all of them.
    shape.indexes.retain(|index| other.indexes.iter().any(|own| is_same(index, own)));
}

fn is_same(one: &Index, other: &Index) -> bool {
    one.primary == other.primary && one.unique == other.unique && one.columns == other.columns
}

/// A column that customers have with different types. Where only the modifier differs it has none any more; else it is text,
/// and each value stands in it as PostgreSQL writes it.
fn widen(known: &mut Column, other: &Column) {
    let (class, type_text) = match (&known.class, &other.class) {
        (
            Class::SmallInt | Class::Integer | Class::BigInt,
            Class::SmallInt | Class::Integer | Class::BigInt,
        ) => (Class::BigInt, "bigint"),
        (Class::Numeric(_), Class::Numeric(_)) => (Class::Numeric(None), "numeric"),
        (Class::Timestamp, Class::Timestamp) => (Class::Timestamp, "timestamp without time zone"),
        (Class::TimestampTz, Class::TimestampTz) => (Class::TimestampTz, "timestamp with time zone"),
        (Class::Time, Class::Time) => (Class::Time, "time without time zone"),
        (Class::TimeTz, Class::TimeTz) => (Class::TimeTz, "time with time zone"),
        // Its modifier is a parenthesis, or words such as `day to second`.
        (Class::Interval, Class::Interval) => (Class::Interval, "interval"),
        // What `jsonb` writes is JSON too.
        (Class::Json, Class::Json) => (Class::Json, "json"),
        (_, _) => (Class::Text, "text"),
    };
    known.class = class;
    type_text.clone_into(&mut known.type_text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::TableName;

    fn column((class, type_text): (Class, &str)) -> Column {
        let name = Ident::new("value").expect("a name");
        Column { name, class, type_text: type_text.to_owned(), not_null: true, comment: None }
    }

    /// What becomes of a column that two customers have with these types.
    fn united(one: (Class, &str), other: (Class, &str)) -> (Class, String) {
        let customers = [("north", one), ("south", other)].map(|(name, of)| {
            let table = Table {
                name: TableName {
                    schema: Ident::new(name).expect("a name"),
                    table: Ident::new("code").expect("a name"),
                },
                oid: 1,
                comment: None,
                may_select: true,
                partitioned: false,
                rows_estimate: 0,
                size_bytes: 0,
                columns: vec![column(of)],
                indexes: Vec::new(),
            };
            let database = DatabaseName::new(name).expect("a name");
            (CustomerName::new(name).expect("a name"), database, vec![table])
        });
        let mut bundles = bundles(Layout::Combined, customers.into());
        let column = bundles.remove(0).datasets.remove(0).shape.columns.remove(0);
        (column.class, column.type_text)
    }

    fn labels(labels: &[&str]) -> Class {
        Class::Enum(labels.iter().map(|label| (*label).to_owned()).collect())
    }

    #[test]
    fn enums_of_one_name_and_other_labels_become_text() {
        let text = (Class::Text, "text".to_owned());
        assert_eq!(united((labels(&["a"]), "mood"), (labels(&["a", "b"]), "mood")), text);
        assert_eq!(united((labels(&["a"]), "north.mood"), (labels(&["a"]), "south.mood")), text);
        assert_eq!(united((labels(&["a"]), "mood"), (labels(&["a"]), "mood")).0, labels(&["a"]));
    }

    #[test]
    fn types_that_only_share_a_kind_become_text_and_json_stays_json() {
        let text = (Class::Text, "text".to_owned());
        assert_eq!(united((Class::Other, "int4range"), (Class::Other, "point")), text);
        assert_eq!(united((Class::Other, "bit(3)"), (Class::Other, "bit(5)")), text);
        assert_eq!(united((Class::Array, "integer[]"), (Class::Array, "text[]")), text);
        assert_eq!(united((Class::Text, "name"), (Class::Text, "citext")), text);
        let (short, long) = (Class::Varchar(Some(3)), Class::Varchar(None));
        assert_eq!(united((short, "character varying(3)"), (long, "character varying")), text);
        assert_eq!(united((Class::Char(3), "character(3)"), (Class::Char(5), "character(5)")), text);
        let json = (Class::Json, "json".to_owned());
        assert_eq!(united((Class::Json, "jsonb"), (Class::Json, "json")), json);
        assert_eq!(united((Class::Json, "jsonb"), (Class::Json, "jsonb")).1, "jsonb");
        assert_eq!(united((Class::Integer, "integer"), (Class::Date, "date")), text);
    }

    #[test]
    fn a_modifier_that_differs_goes_wherever_it_stands() {
        for (class, one, plain) in [
            (Class::Timestamp, "timestamp(3) without time zone", "timestamp without time zone"),
            (Class::TimestampTz, "timestamp(0) with time zone", "timestamp with time zone"),
            (Class::Time, "time(3) without time zone", "time without time zone"),
            (Class::TimeTz, "time(3) with time zone", "time with time zone"),
            (Class::Interval, "interval day to second(3)", "interval"),
        ] {
            let expected = (class.clone(), plain.to_owned());
            assert_eq!(united((class.clone(), one), (class.clone(), plain)), expected);
            assert_eq!(united((class.clone(), plain), (class, one)), expected);
        }
        let (narrow, wide) = (Class::Numeric(Some((10, 2))), Class::Numeric(Some((12, 4))));
        let numeric = (Class::Numeric(None), "numeric".to_owned());
        assert_eq!(united((narrow, "numeric(10,2)"), (wide, "numeric(12,4)")), numeric);
    }
}

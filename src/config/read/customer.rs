//! `[customers.NAME]`: a schema in a database.

use crate::config::finding::Findings;
use crate::config::keys::KeyTable;
use crate::config::mask::quote;
use crate::config::tree::{Item, Spotted};
use crate::name::{CustomerName, DatabaseName, Ident};

/// `[customers.NAME]`
pub(in crate::config) const KEYS: KeyTable =
    KeyTable { title: "[customers.NAME]", known: &["database", "schema", "title"], later: &[] };

/// A customer whose database may not exist.
#[derive(Debug)]
pub(in crate::config) struct CustomerDraft {
    pub(in crate::config) name: CustomerName,
    pub(in crate::config) database: Spotted<DatabaseName>,
    pub(in crate::config) schema: Spotted<Ident>,
    pub(in crate::config) title: Option<String>,
}

/// Reads one customer.
pub(super) fn read(name: &Spotted<&str>, item: Item<'_>, findings: &mut Findings) -> Option<CustomerDraft> {
    let title = format!("[customers.{}]", quote(name.value).trim_matches('`'));
    let section = item.section(&KEYS, title, name.spot, findings)?;
    section.require("database", "\"…\"", findings);
    section.require("schema", "\"…\"", findings);
    let database = section.parsed("database", DatabaseName::new, "write the name of a database", findings);
    let schema = section.parsed("schema", Ident::new, "write the schema's name as in the catalog", findings);
    let title = section.text("title", findings);
    let name = match CustomerName::new(name.value) {
        Ok(customer) => customer,
        Err(error) => {
            findings.error(name.spot, error.to_string(), "give the customer another name");
            return None;
        }
    };
    Some(CustomerDraft { name, database: database?, schema: schema?, title: title.map(|title| title.value) })
}

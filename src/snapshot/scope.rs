//! What one run reads: which customers, which of their tables, at which moments.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::config::{Config, Customer, Snapshot};
use crate::name::{CustomerName, DatabaseName, Ident, TableName};
use crate::postgres;

use super::crew::Moments;
use super::dataset::{self, Bundle};
use super::grants::grants;
use super::manifest::{CustomerEntry, Excluded, Missing};
use super::moment::Moment;
use super::selection::{self, Selection};
use super::table::Table;

/// How long the moment of a database may take, and the catalogs of a customer.
const LIMIT: Duration = Duration::from_mins(10);

/// What one run reads.
pub struct Scope {
    /// The moments, kept as long as this is.
    pub moments: Arc<Moments>,
    /// What is made, in the order of the customers.
    pub bundles: Vec<Bundle>,
    /// The customers in it.
    pub customers: Vec<CustomerEntry>,
    /// Those that are not, and why.
    pub missing: Vec<Missing>,
    /// What of their tables is not; the same table of several customers once.
    pub excluded: Vec<Excluded>,
}

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// A database can't be asked.
    #[error(transparent)]
    Postgres(#[from] postgres::Error),
    /// The role must not read tables that belong to the snapshot.
    #[error(
        "role {role} must not read {} table(s) of the snapshot, among them {}. Grant it, or name them in `exclude`:\n{}",
        tables.len(), tables[0], remedy(tables, role)
    )]
    MayNotRead {
        /// The role.
        role: String,
        /// The tables; there is one.
        tables: Vec<TableName>,
    },
    /// Not one customer is there.
    #[error(
        "none of the snapshot's customers is there: {0}. Look at `customers` of the snapshot, and at the schemas"
    )]
    Nobody(String),
}

fn remedy(tables: &[TableName], role: &str) -> String {
    let role = Ident::new(role).map_or_else(|_| role.to_owned(), |role| role.quoted());
    grants(tables, &role)
}

impl Scope {
    /// Takes the moments and reads at them what there is. `settings` are statements that shape the values.
    pub async fn take(config: &Config, snapshot: &Snapshot, settings: String) -> Result<Self, ScopeError> {
        let application = format!("acequia snapshot {}", snapshot.name);
        let mut of = BTreeMap::new();
        let customers: Vec<&Customer> =
            snapshot.customers.iter().filter_map(|name| config.customers.get(name)).collect();
        for customer in &customers {
            if !of.contains_key(&customer.database) {
                let there = customers.iter().filter(|other| other.database == customer.database);
                let schemas: Vec<&Ident> = there.map(|other| &other.schema).collect();
                let database = &config.databases[&customer.database];
                let moment = Moment::take(database, &application, &schemas);
                let moment = postgres::within(LIMIT, "taking the moment of a snapshot", moment).await?;
                of.insert(customer.database.clone(), moment);
            }
        }
        let mut found = Found::default();
        for customer in customers {
            let looked = found.look(snapshot, customer, &of[&customer.database]);
            postgres::within(LIMIT, "reading what there is for a snapshot", looked).await?;
        }
        let role = |database: &DatabaseName| config.databases[database].user.clone();
        found.may_read(role)?;
        if found.chosen.is_empty() {
            let reasons = found.missing.iter().map(|one| format!("{}: {}", one.customer, one.reason));
            return Err(ScopeError::Nobody(reasons.collect::<Vec<_>>().join("; ")));
        }
        found.warn(snapshot);
        Ok(Self {
            moments: Arc::new(Moments { of, settings }),
            bundles: dataset::bundles(snapshot.layout, found.chosen),
            customers: found.customers,
            missing: found.missing,
            excluded: found.excluded,
        })
    }

    /// Rows that there are, as the servers' statistics have it.
    pub fn rows_estimate(&self) -> u64 {
        self.tables().map(|table| table.rows_estimate).sum()
    }

    /// Bytes of the tables on the servers' disks.
    pub fn size_bytes(&self) -> u64 {
        self.tables().map(|table| table.size_bytes).sum()
    }

    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.bundles.iter().flat_map(|bundle| &bundle.datasets).map(|dataset| &dataset.shape)
    }
}

/// What was found of the customers so far.
#[derive(Default)]
struct Found {
    chosen: Vec<(CustomerName, DatabaseName, Vec<Table>)>,
    customers: Vec<CustomerEntry>,
    missing: Vec<Missing>,
    excluded: Vec<Excluded>,
    unknown: Option<Vec<String>>,
}

impl Found {
    async fn look(
        &mut self,
        snapshot: &Snapshot,
        customer: &Customer,
        moment: &Moment,
    ) -> Result<(), postgres::Error> {
        if !moment.has_schema(&customer.schema).await? {
            let reason = format!("schema {} is not in database {}", customer.schema, customer.database);
            self.missing.push(Missing { customer: customer.name.to_string(), reason });
            return Ok(());
        }
        let tables = moment.tables(&customer.schema).await?;
        if tables.is_empty() {
            let reason = format!("schema {} of database {} has no table", customer.schema, customer.database);
            self.missing.push(Missing { customer: customer.name.to_string(), reason });
            return Ok(());
        }
        let unknown = selection::unknown(snapshot, &tables.iter().collect::<Vec<_>>());
        let unknown: Vec<String> = unknown
            .iter()
            .map(|entry| match &entry.column {
                Some(column) => format!("{}.{column}", entry.table),
                None => entry.table.to_string(),
            })
            .collect();
        match &mut self.unknown {
            // What one customer has is no slip.
            Some(names) => names.retain(|name| unknown.contains(name)),
            None => self.unknown = Some(unknown),
        }
        let Selection { tables, excluded } = Selection::new(snapshot, tables);
        for entry in excluded {
            if !self.excluded.contains(&entry) {
                self.excluded.push(entry);
            }
        }
        self.customers.push(CustomerEntry {
            name: customer.name.to_string(),
            database: customer.database.to_string(),
            schema: customer.schema.to_string(),
        });
        self.chosen.push((customer.name.clone(), customer.database.clone(), tables));
        Ok(())
    }

    fn may_read(&self, role: impl Fn(&DatabaseName) -> String) -> Result<(), ScopeError> {
        for (_, database, tables) in &self.chosen {
            let refused = tables.iter().filter(|table| !table.may_select);
            let refused: Vec<TableName> = refused.map(|table| table.name.clone()).collect();
            if !refused.is_empty() {
                return Err(ScopeError::MayNotRead { role: role(database), tables: refused });
            }
        }
        Ok(())
    }

    fn warn(&self, snapshot: &Snapshot) {
        let unknown = self.unknown.iter().flatten();
        for name in unknown {
            tracing::warn!(snapshot = %snapshot.name, "`exclude` or `include` names {name}, and no customer has it");
        }
        for missing in &self.missing {
            tracing::warn!(snapshot = %snapshot.name, "the snapshot is made without customer {}: {}", missing.customer, missing.reason);
        }
    }
}

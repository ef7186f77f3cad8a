//! The source database of one measurement.

use std::time::Instant;

use tokio_postgres::Statement;

use super::choice::Scale;
use super::cluster::Cluster;
use super::session::Session;
use super::table::Table;
use super::workload::Workload;

/// Name of the database, and of the schema in it.
pub(crate) const SOURCE: &str = "src";

/// The database that the changes are made in.
pub(crate) struct Source<'a> {
    cluster: &'a Cluster,
    pub(crate) session: Session,
    pub(crate) table: Table,
    insert: Statement,
}

impl<'a> Source<'a> {
    pub(crate) fn create(cluster: &'a Cluster, table: Table) -> Self {
        let session = cluster.create_database(SOURCE);
        session.execute(&table.create(SOURCE, 1));
        let insert = session.prepare(&format!("{} FROM (SELECT 0 AS i) n", table.insert(SOURCE, "$1::text")));
        Self { cluster, session, table, insert }
    }

    pub(crate) fn cluster(&self) -> &'a Cluster {
        self.cluster
    }

    /// One row in a transaction of its own; committed on return.
    pub(crate) fn insert(&self, code: &str) {
        self.session.write(&self.insert, code);
    }

    /// Writes the rows that are there before the backlog.
    pub(crate) fn seed(&self, workload: Workload, scale: Scale) {
        if let Some(sql) = workload.seed_sql(self.table, SOURCE, scale) {
            self.session.execute(&sql);
        }
    }

    /// Writes the backlog.
    pub(crate) fn write(&self, workload: Workload, scale: Scale) {
        let begun = Instant::now();
        // Only here: a commit that is not waited for is sent on when the WAL is next flushed, up to 0.2 s later.
        self.session.execute("SET synchronous_commit = off");
        self.session.execute(&workload.sql(self.table, SOURCE, scale));
        self.session.execute("RESET synchronous_commit");
        let made = self.session.value(&workload.count_sql(SOURCE));
        assert_eq!(made, workload.size(scale).changes().to_string(), "changes in the backlog");
        eprintln!("  backlog written in {:.1} s", begun.elapsed().as_secs_f64());
    }

    pub(crate) fn fingerprint(&self) -> String {
        self.session.value(&self.table.fingerprint(SOURCE))
    }

    /// Removes the database, with the slots of whoever read it.
    pub(crate) fn finish(self) {
        self.cluster.drop_database(SOURCE);
    }
}

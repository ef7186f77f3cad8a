//! A session of the superuser, with functions that block.

use std::sync::OnceLock;

use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage, Statement};

use super::cluster::Cluster;

/// A session on one database.
pub(crate) struct Session {
    client: Client,
}

impl Session {
    pub(crate) fn open(cluster: &Cluster, dbname: &str) -> Self {
        let mut config = tokio_postgres::Config::new();
        config.host_path(cluster.socket()).port(cluster.port()).dbname(dbname).user("postgres");
        config.application_name("bench");
        let (client, connection) =
            runtime().block_on(config.connect(NoTls)).expect("the server takes connections");
        runtime().spawn(connection);
        Self { client }
    }

    /// Runs statements; several are one transaction.
    pub(crate) fn execute(&self, sql: &str) {
        self.rows(sql);
    }

    /// The one value that a query answers; empty for NULL.
    pub(crate) fn value(&self, sql: &str) -> String {
        let rows = self.rows(sql);
        let [row] = &rows[..] else { panic!("one row from {sql}, not {}", rows.len()) };
        row.clone().unwrap_or_default()
    }

    /// Whether a query answers true.
    pub(crate) fn is_true(&self, sql: &str) -> bool {
        self.value(sql) == "t"
    }

    /// Prepares a statement with one parameter, a code.
    pub(crate) fn prepare(&self, sql: &str) -> Statement {
        runtime().block_on(self.client.prepare(sql)).unwrap_or_else(|error| refused(sql, &error))
    }

    /// Runs a prepared statement that answers nothing; it has committed on return.
    pub(crate) fn write(&self, statement: &Statement, code: &str) {
        let done = runtime().block_on(self.client.execute(statement, &[&code]));
        done.unwrap_or_else(|error| refused("a prepared statement", &error));
    }

    /// Runs a prepared statement that answers a boolean.
    pub(crate) fn holds(&self, statement: &Statement, code: &str) -> bool {
        let row = runtime().block_on(self.client.query_one(statement, &[&code]));
        row.unwrap_or_else(|error| refused("a prepared query", &error)).get(0)
    }

    /// The first column of all rows.
    fn rows(&self, sql: &str) -> Vec<Option<String>> {
        let messages = runtime().block_on(self.client.simple_query(sql));
        let messages = messages.unwrap_or_else(|error| refused(sql, &error));
        let rows = messages.iter().filter_map(|message| {
            let SimpleQueryMessage::Row(row) = message else { return None };
            Some(row.get(0).map(str::to_owned))
        });
        rows.collect()
    }
}

fn refused(sql: &str, error: &tokio_postgres::Error) -> ! {
    let words = error.as_db_error().map_or_else(|| error.to_string(), |error| format!("{error:?}"));
    panic!("the server refused a statement of the benchmark: {words}\n{sql}")
}

/// One thread serves all sessions: there are two at work at most.
fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().expect("a runtime")
    })
}

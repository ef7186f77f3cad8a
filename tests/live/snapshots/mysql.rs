//! Snapshots in a MariaDB server: every value is what it was or is named as lost, readers see the old tables or the new
//! ones, and whatever goes wrong leaves what is published as it is.

mod commands;
mod links;
mod outages;
mod refusals;
mod room;
mod silent;
mod swap;
mod unlocked;
mod values;

use acequia::config::{Layout, OnLoss, Server, Tls};
use acequia::name::{CustomerName, DatabaseName, Ident};
use acequia::postgres;
use acequia::postgres::copy_out::CopyOut;
use acequia::snapshot::catalog;
use acequia::snapshot::crew::{Feed, Job};
use acequia::snapshot::dataset::{Bundle, bundles};
use acequia::snapshot::manifest::{CustomerEntry, MANIFEST_VERSION, Manifest, Moment};
use acequia::snapshot::mysql::{Error, Order, Outcome, Sink, publish};
use tokio::sync::mpsc;

use crate::support::{Database, Mysql, Proxy, runtime};

/// A run of the tests: customers of one database, each by the name of its schema.
struct Run<'a> {
    server: Server,
    database: &'a Database,
    order: Order,
    layout: Layout,
    customers: Vec<&'a str>,
}

impl<'a> Run<'a> {
    /// `mysql` is the database that it goes to.
    fn new(server: &Mysql, database: &'a Database, mysql: &str, customers: &[&'a str]) -> Self {
        let order = Order {
            // Two runs of one snapshot keep each other away.
            snapshot: mysql.replace(['{', '}'], ""),
            run: "20261122T060000Z".to_owned(),
            database: mysql.to_owned(),
            on_loss: OnLoss::Null,
        };
        let layout = if mysql.contains('{') { Layout::PerCustomer } else { Layout::Combined };
        Self { server: server.server(), database, order, layout, customers: customers.to_vec() }
    }

    fn named(mut self, run: &str) -> Self {
        run.clone_into(&mut self.order.run);
        self
    }

    fn on_loss(mut self, on_loss: OnLoss) -> Self {
        self.order.on_loss = on_loss;
        self
    }

    /// By a proxy before the server.
    fn through(mut self, proxy: &Proxy) -> Self {
        "127.0.0.1".clone_into(&mut self.server.host);
        self.server.port = proxy.port();
        self.server.tls = Tls::Off;
        self
    }

    async fn bundles(&self) -> Vec<Bundle> {
        let session = postgres::open(&self.database.place(), "test").await.expect("a session");
        let mut customers = Vec::new();
        for customer in &self.customers {
            let schema = Ident::new(customer).expect("a schema");
            let tables = catalog::read(&session, &schema).await.expect("tables");
            let name = CustomerName::new(customer).expect("a customer");
            customers.push((name, DatabaseName::new("main").expect("a database"), tables));
        }
        bundles(self.layout, customers)
    }

    /// Loads all tables and writes down what is there.
    async fn stage(&self) -> Result<Manifest, Error> {
        let mut sink = Sink::prepare(&self.server, self.order.clone(), &self.bundles().await).await?;
        if let Err(error) = self.fill(&mut sink).await {
            sink.discard(error.is_lost()).await;
            return Err(error);
        }
        let mut manifest = self.manifest();
        manifest.datasets = sink.datasets();
        sink.stage(&manifest).await?;
        Ok(manifest)
    }

    async fn fill(&self, sink: &mut Sink) -> Result<(), Error> {
        loop {
            let jobs = sink.jobs();
            if jobs.is_empty() {
                return Ok(());
            }
            for job in jobs {
                let outcome = self.load(sink, &job).await?;
                sink.took(job.number, outcome);
            }
        }
    }

    async fn load(&self, sink: &Sink, job: &Job) -> Result<Outcome, Error> {
        let (feed, feeds) = mpsc::channel(4);
        let place = self.database.place();
        let (sources, copies) = (job.dataset.sources.clone(), job.copies.clone());
        tokio::spawn(async move {
            let mut reader = CopyOut::connect(&place, "test").await.expect("a connection");
            reader.simple_query("setting", Sink::settings()).await.expect("settings");
            for (source, copy) in sources.iter().zip(&copies) {
                reader.begin_copy("reading", copy).await.unwrap_or_else(|error| panic!("{error}: {copy}"));
                _ = feed.send(Feed::Begin(source.customer.clone())).await;
                while let Some(piece) = reader.piece("reading").await.expect("rows") {
                    _ = feed.send(Feed::Piece(piece)).await;
                }
                _ = feed.send(Feed::End).await;
            }
        });
        sink.loader(job.number).run(feeds).await
    }

    fn manifest(&self) -> Manifest {
        let customer = |name: &&str| CustomerEntry {
            name: (*name).to_owned(),
            database: "main".to_owned(),
            schema: (*name).to_owned(),
        };
        Manifest {
            version: MANIFEST_VERSION,
            program: "test".to_owned(),
            snapshot: self.order.snapshot.clone(),
            run: self.order.run.clone(),
            kind: "full".to_owned(),
            base: None,
            format: "mysql".to_owned(),
            profile: None,
            layout: if self.layout == Layout::Combined { "combined" } else { "per-customer" }.to_owned(),
            time_zone: None,
            moments: vec![Moment {
                database: "main".to_owned(),
                lsn: "0/1".to_owned(),
                as_of: "2026-11-22T06:00:00Z".to_owned(),
            }],
            customers: self.customers.iter().map(customer).collect(),
            missing: Vec::new(),
            datasets: Vec::new(),
            excluded: Vec::new(),
            archives: Vec::new(),
        }
    }

    /// Loads and publishes.
    fn publish(&self) -> Result<Manifest, Error> {
        runtime().block_on(async {
            let manifest = self.stage().await?;
            publish(&self.server, &self.order, &manifest).await?;
            Ok(manifest)
        })
    }
}

/// The losses of a table's columns: `born infinity 2`.
fn losses(manifest: &Manifest, table: &str) -> Vec<String> {
    let entry = manifest.datasets.iter().find(|entry| entry.table == table).expect("the table");
    let columns = entry.columns.iter().flat_map(|column| {
        column.losses.iter().map(|(loss, count)| {
            let word = serde_json::to_value(loss).expect("a word");
            format!("{} {} {count}", column.name, word.as_str().expect("a text"))
        })
    });
    columns.collect()
}

/// The tables of a database that people see.
fn tables(server: &Mysql, database: &str) -> Vec<String> {
    let sql = format!(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = '{database}' ORDER BY 1"
    );
    server.query(&sql).into_iter().filter_map(|row| row.into_iter().next().flatten()).collect()
}

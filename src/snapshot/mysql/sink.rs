//! All tables of a run: where they go, what is in the way, and what is written down when all of them are there.

use std::collections::{BTreeMap, BTreeSet};

use super::super::convert::Rows;
use super::super::crew::Job;
use super::super::dataset::{Bundle, DataSet};
use super::super::ddl::mysql::{Layout, unique_names};
use super::super::manifest::{ColumnEntry, CustomerEntry, DatasetEntry, Manifest};
use super::super::transcript;
use super::error::Error;
use super::keeper::{Hold, Keeper, end_left, lock};
use super::ledger::{self, LEDGER, qualified};
use super::loader::{Loaded, Loader, Outcome};
use super::names::Names;
use crate::config::{OnLoss, Server};
use crate::failpoint;
use crate::mysql::{self, Session};
use crate::name::{backticked, mysql_literal};

/// What is to be loaded where.
#[derive(Debug, Clone)]
pub struct Order {
    /// The snapshot's name.
    pub snapshot: String,
    /// The run.
    pub run: String,
    /// `database`, with `{customer}` in it unless all customers share one.
    pub database: String,
    /// `on_loss`
    pub on_loss: OnLoss,
}

impl Order {
    /// The database of a bundle.
    pub fn database_of(&self, customer: Option<&str>) -> String {
        // As the rule files are checked: a dot would be another database's table.
        self.database.replace("{customer}", &customer.unwrap_or("all").replace('.', "_"))
    }
}

/// The tables of a run on their way. It holds a lock of the server's, so that no second run is at work.
pub struct Sink {
    server: Server,
    order: Order,
    keeper: Keeper,
    targets: Vec<Target>,
}

/// One table.
struct Target {
    customer: Option<String>,
    database: String,
    table: String,
    dataset: DataSet,
    layout: Layout,
    wide: BTreeSet<usize>,
    loaded: Option<Loaded>,
}

impl Sink {
    /// Looks at the server: takes the lock, makes databases that are missing, drops what dead runs have left, and refuses
    /// to touch what is not this snapshot's.
    pub async fn prepare(server: &Server, order: Order, bundles: &[Bundle]) -> Result<Self, Error> {
        let targets = targets(&order, bundles)?;
        let names = Names::new(&order.snapshot);
        let mut locked = lock(server, &names, &order.snapshot).await?;
        let session = &mut locked.session;
        let databases: BTreeSet<&str> = targets.iter().map(|target| target.database.as_str()).collect();
        let empty = bundles.iter().map(|bundle| order.database_of(customer(bundle)));
        let databases: BTreeSet<String> = databases.into_iter().map(str::to_owned).chain(empty).collect();
        for database in &databases {
            make(session, database).await?;
            let wanted = targets.iter().filter(|target| &target.database == database);
            let wanted: Vec<&str> = wanted.map(|target| target.table.as_str()).collect();
            clear(session, &names, &order.snapshot, database, &wanted).await?;
        }
        if !session.identity().local_infile {
            tracing::warn!(
                snapshot = order.snapshot,
                "server `{}` has local_infile switched off: rows are inserted, which takes longer. SET GLOBAL local_infile = ON there",
                server.name
            );
        }
        let keeper = Keeper::rest(locked, &order.snapshot);
        Ok(Self { server: server.clone(), order, keeper, targets })
    }

    /// The statements that a connection to the source begins with.
    pub fn settings() -> &'static str {
        transcript::SETTINGS
    }

    /// What is still to be read, numbered: all tables at first, then those that have to be wider.
    pub fn jobs(&self) -> Vec<Job> {
        let left = self.targets.iter().enumerate().filter(|(_, target)| target.loaded.is_none());
        left.map(|(number, target)| {
            let dataset = &target.dataset;
            let copy = |source: &super::super::dataset::Source| {
                transcript::select(&source.table, &dataset.shape, &target.wide, Rows::All)
            };
            Job { number, dataset: dataset.clone(), copies: dataset.sources.iter().map(copy).collect() }
        })
        .collect()
    }

    /// What loads the table of that number.
    pub fn loader(&self, number: usize) -> Loader {
        let target = &self.targets[number];
        let columns = target.dataset.shape.columns.iter().map(|column| column.name.as_str().to_owned());
        Loader {
            server: self.server.clone(),
            hold: self.keeper.hold().clone(),
            on_loss: self.order.on_loss,
            database: target.database.clone(),
            table: target.table.clone(),
            shadow: Names::new(&self.order.snapshot).shadow(&target.table),
            layout: target.layout.clone(),
            columns: columns.collect(),
            sources: target.dataset.sources.len(),
            wide: target.wide.clone(),
        }
    }

    /// Notes how it went. Where columns have to be wider, [`Sink::jobs`] has the table once more.
    pub fn took(&mut self, number: usize, outcome: Outcome) {
        let combined = self.targets[number].customer.is_none();
        let target = &mut self.targets[number];
        match outcome {
            Outcome::Loaded(loaded) => {
                for note in &target.layout.notes {
                    tracing::info!(snapshot = self.order.snapshot, database = target.database, "{note}");
                }
                target.loaded = Some(loaded);
            }
            Outcome::Wider(wide) => {
                let shape = &target.dataset.shape;
                let names: Vec<&str> = wide.iter().map(|place| shape.columns[*place].name.as_str()).collect();
                tracing::info!(
                    snapshot = self.order.snapshot,
                    "table `{}`.`{}` is loaded again with text for {}",
                    target.database,
                    target.table,
                    names.join(", ")
                );
                target.layout = Layout::new(shape, combined, &wide);
                target.wide = wide;
            }
        }
    }

    /// What the manifest says of the tables that are loaded.
    pub fn datasets(&self) -> Vec<DatasetEntry> {
        self.targets.iter().filter_map(|target| Some(target.entry(target.loaded.as_ref()?))).collect()
    }

    /// Writes down what is there, beside the tables: now it can be published, also by another process.
    pub async fn stage(self, manifest: &Manifest) -> Result<(), Error> {
        let names = Names::new(&self.order.snapshot);
        let mut tables: BTreeMap<&str, Vec<(String, DatasetEntry)>> = BTreeMap::new();
        for target in &self.targets {
            let Some(loaded) = &target.loaded else {
                return Err(Error::NotStaged { run: self.order.run });
            };
            let entry = (target.table.clone(), target.entry(loaded));
            tables.entry(&target.database).or_default().push(entry);
        }
        let head = Manifest { datasets: Vec::new(), ..manifest.clone() };
        let mut session = self.keeper.wake().await?;
        for customer in &manifest.customers {
            let all = manifest.layout == "combined";
            let database = self.order.database_of((!all).then_some(customer.name.as_str()));
            let entries = tables.get(database.as_str()).map_or(&[][..], Vec::as_slice);
            let own = of_database(&head, customer, all, entries);
            ledger::write(&mut session, &names, &database, &own, entries).await?;
            if all {
                break;
            }
        }
        failpoint::hit("mysql-staged");
        session.close().await;
        Ok(())
    }

    /// Drops what was loaded, as far as that goes; what is left goes at the next start. Where a connection `is_lost`, the run's
    /// other ones are not trusted either.
    pub async fn discard(self, is_lost: bool) {
        let Self { server, order, keeper, targets } = self;
        let names = Names::new(&order.snapshot);
        let tables = targets.iter().map(|target| qualified(&target.database, &names.shadow(&target.table)));
        let tables: Vec<String> = tables.collect();
        let cleared = if is_lost {
            clear_anew(&server, &names, &tables, keeper.hold()).await
        } else {
            clear_new(keeper, &tables).await
        };
        if let Err(error) = cleared {
            tracing::debug!("{error}");
        }
    }
}

/// Drops tables that nobody is to see, and gives the lock back.
async fn clear_new(keeper: Keeper, tables: &[String]) -> Result<(), Error> {
    let mut session = keeper.wake().await?;
    drop_new(&mut session, tables).await?;
    session.close().await;
    Ok(())
}

/// The same by another session, which ends those of the run.
async fn clear_anew(server: &Server, names: &Names, tables: &[String], hold: &Hold) -> Result<(), Error> {
    let mut session = mysql::open(server).await?;
    // Where the lock is not this run's any more, the tables may be the next one's.
    if hold.take_over(&mut session).await? {
        end_left(&mut session, names).await?;
        drop_new(&mut session, tables).await?;
    }
    // With it goes the lock: the next run may begin.
    session.close().await;
    Ok(())
}

async fn drop_new(session: &mut Session, tables: &[String]) -> Result<(), mysql::Error> {
    for table in tables {
        session.execute("dropping what was loaded", &format!("DROP TABLE IF EXISTS {table}")).await?;
    }
    Ok(())
}

/// The manifest that stands in one database: who reads one customer's tables need not know of the others.
fn of_database(
    head: &Manifest,
    customer: &CustomerEntry,
    all: bool,
    entries: &[(String, DatasetEntry)],
) -> Manifest {
    let mut own = head.clone();
    own.datasets = entries.iter().map(|(_, entry)| entry.clone()).collect();
    if !all {
        own.customers.retain(|one| one.name == customer.name);
        own.moments.retain(|one| one.database == customer.database);
        own.missing.clear();
    }
    own
}

impl Target {
    fn entry(&self, loaded: &Loaded) -> DatasetEntry {
        let shape = &self.dataset.shape;
        let leading = self.layout.columns.iter().take(self.layout.leading).map(|column| ColumnEntry {
            name: column.name.clone(),
            type_text: String::new(),
            losses: super::super::loss::Losses::new(),
        });
        let columns =
            shape.columns.iter().zip(&loaded.losses).enumerate().map(|(place, (column, losses))| {
                // What became text is not lost.
                let losses = if self.wide.contains(&place) {
                    super::super::loss::Losses::new()
                } else {
                    losses.clone()
                };
                ColumnEntry {
                    name: column.name.as_str().to_owned(),
                    type_text: column.type_text.clone(),
                    losses,
                }
            });
        let customers = self.dataset.sources.iter().map(|source| source.customer.to_string());
        let by_customer = customers.zip(loaded.rows_by_source.iter().copied());
        let primary = shape.primary_key().iter().map(|name| name.as_str().to_owned()).collect();
        DatasetEntry {
            customer: self.customer.clone(),
            table: self.dataset.table.as_str().to_owned(),
            file: format!("{}.{}", self.database, self.table),
            rows: loaded.rows,
            bytes: 0,
            sha256: loaded.sha256.clone(),
            columns: leading.chain(columns).collect(),
            primary_key: primary,
            rows_by_customer: if self.customer.is_none() { by_customer.collect() } else { Vec::new() },
            deleted: None,
        }
    }
}

fn customer(bundle: &Bundle) -> Option<&str> {
    bundle.customer.as_ref().map(crate::name::CustomerName::as_str)
}

fn targets(order: &Order, bundles: &[Bundle]) -> Result<Vec<Target>, Error> {
    let mut targets = Vec::new();
    let mut databases = BTreeSet::new();
    for bundle in bundles {
        let database = order.database_of(customer(bundle));
        if !databases.insert(database.to_lowercase()) {
            return Err(Error::OneDatabase { snapshot: order.snapshot.clone(), database });
        }
        // The ledger's own name comes first: a table of that name gets another.
        let tables = bundle.datasets.iter().map(|dataset| dataset.table.as_str());
        let names = unique_names([LEDGER].into_iter().chain(tables)).into_iter().skip(1);
        for (dataset, table) in bundle.datasets.iter().zip(names) {
            targets.push(Target {
                customer: customer(bundle).map(str::to_owned),
                database: database.clone(),
                table,
                dataset: dataset.clone(),
                layout: Layout::new(&dataset.shape, bundle.customer.is_none(), &BTreeSet::new()),
                wide: BTreeSet::new(),
                loaded: None,
            });
        }
    }
    Ok(targets)
}

/// Makes a database that is not there.
async fn make(session: &mut Session, database: &str) -> Result<(), Error> {
    let doing = format!("looking for database `{database}`");
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = {}",
        mysql_literal(database)
    );
    if session.value(&doing, &sql).await?.as_deref() == Some("0") {
        let create = format!("CREATE DATABASE IF NOT EXISTS {} CHARACTER SET utf8mb4", backticked(database));
        session.execute(&format!("creating database `{database}`"), &create).await?;
    }
    Ok(())
}

/// Drops what dead runs have left in a database, and looks whether anything there is somebody else's.
async fn clear(
    session: &mut Session,
    names: &Names,
    snapshot: &str,
    database: &str,
    wanted: &[&str],
) -> Result<(), Error> {
    let there = ledger::tables(session, database).await?;
    let mut own = BTreeSet::new();
    if there.iter().any(|table| table.eq_ignore_ascii_case(LEDGER)) {
        let entry = ledger::read(session, database, LEDGER).await?;
        if entry.snapshot != snapshot {
            return Err(Error::OfAnother { database: database.to_owned(), owner: entry.snapshot });
        }
        own = entry.tables.iter().map(|table| table.to_lowercase()).collect();
    }
    let foreign = there.iter().find(|table| {
        wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(table)) && !own.contains(&table.to_lowercase())
    });
    if let Some(table) = foreign {
        return Err(Error::Foreign { database: database.to_owned(), table: table.clone() });
    }
    for table in there.iter().filter(|table| names.is_left(table)) {
        let drop = format!("DROP TABLE IF EXISTS {}", qualified(database, table));
        session
            .execute(&format!("dropping what an earlier run has left in database `{database}`"), &drop)
            .await?;
    }
    Ok(())
}

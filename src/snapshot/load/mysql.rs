//! An archive of lossless `.DAT` files into a database of MySQL or MariaDB: loaded beside what was loaded before, compared,
//! and swapped in one step. What the server has no place for becomes NULL and is told, as with a snapshot that goes there.

use std::path::Path;

use tokio::sync::mpsc;

use super::super::archive::Keys;
use super::super::crew::Feed;
use super::super::dataset::{Bundle, DataSet, Source};
use super::super::manifest::{CustomerEntry, DatasetEntry, Manifest, PER_CUSTOMER};
use super::super::mysql::{Order, Outcome, Sink, publish};
use super::error::Error;
use super::feed::{Archive, Part};
use super::shape::shape;
use super::unmarket::Unpacking;
use crate::config::{OnLoss, Server};
use crate::name::{CustomerName, DatabaseName};

/// Whose rows they are, where the archive does not say it.
const EVERYBODY: &str = "all";

/// What was loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What is in the database, with the losses that the server has forced.
    pub manifest: Manifest,
    /// Rows put in.
    pub rows: u64,
}

/// Loads one archive into a database, which is made if it is not there. Tables of an earlier load of the same snapshot give
/// way; a table of somebody else's is refused.
pub async fn load(
    server: &Server,
    database: &str,
    archive: &Path,
    keys: Option<Keys>,
) -> Result<Loaded, Error> {
    let mut archive = Archive::open(archive, keys).await?;
    check_format(&archive.manifest)?;
    let order = Order {
        // A snapshot of that name may go to the same server by itself; this is not its.
        snapshot: format!("load {}", archive.manifest.snapshot),
        run: archive.manifest.run.clone(),
        database: database.to_owned(),
        on_loss: OnLoss::Null,
    };
    let bundle = bundle(&archive.manifest)?;
    let mut sink = Sink::prepare(server, order.clone(), &[bundle]).await?;
    let manifest = match fill(&mut sink, &mut archive).await {
        Ok(manifest) => manifest,
        Err(error) => {
            let is_lost = matches!(&error, Error::Mysql(error) if error.is_lost());
            sink.discard(is_lost).await;
            return Err(error);
        }
    };
    let manifest = Manifest { snapshot: order.snapshot.clone(), ..manifest };
    sink.stage(&manifest).await?;
    publish(server, &order, &manifest).await?;
    let rows = manifest.datasets.iter().map(|dataset| dataset.rows).sum();
    Ok(Loaded { manifest, rows })
}

/// Loads all tables, some of them twice.
async fn fill(sink: &mut Sink, archive: &mut Archive) -> Result<Manifest, Error> {
    let source = archive.manifest.clone();
    loop {
        let jobs = sink.jobs();
        if jobs.is_empty() {
            break;
        }
        for job in jobs {
            let dataset = &source.datasets[job.number];
            let (feed, feeds) = mpsc::channel(2);
            let loader = sink.loader(job.number);
            let (poured, outcome) = tokio::join!(pour(archive, dataset, feed), loader.run(feeds));
            // What is wrong with the archive explains why the loader got no end of it.
            poured?;
            let outcome = outcome?;
            if let Outcome::Loaded(loaded) = &outcome
                && loaded.rows != dataset.rows
            {
                return Err(damaged(dataset, &format!("has {} rows, not {}", loaded.rows, dataset.rows)));
            }
            sink.took(job.number, outcome);
        }
    }
    let customers = source.customers.first().cloned().into_iter().collect();
    let layout = PER_CUSTOMER.to_owned();
    Ok(Manifest {
        datasets: sink.datasets(),
        format: "mysql".to_owned(),
        profile: None,
        customers,
        layout,
        ..source
    })
}

async fn pour(archive: &mut Archive, dataset: &DatasetEntry, feed: mpsc::Sender<Feed>) -> Result<(), Error> {
    let customer = CustomerName::new(EVERYBODY).map_err(|_| Error::Broken)?;
    let _ = feed.send(Feed::Begin(customer)).await;
    let DatasetEntry { table, file, rows, bytes, sha256, .. } = dataset;
    let part = Part { table, file, rows: *rows, bytes: *bytes, sha256 };
    archive.pour(part, Unpacking::lossless(), &feed).await
}

fn check_format(manifest: &Manifest) -> Result<(), Error> {
    let profile = manifest.profile.as_deref().unwrap_or_default();
    let remedy = match (manifest.format.as_str(), profile, manifest.kind.as_str()) {
        ("dat", "lossless", "full") => return Ok(()),
        ("dat", "lossless", _) => "an incremental one goes on top of others, which only PostgreSQL is for",
        ("dat", _, _) => "only the lossless profile tells values as they were; load it into PostgreSQL",
        ("sql", _, _) => "it is a file of statements: decompress it and give it to the server's own client",
        _ => "its tables are on a server already",
    };
    Err(Error::Format { format: format!("{} {profile} {}", manifest.format, manifest.kind), remedy })
}

/// The data sets of the archive, in its order.
fn bundle(manifest: &Manifest) -> Result<Bundle, Error> {
    let name = manifest.customers.first().map_or(EVERYBODY, |customer: &CustomerEntry| &customer.name);
    let customer = CustomerName::new(name).map_err(|_| Error::Broken)?;
    let mut datasets = Vec::new();
    for dataset in &manifest.datasets {
        let shape = shape(manifest, dataset).map_err(|_| damaged(dataset, "has a name that none can be"))?;
        let database = DatabaseName::new(EVERYBODY).map_err(|_| Error::Broken)?;
        let source = Source { customer: customer.clone(), database, table: shape.clone() };
        datasets.push(DataSet { table: shape.name.table.clone(), shape, sources: vec![source] });
    }
    Ok(Bundle { customer: Some(customer), datasets })
}

fn damaged(dataset: &DatasetEntry, problem: &str) -> Error {
    Error::Damaged { table: dataset.table.clone(), problem: problem.to_owned() }
}

//! The archives of a run: every data set through its pass into a part, the parts of a bundle into one archive, and each
//! archive read back before anybody relies on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::{JoinSet, spawn_blocking};
use tokio_util::sync::CancellationToken;

use super::archive::{Seal, assemble, check};
use super::convert::{Form, Rows, customer_column, select};
use super::crew::{Counters, Feeds, Job, read_all};
use super::dat::{Changes, Writer, Written};
use super::dataset::Bundle;
use super::ddl::postgres;
use super::describe;
use super::error::Error;
use super::manifest::{ArchiveEntry, DatasetEntry, Manifest, Tombstones};
use super::scope::Scope;
use super::stem::stems;
use super::table::Table;

/// What the entries of an archive with the tables' definitions begin with.
const META: &str = "meta";

/// What all archives of a run have in common.
pub(super) struct Making {
    /// The form of the files.
    pub(super) form: Form,
    /// Which rows.
    pub(super) rows: Rows<'static>,
    /// Tables read at once.
    pub(super) workers: usize,
    /// Where the archives are made: on the disk where they stay.
    pub(super) directory: PathBuf,
    /// For whom, where they are encrypted.
    pub(super) seal: Option<Arc<Seal>>,
    /// How an archive of all customers is called.
    pub(super) combined_name: String,
    /// Of an incremental run: where the bases are. Then only what has changed is written.
    pub(super) changes: Option<Changes>,
}

/// Makes all archives; adds them and their data sets to the manifest.
pub(super) async fn make(
    scope: &Scope,
    making: &Making,
    manifest: &mut Manifest,
    counters: &Arc<Counters>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let mut plans: Vec<Plan> = scope.bundles.iter().map(Plan::new).collect();
    let places: Vec<(usize, usize)> = plans
        .iter()
        .enumerate()
        .flat_map(|(bundle, plan)| (0..plan.bundle.datasets.len()).map(move |dataset| (bundle, dataset)))
        .collect();
    let jobs = places.iter().enumerate().map(|(number, &(bundle, dataset))| {
        let dataset = plans[bundle].bundle.datasets[dataset].clone();
        let columns = &dataset.shape.columns;
        let order = making.changes.as_ref().and_then(|changes| changes.order_by(&dataset));
        let rows = order.as_deref().map_or(making.rows, Rows::By);
        let copies = dataset.sources.iter().map(|source| select(&source.table, columns, rows)).collect();
        Job { number, dataset, copies }
    });
    let jobs: Vec<Job> = jobs.collect();
    let mut assembling = JoinSet::new();
    let begin = |job: &Job, feeds: Feeds| {
        let writer = Writer {
            directory: making.directory.clone(),
            number: job.number,
            deleted_number: places.len() + job.number,
            changes: making.changes.clone(),
            seal: making.seal.clone(),
            form: making.form.clone(),
            dataset: job.dataset.clone(),
            counters: Arc::clone(counters),
        };
        async move { spawn_blocking(move || writer.write(feeds)).await.map_err(|_| Error::Broken)? }
    };
    let done = async |number: usize, written: Written| {
        let (bundle, dataset) = places[number];
        plans[bundle].written.insert(dataset, written);
        if plans[bundle].is_complete() {
            let (plan, whole) = (plans[bundle].take(), manifest.clone());
            let (directory, seal, name) =
                (making.directory.clone(), making.seal.clone(), making.combined_name.clone());
            let form = making.form.clone();
            assembling.spawn_blocking(move || {
                (bundle, finish(plan, &whole, &directory, &form, seal.as_deref(), &name))
            });
        }
        Ok(())
    };
    let read = read_all(jobs, making.workers, &scope.moments, counters, stop, begin, done).await;
    read.map_err(Error::from_job)?;
    let mut finished = BTreeMap::new();
    while let Some(joined) = assembling.join_next().await {
        let (bundle, result) = joined.map_err(|_| Error::Broken)?;
        finished.insert(bundle, result?);
    }
    for archive in finished.into_values() {
        manifest.datasets.extend(archive.datasets);
        manifest.archives.push(archive.archive);
    }
    Ok(())
}

/// A bundle, and what of it is written.
struct Plan {
    bundle: Bundle,
    /// By the data set's place in the bundle.
    written: BTreeMap<usize, Written>,
}

impl Plan {
    fn new(bundle: &Bundle) -> Self {
        Self { bundle: bundle.clone(), written: BTreeMap::new() }
    }

    fn is_complete(&self) -> bool {
        self.written.len() == self.bundle.datasets.len()
    }

    fn take(&mut self) -> Self {
        Self { bundle: self.bundle.clone(), written: std::mem::take(&mut self.written) }
    }
}

/// An archive that is whole and checked.
struct Finished {
    datasets: Vec<DatasetEntry>,
    archive: ArchiveEntry,
}

/// Puts the parts of a bundle into its archive, and reads it back.
fn finish(
    plan: Plan,
    whole: &Manifest,
    directory: &Path,
    form: &Form,
    seal: Option<&Seal>,
    combined_name: &str,
) -> Result<Finished, Error> {
    let Plan { bundle, written } = plan;
    let name = bundle.customer.as_ref().map_or(combined_name, |customer| customer.as_str());
    let shapes: Vec<&Table> = bundle.datasets.iter().map(|dataset| &dataset.shape).collect();
    let stems = stems(&shapes);
    let (mut parts, mut texts, mut datasets) = (Vec::new(), Vec::new(), Vec::new());
    for ((dataset, stem), written) in bundle.datasets.iter().zip(stems).zip(written.into_values()) {
        let file = format!("{name}/{stem}.DAT");
        let leading = form.combined.then(|| customer_column(&dataset.shape.columns));
        let definition = postgres::file(&dataset.shape, leading.as_ref());
        texts.push((format!("{META}/{stem}.sql"), definition.into_bytes()));
        let Written { part, counts, by_customer, deleted } = written;
        let deleted = deleted.map(|(part, rows)| {
            let file = format!("{name}/{stem}.DELETED.DAT");
            let told =
                Tombstones { file: file.clone(), rows, bytes: part.bytes, sha256: part.sha256.clone() };
            parts.push((file, part));
            told
        });
        datasets.push(DatasetEntry {
            customer: bundle.customer.as_ref().map(ToString::to_string),
            table: dataset.table.to_string(),
            file: file.clone(),
            rows: counts.rows,
            bytes: part.bytes,
            sha256: part.sha256.clone(),
            columns: describe::columns(dataset, leading.as_ref(), counts.losses),
            primary_key: dataset.shape.primary_key().iter().map(ToString::to_string).collect(),
            rows_by_customer: if form.combined { by_customer } else { Vec::new() },
            deleted,
        });
        parts.push((file, part));
    }
    let manifest = describe::of_bundle(whole, &bundle, datasets);
    let ending = if seal.is_some() { "zip.age" } else { "zip" };
    let path = directory.join(format!("{name}.{ending}"));
    let archive = assemble(&path, parts, &texts, &manifest, seal)?;
    check(&path, seal.map(Seal::keys).as_ref())?;
    Ok(Finished { datasets: manifest.datasets, archive })
}

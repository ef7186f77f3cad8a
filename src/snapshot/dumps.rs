//! `format = "sql"`: for each bundle one file of statements, compressed by gzip, that the servers' own clients load. Data sets
//! are written side by side, each as a member of its own, and then put one behind the other.
//!
//! A column of MySQL's that turns out too narrow for a value is text of any length: its data set is read once more.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::config::{Dialect, OnLoss};
use crate::name::backticked;

use super::archive::{DonePart, Part, Piece, Seal, check_dump, concatenate};
use super::convert::{self, Form, Malformed, Rows, customer_column};
use super::crew::{Counters, Feed, Feeds, Job, read_all};
use super::dataset::{Bundle, DataSet};
use super::ddl::mysql::{Layout, unique_names};
use super::ddl::postgres;
use super::describe;
use super::error::Error;
use super::loss::Losses;
use super::manifest::{ArchiveEntry, DatasetEntry, Manifest};
use super::scope::Scope;
use super::transcript::{self, Style};

/// Converted bytes gather to this much before they are deflated.
const GATHERED_BYTES: usize = 64 << 10;

/// What MySQL's and MariaDB's file begins with: nothing of the server's own settings changes what is loaded.
const MYSQL_HEAD: &str = "SET NAMES utf8mb4;\n\
    SET @acequia_sql_mode = @@sql_mode, @acequia_time_zone = @@time_zone;\n\
    SET sql_mode = 'STRICT_ALL_TABLES', time_zone = '+00:00', foreign_key_checks = 0, unique_checks = 0;\n";
const MYSQL_TAIL: &str = "SET sql_mode = @acequia_sql_mode, time_zone = @acequia_time_zone, foreign_key_checks = 1, \
    unique_checks = 1;\n";
/// PostgreSQL's file is one transaction: all of it is loaded, or nothing.
const POSTGRES_HEAD: &str = "SET client_encoding = 'UTF8';\nSET standard_conforming_strings = on;\n\
    SET DateStyle = 'ISO, MDY';\nSET TimeZone = 'UTC';\nSET lc_monetary = 'C';\nBEGIN;\n";
const POSTGRES_TAIL: &str = "COMMIT;\n";

/// What all files of a run have in common.
pub(super) struct Dumping {
    /// Who loads them.
    pub(super) dialect: Dialect,
    /// `on_loss`
    pub(super) on_loss: OnLoss,
    /// `layout = "combined"`
    pub(super) combined: bool,
    /// So many rows of each table at most; none: all.
    pub(super) first: Option<u32>,
    /// Tables read at once.
    pub(super) workers: usize,
    /// Where the files are made.
    pub(super) directory: PathBuf,
    /// For whom, where they are encrypted.
    pub(super) seal: Option<Arc<Seal>>,
    /// How a file of all customers is called.
    pub(super) combined_name: String,
}

/// One data set of the run.
struct Target {
    bundle: usize,
    dataset: DataSet,
    /// Its name in the file.
    table: String,
    /// Columns that are text, whatever their type.
    wide: BTreeSet<usize>,
    written: Option<Written>,
}

/// A data set that is written.
struct Written {
    part: DonePart,
    losses: Vec<Losses>,
    by_customer: Vec<(String, u64)>,
    /// Columns that had to be wider than they are.
    too_long: BTreeSet<usize>,
}

/// Makes all files; adds them and their data sets to the manifest.
pub(super) async fn make(
    scope: &Scope,
    dumping: &Arc<Dumping>,
    manifest: &mut Manifest,
    counters: &Arc<Counters>,
    stop: &CancellationToken,
) -> Result<(), Error> {
    let mut targets = targets(dumping, &scope.bundles);
    let mut parts = 0;
    loop {
        let jobs: Vec<Job> = targets
            .iter()
            .enumerate()
            .filter(|(_, target)| target.written.is_none())
            .map(|(number, target)| target.job(number, dumping))
            .collect();
        if jobs.is_empty() {
            break;
        }
        let begin = |job: &Job, feeds: Feeds| {
            parts += 1;
            let writer = Writer::new(dumping, &targets[job.number], parts, counters);
            async move {
                let written = spawn_blocking(move || writer?.write(feeds));
                written.await.map_err(|_| Error::Broken)?
            }
        };
        let mut all = Vec::new();
        let done = async |number: usize, written: Written| {
            all.push((number, written));
            Ok(())
        };
        read_all(jobs, dumping.workers, &scope.moments, counters, stop, begin, done)
            .await
            .map_err(Error::from_job)?;
        for (number, written) in all {
            targets[number].take(written, dumping.on_loss)?;
        }
    }
    for (number, bundle) in scope.bundles.iter().enumerate() {
        let (own, rest) = targets.into_iter().partition(|target| target.bundle == number);
        targets = rest;
        let (dumping, bundle, whole) = (Arc::clone(dumping), bundle.clone(), manifest.clone());
        let finished = spawn_blocking(move || finish(&dumping, &bundle, own, &whole));
        let (datasets, archive) = finished.await.map_err(|_| Error::Broken)??;
        manifest.datasets.extend(datasets);
        manifest.archives.push(archive);
    }
    Ok(())
}

fn targets(dumping: &Dumping, bundles: &[Bundle]) -> Vec<Target> {
    let mut targets = Vec::new();
    for (number, bundle) in bundles.iter().enumerate() {
        let names = bundle.datasets.iter().map(|dataset| dataset.table.as_str());
        let names: Vec<String> = match dumping.dialect {
            Dialect::Mysql => unique_names(names),
            Dialect::Postgresql => names.map(str::to_owned).collect(),
        };
        let all = bundle.datasets.iter().zip(names).map(|(dataset, table)| Target {
            bundle: number,
            dataset: dataset.clone(),
            table,
            wide: BTreeSet::new(),
            written: None,
        });
        targets.extend(all);
    }
    targets
}

impl Target {
    fn job(&self, number: usize, dumping: &Dumping) -> Job {
        let shape = &self.dataset.shape;
        let rows = dumping.first.map_or(Rows::All, Rows::First);
        let copies = self.dataset.sources.iter().map(|source| match dumping.dialect {
            Dialect::Mysql => transcript::select(&source.table, shape, &self.wide, rows),
            Dialect::Postgresql => convert::select(&source.table, &shape.columns, rows),
        });
        Job { number, dataset: self.dataset.clone(), copies: copies.collect() }
    }

    fn layout(&self, combined: bool) -> Layout {
        Layout::new(&self.dataset.shape, combined, &self.wide)
    }

    /// Keeps what was written, unless columns have to be wider.
    fn take(&mut self, written: Written, on_loss: OnLoss) -> Result<(), Error> {
        let lossy = written.losses.iter().enumerate().filter(|(_, losses)| !losses.is_empty());
        let lossy: BTreeSet<usize> = lossy.map(|(place, _)| place).collect();
        let mut wider = written.too_long.clone();
        match on_loss {
            // A key has no NULL.
            OnLoss::Null => wider.extend(lossy.intersection(&self.layout(false).primary())),
            OnLoss::Text => wider.extend(&lossy),
            OnLoss::Fail => {}
        }
        if wider.is_subset(&self.wide) {
            self.written = Some(written);
        } else {
            written.part.remove()?;
            self.wide.extend(wider);
        }
        Ok(())
    }
}

/// Writes one data set, in a thread that may wait for the disk.
struct Writer {
    table: String,
    sources: usize,
    part: Part,
    pass: Pass,
    counters: Arc<Counters>,
}

/// The ways of writing.
enum Pass {
    Mysql(Box<transcript::Pass>),
    Postgres(Box<convert::Pass>),
}

impl Writer {
    fn new(
        dumping: &Dumping,
        target: &Target,
        number: usize,
        counters: &Arc<Counters>,
    ) -> Result<Self, Error> {
        let pass = match dumping.dialect {
            Dialect::Mysql => {
                let layout = target.layout(dumping.combined);
                let head = transcript::insert_head(&backticked(&target.table), &layout);
                Pass::Mysql(Box::new(transcript::Pass::new(&layout, Style::Statements(head))))
            }
            Dialect::Postgresql => {
                let columns = &target.dataset.shape.columns;
                Pass::Postgres(Box::new(convert::Pass::new(columns, &Form::lossless(dumping.combined))))
            }
        };
        Ok(Self {
            table: target.dataset.table.to_string(),
            sources: target.dataset.sources.len(),
            part: Part::create_member(&dumping.directory, number, dumping.seal.as_deref())?,
            pass,
            counters: Arc::clone(counters),
        })
    }

    fn write(mut self, mut feeds: Feeds) -> Result<Written, Error> {
        let (mut out, mut customer, mut by_customer) = (Vec::new(), String::new(), Vec::new());
        let table = self.table;
        let malformed = |error| Error::Malformed { table: table.clone(), error };
        while let Some(feed) = feeds.blocking_recv() {
            match feed {
                Feed::Begin(name) => {
                    self.pass.begin(name.as_str());
                    customer = name.to_string();
                }
                Feed::Piece(piece) => self.pass.push(&piece, &mut out).map_err(malformed)?,
                Feed::End => {
                    let rows = self.pass.end().map_err(malformed)?;
                    self.counters.rows.fetch_add(rows, Ordering::Relaxed);
                    by_customer.push((std::mem::take(&mut customer), rows));
                }
            }
            if out.len() >= GATHERED_BYTES {
                self.part.write(&out)?;
                out.clear();
            }
        }
        if by_customer.len() != self.sources {
            // Whoever read knows why.
            return Err(Error::Stopped);
        }
        let (losses, too_long) = self.pass.finish(&mut out);
        self.part.write(&out)?;
        Ok(Written { part: self.part.finish()?, losses, by_customer, too_long })
    }
}

impl Pass {
    fn begin(&mut self, customer: &str) {
        match self {
            Self::Mysql(pass) => pass.begin(customer),
            Self::Postgres(pass) => pass.begin(customer),
        }
    }

    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), Malformed> {
        match self {
            Self::Mysql(pass) => pass.push(piece, out),
            Self::Postgres(pass) => pass.push(piece, out),
        }
    }

    fn end(&mut self) -> Result<u64, Malformed> {
        match self {
            Self::Mysql(pass) => pass.end(),
            Self::Postgres(pass) => pass.end(),
        }
    }

    fn finish(self, out: &mut Vec<u8>) -> (Vec<Losses>, BTreeSet<usize>) {
        match self {
            Self::Mysql(pass) => {
                let counts = pass.finish(out);
                (counts.losses, counts.too_long)
            }
            Self::Postgres(pass) => (pass.finish().losses, BTreeSet::new()),
        }
    }
}

/// Puts a bundle's parts into its file, with the statements around them, and reads it back.
fn finish(
    dumping: &Dumping,
    bundle: &Bundle,
    targets: Vec<Target>,
    whole: &Manifest,
) -> Result<(Vec<DatasetEntry>, ArchiveEntry), Error> {
    let (head, tail) = match dumping.dialect {
        Dialect::Mysql => (MYSQL_HEAD, MYSQL_TAIL),
        Dialect::Postgresql => (POSTGRES_HEAD, POSTGRES_TAIL),
    };
    let title = format!("-- Snapshot {}, run {}, made by {}.\n", whole.snapshot, whole.run, whole.program);
    let mut pieces = vec![Piece::Text(format!("{title}{head}").into_bytes())];
    let mut datasets = Vec::new();
    for mut target in targets {
        let Some(written) = target.written.take() else { return Err(Error::Broken) };
        let (before, after) = statements(dumping, &target);
        datasets.push(entry(dumping, bundle, &target, &written));
        pieces.push(Piece::Text(before.into_bytes()));
        pieces.push(Piece::Part(written.part));
        pieces.push(Piece::Text(after.into_bytes()));
    }
    pieces.push(Piece::Text(tail.into()));
    let manifest = describe::of_bundle(whole, bundle, datasets);
    let name = bundle.customer.as_ref().map_or(dumping.combined_name.as_str(), |customer| customer.as_str());
    let ending = if dumping.seal.is_some() { "sql.gz.age" } else { "sql.gz" };
    let path: &Path = &dumping.directory.join(format!("{name}.{ending}"));
    let seal = dumping.seal.as_deref();
    let archive = concatenate(path, pieces, &manifest, seal)?;
    check_dump(path, seal.map(Seal::keys).as_ref(), &manifest)?;
    Ok((manifest.datasets, archive))
}

/// What stands before a data set's rows, and behind them.
fn statements(dumping: &Dumping, target: &Target) -> (String, String) {
    let shape = &target.dataset.shape;
    match dumping.dialect {
        Dialect::Mysql => {
            let (layout, table) = (target.layout(dumping.combined), backticked(&target.table));
            let create = layout.create(&table, None);
            let indexes = layout.add_indexes(&table).map_or_else(String::new, |sql| format!("{sql};\n"));
            (format!("\nDROP TABLE IF EXISTS {table};\n{create};\n"), indexes)
        }
        Dialect::Postgresql => {
            let leading = dumping.combined.then(|| customer_column(&shape.columns));
            let create = postgres::create(shape, leading.as_ref());
            let table = shape.name.table.quoted();
            let after = postgres::finish(shape, leading.as_ref());
            (format!("\n{create}COPY {table} FROM stdin;\n"), format!("\\.\n{after}"))
        }
    }
}

fn entry(dumping: &Dumping, bundle: &Bundle, target: &Target, written: &Written) -> DatasetEntry {
    let shape = &target.dataset.shape;
    let leading = dumping.combined.then(|| customer_column(&shape.columns));
    DatasetEntry {
        customer: bundle.customer.as_ref().map(ToString::to_string),
        table: target.dataset.table.to_string(),
        file: target.table.clone(),
        rows: written.by_customer.iter().map(|(_, rows)| rows).sum(),
        bytes: written.part.bytes,
        sha256: written.part.sha256.clone(),
        columns: describe::columns(&target.dataset, leading.as_ref(), written.losses.clone()),
        primary_key: shape.primary_key().iter().map(ToString::to_string).collect(),
        rows_by_customer: if dumping.combined { written.by_customer.clone() } else { Vec::new() },
        deleted: None,
    }
}

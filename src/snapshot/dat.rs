//! One data set as a `.DAT` file: through its pass into a part of an archive; of an incremental run, only what has changed, and
//! the keys of what is gone beside it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::archive::{DonePart, Part, Seal};
use super::convert::{Counts, Form, Malformed, Pass};
use super::crew::{Counters, Feed, Feeds};
use super::dataset::{DataSet, Source};
use super::error::Error;
use super::increment::{Comparison, Found, Shape};
use super::table::Column;

/// Converted bytes gather to this much before they are deflated.
const GATHERED_BYTES: usize = 64 << 10;

/// What an incremental run compares with.
#[derive(Debug, Clone)]
pub(super) struct Changes {
    /// The bases of the published run; none: this is the first one.
    pub(super) old: Option<PathBuf>,
    /// Where the bases of this one go.
    pub(super) new: PathBuf,
    /// The session's settings, which shape the text that is compared.
    pub(super) settings: String,
}

impl Changes {
    /// What the rows of a data set have to be sorted by to be compared; none where they can't be.
    pub(super) fn order_by(&self, dataset: &DataSet) -> Option<String> {
        self.shapes(dataset)?.first().map(Shape::order_by)
    }

    /// The shape of each source; none where one of them has no key, or another key. Whose rows are in the file is a part of it:
    /// nothing is compared with the rows of a customer that left, so the file is whole when the customers change.
    fn shapes(&self, dataset: &DataSet) -> Option<Vec<Shape>> {
        let key = dataset.shape.primary_key();
        let customers: Vec<&str> = dataset.sources.iter().map(|source| source.customer.as_str()).collect();
        let settings = format!("{}\n{}", self.settings, customers.join("\n"));
        let shape = |source: &Source| {
            let (customer, table) = (source.customer.as_str(), dataset.table.as_str());
            let shape = Shape::new(customer, table, &dataset.shape.columns, key, &settings);
            shape.filter(|_| source.table.primary_key() == key)
        };
        dataset.sources.iter().map(shape).collect()
    }

    /// Whether all sources of a data set can be compared: else it is written whole.
    fn are_possible(&self, shapes: &[Shape]) -> Result<bool, Error> {
        let Some(old) = &self.old else { return Ok(false) };
        for shape in shapes {
            if !Comparison::is_possible(shape, old)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Writes one data set, in a thread that may wait for the disk.
pub(super) struct Writer {
    /// Where the parts go.
    pub(super) directory: PathBuf,
    /// The number of its part.
    pub(super) number: usize,
    /// The number of the part with the keys of what is gone.
    pub(super) deleted_number: usize,
    /// For whom, where it is encrypted.
    pub(super) seal: Option<Arc<Seal>>,
    /// The form of the file.
    pub(super) form: Form,
    /// The data set.
    pub(super) dataset: DataSet,
    /// Of an incremental run.
    pub(super) changes: Option<Changes>,
    /// What is told of all writers.
    pub(super) counters: Arc<Counters>,
}

/// A data set that is written, and what is said of it.
pub(super) struct Written {
    pub(super) part: DonePart,
    pub(super) counts: Counts,
    pub(super) by_customer: Vec<(String, u64)>,
    /// The keys of what is gone, and how many; none: the part is whole.
    pub(super) deleted: Option<(DonePart, u64)>,
}

impl Writer {
    /// Takes all that it is fed with.
    pub(super) fn write(self, mut feeds: Feeds) -> Result<Written, Error> {
        let columns = &self.dataset.shape.columns;
        let mut rows = self.file(self.number, columns)?;
        let shapes = self.changes.as_ref().and_then(|changes| changes.shapes(&self.dataset));
        let compare = self.changes.as_ref().zip(shapes);
        let mut deleted = self.deleted(compare.as_ref())?;
        // In the order of the sources, as they come.
        let mut compare = compare.map(|(changes, shapes)| (changes, shapes.into_iter()));
        let (mut comparison, mut customer, mut by_customer) = (None, String::new(), Vec::new());
        while let Some(feed) = feeds.blocking_recv() {
            match feed {
                Feed::Begin(name) => {
                    rows.pass.begin(name.as_str());
                    if let Some(deleted) = &mut deleted {
                        deleted.pass.begin(name.as_str());
                    }
                    if let Some((changes, shape)) =
                        compare.as_mut().and_then(|(changes, shapes)| Some((changes, shapes.next()?)))
                    {
                        let old = changes.old.as_deref().filter(|_| deleted.is_some());
                        comparison = Some(Comparison::begin(shape, old, &changes.new)?);
                    }
                    customer = name.to_string();
                }
                Feed::Piece(piece) => match &mut comparison {
                    None => rows.push(&piece)?,
                    Some(comparison) => {
                        comparison.push(&piece, &mut |found| take(found, &mut rows, &mut deleted))?;
                    }
                },
                Feed::End => {
                    let compared = comparison.take();
                    let compared =
                        compared.map(|it| it.finish(&mut |found| take(found, &mut rows, &mut deleted)));
                    let compared = compared.transpose()?;
                    let written = rows.end()?;
                    if let Some(deleted) = &mut deleted {
                        deleted.end()?;
                    }
                    let read = compared.map_or(written, |compared| compared.rows);
                    self.counters.rows.fetch_add(read, Ordering::Relaxed);
                    by_customer.push((std::mem::take(&mut customer), written));
                }
            }
        }
        if by_customer.len() != self.dataset.sources.len() {
            // Whoever read knows why.
            return Err(Error::Stopped);
        }
        let deleted = deleted.map(File::finish).transpose()?.map(|(part, counts)| (part, counts.rows));
        let (part, counts) = rows.finish()?;
        Ok(Written { part, counts, by_customer, deleted })
    }

    /// The file with the keys of what is gone, where a comparison is possible.
    fn deleted(&self, compare: Option<&(&Changes, Vec<Shape>)>) -> Result<Option<File>, Error> {
        let Some((changes, shapes)) = compare else { return Ok(None) };
        match shapes.first() {
            Some(shape) if changes.are_possible(shapes)? => {
                let key = shape.key_columns(&self.dataset.shape.columns);
                let key: Vec<Column> = key.into_iter().cloned().collect();
                self.file(self.deleted_number, &key).map(Some)
            }
            Some(_) | None => Ok(None),
        }
    }

    fn file(&self, number: usize, columns: &[Column]) -> Result<File, Error> {
        let part = Part::create(&self.directory, number, self.seal.as_deref())?;
        let gathered = self.form.header(columns);
        let pass = Pass::new(columns, &self.form);
        Ok(File { table: self.dataset.table.to_string(), part, pass, gathered })
    }
}

/// A file that is written.
struct File {
    table: String,
    part: Part,
    pass: Pass,
    gathered: Vec<u8>,
}

impl File {
    fn push(&mut self, piece: &[u8]) -> Result<(), Error> {
        let pushed = self.pass.push(piece, &mut self.gathered);
        pushed.map_err(|error| self.malformed(error))?;
        if self.gathered.len() >= GATHERED_BYTES { self.flush() } else { Ok(()) }
    }

    /// Ends one source; answers its rows.
    fn end(&mut self) -> Result<u64, Error> {
        self.pass.end().map_err(|error| self.malformed(error))
    }

    fn finish(mut self) -> Result<(DonePart, Counts), Error> {
        self.flush()?;
        Ok((self.part.finish()?, self.pass.finish()))
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.part.write(&self.gathered)?;
        self.gathered.clear();
        Ok(())
    }

    fn malformed(&self, error: Malformed) -> Error {
        Error::Malformed { table: self.table.clone(), error }
    }
}

/// What a comparison found goes to its file.
fn take(found: Found<'_>, rows: &mut File, deleted: &mut Option<File>) -> Result<(), Error> {
    match (found, deleted) {
        (Found::Row(text), _) => rows.push(text),
        (Found::Deleted(text), Some(deleted)) => deleted.push(text),
        // Without a base, nothing is gone.
        (Found::Deleted(_), None) => Ok(()),
    }
}

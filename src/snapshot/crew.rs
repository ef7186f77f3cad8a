//! Several workers that read tables at one moment: each has a connection for each database, and takes the largest table that
//! is left. What a table becomes is its writer's business, in a thread of its own: the network never waits for a disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::name::{CustomerName, DatabaseName};

use super::dataset::DataSet;
use super::moment::{Moment, ReadError, Reader};

/// Pieces that may wait for a writer: some 2 MB.
const WAITING_PIECES: usize = 8;

/// What a writer is fed with, for each source of its data set: who, pieces, the end.
#[derive(Debug)]
pub enum Feed {
    /// The rows of this customer's table follow.
    Begin(CustomerName),
    /// Bytes of COPY, cut anywhere.
    Piece(Bytes),
    /// The table's rows are complete. A feed that ends without it was cut off: nothing of it counts.
    End,
}

/// Where a writer finds what it is fed with.
pub type Feeds = mpsc::Receiver<Feed>;

/// One data set to read.
#[derive(Debug, Clone)]
pub struct Job {
    /// Which one it is, to whoever gave it.
    pub number: usize,
    /// The data set.
    pub dataset: DataSet,
    /// The `COPY … TO STDOUT` of each of its sources.
    pub copies: Vec<String>,
}

/// What all workers have in common.
#[derive(Debug, Default)]
pub struct Counters {
    /// Bytes that came from the source.
    pub bytes: AtomicU64,
    /// Rows that were written.
    pub rows: AtomicU64,
    /// Data sets that are done.
    pub datasets: AtomicU64,
}

/// The moments of all databases, and what shapes the values read at them.
pub struct Moments {
    /// By database.
    pub of: BTreeMap<DatabaseName, Moment>,
    /// Statements that each connection begins with.
    pub settings: String,
}

/// Why a job failed.
#[derive(Debug, thiserror::Error)]
pub enum JobError<E> {
    /// Its table could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// Its writer failed.
    #[error(transparent)]
    Write(E),
    /// Somebody said stop.
    #[error("stopped")]
    Stopped,
    /// A worker broke down.
    #[error("a worker of the snapshot broke down: this is a fault of Acequia, please report it")]
    Broken,
}

/// The connections of one worker.
type Readers = BTreeMap<DatabaseName, Reader>;

/// Reads all jobs with so many workers. `write` starts a data set's writer; its results come in the order in which they are
/// done, with the job's number.
pub async fn read_all<T, E, W>(
    mut jobs: Vec<Job>,
    workers: usize,
    moments: &Arc<Moments>,
    counters: &Arc<Counters>,
    stop: &CancellationToken,
    mut write: impl FnMut(&Job, Feeds) -> W,
    mut done: impl AsyncFnMut(usize, T) -> Result<(), E>,
) -> Result<(), JobError<E>>
where
    T: Send + 'static,
    E: Send + 'static,
    W: Future<Output = Result<T, E>> + Send + 'static,
{
    // The largest first, or the last worker would begin with it when all others are done.
    jobs.sort_by_key(|job| job.dataset.shape.size_bytes);
    let mut idle: Vec<Readers> = Vec::new();
    let mut working = JoinSet::new();
    loop {
        while working.len() < workers.max(1)
            && let Some(job) = jobs.pop()
        {
            let (feed, feeds) = mpsc::channel(WAITING_PIECES);
            let writer = write(&job, feeds);
            let readers = idle.pop().unwrap_or_default();
            let (moments, counters) = (Arc::clone(moments), Arc::clone(counters));
            working.spawn(async move { work(job, readers, &moments, &counters, feed, writer).await });
        }
        let worked = tokio::select! {
            worked = working.join_next() => worked,
            () = stop.cancelled() => return Err(JobError::Stopped),
        };
        let Some(worked) = worked else { return Ok(()) };
        let (number, readers, result) = worked.map_err(|_| JobError::Broken)??;
        counters.datasets.fetch_add(1, Ordering::Relaxed);
        idle.push(readers);
        done(number, result).await.map_err(JobError::Write)?;
    }
}

/// Reads one job and waits for its writer.
async fn work<T, E>(
    job: Job,
    mut readers: Readers,
    moments: &Moments,
    counters: &Counters,
    feed: mpsc::Sender<Feed>,
    writer: impl Future<Output = Result<T, E>>,
) -> Result<(usize, Readers, T), JobError<E>> {
    let reading = async {
        let read = read(&job, &mut readers, moments, counters, &feed).await;
        // The writer ends when nothing can come any more.
        drop(feed);
        read
    };
    let (read, written) = tokio::join!(reading, writer);
    // A writer that fails stops the reading; where the reading failed, the writer's complaint says less.
    match (read, written) {
        (Ok(()), Ok(result)) => Ok((job.number, readers, result)),
        (Err(error), _) => Err(error.into()),
        (Ok(()), Err(error)) => Err(JobError::Write(error)),
    }
}

async fn read(
    job: &Job,
    readers: &mut Readers,
    moments: &Moments,
    counters: &Counters,
    feed: &mpsc::Sender<Feed>,
) -> Result<(), ReadError> {
    for (source, copy) in job.dataset.sources.iter().zip(&job.copies) {
        let moment = &moments.of[&source.database];
        let mut reader = match readers.remove(&source.database) {
            Some(reader) => reader,
            None => moment.reader(&moments.settings).await?,
        };
        reader.begin(moment, &source.table, copy).await?;
        // A writer that takes no more has failed, or has seen enough: it says which. The connection is in the middle of a copy
        // then, and goes.
        if feed.send(Feed::Begin(source.customer.clone())).await.is_err() {
            return Ok(());
        }
        while let Some(piece) = reader.piece(&source.table).await? {
            counters.bytes.fetch_add(piece.len() as u64, Ordering::Relaxed);
            if feed.send(Feed::Piece(piece)).await.is_err() {
                return Ok(());
            }
        }
        readers.insert(source.database.clone(), reader);
        if feed.send(Feed::End).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

//! The rows of an archive on their way to a server: read and unpacked on a thread that may wait for the disk, sent as the
//! server takes them.

use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use futures_util::SinkExt as _;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::super::archive::{Contents, Keys, tally::Tally};
use super::super::crew::Feed;
use super::super::manifest::Manifest;
use super::error::Error;
use super::unmarket::Unpacking;
use crate::postgres::{self, Session};

/// Pieces that may wait for the server: some 2 MB.
const WAITING_PIECES: usize = 8;
/// One read.
const PIECE_BYTES: usize = 256 << 10;

/// An archive that is being loaded.
pub(super) struct Archive {
    /// None while a thread has it.
    contents: Option<Contents>,
    pub(super) manifest: Manifest,
}

/// One file of an archive, as the manifest has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) table: &'a str,
    pub(super) file: &'a str,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) sha256: &'a str,
}

impl Archive {
    pub(super) async fn open(path: &Path, keys: Option<Keys>) -> Result<Self, Error> {
        let path = path.to_owned();
        let opened = spawn_blocking(move || {
            let mut contents = Contents::open(&path, keys.as_ref())?;
            let manifest = contents.manifest()?;
            Ok(Self { contents: Some(contents), manifest })
        });
        opened.await.map_err(|_| Error::Broken)?
    }

    /// A short text.
    pub(super) async fn text(&mut self, table: &str, entry: String) -> Result<String, Error> {
        let damaged =
            Error::Damaged { table: table.to_owned(), problem: format!("has no readable `{entry}`") };
        let mut contents = self.contents.take().ok_or(Error::Broken)?;
        let read = spawn_blocking(move || {
            let mut text = String::new();
            let read = contents.entry(&entry).map(|mut entry| entry.read_to_string(&mut text));
            (contents, read, text)
        });
        let (contents, read, text) = read.await.map_err(|_| Error::Broken)?;
        self.contents = Some(contents);
        if read?.is_err() { Err(damaged) } else { Ok(text) }
    }

    /// Hands the rows of one file to a loader, and compares what there was with the manifest. The end is told only where
    /// all of it was right.
    pub(super) async fn pour(
        &mut self,
        part: Part<'_>,
        unpacking: Unpacking,
        feed: &mpsc::Sender<Feed>,
    ) -> Result<(), Error> {
        let (sender, mut pieces) = mpsc::channel(WAITING_PIECES);
        let mut contents = self.contents.take().ok_or(Error::Broken)?;
        let file = part.file.to_owned();
        let reading = spawn_blocking(move || {
            let read = read(&mut contents, &file, unpacking, &sender);
            (contents, read)
        });
        let mut is_wanted = true;
        while let Some(piece) = pieces.recv().await {
            if feed.send(Feed::Piece(piece)).await.is_err() {
                // The loader has failed, and says why.
                is_wanted = false;
                break;
            }
        }
        drop(pieces);
        let (contents, read) = reading.await.map_err(|_| Error::Broken)?;
        self.contents = Some(contents);
        let tally = read?.map_err(|problem| damaged(part, problem))?;
        if is_wanted {
            if tally.bytes() != part.bytes || tally.sha256() != part.sha256 {
                return Err(damaged(part, "has other bytes than were written".to_owned()));
            }
            let _ = feed.send(Feed::End).await;
        }
        Ok(())
    }

    /// Sends the rows of one file to the server, and compares what there was with the manifest.
    pub(super) async fn copy(
        &mut self,
        session: &Session,
        part: Part<'_>,
        unpacking: Unpacking,
        statement: &str,
    ) -> Result<(), Error> {
        let doing = format!("copying rows into table {}", part.table);
        let failed = |error| postgres::Error::from_driver(doing.as_str(), &error).with_no_row_at_hand();
        let sink = session.copy_in::<_, Bytes>(statement).await.map_err(failed)?;
        futures_util::pin_mut!(sink);
        let (feed, mut pieces) = mpsc::channel(WAITING_PIECES);
        let mut contents = self.contents.take().ok_or(Error::Broken)?;
        let file = part.file.to_owned();
        let reading = spawn_blocking(move || {
            let read = read(&mut contents, &file, unpacking, &feed);
            (contents, read)
        });
        let mut refused = None;
        while let Some(piece) = pieces.recv().await {
            if let Err(error) = sink.send(piece).await {
                refused = Some(failed(error));
                break;
            }
        }
        drop(pieces);
        let (contents, read) = reading.await.map_err(|_| Error::Broken)?;
        self.contents = Some(contents);
        if let Some(refused) = refused {
            // What the server said comes with its answer; sending only knows that it does not listen any more.
            return Err(sink.finish().await.map_or_else(failed, |_| refused).into());
        }
        let tally = read?.map_err(|problem| damaged(part, problem))?;
        let rows = sink.finish().await.map_err(failed)?;
        if rows != part.rows {
            return Err(damaged(part, format!("has {rows} rows, not {}", part.rows)));
        }
        if tally.bytes() != part.bytes || tally.sha256() != part.sha256 {
            return Err(damaged(part, "has other bytes than were written".to_owned()));
        }
        Ok(())
    }
}

fn damaged(part: Part<'_>, problem: String) -> Error {
    Error::Damaged { table: part.table.to_owned(), problem }
}

/// What reading a file ended with: its tally, or what is wrong with it.
type Reading = Result<Result<Tally, String>, Error>;

fn read(
    contents: &mut Contents,
    file: &str,
    mut unpacking: Unpacking,
    feed: &mpsc::Sender<Bytes>,
) -> Reading {
    let mut entry = contents.entry(file)?;
    let mut tally = Tally::default();
    let mut buffer = vec![0; PIECE_BYTES];
    loop {
        let read = match entry.read(&mut buffer) {
            Ok(0) => return Ok(Ok(tally)),
            Ok(read) => read,
            Err(error) => return Ok(Err(format!("can't be read: {}", error.kind()))),
        };
        tally.add(&buffer[..read]);
        let mut out = Vec::with_capacity(read + read / 8);
        if let Err(miscounted) = unpacking.push(&buffer[..read], &mut out) {
            return Ok(Err(format!("is not what it should be: {miscounted}")));
        }
        if !out.is_empty() && feed.blocking_send(out.into()).is_err() {
            // The server has refused something, and that is told.
            return Ok(Ok(tally));
        }
    }
}

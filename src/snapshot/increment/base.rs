//! The file of a base: a line that says what it is the base of, then for each row the length of its key, the key, and the first
//! 16 bytes of the SHA-256 of its text; all of it in gzip, whose own check tells a damaged one.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;

use super::error::Error;
use super::shape::Shape;
use crate::snapshot::place::disk;

/// Of a row.
pub(super) type Hash = [u8; 16];

/// The longest key: more than any B-tree index holds.
pub(super) const KEY_MAX_BYTES: usize = u16::MAX as usize;
/// One read or write.
const BUFFER_BYTES: usize = 256 << 10;
/// The first line names columns; one that is longer is none of ours.
const HEAD_MAX_BYTES: u64 = 16 << 20;

/// A base that is written.
pub(super) struct NewBase {
    path: PathBuf,
    out: BufWriter<GzEncoder<File>>,
}

impl NewBase {
    pub(super) fn create(directory: &Path, shape: &Shape) -> Result<Self, Error> {
        let path = directory.join(shape.file());
        let failed = |error| Error::disk("writing", &path)(error);
        let file = disk::create_file(&path).map_err(failed)?;
        let mut out = BufWriter::with_capacity(BUFFER_BYTES, GzEncoder::new(file, Compression::fast()));
        let head = serde_json::to_string(shape).map_err(|error| failed(error.into()))?;
        out.write_all(head.as_bytes()).and_then(|()| out.write_all(b"\n")).map_err(failed)?;
        Ok(Self { path, out })
    }

    pub(super) fn add(&mut self, key: &[u8], hash: &Hash) -> Result<(), Error> {
        let written = u16::try_from(key.len()).map_err(io::Error::other).and_then(|length| {
            self.out.write_all(&length.to_le_bytes())?;
            self.out.write_all(key)?;
            self.out.write_all(hash)
        });
        written.map_err(Error::disk("writing", &self.path))
    }

    /// Writes the rest; it is on the disk then.
    pub(super) fn finish(self) -> Result<(), Error> {
        let packer = self.out.into_inner().map_err(io::IntoInnerError::into_error);
        let synced = packer.and_then(GzEncoder::finish).and_then(|file| file.sync_all());
        synced.map_err(Error::disk("writing", &self.path))
    }
}

/// A base that is read.
pub(super) struct OldBase {
    path: PathBuf,
    rows: BufReader<GzDecoder<BufReader<File>>>,
    /// The next key, and its hash; read ahead. None behind the last.
    next: Option<(Vec<u8>, Hash)>,
}

impl OldBase {
    /// Whether there is a whole base of this shape. Not where there is none, where it is that of another shape, and where it
    /// is damaged: the table is written whole then, which is always right.
    pub(super) fn is_there(directory: &Path, shape: &Shape) -> Result<bool, Error> {
        let path = directory.join(shape.file());
        if !path.is_file() {
            return Ok(false);
        }
        let mut base = Self::begin(&path).map_err(Error::disk("reading", &path))?;
        Ok(base.read_head().as_ref() == Some(shape) && io::copy(&mut base.rows, &mut io::sink()).is_ok())
    }

    /// Opens the base of this shape, which is there.
    pub(super) fn open(directory: &Path, shape: &Shape) -> Result<Self, Error> {
        let path = directory.join(shape.file());
        let mut base = Self::begin(&path).map_err(Error::disk("reading", &path))?;
        base.read_head();
        base.advance()?;
        Ok(base)
    }

    fn begin(path: &Path) -> io::Result<Self> {
        let file = BufReader::with_capacity(BUFFER_BYTES, disk::open_file(path)?);
        let rows = BufReader::with_capacity(BUFFER_BYTES, GzDecoder::new(file));
        Ok(Self { path: path.to_owned(), rows, next: None })
    }

    fn read_head(&mut self) -> Option<Shape> {
        let mut head = Vec::new();
        self.rows.by_ref().take(HEAD_MAX_BYTES).read_until(b'\n', &mut head).ok()?;
        serde_json::from_slice(&head).ok()
    }

    /// The next key and its hash.
    pub(super) fn peek(&self) -> Option<(&[u8], &Hash)> {
        self.next.as_ref().map(|(key, hash)| (key.as_slice(), hash))
    }

    /// Goes on to the key after it.
    pub(super) fn advance(&mut self) -> Result<(), Error> {
        let (mut key, mut hash) = self.next.take().unwrap_or_default();
        let read = self.rows.fill_buf().map(|rest| !rest.is_empty()).and_then(|more| {
            if !more {
                return Ok(None);
            }
            let mut length = [0; 2];
            self.rows.read_exact(&mut length)?;
            key.resize(usize::from(u16::from_le_bytes(length)), 0);
            self.rows.read_exact(&mut key)?;
            self.rows.read_exact(&mut hash)?;
            Ok(Some((key, hash)))
        });
        self.next = read.map_err(Error::disk("reading", &self.path))?;
        Ok(())
    }
}

//! A file read back: sealed or not, from its beginning or from anywhere.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use super::error::Error;
use super::seal::{Keys, MAGIC, Opened};
use crate::snapshot::place::disk;

/// One read from the disk.
const BUFFER_BYTES: usize = 256 << 10;

/// A file that is read.
pub struct Inlet(Way);

enum Way {
    Plain(BufReader<File>),
    Sealed(Opened<BufReader<File>>),
}

impl Inlet {
    /// Opens a file, and the seal on it with one of the keys.
    pub fn open(path: &Path, keys: Option<&Keys>) -> Result<Self, Error> {
        let failed = |error| Error::disk("opening", path)(error);
        let mut file = disk::open_file(path).map_err(failed)?;
        let mut begins = [0; MAGIC.len()];
        let sealed = is_whole(file.read_exact(&mut begins)).map_err(failed)? && begins == *MAGIC;
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let file = BufReader::with_capacity(BUFFER_BYTES, file);
        let way = if sealed { Way::Sealed(Keys::open(keys, file, path)?) } else { Way::Plain(file) };
        Ok(Self(way))
    }
}

/// Whether there was as much as was wanted.
fn is_whole(read: io::Result<()>) -> io::Result<bool> {
    match read {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

impl Read for Inlet {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Way::Plain(file) => file.read(bytes),
            Way::Sealed(opened) => opened.read(bytes),
        }
    }
}

impl Seek for Inlet {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Way::Plain(file) => file.seek(to),
            Way::Sealed(opened) => opened.seek(to),
        }
    }
}

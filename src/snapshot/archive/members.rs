//! The members of a gzip file, one by one.

use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use flate2::bufread::{GzDecoder, MultiGzDecoder};

use super::error::Error;
use super::inlet::Inlet;
use super::seal::Keys;

/// One read.
const BUFFER_BYTES: usize = 256 << 10;

/// A gzip file that is read.
pub struct Members(BufReader<Inlet>);

/// The bytes of one member, inflated; its CRC is compared when the end is read.
pub struct Member<'a>(GzDecoder<&'a mut BufReader<Inlet>>);

/// The bytes of all members.
pub struct Dump(MultiGzDecoder<BufReader<Inlet>>);

impl Members {
    /// Opens a file, and the seal on it.
    pub fn open(path: &Path, keys: Option<&Keys>) -> Result<Self, Error> {
        Ok(Self(BufReader::with_capacity(BUFFER_BYTES, Inlet::open(path, keys)?)))
    }

    /// The next member; the one before has to be read to its end. None behind the last.
    pub fn next_member(&mut self) -> io::Result<Option<Member<'_>>> {
        if self.0.fill_buf()?.is_empty() { Ok(None) } else { Ok(Some(Member(GzDecoder::new(&mut self.0)))) }
    }

    /// All that is in it, as one text.
    pub fn into_dump(self) -> Dump {
        Dump(MultiGzDecoder::new(self.0))
    }
}

impl Read for Member<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl Read for Dump {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

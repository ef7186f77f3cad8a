//! One data set's bytes on their way into an archive: deflated into a file of their own in staging, so that several workers
//! can work for one archive at once.
//!
//! The file holds a bare deflate stream (RFC 1951). It goes as it is into an entry of a ZIP, or into a member of a gzip file:
//! nothing is deflated twice.

use std::fs;
use std::io::{Read as _, Write};
use std::path::{Path, PathBuf};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};

use super::error::Error;
use super::inlet::Inlet;
use super::outlet::Outlet;
use super::seal::{Keys, Seal};
use super::tally::Tally;
use crate::failpoint;

/// One read from a part.
const BUFFER_BYTES: usize = 256 << 10;

/// A part that is written.
pub struct Part {
    path: PathBuf,
    encoder: DeflateEncoder<Outlet>,
    crc: Crc,
    tally: Tally,
}

/// A part that is done.
#[derive(Debug)]
pub struct DonePart {
    pub(super) packed: Packed,
    path: PathBuf,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// Bytes, uncompressed.
    pub bytes: u64,
}

/// What a ZIP and a gzip file say of deflated bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packed {
    /// CRC-32 of the bytes.
    pub crc32: u32,
    /// Bytes, uncompressed.
    pub bytes: u64,
    /// Bytes, deflated.
    pub packed_bytes: u64,
}

impl Part {
    /// Begins one. `number` is another for each part of a run.
    pub fn create(staging: &Path, number: usize, seal: Option<&Seal>) -> Result<Self, Error> {
        let path = staging.join(format!("part-{number}"));
        let encoder = DeflateEncoder::new(Outlet::create(&path, seal)?, Compression::fast());
        Ok(Self { path, encoder, crc: Crc::new(), tally: Tally::default() })
    }

    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.tally.add(bytes);
        self.crc.update(bytes);
        self.encoder.write_all(bytes).map_err(Error::disk("writing", &self.path))
    }

    /// Writes the rest.
    pub fn finish(mut self) -> Result<DonePart, Error> {
        let ended = self.encoder.try_finish();
        let packed_bytes = self.encoder.total_out();
        let ended = ended.and_then(|()| self.encoder.finish()).and_then(Outlet::finish);
        ended.map_err(Error::disk("writing", &self.path))?;
        failpoint::hit("snapshot-part");
        let bytes = self.tally.bytes();
        let packed = Packed { crc32: self.crc.sum(), bytes, packed_bytes };
        Ok(DonePart { path: self.path, bytes, sha256: self.tally.sha256(), packed })
    }
}

impl DonePart {
    /// Copies the deflated bytes.
    pub(super) fn copy(
        &self,
        keys: Option<&Keys>,
        out: &mut dyn FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut part = Inlet::open(&self.path, keys)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut left = self.packed.packed_bytes;
        while left > 0 {
            let read = part.read(&mut buffer).map_err(Error::disk("reading", &self.path))? as u64;
            if read == 0 || read > left {
                return Err(Error::damaged(&self.path, "it has not as many bytes as were written"));
            }
            out(&buffer[..usize::try_from(read).unwrap_or(0)])?;
            left -= read;
        }
        Ok(())
    }

    /// Removes its file.
    pub fn remove(self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(Error::disk("removing", &self.path))
    }
}

/// Deflates a short text.
pub(super) fn pack(text: &[u8], path: &Path) -> Result<(Packed, Vec<u8>), Error> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    let deflated = encoder.write_all(text).and_then(|()| encoder.finish());
    let deflated = deflated.map_err(Error::disk("writing", path))?;
    let mut crc = Crc::new();
    crc.update(text);
    let packed = Packed { crc32: crc.sum(), bytes: text.len() as u64, packed_bytes: deflated.len() as u64 };
    Ok((packed, deflated))
}

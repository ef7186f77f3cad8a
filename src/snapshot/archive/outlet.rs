//! A file on its way to the disk: buffered, counted and hashed as it stands there, sealed where it has to be.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::error::Error;
use super::seal::{Seal, Sealing};
use super::tally::{Tallied, Tally};
use crate::snapshot::manifest::{ArchiveEntry, Manifest, PER_CUSTOMER};
use crate::snapshot::place::disk;

/// One write to the disk.
const BUFFER_BYTES: usize = 256 << 10;

/// A new file, 0600.
pub struct Outlet(Way);

type Disk = BufWriter<Tallied<File>>;

enum Way {
    Plain(Disk),
    Sealed(Sealing<Disk>),
}

impl Outlet {
    /// Makes the file; it must not be there yet.
    pub fn create(path: &Path, seal: Option<&Seal>) -> Result<Self, Error> {
        let file = disk::create_file(path).map_err(Error::disk("making the file", path))?;
        let disk = BufWriter::with_capacity(BUFFER_BYTES, Tallied::new(file));
        let way = match seal {
            None => Way::Plain(disk),
            Some(seal) => Way::Sealed(seal.wrap(disk).map_err(Error::disk("writing", path))?),
        };
        Ok(Self(way))
    }

    /// Writes the rest. Answers the bytes on the disk, sealed ones where it is sealed, and the file.
    pub fn finish(self) -> io::Result<(Tally, File)> {
        let disk = match self.0 {
            Way::Plain(disk) => disk,
            Way::Sealed(sealing) => sealing.finish()?,
        };
        let Tallied { inner, tally } = disk.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok((tally, inner))
    }

    /// Writes the rest, and waits until all of it is on the disk. Answers what a manifest says of this archive.
    pub(super) fn settle(self, path: &Path, manifest: &Manifest) -> Result<ArchiveEntry, Error> {
        let failed = Error::disk("writing to the disk", path);
        let settled = self.finish().and_then(|(tally, file)| file.sync_all().map(|()| tally));
        let tally = settled.map_err(failed)?;
        let customer = match manifest.customers.as_slice() {
            [one] if manifest.layout == PER_CUSTOMER => Some(one.name.clone()),
            _ => None,
        };
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(ArchiveEntry { file, customer, bytes: tally.bytes(), sha256: tally.sha256() })
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Way::Plain(disk) => disk.write(bytes),
            Way::Sealed(sealing) => sealing.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.0 {
            Way::Plain(disk) => disk.flush(),
            Way::Sealed(sealing) => sealing.flush(),
        }
    }
}

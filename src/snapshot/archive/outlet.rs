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
pub struct Outlet {
    way: Way,
    /// Something could not be written. What comes then goes nowhere: writers of archives try to end them when they are
    /// dropped, and complain on the terminal when they can't.
    broken: bool,
}

type Disk = BufWriter<Tallied<File>>;

enum Way {
    Plain(Box<Disk>),
    Sealed(Box<Sealing<Disk>>),
}

impl Outlet {
    /// Makes the file; it must not be there yet.
    pub fn create(path: &Path, seal: Option<&Seal>) -> Result<Self, Error> {
        let file = disk::create_file(path).map_err(Error::disk("making the file", path))?;
        let disk = BufWriter::with_capacity(BUFFER_BYTES, Tallied::new(file));
        let way = match seal {
            None => Way::Plain(Box::new(disk)),
            Some(seal) => Way::Sealed(Box::new(seal.wrap(disk).map_err(Error::disk("writing", path))?)),
        };
        Ok(Self { way, broken: false })
    }

    /// Writes the rest. Answers the bytes on the disk, sealed ones where it is sealed, and the file.
    pub fn finish(self) -> io::Result<(Tally, File)> {
        if self.broken {
            return Err(io::Error::other("it was given up"));
        }
        let disk = match self.way {
            Way::Plain(disk) => *disk,
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
        if self.broken {
            return Ok(bytes.len());
        }
        let written = match &mut self.way {
            Way::Plain(disk) => disk.write(bytes),
            Way::Sealed(sealing) => sealing.write(bytes),
        };
        self.broken = written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.broken {
            return Ok(());
        }
        let flushed = match &mut self.way {
            Way::Plain(disk) => disk.flush(),
            Way::Sealed(sealing) => sealing.flush(),
        };
        self.broken = flushed.is_err();
        flushed
    }
}

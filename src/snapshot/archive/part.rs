//! One data set's bytes on their way into an archive: deflated into a file of their own in staging, so that several workers
//! can work for one archive at once. Nothing is deflated twice: what is in the file goes as it is into the archive.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{DateTime, ZipArchive, ZipWriter};

use super::error::Error;
use super::inlet::Inlet;
use super::outlet::Outlet;
use super::seal::{Keys, Seal};
use super::tally::Tally;
use crate::failpoint;
use crate::snapshot::place::{disk, run};

/// Deflating is to keep up with the server: fast, and not the smallest.
const LEVEL: u32 = 1;
/// One read from a part.
const BUFFER_BYTES: usize = 256 << 10;
/// The entry of a part, until it gets its path in an archive.
const ENTRY: &str = "part";

/// A part that is written.
pub struct Part {
    path: PathBuf,
    packing: Packing,
    tally: Tally,
}

/// What the file of a part is.
enum Packing {
    /// A ZIP with one entry.
    Entry(Box<ZipWriter<StreamWriter<Outlet>>>),
    /// A gzip file with one member.
    Member(Box<GzEncoder<Outlet>>),
}

/// A part that is done.
#[derive(Debug)]
pub struct DonePart {
    path: PathBuf,
    /// SHA-256 of the bytes, in hexadecimal.
    pub sha256: String,
    /// Bytes, uncompressed.
    pub bytes: u64,
}

impl Part {
    /// Begins one for a ZIP. `number` is another for each part of a run.
    pub fn create(staging: &Path, number: usize, seal: Option<&Seal>) -> Result<Self, Error> {
        let (path, outlet) = make(staging, number, seal)?;
        let mut entry = ZipWriter::new_stream(outlet);
        // The directory is named after its run.
        let stamp = stamp(staging.file_name().and_then(|name| name.to_str()).unwrap_or_default());
        // How long it will be is not known: room for the sizes of a long one.
        let options = options(stamp).compression_level(Some(i64::from(LEVEL))).large_file(true);
        let begun = entry.start_file(ENTRY, options).map_err(io::Error::from);
        begun.map_err(Error::disk("writing", &path))?;
        Ok(Self { path, packing: Packing::Entry(Box::new(entry)), tally: Tally::default() })
    }

    /// Begins one for a gzip file.
    pub fn create_member(staging: &Path, number: usize, seal: Option<&Seal>) -> Result<Self, Error> {
        let (path, outlet) = make(staging, number, seal)?;
        let packing = Packing::Member(Box::new(GzEncoder::new(outlet, Compression::new(LEVEL))));
        Ok(Self { path, packing, tally: Tally::default() })
    }

    /// Takes the next bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.tally.add(bytes);
        let written = match &mut self.packing {
            Packing::Entry(entry) => entry.write_all(bytes),
            Packing::Member(member) => member.write_all(bytes),
        };
        written.map_err(Error::disk("writing", &self.path))
    }

    /// Writes the rest.
    pub fn finish(self) -> Result<DonePart, Error> {
        let outlet = match self.packing {
            Packing::Entry(entry) => entry.finish().map(StreamWriter::into_inner).map_err(io::Error::from),
            Packing::Member(member) => member.finish(),
        };
        outlet.and_then(Outlet::finish).map_err(Error::disk("writing", &self.path))?;
        failpoint::hit("snapshot-part");
        Ok(DonePart { path: self.path, bytes: self.tally.bytes(), sha256: self.tally.sha256() })
    }
}

fn make(staging: &Path, number: usize, seal: Option<&Seal>) -> Result<(PathBuf, Outlet), Error> {
    let path = staging.join(format!("part-{number}"));
    let outlet = Outlet::create(&path, seal)?;
    Ok((path, outlet))
}

impl DonePart {
    /// Its ZIP.
    pub(super) fn entry(&self, keys: Option<&Keys>) -> Result<ZipArchive<Inlet>, Error> {
        let inlet = Inlet::open(&self.path, keys)?;
        ZipArchive::new(inlet).map_err(|error| Error::reading(&self.path, "it", error.into()))
    }

    /// Copies its gzip member.
    pub(super) fn copy_member(&self, keys: Option<&Keys>, out: &mut Outlet, to: &Path) -> Result<(), Error> {
        let mut member = Inlet::open(&self.path, keys)?;
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let read = member.read(&mut buffer).map_err(|error| Error::reading(&self.path, "it", error))?;
            if read == 0 {
                return Ok(());
            }
            out.write_all(&buffer[..read]).map_err(Error::disk("writing", to))?;
        }
    }

    /// Removes its file.
    pub fn remove(self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(Error::disk("removing", &self.path))
    }
}

/// When the entries of a run's archives were made: when it began, in UTC; so two archives of one run are made alike. Of what
/// is not a run, 1980, the first year that there is in a ZIP.
pub(super) fn stamp(run: &str) -> DateTime {
    let part = |number: i8| u8::try_from(number).unwrap_or(0);
    let begun = run::start(run).map(|start| start.to_zoned(jiff::tz::TimeZone::UTC).datetime());
    let stamp = begun.and_then(|at| {
        let year = u16::try_from(at.year()).ok()?;
        let (month, day) = (part(at.month()), part(at.day()));
        DateTime::from_date_and_time(year, month, day, part(at.hour()), part(at.minute()), part(at.second()))
            .ok()
    });
    stamp.unwrap_or_default()
}

/// Of every entry. What is unpacked is for nobody else either.
pub(super) fn options(stamp: DateTime) -> SimpleFileOptions {
    let deflated = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Deflated);
    deflated.last_modified_time(stamp).unix_permissions(disk::FILE_MODE)
}

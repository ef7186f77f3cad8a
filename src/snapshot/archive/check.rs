//! Reads a finished archive back: it holds what its manifest says, and nothing else.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;

use super::contents::Contents;
use super::error::Error;
use super::members::Members;
use super::seal::Keys;
use super::tally::Tally;
use super::zip::is_inside;
use crate::snapshot::manifest::{ArchiveEntry, DatasetEntry, Manifest};
use crate::snapshot::place::{MANIFEST_FILE, disk};

/// One read.
const BUFFER_BYTES: usize = 256 << 10;

/// What an archive was found to hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Checked {
    /// Data sets.
    pub datasets: u64,
    /// Rows of all of them.
    pub rows: u64,
    /// Bytes of all of them, uncompressed.
    pub bytes: u64,
}

/// Checks a ZIP by the manifest in it.
pub fn check(path: &Path, keys: Option<&Keys>) -> Result<Checked, Error> {
    let mut contents = Contents::open(path, keys)?;
    let manifest = contents.manifest()?;
    let mut known = BTreeSet::from([MANIFEST_FILE.to_owned()]);
    let mut checked = Checked::default();
    for dataset in &manifest.datasets {
        let rows = dataset.rows;
        let wanted = Wanted { file: &dataset.file, rows, bytes: dataset.bytes, sha256: &dataset.sha256 };
        check_entry(&mut contents, path, &wanted)?;
        known.insert(dataset.file.clone());
        if let Some(deleted) = &dataset.deleted {
            let rows = deleted.rows;
            let wanted = Wanted { file: &deleted.file, rows, bytes: deleted.bytes, sha256: &deleted.sha256 };
            check_entry(&mut contents, path, &wanted)?;
            known.insert(deleted.file.clone());
        }
        checked.add(dataset);
    }
    if contents.is_ambiguous() {
        return Err(Error::damaged(path, "two of its entries have one name"));
    }
    for entry in contents.paths()? {
        if known.contains(&entry) {
            continue;
        }
        if !is_inside(&entry) || !is_text(&entry) {
            return Err(Error::damaged(
                path,
                format!("`{}` is in it, and nobody put it there", entry.escape_debug()),
            ));
        }
        // Its CRC.
        let read = std::io::copy(&mut contents.entry(&entry)?, &mut std::io::sink());
        read.map_err(|error| Error::reading(path, &format!("`{entry}`"), error))?;
    }
    Ok(checked)
}

/// Checks a gzip file by its manifest: each data set is a member of it, in the manifest's order.
pub fn check_dump(path: &Path, keys: Option<&Keys>, manifest: &Manifest) -> Result<Checked, Error> {
    let mut members = Members::open(path, keys)?;
    let mut checked = Checked::default();
    let mut wanted = manifest.datasets.iter().peekable();
    let unreadable = |error| Error::reading(path, "a part of it", error);
    while let Some(mut member) = members.next_member().map_err(unreadable)? {
        let (found, _) = read_through(&mut member).map_err(unreadable)?;
        let (bytes, sha256) = (found.bytes(), found.sha256());
        let next = wanted.next_if(|dataset| dataset.bytes == bytes && dataset.sha256 == sha256);
        if let Some(dataset) = next {
            checked.add(dataset);
        }
    }
    match wanted.next() {
        None => Ok(checked),
        Some(missing) => Err(Error::damaged(
            path,
            format!("the rows of table {} are not in it as they were written", missing.table),
        )),
    }
}

/// Checks an archive as a file, by what the directory's manifest says of it. It need not be opened for that.
pub fn check_file(path: &Path, wanted: &ArchiveEntry) -> Result<(), Error> {
    let mut file = disk::open_file(path).map_err(Error::disk("opening", path))?;
    let (found, _) = read_through(&mut file).map_err(Error::disk("reading", path))?;
    if found.bytes() == wanted.bytes && found.sha256() == wanted.sha256 {
        Ok(())
    } else {
        let problem = format!("it is not the file of {} bytes that was published", wanted.bytes);
        Err(Error::damaged(path, problem))
    }
}

/// Whether this may stand beside the data sets: `meta/B_PAYER.sql`.
fn is_text(entry: &str) -> bool {
    let name = entry.strip_prefix("meta/").and_then(|name| name.strip_suffix(".sql"));
    name.is_some_and(|name| !name.contains('/'))
}

impl Checked {
    /// Adds what another archive has.
    pub fn add_all(&mut self, other: &Self) {
        self.datasets += other.datasets;
        self.rows += other.rows;
        self.bytes += other.bytes;
    }

    fn add(&mut self, dataset: &DatasetEntry) {
        self.datasets += 1;
        self.rows += dataset.rows;
        self.bytes += dataset.bytes;
    }
}

/// What an entry has to be.
struct Wanted<'a> {
    file: &'a str,
    rows: u64,
    bytes: u64,
    sha256: &'a str,
}

fn check_entry(contents: &mut Contents, path: &Path, wanted: &Wanted<'_>) -> Result<(), Error> {
    let Wanted { file, .. } = wanted;
    let mut entry = contents.entry(file)?;
    let (found, lines) =
        read_through(&mut entry).map_err(|error| Error::reading(path, &format!("`{file}`"), error))?;
    let bytes = found.bytes();
    if bytes != wanted.bytes || found.sha256() != wanted.sha256 {
        let problem =
            format!("`{file}` has {bytes} bytes, and its manifest has {} of another SHA-256", wanted.bytes);
        return Err(Error::damaged(path, problem));
    }
    let rows = lines.saturating_sub(1);
    if wanted.rows != rows {
        return Err(Error::damaged(
            path,
            format!("`{file}` has {rows} rows, and its manifest has another number"),
        ));
    }
    Ok(())
}

/// Reads to the end: what there was, and how many lines.
fn read_through(from: &mut impl Read) -> std::io::Result<(Tally, u64)> {
    let mut buffer = vec![0; BUFFER_BYTES];
    let (mut tally, mut lines) = (Tally::default(), 0);
    loop {
        let read = from.read(&mut buffer)?;
        if read == 0 {
            return Ok((tally, lines));
        }
        tally.add(&buffer[..read]);
        lines += memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64;
    }
}

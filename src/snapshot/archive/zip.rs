//! A ZIP out of parts: their deflated bytes are copied as they are, `manifest.json` comes last.
//!
//! Texts pass through a small ZIP in memory, as parts do through one on the disk: so all sizes are known when an entry's
//! header is written, and the archive is sealed and hashed on its way to the disk, which never goes back.

use std::collections::BTreeSet;
use std::io::{Cursor, Write as _};
use std::path::Path;

use zip::read::ZipFile;
use zip::result::{ZipError, ZipResult};
use zip::write::StreamWriter;
use zip::{ZipArchive, ZipWriter};

use super::error::Error;
use super::outlet::Outlet;
use super::part::{DonePart, options, stamp};
use super::seal::Seal;
use crate::failpoint;
use crate::snapshot::manifest::{ArchiveEntry, Manifest};
use crate::snapshot::place::MANIFEST_FILE;

/// What a name in a ZIP may have.
const PATH_MAX_BYTES: usize = u16::MAX as usize;

/// Makes an archive of the parts, of some texts, and of the manifest that describes them; then the parts are removed.
/// It is on the disk when this returns; it is not checked.
pub fn assemble(
    path: &Path,
    parts: Vec<(String, DonePart)>,
    texts: &[(String, Vec<u8>)],
    manifest: &Manifest,
    seal: Option<&Seal>,
) -> Result<ArchiveEntry, Error> {
    failpoint::hit("snapshot-before-assemble");
    let manifest_text = serde_json::to_vec_pretty(manifest).map_err(|error| {
        Error::damaged(path, format!("its manifest can't be written, line {}", error.line()))
    })?;
    let texts = texts.iter().map(|(entry, text)| (entry.as_str(), text.as_slice()));
    let texts: Vec<_> = texts.chain([(MANIFEST_FILE, manifest_text.as_slice())]).collect();
    check_paths(
        path,
        parts.iter().map(|(entry, _)| entry.as_str()).chain(texts.iter().map(|(entry, _)| *entry)),
    )?;
    let mut zip = ZipWriter::new(StreamWriter::new(Outlet::create(path, seal)?));
    let failed = |error: ZipError| Error::disk("writing", path)(error.into());
    let keys = seal.map(Seal::keys);
    for (entry, part) in &parts {
        let mut part = part.entry(keys.as_ref())?;
        copy(&mut zip, part.by_index_raw(0), entry).map_err(failed)?;
    }
    for (entry, text) in texts {
        let mut small = pack(text, &manifest.run).map_err(failed)?;
        copy(&mut zip, small.by_index_raw(0), entry).map_err(failed)?;
    }
    let outlet = zip.finish().map_err(failed)?.into_inner();
    let done = outlet.settle(path, manifest)?;
    failpoint::hit("snapshot-assembled");
    for (_, part) in parts {
        part.remove()?;
    }
    Ok(done)
}

/// Copies an entry under another path, without inflating it.
fn copy<R: std::io::Read>(
    zip: &mut ZipWriter<StreamWriter<Outlet>>,
    entry: ZipResult<ZipFile<'_, R>>,
    path: &str,
) -> ZipResult<()> {
    zip.raw_copy_file_rename(entry?, path)
}

/// A ZIP in memory with one short text.
fn pack(text: &[u8], run: &str) -> ZipResult<ZipArchive<Cursor<Vec<u8>>>> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("text", options(stamp(run)))?;
    zip.write_all(text)?;
    zip.finish_into_readable()
}

/// No entry leads out of the archive, and none is another's, also for those who don't tell the cases apart.
fn check_paths<'a>(path: &Path, entries: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for entry in entries {
        if !is_inside(entry) {
            return Err(Error::Path { path: path.to_owned(), entry: entry.to_owned() });
        }
        if !seen.insert(entry.to_lowercase()) {
            return Err(Error::Twice { path: path.to_owned(), entry: entry.to_owned() });
        }
    }
    Ok(())
}

/// Whether a path stays in the directory that somebody unpacks to, on any system.
pub(super) fn is_inside(path: &str) -> bool {
    let sound = |step: &str| !step.is_empty() && step != "." && step != "..";
    path.len() <= PATH_MAX_BYTES
        && path.split('/').all(sound)
        && !path.chars().any(|letter| letter.is_control() || letter == '\\' || letter == ':')
}

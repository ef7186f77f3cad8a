//! A ZIP out of parts: their deflated bytes are copied as they are, `manifest.json` comes last.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::Path;

use super::directory::{Entry, Stamp, central_directory, local_header};
use super::error::Error;
use super::outlet::Outlet;
use super::part::{DonePart, Packed, pack};
use super::seal::Seal;
use crate::failpoint;
use crate::snapshot::manifest::{ArchiveEntry, Manifest};
use crate::snapshot::place::{MANIFEST_FILE, run};

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
    let mut archive = Archive::create(path, manifest, seal)?;
    let keys = seal.map(Seal::keys);
    for (entry, part) in &parts {
        archive.begin(entry, part.packed)?;
        part.copy(keys.as_ref(), &mut |bytes| archive.write(bytes))?;
    }
    let text = serde_json::to_vec_pretty(manifest).map_err(|error| {
        Error::damaged(path, format!("its manifest can't be written, line {}", error.line()))
    })?;
    for (entry, text) in
        texts.iter().map(|(entry, text)| (entry.as_str(), text)).chain([(MANIFEST_FILE, &text)])
    {
        let (packed, deflated) = pack(text, path)?;
        archive.begin(entry, packed)?;
        archive.write(&deflated)?;
    }
    let done = archive.finish(manifest)?;
    failpoint::hit("snapshot-assembled");
    for (_, part) in parts {
        part.remove()?;
    }
    Ok(done)
}

/// A ZIP that is written.
struct Archive<'a> {
    path: &'a Path,
    out: Outlet,
    written: u64,
    stamp: Stamp,
    entries: Vec<Entry>,
    /// In lower case: many who unpack don't tell the cases apart.
    names: BTreeSet<String>,
}

impl<'a> Archive<'a> {
    fn create(path: &'a Path, manifest: &Manifest, seal: Option<&Seal>) -> Result<Self, Error> {
        let begun = run::start(&manifest.run).unwrap_or_default();
        let stamp = Stamp::new(begun.to_zoned(jiff::tz::TimeZone::UTC).datetime());
        let out = Outlet::create(path, seal)?;
        Ok(Self { path, out, written: 0, stamp, entries: Vec::new(), names: BTreeSet::new() })
    }

    fn begin(&mut self, entry: &str, packed: Packed) -> Result<(), Error> {
        if !is_inside(entry) {
            return Err(Error::Path { path: self.path.to_owned(), entry: entry.to_owned() });
        }
        if !self.names.insert(entry.to_lowercase()) {
            return Err(Error::Twice { path: self.path.to_owned(), entry: entry.to_owned() });
        }
        let offset = self.written;
        self.write(&local_header(entry, packed, self.stamp))?;
        self.entries.push(Entry { path: entry.to_owned(), packed, offset });
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes).map_err(Error::disk("writing", self.path))
    }

    fn finish(mut self, manifest: &Manifest) -> Result<ArchiveEntry, Error> {
        let directory = central_directory(&self.entries, self.stamp, self.written);
        self.write(&directory)?;
        self.out.settle(self.path, manifest)
    }
}

/// Whether a path stays in the directory that somebody unpacks to, on any system.
pub(super) fn is_inside(path: &str) -> bool {
    let sound = |step: &str| !step.is_empty() && step != "." && step != "..";
    path.len() <= PATH_MAX_BYTES
        && path.split('/').all(sound)
        && !path.chars().any(|letter| letter.is_control() || letter == '\\' || letter == ':')
}

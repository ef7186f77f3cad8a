//! What is in a finished ZIP, entry by entry.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::read::ZipFile;
use zip::result::ZipError;

use super::error::Error;
use super::inlet::Inlet;
use super::seal::Keys;
use crate::snapshot::manifest::{MANIFEST_VERSION, Manifest};
use crate::snapshot::place::MANIFEST_FILE;

/// A manifest holds names and counts; one that is longer is none of ours.
const MANIFEST_MAX_BYTES: u64 = 256 << 20;

/// An archive that is read.
pub struct Contents {
    path: PathBuf,
    zip: ZipArchive<Inlet>,
}

/// The bytes of one entry, inflated; its CRC is compared when the end is read.
pub struct Entry<'a>(ZipFile<'a, Inlet>);

impl Contents {
    /// Opens an archive, and the seal on it.
    pub fn open(path: &Path, keys: Option<&Keys>) -> Result<Self, Error> {
        let inlet = Inlet::open(path, keys)?;
        let zip = ZipArchive::new(inlet).map_err(|error| from_zip(path, "its directory", error))?;
        Ok(Self { path: path.to_owned(), zip })
    }

    /// Its manifest.
    pub fn manifest(&mut self) -> Result<Manifest, Error> {
        let path = self.path.clone();
        let mut text = Vec::new();
        let entry = self.entry(MANIFEST_FILE)?;
        entry
            .take(MANIFEST_MAX_BYTES)
            .read_to_end(&mut text)
            .map_err(|error| Error::reading(&path, MANIFEST_FILE, error))?;
        let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| {
            Error::damaged(&path, format!("{MANIFEST_FILE} can't be read, line {}", error.line()))
        })?;
        if manifest.version > MANIFEST_VERSION {
            let problem = format!(
                "{MANIFEST_FILE} has version {}, and this program knows {MANIFEST_VERSION}",
                manifest.version
            );
            return Err(Error::damaged(&path, problem));
        }
        Ok(manifest)
    }

    /// The paths of all entries, in the archive's order.
    pub fn paths(&self) -> Result<Vec<String>, Error> {
        let read =
            |path: zip::result::ZipResult<std::borrow::Cow<'_, str>>| path.map(std::borrow::Cow::into_owned);
        let paths: Result<_, _> = self.zip.file_names().map(read).collect();
        paths.map_err(|error| from_zip(&self.path, "its directory", error))
    }

    /// Two entries have one path: readers would not agree which of them it is.
    pub(super) fn is_ambiguous(&self) -> bool {
        self.zip.has_duplicate_names()
    }

    /// Opens one entry.
    pub fn entry(&mut self, path: &str) -> Result<Entry<'_>, Error> {
        match self.zip.by_name(path) {
            Ok(entry) => Ok(Entry(entry)),
            Err(ZipError::FileNotFound) => Err(Error::damaged(&self.path, format!("`{path}` is not in it"))),
            Err(error) => Err(from_zip(&self.path, &format!("`{path}`"), error)),
        }
    }
}

impl Read for Entry<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

fn from_zip(path: &Path, what: &str, error: ZipError) -> Error {
    if let ZipError::Io(error) = error {
        Error::reading(path, what, error)
    } else {
        Error::damaged(path, format!("{what} is not that of a ZIP"))
    }
}

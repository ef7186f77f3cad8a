//! The directory of one snapshot: what is where, whose it is, and who works in it.

use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::disk::{self, Owner};
use super::error::Error;
use super::run;
use crate::name::SnapshotName;
use crate::snapshot::manifest::{MANIFEST_VERSION, Manifest};

/// What stands in every run, staged or published, as soon as it is whole.
pub const MANIFEST_FILE: &str = "manifest.json";
/// The link to the newest published run.
pub const CURRENT: &str = "current";

pub(super) const STAGING: &str = "staging";
pub(super) const PUBLISHED: &str = "published";
pub(super) const BASE: &str = "base";
const LOCK: &str = "lock";
/// A manifest holds names and counts; one that is longer is none of ours.
const MANIFEST_MAX_BYTES: u64 = 256 << 20;
/// What a holder of the lock says of itself.
const HOLDER_MAX_BYTES: u64 = 200;
/// The bits of a mode for those who are not the owner.
const OTHERS: u32 = 0o077;
/// Anybody may write.
const WORLD_WRITES: u32 = 0o002;
/// In such a directory, as in /tmp, nobody renames what is another's.
const STICKY: u32 = 0o1000;

/// The directory of one snapshot.
#[derive(Debug, Clone)]
pub struct Place {
    pub(super) root: PathBuf,
    pub(super) owner: Owner,
}

/// A place that nobody else works in, as long as this lives. The system lets go of it also when the process is killed.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held, not used: the lock is the file's")] File);

/// A published run.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its name.
    pub run: String,
    /// Its directory.
    pub path: PathBuf,
    /// What is in it.
    pub manifest: Manifest,
    /// `current` points to it.
    pub current: bool,
}

impl Place {
    /// Opens the place of a snapshot; makes what is missing of it, `directory` included.
    pub fn open(directory: &Path, name: &SnapshotName) -> Result<Self, Error> {
        let owner = make_directory(directory)?;
        let directory =
            fs::canonicalize(directory).map_err(Error::disk("opening the directory", directory))?;
        let mode = metadata(&directory)?.permissions().mode();
        if mode & WORLD_WRITES != 0 && mode & STICKY == 0 {
            let advised = mode & 0o7777 & !WORLD_WRITES;
            return Err(Error::Open { path: directory, mode: mode & 0o7777, advised });
        }
        let place = Self { root: directory.join(name.as_str()), owner };
        for own in [None, Some(STAGING), Some(PUBLISHED), Some(BASE)] {
            let path = own.map_or_else(|| place.root.clone(), |own| place.root.join(own));
            owner.ensure_directory(&path).map_err(Error::disk("making the directory", &path))?;
            check_own(&path)?;
        }
        Ok(place)
    }

    /// The place of a snapshot, if it is there; nothing is made.
    pub fn find(directory: &Path, name: &SnapshotName) -> Result<Option<Self>, Error> {
        let root = directory.join(name.as_str());
        if disk::look(&root).map_err(Error::disk("looking for the directory", &root))?.is_none() {
            return Ok(None);
        }
        check_own(&root)?;
        let owner = Owner::of(directory).map_err(Error::disk("looking for the directory", directory))?;
        Ok(Some(Self { root, owner }))
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Whom new files in it belong to.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// Takes the place for one run. `doing` tells others what for; no value, no secret.
    pub fn lock(&self, doing: &str, now: Timestamp) -> Result<Lock, Error> {
        let path = self.root.join(LOCK);
        let failed = Error::disk("locking", &path);
        let mut file = self.owner.open_file(&path).map_err(Error::disk("opening", &path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // What it says is a help, not a need.
                let _ = file.take(HOLDER_MAX_BYTES).read_to_string(&mut holder);
                return Err(Error::Busy { path: self.root.clone(), holder: holder.trim_end().to_owned() });
            }
        }
        let holder = format!("{doing}, process {}, since {now:.0}\n", std::process::id());
        let told = file.set_len(0).and_then(|()| file.seek(SeekFrom::Start(0)));
        told.and_then(|_| file.write_all(holder.as_bytes())).map_err(failed)?;
        Ok(Lock(file))
    }

    /// Whether there is room for what is to be written.
    pub fn check_room(&self, needed: u64) -> Result<(), Error> {
        let free = disk::free_bytes(&self.root).map_err(Error::disk("asking for the room in", &self.root))?;
        if free < needed { Err(Error::NoRoom { path: self.root.clone(), needed, free }) } else { Ok(()) }
    }

    /// The name of a run that begins now: newer than any that is here.
    pub fn new_run(&self, now: Timestamp) -> Result<String, Error> {
        let mut newest = self.runs(PUBLISHED)?.pop();
        newest = newest.max(self.runs(STAGING)?.pop());
        Ok(run::name(now, newest.as_deref()))
    }

    /// The run that `current` leads to.
    pub fn current(&self) -> Result<Option<String>, Error> {
        let link = self.root.join(CURRENT);
        let target =
            disk::unless_missing(fs::read_link(&link)).map_err(Error::disk("reading the link", &link))?;
        let run = target.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        let run =
            run.filter(|run| run::is_name(run) && self.published_path(run).join(MANIFEST_FILE).is_file());
        Ok(run.map(str::to_owned))
    }

    /// The runs that are published, the newest first. An old one that can't be read is left out, and told of.
    pub fn published(&self) -> Result<Vec<Published>, Error> {
        let current = self.current()?;
        let mut published = Vec::new();
        for run in self.runs(PUBLISHED)?.into_iter().rev() {
            let path = self.published_path(&run);
            // One that came to its directory without `current` is not published; see `clear`.
            if current.as_ref().is_some_and(|current| run <= *current) {
                let is_current = current.as_ref() == Some(&run);
                match manifest(&path) {
                    Ok(manifest) => published.push(Published { current: is_current, run, path, manifest }),
                    Err(error) if is_current => return Err(error),
                    Err(error) => tracing::warn!(%run, "an old run is passed over, and stays: {error}"),
                }
            }
        }
        Ok(published)
    }

    /// The staged runs that are whole and newer than what is published, the newest first.
    pub fn staged(&self) -> Result<Vec<String>, Error> {
        let current = self.current()?;
        let waits = |run: &String| {
            self.staging_path(run).join(MANIFEST_FILE).is_file() && current.as_ref().is_none_or(|it| run > it)
        };
        Ok(self.runs(STAGING)?.into_iter().rev().filter(waits).collect())
    }

    /// The whole runs that wait to be published, the newest first: the staged ones, and one whose publishing died before its
    /// last step.
    pub fn waiting(&self) -> Result<Vec<String>, Error> {
        let current = self.current()?;
        let is_half = |run: &String| {
            self.published_path(run).join(MANIFEST_FILE).is_file()
                && current.as_ref().is_none_or(|current| run > current)
        };
        let mut waiting = self.staged()?;
        waiting.extend(self.runs(PUBLISHED)?.into_iter().filter(is_half));
        waiting.sort_unstable_by(|one, other| other.cmp(one));
        Ok(waiting)
    }

    /// The manifest of a staged run that is whole.
    pub fn staged_manifest(&self, run: &str) -> Result<Manifest, Error> {
        check_run(run)?;
        manifest(&self.staging_path(run))
    }

    /// The state that an incremental run compares with: that of the published run, if it left one.
    pub fn base(&self) -> Result<Option<(String, PathBuf)>, Error> {
        let base = self.current()?.map(|run| (run.clone(), self.root.join(BASE).join(run)));
        Ok(base.filter(|(_, path)| path.is_dir()))
    }

    /// Names of runs in one of the directories, the oldest first.
    pub(super) fn runs(&self, directory: &str) -> Result<Vec<String>, Error> {
        let path = self.root.join(directory);
        let mut names = disk::names(&path).map_err(Error::disk("listing", &path))?;
        names.retain(|name| run::is_name(name));
        Ok(names)
    }

    pub(super) fn published_path(&self, run: &str) -> PathBuf {
        self.root.join(PUBLISHED).join(run)
    }

    pub(super) fn staging_path(&self, run: &str) -> PathBuf {
        self.root.join(STAGING).join(run)
    }
}

/// Reads the manifest of a run's directory.
pub fn manifest(directory: &Path) -> Result<Manifest, Error> {
    let path = directory.join(MANIFEST_FILE);
    let file = disk::open_file(&path).map_err(Error::disk("reading", &path))?;
    let mut text = Vec::new();
    file.take(MANIFEST_MAX_BYTES).read_to_end(&mut text).map_err(Error::disk("reading", &path))?;
    let manifest: Manifest = serde_json::from_slice(&text).map_err(|error| Error::Manifest {
        path: path.clone(),
        problem: format!("line {}, column {}", error.line(), error.column()),
    })?;
    if manifest.version > MANIFEST_VERSION {
        let problem =
            format!("it has version {}, and this program knows {MANIFEST_VERSION}", manifest.version);
        return Err(Error::Manifest { path, problem });
    }
    Ok(manifest)
}

/// Makes a directory with those above it where they are missing. Answers whom new things in it belong to.
fn make_directory(directory: &Path) -> Result<Owner, Error> {
    let failed = Error::disk("making the directory", directory);
    match disk::unless_missing(fs::metadata(directory)).map_err(Error::disk("opening", directory))? {
        Some(metadata) if metadata.is_dir() => Owner::of(directory).map_err(failed),
        Some(_) => Err(Error::NotADirectory(directory.to_owned())),
        None => {
            let above = directory.parent().filter(|above| !above.as_os_str().is_empty());
            let owner = make_directory(above.unwrap_or(Path::new(".")))?;
            owner.ensure_directory(directory).map_err(failed)?;
            Ok(owner)
        }
    }
}

/// Makes a directory of one's own, 0700, or takes one that is there, empty, one's own and closed to others.
pub fn make_empty(directory: &Path) -> Result<(), Error> {
    // With a slash behind it, a link would be taken for what it leads to.
    let directory: &Path = &directory.components().collect::<PathBuf>();
    let failed = Error::disk("opening the directory", directory);
    make_directory(directory)?;
    check_own(directory)?;
    let mut names = fs::read_dir(directory).map_err(failed)?;
    if names.next().is_some() { Err(Error::NotEmpty(directory.to_owned())) } else { Ok(()) }
}

/// A directory of ours is a directory, ours, and nobody else's.
fn check_own(path: &Path) -> Result<(), Error> {
    let metadata = fs::symlink_metadata(path).map_err(Error::disk("opening the directory", path))?;
    let own = rustix::process::geteuid();
    if !metadata.is_dir() {
        return Err(Error::NotADirectory(path.to_owned()));
    }
    if !disk::is_root() && metadata.uid() != own.as_raw() {
        return Err(Error::Foreign { path: path.to_owned(), uid: metadata.uid(), own: own.as_raw() });
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & OTHERS != 0 {
        return Err(Error::Open { path: path.to_owned(), mode, advised: disk::DIRECTORY_MODE });
    }
    Ok(())
}

pub(super) fn check_run(run: &str) -> Result<(), Error> {
    if run::is_name(run) { Ok(()) } else { Err(Error::NotARun(run.to_owned())) }
}

fn metadata(path: &Path) -> Result<fs::Metadata, Error> {
    fs::metadata(path).map_err(Error::disk("opening the directory", path))
}

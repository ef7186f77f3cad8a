//! Directories and files the one right way: for nobody but their owner, never through somebody's link, and on the disk
//! before anything relies on them.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid};

/// Of directories that are made here.
pub const DIRECTORY_MODE: u32 = 0o700;
/// Of files that are made here.
pub const FILE_MODE: u32 = 0o600;
/// Behind the name of what is written before it takes the place of another.
const NEW: &str = ".new";

/// Whom things belong to that are made here. As root, whoever owns the directory: else a run that an operator starts as
/// root would lock the service out of its own snapshots. Any other process: itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(Option<(u32, u32)>);

impl Owner {
    /// For what is made in this directory.
    pub fn of(directory: &Path) -> io::Result<Self> {
        let theirs = fs::metadata(directory)?;
        Ok(Self(is_root().then(|| (theirs.uid(), theirs.gid()))))
    }

    /// Gives a directory, a file or a link to the owner; never what a link points to.
    fn give(self, path: &Path) -> io::Result<()> {
        let Some((uid, gid)) = self.0 else { return Ok(()) };
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        Ok(rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?)
    }

    /// Gives a directory and all that is in it to the owner.
    pub(super) fn give_all(self, directory: &Path) -> io::Result<()> {
        if self.0.is_none() {
            return Ok(());
        }
        for entry in fs::read_dir(directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                self.give_all(&entry.path())?;
            } else {
                self.give(&entry.path())?;
            }
        }
        self.give(directory)
    }

    /// Makes a directory that is not there yet, 0700.
    pub fn create_directory(self, path: &Path) -> io::Result<()> {
        DirBuilder::new().mode(DIRECTORY_MODE).create(path)?;
        // The process's umask may have taken more than it should.
        fs::set_permissions(path, Permissions::from_mode(DIRECTORY_MODE))?;
        self.give(path)
    }

    /// Makes a directory, 0700, unless it is there: another run may make the same one at the same moment.
    pub fn ensure_directory(self, path: &Path) -> io::Result<()> {
        match self.create_directory(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made,
        }
    }

    /// Makes a file that is not there yet, 0600.
    pub fn create_file(self, path: &Path) -> io::Result<File> {
        let file = create_file(path)?;
        self.give(path)?;
        Ok(file)
    }

    /// Opens a file for writing, 0600, that may be there; a link in its place is refused.
    pub(super) fn open_file(self, path: &Path) -> io::Result<File> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(FILE_MODE)
            .custom_flags(no_follow())
            .open(path)?;
        self.give(path)?;
        Ok(file)
    }

    /// Puts a file with these bytes in the place of the old one, or where none was: after a crash either is there, whole.
    pub fn replace_file(self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = beside(path);
        remove_file_if_there(&new)?;
        let mut file = self.create_file(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        sync_parent(path)
    }

    /// Points a link to another place: after a crash it points to the old one, or to this.
    pub(super) fn replace_link(self, link: &Path, target: &Path) -> io::Result<()> {
        let new = beside(link);
        remove_file_if_there(&new)?;
        std::os::unix::fs::symlink(target, &new)?;
        self.give(&new)?;
        fs::rename(&new, link)?;
        sync_parent(link)
    }
}

/// This process may do everything, and what it makes would belong to root.
pub(super) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Makes a file that is not there yet, 0600, for the process's user.
pub fn create_file(path: &Path) -> io::Result<File> {
    // `O_EXCL` follows no link either.
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(FILE_MODE).open(path)?;
    file.set_permissions(Permissions::from_mode(FILE_MODE))?;
    Ok(file)
}

/// Opens a file for reading; a link in its place is refused.
pub fn open_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(no_follow()).open(path)
}

fn no_follow() -> i32 {
    (OFlags::NOFOLLOW | OFlags::CLOEXEC).bits().cast_signed()
}

/// Where it is written before it takes its place: in the same directory, hence on the same file system.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(OsStr::new(NEW));
    path.with_file_name(name)
}

/// Writes a directory's entries to the disk: a rename is not there after a power cut without it.
pub fn sync_directory(path: &Path) -> io::Result<()> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(CWD, path, flags, Mode::empty())?;
    Ok(rustix::fs::fsync(directory)?)
}

fn sync_parent(path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), sync_directory)
}

/// The metadata of what is there, not of what a link points to; none where nothing is.
pub(super) fn look(path: &Path) -> io::Result<Option<fs::Metadata>> {
    unless_missing(fs::symlink_metadata(path))
}

/// The names in a directory that are valid UTF-8, in order; none where there is no such directory.
pub(super) fn names(directory: &Path) -> io::Result<Vec<String>> {
    let Some(entries) = unless_missing(fs::read_dir(directory))? else { return Ok(Vec::new()) };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry?.file_name().into_string());
    }
    names.sort_unstable();
    Ok(names)
}

/// Removes a file or a link, if there is one.
pub(super) fn remove_file_if_there(path: &Path) -> io::Result<()> {
    unless_missing(fs::remove_file(path)).map(drop)
}

/// Removes whatever is there; what links point to stays.
pub(super) fn remove_all(path: &Path) -> io::Result<()> {
    match look(path)? {
        None => Ok(()),
        Some(metadata) if metadata.is_dir() => unless_missing(fs::remove_dir_all(path)).map(drop),
        Some(_) => remove_file_if_there(path),
    }
}

/// `None` where the answer is that there is no such thing.
pub(super) fn unless_missing<T>(answer: io::Result<T>) -> io::Result<Option<T>> {
    match answer {
        Ok(there) => Ok(Some(there)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Bytes that this process may still write to the file system of this path.
pub(super) fn free_bytes(path: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(path)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_takes_the_place_of_another_and_nothing_stays_beside_it() {
        let home = tempfile::tempdir().expect("a directory");
        let owner = Owner::of(home.path()).expect("its owner");
        let path = home.path().join("record.json");
        for text in ["one", "two"] {
            owner.replace_file(&path, text.as_bytes()).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("read"), text);
        }
        assert_eq!(names(home.path()).expect("listed"), ["record.json"]);
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o7777, FILE_MODE);
    }

    #[test]
    fn a_link_is_not_followed() {
        let home = tempfile::tempdir().expect("a directory");
        let owner = Owner::of(home.path()).expect("its owner");
        let (mine, link) = (home.path().join("mine"), home.path().join("link"));
        fs::write(&mine, "kept").expect("written");
        std::os::unix::fs::symlink(&mine, &link).expect("linked");
        assert!(owner.open_file(&link).is_err(), "opened for writing");
        assert!(open_file(&link).is_err(), "opened for reading");
        assert!(owner.create_file(&link).is_err(), "made");
        remove_all(&link).expect("removed");
        assert_eq!(fs::read_to_string(&mine).expect("read"), "kept");
    }
}

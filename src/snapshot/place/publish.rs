//! From an empty staging directory to the published run, and what is left over of those that died on the way.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::disk;
use super::error::Error;
use super::run;
use super::site::{BASE, CURRENT, Lock, MANIFEST_FILE, PUBLISHED, Place, STAGING, check_run};
use crate::failpoint;
use crate::snapshot::manifest::Manifest;

impl Place {
    /// Makes the directory that a run writes its files to.
    pub fn stage(&self, _lock: &Lock, run: &str) -> Result<PathBuf, Error> {
        check_run(run)?;
        let path = self.staging_path(run);
        self.owner.create_directory(&path).map_err(Error::disk("making the directory", &path))?;
        Ok(path)
    }

    /// Makes the directory, inside a staged run's, for what the next incremental run compares with.
    pub fn stage_base(&self, _lock: &Lock, run: &str) -> Result<PathBuf, Error> {
        check_run(run)?;
        let path = self.staging_path(run).join(BASE);
        self.owner.create_directory(&path).map_err(Error::disk("making the directory", &path))?;
        Ok(path)
    }

    /// Declares a staged run whole: its manifest is written. All its files have to be on the disk.
    pub fn complete(&self, _lock: &Lock, run: &str, manifest: &Manifest) -> Result<(), Error> {
        check_run(run)?;
        let path = self.staging_path(run);
        self.owner.give_all(&path).map_err(Error::disk("giving to its owner", &path))?;
        disk::sync_directory(&path).map_err(Error::disk("writing to the disk", &path))?;
        failpoint::hit("snapshot-before-manifest");
        self.write_manifest(&path, manifest)?;
        failpoint::hit("snapshot-staged");
        Ok(())
    }

    /// Puts a staged run in the place of the published one. May be called again after it died half-way.
    pub fn publish(&self, _lock: &Lock, run: &str) -> Result<PathBuf, Error> {
        check_run(run)?;
        let published = self.published_path(run);
        match self.current()? {
            Some(current) if current == run => return Ok(published),
            Some(current) if *current > *run => {
                return Err(Error::Superseded { run: run.to_owned(), by: current });
            }
            Some(_) | None => {}
        }
        if !published.join(MANIFEST_FILE).is_file() {
            let staged = self.staging_path(run);
            if !staged.join(MANIFEST_FILE).is_file() {
                return Err(Error::NotStaged { run: run.to_owned(), path: self.root.clone() });
            }
            self.move_base(run, &staged)?;
            failpoint::hit("snapshot-before-rename");
            self.rename(&staged, &published, STAGING, PUBLISHED)?;
        }
        failpoint::hit("snapshot-before-swap");
        self.point_to(run)?;
        failpoint::hit("snapshot-after-swap");
        Ok(published)
    }

    /// Clears what dead runs left, and ends what a publishing run that died had begun. Answers how many things were cleared.
    pub fn clear(&self, _lock: &Lock) -> Result<usize, Error> {
        let mut cleared = 0;
        let mut remove = |path: &Path| {
            cleared += 1;
            disk::remove_all(path).map_err(Error::disk("clearing away", path))
        };
        // It was whole, and its time had come.
        if let Some(newest) = self.runs(PUBLISHED)?.pop()
            && self.current()?.is_none_or(|current| newest > current)
            && self.published_path(&newest).join(MANIFEST_FILE).is_file()
        {
            self.point_to(&newest)?;
        }
        // Of the runs that wait only the newest is ever published.
        let mut needed: BTreeSet<String> = self.staged()?.into_iter().take(1).collect();
        for name in self.names(STAGING)? {
            if !needed.contains(&name) {
                remove(&self.root.join(STAGING).join(name))?;
            }
        }
        needed.extend(self.current()?);
        for name in self.names(BASE)? {
            if !needed.contains(&name) {
                remove(&self.root.join(BASE).join(name))?;
            }
        }
        let half_written = disk::beside(&self.root.join(CURRENT));
        if disk::look(&half_written).map_err(Error::disk("looking at", &half_written))?.is_some() {
            remove(&half_written)?;
        }
        Ok(cleared)
    }

    /// Drops a staged run that is not wanted after all.
    pub fn discard(&self, _lock: &Lock, run: &str) -> Result<(), Error> {
        check_run(run)?;
        let path = self.staging_path(run);
        disk::remove_all(&path).map_err(Error::disk("clearing away", &path))
    }

    pub(super) fn write_manifest(&self, directory: &Path, manifest: &Manifest) -> Result<(), Error> {
        let path = directory.join(MANIFEST_FILE);
        // Names and numbers only: there is nothing in it that JSON has no form for.
        let text = serde_json::to_vec_pretty(manifest).map_err(|error| Error::Manifest {
            path: path.clone(),
            problem: format!("it can't be written, line {}", error.line()),
        })?;
        self.owner.replace_file(&path, &text).map_err(Error::disk("writing", &path))
    }

    /// The base goes first: a run is not published without it.
    fn move_base(&self, run: &str, staged: &Path) -> Result<(), Error> {
        let (from, to) = (staged.join(BASE), self.root.join(BASE).join(run));
        if disk::look(&from).map_err(Error::disk("looking at", &from))?.is_none() {
            return Ok(());
        }
        failpoint::hit("snapshot-before-base");
        disk::sync_directory(&from).map_err(Error::disk("writing to the disk", &from))?;
        fs::rename(&from, &to).map_err(Error::disk("moving", &from))?;
        let base = self.root.join(BASE);
        disk::sync_directory(&base).map_err(Error::disk("writing to the disk", &base))
    }

    /// Renames, and writes both directories to the disk, the one that got something first.
    fn rename(&self, from: &Path, to: &Path, old: &str, new: &str) -> Result<(), Error> {
        fs::rename(from, to).map_err(Error::disk("moving", from))?;
        for directory in [new, old] {
            let path = self.root.join(directory);
            disk::sync_directory(&path).map_err(Error::disk("writing to the disk", &path))?;
        }
        Ok(())
    }

    fn point_to(&self, run: &str) -> Result<(), Error> {
        debug_assert!(run::is_name(run), "a name that stays inside");
        let link = self.root.join(CURRENT);
        let target = Path::new(PUBLISHED).join(run);
        self.owner
            .replace_link(&link, &target)
            .map_err(Error::disk("pointing the link to the new run", &link))
    }

    fn names(&self, directory: &str) -> Result<Vec<String>, Error> {
        let path = self.root.join(directory);
        disk::names(&path).map_err(Error::disk("listing", &path))
    }

    /// Takes a published run away: it leaves its place in one step, so that nobody finds half of it there.
    pub(super) fn withdraw(&self, run: &str) -> Result<(), Error> {
        let trash = self.root.join(STAGING).join(format!("{run}.old"));
        disk::remove_all(&trash).map_err(Error::disk("clearing away", &trash))?;
        self.rename(&self.published_path(run), &trash, PUBLISHED, STAGING)?;
        failpoint::hit("snapshot-in-prune");
        disk::remove_all(&trash).map_err(Error::disk("clearing away", &trash))
    }
}

//! A disk that can be full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::cluster::Cluster;
use super::database::Database;
use super::skip::skip;

/// A small disk of its own, in memory. Root only.
pub(crate) struct Disk(PathBuf);

impl Disk {
    /// `None`, with a line, where this user may not mount.
    pub(crate) fn mount(megabytes: u32, what: &str) -> Option<Self> {
        let directory =
            tempfile::Builder::new().prefix("acequia-disk-").tempdir_in("/tmp").expect("a directory").keep();
        let disk = Self(directory);
        let size = format!("size={megabytes}m,mode=0777");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&disk.0).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(disk);
        }
        skip(what, "only root can mount one");
        None
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts a stopped server's directory there, and leaves a link in its place.
    pub(crate) fn take(&self, directory: &Path, name: &str) {
        let there = self.0.join(name);
        let copied = Command::new("cp").arg("-a").arg(directory).arg(&there).status().expect("cp");
        assert!(copied.success(), "cp: {copied}");
        fs::remove_dir_all(directory).expect("the server's files");
        std::os::unix::fs::symlink(&there, directory).expect("a link");
    }

    /// Gives a server the tablespace `small` there.
    pub(crate) fn lend(&self, cluster: &Cluster, database: &Database) {
        let place = self.0.join("space");
        fs::create_dir(&place).expect("a directory");
        let owner =
            Command::new("chown").arg("--reference").arg(cluster.data()).arg(&place).status().expect("chown");
        assert!(owner.success(), "chown: {owner}");
        database.execute(&format!("CREATE TABLESPACE small LOCATION '{}'", place.display()));
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) {
        let file = self.0.join("full");
        // `dd` ends with an error when there is no more room: that is what it is for.
        _ = Command::new("dd")
            .args(["if=/dev/zero", "bs=64k", "status=none"])
            .arg(format!("of={}", file.display()))
            .output();
    }

    /// There is room again.
    pub(crate) fn free(&self) {
        fs::remove_file(self.0.join("full")).expect("the file is there");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        _ = Command::new("umount").arg("-l").arg(&self.0).output();
        _ = fs::remove_dir(&self.0);
    }
}

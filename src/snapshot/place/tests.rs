//! Places of snapshots on a real file system: published whole, in one step, and what is left over goes.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use jiff::Timestamp;

use super::{Error, Lock, Place, Retention};
use crate::name::SnapshotName;
use crate::snapshot::manifest::{ArchiveEntry, CustomerEntry, MANIFEST_VERSION, Manifest, PER_CUSTOMER};

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn name() -> SnapshotName {
    SnapshotName::new("nightly").expect("a name")
}

fn open(home: &Path) -> (Place, Lock) {
    let place = Place::open(home, &name()).expect("a place");
    let lock = place.lock("a test", at("2026-11-22T06:00:00Z")).expect("nobody else");
    (place, lock)
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn manifest(run: &str, customers: &[&str]) -> Manifest {
    let entry = |name: &&str| CustomerEntry {
        name: (*name).to_owned(),
        database: "practice".to_owned(),
        schema: (*name).to_owned(),
    };
    let archive = |name: &&str| ArchiveEntry {
        file: format!("{name}.zip"),
        customer: Some((*name).to_owned()),
        bytes: 3,
        sha256: String::new(),
    };
    Manifest {
        version: MANIFEST_VERSION,
        program: "acequia".to_owned(),
        snapshot: "nightly".to_owned(),
        run: run.to_owned(),
        kind: "full".to_owned(),
        base: None,
        format: "dat".to_owned(),
        profile: Some("lossless".to_owned()),
        layout: PER_CUSTOMER.to_owned(),
        time_zone: None,
        moments: Vec::new(),
        customers: customers.iter().map(entry).collect(),
        missing: Vec::new(),
        datasets: Vec::new(),
        excluded: Vec::new(),
        archives: customers.iter().map(archive).collect(),
    }
}

fn stage(place: &Place, lock: &Lock, run: &str, customers: &[&str]) {
    let path = place.stage(lock, run).expect("staged");
    for customer in customers {
        let file = super::disk::create_file(&path.join(format!("{customer}.zip"))).expect("made");
        file.sync_all().expect("written");
    }
    place.complete(lock, run, &manifest(run, customers)).expect("whole");
}

fn publish(place: &Place, lock: &Lock, run: &str, customers: &[&str]) {
    stage(place, lock, run, customers);
    place.publish(lock, run).expect("published");
}

fn runs(place: &Place) -> Vec<String> {
    place.published().expect("listed").into_iter().map(|published| published.run).collect()
}

fn retention(keep: usize, open: &[&str], closed_days: Option<u32>) -> Retention {
    Retention { keep, open: open.iter().map(|name| (*name).to_owned()).collect(), closed_days }
}

#[test]
fn a_run_is_published_by_one_link_and_the_one_before_is_kept_as_long_as_it_should() {
    let home = home();
    let (place, lock) = open(home.path());
    publish(&place, &lock, "20261120T060000Z", &["north"]);
    publish(&place, &lock, "20261121T060000Z", &["north"]);
    assert_eq!(runs(&place), ["20261121T060000Z", "20261120T060000Z"]);
    assert!(home.path().join("nightly/current/north.zip").is_file());
    let now = at("2026-11-21T07:00:00Z");
    assert_eq!(place.prune(&lock, &retention(1, &["north"], None), now).expect("pruned"), 1);
    assert_eq!(runs(&place), ["20261121T060000Z"]);
    assert_eq!(place.current().expect("read").as_deref(), Some("20261121T060000Z"));
}

#[test]
fn a_place_may_be_made_by_several_at_once() {
    for _ in 0..50 {
        let home = home();
        let (directory, name) = (home.path().join("a/b"), name());
        let barrier = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    barrier.wait();
                    Place::open(&directory, &name).expect("a place");
                });
            }
        });
    }
}

#[test]
fn what_is_published_never_goes_back() {
    let home = home();
    let (place, lock) = open(home.path());
    stage(&place, &lock, "20261120T060000Z", &["north"]);
    publish(&place, &lock, "20261121T060000Z", &["north"]);
    let refused = place.publish(&lock, "20261120T060000Z");
    assert!(matches!(refused, Err(Error::Superseded { .. })), "{refused:?}");
    assert_eq!(place.clear(&lock).expect("cleared"), 1);
    assert!(place.staged().expect("listed").is_empty());
    // A clock that was set back makes no older run either.
    let next = place.new_run(at("2026-11-01T06:00:00Z")).expect("a name");
    assert_eq!(next, "20261121T060001Z");
}

#[test]
fn leftovers_go_and_a_whole_run_that_waits_stays() {
    let home = home();
    let (place, lock) = open(home.path());
    publish(&place, &lock, "20261120T060000Z", &["north"]);
    let dead = place.stage(&lock, "20261121T060000Z").expect("staged");
    fs::write(dead.join("part-1"), "half").expect("written");
    stage(&place, &lock, "20261122T060000Z", &["north"]);
    let root = home.path().join("nightly");
    fs::create_dir(root.join("base/20261101T060000Z")).expect("made");
    std::os::unix::fs::symlink("published/nowhere", root.join("current.new")).expect("linked");
    assert_eq!(place.clear(&lock).expect("cleared"), 3);
    assert_eq!(place.staged().expect("listed"), ["20261122T060000Z"]);
    assert_eq!(runs(&place), ["20261120T060000Z"]);
    assert!(!root.join("base/20261101T060000Z").exists());
}

#[test]
fn of_the_runs_that_wait_the_newest_stays_and_its_base() {
    let home = home();
    let (place, lock) = open(home.path());
    let root = home.path().join("nightly");
    for run in ["20261120T060000Z", "20261121T060000Z"] {
        stage(&place, &lock, run, &["north"]);
        fs::create_dir(root.join("base").join(run)).expect("made");
    }
    assert_eq!(place.clear(&lock).expect("cleared"), 2);
    assert_eq!(place.staged().expect("listed"), ["20261121T060000Z"]);
    assert!(root.join("base/20261121T060000Z").exists());
    assert!(!root.join("base/20261120T060000Z").exists());
}

#[test]
fn an_old_run_that_can_not_be_read_stops_nothing() {
    let home = home();
    let (place, lock) = open(home.path());
    for run in ["20261119T060000Z", "20261120T060000Z", "20261121T060000Z"] {
        publish(&place, &lock, run, &["north"]);
    }
    let manifest = |run: &str| home.path().join("nightly/published").join(run).join("manifest.json");
    fs::write(manifest("20261120T060000Z"), "{").expect("written");
    assert_eq!(runs(&place), ["20261121T060000Z", "20261119T060000Z"]);
    let now = at("2026-11-21T07:00:00Z");
    assert_eq!(place.prune(&lock, &retention(1, &["north"], None), now).expect("pruned"), 1);
    assert_eq!(runs(&place), ["20261121T060000Z"]);
    fs::write(manifest("20261121T060000Z"), "{").expect("written");
    assert!(matches!(place.published(), Err(Error::Manifest { .. })), "of the one that counts it is told");
}

#[test]
fn a_directory_for_samples_is_ones_own_closed_and_empty() {
    let home = home();
    let (own, link) = (home.path().join("own"), home.path().join("link"));
    super::make_empty(&own).expect("made");
    super::make_empty(&own).expect("there");
    std::os::unix::fs::symlink(&own, &link).expect("linked");
    for link in [link.clone(), link.join("")] {
        assert!(matches!(super::make_empty(&link), Err(Error::NotADirectory(_))), "{}", link.display());
    }
    fs::set_permissions(&own, fs::Permissions::from_mode(0o755)).expect("opened");
    assert!(matches!(super::make_empty(&own), Err(Error::Open { .. })));
    fs::set_permissions(&own, fs::Permissions::from_mode(0o700)).expect("closed");
    fs::write(own.join("file"), "").expect("written");
    assert!(matches!(super::make_empty(&own), Err(Error::NotEmpty(_))));
}

#[test]
fn a_publishing_run_that_died_is_ended_by_the_next_one() {
    let home = home();
    let (place, lock) = open(home.path());
    publish(&place, &lock, "20261120T060000Z", &["north"]);
    stage(&place, &lock, "20261121T060000Z", &["north"]);
    let root = home.path().join("nightly");
    // Dead between the rename and the link.
    fs::rename(root.join("staging/20261121T060000Z"), root.join("published/20261121T060000Z"))
        .expect("moved");
    assert_eq!(runs(&place), ["20261120T060000Z"], "it is not published yet");
    assert_eq!(place.clear(&lock).expect("cleared"), 0);
    assert_eq!(runs(&place), ["20261121T060000Z", "20261120T060000Z"]);
    // To publish it again, after that, is nothing.
    place.publish(&lock, "20261121T060000Z").expect("published");
}

#[test]
fn the_base_moves_with_its_run_and_the_old_one_goes() {
    let home = home();
    let (place, lock) = open(home.path());
    for run in ["20261120T060000Z", "20261121T060000Z"] {
        let path = place.stage(&lock, run).expect("staged");
        fs::write(place.stage_base(&lock, run).expect("made").join("keys"), run).expect("written");
        assert!(path.is_dir());
        place.complete(&lock, run, &manifest(run, &[])).expect("whole");
        let before = place.base().expect("read").map(|(run, _)| run);
        place.publish(&lock, run).expect("published");
        let (base, path) = place.base().expect("read").expect("a base");
        assert_eq!(
            (base.as_str(), fs::read_to_string(path.join("keys")).expect("read").as_str()),
            (run, run)
        );
        assert_ne!(before.as_deref(), Some(run));
    }
    assert_eq!(place.clear(&lock).expect("cleared"), 1, "the base of the run before");
}

#[test]
fn a_second_run_is_told_who_is_at_work() {
    let home = home();
    let (place, lock) = open(home.path());
    let refused = place.lock("another", at("2026-11-22T07:00:00Z")).expect_err("busy").to_string();
    assert!(refused.contains("a test, process"), "{refused}");
    assert!(refused.contains("since 2026-11-22T06:00:00Z"), "{refused}");
    drop(lock);
    place.lock("another", at("2026-11-22T07:00:00Z")).expect("free again");
}

#[test]
fn everything_is_for_its_owner_only_and_links_and_open_doors_are_refused() {
    let home = home();
    let (place, lock) = open(home.path());
    publish(&place, &lock, "20261120T060000Z", &["north"]);
    check_modes(home.path().join("nightly").as_path());
    drop(lock);
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o750)).expect("opened");
    assert!(matches!(Place::open(home.path(), &name()), Err(Error::Open { .. })));
    fs::remove_dir_all(place.path()).expect("removed");
    let elsewhere = tempfile::tempdir().expect("a directory");
    std::os::unix::fs::symlink(elsewhere.path(), home.path().join("nightly")).expect("linked");
    assert!(matches!(Place::open(home.path(), &name()), Err(Error::NotADirectory(_))));
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).expect("opened");
    assert!(matches!(Place::open(home.path(), &name()), Err(Error::Open { .. })));
}

fn check_modes(path: &Path) {
    let metadata = fs::symlink_metadata(path).expect("there");
    if metadata.is_dir() {
        assert_eq!(metadata.mode() & 0o7777, 0o700, "{}", path.display());
        for entry in fs::read_dir(path).expect("listed") {
            check_modes(&entry.expect("an entry").path());
        }
    } else if metadata.is_file() {
        assert_eq!(metadata.mode() & 0o7777, 0o600, "{}", path.display());
    }
}

#[test]
fn as_root_everything_belongs_to_whom_the_directory_belongs_to() {
    if !super::disk::is_root() {
        return;
    }
    let home = home();
    std::os::unix::fs::chown(home.path(), Some(4711), Some(4712)).expect("given away");
    let (place, lock) = open(&home.path().join("not/yet/there"));
    publish(&place, &lock, "20261120T060000Z", &["north"]);
    check_owner(&home.path().join("not"));
}

fn check_owner(path: &Path) {
    let metadata = fs::symlink_metadata(path).expect("there");
    assert_eq!((metadata.uid(), metadata.gid()), (4711, 4712), "{}", path.display());
    if metadata.is_dir() {
        for entry in fs::read_dir(path).expect("listed") {
            check_owner(&entry.expect("an entry").path());
        }
    }
}

#[test]
fn what_is_left_of_a_closed_customer_is_kept_for_its_days_and_then_wiped() {
    let home = home();
    let (place, lock) = open(home.path());
    publish(&place, &lock, "20261101T060000Z", &["north", "closed"]);
    publish(&place, &lock, "20261102T060000Z", &["north", "closed"]);
    publish(&place, &lock, "20261103T060000Z", &["north"]);
    let retention = retention(1, &["north"], Some(30));
    place.prune(&lock, &retention, at("2026-11-03T07:00:00Z")).expect("pruned");
    assert_eq!(runs(&place), ["20261103T060000Z", "20261102T060000Z"]);
    let files = |run: &str| {
        let path = home.path().join("nightly/published").join(run);
        let entries = fs::read_dir(path).expect("listed");
        entries
            .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(
        files("20261102T060000Z"),
        BTreeSet::from(["closed.zip".to_owned(), "manifest.json".to_owned()])
    );
    place.prune(&lock, &retention, at("2026-12-02T05:00:00Z")).expect("pruned");
    assert_eq!(runs(&place), ["20261103T060000Z", "20261102T060000Z"]);
    place.prune(&lock, &retention, at("2026-12-02T07:00:00Z")).expect("pruned");
    assert_eq!(runs(&place), ["20261103T060000Z"]);
}

#[test]
fn a_closed_customer_is_wiped_from_the_newest_run_too_and_the_others_stay() {
    let home = home();
    let (place, lock) = open(home.path());
    publish(&place, &lock, "20261101T060000Z", &["north", "closed"]);
    let retention = retention(1, &["north"], Some(30));
    place.prune(&lock, &retention, at("2026-12-24T06:00:00Z")).expect("pruned");
    let current = home.path().join("nightly/current");
    assert!(current.join("north.zip").is_file());
    assert!(!current.join("closed.zip").exists());
    let manifest = super::manifest(&current).expect("a manifest");
    assert_eq!(manifest.archives.len(), 1);
}

#[test]
fn a_disk_without_room_is_told_before_anything_is_written() {
    let home = home();
    let (place, _lock) = open(home.path());
    place.check_room(1).expect("one byte");
    let refused = place.check_room(u64::MAX).expect_err("no such disk").to_string();
    assert!(refused.contains(&u64::MAX.to_string()) && refused.contains("bytes free"), "{refused}");
}

//! Killed at every place, refused by the system at any call, and a disk that is full: what is published is whole, and
//! yesterday's or today's, never a mix; the next run works and clears away what was left.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use acequia::failpoint::{INCREMENT, PRUNING, SNAPSHOT};

use super::archive::Archive;
use crate::support::{ACEQUIA, Cluster, Config, Database, skip};

const RULES: &str = r#"
[[snapshot]]
name = "nightly"
customers = ["north", "south"]
directory = "out"
kind = "KIND"
"#;

/// Two customers whose tables all say how many snapshots were wanted so far: an archive of one of them tells a mix by itself.
fn customers() -> Database {
    let database = Cluster::shared().database();
    for schema in ["north", "south"] {
        database.execute(&format!("CREATE SCHEMA {schema}"));
        for table in ["payer", "credit"] {
            database.execute(&format!(
                "CREATE TABLE {schema}.{table} (id int PRIMARY KEY, day int NOT NULL, filler text NOT NULL DEFAULT '');
                 INSERT INTO {schema}.{table} SELECT i, 0 FROM generate_series(1, 5) i"
            ));
        }
    }
    database
}

/// A snapshot and its days.
struct Nights<'a> {
    config: Config<'a>,
    database: &'a Database,
    home: PathBuf,
    day: u32,
    /// The last one that is published for certain.
    published: u32,
}

impl<'a> Nights<'a> {
    fn new(database: &'a Database, kind: &str) -> Self {
        let config = Config::new(
            &[("north", database, "north"), ("south", database, "south")],
            &RULES.replace("KIND", kind),
        );
        config.set_up();
        let home = config.path().join("out/nightly");
        Self { config, database, home, day: 0, published: 0 }
    }

    /// Another day: all tables of all customers change in one transaction.
    fn dawn(&mut self) {
        self.day += 1;
        let day = self.day;
        let updates = ["north.payer", "north.credit", "south.payer", "south.credit"]
            .map(|table| format!("UPDATE {table} SET day = {day};"));
        self.database.execute(&format!("BEGIN; {} COMMIT", updates.concat()));
    }

    /// A run that nothing befalls.
    fn run(&mut self) {
        self.config.succeed(&["snapshot", "run", "nightly"]);
        self.published = self.day;
    }

    /// Looks at what is published after a run that something befell: all of one day, which is the last one known, or a later
    /// one (a run that died while it was published is published by the next, whatever befalls that).
    fn check(&mut self, befell: &str) {
        let shown = self.shown();
        let day = shown.first().copied().filter(|_| shown.len() == 1);
        let possible = self.published..=self.day;
        assert!(
            day.is_some_and(|day| possible.contains(&day)),
            "{befell}: the published one shows the days {shown:?}, not one of {possible:?}"
        );
        self.config.succeed(&["snapshot", "verify", "nightly"]);
        self.published = day.unwrap_or(self.published);
    }

    /// The days that the published one shows.
    fn shown(&self) -> BTreeSet<u32> {
        let mut days = BTreeSet::new();
        for customer in ["north", "south"] {
            let mut archive = Archive::open(&self.home.join(format!("current/{customer}.zip")));
            for table in ["PAYER", "CREDIT"] {
                let rows = archive.rows(&format!("{customer}/{table}.DAT"));
                assert!(rows.len() > 5, "a header and five rows");
                days.extend(rows[1..].iter().map(|row| row[1].parse::<u32>().expect("a day")));
            }
        }
        days
    }

    /// The next run works, and nothing is left of those before it.
    fn recover(&mut self, befell: &str) {
        self.dawn();
        self.run();
        self.check(befell);
        assert_eq!(self.published, self.day, "{befell}");
        let names = |directory: &str| {
            let entries = fs::read_dir(self.home.join(directory)).expect("listed");
            entries
                .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
                .collect::<Vec<_>>()
        };
        assert!(names("staging").is_empty(), "{befell}: {:?} is left in staging", names("staging"));
        assert_eq!(names("published").len(), 1, "{befell}: one is kept");
        assert!(names("").iter().all(|name| !name.contains(".new")), "{befell}: {:?}", names(""));
    }
}

/// Kills one run at a place, the `count`-th time that it is passed. Answers whether it came so far.
fn kill(config: &Config<'_>, place: &str, count: u32) -> bool {
    let mut command = config.command(&["snapshot", "run", "nightly"]);
    let output = command.env("ACEQUIA_FAILPOINT", format!("{place}:{count}")).output().expect("started");
    // SIGABRT: the binary has fail points, and it was this one that ended it.
    let killed = output.status.signal() == Some(6);
    assert!(killed || output.status.success(), "at {place}:{count}: {output:?}");
    killed
}

fn killed_at(database: &Database, kind: &str, places: &[&str]) {
    let mut nights = Nights::new(database, kind);
    nights.run();
    for place in places {
        for count in 1..=2 {
            nights.dawn();
            // Some are passed once in a run.
            let killed = kill(&nights.config, place, count);
            assert!(killed || count > 1, "{place}: are the tests built with --features failpoints?");
            nights.check(&format!("{kind}, killed at {place}, time {count}"));
        }
        nights.recover(place);
    }
}

#[test]
fn killed_at_every_place_the_published_one_is_whole_and_the_next_run_works() {
    let places: Vec<&str> = SNAPSHOT.iter().chain(&PRUNING).copied().collect();
    killed_at(&customers(), "full", &places);
    let places: Vec<&str> = SNAPSHOT.iter().chain(&PRUNING).chain(&INCREMENT).copied().collect();
    killed_at(&customers(), "incremental", &places);
}

#[test]
fn killed_before_there_was_a_first_one_nothing_is_published_and_the_next_run_works() {
    let database = customers();
    let mut nights = Nights::new(&database, "full");
    for place in SNAPSHOT.iter().filter(|place| **place != "snapshot-after-swap" && !place.ends_with("prune"))
    {
        assert!(kill(&nights.config, place, 1), "{place}");
        let published = nights.home.join("current").exists();
        assert!(!published, "{place}: nothing was published yet");
    }
    nights.recover("killed before there was one");
}

/// The binary under `strace`, with one of its system calls failing or killing it.
fn injured(config: &Config<'_>, calls: &str, what: &str, when: u32) -> Output {
    let mut command = Command::new("strace");
    command.env_clear().env("PATH", "/usr/bin:/bin").env("HOME", config.path()).current_dir(config.path());
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={calls}")]);
    command.args(["-e", &format!("inject={calls}:{what}:when={when}"), ACEQUIA, "--config"]);
    command.arg(config.path()).args(["snapshot", "run", "nightly"]).stdin(Stdio::null());
    command.output().expect("strace can be started")
}

#[test]
fn whatever_call_the_system_refuses_the_published_one_is_whole() {
    if !Command::new("strace").arg("-V").stdout(Stdio::null()).status().is_ok_and(|status| status.success()) {
        skip("calls that the system refuses", "strace is not installed");
        return;
    }
    let database = customers();
    let mut nights = Nights::new(&database, "full");
    nights.run();
    let renames = "rename,renameat,renameat2";
    let cases: [(&str, &str, &[u32]); 6] = [
        ("fsync", "error=EIO", &[1, 2, 3, 5, 8]),
        ("fsync", "error=ENOSPC", &[4, 6]),
        (renames, "error=ENOSPC", &[1, 2, 3]),
        (renames, "signal=KILL", &[1, 2, 3]),
        ("symlink,symlinkat", "error=EIO", &[1]),
        ("write", "signal=KILL", &[3, 9, 14, 20, 27, 35]),
    ];
    let mut struck = 0;
    for (calls, what, times) in cases {
        for when in times {
            nights.dawn();
            let output = injured(&nights.config, calls, what, *when);
            let befell = format!("{calls} {what} at time {when}");
            struck += u32::from(!output.status.success());
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(!said.contains("panicked"), "{befell}: {said}");
            nights.check(&befell);
        }
        nights.recover(calls);
    }
    assert!(struck >= 12, "only {struck} runs were struck at all");
}

/// A file system of its own for one test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where this process may not mount.
    fn mount(at: &Path, bytes: u64) -> Option<Self> {
        fs::create_dir(at).expect("a directory");
        let size = format!("size={bytes},mode=0700");
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn on_a_full_disk_the_published_one_stays_and_room_is_all_that_is_needed() {
    let database = customers();
    let mut nights = Nights::new(&database, "full");
    let Some(_disk) = SmallDisk::mount(&nights.config.path().join("out"), 8 << 20) else {
        skip("a full disk of archives", "only root can mount one");
        return;
    };
    nights.run();
    let ballast = nights.config.path().join("out/ballast");
    // What the next run will write is not to be guessed from the last.
    database.execute(
        "UPDATE south.credit SET filler = (SELECT string_agg(md5(i::text || s.id), '') FROM generate_series(1, 9000) i)
           FROM south.payer s WHERE s.id = credit.id",
    );
    let (mut failed, mut told) = (0, BTreeSet::new());
    for free in [0_u64, 12, 40, 90, 200, 400, 700, 900] {
        nights.dawn();
        fs::write(&ballast, []).expect("emptied");
        let room = free_bytes(&nights.config.path().join("out"));
        let filled = room.saturating_sub(free << 10);
        // Not a byte of it is read: it only has to be there.
        fs::write(&ballast, vec![1; usize::try_from(filled).expect("small")]).expect("filled");
        let output = nights.config.run(&["snapshot", "run", "nightly"]);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            failed += 1;
            let full = said.contains("bytes free") || said.contains("No space left");
            assert!(full && !said.contains("panicked") && !said.contains("ZipWriter"), "{free} kB: {said}");
            told.insert(said.contains("bytes free"));
        }
        nights.check(&format!("{free} kB were free"));
    }
    assert!(failed >= 4, "the disk was full {failed} times");
    assert_eq!(told.len(), 2, "told before it began, and in the middle of it");
    fs::remove_file(&ballast).expect("removed");
    nights.recover("the disk was full");
}

fn free_bytes(path: &Path) -> u64 {
    let output = Command::new("df").args(["-B1", "--output=avail"]).arg(path).output().expect("df");
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().last().and_then(|line| line.trim().parse().ok()).expect("a number")
}

#[test]
fn all_that_is_written_is_for_its_owner_only_and_belongs_to_whom_the_directory_belongs_to() {
    let database = customers();
    let mut nights = Nights::new(&database, "full");
    let out = nights.config.path().join("out");
    fs::create_dir(&out).expect("a directory");
    // As root, the service's user owns the directory; as anybody else, this process does.
    let given = chown(&out, Some(4711), Some(4712)).is_ok();
    let owner = if given { 4711 } else { fs::metadata(&out).expect("there").uid() };
    nights.run();
    nights.dawn();
    let mut command = nights.config.command(&["snapshot", "run", "nightly"]);
    command.env("ACEQUIA_FAILPOINT", "snapshot-assembled:1").status().expect("started");
    let mut seen = 0;
    look(&nights.home, owner, &mut seen);
    assert!(seen > 10, "{seen} files and directories");
}

fn look(path: &Path, owner: u32, seen: &mut u32) {
    let metadata = fs::symlink_metadata(path).expect("there");
    *seen += 1;
    if metadata.is_dir() {
        assert_eq!(metadata.mode() & 0o7777, 0o700, "{}", path.display());
        for entry in fs::read_dir(path).expect("listed") {
            look(&entry.expect("an entry").path(), owner, seen);
        }
    } else if metadata.is_file() {
        assert_eq!(metadata.mode() & 0o7777, 0o600, "{}", path.display());
    }
    // The parts of a run that was killed are root's, in a directory that its owner may empty.
    let staged = path.components().any(|step| step.as_os_str() == "staging");
    assert!(metadata.uid() == owner || (staged && metadata.is_file()), "{}", path.display());
}

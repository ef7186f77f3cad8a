//! Archives for the holders of a key: nothing of them is on the disk in the clear, and only the holders read them.

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Stdio;

use age::secrecy::ExposeSecret as _;

use crate::support::{Cluster, Config, LIMIT, wait_for};

/// What must not be seen.
const SECRET: &[u8] = b"Eleanor Rigby";

/// All bytes of all files below a directory.
fn bytes_below(path: &Path, all: &mut Vec<u8>) {
    let Ok(metadata) = fs::symlink_metadata(path) else { return };
    if metadata.is_dir() {
        for entry in fs::read_dir(path).into_iter().flatten().flatten() {
            bytes_below(&entry.path(), all);
        }
    } else if metadata.is_file() {
        all.extend(fs::read(path).unwrap_or_default());
    }
}

fn sees_secret(path: &Path) -> bool {
    let mut all = Vec::new();
    bytes_below(path, &mut all);
    all.windows(SECRET.len()).any(|window| window == SECRET)
}

#[test]
fn a_sealed_snapshot_is_for_the_holders_of_its_keys_and_for_nobody_else() {
    let database = Cluster::shared().database();
    database.execute(
        "CREATE SCHEMA north; CREATE TABLE north.patient (id int PRIMARY KEY, name text); \
         INSERT INTO north.patient SELECT i, 'Eleanor Rigby' FROM generate_series(1, 3000) i; \
         CREATE TABLE north.slow (id int PRIMARY KEY); CREATE SCHEMA restored; ANALYZE north.patient",
    );
    let [holder, stranger] = [age::x25519::Identity::generate(), age::x25519::Identity::generate()];
    let rules = format!(
        "[[snapshot]]\nname = \"nightly\"\ndirectory = \"out\"\ncustomers = [\"north\"]\nworkers = 1\nencrypt_to = [\"{}\"]\n",
        holder.to_public()
    );
    let config = Config::new(&[("north", &database, "north")], &rules);
    config.set_up();
    let place = config.path().join("out/nightly");
    // The large table is done, and the small one waits: what is staged by now is sealed too.
    let lock = database.session();
    lock.query("BEGIN; LOCK TABLE north.slow IN ACCESS EXCLUSIVE MODE");
    let run = config.command(&["snapshot", "run", "nightly"]).stdout(Stdio::null()).spawn();
    let mut run = run.expect("the binary can be started");
    wait_for("the small table's turn", LIMIT, || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'north.slow'::regclass AND NOT granted";
        if database.value(waiting) == "0" { Err("it has not come") } else { Ok(()) }.map_err(str::to_owned)
    });
    let mut staged = Vec::new();
    bytes_below(&place.join("staging"), &mut staged);
    assert!(!staged.is_empty() && !sees_secret(&place), "{} bytes are staged", staged.len());
    lock.query("ROLLBACK");
    assert!(run.wait().expect("it ends").success());
    assert!(place.join("current/north.zip.age").exists() && !sees_secret(&place));
    config.succeed(&["snapshot", "verify", "nightly"]);
    let key = |name: &str, identity: &age::x25519::Identity| {
        let path = config.path().join(name);
        let mut options = fs::OpenOptions::new();
        let mut file = options.write(true).create_new(true).mode(0o600).open(&path).expect("a file");
        std::io::Write::write_all(&mut file, identity.to_string().expose_secret().as_bytes()).expect("a key");
        path.display().to_string()
    };
    let (own, other) = (key("own.key", &holder), key("other.key", &stranger));
    let told = config.succeed(&["snapshot", "verify", "nightly", "--identity", &own]);
    assert!(told.contains("2 data set(s), 3000 rows"), "{told}");
    assert!(!config.run(&["snapshot", "verify", "nightly", "--identity", &other]).status.success());
    let load = [
        "snapshot",
        "load",
        "nightly",
        "--database",
        database.name(),
        "--schema",
        "restored",
        "--as",
        "postgres",
    ];
    assert!(!config.run(&load).status.success(), "without a key");
    config.succeed(&[&load[..], &["--identity", &own]].concat());
    assert_eq!(database.value("SELECT count(*) FROM restored.patient WHERE name = 'Eleanor Rigby'"), "3000");
}

#[test]
fn two_snapshots_are_made_side_by_side_and_one_is_not_made_twice_at_once() {
    let database = Cluster::shared().database();
    database.execute(
        "CREATE SCHEMA north; CREATE TABLE north.slow (id int PRIMARY KEY); INSERT INTO north.slow VALUES (1)",
    );
    let rules = "[[snapshot]]\nname = \"one\"\ndirectory = \"out\"\ncustomers = [\"north\"]\n\
                 [[snapshot]]\nname = \"two\"\ndirectory = \"out\"\ncustomers = [\"north\"]\nprofile = \"market\"\n";
    let config = Config::new(&[("north", &database, "north")], rules);
    config.set_up();
    let lock = database.session();
    lock.query("BEGIN; LOCK TABLE north.slow IN ACCESS EXCLUSIVE MODE");
    let run = |name: &str| {
        let mut command = config.command(&["snapshot", "run", name]);
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary can be started")
    };
    let (mut one, mut two) = (run("one"), run("two"));
    wait_for("both wait for the table", LIMIT, || {
        let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 'north.slow'::regclass AND NOT granted";
        let waiting = database.value(waiting);
        if waiting == "2" { Ok(()) } else { Err(waiting) }
    });
    let again = run("one").wait_with_output().expect("it ends");
    assert_eq!(again.status.code(), Some(75), "{}", String::from_utf8_lossy(&again.stderr));
    lock.query("ROLLBACK");
    for run in [&mut one, &mut two] {
        assert!(run.wait().expect("it ends").success());
    }
    let told = config.succeed(&["snapshot", "list"]);
    assert!(told.contains("one") && told.contains("two"), "{told}");
}

//! Archives written and read back, sealed and not; and damaged ones, which are found out.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::{
    Contents, DonePart, Error, Members, Part, Piece, Seal, assemble, check, check_dump, concatenate,
};
use crate::snapshot::manifest::{
    ArchiveEntry, CustomerEntry, DatasetEntry, MANIFEST_VERSION, Manifest, PER_CUSTOMER, Tombstones,
};

/// Two data sets: one with rows, one without.
const FILES: [(&str, &str, u64); 2] =
    [("north/B_PAYER.DAT", "SEQNO\tNAME\n1\tÄtna\n2\t\\N\n", 2), ("north/B_CREDIT.DAT", "SEQNO\n", 0)];

fn part(home: &Path, number: usize, bytes: &[u8], seal: Option<&Seal>) -> DonePart {
    fill(Part::create(home, number, seal).expect("begun"), bytes)
}

fn fill(mut part: Part, bytes: &[u8]) -> DonePart {
    for piece in bytes.chunks(7) {
        part.write(piece).expect("written");
    }
    part.finish().expect("done")
}

fn dataset(file: &str, rows: u64, part: &DonePart) -> DatasetEntry {
    DatasetEntry {
        customer: Some("north".to_owned()),
        table: file.to_lowercase(),
        file: file.to_owned(),
        rows,
        bytes: part.bytes,
        sha256: part.sha256.clone(),
        columns: Vec::new(),
        primary_key: Vec::new(),
        rows_by_customer: Vec::new(),
        deleted: None,
    }
}

fn manifest(datasets: Vec<DatasetEntry>) -> Manifest {
    let north = "north".to_owned();
    Manifest {
        version: MANIFEST_VERSION,
        program: "acequia".to_owned(),
        snapshot: "nightly".to_owned(),
        run: "20261122T060000Z".to_owned(),
        kind: "full".to_owned(),
        base: None,
        format: "dat".to_owned(),
        profile: Some("lossless".to_owned()),
        layout: PER_CUSTOMER.to_owned(),
        time_zone: None,
        moments: Vec::new(),
        customers: vec![CustomerEntry { name: north.clone(), database: north.clone(), schema: north }],
        missing: Vec::new(),
        datasets,
        excluded: Vec::new(),
        archives: Vec::new(),
    }
}

/// An archive of [`FILES`], the first with a file of deleted rows.
fn archive(home: &Path, name: &str, seal: Option<&Seal>) -> (PathBuf, ArchiveEntry) {
    let (mut parts, mut datasets) = (Vec::new(), Vec::new());
    for (number, (file, text, rows)) in FILES.iter().enumerate() {
        let part = part(home, number, text.as_bytes(), seal);
        datasets.push(dataset(file, *rows, &part));
        parts.push(((*file).to_owned(), part));
    }
    let deleted = part(home, 7, b"SEQNO\n9\n", seal);
    let file = "north/B_PAYER.DELETED.DAT".to_owned();
    let (bytes, sha256) = (deleted.bytes, deleted.sha256.clone());
    datasets[0].deleted = Some(Tombstones { file: file.clone(), rows: 1, bytes, sha256 });
    parts.push((file, deleted));
    let texts = [("meta/B_PAYER.sql".to_owned(), b"CREATE TABLE payer ();\n".to_vec())];
    let path = home.join(name);
    let entry = assemble(&path, parts, &texts, &manifest(datasets), seal).expect("assembled");
    (path, entry)
}

fn home() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

fn sha256(bytes: &[u8]) -> String {
    let mut tally = super::tally::Tally::default();
    tally.add(bytes);
    tally.sha256()
}

#[test]
fn what_goes_into_an_archive_comes_out_and_the_parts_are_gone() {
    let home = home();
    let (path, entry) = archive(home.path(), "north.zip", None);
    let bytes = fs::read(&path).expect("read");
    assert_eq!((entry.file.as_str(), entry.bytes), ("north.zip", bytes.len() as u64));
    assert_eq!(entry.sha256, sha256(&bytes));
    assert_eq!(entry.customer.as_deref(), Some("north"));
    assert_eq!(fs::metadata(&path).expect("there").mode() & 0o7777, 0o600);
    assert_eq!(fs::read_dir(home.path()).expect("listed").count(), 1, "only the archive is left");
    let checked = check(&path, None).expect("whole");
    assert_eq!((checked.datasets, checked.rows), (2, 2));
    let mut contents = Contents::open(&path, None).expect("opened");
    for (file, text, _) in FILES {
        let mut read = String::new();
        contents.entry(file).expect("there").read_to_string(&mut read).expect("read");
        assert_eq!(read, text);
    }
    let paths = contents.paths().expect("listed");
    assert_eq!(paths.last().map(String::as_str), Some("manifest.json"));
}

#[test]
fn two_archives_of_the_same_rows_are_the_same_bytes() {
    let home = home();
    let (_, one) = archive(home.path(), "one.zip", None);
    let (_, two) = archive(home.path(), "two.zip", None);
    assert_eq!(one.sha256, two.sha256);
}

#[test]
fn others_unpack_it() {
    let home = home();
    let (path, _) = archive(home.path(), "north.zip", None);
    // Not every machine has it; the crate `zip` has read it in other tests.
    let Ok(told) = std::process::Command::new("unzip").arg("-tqq").arg(&path).output() else { return };
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stdout));
}

#[test]
fn a_change_that_is_not_noticed_has_changed_no_value() {
    let home = home();
    let (path, entry) = archive(home.path(), "north.zip", None);
    let whole = fs::read(&path).expect("read");
    for place in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[place] ^= 0x55;
        fs::write(&path, &bytes).expect("written");
        assert_ne!(sha256(&bytes), entry.sha256);
        if check(&path, None).is_err() {
            continue;
        }
        // Times, attributes and version numbers of headers.
        let mut contents = Contents::open(&path, None).expect("opened");
        for (file, text, _) in FILES {
            let mut read = String::new();
            contents.entry(file).expect("there").read_to_string(&mut read).expect("read");
            assert_eq!(read, text, "byte {place}");
        }
    }
    for end in [0, 1, whole.len() / 2, whole.len() - 1] {
        fs::write(&path, &whole[..end]).expect("written");
        assert!(matches!(check(&path, None), Err(Error::Damaged { .. })), "cut at {end}");
    }
}

#[test]
fn a_path_that_leads_out_of_the_archive_or_comes_twice_is_refused() {
    let home = home();
    let try_paths = |paths: &[&str]| {
        let parts = paths.iter().enumerate();
        let parts = parts.map(|(number, path)| ((*path).to_owned(), part(home.path(), number, b"", None)));
        let (path, parts) = (home.path().join("north.zip"), parts.collect());
        let refused = assemble(&path, parts, &[], &manifest(Vec::new()), None);
        for entry in fs::read_dir(home.path()).expect("listed") {
            fs::remove_file(entry.expect("an entry").path()).expect("removed");
        }
        refused
    };
    for path in ["../x", "/x", "a//b", "a/../../x", "a\\b", "C:x", "a\nb", "."] {
        assert!(matches!(try_paths(&[path]), Err(Error::Path { .. })), "{path}");
    }
    assert!(matches!(try_paths(&["north/A.DAT", "north/a.dat"]), Err(Error::Twice { .. })));
    assert!(try_paths(&["north/A.DAT", "north/B.DAT"]).is_ok());
}

#[test]
fn a_dump_is_one_text_and_its_parts_are_told_apart() {
    let home = home();
    let parts = FILES.iter().enumerate().map(|(number, (_, text, _))| {
        let part = Part::create_member(home.path(), number, None).expect("begun");
        fill(part, text.as_bytes())
    });
    let parts: Vec<_> = parts.collect();
    let datasets =
        FILES.iter().zip(&parts).map(|((file, _, rows), part)| dataset(file, *rows, part)).collect();
    let manifest = manifest(datasets);
    let mut pieces = vec![Piece::Text(b"-- begin\n".to_vec())];
    pieces.extend(parts.into_iter().map(Piece::Part));
    pieces.push(Piece::Text(b"-- end\n".to_vec()));
    let path = home.path().join("north.sql.gz");
    concatenate(&path, pieces, &manifest, None).expect("written");
    let mut text = String::new();
    Members::open(&path, None).expect("opened").into_dump().read_to_string(&mut text).expect("read");
    assert_eq!(text, format!("-- begin\n{}{}-- end\n", FILES[0].1, FILES[1].1));
    let checked = check_dump(&path, None, &manifest).expect("whole");
    assert_eq!((checked.datasets, checked.rows), (2, 2));
    let bytes = fs::read(&path).expect("read");
    // Where the last member begins.
    let text_end = 28;
    for end in [bytes.len() / 2, bytes.len() - 1, bytes.len() - text_end] {
        fs::write(&path, &bytes[..end]).expect("written");
        let found = check_dump(&path, None, &manifest);
        // At the border of two members nothing is missing but the last text.
        assert!(matches!(found, Err(Error::Damaged { .. })) || end == bytes.len() - text_end, "cut at {end}");
    }
}

#[cfg(feature = "encryption")]
#[test]
fn a_sealed_archive_is_read_by_its_recipients_and_by_the_run_and_by_nobody_else() {
    use age::secrecy::ExposeSecret as _;

    let home = home();
    let recipient = age::x25519::Identity::generate();
    let seal = Seal::new(&[recipient.to_public().to_string()]).expect("a recipient");
    let staged = part(home.path(), 99, FILES[0].1.as_bytes(), Some(&seal));
    let on_disk = fs::read(home.path().join("part-99")).expect("read");
    assert!(on_disk.starts_with(super::seal::MAGIC), "what lies in staging is sealed too");
    staged.remove().expect("removed");
    let (path, _) = archive(home.path(), "north.zip.age", Some(&seal));
    assert_eq!(check(&path, Some(&seal.keys())).expect("whole").rows, 2);
    assert!(matches!(check(&path, None), Err(Error::Sealed { .. })));
    let file = home.path().join("identity");
    let read_by = |identity: &age::x25519::Identity| {
        fs::write(&file, format!("# a comment\n{}\n", identity.to_string().expose_secret()))
            .expect("written");
        check(&path, Some(&super::Keys::read(&file).expect("an identity")))
    };
    assert_eq!(read_by(&recipient).expect("whole").rows, 2);
    assert!(matches!(read_by(&age::x25519::Identity::generate()), Err(Error::Sealed { .. })));
    let bytes = fs::read(&path).expect("read");
    for place in [bytes.len() / 2, bytes.len() - 1] {
        let mut bytes = bytes.clone();
        bytes[place] ^= 1;
        fs::write(&path, &bytes).expect("written");
        assert!(matches!(check(&path, Some(&seal.keys())), Err(Error::Damaged { .. })), "{place}");
    }
    assert!(matches!(Seal::new(&["age1nobody".to_owned()]), Err(Error::Recipient(_))));
    fs::write(&file, "AGE-SECRET-KEY-1NOTAKEY\n").expect("written");
    let refused = super::Keys::read(&file).expect_err("no key").to_string();
    assert!(!refused.contains("NOTAKEY"), "{refused}");
}

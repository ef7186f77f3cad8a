//! The JSON Schema takes what the program takes, and refuses what editors can know to be wrong.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use acequia::config::manual::{Chapter, FILE, Shape};
use acequia::config::{Config, Outline};
use jsonschema::Validator;
use serde_json::Value;

/// Wrong configurations whose every file is right by itself for all that keys, words and forms tell: names that nothing
/// has, tables that contradict each other, SQL.
const UNSEEN: &[&str] = &[
    "circle-by-cascade",
    "circle-of-three",
    "circle-of-two",
    "column-set-and-excluded",
    "column-set-and-mapped",
    "customers-share-a-schema",
    "daemon-twice",
    "data-type-in-data-type",
    "dataset-twice",
    "datasets-share-a-table",
    "default-that-does-nothing",
    "disabled-groups-do-not-write",
    "empty-directory",
    "except-without-everybody",
    "from-in-to",
    "group-twice",
    "key-column-is-set",
    "key-excluded",
    "key-expression-wrong",
    "listed-twice",
    "on-delete-sets-a-key-column",
    "priorities-equal",
    "protected-table",
    "protected-twice",
    "rule-without-data",
    "server-twice",
    "snapshot-databases",
    "snapshot-sealed-increments",
    "snapshot-twice",
    "snapshot-words-of-another-format",
    "sql-names-a-data-set",
    "sql-of-many-rows",
    "sql-placeholder-and-comment",
    "sql-sub-select",
    "sql-two-statements",
    "two-writers",
    "unknown-customer",
    "unknown-database",
    "unknown-dataset",
];

/// What the program warns of only, and an editor underlines all the same.
const STRICTER: &[&str] = &["password-inline"];

fn validator() -> Validator {
    jsonschema::draft7::new(&acequia::config::schema()).expect("a schema of draft 7")
}

/// Every problem of a file, as the schema sees it; a text that is no TOML is one.
fn problems(validator: &Validator, text: &str) -> Vec<String> {
    match toml::from_str::<Value>(text) {
        Ok(value) => {
            validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect()
        }
        Err(error) => vec![error.to_string()],
    }
}

/// The files of TOML below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "toml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn the_schema_is_one() {
    let schema = acequia::config::schema();
    jsonschema::draft7::meta::validate(&schema).expect("a schema of draft 7");
    let printed = Command::new(env!("CARGO_BIN_EXE_acequia"))
        .args(["--config", "/nonexistent", "config", "schema"])
        .output()
        .expect("the program");
    assert!(printed.status.success());
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout).expect("JSON"), schema);
}

#[test]
fn the_schema_takes_the_example_and_the_rules_of_every_scenario() {
    let validator = validator();
    let mut files = [files(Path::new("config")), files(Path::new("tests/scenarios"))].concat();
    files.retain(|path| !path.ends_with("Cargo.toml"));
    assert!(files.len() > 150, "only {} files were found", files.len());
    for path in files {
        let text = fs::read_to_string(&path).expect("a file");
        let problems = problems(&validator, &text);
        assert!(problems.is_empty(), "{}: {problems:#?}", path.display());
    }
}

#[test]
fn the_schema_refuses_what_is_wrong_by_its_words() {
    let validator = validator();
    let (mut unseen, mut stricter) = (Vec::new(), Vec::new());
    for folder in fs::read_dir("tests/diagnostics").expect("the folder of cases") {
        let case = folder.expect("a case").path();
        let name = case.file_name().expect("a name").to_string_lossy().into_owned();
        let taken = files(&case).iter().all(|path| {
            String::from_utf8(fs::read(path).expect("a file"))
                .is_ok_and(|text| problems(&validator, &text).is_empty())
        });
        match (Config::load(&case).is_ok(), taken) {
            (false, true) => unseen.push(name),
            (true, false) => stricter.push(name),
            (true, true) | (false, false) => {}
        }
    }
    unseen.sort();
    stricter.sort();
    assert_eq!(unseen, UNSEEN, "wrong configurations that the schema takes");
    assert_eq!(stricter, STRICTER, "configurations that the program takes and the schema does not");
}

/// A configuration in which every kind of table is there; what stands in `{}` is added to it.
fn configuration(place: &str, line: &str) -> String {
    let at = |name: &str| if name == place { line } else { "" };
    format!(
        "[daemon]\n{}\n[databases.d]\ndbname = \"d\"\nhost = \"db.example.org\"\n{}\n[servers.s]\nhost = \"db.example.org\"\n{}\n\
         [customers]\na = {{ database = \"d\", schema = \"a\" }}\nb = {{ database = \"d\", schema = \"b\" }}\n\
         [datasets.x]\nkey = [\"k\"]\nreferences = {{ r = {{ {} }} }}\n[defaults]\n{}\n\
         [[snapshot]]\nname = \"n\"\ncustomers = \"*\"\n{}\n\
         [[sync]]\nname = \"g\"\nfrom = \"a\"\nto = [\"b\"]\ndata = [\"x\"]\n{}\n[sync.dataset.x]\n{}\n[sync.customer.b]\n{}\n",
        at("[daemon]"),
        at("[databases.NAME]"),
        at("[servers.NAME]"),
        at("{ dataset = \"…\", missing = \"park\" }"),
        at("[defaults]"),
        at("[[snapshot]]"),
        at("[[sync]]"),
        at("[sync.dataset.NAME]"),
        at("[sync.customer.NAME]")
    )
}

/// What a configuration says; the sum of its files aside.
fn outline(text: &str) -> Outline {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("acequia.toml"), text).expect("a file");
    match Config::load(directory.path()) {
        Ok((config, _)) => {
            let mut outline = Outline::of(&config);
            outline.sha256.clear();
            outline
        }
        Err(problems) => panic!("{text}\n{problems}"),
    }
}

/// Every chapter once.
fn chapters(chapter: &'static Chapter, found: &mut Vec<&'static Chapter>) {
    if !found.iter().any(|known| std::ptr::eq(*known, chapter)) {
        found.push(chapter);
        for inner in chapter.inner() {
            chapters(inner, found);
        }
    }
}

#[test]
fn a_default_that_is_written_out_changes_nothing() {
    let nothing = outline(&configuration("", ""));
    let validator = validator();
    let mut tried = 0;
    let mut all = Vec::new();
    chapters(&FILE, &mut all);
    for chapter in all {
        for entry in chapter.entries() {
            // A dialect is of another format; with `host` the connection is another.
            let (Some(default), false) = (entry.default, matches!(entry.key, "dialect" | "host")) else {
                continue;
            };
            let text = configuration(chapter.title(), &format!("{} = {default}", entry.key));
            assert!(text.contains(default), "{} is not in the configuration of this test", chapter.title());
            assert_eq!(problems(&validator, &text), Vec::<String>::new(), "{text}");
            assert_eq!(outline(&text), nothing, "{} {}", chapter.title(), entry.key);
            tried += 1;
        }
    }
    assert!(tried > 40, "only {tried} defaults were found");
}

#[test]
fn the_schema_and_the_program_agree_about_texts() {
    let validator = validator();
    let texts = [
        "20GB",
        "8 kB",
        " 1tb",
        "20",
        "0GB",
        "GB",
        "1.5GB",
        "30d",
        "0d",
        "365d",
        "d",
        "15m",
        "1 d",
        "90s",
        "0s",
        "15min",
        "500ms",
        "02:00",
        "2:00",
        "24:00",
        "02:00:00",
        "02.00",
        "America/New_York",
        "UTC",
        "127.0.0.1:9753",
        "[::1]:80",
        "0.0.0.0:80",
        "localhost:80",
        "a b",
        "-x",
        "x.y",
        "",
        "/tmp",
    ];
    let keys = [
        ("[daemon]", "journal_max = "),
        ("[daemon]", "journal_keep = "),
        ("[daemon]", "max_parked_age = "),
        ("[daemon]", "listen = "),
        ("[databases.NAME]", "max_retained_wal = "),
        ("[[sync]]", "apply.every = "),
        ("[[snapshot]]", "time_zone = "),
        ("[[snapshot]]", "retain_closed = "),
    ];
    for (place, key) in keys {
        for text in texts {
            let text = configuration(place, &format!("{key}\"{text}\""));
            let directory = tempfile::tempdir().expect("a temporary directory");
            fs::write(directory.path().join("acequia.toml"), &text).expect("a file");
            let program = Config::load(directory.path()).is_ok();
            let schema = problems(&validator, &text).is_empty();
            // A zone's name only the machine knows.
            let known = key.starts_with("time_zone") && schema;
            assert!(program == schema || known, "the program says {program}, the schema {schema}: {text}");
        }
    }
}

#[test]
fn every_key_has_a_sentence() {
    let mut all = Vec::new();
    chapters(&FILE, &mut all);
    for chapter in all {
        for entry in chapter.entries() {
            let about = entry.about;
            assert!(about.ends_with('.') && about.len() > 10, "{} {}: {about}", chapter.title(), entry.key);
            assert!(about.len() < 400, "{} {} says too much", chapter.title(), entry.key);
            if let Shape::Word(words) = entry.shape {
                assert_eq!(
                    words().len(),
                    words().into_iter().collect::<BTreeSet<_>>().len(),
                    "{}",
                    entry.key
                );
            }
        }
    }
}

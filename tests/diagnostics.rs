//! Wrong configurations and what Acequia says about them.
//!
//! Every folder of `tests/diagnostics/` is a configuration; its `expected.txt` is the whole answer. To write the answers
//! anew after a change of words: `ACEQUIA_WRITE_EXPECTED=1 cargo test --test diagnostics`, then read the difference.

use std::fs;
use std::path::{Path, PathBuf};

use acequia::config::{
    Apply, Columns, Config, Dialect, Format, Gone, Mode, OnTruncate, SecretSource, Severity, Snapshot, Style,
    Tls,
};
use proptest::prelude::*;

/// The folders, by name. Relative, so that the answers name the same paths on every machine.
fn cases() -> Vec<PathBuf> {
    let folders = fs::read_dir("tests/diagnostics").expect("the folder of cases");
    let mut cases: Vec<PathBuf> =
        folders.map(|folder| folder.expect("a case").path()).filter(|path| path.is_dir()).collect();
    cases.sort();
    cases
}

/// What a person sees of a configuration.
fn answer(directory: &Path) -> String {
    let diagnostics = match Config::load(directory) {
        Ok((_, warnings)) => warnings,
        Err(problems) => problems.diagnostics,
    };
    diagnostics.iter().map(|diagnostic| diagnostic.render(Style::Plain) + "\n\n").collect()
}

#[test]
fn every_wrong_configuration_gets_the_answer_that_its_folder_expects() {
    let write = std::env::var_os("ACEQUIA_WRITE_EXPECTED").is_some();
    let mut differing = Vec::new();
    let cases = cases();
    for case in &cases {
        let answer = answer(case);
        let path = case.join("expected.txt");
        if write {
            fs::write(&path, &answer).expect("the expected answer is written");
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if answer != expected {
            differing.push(format!("==== {}\n---- expected\n{expected}---- got\n{answer}", case.display()));
        }
    }
    assert!(cases.len() >= 30, "only {} cases were found", cases.len());
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn no_answer_shows_a_password() {
    for case in cases() {
        let shown = match Config::load(&case) {
            Ok((config, warnings)) => format!("{config:?}{warnings:?}"),
            Err(problems) => {
                let json = serde_json::to_string(&problems).expect("problems are JSON");
                format!("{problems:?}{json}{}", problems.render(Style::Coloured))
            }
        };
        assert!(!shown.contains("hunter2"), "{} shows it: {shown}", case.display());
    }
}

#[test]
fn a_program_gets_the_same_as_json() {
    let problems =
        Config::load(Path::new("tests/diagnostics/dataset-twice")).expect_err("a wrong configuration");
    let json = serde_json::to_value(&problems).expect("problems are JSON");
    let expected = serde_json::json!([{
        "severity": "error",
        "file": "tests/diagnostics/dataset-twice/conf.d/20-more.toml",
        "line": 2,
        "column": 11,
        "message": "data set `payer` is defined twice",
        "help": "remove one of the two, or give it another name",
        "related": [{
            "file": "tests/diagnostics/dataset-twice/conf.d/10-sets.toml",
            "line": 1,
            "column": 11,
            "label": "defined here first"
        }]
    }]);
    assert_eq!(json, expected);
}

#[test]
fn a_terminal_gets_colours() {
    let problems =
        Config::load(Path::new("tests/diagnostics/dataset-twice")).expect_err("a wrong configuration");
    assert!(problems.render(Style::Coloured).contains("\u{1b}["));
    assert!(!problems.render(Style::Plain).contains('\u{1b}'));
    let problems = Config::load(Path::new("tests/diagnostics/password-beside-an-error"))
        .expect_err("a wrong configuration");
    let [plain, coloured] =
        [Style::Plain, Style::Coloured].map(|style| problems.render(style).lines().count());
    assert_eq!(plain, coloured);
}

/// Writes a configuration of one file.
fn written(text: impl AsRef<[u8]>) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::write(directory.path().join("acequia.toml"), text).expect("a configuration file");
    directory
}

/// A configuration that says everything that this version understands.
const RIGHT: &str = r#"
[databases.practice]
dbname = "practicedb"

[databases.remote]
host = "db.example.org"
port = 5433
dbname = "practicedb"
user = "courier"
password = { credential = "remote_password" }
sslrootcert = "certificates/root.pem"
sslcert = "/etc/ssl/acequia.pem"
sslkey = "/etc/ssl/acequia.key"
max_retained_wal = "20GB"

[customers]
hq = { database = "practice", schema = "practice", title = "Headquarters" }
north = { database = "practice", schema = "cust_north" }
strange = { database = "remote", schema = 'Cust "Weird"-Näme' }

[datasets.cpt_code]
key = ["code"]
exclude = ["row_version", "created_at"]
references = { rev_code = { dataset = "revenue_code", missing = "null" } }

[datasets.revenue_code]
table = "revenue code"
key = ["code", "effective date"]
columns = ["code", "effective date", "description"]

[data_types]
codes = ["cpt_code", "revenue_code"]

[protected]
tables = ["patient", "revenue code"]

[[sync]]
name = "master-setup"
from = "hq"
to = ["north", "strange"]
data = ["revenue_code", "codes"]
allow_protected = true

[sync.dataset.cpt_code]
mode = "override"
on_delete = "delete"
where = "NOT inactive AND code <> ALL (ARRAY['a', upper(\"A b\")])"
default = { department = ["revenue_code.description", "'none'"] }

[sync.customer.strange]
on_leave = { set = { inactive = "true" } }
apply = { at = "02:30", time_zone = "America/New_York" }

[sync.customer.strange.dataset.revenue_code]
map = { alternate_id = "seq_no" }
set = { "Weird one" = "CASE WHEN description LIKE 'x%' THEN current_date END" }
where = "end_date >= date '2020-01-01'"

[defaults]
priority = -3
on_truncate = "delete"

[[notify]]
name = "desk"
on = ["sync.applied"]
channel = { listen = "Front Desk" }

[daemon]
runtime_directory = "/run/acequia-test"
journal_keep = "90d"
journal_max = "2 GB"
parked_limit = 5_000
"#;

#[test]
fn a_right_configuration_is_understood_word_for_word() {
    let directory = written(RIGHT);
    let (config, warnings) = Config::load(directory.path()).expect("a right configuration");
    assert_eq!(warnings, []);

    let [practice, remote] = config.databases.values().collect::<Vec<_>>()[..] else {
        panic!("two databases");
    };
    assert_eq!(
        (practice.host.as_str(), practice.port, practice.user.as_str()),
        ("/run/postgresql", 5432, "acequia")
    );
    assert_eq!(practice.tls, Tls::Socket);
    assert_eq!(remote.max_retained_wal_bytes, Some(20 << 30));
    assert!(matches!(&remote.password, Some(SecretSource::Credential(name)) if name == "remote_password"));
    let Tls::VerifyFull { root_certificates: Some(roots), client: Some(client) } = &remote.tls else {
        panic!("TLS with both certificates, not {:?}", remote.tls);
    };
    assert_eq!(*roots, directory.path().join("certificates/root.pem"));
    assert_eq!(client.key, Path::new("/etc/ssl/acequia.key"));

    let schemas: Vec<&str> = config.customers.values().map(|customer| customer.schema.as_str()).collect();
    assert_eq!(schemas, ["practice", "cust_north", "Cust \"Weird\"-Näme"]);
    let [cpt_code, revenue_code] = config.datasets.values().collect::<Vec<_>>()[..] else {
        panic!("two data sets");
    };
    assert_eq!(cpt_code.table.as_str(), "cpt_code");
    assert!(matches!(&cpt_code.columns, Columns::Except(columns) if columns.len() == 2));
    assert!(matches!(&revenue_code.columns, Columns::Only(columns) if columns.len() == 3));
    assert_eq!(revenue_code.key.len(), 2);

    let [sync] = &config.syncs[..] else { panic!("one group") };
    let data: Vec<&str> = sync.data.iter().map(acequia::name::DatasetName::as_str).collect();
    assert_eq!(data, ["revenue_code", "cpt_code"]);
    assert_eq!((sync.data_spots.len(), sync.to_spots.len()), (2, 2));
    let rule = config.rule(sync, &sync.to[0], &cpt_code.name);
    assert_eq!((rule.mode, rule.on_delete), (Mode::Override, Gone::Delete));
    let rule = config.rule(sync, &sync.to[0], &revenue_code.name);
    assert_eq!((rule.mode, rule.on_delete), (Mode::CreateOnly, Gone::Ignore));
    let rule = config.rule(sync, &sync.to[1], &revenue_code.name);
    let set: Vec<&str> = rule.set.keys().map(acequia::name::Ident::as_str).collect();
    assert_eq!((set, rule.priority, rule.on_truncate), (vec!["Weird one"], -3, OnTruncate::Delete));
    let Apply::At { time, time_zone } = &rule.apply else { panic!("a time, not {:?}", rule.apply) };
    assert_eq!((time.to_string().as_str(), time_zone.iana_name()), ("02:30:00", Some("America/New_York")));
    assert!(matches!(&rule.on_leave, Gone::Set(columns) if columns.len() == 1));
    assert_eq!((config.notifies[0].listen.as_str(), config.daemon.parked_limit), ("Front Desk", 5_000));
    assert_eq!((config.daemon.journal_keep_days, config.daemon.journal_max_bytes), (90, 2 << 30));
    assert_eq!(config.daemon.runtime_directory, Path::new("/run/acequia-test"));
    assert_eq!(config.sha256.len(), 64);
}

#[test]
fn a_right_snapshot_is_understood_word_for_word() {
    let directory = Path::new("tests/diagnostics/snapshot-every-word");
    let (config, warnings) = Config::load(directory).expect("a right configuration");
    assert_eq!(warnings, []);
    let [files, server, dump] = &config.snapshots[..] else { panic!("three snapshots") };
    let said = |snapshot: &Snapshot| {
        let words = snapshot.spoken().into_iter().filter(|(_, value)| !value.is_empty());
        words.map(|(word, value)| format!("{word} {value}")).collect::<Vec<_>>().join("; ")
    };
    assert_eq!(
        said(files),
        "enabled true; customers hq; format dat; profile market; formulas guard; kind full; layout combined; \
         schedule cron 30 1,13 * * * America/New_York (mon, fri); publish_at 06:00; \
         directory tests/diagnostics/snapshot-every-word/snapshots; keep 7; \
         exclude patient_document, patient.photo, odd.table.odd.column; include practice_note.picture; \
         encrypt_to age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa; on_loss fail; time_zone UTC; \
         workers 4; retain_closed 30d"
    );
    assert_eq!(
        said(server),
        "enabled false; customers hq; format mysql; server reporting; database practice_{customer}; \
         layout per-customer; schedule never; publish_at when it is done; directory /var/lib/acequia/snapshots; \
         keep 1; on_loss text; time_zone UTC; workers 2"
    );
    assert_eq!(dump.format, Format::Sql { dialect: Dialect::Postgresql });
    let databases: Vec<String> = server.databases().into_iter().map(|(name, _)| name).collect();
    assert_eq!(databases, ["practice_hq"]);
    let reporting = &config.servers.values().next().expect("a server");
    assert_eq!((reporting.port, reporting.user.as_str()), (3306, "acequia"));
    assert!(matches!(reporting.tls, Tls::VerifyFull { .. }));
    let told: Vec<&str> = config.notifies[0].events.iter().map(|event| event.as_str()).collect();
    assert_eq!(
        told,
        [
            "snapshot.published",
            "snapshot.failed",
            "snapshot.late",
            "alert.drift",
            "alert.wal",
            "alert.health"
        ]
    );
}

#[test]
fn the_sum_changes_with_a_files_content_and_with_its_name() {
    let sum = |name: &str, text: &str| {
        let directory = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir(directory.path().join("conf.d")).expect("a folder in it");
        fs::write(directory.path().join("conf.d").join(name), text).expect("a configuration file");
        Config::load(directory.path()).expect("a right configuration").0.sha256
    };
    assert_eq!(sum("10.toml", "[daemon]"), sum("10.toml", "[daemon]"));
    assert_ne!(sum("10.toml", "[daemon]"), sum("20.toml", "[daemon]"));
    assert_ne!(sum("10.toml", "[daemon]"), sum("10.toml", "[daemon]\n"));
}

#[test]
fn a_problem_that_is_found_later_points_at_the_rule() {
    let directory = written(RIGHT);
    let (config, _) = Config::load(directory.path()).expect("a right configuration");
    let dataset = config.datasets.values().next().expect("a data set");
    let customer = config.customers.values().next().expect("a customer");
    let problem = config
        .diagnostic(dataset.key_spot, Severity::Error, "column `code` is not there", "ALTER TABLE …")
        .relate(config.place(customer.spot), "in this customer");
    let position = problem.place.position.expect("a position");
    assert_eq!((position.line, position.column), (22, 7));
    let shown = problem.render(Style::Plain);
    assert!(shown.contains("22 | key = [\"code\"]"), "{shown}");
    assert!(shown.contains("in this customer"), "{shown}");
}

#[test]
fn a_configuration_that_is_not_there_is_a_clear_problem() {
    let problems = Config::load(Path::new("tests/diagnostics/none")).expect_err("there is nothing");
    let shown = problems.to_string();
    assert!(shown.contains("the configuration directory cannot be read"), "{shown}");
    assert!(shown.contains("tests/diagnostics/none"), "{shown}");

    let directory = written("");
    let problems = Config::load(&directory.path().join("acequia.toml")).expect_err("this is a file");
    assert!(problems.to_string().contains("name the directory"));
}

#[test]
fn a_file_that_cannot_be_read_does_not_hide_the_others() {
    let directory = written("[datasets.payer]\nkye = [\"code\"]\n");
    fs::create_dir_all(directory.path().join("conf.d/10.toml")).expect("a folder where a file should be");
    let problems = Config::load(directory.path()).expect_err("two problems").to_string();
    assert!(problems.contains("this is not a file"), "{problems}");
    assert!(problems.contains("did you mean `key`?"), "{problems}");
}

/// A line of a rule file, right or wrong.
fn line() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "[",
        "]",
        "[[",
        "]]",
        "{",
        "}",
        "=",
        ",",
        ".",
        "\"",
        "'",
        "\"\"\"",
        "#",
        " ",
        "sync",
        "datasets",
        "databases",
        "customers",
        "data_types",
        "protected",
        "daemon",
        "tables",
        "name",
        "from",
        "to",
        "data",
        "key",
        "exclude",
        "columns",
        "references",
        "host",
        "port",
        "password",
        "hunter2",
        "\"a\"",
        "\"b\"",
        "[\"a\"]",
        "true",
        "1",
        "1.5",
        "1979-05-27",
        "a",
        "b",
        "dataset",
        "mode",
        "\"override\"",
        "where",
        "set",
        "apply",
        "customer",
        "\"a.b[1] + upper('c')\"",
        "\"(SELECT\"",
        "{ a = \"b\" }",
        "é",
        "\\",
        "\t",
        "\r",
        "\u{feff}",
    ]);
    prop::collection::vec(words, 0..8).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_in_a_file_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        answer(written(bytes).path());
    }

    #[test]
    fn no_text_that_looks_like_rules_makes_it_panic(lines in prop::collection::vec(line(), 0..12)) {
        answer(written(lines.join("\n")).path());
    }

    #[test]
    fn no_damage_to_a_right_file_makes_it_panic(at in 0..RIGHT.len(), length in 0_usize..40, put in line()) {
        let at = RIGHT.floor_char_boundary(at);
        let end = RIGHT.floor_char_boundary((at + length).min(RIGHT.len()));
        let damaged = format!("{}{put}{}", &RIGHT[..at], &RIGHT[end..]);
        answer(written(damaged).path());
    }

    #[test]
    fn no_damage_shows_a_password(at in 0..RIGHT.len(), length in 0_usize..10, put in line()) {
        prop_assume!(!put.contains("hunter2"));
        let text = RIGHT.replace("password = { credential = \"remote_password\" }", "password = \"hunter2\"");
        let secret = text.find("hunter2").expect("the password") ;
        // Damage that touches the line of the password may cut the word `password` itself: then it is any text.
        let at = text.floor_char_boundary(at);
        let end = text.floor_char_boundary((at + length).min(text.len()));
        prop_assume!(end < secret - 12 || at > secret + 8);
        let damaged = format!("{}{put}{}", &text[..at], &text[end..]);
        let shown = answer(written(damaged).path());
        prop_assert!(!shown.contains("hunter2"), "{}", shown);
    }
}

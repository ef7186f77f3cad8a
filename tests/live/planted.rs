//! Planted faults: one folder of `tests/planted/` is one wrong configuration or broken database, and what `acequia check`
//! says about it. Readable without Rust; `tests/planted/README.md` is the table of all of them.
//!
//! ```text
//! rules.toml      the rules. The line that is to blame ends with `# fault`: the first thing that `check` says must be an
//!                 error there; or with `# fault: warning`: then it must be a warning, and no error may follow. Where
//!                 no line is marked, nothing is wrong, and nothing may be found.
//!                 Every schema is a customer of the same name, and the database is called `practice`, unless the file
//!                 has [customers.…] and [databases.…] itself; there {socket}, {port} and {dbname} stand for the server's.
//! before.sql      what is there when `acequia setup` is run. Its first lines can say
//!                   -- server: NAME=VALUE …    a server of its own, with these settings
//!                   -- database: OPTIONS       of CREATE DATABASE
//!                   -- no setup                the SQL of `acequia setup` is not applied
//! break.sql       what happens after that (if anything): the superuser breaks it
//! before-NAME.sql, break-NAME.sql   the same for a second database, called NAME
//! expected.txt    the exit status and the whole answer of `acequia check`
//! expected.json   where it is there: the answer of `acequia check --output json`
//! other files     lie beside the rules, as they are
//! ```
//!
//! To write the answers anew after a change of words: `ACEQUIA_WRITE_EXPECTED=1`, then read the difference. Where a fault is
//! pointed at stands in `rules.toml` and is asked for in any case.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;

use super::support::{Cluster, Config, Database};

/// One test for each folder; the test's name is the folder's, with `_` for `-`.
macro_rules! planted {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                find(&stringify!($name).replace('_', "-"));
            }
        )+

        /// Every fault that is looked for.
        const PLANTED: &[&str] = &[$(stringify!($name)),+];
    };
}

planted! {
    all_slots_are_taken,
    chain_without_cascade,
    column_in_the_list_is_missing,
    column_is_missing_at_the_customer,
    column_is_required_only_at_the_customer,
    control_schema_belongs_to_another,
    control_schema_is_broken,
    control_schema_is_missing,
    control_schema_is_newer,
    customer_has_a_rule_in_place_of_the_table,
    customer_has_no_primary_key,
    customer_schema_was_renamed,
    customer_table_is_a_view,
    customer_table_is_foreign,
    customer_table_is_missing,
    database_does_not_exist,
    default_for_a_column_that_is_not_carried,
    default_has_a_type_that_never_fits,
    domain_with_a_check_is_no_fault,
    encoding_is_unknown,
    enum_lacks_a_label_at_the_customer,
    excluded_column_is_missing,
    host_is_unreachable,
    key_column_is_generated,
    key_column_is_missing,
    key_column_is_missing_at_the_customer,
    key_expression_does_not_work_at_the_customer,
    key_expression_names_no_column,
    key_is_not_unique,
    map_fills_a_column_that_is_missing,
    map_joins_types_that_never_fit,
    map_reads_a_column_that_is_missing,
    missing_parent_becomes_null_where_null_is_refused,
    no_delete_at_the_customer,
    no_insert_at_the_customer,
    no_select_at_the_customer,
    no_select_at_the_source,
    no_select_on_a_parent,
    no_update_at_the_customer,
    no_usage_of_a_sequence,
    no_usage_of_the_customer_schema,
    no_usage_of_the_source_schema,
    nothing_fills_a_required_column,
    nothing_fills_the_primary_key,
    number_is_smaller_at_the_customer,
    on_delete_sets_a_column_that_is_missing,
    on_leave_needs_a_grant,
    on_leave_sets_a_type_that_never_fits,
    parent_is_not_synchronized,
    password_is_wrong,
    publication_has_a_column_list,
    publication_has_a_row_filter,
    publication_is_missing,
    publication_lacks_a_table,
    publication_leaves_out_truncates,
    publication_leaves_out_updates,
    publication_sends_partitions,
    reference_is_no_foreign_key,
    replica_identity_index_was_dropped,
    replica_identity_is_nothing,
    rivals_from_another_database,
    role_does_not_exist,
    role_may_not_connect,
    role_may_not_log_in,
    role_may_not_replicate,
    row_level_security_at_the_customer,
    row_level_security_at_the_source,
    server_does_not_decode,
    server_does_not_offer_tls,
    server_has_no_senders,
    server_has_no_slots,
    set_answers_several_rows,
    set_calls_a_function_that_writes,
    set_casts_to_an_unknown_type,
    set_counts_rows,
    set_draws_from_a_sequence,
    set_fills_a_column_that_is_missing,
    set_fills_a_generated_column,
    set_has_a_type_that_never_fits,
    set_looks_at_a_table_of_many_rows,
    set_looks_through_two_foreign_keys,
    set_names_an_unknown_data_set,
    set_names_no_column,
    set_names_no_column_of_another_data_set,
    slot_is_gone,
    slot_is_in_use,
    slot_is_lost,
    slot_is_physical,
    slot_lies_ahead,
    slot_of_another_plugin,
    slot_without_a_checkpoint,
    source_has_no_primary_key,
    source_is_another_cluster,
    source_schema_is_missing,
    source_table_is_a_view,
    source_table_is_missing,
    source_table_is_unlogged,
    source_table_was_renamed,
    stable_function_is_no_fault,
    text_is_a_number_at_the_customer,
    text_is_shorter_at_the_customer,
    two_customers_and_one_does_not_fit,
    two_names_of_one_database,
    type_never_fits,
    where_calls_a_function_that_the_role_may_not_execute,
    where_calls_an_unknown_function,
    where_compares_what_can_not_be_compared,
    where_is_different_every_time,
    where_is_not_true_or_false,
    where_names_another_data_set,
    where_names_no_column,
    where_reads_a_generated_column,
    where_sleeps,
}

/// A position of a server that has run has so many digits behind the stroke, and one that a case has made up has fewer.
const LOW_DIGITS_MIN: usize = 6;

/// So many faults there are at least, here and in `tests/diagnostics`.
const FAULTS_MIN: usize = 60;

#[test]
fn every_folder_is_looked_for_and_stands_in_the_table() {
    let mut folders: Vec<String> = fs::read_dir(directory())
        .expect("tests/planted")
        .map(|entry| entry.expect("an entry"))
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let mut planted: Vec<String> = PLANTED.iter().map(|name| name.replace('_', "-")).collect();
    planted.sort();
    assert_eq!(folders, planted, "folders on the left, the list in tests/live/planted.rs on the right");
    assert!(folders.len() >= FAULTS_MIN, "only {} faults", folders.len());
    let table = fs::read_to_string(directory().join("README.md")).expect("tests/planted/README.md");
    let row = |folder: &&String| !table.contains(&format!("| `{folder}` |"));
    let missing: Vec<&String> = folders.iter().filter(row).collect();
    assert!(missing.is_empty(), "tests/planted/README.md has no row for {missing:?}");
    let count = format!("{} folders", folders.len());
    assert!(table.contains(&count), "tests/planted/README.md does not say \"{count}\"");
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/planted")
}

/// A database of a case: its name in the rules, and what the superuser does with it before and after the setup.
struct Site {
    name: String,
    before: String,
    breaks: Option<String>,
}

/// Plants one fault, and asks `check` for it.
fn find(name: &str) {
    let folder = directory().join(name);
    let sites = sites(&folder);
    let own = settings(&sites).map(|settings| Cluster::start(&settings));
    let cluster = own.as_ref().unwrap_or_else(|| Cluster::shared());
    let made = |site: &Site| cluster.database_with(line(&site.before, "-- database: ").unwrap_or_default());
    let databases: Vec<Database> = sites.iter().map(made).collect();
    for (site, database) in sites.iter().zip(&databases) {
        database.execute(&site.before);
    }
    let rules = fs::read_to_string(folder.join("rules.toml")).expect("rules.toml");
    let config = config(&folder, &rules, &sites, &databases);
    for (site, database) in sites.iter().zip(&databases) {
        if !site.before.lines().any(|line| line == "-- no setup") {
            let sql = config.succeed(&["setup", "--print-sql", "--database", &site.name]);
            database.execute(&sql);
        }
    }
    for (site, database) in sites.iter().zip(&databases) {
        site.breaks.iter().for_each(|sql| database.execute(&sql.replace("{dbname}", database.name())));
    }

    let (said, json) = (config.run(&["check"]), config.run(&["check", "--output", "json"]));
    assert_eq!(said.status.code(), json.status.code(), "both forms end alike");
    let found: Value = serde_json::from_slice(&json.stdout).expect("JSON on standard output");
    let plain = |text: &[u8]| plain(&String::from_utf8_lossy(text), &config, &databases);
    let answer = answer(&said, &plain);
    assert_points(&rules, &found, &said, &answer);
    for finding in found.as_array().into_iter().flatten() {
        let message = plain(finding["message"].as_str().expect("a message").as_bytes());
        let line = message.lines().next().unwrap_or_default();
        assert!(answer.contains(line), "JSON says `{line}`, and the text does not:\n{answer}");
    }
    compare(&folder.join("expected.txt"), &answer);
    let json_file = folder.join("expected.json");
    if json_file.exists() {
        compare(&json_file, &plain(&json.stdout));
    }
}

/// The databases: `practice`, and those of `before-NAME.sql`.
fn sites(folder: &Path) -> Vec<Site> {
    let read = |file: String| fs::read_to_string(folder.join(file)).ok();
    let files = fs::read_dir(folder).expect("the folder of a case");
    let mut files: Vec<String> =
        files.map(|file| file.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    files.sort();
    let others = files.iter().filter_map(|file| file.strip_prefix("before-")?.strip_suffix(".sql"));
    let first = Site {
        name: "practice".to_owned(),
        before: read("before.sql".to_owned()).expect("before.sql"),
        breaks: read("break.sql".to_owned()),
    };
    let others = others.map(|name| Site {
        name: name.to_owned(),
        before: read(format!("before-{name}.sql")).expect("before-NAME.sql"),
        breaks: read(format!("break-{name}.sql")),
    });
    std::iter::once(first).chain(others).collect()
}

/// What follows a word at the beginning of a line.
fn line<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(word))
}

/// The settings of a server of the case's own.
fn settings(sites: &[Site]) -> Option<Vec<&str>> {
    let settings = sites.iter().find_map(|site| line(&site.before, "-- server:"));
    settings.map(|settings| settings.split_whitespace().collect())
}

fn config<'a>(folder: &Path, rules: &str, sites: &[Site], databases: &'a [Database]) -> Config<'a> {
    let first = &databases[0];
    let socket = first.socket().display().to_string();
    let rules = rules.replace("{socket}", &socket).replace("{port}", &first.port().to_string());
    let config = Config::over(&[], &[], &rules.replace("{dbname}", first.name()));
    let run = config.runtime_directory();
    let mut places = format!("[daemon]\nruntime_directory = \"{}\"\n", run.display());
    for (site, database) in sites.iter().zip(databases) {
        if !rules.contains("[databases.") {
            _ = write!(
                places,
                "[databases.{}]\nhost = \"{socket}\"\nport = {}\ndbname = \"{}\"\n",
                site.name,
                database.port(),
                database.name()
            );
        }
        let schemas = "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public$)' ORDER BY 1";
        let schemas = database.query(schemas).into_iter().flatten().flatten();
        for schema in schemas.filter(|_| !rules.contains("[customers")) {
            _ = write!(places, "[customers.{schema}]\ndatabase = \"{}\"\nschema = \"{schema}\"\n", site.name);
        }
    }
    config.write("acequia.toml", &places);
    for file in fs::read_dir(folder).expect("the folder of a case") {
        let file = file.expect("a file").path();
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let is_sql = file.extension().is_some_and(|extension| extension == "sql");
        if name != "rules.toml" && !name.starts_with("expected.") && !is_sql {
            let beside = config.path().join(&name);
            fs::copy(&file, &beside).expect("a file beside the rules");
            fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).expect("its mode");
        }
    }
    config
}

/// A text of this run as any run would write it.
fn plain(text: &str, config: &Config<'_>, databases: &[Database]) -> String {
    let path = config.path().display().to_string();
    let mut text = text.replace(&format!("{path}/conf.d/"), "").replace(&path, "{directory}");
    for (number, database) in databases.iter().enumerate() {
        let name = if number == 0 { "{dbname}".to_owned() } else { format!("{{dbname {number}}}") };
        text = text.replace(database.name(), &name);
    }
    let first = &databases[0];
    let text = text.replace(&first.socket().display().to_string(), "{socket}");
    let text = text.replace(&first.port().to_string(), "{port}");
    let cluster = first.value("SELECT system_identifier FROM pg_control_system()");
    without_positions(&without_processes(&text.replace(&cluster, "{cluster}")))
}

/// Nor are positions of the WAL, but for those that a case has made up.
fn without_positions(text: &str) -> String {
    let is_sign = |c: char| c.is_ascii_hexdigit() || c == '/';
    let mut plain = String::new();
    for part in text.split_inclusive(|c| !is_sign(c)) {
        let number = part.trim_end_matches(|c| !is_sign(c));
        let is_position = number.split_once('/').is_some_and(|(_, low)| low.len() >= LOW_DIGITS_MIN);
        plain += if is_position { "{position}" } else { number };
        plain += &part[number.len()..];
    }
    plain
}

/// The numbers of processes are never the same.
fn without_processes(text: &str) -> String {
    let mut parts = text.split("process ");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        plain += if rest.len() < part.len() { "process {pid}" } else { "process " };
        plain += rest;
    }
    plain
}

/// What a person sees.
fn answer(output: &Output, plain: &dyn Fn(&[u8]) -> String) -> String {
    let status = output.status.code().expect("an exit status");
    format!("exit status {status}\n\n{}{}", plain(&output.stdout), plain(&output.stderr))
}

/// The first finding must be at the line that the rules mark, with the severity that they say.
#[track_caller]
fn assert_points(rules: &str, found: &Value, said: &Output, answer: &str) {
    let marks: Vec<(usize, &str)> = rules
        .lines()
        .enumerate()
        .filter_map(|(at, line)| Some((at + 1, line.split_once("# fault")?.1)))
        .collect();
    let (line, mark) = match marks[..] {
        [] => {
            assert_eq!(*found, Value::Array(Vec::new()), "no line is marked `# fault`");
            return;
        }
        [mark] => mark,
        _ => panic!("at most one line of rules.toml is marked `# fault`, not {marks:?}"),
    };
    let (severity, refused) = match mark.trim() {
        "" => ("error", true),
        ": warning" => ("warning", false),
        other => panic!("`# fault{other}` is neither `# fault` nor `# fault: warning`"),
    };
    let first = &found[0];
    assert_eq!(first["severity"], severity, "the first finding\n{answer}");
    assert_eq!(first["line"], line, "the first finding must be at the line marked `# fault`\n{answer}");
    let file = first["file"].as_str().unwrap_or_default();
    assert!(file.ends_with("conf.d/rules.toml"), "the first finding is in {file}\n{answer}");
    assert_eq!(!said.status.success(), refused, "an error, and only that, is refused\n{answer}");
    for word in ["message", "help"] {
        assert_ne!(first[word].as_str().unwrap_or_default(), "", "the first finding has no {word}\n{answer}");
    }
}

#[track_caller]
fn compare(path: &Path, answer: &str) {
    if std::env::var_os("ACEQUIA_WRITE_EXPECTED").is_some() {
        fs::write(path, answer).expect("the expected answer is written");
    }
    let expected = fs::read_to_string(path).unwrap_or_default();
    assert!(expected == answer, "{}\n---- expected\n{expected}---- got\n{answer}", path.display());
}

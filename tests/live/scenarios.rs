//! Scenarios: one folder of `tests/scenarios/` is one behaviour, readable without Rust.
//!
//! ```text
//! rules.toml        data sets and sync groups. Every schema is a customer of the same name, unless the file says
//!                   otherwise ([customers.NAME] database = "practice", schema = "…"). Without this file: the example
//!                   of config/, with its customers.
//! before.sql        what is there before the daemon starts; `-- practice schema: NAME` makes the tables of
//!                   sql/practice/practice_schema.sql first
//! change.sql        what happens then, in one transaction; or change-1.sql, change-2.sql, …: each has arrived
//!                   before the next one begins
//! expected.sql      queries, each with the rows that it must answer: `--> value | value`, `--> (no rows)`;
//!                   a NULL is `(null)`. expected-1.sql is asked after change-1.sql.
//! ```
//!
//! The superuser runs the files; the daemon has only the rights that `acequia setup --print-sql` gives it. The schema
//! `public` is for notes of the scenario. `check` must accept the rules, and nothing may halt or interrupt the flow.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::support::{Cluster, Config, Database};

/// One test for each folder; the test's name is the folder's, with `_` for `-`.
macro_rules! scenarios {
    ($($name:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                play(&stringify!($name).replace('_', "-"));
            }
        )+

        /// Every scenario that is run.
        const PLAYED: &[&str] = &[$(stringify!($name)),+];
    };
}

scenarios! {
    cascading_deletes_arrive_once,
    changed_reference_is_translated,
    child_waits_for_its_parent_across_transactions,
    codes_move_up_in_one_transaction,
    columns_may_be_called_anything,
    create_only_deletes_only_what_it_created,
    create_only_does_not_rename,
    create_only_leaves_an_existing_row_as_it_is,
    customer_that_does_not_tell_capitals_apart,
    deferrable_constraints_do_not_fail_at_the_commit,
    deferrable_unique_key_swaps,
    deferred_check_of_the_customer_parks_one_row,
    delete_and_insert_of_one_key_is_the_same_item,
    delete_is_ignored_unless_the_rule_says_so,
    delete_that_the_customer_cannot_follow_is_parked,
    delete_that_the_customer_swallows_is_parked,
    delete_with_only_the_primary_key_finds_its_row,
    deleted_child_does_not_come_in_with_its_parent,
    each_schema_has_types_of_its_own,
    every_type_arrives_as_it_is,
    example_rules_on_the_practice_schema,
    excluded_and_local_columns_stay,
    existing_child_waits_with_its_change,
    fee_lines_point_at_the_customers_own_codes,
    folded_insert_and_update_has_the_full_value,
    full_replica_identity_without_primary_key,
    generated_columns_are_the_customers_own,
    grandchild_waits_for_the_whole_line,
    hostile_text_arrives_as_it_is,
    huge_transaction_with_one_bad_row,
    identity_that_is_always_generated,
    journal_holds_the_old_image,
    many_small_transactions_end_as_the_last_one_says,
    missing_parent_becomes_null_or_skips_the_row,
    names_are_quoted,
    natural_primary_key_is_renamed,
    null_in_the_natural_key_is_parked,
    only_the_named_columns_are_carried,
    override_changes_only_what_differs,
    padded_characters_are_one_key,
    parent_with_a_key_of_two_columns,
    parked_values_come_back_as_they_were,
    partitioned_customer_table,
    partitioned_source_is_one_table,
    parts_that_the_stream_leaves_out_differ_by_row,
    refused_row_is_parked_and_the_rest_arrives,
    rename_that_the_customer_cannot_follow_is_parked,
    renamed_code_renames_one_row,
    replica_identity_by_the_natural_key,
    row_refers_to_a_row_of_its_own_table,
    row_that_stays_behind_is_the_customers_own,
    row_that_the_customer_deleted_comes_back,
    row_that_the_customer_renamed_is_still_the_row,
    row_that_the_customer_swallows_is_parked,
    rows_of_one_transaction_are_seen_together,
    second_row_of_one_key_is_parked,
    several_groups_each_by_its_own_rule,
    source_gives_its_rows_other_numbers,
    toast_with_full_replica_identity,
    trigger_that_changes_a_value_hides_no_row,
    truncate_is_ignored,
    two_candidates_are_parked_and_not_guessed,
    two_natural_primary_keys_change_places,
    two_rows_swap_their_codes,
    unchanged_toast_stays,
    unchanged_toast_under_a_natural_primary_key,
    what_was_synchronized_does_not_go_on,
}

#[test]
fn every_folder_is_played() {
    let mut folders: Vec<String> = fs::read_dir(directory())
        .expect("tests/scenarios")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    folders.sort();
    let mut played: Vec<String> = PLAYED.iter().map(|name| name.replace('_', "-")).collect();
    played.sort();
    assert_eq!(folders, played, "folders on the left, the list in tests/live/scenarios.rs on the right");
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// Plays one scenario, and fails with everything that is not as expected.
fn play(name: &str) {
    let folder = directory().join(name);
    let text = |file: &str| fs::read_to_string(folder.join(file));
    let database = Cluster::shared().database();
    prepare(&database, &text("before.sql").expect("before.sql"));
    let rules = text("rules.toml").unwrap_or_else(|_| example());
    let rules = rules.replace("database = \"practice\"", &format!("database = \"{}\"", database.name()));
    let schemas = if rules.contains("[customers.") { Vec::new() } else { customers(&database) };
    let named: Vec<(&str, &Database, &str)> =
        schemas.iter().map(|schema| (schema.as_str(), &database, schema.as_str())).collect();
    let config = Config::over(&[&database], &named, &rules);
    config.set_up();
    config.succeed(&["check"]);
    let mut daemon = config.start();
    daemon.wait_streaming();
    let mut wrong = String::new();
    for step in steps(&folder) {
        database.execute(&text(&format!("change{step}.sql")).expect("a change"));
        daemon.barrier();
        if let Ok(expected) = text(&format!("expected{step}.sql")) {
            wrong += &differences(&database, &expected);
        }
    }
    if folder.join("change-1.sql").exists() {
        wrong += &differences(&database, &text("expected.sql").unwrap_or_default());
    }
    let log = daemon.log();
    for bad in [" ERROR ", "flow interrupted"] {
        assert!(!log.contains(bad), "the log must not have {bad:?}");
    }
    assert!(wrong.is_empty(), "tests/scenarios/{name}:\n{wrong}");
    daemon.stop();
}

fn prepare(database: &Database, before: &str) {
    for schema in before.lines().filter_map(|line| line.strip_prefix("-- practice schema: ")) {
        database.create_practice(schema);
    }
    database.execute(before);
}

/// The rules of `config/`, with the customers that they are about.
fn example() -> String {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let read = |file: &str| fs::read_to_string(config.join(file)).expect("a file of the example");
    let places = read("acequia.toml");
    let (_, customers) = places.split_once("[customers.").expect("the example has customers");
    format!("[customers.{customers}\n{}\n{}", read("conf.d/10-datasets.toml"), read("conf.d/20-sync.toml"))
}

/// The schemas of the scenario: all but PostgreSQL's own.
fn customers(database: &Database) -> Vec<String> {
    let schemas =
        "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema|public$)' ORDER BY 1";
    database.query(schemas).into_iter().flatten().flatten().collect()
}

/// What stands between `change` and `.sql`: nothing, or `-1`, `-2`, ….
fn steps(folder: &Path) -> Vec<String> {
    let numbered = (1..).map(|number| format!("-{number}"));
    let numbered = numbered.take_while(|step| folder.join(format!("change{step}.sql")).exists());
    let steps: Vec<String> = numbered.collect();
    if steps.is_empty() { vec![String::new()] } else { steps }
}

/// Asks every query of a file and tells where the answer is another one.
fn differences(database: &Database, expected: &str) -> String {
    let mut wrong = String::new();
    for (query, expected) in questions(expected) {
        let found: Vec<String> = database.query(&query).into_iter().map(row_text).collect();
        if found != expected {
            _ = writeln!(wrong, "{query}");
            for (sign, rows, others) in [("-", &expected, &found), ("+", &found, &expected)] {
                for row in rows {
                    let sign = if others.contains(row) { " " } else { sign };
                    _ = writeln!(wrong, "  {sign} {row}");
                }
            }
            wrong += "  (- expected, + found)\n";
        }
    }
    wrong
}

fn row_text(row: Vec<Option<String>>) -> String {
    let cells: Vec<String> =
        row.into_iter().map(|cell| cell.unwrap_or_else(|| "(null)".to_owned())).collect();
    cells.join(" | ")
}

/// The queries of a file with the rows that each must answer.
fn questions(text: &str) -> Vec<(String, Vec<String>)> {
    let mut questions: Vec<(String, Vec<String>)> = Vec::new();
    let mut query = String::new();
    for line in text.lines() {
        if let Some(row) = line.strip_prefix("-->") {
            assert!(query.trim().is_empty(), "a query ends with `;` before its rows: {query}");
            let (_, rows) = questions.last_mut().expect("rows stand below their query");
            rows.push(row.trim().to_owned());
        } else if !line.starts_with("--") {
            query += line;
            query.push('\n');
            if line.trim_end().ends_with(';') {
                questions.push((std::mem::take(&mut query).trim().to_owned(), Vec::new()));
            }
        }
    }
    assert!(query.trim().is_empty(), "a query that does not end: {query}");
    for (query, rows) in &mut questions {
        assert!(!rows.is_empty(), "say what it must answer, be it `--> (no rows)`: {query}");
        rows.retain(|row| row != "(no rows)");
    }
    questions
}

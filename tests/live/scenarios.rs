//! Scenarios: one folder of `tests/scenarios/` is one behaviour, readable without Rust.
//!
//! ```text
//! rules.toml        data sets and sync groups. Every schema is a customer of the same name, unless the file says
//!                   otherwise ([customers.NAME] database = "practice", schema = "…"). Without this file: the example
//!                   of config/, with its customers.
//! before.sql        what is there before the daemon starts; `-- practice schema: NAME` makes the tables of
//!                   sql/practice/practice_schema.sql first
//! rules-2.toml      other rules: the daemon is stopped, and started with these before change-2.sql
//! change.sql        what happens then, in one transaction; or change-1.sql, change-2.sql, …: each has arrived
//!                   before the next one begins. A line `-- acequia parked retry` is that command, after the changes
//! expected.sql      queries, each with the rows that it must answer: `--> value | value`, `--> (no rows)`;
//!                   a NULL is `(null)`. expected-1.sql is asked after change-1.sql. A line `-- wait`: what comes in its
//!                   own time, by a timer, is asked for again until it has come.
//! ```
//!
//! `tests/scenarios/README.md` says which of them is about which word of the rules, and about which requirement.
//! The superuser runs the files; the daemon has only the rights that `acequia setup --print-sql` gives it. The schema
//! `public` is for notes of the scenario. `check` must accept the rules, and nothing may halt or interrupt the flow.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::support::{Cluster, Config, Daemon, Database, poll};

/// How long a scenario waits for what comes in its own time. Only one that fails waits so long.
const PATIENCE: Duration = Duration::from_secs(30);

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
    added_customer_and_data_set_start_from_now,
    cascading_deletes_arrive_once,
    changed_key_keeps_the_links,
    changed_mode_counts_from_now,
    changed_reference_is_translated,
    changed_schedule_lets_go_what_waited,
    changed_source_does_not_use_the_old_links,
    changed_where_counts_from_now,
    child_of_a_row_outside_where_waits,
    child_waits_for_its_parent_across_transactions,
    codes_deselected_while_their_lines_stay,
    codes_move_up_in_one_transaction,
    codes_of_two_kinds_are_two_items,
    columns_may_be_called_anything,
    create_only_deletes_only_what_it_created,
    create_only_does_not_rename,
    create_only_leaves_an_existing_row_as_it_is,
    create_only_marks_only_what_it_created,
    create_only_takes_back_only_what_it_created,
    create_only_truncate_deletes_only_what_it_created,
    customer_goes_on_numbering,
    customer_that_does_not_tell_capitals_apart,
    customers_with_other_types,
    data_sets_and_customers_that_are_switched_off,
    default_chain_passes_over_a_parent_that_is_missing,
    default_fills_only_what_is_null,
    default_goes_through_a_chain,
    default_of_a_reference_is_the_customers_own_number,
    default_over_a_value_that_the_stream_leaves_out,
    default_whose_chain_ends_stays_null,
    defaults_hold_for_every_group,
    deferrable_constraints_do_not_fail_at_the_commit,
    deferrable_unique_key_swaps,
    deferred_check_of_the_customer_parks_one_row,
    delete_and_insert_of_one_key_is_the_same_item,
    delete_and_insert_of_one_key_marks_nothing,
    delete_is_ignored_unless_the_rule_says_so,
    delete_marks_the_row,
    delete_marks_under_a_natural_primary_key,
    delete_outside_where_does_nothing,
    delete_that_the_customer_cannot_follow_is_parked,
    delete_that_the_customer_swallows_is_parked,
    delete_with_only_the_primary_key_finds_its_row,
    deleted_child_does_not_come_in_with_its_parent,
    each_schema_has_types_of_its_own,
    every_type_arrives_as_it_is,
    everybody_except,
    example_rules_on_the_practice_schema,
    excluded_and_local_columns_stay,
    existing_child_waits_with_its_change,
    expression_that_fails_for_one_row_parks_it,
    expressions_know_the_date,
    facilities_that_share_an_npi,
    fee_lines_point_at_the_customers_own_codes,
    fee_schedules_without_procedure_codes,
    folded_insert_and_update_has_the_full_value,
    full_replica_identity_without_primary_key,
    functions_of_the_customer_are_not_taken_for_the_servers,
    generated_columns_are_the_customers_own,
    grandchild_waits_for_the_whole_line,
    higher_create_only_keeps_out_a_lower_override,
    higher_priority_takes_over,
    higher_priority_wins_item_by_item,
    hostile_text_arrives_as_it_is,
    huge_transaction_with_one_bad_row,
    identity_that_is_always_generated,
    inactive_row_is_not_made_active_again,
    item_that_another_source_has_too_is_not_deleted,
    item_that_leaves_the_higher_groups_where,
    item_that_the_higher_priority_lets_go,
    journal_holds_the_old_image,
    key_of_an_expression_and_a_column,
    key_that_a_leaving_row_sets_free,
    key_that_cannot_be_computed_parks_the_row,
    key_with_leading_zeros,
    key_without_capitals_and_spaces,
    key_without_the_dot,
    line_before_its_code_in_one_transaction,
    line_whose_primary_key_is_two_references,
    link_only_finds_the_row_that_was_made_anew,
    link_only_names_missing_and_double_numbers,
    link_only_remembers_the_pair_and_writes_nothing,
    link_only_reports_a_mismatch,
    link_only_waits_for_the_customers_row,
    many_rows_that_fail_among_many,
    many_small_transactions_end_as_the_last_one_says,
    map_and_set_are_merged_column_by_column,
    map_gives_a_column_another_name,
    map_of_a_reference_finds_the_customers_own_row,
    mark_is_computed_from_the_customers_own_row,
    missing_parent_becomes_null_or_skips_the_row,
    most_specific_word_wins,
    names_are_quoted,
    names_in_expressions_are_names,
    natural_primary_key_is_renamed,
    next_owner_after_the_higher_group_is_gone,
    npi_with_spaces,
    null_in_the_natural_key_is_parked,
    only_the_named_columns_are_carried,
    our_number_becomes_the_partners_alternate_id,
    override_brings_the_masters_writing_of_a_primary_key,
    override_changes_only_what_differs,
    padded_characters_are_one_key,
    parent_with_a_key_of_two_columns,
    parked_row_arrives_when_the_rule_is_mended,
    parked_row_that_leaves_where_is_forgotten,
    parked_rows_of_what_is_switched_off_stay_away,
    parked_values_come_back_as_they_were,
    partitioned_customer_table,
    partitioned_source_is_one_table,
    parts_that_the_stream_leaves_out_differ_by_row,
    payer_with_one_id_and_several_plans,
    practice_and_provider_refer_to_each_other,
    priority_under_a_natural_primary_key,
    protected_table_with_permission,
    reference_to_a_key_in_another_writing,
    reference_to_a_table_that_is_never_synchronized,
    referring_providers_without_npi,
    refused_row_is_parked_and_the_rest_arrives,
    removed_group_and_customer_lose_nothing,
    rename_that_the_customer_cannot_follow_is_parked,
    renamed_code_renames_one_row,
    replaced_by_a_row_outside_where,
    replica_identity_by_the_natural_key,
    row_given_and_out_of_where_goes_with_its_source,
    row_refers_to_a_row_of_its_own_table,
    row_that_enters_where_is_created,
    row_that_goes_takes_no_key_on_the_way,
    row_that_leaves_where_is_deleted,
    row_that_leaves_where_is_marked,
    row_that_leaves_where_stays,
    row_that_leaves_where_takes_no_key_on_the_way,
    row_that_leaves_where_while_in_use_is_parked,
    row_that_refers_to_itself,
    row_that_stays_behind_is_the_customers_own,
    row_that_the_customer_deleted_comes_back,
    row_that_the_customer_renamed_is_still_the_row,
    row_that_the_customer_swallows_is_parked,
    rows_go_down_a_chain_of_three_customers,
    rows_of_one_transaction_are_seen_together,
    scheduled_changes_arrive_in_order,
    scheduled_changes_wait_folded,
    second_row_of_one_key_is_parked,
    set_fills_what_the_customer_demands,
    set_fits_the_customers_types,
    set_in_place_of_a_reference,
    set_over_a_value_that_the_stream_leaves_out,
    set_that_the_customer_refuses_parks_the_row,
    set_under_create_only_is_for_new_rows,
    set_writes_fixed_and_computed_values,
    several_groups_each_by_its_own_rule,
    situational_modifiers_survive_an_override,
    source_gives_its_rows_other_numbers,
    sql_of_all_sorts,
    text_in_an_expression_is_only_text,
    three_sources_in_one_stream,
    toast_with_full_replica_identity,
    trigger_that_changes_a_value_hides_no_row,
    truncate_deletes_what_was_linked,
    truncate_is_ignored,
    truncate_under_a_natural_primary_key,
    truncated_and_filled_anew_in_one_transaction,
    truncated_parents_and_children_go_together,
    two_candidates_are_parked_and_not_guessed,
    two_groups_of_one_source_the_higher_carries_the_data_set,
    two_natural_primary_keys_change_places,
    two_rows_swap_their_codes,
    two_rows_that_refer_to_each_other,
    two_writings_of_one_key_are_one_item,
    unchanged_toast_stays,
    unchanged_toast_under_a_natural_primary_key,
    update_of_a_row_that_the_customer_lacks_creates_it,
    update_that_changes_nothing_writes_nothing,
    what_happened_while_switched_off_does_not_follow,
    what_was_synchronized_does_not_go_on,
    what_was_synchronized_goes_on_with_cascade,
    where_chooses_the_rows,
    where_over_a_column_that_is_not_carried,
    where_over_a_value_that_the_stream_leaves_out,
    where_over_types_of_the_sources_own,
    where_that_fails_for_one_row_parks_it,
    where_under_a_natural_primary_key,
}

#[test]
fn every_folder_is_played() {
    let mut played: Vec<String> = PLAYED.iter().map(|name| name.replace('_', "-")).collect();
    played.sort();
    assert_eq!(folders(), played, "folders on the left, the list in tests/live/scenarios.rs on the right");
}

/// The table of contents names every folder, and nothing that is not there.
#[test]
fn every_folder_is_in_the_table_of_contents() {
    let contents = fs::read_to_string(directory().join("README.md")).expect("tests/scenarios/README.md");
    // Links to folders: `[name](name/)`.
    let links = contents.split("](").skip(1).filter_map(|rest| rest.split_once("/)"));
    let mut named: Vec<String> = Vec::new();
    for (link, _) in links {
        assert!(directory().join(link).is_dir(), "{link}: a link to nothing");
        if !link.starts_with("..") {
            named.push(link.to_owned());
        }
    }
    named.sort();
    named.dedup();
    assert_eq!(folders(), named, "folders on the left, links in tests/scenarios/README.md on the right");
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

/// The folders' names, in order.
fn folders() -> Vec<String> {
    let entries = fs::read_dir(directory()).expect("tests/scenarios").map(|entry| entry.expect("an entry"));
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> =
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Plays one scenario, and fails with everything that is not as expected.
fn play(name: &str) {
    let folder = directory().join(name);
    let text = |file: &str| fs::read_to_string(folder.join(file));
    let database = Cluster::shared().database();
    prepare(&database, &text("before.sql").expect("before.sql"));
    let here = format!("database = \"{}\"", database.name());
    let place = |rules: String| rules.replace("database = \"practice\"", &here);
    let rules = place(text("rules.toml").unwrap_or_else(|_| example()));
    let schemas = if rules.contains("[customers.") { Vec::new() } else { customers(&database) };
    let named: Vec<(&str, &Database, &str)> =
        schemas.iter().map(|schema| (schema.as_str(), &database, schema.as_str())).collect();
    let config = Config::over(&[&database], &named, &rules);
    let mut daemon = begin(&config);
    let mut wrong = String::new();
    for step in steps(&folder) {
        if let Ok(rules) = text(&format!("rules{step}.toml"))
            && !step.is_empty()
        {
            daemon.stop();
            config.write("conf.d/rules.toml", &place(rules));
            daemon = begin(&config);
        }
        let change = text(&format!("change{step}.sql")).expect("a change");
        database.execute(&change);
        // Each group that carries on what another one wrote has to see that first.
        for _ in 0..=rules.matches("cascade = true").count() {
            daemon.barrier();
        }
        for command in change.lines().filter_map(|line| line.strip_prefix("-- acequia ")) {
            config.succeed(&command.split(' ').collect::<Vec<_>>());
        }
        if let Ok(expected) = text(&format!("expected{step}.sql")) {
            wrong += &differences(&database, &expected);
        }
    }
    if folder.join("change-1.sql").exists() {
        wrong += &differences(&database, &text("expected.sql").unwrap_or_default());
    }
    let log = daemon.log();
    // A slot waits for the transactions of other tests on the server: that is tried again, and nothing is wrong.
    let is_wrong = |line: &&str| {
        line.contains(" ERROR ")
            || (line.contains("flow interrupted") && !line.contains("can't be made in database"))
    };
    let lines: Vec<&str> = log.lines().filter(is_wrong).collect();
    assert!(lines.is_empty(), "the log must not have {lines:?}");
    assert!(wrong.is_empty(), "tests/scenarios/{name}:\n{wrong}");
    daemon.stop();
}

/// Everything up to the point from which changes arrive.
fn begin<'a>(config: &'a Config<'a>) -> Daemon<'a> {
    config.set_up();
    config.succeed(&["check"]);
    let mut daemon = config.start();
    daemon.wait_streaming();
    daemon
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

/// Asks every query of a file and tells where the answer is another one; with a line `-- wait`, not before time is up.
fn differences(database: &Database, expected: &str) -> String {
    if !expected.lines().any(|line| line == "-- wait") {
        return answers(database, expected);
    }
    let asked = poll(PATIENCE, || {
        let wrong = answers(database, expected);
        if wrong.is_empty() { Ok(()) } else { Err(wrong) }
    });
    asked.err().unwrap_or_default()
}

fn answers(database: &Database, expected: &str) -> String {
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

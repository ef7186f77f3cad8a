//! The tables of `README.md` beside this file are true: no fault without a test, no test that is not there, no code that a
//! server is expected to answer with and that has no row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Rows below one of these are heads of tables.
const LAST_COLUMN: [&str; 2] = ["test", "test on a server"];

/// The codes that the design expects of PostgreSQL.
const SQLSTATES: [&str; 30] = [
    "28P01", "28000", "3D000", "42501", "42P01", "42703", "42704", "55000", "55006", "57P01", "57P02",
    "57P03", "53300", "53100", "25006", "40P01", "40001", "55P03", "57014", "23505", "23503", "23502",
    "23514", "22001", "22P02", "22007", "428C9", "0A000", "22021", "22P05",
];
/// And of MySQL and MariaDB, and what else of theirs the tests bring about.
const ERRNOS: [&str; 13] =
    ["1062", "1292", "1264", "1366", "2006", "1045", "3948", "1148", "1114", "1142", "1044", "1290", "1836"];

/// Everything in backticks in a cell.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// All the Rust below a directory, in one text.
fn sources(directory: &Path, text: &mut String) {
    for entry in fs::read_dir(directory).expect("a directory of the repository") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, text);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text.push_str(&fs::read_to_string(&path).expect("a source file"));
        }
    }
}

/// Whether there is a function of this name that is run as a test.
fn is_test(code: &str, name: &str) -> bool {
    let mut before: [&str; 3] = [""; 3];
    for line in code.lines().map(str::trim) {
        let head = line.strip_prefix("async ").unwrap_or(line);
        if head.starts_with(&format!("fn {name}()")) {
            return before.contains(&"#[test]") || before.contains(&"#[tokio::test]");
        }
        before = [before[1], before[2], line];
    }
    false
}

/// The rows of the tables.
fn rows(table: &str) -> impl Iterator<Item = &str> {
    table.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"))
}

fn matrix() -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(root.join("tests/live/faults/README.md")).expect("the matrix")
}

#[test]
fn every_code_that_the_design_expects_has_a_row() {
    let table = matrix();
    let firsts = rows(&table).filter_map(|row| row.split('|').nth(1));
    let codes: BTreeSet<&str> =
        firsts.flat_map(|cell| cell.split(|c: char| !c.is_ascii_alphanumeric())).collect();
    let missing: Vec<&str> =
        SQLSTATES.into_iter().chain(ERRNOS).filter(|code| !codes.contains(code)).collect();
    assert!(missing.is_empty(), "no row in the matrix has {missing:?}");
}

#[test]
fn every_fault_names_its_test_and_every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut code = String::new();
    for directory in ["src", "tests/live"] {
        sources(&root.join(directory), &mut code);
    }
    let is_folder = |name: &str| {
        ["scenarios", "planted"].iter().any(|kind| root.join("tests").join(kind).join(name).is_dir())
    };
    let table = matrix();
    let (mut seen, mut wrong) = (0, Vec::new());
    for row in rows(&table) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let last = cells.last().copied().unwrap_or_default();
        if LAST_COLUMN.contains(&last) {
            continue;
        }
        seen += 1;
        if names(last).is_empty() {
            wrong.push(format!("no test: {row}"));
        }
        let missing = |name: &&str| !is_test(&code, name) && !is_folder(name);
        wrong.extend(
            names(last).into_iter().filter(missing).map(|name| format!("there is no test {name}: {row}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(seen > 40, "only {seen} rows were found in the matrix");
}

//! The tables of `README.md` beside this file are true: no fault without a test, no test that is not there.

use std::fs;
use std::path::Path;

/// Rows below one of these are heads of tables.
const LAST_COLUMN: [&str; 2] = ["test", "test on a server"];

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
    let table = fs::read_to_string(root.join("tests/live/faults/README.md")).expect("the matrix");
    let rows = table.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    let (mut seen, mut wrong) = (0, Vec::new());
    for row in rows {
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

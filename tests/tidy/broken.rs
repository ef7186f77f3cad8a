//! Made-up repositories that break one rule each, and one that breaks none.

use std::fs;

use super::code::{blanked, references, tokens};
use super::{Exception, problems};

const LIB: &str =
    "//! Floors.\npub mod row;\npub mod source;\npub mod rules;\npub mod apply;\npub mod cli;\n";

/// The problems of a repository with these files and [`LIB`].
fn problems_of(files: &[(&str, &str)]) -> Vec<String> {
    problems_but(files, &[])
}

fn problems_but(files: &[(&str, &str)], exceptions: &[Exception]) -> Vec<String> {
    let root = tempfile::tempdir().expect("a temporary directory");
    for (path, text) in [("src/lib.rs", LIB)].iter().chain(files) {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a path inside the root")).expect("a new directory");
        fs::write(path, text).expect("a new file");
    }
    problems(root.path(), exceptions)
}

/// Checks that each repository of one file has exactly one problem, and that it begins so.
fn each_fails(cases: &[(&str, &str, &str)]) {
    for (path, text, beginning) in cases {
        let problems = problems_of(&[(path, text)]);
        assert!(
            problems.len() == 1 && problems[0].starts_with(beginning),
            "{path}\n{text}\nexpected: {beginning}\nfound: {problems:#?}"
        );
    }
}

#[test]
fn a_tidy_repository_has_no_problem() {
    let files = [
        ("src/row.rs", "//! Rows: in a comment, crate::apply is not used.\n"),
        (
            "src/source.rs",
            "//! Source.\npub mod wire;\nmod error;\npub use error::Wrong;\nuse wire::Frame;\n",
        ),
        ("src/source/wire.rs", "//! Wire.\nuse super::{Wrong, error};\nuse crate::row::Row;\n"),
        ("src/source/error.rs", "//! Errors.\nconst WHERE: &str = \"crate::apply::x {\";\n"),
        ("src/rules/mod.rs", "//! Rules.\nuse crate::{row::{Row, Cell as C}, source};\n"),
        ("src/apply.rs", "//! Writing.\nconst SQL: &str = include_str!(\"../sql/a.sql\");\n"),
        ("src/apply/tests.rs", "//! Tests.\nfn f() { x.unwrap(); }\n"),
        ("src/cli/run.rs", "//! Run.\nfn f() { println!(\"crate::x\"); }\n"),
        ("src/main.rs", "//! Main.\nfn main() { acequia::cli::run(); }\n"),
        ("sql/a.sql", "SELECT 1"),
        ("sql/practice/b.sql", "SELECT 2"),
        ("README.md", "See https://example.org/work/here and ./root/x"),
        ("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\""),
    ];
    assert_eq!(problems_of(&files), Vec::<String>::new());
}

#[test]
fn a_module_that_uses_a_higher_one_fails_however_it_is_written() {
    let found = "src/row.rs:2: [floors] `row` must not use `apply`";
    each_fails(&[
        ("src/row.rs", "//! Row.\nuse crate::apply::Batch;\n", found),
        ("src/row.rs", "//! Row.\nfn f() { crate::apply::write() }\n", found),
        ("src/row.rs", "//! Row.\nuse crate::{row::{Row, Cell}, apply};\n", found),
        ("src/row.rs", "//! Row.\nuse super::apply::Batch;\n", found),
        ("src/row.rs", "//! Row.\nmacro_rules! m { () => { $crate::apply::x() } }\n", found),
        ("src/row.rs", "//! Row.\nuse crate\n::{\n apply::Batch};\n", "src/row.rs:4: [floors]"),
        ("src/row/cell.rs", "//! Cell.\nuse super::super::apply;\n", "src/row/cell.rs:2: [floors] `row`"),
        (
            "src/row.rs",
            "//! Row.\n#[cfg(test)]\nmod tests {\n use super::super::apply;\n}\n",
            "src/row.rs:4: [floors]",
        ),
        ("src/stray.rs", "//! Stray.\n", "src/stray.rs:1: [floors] `stray` is not in src/lib.rs"),
    ]);
}

#[test]
fn files_that_use_each_other_fail() {
    let folder = ("src/row.rs", "//! Row.\npub mod a;\npub mod b;\npub mod c;\n");
    let both_ways = problems_of(&[
        folder,
        ("src/row/a.rs", "//! A.\nuse super::b::B;\n"),
        ("src/row/b.rs", "//! B.\nuse crate::row::a::A;\n"),
    ]);
    assert_eq!(both_ways.len(), 1, "{both_ways:?}");
    assert!(both_ways[0].starts_with("src/row/a.rs:2: [circles] src/row/a.rs → src/row/b.rs → src/row/a.rs"));

    let round = problems_of(&[
        folder,
        ("src/row/a.rs", "//! A.\nfn f() { super::b::g() }\n"),
        ("src/row/b.rs", "//! B.\nuse super::c;\n"),
        ("src/row/c.rs", "//! C.\nuse super::{a::{self, A}};\n"),
    ]);
    assert_eq!(round.len(), 1, "{round:?}");

    let with_folder = problems_of(&[
        ("src/row.rs", "//! Row.\nmod a;\npub struct Row;\nfn f() { a::g() }\n"),
        ("src/row/a.rs", "//! A.\nuse super::Row;\n"),
    ]);
    assert_eq!(with_folder.len(), 1, "{with_folder:?}");
}

#[test]
fn a_mention_of_what_must_be_absent_fails() {
    each_fails(&[
        (
            "src/rules.rs",
            "//! R.\nuse tokio_postgres::Client;\n",
            "src/rules.rs:2: [absences] `rules` must not mention",
        ),
        ("src/rules/plan.rs", "//! R.\nfn f(s: &postgres::Session) {}\n", "src/rules/plan.rs:2: [absences]"),
        ("src/rules/plan.rs", "//! R.\nuse crate::postgres::Session;\n", "src/rules/plan.rs:2: [absences]"),
    ]);
    let source = problems_of(&[("src/source.rs", "//! S.\nuse crate::rules::Plan;\n")]);
    assert!(source.iter().any(|problem| problem.starts_with("src/source.rs:2: [absences]")), "{source:?}");
}

#[test]
fn a_file_without_a_head_fails() {
    each_fails(&[
        ("src/row.rs", "use std::fmt;\n", "src/row.rs:1: [heads]"),
        ("tests/a.rs", "\n//! Late.\n", "tests/a.rs:1: [heads]"),
        ("benches/a.rs", "/// Not a head.\nfn f() {}\n", "benches/a.rs:1: [heads]"),
    ]);
}

#[test]
fn a_long_file_and_a_long_function_fail() {
    let lines = |count: usize| "// line\n".repeat(count);
    let long = format!("//! Row.\n{}", lines(500));
    let tests = format!("//! Row.\n{}#[cfg(test)]\nmod tests {{\n{}}}\n", lines(499), lines(400));
    let function = format!("//! Row.\nfn f(a: [u8; 2]) -> u8 {{\n{}}}\n", lines(69));
    let fits = format!("//! Row.\nfn f() {{\n{}}}\ntrait T {{ fn g(); }}\n{}", lines(68), lines(80));
    assert_eq!(problems_of(&[("src/row.rs", &tests)]), Vec::<String>::new());
    assert_eq!(problems_of(&[("src/row.rs", &fits)]), Vec::<String>::new());
    each_fails(&[
        ("src/row.rs", &long, "src/row.rs:501: [lengths] 501 lines"),
        ("src/row.rs", &function, "src/row.rs:2: [lengths] `f` has 71 lines"),
        ("tests/row.rs", &function, "tests/row.rs:2: [lengths] `f` has 71 lines"),
    ]);
}

#[test]
fn a_name_that_says_nothing_fails() {
    each_fails(&[
        ("src/row/utils.rs", "//! U.\n", "src/row/utils.rs:1: [names] `utils`"),
        ("tests/common/mod.rs", "//! C.\n", "tests/common/mod.rs:1: [names] `common`"),
        ("src/row.rs", "//! R.\nmod helpers {}\n", "src/row.rs:2: [names] `helpers`"),
    ]);
}

#[test]
fn a_banned_word_fails() {
    each_fails(&[
        ("src/row.rs", "//! R.\nfn f() { println!(\"x\"); }\n", "src/row.rs:2: [words] `println!`"),
        ("src/row.rs", "//! R.\nfn f() { eprint !(\"x\"); }\n", "src/row.rs:2: [words] `eprint!`"),
        ("src/row.rs", "//! R.\nfn f() { x.unwrap(); }\n", "src/row.rs:2: [words] `unwrap()`"),
        ("src/row.rs", "//! R.\n#[ allow(unused)]\nfn f() {}\n", "src/row.rs:2: [words] `allow`"),
        ("src/row.rs", "//! R.\ntype A = Arc<Mutex<u8>>;\n", "src/row.rs:2: [words] `Arc<Mutex`"),
        ("src/row.rs", "//! R.\ntype A = Arc<std::sync::RwLock<u8>>;\n", "src/row.rs:2: [words] `Arc<Mutex`"),
        ("src/row.rs", "//! R.\n// TODO: later\n", "src/row.rs:2: [words] `TODO`"),
        ("src/row.rs", "//! R.\n// FIXME\n", "src/row.rs:2: [words] `FIXME`"),
    ]);
}

#[test]
fn an_orphan_and_a_missing_embedded_file_fail() {
    each_fails(&[
        ("sql/catalog/tables.sql", "SELECT 1", "sql/catalog/tables.sql:1: [embedded] no file of src"),
        (
            "src/row.rs",
            "//! R.\nconst A: &str = include_str!(\n\"../sql/a.sql\"\n);\n",
            "src/row.rs:2: [embedded] `sql/a.sql`",
        ),
        (
            "tests/a.rs",
            "//! A.\nconst A: &[u8] = include_bytes!(concat!(env!(\"CARGO_MANIFEST_DIR\"), \"/x.bin\"));\n",
            "tests/a.rs:2: [embedded] `x.bin`",
        ),
    ]);
    let only_in_a_test =
        [("sql/a.sql", ""), ("tests/a.rs", "//! A.\nconst A: &str = include_str!(\"../sql/a.sql\");\n")];
    assert_eq!(problems_of(&only_in_a_test).len(), 1, "a test does not carry a file into the binary");
}

#[test]
fn a_trace_of_a_machine_fails() {
    let path = format!("see {}rk/main\n", "/wo");
    let home = format!("path = \"{}ot/x\"\n", "/ro");
    let host = format!("\n[source.x]\nregistry = \"https://{}.io\"\n", "index.crates");
    let mirror = format!("source = \"{}+https://mirror.example/\"\n", "registry");
    each_fails(&[
        ("README.md", &path, "README.md:1: [traces]"),
        (".ci/run", &home, ".ci/run:1: [traces]"),
        ("notes.toml", &host, "notes.toml:3: [traces]"),
        ("Cargo.lock", &mirror, "Cargo.lock:1: [traces]"),
    ]);
}

#[test]
fn an_exception_covers_what_it_names_and_must_be_needed() {
    let exception = |problems, reason| Exception { rule: "words", path: "src/row.rs", problems, reason };
    let bad = [("src/row.rs", "//! R.\nfn f() { x.unwrap(); }\nfn g() { x.unwrap(); }\n")];
    assert_eq!(problems_but(&bad, &[exception(2, "because")]), Vec::<String>::new());
    assert_eq!(problems_but(&bad, &[exception(1, "because")]).len(), 2, "one more than the exception bears");
    assert_eq!(problems_but(&bad, &[exception(2, "")]).len(), 1, "no reason");
    let unused = problems_but(&[("src/row.rs", "//! R.\n")], &[exception(2, "because")]);
    assert!(unused.len() == 1 && unused[0].contains("lower it, or remove it"), "{unused:?}");
}

#[test]
fn comments_strings_and_characters_are_not_code() {
    let hidden = "a /* b /* c */ d */ \"e\\\"f\" r#\"g\"h\"# 'i' '\\'' b'j' br\"k\" // l\nm 'life n";
    let words: Vec<_> = tokens(&blanked(hidden)).into_iter().map(|token| token.text).collect();
    assert_eq!(words, ["a", "m", "'", "life", "n"]);
}

#[test]
fn groups_of_paths_are_written_out() {
    let found = references(&tokens(
        "use crate::{a::{self, B as C}, d::*};\npub use e::F; g::h(); pub(in crate::i) struct J(pub k::L);",
    ));
    let found: Vec<_> = found.iter().map(|found| (found.path.join("::"), found.passed_on)).collect();
    let expected = [
        ("crate::a::self", false),
        ("crate::a::B", false),
        ("crate::d::*", false),
        ("e::F", true),
        ("g::h", false),
        ("k::L", false),
    ];
    assert_eq!(found, expected.map(|(path, passed_on)| (path.to_owned(), passed_on)));
}

//! The rules of the house, kept by a test: floors, heads, lengths, names, words, embedded files, traces.
//!
//! Each rule is a function from the repository's text to problems; a problem names file, line and what to do. The second
//! half of this test breaks each rule in a made-up repository, so that no rule can fall asleep.

use std::path::Path;

#[path = "tidy/broken.rs"]
mod broken;
#[path = "tidy/code.rs"]
mod code;
#[path = "tidy/embedded.rs"]
mod embedded;
#[path = "tidy/floors.rs"]
mod floors;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/tree.rs"]
mod tree;

use tree::{Problem, Tree};

/// Problems that are known and borne. This list only shrinks: as soon as there are fewer, the test asks for the new number.
const EXCEPTIONS: &[Exception] = &[];

/// So many problems of one rule in one file, and why they are borne.
struct Exception {
    /// As in the square brackets of a problem.
    rule: &'static str,
    /// From the root of the repository.
    path: &'static str,
    /// How many there are, exactly.
    problems: usize,
    /// Why the file cannot keep the rule.
    reason: &'static str,
}

const RULES: [fn(&Tree) -> Vec<Problem>; 10] = [
    floors::no_module_uses_a_higher_one,
    floors::no_files_use_each_other,
    floors::what_must_be_absent_is_absent,
    shape::every_file_has_a_head,
    shape::nothing_is_too_long,
    shape::every_name_means_something,
    shape::no_banned_word,
    embedded::sql_is_embedded_and_embedded_files_exist,
    embedded::sql_for_servers_is_ascii,
    embedded::no_trace_of_a_machine,
];

/// Everything that is wrong under `root`, one line each; exceptions that are not needed are wrong as well.
fn problems(root: &Path, exceptions: &[Exception]) -> Vec<String> {
    let tree = Tree::read(root);
    let mut problems: Vec<_> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    let mut told = Vec::new();
    for Exception { rule, path, problems: borne, reason } in exceptions {
        let excepted = |problem: &Problem| problem.rule == *rule && problem.path == *path;
        let found = problems.iter().filter(|problem| excepted(problem)).count();
        if found <= *borne {
            problems.retain(|problem| !excepted(problem));
        }
        if found < *borne {
            told.push(format!(
                "{path}: [{rule}] the exception bears {borne} and there are {found}: lower it, or remove it"
            ));
        }
        if reason.is_empty() {
            told.push(format!("{path}: [{rule}] the exception has no reason: give one"));
        }
    }
    told.extend(problems.iter().map(Problem::to_string));
    told
}

#[test]
fn the_house_keeps_its_own_rules() {
    let problems = problems(Path::new(env!("CARGO_MANIFEST_DIR")), EXCEPTIONS);
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

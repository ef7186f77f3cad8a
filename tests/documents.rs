//! The documents are true: every command line in them is understood, every link leads somewhere, and the runbook has an entry
//! for every alert, every halt and every hold.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// README.md and the pages of doc/.
fn documents() -> Vec<PathBuf> {
    let pages = fs::read_dir(root().join("doc")).expect("doc/").map(|entry| entry.expect("an entry").path());
    let pages = pages.filter(|path| path.extension().is_some_and(|end| end == "md"));
    std::iter::once(root().join("README.md")).chain(pages).collect()
}

/// The command lines of a page: what stands in code, from the word `acequia` on.
fn command_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        let plain = line.trim_start();
        if plain.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced || line.starts_with("    ") {
            let line = plain.strip_prefix("runuser -u acequia -- ").unwrap_or(plain);
            lines.extend(line.split("&& ").filter(|part| part.starts_with("acequia ")).map(str::to_owned));
        } else {
            let spans = line.split('`').skip(1).step_by(2);
            lines.extend(spans.filter(|span| span.starts_with("acequia ")).map(str::to_owned));
        }
    }
    lines
}

/// Its words, without what belongs to the shell or to the reader. Placeholders become values that fit.
fn words(line: &str) -> Vec<String> {
    let line = line.split("  #").next().unwrap_or(line);
    let mut words = Vec::new();
    for word in line.split_whitespace().skip(1) {
        if ["|", ">", "<", ";", "#"].iter().any(|end| word.starts_with(end)) {
            break;
        }
        match word.trim_end_matches([',', ';']) {
            "…" | "..." => {}
            id if id.starts_with("ID") || id.starts_with("[ID") => words.push("17".to_owned()),
            "T" => words.push("2h".to_owned()),
            word => words.push(word.trim_matches('"').to_owned()),
        }
    }
    words
}

#[test]
fn every_command_line_of_the_documents_is_understood() {
    let mut seen = BTreeSet::new();
    for page in documents() {
        let text = fs::read_to_string(&page).expect("readable");
        for line in command_lines(&text) {
            if seen.insert(words(&line)) {
                let arguments = words(&line);
                let output =
                    Command::new(env!("CARGO_BIN_EXE_acequia")).args(&arguments).arg("--help").output();
                let output = output.expect("the binary can be started");
                let said = String::from_utf8_lossy(&output.stderr);
                assert!(output.status.success(), "{}: `{line}`: {said}", page.display());
            }
        }
    }
    assert!(seen.len() > 50, "only {} command lines were found", seen.len());
}

/// How a heading is called in a link.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}

/// Everything in a page that a link can lead to.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| anchor(line.trim_start_matches('#').trim()));
    let named = text.split("id=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    headings.chain(named).collect()
}

#[test]
fn every_link_leads_somewhere() {
    for page in documents() {
        let text = fs::read_to_string(&page).expect("readable");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, place) = link.split_once('#').unwrap_or((link, ""));
            let directory = page.parent().expect("a directory");
            let target = if file.is_empty() { page.clone() } else { directory.join(file) };
            assert!(target.exists(), "{}: nothing is at {link}", page.display());
            if !place.is_empty() {
                let there = fs::read_to_string(&target).expect("readable");
                assert!(anchors(&there).contains(place), "{}: {link} names no place", page.display());
            }
        }
    }
}

/// The variants of an enum of the source, as anchors write them: `WalLevel` is `wal-level`.
fn variants(path: &str, name: &str) -> Vec<String> {
    let text = read(path);
    let (_, body) = text.split_once(&format!("enum {name} {{\n")).expect("the enum");
    let (body, _) = body.split_once("\n}").expect("its end");
    let own = body
        .lines()
        .filter_map(|line| line.strip_prefix("    ").filter(|rest| rest.starts_with(char::is_uppercase)));
    let names = own.map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or(rest));
    names.map(kebab).collect()
}

fn kebab(name: &str) -> String {
    let mut text = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            text.push('-');
        }
        text.extend(letter.to_lowercase());
    }
    text
}

/// Words between apostrophes after `reason IN (`, in a CHECK of the control schema.
fn reasons(table: &str) -> Vec<String> {
    let text = read("sql/control/001_control.sql");
    let (_, body) = text.split_once(&format!("CREATE TABLE acequia.{table} (")).expect("the table");
    let (_, list) = body.split_once("reason IN (").expect("its reasons");
    let (list, _) = list.split_once("))").expect("their end");
    list.split('\'').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn the_runbook_has_an_entry_for_every_halt_every_hold_and_every_parked_row() {
    let there = anchors(&read("doc/runbook.md"));
    // What is no failure, and what only carries others.
    let no_failure = ["drift", "reached", "ordered", "renewed", "apply"];
    let mut wanted: Vec<String> = Vec::new();
    for path in ["src/daemon/flow/error.rs", "src/apply/error.rs"] {
        let errors = variants(path, "Error").into_iter().filter(|name| !no_failure.contains(&name.as_str()));
        wanted.extend(errors.map(|name| format!("error-{name}")));
    }
    wanted.extend(variants("src/daemon/flow/gap.rs", "What").into_iter().map(|name| format!("gap-{name}")));
    wanted.extend(reasons("hold").into_iter().map(|name| format!("hold-{name}")));
    wanted.extend(reasons("parked").into_iter().map(|name| format!("parked-{name}")));
    assert!(wanted.len() > 40, "{wanted:?}");
    let missing: Vec<&String> = wanted.iter().filter(|name| !there.contains(*name)).collect();
    assert!(missing.is_empty(), "doc/runbook.md has no anchor for {missing:?}");
}

#[test]
fn the_runbook_has_an_entry_for_every_alert() {
    let there = anchors(&read("doc/runbook.md"));
    let rules = read("config/prometheus/acequia.rules.yml");
    let alerts = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: "));
    let alerts: Vec<String> = alerts.map(|name| name.trim().to_lowercase()).collect();
    assert!(alerts.len() > 10, "{alerts:?}");
    let missing: Vec<&String> = alerts.iter().filter(|name| !there.contains(*name)).collect();
    assert!(missing.is_empty(), "doc/runbook.md has no entry for {missing:?}");
}

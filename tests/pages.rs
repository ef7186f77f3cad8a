//! The manual pages are what the program says of itself, and are pages that man can read.
//!
//! To write them anew after a change of words: `ACEQUIA_WRITE_EXPECTED=1 cargo test --test pages`, then read the difference.

#[path = "live/support/skip.rs"]
mod skip;

use std::fs;
use std::path::Path;
use std::process::Command;

const DIRECTORY: &str = "doc/man";

#[test]
fn the_manual_pages_are_what_the_program_says() {
    for (name, page) in acequia::cli::pages() {
        let path = Path::new(DIRECTORY).join(name);
        if std::env::var_os("ACEQUIA_WRITE_EXPECTED").is_some() {
            fs::create_dir_all(DIRECTORY).expect("the folder of pages");
            fs::write(&path, &page).expect("the page is written");
        }
        let written = fs::read_to_string(&path).unwrap_or_default();
        let differs = written.lines().zip(page.lines()).find(|(old, new)| old != new);
        assert!(
            written == page,
            "{} is not what the program says: ACEQUIA_WRITE_EXPECTED=1 cargo test --test pages; {differs:?}",
            path.display()
        );
    }
}

#[test]
fn man_has_nothing_to_say_against_the_pages() {
    for (name, _) in acequia::cli::pages() {
        let lint = Command::new("mandoc")
            .args(["-T", "lint", "-W", "warning"])
            .arg(Path::new(DIRECTORY).join(name))
            .output();
        let Ok(lint) = lint else {
            skip::skip("the manual pages", "mandoc is not installed");
            return;
        };
        let said = String::from_utf8_lossy(&lint.stdout);
        assert!(lint.status.success() && said.is_empty(), "{name}: {said}");
    }
}

#[test]
fn every_command_and_every_option_is_on_its_page() {
    let [(_, commands), (_, files)] = acequia::cli::pages();
    for heading in
        ["acequia parked retry", "acequia snapshot load", "acequia config schema", "acequia completions"]
    {
        assert!(commands.contains(&format!(".SS \"{}", heading.replace('-', "\\-"))), "{heading}");
    }
    assert!(commands.contains("\\fB\\-\\-print\\-sql\\fP"));
    for key in ["[databases.NAME]", "[[sync]]", "[[snapshot]]", "[daemon]"] {
        assert!(files.contains(&format!(".SH \"{key}\"")), "{key}");
    }
}

#[test]
fn a_shell_reads_its_completions() {
    for (shell, check) in [("bash", Some("bash")), ("zsh", None), ("fish", None)] {
        let script = Command::new(env!("CARGO_BIN_EXE_acequia"))
            .args(["completions", shell])
            .output()
            .expect("the program");
        assert!(script.status.success(), "{shell}");
        let text = String::from_utf8(script.stdout).expect("a text");
        assert!(text.contains("resync") && text.contains("print-sql"), "{shell}");
        let Some(check) = check else { continue };
        let file = tempfile::NamedTempFile::new().expect("a file");
        fs::write(file.path(), &text).expect("a script in it");
        let read = Command::new(check).arg("-n").arg(file.path()).status().expect("a shell");
        assert!(read.success(), "{check} cannot read its completions");
    }
}

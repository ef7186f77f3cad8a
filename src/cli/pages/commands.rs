//! acequia(8): the daemon and its commands.

use clap::{Arg, Command};

use super::roff::{Page, bold, italic};

const DESCRIPTION: [&str; 3] = [
    "A practice-management system keeps each of its customers in a schema of its own; codes, prices, facilities and payers \
     are the same everywhere, and somebody has to keep them so. Acequia is a daemon beside the PostgreSQL database: it reads \
     what was committed in one customer's schema, by PostgreSQL's own logical replication, and writes it into the others, by \
     rules in TOML (see `acequia.toml`(5)), exactly once. On a timer it dumps all tables of customers, at one moment, to \
     tab-delimited files or to MySQL.",
    "A `flow` is a pair of source and target database, often the same one. It has its own replication slot at the source and \
     its own checkpoint at the target. A row that a customer can't take is `parked`, with the reason, and tried again; the \
     rest goes on.",
    "`acequia run` is the daemon; every other command looks after it, or works without it. What they print holds no value of \
     a row and no password, unless an option asks for values by name.",
];

/// Name and explanation.
type Terms = &'static [(&'static str, &'static str)];

const SIGNALS: Terms = &[
    (
        "TERM, INT",
        "End the daemon in order, with exit status 0. It may be killed at any time and loses nothing.",
    ),
    ("HUP", "Take over the files as they are now, as `acequia reload` does."),
];

const FILES: Terms = &[
    ("/etc/acequia/acequia.toml, /etc/acequia/conf.d/*.toml", "The rules: `acequia.toml`(5)."),
    (
        "/etc/acequia/credentials/",
        "Passwords, one in a file, owned by root with mode 0600. The unit hands them over by LoadCredential=.",
    ),
    (
        "/run/acequia/",
        "What the running daemon keeps for `acequia status`, and its lock. [daemon] runtime_directory.",
    ),
    ("/var/lib/acequia/snapshots/", "Published snapshots, unless the files name another directory."),
    ("/usr/share/acequia/acequia.schema.json", "The JSON Schema of the files, for editors."),
    ("/usr/share/doc/acequia/config/", "A whole configuration, with comments."),
];

const ENVIRONMENT: Terms = &[
    ("ACEQUIA_CONFIG", "The directory of the files, where `--config` is not given."),
    (
        "CREDENTIALS_DIRECTORY",
        "Where a password of the form { credential = \"...\" } is. systemd sets it for the service. Where it is not set, it is \
         looked for in /run/credentials/acequia.service, which the daemon's user may read while the service runs, and in \
         /etc/acequia/credentials, which root may.",
    ),
    ("RUNTIME_DIRECTORY", "Set by systemd; where the runtime directory is when the files do not say so."),
    ("PGPASSFILE", "PostgreSQL's password file; ~/.pgpass where it is not set."),
    (
        "RUST_LOG",
        "What is logged: `debug` says more. What libraries log is capped when the program is built.",
    ),
    ("ACEQUIA_LOG_FORMAT", "The form of the log, where `--log` is not given."),
    ("NO_COLOR", "No colours, also on a terminal."),
];

const STATUSES: Terms = &[
    ("0", "Done. `run`: ended because it was told to. `check`: no error, though there may be warnings."),
    ("1", "Failed; the message says what, on what, and what to do."),
    (
        "2",
        "The command line was not understood. `plan`, `verify`: there are differences. (`ping` has statuses of its own.)",
    ),
    ("69", "A database server is not reachable."),
    (
        "70",
        "A fault in Acequia itself; the log tells the place. Nothing is lost, and systemd starts the daemon anew.",
    ),
    ("75", "`snapshot run`: another run of it is at work."),
    (
        "78",
        "The configuration is wrong, or the server refuses its role or password. `run`: no flow can start and none ever has, \
         so starting again would not help.",
    ),
];

const EXAMPLES: [(&str, &str); 4] = [
    (
        "Look over the rules, then have a DBA grant what they need:",
        "acequia check --offline\nacequia setup --print-sql",
    ),
    ("Begin:", "systemctl enable --now acequia\nacequia status"),
    ("Change the rules of a running daemon:", "acequia check && systemctl reload acequia"),
    (
        "Find out why a row is not there:",
        "acequia explain --dataset cpt_code --key 99213\nacequia parked list --customer north",
    ),
];

/// The page.
pub(super) fn page(mut command: Command) -> String {
    command.build();
    let mut page = Page::begin("acequia", 8, "keeps the set-up data of many customers in step");
    page.section("SYNOPSIS");
    page.words("`acequia` [`--config` DIR] COMMAND [OPTIONS]");
    page.section("DESCRIPTION");
    for text in DESCRIPTION {
        page.paragraph(text);
    }
    page.section("OPTIONS");
    for option in command.get_arguments() {
        argument(&mut page, option);
    }
    page.section("COMMANDS");
    for one in command.get_subcommands_mut() {
        subcommand(&mut page, one);
    }
    for (title, terms) in
        [("SIGNALS", SIGNALS), ("FILES", FILES), ("ENVIRONMENT", ENVIRONMENT), ("EXIT STATUS", STATUSES)]
    {
        page.section(title);
        for (name, about) in terms {
            page.term(&bold(name));
            page.words(about);
        }
    }
    page.section("EXAMPLES");
    for (about, lines) in EXAMPLES {
        page.paragraph(about);
        page.example(&lines.lines().collect::<Vec<_>>());
    }
    page.section("SEE ALSO");
    page.paragraph("`acequia.toml`(5), `systemctl`(1), `journalctl`(1)");
    page.paragraph("PostgreSQL's manual, chapter Logical Replication.");
    page.finish()
}

/// One command, and those below it.
fn subcommand(page: &mut Page, command: &mut Command) {
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    let has_commands = command.has_subcommands();
    let usage = command.render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").trim().to_owned();
    page.part(&usage.split_whitespace().collect::<Vec<_>>().join(" "));
    let about = command.get_long_about().or_else(|| command.get_about()).map(ToString::to_string);
    page.words(&sentence(&about.unwrap_or_default()));
    for option in command.get_arguments().filter(|option| !option.is_global_set()) {
        argument(page, option);
    }
    if let Some(notes) = command.get_after_help().map(ToString::to_string) {
        page.notes(&notes);
    }
    if has_commands {
        for one in command.get_subcommands_mut() {
            subcommand(page, one);
        }
    }
}

/// An option or an argument.
fn argument(page: &mut Page, argument: &Arg) {
    if argument.is_hide_set() || matches!(argument.get_id().as_str(), "help" | "version") {
        return;
    }
    let mut term = match (argument.get_short(), argument.get_long()) {
        (Some(short), Some(long)) => {
            format!("{}, {}", bold(&format!("-{short}")), bold(&format!("--{long}")))
        }
        (None, Some(long)) => bold(&format!("--{long}")),
        (Some(short), None) => bold(&format!("-{short}")),
        (None, None) => String::new(),
    };
    if argument.get_action().takes_values() {
        let names = argument.get_value_names().unwrap_or_default();
        let names: Vec<String> = names.iter().map(|name| italic(name)).collect();
        let blank = if term.is_empty() { "" } else { " " };
        term = format!("{term}{blank}{}", names.join(" "));
    }
    page.term(&term);
    let about = argument.get_long_help().or_else(|| argument.get_help()).map(ToString::to_string);
    let mut about = sentence(&about.unwrap_or_default());
    let words: Vec<String> =
        argument.get_possible_values().iter().map(|word| format!("`{}`", word.get_name())).collect();
    if argument.get_action().takes_values() && !words.is_empty() {
        about = format!("{about} One of {}.", words.join(", "));
    }
    let defaults: Vec<_> = argument.get_default_values().iter().map(|text| text.to_string_lossy()).collect();
    if argument.get_action().takes_values() && !defaults.is_empty() {
        about = format!("{about} Default: `{}`.", defaults.join(" "));
    }
    page.words(&about);
}

/// Text that ends like a sentence.
fn sentence(text: &str) -> String {
    let text = plain_line(text);
    if text.ends_with(['.', '?', '!']) { text } else { format!("{text}.") }
}

/// Text on one line.
fn plain_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

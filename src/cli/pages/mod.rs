//! The manual pages, made of what the program knows of itself. `doc/man/` holds them; a test compares.
//!
//! ```text
//! commands   acequia(8): the command line as clap has it, with what is to be said around it
//! files      acequia.toml(5): the manual of the files
//! roff       how a page is written down
//! ```

mod commands;
mod files;
mod roff;

/// acequia(8), in the language of man, of the command line.
pub(super) fn commands(command: clap::Command) -> String {
    commands::page(command)
}

/// acequia.toml(5), in the language of man.
pub(super) fn files() -> String {
    files::page(&crate::config::manual::FILE)
}

//! `acequia completions`: what a shell completes by.

use clap::Command;
use clap_complete::{Shell, generate};

use super::console::{Exit, say};

pub(super) const AFTER_HELP: &str = "\
The Debian package installs them. By hand, for the shell that you use:

  acequia completions bash > ~/.local/share/bash-completion/completions/acequia
  acequia completions zsh > ~/.zfunc/_acequia
  acequia completions fish > ~/.config/fish/completions/acequia.fish";

pub(super) fn completions(shell: Shell, mut command: Command) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    generate(shell, &mut command, "acequia", &mut script);
    say!("{}", String::from_utf8(script)?.trim_end());
    Ok(Exit::Done)
}

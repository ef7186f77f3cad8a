//! `acequia status --watch`: the same screen again and again, with what went through between two looks.

use std::io::{IsTerminal as _, stdout};
use std::path::Path;
use std::time::{Duration, Instant};

use super::console::{Exit, Output, say};
use super::status::{self, Look};
use crate::config::Config;

/// Clears the screen and goes to its corner.
const CLEAR: &str = "\u{1b}[2J\u{1b}[3J\u{1b}[H";

/// Looks until Ctrl-C.
pub(super) async fn watch(
    directory: &Path,
    config: &Config,
    output: Output,
    seconds: u64,
) -> anyhow::Result<Exit> {
    let mut last: Option<(Look, Instant)> = None;
    loop {
        let next = Instant::now() + Duration::from_secs(seconds);
        let look = tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
            look = status::look(directory, config) => look,
        };
        let at = Instant::now();
        let before = last.as_ref().map(|(before, then)| (before, at.duration_since(*then).as_secs_f64()));
        show(&look, before, output)?;
        last = Some((look, at));
        tokio::select! {
            _ = tokio::signal::ctrl_c() => return Ok(Exit::Done),
            () = tokio::time::sleep_until(next.into()) => {}
        }
    }
}

/// A screen on a terminal, one block after another elsewhere, one line of JSON for programs.
fn show(look: &Look, before: Option<(&Look, f64)>, output: Output) -> anyhow::Result<()> {
    let rates = before.map(|(before, seconds)| look.rates_since(before, seconds));
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
    match output {
        Output::Json => say!("{}", serde_json::to_string(&look.as_json())?),
        Output::Text if stdout().is_terminal() => {
            super::console::write_out(format_args!("{CLEAR}{now}   Ctrl-C ends\n\n"));
            look.print(rates.as_ref());
        }
        Output::Text => {
            say!("==== {now}");
            look.print(rates.as_ref());
            say!();
        }
    }
    Ok(())
}

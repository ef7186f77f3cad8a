//! The thin binary: parses, runs a command, maps its result to an exit status.

use std::process::ExitCode;

fn main() -> ExitCode {
    acequia::cli::main()
}

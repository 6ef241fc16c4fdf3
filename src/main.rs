//! The `adtrace` command: hands the arguments to `cli` and exits with its status.

use std::process::ExitCode;

fn main() -> ExitCode {
    adtrace::cli::run(std::env::args_os())
}

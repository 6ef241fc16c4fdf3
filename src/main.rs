//! The `adtrace` command: hands the arguments to `cli` and exits with its status.

fn main() {}

//! Commands for those who work on Skep, each a subcommand of `cargo xtask`.

fn main() {}

//! `docs/cli.md`.

use super::assert_document;
use clap::{Command, CommandFactory as _};
use skep::commands::Cli;
use std::fmt::Write as _;

const INTRODUCTION: &str = "# The command line

The help of each command, as `skep help` prints it. This page is generated: `SKEP_BLESS=1 cargo test -p skep` rewrites it.

| exit code | means |
| --- | --- |
| 0 | success; for `check`: nothing is wrong |
| 1 | failure, with the reason on the standard error; for `check`: something is wrong |
| 2 | wrong arguments |

The result of a command goes to the standard output, and everything else to the standard error. A result that cannot be written, for example to a full disk, is a failure. A reader that closes the pipe before the end, as `head` does, is not. With `--json`, the result is one JSON document.
";

fn describe(text: &mut String, command: &mut Command, name: &str) {
    let help = command.render_long_help().to_string();
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let _ = write!(text, "\n## {name}\n\n```text\n{}\n```\n", help.join("\n").trim_end());
    for inner in command.get_subcommands_mut().filter(|inner| inner.get_name() != "help") {
        let name = format!("{name} {}", inner.get_name());
        describe(text, inner, &name);
    }
}

#[test]
fn the_command_line() {
    let mut command = Cli::command().term_width(100);
    command.build();
    let mut text = INTRODUCTION.to_owned();
    describe(&mut text, &mut command, "skep");
    assert_document("docs/cli.md", &text);
}

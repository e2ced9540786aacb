//! `docs/cli.md`.

use super::assert_document;
use clap::{Command, CommandFactory as _};
use skep::commands::Cli;
use std::fmt::Write as _;

const INTRODUCTION: &str = "# The command line

What `skep help <command>` says of each command. This page is generated: `SKEP_BLESS=1 cargo test -p skep` rewrites it.

| exit code | means |
| --- | --- |
| 0 | done; of `check`: nothing is wrong |
| 1 | it could not be done, and the standard error says why; of `check`: something is wrong |
| 2 | it was called wrongly |

What a command answers goes to the standard output, everything else to the standard error; with `--json` the answer is one JSON document.
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

//! The shell blocks of README.md: what they name exists. `tests/journeys` runs the first order.

use super::root;
use clap::Parser as _;
use skep::{commands::Cli, config::SETTINGS};
use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).unwrap()
}

fn shell_blocks(page: &str) -> Vec<&str> {
    page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect()
}

/// Whether the shell can read the text and it is made of commands alone: it has no gap to fill in and no comment, which
/// an interactive zsh would run.
fn is_pasteable(block: &str) -> bool {
    let mut bash = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(block.as_bytes()).unwrap();
    let has_gap = block.contains('…') || block.contains("...") || block.contains('<');
    bash.wait().unwrap().success() && !has_gap && !block.contains('#')
}

/// The calls of skep in a block: the variables that are set for each, and its words.
fn calls(block: &str) -> Vec<(Vec<&str>, Vec<&str>)> {
    let commands = block.lines().flat_map(|line| line.split(['|', '&', ';']));
    let calls = commands.filter_map(|command| {
        let words: Vec<&str> = command.split_whitespace().collect();
        let at = words.iter().position(|word| !word.contains('='))?;
        let names = words[..at].iter().filter_map(|word| word.split('=').next()).collect();
        (words[at] == "skep").then(|| (names, words[at..].to_vec()))
    });
    calls.collect()
}

#[test]
fn shell_blocks_can_be_pasted() {
    let page = readme();
    let blocks = shell_blocks(&page);
    assert!(blocks.len() >= 6, "{} blocks", blocks.len());
    for block in &blocks {
        assert!(is_pasteable(block), "{block}");
    }
    for bad in ["skep <command>", "REDIS_URL=redis://h …", "skep   # a comment", "echo 'a"] {
        assert!(!is_pasteable(bad), "{bad}");
    }
}

#[test]
fn commands_and_settings_exist() {
    let page = readme();
    let commands = page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let text: Vec<&str> = shell_blocks(&page).into_iter().chain(commands).collect();
    let calls: Vec<_> = text.iter().flat_map(|text| calls(text)).collect();
    assert!(calls.len() >= 8, "{calls:?}");
    for (names, words) in &calls {
        for name in names {
            assert!(SETTINGS.iter().any(|setting| setting.name == *name), "{name} of {words:?} is not a setting");
        }
        // The table names a command that has required options.
        if words[..] != ["skep", "user", "create"] {
            Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
        }
    }
}

#[test]
fn addresses_are_those_of_the_servers_that_the_page_starts() {
    let page = readme();
    let compose = fs::read_to_string(root().join("compose.yaml")).unwrap();
    let services = fs::read_to_string(root().join("scripts/services")).unwrap();
    let ports: Vec<&str> = compose
        .lines()
        .filter_map(|line| line.trim().strip_prefix("ports: [\"127.0.0.1:")?.split(':').next())
        .collect();
    assert_eq!(ports.len(), 3, "{ports:?}");
    for port in ports {
        assert!(page.contains(&format!("127.0.0.1:{port}")), "README.md does not have the port {port}");
        assert!(services.contains(&format!("={port}")), "scripts/services does not have the port {port}");
    }
    let value = |name: &str| {
        let line = compose.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("compose.yaml has no {name}"))
    };
    let (user, password, database) = (value("POSTGRES_USER"), value("POSTGRES_PASSWORD"), value("POSTGRES_DB"));
    assert!(page.contains(&format!("postgres://{user}:{password}@")) && page.contains(&format!("/{database}\n")));
    assert!(page.contains(&format!("redis://:{}@", value("REDISCLI_AUTH"))));
}

//! `docs/configuration.md` and `.env.example`.

use super::assert_document;
use skep::config::{Config, SETTINGS, Setting, Shape};
use std::{ffi::OsString, fmt::Write as _};

const INTRODUCTION: &str = "# Configuration

Nothing has to be configured: without any setting Skep listens on the loopback and keeps its data in `./skep-data`. This page is generated from the settings themselves: `SKEP_BLESS=1 cargo test -p skep` rewrites it.

Settings come from two places:

1. `skep.toml` in the working directory, or the file that `SKEP_CONFIG` names. Keys have sections, as `server.port`.
2. Environment variables. They win. A variable that is set to nothing counts as not set.

Whatever is wrong stops the start, all at once: each fault with its name, where it stands, what was found unless it is a secret, what is expected, and the setting that was probably meant. Unknown keys of the file and unknown variables that start with `SKEP_` are faults. `skep check` tells the same, and whether the store, Redis, the disk and the port can be used.

```text
$ PORT=eighty SKEP_DATADIR=/tmp DATABASE_URL=sqlite://shop.db skep
";

const WRONG: &[(&str, &str)] = &[("PORT", "eighty"), ("SKEP_DATADIR", "/tmp"), ("DATABASE_URL", "sqlite://shop.db")];

const RULES: &str = "```

What belongs together:

- **Another address than the loopback** needs `PUBLIC_URL`, and `/metrics` is then served only with `SKEP_METRICS_TOKEN`. `SKEP_DOCS=off` takes the page of the API away.
- **One store**: it follows from the one address that is set. With both addresses set, `SKEP_STORE` must say which. SQLite has no address.
- **Several instances** on one store need the same secret: the same file, named with `SKEP_SECRET_FILE`. Another secret is refused, because it cannot open the keys in the store.
- **Secrets** are `DATABASE_URL`, `MONGODB_URI`, `REDIS_URL` and `SKEP_METRICS_TOKEN`. They are never shown. A `skep.toml` that has one should be for its owner alone: `chmod 600 skep.toml`.

## Every setting
";

fn section(setting: &Setting) -> &str {
    setting.key.split_once('.').map_or("", |(section, _)| section)
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

/// The value as it is written in the file.
fn in_toml(setting: &Setting, value: &str) -> String {
    let items = || value.split(',').filter(|item| !item.is_empty());
    match setting.shape {
        Shape::Text => format!("{value:?}"),
        Shape::Number => value.to_owned(),
        Shape::Switch => (value == "on").to_string(),
        Shape::List => format!("[{}]", items().map(|item| format!("{item:?}")).collect::<Vec<_>>().join(", ")),
        Shape::Amounts => {
            let amounts = items().filter_map(|item| item.split_once(':'));
            format!(
                "{{ {} }}",
                amounts.map(|(name, amount)| format!("{name} = {amount}")).collect::<Vec<_>>().join(", ")
            )
        }
    }
}

fn table(text: &mut String) {
    let mut last = None;
    for setting in SETTINGS.iter() {
        let section = section(setting);
        if last != Some(section) {
            let title = if section.is_empty() { "the file itself".to_owned() } else { format!("[{section}]") };
            let _ = write!(text, "\n### {title}\n\n| variable | in skep.toml | default | meaning | expected |\n");
            text.push_str("| --- | --- | --- | --- | --- |\n");
            last = Some(section);
        }
        let Setting { name, key, default, doc, form, secret, .. } = setting;
        let secret = if *secret { " A secret." } else { "" };
        let _ = writeln!(text, "| `{name}` | {} | {} | {doc}{secret} | {form} |", code(key), code(default));
    }
}

fn whole_file() -> String {
    let mut text = String::new();
    let mut last = "";
    for setting in SETTINGS.iter().filter(|setting| !setting.key.is_empty()) {
        let section = section(setting);
        if section != last {
            let _ = writeln!(text, "{}[{section}]", if last.is_empty() { "" } else { "\n" });
            last = section;
        }
        let key = setting.key.trim_start_matches(section).trim_start_matches('.');
        let value = if setting.default.is_empty() { setting.example } else { setting.default };
        let _ = writeln!(text, "# {key} = {}", in_toml(setting, value));
    }
    text
}

#[test]
fn the_settings() {
    let mut text = INTRODUCTION.to_owned();
    let wrong = WRONG.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let _ = writeln!(text, "skep: {}", Config::from_variables(wrong).unwrap_err());
    text.push_str(RULES);
    table(&mut text);
    let _ = write!(
        text,
        "\n## A whole skep.toml\n\nEvery key, with its default or an example.\n\n```toml\n{}```\n",
        whole_file()
    );
    assert_document("docs/configuration.md", &text);
}

#[test]
fn the_environment() {
    let mut text = "# Every environment variable of Skep, commented out: the defaults, or an example where there is none.\n\
                    # For compose (env_file), systemd (EnvironmentFile) or a shell (set -a; . ./.env). Skep does not read\n\
                    # this file by itself. Generated: SKEP_BLESS=1 cargo test -p skep\n"
        .to_owned();
    for setting in SETTINGS.iter() {
        let value = if setting.default.is_empty() { setting.example } else { setting.default };
        let _ = write!(text, "\n# {}\n# Expected: {}.\n#{}={value}\n", setting.doc, setting.form, setting.name);
    }
    assert_document(".env.example", &text);
}

#[test]
fn every_line_of_the_whole_file_can_be_used() {
    let file = whole_file();
    let mut section = "";
    for line in file.lines().filter(|line| !line.is_empty()) {
        let Some(setting) = line.strip_prefix("# ") else {
            section = line;
            continue;
        };
        let variables = [("PUBLIC_URL", "https://h"), ("DATABASE_URL", "postgres://h/d"), ("SKEP_STORE", "postgres")];
        // What the file itself says is not to be hidden by a variable.
        let variables =
            variables.into_iter().filter(|(name, _)| !setting.starts_with("mongodb") || *name == "PUBLIC_URL");
        let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let text = format!("{section}\n{setting}\n");
        Config::from_sources(Some(("skep.toml", &text)), variables).unwrap_or_else(|error| panic!("{text}{error}"));
    }
}

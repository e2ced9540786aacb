//! `docs/configuration.md` and `.env.example`.

use super::assert_document;
use skep::config::{Config, SETTINGS, Setting, Shape};
use std::{ffi::OsString, fmt::Write as _};

const INTRODUCTION: &str = "# Configuration

Every setting has a default or is optional. Without any setting, Skep listens on the loopback and keeps its data in `./skep-data`. This page is generated from the settings: `SKEP_BLESS=1 cargo test -p skep` rewrites it.

Settings come from two places:

1. `skep.toml` in the working directory, or the file that `SKEP_CONFIG` names. Keys are in sections: `server.port` is `port` in the section `[server]`.
2. Environment variables. They win over the file. An empty variable counts as not set.

A wrong setting stops the start. All faults are reported together. Each report has the name of the setting, its place, the found value unless it is a secret, the expected form, and for an unknown name the most similar one. Unknown keys of the file and unknown variables that start with `SKEP_` are faults, except the variables that Kubernetes adds for services (see [the guide](guides/kubernetes.md)). `skep check` reports the same faults. It also checks the store, Redis, the disk and the port.

```text
$ PORT=eighty SKEP_DATADIR=/tmp DATABASE_URL=sqlite://shop.db skep
";

const WRONG: &[(&str, &str)] = &[("PORT", "eighty"), ("SKEP_DATADIR", "/tmp"), ("DATABASE_URL", "sqlite://shop.db")];

const RULES: &str = "```

Settings that depend on each other:

- **`HOST`**: any address except the loopback needs `PUBLIC_URL`. `SKEP_DOCS=off` removes the page `/api-docs`.
- **`PUBLIC_URL`**: name the proxy in front in `SKEP_TRUSTED_PROXIES`. Otherwise all clients count as one address and share its limits. A start without it logs a warning.
- **`/metrics`** needs `SKEP_METRICS_TOKEN`, or an address of its own in `SKEP_METRICS_ADDRESS`, as soon as `HOST` is not the loopback or `PUBLIC_URL` or `SKEP_TRUSTED_PROXIES` is set. A proxy on this machine forwards the requests of others from the loopback.
- **The store**: the setting with an address selects it. If `DATABASE_URL` and `MONGODB_URI` are both set, `SKEP_STORE` must select one. SQLite needs no address. A pooler in transaction mode needs `SKEP_DATABASE_DIRECT_URL` too ([guides/postgresql.md](guides/postgresql.md)). A start waits for a store that does not answer; `SKEP_START_TIMEOUT` limits that.
- **Workers**: some process of a deployment has to run the jobs, with `SKEP_WORKERS` above 0: `skep serve`, or `skep worker` on PostgreSQL and MongoDB. Unpaid orders end by a job ([guides/background-work.md](guides/background-work.md)).
- **Several instances** on one store need the same secret: set `SKEP_SECRET_FILE` to the same file. Another secret is refused, because it cannot open the keys in the store.
- **A new secret** replaces the old one without a pause. Start every instance with the new file in `SKEP_SECRET_FILE` and the old one in `SKEP_PREVIOUS_SECRET_FILE`. When all have both, run `skep keys reseal`. Then remove `SKEP_PREVIOUS_SECRET_FILE`. [Links to contents of files](guides/files.md#links-without-a-token-signed-urls) end: while instances have different secrets, they refuse the links of each other.
- **Sealed fields** have keys that the secret of the instances wraps. `SKEP_FIELD_SECRET_FILE` or `SKEP_FIELD_SECRET` gives these keys a secret of their own, so that two people or two systems keep the two secrets. Start every instance with it, and run `skep keys reseal`. To replace it, name the old one in `SKEP_PREVIOUS_FIELD_SECRET_FILE` until `skep keys reseal` has run. To go back, set `SKEP_PREVIOUS_FIELD_SECRET_FILE` alone. `skep keys rotate --fields` replaces the key that seals, and seals every value again.
- **Secrets** are `DATABASE_URL`, `SKEP_DATABASE_DIRECT_URL`, `MONGODB_URI`, `REDIS_URL`, `SKEP_S3_SECRET_ACCESS_KEY`, `SKEP_FIELD_SECRET` and `SKEP_METRICS_TOKEN`. No message shows them. Only the owner should be able to read a `skep.toml` with a secret: `chmod 600 skep.toml`.

## Every setting
";

fn section(setting: &Setting) -> &str {
    setting.key.split_once('.').map_or("", |(section, _)| section)
}

fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

/// The value in the form of the file.
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

/// All settings, so that those of a section stand together: a section may occur only once in a file.
fn by_section() -> Vec<&'static Setting> {
    let mut sections = vec![];
    for setting in SETTINGS.iter() {
        if !sections.contains(&section(setting)) {
            sections.push(section(setting));
        }
    }
    let of = |wanted| SETTINGS.iter().filter(move |setting| section(setting) == wanted);
    sections.into_iter().flat_map(of).collect()
}

fn table(text: &mut String) {
    let mut last = None;
    for setting in by_section() {
        let section = section(setting);
        if last != Some(section) {
            let title = if section.is_empty() { "The file".to_owned() } else { format!("[{section}]") };
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
    for setting in by_section().into_iter().filter(|setting| !setting.key.is_empty()) {
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
        "\n## A whole skep.toml\n\nEvery key, with its default, or an example if it has none.\n\n```toml\n{}```\n",
        whole_file()
    );
    assert_document("docs/configuration.md", &text);
}

#[test]
fn the_environment() {
    let mut text = "# Every environment variable of Skep, commented out, with its default, or an example if it has none.\n\
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
    let mut sections: Vec<&str> = file.lines().filter(|line| line.starts_with('[')).collect();
    let all = sections.len();
    sections.sort_unstable();
    sections.dedup();
    assert_eq!(sections.len(), all, "each section occurs once");
    let mut section = "";
    for line in file.lines().filter(|line| !line.is_empty()) {
        let Some(setting) = line.strip_prefix("# ") else {
            section = line;
            continue;
        };
        let variables = [("PUBLIC_URL", "https://h"), ("DATABASE_URL", "postgres://u@h/d"), ("SKEP_STORE", "postgres")];
        // A variable must not hide the setting of the file.
        let variables =
            variables.into_iter().filter(|(name, _)| !setting.starts_with("mongodb") || *name == "PUBLIC_URL");
        let sender = (section == "[mail]" && setting.starts_with("url")).then_some(("SKEP_MAIL_FROM", "a@example.com"));
        let redis = setting.starts_with("redis_queues").then_some(("REDIS_URL", "redis://h"));
        let bucket = [
            ("bucket", "SKEP_S3_BUCKET", "shop-files"),
            ("access_key_id", "SKEP_S3_ACCESS_KEY_ID", "key"),
            ("secret_access_key", "SKEP_S3_SECRET_ACCESS_KEY", "secret"),
        ];
        let others = bucket.into_iter().filter(|(key, ..)| section == "[s3]" && !setting.starts_with(key));
        let variables = variables.chain(sender).chain(redis).chain(others.map(|(_, name, value)| (name, value)));
        let variables = variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let text = format!("{section}\n{setting}\n");
        Config::from_sources(Some(("skep.toml", &text)), variables).unwrap_or_else(|error| panic!("{text}{error}"));
    }
}

//! Checks whether a server could start here. Changes nothing.

mod finding;
mod place;
mod services;

pub(crate) use finding::{Finding, Level};

use crate::config::{Config, ConfigError};

/// Checks everything, or the configuration alone if it is wrong, because the other checks depend on it.
pub(crate) async fn everything(config: Result<Config, ConfigError>) -> Vec<Finding> {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            let fault = |fault: crate::config::Fault| {
                let text = format!("{} ({}): {}", fault.name, fault.place, fault.text);
                Finding::wrong("configuration", text, "docs/configuration.md describes every setting")
            };
            return error.faults.into_iter().map(fault).collect();
        }
    };
    let mut findings = configuration(&config);
    findings.extend(place::folder(&config));
    let (secrets, found) = place::secrets(&config);
    findings.extend(found);
    findings.push(place::disk(&config));
    findings.extend(services::store(&config, secrets.as_ref()).await);
    findings.extend(services::redis(&config).await);
    findings.push(services::port(&config).await);
    findings
}

fn configuration(config: &Config) -> Vec<Finding> {
    const NAME: &str = "configuration";
    let mut findings = vec![match Config::file() {
        Some(file) => Finding::ok(NAME, format!("read from {} and the environment", file.display())),
        None => Finding::ok(NAME, "read from the environment; this folder has no skep.toml"),
    }];
    if let Some(file) = Config::file().filter(|file| place::mode(file).is_ok_and(|mode| mode & 0o044 != 0)) {
        let secrets = crate::config::secrets_in(&file);
        if !secrets.is_empty() {
            let text = format!("other users can read {}, which has the secrets {}", file.display(), secrets.join(", "));
            findings.push(Finding::note(NAME, text, format!("chmod 600 {}", file.display())));
        }
    }
    if !config.host.is_loopback() {
        let others = "other machines can reach this server, because HOST is not the loopback";
        if config.public_url.as_deref().is_some_and(|url| url.starts_with("http://")) {
            let text = format!("{others}; over http, passwords and tokens are not encrypted");
            findings.push(Finding::note(
                NAME,
                text,
                "put a proxy with TLS in front of it, and set PUBLIC_URL to its https address",
            ));
        }
        if config.metrics_token.is_none() {
            let text = format!("{others}; /metrics is not served to them");
            findings.push(Finding::note(
                NAME,
                text,
                "set SKEP_METRICS_TOKEN to a text of 16 characters or more to serve it",
            ));
        }
        if config.docs {
            let text = format!("{others} and read /api-docs");
            findings.push(Finding::note(NAME, text, "set SKEP_DOCS=off to hide the page"));
        }
    }
    findings
}

#[cfg(test)]
mod tests;

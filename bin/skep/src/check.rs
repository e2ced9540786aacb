//! Whether a server could start here, and what is wrong if not. Changes nothing.

mod finding;
mod place;
mod services;

pub(crate) use finding::{Finding, Level};

use crate::config::{Config, ConfigError};

/// Looks at everything; at the configuration alone if that is wrong, for the rest hangs on it.
pub(crate) async fn everything(config: Result<Config, ConfigError>) -> Vec<Finding> {
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            let fault = |fault: crate::config::Fault| {
                let text = format!("{} ({}): {}", fault.name, fault.place, fault.text);
                Finding::wrong("configuration", text, "docs/configuration.md has every setting")
            };
            return error.faults.into_iter().map(fault).collect();
        }
    };
    let mut findings = configuration(&config);
    findings.extend(place::folder(&config));
    let (secret, found) = place::secret(&config);
    findings.push(found);
    findings.push(place::disk(&config));
    findings.extend(services::store(&config, secret.as_ref()).await);
    findings.extend(services::redis(&config).await);
    findings.push(services::port(&config).await);
    findings
}

fn configuration(config: &Config) -> Vec<Finding> {
    const NAME: &str = "configuration";
    let mut findings = vec![match Config::file() {
        Some(file) => Finding::ok(NAME, format!("from {} and the environment", file.display())),
        None => Finding::ok(NAME, "from the environment; there is no skep.toml here"),
    }];
    if let Some(file) = Config::file().filter(|file| place::mode(file).is_ok_and(|mode| mode & 0o044 != 0)) {
        let secrets = crate::config::secrets_in(&file);
        if !secrets.is_empty() {
            let text = format!("{} has {}, and others can read it", file.display(), secrets.join(", "));
            findings.push(Finding::note(NAME, text, format!("chmod 600 {}", file.display())));
        }
    }
    if !config.host.is_loopback() {
        let others = "HOST is not the loopback: others reach this server";
        if config.public_url.as_deref().is_some_and(|url| url.starts_with("http://")) {
            let text = format!("{others} over http, so passwords and tokens can be read on the way");
            findings.push(Finding::note(NAME, text, "put a proxy with TLS in front and set PUBLIC_URL to https://"));
        }
        if config.metrics_token.is_none() {
            let text = format!("{others}, so /metrics is not served");
            findings.push(Finding::note(NAME, text, "set SKEP_METRICS_TOKEN, 16 characters or more"));
        }
        if config.docs {
            let text = format!("{others}, and may read /api-docs");
            findings.push(Finding::note(NAME, text, "SKEP_DOCS=off if they should not"));
        }
    }
    findings
}

#[cfg(test)]
mod tests;

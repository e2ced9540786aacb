//! Checks whether a server could start here. Changes nothing.

mod accounts;
mod exposure;
mod fields;
mod finding;
mod place;
mod services;

pub(crate) use exposure::{plain_cookies, unnamed_proxy};
pub(crate) use finding::{Finding, Level};
pub(crate) use place::local_files;
pub(crate) use services::bucket;

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
    findings.extend(local_files(&config));
    findings.extend(services::store(&config, secrets.as_ref()).await);
    findings.extend(services::redis(&config).await);
    findings.extend(services::tickets(&config).await);
    findings.extend(services::bucket(&config).await);
    findings.extend(services::scanner(&config).await);
    findings.push(services::mail(&config).await);
    findings.push(services::port(&config).await);
    findings.extend(services::metrics_port(&config).await);
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
    findings.extend(exposure::findings(config));
    findings
}

#[cfg(test)]
mod tests;

//! Checks of the settings that decide who reaches the server, and what others can see.

use super::finding::Finding;
use crate::config::Config;

const NAME: &str = "configuration";

/// The notes about a server that clients on other machines reach, and about a CDN in front of it.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::from_iter(limited_cdn(config));
    let Some(reason) = config.reached_by() else { return findings };
    let others = format!("other machines can reach this server, because {reason}");
    if !config.host.is_loopback() && config.public_url.as_deref().is_some_and(|url| url.starts_with("http://")) {
        findings.push(Finding::note(
            NAME,
            format!("{others}; over http, passwords and tokens are not encrypted"),
            "put a proxy with TLS in front of it, and set PUBLIC_URL to its https address",
        ));
    }
    if config.metrics_address.is_none() && config.metrics_token.is_none() {
        findings.push(Finding::note(
            NAME,
            format!("{others}; /metrics is not served"),
            "to serve it, set SKEP_METRICS_TOKEN to a text of 16 characters or more, or SKEP_METRICS_ADDRESS",
        ));
    }
    if !config.host.is_loopback() && config.docs {
        let text = format!("{others} and read /api-docs");
        findings.push(Finding::note(NAME, text, "set SKEP_DOCS=off to hide the page"));
    }
    findings.extend(open_metrics(config));
    findings.extend(unnamed_proxy(config));
    findings
}

/// Metrics at an address that other machines reach.
fn open_metrics(config: &Config) -> Option<Finding> {
    let address = config.metrics_address.filter(|address| !address.ip().is_loopback())?;
    config.metrics_token.is_none().then(|| {
        let text = format!("everyone who can reach {address} can read /metrics");
        Finding::note(NAME, text, "set SKEP_METRICS_TOKEN, or set SKEP_METRICS_ADDRESS to a loopback address")
    })
}

/// Session cookies without `Secure`, because browsers reach the server without https. `serve` logs it at the start.
#[must_use]
pub(crate) fn plain_cookies(config: &Config) -> Option<&'static str> {
    let is_secure = config.public_url.as_deref().is_some_and(|url| url.starts_with("https://"));
    (!is_secure).then_some("PUBLIC_URL is not https: sessions of browsers have the cookie skep_session without Secure")
}

/// A public address without a proxy whose `X-Forwarded-For` is believed. `serve` logs it as a warning at the start.
pub(crate) fn unnamed_proxy(config: &Config) -> Option<Finding> {
    (config.public_url.is_some() && config.trusted_proxies.is_empty()).then(|| {
        Finding::note(
            NAME,
            "PUBLIC_URL is set and SKEP_TRUSTED_PROXIES is not: clients behind a proxy count as one address and share its limits",
            "set SKEP_TRUSTED_PROXIES to the network of the proxy, for example 127.0.0.1 if it is on this machine",
        )
    })
}

/// An address of contents, and no network whose requests are those of a CDN.
fn limited_cdn(config: &Config) -> Option<Finding> {
    let url = config.policies.delivery.files_url.as_ref()?;
    (config.trusted_proxies.is_empty() && config.limits.exempt_networks.is_empty()).then(|| {
        Finding::note(
            NAME,
            format!("the contents of public files are at {url}: if a CDN reads them from this server, its requests count as one address and share its limits"),
            "set SKEP_TRUSTED_PROXIES or SKEP_LIMIT_EXEMPT_NETWORKS to the networks of the CDN",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(variables: &[(&str, &str)]) -> Vec<String> {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let findings = findings(&Config::from_variables(variables).unwrap());
        assert!(findings.iter().all(|finding| finding.remedy.is_some()), "{findings:?}");
        findings.into_iter().map(|finding| finding.text).collect()
    }

    fn has(found: &[String], part: &str) -> bool {
        found.iter().any(|text| text.contains(part))
    }

    #[test]
    fn cookies_are_plain_exactly_without_https() {
        for (url, is_plain) in [("", true), ("http://10.0.0.5:8080", true), ("https://api.example.com", false)] {
            let config = Config::from_variables([("PUBLIC_URL".to_owned(), url.to_owned())]).unwrap();
            assert_eq!(plain_cookies(&config).is_some(), is_plain, "{url}");
        }
    }

    #[test]
    fn a_server_for_this_machine_alone_needs_no_note() {
        assert_eq!(texts(&[]), Vec::<String>::new());
    }

    #[test]
    fn a_proxy_in_front_needs_a_token_for_metrics_and_a_name() {
        let url = ("PUBLIC_URL", "https://api.example.com");
        let found = texts(&[url]);
        assert!(
            has(&found, "PUBLIC_URL is set; /metrics is not served") && has(&found, "share its limits"),
            "{found:?}"
        );
        let token = ("SKEP_METRICS_TOKEN", "sixteen-letters!");
        assert_eq!(texts(&[url, token, ("SKEP_TRUSTED_PROXIES", "127.0.0.1")]), Vec::<String>::new());
        let found = texts(&[("SKEP_TRUSTED_PROXIES", "127.0.0.1")]);
        assert!(has(&found, "SKEP_TRUSTED_PROXIES is set; /metrics is not served"), "{found:?}");
    }

    #[test]
    fn a_server_in_a_network_shows_what_others_can_see() {
        let found = texts(&[("HOST", "0.0.0.0"), ("PUBLIC_URL", "http://10.0.0.5:8080")]);
        for part in ["not encrypted", "/metrics is not served", "read /api-docs", "share its limits"] {
            assert!(has(&found, part), "{part}: {found:?}");
        }
    }

    #[test]
    fn a_cdn_needs_limits_of_its_own() {
        let cdn = ("SKEP_FILES_URL", "https://cdn.example.com");
        let found = texts(&[cdn]);
        assert!(has(&found, "https://cdn.example.com") && has(&found, "share its limits"), "{found:?}");
        assert_eq!(texts(&[cdn, ("SKEP_LIMIT_EXEMPT_NETWORKS", "192.0.2.0/24")]), Vec::<String>::new());
    }

    #[test]
    fn metrics_at_an_address_of_their_own_are_open_to_all_who_reach_it() {
        let proxy = ("SKEP_TRUSTED_PROXIES", "127.0.0.1");
        assert_eq!(texts(&[proxy, ("SKEP_METRICS_ADDRESS", "127.0.0.1:9464")]), Vec::<String>::new());
        let found = texts(&[proxy, ("SKEP_METRICS_ADDRESS", "10.0.0.5:9464")]);
        assert!(has(&found, "everyone who can reach 10.0.0.5:9464"), "{found:?}");
    }
}

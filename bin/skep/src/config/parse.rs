//! Forms that several settings share. `None` means that the value has another form.

use skep_application::kernel::Limit;
use std::time::Duration;

/// A number from `least` to `most`.
pub(super) fn number(text: &str, least: u64, most: u64) -> Option<u64> {
    text.parse().ok().filter(|n| (least..=most).contains(n))
}

/// A number of seconds from `least` to `most`.
pub(super) fn seconds(text: &str, least: u64, most: u64) -> Option<Duration> {
    number(text, least, most).map(Duration::from_secs)
}

/// A limit per minute.
pub(super) fn a_minute(text: &str) -> Option<Limit> {
    text.parse().ok().filter(|burst| *burst >= 1).map(|burst| Limit::smooth(burst, Duration::from_secs(60)))
}

/// A limit per hour.
pub(super) fn an_hour(text: &str) -> Option<Limit> {
    text.parse().ok().filter(|burst| *burst >= 1).map(|burst| Limit::smooth(burst, Duration::from_secs(3_600)))
}

/// The value of one of these names.
pub(super) fn one_of<T, const N: usize>(text: &str, values: [(&str, T); N]) -> Option<T> {
    values.into_iter().find(|(name, _)| *name == text).map(|(_, value)| value)
}

/// A list with commas; empty items are ignored.
pub(super) fn list<T>(text: &str, read: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(read).collect()
}

/// Reads the start of links: an address that can be followed by a path.
pub(super) fn link_start(text: &str) -> Option<String> {
    let text = text.trim_end_matches('/');
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    let host = rest.split('/').next().unwrap_or_default();
    let is_plain = !rest.contains(['?', '#', '@', '"', '<', '>', '\\']) && rest.chars().all(|c| c.is_ascii_graphic());
    (is_plain && !host.is_empty()).then(|| text.to_owned())
}

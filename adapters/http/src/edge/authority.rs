//! The authority of a URI: a host and perhaps a port.

/// Splits `host`, `host:port` or `[v6]:port`; `None` if it is anything else.
pub(crate) fn split_authority(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (inside, port) = rest.split_once(']')?;
        inside.parse::<std::net::Ipv6Addr>().ok()?;
        (&text[..inside.len() + 2], port)
    } else {
        let end = text.find(':').unwrap_or(text.len());
        let (host, port) = text.split_at(end);
        let valid = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        if !valid {
            return None;
        }
        (host, port)
    };
    let port = match port.strip_prefix(':') {
        None if port.is_empty() => None,
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => Some(digits.parse().ok()?),
        _ => return None,
    };
    Some((host, port))
}

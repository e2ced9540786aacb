//! Entity tags: the version of a resource in quotes.

use skep_application::kernel::Precondition;
use skep_domain::shared::Version;

/// The entity tag of a version.
pub(crate) fn etag(version: Version) -> String {
    format!("\"{version}\"")
}

/// The entity tag of a version that is shown in part only. Not that of the whole: two representations that differ have
/// two tags (RFC 9110, 8.8.3), and a change cannot be based on what was not seen.
pub(crate) fn partial_etag(version: Version) -> String {
    format!("\"{version}-partial\"")
}

/// Reads an `If-Match` header (RFC 9110, 13.1.1): `*`, or a list of entity tags. A weak tag never matches strongly, and
/// of several tags one at most can be the current one, so a list that is not a single tag is judged by its members: only
/// the greatest version can still be current.
pub(crate) fn precondition(header: Option<&str>) -> Precondition {
    let Some(header) = header.map(str::trim) else { return Precondition::Missing };
    if header == "*" {
        return Precondition::Any;
    }
    let versions = header.split(',').filter_map(|tag| {
        let number = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
        let plain = !number.is_empty() && !number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit());
        number.parse().ok().filter(|_| plain).and_then(Version::new)
    });
    versions.max().map_or(Precondition::Other, Precondition::Version)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: i64) -> Precondition {
        Precondition::Version(Version::new(number).unwrap())
    }

    #[test]
    fn a_tag_is_the_version_in_quotes() {
        assert_eq!(etag(Version::FIRST), "\"1\"");
        assert_eq!(precondition(Some("\"1\"")), version(1));
        assert_eq!(precondition(Some("\"1\", \"12\"")), version(12));
        assert_ne!(partial_etag(Version::FIRST), etag(Version::FIRST));
        assert_eq!(precondition(Some(&partial_etag(Version::FIRST))), Precondition::Other);
    }

    #[test]
    fn what_is_no_version_of_ours_matches_none() {
        for header in ["", "1", "W/\"1\"", "\"01\"", "\"-1\"", "\"0\"", "\"+1\"", "\"99999999999999999999\"", "\"x\""] {
            assert_eq!(precondition(Some(header)), Precondition::Other, "{header}");
        }
        assert_eq!(precondition(None), Precondition::Missing);
        assert_eq!(precondition(Some(" * ")), Precondition::Any);
    }
}

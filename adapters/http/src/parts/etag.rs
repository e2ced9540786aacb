//! Entity tags. A tag is the version of a resource in quotes.

use super::parameter::{Parameter, Sent};
use crate::problem::Problem;
use http::header::IF_MATCH;
use poem::Request;
use poem_openapi::registry::{MetaParamIn, MetaSchema};
use skep_application::kernel::Precondition;
use skep_domain::shared::Version;

/// The version that a change is based on. The use case decides whether the header may be missing.
pub(crate) type IfMatch = Sent<Precondition>;

impl Parameter for Precondition {
    const PLACE: MetaParamIn = MetaParamIn::Header;

    fn schema() -> MetaSchema {
        MetaSchema {
            title: Some("If-Match".to_owned()),
            description: Some(
                "The `ETag` of the version that the change is based on, or `*` for any version. If the version is not \
                 current, the answer is 412. PUT and PATCH require the header.",
            ),
            example: Some("\"1\"".into()),
            ..MetaSchema::new("string")
        }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        Ok(precondition(request.header(IF_MATCH)))
    }
}

/// The entity tag of a version.
pub(crate) fn etag(version: Version) -> String {
    format!("\"{version}\"")
}

/// The entity tag of a version of which only a part is shown. Two different representations need two tags (RFC 9110,
/// 8.8.3). This tag never matches in `If-Match`, because its reader has not seen the whole resource.
pub(crate) fn partial_etag(version: Version) -> String {
    format!("\"{version}-partial\"")
}

/// Reads an `If-Match` header (RFC 9110, 13.1.1): `*`, or a list of entity tags, of which any may match. A weak tag
/// never matches, and a text that is not a list of tags matches nothing.
fn precondition(header: Option<&str>) -> Precondition {
    let Some(header) = header.map(str::trim) else { return Precondition::Missing };
    if header == "*" {
        return Precondition::Any;
    }
    Precondition::OneOf(tags(header).unwrap_or_default().into_iter().filter_map(version).collect())
}

/// The text between the quotes of each strong tag of a list. A tag may contain commas. `None` if the text is not a list
/// of tags.
fn tags(list: &str) -> Option<Vec<&str>> {
    let mut rest = list;
    let mut strong = vec![];
    loop {
        // A list may have empty members.
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(strong);
        }
        let (weak, tag) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
        let (tag, behind) = tag.strip_prefix('"')?.split_once('"')?;
        if tag.chars().any(|c| c == ' ' || c.is_control()) {
            return None;
        }
        rest = behind.trim_start_matches([' ', '\t']);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
        if !weak {
            strong.push(tag);
        }
    }
}

/// The version that a tag stands for. Only the form that [`etag`] writes is a version.
fn version(tag: &str) -> Option<Version> {
    let plain = !tag.starts_with('0') && tag.bytes().all(|b| b.is_ascii_digit());
    tag.parse().ok().filter(|_| plain).and_then(Version::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one_of(numbers: &[i64]) -> Precondition {
        Precondition::OneOf(numbers.iter().map(|number| Version::new(*number).unwrap()).collect())
    }

    #[test]
    fn a_tag_is_the_version_in_quotes() {
        assert_eq!(etag(Version::FIRST), "\"1\"");
        assert_eq!(precondition(Some("\"1\"")), one_of(&[1]));
        assert_eq!(precondition(Some("\"1\", \"12\"")), one_of(&[1, 12]));
        assert_ne!(partial_etag(Version::FIRST), etag(Version::FIRST));
        assert_eq!(precondition(Some(&partial_etag(Version::FIRST))), one_of(&[]));
    }

    #[test]
    fn a_tag_that_is_not_a_version_matches_nothing() {
        for header in
            ["", "1", "W/\"1\"", "\"01\"", "\"-1\"", "\"0\"", "\"+1\"", "\"99999999999999999999\"", "\"x\"", "\"1,2\""]
        {
            assert_eq!(precondition(Some(header)), one_of(&[]), "{header}");
        }
        assert_eq!(precondition(None), Precondition::Missing);
        assert_eq!(precondition(Some(" * ")), Precondition::Any);
    }

    #[test]
    fn every_strong_tag_of_a_list_may_match() {
        assert_eq!(precondition(Some("\"7\",\"3\" ,\t\"5\"")), one_of(&[7, 3, 5]));
        assert_eq!(precondition(Some(", \"7\",, W/\"8\", \"x,\", \"9\",")), one_of(&[7, 9]));
    }

    #[test]
    fn a_text_that_is_not_a_list_of_tags_matches_nothing() {
        for header in
            ["\"1\" \"2\"", "\"1\", 2", "\"1", "\"1\", \"", "\"1\", w/\"2\"", "\"1\", *", "\"1\", \"a b\"", "1\""]
        {
            assert_eq!(precondition(Some(header)), one_of(&[]), "{header}");
        }
    }

    /// Other members of the list make no difference.
    #[test]
    fn a_version_matches_if_and_only_if_it_is_listed() {
        let members = ["\"1\"", "W/\"1\"", "\"2\"", "\"3\"", "\"x,\"", "\"\"", "", " "];
        for first in members {
            for second in members {
                for third in members {
                    let precondition = precondition(Some(&[first, second, third].join(",")));
                    for current in [1, 2, 3] {
                        let listed = [first, second, third].contains(&format!("\"{current}\"").as_str());
                        let matches = precondition.require(Version::new(current).unwrap()).is_ok();
                        assert_eq!(matches, listed, "{current} in {first},{second},{third}");
                    }
                }
            }
        }
    }
}

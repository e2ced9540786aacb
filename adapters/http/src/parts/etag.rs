//! Entity tags. A tag is the version of a resource in quotes. What may change while the version stays follows it.

use super::parameter::{Parameter, Sent};
use crate::{
    conditions::{Tag, TagList},
    problem::Problem,
};
use http::{
    HeaderMap,
    header::{IF_MATCH, IF_NONE_MATCH},
};
use poem::Request;
use poem_openapi::registry::{MetaParamIn, MetaSchema};
use serde_json::{Value, json};
use skep_application::kernel::{Precondition, Refused};
use skep_domain::shared::Version;
use std::fmt::Display;

/// A list of entity tags, which may be empty, or `*`. Lists may also have empty members, which this leaves out.
const TAGS: &str = "^(\\*|(W/)?\"[!#-~]*\"([ \\t]*,[ \\t]*(W/)?\"[!#-~]*\")*)?$";

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
            pattern: Some(TAGS.to_owned()),
            ..MetaSchema::new("string")
        }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        precondition(request.headers())
    }
}

/// The parameter `If-None-Match` of a read or of a change, for the document.
pub(crate) fn if_none_match(is_read: bool) -> Value {
    let description = if is_read {
        "The `ETag` of the version that the client has, or a list of them. If it is still current, the answer is 304."
    } else {
        "The `ETag` of versions that the change must not be based on, or `*` for any version. If the current version is \
         one of them, the answer is 412."
    };
    // A read ignores a text that is not a list of tags. A change must not be made without its condition.
    let schema = if is_read { json!({ "type": "string" }) } else { json!({ "type": "string", "pattern": TAGS }) };
    json!({
        "name": "If-None-Match", "in": "header", "required": false, "description": description, "example": "\"1\"",
        "schema": schema,
    })
}

/// The entity tag of a version.
pub(crate) fn etag(version: Version) -> String {
    format!("\"{version}\"")
}

/// The entity tag of a version and of what may change while the version stays. In the conditions of a change it stands
/// for the version, whatever `shown` is now.
pub(crate) fn changing_etag(version: Version, shown: u32) -> String {
    format!("\"{version}-{shown}\"")
}

/// The entity tag of a version of which only a part is shown. Two different representations need two tags (RFC 9110,
/// 8.8.3). `shown` is what may change while the version stays; it has no quotes. This tag never matches in `If-Match`,
/// because its reader has not seen the whole resource.
pub(crate) fn partial_etag(version: Version, shown: impl Display) -> String {
    format!("\"{version}-{shown}-partial\"")
}

/// Reads the conditions of a change (RFC 9110, 13.1.1 and 13.1.2). A weak tag never matches in `If-Match`, and a text that
/// is not a list of tags matches nothing there.
///
/// # Errors
/// 400 if `If-None-Match` cannot be read: the change must not be made without the condition.
fn precondition(headers: &HeaderMap) -> Result<Precondition, Problem> {
    precondition_by(headers, version)
}

/// Reads the conditions of a change, whose tags stand for the versions that `version` finds in them.
///
/// # Errors
/// 400 if `If-None-Match` cannot be read.
pub(crate) fn precondition_by(
    headers: &HeaderMap,
    version: impl Fn(&Tag) -> Option<Version>,
) -> Result<Precondition, Problem> {
    let accepted = match TagList::of(headers, &IF_MATCH) {
        None => Precondition::Missing,
        Some(TagList::Any) => Precondition::Any,
        Some(list) => {
            let strong = list.tags().iter().filter(|tag| !tag.is_weak);
            Precondition::OneOf(strong.filter_map(&version).collect())
        }
    };
    let refused = match TagList::of(headers, &IF_NONE_MATCH).map(TagList::of_change).transpose()? {
        None => return Ok(accepted),
        Some(TagList::Any) => Refused::Any,
        Some(list) => Refused::OneOf(list.tags().iter().filter_map(&version).collect()),
    };
    Ok(Precondition::Except { accepted: Box::new(accepted), refused })
}

/// The version that a tag stands for. Only the forms that [`etag`] and [`changing_etag`] write are versions.
fn version(tag: &Tag) -> Option<Version> {
    let text = str::from_utf8(&tag.text).ok()?;
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let (version, shown) = text.split_once('-').map_or((text, None), |(version, shown)| (version, Some(shown)));
    let is_whole = shown.is_none_or(|shown| is_number(shown) && shown.parse::<u32>().is_ok());
    version.parse().ok().filter(|_| is_number(version) && is_whole).and_then(Version::new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn one_of(numbers: &[i64]) -> Precondition {
        Precondition::OneOf(numbers.iter().map(|number| Version::new(*number).unwrap()).collect())
    }

    /// Reads `If-Match` alone.
    fn read(header: Option<&str>) -> Precondition {
        let lines = header.map(|header| (IF_MATCH, HeaderValue::from_str(header).unwrap()));
        precondition(&HeaderMap::from_iter(lines)).unwrap()
    }

    #[test]
    fn a_tag_is_the_version_in_quotes() {
        assert_eq!(etag(Version::FIRST), "\"1\"");
        assert_eq!(read(Some("\"1\"")), one_of(&[1]));
        assert_eq!(read(Some("\"1\", \"12\"")), one_of(&[1, 12]));
        for shown in [0, 7, u32::MAX] {
            assert_eq!(read(Some(&changing_etag(Version::FIRST, shown))), one_of(&[1]), "{shown}");
        }
        assert_ne!(partial_etag(Version::FIRST, 1), etag(Version::FIRST));
        assert_eq!(read(Some(&partial_etag(Version::FIRST, 1))), one_of(&[]));
    }

    #[test]
    fn a_tag_that_is_not_a_version_matches_nothing() {
        for header in [
            "",
            "1",
            "\"1-\"",
            "\"1-01\"",
            "\"1-x\"",
            "\"1-1-1\"",
            "\"1--1\"",
            "\"1-4294967296\"",
            "W/\"1\"",
            "\"01\"",
            "\"-1\"",
            "\"0\"",
            "\"+1\"",
            "\"99999999999999999999\"",
            "\"x\"",
            "\"1,2\"",
        ] {
            assert_eq!(read(Some(header)), one_of(&[]), "{header}");
        }
        assert_eq!(read(None), Precondition::Missing);
        assert_eq!(read(Some(" * ")), Precondition::Any);
    }

    #[test]
    fn a_change_may_refuse_versions_by_a_weak_comparison() {
        let refusing = |lines: &[(HeaderName, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(name, HeaderValue::from_static(value));
            }
            precondition(&headers)
        };
        let except = |accepted, refused| Precondition::Except { accepted: Box::new(accepted), refused };
        let one = Version::FIRST;
        assert_eq!(refusing(&[(IF_NONE_MATCH, "*"), (IF_MATCH, "\"1\"")]).unwrap(), except(one_of(&[1]), Refused::Any));
        let lines = [(IF_NONE_MATCH, "W/\"1\""), (IF_NONE_MATCH, "\"x\", \"2\"")];
        assert_eq!(refusing(&lines).unwrap(), except(Precondition::Missing, Refused::OneOf(vec![one, one.next()])));
        assert_eq!(refusing(&[(IF_NONE_MATCH, "1")]).unwrap_err().status(), http::StatusCode::BAD_REQUEST);
    }

    /// Other members of the list make no difference.
    #[test]
    fn a_version_matches_if_and_only_if_it_is_listed() {
        let members = ["\"1\"", "W/\"1\"", "\"2\"", "\"3\"", "\"x,\"", "\"\"", "", " "];
        for first in members {
            for second in members {
                for third in members {
                    let precondition = read(Some(&[first, second, third].join(",")));
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

//! Conditional requests (RFC 9110, 13). Here are the lists of entity tags, and the answers to reads.
//!
//! No resource has a date of modification, so `If-Modified-Since` and `If-Unmodified-Since` are ignored, as RFC 9110
//! demands. Changes of a version are judged in the unit of work that makes them.

use crate::{
    parts::invalid,
    problem::{Problem, code},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{ETAG, IF_MATCH, IF_NONE_MATCH},
};
use poem::Response;
use std::borrow::Cow;

/// The value of `If-Match` or `If-None-Match`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TagList {
    /// `*`: any version of the resource.
    Any,
    /// Entity tags.
    Tags(Vec<Tag>),
    /// A value that is not a list of entity tags.
    Malformed,
}

/// An entity tag, without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) is_weak: bool,
    /// The bytes between the quotes. They are opaque, and need not be ASCII (RFC 9110, 8.8.3).
    pub(crate) text: Vec<u8>,
}

impl Tag {
    /// Reads one tag with its quotes.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        tags(text).filter(|tags| tags.len() == 1)?.pop()
    }

    fn write(&self, to: &mut Vec<u8>) {
        to.extend_from_slice(if self.is_weak { b"W/\"" } else { b"\"" });
        to.extend_from_slice(&self.text);
        to.push(b'"');
    }
}

impl TagList {
    /// Reads a header. Several lines are one list (RFC 9110, 5.3). `None` if the header is absent.
    pub(crate) fn of(headers: &HeaderMap, name: &HeaderName) -> Option<Self> {
        let mut lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let first = lines.next()?;
        let whole = lines.fold(Cow::Borrowed(first), |list, line| [&list, line].join(&b", "[..]).into());
        Some(Self::parse(&whole))
    }

    fn parse(text: &[u8]) -> Self {
        match text.trim_ascii() {
            b"*" => Self::Any,
            list => tags(list).map_or(Self::Malformed, Self::Tags),
        }
    }

    /// The tags of the list; none if it is `*` or malformed.
    pub(crate) fn tags(&self) -> &[Tag] {
        if let Self::Tags(tags) = self { tags } else { &[] }
    }

    /// Writes tags as the value of a header.
    pub(crate) fn write(tags: &[Tag]) -> Option<HeaderValue> {
        let mut text = vec![];
        for tag in tags {
            if !text.is_empty() {
                text.extend_from_slice(b", ");
            }
            tag.write(&mut text);
        }
        HeaderValue::from_bytes(&text).ok()
    }

    /// The list, which is `If-None-Match` of a change.
    ///
    /// # Errors
    /// 400 if it is malformed: the change must not be made without its condition.
    pub(crate) fn of_change(self) -> Result<Self, Problem> {
        match self {
            Self::Malformed => Err(invalid("If-None-Match", "must be * or a list of entity tags")),
            list => Ok(list),
        }
    }

    /// Whether the list has the current version. `etag` is its tag with the quotes; `None` if the representation has
    /// no tag. The weak comparison ignores whether tags are weak, and the strong one never matches a weak tag.
    fn has(&self, etag: Option<&HeaderValue>, is_weak_comparison: bool) -> bool {
        if *self == Self::Any {
            return true;
        }
        let Some(current) = etag.and_then(|etag| Tag::parse(etag.as_bytes())) else { return false };
        let is_equal = |tag: &Tag| tag.text == current.text;
        self.tags().iter().any(|tag| is_equal(tag) && (is_weak_comparison || (!tag.is_weak && !current.is_weak)))
    }
}

/// The tags of a list. A tag may contain commas. `None` if the text is not a list of tags.
fn tags(list: &[u8]) -> Option<Vec<Tag>> {
    let mut rest = list;
    let mut found = vec![];
    loop {
        // A list may have empty members.
        rest = without_start(rest, b" \t,");
        if rest.is_empty() {
            return Some(found);
        }
        let (is_weak, tag) = rest.strip_prefix(b"W/").map_or((false, rest), |tag| (true, tag));
        let tag = tag.strip_prefix(b"\"")?;
        let (text, behind) = tag.split_at(tag.iter().position(|byte| *byte == b'"')?);
        if text.iter().any(|byte| *byte <= b' ' || *byte == 0x7F) {
            return None;
        }
        rest = without_start(&behind[1..], b" \t");
        if !rest.is_empty() && !rest.starts_with(b",") {
            return None;
        }
        found.push(Tag { is_weak, text: text.to_owned() });
    }
}

/// The text without these bytes at its start.
fn without_start<'a>(text: &'a [u8], bytes: &[u8]) -> &'a [u8] {
    &text[text.iter().position(|byte| !bytes.contains(byte)).unwrap_or(text.len())..]
}

/// The conditions of a request, in the order in which RFC 9110, 13.2.2 judges them.
#[derive(Debug)]
pub(crate) struct Conditions {
    if_match: Option<TagList>,
    if_none_match: Option<TagList>,
}

impl Conditions {
    /// Reads the conditions. `None` if the request has none.
    pub(crate) fn of(headers: &HeaderMap) -> Option<Self> {
        let found =
            Self { if_match: TagList::of(headers, &IF_MATCH), if_none_match: TagList::of(headers, &IF_NONE_MATCH) };
        (found.if_match.is_some() || found.if_none_match.is_some()).then_some(found)
    }

    /// Judges a change at a path without versions, such as a list. `exists` says whether something can be read there.
    ///
    /// # Errors
    /// 412 if a condition does not hold. 400 if `If-None-Match` cannot be read.
    pub(crate) fn judge_change(&self, exists: bool) -> Result<(), Problem> {
        let is_met = self.if_match.as_ref().is_none_or(|list| *list == TagList::Any && exists);
        let refused = self.if_none_match.clone().map(TagList::of_change).transpose()?;
        let is_new = refused.is_none_or(|list| list != TagList::Any || !exists);
        if is_met && is_new { Ok(()) } else { Err(failed()) }
    }

    /// Judges a read by its answer: 304 if the client has this version already, and 412 if it asked for another one.
    /// Other answers than 200 are not judged.
    pub(crate) fn judge_read(&self, answer: Response) -> Result<Response, Problem> {
        if answer.status() != StatusCode::OK {
            return Ok(answer);
        }
        let tag = answer.headers().get(ETAG);
        if self.if_match.as_ref().is_some_and(|list| !list.has(tag, false)) {
            return Err(failed());
        }
        if !self.if_none_match.as_ref().is_some_and(|list| list.has(tag, true)) {
            return Ok(answer);
        }
        Ok(not_modified(answer.headers()))
    }
}

fn failed() -> Problem {
    Problem::of(code::PRECONDITION_FAILED).with_detail("the resource is not in a version that the request allows")
}

/// The answer 304, with the headers of the answer 200 that caches need (RFC 9110, 15.4.5).
fn not_modified(of: &HeaderMap) -> Response {
    use http::header::{CACHE_CONTROL, VARY};
    let mut answer = Response::builder().status(StatusCode::NOT_MODIFIED).finish();
    for name in [ETAG, CACHE_CONTROL, VARY] {
        let values: Vec<HeaderValue> = of.get_all(&name).iter().cloned().collect();
        for value in values {
            answer.headers_mut().append(&name, value);
        }
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(lines: &[&str]) -> Option<TagList> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IF_MATCH, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        }
        TagList::of(&headers, &IF_MATCH)
    }

    fn strong(text: &str) -> Tag {
        Tag { is_weak: false, text: text.as_bytes().to_owned() }
    }

    fn weak(text: &str) -> Tag {
        Tag { is_weak: true, ..strong(text) }
    }

    #[test]
    fn a_list_of_tags_may_have_several_lines_and_empty_members() {
        assert_eq!(list(&[]), None);
        assert_eq!(list(&[" * "]), Some(TagList::Any));
        for lines in [&["\"7\",\"3\" ,\tW/\"5\""][..], &["\"7\"", "\"3\"", "W/\"5\""], &[",\"7\",,", "\"3\",W/\"5\""]] {
            assert_eq!(list(lines), Some(TagList::Tags(vec![strong("7"), strong("3"), weak("5")])), "{lines:?}");
        }
        assert_eq!(list(&["\"x,\", \"\""]), Some(TagList::Tags(vec![strong("x,"), strong("")])));
        assert_eq!(list(&[""]), Some(TagList::Tags(vec![])));
        assert_eq!(list(&["\"\u{e9}\", \"7\""]), Some(TagList::Tags(vec![strong("\u{e9}"), strong("7")])));
    }

    #[test]
    fn a_text_that_is_not_a_list_of_tags_is_malformed() {
        for lines in [
            &["1"][..],
            &["\"1\" \"2\""],
            &["\"1\", 2"],
            &["\"1"],
            &["\"1\", w/\"2\""],
            &["\"1\", *"],
            &["*", "\"1\""],
            &["*", "*"],
            &["\"1\", \"a b\""],
            &["1\""],
            &["\"1\"", "\u{e9}"],
        ] {
            assert_eq!(list(lines), Some(TagList::Malformed), "{lines:?}");
        }
    }

    fn read(headers: &[(HeaderName, &str)], etag: Option<&str>) -> u16 {
        let mut sent = HeaderMap::new();
        for (name, value) in headers {
            sent.append(name, HeaderValue::from_str(value).unwrap());
        }
        let mut answer = Response::builder().header("x-other", "1").body("{}");
        if let Some(etag) = etag {
            answer.headers_mut().insert(ETAG, HeaderValue::from_str(etag).unwrap());
        }
        let Some(conditions) = Conditions::of(&sent) else { return 200 };
        match conditions.judge_read(answer) {
            Ok(answer) => {
                let is_whole = answer.headers().contains_key("x-other");
                assert_eq!(is_whole, answer.status() == StatusCode::OK);
                answer.status().as_u16()
            }
            Err(problem) => problem.status().as_u16(),
        }
    }

    /// The tables of RFC 9110: 8.8.3.2 for the comparison, 13.2.2 for the order.
    #[test]
    fn a_read_is_judged_in_the_order_of_the_standard() {
        let (is, not) = (IF_MATCH, IF_NONE_MATCH);
        for (headers, etag, status) in [
            (vec![(not.clone(), "\"1\"")], Some("\"1\""), 304),
            (vec![(not.clone(), "W/\"1\"")], Some("\"1\""), 304),
            (vec![(not.clone(), "\"1\"")], Some("W/\"1\""), 304),
            (vec![(not.clone(), "\"2\""), (not.clone(), "\"1\"")], Some("\"1\""), 304),
            (vec![(not.clone(), "*")], Some("\"1\""), 304),
            (vec![(not.clone(), "*")], None, 304),
            (vec![(not.clone(), "\"1\"")], None, 200),
            (vec![(not.clone(), "\"2\"")], Some("\"1\""), 200),
            (vec![(not.clone(), "1")], Some("\"1\""), 200),
            (vec![(is.clone(), "\"1\"")], Some("\"1\""), 200),
            (vec![(is.clone(), "*")], None, 200),
            (vec![(is.clone(), "\"2\"")], Some("\"1\""), 412),
            (vec![(is.clone(), "W/\"1\"")], Some("\"1\""), 412),
            (vec![(is.clone(), "\"1\"")], Some("W/\"1\""), 412),
            (vec![(is.clone(), "\"1\"")], None, 412),
            (vec![(is.clone(), "1")], Some("\"1\""), 412),
            (vec![(is.clone(), "\"2\""), (not.clone(), "\"1\"")], Some("\"1\""), 412),
            (vec![(is, "\"1\""), (not, "\"1\"")], Some("\"1\""), 304),
        ] {
            assert_eq!(read(&headers, etag), status, "{headers:?} {etag:?}");
        }
    }

    #[test]
    fn only_a_successful_read_is_judged() {
        let mut sent = HeaderMap::new();
        sent.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        let answer = Response::builder().status(StatusCode::NOT_FOUND).finish();
        let judged = Conditions::of(&sent).unwrap().judge_read(answer).unwrap();
        assert_eq!(judged.status(), StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_change_of_a_list_is_judged_by_whether_the_list_exists() {
        for (name, value, of_list, of_nothing) in [
            (IF_MATCH, "*", true, false),
            (IF_MATCH, "\"1\"", false, false),
            (IF_NONE_MATCH, "*", false, true),
            (IF_NONE_MATCH, "\"1\"", true, true),
        ] {
            let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static(value))]);
            let conditions = Conditions::of(&headers).unwrap();
            let judged = (conditions.judge_change(true).is_ok(), conditions.judge_change(false).is_ok());
            assert_eq!(judged, (of_list, of_nothing), "{name}: {value}");
        }
    }

    #[test]
    fn a_change_is_not_made_without_a_condition_that_cannot_be_read() {
        for (name, status) in [(IF_NONE_MATCH, StatusCode::BAD_REQUEST), (IF_MATCH, StatusCode::PRECONDITION_FAILED)] {
            let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_static("1"))]);
            let conditions = Conditions::of(&headers).unwrap();
            for exists in [true, false] {
                assert_eq!(conditions.judge_change(exists).unwrap_err().status(), status, "{name}");
            }
        }
    }
}

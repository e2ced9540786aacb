//! Compresses answers with gzip for clients that accept it (RFC 9110, 8.4 and 12.5.3).
//!
//! Only complete answers of at least 1 KiB to GET and HEAD are compressed. An answer that has a secret and also repeats
//! data of the request must not be compressed, because an attacker can guess the secret from the length of the answer
//! (BREACH). Answers with tokens come from POST. A GET handler whose answer has a secret sets
//! `Cache-Control: no-transform`, and the answer stays as it is.

use super::{headers::vary, written_body::WrittenBody};
use crate::{
    conditions::{Conditions, Tag, TagList},
    problem::Problem,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH,
        IF_NONE_MATCH, VARY,
    },
};
use http_body_util::{BodyExt as _, combinators::BoxBody};
use hyper::body::Body as HttpBody;
use poem::{Body, Request, Response};
use sha2::{Digest as _, Sha256};
use std::{
    io::{self, Write as _},
    sync::Arc,
    thread,
};
use tokio::sync::{OnceCell, Semaphore};

/// The smallest answer in bytes that is compressed. A smaller one fits into one packet anyway.
const LEAST: u64 = 1024;
/// The largest answer in bytes that is compressed, because it is in memory twice then.
const MOST: u64 = 8 << 20;
/// An answer of more bytes is compressed on another thread.
const LARGE: usize = 64 << 10;
/// A fast level. Higher levels make JSON only a little smaller.
const LEVEL: Compression = Compression::new(4);

/// The end of the tag of a compressed answer.
const TAG_END: &[u8] = b"-gzip";

const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// The codings that the client accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wish {
    gzip: bool,
    /// The client refuses answers that are not compressed.
    only: bool,
    /// The compressed answers that the client has, as `If-None-Match` names them.
    kept: Vec<Tag>,
}

impl Wish {
    /// Reads `Accept-Encoding`. Without the header, nothing is compressed. The coding with the greater weight wins, and
    /// gzip wins if the weights are equal.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let (mut gzip, mut identity, mut any) = (None, None, None);
        for line in headers.get_all(ACCEPT_ENCODING) {
            for item in line.to_str().unwrap_or_default().split(',') {
                let (coding, weight) = item.split_once(';').map_or((item, None), |(coding, rest)| (coding, Some(rest)));
                let Some(weight) = weight.map_or(Some(1000), read_weight) else { continue };
                let coding = coding.trim();
                if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
                    gzip = Some(weight);
                } else if coding.eq_ignore_ascii_case("identity") {
                    identity = Some(weight);
                } else if coding == "*" {
                    any = Some(weight);
                }
            }
        }
        let gzip = gzip.or(any).unwrap_or(0);
        let refuses_plain = identity.or(any) == Some(0);
        let may_be_kept = |line: &HeaderValue| line.as_bytes().windows(TAG_END.len()).any(|end| end == TAG_END);
        let kept = match headers.get_all(IF_NONE_MATCH).iter().any(may_be_kept) {
            true => TagList::of(headers, &IF_NONE_MATCH).map_or_else(Vec::new, |list| list.tags().to_vec()),
            false => vec![],
        };
        Self {
            gzip: gzip > 0 && identity.is_none_or(|identity| gzip >= identity),
            only: refuses_plain,
            kept: kept.into_iter().filter(|tag| tag.text.ends_with(TAG_END)).collect(),
        }
    }
}

/// Reads a weight such as `q=0.5`, in thousandths.
fn read_weight(text: &str) -> Option<u16> {
    let value = text.trim().strip_prefix(['q', 'Q'])?.trim_start().strip_prefix('=')?.trim();
    let (whole, part) = value.split_once('.').unwrap_or((value, ""));
    let whole: u16 = whole.parse().ok().filter(|whole| *whole <= 1)?;
    if part.len() > 3 || !part.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let part: u16 = format!("{part:0<3}").parse().ok()?;
    Some(whole * 1000 + part).filter(|weight| *weight <= 1000)
}

/// Compresses the answer if the client accepts that and nothing forbids it, and sets the headers. Must run before the
/// body of an answer to HEAD is removed, so that its headers are those of GET.
pub(crate) async fn compress(method: &Method, wish: Wish, response: &mut Response, compressors: Compressors) {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return;
    }
    if response.status() == StatusCode::NOT_MODIFIED {
        // The headers of the answer that the client has kept (RFC 9110, 15.4.5).
        let headers = response.headers_mut();
        vary(headers, &ACCEPT_ENCODING);
        if let Some(tag) = headers.get(ETAG).and_then(tag_of_gzip)
            && let Some(current) = Tag::parse(tag.as_bytes())
            && wish.kept.iter().any(|kept| kept.text == current.text)
        {
            headers.insert(ETAG, tag);
        }
        return;
    }
    if !may_be_compressed(response) {
        return;
    }
    // Also if this answer stays as it is, because other clients get it compressed.
    vary(response.headers_mut(), &ACCEPT_ENCODING);
    if !wish.gzip {
        return;
    }
    let body: BoxBody<Bytes, io::Error> = response.take_body().into();
    let least = if wish.only { 1 } else { LEAST };
    let size = body.size_hint().exact();
    if !size.is_some_and(|size| (least..=MOST).contains(&size)) {
        response.set_body(Body::from(body));
        return;
    }
    let plain = match body.collect().await {
        Ok(collected) => collected.to_bytes(),
        Err(error) => {
            // The new body fails with the same error, and the failure is logged when it is sent.
            response.set_body(Body::from_bytes_stream(futures_util::stream::iter([Err::<Bytes, _>(error)])));
            return;
        }
    };
    match compressors.squeeze(plain.clone()).await {
        Some(small) if small.len() < plain.len() || wish.only => {
            let headers = response.headers_mut();
            headers.insert(CONTENT_ENCODING, GZIP);
            headers.remove(CONTENT_LENGTH);
            if let Some(tag) = headers.get(ETAG).and_then(tag_of_gzip) {
                headers.insert(ETAG, tag);
            }
            response.set_body(small);
        }
        _ => response.set_body(plain),
    }
}

fn may_be_compressed(response: &Response) -> bool {
    let headers = response.headers();
    let says = |name: HeaderName, word: &str| {
        headers.get_all(name).iter().any(|value| {
            let items = value.to_str().unwrap_or_default().split(',');
            items.map(str::trim).any(|item| item.eq_ignore_ascii_case(word))
        })
    };
    response.status() == StatusCode::OK
        && !headers.contains_key(CONTENT_ENCODING)
        && !headers.contains_key(CONTENT_RANGE)
        && !says(CACHE_CONTROL, "no-transform")
        && headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_text)
}

/// Whether the answer is worth compressing. Images and archives are compressed already, and events must not be delayed.
fn is_text(content_type: &str) -> bool {
    let media_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if media_type == "text/event-stream" {
        return false;
    }
    media_type.starts_with("text/")
        || media_type.ends_with("+json")
        || media_type.ends_with("+xml")
        || matches!(&*media_type, "application/json" | "application/xml" | "application/javascript")
}

/// The tag of the compressed answer, if `tag` is strong. A strong tag stands for exact bytes, so the compressed answer
/// needs another one. A weak tag is valid for both.
fn tag_of_gzip(tag: &HeaderValue) -> Option<HeaderValue> {
    let mut tag = Tag::parse(tag.as_bytes()).filter(|tag| !tag.is_weak)?;
    tag.text.extend_from_slice(TAG_END);
    TagList::write(&[tag])
}

/// Turns the tags that [`tag_of_gzip`] makes back into the original ones. Both stand for the same version of the
/// resource.
pub(crate) fn restore_tags(headers: &mut HeaderMap) {
    for name in [IF_MATCH, IF_NONE_MATCH] {
        let Some(TagList::Tags(mut tags)) = TagList::of(headers, &name) else { continue };
        let mut is_restored = false;
        for tag in &mut tags {
            if let Some(plain) = tag.text.strip_suffix(TAG_END) {
                tag.text = plain.to_owned();
                is_restored = true;
            }
        }
        if is_restored && let Some(value) = TagList::write(&tags) {
            headers.insert(name, value);
        }
    }
}

/// The threads that compress large answers: one less than there are processors, but at least one. The rest of the server
/// keeps a processor.
#[derive(Clone)]
pub(crate) struct Compressors(Arc<Semaphore>);

impl Compressors {
    pub(crate) fn new() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new((processors - 1).max(1))))
    }

    /// Compresses the text, on another thread if it is large. `None` if that fails, which is not expected.
    async fn squeeze(self, plain: Bytes) -> Option<Bytes> {
        if plain.len() <= LARGE {
            return gzip(&plain, LEVEL).ok();
        }
        let compressor = self.0.acquire_owned().await.ok()?;
        let squeezed = tokio::task::spawn_blocking(move || {
            // Until the end, also if nothing waits for the result any more.
            let _compressor = compressor;
            gzip(&plain, LEVEL).ok()
        });
        squeezed.await.ok().flatten()
    }
}

fn gzip(plain: &[u8], level: Compression) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(WrittenBody::new(), level);
    encoder.write_all(plain)?;
    Ok(encoder.finish()?.finish().into())
}

/// Marks an answer whose body is in memory anyway and shared by all such answers.
#[derive(Clone)]
pub(crate) struct SharedBody;

/// An answer that never changes. It is compressed once, at the best level, when a client first accepts gzip.
pub(crate) struct Asset {
    plain: Bytes,
    gzip: OnceCell<Option<Bytes>>,
    /// A hash of the plain bytes.
    tag: HeaderValue,
}

impl Asset {
    pub(crate) fn new(plain: impl Into<Bytes>) -> Self {
        let plain = plain.into();
        let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&plain)[..16]));
        let tag = HeaderValue::try_from(tag).expect("base64 is ascii");
        Self { plain, gzip: OnceCell::new(), tag }
    }

    /// The uncompressed bytes.
    #[cfg(test)]
    pub(crate) fn plain(&self) -> &Bytes {
        &self.plain
    }

    /// The answer to this request, compressed if the client accepts it. 304 if the client has it already.
    ///
    /// # Errors
    /// 412 if the request asks for another version.
    pub(crate) async fn answer(&self, request: &Request, content_type: &str) -> Result<Response, Problem> {
        let answer =
            || Response::builder().content_type(content_type).header(VARY, "accept-encoding").extension(SharedBody);
        if let Some(conditions) = Conditions::of(request.headers()) {
            let judged = conditions.judge_read(answer().header(ETAG, self.tag.clone()).finish())?;
            if judged.status() == StatusCode::NOT_MODIFIED {
                return Ok(judged);
            }
        }
        if Wish::of(request.headers()).gzip {
            let make = || async {
                let plain = self.plain.clone();
                let made = tokio::task::spawn_blocking(move || gzip(&plain, Compression::best()).ok()).await;
                made.ok().flatten()
            };
            if let Some(gzip) = self.gzip.get_or_init(make).await {
                let tag = tag_of_gzip(&self.tag).unwrap_or_else(|| self.tag.clone());
                return Ok(answer().header(ETAG, tag).header(CONTENT_ENCODING, GZIP).body(gzip.clone()));
            }
        }
        Ok(answer().header(ETAG, self.tag.clone()).body(self.plain.clone()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const JSON: &str = "application/json";

    fn wish(accept: &str) -> Wish {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_str(accept).unwrap());
        Wish::of(&headers)
    }

    fn answer(content_type: &str, length: usize) -> Response {
        Response::builder().content_type(content_type).header(ETAG, "\"7\"").body("a".repeat(length))
    }

    /// Compresses the answer and returns its head, its coding and its body.
    async fn sent(method: Method, wish: Wish, mut answer: Response) -> (Response, Option<String>, Vec<u8>) {
        compress(&method, wish, &mut answer, Compressors::new()).await;
        let body = answer.take_body().into_vec().await.unwrap();
        let coding = answer.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap().to_owned());
        (answer, coding, body)
    }

    #[test]
    fn the_coding_with_the_greater_weight_is_used() {
        for accept in ["gzip", "GZIP", "x-gzip", "br, gzip;q=0.1", "*", "gzip;q=1.000, identity;q=0.5", "gzip, *;q=0"] {
            assert!(wish(accept).gzip, "{accept}");
        }
        for accept in
            ["", "br", "gzip;q=0", "gzip;q=0.000", "identity", "gzip;q=0.5, identity", "*, gzip;q=0", "gzip;q=x"]
        {
            assert!(!wish(accept).gzip, "{accept}");
        }
        assert!(!Wish::of(&HeaderMap::new()).gzip);
        for (accept, only) in [("gzip, identity;q=0", true), ("gzip, *;q=0", true), ("gzip", false), ("*;q=0", true)] {
            assert_eq!(wish(accept).only, only, "{accept}");
        }
        for bad in ["q=1.001", "q=2", "q=0.1234", "q=-1", "x=1", "q"] {
            assert_eq!(read_weight(bad), None, "{bad}");
        }
    }

    #[tokio::test]
    async fn a_large_text_is_compressed_and_gets_another_tag() {
        for length in [usize::try_from(LEAST).unwrap(), LARGE + 1] {
            let (answer, coding, body) = sent(Method::GET, wish("gzip"), answer(JSON, length)).await;
            assert_eq!(coding.as_deref(), Some("gzip"));
            assert_eq!(
                (&answer.headers()[ETAG], &answer.headers()[VARY]),
                (&"\"7-gzip\"".parse().unwrap(), &ACCEPT_ENCODING.into())
            );
            let mut plain = String::new();
            flate2::read::GzDecoder::new(&*body).read_to_string(&mut plain).unwrap();
            assert_eq!(plain, "a".repeat(length));
        }
    }

    #[tokio::test]
    async fn an_answer_that_other_clients_get_compressed_varies_by_encoding() {
        for (wish, length) in [(wish("br"), 5000), (wish("gzip"), 100)] {
            let (answer, coding, body) = sent(Method::GET, wish, answer(JSON, length)).await;
            assert_eq!((coding, body.len()), (None, length));
            assert_eq!(
                (&answer.headers()[ETAG], &answer.headers()[VARY]),
                (&"\"7\"".parse().unwrap(), &ACCEPT_ENCODING.into())
            );
        }
        let (_, coding, _) = sent(Method::GET, wish("gzip, identity;q=0"), answer(JSON, 100)).await;
        assert_eq!(coding.as_deref(), Some("gzip"), "the client refuses the plain answer");
    }

    #[tokio::test]
    async fn answers_that_must_not_be_compressed_stay_as_they_are() {
        let problem = || answer(JSON, 5000).with_status(StatusCode::NOT_FOUND);
        let secret = Response::builder().content_type(JSON).header(CACHE_CONTROL, "no-store, no-transform");
        let cases = [
            (Method::POST, answer(JSON, 5000)),
            (Method::GET, answer("image/png", 5000)),
            (Method::GET, answer("text/event-stream", 5000)),
            (Method::GET, problem()),
            (Method::GET, secret.body("a".repeat(5000))),
            (Method::GET, Response::builder().content_type(JSON).header(CONTENT_ENCODING, "br").body("a".repeat(5000))),
        ];
        for (method, answer) in cases {
            let before = answer.headers().get(CONTENT_ENCODING).map(|coding| coding.to_str().unwrap().to_owned());
            let (answer, coding, body) = sent(method, wish("gzip"), answer).await;
            assert_eq!((coding, body.len()), (before, 5000));
            assert!(!answer.headers().contains_key(VARY));
        }
    }

    trait WithStatus {
        fn with_status(self, status: StatusCode) -> Self;
    }

    impl WithStatus for Response {
        fn with_status(mut self, status: StatusCode) -> Self {
            self.set_status(status);
            self
        }
    }

    #[tokio::test]
    async fn a_stream_is_not_held_back() {
        let pieces = futures_util::stream::iter([Ok::<_, io::Error>("a".repeat(5000)), Ok("b".to_owned())]);
        let stream = Response::builder().content_type(JSON).body(Body::from_bytes_stream(pieces));
        let (_, coding, body) = sent(Method::GET, wish("gzip"), stream).await;
        assert_eq!((coding, body.len()), (None, 5001));
    }

    #[test]
    fn tags_of_compressed_answers_are_read_as_the_original_ones() {
        let mut headers = HeaderMap::new();
        headers.append(IF_MATCH, HeaderValue::from_static("\"6\",\"7-gzip\""));
        headers.append(IF_MATCH, HeaderValue::from_static("W/\"8-gzip\""));
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        restore_tags(&mut headers);
        assert_eq!(
            (&headers[IF_MATCH], &headers[IF_NONE_MATCH]),
            (&"\"6\", \"7\", W/\"8\"".parse().unwrap(), &"*".parse().unwrap())
        );
        assert_eq!(tag_of_gzip(&HeaderValue::from_static("W/\"7\"")), None);
    }

    #[tokio::test]
    async fn a_client_with_the_compressed_answer_gets_its_tag_with_304() {
        for (kept, tag) in [
            ("\"7\"", "\"7\""),
            ("\"7-gzip\"", "\"7-gzip\""),
            ("W/\"7-gzip\"", "\"7-gzip\""),
            ("\"6-gzip\", \"7\"", "\"7\""),
            ("\"x, 7-gzip\", \"7\"", "\"7\""),
        ] {
            let wish = Wish::of(&HeaderMap::from_iter([(IF_NONE_MATCH, HeaderValue::from_static(kept))]));
            let (answer, _, body) =
                sent(Method::GET, wish, answer(JSON, 0).with_status(StatusCode::NOT_MODIFIED)).await;
            assert_eq!(
                (&answer.headers()[ETAG], &answer.headers()[VARY]),
                (&tag.parse().unwrap(), &ACCEPT_ENCODING.into())
            );
            assert!(body.is_empty());
        }
    }

    #[tokio::test]
    async fn an_asset_is_compressed_once() {
        let asset = Asset::new("a".repeat(100_000));
        let ask = || Request::builder().header(ACCEPT_ENCODING, "gzip").finish();
        let first = asset.answer(&ask(), JSON).await.unwrap().into_body().into_bytes().await.unwrap();
        let second = asset.answer(&ask(), JSON).await.unwrap().into_body().into_bytes().await.unwrap();
        assert!(first.len() < 1000 && first.as_ptr() == second.as_ptr(), "the same bytes");
        let plain = asset.answer(&Request::default(), JSON).await.unwrap();
        let kept = |tag: &HeaderValue| Request::builder().header(IF_NONE_MATCH, tag.clone()).finish();
        let unchanged = asset.answer(&kept(&plain.headers()[ETAG]), JSON).await.unwrap();
        assert_eq!(
            (unchanged.status(), &unchanged.headers()[ETAG]),
            (StatusCode::NOT_MODIFIED, &plain.headers()[ETAG])
        );
        assert_eq!(&plain.headers()[VARY], "accept-encoding");
        assert_eq!(plain.into_body().into_bytes().await.unwrap().as_ptr(), asset.plain().as_ptr());
    }
}

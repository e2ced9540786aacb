//! Where clients get the contents of public files: the URLs in answers, and how long caches keep what they return.

use super::{SIDE, SIZE, content_path};
use http::HeaderValue;
use poem_openapi::Object;
use serde::Serialize;
use skep_application::Policies;
use skep_domain::files::{FileId, ImageSizes};
use std::time::Duration;

/// How long a browser keeps a content that never changes: a year, the most that caches take seriously (RFC 9111).
const BROWSER: Duration = Duration::from_hours(365 * 24);

/// The URLs of the contents of public files, and the rules of caches for them.
pub(crate) struct PublicContents {
    base: String,
    sizes: ImageSizes,
    shared: Duration,
}

/// A picture in one of the sizes of the deployment.
#[derive(Debug, Clone, PartialEq, Eq, Object, Serialize)]
#[oai(rename = "PictureSize")]
pub(crate) struct PictureSizeBody {
    /// The name of the size.
    name: String,
    /// The greatest length of the longest side, in pixels. A smaller picture is not enlarged.
    side: u32,
    /// The URL of the picture in this size. It is a path if the server does not know its public address. Caches keep what it
    /// returns, because a size that gets another length has another URL.
    url: String,
}

impl PublicContents {
    /// The URLs begin with the address of contents, or else with that of the API. Without both, they are paths.
    pub(crate) fn new(policies: &Policies, public_url: Option<&str>) -> Self {
        let base = policies.delivery.files_url.as_deref().or(public_url).unwrap_or_default().to_owned();
        Self { base, sizes: policies.images.sizes.clone(), shared: policies.delivery.shared_cache }
    }

    /// The URL of a content, which never changes.
    pub(crate) fn url(&self, id: FileId) -> String {
        format!("{}{}", self.base, content_path(id))
    }

    /// The URLs of a picture in all sizes, the smallest one first. Each has the length of its size, so that it never means
    /// another picture.
    pub(crate) fn sizes(&self, id: FileId) -> Vec<PictureSizeBody> {
        let url = self.url(id);
        let sized = |name: &str, side| format!("{url}?{SIZE}={name}&{SIDE}={side}");
        let sizes = self.sizes.iter();
        sizes
            .map(|size| PictureSizeBody { name: size.name.clone(), side: size.side, url: sized(&size.name, size.side) })
            .collect()
    }

    /// The `Cache-Control` of a public content. What its URL returns never changes, unless `most` says how long the URL keeps
    /// its meaning. A shared cache asks after a while whether the file is still there.
    pub(crate) fn cache_control(&self, most: Option<Duration>) -> HeaderValue {
        let shared = self.shared.min(most.unwrap_or(self.shared)).as_secs();
        let text = match most {
            None => format!("public, max-age={}, immutable, s-maxage={shared}", BROWSER.as_secs()),
            Some(most) => format!("public, max-age={}, s-maxage={shared}", most.as_secs()),
        };
        HeaderValue::try_from(text).expect("digits and words are a header")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_application::files::DeliveryPolicy;
    use uuid::Uuid;

    const ID: &str = "019a9d3c-5a00-7000-8000-000000000003";

    fn contents(files_url: Option<&str>, public_url: Option<&str>) -> PublicContents {
        let files_url = files_url.map(str::to_owned);
        let delivery = DeliveryPolicy { files_url, shared_cache: Duration::from_secs(600) };
        PublicContents::new(&Policies { delivery, ..Policies::default() }, public_url)
    }

    #[test]
    fn urls_begin_with_the_address_of_contents_or_else_of_the_api() {
        let id = FileId::new(Uuid::parse_str(ID).unwrap());
        let path = format!("/api/v1/files/{ID}/content");
        let (cdn, api) = ("https://cdn.example/shop", "https://api.example");
        for (files_url, public_url, base) in
            [(Some(cdn), Some(api), cdn), (Some(cdn), None, cdn), (None, Some(api), api), (None, None, "")]
        {
            let contents = contents(files_url, public_url);
            assert_eq!(contents.url(id), format!("{base}{path}"));
            let thumbnail = &contents.sizes(id)[0];
            assert_eq!(thumbnail.url, format!("{base}{path}?size=thumbnail&side=160"));
            assert_eq!((thumbnail.name.as_str(), thumbnail.side), ("thumbnail", 160));
        }
    }

    #[test]
    fn a_shared_cache_asks_again_and_a_browser_does_not() {
        let contents = contents(None, None);
        for (most, header) in [
            (None, "public, max-age=31536000, immutable, s-maxage=600"),
            (Some(86_400), "public, max-age=86400, s-maxage=600"),
            (Some(60), "public, max-age=60, s-maxage=60"),
        ] {
            assert_eq!(contents.cache_control(most.map(Duration::from_secs)), header);
        }
    }
}

//! The OpenAPI document, and a page that shows it. The page loads nothing from other servers, and its
//! `Content-Security-Policy` allows only the scripts whose hashes it has.

use crate::edge::Asset;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderValue,
    header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY},
};
use poem::{Endpoint, Request, Response, Result};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Answers with the OpenAPI document.
pub(crate) struct Document(Asset);

impl Document {
    pub(crate) fn new(document: &Value) -> Self {
        Self(Asset::new(document.to_string()))
    }
}

impl Endpoint for Document {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let mut response = self.0.answer(&request, "application/json").await?;
        response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        Ok(response)
    }
}

/// Answers with the page, which is the Swagger UI of poem-openapi.
pub(crate) struct Docs {
    page: Asset,
    policy: HeaderValue,
}

/// A title, a width for phones, and an empty icon, so that the page does not load one from another server.
const HEAD: &str = "<title>Skep API</title>
    <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
    <link rel=\"icon\" href=\"data:,\">";

/// What Swagger UI is started with besides its defaults: a lock is closed where an operation needs a token, and open
/// where a token is optional. By default it is the other way round until the reader has entered a token.
const LOCKS: &str = "SwaggerUIBundle({
        plugins: [() => ({ statePlugins: { auth: { wrapSelectors: {
            isAuthorized: () => (_, ways) => ways && ways.size ? ways.every(way => !way.isEmpty()) : null,
        } } } })],";

impl Docs {
    pub(crate) fn new(document: &Value) -> Self {
        // A `</script>` in a description would end the script that holds the document.
        let text = document.to_string().replace("</", "<\\/");
        let page = poem_openapi::OpenApiService::new((), "Skep", "1").swagger_ui_html();
        let empty = poem_openapi::OpenApiService::new((), "Skep", "1").spec();
        let page = page.replace(&empty, &text).replace("<title>Swagger UI</title>", HEAD);
        // The last call is the one in the page; the others are in the bundle.
        let (bundle, start) = page.rsplit_once("SwaggerUIBundle({").expect("the page starts Swagger UI");
        let page = format!("{bundle}{LOCKS}{start}");
        let page = page.trim_start().replacen("<html charset=\"UTF-8\">", "<!doctype html>\n<html lang=\"en\">", 1);
        let policy = policy(&page);
        Self { page: Asset::new(page), policy }
    }
}

/// The policy that allows only the inline scripts of the page. Inline styles are allowed, because scripts of Swagger UI
/// set them.
fn policy(page: &str) -> HeaderValue {
    let mut hashes = String::new();
    let mut rest = page;
    while let Some(start) = rest.find("<script") {
        let Some(open) = rest[start..].find('>') else { break };
        let body = &rest[start + open + 1..];
        let Some(end) = body.find("</script>") else { break };
        hashes.push_str(&format!(" 'sha256-{}'", STANDARD.encode(Sha256::digest(&body[..end]))));
        rest = &body[end..];
    }
    let policy = format!(
        "default-src 'none'; script-src{hashes}; style-src 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).expect("the policy is ascii")
}

impl Endpoint for Docs {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let mut response = self.page.answer(&request, "text/html; charset=utf-8").await?;
        response.headers_mut().insert(CONTENT_SECURITY_POLICY, self.policy.clone());
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_document_and_allows_only_its_two_scripts() {
        let docs = Docs::new(&serde_json::json!({ "openapi": "3.0.3", "info": { "title": "a </script> b" } }));
        let (page, policy) = (std::str::from_utf8(docs.page.plain()).unwrap(), docs.policy.to_str().unwrap());
        assert!(page.starts_with("<!doctype html>") && page.contains(HEAD) && page.contains("a <\\/script> b"));
        assert_eq!(policy.matches("'sha256-").count(), 2);
        // The last script is the one with the document.
        let (_, last) = page.rsplit_once("<script>").unwrap();
        let (last, _) = last.split_once("</script>").unwrap();
        assert!(last.contains("let spec = {") && last.contains(LOCKS), "{last}");
        assert!(policy.contains(&STANDARD.encode(Sha256::digest(last))), "{policy}");
        assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    }
}

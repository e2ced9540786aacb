//! What the server has answered, in one line.

use skep_application::kernel::StoreError;
use std::{error::Error, fmt};

/// Codes of S3 and of servers like it for a store that has no space left.
const FULL: &[&str] = &["InsufficientCapacity", "XMinioStorageFull", "QuotaExceeded", "InsufficientStorage"];
/// The most characters of what the server says.
const MOST: usize = 300;

/// An error of the server or of the way to it.
#[derive(Debug)]
pub(super) struct Failure {
    text: String,
    /// Whether the server refuses our name or our secret, or has no such bucket.
    pub(super) is_refusal: bool,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Failure {}

/// Classifies an error of the driver. Its own text has the whole request and the whole answer.
pub(super) fn failed(error: object_store::Error) -> StoreError {
    let whole = error.to_string();
    let (code, message) = (element(&whole, "Code"), element(&whole, "Message"));
    let text = match (code, message) {
        (Some(code), Some(message)) => format!("S3 answers {code}: {message}"),
        (Some(code), None) => format!("S3 answers {code}"),
        (None, _) => status(&whole).map_or_else(|| root(&error), |status| format!("S3 answers {status}")),
    };
    let text: String = text.chars().filter(|c| !c.is_control()).take(MOST).collect();
    let is_refusal = status(&whole).is_some_and(is_refused) || whole.contains("incorrectly configured region");
    let failure = Box::new(Failure { text, is_refusal });
    match code {
        Some(code) if FULL.contains(&code) => StoreError::Full(failure),
        _ => StoreError::Unavailable(failure),
    }
}

/// What a 404 is about.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Absence {
    OfObject,
    OfBucket,
    Unknown,
}

/// What an answer of 404 says is absent.
pub(super) fn absence(error: &object_store::Error) -> Absence {
    match element(&error.to_string(), "Code") {
        Some("NoSuchKey" | "NoSuchUpload") => Absence::OfObject,
        Some("NoSuchBucket") => Absence::OfBucket,
        _ => Absence::Unknown,
    }
}

/// Whether the server does not know what the request asks for.
pub(super) fn is_unknown(error: &object_store::Error) -> bool {
    status(&error.to_string()).is_some_and(|status| status.starts_with("501"))
}

/// The text in the first element with this name.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once('<').map(|(text, _)| text)
}

/// The status of an answer without a code.
fn status(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("status code: ")?;
    rest.split_once(':').map(|(status, _)| status)
}

/// Whether another attempt has the same answer: any fault of the request but a slow or a frequent one.
fn is_refused(status: &str) -> bool {
    status.starts_with('4') && !status.starts_with("408") && !status.starts_with("429")
}

/// The text of the first cause, for example that the connection was refused.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: text.to_owned().into() }
    }

    #[test]
    fn the_text_is_what_the_server_says() {
        let said = "Error performing GET http://127.0.0.1/b in 1ms - Server returned non-2xx status code: 400 Bad \
                    Request: <Error><Code>InvalidRegion</Code><Message>use\neu-west-1</Message></Error>";
        let StoreError::Unavailable(cause) = failed(generic(said)) else { panic!("unavailable") };
        assert_eq!(cause.to_string(), "S3 answers InvalidRegion: useeu-west-1");
        let StoreError::Unavailable(cause) = failed(generic("status code: 502 Bad Gateway: <html>")) else {
            panic!("unavailable")
        };
        assert_eq!(cause.to_string(), "S3 answers 502 Bad Gateway");
        let StoreError::Unavailable(cause) = failed(generic("connection refused")) else { panic!("unavailable") };
        assert_eq!(cause.to_string(), "connection refused");
    }

    #[test]
    fn only_an_answer_that_names_the_object_says_that_it_is_absent() {
        for (said, expected) in [
            ("404 Not Found: <Code>NoSuchKey</Code>", Absence::OfObject),
            ("404 Not Found: <Code>NoSuchUpload</Code>", Absence::OfObject),
            ("404 Not Found: <Code>NoSuchBucket</Code>", Absence::OfBucket),
            ("404 Not Found: <html>", Absence::Unknown),
            ("404 Not Found", Absence::Unknown),
        ] {
            assert_eq!(absence(&generic(said)), expected, "{said}");
        }
    }

    #[test]
    fn a_store_without_space_is_full() {
        let said = "status code: 507 Insufficient Storage: <Code>XMinioStorageFull</Code>";
        assert!(matches!(failed(generic(said)), StoreError::Full(_)));
    }
}

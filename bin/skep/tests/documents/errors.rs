//! `docs/errors.md`.

use super::{assert_document, scan};
use skep_application::kernel::ErrorKind;
use skep_http::{api::status, problem::code};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

const APPLICATION: &str = "application/src";
const HTTP: &str = "adapters/http/src";

const INTRODUCTION: &str = "# Errors

Every error of the API is a problem document ([RFC 9457](https://www.rfc-editor.org/rfc/rfc9457)) of the media type `application/problem+json`:

```json
{
  \"type\": \"urn:skep:problem:insufficient_stock\",
  \"title\": \"Insufficient stock\",
  \"status\": 409,
  \"code\": \"insufficient_stock\",
  \"detail\": \"not enough in stock\",
  \"errors\": [{ \"pointer\": \"/lines/0/quantity\", \"code\": \"insufficient_stock\", \"detail\": \"3 were asked for, 2 are available\" }],
  \"request_id\": \"01a2007c618773369dc499524dcc726d\"
}
```

Decide by `code`: it is stable. `detail` is for people and may change. `errors` names every place that is wrong: `pointer` is a JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) into the body, `parameter` the name of a parameter. `request_id` is in the server's log; quote it when you report something.

429 and 503 come with `Retry-After`, in seconds. A repeat is safe with the same `Idempotency-Key`.

This page is generated: `SKEP_BLESS=1 cargo test -p skep` rewrites it, and a test fails when a code of the sources is missing.

## Problems

*Kind* is what the application calls it; — where the edge answers before the application is asked.

| code | status | kind | meaning | where |
| --- | --- | --- | --- | --- |
";

/// The codes of the application: the code, its kind, its meaning, and which operations answer it.
const CODES: &[(&str, ErrorKind, &str, &str)] = &[
    ("email_taken", ErrorKind::Conflict, "The e-mail address has an account.", "`register_user`, `set_up`"),
    ("forbidden", ErrorKind::Denied, "No role of the account allows it.", "operations with a token"),
    (
        "hashers_busy",
        ErrorKind::Unavailable,
        "Too many passwords are being checked; come back after `Retry-After`.",
        "`register_user`, `log_in`, `set_up`",
    ),
    (
        "idempotency_key_reused",
        ErrorKind::Invalid,
        "The `Idempotency-Key` was used for another command; take a new one.",
        "operations with `Idempotency-Key`",
    ),
    (
        "insufficient_stock",
        ErrorKind::Conflict,
        "Fewer pieces are there than were asked for; `errors` names each line. Nothing was changed.",
        "`place_order`",
    ),
    ("internal", ErrorKind::Internal, "The server failed; its log has the `request_id`.", "any"),
    (
        "invalid_credentials",
        ErrorKind::Unauthenticated,
        "The e-mail address or the password is wrong; which of them is not told.",
        "`log_in`",
    ),
    (
        "invalid_token",
        ErrorKind::Unauthenticated,
        "The access token has expired, is not one of this server's, or its session has ended; log in again.",
        "operations that take a token",
    ),
    ("invalid_transition", ErrorKind::Conflict, "The order has come too far for this.", "`cancel_order`"),
    ("not_found", ErrorKind::NotFound, "There is no such thing, or none that the caller may know of.", "any path"),
    (
        "outcome_unknown",
        ErrorKind::Unavailable,
        "The store went away during the commit: it may or may not have been done. Repeat with the same `Idempotency-Key`.",
        "operations that change something",
    ),
    (
        "precondition_failed",
        ErrorKind::Stale,
        "It was changed since the version in `If-Match`; read it again.",
        "operations with `If-Match`",
    ),
    ("precondition_required", ErrorKind::PreconditionRequired, "`If-Match` is missing.", "PUT and PATCH"),
    (
        "rate_limited",
        ErrorKind::RateLimited,
        "Too many requests from the address, by the user, or to the account; come back after `Retry-After`.",
        "any",
    ),
    ("setup_closed", ErrorKind::Conflict, "There is an admin already.", "`set_up`"),
    (
        "setup_token_invalid",
        ErrorKind::Denied,
        "The token is wrong or older than 24 hours; every start without an admin prints a new one.",
        "`set_up`",
    ),
    (
        "sku_taken",
        ErrorKind::Conflict,
        "Another product, perhaps an archived one, has this SKU.",
        "`create_product`, `replace_product`, `change_product`",
    ),
    ("stock_below_reserved", ErrorKind::Conflict, "Orders have reserved more pieces than that.", "`set_stock`"),
    (
        "storage_full",
        ErrorKind::StorageFull,
        "No space is left in the store. Nothing was changed.",
        "operations that change something",
    ),
    (
        "store_unavailable",
        ErrorKind::Unavailable,
        "The store does not answer, or is too busy. Nothing was changed.",
        "any",
    ),
    (
        "unauthenticated",
        ErrorKind::Unauthenticated,
        "An access token is required: `Authorization: Bearer …`.",
        "operations that ask for a token",
    ),
    (
        "validation_failed",
        ErrorKind::Invalid,
        "Values are refused; `errors` names each place.",
        "operations with a body",
    ),
];

/// The codes in `errors`: the code, its meaning, and where.
const FIELDS: &[(&str, &str, &str)] = &[
    ("below_minimum", "The total of the order is below the minimum of its currency.", "`/lines`"),
    ("contains_email", "The password contains the e-mail address.", "`/password`"),
    ("currency_mismatch", "The products of one order have several currencies.", "`/lines/n/product_id`"),
    ("insufficient_stock", "Fewer pieces are there than were asked for.", "`/lines/n/quantity`"),
    ("invalid_email", "Is no e-mail address that can be used.", "`/email`"),
    ("invalid_sku", "Is no SKU: 1 to 64 letters, digits or `-_./`.", "`/sku`"),
    ("invalid_text", "Is empty, too long, or has characters that cannot be shown.", "texts"),
    ("invalid_type", "Is of another JSON type than expected.", "any place"),
    ("invalid_value", "Is a value that is not among the expected ones.", "any place"),
    ("missing_field", "Is required, and missing.", "any place"),
    ("out_of_range", "Is a number that is too small or too large.", "numbers"),
    ("required", "Must not be null.", "`change_product`"),
    ("too_common", "Is among the passwords that are guessed first.", "`/password`"),
    ("too_few", "Has too few items.", "`/lines`"),
    ("too_long", "Has too many characters.", "`/password`"),
    ("too_many", "Has too many items.", "`/lines`"),
    ("too_short", "Has too few characters.", "`/password`"),
    ("unknown_currency", "Is no currency of ISO 4217 that prices can have.", "`/price/currency`"),
    ("unknown_field", "There is no such field.", "any place"),
    ("unknown_product", "There is no such product on sale.", "`/lines/n/product_id`"),
];

const KINDS: &[ErrorKind] = &[
    ErrorKind::Invalid,
    ErrorKind::Unauthenticated,
    ErrorKind::Denied,
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::PreconditionRequired,
    ErrorKind::Stale,
    ErrorKind::RateLimited,
    ErrorKind::Unavailable,
    ErrorKind::StorageFull,
    ErrorKind::Internal,
];

/// `PreconditionRequired` → `precondition_required`.
fn name(kind: ErrorKind) -> String {
    let mut name = String::new();
    for letter in format!("{kind:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    name
}

#[test]
fn the_errors() {
    let mut rows: BTreeMap<(u16, &str), (String, &str, &str)> = BTreeMap::new();
    for code in code::ALL {
        rows.insert((code.status.as_u16(), code.name), ("—".to_owned(), code.meaning, "any request"));
    }
    for (code, kind, meaning, from) in CODES {
        rows.insert((status(*kind).as_u16(), code), (name(*kind), meaning, from));
    }
    let mut text = INTRODUCTION.to_owned();
    for ((status, code), (kind, meaning, from)) in rows {
        let _ = writeln!(text, "| `{code}` | {status} | {kind} | {meaning} | {from} |");
    }
    text.push_str("\n## Places\n\nThe `code` of an entry in `errors`. A problem that is about one place repeats its own code there.\n\n");
    text.push_str("| code | meaning | where |\n| --- | --- | --- |\n");
    for (code, meaning, place) in FIELDS {
        let _ = writeln!(text, "| `{code}` | {meaning} | {place} |");
    }
    text.push_str(
        "\n## Kinds\n\nThe one mapping from the application's kinds to statuses.\n\n| kind | status |\n| --- | --- |\n",
    );
    for kind in KINDS {
        let _ = writeln!(text, "| {} | {} |", name(*kind), status(*kind).as_u16());
    }
    assert_document("docs/errors.md", &text);
}

#[test]
fn no_code_is_missing_or_left_over() {
    let edge: BTreeSet<&str> = code::ALL.iter().map(|code| code.name).collect();
    let listed: BTreeSet<&str> = CODES.iter().map(|(code, ..)| *code).collect();
    let application = scan::problems(APPLICATION);
    assert!(application.len() >= 15, "the scan finds too little: {application:?}");
    for (code, files) in &application {
        assert!(listed.contains(code.as_str()), "{code} of {files:?} is not in CODES of this test");
    }
    for (code, files) in scan::problems(HTTP) {
        assert!(listed.contains(code.as_str()) || edge.contains(code.as_str()), "{code} of {files:?} is not listed");
    }
    let left_over: Vec<_> = listed.iter().filter(|code| !application.contains_key(**code)).collect();
    assert!(left_over.is_empty(), "no source has {left_over:?}");
}

#[test]
fn kinds_are_those_of_the_sources() {
    let kinds = scan::kinds(APPLICATION);
    assert!(kinds.len() >= 10, "the scan finds too little: {kinds:?}");
    for (code, kind) in kinds {
        let listed = CODES.iter().find(|(listed, ..)| *listed == code).map(|(_, kind, ..)| format!("{kind:?}"));
        assert_eq!(listed, Some(kind), "{code}");
    }
    for (code, kind, ..) in CODES {
        if let Some(edge) = code::ALL.iter().find(|edge| edge.name == *code) {
            assert_eq!(edge.status, status(*kind), "{code}");
        }
    }
}

#[test]
fn no_code_of_a_place_is_missing_or_left_over() {
    let mut found = scan::fields(APPLICATION);
    found.extend(scan::fields(HTTP));
    let listed: BTreeSet<&str> = FIELDS.iter().map(|(code, ..)| *code).collect();
    let missing: Vec<_> = found.iter().filter(|(code, _)| !listed.contains(code.as_str())).collect();
    assert!(missing.is_empty(), "not in FIELDS of this test: {missing:?}");
    let left_over: Vec<_> = listed.iter().filter(|code| !found.contains_key(**code)).collect();
    assert!(left_over.is_empty(), "no source has {left_over:?}");
}

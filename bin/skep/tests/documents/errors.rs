//! `docs/errors.md`.

use super::{assert_document, scan};
use skep_application::{
    identity::{AuthenticateError, CsrfTokenInvalid},
    kernel::{ErrorKind, Refusal, StoreError},
};
use skep_http::{Api, api::status, problem::code};
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
  \"detail\": \"fewer pieces are available than the order asks for; errors names the lines. Nothing was changed\",
  \"errors\": [{ \"pointer\": \"/lines/0/quantity\", \"code\": \"insufficient_stock\", \"detail\": \"only 2 of 3 are available\" }],
  \"request_id\": \"01a2007c618773369dc499524dcc726d\"
}
```

Programs should use `code`, which is stable. `detail` is for people and may change. `errors` has the wrong places, at most the first 20, and `errors_left_out` the number of the others. Long keys of the body are cut. `pointer` is a JSON pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)) into the body, and `parameter` is the name of a parameter. The log of the server has the `request_id`; include it when you report a problem.

A head that cannot be read at all is answered 400, 414 or 431 with a problem document over HTTP/1. There are two exceptions without one: if the answer to an earlier request of the connection is sent together with it, and over HTTP/2, where the HTTP library answers a head of more than 32 KiB with 431 and no body, and resets the stream or closes the connection if a head is malformed.

A request target has no fragment. Over HTTP/1, a target with a `#` is answered 400. Over HTTP/2, the HTTP library cuts the fragment off before the server can see it, so `/metrics#x` is `/metrics` there.

429 and 503 have `Retry-After`, in seconds. A repeat with the same `Idempotency-Key` is safe.

This page is generated: `SKEP_BLESS=1 cargo test -p skep` rewrites it, and a test fails when a code of the sources has no declaration. Problems come from the declarations of refusals (`refusal!`).

## Problems

*Kind* is the kind of the refusal in the application. It is — if the edge answers before the application is called.

| code | status | kind | meaning | where |
| --- | --- | --- | --- | --- |
";

/// The places of codes that more operations have than their use cases declare.
const ANYWHERE: &[(&str, &str)] = &[
    ("csrf_token_invalid", "changes by session cookie"),
    ("forbidden", "operations with a token"),
    ("idempotency_key_reused", "operations with `Idempotency-Key`"),
    ("internal", "any"),
    ("invalid_token", "operations that take a token"),
    ("not_found", "any path"),
    ("outcome_unknown", "operations that change something"),
    ("precondition_failed", "requests with `If-Match` or `If-None-Match`"),
    ("precondition_required", "PUT and PATCH"),
    ("rate_limited", "any"),
    ("storage_full", "operations that change something"),
    ("store_unavailable", "any"),
    ("unauthenticated", "operations that ask for a token"),
    ("validation_failed", "operations with a body"),
];

/// The declared refusals with their operation. Refusals without an operation are declared for all.
fn declared() -> impl Iterator<Item = (&'static Refusal, Option<&'static str>)> {
    let own = Api::operations().flat_map(|operation| operation.refusals.iter().map(|one| (one, Some(operation.id))));
    own.chain(
        StoreError::REFUSALS
            .iter()
            .chain(AuthenticateError::REFUSALS)
            .chain(CsrfTokenInvalid::REFUSALS)
            .map(|one| (one, None)),
    )
}

/// The codes in `errors`: the code, its meaning, and where.
const FIELDS: &[(&str, &str, &str)] = &[
    ("below_minimum", "The total of the order is below the minimum of its currency.", "`/lines`"),
    ("contains_email", "The password is made of the e-mail address.", "`/password`, `/new_password`"),
    ("contains_name", "The password is made of the display name.", "`/password`, `/new_password`"),
    ("currency_mismatch", "The products of one order have several currencies.", "`/lines/n/product_id`"),
    ("file_not_image", "Is not a file with the purpose `image`.", "`/pictures/n/file_id`"),
    ("file_not_public", "Is a private file, which visitors do not see.", "`/pictures/n/file_id`"),
    ("file_quarantined", "Waits for the verdict of the scanner; try again later.", "`/pictures/n/file_id`"),
    ("hash_too_costly", "A parameter of the hash is above its limit.", "`/password_hash`, in `skep user import`"),
    (
        "incomplete_hash",
        "Begins as a hash of a known algorithm, and cannot be read.",
        "`/password_hash`, in `skep user import`",
    ),
    ("insufficient_stock", "Fewer pieces are available than were ordered.", "`/lines/n/quantity`"),
    ("invalid_args", "The handler of the jobs cannot read the arguments.", "`/args`"),
    ("invalid_cron", "Is not a cron line of five fields.", "`/timing/cron`"),
    ("invalid_email", "Is not a valid e-mail address.", "`/email`"),
    ("invalid_locale", "Is not a language with an optional script and region, such as `de-AT`.", "`/locale`"),
    ("invalid_name", "Is not 1 to 100 lowercase letters, digits, `_`, `-` and `.`.", "`/name`, `/queue`"),
    (
        "invalid_slug",
        "Is not a slug: 1 to 100 lowercase letters and digits, with single hyphens between them.",
        "`/slug`",
    ),
    ("invalid_sku", "Is not a SKU: 1 to 64 letters, digits or `-_./`.", "`/sku`"),
    (
        "invalid_template",
        "Is not in the language of templates, or uses a part of Jinja that templates do not have.",
        "`/subject`, `/text`, `/html`",
    ),
    ("invalid_text", "Is empty or too long, or has characters that show nothing in their place.", "texts"),
    ("invalid_time", "Is not a time (RFC 3339).", "`/after_time`, `/timing/at`"),
    ("invalid_timing", "Does not have exactly one of `cron`, `every_seconds` and `at`.", "`/timing`"),
    ("invalid_type", "Has another JSON type than expected.", "any place"),
    ("invalid_value", "Is not one of the expected values.", "any place"),
    (
        "media_type_not_allowed",
        "Is not a media type that a file for the purpose can have.",
        "`/media_type` of `sign_upload_link`",
    ),
    ("missing_field", "Is required but missing.", "any place"),
    ("never_fires", "There is no such day, or the time has passed.", "`/timing/cron`, `/timing/at`"),
    ("out_of_range", "Is too small or too large.", "numbers"),
    (
        "password_refused",
        "Is refused by a rule of the program that embeds Skep; `detail` has its reason.",
        "`/password`, `/new_password`",
    ),
    ("repeated_file", "Is the file of an earlier picture.", "`/pictures/n/file_id`"),
    (
        "required",
        "Must not be null.",
        "`change_product`, `rename_category`, `change_mail_template`, `change_schedule`, `change_profile`, `change_user`",
    ),
    ("role_of_accounts_only", "Is a role that no group can have.", "`/roles/n`"),
    ("too_common", "Is a password that is easy to guess.", "`/password`, `/new_password`"),
    ("too_large", "Is more than a file for the purpose can have.", "`/max_bytes`"),
    ("too_few", "Has too few items.", "`/lines`"),
    ("too_long", "Has too many characters.", "`/password`, `/new_password`, `/args`"),
    ("too_many", "Has too many items.", "`/lines`, `/pictures`, `/roles`, `/permissions`"),
    ("too_short", "Has too few characters.", "`/password`, `/new_password`"),
    ("unknown_currency", "Is not a currency of ISO 4217 that prices can have.", "`/price/currency`"),
    ("unknown_field", "The field does not exist.", "any place"),
    ("unknown_category", "The category does not exist.", "`/parent_id`"),
    ("unknown_file", "The file does not exist, or the caller does not see it.", "`/pictures/n/file_id`"),
    ("unknown_filter", "The filter does not exist.", "`/subject`, `/text`, `/html`"),
    ("unknown_group", "The group does not exist.", "`/parent_id`"),
    ("unknown_job_kind", "The server has no handler for this kind of jobs.", "`/kind`"),
    ("unknown_mail_kind", "Is not a kind of mails.", "`/kind`"),
    (
        "unknown_hash",
        "Is not a hash of an algorithm that can be taken over.",
        "`/password_hash`, in `skep user import`",
    ),
    ("unknown_permission", "Is not a permission that a role can have.", "`/permissions/n`"),
    ("unknown_product", "The product does not exist or is not on sale.", "`/lines/n/product_id`"),
    ("unknown_role", "The role does not exist.", "`/roles/n`"),
    ("unknown_subscriber", "The subscriber does not exist.", "`/subscriber`"),
    ("unknown_time_zone", "Is not a time zone of the IANA database.", "`/timing/time_zone`"),
    (
        "unknown_variable",
        "The variable, or a field of one, does not exist.",
        "`/subject`, `/text`, `/html`; `/data` of a preview",
    ),
    (
        "unusable_template",
        "No mail can be made from the template: the result is empty or too long, or has control characters.",
        "`/subject`, `/text`, `/html`; `/data` of a preview",
    ),
];

const KINDS: &[ErrorKind] = &[
    ErrorKind::Invalid,
    ErrorKind::Unauthenticated,
    ErrorKind::Denied,
    ErrorKind::NotFound,
    ErrorKind::Conflict,
    ErrorKind::Gone,
    ErrorKind::PreconditionRequired,
    ErrorKind::Stale,
    ErrorKind::TooLarge,
    ErrorKind::Locked,
    ErrorKind::Damaged,
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

/// Where a code occurs.
fn places(code: &str) -> String {
    if let Some((_, anywhere)) = ANYWHERE.iter().find(|(known, _)| *known == code) {
        return (*anywhere).to_owned();
    }
    let operations: Vec<String> = declared()
        .filter(|(refusal, _)| refusal.code == code)
        .filter_map(|(_, operation)| Some(format!("`{}`", operation?)))
        .collect();
    assert!(!operations.is_empty(), "{code} is declared for all operations, so ANYWHERE of this test says where it is");
    operations.join(", ")
}

#[test]
fn the_errors() {
    let mut rows: BTreeMap<(u16, &str), (String, &str, String)> = BTreeMap::new();
    for code in code::ALL {
        rows.insert((code.status.as_u16(), code.name), ("—".to_owned(), code.meaning, "any request".to_owned()));
    }
    for (Refusal { code, kind, meaning }, _) in declared() {
        rows.insert((status(*kind).as_u16(), code), (name(*kind), meaning, places(code)));
    }
    let mut text = INTRODUCTION.to_owned();
    for ((status, code), (kind, meaning, from)) in rows {
        let _ = writeln!(text, "| `{code}` | {status} | {kind} | {meaning} | {from} |");
    }
    text.push_str("\n## Places\n\nThe `code` of an entry in `errors`. A problem with one wrong place repeats its own code there.\n\n");
    text.push_str("| code | meaning | where |\n| --- | --- | --- |\n");
    for (code, meaning, place) in FIELDS {
        let _ = writeln!(text, "| `{code}` | {meaning} | {place} |");
    }
    text.push_str("\n## Kinds\n\nThe status of each kind of refusal.\n\n| kind | status |\n| --- | --- |\n");
    for kind in KINDS {
        let _ = writeln!(text, "| {} | {} |", name(*kind), status(*kind).as_u16());
    }
    assert_document("docs/errors.md", &text);
}

#[test]
fn no_code_is_missing_or_left_over() {
    let edge: BTreeSet<&str> = code::ALL.iter().map(|code| code.name).collect();
    let listed: BTreeSet<&str> = declared().map(|(refusal, _)| refusal.code).collect();
    let sources = scan::declared(APPLICATION);
    assert!(sources.len() >= 15, "the scan finds too little: {sources:?}");
    for (code, files) in &sources {
        assert!(listed.contains(code.as_str()), "{code} of {files:?} is declared, and no operation has it");
    }
    let left_over: Vec<_> = listed.iter().filter(|code| !sources.contains_key(**code)).collect();
    assert!(left_over.is_empty(), "the scan does not find the declaration of {left_over:?}");
    let undeclared = scan::problems(APPLICATION);
    assert!(undeclared.is_empty(), "codes without a declaration: {undeclared:?}");
    for (code, files) in scan::problems(HTTP) {
        assert!(listed.contains(code.as_str()) || edge.contains(code.as_str()), "{code} of {files:?} is not listed");
    }
    let unused = ANYWHERE.iter().filter(|(code, _)| !listed.contains(code));
    assert_eq!(unused.collect::<Vec<_>>(), Vec::<&(&str, &str)>::new(), "not declared");
}

#[test]
fn a_code_is_declared_once_and_has_one_status() {
    let all: Vec<&Refusal> = declared().map(|(refusal, _)| refusal).collect();
    for refusal in &all {
        let same = all.iter().filter(|other| other.code == refusal.code);
        assert!(same.into_iter().all(|other| other == refusal), "{} has two meanings", refusal.code);
        assert!(refusal.meaning.ends_with('.'), "{refusal:?} is no sentence");
        if let Some(edge) = code::ALL.iter().find(|edge| edge.name == refusal.code) {
            assert_eq!(edge.status, status(refusal.kind), "{}", refusal.code);
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

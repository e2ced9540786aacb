//! The templates in English that mails are made from until an admin writes others, and the variables of each kind.

use serde_json::{Value, json};
use skep_domain::{
    notifications::{MailKind, TemplateSources},
    shared::Text,
};

/// The sources from the files of a folder of this module.
macro_rules! sources {
    ($kind:literal) => {
        [
            include_str!(concat!("builtin/", $kind, "/subject.txt")),
            include_str!(concat!("builtin/", $kind, "/text.txt")),
            include_str!(concat!("builtin/", $kind, "/mail.html")),
        ]
    };
}

/// The built-in template of a kind, in English.
#[must_use]
pub fn built_in(kind: MailKind) -> TemplateSources {
    let [subject, text, html] = match kind {
        MailKind::OrderPlaced => sources!("order_placed"),
        MailKind::OrderCancelled => sources!("order_cancelled"),
        MailKind::OrderExpired => sources!("order_expired"),
        MailKind::PasswordReset => sources!("password_reset"),
        MailKind::EmailVerification => sources!("email_verification"),
        MailKind::PasswordChanged => sources!("password_changed"),
        MailKind::AccountExists => sources!("account_exists"),
        MailKind::EmailChange => sources!("email_change"),
        MailKind::EmailChangeRequested => sources!("email_change_requested"),
        MailKind::EmailChanged => sources!("email_changed"),
        MailKind::Invitation => sources!("invitation"),
        MailKind::AccountDeletion => sources!("account_deletion"),
        MailKind::ExportReady => sources!("export_ready"),
        MailKind::NewDevice => sources!("new_device"),
    }
    .map(|source| Text::stored(source.trim().to_owned()));
    TemplateSources { subject, text, html: Some(html) }
}

/// Sample data of a kind. A template of this kind can use the variables that are in it, and no others. The data of every
/// mail has the same fields.
#[must_use]
pub fn sample_data(kind: MailKind) -> Value {
    let customer = json!({ "name": "Ada Lovelace" });
    match kind {
        MailKind::OrderPlaced | MailKind::OrderCancelled | MailKind::OrderExpired => {
            json!({ "customer": customer, "order": sample_order(kind) })
        }
        MailKind::PasswordReset
        | MailKind::EmailVerification
        | MailKind::EmailChange
        | MailKind::EmailChanged
        | MailKind::Invitation => {
            let url = "https://shop.example.com/page#token=skep_link_0123456789abcdef";
            json!({ "customer": customer, "link": { "url": url, "valid_until": "2026-01-31 18:00 UTC" } })
        }
        MailKind::PasswordChanged
        | MailKind::AccountExists
        | MailKind::EmailChangeRequested
        | MailKind::ExportReady => {
            json!({ "customer": customer })
        }
        MailKind::AccountDeletion => {
            json!({ "customer": customer, "account": { "erase_at": "2026-01-31 18:00 UTC" } })
        }
        MailKind::NewDevice => {
            let login = json!({ "at": "2026-01-31 18:00 UTC", "network": "192.0.2.1", "device": "Mozilla/5.0" });
            json!({ "customer": customer, "login": login })
        }
    }
}

fn sample_order(kind: MailKind) -> Value {
    let line = json!({ "name": "Forest honey", "quantity": 2, "total": "12.00 EUR" });
    let mut order = json!({ "number": "K7QM-3XWA", "total": "12.00 EUR", "lines": [line] });
    if kind == MailKind::OrderPlaced {
        // Empty if the order waits without limit.
        order["pay_until"] = json!("2026-01-31 18:00 UTC");
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_sources_keep_the_rules_of_stored_ones() {
        for kind in MailKind::ALL {
            let TemplateSources { subject, text, html } = built_in(*kind);
            assert_eq!(TemplateSources::subject(subject.as_str()), Ok(subject));
            assert_eq!(TemplateSources::text(text.as_str()), Ok(text));
            assert_eq!(TemplateSources::html(html.clone().unwrap().as_str()).ok(), html);
        }
    }
}

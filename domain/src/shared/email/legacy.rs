//! The keys of the first versions, which folded the whole address. Never change this: rows are stored under these keys.

use super::Email;
use caseless::default_case_fold_str;
use unicode_normalization::{UnicodeNormalization as _, is_nfkc};

/// The old key of an address as a person types it, if the first versions accepted it.
pub(super) fn key(text: &str) -> Option<String> {
    let text = text.trim_matches(' ');
    if text.len() > Email::MAX_BYTES || !is_nfkc(&text.nfc().collect::<String>()) {
        return None;
    }
    let folded = fold(text);
    let (local, domain) = folded.rsplit_once('@')?;
    let fits = folded.len() <= Email::MAX_BYTES && local.len() <= Email::MAX_LOCAL_BYTES;
    (fits && is_local(local) && is_domain(domain)).then_some(folded)
}

/// NFC and case-folded.
pub(super) fn fold(text: &str) -> String {
    default_case_fold_str(&text.nfc().collect::<String>()).nfc().collect()
}

fn is_local(local: &str) -> bool {
    let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || super::is_foreign_letter(c);
    local.split('.').all(|part| !part.is_empty() && part.chars().all(atom))
}

fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        let letters = label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || super::is_foreign_letter(c));
        !label.is_empty() && label.len() <= 63 && letters && !label.starts_with('-') && !label.ends_with('-')
    };
    domain.contains('.') && domain.split('.').all(label)
}

//! The domain of an address.

use super::is_foreign_letter;
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

/// Maps a domain by UTS 46, without the transitional mappings, and returns it in A-labels.
///
/// Punycode, the bidi rule, joiners and the lengths of DNS (63 bytes for a label, 253 in all) are checked. `None` if the
/// domain is not valid, has no dot, is an IPv4 address, or has characters that are not letters, digits or hyphens.
pub(super) fn to_ascii(domain: &str) -> Option<String> {
    // UTS 46 leaves out some invisible characters; an address that has them is a trap or a slip.
    if !domain.chars().all(|c| is_letter(c) || matches!(c, '.' | '\u{3002}')) {
        return None;
    }
    let (deny, hyphens) = (AsciiDenyList::STD3, Hyphens::CheckFirstLast);
    let ascii = Uts46::new().to_ascii(domain.as_bytes(), deny, hyphens, DnsLength::Verify).ok()?;
    // A-labels may stand for more than letters, for example for an emoji.
    let is_letters = !ascii.contains("xn--") || to_unicode(&ascii).chars().all(|c| c == '.' || is_letter(c));
    let (_, last) = ascii.rsplit_once('.')?;
    let is_number = last.bytes().all(|byte| byte.is_ascii_digit());
    (is_letters && !is_number).then(|| ascii.into_owned())
}

/// The domain in letters.
pub(super) fn to_unicode(ascii: &str) -> String {
    Uts46::new().to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, Hyphens::CheckFirstLast).0.into_owned()
}

/// The joiners are letters of a domain, whose place UTS 46 checks, and so are the marks of RFC 5892, A.3 to A.7, such as
/// the middle dot of Catalan.
fn is_letter(c: char) -> bool {
    let is_mark = matches!(c, '\u{B7}' | '\u{375}' | '\u{5F3}' | '\u{5F4}' | '\u{30FB}');
    c.is_ascii_alphanumeric() || matches!(c, '-' | '\u{200C}' | '\u{200D}') || is_mark || is_foreign_letter(c)
}

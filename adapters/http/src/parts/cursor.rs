//! Cursors: places in a list. A client can neither forge a cursor nor use it in another list.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use skep_application::kernel::Position;

/// The length of the authentication tag in bytes.
const TAG: usize = 16;

/// Makes cursors and reads them. An HMAC over the place and its context authenticates each.
pub(crate) struct Cursors(Hmac<Sha256>);

impl Cursors {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Hmac::new_from_slice(key).expect("hmac takes keys of any length"))
    }

    /// Makes the cursor of a place. It is valid only in the same `context`, which stands for the caller and the query.
    pub(crate) fn seal(&self, position: &Position, context: &str) -> String {
        let mut bytes = serde_json::to_vec(position).unwrap_or_default();
        let tag = self.tag(&bytes, context);
        bytes.extend_from_slice(&tag);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads the place of a cursor. `None` if the cursor was not made with this key for this context.
    pub(crate) fn open(&self, cursor: &str, context: &str) -> Option<Position> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (position, tag) = bytes.split_at_checked(bytes.len().checked_sub(TAG)?)?;
        self.mac(position, context).verify_truncated_left(tag).ok()?;
        serde_json::from_slice(position).ok()
    }

    fn tag(&self, position: &[u8], context: &str) -> [u8; TAG] {
        let whole = self.mac(position, context).finalize().into_bytes();
        std::array::from_fn(|i| whole[i])
    }

    fn mac(&self, position: &[u8], context: &str) -> Hmac<Sha256> {
        let length = u64::try_from(context.len()).unwrap_or(u64::MAX).to_be_bytes();
        self.0.clone().chain_update(length).chain_update(context).chain_update(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skep_application::kernel::SortValue;

    fn place() -> Position {
        Position {
            key: SortValue::Text("honey".to_owned()),
            id: "018f0000-0000-7000-8000-000000000001".parse().unwrap(),
        }
    }

    #[test]
    fn a_cursor_is_valid_only_with_its_key_and_its_context() {
        let cursors = Cursors::new(&[1; 32]);
        let cursor = cursors.seal(&place(), "ada products name");
        assert_eq!(cursors.open(&cursor, "ada products name"), Some(place()));
        assert_eq!(cursors.open(&cursor, "bob products name"), None);
        assert_eq!(cursors.open(&cursor, "ada products -name"), None);
        assert_eq!(Cursors::new(&[2; 32]).open(&cursor, "ada products name"), None);
    }

    #[test]
    fn a_forged_cursor_is_refused() {
        let cursors = Cursors::new(&[1; 32]);
        let cursor = cursors.seal(&place(), "x");
        for at in 0..cursor.len() {
            let mut forged = cursor.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            let opened = cursors.open(&String::from_utf8(forged).unwrap(), "x");
            // The last character has bits that the decoder ignores.
            assert!(opened.is_none() || at == cursor.len() - 1);
        }
        for text in ["", "A", "%%%", "AAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(cursors.open(text, "x"), None);
        }
    }
}

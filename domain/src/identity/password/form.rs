//! The form in which a password is hashed.

use crate::shared::named;
use unicode_normalization::UnicodeNormalization as _;

named! {
    /// What was done to a password, as typed, before it was hashed. One password has several encodings: a Mac may send
    /// `é` as two characters and a phone as one.
    PasswordForm {
        /// Nothing. The first versions hashed passwords so.
        AsTyped = "as_typed",
        /// Every space is U+0020, and the text is in NFC: the mappings of OpaqueString (RFC 8265, 4.2.2). No character is
        /// refused, because every character makes a password harder to guess.
        Opaque = "opaque",
    }
}

impl PasswordForm {
    /// The form of new passwords.
    pub const NEW: Self = Self::Opaque;

    /// The password in this form.
    #[must_use]
    pub fn of(self, typed: &str) -> String {
        match self {
            Self::AsTyped => typed.to_owned(),
            Self::Opaque => typed.chars().map(|c| if is_space(c) { ' ' } else { c }).nfc().collect(),
        }
    }
}

/// The spaces of Unicode (Zs).
const fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn spellings_of_one_password_are_equal() {
        for typed in ["cafe\u{301} au lait", "caf\u{e9}\u{a0}au\u{3000}lait"] {
            assert_eq!(PasswordForm::Opaque.of(typed), "caf\u{e9} au lait");
            assert_eq!(PasswordForm::AsTyped.of(typed), typed);
        }
        // Case, compatibility characters and spaces at the ends are kept.
        assert_eq!(PasswordForm::Opaque.of(" ﬁA\t"), " ﬁA\t");
    }

    proptest! {
        #[test]
        fn the_form_is_reached_in_one_step(typed in any::<String>()) {
            let once = PasswordForm::Opaque.of(&typed);
            prop_assert_eq!(PasswordForm::Opaque.of(&once), once.clone());
            let decomposed: String = typed.nfd().collect();
            prop_assert_eq!(PasswordForm::Opaque.of(&decomposed), once);
        }
    }
}

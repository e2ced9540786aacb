//! The languages that mails are written in.

use crate::shared::string_type;

string_type! {
    /// A language, possibly with a script and a region: `de`, `de-AT`, `zh-Hant-TW`. A subset of BCP 47, in its usual
    /// spelling.
    Locale
}

/// The text does not name a language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a language such as `de`, possibly with a script and a region, such as `de-AT` or `zh-Hant-TW`")]
pub struct InvalidLocale;

impl Locale {
    /// The greatest length in characters.
    pub const MAX: usize = 12;
    /// The greatest number of fallbacks.
    pub const MOST_FALLBACKS: usize = 4;
    /// The form of a locale as a regular expression, for interfaces.
    pub const PATTERN: &str = "^[A-Za-z]{2,3}(-[A-Za-z]{4})?(-([A-Za-z]{2}|[0-9]{3}))?$";

    /// English, which mails are written in if there is no better language.
    #[must_use]
    pub fn english() -> Self {
        Self("en".to_owned())
    }

    /// Reads a locale in any case.
    ///
    /// # Errors
    /// [`InvalidLocale`].
    pub fn parse(text: &str) -> Result<Self, InvalidLocale> {
        let mut parts = text.split('-').peekable();
        let is_letters = |part: &&str| part.bytes().all(|byte| byte.is_ascii_alphabetic());
        let language = parts.next().filter(|part| (2..=3).contains(&part.len())).filter(is_letters);
        let mut locale = language.ok_or(InvalidLocale)?.to_ascii_lowercase();
        if let Some(script) = parts.next_if(|part| part.len() == 4 && is_letters(part)) {
            let (first, rest) = script.split_at(1);
            locale = format!("{locale}-{}{}", first.to_ascii_uppercase(), rest.to_ascii_lowercase());
        }
        let is_number = |part: &&str| part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(region) = parts.next_if(|part| is_number(part) || (part.len() == 2 && is_letters(part))) {
            locale = format!("{locale}-{}", region.to_ascii_uppercase());
        }
        if parts.next().is_some() { Err(InvalidLocale) } else { Ok(Self(locale)) }
    }

    /// The locales to look for, from the best one on, at most [`Locale::MOST_FALLBACKS`]: this one, the same without region and script, and English.
    #[must_use]
    pub fn fallbacks(&self) -> Vec<Self> {
        let mut locales = vec![self.clone()];
        let mut rest = self.as_str();
        while let Some((wider, _)) = rest.rsplit_once('-') {
            locales.push(Self(wider.to_owned()));
            rest = wider;
        }
        if rest != "en" {
            locales.push(Self::english());
        }
        locales
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_locale_is_a_language_with_a_script_and_a_region() {
        for (text, locale) in [
            ("de", "de"),
            ("DE-at", "de-AT"),
            ("zh-hant-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("gsw", "gsw"),
            ("sr-LATN", "sr-Latn"),
        ] {
            assert_eq!(Locale::parse(text).unwrap().as_str(), locale);
        }
        for text in ["", "d", "de-", "-de", "de_AT", "de-AT-x", "deut", "de-A", "de-AT-Latn", "de\n", "dé", "de-é"] {
            assert_eq!(Locale::parse(text), Err(InvalidLocale), "{text:?}");
        }
    }

    #[test]
    fn a_locale_falls_back_to_its_language_and_then_to_english() {
        let fallbacks = |text| {
            let locales = Locale::parse(text).unwrap().fallbacks();
            locales.into_iter().map(Locale::into_string).collect::<Vec<_>>()
        };
        assert_eq!(fallbacks("de-AT"), ["de-AT", "de", "en"]);
        assert_eq!(fallbacks("zh-Hant-TW"), ["zh-Hant-TW", "zh-Hant", "zh", "en"]);
        assert_eq!(fallbacks("en-GB"), ["en-GB", "en"]);
        assert_eq!(fallbacks("en"), ["en"]);
    }

    proptest! {
        #[test]
        fn every_fallback_is_a_locale_and_the_last_one_is_english(text in Locale::PATTERN.trim_matches(['^', '$'])) {
            let locale = Locale::parse(&text).unwrap();
            prop_assert!(locale.as_str().len() <= Locale::MAX);
            let fallbacks = locale.fallbacks();
            prop_assert!(fallbacks.len() <= Locale::MOST_FALLBACKS);
            prop_assert_eq!(fallbacks.last(), Some(&Locale::english()));
            for fallback in fallbacks {
                prop_assert_eq!(Locale::parse(fallback.as_str()), Ok(fallback.clone()));
            }
        }
    }
}

//! The device that a user logs in with, as it describes itself.

use crate::shared::string_type;

string_type! {
    /// The description that a program gives of itself in `User-Agent`, for the list of sessions: visible ASCII
    /// characters in words with one space between them. Any client can claim anything in it, so nothing is decided by
    /// it.
    Device
}

impl Device {
    /// The greatest number of characters.
    pub const MAX: usize = 200;

    /// Takes the visible characters of a description, at most [`Self::MAX`]. `None` if it has no visible character.
    #[must_use]
    pub fn of(described: &str) -> Option<Self> {
        let words = described.split(|c: char| !c.is_ascii_graphic()).filter(|word| !word.is_empty());
        let mut text = words.collect::<Vec<_>>().join(" ");
        text.truncate(Self::MAX);
        text.truncate(text.trim_end().len());
        (!text.is_empty()).then_some(Self(text))
    }

    /// The description without the words that programs turn into links: addresses, names of hosts and domains. For texts
    /// that are sent to someone else than the one who described the device. Empty if nothing else is left.
    #[must_use]
    pub fn without_addresses(&self) -> String {
        let is_address = |word: &str| {
            let mut pairs = word.as_bytes().windows(2);
            let has_domain = pairs.any(|pair| pair[0] == b'.' && pair[1].is_ascii_alphabetic());
            has_domain || word.contains(['@', '%', '\\', '[', ']']) || word.contains("//") || word.contains("www")
        };
        let words = self.0.split(' ').filter(|word| !is_address(word));
        words.collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_description_is_shown_without_what_is_not_visible() {
        for (described, shown) in [
            ("curl/8.5.0", Some("curl/8.5.0")),
            (" Mozilla/5.0\t(X11;  Linux)\r\n", Some("Mozilla/5.0 (X11; Linux)")),
            ("\u{202e}app\u{0}one", Some("app one")),
            ("", None),
            (" \u{1f41d}\t", None),
        ] {
            assert_eq!(Device::of(described).as_ref().map(Device::as_str), shown, "{described:?}");
        }
    }

    #[test]
    fn a_description_for_others_has_nothing_that_becomes_a_link() {
        for (described, shown) in [
            ("Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/132.0", None),
            ("curl/8.5.0", None),
            ("Bot/1.0 (+https://evil.example/x) end", Some("Bot/1.0 end")),
            ("call evil.example now", Some("call now")),
            ("see www.a or mailto:a@b", Some("see or")),
            ("http://198.51.100.1/", Some("")),
        ] {
            let device = Device::of(described).unwrap();
            assert_eq!(device.without_addresses(), shown.unwrap_or(described));
        }
    }

    proptest! {
        #[test]
        fn a_device_is_short_and_visible_and_read_again_as_it_is(described in any::<String>(), times in 1_usize..40) {
            if let Some(device) = Device::of(&described.repeat(times)) {
                let text = device.as_str();
                prop_assert!((1..=Device::MAX).contains(&text.len()));
                prop_assert!(text.chars().all(|c| c == ' ' || c.is_ascii_graphic()));
                prop_assert_eq!(Device::of(text), Some(device.clone()));
            }
        }
    }
}

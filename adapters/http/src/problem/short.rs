//! Texts from a request are cut before an answer repeats them. Otherwise a body of one long key would come back whole.

/// The number of bytes of a key or of a name that an answer repeats.
pub(crate) const MAX_KEY: usize = 64;

/// Cuts the text after this many bytes, between two characters, and marks the cut. A shorter text stays as it is.
pub(crate) fn shorten(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_two_characters() {
        let cut = |text: &str, most| shorten(text.to_owned(), most);
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abcd", 3), "abc…");
        assert_eq!(cut("aéb", 2), "a…");
        assert_eq!(cut("€", 2), "…");
    }
}

//! The value of `Content-Type` (RFC 9110, 8.3.1), and of other headers with the same grammar.

/// A media type with its parameters.
pub(crate) struct MediaType<'a> {
    name: &'a str,
    /// The name of each parameter and its value, without quotes.
    parameters: Vec<(&'a str, String)>,
}

impl<'a> MediaType<'a> {
    /// Reads a header. `None` if a parameter is not a token with a value (RFC 9110, 5.6.6).
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (name, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let mut parameters = vec![];
        loop {
            // A parameter may be empty.
            rest = rest.trim_start_matches([' ', '\t', ';']);
            if rest.is_empty() {
                return Some(Self { name: name.trim_matches([' ', '\t']), parameters });
            }
            let (parameter, behind) = rest.split_once('=')?;
            let (value, behind) = value(behind)?;
            parameters.push((token(parameter)?, value));
            rest = behind;
        }
    }

    /// The value of a parameter, without quotes. The first one if there are several.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        let mut parameters = self.parameters.iter();
        parameters.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Whether it is this media type.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether the text is in UTF-8, as it is without a `charset`. `utf8` is a common name for it, too.
    pub(super) fn is_utf8(&self) -> bool {
        let charsets = self.parameters.iter().filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
        charsets.into_iter().all(|(_, value)| ["utf-8", "utf8"].iter().any(|utf8| value.eq_ignore_ascii_case(utf8)))
    }
}

/// The text, if it is a token (RFC 9110, 5.6.2).
fn token(text: &str) -> Option<&str> {
    let is_of_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    Some(text).filter(|text| !text.is_empty() && text.bytes().all(is_of_token))
}

/// Reads the value of a parameter. Returns it and the rest, which is empty or starts with a semicolon.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        return Some((token(value.trim_end_matches([' ', '\t']))?.to_owned(), rest));
    };
    let (mut value, mut characters) = (String::new(), quoted.char_indices());
    loop {
        match characters.next()? {
            (_, '\\') => value.push(characters.next()?.1),
            (end, '"') => {
                let rest = quoted[end + 1..].trim_start_matches([' ', '\t']);
                return (rest.is_empty() || rest.starts_with(';')).then_some((value, rest));
            }
            (_, character) => value.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_json_in_utf8(text: &str) -> bool {
        MediaType::parse(text).is_some_and(|found| found.is("application/json") && found.is_utf8())
    }

    #[test]
    fn parameters_are_read_by_the_grammar_of_http() {
        for text in [
            "application/json",
            " Application/JSON ; charset=utf-8",
            "application/json;charset=UTF8",
            "application/json; charset=\"utf-8\"",
            "application/json; CHARSET=\"\\u\\t\\f-8\"",
            "application/json;",
            "application/json; ; charset=utf-8;;",
            "application/json; profile=\"a;charset=utf-16\"",
            "application/json; profile=\"a\\\";charset=utf-16\" ; charset=utf-8",
            "application/json; odata.metadata=minimal; v=1",
            "application/json; v=!#$%&'*+-.^_`|~",
        ] {
            assert!(is_json_in_utf8(text), "{text}");
        }
        for text in [
            "",
            "text/plain",
            "application/json+x",
            "application/json; charset=utf-16",
            "application/json; charset",
            "application/json; charset=",
            "application/json; charset=\"utf-8",
            "application/json; charset=\"utf-8\"x",
            "application/json; charset=\"utf-8\\",
            "application/json; charset=utf-8; charset=latin1",
            "application/json; x=\"a\"; charset=utf-7",
            "application/json; flag",
            "application/json; =x",
            "application/json; x=",
            "application/json; a b=c",
            "application/json; a=b c",
            "application/json; a=b/c",
            "application/json; charset =utf-8",
            "application/json; charset= utf-8",
            "application/json; a[0]=b",
            "application/json, text/plain; a=b",
            "application/json; charset=utf-8, text/plain",
        ] {
            assert!(!is_json_in_utf8(text), "{text}");
        }
    }
}

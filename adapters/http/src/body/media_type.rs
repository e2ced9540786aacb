//! The value of `Content-Type` (RFC 9110, 8.3.1).

/// A media type with its parameters.
pub(super) struct MediaType<'a> {
    name: &'a str,
    /// The name of each parameter and its value, without quotes.
    parameters: Vec<(&'a str, String)>,
}

impl<'a> MediaType<'a> {
    /// Reads a header. `None` if a quoted value does not end, or something follows it.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (name, mut rest) = text.split_once(';').unwrap_or((text, ""));
        let mut parameters = vec![];
        // A parameter may be empty (RFC 9110, 5.6.6).
        while !rest.is_empty() {
            let end = rest.find([';', '=']).unwrap_or(rest.len());
            let (parameter, behind) = rest.split_at(end);
            let (value, behind) = match behind.strip_prefix('=') {
                Some(behind) => value(behind)?,
                None => (String::new(), behind),
            };
            parameters.push((parameter.trim(), value));
            rest = behind.strip_prefix(';').unwrap_or_default();
        }
        Some(Self { name: name.trim(), parameters })
    }

    /// Whether it is this media type.
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// Whether the text is in UTF-8, as it is without a `charset`. `utf8` is a common name for it, too.
    pub(super) fn is_utf8(&self) -> bool {
        let charsets = self.parameters.iter().filter(|(name, _)| name.eq_ignore_ascii_case("charset"));
        charsets.into_iter().all(|(_, value)| ["utf-8", "utf8"].iter().any(|utf8| value.eq_ignore_ascii_case(utf8)))
    }
}

/// Reads the value of a parameter. Returns it and the rest, which is empty or starts with a semicolon.
fn value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.trim_start_matches([' ', '\t']).strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find(';').unwrap_or(text.len()));
        return Some((value.trim().to_owned(), rest));
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
            "application/json; flag",
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
        ] {
            assert!(!is_json_in_utf8(text), "{text}");
        }
    }
}

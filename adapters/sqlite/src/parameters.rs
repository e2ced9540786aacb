//! Parameters `$N`. SQLite takes `$2` as a name and numbers names by first appearance, so `SELECT $2, $1` would bind
//! the first argument to `$2` without an error. It takes `?2` as number 2.

/// Replaces every `$N` by `?N`, except in strings, quoted names and comments.
pub(crate) fn numbered(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['$', '\'', '"', '`', '[', '-', '/']) {
        let (before, tail) = rest.split_at(at);
        result.push_str(before);
        let end = token_end(tail);
        let (token, after) = tail.split_at(end);
        if token == "$" && after.starts_with(|next: char| next.is_ascii_digit()) {
            result.push('?');
        } else {
            result.push_str(token);
        }
        rest = after;
    }
    result.push_str(rest);
    result
}

/// The end of the first token of `text`: a whole string, quoted name or comment, or a single character.
fn token_end(text: &str) -> usize {
    let (skip, terminator) = match text.as_bytes() {
        // A doubled quote counts as the end of one string and the start of the next, with the same result.
        [b'\'', ..] => (1, "'"),
        [b'"', ..] => (1, "\""),
        [b'`', ..] => (1, "`"),
        [b'[', ..] => (1, "]"),
        [b'-', b'-', ..] => (2, "\n"),
        [b'/', b'*', ..] => (2, "*/"),
        _ => return 1,
    };
    text[skip..].find(terminator).map_or(text.len(), |at| skip + at + terminator.len())
}

#[cfg(test)]
mod tests {
    use super::numbered;

    #[test]
    fn parameters_keep_their_number() {
        assert_eq!(numbered("SELECT $2, $1 WHERE a IN rarray($12)"), "SELECT ?2, ?1 WHERE a IN rarray(?12)");
        assert_eq!(numbered("a - $1 / $2 -> '$.x'"), "a - ?1 / ?2 -> '$.x'");
        assert_eq!(numbered("no parameter"), "no parameter");
    }

    #[test]
    fn strings_names_and_comments_are_not_changed() {
        for kept in ["'$1 it''s $2'", "\"a$1\"\"$2\"", "`$1`", "[$1]", "-- $1", "/* $1 ' */", "'$1 open", "/* $1 open"]
        {
            assert_eq!(numbered(kept), kept);
            assert_eq!(numbered(&format!("$1 {kept}")), format!("?1 {kept}"));
        }
        assert_eq!(numbered("-- it's $1\n$2 /* ' */ $3 'é' $4"), "-- it's $1\n?2 /* ' */ ?3 'é' ?4");
    }
}

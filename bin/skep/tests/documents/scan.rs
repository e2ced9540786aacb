//! Finds the codes of errors in the sources, so that the list is complete.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Codes with the files that have them.
pub(crate) type Found = BTreeMap<String, Vec<String>>;

fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "tests" | "testing") {
                sources(&path, files);
            }
        } else if name.ends_with(".rs") && !matches!(name.as_str(), "tests.rs" | "fixtures.rs") {
            files.push(path);
        }
    }
}

/// The sources below this folder, without their tests.
fn read(folder: &str) -> Vec<(String, String)> {
    let root = super::root();
    let mut files = vec![];
    sources(&root.join(folder), &mut files);
    files.sort();
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
        (path.strip_prefix(&root).unwrap().display().to_string(), text)
    };
    files.into_iter().map(read).collect()
}

fn note(found: &mut Found, code: &str, file: &str) {
    let files = found.entry(code.to_owned()).or_default();
    if files.last().is_none_or(|last| last != file) {
        files.push(file.to_owned());
    }
}

/// The text between the bracket at its start and the matching one.
fn bracketed(text: &str) -> &str {
    let (mut depth, mut in_string, mut escaped) = (0_u32, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'(' | b'{' | b'[' if !in_string => depth += 1,
            b')' | b'}' | b']' if !in_string => {
                depth -= 1;
                if depth == 0 {
                    return &text[1..at];
                }
            }
            _ => {}
        }
    }
    text
}

/// The string literals that look like codes.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    let looks = |text: &&str| text.len() > 2 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    text.split('"').skip(1).step_by(2).filter(looks)
}

/// The arguments of a call.
fn arguments(inside: &str) -> Vec<&str> {
    let (mut start, mut depth, mut in_string, mut list) = (0, 0_i32, false, vec![]);
    for (at, byte) in inside.bytes().enumerate() {
        match byte {
            b'"' => in_string = !in_string,
            b'(' | b'{' | b'[' if !in_string => depth += 1,
            b')' | b'}' | b']' if !in_string => depth -= 1,
            b',' if !in_string && depth == 0 => {
                list.push(inside[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    list.push(inside[start..].trim());
    list
}

/// The bodies of functions with a name that ends in `code`.
fn code_functions(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("code(").filter_map(|(at, _)| {
        let before = text[..at].trim_end_matches(|c: char| c.is_ascii_lowercase() || c == '_');
        let body = before.ends_with("fn ").then(|| &text[at..])?;
        let end = body.find([';', '{'])?;
        body[end..].starts_with('{').then(|| bracketed(&body[end..]))
    })
}

/// The codes in the sources: results of `fn code`, and arguments of constructors of problems.
pub(crate) fn problems(folder: &str) -> Found {
    let mut found = Found::new();
    for (file, text) in read(folder) {
        // A `…_code` is about a field.
        for (at, _) in text.match_indices("fn code(") {
            for body in code_functions(&text[at..]).take(1) {
                literals(body).for_each(|code| note(&mut found, code, &file));
            }
        }
        for (at, call) in text.match_indices("Problem::new(") {
            if let Some(code) = arguments(bracketed(&text[at + call.len() - 1..])).get(1) {
                literals(code).for_each(|code| note(&mut found, code, &file));
            }
        }
    }
    found
}

/// The codes in declarations of refusals.
pub(crate) fn declared(folder: &str) -> Found {
    let mut found = Found::new();
    for (file, text) in read(folder) {
        for call in ["refusal! {", "Refusal::new("] {
            for (at, _) in text.match_indices(call) {
                let inside = bracketed(&text[at + call.len() - 1..]);
                // The doc comment and the fields come before the code, and the message behind it.
                let inside = inside.rsplit_once(" = ").map_or(inside, |(_, behind)| behind);
                let code = arguments(inside).get(1).into_iter().flat_map(|code| literals(code)).next();
                code.into_iter().for_each(|code| note(&mut found, code, &file));
            }
        }
    }
    found
}

/// The codes of places in `errors`.
pub(crate) fn fields(folder: &str) -> Found {
    let mut found = Found::new();
    for (file, text) in read(folder) {
        for call in ["Invalid::one(", ".check(", "FieldError::new(", "FieldError::at("] {
            for (at, _) in text.match_indices(call) {
                let arguments = arguments(bracketed(&text[at + call.len() - 1..]));
                arguments
                    .get(1)
                    .into_iter()
                    .flat_map(|code| literals(code))
                    .for_each(|code| note(&mut found, code, &file));
            }
        }
        for (at, _) in text.match_indices("_code(") {
            let start = text[..at].rfind("fn ").unwrap_or(at);
            if text[start..at].len() < 40 && !text[start..at].contains(['\n', '(']) {
                code_functions(&text[start..])
                    .take(1)
                    .flat_map(literals)
                    .for_each(|code| note(&mut found, code, &file));
            }
        }
        // Refusals of serde: a code and its text.
        for (at, _) in text.match_indices("-> (&'static str, String) {") {
            let body = bracketed(&text[at + text[at..].find('{').unwrap()..]);
            for (at, _) in body.match_indices("(\"") {
                let code = body[at + 2..].split('"').next().unwrap();
                let is_found = body[at + 2 + code.len() + 1..].starts_with(',');
                literals(&format!("\"{code}\"")).filter(|_| is_found).for_each(|code| note(&mut found, code, &file));
            }
        }
    }
    found
}

//! Parses a JSON text strictly. Problems name the place that is wrong.

use super::by_name::ByName;
use crate::problem::{FieldError, MAX_KEY, Problem, code, shorten};
use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_path_to_error::{Path, Segment};
use std::{borrow::Cow, collections::HashSet, fmt};

/// The deepest nesting of arrays and objects in a body.
pub const MAX_DEPTH: usize = 32;

/// The least number that no signed integer of 64 bits reaches.
const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;

/// The number of keys of an object that are searched one by one. Further keys are hashed.
const FEW_KEYS: usize = 16;

/// Parses a JSON text into a value.
///
/// # Errors
/// 400 if the text is not JSON, an object has a key twice, or it is nested deeper than [`MAX_DEPTH`]. 422 if a value
/// does not fit the type or a string contains NUL. The problem names the place.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let detail = format!("the body is not valid UTF-8 at byte {}", error.valid_up_to());
        Problem::of(code::MALFORMED_JSON).with_detail(detail)
    })?;
    if text.is_empty() {
        return Err(Problem::of(code::MALFORMED_JSON).with_detail("the body is empty"));
    }
    if check(text, false)? {
        check(text, true)?;
    }
    let text = &*without_negative_zero(text);
    // Nearly every body fits, so the path is tracked only in a second pass, after an error.
    T::deserialize(ByName(&mut serde_json::Deserializer::from_str(text))).or_else(|_| {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        serde_path_to_error::deserialize(ByName(&mut deserializer)).map_err(|error| misfit(error.path(), error.inner()))
    })
}

/// Writes the number `-0` as ` 0`, which has the same value, because serde_json reads it as a float. `text` is valid JSON.
fn without_negative_zero(text: &str) -> Cow<'_, str> {
    if !text.contains("-0") {
        return Cow::Borrowed(text);
    }
    let mut bytes = text.as_bytes().to_vec();
    let (mut is_text, mut at) = (false, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => is_text = !is_text,
            b'\\' => at += 1,
            // After an `e`, the sign is part of another number, and `-0.5` and `-0e1` are floats.
            b'-' if !is_text
                && bytes.get(at + 1) == Some(&b'0')
                && !matches!(at.checked_sub(1).map(|before| bytes[before]), Some(b'e' | b'E'))
                && !matches!(bytes.get(at + 2), Some(b'.' | b'e' | b'E')) =>
            {
                bytes[at] = b' ';
            }
            _ => {}
        }
        at += 1;
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

/// Checks syntax, keys and depth. Returns whether a string contains NUL, or refuses the first one that does.
fn check(text: &str, refuse_nul: bool) -> Result<bool, Problem> {
    let mut walk = Walk { refuse_nul, ..Walk::default() };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Value { walk: &mut walk, depth: 0 };
    let result = seed.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    match result {
        Ok(()) => Ok(walk.has_nul),
        Err(error) => Err(walk.problem(&error)),
    }
}

/// The state of a walk through a JSON text.
#[derive(Default)]
struct Walk {
    refuse_nul: bool,
    has_nul: bool,
    fault: Option<Fault>,
    /// The segments of the pointer to the fault, last one first, because they are added while the walk unwinds.
    way: Vec<String>,
}

#[derive(Clone, Copy)]
enum Fault {
    DuplicateKey,
    TooDeep,
    Nul,
}

impl Walk {
    fn fail<E: Error>(&mut self, fault: Fault) -> E {
        self.fault = Some(fault);
        E::custom("refused")
    }

    fn text<E: Error>(&mut self, text: &str) -> Result<(), E> {
        if text.as_bytes().contains(&0) {
            if self.refuse_nul {
                return Err(self.fail(Fault::Nul));
            }
            self.has_nul = true;
        }
        Ok(())
    }

    fn problem(mut self, error: &serde_json::Error) -> Problem {
        self.way.reverse();
        let pointer: String = self.way.iter().fold(String::new(), |mut pointer, segment| {
            push_segment(&mut pointer, segment);
            pointer
        });
        let named = |code: code::Code, detail: &'static str| {
            Problem::of(code).with_error(FieldError::at(pointer.clone(), code.name, detail))
        };
        match self.fault {
            Some(Fault::DuplicateKey) => named(code::DUPLICATE_KEY, "the key is there twice"),
            Some(Fault::TooDeep) => {
                Problem::of(code::JSON_TOO_DEEP).with_detail(format!("the body nests deeper than {MAX_DEPTH} levels"))
            }
            Some(Fault::Nul) => {
                Problem::validation(vec![FieldError::at(pointer, "invalid_value", "the text contains a NUL character")])
            }
            // The text is JSON, but no type can hold the number.
            None if error.to_string().starts_with("number out of range") => {
                Problem::validation(vec![FieldError::at(pointer, "out_of_range", "the number is out of range")])
            }
            None => malformed(error),
        }
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let reason = without_position(&text);
    Problem::of(code::MALFORMED_JSON).with_detail(format!(
        "{reason} at line {} column {}",
        error.line(),
        error.column()
    ))
}

/// Visits any value. `depth` is the number of arrays and objects around it.
struct Value<'w> {
    walk: &'w mut Walk,
    depth: usize,
}

impl Value<'_> {
    fn enter<E: Error>(&mut self) -> Result<usize, E> {
        if self.depth == MAX_DEPTH {
            return Err(self.walk.fail(Fault::TooDeep));
        }
        Ok(self.depth + 1)
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.walk.text(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let depth = self.enter()?;
        let mut index = 0_usize;
        loop {
            let seed = Value { walk: &mut *self.walk, depth };
            match items.next_element_seed(seed) {
                Ok(Some(())) => index += 1,
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.walk.way.push(index.to_string());
                    return Err(error);
                }
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let depth = self.enter()?;
        let mut keys = Keys::default();
        while let Some(key) = members.next_key_seed(Key)? {
            let seed = Value { walk: &mut *self.walk, depth };
            let fault = match keys.insert(key.clone()) {
                false => Err(seed.walk.fail(Fault::DuplicateKey)),
                true => seed.walk.text(&key),
            };
            let result = match fault {
                Ok(()) => members.next_value_seed(seed),
                Err(error) => Err(error),
            };
            if let Err(error) = result {
                self.walk.way.push(shorten(key.into_owned(), MAX_KEY));
                return Err(error);
            }
        }
        Ok(())
    }
}

/// The keys of an object that were read so far.
#[derive(Default)]
struct Keys<'de> {
    few: Vec<Cow<'de, str>>,
    many: HashSet<Cow<'de, str>>,
}

impl<'de> Keys<'de> {
    /// Adds the key and returns whether it is new.
    fn insert(&mut self, key: Cow<'de, str>) -> bool {
        if self.few.contains(&key) {
            return false;
        }
        if self.few.len() < FEW_KEYS {
            self.few.push(key);
            return true;
        }
        self.many.insert(key)
    }
}

/// Reads a key. It is borrowed from the text unless it has escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(key))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(key.to_owned()))
    }
}

/// The problem (422) of a text that is JSON but does not fit the type.
fn misfit(path: &Path, error: &serde_json::Error) -> Problem {
    let text = error.to_string();
    let message = without_position(&text);
    let mut pointer = String::new();
    for segment in path.iter() {
        match segment {
            Segment::Seq { index } => push_segment(&mut pointer, &index.to_string()),
            Segment::Map { key } => push_segment(&mut pointer, key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    let (code, detail) = describe(message, &mut pointer);
    Problem::validation(vec![FieldError::at(pointer, code, detail)])
}

/// Makes a code and a detail from serde's message. They leave out the value, which can be a secret in the wrong place.
/// If the message names a field, it is added to the pointer.
fn describe(message: &str, pointer: &mut String) -> (&'static str, String) {
    if let Some(field) = quoted(message, "unknown field `") {
        // The path has the field already if it was read as a key.
        if pointer.rsplit('/').next() != Some(&segment(field)) {
            push_segment(pointer, field);
        }
        return ("unknown_field", "the field is not known".to_owned());
    }
    if let Some(field) = quoted(message, "missing field `") {
        push_segment(pointer, field);
        return ("missing_field", "the field is required".to_owned());
    }
    let kind = message.rsplit_once(", expected ").map_or("", |(_, expected)| expected);
    let expected = format!("expected {}", in_words(kind));
    // serde_json reads an integer beyond 64 bits as a float.
    let is_huge = quoted(message, "invalid type: floating point `")
        .and_then(|number| number.parse::<f64>().ok())
        .is_some_and(|number| number.abs() >= TWO_TO_63);
    // The message of serde for a number out of range is "invalid value: integer `300`, expected u8".
    let is_far = message.starts_with("invalid value: integer") || message.starts_with("invalid value: float");
    if is_integer(kind) && (is_huge || is_far) {
        return ("out_of_range", "the number is out of range".to_owned());
    }
    if message.starts_with("invalid type: ") {
        return ("invalid_type", expected);
    }
    if message.starts_with("unknown variant `")
        || message.starts_with("invalid value: ")
        || message.starts_with("invalid length ")
    {
        return ("invalid_value", expected);
    }
    ("invalid_value", message.to_owned())
}

/// Whether serde expected a type of this name, and the type is an integer.
fn is_integer(kind: &str) -> bool {
    let width = kind.strip_prefix(['i', 'u']).unwrap_or_default();
    matches!(width, "8" | "16" | "32" | "64" | "128" | "size")
}

/// What serde expected, in the words of JSON.
fn in_words(kind: &str) -> &str {
    match kind {
        _ if is_integer(kind) => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "unit" => "null",
        other => other,
    }
}

fn quoted<'a>(message: &'a str, start: &str) -> Option<&'a str> {
    let rest = message.strip_prefix(start)?;
    // The name ends before serde's list of expected names. Without a list, it ends at the last backtick.
    let end = match rest.find("`, ") {
        Some(end) => end,
        None => rest.rfind('`')?,
    };
    Some(&rest[..end])
}

fn without_position(text: &str) -> &str {
    text.rfind(" at line ").map_or(text, |end| &text[..end])
}

fn push_segment(pointer: &mut String, key: &str) {
    pointer.push('/');
    pointer.push_str(&segment(key));
}

/// The key as a segment of a JSON pointer (RFC 6901): cut if it is long, and then escaped.
fn segment(key: &str) -> Cow<'_, str> {
    let key = match key.len() > MAX_KEY {
        true => Cow::Owned(shorten(key.to_owned(), MAX_KEY)),
        false => Cow::Borrowed(key),
    };
    if key.contains(['~', '/']) { Cow::Owned(key.replace('~', "~0").replace('/', "~1")) } else { key }
}

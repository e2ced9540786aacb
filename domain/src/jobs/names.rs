//! The names that jobs are found and grouped by.

use crate::shared::string_type;

string_type! {
    /// The kind of a job, which decides the handler that runs it: 1 to 100 lowercase ASCII letters, digits, `_`, `-` and
    /// `.`, for example `notifications.send_mail`.
    JobKind
}

string_type! {
    /// The name of a queue, in the form of a [`JobKind`].
    QueueName
}

string_type! {
    /// The name of a schedule, in the form of a [`JobKind`].
    ScheduleName
}

string_type! {
    /// Jobs with the same key run one after the other: 1 to 200 characters without control characters.
    OrderingKey
}

string_type! {
    /// At most one job with the key exists in the states that its [`Uniqueness`](super::Uniqueness) names: 1 to 200
    /// characters without control characters.
    UniqueKey
}

/// The text is not a name of this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidJobName {
    /// Not a kind, or the name of a queue or a schedule.
    #[error("must have 1 to 100 lowercase letters, digits, `_`, `-` and `.`")]
    Name,
    /// Not a key.
    #[error("must have 1 to 200 characters without control characters")]
    Key,
}

const KEY_MAX: usize = 200;

fn name(text: &str) -> Result<String, InvalidJobName> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'-' | b'.');
    let fits = (1..=JobKind::MAX).contains(&text.len()) && text.bytes().all(allowed);
    if fits { Ok(text.to_owned()) } else { Err(InvalidJobName::Name) }
}

fn key(text: &str) -> Result<String, InvalidJobName> {
    let fits = (1..=KEY_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(InvalidJobName::Key) }
}

impl JobKind {
    /// The greatest length of kinds and of names of queues and schedules, in characters.
    pub const MAX: usize = 100;
    /// The form of kinds and of names of queues and schedules as a regular expression, for interfaces. The length is limited besides.
    pub const PATTERN: &str = "^[a-z0-9_.-]+$";

    /// Reads a kind.
    ///
    /// # Errors
    /// [`InvalidJobName::Name`].
    pub fn parse(text: &str) -> Result<Self, InvalidJobName> {
        name(text).map(Self)
    }
}

impl QueueName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidJobName::Name`].
    pub fn parse(text: &str) -> Result<Self, InvalidJobName> {
        name(text).map(Self)
    }
}

impl QueueName {
    /// The queue of mails. They have workers of their own, so that a slow mail server delays nothing else.
    #[must_use]
    pub fn mails() -> Self {
        Self("mails".to_owned())
    }

    /// The queue of exports. They have a worker of their own, so that they delay neither other jobs nor sweeps.
    #[must_use]
    pub fn exports() -> Self {
        Self("exports".to_owned())
    }

    /// The queue of files that a scanner judges. They have workers of their own, because a scanner can be slow or away.
    #[must_use]
    pub fn scans() -> Self {
        Self("scans".to_owned())
    }
}

impl ScheduleName {
    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidJobName::Name`].
    pub fn parse(text: &str) -> Result<Self, InvalidJobName> {
        name(text).map(Self)
    }
}

impl Default for QueueName {
    /// The queue that every deployment has.
    fn default() -> Self {
        Self("default".to_owned())
    }
}

impl OrderingKey {
    /// Reads a key.
    ///
    /// # Errors
    /// [`InvalidJobName::Key`].
    pub fn parse(text: &str) -> Result<Self, InvalidJobName> {
        key(text).map(Self)
    }
}

impl UniqueKey {
    /// Reads a key.
    ///
    /// # Errors
    /// [`InvalidJobName::Key`].
    pub fn parse(text: &str) -> Result<Self, InvalidJobName> {
        key(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_lowercase_words_and_keys_any_visible_text() {
        for text in ["a", "notifications.send_mail", "mail-2", &"a".repeat(100)] {
            assert!(JobKind::parse(text).is_ok() && QueueName::parse(text).is_ok(), "{text}");
            assert!(ScheduleName::parse(text).is_ok(), "{text}");
        }
        for text in ["", "A", "a b", "ä", "a/b", "a\n", &"a".repeat(101)] {
            assert_eq!(JobKind::parse(text), Err(InvalidJobName::Name), "{text:?}");
            assert_eq!(QueueName::parse(text), Err(InvalidJobName::Name), "{text:?}");
            assert_eq!(ScheduleName::parse(text), Err(InvalidJobName::Name), "{text:?}");
        }
        for text in ["Ä b/c", &"ä".repeat(200)] {
            assert!(OrderingKey::parse(text).is_ok() && UniqueKey::parse(text).is_ok(), "{text}");
        }
        for text in ["", "a\0", "a\n", &"ä".repeat(201)] {
            assert_eq!(OrderingKey::parse(text), Err(InvalidJobName::Key), "{text:?}");
            assert_eq!(UniqueKey::parse(text), Err(InvalidJobName::Key), "{text:?}");
        }
    }
}

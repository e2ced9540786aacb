//! The filters of the list of users.

use crate::parts::Filter;
use poem_openapi::registry::MetaSchema;
use skep_domain::{
    access::{InvalidRoleName, Role, RoleName},
    identity::{AccountState, DISPLAY_NAME_MAX, EmailPrefix, NamePrefix},
    shared::{Email, Timestamp},
};
use std::fmt::{Display, Formatter, Result as Written};

/// A role that the users have.
pub(super) struct OfRole(pub(super) Role);
/// The state of the accounts.
pub(super) struct OfState(pub(super) AccountState);
/// The time from which on the accounts were created.
pub(super) struct CreatedFrom(pub(super) Timestamp);
/// The time until which the accounts were created.
pub(super) struct CreatedUntil(pub(super) Timestamp);
/// The start of the addresses, to be written into a URL.
pub(super) struct OfEmail(pub(super) EmailPrefix);
/// The start of the names, to be written into a URL.
pub(super) struct OfName(pub(super) NamePrefix);

fn one_of(names: &[&'static str]) -> MetaSchema {
    MetaSchema { enum_items: names.iter().map(|name| (*name).into()).collect(), ..MetaSchema::new("string") }
}

fn time() -> MetaSchema {
    MetaSchema::new_with_format("string", "date-time")
}

fn start(max: usize) -> MetaSchema {
    MetaSchema {
        min_length: Some(1),
        max_length: Some(max),
        pattern: Some(r"^[^\x00-\x1f\x7f-\x9f]+$".to_owned()),
        ..MetaSchema::new("string")
    }
}

/// Writes text as it may stand in the query of a URL.
fn escaped(text: &str, f: &mut Formatter<'_>) -> Written {
    form_urlencoded::byte_serialize(text.as_bytes()).try_for_each(|part| f.write_str(part))
}

impl Display for OfRole {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        f.write_str(self.0.name())
    }
}

impl Display for OfState {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        f.write_str(self.0.name())
    }
}

impl Display for CreatedFrom {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        self.0.fmt(f)
    }
}

impl Display for CreatedUntil {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        self.0.fmt(f)
    }
}

impl Display for OfEmail {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        escaped(self.0.as_str(), f)
    }
}

impl Display for OfName {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        escaped(self.0.as_str(), f)
    }
}

impl Filter for OfRole {
    const NAME: &'static str = "role";
    const MEANING: &'static str = "Only users with this role.";

    fn schema() -> MetaSchema {
        MetaSchema {
            min_length: Some(1),
            max_length: Some(RoleName::MAX),
            pattern: Some(RoleName::PATTERN.to_owned()),
            ..MetaSchema::new("string")
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|error: InvalidRoleName| error.to_string())
    }
}

impl Filter for OfState {
    const NAME: &'static str = "state";
    const MEANING: &'static str = "Only users whose account is in this state.";

    fn schema() -> MetaSchema {
        one_of(AccountState::NAMES)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let known = || format!("must be one of {}", AccountState::NAMES.join(", "));
        AccountState::from_name(text).map(Self).ok_or_else(known)
    }
}

impl Filter for CreatedFrom {
    const NAME: &'static str = "created_from";
    const MEANING: &'static str = "Only users that were created at this time or later (RFC 3339).";

    fn schema() -> MetaSchema {
        time()
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse::<Timestamp>().map(Self).map_err(|error| error.to_string())
    }
}

impl Filter for CreatedUntil {
    const NAME: &'static str = "created_until";
    const MEANING: &'static str = "Only users that were created at this time or earlier (RFC 3339).";

    fn schema() -> MetaSchema {
        time()
    }

    fn parse(text: &str) -> Result<Self, String> {
        text.parse::<Timestamp>().map(Self).map_err(|error| error.to_string())
    }
}

impl Filter for OfEmail {
    const NAME: &'static str = "email";
    const MEANING: &'static str = "Only users whose e-mail address starts with this text. Upper and lower case are the same. \
                                   A domain in other letters than ASCII is compared as its A-label (`xn--…`).";

    fn schema() -> MetaSchema {
        start(Email::MAX_BYTES)
    }

    fn parse(text: &str) -> Result<Self, String> {
        EmailPrefix::parse(text).map(Self).map_err(|error| error.to_string())
    }
}

impl Filter for OfName {
    const NAME: &'static str = "name";
    const MEANING: &'static str =
        "Only users whose display name starts with this text. Upper and lower case are different.";

    fn schema() -> MetaSchema {
        start(DISPLAY_NAME_MAX)
    }

    fn parse(text: &str) -> Result<Self, String> {
        NamePrefix::parse(text).map(Self).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_the_next_page_repeats_the_filter() {
        let name = OfName::parse("B\u{e9}e & co").unwrap().to_string();
        assert_eq!(name, "B%C3%A9e+%26+co");
        let query = format!("name={name}");
        let read = form_urlencoded::parse(query.as_bytes()).next().unwrap().1;
        assert_eq!(OfName::parse(&read).unwrap().to_string(), name);
        assert_eq!(OfEmail::parse("ADA+x@").unwrap().to_string(), "ada%2Bx%40");
    }
}

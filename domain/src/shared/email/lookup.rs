//! How the account with an address is found, whichever version has stored it.

use super::{Email, InvalidEmail, domain_name, key, legacy};

/// The keys under which the account with an address may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailLookup {
    key: String,
    legacy: String,
    account: String,
}

impl EmailLookup {
    /// Reads an address as a person types it. Every address that an account of any version may have is accepted.
    ///
    /// # Errors
    /// [`InvalidEmail`] if no account can have the address.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        match (key(text), legacy::key(text)) {
            (None, None) => Err(InvalidEmail),
            // No key is equal to an old key that has none, so a lookup may have the same text twice.
            (None, Some(legacy)) => Ok(Self { key: legacy.clone(), account: legacy.clone(), legacy }),
            (Some(key), legacy) => {
                let account = legacy::fold(&in_letters(&key));
                Ok(Self { legacy: legacy.unwrap_or_else(|| key.clone()), account, key })
            }
        }
    }

    /// A lookup with these keys as they are, for tests of stores.
    #[must_use]
    pub fn of(key: String, legacy: String) -> Self {
        Self { account: key.clone(), key, legacy }
    }

    /// A lookup of the account that has this key, whatever its spelling is.
    #[must_use]
    pub fn of_key(key: &str) -> Self {
        // No account has an empty address.
        Self::of(key.to_owned(), String::new())
    }

    /// The key by which an account is found.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The old key, by which only an account of the first versions is found ([`Email::legacy`]).
    #[must_use]
    pub fn legacy(&self) -> &str {
        &self.legacy
    }

    /// The name under which attempts to guess the password are counted. All spellings that find one account have the
    /// same name. A few addresses share one without being the same: those that the first versions took for the same.
    #[must_use]
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The lookup of the same address in letters, if it may find another old account than this one. An old account has
    /// its domain as its owner typed it, and A-labels may stand for letters that the first versions have folded.
    #[must_use]
    pub fn in_letters(&self) -> Option<Self> {
        let legacy = legacy::key(&in_letters(&self.key))?;
        (legacy != self.legacy).then(|| Self { legacy, ..self.clone() })
    }

    /// Whether an account with this address is found.
    #[must_use]
    pub fn finds(&self, email: &Email) -> bool {
        email.key() == Some(&self.key) || self.finds_by_legacy(email)
    }

    fn finds_by_legacy(&self, email: &Email) -> bool {
        email.legacy() == Some(&self.legacy)
    }

    /// Chooses among at most two stored accounts. The one with the old key is chosen first: its owner has always typed
    /// this spelling, and the other one is also found by its key.
    ///
    /// The exception is an account that has the key and was registered with this spelling. No account was found by the
    /// spelling at that time, so an instance of the first versions has stored the other one later.
    #[must_use]
    pub fn choose<T>(&self, accounts: impl IntoIterator<Item = T>, email: impl Fn(&T) -> &Email) -> Option<T> {
        let found = accounts.into_iter().filter(|account| self.finds(email(account)));
        found.max_by_key(|account| (self.is_spelling_of(email(account)), self.finds_by_legacy(email(account))))
    }

    /// Whether the owner of the account has registered it with this spelling, as far as the old key tells spellings
    /// apart.
    fn is_spelling_of(&self, email: &Email) -> bool {
        let spelling = email.typed().and_then(|typed| Self::parse(typed).ok());
        spelling.is_some_and(|spelling| spelling.legacy == self.legacy)
    }
}

/// The address with its domain in letters.
fn in_letters(key: &str) -> String {
    match key.rsplit_once('@') {
        Some((local, domain)) if domain.contains("xn--") => format!("{local}@{}", domain_name::to_unicode(domain)),
        _ => key.to_owned(),
    }
}

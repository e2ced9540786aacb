//! `If-Match`, without HTTP.

use skep_domain::shared::Version;

/// What the caller says of the version it has seen.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum Precondition {
    /// Nothing.
    Missing,
    /// Any version will do.
    Any,
    /// One of these. There may be none, if what the caller has seen is no version of ours.
    OneOf(Vec<Version>),
}

/// Why a precondition does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmet {
    /// It is asked for, and missing.
    Required,
    /// The thing has another version by now.
    Failed,
}

impl Precondition {
    /// This version.
    #[must_use]
    pub fn version(seen: Version) -> Self {
        Self::OneOf(vec![seen])
    }

    /// Judges a required precondition against the version at hand.
    ///
    /// # Errors
    /// [`Unmet`].
    pub fn require(&self, current: Version) -> Result<(), Unmet> {
        match self {
            Self::Missing => Err(Unmet::Required),
            _ => self.allow(current),
        }
    }

    /// Judges a precondition that may be missing.
    ///
    /// # Errors
    /// [`Unmet::Failed`].
    pub fn allow(&self, current: Version) -> Result<(), Unmet> {
        match self {
            Self::Missing | Self::Any => Ok(()),
            Self::OneOf(seen) if seen.contains(&current) => Ok(()),
            Self::OneOf(_) => Err(Unmet::Failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missing_precondition_may_be_allowed_and_not_be_required() {
        let (current, before) = (Version::FIRST.next(), Version::FIRST);
        let after = current.next();
        for (precondition, required, allowed) in [
            (Precondition::Missing, Err(Unmet::Required), Ok(())),
            (Precondition::Any, Ok(()), Ok(())),
            (Precondition::version(current), Ok(()), Ok(())),
            (Precondition::OneOf(vec![before, current, after]), Ok(()), Ok(())),
            (Precondition::version(before), Err(Unmet::Failed), Err(Unmet::Failed)),
            (Precondition::OneOf(vec![before, after]), Err(Unmet::Failed), Err(Unmet::Failed)),
            (Precondition::OneOf(vec![]), Err(Unmet::Failed), Err(Unmet::Failed)),
        ] {
            assert_eq!((precondition.require(current), precondition.allow(current)), (required, allowed));
        }
    }
}

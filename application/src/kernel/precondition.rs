//! Preconditions on the version of a resource, such as those of the HTTP header `If-Match`.

use skep_domain::shared::Version;

/// The versions that the caller accepts for a change.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum Precondition {
    /// The caller named no version.
    Missing,
    /// The caller accepts any version.
    Any,
    /// The caller accepts one of these. The list is empty if the caller named only texts that are not versions.
    OneOf(Vec<Version>),
}

/// The reason why a precondition does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unmet {
    /// The precondition is required, and is missing.
    Required,
    /// The resource has another version now.
    Failed,
}

impl Precondition {
    /// Makes the precondition that the resource has this version.
    #[must_use]
    pub fn version(seen: Version) -> Self {
        Self::OneOf(vec![seen])
    }

    /// Checks a required precondition against the current version.
    ///
    /// # Errors
    /// [`Unmet`].
    pub fn require(&self, current: Version) -> Result<(), Unmet> {
        match self {
            Self::Missing => Err(Unmet::Required),
            _ => self.allow(current),
        }
    }

    /// Checks a precondition that may be missing against the current version.
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
    fn require_and_allow_differ_only_for_a_missing_precondition() {
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

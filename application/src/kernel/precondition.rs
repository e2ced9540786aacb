//! Preconditions on the version of a resource, such as those of the HTTP headers `If-Match` and `If-None-Match`.

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
    /// The caller accepts what `accepted` says, but not the versions that are refused.
    Except {
        /// The versions that the caller accepts, or names none of.
        accepted: Box<Self>,
        /// The versions that the caller refuses.
        refused: Refused,
    },
}

/// The versions on which a change must not be based.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub enum Refused {
    /// Every version: the resource must not exist.
    Any,
    /// These versions.
    OneOf(Vec<Version>),
}

impl Refused {
    fn contains(&self, current: Version) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(refused) => refused.contains(&current),
        }
    }
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
        self.allow(current)?;
        match self {
            Self::Missing => Err(Unmet::Required),
            Self::Except { accepted, .. } => accepted.require(current),
            Self::Any | Self::OneOf(_) => Ok(()),
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
            Self::Except { accepted, refused } => {
                accepted.allow(current)?;
                if refused.contains(current) { Err(Unmet::Failed) } else { Ok(()) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn except(accepted: Precondition, refused: Refused) -> Precondition {
        Precondition::Except { accepted: Box::new(accepted), refused }
    }

    /// Fingerprints of commands are made from this form, and the store keeps them.
    #[test]
    fn the_form_of_a_precondition_does_not_change() {
        let first = Precondition::version(Version::FIRST);
        let json = |precondition: &Precondition| serde_json::to_string(precondition).unwrap();
        let forms = [Precondition::Missing, Precondition::Any, first].map(|precondition| json(&precondition));
        assert_eq!(forms, ["\"Missing\"", "\"Any\"", "{\"OneOf\":[1]}"]);
    }

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
            (except(Precondition::Missing, Refused::Any), Err(Unmet::Failed), Err(Unmet::Failed)),
            (except(Precondition::Missing, Refused::OneOf(vec![current])), Err(Unmet::Failed), Err(Unmet::Failed)),
            (except(Precondition::Missing, Refused::OneOf(vec![before])), Err(Unmet::Required), Ok(())),
            (except(Precondition::Any, Refused::OneOf(vec![before, after])), Ok(()), Ok(())),
            (except(Precondition::Any, Refused::Any), Err(Unmet::Failed), Err(Unmet::Failed)),
            (except(Precondition::version(before), Refused::OneOf(vec![])), Err(Unmet::Failed), Err(Unmet::Failed)),
            (except(Precondition::version(current), Refused::OneOf(vec![])), Ok(()), Ok(())),
        ] {
            assert_eq!((precondition.require(current), precondition.allow(current)), (required, allowed));
        }
    }
}

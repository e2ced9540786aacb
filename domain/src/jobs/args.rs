//! The arguments of a job.

use super::Job;
use crate::shared::string_type;

string_type! {
    /// The arguments of the handler of a job: JSON of at most [`Job::ARGS_MAX`] bytes.
    JobArgs
}

/// The arguments have this many bytes, which are too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the arguments have {0} bytes; at most {max} are allowed", max = Job::ARGS_MAX)]
pub struct JobArgsTooLong(pub usize);

impl JobArgs {
    /// Takes a text that is JSON. Whether a handler can read it is known only to the handler.
    ///
    /// # Errors
    /// [`JobArgsTooLong`].
    pub fn parse(text: impl Into<String>) -> Result<Self, JobArgsTooLong> {
        let text = text.into();
        if text.len() > Job::ARGS_MAX { Err(JobArgsTooLong(text.len())) } else { Ok(Self(text)) }
    }
}

impl Default for JobArgs {
    /// `null`.
    fn default() -> Self {
        Self("null".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_limit_counts_bytes() {
        let (fits, long) = ("ä".repeat(Job::ARGS_MAX / 2), "ä".repeat(Job::ARGS_MAX / 2) + "1");
        assert_eq!(JobArgs::parse(fits.as_str()).unwrap().as_str(), fits);
        assert_eq!(JobArgs::parse(long), Err(JobArgsTooLong(Job::ARGS_MAX + 1)));
    }

    proptest! {
        #[test]
        fn arguments_within_the_limit_are_kept_as_they_are(text in "\\PC{0,200}", times in 1_usize..1_000) {
            let text = text.repeat(times);
            match JobArgs::parse(text.clone()) {
                Ok(args) => prop_assert!(args.into_string() == text && text.len() <= Job::ARGS_MAX),
                Err(JobArgsTooLong(length)) => prop_assert!(length == text.len() && length > Job::ARGS_MAX),
            }
        }
    }
}

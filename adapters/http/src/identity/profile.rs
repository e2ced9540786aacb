//! The entity tag of a profile, as a condition of a change.
//!
//! The path of a profile is the same for every user, so its tag names the user, too. The tag of another user's profile
//! matches nothing.

use crate::{
    conditions::Tag,
    parts::{Parameter, precondition_by},
    problem::Problem,
};
use http::HeaderMap;
use poem::Request;
use poem_openapi::registry::{MetaParamIn, MetaSchema};
use skep_application::kernel::Precondition;
use skep_domain::shared::{UserId, Version};

/// The conditions of a change of the caller's profile, before the caller is known.
pub(super) struct ProfileMatch(HeaderMap);

impl Parameter for ProfileMatch {
    const PLACE: MetaParamIn = <Precondition as Parameter>::PLACE;

    fn schema() -> MetaSchema {
        let example = Some("\"019a9d3c-5a00-7000-8000-000000000003-1\"".into());
        MetaSchema { example, ..<Precondition as Parameter>::schema() }
    }

    fn read(request: &Request) -> Result<Self, Problem> {
        // A condition that cannot be read is refused here, before the caller is known.
        precondition_by(request.headers(), |_| None)?;
        let mut conditions = HeaderMap::new();
        for name in [http::header::IF_MATCH, http::header::IF_NONE_MATCH] {
            for value in request.headers().get_all(&name) {
                conditions.append(name.clone(), value.clone());
            }
        }
        Ok(Self(conditions))
    }
}

impl ProfileMatch {
    /// The condition on the profile of this user.
    ///
    /// # Errors
    /// 400 if it cannot be read.
    pub(super) fn of(&self, user: Option<UserId>) -> Result<Precondition, Problem> {
        precondition_by(&self.0, |tag| version(tag, user?))
    }
}

/// The version that a tag of this user's profile stands for.
fn version(tag: &Tag, user: UserId) -> Option<Version> {
    let text = str::from_utf8(&tag.text).ok()?;
    let number = text.strip_prefix(user.to_string().as_str())?.strip_prefix('-')?;
    let version = number.parse().ok().and_then(Version::new)?;
    (version.to_string() == number).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_the_tag_of_the_own_profile_is_a_version() {
        let (one, other) = (UserId::new(Uuid::from_u128(1)), UserId::new(Uuid::from_u128(2)));
        let of = |header: &str| {
            let request = Request::builder().header("If-Match", header).finish();
            ProfileMatch::read(&request).unwrap().of(Some(one)).unwrap()
        };
        assert_eq!(of(&format!("\"{one}-1\"")), Precondition::version(Version::FIRST));
        assert_eq!(of(&format!("\"{other}-1\", \"{one}-2\"")), Precondition::version(Version::FIRST.next()));
        assert_eq!(of("*"), Precondition::Any);
        for tag in ["1".to_owned(), format!("{other}-1"), format!("{one}-01"), format!("{one}-"), one.to_string()] {
            assert_eq!(of(&format!("\"{tag}\"")), Precondition::OneOf(vec![]), "{tag}");
        }
        assert_eq!(of(&format!("W/\"{one}-1\"")), Precondition::OneOf(vec![]));
        let request = Request::builder().header("If-None-Match", "1").finish();
        assert!(ProfileMatch::read(&request).is_err());
        assert_eq!(ProfileMatch::read(&Request::default()).unwrap().of(None).unwrap(), Precondition::Missing);
    }
}

use super::*;
use crate::{identity::MockUserQueries, kernel::Scope, testing::*};

#[tokio::test]
async fn a_user_sees_their_own_profile_and_no_other_is_read() {
    let mut users = MockUserQueries::new();
    let own =
        |scope: &Scope, id: &skep_domain::shared::UserId| (*scope, *id) == (Scope::OwnedBy(user_id(1)), user_id(1));
    users.expect_find_user().times(1).withf(own).returning(|_, _| Ok(Some(UserView::from(&ada()))));
    let view = GetProfile::new(Arc::new(users)).execute(&user(1)).await.unwrap();
    assert_eq!(view, UserView::from(&ada()));
}

#[tokio::test]
async fn denied_before_anything_is_read() {
    let use_case = GetProfile::new(Arc::new(MockUserQueries::new()));
    assert_eq!(code(&use_case.execute(&visitor()).await), "unauthenticated");
    assert_eq!(code(&use_case.execute(&Actor::system("cli")).await), "unauthenticated");
    assert_eq!(code(&use_case.execute(&actor(1, &[])).await), "forbidden");
}

#[tokio::test]
async fn a_missing_account_is_not_found_and_an_unavailable_store_is_reported() {
    let mut users = MockUserQueries::new();
    users.expect_find_user().times(1).returning(|_, _| Ok(None));
    assert_eq!(code(&GetProfile::new(Arc::new(users)).execute(&user(1)).await), "not_found");
    let mut users = MockUserQueries::new();
    users.expect_find_user().times(1).returning(|_, _| Err(away()));
    assert_eq!(code(&GetProfile::new(Arc::new(users)).execute(&user(1)).await), "store_unavailable");
}

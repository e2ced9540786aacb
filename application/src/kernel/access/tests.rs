use super::*;
use crate::{kernel::AppError, testing::*};
use skep_domain::{
    access::{BuiltInRole, Role},
    catalog, ordering,
};

#[test]
fn a_visitor_is_unauthenticated_and_a_user_is_forbidden() {
    let denied = permit(&visitor(), ordering::actions::PLACE_ORDER).unwrap_err();
    assert_eq!((AppError::kind(&denied), AppError::code(&denied)), (ErrorKind::Unauthenticated, "unauthenticated"));
    let denied = permit(&user(1), catalog::actions::MANAGE_PRODUCT).unwrap_err();
    assert_eq!((AppError::kind(&denied), AppError::code(&denied)), (ErrorKind::Denied, "forbidden"));
    assert_eq!(denied.to_string(), "catalog.product.manage is denied: no role of the account allows it");
}

#[test]
fn an_action_that_the_role_allows_is_still_judged_on_the_loaded_resource() {
    assert!(permit(&user(1), ordering::actions::READ_ORDER).is_ok());
    assert!(judge(&user(1), ordering::actions::READ_ORDER, Resource::OwnedBy(user_id(1))).is_ok());
    let denied = judge(&user(1), ordering::actions::READ_ORDER, Resource::OwnedBy(user_id(2))).unwrap_err();
    assert_eq!((denied.denial, denied.code()), (Denial::Ownership, "forbidden"));
}

#[test]
fn an_admin_lists_all_rows_a_user_their_own_and_other_callers_none() {
    assert_eq!(scope(&admin(), ordering::actions::READ_ORDER), Scope::All);
    assert_eq!(scope(&Actor::system("cli"), ordering::actions::READ_ORDER), Scope::All);
    assert_eq!(scope(&user(1), ordering::actions::READ_ORDER), Scope::OwnedBy(user_id(1)));
    assert_eq!(scope(&visitor(), ordering::actions::READ_ORDER), Scope::None);
    assert_eq!(scope(&actor(1, &[]), ordering::actions::READ_ORDER), Scope::None);
    assert_eq!(scope(&visitor(), catalog::actions::READ_PRODUCT), Scope::All);
}

/// A list includes a row exactly if the actor may do the action to that row alone.
#[test]
fn a_scope_admits_what_the_decision_allows() {
    let support = actor(1, &[Role::BuiltIn(BuiltInRole::Support)]);
    let actors = [visitor(), actor(1, &[]), user(1), actor(1, &[Role::ADMIN]), support, admin(), Actor::system("cli")];
    for actor in actors {
        for action in skep_domain::actions() {
            for owner in [user_id(1), user_id(2), user_id(99)] {
                let allowed = judge(&actor, action, Resource::OwnedBy(owner)).is_ok();
                assert_eq!(scope(&actor, action).admits(owner), allowed, "{} of {owner} by {actor:?}", action.name());
            }
        }
    }
}

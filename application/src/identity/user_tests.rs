//! Tests of what admins do with accounts, with mocks only.

use super::*;
use crate::{
    kernel::{Actor, Command, Page, PageRequest, Precondition, Scope},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    access::{Permissions, Policy, PolicyVersion, Role, RoleName},
    identity::{AccountState, Session, User},
    shared::{Direction, Patch, SessionId, Text, Timestamp, UserId, Version},
};
use std::sync::Arc;

fn now() -> Timestamp {
    fixed_runtime().0.clock.now()
}

/// Ada with these roles, and another active admin, if there is one.
fn house(roles: &[Role], other_admin: Option<UserId>) -> House {
    let mut user = ada();
    user.set_roles(roles, Timestamp::MIN);
    House { user: Some(user), other_admin, ..House::default() }
}

fn disabled() -> House {
    let mut house = house(&[], None);
    house.user.as_mut().unwrap().disable(Timestamp::MIN);
    house
}

async fn run<C: Command<Unit = dyn IdentityTx>>(
    house: &House,
    command: C,
    input: C::Input,
) -> Result<C::Answer, C::Error> {
    use_case(command, &Scripted::of([house.open()])).execute(&admin(), input).await
}

fn of_ada(precondition: Precondition) -> UserCommand {
    UserCommand { user_id: user_id(1), precondition }
}

fn roles(names: &[&str]) -> SetUserRolesCommand {
    let roles = names.iter().map(|name| (*name).to_owned()).collect();
    SetUserRolesCommand { user_id: user_id(1), precondition: Precondition::version(Version::FIRST), roles }
}

fn rename(name: Patch<String>) -> ChangeProfileCommand {
    ChangeProfileCommand { precondition: Precondition::version(Version::FIRST), display_name: name }
}

fn change(name: Patch<String>) -> ChangeUserCommand {
    ChangeUserCommand { user_id: user_id(1), change: rename(name) }
}

#[tokio::test]
async fn a_disabled_account_loses_its_sessions_and_one_event_reports_it() {
    let house = house(&[], None);
    let user = run(&house, DisableUser, of_ada(Precondition::Missing)).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    assert_eq!((saved.state(), saved.auth_epoch), (AccountState::Disabled, ada().auth_epoch.next()));
    assert_eq!((user.disabled_at, user.version), (Some(now()), Version::FIRST.next()));
    assert_eq!(house.seen.one::<(UserId, Option<SessionId>)>("sessions.revoke_all"), (user_id(1), None));
    let event = house.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_version), ("identity.user_disabled.v1", user.version));
    assert_eq!(house.seen.payload(), json!({ "user_id": user_id(1) }));
    assert!(!house.seen.calls().contains(&"users.hold_another_with_role"), "no admin is taken away");
}

#[tokio::test]
async fn the_last_active_admin_stays_for_every_caller() {
    for other in [None, Some(user_id(1))] {
        let house = house(&[Role::ADMIN], other);
        for actor in [admin(), actor(1, &[Role::ADMIN, Role::USER]), crate::kernel::Actor::system("cli")] {
            let units = Scripted::of([house.open()]);
            let refusal = use_case(DisableUser, &units).execute(&actor, of_ada(Precondition::Any)).await;
            assert_eq!(code(&refusal), "last_admin");
            let units = Scripted::of([house.open()]);
            assert_eq!(code(&use_case(SetUserRoles, &units).execute(&actor, roles(&["user"])).await), "last_admin");
        }
        assert_eq!((house.seen.events().len(), house.seen.endings()), (0, vec![Ending::RolledBack; 6]));
        assert!(!house.seen.calls().contains(&"users.save"));
    }
}

#[tokio::test]
async fn an_admin_can_go_while_another_stays_and_the_unit_holds_that_one() {
    let house = house(&[Role::ADMIN], Some(user_id(2)));
    let actor = actor(1, &[Role::ADMIN, Role::USER]);
    let units = Scripted::of([house.open(), house.open()]);
    use_case(DisableUser, &units).execute(&actor, of_ada(Precondition::Missing)).await.unwrap();
    use_case(SetUserRoles, &units).execute(&actor, roles(&[])).await.unwrap();
    let held = house.seen.all::<(Role, UserId)>("users.hold_another_with_role");
    assert_eq!(held, vec![(Role::ADMIN, user_id(1)); 2]);
    let calls = house.seen.calls();
    let place = |call| calls.iter().position(|made| *made == call);
    assert!(place("users.hold_another_with_role") < place("users.save"), "{calls:?}");
}

#[tokio::test]
async fn an_enabled_account_gets_no_session_back() {
    let house = disabled();
    let user = run(&house, EnableUser, of_ada(Precondition::Missing)).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    assert_eq!((saved.state(), saved.auth_epoch), (AccountState::Active, ada().auth_epoch.next()));
    assert_eq!((user.disabled_at, house.seen.event().name.as_str()), (None, "identity.user_enabled.v1"));
}

#[tokio::test]
async fn a_state_that_stays_the_same_changes_nothing() {
    let (active, disabled) = (house(&[Role::ADMIN], None), disabled());
    let before = disabled.user.as_ref().map(UserView::from);
    assert_eq!(run(&disabled, DisableUser, of_ada(Precondition::Missing)).await.ok(), before);
    assert_eq!(run(&active, EnableUser, of_ada(Precondition::Missing)).await.unwrap().version, Version::FIRST);
    for house in [active, disabled] {
        assert_eq!((house.seen.events().len(), house.seen.endings()), (0, vec![Ending::Committed]));
        assert!(!house.seen.calls().contains(&"users.save"));
    }
}

#[tokio::test]
async fn roles_are_replaced_and_no_session_ends() {
    let house = house(&[], None);
    let user = run(&house, SetUserRoles, roles(&["admin", "admin"])).await.unwrap();
    assert_eq!(user.roles, [Role::ADMIN, Role::USER]);
    assert_eq!(house.seen.one::<User>("users.save").auth_epoch, ada().auth_epoch);
    assert_eq!(house.seen.event().name, "identity.user_roles_changed.v1");
    assert_eq!(house.seen.payload(), json!({ "user_id": user_id(1), "roles": ["admin", "user"] }));
    assert!(!house.seen.calls().contains(&"sessions.revoke_all"));
}

#[tokio::test]
async fn the_same_roles_change_nothing() {
    let house = house(&[], None);
    for names in [&["user"][..], &[], &["user", "user"]] {
        assert_eq!(run(&house, SetUserRoles, roles(names)).await.unwrap().version, Version::FIRST);
    }
    assert!(house.seen.events().is_empty() && !house.seen.calls().contains(&"users.save"));
}

/// A caller that manages users and stock.
fn manager_of_users() -> Actor {
    let policy = Policy::new(PolicyVersion(1), [own_role("people", &["identity.user.manage", "catalog.stock.manage"])]);
    let permissions = Permissions::of(&[Role::USER, Role::stored("people")], &policy);
    Actor::user(user_id(9), SessionId::new(SeqIds::nth(9)), permissions, "request-1")
}

#[tokio::test]
async fn no_account_gives_or_takes_a_permission_that_it_does_not_have() {
    let defined = vec![own_role("stock", &["catalog.stock.manage"]), own_role("shop", &["catalog.product.manage"])];
    for (before, after, expected) in [
        (&[][..], &["stock"][..], "ok"),
        (&["stock"], &[], "ok"),
        (&[], &["shop"], "role_not_held"),
        (&["shop"], &["stock"], "role_not_held"),
        (&["shop"], &["shop", "stock"], "ok"),
        (&[], &["viewer"], "role_not_held"),
        (&[], &["admin"], "role_not_held"),
        (&["undefined"], &[], "role_not_held"),
        (&["undefined"], &["undefined", "stock"], "ok"),
    ] {
        let before: Vec<_> = before.iter().map(|name| Role::stored(name)).collect();
        let house = House { roles: defined.clone(), ..house(&before, None) };
        let units = Scripted::of([house.open()]);
        let done = use_case(SetUserRoles, &units).execute(&manager_of_users(), roles(after)).await;
        assert_eq!(code(&done), expected, "{before:?} {after:?}");
        let ending = if expected == "ok" { Ending::Committed } else { Ending::RolledBack };
        assert_eq!(house.seen.endings(), [ending]);
    }
}

#[tokio::test]
async fn a_refusal_names_the_role_that_the_caller_does_not_hold() {
    let defined = vec![own_role("stock", &["catalog.stock.manage"]), own_role("shop", &["catalog.product.manage"])];
    let units = Scripted::of([House { roles: defined, ..house(&[], None) }.open()]);
    let done = use_case(SetUserRoles, &units).execute(&manager_of_users(), roles(&["stock", "shop"])).await;
    let text = "the role shop has a permission that the account does not have itself";
    assert_eq!(done.unwrap_err().to_string(), text);
}

#[tokio::test]
async fn no_account_manages_one_that_has_more_permissions() {
    let defined = vec![own_role("stock", &["catalog.stock.manage"]), own_role("shop", &["catalog.product.manage"])];
    for (held, expected) in [
        (&["stock"][..], "ok"),
        (&["shop"], "stronger_account"),
        (&["viewer"], "stronger_account"),
        (&["admin"], "stronger_account"),
        (&["undefined"], "stronger_account"),
    ] {
        let held: Vec<_> = held.iter().map(|name| Role::stored(name)).collect();
        let house = House { roles: defined.clone(), ..house(&held, Some(user_id(5))) };
        let (units, caller) =
            (Scripted::of([house.open(), house.open(), house.open(), house.open()]), manager_of_users());
        let disabled = use_case(DisableUser, &units).execute(&caller, of_ada(Precondition::Missing)).await;
        let enabled = use_case(EnableUser, &units).execute(&caller, of_ada(Precondition::Missing)).await;
        let renamed = use_case(ChangeUser, &units).execute(&caller, change(Patch::Set("Bea".to_owned()))).await;
        let ended = EndUserSessionsCommand { user_id: user_id(1) };
        let ended = use_case(EndUserSessions, &units).execute(&caller, ended).await;
        let codes = [code(&disabled), code(&enabled), code(&renamed), code(&ended)];
        assert_eq!(codes, [expected; 4], "{held:?}");
    }
}

#[tokio::test]
async fn roles_of_the_deployment_are_given_while_they_are_held() {
    let house = House { roles: vec![own_role("stock", &["catalog.stock.manage"])], ..house(&[], None) };
    let user = run(&house, SetUserRoles, roles(&["stock", "auditor"])).await.unwrap();
    assert_eq!(user.roles, ["auditor", "user", "stock"].map(Role::stored));
    assert_eq!(house.seen.one::<RoleName>("roles.hold").as_str(), "stock");
    let calls = house.seen.calls();
    let place = |call| calls.iter().position(|made| *made == call);
    assert!(place("roles.hold") < place("users.save"), "{calls:?}");
}

#[tokio::test]
async fn only_roles_that_exist_are_given_and_unknown_ones_stay() {
    let with_old = |names: &[&str]| house(&names.iter().map(|name| Role::stored(name)).collect::<Vec<_>>(), None);
    let refusal = run(&with_old(&[]), SetUserRoles, roles(&["admin", "ghost"])).await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/roles/1", "unknown_role")]));
    let user = run(&with_old(&["ghost"]), SetUserRoles, roles(&["ghost", "viewer"])).await.unwrap();
    assert_eq!(user.roles, ["viewer", "user", "ghost"].map(Role::stored));
    let user = run(&with_old(&["ghost"]), SetUserRoles, roles(&[])).await.unwrap();
    assert_eq!(user.roles, [Role::USER], "an admin may take it");
}

#[tokio::test]
async fn wrong_roles_are_reported_after_the_version() {
    let house = house(&[], None);
    let refusal = run(&house, SetUserRoles, roles(&["admin", "Queen", ""])).await;
    let fields = vec![("/roles/1", "invalid_value"), ("/roles/2", "invalid_value")];
    assert_eq!(problem(&refusal), ("validation_failed", fields));
    let refusal = run(&house, SetUserRoles, roles(&["user"; 21])).await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/roles", "too_many")]));
    assert_eq!(code(&run(&house, SetUserRoles, roles(&["user"; 20])).await), "ok");
    let stale = Precondition::version(Version::FIRST.next());
    for (precondition, expected) in [(stale, "precondition_failed"), (Precondition::Missing, "precondition_required")] {
        let command = SetUserRolesCommand { precondition, ..roles(&["Queen"]) };
        assert_eq!(code(&run(&house, SetUserRoles, command).await), expected);
    }
}

#[tokio::test]
async fn a_name_is_changed_by_its_owner_and_by_an_admin() {
    let new = || Patch::Set(" Ada King ".to_owned());
    let house = house(&[], None);
    let units = Scripted::of([house.open(), house.open()]);
    let user_1 = use_case(ChangeProfile, &units).execute(&user(1), rename(new())).await.unwrap();
    let by_admin = use_case(ChangeUser, &units).execute(&admin(), change(new())).await.unwrap();
    assert_eq!((user_1.display_name.as_str(), &user_1), ("Ada King", &by_admin));
    assert_eq!(
        house.seen.events().iter().map(|event| event.name.as_str()).collect::<Vec<_>>(),
        ["identity.profile_changed.v1"; 2]
    );
    house.assert_events_name_no_person();
    assert_eq!(code(&use_case(ChangeUser, &Scripted::untouched()).execute(&user(1), change(new())).await), "forbidden");
}

#[tokio::test]
async fn a_name_that_stays_the_same_is_not_judged_again() {
    let mut house = house(&[], None);
    house.user.as_mut().unwrap().display_name = Text::stored("\u{3164}".to_owned());
    for (name, expected) in [
        (Patch::Set("\u{3164}".to_owned()), ("ok", vec![])),
        (Patch::Keep, ("ok", vec![])),
        (Patch::Set("\u{301}\n".to_owned()), ("validation_failed", vec![("/display_name", "invalid_text")])),
        (Patch::Clear, ("validation_failed", vec![("/display_name", "required")])),
    ] {
        assert_eq!(problem(&run(&house, ChangeUser, change(name)).await), expected);
    }
    assert!(house.seen.events().is_empty());
    let missing = ChangeProfileCommand { precondition: Precondition::Missing, display_name: Patch::Clear };
    let refusal = use_case(ChangeProfile, &Scripted::of([house.open()])).execute(&user(1), missing).await;
    assert_eq!(code(&refusal), "precondition_required");
}

#[tokio::test]
async fn all_sessions_of_an_account_are_ended_by_an_admin() {
    let session = Session::start(SessionId::new(SeqIds::nth(7)), user_id(1), now(), 1_000);
    let command = || EndUserSessionsCommand { user_id: user_id(1) };
    let house = House { sessions: vec![session], ..house(&[], None) };
    run(&house, EndUserSessions, command()).await.unwrap();
    assert_eq!(house.seen.one::<(UserId, Option<SessionId>)>("sessions.revoke_all"), (user_id(1), None));
    assert_eq!(house.seen.payload(), json!({ "user_id": user_id(1), "kept_session_id": null }));
    let house = House { sessions: vec![], ..house };
    let events = house.seen.events().len();
    run(&house, EndUserSessions, command()).await.unwrap();
    assert_eq!(house.seen.events().len(), events, "there was nothing to end");
}

#[tokio::test]
async fn an_account_that_does_not_exist_is_not_found() {
    let house = House::default();
    assert_eq!(code(&run(&house, DisableUser, of_ada(Precondition::Missing)).await), "not_found");
    assert_eq!(code(&run(&house, EnableUser, of_ada(Precondition::Missing)).await), "not_found");
    assert_eq!(code(&run(&house, SetUserRoles, roles(&[])).await), "not_found");
    assert_eq!(code(&run(&house, ChangeUser, change(Patch::Keep)).await), "not_found");
    assert_eq!(code(&run(&house, EndUserSessions, EndUserSessionsCommand { user_id: user_id(1) }).await), "not_found");
}

#[tokio::test]
async fn every_command_obeys_the_frame() {
    let house = || house(&[], None);
    obeys_the_frame(&house(), || DisableUser, &admin(), || of_ada(Precondition::Missing)).await;
    obeys_the_frame(&disabled(), || EnableUser, &admin(), || of_ada(Precondition::Missing)).await;
    obeys_the_frame(&house(), || SetUserRoles, &admin(), || roles(&["admin"])).await;
    let name = || Patch::Set("Ada King".to_owned());
    obeys_the_frame(&house(), || ChangeUser, &admin(), || change(name())).await;
    obeys_the_frame(&house(), || ChangeProfile, &user(1), || rename(name())).await;
    let session = Session::start(SessionId::new(SeqIds::nth(7)), user_id(1), now(), 1_000);
    let with_session = House { sessions: vec![session], ..house() };
    let command = || EndUserSessionsCommand { user_id: user_id(1) };
    obeys_the_frame(&with_session, || EndUserSessions, &admin(), command).await;
}

#[test]
fn the_json_of_a_command_and_of_an_answer_does_not_change() {
    let command = serde_json::to_value(of_ada(Precondition::Any)).unwrap();
    assert_eq!(command, json!({ "user_id": user_id(1), "precondition": "Any" }));
    let command = serde_json::to_value(roles(&["admin"])).unwrap();
    assert_eq!(command, json!({ "user_id": user_id(1), "precondition": { "OneOf": [1] }, "roles": ["admin"] }));
    let command = serde_json::to_value(change(Patch::Keep)).unwrap();
    assert_eq!(command["change"]["precondition"], json!({ "OneOf": [1] }));
    let view = UserView::from(&ada());
    let shown = serde_json::to_value(&view).unwrap();
    assert_eq!(shown.get("disabled_at"), None, "as in answers that earlier versions have kept");
    assert_eq!(shown.get("invited_at"), None);
    assert_eq!(serde_json::from_value::<UserView>(shown).unwrap(), view);
}

fn newest_first() -> UserSort {
    UserSort { key: UserSortKey::CreatedAt, direction: Direction::Descending }
}

#[tokio::test]
async fn accounts_are_listed_and_shown_to_admins_only() {
    let filter = UserFilter { role: Some(Role::ADMIN), ..UserFilter::default() };
    let (page, clock) = (PageRequest::default(), fixed_runtime().0.clock);
    let list = |users| ListUsers::new(Arc::new(users), clock.clone());
    let denied = list(MockUserQueries::new()).execute(&user(1), &filter, newest_first(), &page).await;
    assert_eq!(code(&denied), "forbidden");
    let mut users = MockUserQueries::new();
    let expected = filter.clone();
    users
        .expect_list_users()
        .times(1)
        .withf(move |filter, sort, _| (filter, *sort) == (&expected, newest_first()))
        .returning(|_, _, page| Ok(Page::empty(page)));
    assert_eq!(list(users).execute(&admin(), &filter, newest_first(), &page).await.unwrap().items, []);

    let get = |users| GetUser::new(Arc::new(users));
    assert_eq!(code(&get(MockUserQueries::new()).execute(&user(1), user_id(1)).await), "forbidden");
    for (found, expected) in [(Some(UserView::from(&ada())), "ok"), (None, "not_found")] {
        let mut users = MockUserQueries::new();
        let asked = |scope: &Scope, id: &UserId| (*scope, *id) == (Scope::All, user_id(1));
        users.expect_find_user().times(1).withf(asked).returning(move |_, _| Ok(found.clone()));
        assert_eq!(code(&get(users).execute(&admin(), user_id(1)).await), expected);
    }
}

#[tokio::test]
async fn the_sessions_of_an_account_are_shown_to_admins_only() {
    let list = |users, sessions| ListUserSessions::new(Arc::new(users), Arc::new(sessions), fixed_runtime().0);
    let untouched = list(MockUserQueries::new(), MockSessionQueries::new());
    assert_eq!(code(&untouched.execute(&user(1), user_id(1)).await), "forbidden");
    let mut users = MockUserQueries::new();
    users.expect_find_user().times(1).returning(|_, _| Ok(None));
    assert_eq!(code(&list(users, MockSessionQueries::new()).execute(&admin(), user_id(1)).await), "not_found");
    let (_, current) = admin().session(skep_domain::identity::actions::READ_USER).unwrap();
    let of_admin = Session::start(current, user_id(1), now(), 1_000);
    let (mut users, mut sessions) = (MockUserQueries::new(), MockSessionQueries::new());
    users.expect_find_user().times(1).returning(|_, _| Ok(Some(UserView::from(&ada()))));
    let found = of_admin.clone();
    sessions
        .expect_list_sessions()
        .times(1)
        .withf(|id, at, limit| (*id, *at, *limit) == (user_id(1), now(), 100))
        .returning(move |_, _, _| Ok(vec![found.clone()]));
    let listed = list(users, sessions).execute(&admin(), user_id(1)).await.unwrap();
    assert_eq!(listed, [ListedSession { session: of_admin, is_current: true }]);
}

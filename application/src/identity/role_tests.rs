//! Tests of permissions and roles, with mocks only.

use super::*;
use crate::{
    kernel::{Actor, Command, Precondition},
    testing::*,
};
use serde_json::json;
use skep_domain::{
    access::{BuiltInRole, OwnRole, Permissions, Policy, PolicyVersion, Role, RoleName},
    shared::{Patch, SessionId, Version},
};
use std::sync::Arc;

fn name(text: &str) -> RoleName {
    RoleName::stored(text.to_owned())
}

fn house(roles: Vec<OwnRole>) -> House {
    House { roles, ..House::default() }
}

/// The role `stock`, which may manage stock.
fn stock() -> OwnRole {
    own_role("stock", &["catalog.stock.manage"])
}

/// A caller that manages roles and stock, and nothing else.
fn manager_of_roles() -> Actor {
    let policy = Policy::new(PolicyVersion(1), [own_role("roles", &["identity.role.manage", "catalog.stock.manage"])]);
    let permissions = Permissions::of(&[Role::USER, Role::stored("roles")], &policy);
    Actor::user(user_id(9), SessionId::new(SeqIds::nth(9)), permissions, "request-1")
}

fn creator() -> CreateRole {
    CreateRole::new(RolePolicy { most: 2, most_groups: 0 })
}

fn create(role: &str, permissions: &[&str]) -> CreateRoleCommand {
    let permissions = permissions.iter().map(|name| (*name).to_owned()).collect();
    CreateRoleCommand { name: role.to_owned(), description: " Bakes ".to_owned(), permissions }
}

fn change(permissions: &[&str]) -> ChangeRoleCommand {
    ChangeRoleCommand {
        name: name("stock"),
        precondition: Precondition::version(Version::FIRST),
        description: Patch::Keep,
        permissions: Patch::Set(permissions.iter().map(|name| (*name).to_owned()).collect()),
    }
}

fn delete() -> DeleteRoleCommand {
    DeleteRoleCommand { name: name("stock"), precondition: Precondition::Missing }
}

async fn run<C: Command<Unit = dyn IdentityTx>>(
    house: &House,
    actor: &Actor,
    command: C,
    input: C::Input,
) -> Result<C::Answer, C::Error> {
    use_case(command, &Scripted::of([house.open()])).execute(actor, input).await
}

/// The code of a command that is refused before a unit of work begins.
async fn planned<C: Command<Unit = dyn IdentityTx>>(actor: &Actor, command: C, input: C::Input) -> &'static str
where
    C::Answer: Send,
{
    code(&use_case(command, &Scripted::untouched()).execute(actor, input).await)
}

#[tokio::test]
async fn a_role_is_created_with_an_event() {
    let house = house(vec![]);
    let role = run(&house, &admin(), creator(), create("baker", &["catalog.stock.manage"; 2])).await.unwrap();
    assert_eq!((role.name.as_str(), role.description.as_str(), role.is_built_in), ("baker", "Bakes", false));
    assert_eq!((role.permissions, role.version), (vec!["catalog.stock.manage".to_owned()], Version::FIRST));
    let stored = house.seen.one::<OwnRole>("roles.insert");
    let payload = json!({ "role_id": stored.id, "name": "baker", "permissions": ["catalog.stock.manage"] });
    assert_eq!((house.seen.event().name.as_str(), house.seen.payload()), ("identity.role_created.v1", payload));
}

#[tokio::test]
async fn wrong_values_of_a_role_are_reported_together() {
    let mut wrong = create("Baker", &["catalog.stock.manage", "shop.moon.sell", "identity.profile.read"]);
    wrong.description = "a\nb".to_owned();
    let refusal = use_case(creator(), &Scripted::untouched()).execute(&admin(), wrong).await;
    let fields = vec![
        ("/name", "invalid_value"),
        ("/description", "invalid_text"),
        ("/permissions/1", "unknown_permission"),
        // Every account may do it, so no role gives it.
        ("/permissions/2", "unknown_permission"),
    ];
    assert_eq!(problem(&refusal), ("validation_failed", fields));
    let many = create("baker", &["catalog.stock.manage"; OwnRole::MOST_PERMISSIONS + 1]);
    let refusal = use_case(creator(), &Scripted::untouched()).execute(&admin(), many).await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/permissions", "too_many")]));
    let most = create("baker", &["catalog.stock.manage"; OwnRole::MOST_PERMISSIONS]);
    assert_eq!(code(&run(&house(vec![]), &admin(), creator(), most).await), "ok");
}

#[tokio::test]
async fn the_names_of_built_in_roles_are_taken() {
    for role in BuiltInRole::NAMES {
        assert_eq!(planned(&admin(), creator(), create(role, &[])).await, "role_name_taken");
        let change = ChangeRoleCommand { name: name(role), ..change(&[]) };
        assert_eq!(planned(&admin(), ChangeRole, change).await, "role_is_built_in");
        assert_eq!(
            planned(&admin(), DeleteRole, DeleteRoleCommand { name: name(role), ..delete() }).await,
            "role_is_built_in"
        );
    }
}

#[tokio::test]
async fn there_are_only_so_many_roles() {
    for (stored, expected) in
        [(vec![], "ok"), (vec![stock()], "ok"), (vec![stock(), own_role("b", &[])], "too_many_roles")]
    {
        let house = house(stored);
        assert_eq!(code(&run(&house, &admin(), creator(), create("baker", &[])).await), expected);
        let calls = house.seen.calls();
        assert!(calls.contains(&"roles.insert"), "the insert comes first: {calls:?}");
    }
}

#[tokio::test]
async fn no_account_defines_a_role_with_a_permission_that_it_does_not_have() {
    let actor = manager_of_roles();
    assert_eq!(planned(&actor, creator(), create("a", &["catalog.product.manage"])).await, "permission_not_held");
    assert_eq!(code(&run(&house(vec![]), &actor, creator(), create("a", &["catalog.stock.manage"])).await), "ok");
    let above = || own_role("stock", &["catalog.product.manage"]);
    for (role, permissions, expected) in [
        (stock(), &[][..], "ok"),
        (stock(), &["catalog.product.manage"], "permission_not_held"),
        // Neither is a role above its own made smaller.
        (above(), &[], "permission_not_held"),
        (above(), &["catalog.product.manage"], "ok"),
    ] {
        assert_eq!(code(&run(&house(vec![role]), &actor, ChangeRole, change(permissions)).await), expected);
    }
    assert_eq!(code(&run(&house(vec![above()]), &actor, DeleteRole, delete()).await), "permission_not_held");
    assert_eq!(code(&run(&house(vec![stock()]), &actor, DeleteRole, delete()).await), "ok");
}

#[tokio::test]
async fn a_changed_role_is_stored_over_its_version_with_an_event() {
    let house = house(vec![stock()]);
    let role = run(&house, &admin(), ChangeRole, change(&["ordering.order.read"])).await.unwrap();
    assert_eq!(role.version, Version::FIRST.next());
    let payload = json!({ "role_id": stock().id, "name": "stock", "permissions": ["ordering.order.read"] });
    assert_eq!((house.seen.event().name.as_str(), house.seen.payload()), ("identity.role_changed.v1", payload));
    for (precondition, expected) in [
        (Precondition::version(Version::FIRST.next()), "precondition_failed"),
        (Precondition::Missing, "precondition_required"),
    ] {
        let wrong = ChangeRoleCommand { precondition, ..change(&["shop.moon.sell"]) };
        assert_eq!(code(&run(&house, &admin(), ChangeRole, wrong).await), expected);
    }
}

#[tokio::test]
async fn the_same_values_and_unknown_permissions_that_a_role_has_are_not_judged_again() {
    let old = || own_role("stock", &["catalog.stock.manage", "shop.moon.sell"]);
    let house = house(vec![old()]);
    let same = change(&["shop.moon.sell", "catalog.stock.manage"]);
    assert_eq!(run(&house, &manager_of_roles(), ChangeRole, same).await.unwrap().version, Version::FIRST);
    assert!(house.seen.events().is_empty());
    let refusal = run(&house, &manager_of_roles(), ChangeRole, change(&["shop.moon.sell"])).await;
    assert_eq!(code(&refusal), "permission_not_held", "the unknown permission may be any");
    let kept = run(&house, &admin(), ChangeRole, change(&["shop.moon.sell"])).await.unwrap();
    assert_eq!(kept.permissions, ["shop.moon.sell"]);
    let refusal = run(&house, &admin(), ChangeRole, change(&["shop.sun.sell"])).await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/permissions/0", "unknown_permission")]));
    let cleared = ChangeRoleCommand { permissions: Patch::Clear, description: Patch::Clear, ..change(&[]) };
    let fields = vec![("/description", "required"), ("/permissions", "required")];
    assert_eq!(problem(&run(&house, &admin(), ChangeRole, cleared).await), ("validation_failed", fields));
}

#[tokio::test]
async fn a_role_that_accounts_have_is_not_deleted() {
    let house = House { holders: 3, ..house(vec![stock()]) };
    let refusal = run(&house, &admin(), DeleteRole, delete()).await;
    assert_eq!(code(&refusal), "role_in_use");
    assert!(refusal.unwrap_err().to_string().contains("have the role is 3;"));
    assert_eq!(house.seen.endings(), [Ending::RolledBack]);
    let calls = house.seen.calls();
    let place = |call| calls.iter().position(|made| *made == call);
    assert!(place("roles.delete") < place("users.count_with_role"), "no account gets it after the count: {calls:?}");
    let house = House { holders: 0, ..house };
    run(&house, &admin(), DeleteRole, delete()).await.unwrap();
    assert_eq!(house.seen.event().name, "identity.role_deleted.v1");
    let stale = DeleteRoleCommand { precondition: Precondition::version(Version::FIRST.next()), ..delete() };
    assert_eq!(code(&run(&house, &admin(), DeleteRole, stale).await), "precondition_failed");
}

#[tokio::test]
async fn a_role_that_does_not_exist_is_not_found() {
    let house = house(vec![]);
    assert_eq!(code(&run(&house, &admin(), ChangeRole, change(&[])).await), "not_found");
    assert_eq!(code(&run(&house, &admin(), DeleteRole, delete()).await), "not_found");
}

#[tokio::test]
async fn every_command_obeys_the_frame() {
    obeys_the_frame(&house(vec![]), creator, &admin(), || create("baker", &["catalog.stock.manage"])).await;
    obeys_the_frame(&house(vec![stock()]), || ChangeRole, &admin(), || change(&[])).await;
    obeys_the_frame(&house(vec![stock()]), || DeleteRole, &admin(), delete).await;
}

#[test]
fn the_json_of_a_command_and_of_an_answer_does_not_change() {
    let command = serde_json::to_value(create("baker", &["a.b.c"])).unwrap();
    assert_eq!(command, json!({ "name": "baker", "description": " Bakes ", "permissions": ["a.b.c"] }));
    let command = serde_json::to_value(delete()).unwrap();
    assert_eq!(command, json!({ "name": "stock", "precondition": "Missing" }));
    let view = RoleView::from(&stock());
    let shown = serde_json::to_value(&view).unwrap();
    assert_eq!(shown["name"], "stock");
    assert_eq!(serde_json::from_value::<RoleView>(shown).unwrap(), view);
}

fn reader(policy: Option<Policy>) -> ListRoles {
    let mut roles = MockRoleQueries::new();
    if let Some(policy) = policy {
        roles.expect_find_policy().returning(move || Ok(policy.clone()));
    }
    ListRoles::new(Arc::new(roles))
}

#[tokio::test]
async fn roles_and_permissions_are_shown_to_those_that_may_read_them() {
    let nothing = reader(None);
    assert_eq!(code(&nothing.execute(&user(1)).await), "forbidden");
    assert_eq!(code(&nothing.get(&user(1), &name("admin")).await), "forbidden");
    assert_eq!(code(&nothing.permissions(&user(1))), "forbidden");
    let policy = Policy::new(PolicyVersion(1), [stock(), own_role("baker", &[])]);
    let auditor = actor(1, &[Role::BuiltIn(BuiltInRole::Auditor)]);
    let listed = reader(Some(policy.clone())).execute(&auditor).await.unwrap();
    let names: Vec<_> = listed.iter().map(|role| (role.name.as_str(), role.is_built_in)).collect();
    let built_in = BuiltInRole::NAMES.iter().map(|name| (*name, true));
    assert_eq!(names, built_in.chain([("baker", false), ("stock", false)]).collect::<Vec<_>>());
    let found = reader(Some(policy.clone())).get(&auditor, &name("stock")).await.unwrap();
    assert_eq!(found, RoleView::from(&stock()));
    assert!(nothing.get(&auditor, &name("editor")).await.unwrap().is_built_in);
    assert_eq!(code(&reader(Some(policy)).get(&auditor, &name("ghost")).await), "not_found");
    let permissions = nothing.permissions(&auditor).unwrap();
    assert!(permissions.is_sorted_by_key(|permission| permission.name));
    let stock = permissions.iter().find(|permission| permission.name == "catalog.stock.manage").unwrap();
    assert_eq!(stock.roles, [BuiltInRole::Admin, BuiltInRole::Manager]);
    assert!(!permissions.iter().any(|permission| permission.name == "identity.profile.read"));
}

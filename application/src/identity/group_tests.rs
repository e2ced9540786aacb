//! Tests of groups and their members, with mocks only.

use super::*;
use crate::{
    kernel::{Actor, Command, Page, PageRequest, Precondition, Scope},
    testing::{group_of_users as group, *},
};
use serde_json::json;
use skep_domain::{
    access::{Group, GroupId, Membership, OwnRole, Permissions, Policy, PolicyVersion, Role},
    identity::User,
    shared::{Direction, PageLimit, Patch, SessionId, Version},
};
use std::sync::Arc;

/// The role `stock`, which may manage stock, and the role `shop`, which may manage products.
fn roles() -> Vec<OwnRole> {
    vec![own_role("stock", &["catalog.stock.manage"]), own_role("shop", &["catalog.product.manage"])]
}

fn house(groups: Vec<Group>) -> House {
    House { groups, roles: roles(), user: Some(ada()), ..House::default() }
}

/// A caller that manages roles, accounts and stock, and nothing else.
fn leader() -> Actor {
    let permissions = ["identity.role.manage", "identity.user.manage", "catalog.stock.manage"];
    let policy = Policy::new(PolicyVersion(1), [own_role("lead", &permissions)]);
    let permissions = Permissions::of(&[Role::USER, Role::stored("lead")], &policy);
    Actor::user(user_id(9), SessionId::new(SeqIds::nth(9)), permissions, "request-1")
}

fn id(number: u64) -> GroupId {
    group(number, &[], None).id
}

fn creator() -> CreateGroup {
    CreateGroup::new(RolePolicy { most: 0, most_groups: 3 })
}

fn create(roles: &[&str], parent: Option<u64>) -> CreateGroupCommand {
    let roles = roles.iter().map(|name| (*name).to_owned()).collect();
    CreateGroupCommand { name: " Crew ".to_owned(), description: "Bakes".to_owned(), roles, parent_id: parent.map(id) }
}

/// A change of group 1 that keeps everything.
fn keep() -> ChangeGroupCommand {
    ChangeGroupCommand {
        group_id: id(1),
        precondition: Precondition::version(Version::FIRST),
        name: Patch::Keep,
        description: Patch::Keep,
        roles: Patch::Keep,
        parent_id: Patch::Keep,
    }
}

fn with_roles(roles: &[&str]) -> ChangeGroupCommand {
    ChangeGroupCommand { roles: Patch::Set(roles.iter().map(|name| (*name).to_owned()).collect()), ..keep() }
}

fn under(parent: u64) -> ChangeGroupCommand {
    ChangeGroupCommand { parent_id: Patch::Set(id(parent)), ..keep() }
}

fn delete() -> DeleteGroupCommand {
    DeleteGroupCommand { group_id: id(1), precondition: Precondition::Missing }
}

fn member() -> GroupMemberCommand {
    GroupMemberCommand { group_id: id(1), user_id: ada().id, precondition: Precondition::Any }
}

fn in_groups(numbers: impl IntoIterator<Item = u64>) -> User {
    let mut user = ada();
    for number in numbers {
        assert_eq!(user.join(id(number), user.created_at), Ok(true));
    }
    user
}

async fn run<C: Command<Unit = dyn IdentityTx>>(
    house: &House,
    actor: &Actor,
    command: C,
    input: C::Input,
) -> Result<C::Answer, C::Error> {
    use_case(command, &Scripted::of([house.open()])).execute(actor, input).await
}

#[tokio::test]
async fn a_group_is_created_under_another_one_with_an_event() {
    let house = house(vec![group(1, &["shop"], None)]);
    let view = run(&house, &admin(), creator(), create(&["stock", "editor", "stock"], Some(1))).await.unwrap();
    assert_eq!((view.name.as_str(), view.parent_id, view.version), ("Crew", Some(id(1)), Version::FIRST));
    assert_eq!(view.roles, ["editor", "stock"].map(Role::stored));
    assert_eq!(view.effective_roles, ["editor", "shop", "stock"].map(Role::stored));
    let payload = json!({ "group_id": view.id, "roles": ["editor", "stock"], "parent_id": id(1) });
    assert_eq!((house.seen.event().name.as_str(), house.seen.payload()), ("identity.group_created.v1", payload));
}

#[tokio::test]
async fn wrong_values_of_a_group_are_reported_together() {
    let mut wrong = create(&["stock", "admin", "user", "No Name"], None);
    (wrong.name, wrong.description) = (String::new(), "a\nb".to_owned());
    let refusal = use_case(creator(), &Scripted::untouched()).execute(&admin(), wrong).await;
    let fields = vec![
        ("/name", "invalid_text"),
        ("/description", "invalid_text"),
        ("/roles/1", "role_of_accounts_only"),
        ("/roles/2", "role_of_accounts_only"),
        ("/roles/3", "invalid_value"),
    ];
    assert_eq!(problem(&refusal), ("validation_failed", fields));
    let many = create(&["stock"; Group::MOST_ROLES + 1], None);
    let refusal = use_case(creator(), &Scripted::untouched()).execute(&admin(), many).await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/roles", "too_many")]));
    assert_eq!(code(&run(&house(vec![]), &admin(), creator(), create(&["stock"; 20], None)).await), "ok");
    let ghost = run(&house(vec![]), &admin(), creator(), create(&["editor", "ghost"], None)).await;
    assert_eq!(problem(&ghost), ("validation_failed", vec![("/roles/1", "unknown_role")]));
    let lost = run(&house(vec![]), &admin(), creator(), create(&[], Some(7))).await;
    assert_eq!(problem(&lost), ("validation_failed", vec![("/parent_id", "unknown_group")]));
    let cleared = ChangeGroupCommand {
        name: Patch::Clear,
        description: Patch::Clear,
        roles: Patch::Clear,
        parent_id: Patch::Clear,
        ..keep()
    };
    let refusal = run(&house(vec![group(1, &[], None)]), &admin(), ChangeGroup, cleared).await;
    let fields = vec![("/name", "required"), ("/description", "required"), ("/roles", "required")];
    assert_eq!(problem(&refusal), ("validation_failed", fields));
}

#[tokio::test]
async fn there_are_only_so_many_groups_and_levels() {
    for (stored, expected) in [(0, "ok"), (2, "ok"), (3, "too_many_groups")] {
        let house = house((1..=stored).map(|number| group(number, &[], None)).collect());
        assert_eq!(code(&run(&house, &admin(), creator(), create(&[], None)).await), expected);
        let calls = house.seen.calls();
        assert!(calls.starts_with(&["groups.insert", "groups.hold"]), "the insert comes first: {calls:?}");
    }
    let chain = |levels| (1..=levels).map(|number| group(number, &[], Some(number - 1))).collect::<Vec<_>>();
    let creator = || CreateGroup::new(RolePolicy { most: 0, most_groups: 99 });
    for (levels, expected) in [(7, "ok"), (8, "group_too_deep")] {
        let refusal = run(&house(chain(levels)), &admin(), creator(), create(&[], Some(levels))).await;
        assert_eq!(code(&refusal), expected);
    }
}

#[tokio::test]
async fn a_group_is_never_under_itself() {
    let groups = vec![group(1, &[], None), group(2, &[], Some(1)), group(3, &[], Some(2))];
    for (parent, expected) in [(1, "group_cycle"), (2, "group_cycle"), (3, "group_cycle"), (4, "validation_failed")] {
        assert_eq!(code(&run(&house(groups.clone()), &admin(), ChangeGroup, under(parent)).await), expected);
    }
    let house = house(groups);
    let moved = ChangeGroupCommand { group_id: id(3), ..under(1) };
    assert_eq!(run(&house, &admin(), ChangeGroup, moved).await.unwrap().parent_id, Some(id(1)));
    assert_eq!(house.seen.payload(), json!({ "group_id": id(3), "roles": [], "parent_id": id(1) }));
}

/// Each change that gives members a permission, or takes one, is refused to a caller without it.
#[tokio::test]
async fn no_account_changes_a_group_by_a_permission_that_it_lacks() {
    let top = |ours: &[&str]| vec![group(1, ours, None), group(2, &["shop"], None), group(3, &["stock"], None)];
    let below =
        |ours: &[&str], parent| vec![group(1, ours, Some(parent)), group(2, &["shop"], None), group(3, &[], None)];
    let cleared = || ChangeGroupCommand { parent_id: Patch::Clear, ..keep() };
    let renamed = || ChangeGroupCommand { name: Patch::Set("Other".to_owned()), ..keep() };
    for (number, (groups, change, expected)) in [
        (top(&[]), with_roles(&["stock"]), "ok"),
        (top(&[]), with_roles(&["shop"]), "role_not_held"),
        (top(&["stock"]), with_roles(&[]), "ok"),
        (top(&["shop", "stock"]), with_roles(&["shop"]), "role_not_held"),
        (top(&["shop", "stock"]), with_roles(&["stock"]), "role_not_held"),
        (top(&[]), under(3), "ok"),
        (top(&[]), under(2), "role_not_held"),
        // Its members get nothing new by these, but the caller lacks what they have.
        (top(&["shop"]), under(2), "role_not_held"),
        (below(&[], 2), cleared(), "role_not_held"),
        (below(&["shop"], 2), cleared(), "role_not_held"),
        (below(&[], 2), with_roles(&["shop"]), "role_not_held"),
        // Others would put accounts into it by its name.
        (top(&["shop"]), renamed(), "role_not_held"),
        (top(&["stock"]), renamed(), "ok"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_eq!(code(&run(&house(groups), &leader(), ChangeGroup, change).await), expected, "case {number}");
    }
    for (roles, parent, expected) in
        [(&["stock"][..], None, "ok"), (&["shop"], None, "role_not_held"), (&[], Some(2), "role_not_held")]
    {
        let groups = vec![group(2, &["shop"], None)];
        assert_eq!(code(&run(&house(groups), &leader(), creator(), create(roles, parent)).await), expected);
    }
}

#[tokio::test]
async fn no_account_puts_others_into_a_group_above_itself_or_takes_them_out() {
    let undefined = || vec![group(1, &["ghost"], None)];
    for (groups, expected) in [
        (vec![group(1, &["stock"], None)], "ok"),
        (vec![group(1, &["shop"], None)], "role_not_held"),
        (vec![group(1, &["stock"], Some(2)), group(2, &["shop"], None)], "role_not_held"),
        (undefined(), "role_not_held"),
        (vec![], "not_found"),
    ] {
        let outside = house(groups.clone());
        assert_eq!(code(&run(&outside, &leader(), AddGroupMember, member()).await), expected);
        let inside = House { user: Some(in_groups([1])), ..house(groups.clone()) };
        assert_eq!(code(&run(&inside, &leader(), RemoveGroupMember, member()).await), expected);
        assert_eq!(code(&run(&house(groups), &leader(), DeleteGroup, delete()).await), expected);
    }
    assert_eq!(code(&run(&house(undefined()), &admin(), AddGroupMember, member()).await), "ok");
}

#[tokio::test]
async fn a_member_joins_once_and_leaves_once() {
    let outside = house(vec![group(1, &["stock"], None)]);
    let view = run(&outside, &admin(), AddGroupMember, member()).await.unwrap();
    assert_eq!((view.groups.as_slice(), view.roles.as_slice()), ([id(1)].as_slice(), [Role::USER].as_slice()));
    assert_eq!(view.version, Version::FIRST.next());
    let event = (outside.seen.event().name, outside.seen.payload());
    assert_eq!(event, ("identity.user_groups_changed.v1".into(), json!({ "user_id": ada().id, "group_ids": [id(1)] })));
    let inside = House { user: Some(in_groups([1])), ..house(vec![group(1, &[], None)]) };
    assert_eq!(run(&inside, &admin(), AddGroupMember, member()).await.unwrap().version, Version::FIRST);
    assert!(inside.seen.events().is_empty());
    assert_eq!(run(&inside, &admin(), RemoveGroupMember, member()).await.unwrap().groups, []);
    assert_eq!(inside.seen.payload(), json!({ "user_id": ada().id, "group_ids": [] }));
    let outside = house(vec![group(1, &[], None)]);
    assert_eq!(run(&outside, &admin(), RemoveGroupMember, member()).await.unwrap().version, Version::FIRST);
    let stale = || GroupMemberCommand { precondition: Precondition::version(Version::FIRST.next()), ..member() };
    assert_eq!(code(&run(&outside, &admin(), AddGroupMember, stale()).await), "precondition_failed");
    let unconditional = GroupMemberCommand { precondition: Precondition::Missing, ..member() };
    assert_eq!(code(&run(&outside, &admin(), AddGroupMember, unconditional).await), "precondition_required");
    assert_eq!(code(&run(&outside, &admin(), RemoveGroupMember, stale()).await), "precondition_failed");
    let empty = House { user: None, ..outside };
    assert_eq!(code(&run(&empty, &admin(), AddGroupMember, member()).await), "not_found");
}

#[tokio::test]
async fn an_account_is_in_only_so_many_groups() {
    let house = |numbers| House { user: Some(in_groups(numbers)), ..house(vec![group(1, &[], None)]) };
    assert_eq!(code(&run(&house(2..33), &admin(), AddGroupMember, member()).await), "ok");
    assert_eq!(code(&run(&house(2..34), &admin(), AddGroupMember, member()).await), "too_many_memberships");
}

#[tokio::test]
async fn a_group_with_members_or_groups_under_it_is_not_deleted() {
    let with_members = House { holders: 3, ..house(vec![group(1, &[], None)]) };
    let refusal = run(&with_members, &admin(), DeleteGroup, delete()).await;
    assert_eq!((code(&refusal), with_members.seen.endings()), ("group_in_use", vec![Ending::RolledBack]));
    let calls = with_members.seen.calls();
    let place = |call| calls.iter().position(|made| *made == call);
    assert!(place("groups.hold") < place("users.count_with_role"), "no account joins after the count: {calls:?}");
    let with_group = house(vec![group(1, &[], None), group(2, &[], Some(1))]);
    assert_eq!(code(&run(&with_group, &admin(), DeleteGroup, delete()).await), "group_in_use");
    let alone = house(vec![group(1, &[], None), group(2, &[], None)]);
    run(&alone, &admin(), DeleteGroup, delete()).await.unwrap();
    assert_eq!(alone.seen.event().name, "identity.group_deleted.v1");
}

#[tokio::test]
async fn a_role_that_groups_have_is_not_deleted() {
    let command = || DeleteRoleCommand {
        name: skep_domain::access::RoleName::stored("stock".to_owned()),
        precondition: Precondition::Missing,
    };
    let held = house(vec![group(1, &["stock"], None), group(2, &["shop", "stock"], None), group(3, &[], None)]);
    let refusal = run(&held, &admin(), DeleteRole, command()).await;
    assert_eq!(code(&refusal), "role_in_groups");
    assert!(refusal.unwrap_err().to_string().contains("have the role is 2;"));
    assert_eq!(code(&run(&house(vec![group(1, &["shop"], None)]), &admin(), DeleteRole, command()).await), "ok");
}

/// A caller that manages accounts could otherwise lock out those that have their permissions from a group.
#[tokio::test]
async fn an_account_is_as_strong_as_its_groups() {
    let command = || UserCommand { user_id: ada().id, precondition: Precondition::Missing };
    for (role, expected) in [("stock", "ok"), ("shop", "stronger_account")] {
        let house = House { user: Some(in_groups([1])), ..house(vec![group(1, &[role], None)]) };
        assert_eq!(code(&run(&house, &leader(), DisableUser, command()).await), expected);
    }
}

#[tokio::test]
async fn groups_stay_when_the_roles_of_an_account_are_replaced() {
    let house = House { user: Some(in_groups([1])), ..house(vec![group(1, &["shop"], None)]) };
    let command = SetUserRolesCommand {
        user_id: ada().id,
        precondition: Precondition::version(Version::FIRST),
        roles: vec!["stock".to_owned()],
    };
    let view = run(&house, &leader(), SetUserRoles, command).await.unwrap();
    assert_eq!((view.roles, view.groups), (vec![Role::USER, Role::stored("stock")], vec![id(1)]));
    assert_eq!(house.seen.payload()["roles"], json!(["user", "stock"]));
}

#[tokio::test]
async fn every_command_obeys_the_frame() {
    let one = || house(vec![group(1, &[], None)]);
    obeys_the_frame(&house(vec![]), creator, &admin(), || create(&["stock"], None)).await;
    obeys_the_frame(&one(), || ChangeGroup, &admin(), || with_roles(&["stock"])).await;
    obeys_the_frame(&one(), || DeleteGroup, &admin(), delete).await;
    obeys_the_frame(&one(), || AddGroupMember, &admin(), member).await;
    let inside = House { user: Some(in_groups([1])), ..one() };
    obeys_the_frame(&inside, || RemoveGroupMember, &admin(), member).await;
}

#[test]
fn the_json_of_a_command_and_of_an_answer_does_not_change() {
    let command = serde_json::to_value(create(&["stock"], Some(1))).unwrap();
    let expected = json!({ "name": " Crew ", "description": "Bakes", "roles": ["stock"], "parent_id": id(1) });
    assert_eq!(command, expected);
    let command = serde_json::to_value(member()).unwrap();
    assert_eq!(command, json!({ "group_id": id(1), "user_id": ada().id, "precondition": "Any" }));
    let policy = Policy::new(PolicyVersion(1), []).with_groups([group(1, &["shop"], None), group(2, &[], Some(1))]);
    let view = GroupView::of(policy.group(id(2)).unwrap(), &policy);
    let shown = serde_json::to_value(&view).unwrap();
    assert_eq!((&shown["roles"], &shown["effective_roles"]), (&json!([]), &json!(["shop"])));
    assert_eq!(serde_json::from_value::<GroupView>(shown).unwrap(), view);
}

#[tokio::test]
async fn groups_and_members_are_shown_to_those_that_may_read_them() {
    let policy = Policy::new(PolicyVersion(1), []).with_groups([group(2, &["shop"], None), group(1, &[], Some(2))]);
    let mut queries = MockRoleQueries::new();
    queries.expect_find_policy().returning(move || Ok(policy.clone()));
    let queries = Arc::new(queries);
    let groups = ListGroups::new(queries.clone());
    assert_eq!(code(&groups.execute(&user(1)).await), "forbidden");
    assert_eq!(code(&groups.get(&user(1), id(1)).await), "forbidden");
    let listed = groups.execute(&admin()).await.unwrap();
    assert_eq!(listed.iter().map(|group| group.id).collect::<Vec<_>>(), [id(1), id(2)]);
    assert_eq!(groups.get(&admin(), id(1)).await.unwrap().effective_roles, [Role::stored("shop")]);
    assert_eq!(code(&groups.get(&admin(), id(3)).await), "not_found");

    let mut users = MockUserQueries::new();
    users.expect_list_users().returning(|filter, _, _| {
        assert_eq!(filter.role, Some(Role::Group(Membership::of(id(1)))));
        Ok(Page { items: vec![UserView::from(&ada())], next: None, total: None })
    });
    users.expect_find_user().returning(|scope, _| Ok((scope == Scope::All).then(|| UserView::from(&ada()))));
    let members = ListGroupMembers::new(Arc::new(users), queries);
    let sort = UserSort { key: UserSortKey::CreatedAt, direction: Direction::Descending };
    let page = PageRequest { limit: PageLimit::new(5).unwrap(), after: None, count_up_to: None };
    assert_eq!(code(&members.execute(&user(1), id(1), sort, &page).await), "forbidden");
    assert_eq!(members.execute(&admin(), id(1), sort, &page).await.unwrap().items.len(), 1);
    assert_eq!(code(&members.execute(&admin(), id(3), sort, &page).await), "not_found");
}

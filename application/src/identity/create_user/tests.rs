use super::*;
use crate::{
    fixtures::{ENOUGH, aborted, admin, code, endings, unknown, user, visitor},
    identity::fixtures::{House, Units, account, accounts, hashing, script, then_away},
    kernel::StoreError,
    testing::{Ending, MockPasswordHasher, Scripted},
};

fn create_user(units: &Units, hasher: MockPasswordHasher) -> CreateUser {
    CreateUser::new(units.clone(), accounts(hasher).0)
}

fn command(roles: &[Role]) -> CreateUserCommand {
    CreateUserCommand { account: account(), roles: roles.to_vec() }
}

async fn create(units: &Units) -> Result<UserView, CreateUserError> {
    create_user(units, hashing(1)).execute(&Actor::system("cli"), command(&[Role::Admin])).await
}

#[tokio::test]
async fn the_account_has_its_roles_and_one_event_tells_of_it() {
    let house = House::default();
    let view = create(&script([house.open()])).await.unwrap();
    assert_eq!(view.roles, [Role::Admin, Role::User]);
    let payload: serde_json::Value = serde_json::from_str(&house.seen.events.one().payload).unwrap();
    assert_eq!(payload, serde_json::json!({ "user_id": view.id, "roles": ["admin", "user"] }));
    house.assert_events_name_nobody();
}

#[tokio::test]
async fn an_admin_may_do_it_too_and_is_named_in_the_event() {
    let house = House::default();
    let use_case = create_user(&script([house.open()]), hashing(1));
    let view = use_case.execute(&admin(), command(&[])).await.unwrap();
    assert_eq!((view.roles.as_slice(), house.seen.events.one().actor_id), (&[Role::User][..], admin().user_id()));
}

#[tokio::test]
async fn denied_before_anything_is_hashed_or_read() {
    for (actor, expected) in [(visitor(), "unauthenticated"), (user(1), "forbidden")] {
        let use_case = create_user(&Scripted::untouched(), hashing(0));
        assert_eq!(code(&use_case.execute(&actor, command(&[])).await), expected);
    }
}

#[tokio::test]
async fn the_slower_of_two_finds_the_address_taken_and_the_unit_rolled_back() {
    let house = House::default();
    let mut tx = house.looking();
    let taken = StoreError::Duplicate { constraint: crate::identity::constraints::USER_EMAIL };
    tx.users.expect_insert().times(1).return_once(|_| Err(taken));
    assert_eq!(code(&create(&script([tx])).await), "email_taken");
    assert_eq!(endings(&house.seen.endings), [Ending::RolledBack]);
}

#[tokio::test]
async fn an_aborted_commit_is_repeated_with_the_same_ids() {
    let house = House::default();
    create(&script([house.failing(aborted()), house.open()])).await.unwrap();
    let (users, events) = (house.seen.users.all(), house.seen.events.all());
    assert_eq!((&users[0], &events[0]), (&users[1], &events[1]));
}

#[tokio::test]
async fn an_unknown_outcome_is_answered_by_looking() {
    let house = House::default();
    create(&script([house.failing(unknown()), house.after_a_hit()])).await.unwrap();
    assert_eq!(house.seen.users.all().len(), 1, "stored: nothing is written again");
    create(&script([house.failing(unknown()), house.after_a_miss()])).await.unwrap();
    let users = house.seen.users.all();
    assert_eq!((users.len(), &users[1]), (3, &users[2]), "not stored: written again with the same ids");
}

#[tokio::test]
async fn gives_up_when_patience_ends_and_unknown_stays_unknown() {
    let house = House::default();
    let units = script((0..ENOUGH).map(|_| house.failing(aborted())));
    assert_eq!(code(&create(&units).await), "store_unavailable");
    assert_eq!(code(&create(&then_away([house.failing(unknown())])).await), "outcome_unknown");
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let shown = format!("{:?}", command(&[Role::Admin])).to_lowercase();
    assert!(["ada", "lovelace", "horse"].iter().all(|secret| !shown.contains(secret)), "{shown}");
}

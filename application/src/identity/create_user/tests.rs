use super::*;
use crate::{identity::MockPasswordHasher, kernel::StoreError, testing::*};
use skep_domain::identity::User;

type Units = std::sync::Arc<Scripted<dyn IdentityTx>>;

fn create_user(units: &Units, hasher: MockPasswordHasher) -> CreateUser {
    CreateUser::new(units.clone(), accounts(hasher).0)
}

fn command(roles: &[Role]) -> CreateUserCommand {
    CreateUserCommand { account: account(), roles: roles.to_vec() }
}

async fn create(units: &Units) -> Result<UserView, CreateUserError> {
    create_user(units, hashing(1)).execute(&Actor::system("cli"), command(&[Role::ADMIN])).await
}

#[tokio::test]
async fn the_account_has_its_roles_and_one_event_reports_it() {
    let house = House::default();
    let view = create(&Scripted::of([house.open()])).await.unwrap();
    assert_eq!(view.roles, [Role::ADMIN, Role::USER]);
    assert_eq!(house.seen.payload(), serde_json::json!({ "user_id": view.id, "roles": ["admin", "user"] }));
    house.assert_events_name_no_person();
}

#[tokio::test]
async fn an_admin_may_create_accounts_too_and_is_named_in_the_event() {
    let house = House::default();
    let use_case = create_user(&Scripted::of([house.open()]), hashing(1));
    let view = use_case.execute(&admin(), command(&[])).await.unwrap();
    assert_eq!((view.roles.as_slice(), house.seen.event().actor_id), (&[Role::USER][..], admin().user_id()));
}

#[tokio::test]
async fn denied_before_anything_is_hashed_or_read() {
    for (actor, expected) in [(visitor(), "unauthenticated"), (user(1), "forbidden")] {
        let use_case = create_user(&Scripted::untouched(), hashing(0));
        assert_eq!(code(&use_case.execute(&actor, command(&[])).await), expected);
    }
}

#[tokio::test]
async fn the_slower_of_two_accounts_with_one_address_is_refused_and_rolled_back() {
    let house = House::default();
    let mut tx = house.looking();
    let taken = StoreError::Duplicate { constraint: crate::identity::constraints::USER_EMAIL };
    tx.users.expect_insert().times(1).return_once(|_| Err(taken));
    assert_eq!(code(&create(&Scripted::of([tx])).await), "email_taken");
    assert_eq!(house.seen.endings(), [Ending::RolledBack]);
}

#[tokio::test]
async fn an_aborted_commit_is_repeated_with_the_same_ids() {
    let house = House::default();
    create(&Scripted::of([house.failing(aborted()), house.open()])).await.unwrap();
    let (users, events) = (house.seen.all::<User>("users.insert"), house.seen.events());
    assert_eq!((&users[0], &events[0]), (&users[1], &events[1]));
}

#[tokio::test]
async fn after_an_unknown_outcome_the_account_is_written_again_only_if_it_was_not_stored() {
    let house = House::default();
    create(&Scripted::of([house.failing(unknown()), house.after_a_hit()])).await.unwrap();
    assert_eq!(house.seen.all::<User>("users.insert").len(), 1, "stored: nothing is written again");
    create(&Scripted::of([house.failing(unknown()), house.after_a_miss()])).await.unwrap();
    let users = house.seen.all::<User>("users.insert");
    assert_eq!((users.len(), &users[1]), (3, &users[2]), "not stored: written again with the same ids");
}

#[tokio::test]
async fn gives_up_after_five_seconds_and_an_unknown_outcome_stays_unknown() {
    let house = House::default();
    let units = Scripted::of((0..ENOUGH).map(|_| house.failing(aborted())));
    assert_eq!(code(&create(&units).await), "store_unavailable");
    assert_eq!(code(&create(&Scripted::then_away([house.failing(unknown())])).await), "outcome_unknown");
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let shown = format!("{:?}", command(&[Role::ADMIN])).to_lowercase();
    assert!(["ada", "lovelace", "horse"].iter().all(|secret| !shown.contains(secret)), "{shown}");
}

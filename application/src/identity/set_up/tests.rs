use super::*;
use crate::{
    identity::{MockOneTimeSecrets, MockPasswordHasher, SetupToken},
    kernel::{AppError as _, ErrorKind, StoreError},
    testing::*,
};
use skep_domain::{identity::User, shared::Timestamp};

type Units = std::sync::Arc<Scripted<dyn IdentityTx>>;

const TOKEN: &str = "the-printed-token";

/// A hash that has only the length of the token.
fn hash(token: &str) -> [u8; 32] {
    let mut hash = [0; 32];
    hash[0] = u8::try_from(token.len()).unwrap();
    hash
}

fn secrets() -> Arc<dyn OneTimeSecrets> {
    let mut secrets = MockOneTimeSecrets::new();
    secrets.expect_hash().returning(hash);
    secrets.expect_same().returning(|a, b| a == b);
    Arc::new(secrets)
}

/// A house without an admin, whose setup token is [`TOKEN`].
fn house() -> House {
    let token = SetupToken { hash: hash(TOKEN), expires_at: Timestamp::MAX };
    House { token: Some(token), ..House::default() }
}

fn set_up(units: &Units, hasher: MockPasswordHasher) -> SetUp {
    SetUp::new(units.clone(), secrets(), accounts(hasher).0)
}

fn command(token: &str) -> SetUpCommand {
    SetUpCommand { token: token.to_owned(), account: account() }
}

async fn redeem(units: &Units) -> Result<UserView, SetUpError> {
    set_up(units, hashing(1)).execute(&visitor(), command(TOKEN)).await
}

#[tokio::test]
async fn a_caller_with_the_token_becomes_the_first_admin_and_the_token_is_deleted() {
    let house = house();
    let units = Scripted::of([house.looking(), house.open()]);
    let view = redeem(&units).await.unwrap();
    assert_eq!(view.roles, [Role::ADMIN, Role::USER]);
    let calls = [
        "setup_tokens.find",
        "users.any_with_role",
        "setup_tokens.find",
        "users.any_with_role",
        "setup_tokens.delete",
        "users.insert",
        "outbox.append",
    ];
    assert_eq!(house.seen.calls(), calls, "the token is read, and then locked first in the unit that writes");
    assert_eq!(units.begun(), [(TxMode::Read, vec![]), (TxMode::Write, vec![])]);
    assert_eq!(house.seen.event().name, "identity.user_registered.v1");
    house.assert_events_name_no_person();
}

#[tokio::test]
async fn a_token_that_is_wrong_expired_used_or_missing_is_refused_before_anything_is_hashed() {
    let (runtime, _) = crate::testing::fixed_runtime();
    let expired = SetupToken { hash: hash(TOKEN), expires_at: runtime.clock.now() };
    let of = |token| House { token, ..House::default() };
    for (house, typed) in [(house(), "wrong"), (of(Some(expired)), TOKEN), (of(None), TOKEN), (of(None), "")] {
        let refusal = set_up(&Scripted::of([house.looking()]), hashing(0)).execute(&visitor(), command(typed)).await;
        assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("setup_token_invalid", ErrorKind::Denied));
        assert_eq!(house.seen.endings(), [Ending::RolledBack]);
    }
}

#[tokio::test]
async fn the_setup_is_closed_if_there_is_an_admin_with_or_without_a_token() {
    for token in [None, house().token] {
        let house = House { has_admin: true, token, ..House::default() };
        let refusal = set_up(&Scripted::of([house.looking()]), hashing(0)).execute(&visitor(), command(TOKEN)).await;
        assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("setup_closed", ErrorKind::Conflict));
    }
}

#[tokio::test]
async fn the_slower_of_two_setups_is_refused_and_nothing_is_written() {
    let (before, after) = (house(), House { has_admin: true, ..House::default() });
    assert_eq!(code(&redeem(&Scripted::of([before.looking(), after.looking()])).await), "setup_closed");
    assert_eq!(after.seen.endings(), [Ending::RolledBack]);
}

#[tokio::test]
async fn a_token_that_is_replaced_during_the_setup_is_refused() {
    let (before, mut after) = (house(), house());
    after.token.as_mut().unwrap().hash = hash("another");
    assert_eq!(code(&redeem(&Scripted::of([before.looking(), after.looking()])).await), "setup_token_invalid");
}

#[tokio::test]
async fn invalid_fields_are_reported_only_to_a_caller_with_the_token() {
    let house = house();
    let mut wrong = command(TOKEN);
    wrong.account.email = "ada".to_owned();
    let refusal = set_up(&Scripted::of([house.looking()]), hashing(0)).execute(&visitor(), wrong.clone()).await;
    assert_eq!(problem(&refusal), ("validation_failed", vec![("/email", "invalid_email")]));
    wrong.token = "wrong".to_owned();
    let refusal = set_up(&Scripted::of([house.looking()]), hashing(0)).execute(&visitor(), wrong).await;
    assert_eq!(code(&refusal), "setup_token_invalid");
}

#[tokio::test]
async fn an_address_that_is_taken_leaves_the_token_valid() {
    let house = House { user: Some(ada()), ..house() };
    let refusal = redeem(&Scripted::of([house.looking(), house.open()])).await;
    assert_eq!(code(&refusal), "email_taken");
    assert_eq!(house.seen.endings(), [Ending::Committed, Ending::RolledBack]);
}

#[tokio::test]
async fn the_slower_of_two_accounts_with_one_address_is_refused_and_rolled_back() {
    let house = house();
    let mut tx = house.looking();
    tx.setup_tokens.expect_delete().times(1).returning(|| Ok(()));
    let taken = StoreError::Duplicate { constraint: crate::identity::constraints::USER_EMAIL };
    tx.users.expect_insert().times(1).return_once(|_| Err(taken));
    assert_eq!(code(&redeem(&Scripted::of([house.looking(), tx])).await), "email_taken");
    assert_eq!(house.seen.endings(), [Ending::Committed, Ending::RolledBack]);
}

#[tokio::test]
async fn an_aborted_commit_is_repeated_with_the_same_ids() {
    let house = house();
    redeem(&Scripted::of([house.looking(), house.failing(aborted()), house.open()])).await.unwrap();
    let (users, events) = (house.seen.all::<User>("users.insert"), house.seen.events());
    assert_eq!((&users[0], &events[0]), (&users[1], &events[1]));
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_admin_is_returned_although_the_setup_is_now_closed() {
    let (before, stored) = (house(), House { has_admin: true, ..House::default() });
    let view =
        redeem(&Scripted::of([before.looking(), before.failing(unknown()), stored.after_a_hit()])).await.unwrap();
    assert_eq!(view, UserView::from(&before.seen.one::<User>("users.insert")));
}

#[tokio::test]
async fn after_an_unknown_outcome_a_missing_admin_is_written_again_with_the_same_ids() {
    let house = house();
    redeem(&Scripted::of([house.looking(), house.failing(unknown()), house.after_a_miss()])).await.unwrap();
    let (users, events) = (house.seen.all::<User>("users.insert"), house.seen.events());
    assert_eq!((&users[0], &events[0]), (&users[1], &events[1]));
}

#[tokio::test]
async fn gives_up_after_five_seconds_and_an_unknown_outcome_stays_unknown() {
    let house = house();
    let units = Scripted::of(std::iter::once(house.looking()).chain((0..ENOUGH).map(|_| house.failing(aborted()))));
    assert_eq!(code(&redeem(&units).await), "store_unavailable");
    let units = Scripted::then_away([house.looking(), house.failing(unknown())]);
    assert_eq!(code(&redeem(&units).await), "outcome_unknown");
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let shown = format!("{:?}", command(TOKEN)).to_lowercase();
    assert!(["ada", "lovelace", "horse", "printed"].iter().all(|secret| !shown.contains(secret)), "{shown}");
}

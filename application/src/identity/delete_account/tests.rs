use super::*;
use crate::{
    identity::{AccountMail, AccountMailKind, AccountPolicy, own_password::testing::guessed},
    testing::*,
};
use skep_domain::{
    access::Role,
    identity::{AccountState, AuthEpoch, User},
    jobs::Job,
    shared::Timestamp,
};

type Answer = Result<Timestamp, DeleteAccountError>;

fn house() -> House {
    House { user: Some(ada()), ..House::default() }
}

/// Fails the test unless so many passwords are verified.
async fn delete(units: &Arc<Scripted<dyn IdentityTx>>, times: usize, actor: &Actor, password: &str) -> Answer {
    let use_case =
        DeleteAccount::new(units.clone(), guessed(times, times > 0), account_mails(AccountPolicy::default()));
    use_case.execute(actor, DeleteAccountCommand { current_password: password.to_owned() }).await
}

#[tokio::test]
async fn the_owner_deletes_the_account_with_its_password() {
    let house = house();
    let erase_at = delete(&Scripted::of([house.open()]), 1, &user(1), PASSWORD).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    assert_eq!(saved.state(), AccountState::Deleting);
    assert_eq!((saved.erase_at, saved.auth_epoch), (Some(erase_at), AuthEpoch::FIRST.next()));
    let mail: AccountMail = serde_json::from_str(house.seen.one::<Job>("jobs.insert").args.as_str()).unwrap();
    assert_eq!((mail.kind, mail.user_id), (AccountMailKind::AccountDeletion, user_id(1)));
    let event = house.seen.event();
    assert_eq!(
        (event.name.as_str(), event.aggregate_version),
        ("identity.user_deletion_requested.v1", saved.version.next())
    );
    house.assert_events_name_no_person();
    assert_eq!(house.seen.endings(), [Ending::Committed]);
}

#[tokio::test]
async fn a_wrong_password_deletes_nothing() {
    assert_eq!(code(&delete(&Scripted::untouched(), 1, &user(1), "wrong").await), "wrong_password");
    assert_eq!(code(&delete(&Scripted::untouched(), 0, &user(1), PASSWORD).await), "rate_limited");
}

#[tokio::test]
async fn only_a_logged_in_user_deletes_an_account_and_only_the_own_one() {
    for (actor, expected) in [(visitor(), "unauthenticated"), (actor(1, &[]), "forbidden"), (user(2), "not_found")] {
        assert_eq!(code(&delete(&Scripted::untouched(), 0, &actor, PASSWORD).await), expected);
    }
}

#[tokio::test]
async fn the_last_active_admin_stays() {
    let mut house = house();
    house.user.as_mut().unwrap().set_roles(&[Role::ADMIN], Timestamp::MIN);
    assert_eq!(code(&delete(&Scripted::of([house.open()]), 1, &user(1), PASSWORD).await), "last_admin");
    assert_eq!((house.seen.events().len(), house.seen.endings()), (0, vec![Ending::RolledBack]));
}

#[tokio::test]
async fn an_account_that_changes_while_its_password_is_checked_stays() {
    let now = fixed_runtime().0.clock.now();
    for user in [
        Some(User { auth_epoch: AuthEpoch::FIRST.next(), ..ada() }),
        Some(User { disabled_at: Some(now), ..ada() }),
        Some(User { erase_at: Some(now), ..ada() }),
        None,
    ] {
        let house = House { user, ..House::default() };
        let refusal = delete(&Scripted::of([house.looking()]), 1, &crate::testing::user(1), PASSWORD).await;
        assert_eq!(code(&refusal), "wrong_password");
    }
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_deletion_is_answered_and_a_missing_one_is_stored() {
    let deleted = User { erase_at: Some(Timestamp::MAX), ..ada() };
    let (first, stored) = (house(), House { user: Some(deleted), ..House::default() });
    let units = Scripted::of([first.failing(unknown()), stored.after_a_hit()]);
    assert_eq!(delete(&units, 1, &user(1), PASSWORD).await.unwrap(), Timestamp::MAX);
    let house = house();
    let units = Scripted::of([house.failing(unknown()), house.after_a_miss()]);
    delete(&units, 1, &user(1), PASSWORD).await.unwrap();
    assert_eq!(house.seen.all::<User>("users.save").len(), 2);
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let shown = format!("{:?}", DeleteAccountCommand { current_password: PASSWORD.to_owned() });
    assert!(!shown.contains("horse"), "{shown}");
}

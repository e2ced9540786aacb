use super::*;
use crate::{
    identity::{AccountPolicy, own_password::testing::guessed},
    kernel::{AppError as _, ErrorKind},
    testing::*,
};
use skep_domain::{
    identity::{AccountLink, AccountLinkId, AuthEpoch, User},
    shared::Timestamp,
};

type Units = Arc<Scripted<dyn IdentityTx>>;

fn link(purpose: LinkPurpose) -> (AccountLink, String) {
    let id = AccountLinkId::new(SeqIds::nth(70));
    let LinkToken { hash, text } = link_tokens().of(purpose, id);
    let expires_at = fixed_runtime().0.clock.now().plus_millis(1_000);
    let (user_id, auth_epoch) = (user_id(1), AuthEpoch::FIRST);
    (AccountLink { id, user_id, purpose, hash, auth_epoch, expires_at, email: None }, text)
}

/// Fails the test unless so many passwords are verified. `allowed` says whether another guess is.
async fn try_password(
    units: &Units,
    (token, password): (&str, &str),
    times: usize,
    allowed: bool,
) -> Result<(), VerifyEmailError> {
    let use_case = VerifyEmail::new(units.clone(), guessed(times, allowed), account_mails(AccountPolicy::default()));
    let command = VerifyEmailCommand { token: token.to_owned(), password: password.to_owned() };
    use_case.execute(&visitor(), command).await
}

async fn verify(units: &Units, token: &str) -> Result<(), VerifyEmailError> {
    try_password(units, (token, PASSWORD), 1, true).await
}

async fn refused(units: &Units, token: &str) -> &'static str {
    code(&try_password(units, (token, PASSWORD), 0, true).await)
}

#[tokio::test]
async fn the_link_alone_verifies_nothing_and_a_wrong_password_leaves_it() {
    let (link, token) = link(PURPOSE);
    let house = House { user: Some(ada()), links: vec![link], ..House::default() };
    for password in ["the password of the victim", ""] {
        let refusal = try_password(&Scripted::of([house.looking()]), (&token, password), 1, true).await;
        assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("wrong_password", ErrorKind::Denied));
    }
    assert!(!house.seen.calls().contains(&"account_links.consume"));
    let guessed = try_password(&Scripted::of([house.looking()]), (&token, PASSWORD), 0, false).await;
    assert_eq!(code(&guessed), "rate_limited", "guesses have the limits of logins");
}

#[tokio::test]
async fn a_password_that_was_changed_meanwhile_is_a_wrong_one() {
    let (link, token) = link(PURPOSE);
    let before = House { user: Some(ada()), links: vec![link.clone()], ..House::default() };
    let user = User { auth_epoch: AuthEpoch::FIRST.next(), ..ada() };
    let after = House { user: Some(user), links: vec![link], ..House::default() };
    assert_eq!(code(&verify(&Scripted::of([before.looking(), after.looking()]), &token).await), "wrong_password");
}

#[tokio::test]
async fn the_address_is_verified_and_sessions_go_on() {
    let (link, token) = link(PURPOSE);
    let house = House { user: Some(ada()), links: vec![link], ..House::default() };
    verify(&Scripted::of([house.looking(), house.open()]), &token).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    assert_eq!((saved.email_verified_at.is_some(), saved.auth_epoch), (true, AuthEpoch::FIRST));
    assert_eq!(house.seen.event().name, "identity.user_email_verified.v1");
    house.assert_events_name_no_person();
    assert_eq!(house.seen.endings().last(), Some(&Ending::Committed));
}

#[tokio::test]
async fn a_link_that_opens_nothing_is_refused() {
    let (good, token) = link(PURPOSE);
    let now = fixed_runtime().0.clock.now();
    let with = |link: AccountLink| House { user: Some(ada()), links: vec![link], ..House::default() };
    for house in [
        House { links: vec![], ..with(good.clone()) },
        with(AccountLink { expires_at: now, ..good.clone() }),
        with(AccountLink { user_id: user_id(2), ..good.clone() }),
        House { user: Some(User { disabled_at: Some(now), ..ada() }), ..with(good.clone()) },
    ] {
        assert_eq!(refused(&Scripted::of([house.looking()]), &token).await, "link_invalid");
    }
    let reset = link(LinkPurpose::ResetPassword).1;
    assert_eq!(refused(&Scripted::untouched(), &reset).await, "link_invalid");
}

#[tokio::test]
async fn an_address_that_is_verified_stays_so_and_causes_no_second_event() {
    let (link, token) = link(PURPOSE);
    let user = User { email_verified_at: Some(Timestamp::MIN), ..ada() };
    let house = House { user: Some(user), links: vec![link], ..House::default() };
    verify(&Scripted::of([house.looking(), house.open()]), &token).await.unwrap();
    assert_eq!(house.seen.calls().iter().filter(|call| **call == "users.save").count(), 0);
    assert!(house.seen.events().is_empty());
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_verification_is_found_and_a_missing_one_is_repeated() {
    let (link, token) = link(PURPOSE);
    for landed in [true, false] {
        let house = House { user: Some(ada()), links: vec![link.clone()], ..House::default() };
        let again = if landed { house.after_a_hit() } else { house.after_a_miss() };
        verify(&Scripted::of([house.looking(), house.failing(unknown()), again]), &token).await.unwrap();
        assert_eq!(house.seen.all::<User>("users.save").len(), if landed { 1 } else { 2 });
    }
}

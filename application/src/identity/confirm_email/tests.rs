use super::*;
use crate::{
    identity::{
        AccountMail, AccountMailKind, AccountPolicy,
        constraints::{USER_EMAIL, USER_EMAIL_KEY},
        own_password::testing::guessed,
    },
    kernel::{AppError as _, ErrorKind},
    testing::*,
};
use skep_domain::{
    identity::{AccountLink, AccountLinkId, AuthEpoch},
    jobs::Job,
    shared::{Email, SessionId, UserId},
};

type Units = Arc<Scripted<dyn IdentityTx>>;

const NEW: &str = "Ada@example.org";

/// A link of this purpose that gives Ada the new address, and its token.
fn link(purpose: LinkPurpose) -> (AccountLink, String) {
    let id = AccountLinkId::new(SeqIds::nth(70));
    let LinkToken { hash, text } = link_tokens().of(purpose, id);
    let expires_at = fixed_runtime().0.clock.now().plus_millis(1_000);
    let (user_id, auth_epoch, email) = (user_id(1), AuthEpoch::FIRST, Some(Email::parse(NEW).unwrap().shown()));
    (AccountLink { id, user_id, purpose, hash, auth_epoch, expires_at, email }, text)
}

fn verified() -> User {
    let ada = ada();
    User { email_verified_at: Some(ada.created_at), ..ada }
}

fn house(links: Vec<AccountLink>) -> House {
    House { user: Some(verified()), links, ..House::default() }
}

/// Fails the test unless so many passwords are verified. `allowed` says whether another guess is.
async fn try_password(
    units: &Units,
    (token, password): (&str, &str),
    times: usize,
    allowed: bool,
) -> Result<(), ConfirmEmailError> {
    let use_case = ConfirmEmail::new(units.clone(), guessed(times, allowed), account_mails(AccountPolicy::default()));
    let command = ConfirmEmailCommand { token: token.to_owned(), password: password.to_owned() };
    use_case.execute(&visitor(), command).await
}

async fn confirm(units: &Units, token: &str) -> Result<(), ConfirmEmailError> {
    try_password(units, (token, PASSWORD), 1, true).await
}

#[tokio::test]
async fn the_address_of_the_link_is_verified_and_everything_that_was_given_out_ends() {
    let (link, token) = link(PURPOSE);
    let house = house(vec![link.clone()]);
    confirm(&Scripted::of([house.looking(), house.open()]), &token).await.unwrap();
    let saved = house.seen.one::<User>("users.save");
    assert_eq!((saved.email.shown().as_str(), saved.email.address()), (NEW, "ada@example.org"));
    assert_eq!((saved.email_verified_at.is_some(), saved.auth_epoch), (true, AuthEpoch::FIRST.next()));
    assert_eq!(saved.password_hash, ada().password_hash);
    assert_eq!(house.seen.one::<[u8; 32]>("account_links.consume"), link.hash);
    assert_eq!(house.seen.one::<(UserId, Option<SessionId>)>("sessions.revoke_all"), (user_id(1), None));
    assert!(!house.seen.calls().contains(&"sessions.insert"), "it does not log in");
    let event = house.seen.event();
    assert_eq!((event.name.as_str(), event.aggregate_id), ("identity.user_email_changed.v1", user_id(1).uuid()));
    house.assert_events_name_no_person();
    assert_eq!(house.seen.endings().last(), Some(&Ending::Committed));
}

/// Otherwise a person who opens the link of a stranger would give the stranger's account the address of that person.
#[tokio::test]
async fn the_link_alone_changes_nothing_and_a_wrong_password_leaves_it() {
    let (link, token) = link(PURPOSE);
    let house = house(vec![link]);
    for password in ["the password of the victim", ""] {
        let refusal = try_password(&Scripted::of([house.looking()]), (&token, password), 1, true).await;
        assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("wrong_password", ErrorKind::Denied));
    }
    assert!(!house.seen.calls().contains(&"account_links.consume"));
    let guessed = try_password(&Scripted::of([house.looking()]), (&token, PASSWORD), 0, false).await;
    assert_eq!(code(&guessed), "rate_limited", "guesses have the limits of logins");
}

#[tokio::test]
async fn the_old_address_gets_a_link_to_restore_it_if_it_was_verified() {
    let (link, token) = link(PURPOSE);
    let scene = house(vec![link.clone()]);
    confirm(&Scripted::of([scene.looking(), scene.open()]), &token).await.unwrap();
    let stored = scene.seen.one::<AccountLink>("account_links.replace");
    assert_eq!((stored.purpose, stored.user_id), (LinkPurpose::RestoreEmail, user_id(1)));
    assert_eq!(stored.email.unwrap().as_str(), ADDRESS);
    assert_eq!(stored.expires_at, fixed_runtime().0.clock.now().plus_millis(72 * 60 * 60 * 1_000));
    let job = scene.seen.one::<Job>("jobs.insert");
    assert!(!job.args.as_str().contains("example"), "jobs name accounts by their ids");
    let mail: AccountMail = serde_json::from_str(job.args.as_str()).unwrap();
    assert_eq!((mail.kind, mail.id), (AccountMailKind::RestoreEmail, stored.id.uuid()));
    // A stranger may have registered the address of another person, who must not get the account.
    let unverified = House { user: Some(User { email_verified_at: None, ..ada() }), ..house(vec![link]) };
    confirm(&Scripted::of([unverified.looking(), unverified.open()]), &token).await.unwrap();
    assert!(!unverified.seen.calls().contains(&"account_links.replace"));
}

#[tokio::test]
async fn a_second_change_leaves_the_link_that_restores_the_first_address() {
    let (change, token) = link(PURPOSE);
    let (restore, _) = link(LinkPurpose::RestoreEmail);
    let kept = house(vec![change.clone(), restore.clone()]);
    confirm(&Scripted::of([kept.looking(), kept.open()]), &token).await.unwrap();
    assert!(!kept.seen.calls().contains(&"account_links.replace"));
    let expired = AccountLink { expires_at: fixed_runtime().0.clock.now(), ..restore };
    let replaced = house(vec![change, expired]);
    confirm(&Scripted::of([replaced.looking(), replaced.open()]), &token).await.unwrap();
    assert_eq!(replaced.seen.all::<AccountLink>("account_links.replace").len(), 1);
}

#[tokio::test]
async fn a_link_that_opens_nothing_is_refused() {
    let now = fixed_runtime().0.clock.now();
    let (good, token) = link(PURPOSE);
    for (case, house) in [
        ("used", house(vec![])),
        ("expired", house(vec![AccountLink { expires_at: now, ..good.clone() }])),
        ("of another account", house(vec![AccountLink { user_id: user_id(2), ..good.clone() }])),
        (
            "from before a new password",
            house(vec![AccountLink { auth_epoch: AuthEpoch::FIRST.next(), ..good.clone() }]),
        ),
        (
            "of a disabled account",
            House { user: Some(User { disabled_at: Some(now), ..ada() }), ..house(vec![good.clone()]) },
        ),
    ] {
        let refusal = try_password(&Scripted::of([house.looking()]), (&token, PASSWORD), 0, true).await;
        assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("link_invalid", ErrorKind::Denied), "{case}");
    }
    for other in LinkPurpose::ALL.iter().filter(|other| **other != PURPOSE) {
        let refusal = try_password(&Scripted::untouched(), (&link(*other).1, PASSWORD), 0, true).await;
        assert_eq!(code(&refusal), "link_invalid");
    }
    let without = house(vec![AccountLink { email: None, ..good }]);
    assert_eq!(code(&confirm(&Scripted::of([without.looking(), without.looking()]), &token).await), "link_invalid");
}

#[tokio::test]
async fn a_password_that_was_changed_meanwhile_is_a_wrong_one() {
    let (link, token) = link(PURPOSE);
    let before = house(vec![link.clone()]);
    let next = AuthEpoch::FIRST.next();
    let user = User { auth_epoch: next, ..verified() };
    let after = House { user: Some(user), ..house(vec![AccountLink { auth_epoch: next, ..link }]) };
    assert_eq!(code(&confirm(&Scripted::of([before.looking(), after.looking()]), &token).await), "wrong_password");
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_is_a_conflict_and_changes_nothing() {
    let (link, token) = link(PURPOSE);
    let scene = house(vec![link.clone()]);
    let mut found = scene.open();
    found.users.checkpoint();
    found.users.expect_find().returning(|_| Ok(Some(verified())));
    found.users.expect_find_by_email().returning(|_| Ok(Some(User { id: user_id(2), ..ada() })));
    let refusal = confirm(&Scripted::of([scene.looking(), found]), &token).await;
    assert_eq!((code(&refusal), refusal.unwrap_err().kind()), ("email_taken", ErrorKind::Conflict));
    assert_eq!(scene.seen.endings().last(), Some(&Ending::RolledBack));
    for constraint in [USER_EMAIL, USER_EMAIL_KEY] {
        let scene = house(vec![link.clone()]);
        let mut late = scene.open();
        late.users.checkpoint();
        late.users.expect_find().returning(|_| Ok(Some(verified())));
        late.users.expect_find_by_email().returning(|_| Ok(None));
        late.users.expect_save().returning(move |_| Err(StoreError::Duplicate { constraint }));
        let refusal = confirm(&Scripted::of([scene.looking(), late]), &token).await;
        assert_eq!((code(&refusal), scene.seen.endings().last()), ("email_taken", Some(&Ending::RolledBack)));
    }
}

#[tokio::test]
async fn the_same_address_in_another_spelling_is_not_taken() {
    let (link, token) = link(PURPOSE);
    let house = house(vec![AccountLink { email: Some(Email::parse("ADA@example.com").unwrap().shown()), ..link }]);
    confirm(&Scripted::of([house.looking(), house.open()]), &token).await.unwrap();
    assert_eq!(house.seen.one::<User>("users.save").email.shown().as_str(), "ADA@example.com");
}

#[tokio::test]
async fn the_slower_of_two_calls_with_one_link_is_refused_and_changes_nothing() {
    let (link, token) = link(PURPOSE);
    let house = house(vec![link]);
    let mut late = house.looking();
    late.account_links.expect_consume().times(1).returning(|_, _| Ok(false));
    let refusal = confirm(&Scripted::of([house.looking(), late]), &token).await;
    assert_eq!((code(&refusal), house.seen.endings().last()), ("link_invalid", Some(&Ending::RolledBack)));
}

#[tokio::test]
async fn after_an_unknown_outcome_a_stored_change_is_found_and_a_missing_one_is_repeated() {
    let (link, token) = link(PURPOSE);
    for landed in [true, false] {
        let house = house(vec![link.clone()]);
        let again = if landed { house.after_a_hit() } else { house.after_a_miss() };
        confirm(&Scripted::of([house.looking(), house.failing(unknown()), again]), &token).await.unwrap();
        assert_eq!(house.seen.all::<User>("users.save").len(), if landed { 1 } else { 2 });
    }
}

#[test]
fn no_secret_is_in_the_debug_form() {
    let command = ConfirmEmailCommand { token: "skep_link_1".to_owned(), password: PASSWORD.to_owned() };
    assert!(!format!("{command:?}").contains("skep_link") && !format!("{command:?}").contains(PASSWORD));
}
